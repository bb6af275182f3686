//! Tasks: add, edit, pick, approve, reject, stop, show, status, log.

use crate::support::Sandbox;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn an_added_task_is_shown_by_status_show_and_log() {
    let sandbox = Sandbox::new();
    let added = sandbox.run(&["add", "Add retry", "--id", "retry", "-p", "1", "--paths", "src/**"]).exits(0);
    assert_snapshot!(added.stdout, @"added retry  Add retry  (priority 1, paths src/**)");
    assert_snapshot!(added.stderr, @"
    hint: git orch run
    hint: git orch pick retry
    ");
    let status = sandbox.run(&["status"]).exits(0);
    assert!(status.stdout.contains("Ready (1)   retry p1"), "{}", status.stdout);
    assert!(sandbox.run(&["show", "ret"]).exits(0).stdout.starts_with("retry  Add retry   READY since"));
    assert!(sandbox.run(&["log", "--oneline"]).exits(0).stdout.ends_with("retry: added by Ana: Add retry\n"));
    assert_eq!(sandbox.run(&["status", "--short"]).exits(0).stdout, "orch 0>\n");
}

#[test]
fn a_task_as_json_has_the_documented_fields() {
    let sandbox = Sandbox::new();
    let answer = sandbox.run(&["add", "Esc \u{1b}[31m \u{202e}x", "--id", "esc", "--json"]).exits(0);
    assert!(!answer.stdout.contains(['\u{1b}', '\u{202e}']));
    let answer = answer.json();
    assert_eq!(answer["schema"], "git-orch/task@1");
    assert_eq!(answer["data"]["title"], "Esc \\u{1b}[31m \\u{202e}x");
    assert_snapshot!(fields(&answer["data"]).join(" "), @"adopted after base branch changelog column cost_usd created_at diff domain head id landed needs owner paths priority since spec state tier title tokens tries_max try worktree");
    let mut shown = sandbox.run(&["show", "esc", "--json"]).exits(0).json()["data"].take();
    assert_eq!(shown["reviews"], json!([]));
    assert_snapshot!(fields(&shown["timeline"][0]).join(" "), @"at what");
    for more in ["reviews", "timeline"] {
        shown.as_object_mut().unwrap().remove(more);
    }
    assert_eq!(shown, answer["data"]);
    let status = sandbox.run(&["status", "--json"]).exits(0).json();
    assert_snapshot!(fields(&status["data"]).join(" "), @"below broken capacity done_today finished main needs_you paused queue ready run stands stopped tasks worktree_gone");
    assert_eq!(status["data"]["tasks"][0]["id"], "esc");
    let queue = sandbox.run(&["queue", "--json"]).exits(0).json();
    assert_snapshot!(fields(&queue["data"]).join(" "), @"base below entries paused stands stopped");
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.branch("feature", "g.txt", "g\n");
    let refs = sandbox.git(&["for-each-ref"]);
    assert!(sandbox.run(&["add", "x", "-n"]).exits(0).stdout.starts_with("would add t-"));
    sandbox.run(&["queue", "add", "feature", "-n"]).exits(0);
    sandbox.run(&["queue", "run", "-n"]).exits(0);
    sandbox.run(&["queue", "pause", "-n"]).exits(0);
    sandbox.run(&["config", "set", "run.jobs", "2", "-n"]).exits(0);
    assert_eq!(sandbox.git(&["for-each-ref"]), refs);
    assert!(!sandbox.path().join(".worktrees").exists());
}

#[test]
fn a_spec_from_a_file_names_its_title() {
    let sandbox = Sandbox::new();
    sandbox.write("task.md", "intro\n\n# Move the lexer\n\nInto a file of its own.\n");
    let task = sandbox.run(&["add", "-F", "task.md", "--json"]).exits(0).json();
    assert_eq!(task["data"]["title"], "Move the lexer");
    assert!(task["data"]["spec"].as_str().unwrap().ends_with("Into a file of its own.\n"));
}

#[test]
fn edit_says_what_is_different() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    sandbox.run(&["add", "Two", "--id", "two", "--after", "one"]).exits(0);
    sandbox.write("spec.md", "new spec\n");
    let edited =
        sandbox.run(&["edit", "two", "--title", "Second", "-p", "0", "--after", "", "-F", "spec.md"]);
    assert_snapshot!(edited.exits(0).stdout, @"
    changed two
      title: Two -> Second
      priority: 2 -> 0
      after: one -> none
      @@ -0,0 +1 @@
      +new spec
    ");
    sandbox.run(&["edit", "two", "--after", "one"]).exits(0);
    let cycle = sandbox.run(&["edit", "one", "--after", "two"]).exits(2);
    assert!(cycle.stderr.starts_with("error: dependency cycle: one -> two -> one\n"), "{}", cycle.stderr);
    sandbox.run(&["edit", "one"]).exits(2);
}

#[test]
fn pick_gives_a_worktree_and_a_contract_and_nobody_else_gets_the_task() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one", "--paths", "src/**"]).exits(0);
    sandbox.run(&["add", "Two", "--id", "two", "--after", "one"]).exits(0);
    let picked = sandbox.run(&["pick", "--json"]).exits(0).json()["data"].take();
    assert_eq!(picked["task"]["id"], "one");
    assert_eq!(picked["branch"], "orch/one");
    assert_eq!(picked["worktree"], sandbox.path().join(".worktrees/one").to_str().unwrap());
    let contract = &picked["contract"];
    assert_snapshot!(fields(contract).join(" "), @r"base boundaries evidence limits objective output parts paths");
    assert_snapshot!(fields(&contract["parts"]).join(" "), @"acceptance boundaries objective output_format sources tools");
    assert_eq!(contract["objective"], json!({"title": "One", "spec": ""}));
    assert_eq!(contract["limits"]["diff"], 200);
    assert_eq!(sandbox.git(&["status", "--short"]), "", "worktrees are ignored");
    let other = sandbox.run(&["pick", "one", "--as", "Bob"]).exits(6);
    assert!(other.stderr.starts_with("error: one is already claimed\n"), "{}", other.stderr);
    let none = sandbox.run(&["pick", "--as", "Bob"]).exits(8);
    assert!(
        none.stderr.contains("no task is ready (1 blocked)\n  because: two waits for one\n"),
        "{}",
        none.stderr
    );
    sandbox.run(&["pick", "two"]).exits(8);
    sandbox.run_in(&sandbox.path().join(".worktrees/one"), &["pick", "--release"]).exits(0);
    let path = sandbox.run(&["pick", "--as", "Bob", "--path"]).exits(0);
    assert_eq!(path.stdout.trim_end(), picked["worktree"].as_str().unwrap());
}

#[test]
fn pick_explains_itself() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one", "-p", "3"]).exits(0);
    sandbox.run(&["add", "Two", "--id", "two", "-p", "1"]).exits(0);
    let would = sandbox.run(&["pick", "--explain", "-n"]).exits(0).stdout;
    assert!(would.starts_with("would pick two  Two\n  why two: number 1 of 2 ready, priority 1"), "{would}");
    assert!(would.contains("also ready: one  priority 3"), "{would}");
}

#[test]
fn a_stopped_task_waits_for_its_person() {
    let sandbox = Sandbox::new();
    sandbox.run(&["approve"]).exits(8);
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    sandbox.run(&["stop", "one", "-m", "not now"]).exits(0);
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(status.contains("Needs you (1)   git orch show TASK\n  ! one"), "{status}");
    assert_eq!(sandbox.run(&["show", "one", "--json"]).json()["data"]["needs"]["kind"], "held");
    sandbox.run(&["approve", "--no-input"]).exits(0);
    assert_eq!(sandbox.run(&["show", "one", "--json"]).json()["data"]["state"], "pending");
    sandbox.run(&["stop", "one", "--abandon"]).exits(0);
    assert_eq!(sandbox.run(&["show", "one", "--json"]).json()["data"]["state"], "cancelled");
    sandbox.run(&["approve", "one"]).exits(1);
}

#[test]
fn several_are_approved_at_once_or_none_of_them() {
    let sandbox = Sandbox::new();
    let state = |id: &str| sandbox.run(&["show", id, "--json"]).json()["data"]["state"].clone();
    for id in ["one", "two"] {
        sandbox.run(&["add", "Say hello", "--id", id, "--draft"]).exits(0);
    }
    sandbox.run(&["add", "Say it aloud", "--id", "three"]).exits(0);
    assert!(sandbox.run(&["show", "one"]).stdout.contains("DRAFT since"));
    sandbox.run(&["add", "Say it later", "--id", "later", "--after", "one"]).exits(0);
    let later = sandbox.run(&["show", "later"]).exits(0).stdout;
    assert!(later.contains("WAITING since") && later.contains("\nwaits for one\n"), "{later}");
    assert!(!later.contains("git orch pick"), "it cannot be picked: {later}");
    let status = sandbox.run(&["status"]).stdout;
    assert!(status.contains("Drafts (2)   one, two\n"), "{status}");
    sandbox.run(&["approve", "one", "three", "two"]).exits(1);
    sandbox.run(&["approve", "one", "nobody"]).exits(2);
    sandbox.run(&["approve", "one", "two", "--head", "HEAD"]).exits(2);
    assert_eq!(state("one"), "in-planning", "nothing was changed");
    let approved = sandbox.run(&["approve", "one", "two"]).exits(0);
    assert_snapshot!(approved.stdout, @r"
    approved one: now ready to be picked
    approved two: now ready to be picked
    ");
    assert_eq!([state("one"), state("two")], ["pending", "pending"]);
}

#[test]
fn a_run_that_does_nothing_leaves_no_report() {
    let sandbox = Sandbox::new();
    let runs = || sandbox.git(&["for-each-ref", "refs/orch/runs"]);
    let ran = sandbox.run(&["run", "--agent", "exec:true"]).exits(0);
    assert_eq!((ran.stdout.as_str(), runs().as_str()), ("nothing to do: no task is open\n", ""));
    assert!(!ran.stderr.contains("git orch report"), "{}", ran.stderr);
    sandbox.run(&["add", "Say hello", "--id", "one"]).exits(0);
    let idle = sandbox.run(&["run"]).exits(8);
    assert_eq!(idle.stdout, "1 task waits for an agent, and none is set\n");
    assert_eq!(runs(), "", "nobody was there to do it");
    sandbox.run(&["run", "--agent", "implement=exec:true", "--no-land"]).exits(4);
    assert_eq!(runs().lines().count(), 1);
    sandbox.run(&["run", "--agent", "implement=exec:true", "--no-land"]).exits(4);
    assert_eq!(runs().lines().count(), 1, "it still waits for its person");
    // What waits for something that was given up is said, and is nobody's work.
    sandbox.run(&["add", "Say it later", "--id", "later", "--after", "one"]).exits(0);
    sandbox.run(&["stop", "one", "--abandon"]).exits(0);
    let left = sandbox.run(&["run"]).exits(0).stdout;
    assert!(left.contains("waits for one, which will never land"), "{left}");
}

#[test]
fn approve_wants_to_know_which_of_several() {
    let sandbox = Sandbox::new();
    for id in ["one", "two"] {
        sandbox.run(&["add", id, "--id", id]).exits(0);
        sandbox.run(&["stop", id]).exits(0);
    }
    let which = sandbox.run(&["approve"]).exits(2);
    assert_snapshot!(which.stderr, @"
    error: 2 tasks wait for a person: say which
      hint: look: git orch show one
            look: git orch show two
      [E-SAY-WHICH, exit 2]
    ");
    assert_snapshot!(sandbox.run(&["reject", "one"]).exits(2).stderr, @r#"
    error: a rejection needs a reason
      hint: say what must change: git orch reject one -m "what must change"
      [E-USAGE, exit 2]
    "#);
}

#[test]
fn stop_without_a_task_is_for_a_run_that_goes_on() {
    let sandbox = Sandbox::new();
    let stopped = sandbox.run(&["stop"]).exits(0);
    assert_eq!(stopped.stdout, "no run goes on in this clone\n");
    assert!(!sandbox.path().join(".git/orch/stop").exists(), "the next run is not asked");
}

#[test]
fn config_sets_gets_and_explains() {
    let sandbox = Sandbox::new();
    sandbox.run(&["config", "set", "cap.binary_mb", "3"]).exits(0);
    assert_eq!(sandbox.git(&["config", "orch.cap.binary-mb"]), "3");
    assert_eq!(sandbox.run(&["config", "get", "cap.binary_mb"]).exits(0).stdout, "3 MB\n".replace(" MB", ""));
    let bad = sandbox.run(&["config", "set", "cap.diff", "-1"]);
    assert_eq!(bad.code, 2, "{}", bad.stderr);
    let unknown = sandbox.run(&["config", "get", "cap.dif"]).exits(2);
    assert!(unknown.stderr.contains("did you mean 'cap.diff'?"), "{}", unknown.stderr);
}

#[test]
fn verbose_prints_each_command() {
    let sandbox = Sandbox::new();
    sandbox.branch("feature", "g.txt", "g\n");
    let ran = sandbox.run(&["-v", "queue", "add", "feature"]).exits(0);
    assert!(ran.stderr.lines().any(|line| line.starts_with("+ git ")), "{}", ran.stderr);
}

#[test]
fn an_agent_cannot_act_as_the_person_whose_identity_it_has() {
    let sandbox = Sandbox::new();
    sandbox.branch("feature", "g.txt", "g\n");
    let inside = ("GIT_ORCH_TASK", "t-1");
    for args in [&["queue", "add", "feature"][..], &["queue", "run"], &["approve", "x"]] {
        let ran = sandbox.run_with(inside, args).exits(2);
        assert!(ran.stderr.contains("[E-INSIDE-AGENT, exit 2]"), "{}", ran.stderr);
    }
    sandbox.run_with(inside, &["status"]).exits(0);
}

#[test]
fn a_dry_pick_says_what_a_pick_would_say() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Write the parser", "--id", "t-1"]).exits(0);
    sandbox.run(&["add", "Document it", "--id", "t-2", "--after", "t-1"]).exits(0);
    let (dry, real) = (sandbox.run(&["pick", "t-2", "-n"]), sandbox.run(&["pick", "t-2"]));
    assert_eq!(dry.stderr, real.stderr);
    assert!(dry.exits(8).stderr.contains("waits for t-1") && real.exits(8).stdout.is_empty());
    assert!(sandbox.run(&["pick", "t-1", "-n"]).exits(0).stdout.starts_with("would pick t-1"));
}
