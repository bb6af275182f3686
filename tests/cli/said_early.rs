//! What is said before anything was paid for or lost, and in words that lead on.

use crate::support::Sandbox;

fn settings(sandbox: &Sandbox, text: &str) {
    sandbox.write("orch.toml", text);
    sandbox.git(&["commit", "-q", "-am", "settings"]);
}

#[test]
fn tests_that_cannot_start_are_found_before_any_agent_is_paid() {
    let sandbox = Sandbox::new();
    settings(&sandbox, "[tests]\nall = \"nonexistent-cmd --all\"\nreport = \"exit\"\n");
    let told = sandbox.run(&["doctor"]).exits(7).stdout;
    assert!(told.contains("tests.all starts nonexistent-cmd, which is not found in PATH"), "{told}");
    sandbox.run(&["add", "Do it", "--id", "one"]).exits(0);
    let agent = "implement=exec:touch paid && echo x > x.txt";
    let refused = sandbox.run(&["run", "--agent", agent]).exits(7);
    assert!(refused.stderr.contains("so nothing could land"), "{refused:?}");
    assert_eq!(sandbox.run(&["show", "one", "--json"]).json()["data"]["state"], "pending");
    // Whoever lands nothing needs no tests.
    sandbox.run(&["run", "--no-land", "--agent", agent]);
    assert_ne!(sandbox.run(&["show", "one", "--json"]).json()["data"]["state"], "pending");
}

#[test]
fn a_night_runs_the_tests_of_main_once_before_it_starts() {
    let sandbox = Sandbox::new();
    settings(&sandbox, "[tests]\nall = \"sh -c 'nonexistent-cmd'\"\nreport = \"exit\"\n");
    sandbox.run(&["add", "Do it", "--id", "one"]).exits(0);
    let night = ["run", "--for", "1m", "--agent", "implement=exec:echo x > x.txt"];
    let refused = sandbox.run(&night).exits(7);
    assert!(refused.stderr.contains("the tests of main itself give no result that counts"), "{refused:?}");
    assert_eq!(sandbox.run(&["show", "one", "--json"]).json()["data"]["state"], "pending");
    settings(&sandbox, "[tests]\nall = \"echo run >> ../../runs.log\"\nreport = \"exit\"\n");
    let started = sandbox.run(&night);
    assert_ne!(started.code, 7, "{started:?}");
}

