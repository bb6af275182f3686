//! `undo` brings a task back to what it was, whatever was done to it.

use super::kill_support::Place;
use super::support::Sandbox;
use serde_json::Value;
use std::path::Path;

/// The task as it is shown, without what every event changes: when, and how often it was held.
fn shown(place: &Place, dir: &Path) -> Value {
    let mut task = place.data(dir, &["show", "t-x", "--json"]);
    for key in ["since", "timeline"] {
        task.as_object_mut().unwrap().remove(key);
    }
    task
}

#[test]
fn undo_takes_back_each_step() {
    let place = Place::new();
    let dir = place.repository("one", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    place.data(&dir, &["add", "Some work", "--id", "t-x", "--paths", "src", "--json"]);
    let steps: [&[&str]; 5] = [
        &["edit", "t-x", "--title", "Other work", "--priority", "0", "--json"],
        &["pick", "t-x", "--json"],
        &["stop", "t-x", "--json"],
        &["edit", "t-x", "--paths", "lib", "--json"],
        &["stop", "t-x", "--abandon", "--json"],
    ];
    for step in steps {
        let before = shown(&place, &dir);
        place.data(&dir, step);
        assert_ne!(shown(&place, &dir), before, "{step:?} changes something");
        place.data(&dir, &["undo", "--json"]);
        assert_eq!(shown(&place, &dir), before, "{step:?}");
    }
    assert!(!dir.join(".worktrees/t-x").exists());
    place.assert_sound(&dir);
}

#[test]
fn undo_takes_back_the_last_of_several_in_one_second() {
    let place = Place::new();
    let dir = place.repository("one", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    for id in ["t-x", "t-y"] {
        place.data(&dir, &["add", "Some work", "--id", id, "--json"]);
    }
    let before = shown(&place, &dir);
    place.data(&dir, &["edit", "t-y", "--title", "Other", "--json"]);
    place.data(&dir, &["edit", "t-x", "--title", "Other", "--json"]);
    place.data(&dir, &["undo", "--json"]);
    assert_eq!(shown(&place, &dir), before);
}

#[test]
fn undo_of_an_added_task_gives_it_up() {
    let place = Place::new();
    let dir = place.repository("one", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    place.data(&dir, &["add", "Some work", "--id", "t-x", "--json"]);
    place.data(&dir, &["undo", "--json"]);
    assert_eq!(shown(&place, &dir)["state"], "cancelled");
    assert_eq!(place.git(&dir, &["for-each-ref", "refs/orch/tasks"]), "");
    place.assert_sound(&dir);
}

#[test]
fn undo_again_goes_further_back() {
    let place = Place::new();
    let dir = place.repository("one", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    for id in ["t-x", "t-y"] {
        place.data(&dir, &["add", "Some work", "--id", id, "--json"]);
    }
    for id in ["t-y", "t-x"] {
        place.data(&dir, &["undo", "--json"]);
        assert_eq!(place.data(&dir, &["show", id, "--json"])["state"], "cancelled");
    }
    let nothing = place.orch(&dir, &["undo"]);
    assert_eq!(nothing.code, Some(1), "{}", nothing.err);
}

#[test]
fn undo_reaches_behind_no_landing_and_takes_no_work_along() {
    let place = Place::new();
    let dir = place.repository("one", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    place.data(&dir, &["add", "Some work", "--id", "t-x", "--json"]);
    place.queued(&dir, "lands");
    place.data(&dir, &["queue", "run", "--json"]);
    let refused = place.orch(&dir, &["undo"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("lands has landed"), "{}", refused.err);
    assert_eq!(shown(&place, &dir)["state"], "pending");
    // Somebody works on it by now: to undo its adding would take that along.
    let added = place.git(&dir, &["log", "-1", "--format=%H", "refs/orch/tasks/t-x"]);
    place.data(&dir, &["pick", "t-x", "--as", "somebody", "--json"]);
    let refused = place.orch(&dir, &["undo", added.trim()]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("t-x went on since"), "{}", refused.err);
}

/// Whoever types `undo` after a run does not mean what they had added before it.
#[test]
fn undo_after_a_run_asks_for_the_name_of_an_older_step() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Say one in a file", "--id", "one"]).exits(0);
    sandbox.run(&["add", "Say two in a file", "--id", "two"]).exits(0);
    sandbox.run(&["run", "one", "--no-land", "--agent", "implement=exec:echo one > one.txt"]).exits(4);
    let refused = sandbox.run(&["undo"]).exits(1).stderr;
    assert!(refused.contains("what happened last was no step of yours (one: "), "{refused}");
    assert_eq!(sandbox.run(&["show", "two", "--json"]).exits(0).json()["data"]["state"], "pending");
    let named = refused.split("git orch undo ").nth(1).unwrap().split_whitespace().next().unwrap();
    sandbox.run(&["undo", named]).exits(0);
    assert_eq!(sandbox.run(&["show", "two", "--json"]).exits(0).json()["data"]["state"], "cancelled");
}

#[test]
fn undo_of_an_abandon_brings_the_work_back() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Say one in a file", "--id", "one"]).exits(0);
    let run = |agent: &str| sandbox.run(&["run", "--no-land", "--agent", agent]).exits(4);
    run("implement=exec:echo one > one.txt");
    sandbox.run(&["stop", "one", "--abandon"]).exits(0);
    assert_eq!(sandbox.git(&["for-each-ref", "refs/heads/orch"]), "");
    sandbox.run(&["undo"]).exits(0);
    sandbox.run(&["reject", "one", "-m", "also two", "--as", "ben"]).exits(0);
    run("implement=exec:echo two > two.txt");
    sandbox.run(&["approve", "one", "--as", "ben"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(sandbox.git(&["ls-tree", "--name-only", "main"]), "f.txt\none.txt\norch.toml\ntwo.txt");
}

#[test]
fn what_is_taken_back_is_not_finished_any_more() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "Say one in a file", "--id", "one"]).exits(0);
    let nothing = sandbox.run(&["log", "--since", "2099-01-01"]).exits(0).stdout;
    assert_eq!(nothing, "Nothing has happened since 2099-01-01.\n");
    sandbox.run(&["stop", "one", "--abandon"]).exits(0);
    let finished = || sandbox.run(&["status", "-a", "--json"]).exits(0).json()["data"]["finished"].take();
    assert_eq!(finished(), serde_json::json!(["one"]));
    sandbox.run(&["undo"]).exits(0);
    assert_eq!(finished(), serde_json::json!([]));
}
