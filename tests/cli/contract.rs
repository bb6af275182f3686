//! What a task asks for, and what agents are told of it: E2, B2, B4, B11, A2.

use crate::support::Sandbox;
use insta::assert_snapshot;

const QUIET: &str = "[tests]\nall = \"true\"\nreport = \"exit\"\n[review]\nreviewers = []\n[agents]\nimplement = \"mine\"\n[agent.mine]\n";

/// A repository whose agent is this command.
fn with_agent(command: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", &format!("{QUIET}command = '''{command}'''\n"));
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox
}

fn state(sandbox: &Sandbox, id: &str) -> String {
    sandbox.run(&["show", id, "--json"]).exits(0).json()["data"]["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_vague_task_is_refused_with_what_is_missing_and_a_draft_is_never_picked() {
    let sandbox = with_agent("echo x > $GIT_ORCH_TASK.txt");
    let refused = sandbox.run(&["add", "Fix bugs"]).exits(2);
    assert_snapshot!(refused.stderr, @r#"
        error: 'Fix bugs' is too vague to hand out
          because: it names no thing: its words fit any task
          hint: say it, for example:     git orch add "Fix bugs" -m '`tally list` shows dates as 2026-11-20, so that they sort as text'
                or fill in the template: git orch add --template > task.md
                or keep it as a draft:   git orch add "Fix bugs" --draft
          [E-VAGUE, exit 2]
        "#);
    let file = sandbox.path().join("../task.md");
    let template = sandbox.run(&["add", "--template"]).exits(0).stdout;
    std::fs::write(&file, template.replace("# \n", "# Export\n")).unwrap();
    let refused = sandbox.run(&["add", "-F", "../task.md", "--json"]).exits(2).json();
    assert_eq!(refused["error"]["code"], "E-VAGUE");
    assert_snapshot!(refused["error"]["because"], @r#"["'Objective' says nothing: what is to be different afterwards, and why?","'Acceptance criteria' says nothing: how does one see that it is done?"]"#);
    // The two that matter are enough; the other headings of the template may stay as they are.
    let filled = template
        .replace("# \n", "# Export\n")
        .replace("## Objective\n", "## Objective\nPeople get their data.\n")
        .replace("## Acceptance criteria\n", "## Acceptance criteria\n- `export` writes a file\n");
    std::fs::write(&file, filled).unwrap();
    sandbox.run(&["add", "-F", "../task.md", "--id", "export", "--draft"]).exits(0);
    sandbox.run(&["add", "Fix bugs", "--id", "vague", "--draft"]).exits(0);
    assert_eq!(sandbox.run(&["pick"]).code, 8, "drafts only");
    sandbox.run(&["run", "--no-land"]).exits(0);
    assert_eq!([state(&sandbox, "export"), state(&sandbox, "vague")], ["in-planning", "in-planning"]);
    let refused = sandbox.run(&["approve", "vague"]).exits(2);
    assert!(refused.stderr.contains("git orch edit vague -m"), "{}", refused.stderr);
    sandbox.run(&["edit", "vague", "-m", "`ls` shows each file once."]).exits(0);
    sandbox.run(&["approve", "vague"]).exits(0);
    sandbox.run(&["approve", "export"]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(4);
    assert_eq!([state(&sandbox, "export"), state(&sandbox, "vague")], ["under-review", "under-review"]);
}

#[test]
fn strict_settings_ask_for_more_and_a_large_task_for_its_end() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["add", "Split the parser", "--tier", "3"]).exits(2);
    assert!(refused.stderr.contains("'Acceptance criteria' is missing"), "{}", refused.stderr);
    sandbox
        .run(&["add", "Split the parser", "--tier", "3", "-m", "Done when: two files, same tests"])
        .exits(0);
    sandbox.write("orch.toml", "[spec]\nrequire = \"full\"\n");
    sandbox.git(&["commit", "-qam", "strict"]);
    let refused = sandbox.run(&["add", "Add retry", "--json"]).exits(2).json();
    let because = refused["error"]["because"].as_array().unwrap().len();
    assert_eq!(because, 6, "{refused}");
    // What is set on a branch or by a person changes nothing.
    sandbox.git(&["config", "orch.spec.require", "brief"]);
    sandbox.run(&["add", "Add retry"]).exits(2);
}

#[test]
fn show_prints_what_was_sent_word_for_word_and_gc_keeps_it() {
    let sandbox = with_agent(
        "cat > ../got-$GIT_ORCH_ROLE-$GIT_ORCH_TRY; [ $GIT_ORCH_TRY = 1 ] || echo x > new; echo I looked around.",
    );
    sandbox.git(&["config", "orch.sandbox.writable", ".worktrees"]);
    sandbox.run(&["add", "Say hello", "--id", "hello", "-m", "In a file named new."]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(4);
    sandbox.git(&["-c", "gc.pruneExpire=now", "-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now"]);
    let shown = sandbox.run(&["show", "hello", "--prompt", "--json"]).exits(0).json();
    let sent = shown["data"].as_array().unwrap();
    assert_eq!(sent.len(), 2, "{shown}");
    for (turn, file) in [(&sent[0], "got-implement-1"), (&sent[1], "got-fix-2")] {
        let got = std::fs::read_to_string(sandbox.path().join(".worktrees").join(file)).unwrap();
        assert_eq!(turn["text"].as_str().unwrap(), got);
        let blob = turn["blob"].as_str().unwrap();
        assert_eq!(sandbox.git(&["cat-file", "blob", blob]), got.trim_end());
    }
    let run = sent[0]["run"].as_str().unwrap();
    let files = sandbox.git(&["ls-tree", "-r", "--name-only", &format!("refs/orch/runs/{run}"), "prompts/"]);
    assert_eq!(files, "prompts/hello/001-implement.md\nprompts/hello/002-fix.md");
    let second = sent[1]["text"].as_str().unwrap();
    // The retry is told what the evidence means, and what the first attempt said.
    assert!(second.contains("No file was changed.") && second.contains("I looked around."), "{second}");
    let text = sandbox.run(&["show", "hello", "--prompt"]).exits(0).stdout;
    assert!(text.starts_with(&format!("==> implement by mine, {run}: exit 0 (git show ")), "{text}");
}

#[test]
fn a_prompt_counts_as_it_is_on_the_base_and_a_mistake_in_it_names_file_and_line() {
    let sandbox = with_agent("grep -c CANARY > new; true");
    sandbox.run(&["add", "Say hello", "--id", "hello"]).exits(0);
    // On the task's own branch it has no effect.
    let worktree = sandbox.run(&["pick", "hello", "--path"]).exits(0).stdout.trim().to_owned();
    std::fs::create_dir(format!("{worktree}/prompts")).unwrap();
    let own = "---\nrole = \"implement\"\nreads = []\n---\nCANARY\n";
    std::fs::write(format!("{worktree}/prompts/implement.md"), own).unwrap();
    sandbox.run(&["pick", "hello", "--release"]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(4);
    assert_eq!(std::fs::read_to_string(format!("{worktree}/new")).unwrap(), "0\n");
    // On the base it has.
    std::fs::create_dir(sandbox.path().join("prompts")).unwrap();
    sandbox.write("prompts/implement.md", own);
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "prompt"]);
    sandbox.run(&["add", "Say more", "--id", "more"]).exits(0);
    sandbox.run(&["run", "more", "--no-land"]).exits(4);
    let new = sandbox.path().join(".worktrees/more/new");
    assert_eq!(std::fs::read_to_string(new).unwrap(), "1\n");

    sandbox.write("prompts/implement.md", "---\nrole = \"implement\"\nreads = []\nmodle = \"x\"\n---\n");
    sandbox.git(&["commit", "-qam", "typo"]);
    sandbox.run(&["add", "Say it again", "--id", "again"]).exits(0);
    let refused = sandbox.run(&["run", "again", "--no-land"]).exits(7);
    assert!(refused.stderr.contains("prompts/implement.md:4: unknown field `modle`"), "{}", refused.stderr);
    assert_eq!(state(&sandbox, "again"), "pending", "nothing was started");
}

/// E8: a named worker has its domain, its model and its own words.
#[test]
fn an_agent_may_have_a_prompt_of_its_own() {
    let sandbox = with_agent("cat > all");
    let named = "[agent.api]\nextends = 'mine'\ncommand = 'cat > api'\ndomains = ['backend']\n";
    let settings = std::fs::read_to_string(sandbox.path().join("orch.toml")).unwrap();
    sandbox.write("orch.toml", &format!("{}{named}", settings.replace("= \"mine\"", "= \"mine, api\"")));
    std::fs::create_dir(sandbox.path().join("prompts")).unwrap();
    let prompt = |word: &str| {
        format!("---\nrole = \"implement\"\nreads = [\"task\"]\n---\n{word} {{{{ task.title }}}}\n")
    };
    sandbox.write("prompts/implement.api.md", &prompt("For the backend:"));
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "prompt"]);
    sandbox.run(&["add", "Say hello", "--id", "hello", "--domain", "backend"]).exits(0);
    sandbox.run(&["add", "Say more", "--id", "more"]).exits(0);
    sandbox.run(&["run", "-j", "1", "--no-land"]).exits(4);
    let left = |path: &str| std::fs::read_to_string(sandbox.path().join(".worktrees").join(path));
    assert_eq!(left("hello/api").unwrap(), "For the backend: Say hello\n");
    let all = left("more/all").unwrap();
    assert!(all.contains("Say more") && !all.contains("backend"), "{all}");

    sandbox.write("prompts/implement.api.md", &prompt("{{ task.titel }}"));
    sandbox.git(&["commit", "-qam", "typo"]);
    sandbox.run(&["add", "Say it again", "--id", "again"]).exits(0);
    let refused = sandbox.run(&["run", "again", "--no-land"]).exits(7);
    assert!(refused.stderr.contains("prompts/implement.api.md:5: "), "{}", refused.stderr);
}