#[test]
fn doctor_reads_a_list_of_agents_and_the_prompts() {
    let sandbox = Sandbox::new();
    let agents = "[agents]\nimplement = \"api, ui\"\n[agent.api]\nextends = \"exec\"\n";
    let tests = "[tests]\nall = \"! grep -q bad f.txt\"\nreport = \"exit\"\n";
    let agents = agents.replace(
        "extends = \"exec\"\n",
        "argv = [\"sh\", \"-c\", \"true\"]\n[agent.ui]\nargv = [\"sh\", \"-c\", \"true\"]\n",
    );
    settings(&sandbox, &format!("{tests}{agents}"));
    let found = |what: &str| {
        let checks = sandbox.run(&["doctor", "--json"]).json()["data"].clone();
        checks.as_array().unwrap().iter().filter(|check| check["check"] == what).cloned().collect::<Vec<_>>()
    };
    assert_eq!(found("agents")[0]["ok"], true, "{:?}", found("agents"));
    assert_eq!(found("prompt").len(), 0);
    std::fs::create_dir_all(sandbox.path().join("prompts")).unwrap();
    sandbox.write("prompts/implement.md", "Do {{ nothing_of_that_name }}\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "prompt"]);
    assert_eq!(found("prompt")[0]["ok"], false, "{:?}", found("prompt"));
}

#[test]
fn init_proposes_what_can_run() {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.write("setup.py", "from setuptools import setup\nsetup(name='x')\n");
    // A machine with a Python that has no pytest.
    let bin = sandbox.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let python = bin.join("python3");
    std::fs::write(&python, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let proposed = sandbox.run_with(("PATH", &path), &["init", "--dry-run"]).exits(0).stdout;
    assert!(proposed.contains("unittest tests"), "{proposed}");
    sandbox.write("setup.cfg", "[tool:pytest]\n");
    let proposed = sandbox.run_with(("PATH", &path), &["init", "--dry-run"]).exits(0).stdout;
    assert!(proposed.contains("pytest tests"), "{proposed}");
    sandbox.write("orch.toml", "[tests]\nall = \"make check\"\n");
    let proposed = sandbox.run(&["init", "--dry-run"]).exits(0).stdout;
    assert!(proposed.contains("tests by make check"), "{proposed}");
}

#[test]
fn a_branch_that_moved_in_the_queue_is_added_again_as_it_is_and_named_so() {
    let sandbox = Sandbox::new();
    sandbox.branch("topic", "a.txt", "old words\n");
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    sandbox.git(&["switch", "-q", "topic"]);
    sandbox.write("a.txt", "new words\n");
    sandbox.git(&["commit", "-q", "-a", "--amend", "-m", "Comment three"]);
    sandbox.git(&["switch", "-q", "main"]);
    sandbox.run(&["queue", "run"]);
    let shown = sandbox.run(&["show", "topic"]).exits(0).stdout;
    assert!(shown.contains("git orch queue add topic"), "{shown}");
    assert!(!shown.contains("git orch approve"), "{shown}");
    let patch = sandbox.run(&["show", "-p", "topic"]).exits(0).stdout;
    assert!(patch.contains("+new words") && !patch.contains("old words"), "{patch}");
    let moved = sandbox.run(&["approve", "topic"]);
    assert!(moved.stderr.contains("git orch show topic"), "{moved:?}");
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    let landed = sandbox.git(&["log", "-1", "--format=%s", "main"]);
    assert!(landed.contains("Comment three") && !landed.contains("Work of topic"), "{landed}");
}

#[test]
fn a_title_that_a_person_gave_stays() {
    let sandbox = Sandbox::new();
    sandbox.branch("topic", "a.txt", "old words\n");
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    sandbox.run(&["edit", "topic", "--title", "Named by Ana"]).exits(0);
    sandbox.git(&["switch", "-q", "topic"]);
    sandbox.git(&["commit", "-q", "--amend", "-m", "Comment three"]);
    sandbox.git(&["switch", "-q", "main"]);
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    assert_eq!(sandbox.run(&["show", "topic", "--json"]).json()["data"]["title"], "Named by Ana");
}

#[test]
fn small_words_that_lead_on() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "First", "--id", "first"]).exits(0);
    let spec: String = (0..9).map(|at| format!("line {at}\n")).collect();
    sandbox.write("spec.md", &spec);
    let paths = "lib/**,docs/{a,b}.md";
    sandbox
        .run(&["add", "Second", "-F", "spec.md", "--id", "second", "--after", "first", "--paths", paths])
        .exits(0);
    let task = sandbox.run(&["show", "second", "--json"]).json()["data"].clone();
    assert_eq!(task["paths"], serde_json::json!(["lib/**", "docs/{a,b}.md"]));
    let several = sandbox.run(&["add", "Third", "--paths", "lib/** docs/*.md"]).exits(2).stderr;
    assert!(several.contains("write commas between several"), "{several}");
    sandbox.run(&["edit", "first", "--paths", "a/*,b/*"]).exits(0);
    sandbox.run(&["edit", "first", "--paths", ""]).exits(0);
    assert_eq!(sandbox.run(&["show", "first", "--json"]).json()["data"]["paths"], serde_json::json!([]));
    let why = sandbox.run(&["queue", "why", "second"]).exits(0).stdout;
    assert!(why.contains("second: not in the queue: it waits for first"), "{why}");
    let shown = sandbox.run(&["show", "second"]).exits(0).stdout;
    assert!(shown.contains("3 more lines: git orch show --spec second"), "{shown}");
    assert_eq!(sandbox.run(&["show", "--spec", "second"]).exits(0).stdout, spec);
    assert!(sandbox.run(&["queue", "pause", "-n"]).exits(0).stdout.contains("would be paused"));
    assert!(sandbox.run(&["queue", "resume", "-n"]).exits(0).stdout.contains("would go on"));
    let mode = sandbox.run(&["config", "explain", "queue.mode"]).exits(0).stdout;
    assert!(mode.contains("one of: merge, squash, rebase"), "{mode}");
}

/// A landing removes the task's worktree, and somebody may stand in it.
#[test]
fn a_folder_that_is_gone_is_said_to_be_gone() {
    let sandbox = Sandbox::new();
    let gone = |folder: &str, args: &str| {
        let script = format!("mkdir -p {folder} && cd {folder} && rmdir \"$PWD\" && exec \"$0\" {args}");
        let mut command = sandbox.command("sh", &sandbox.path());
        let ran = command.args(["-c", &script, env!("CARGO_BIN_EXE_git-orch")]).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap())
    };
    let main = format!("cd {}\n", sandbox.path().display());
    for args in ["status", "init", "run"] {
        let (code, said) = gone(".worktrees/t1", args);
        assert_eq!(code, Some(7), "{args}: {said}");
        let says = "the folder that you are in is gone: the worktree of a task that has landed?\n";
        assert!(said.contains(says) && said.contains(&main), "{args}: {said}");
    }
    let (code, said) = gone("folder", "status");
    assert_eq!(code, Some(7), "{said}");
    assert!(
        said.contains("error: the folder that you are in is gone\n") && said.contains("cd ..\n"),
        "{said}"
    );
    let (_, said) = gone(".worktrees/t1", "doctor");
    assert!(said.contains("the folder that you are in is gone"), "{said}");
    // What needs no repository is answered all the same.
    assert_eq!(gone(".worktrees/t1", "show E-BARE").0, Some(0));
}
