//! What counts as an answer, and whose yes counts.

use super::{Field, names};

/// A stretch of passing landings, so that durations are known.
fn landings(field: &Field, count: usize) {
    for number in 0..count {
        let name = format!("n{number}");
        field.queue(&[&name]);
        field.drain(0);
    }
}

#[test]
fn scenario_21_a_run_that_never_answers_is_tried_again_before_anybody_is_searched() {
    // The first run of what has `a` hangs; later ones pass.
    let tests = "if test -e a.txt && ! test -e {place}/hung; then touch {place}/hung; sleep 600; fi";
    let field = Field::new(tests, "");
    landings(&field, 5);
    field.queue(&["a", "b"]);
    let before = field.runs().len();
    let ran = field.drain(0);
    assert_eq!(names(&ran["landed"]), ["a", "b"]);
    let runs = &field.runs()[before..];
    assert_eq!(runs.len(), 2, "the same candidate, twice: {runs:?}");
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn scenario_23_a_run_that_was_interrupted_is_no_failure() {
    for how in ["exit 143", "kill -9 $$"] {
        let field =
            Field::new(&format!("if ! test -e {{place}}/once; then touch {{place}}/once; {how}; fi"), "");
        field.queue(&["a", "b"]);
        assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"], "{how}");
        let runs = field.runs();
        assert_eq!((runs.len(), &runs[0]), (2, &runs[1]), "the same candidate once more");
    }
}

#[test]
fn scenario_24_green_without_a_test_is_no_pass() {
    let field = Field::with_tap("", &[("one", "true")]);
    field.git(&["switch", "-q", "-c", "none"]);
    field.sandbox.write("run.sh", "echo 1..0\n");
    field.git(&["commit", "-q", "-a", "-m", "Test nothing"]);
    field.git(&["switch", "-q", "main"]);
    field.add(&["none"]);
    let before = field.tip();
    let ran = field.sandbox.run(&["queue", "run"]).exits(4);
    assert!(ran.stderr.contains("no result of none that counts: "), "{}", ran.stderr);
    assert_eq!((field.tip(), &field.task("none")["needs"]["kind"]), (before, &"no-evidence".into()));
}

#[test]
fn scenario_24_green_in_no_time_is_no_pass() {
    let field = Field::new("test -e fast || sleep 1.2", "");
    landings(&field, 5);
    field.sandbox.branch("quick", "fast", "\n");
    field.add(&["quick"]);
    field.drain(4);
    let needs = &field.task("quick")["needs"];
    assert_eq!(needs["kind"], "no-evidence");
    assert!(needs["why"].as_str().unwrap().contains("not believed (tests.min_percent)"), "{needs}");
}

#[test]
fn scenario_25_a_flake_lands_and_is_recorded_by_its_name() {
    let flaky = "! test -e c.txt || { test -e {place}/seen || { touch {place}/seen; false; }; }";
    let field = Field::with_tap("", &[("steady", "true"), ("wobbly", flaky)]);
    field.queue(&["c"]);
    let ran = field.sandbox.run(&["queue", "run"]).exits(0);
    assert!(ran.stderr.contains("(flaky: wobbly)"), "{}", ran.stderr);
    let tree = field.git(&["rev-parse", "main^{tree}"]);
    let note = field.git(&["notes", "--ref=orch-tests", "show", &tree]);
    assert!(note.contains("\"red\"") && note.contains("\"green\""), "both answers are kept: {note}");
    // A second red on the same tree ejects.
    let field = Field::with_tap("", &[("steady", "true"), ("broken", "! test -e c.txt")]);
    field.queue(&["c"]);
    field.drain(4);
    assert_eq!(field.task("c")["needs"]["tests"][0]["name"], "broken");
}

#[test]
fn scenario_25_a_test_in_quarantine_holds_nobody_up() {
    let field =
        Field::with_tap("quarantine = [\"wob*\"]", &[("steady", "true"), ("wobbly", "! test -e c.txt")]);
    field.queue(&["c"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["c"]);
    assert_eq!(field.runs().len(), 2, "main to compare with, and the candidate once");
}

#[test]
fn scenario_27_on_a_red_base_sets_are_compared_and_what_repairs_goes_first() {
    let tests = [("old", "test -e repair.txt"), ("new", "! test -e worse.txt")];
    let field = Field::with_tap("[queue]\nbatch = 1", &tests);
    field.queue(&["plain", "worse", "repair"]);
    // Somebody checked the repair on its own: it is known to mend the base.
    field.git(&["switch", "-q", "repair"]);
    field.sandbox.run(&["check", "--only", "tests"]);
    field.git(&["switch", "-q", "main"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["repair", "plain"], vec!["worse"]));
    // What adds no failure to a red base lands, by its approval.
    let field = Field::with_tap("", &tests);
    field.queue(&["plain"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["plain"]);
}

#[test]
fn scenario_27_a_flake_of_the_base_excuses_nobody() {
    // Main fails once, and passes from then on.
    let once = "test -e bad.txt || test -e {place}/once || { touch {place}/once; false; }";
    for settings in ["", "[queue]\nvouch = \"confirm\""] {
        let field = Field::new(&format!("! test -e bad.txt && {{ {once}; }}"), settings);
        let before = field.tip();
        field.queue(&["bad"]);
        let ran = field.drain(4);
        assert_eq!((names(&ran["needs_you"]), field.tip()), (vec!["bad"], before));
        let commits: Vec<String> = field.runs().into_iter().map(|(commit, _)| commit).collect();
        assert_eq!(
            commits.iter().filter(|commit| **commit == field.tip()).count(),
            2,
            "main, and main again"
        );
    }
}

#[test]
fn scenario_28_as_many_failures_but_others_are_worse() {
    let field = Field::with_tap("", &[("one", "test -e swap.txt"), ("two", "! test -e swap.txt")]);
    field.queue(&["swap"]);
    field.drain(4);
    let needs = &field.task("swap")["needs"];
    assert_eq!((&needs["kind"], &needs["tests"][0]["name"]), (&"worse".into(), &"two".into()));
}

#[test]
fn scenario_30_only_who_may_approves_and_a_delegate_one_task_only() {
    let field = Field::new("true", "[review]\nreviewers = []\napprovers = [\"lead\"]");
    let orch = |args: &[&str]| field.sandbox.run(args);
    field.sandbox.branch("b", "b.txt", "b\n");
    let refused = orch(&["queue", "add", "b"]).exits(3);
    insta::assert_snapshot!(refused.stderr, @r"
    error: Ana may not approve b: review.approvers are lead
      hint: one of them may:       git orch queue add b --as lead
            see where the list is: git orch config explain review.approvers
      [E-NOT-YOURS, exit 3]
    ");
    for id in ["one", "two"] {
        orch(&["add", "Say it", "--id", id]).exits(0);
        let place = orch(&["pick", id, "--path", "--as", "worker"]).exits(0).stdout;
        std::fs::write(std::path::Path::new(place.trim()).join(format!("{id}.txt")), "x\n").unwrap();
        orch(&["submit", id, "--as", "worker"]).exits(0);
    }
    let refs = field.refs();
    orch(&["approve", "one", "--as", "bo"]).exits(3);
    orch(&["edit", "one", "--delegate", "bo", "--as", "bo"]).exits(3);
    assert_eq!(field.refs(), refs, "no state change");
    orch(&["edit", "one", "--delegate", "bo", "--as", "lead"]).exits(0);
    orch(&["approve", "two", "--as", "bo"]).exits(3);
    orch(&["approve", "one", "--as", "bo"]).exits(0);
    orch(&["approve", "two", "--as", "lead"]).exits(0);
    assert_eq!(names(&field.drain(0)["landed"]), ["one", "two"]);
}

#[test]
fn scenario_32_a_draft_is_refused_with_the_reason() {
    let field = Field::new("true", "");
    field.git(&["switch", "-q", "-c", "half"]);
    field.sandbox.write("half.txt", "half\n");
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "-m", "WIP: half of it"]);
    field.git(&["switch", "-q", "main"]);
    let refs = field.refs();
    insta::assert_snapshot!(field.sandbox.run(&["queue", "add", "half"]).exits(3).stderr, @r"
    error: half: its last commit says that it is not ready: WIP: half of it
      hint: see it again: git rebase --interactive main half
      [E-GATE, exit 3]
    ");
    assert_eq!(field.refs(), refs);
    // A task that somebody holds is refused as well.
    field.queue(&["a"]);
    field.sandbox.run(&["stop", "a", "-m", "not yet"]).exits(0);
    field.drain(0);
    assert_eq!(field.landed().len(), 0);
}