/// A6: however many tries and rounds there may be, this is the end of them.
#[test]
fn a_task_is_worked_on_so_often_and_no_more() {
    let sandbox = Sandbox::new();
    let settings = "[tests]\nall = \"true\"\n[agent.idle]\ncommand = 'echo x >> \"$GIT_ORCH_WORKTREE/../../tries\"'\n\
                    [retry]\ntries = 9\niterations = 2\n";
    sandbox.write("orch.toml", settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.run(&["add", "Say hello", "--id", "hello"]).exits(0);
    let run = |code| sandbox.run(&["run", "--no-land", "--no-sandbox", "--agent", "idle"]).exits(code);
    run(4);
    let tries = || std::fs::read_to_string(sandbox.path().join("tries")).unwrap().lines().count();
    assert_eq!((tries(), state(&sandbox, "hello").as_str()), (2, "escalated"));
    // A person grants one more, and that is one.
    sandbox.run(&["approve", "hello"]).exits(0);
    run(4);
    assert_eq!((tries(), state(&sandbox, "hello").as_str()), (3, "escalated"));
}

/// B2: what the program ships, it uses. Each prompt is sent by one of the commands of these tests; this one holds the list.
#[test]
fn every_shipped_prompt_is_sent_by_somebody() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let mut shipped: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".md").to_owned())
        .filter(|name| name != "spec")
        .collect();
    shipped.sort();
    // Whoever gets a prompt says its first line; what it does else is the least that its role needs.
    let say = "head -1 >> $LOG;";
    let sandbox = Sandbox::new();
    let log = sandbox.path().join("../home/prompts.log");
    let yes = r#"echo "{\"verdict\":\"approve\",\"summary\":\"ok\",\"findings\":[]}""#;
    let plan = r#"echo "{\"summary\":\"s\",\"tasks\":[{\"id\":\"c\",\"title\":\"Add c\",\"objective\":\"c is there\",\"done_when\":[\"c\"]}]}""#;
    let settings = format!(
        r#"[tests]
all = "! grep -q bad new"
report = "exit"
[review]
reviewers = ["safety", "architecture", "quality", "facts", "language", "data"]
[agents]
implement = "first"
fix = "second"
review = "judge"
test = "tester"
clarify = "looker"
plan = "planner"
[agent.first]
command = '''{say} [ $GIT_ORCH_TASK = silent ] || echo bad > new'''
[agent.second]
command = '''{say} echo good-$GIT_ORCH_TASK > new'''
[agent.judge]
command = '''{say} {yes}'''
[agent.tester]
command = '''{say} true'''
[agent.looker]
command = '''{say} echo "{{\"fault\":\"attempt\",\"advice\":\"write the file\"}}"'''
[agent.planner]
command = '''{say} {plan}'''
[agent.writer]
answer = "files"
command = '''{say} printf "FILE: w\n\`\`\`\nw\n\`\`\`\n"'''
"#
    )
    .replace("$LOG", log.to_str().unwrap());
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.git(&["config", "orch.sandbox.writable", log.parent().unwrap().to_str().unwrap()]);
    sandbox.run(&["plan", "Let there be c"]).exits(0);
    sandbox.run(&["add", "Say hello", "--id", "loud"]).exits(0);
    sandbox.run(&["run"]).exits(0);
    sandbox.run(&["add", "Say nothing", "--id", "silent"]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(0);
    sandbox.run(&["add", "Write w", "--id", "written"]).exits(0);
    sandbox.run(&["run", "written", "--no-land", "--agent", "implement=writer"]).exits(0);
    let said = std::fs::read_to_string(&log).unwrap();
    let first_line = |name: &str| -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("prompts/{name}.md"));
        let text = std::fs::read_to_string(path).unwrap();
        text.split("\n---\n").nth(1).unwrap().trim_start().lines().next().unwrap().to_owned()
    };
    // `implement` and `code` begin alike: they are told apart by their task.
    let filled = |line: &str, task: &str, title: &str| {
        line.replace("{{ task.id }}", task).replace("{{ task.title }}", title)
    };
    for name in &shipped {
        let (task, title) = match name.as_str() {
            "clarify" => ("silent", "Say nothing"),
            "code" => ("written", "Write w"),
            "manager" => ("plan", "Let there be c"),
            _ => ("loud", "Say hello"),
        };
        let line = filled(&first_line(name), task, title);
        assert!(said.lines().any(|said| said == line), "{name}: no '{line}' in\n{said}");
    }
    assert_eq!(shipped.len(), 12, "{shipped:?}");
}

