//! What people do to branches, tasks and the base while they are in the queue, or under test.

use super::{Field, end_of, names};

/// Tests that wait until the file `go` is there.
const GATED: &str = "while ! test -e {place}/go; do sleep 0.05; done";

#[test]
fn scenario_11_a_branch_that_is_force_pushed_voids_its_approval() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    let old = field.git(&["rev-parse", "a"]);
    field.git(&["branch", "-f", "a", "b"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["b"], vec!["a"]));
    let needs = &field.task("a")["needs"];
    let expected = format!(
        "branch was rewritten {}..{} after it was approved: the approval is void",
        &old[..7],
        &field.git(&["rev-parse", "a"])[..7]
    );
    assert_eq!((&needs["kind"], &needs["why"]), (&"head-moved".into(), &expected.into()));
}

#[test]
fn scenario_12_a_push_to_a_member_of_a_running_batch_takes_only_that_member_out() {
    let field = Field::new(GATED, "");
    field.queue(&["a", "b", "c"]);
    let child = field.start(&[], 1);
    field.git(&["switch", "-q", "b"]);
    field.sandbox.write("more.txt", "more\n");
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "-m", "More of b"]);
    field.git(&["switch", "-q", "main"]);
    field.wait(|| field.runs().len() >= 2); // the others, anew
    field.put("go");
    let ran = end_of(child, 4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["a", "c"], vec!["b"]));
    assert!(field.task("b")["needs"]["why"].as_str().unwrap().starts_with("branch moved on "));
    assert_eq!(field.runs().last().unwrap().0, field.tip());
}

#[test]
fn scenario_13_the_other_of_two_goes_on_when_one_is_cancelled() {
    let field = Field::new(GATED, "");
    field.queue(&["a", "b"]);
    let child = field.start(&[], 1);
    field.sandbox.run(&["stop", "a", "--abandon"]).exits(0);
    field.wait(|| field.runs().len() >= 2);
    field.put("go");
    assert_eq!(names(&end_of(child, 0)["landed"]), ["b"]);
    assert_eq!((field.landed(), &field.task("a")["state"]), (vec!["b".to_owned()], &"cancelled".into()));
}

#[test]
fn scenario_14_a_base_that_moved_makes_the_candidate_anew_by_itself() {
    let field = Field::new(GATED, "");
    field.queue(&["a", "b"]);
    let child = field.start(&[], 1);
    field.sandbox.write("hand.txt", "by hand\n");
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "-m", "by hand"]);
    let moved = field.tip();
    field.wait(|| field.runs().len() >= 2);
    field.put("go");
    assert_eq!(names(&end_of(child, 0)["landed"]), ["a", "b"]);
    assert_eq!(field.git(&["rev-parse", "main~2"]), moved, "on top of what was done by hand");
    assert_eq!(field.runs().len(), 2, "no search, no single runs");
}

#[test]
fn scenario_14_a_verdict_counts_on_when_the_tree_came_out_the_same() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    // The very content was tested before, as part of another history.
    let tree = field.git(&["merge-tree", "--write-tree", "main", "a"]);
    field.drain(0);
    assert_eq!(field.runs()[0].1, tree);
    field.git(&["reset", "-q", "--hard", "main~1"]);
    field.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    field.sandbox.run(&["approve", "queue"]).exits(0);
    field.git(&["branch", "again", "a"]);
    field.sandbox.run(&["queue", "run"]); // stops, as the base lost a landing
    field.sandbox.run(&["approve", "queue"]).exits(0);
    field.add(&["again"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["again"]);
    assert_eq!(field.runs().len(), 1, "the same tree is never tested twice");
}

#[test]
fn scenario_16_a_base_that_was_moved_backwards_stops_the_queue_and_asks() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    field.drain(0);
    let landing = field.tip();
    field.git(&["reset", "-q", "--hard", "main~1"]);
    let before = field.tip();
    field.queue(&["b"]);
    let ran = field.drain(4);
    let why = ran["stands"].as_str().unwrap();
    assert!(why.contains("main was moved backwards") && why.contains(&landing[..7]), "{why}");
    assert_eq!((field.tip(), field.runs().len()), (before, 1));
    assert!(field.sandbox.run(&["queue"]).stdout.contains("git orch approve queue"));
    // Put back: it goes on after a yes. Or without, by the same yes.
    field.sandbox.run(&["approve", "queue"]).exits(0);
    assert_eq!(names(&field.drain(0)["landed"]), ["b"]);
}

