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
