//! The plain course of things, and what is refused at the door.

use super::{Field, names};

#[test]
fn scenario_01_an_empty_queue_writes_nothing() {
    let field = Field::new("true", "");
    field.sandbox.run(&["queue", "run"]).exits(0); // its own folder is made once
    let (refs, listing) = (field.refs(), super::super::scratch::listing(&field.sandbox.path()));
    assert_eq!(field.sandbox.run(&["queue", "run"]).exits(0).stdout, "nothing to do\n");
    assert_eq!(field.refs(), refs);
    let after = super::super::scratch::listing(&field.sandbox.path());
    let changed: Vec<&String> = after
        .keys()
        .filter(|name| after.get(*name) != listing.get(*name) && !name.ends_with(".lock"))
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn scenario_02_a_paused_queue_accepts_and_starts_nothing_until_resumed() {
    let field = Field::new("true", "[queue]\nbatch = 1");
    field.sandbox.run(&["queue", "pause", "-m", "release day"]).exits(0);
    field.queue(&["a", "b"]);
    field.drain(4);
    assert_eq!((field.runs().len(), field.landed().len()), (0, 0));
    field.sandbox.run(&["queue", "resume"]).exits(0);
    field.drain(0);
    assert_eq!(field.landed(), ["a", "b"]);
}

#[test]
fn scenario_03_what_lands_is_the_very_commit_that_was_tested() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    let runs = field.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0], (field.tip(), field.git(&["rev-parse", "main^{tree}"])));
    assert_eq!(field.task("a")["state"], "completed");
    let record = field.git(&["show", "refs/orch/archive:a/task.json"]);
    assert!(record.contains(&field.tip()), "the record names the commit: {record}");
}

#[test]
fn scenario_04_a_red_task_leaves_the_base_alone_and_the_next_one_goes() {
    let field = Field::new("! test -e a.txt", "[queue]\nbatch = 1");
    field.queue(&["a", "b"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["b"], vec!["a"]));
    assert!(!field.git(&["ls-tree", "--name-only", "main"]).contains("a.txt"));
    let needs = &field.task("a")["needs"];
    assert_eq!(needs["kind"], "worse");
    assert_eq!(needs["reproduce"], "git orch check a --only tests");
}

#[test]
fn scenario_05_a_green_batch_lands_in_one_ref_update_with_a_commit_each() {
    let field = Field::new("true", "");
    field.queue(&["a", "b", "c"]);
    field.drain(0);
    assert_eq!(field.runs().len(), 1);
    assert_eq!(field.landed(), ["a", "b", "c"]);
    let moves = field.git(&["reflog", "show", "--format=%gs", "main"]);
    assert_eq!(moves.lines().filter(|line| line.starts_with("orch: land")).count(), 1, "{moves}");
}

#[test]
fn scenario_09_a_conflict_with_a_task_ahead_holds_and_is_decided_with_it() {
    // The one ahead fails: the held one goes on.
    let field = Field::new("! grep -q LEFT f.txt", "");
    field.sandbox.branch("left", "f.txt", "one\nLEFT\nthree\n");
    field.sandbox.branch("right", "f.txt", "one\nRIGHT\nthree\n");
    field.add(&["left", "right"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["right"], vec!["left"]));
    assert!(field.sandbox.run(&["log", "right"]).stdout.contains("held behind left: conflict in f.txt"));
    // It lands: the held one is ejected, with the files and the other's name, and no run was spent on it.
    let field = Field::new("true", "");
    field.sandbox.branch("left", "f.txt", "one\nLEFT\nthree\n");
    field.sandbox.branch("right", "f.txt", "one\nRIGHT\nthree\n");
    field.add(&["left", "right"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["left"], vec!["right"]));
    let needs = &field.task("right")["needs"];
    assert_eq!((&needs["why"], &needs["pair"]), (&"conflicts with left in f.txt".into(), &"left".into()));
    assert_eq!(names(&needs["files"]), ["f.txt"]);
    assert_eq!(field.runs().len(), 1);
}