#[test]
fn scenario_20_a_green_of_a_superseded_candidate_lands_nothing() {
    // The tests do not end when they are asked to: their answer comes late.
    let field = Field::new(&format!("trap '' TERM; {GATED}"), "");
    field.queue(&["a"]);
    let child = field.start(&[], 1);
    let old = field.runs()[0].0.clone();
    field.git(&["commit", "-q", "--allow-empty", "-m", "by hand"]);
    field.sandbox.write("hand.txt", "by hand\n");
    field.git(&["add", "-A"]);
    field.git(&["commit", "-q", "-m", "by hand"]);
    field.put("go");
    end_of(child, 0);
    let contains = field.git(&["rev-list", "main"]).lines().any(|commit| commit == old);
    assert!(!contains, "the old candidate is not in main");
    assert_eq!(field.runs().last().unwrap().0, field.tip(), "and what landed was tested");
    assert_eq!(field.landed(), ["a"]);
}

#[test]
fn scenario_31_a_withdrawn_approval_ends_the_run_and_the_others_go_on() {
    let field = Field::new(GATED, "");
    field.queue(&["a", "b"]);
    let child = field.start(&[], 1);
    field.sandbox.run(&["queue", "drop", "b", "-m", "not yet"]).exits(0);
    field.wait(|| field.runs().len() >= 2);
    field.put("go");
    assert_eq!(names(&end_of(child, 0)["landed"]), ["a"]);
    assert!(!field.git(&["ls-tree", "--name-only", "main"]).contains("b.txt"));
}

#[test]
fn scenario_33_a_raised_priority_reorders_what_waits() {
    let field = Field::new("true", "[queue]\nbatch = 1");
    field.queue(&["a", "b", "c"]);
    field.sandbox.run(&["edit", "c", "-p", "0"]).exits(0);
    field.drain(0);
    assert_eq!(field.landed(), ["c", "a", "b"]);
}

#[test]
fn scenario_33_what_runs_is_thrown_away_for_a_hotfix_only() {
    for (hotfix, expected) in [(false, ["a", "b"]), (true, ["b", "a"])] {
        let field = Field::new(GATED, "[queue]\nbatch = 1");
        field.queue(&["a"]);
        let child = field.start(&[], 1);
        field.sandbox.branch("b", "b.txt", "b\n");
        let mut args = vec!["queue", "add", "b", "-p", "0"];
        args.extend(hotfix.then_some("--hotfix"));
        field.sandbox.run(&args).exits(0);
        if hotfix {
            field.wait(|| field.runs().len() >= 2);
            let why = field.sandbox.run(&["queue", "why", "a"]).stdout;
            assert!(why.starts_with("a: waits for the hotfix b"), "{why}");
        } else {
            std::thread::sleep(std::time::Duration::from_secs(3)); // longer than a look takes
        }
        field.put("go");
        end_of(child, 0);
        assert_eq!(field.landed(), expected, "hotfix: {hotfix}");
    }
}

#[test]
fn scenario_35_a_queue_that_is_closed_below_a_priority_starts_nothing_less_urgent() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    field.sandbox.branch("b", "b.txt", "b\n");
    field.sandbox.run(&["queue", "add", "b", "-p", "1"]).exits(0);
    let said = field.sandbox.run(&["queue", "pause", "--below", "1", "-m", "release day"]).exits(0).stdout;
    assert_eq!(said, "the queue is closed below priority 1: release day\n");
    let left = field.drain(4);
    assert_eq!(left["stands"], "the queue is closed below priority 1");
    assert_eq!(field.landed(), ["b"]);
    let why = field.sandbox.run(&["queue", "why", "a"]).stdout;
    assert_eq!(why, "a: priority 2: only 0 to 1 go now\n");
    field.sandbox.run(&["queue", "resume"]).exits(0);
    field.drain(0);
    assert_eq!(field.landed(), ["b", "a"]);
}

#[test]
fn scenario_35_a_run_that_is_done_still_lands_or_not_by_policy() {
    for (closed, landed) in [("land", 1), ("hold", 0)] {
        let field = Field::new(GATED, &format!("[queue]\nclosed = \"{closed}\""));
        field.queue(&["a"]);
        // Tested, and in the way of landing: a changed file in the checkout of main.
        field.sandbox.branch("other", "f.txt", "one\ntwo\nfour\n");
        field.add(&["other"]);
        field.sandbox.write("f.txt", "mine\n");
        field.put("go");
        field.drain(4);
        assert_eq!((field.landed().len(), field.runs().len()), (0, 1));
        field.git(&["checkout", "-q", "f.txt"]);
        field.sandbox.run(&["queue", "pause", "--below", "0"]).exits(0);
        field.sandbox.run(&["queue", "run"]);
        assert_eq!(field.landed().len(), 2 * landed, "{closed}");
        assert_eq!(field.runs().len(), 1);
    }
}

