//! A world in values that drives `plan` to the end, and checks at every step what must always hold.
//!
//! The world knows what the planner cannot: which change is defective, which two do not go together, which run will
//! flake. A view is made from the world's facts at every tick, so each tick is a restart; a crash loses the runs and
//! the compositions as well, or comes between a landing and its record.

mod checks;
mod numbered;
mod scenario;
mod world;

use super::*;
use crate::task::id::Seconds;
use proptest::prelude::*;
use scenario::{Change, Luck, Scenario, harmless, scenario};
use std::collections::BTreeSet;
use world::{End, World, id};

fn calm(changes: Vec<Change>, batch_max: usize) -> World {
    let rules = Rules {
        batch_max,
        on_worse: OnWorse::Culprit,
        confirmations: 1,
        needs_baseline: NeedsBaseline::None,
        commute: false,
        vouch: true,
        land_when_closed: true,
    };
    let (luck, events) = (Vec::new(), Vec::new());
    let (fail_fast, forgets) = (false, false);
    World::new(Scenario { changes, luck, events, seconds: vec![1], slots: 1, rules, fail_fast, forgets })
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_world_ends_well(scenario in scenario()) {
        World::new(scenario).run()?;
    }

    #[test]
    fn green_changes_land_with_one_run(count in 1u8..9, slots in 1u32..4) {
        let mut world = calm((0..count).map(harmless).collect(), usize::from(count));
        world.scenario.slots = slots;
        world.run()?;
        prop_assert_eq!(world.landed.len(), usize::from(count));
        // The other slots try shorter chains meanwhile; the longest lands, and they end.
        prop_assert!(world.runs <= usize::try_from(slots).unwrap());
        prop_assert!(slots > 1 || world.runs == 1);
    }

    #[test]
    fn one_culprit_costs_a_search_and_everyone_else_lands(count in 2usize..17, culprit in 0usize..16) {
        let culprit = culprit % count;
        let mut changes: Vec<Change> = (0u8..).map(harmless).take(count).collect();
        changes[culprit].defect = true;
        let mut world = calm(changes, count);
        world.run()?;
        prop_assert_eq!(world.landed.len(), count - 1);
        // The whole, a search by halves, the confirmation, and the rest behind the culprit.
        let halvings = usize::try_from(count.next_power_of_two().ilog2()).unwrap();
        prop_assert!(world.runs <= 1 + halvings + 1 + 1 + halvings, "{} runs", world.runs);
    }
}

#[test]
fn a_pair_that_fails_only_together_costs_the_later_one_its_place() {
    let mut changes = vec![harmless(0), harmless(1)];
    changes[1].semantic = Some(0);
    let mut world = calm(changes, 4);
    world.run().unwrap();
    assert_eq!(world.ends[&0], End::Landed);
    assert!(matches!(&world.ends[&1], End::Ejected(Ejection::Worse { runs: 2, .. })));
    assert_eq!(world.runs, 3); // both, the first, the second again
}

#[test]
fn a_conflict_with_a_task_ahead_costs_no_run_and_names_the_pair() {
    let mut changes = vec![harmless(0), harmless(0)];
    changes[1].textual = Some(0);
    let mut world = calm(changes, 4);
    world.run().unwrap();
    let files = BTreeSet::from(["f".to_owned()]);
    assert_eq!(world.ends[&1], End::Ejected(Ejection::Conflict { files, with: Some(id(0)) }));
    assert_eq!(world.runs, 1);
}

#[test]
fn a_held_task_goes_on_when_the_one_ahead_is_ejected() {
    let mut changes = vec![harmless(0), harmless(0)];
    changes[0].defect = true;
    changes[1].textual = Some(0);
    let mut world = calm(changes, 4);
    world.run().unwrap();
    assert!(matches!(world.ends[&0], End::Ejected(_)));
    assert_eq!(world.ends[&1], End::Landed);
}

#[test]
fn a_flake_lands_after_its_confirmation() {
    let mut world = calm(vec![harmless(0)], 4);
    world.scenario.luck = vec![Luck::Flake, Luck::Fine];
    world.run().unwrap();
    assert_eq!((&world.ends[&0], world.runs), (&End::Landed, 2));
}

#[test]
fn the_base_is_tested_before_anybody_is_ejected_and_not_where_something_landed_on_it() {
    let runs = |defect: usize, needs_baseline| {
        let mut world = calm((0..3).map(harmless).collect(), 4);
        world.scenario.rules.needs_baseline = needs_baseline;
        world.scenario.changes[defect].defect = true;
        world.run().unwrap();
        assert_eq!(world.landed.len(), 2);
        world.runs
    };
    assert_eq!(runs(0, NeedsBaseline::Reds), runs(0, NeedsBaseline::None) + 1);
    assert_eq!(runs(2, NeedsBaseline::Reds), runs(2, NeedsBaseline::None));
}

#[test]
fn on_a_red_base_reds_are_no_longer_searched_once_they_are_many() {
    let mut world = calm((0..16).map(harmless).collect(), 16);
    world.scenario.rules.needs_baseline = NeedsBaseline::Reds;
    world.base.0 = 1;
    world.run().unwrap();
    // Three reds, the base, and those that were not in the longest of the three.
    assert_eq!((world.landed.len(), world.runs), (16, 5));
}

