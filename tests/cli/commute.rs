//! `queue.land = "commute"`: a green change lands past what landed meanwhile, where both touch nothing in common, and the
//! base is tested as a whole afterwards (K6).

use serde_json::Value;

use crate::scenarios::{Field, names};
use crate::support::Ran;

/// Tests that wait until they may go on, then look; a change whose run is under way while a person commits on main.
fn overtaken(look: &str, settings: &str, path: &str) -> (Field, Value, i32) {
    overtaken_with(&[], look, settings, path)
}

fn overtaken_with(args: &[&str], look: &str, settings: &str, path: &str) -> (Field, Value, i32) {
    let tests = format!("while ! test -e {{place}}/go; do sleep 0.05; done; {look}");
    let field = Field::new(&tests, settings);
    field.sandbox.write("a.txt", &"line\n".repeat(9));
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "--amend", "--no-edit"]);
    field.sandbox.branch("a", "a.txt", &format!("{}end\n", "line\n".repeat(9)));
    field.add(&["a"]);
    let queue = field.start(args, 1);
    field.sandbox.write(path, &format!("begin\n{}", "line\n".repeat(9)));
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "-m", "by hand"]);
    field.put("go");
    let ran = Ran::end_of(queue);
    let (code, mut json) = (ran.code, ran.json());
    (field, json["data"].take(), code)
}

const COMMUTE: &str = "[queue]\nland = \"commute\"\njobs = 2";

#[test]
fn what_touches_nothing_in_common_lands_without_a_second_run_and_then_main_is_tested() {
    let (field, ran, code) = overtaken("true", COMMUTE, "p.txt");
    assert_eq!((names(&ran["landed"]), code), (vec!["a"], 0));
    let runs = field.runs();
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert_eq!(runs[1].0, field.tip(), "the second is of main");
    // Once is enough: nothing new is there to be looked at.
    field.drain(0);
    assert_eq!(field.runs().len(), 2);
    // By default exactly what lands is tested.
    let (field, ran, _) = overtaken("true", "[queue]\njobs = 2", "p.txt");
    assert_eq!(names(&ran["landed"]), ["a"]);
    let runs = field.runs();
    assert_eq!((runs.len(), &runs[1].0), (2, &field.tip()));
}

#[test]
fn what_touches_the_same_file_is_tested_again() {
    let (field, ran, code) = overtaken("true", COMMUTE, "a.txt");
    assert_eq!((names(&ran["landed"]), code), (vec!["a"], 0));
    let text = field.sandbox.git(&["show", "main:a.txt"]);
    assert!(text.starts_with("begin\n") && text.ends_with("end"), "{text}");
    assert!(field.runs().iter().any(|(commit, _)| *commit == field.tip()), "{:?}", field.runs());
}

#[test]
fn the_queue_stops_where_main_shows_that_they_do_not_go_together() {
    let both = "! { grep -q end a.txt && test -e p.txt; }";
    let (field, ran, code) = overtaken(both, COMMUTE, "p.txt");
    assert_eq!((names(&ran["landed"]), code), (vec!["a"], 4));
    let why = ran["stands"].as_str().unwrap();
    assert!(
        why.starts_with("stopped: main fails since a landed, tested without each other or what was pushed: "),
        "{why}"
    );
    // A red of main is repeated before anybody is told.
    assert_eq!(field.runs().len(), 3);
    field.queue(&["b"]);
    field.drain(4);
    assert_eq!(field.landed(), ["a"], "nothing lands on it before somebody looked");
    field.sandbox.run(&["approve", "queue"]).exits(0);
    field.git(&["revert", "--no-edit", "-m", "1", "HEAD"]);
    field.drain(0);
    assert_eq!(field.landed(), ["a", "b"]);
}

/// What ends the tests before they answer is no reason to go on as if nothing was.
#[test]
fn the_queue_stops_where_main_gives_no_result_any_more() {
    let both = "if grep -q end a.txt && test -e p.txt; then kill -9 $$; fi";
    let (field, ran, code) = overtaken(both, COMMUTE, "p.txt");
    assert_eq!((names(&ran["landed"]), code), (vec!["a"], 4));
    let stopped = || field.sandbox.run(&["queue", "--json"]).json()["data"]["stopped"].take();
    let why = stopped();
    let says =
        "the tests of main give no result since a landed, tested without each other or what was pushed: ";
    assert!(why[0]["why"].as_str().unwrap_or_default().starts_with(says), "{why}");
    field.queue(&["b"]);
    field.drain(4);
    assert_eq!(field.landed(), ["a"]);
    // Whoever looked lets it go on, once.
    field.sandbox.run(&["approve", "queue"]).exits(0);
    assert_eq!(stopped(), serde_json::json!([]));
}

