//! Agents of one's own (A16): what an entry in `orch.toml` can say, and what becomes of a turn that its model refused.

use crate::support::{Ran, Sandbox};

/// A repository whose agent `mine` runs `script` in the worktree, with more lines in its entry, and a task for each id.
fn own(script: &str, entry: &str, tasks: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("agent.sh", script);
    let tests = "[tests]\nall = \"! grep -q bad f.txt\"\nreport = \"exit\"\n[retry]\ntries = 1\n";
    let other = "[agent.other]\ncommand = \"echo other > other.txt\"\ntier = \"expensive\"\n";
    let mine = format!("[agent.mine]\ncommand = \"sh agent.sh\"\ntier = \"cheap\"\n{entry}\n");
    sandbox.write("orch.toml", &format!("{tests}{other}{mine}"));
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "mine"]);
    for task in tasks {
        sandbox.run(&["add", "Say hello in a file", "--id", task]).exits(0);
    }
    sandbox
}

fn run(sandbox: &Sandbox, agents: &str) -> Ran {
    sandbox.run(&["run", "--no-land", "-j", "1", "--agent", &format!("implement={agents}")]).exits(4)
}

/// A task's state, with the try that it is at and why it waits for a person.
fn stands(sandbox: &Sandbox, task: &str) -> String {
    let shown = sandbox.run(&["show", task, "--json"]).exits(0).json();
    let data = &shown["data"];
    let why = data["needs"]["why"].as_str().filter(|_| data["state"] == "escalated").unwrap_or("-");
    format!("{}, try {}, {why}", data["state"].as_str().unwrap(), data["try"])
}

const EXITS: &str = "exits = [\"75=rate limit: until noon\", \"77=not logged in\", \"3=nothing to do\"]";

#[test]
fn an_exit_code_can_say_that_its_model_has_a_limit() {
    let sandbox =
        own("echo half > half.txt; echo 'my-agent: come back later' >&2; exit 75", EXITS, &["one", "two"]);
    let ran = run(&sandbox, "mine, other");
    let said = "mine: its model's limit is reached: until noon: my-agent: come back later";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("mine: no turns for "), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches(said).count(), 1, "the second task was not tried with it: {}", ran.stderr);
    for task in ["one", "two"] {
        assert_eq!(stands(&sandbox, task), "under-review, try 1, -", "{}", ran.stderr);
        let files = sandbox.git(&["diff", "--name-only", &format!("main...orch/{task}")]);
        assert!(files.ends_with("other.txt"), "{files}");
    }
}

#[test]
fn an_exit_code_can_say_that_it_is_not_logged_in() {
    let sandbox = own("exit 77", EXITS, &["one", "two"]);
    let ran = run(&sandbox, "mine");
    let left = "2 tasks are left, and no agent may have a turn: mine: exit 77, not logged in to its model";
    assert!(ran.stdout.contains(left), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("hint: git orch doctor --ping mine\n"), "{}", ran.stderr);
    for task in ["one", "two"] {
        assert_eq!(stands(&sandbox, task), "pending, try 1, -");
    }
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["data"]["turns"].as_array().unwrap().len(), 1, "{report}");
}

#[test]
fn other_words_of_an_exit_code_are_only_shown() {
    let sandbox = own("exit 3", EXITS, &["one"]);
    run(&sandbox, "mine");
    let why = "mine ended without a change (exit 3, nothing to do)";
    assert_eq!(stands(&sandbox, "one"), format!("escalated, try 1, {why}"));
}

#[test]
fn the_usual_words_of_a_host_count_where_nothing_came_of_the_turn() {
    for (words, said) in [
        ("echo 'Error: 401 invalid x-api-key' >&2; exit 1", "not logged in to its model: Error: 401 invalid"),
        (
            "echo 'working'; echo 'Not logged in. Run my-agent login' >&2; exit 2",
            "not logged in to its model: Not",
        ),
    ] {
        let sandbox = own(words, "", &["one"]);
        let ran = run(&sandbox, "mine");
        assert!(ran.stderr.contains(&format!("mine: {said}")), "{}", ran.stderr);
        assert!(ran.stderr.contains("without counting as a try"), "{}", ran.stderr);
        assert_eq!(stands(&sandbox, "one"), "pending, try 1, -");
    }
    let limit = "echo 'Error: 429 Too Many Requests'; exit 1";
    let sandbox = own(limit, "", &["one"]);
    let ran = run(&sandbox, "mine, other");
    assert!(ran.stderr.contains("mine: its model's limit is reached: Error: 429 Too Many"), "{}", ran.stderr);
    assert_eq!(stands(&sandbox, "one"), "under-review, try 1, -");
}

