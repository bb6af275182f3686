//! Who is to blame for a red, on real repositories.

use super::{Field, names};

#[test]
fn scenario_06_one_culprit_of_eight_costs_at_most_seven_runs_and_seven_land() {
    let field = Field::new("! test -e b5.txt", "[queue]\nbatch = 8");
    field.queue(&["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8"]);
    let ran = field.drain(4);
    assert_eq!(names(&ran["needs_you"]), ["b5"]);
    let mut landed = field.landed(); // suspects last: not in the order of their turns
    landed.sort();
    assert_eq!(landed, ["b1", "b2", "b3", "b4", "b6", "b7", "b8"]);
    assert!(field.runs().len() <= 8, "with main's own run, for the comparison: {}", field.runs().len());
}

#[test]
fn scenario_08_two_that_only_fail_together_are_named_as_a_pair() {
    let both = "! { test -e a.txt && test -e b.txt; }";
    let field = Field::with_tap("", &[("pair", both), ("other", "true")]);
    field.queue(&["a", "b"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["a"], vec!["b"]));
    let needs = &field.task("b")["needs"];
    assert_eq!((&needs["pair"], &needs["kind"]), (&"a".into(), &"worse".into()));
    assert_eq!(needs["why"], "1 test is worse than on main: pair; fine without a");
    // Whoever fails alone has nobody else to name.
    let field = Field::with_tap("", &[("own", "! test -e b.txt"), ("other", "true")]);
    field.queue(&["a", "b"]);
    field.drain(4);
    assert_eq!(field.task("b")["needs"]["pair"], serde_json::Value::Null);
}

#[test]
fn scenario_08_of_several_that_landed_the_one_is_found_that_it_came_with() {
    let both = "! { test -e c.txt && test -e z.txt; }";
    let field = Field::with_tap("", &[("pair", both)]);
    field.queue(&["a", "b", "c", "d", "e", "z"]);
    field.drain(4);
    assert_eq!(field.task("z")["needs"]["pair"], "c");
}

#[test]
fn scenario_42_what_failed_together_counts_as_overlapping_from_then_on() {
    let both = "! { grep -q two a.txt 2>/dev/null && grep -q two b.txt 2>/dev/null; }";
    let field = Field::with_tap("", &[("pair", both)]);
    field.sandbox.branch("a1", "a.txt", "two\n");
    field.sandbox.branch("b1", "b.txt", "two\n");
    field.add(&["a1", "b1"]);
    let before = field.tip();
    field.drain(4);
    assert_ne!(field.tip(), before);
    assert_eq!(field.landed(), ["a1"], "main never had both");
    field.sandbox.run(&["stop", "b1", "--abandon"]).exits(0);
    // Other changes of the same areas do not share a run any more.
    field.sandbox.branch("a2", "a.txt", "three\n");
    field.sandbox.branch("b2", "b.txt", "three\n");
    field.add(&["a2", "b2"]);
    let pairs = field.sandbox.run(&["queue", "conflicts", "--json"]).exits(0).json();
    assert_eq!(names(&pairs["data"]["pairs"][0]["tasks"]), ["a2", "b2"]);
    let why = field.sandbox.run(&["queue", "why", "b2"]).stdout;
    assert!(why.starts_with("b2: behind a2: they failed together before"), "{why}");
    field.drain(0);
    assert_eq!(field.landed(), ["a1", "a2", "b2"]);
}