#[test]
fn a_bound_leaves_the_look_at_main_to_the_next_run() {
    let (field, ran, _) = overtaken_with(&["--runs", "1"], "true", COMMUTE, "p.txt");
    assert_eq!(names(&ran["landed"]), ["a"]);
    assert_eq!(field.runs().len(), 1);
    field.drain(0);
    assert_eq!(field.runs().last().unwrap().0, field.tip());
}

/// A repository in which one task has landed the usual way, so that main was tested.
fn grown(format: &str, look: &str) -> Field {
    let field = match format {
        "tap" => {
            let wait = "while ! test -e {place}/go; do sleep 0.05; done";
            Field::with_tap(COMMUTE, &[("look", look), ("wait", wait)])
        }
        _ => Field::new(&format!("while ! test -e {{place}}/go; do sleep 0.05; done; {look}"), COMMUTE),
    };
    field.put("go");
    field.queue(&["first"]);
    field.drain(0);
    std::fs::remove_file(field.place().join("go")).unwrap();
    field
}

/// Queues `a`, and has a person push `p` while its tests run; then the tests go on.
fn pushed_beside(field: &Field, args: &[&str]) -> (Value, i32) {
    field.queue(&["a"]);
    let before = field.runs().len();
    let queue = field.start(args, before + 1);
    by_hand(field, "p");
    field.put("go");
    let ran = Ran::end_of(queue);
    let (code, mut json) = (ran.code, ran.json());
    (json["data"].take(), code)
}

fn by_hand(field: &Field, name: &str) {
    field.sandbox.write(&format!("{name}.txt"), "");
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "-m", "by hand"]);
}

const NOT_BOTH: &str = "! { test -e a.txt && test -e p.txt; }";

#[test]
fn main_is_looked_at_whatever_was_tested_before() {
    for format in ["exit", "tap"] {
        let field = grown(format, "true");
        let (ran, code) = pushed_beside(&field, &[]);
        assert_eq!((names(&ran["landed"]), code), (vec!["a"], 0), "{format}");
        assert_eq!(field.runs().last().unwrap().0, field.tip(), "{format}");

        let field = grown(format, NOT_BOTH);
        let (ran, code) = pushed_beside(&field, &[]);
        assert_eq!((names(&ran["landed"]), code), (vec!["a"], 4), "{format}");
        let why = ran["stands"].as_str().unwrap();
        assert!(why.starts_with("stopped: main fails since "), "{format}: {why}");
        field.queue(&["b"]);
        field.drain(4);
        assert_eq!(field.task("b")["state"], "ready-for-handoff", "{format}: it is not held against others");
    }
}

#[test]
fn a_push_onto_what_nobody_tested_yet_does_not_excuse_it() {
    for format in ["exit", "tap"] {
        let field = grown(format, NOT_BOTH);
        // With exit codes alone nobody tests main for the push, so one run is enough for the landing.
        let runs = if format == "exit" { "1" } else { "2" };
        let (ran, _) = pushed_beside(&field, &["--runs", runs]);
        assert_eq!(names(&ran["landed"]), ["a"], "{format}");
        by_hand(&field, "q");
        field.queue(&["b"]);
        let ran = field.drain(4);
        assert!(names(&ran["landed"]).is_empty() && names(&ran["needs_you"]).is_empty(), "{format}: {ran}");
        let why = ran["stands"].as_str().unwrap();
        assert!(why.starts_with("stopped: main fails since a landed"), "{format}: {why}");
    }
}

#[test]
fn a_run_of_agents_looks_at_main_too() {
    let field = grown("exit", "true");
    let (ran, _) = pushed_beside(&field, &["--runs", "1"]);
    assert_eq!(names(&ran["landed"]), ["a"]);
    let before = field.runs().len();
    field.sandbox.run(&["run", "--agent", "implement=exec:true"]).exits(0);
    assert_eq!((field.runs().len(), field.runs().last().unwrap().0.clone()), (before + 1, field.tip()));
}
