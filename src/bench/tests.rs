//! The worked example of the trace format, and a fast share of the goals.

use super::beliefs::Beliefs;
use super::check::{Verdict, check};
use super::contender::Contender;
use super::figures::figures;
use super::goals::goals;
use super::measure::measure;
use super::play::{Noise, play};
use super::published::compare;
use super::reach::reach;
use super::synthetic::Setting;
use super::trace::{Outcome, Played};
use super::wire::{read_result, read_trace, write_result, write_trace};

const TRACE: &str = r#"{"trace":"git-orch/queue-trace@1","name":"example","seed":0,"slots":2,"model":"suite","changes":4,"failure_rate":0.25,"conflict_rate":{"overlapping":0.05,"disjoint":0.001}}
{"id":0,"arrives":0,"based_at":-5,"footprint":[1],"minutes":1,"suite_minutes":5,"defect":false,"conflicts":[],"risk":0.1,"early":1,"speaks":false}
{"id":1,"arrives":1,"based_at":-1,"footprint":[2],"minutes":1,"suite_minutes":5,"defect":true,"conflicts":[],"risk":0.6,"early":0.3,"speaks":true}
{"id":2,"arrives":2,"based_at":0,"footprint":[1,3],"minutes":2,"suite_minutes":6,"defect":false,"conflicts":[0],"risk":0.1,"early":1,"speaks":false}
{"id":3,"arrives":20,"based_at":18,"footprint":[1],"minutes":1,"suite_minutes":5,"defect":false,"conflicts":[0],"risk":0.1,"early":1,"speaks":false}
"#;

const RESULT: &str = r#"{"result":"git-orch/queue-result@1","trace":"example","policy":"one by one","uses":[]}
{"run":1,"start":0,"end":5,"members":[0],"outcome":"pass"}
{"change":0,"landed_at":5}
{"run":2,"start":5,"end":10,"members":[1],"outcome":"fail"}
{"change":1,"ejected_at":10}
{"run":3,"start":10,"end":16,"members":[2],"outcome":"fail"}
{"change":2,"ejected_at":16}
{"run":4,"start":20,"end":25,"members":[3],"outcome":"pass"}
{"change":3,"landed_at":25}
"#;

#[test]
fn the_worked_example_comes_out_as_written() {
    let trace = read_trace(TRACE).unwrap();
    let result = read_result(RESULT).unwrap();
    assert_eq!(check(&trace, &result, false), Verdict::default());
    let found = figures(&trace, &result);
    assert_eq!((found.p50, found.p95, found.runs_per_change), (5.0, 5.0, 1.0));
    assert_eq!(found.minutes_per_landed, 21.0 / 2.0);
    let ours = play(&trace, Noise::NONE, &mut *Contender::Serial.on(&trace, Beliefs::default())).unwrap();
    assert_eq!((ours.runs, ours.decided), (result.runs, result.decided));
}

/// The example with one line changed, and what the judge says to it.
fn judged(old: &str, new: &str) -> Verdict {
    assert!(RESULT.contains(old));
    check(&read_trace(TRACE).unwrap(), &read_result(&RESULT.replace(old, new)).unwrap(), false)
}

