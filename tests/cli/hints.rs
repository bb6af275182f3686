//! Every hint of an error is run where the error was given: it is a command that works there, and no second riddle.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::Sandbox;

/// Runs what failed, then each of its hints, as somebody would who copies them. Returns the code of the error.
#[track_caller]
fn follow(sandbox: &Sandbox, failing: &[&str]) -> String {
    let args: Vec<&str> = failing.iter().copied().chain(["--json"]).collect();
    let failed = sandbox.run(&args);
    assert_ne!(failed.code, 0, "{failing:?}: {}", failed.stdout);
    let error = failed.json()["error"].clone();
    let code = error["code"].as_str().unwrap().to_owned();
    assert_eq!(error["exit"], failed.code, "{code}");
    for hint in error["hints"].as_array().unwrap() {
        copied(sandbox, &code, hint);
    }
    code
}

#[track_caller]
fn copied(sandbox: &Sandbox, code: &str, hint: &Value) {
    let command = hint["command"].as_str().unwrap();
    // As git finds its own commands: the program in a folder of PATH.
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_git-orch"));
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = sandbox.command("sh", &sandbox.path());
    shell.args(["-c", command]).env("PATH", path.unwrap()).env("GIT_EDITOR", "true").env("GIT_PAGER", "cat");
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Not found, wrong usage, a bug; the others are answers.
    let ended = output.status.code().unwrap();
    assert!(![2, 70, 126, 127, 128, 129].contains(&ended), "{code}: '{command}' ended with {ended}: {said}");
}

fn add(sandbox: &Sandbox, id: &str, more: &[&str]) {
    let args = [&["add", "Say hello in a file", "--id", id][..], more].concat();
    sandbox.run(&args).exits(0);
}

#[test]
fn hints_about_tasks_work_where_they_are_given() {
    let sandbox = Sandbox::new();
    assert_eq!(follow(&sandbox, &["pick"]), "E-NOTHING-READY");
    add(&sandbox, "fix-login", &[]);
    add(&sandbox, "fix-later", &["--after", "fix-login"]);
    assert_eq!(follow(&sandbox, &["show", "fix-lgoin"]), "E-UNKNOWN");
    assert_eq!(follow(&sandbox, &["show", "zzz"]), "E-UNKNOWN");
    assert_eq!(follow(&sandbox, &["show", "fix"]), "E-AMBIGUOUS");
    assert_eq!(follow(&sandbox, &["show"]), "E-NO-TASK-HERE");
    assert_eq!(follow(&sandbox, &["show", "E-NONE"]), "E-UNKNOWN");
    assert_eq!(follow(&sandbox, &["add", "Twice", "--id", "fix-login"]), "E-EXISTS");
    assert_eq!(follow(&sandbox, &["add", "Half", "--after", "big"]), "E-UNKNOWN-DEPENDENCY");
    assert_eq!(follow(&sandbox, &["add", "Up", "--id", "../x"]), "E-BAD-ID");
    assert_eq!(follow(&sandbox, &["add", "Fix bugs"]), "E-VAGUE");
    assert_eq!(follow(&sandbox, &["add", ""]), "E-BAD-VALUE");
    assert_eq!(follow(&sandbox, &["edit", "fix-login", "--after", "fix-later"]), "E-CYCLE");
    assert_eq!(follow(&sandbox, &["pick", "fix-later"]), "E-NOT-READY");
    assert_eq!(follow(&sandbox, &["approve", "fix-login"]), "E-NOT-NOW");
    assert_eq!(follow(&sandbox, &["approve"]), "E-NOTHING-WAITS");
    assert_eq!(follow(&sandbox, &["report"]), "E-NO-RUN");
    assert_eq!(follow(&sandbox, &["import", "nofile"]), "E-BAD-VALUE");
    assert_eq!(follow(&sandbox, &["import"]), "E-BAD-VALUE");
    assert_eq!(follow(&sandbox, &["config", "get", "cap.dif"]), "E-SETTINGS");
    assert_eq!(follow(&sandbox, &["add", "-F", "nofile"]), "E-BAD-VALUE");
    assert_eq!(follow(&sandbox, &["undo", "op-none"]), "E-NOTHING-TO-UNDO");
    assert_eq!(follow(&sandbox, &["log", "--since", "soon"]), "E-BAD-VALUE");
    assert_eq!(follow(&sandbox, &["sync"]), "E-NO-REMOTE");
}