#[test]
fn scenario_10_a_conflict_with_the_base_is_ejected_at_once() {
    let field = Field::new("true", "");
    field.sandbox.branch("late", "f.txt", "one\nLATE\nthree\n");
    field.add(&["late"]);
    field.sandbox.write("f.txt", "one\nBASE\nthree\n");
    field.git(&["commit", "-q", "-a", "-m", "by hand"]);
    let ran = field.drain(4);
    assert_eq!(names(&ran["needs_you"]), ["late"]);
    assert_eq!(field.task("late")["needs"]["why"], "conflicts with main in f.txt");
    assert_eq!(field.runs().len(), 0, "no run was spent");
}

#[test]
fn scenario_29_a_second_approval_is_a_note_and_no_second_entry() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    field.add(&["a"]);
    let approved = field.sandbox.run(&["approve", "a", "--as", "bo", "-m", "me too"]).exits(0);
    assert_eq!(approved.stdout, "approved a: it was approved already; your note is kept\n");
    let queue = field.sandbox.run(&["queue", "--json"]).exits(0).json();
    assert_eq!(queue["data"]["entries"].as_array().unwrap().len(), 1);
    field.drain(0);
    assert!(field.git(&["log", "-1", "--format=%B", "main"]).contains("Orch-Approved-By: Ana"));
    assert!(field.sandbox.run(&["log", "a"]).stdout.contains("approved by bo: me too"));
}

#[test]
fn scenario_36_what_landed_elsewhere_goes_without_noise_and_never_twice() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    let queued = field.refs();
    field.git(&["merge", "-q", "--no-ff", "-m", "by hand", "a"]);
    assert_eq!(names(&field.drain(0)["landed"]).len(), 2);
    assert_eq!(field.landed(), ["b"], "a is there by hand");
    // The record says "open" again, after it landed.
    let tip = field.tip();
    field.forget_since(&queued);
    field.drain(0);
    assert_eq!(field.tip(), tip, "nothing lands twice");
    assert_eq!(field.sandbox.run(&["queue", "add", "b"]).exits(3).code, 3, "it has no change any more");
}

#[test]
fn scenario_38_what_becomes_empty_is_done_without_a_commit() {
    let field = Field::new("true", "");
    field.sandbox.branch("one", "same.txt", "same\n");
    field.sandbox.branch("two", "same.txt", "same\n");
    field.add(&["one", "two"]);
    field.drain(0);
    assert_eq!(field.landed(), ["one"]);
    assert_eq!(field.task("two")["state"], "completed");
}

#[test]
fn scenario_40_a_cycle_is_refused_and_shown() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    field.sandbox.run(&["edit", "b", "--after", "a"]).exits(0);
    let refused = field.sandbox.run(&["edit", "a", "--after", "b"]).exits(2);
    assert!(refused.stderr.contains("dependency cycle: a -> b -> a"), "{}", refused.stderr);
}

#[test]
fn scenario_43_a_change_of_what_all_rest_on_lands_alone() {
    let field = Field::new("true", "shared = [\"lock.txt\"]");
    field.sandbox.branch("deps", "lock.txt", "1\n");
    field.queue(&["a", "b"]);
    field.add(&["deps"]);
    field.sandbox.branch("c", "c.txt", "c\n");
    field.add(&["c"]);
    field.drain(0);
    let alone = field.git(&["log", "--first-parent", "--format=%H", "--grep=Orch-Task: deps", "main"]);
    let runs = field.runs();
    // Whatever is below it in the chain was tested by itself before: its own run is about nothing else.
    let at =
        runs.iter().position(|(commit, _)| *commit == alone).expect("it was tested as the last of its chain");
    let before = field.git(&["rev-parse", &format!("{alone}^1")]);
    assert!(at == 0 || runs[..at].iter().any(|(commit, _)| *commit == before), "{runs:?}");
    assert_eq!(field.landed().len(), 4);
}
