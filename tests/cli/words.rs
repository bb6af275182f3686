//! What is said to a person: who has to act, and how.

use crate::support::Sandbox;

/// Adds a task, writes a file into its worktree and hands it in as Ana.
fn hand_in(sandbox: &Sandbox, id: &str, text: &str) {
    sandbox.run(&["add", "Do it", "--id", id]).exits(0);
    let folder = sandbox.run(&["pick", id, "--path"]).exits(0).stdout;
    std::fs::write(format!("{}/{id}.txt", folder.trim_end()), text).unwrap();
    sandbox.run(&["submit", id, "-m", "it cannot be split"]).exits(0);
}

#[test]
fn without_a_review_agent_a_person_is_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Do it", "--id", "hola"]).exits(0);
    let folder = sandbox.run(&["pick", "hola", "--path"]).exits(0).stdout;
    std::fs::write(format!("{}/hola.txt", folder.trim_end()), "hola\n").unwrap();
    let checked = sandbox.run(&["check", "hola", "--only", "size"]);
    assert!(checked.stdout.contains("1 line (+1 -0)") && checked.stderr.is_empty(), "{checked:?}");
    let submitted = sandbox.run(&["submit", "hola"]).exits(0);
    std::fs::write(format!("{}/more.txt", folder.trim_end()), "more\n").unwrap();
    let checked = sandbox.run(&["check", "hola", "--only", "size"]);
    let warning =
        "warning: 1 uncommitted file is not part of this check: git orch submit hola commits them\n";
    assert!(checked.stderr.contains(warning), "{checked:?}");
    std::fs::remove_file(format!("{}/more.txt", folder.trim_end())).unwrap();
    assert!(submitted.stdout.ends_with("; waits for somebody else's approval\n"), "{}", submitted.stdout);
    let answer = sandbox.run(&["show", "hola", "--json"]).exits(0).json();
    assert_eq!(answer["data"]["needs"]["options"][0], "git orch approve hola --as NAME");
    assert!(sandbox.run(&["status"]).exits(0).stdout.contains("Needs you (1)"));
    let mine = sandbox.run(&["approve"]).exits(4);
    assert!(mine.stderr.contains("hint: somebody else says: git orch approve hola --as NAME\n"), "{mine:?}");
    sandbox.git(&["config", "orch.agents.review", "exec:true"]);
    assert!(sandbox.run(&["show", "hola", "--json"]).exits(0).json()["data"]["needs"].is_null());
    sandbox.git(&["config", "--unset", "orch.agents.review"]);
    let yes = sandbox.run(&["approve", "--as", "bo"]).exits(0);
    assert_eq!(yes.stdout, "approved hola: now in the queue\n");
}

#[test]
fn an_allowed_size_still_needs_a_review() {
    let sandbox = Sandbox::new();
    hand_in(&sandbox, "big", &"line\n".repeat(201));
    let answer = sandbox.run(&["show", "big", "--json"]).exits(0).json();
    assert_eq!(answer["data"]["needs"]["files"], serde_json::json!(["big.txt"]));
    let listed = sandbox.run(&["queue"]).exits(0).stdout;
    assert!(listed.contains("stopped  big  diff is 201 lines"), "{listed}");
    let why = sandbox.run(&["queue", "why", "big"]).exits(0);
    assert!(why.stdout.contains("it waits for a person: diff is 201 lines"), "{}", why.stdout);
    let yes = sandbox.run(&["approve", "big", "--as", "bo"]).exits(0);
    assert_eq!(yes.stdout, "approved big: the size is allowed; it still needs a review\n");
}

#[test]
fn what_is_given_up_is_not_done_and_can_be_taken_back() {
    let sandbox = Sandbox::new();
    sandbox.branch("own", "g.txt", "g\n");
    sandbox.run(&["queue", "add", "refs/heads/own"]).exits(0);
    assert_eq!(sandbox.run(&["stop", "own"]).exits(0).stdout, "holds own\n");
    sandbox.run(&["queue", "add", "own"]).exits(0);
    sandbox.run(&["stop", "own"]).exits(0);
    let gone = sandbox.run(&["stop", "own"]).exits(0);
    assert_eq!(gone.stdout, "gave up own: it waited for a person already\n");
    assert!(!sandbox.run(&["status"]).exits(0).stdout.contains("Done today"));
    let answer = sandbox.run(&["log", "-n", "0"]).exits(0);
    assert_eq!(answer.stdout, "");
    sandbox.run(&["undo", "--as", "bo"]).exits(0);
}

#[test]
fn a_path_outside_of_a_tasks_own_says_so() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Do it", "--id", "own", "--paths", "src/**"]).exits(0);
    let folder = sandbox.run(&["pick", "own", "--path"]).exits(0).stdout;
    std::fs::write(format!("{}/z.txt", folder.trim_end()), "z\n").unwrap();
    let refused = sandbox.run(&["submit", "own"]).exits(3).stderr;
    assert!(refused.starts_with("error: own: z.txt is outside of the task's paths (src/**)\n"), "{refused}");
    assert!(refused.contains("hint: let it touch more: git orch edit own --paths GLOB\n"), "{refused}");
}

#[test]
fn nobody_died_where_a_person_sent_it_back() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Do it", "--id", "back"]).exits(0);
    let run =
        |text: &str| sandbox.run(&["run", "--no-land", "--agent", &format!("exec:echo {text} >> g.txt")]);
    run("one").exits(4);
    sandbox.run(&["reject", "back", "-m", "say two"]).exits(0);
    let again = run("two").exits(4);
    assert!(!again.stderr.contains("its agent died"), "{}", again.stderr);
    assert!(again.stderr.contains("back"), "{}", again.stderr);
}

#[test]
fn names_of_nothing_say_so() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "x", "--id", "far"]).exits(0);
    let first = |args: &[&str]| sandbox.run(args).exits(2).stderr.lines().next().unwrap().to_owned();
    assert_eq!(first(&["show", "r-nope"]), "error: no run 'r-nope'");
    assert_eq!(first(&["show", "E-NOPE"]), "error: no such code 'E-NOPE'");
    assert_eq!(first(&["show", "fxy"]), "error: no task 'fxy'");
    assert_eq!(first(&["show", "a\nb"]), "error: task id 'a\\nb' may only use a-z 0-9 - (found \\u{a})");
    assert_eq!(
        first(&["config", "set", "cap.diff", "0"]),
        "error: config set: cap.diff must be a whole number above 0"
    );
    let wrong = sandbox.run(&["show", "--no-such-flag"]).exits(2);
    assert!(wrong.stderr.ends_with("  hint: git orch show --help\n  [E-USAGE, exit 2]\n"), "{wrong:?}");
    let loose = sandbox.run(&["config", "set", "cap.diff", "9000"]).exits(0);
    assert!(loose.stderr.contains("warning: cap.diff stays 200"), "{loose:?}");
}