#[test]
fn the_judge_sees_each_kind_of_fault() {
    let fault = |old, new| judged(old, new).faults.join("; ");
    insta::assert_snapshot!(fault(r#""end":5,"members":[0]"#, r#""end":4,"members":[0]"#), @"run 1 takes 4 minutes instead of 5");
    insta::assert_snapshot!(fault(r#"[2],"outcome":"fail""#, r#"[2],"outcome":"pass""#), @"run 3 passes, but [2] fail; change 2 is ejected without a run that failed");
    insta::assert_snapshot!(fault(r#"[3],"outcome":"pass""#, r#"[3],"outcome":"fail""#), @"run 4 fails without a culprit; change 3 lands without a run that passed");
    insta::assert_snapshot!(fault(r#""start":20,"end":25"#, r#""start":15,"end":20"#), @"run 4 tests change 3 before it arrives");
    insta::assert_snapshot!(fault(r#""members":[3]"#, r#""members":[0,3]"#), @"run 4 tests change 0, which was decided; run 4 passes, but [0, 3] fail");
    insta::assert_snapshot!(fault(r#""landed_at":25"#, r#""landed_at":24"#), @"change 3 lands without a run that passed");
    insta::assert_snapshot!(fault(r#""change":3"#, r#""change":2"#), @"change 2 is decided twice; change 2 lands without a run that passed");
    insta::assert_snapshot!(fault(r#""ejected_at":10"#, r#""ejected_at":9"#), @"change 1 is ejected without a run that failed");
    insta::assert_snapshot!(fault(r#""run":4"#, r#""run":3"#), @"run 3 is there twice");
    insta::assert_snapshot!(fault(r#""start":5,"end":10"#, r#""start":0.5,"end":5.5"#), @"run 2 tests change 1 before it arrives");
}

#[test]
fn the_judge_counts_red_wrong_and_untested() {
    let trace = read_trace(TRACE).unwrap();
    // Change 2 passes beside change 0 before that has landed, and lands after it: red, and on an untested tree.
    let past = r#"{"result":"git-orch/queue-result@1","trace":"example","policy":"past each other","uses":[]}
{"run":1,"start":0,"end":5,"members":[0],"outcome":"pass"}
{"run":2,"start":2,"end":8,"members":[2],"outcome":"pass"}
{"change":0,"landed_at":5}
{"change":2,"landed_at":8}
"#;
    let verdict = check(&trace, &read_result(past).unwrap(), false);
    assert_eq!((verdict.red, verdict.untested, verdict.undecided), (vec![2], vec![2], 2));
    assert!(verdict.faults.is_empty());
    // Together they fail; then neither is at fault alone.
    let pair = r#"{"result":"git-orch/queue-result@1","trace":"example","policy":"rash","uses":[]}
{"run":1,"start":2,"end":8,"members":[0,2],"outcome":"fail"}
{"change":0,"ejected_at":8}
{"change":2,"ejected_at":8}
"#;
    let verdict = check(&trace, &read_result(pair).unwrap(), false);
    assert_eq!((verdict.falsely_ejected, verdict.wrongly_ejected), (vec![0, 2], vec![]));
    let mut alone = trace.clone();
    alone.changes.iter_mut().for_each(|change| change.conflicts.clear());
    let verdict = check(&alone, &read_result(pair).unwrap(), true);
    assert_eq!(verdict.wrongly_ejected, [0, 2]);
    let late = judged(r#""end":5,"members":[0]"#, r#""end":5,"members":[0],"subjects":[]"#);
    assert_eq!(late.faults[0], "run 1 tests nothing");
}

#[test]
fn files_are_read_as_they_were_written() {
    let setting = Setting { changes: 60, ..Setting::full(2, 0.1) };
    let trace = setting.trace(1);
    assert_eq!(read_trace(&write_trace(&trace)).unwrap(), trace);
    let played = play(&trace, Noise::NONE, &mut *Contender::Zuul.on(&trace, Beliefs::default())).unwrap();
    assert_eq!(read_result(&write_result(&trace, &played)).unwrap(), played);
}

#[test]
fn a_bad_file_is_refused_with_its_line() {
    let bad = |old: &str, new: &str| {
        assert!(TRACE.contains(old));
        read_trace(&TRACE.replacen(old, new, 1)).unwrap_err().to_string()
    };
    insta::assert_snapshot!(read_trace("").unwrap_err(), @"line 1: the file is empty");
    insta::assert_snapshot!(bad("trace@1", "trace@2"), @r#"line 1: the header's "trace" is "git-orch/queue-trace@2", not "git-orch/queue-trace@1""#);
    insta::assert_snapshot!(bad(r#""model":"suite""#, r#""model":"sum""#), @r#"line 1: model "sum" needs "cap""#);
    insta::assert_snapshot!(bad(r#""slots":2"#, r#""slots":0"#), @"line 1: there must be at least one slot");
    insta::assert_snapshot!(bad(r#""changes":4"#, r#""changes":5"#), @"line 5: the file ends after 4 changes, the header says 5");
    insta::assert_snapshot!(bad(r#""id":2"#, r#""id":3"#), @"line 4: change 2 should stand here");
    insta::assert_snapshot!(bad(r#""arrives":2,"#, r#""arrives":0.5,"#), @"line 4: changes must be in order of arrival, from minute 0");
    insta::assert_snapshot!(bad(r#"[1,3]"#, r#"[3,1]"#), @r#"line 4: "footprint" must be ascending and not empty"#);
    insta::assert_snapshot!(bad(r#""conflicts":[0]"#, r#""conflicts":[2]"#), @r#"line 4: "conflicts" may only name earlier changes"#);
    insta::assert_snapshot!(bad(r#""early":0.3"#, r#""early":3"#), @r#"line 3: "risk" and "early" must be 0 to 1"#);
}

/// Plays a setting and has the result judged.
fn played(setting: &Setting, who: Contender, seed: u64) -> (Played, Verdict) {
    let trace = setting.trace(seed);
    let beliefs =
        Beliefs { flake: setting.flakes, confirmations: setting.confirmations, ..Beliefs::default() };
    let noise = if who.is_oracle() { Noise::NONE } else { setting.noise(seed) };
    let played = play(&trace, noise, &mut *who.on(&trace, beliefs)).unwrap();
    let verdict = check(&trace, &played, setting.flakes > 0.0);
    (played, verdict)
}

#[test]
fn every_contender_plays_by_the_rules_and_strict_ones_never_land_red() {
    for make in [Setting::plain, Setting::fail_fast, Setting::full] {
        for slots in [1, 2, 4] {
            let setting = Setting { changes: 150, ..make(slots, 0.1) };
            for who in Contender::ALL {
                let (_, verdict) = played(&setting, who, 7);
                let oracle_ejects = who.is_oracle();
                let faults: Vec<&String> = verdict
                    .faults
                    .iter()
                    .filter(|fault| !(oracle_ejects && fault.contains("is ejected")))
                    .collect();
                assert!(faults.is_empty(), "{} in {slots} slots: {faults:?}", who.name());
                assert_eq!(verdict.undecided, 0, "{} in {slots}: {setting:?}", who.name());
                if who.is_strict() {
                    assert!(verdict.red.is_empty() && verdict.untested.is_empty(), "{}", who.name());
                }
            }
        }
    }
}

/// Some goals on few seeds, deterministic: what a change of the policy breaks shows here; the full set is a command.
#[test]
fn a_share_of_the_goals_is_reached_on_few_seeds() {
    for goal in goals().iter().filter(|goal| ["S5", "S6", "S9"].contains(&goal.id)) {
        let reached = reach(goal, Contender::Rectangle, &[1, 2]).unwrap();
        assert!(reached.met(), "{reached:?}");
    }
    let mut fast = Setting::fail_fast(4, 0.03);
    fast.changes = 600;
    let seeds = [1, 2, 3];
    let ours = measure(&fast, Contender::Rectangle, &seeds).unwrap();
    let reference = measure(&fast, Contender::OneBuild, &seeds).unwrap();
    assert!(ours.figures.p50 <= reference.figures.p50 && ours.figures.p95 <= 0.9 * reference.figures.p95);
    assert_eq!((ours.red, ours.untested), (0.0, 0.0));
    // The other engine of the same idea lands some changes red: that is its price, and it is counted.
    let commute = measure(&Setting::full(8, 0.1), Contender::Commute, &[1, 2]).unwrap();
    assert!(commute.untested > 0.0 && commute.red < 5.0);
}

#[test]
fn published_ratios_of_another_queue_come_out_of_this_simulator() {
    let rows = compare(&[1, 2]).unwrap();
    let row = |world: &str, what: &str| {
        rows.iter().find(|row| row.world.what.contains(world) && row.published.what == what).unwrap()
    };
    assert_eq!(row("alike", "single queue").within(), [Some(true); 3], "{:?}", row("alike", "single queue"));
    assert_eq!(row("alike", "optimistic").within()[0], Some(true), "{:?}", row("alike", "optimistic"));
    // Where builds differ by a factor of three, waiting adds up and the oracle's own tail is long: the shape is another.
    assert_eq!(row("three times", "single queue").within(), [Some(true), Some(false), Some(false)]);
}

#[test]
fn what_failed_together_is_never_tested_together_again() {
    for make in [Setting::plain, Setting::fail_fast] {
        for slots in [1, 3] {
            let (played, _) = played(&Setting { changes: 300, ..make(slots, 0.15) }, Contender::Rectangle, 5);
            let decided = |id: u32, landed: bool, at: f64| {
                played.decided.iter().any(|d| d.change == id && d.landed == landed && d.at <= at)
            };
            for red in played.runs.iter().filter(|run| run.outcome == Outcome::Fail) {
                for later in played.runs.iter().filter(|run| run.start >= red.end) {
                    let left: Vec<u32> =
                        red.members.iter().copied().filter(|&id| !decided(id, true, later.start)).collect();
                    let whole = left.iter().all(|id| later.members.contains(id));
                    assert!(!whole || left.is_empty(), "{red:?} and then {later:?}");
                }
            }
        }
    }
}