#[test]
fn the_same_words_count_for_nothing_beside_an_edit_or_after_a_good_end() {
    let script = "case $GIT_ORCH_TASK in\n\
         edit) echo hello > hello.txt; echo 'Error: 429 Too Many Requests' >&2; exit 1;;\n\
         well) echo 'Error: 401 invalid x-api-key' >&2; exit 0;;\n\
         prose) echo 'I looked for the rate limit.'; echo; echo 'HTTP 429 is sent nowhere.'; exit 1;;\n\
         esac\n";
    let sandbox = own(script, "", &["edit", "well", "prose"]);
    let ran = run(&sandbox, "mine");
    assert_eq!(stands(&sandbox, "edit"), "under-review, try 1, -", "{}", ran.stderr);
    assert_eq!(stands(&sandbox, "well"), "escalated, try 1, mine ended without a change (exit 0)");
    let why = "mine ended without a change (exit 1): HTTP 429 is sent nowhere.";
    assert_eq!(stands(&sandbox, "prose"), format!("escalated, try 1, {why}"));
}

#[test]
fn a_reviewer_whose_model_refuses_was_not_asked() {
    let sandbox = own("echo hello > hello.txt", "", &["one"]);
    let review = "review=exec:echo 'Error: 401 Unauthorized' >&2; exit 1";
    let ran = sandbox
        .run(&["run", "--no-land", "-j", "1", "--agent", "implement=mine", "--agent", review])
        .exits(4);
    assert!(ran.stderr.contains("not asked: exec: not logged in to its model: Error: 401"), "{}", ran.stderr);
    assert_eq!(stands(&sandbox, "one"), "under-review, try 1, -");
}

#[test]
fn what_it_said_for_people_stands_in_the_evidence() {
    let script = "printf 'Read 3 files.\\n\\nThere is no such function.\\nNothing was changed.\\n\\n'\n\
         echo '{\"git-orch-usage\":{\"input\":1100,\"output\":100}}'\n";
    let sandbox = own(script, "", &["one"]);
    run(&sandbox, "mine");
    let why = "mine ended without a change (exit 0): There is no such function. Nothing was changed.";
    assert_eq!(stands(&sandbox, "one"), format!("escalated, try 1, {why}"));
}

#[test]
fn an_entry_that_cannot_work_is_refused_before_anything_starts() {
    for (entry, why) in [
        (
            "command = 'my-agent {task}'",
            "agent.mine.command: {task} stands for nothing. Known here: {prompt}",
        ),
        ("command = 'my-agent {promt}'", "{promt} stands for nothing; did you mean {prompt}?"),
        (
            "argv = ['my-agent', '{promtp}']",
            "agent.mine.argv: {promtp} stands for nothing; did you mean {prompt}?",
        ),
        (
            "command = 'my-agent'\nprompt = 'file'",
            "Write where the file's path goes, as in command = \"my-agent {prompt}\"",
        ),
        ("command = 'my-agent'\nexits = ['75=rate limt']", "did you mean '75=rate limit'?"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("orch.toml", &format!("[agent.mine]\n{entry}\n"));
        sandbox.git(&["commit", "-qam", "mine"]);
        let ran = sandbox.run(&["status"]).exits(2);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert!(ran.stderr.contains("E-SETTINGS"), "{}", ran.stderr);
    }
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["run", "--agent", "exec:my-agent {promt}"]).exits(2);
    assert!(
        ran.stderr.contains("exec: {promt} stands for nothing; did you mean {prompt}?"),
        "{}",
        ran.stderr
    );
}

const ENDPOINTS: &str = "endpoints = [\"127.0.0.1:9\"]\nexits = [\"77=not logged in\"]";