#[test]
fn hints_about_work_in_hand_work_where_they_are_given() {
    let sandbox = Sandbox::new();
    add(&sandbox, "one", &["--paths", "f.txt"]);
    let worktree = sandbox.run(&["pick", "one", "--path"]).exits(0).stdout.trim().to_owned();
    let write = |file: &str, text: &str| std::fs::write(format!("{worktree}/{file}"), text).unwrap();
    assert_eq!(follow(&sandbox, &["submit", "one"]), "E-NO-CHANGE");
    write("other.txt", "x\n");
    assert_eq!(follow(&sandbox, &["submit", "one"]), "E-OUTSIDE-PATHS");
    sandbox.run(&["edit", "one", "--paths", ""]).exits(0);
    sandbox.run(&["submit", "one"]).exits(0);
    assert_eq!(follow(&sandbox, &["approve", "one"]), "E-OWN-WORK");
    add(&sandbox, "big", &[]);
    let worktree = sandbox.run(&["pick", "big", "--path"]).exits(0).stdout.trim().to_owned();
    std::fs::write(format!("{worktree}/big.txt"), "x\n".repeat(300)).unwrap();
    assert_eq!(follow(&sandbox, &["submit", "big"]), "E-TOO-BIG");
    add(&sandbox, "two", &[]);
    sandbox.run(&["pick", "two", "--as", "bo"]).exits(0);
    assert_eq!(follow(&sandbox, &["pick", "two"]), "E-CLAIMED");
    assert_eq!(follow(&sandbox, &["queue", "add", "two"]), "E-UNDER-REVIEW");
    sandbox.run(&["stop", "two", "--abandon"]).exits(0);
    assert_eq!(follow(&sandbox, &["approve", "two"]), "E-NOT-NOW");
    add(&sandbox, "four", &[]);
    sandbox.run(&["pick", "four", "--as", "bo"]).exits(0);
    let refused = sandbox.run(&["submit", "four", "--json"]).exits(6).json();
    assert_eq!(refused["error"]["hint"], "git orch submit four --as bo");
    assert_eq!(follow(&sandbox, &["submit", "four"]), "E-CLAIMED");
    // Somebody else's work under review, and one's own: what is said is what may be done.
    add(&sandbox, "three", &[]);
    let worktree = sandbox.run(&["pick", "three", "--path"]).exits(0).stdout.trim().to_owned();
    std::fs::write(format!("{worktree}/three.txt"), "x\n").unwrap();
    sandbox.run(&["submit", "three"]).exits(0);
    let refused = sandbox.run(&["queue", "add", "three", "--json"]).exits(3).json();
    assert_eq!(refused["error"]["hint"], "git orch approve three --as NAME");
    assert_eq!(follow(&sandbox, &["queue", "add", "three"]), "E-UNDER-REVIEW");
    assert_eq!(sandbox.run(&["show", "three", "--json"]).json()["data"]["state"], "ready-for-handoff");
}

