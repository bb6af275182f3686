//! The queue with branches that nobody manages.

use crate::support::Sandbox;
use insta::assert_snapshot;

#[test]
fn an_adopted_branch_lands_and_the_checkout_follows() {
    let sandbox = Sandbox::new();
    sandbox.branch("feature", "g.txt", "g\n");
    let head = sandbox.git(&["rev-parse", "feature"]);
    let added = sandbox.run(&["queue", "add", "feature"]).exits(0);
    assert_eq!(added.stdout, "queued feature  Work of feature  (+1 -0)\n");
    let entry = sandbox.run(&["queue", "--json"]).exits(0).json()["data"]["entries"][0].take();
    assert_eq!((&entry["id"], &entry["phase"]), (&"feature".into(), &"waiting".into()));
    assert_eq!(sandbox.run(&["queue", "add", "feature"]).exits(0).code, 0);
    let ran = sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(ran.stdout, "landed: feature\n");
    assert!(ran.stderr.contains("      LAND         feature  main "), "{}", ran.stderr);
    assert_eq!(sandbox.git(&["rev-parse", "main^2"]), head);
    let message = sandbox.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.contains("Orch-Task: feature\n") && message.contains("Orch-Nonce: "), "{message}");
    assert!(sandbox.path().join("g.txt").exists(), "the checkout follows");
    assert_eq!(sandbox.git(&["status", "--short"]), "");
    assert_eq!(sandbox.git(&["rev-parse", "feature"]), head, "the branch is never moved");
    let task = sandbox.run(&["show", "feature", "--json"]).exits(0).json();
    assert_eq!(task["data"]["state"], "completed");
    assert!(sandbox.run(&["show", "-p", "feature"]).exits(0).stdout.contains("+g"));
    assert_eq!(sandbox.run(&["queue", "run"]).exits(0).stdout, "nothing to do\n");
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(status.contains("Done today: 1\n"), "{status}");
}

#[test]
fn a_branch_over_the_cap_or_in_conflict_is_refused_at_once() {
    let sandbox = Sandbox::new();
    sandbox.branch("big", "big.txt", &"line\n".repeat(201));
    sandbox.branch("conflict", "f.txt", "one\nTWO\nthree\n");
    sandbox.write("f.txt", "one\n2\nthree\n");
    sandbox.git(&["commit", "-q", "-a", "-m", "other"]);
    let refs = sandbox.git(&["for-each-ref"]);
    assert_snapshot!(sandbox.run(&["queue", "add", "big"]).exits(3).stderr, @r#"
    error: big: diff is 201 lines, the cap is 200 (largest: big.txt 201)
      hint: split the branch, or see the cap: git orch config explain cap.diff
      [E-TOO-BIG, exit 3]
    "#);
    assert_snapshot!(sandbox.run(&["queue", "add", "conflict"]).exits(3).stderr, @"
    error: conflict: conflicts with main in f.txt
      hint: see the conflict:          git merge-tree --write-tree --name-only main conflict
            after a merge of the base: git orch queue add conflict
      [E-CONFLICT, exit 3]
    ");
    assert_eq!(sandbox.git(&["for-each-ref"]), refs, "nothing is written");
}

#[test]
fn a_conflict_that_comes_up_in_the_queue_needs_a_person() {
    let sandbox = Sandbox::new();
    sandbox.branch("left", "f.txt", "one\nLEFT\nthree\n");
    sandbox.branch("right", "f.txt", "one\nRIGHT\nthree\n");
    sandbox.run(&["queue", "add", "left", "right"]).exits(0);
    let ran = sandbox.run(&["queue", "run", "--json"]).exits(4).json()["data"].take();
    assert_eq!((&ran["landed"][0], &ran["needs_you"][0]), (&"left".into(), &"right".into()));
    let needs = sandbox.run(&["show", "right", "--json"]).exits(0).json()["data"]["needs"].take();
    assert_eq!(needs["files"][0], "f.txt");
    let status = sandbox.run(&["status", "--json"]).exits(0).json()["data"].take();
    assert_eq!(status["needs_you"][0]["id"], "right");
}

#[test]
fn a_branch_that_makes_tests_worse_does_not_land_until_somebody_says_so() {
    let sandbox = Sandbox::new();
    sandbox.branch("worse", "f.txt", "one\nbad\nthree\n");
    sandbox.run(&["queue", "add", "worse"]).exits(0);
    let before = sandbox.git(&["rev-parse", "main"]);
    sandbox.run(&["queue", "run"]).exits(4);
    assert_eq!(sandbox.git(&["rev-parse", "main"]), before);
    assert_eq!(sandbox.run(&["show", "worse", "--json"]).json()["data"]["needs"]["kind"], "worse");
    // The one who added the branch may say so too: adding it is no proof of having written it.
    sandbox.run(&["approve", "worse", "-m", "known"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    assert_ne!(sandbox.git(&["rev-parse", "main"]), before);
}

#[test]
fn a_paused_queue_lands_nothing() {
    let sandbox = Sandbox::new();
    sandbox.branch("feature", "g.txt", "g\n");
    sandbox.run(&["queue", "add", "feature"]).exits(0);
    sandbox.run(&["queue", "pause", "-m", "release day"]).exits(0);
    assert!(sandbox.run(&["queue"]).exits(0).stdout.contains("paused: yes (release day)"));
    let ran = sandbox.run(&["queue", "run"]).exits(4);
    assert_eq!(ran.stdout, "still waiting: feature\nnothing more lands: the queue is paused\n");
    assert_eq!(sandbox.run(&["queue", "why", "feature"]).exits(0).stdout, "feature: the queue is paused\n");
    sandbox.run(&["queue", "resume"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
}

#[test]
fn a_dropped_task_leaves_the_queue() {
    let sandbox = Sandbox::new();
    sandbox.branch("feature", "g.txt", "g\n");
    sandbox.run(&["queue", "add", "feature"]).exits(0);
    sandbox.run(&["queue", "drop", "feature"]).exits(0);
    assert_eq!(sandbox.run(&["queue", "run"]).exits(0).stdout, "nothing to do\n");
    sandbox.run(&["queue", "drop", "feature"]).exits(1);
}

/// A shell completes what may be queued: open tasks and people's branches, and not the branches of tasks.
#[test]
fn the_shell_completes_tasks_and_branches_for_the_queue() {
    let sandbox = Sandbox::new();
    sandbox.branch("topic-a", "g.txt", "g\n");
    sandbox.run(&["add", "Work", "--id", "topic-b"]).exits(0);
    sandbox.run(&["pick", "topic-b"]).exits(0);
    let complete = |words: &[&str]| {
        let mut command = sandbox.orch(&[&["--", "git-orch"], words].concat());
        command.env("COMPLETE", "bash").env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_COMP_TYPE", "9");
        command.env("_CLAP_COMPLETE_INDEX", words.len().to_string()).env("_CLAP_COMPLETE_SPACE", "false");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(complete(&["queue", "add", "to"]), "topic-b\ntopic-a");
    assert_eq!(complete(&["queue", "add", "orch/"]), "");
    assert_eq!(complete(&["show", "to"]), "topic-b");
}