#[test]
fn a_night_tries_an_agent_of_ones_own_that_asks_a_model() {
    let night = ["run", "--for", "1h", "--no-land", "--agent", "implement=mine"];
    let sandbox = own("[ $GIT_ORCH_TASK = ping ] && exit 77; echo hello > hello.txt", ENDPOINTS, &["one"]);
    let ran = sandbox.run(&night).exits(7);
    assert!(ran.stderr.contains("mine: exit 77, not logged in to its model, after "), "{}", ran.stderr);
    assert_eq!(stands(&sandbox, "one"), "pending, try 1, -");

    // It answers the trial and does not do what is asked: that is no reason against a command of one's own.
    let sandbox = own("[ $GIT_ORCH_TASK = ping ] || echo hello > hello.txt", ENDPOINTS, &["one"]);
    let ran = sandbox.run(&night).exits(4);
    assert!(ran.stderr.contains("tried mine: tokens unknown"), "{}", ran.stderr);
    assert_eq!(stands(&sandbox, "one"), "under-review, try 1, -");
}

#[test]
fn a_night_looks_whether_a_command_without_a_model_can_start_and_runs_it_for_no_trial() {
    let night = ["run", "--for", "1h", "--no-land", "--agent"];
    let sandbox = own("echo \"$GIT_ORCH_TASK\" >> said.txt", "", &["one"]);
    let ran = sandbox.run(&[&night[..], &["implement=mine"]].concat()).exits(4);
    assert!(!ran.stderr.contains("tried mine"), "{}", ran.stderr);
    assert_eq!(sandbox.git(&["show", "orch/one:said.txt"]), "one");
    for (agent, why) in [
        ("exec:no-such-agent --fast", "exec: it starts no-such-agent, which is not found in PATH"),
        ("exec:./tools/edit.sh", "exec: it starts ./tools/edit.sh, which is not on main"),
    ] {
        let ran = sandbox.run(&[&night[..], &[agent]].concat()).exits(7);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
}

#[test]
fn an_agent_that_is_not_committed_is_named_with_the_commit_that_is_missing() {
    let sandbox = own("echo hello > hello.txt", "", &["one"]);
    let settings = std::fs::read_to_string(sandbox.path().join("orch.toml")).unwrap();
    sandbox.write("orch.toml", &format!("{settings}[agent.new]\ncommand = \"sh agent.sh\"\n"));
    for words in [
        &["run", "--agent", "new"][..],
        &["doctor", "--ping", "new:big"],
        &["plan", "Say hello in a file", "--agent", "new"],
    ] {
        let ran = sandbox.run(&[words, &["--json"]].concat()).exits(2).json();
        let error = &ran["error"];
        let why = "[agent.new] is in orch.toml here, and not in the one on main: settings count as they are committed there";
        assert_eq!((&error["code"], &error["message"]), (&"E-AGENT".into(), &why.into()));
        assert_eq!(error["hint"], "git add orch.toml && git commit orch.toml -m \"Add agent new\"");
    }
    sandbox.git(&["switch", "-qc", "topic"]);
    let elsewhere = sandbox.run(&["run", "--agent", "new", "--json"]).exits(2).json();
    assert!(
        elsewhere["error"]["hint"].as_str().unwrap().starts_with("git switch main && git add"),
        "{elsewhere}"
    );
    sandbox.git(&["switch", "-q", "main"]);
    sandbox.git(&["commit", "-q", "orch.toml", "-m", "Add agent new"]);

    // One that is there, and changed.
    sandbox.write("orch.toml", &settings.replace("sh agent.sh", "sh other.sh"));
    let ran = run(&sandbox, "mine");
    let note = "[agent.mine] in orch.toml here is not what is committed on main, and that is what counts";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    assert_eq!(stands(&sandbox, "one"), "under-review, try 1, -");
    let pinged = sandbox.run(&["doctor", "--ping", "mine"]).exits(7).stdout;
    assert!(pinged.contains(&format!("WRONG  settings     {note}")), "{pinged}");
}

#[test]
fn a_ping_of_a_team_tries_its_workers_and_of_no_agent_names_those_there_are() {
    let sandbox = own(
        "printf 'FILE: ping.txt\\n```\\npong\\n```\\n'",
        "answer = \"files\"\n[agent.team]\nworkers = [\"mine\", \"dull\"]\n[agent.dull]\ncommand = \"echo Done.\"\nanswer = \"files\"",
        &[],
    );
    let pinged = sandbox.run(&["doctor", "--ping", "team"]).exits(7).stdout;
    assert!(pinged.contains("ok     edited       mine: ping.txt is as it was asked for"), "{pinged}");
    assert!(pinged.contains("WRONG  edited       dull: there is no ping.txt"), "{pinged}");
    assert!(pinged.contains("fix: git orch config explain agent.dull.command"), "{pinged}");
    let ran = sandbox.run(&["doctor", "--ping", "taem", "--json"]).exits(2).json();
    let message = ran["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("unknown agent 'taem', did you mean 'team'? There are aider, claude, "),
        "{message}"
    );
    assert_eq!(ran["error"]["hint"], "git orch doctor --ping team");
}

#[test]
fn settings_that_cannot_be_used_say_where_and_what_mends_them() {
    let mend = "$(git var GIT_EDITOR) orch.toml";
    for (text, place) in [
        ("[cap]\ndiff = \n", "orch.toml:2:"),
        (
            "[agent.mine]\n  command = 'x {task}'\n",
            "orch.toml:2:3: agent.mine.command: {task} stands for nothing",
        ),
        ("[agent.mine]\nextends = 'cluade'\n", "orch.toml:2:1: agent.mine.extends names 'cluade'"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("orch.toml", text);
        sandbox.git(&["commit", "-qam", "broken"]);
        for words in [&["status"][..], &["config", "list"], &["run"]] {
            let error = sandbox.run(&[words, &["--json"]].concat()).exits(2).json()["error"].clone();
            assert!(error["message"].as_str().unwrap().starts_with(place), "{error}");
            let hints: Vec<&str> = error["hints"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hint| hint["command"].as_str().unwrap())
                .collect();
            assert_eq!(
                hints,
                ["git show main:orch.toml", mend, "git commit orch.toml -m \"Mend orch.toml\""]
            );
        }
        let doctor = sandbox.run(&["doctor"]).exits(7).stdout;
        assert!(doctor.contains(&format!("WRONG  settings     {place}")), "{doctor}");
        assert!(doctor.contains(&format!("fix: {mend}")), "{doctor}");
    }
    let sandbox = Sandbox::new();
    sandbox.git(&["config", "orch.agent.mine.command", "x {task}"]);
    let error = sandbox.run(&["status", "--json"]).exits(2).json()["error"].clone();
    assert!(
        error["message"].as_str().unwrap().ends_with("(git config --local orch.agent.mine.command)"),
        "{error}"
    );
    assert_eq!(error["hint"], "git config --local --edit");
    let error =
        sandbox.run_with(("GIT_ORCH_CAP_DIFF", "many"), &["status", "--json"]).exits(2).json()["error"]
            .clone();
    assert_eq!(error["hint"], "unset GIT_ORCH_CAP_DIFF", "{error}");
}

#[test]
fn an_entry_for_each_vendor_keeps_their_keys_apart() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md")).unwrap();
    let start = page.find("[agent.pi-openai]").unwrap();
    let entry = page[start..].split_once("```").unwrap().0;
    // The page's entry, on top of an agent that has more keys.
    let entry = entry.replace("\"pi\"", "\"mine\"").replace("pi-openai", "apart");
    let all = "env = [\"OPENAI_API_KEY\", \"ANTHROPIC_API_KEY\"]\nendpoints = [\"api.openai.com\", \"api.anthropic.com\"]";
    let sandbox =
        own("env | sed -n 's/_API_KEY=.*//p' | sort > keys.txt", &format!("{all}\n{entry}"), &["one", "two"]);
    let keys = [("OPENAI_API_KEY", "sk-o"), ("ANTHROPIC_API_KEY", "sk-a")];
    for (task, agent, found) in [("one", "mine", "ANTHROPIC\nOPENAI"), ("two", "apart", "OPENAI")] {
        let agent = format!("implement={agent}");
        sandbox.run_with_all(&keys, &["run", task, "--no-land", "--agent", &agent]).exits(4);
        assert_eq!(sandbox.git(&["show", &format!("orch/{task}:keys.txt")]), found);
    }
}