#[test]
fn a_plan_is_checked_shown_and_added_when_somebody_says_yes() {
    let tasks = r#"{"id":"api","title":"Add the endpoint","objective":"GET /export answers","done_when":["a test asks it"],"paths":["api/**"]},
        {"id":"ui","title":"Add the button","objective":"One click","done_when":[],"after":["api"]}"#;
    let answer =
        format!(r#"{{"summary":"Two steps.","risks":["size"],"tasks":[{tasks}]}}"#).replace('\n', " ");
    let sandbox = Sandbox::new();
    sandbox.write("../home/answer", &answer);
    let settings = "[agents]\nplan = \"mine\"\n[agent.mine]\ncommand = 'echo evil > f.txt; cat ANSWER'\n";
    sandbox.write(
        "orch.toml",
        &settings.replace("ANSWER", sandbox.path().join("../home/answer").to_str().unwrap()),
    );
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.git(&["config", "orch.sandbox.readable", sandbox.path().join("../home").to_str().unwrap()]);
    let shown = sandbox.run(&["plan", "Let users export"]).exits(0);
    let text: Vec<&str> = shown.stdout.lines().skip(1).collect();
    assert_snapshot!(text.join("\n"), @r"
        Two steps.

        api  Add the endpoint
          paths api/**
          ## Objective
          GET /export answers
          ## Acceptance criteria
          - a test asks it

        ui  Add the button  after api
          ## Objective
          One click
          ## Acceptance criteria
          ! too vague, a draft: 'Acceptance criteria' says nothing: how does one see that it is done?

        risk: size
        ");
    assert_eq!(sandbox.git(&["for-each-ref", "refs/orch/tasks"]), "", "nothing is added by looking");
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "", "a manager writes nothing");
    let added = sandbox.run(&["plan", "--apply"]).exits(0);
    assert_snapshot!(added.stdout, @r"
        added api  Add the endpoint
        added ui  Add the button  (draft: its spec says too little)
        ");
    assert_eq!([state(&sandbox, "api"), state(&sandbox, "ui")], ["pending", "in-planning"]);
    assert_eq!(sandbox.run(&["plan", "--apply"]).code, 2, "a plan is added once");
    // What is no plan is asked for once more, and then refused.
    sandbox.write("../home/answer", "I would rather not.");
    let refused = sandbox.run(&["plan", "Let users import"]).exits(1);
    assert!(refused.stderr.contains("no JSON object with \"tasks\""), "{}", refused.stderr);
}

#[test]
fn a_preset_for_texts_or_data_brings_its_reviewers() {
    for (preset, reviewers) in [("content", "facts, language"), ("data", "data, quality, safety")] {
        let sandbox = Sandbox::new();
        sandbox.git(&["rm", "-q", "orch.toml"]);
        sandbox.git(&["commit", "-qm", "none"]);
        sandbox.run(&["init", "--preset", preset]).exits(0);
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-qm", "settings"]);
        let shown = sandbox.run(&["config", "explain", "review.reviewers"]).exits(0).stdout;
        assert!(shown.contains(reviewers), "{shown}");
        // A text has no test that would show it: its task says how one sees that it is done.
        sandbox.run(&["add", "Write the page on exports"]).exits(2);
    }
}