#[test]
fn hints_about_branches_and_the_queue_work_where_they_are_given() {
    let sandbox = Sandbox::new();
    assert_eq!(follow(&sandbox, &["queue", "add", "none"]), "E-NO-BRANCH");
    sandbox.git(&["branch", "empty"]);
    assert_eq!(follow(&sandbox, &["queue", "add", "empty"]), "E-NO-CHANGE");
    sandbox.branch("big", "big.txt", &"x\n".repeat(300));
    assert_eq!(follow(&sandbox, &["queue", "add", "big"]), "E-TOO-BIG");
    sandbox.branch("left", "f.txt", "one\nleft\nthree\n");
    sandbox.branch("right", "f.txt", "one\nright\nthree\n");
    sandbox.run(&["queue", "add", "left"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(follow(&sandbox, &["queue", "add", "right"]), "E-CONFLICT");
    sandbox.write("orch.toml", "[tests]\nreport = \"exit\"\n");
    sandbox.git(&["commit", "-qam", "no tests"]);
    sandbox.branch("new", "new.txt", "x\n");
    sandbox.run(&["queue", "add", "new"]).exits(0);
    // The editor of the test changes nothing; then there is nothing to commit, which is git's 1.
    assert_eq!(follow(&sandbox, &["queue", "run"]), "E-NO-TESTS");
    sandbox.write("orch.toml", "[tests]\nall = \"true\"\nreport = \"exit\"\n[bad]\nkey = 1\n");
    sandbox.git(&["commit", "-qam", "bad"]);
    let refused = sandbox.run(&["status", "--json"]).json();
    assert_eq!(refused["error"]["code"], "E-SETTINGS", "{refused}");
}

#[test]
fn hints_about_the_folder_and_its_remote_work_where_they_are_given() {
    let nowhere = Sandbox::empty();
    let failed = nowhere.run(&["status", "--json"]).exits(7).json();
    assert_eq!(failed["error"]["code"], "E-NO-REPOSITORY");
    let sandbox = Sandbox::new();
    sandbox.git(&["remote", "add", "origin", "/nonexistent/repository"]);
    sandbox.git(&["config", "branch.main.remote", "origin"]);
    sandbox.git(&["config", "branch.main.merge", "refs/heads/main"]);
    sandbox.branch("topic", "topic.txt", "x\n");
    sandbox.git(&["config", "user.name", "Ana"]);
    let failed = sandbox.run(&["queue", "run", "-j", "1", "--json"]);
    let error = failed.json()["error"].clone();
    assert_eq!(error["code"], "E-UNREACHABLE", "{failed:?}");
    assert_eq!(error["hints"][1]["command"], "git orch --offline queue run -j 1 --json");
    copied(&sandbox, "E-UNREACHABLE", &error["hints"][1]);
    let sync = sandbox.run(&["sync", "--json"]).json();
    assert_eq!(sync["error"]["code"], "E-UNREACHABLE");
    assert_eq!(
        sync["error"]["hints"].as_array().unwrap().len(),
        1,
        "there is no sync without a remote: {sync}"
    );
}

/// A person in a hurry who follows what stands below each answer, from a branch to a landing.
#[test]
fn what_comes_next_is_said_and_works() {
    let sandbox = Sandbox::new();
    add(&sandbox, "first", &[]);
    let added = sandbox
        .run(&["add", "Say more of it", "--id", "second", "--after", "first", "--json"])
        .exits(0)
        .json();
    let next: Vec<&str> = added["next"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!next.contains(&"git orch pick second"), "it is not ready: {next:?}");
    sandbox.branch("topic", "topic.txt", "x\n");
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    for (pause, words) in
        [(&["queue", "pause"][..], "paused"), (&["queue", "pause", "--below", "1"], "below priority 1")]
    {
        sandbox.run(pause).exits(0);
        let stands = sandbox.run(&["queue", "run"]).exits(4);
        assert!(stands.stdout.contains(words), "{}", stands.stdout);
        assert!(stands.stderr.contains("hint: git orch queue resume"), "{}", stands.stderr);
        sandbox.run(&["queue", "resume"]).exits(0);
    }
    sandbox.run(&["queue", "run"]).exits(0);
}

/// What an agent that fails says stands wherever a person asks, with the file that has all of it.
#[test]
fn why_an_agent_failed_is_said_everywhere() {
    let sandbox = Sandbox::new();
    add(&sandbox, "one", &[]);
    let script = sandbox.path().join("../home/agent");
    std::fs::write(
        &script,
        "#!/bin/sh\necho thinking\nprintf 'first\\nboom: \\033[31mno config\\n' >&2\nexit 3\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.git(&["config", "orch.sandbox.readable", script.parent().unwrap().to_str().unwrap()]);
    let agent = format!("implement=exec:{}", script.display());
    let ran = sandbox.run(&["run", "--agent", &agent, "--no-land"]).exits(4);
    let why = r"exec ended without a change (exit 3): boom: \u{1b}[31mno config";
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(why), "{told}");
    let shown = sandbox.run(&["show", "one"]).exits(0).stdout;
    assert!(shown.contains(why), "{shown}");
    let log = shown.lines().find_map(|line| line.strip_prefix("  log: ")).unwrap().to_owned();
    let text = std::fs::read_to_string(sandbox.path().join(&log)).unwrap();
    assert!(text.starts_with("first\nboom"), "{log}: {text}");
    let line = format!("      log: {log}\n");
    assert!(ran.stdout.contains(&line), "{}", ran.stdout);
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(status.contains(&line) && status.contains("boom:"), "{status}");
    let json = sandbox.run(&["show", "one", "--json"]).json();
    assert_eq!(json["data"]["needs"]["log"], log.as_str());
    let report = sandbox.run(&["report", "--json"]).json();
    assert_eq!(report["data"]["tasks"][0]["log"], log.as_str());
    assert!(sandbox.run(&["report"]).exits(0).stdout.contains("boom:"));
}

/// The command that shows it again still does when another change has landed that conflicts with it.
#[test]
fn what_stands_against_a_change_can_be_seen_again_later() {
    let sandbox = Sandbox::new();
    sandbox.branch("bad", "f.txt", "one\nbad\nthree\n");
    sandbox.branch("other", "f.txt", "one\nother\nthree\n");
    sandbox.run(&["queue", "add", "bad"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(4);
    let again = |ends: &str| {
        let needs = sandbox.run(&["show", "bad", "--json"]).json()["data"]["needs"].clone();
        assert_eq!(needs["reproduce"], "git orch check bad --only tests");
        let seen = sandbox.run(&["check", "bad", "--only", "tests"]).exits(3).stdout;
        assert!(seen.contains(ends), "{seen}");
    };
    again("1 worse than on main: suite");
    sandbox.run(&["queue", "add", "other"]).exits(0);
    sandbox.run(&["queue", "run"]);
    assert!(sandbox.git(&["log", "-1", "--format=%s", "main"]).contains("other"));
    again("conflicts with main in f.txt; on ");
    again("1 worse than on main: suite");
}

/// Tests that cannot even start are no riddle: the words of their command stand in the answer, and a run that could land
/// nothing for them does not end as if all were well.
#[test]
fn tests_that_give_no_result_say_why_in_their_own_words() {
    let sandbox = Sandbox::new();
    let all = "echo 'No module named nowhere' >&2; exit 1";
    sandbox.write("orch.toml", &format!("[tests]\nall = \"{all}\"\nreport = \"junit:report.xml\"\n"));
    sandbox.git(&["commit", "-qam", "tests of nobody"]);
    sandbox.branch("topic", "topic.txt", "x\n");
    let check = sandbox.run(&["check", "topic", "--only", "tests"]).exits(3);
    assert!(check.stderr.contains("No module named nowhere"), "{}", check.stderr);
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    let ran = sandbox.run(&["run", "--agent", "exec:true"]).exits(4);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("The queue stands still: ") && said.contains("No module named nowhere"), "{said}");
    assert!(ran.stderr.contains("hint: git orch queue\n"), "{}", ran.stderr);
    assert!(sandbox.run(&["report"]).exits(0).stdout.contains("The queue stands still"));
}