#[test]
fn a_run_that_holds_a_failed_chain_is_ended() {
    let mut world = calm((0..24).map(harmless).collect(), 24);
    world.scenario.changes[1].defect = true;
    let all: Vec<usize> = (0..24).collect();
    let mut trees = Vec::new();
    for end in 1..=all.len() {
        let composition = world.compose(&all[..end]);
        let Composition::Clean { tree, .. } = composition.clone() else { panic!("in conflict") };
        world.compositions.insert(all[..end].iter().copied().map(id).collect(), composition);
        trees.push(tree);
        let alone = world.compose(&[end - 1]);
        world.compositions.insert(vec![id(end - 1)], alone);
    }
    let (short, long) = (trees[14].clone(), trees[23].clone());
    let members = all.iter().copied().map(id).collect();
    let run =
        Running { members, tree: long.clone(), purpose: Purpose::Candidate, started: Seconds(0), past: None };
    world.running.push((run, 9));
    let cancel = Action::CancelRun { tree: long };
    assert!(!plan(&world.view(), Seconds(1), 2).contains(&cancel));
    let answer = world::Answer::Failing(BTreeSet::from(["t1".to_owned()]));
    world.answers.insert(short, vec![answer]);
    assert!(plan(&world.view(), Seconds(1), 2).contains(&cancel));
}

#[test]
fn a_red_that_no_run_confirms_or_refutes_is_not_repeated_for_ever() {
    let mut world = calm(vec![harmless(0)], 4);
    // The candidate twice without an answer after its red; then the base.
    world.scenario.luck = vec![Luck::Flake, Luck::NoEvidence, Luck::NoEvidence, Luck::Fine];
    world.run().unwrap();
    assert!(matches!(&world.ends[&0], End::Ejected(Ejection::NoEvidence { runs: 3, .. })));
    assert_eq!(world.runs, 4);
}

#[test]
fn a_base_without_evidence_is_asked_about_and_nothing_lands() {
    let mut world = calm(vec![harmless(0), harmless(1)], 4);
    world.scenario.luck = vec![Luck::NoEvidence; 20];
    world.run().unwrap();
    assert!(world.landed.is_empty() && world.ends.is_empty() && world.asked);
}

#[test]
fn the_first_confirmed_worse_stops_everything_where_that_is_wanted() {
    let mut changes = vec![harmless(0), harmless(1)];
    changes[0].defect = true;
    changes[1].arrives = 20;
    let mut world = calm(changes, 1);
    world.scenario.rules.on_worse = OnWorse::Stop;
    world.run().unwrap();
    assert!(world.stopped.is_some() && world.landed.is_empty() && world.ends.len() == 1);
}

/// A view in which the chain of both is green, and whether they may land.
fn may_land(changes: Vec<Change>, change: impl FnOnce(&mut View)) -> bool {
    let mut world = calm(changes, 4);
    let Composition::Clean { tree, .. } = world.compose(&[0, 1]) else { panic!("in conflict") };
    let mut view = world.view();
    view.verdicts.insert(tree.clone(), Known { verdict: Verdict::Green, flake: false });
    change(&mut view);
    rules::may_land(&view, &[id(0), id(1)], &tree).is_some()
}

#[test]
fn what_may_land_does_not_rest_on_the_policy() {
    let both = || vec![harmless(0), harmless(1)];
    let hold = Hold { behind: id(9), files: BTreeSet::new() };
    assert!(may_land(both(), |_| {}));
    assert!(!may_land(both(), |view| view.entries[1].after = vec![id(0), id(1)]));
    assert!(!may_land(both(), |view| view.entries[0].after = vec![id(1)]));
    assert!(!may_land(both(), |view| view.entries[1].footprint.barrier = true));
    assert!(!may_land(both(), |view| view.entries[1].accept_worse = true));
    assert!(!may_land(both(), |view| view.entries[1].blocked = true));
    assert!(!may_land(both(), |view| drop(view.held.insert(id(1), hold))));
    assert!(!may_land(both(), |view| drop(view.entries.pop())));
    assert!(!may_land(both(), |view| view.rules.needs_baseline = NeedsBaseline::All));
    assert!(!may_land(both(), |view| view.verdicts.clear()));
}

#[test]
fn a_paused_queue_does_nothing_and_says_so() {
    let mut world = calm(vec![harmless(0)], 1);
    let mut view = world.view();
    view.paused = true;
    assert_eq!(plan(&view, Seconds(0), 1), []);
    assert_eq!(why(&view, &id(0)), "the queue is paused");
}

#[test]
fn entries_below_the_minimum_priority_wait() {
    let mut changes = vec![harmless(0), harmless(1)];
    changes[0].priority = 3;
    let mut view = calm(changes, 4).view();
    view.min_priority = Some(2);
    assert_eq!(plan(&view, Seconds(0), 1), [Action::Compose { members: vec![id(1)] }]);
    assert_eq!(why(&view, &id(0)), "priority 3: only 0 to 2 go now");
}

#[test]
fn entries_that_wait_for_each_other_are_asked_about() {
    let mut view = calm(vec![harmless(0), harmless(1)], 4).view();
    view.entries[0].after = vec![id(1)];
    view.entries[1].after = vec![id(0)];
    let members = vec![id(0), id(1)];
    assert_eq!(plan(&view, Seconds(0), 1), [Action::Ask { question: Question::Cycle { members } }]);
}

#[test]
fn why_names_the_one_ahead() {
    let mut world = calm(vec![harmless(0), harmless(0), harmless(2)], 1);
    world.compositions = [vec![0], vec![1], vec![2], vec![0, 1], vec![0, 2]]
        .into_iter()
        .map(|chain| (chain.iter().copied().map(id).collect(), world.compose(&chain)))
        .collect();
    let view = world.view();
    let lines: Vec<String> = (0..3).map(|at| why(&view, &id(at))).collect();
    assert_eq!(lines, ["next to be tested", "behind t0: both change d0/f0", "behind 2 tasks"]);
}