#[test]
fn scenario_37_a_branch_that_is_gone_ends_its_entry_and_the_queue_moves() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    let head = field.git(&["rev-parse", "a"]);
    field.git(&["branch", "-D", "a"]);
    let ran = field.drain(4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["b"], vec!["a"]));
    let needs = &field.task("a")["needs"];
    assert_eq!(needs["kind"], "branch-gone");
    // The commit is kept, and the evidence says how to get it back.
    let again: Vec<&str> = needs["reproduce"].as_str().unwrap().split(' ').skip(1).collect();
    field.git(&again);
    assert_eq!(field.git(&["rev-parse", "a"]), head);
    field.add(&["a"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
}

/// A stack of three branches, each on top of the one before.
fn stack(field: &Field, bad: &str) {
    let mut below = "main";
    for name in ["low", "mid", "top"] {
        field.git(&["switch", "-q", "-c", name, below]);
        let text = if name == bad { "bad\n" } else { "good\n" };
        field.sandbox.write(&format!("{name}.txt"), text);
        // Each changes the same lines: only together with what is below do they merge.
        field.sandbox.write("f.txt", &format!("one\n{name}\nthree\n"));
        field.git(&["add", "-A"]);
        field.git(&["commit", "-q", "-m", &format!("Work of {name}")]);
        below = name;
    }
    field.git(&["switch", "-q", "main"]);
}

#[test]
fn scenario_39_a_stack_lands_in_order_in_every_mode() {
    for mode in ["merge", "squash", "rebase"] {
        for batch in [1, 6] {
            let field = Field::new("true", &format!("[queue]\nmode = \"{mode}\"\nbatch = {batch}"));
            stack(&field, "none");
            let said = field.sandbox.run(&["queue", "add", "--stack", "top"]).exits(0).stdout;
            assert!(said.contains("queued top  Work of top  (+2 -1)  after low, mid\n"), "{said}");
            assert_eq!(names(&field.drain(0)["landed"]), ["low", "mid", "top"], "{mode} {batch}");
            assert_eq!(field.git(&["show", "main:f.txt"]), "one\ntop\nthree");
            assert_eq!(
                field.git(&["diff", "main", "top", "--", "f.txt", "low.txt", "mid.txt", "top.txt"]),
                ""
            );
        }
    }
}

#[test]
fn scenario_39_what_is_below_a_bad_part_of_a_stack_lands_and_what_is_above_leaves() {
    for mode in ["merge", "squash", "rebase"] {
        let field = Field::new("! grep -q bad mid.txt", &format!("[queue]\nmode = \"{mode}\""));
        stack(&field, "mid");
        field.sandbox.run(&["queue", "add", "--stack", "top"]).exits(0);
        let ran = field.drain(4);
        assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["low"], vec!["mid", "top"]));
        let needs = &field.task("top")["needs"];
        assert_eq!(
            (&needs["kind"], &needs["pair"], &needs["why"]),
            (
                &"dependency".into(),
                &"mid".into(),
                &"is built on mid, which left the queue (waiting for a person)".into()
            )
        );
        // The lowest landed and its branch goes; what is above is mended, and lands on what is there.
        field.git(&["branch", "-D", "low"]);
        field.git(&["switch", "-q", "mid"]);
        field.sandbox.write("mid.txt", "good\n");
        field.git(&["commit", "-q", "-a", "-m", "Mend mid"]);
        field.git(&["switch", "-q", "main"]);
        field.add(&["mid"]);
        assert_eq!(names(&field.drain(0)["landed"]), ["mid"], "{mode}");
    }
}

#[test]
fn scenario_13_whoever_waits_for_a_cancelled_task_is_handed_to_a_person() {
    for stacked in [true, false] {
        let field = Field::new("true", "");
        stack(&field, "none");
        field.queue(&["other"]);
        let after: &[&str] = if stacked { &["--stack", "mid"] } else { &["other", "--after", "low"] };
        field.sandbox.run(&["queue", "add", "low"]).exits(0);
        field.sandbox.run(&[&["queue", "add"], after].concat()).exits(0);
        field.sandbox.run(&["stop", "low", "--abandon"]).exits(0);
        let ran = field.drain(4);
        let name = if stacked { "mid" } else { "other" };
        assert_eq!(names(&ran["needs_you"]), [name]);
        let needs = &field.task(name)["needs"];
        assert_eq!(needs["why"], "waits for low, which was cancelled");
        assert_eq!((&needs["kind"], &needs["pair"]), (&"dependency".into(), &"low".into()));
    }
}
