//! The numbered scenarios that are about decisions alone; the others run against real repositories, in `tests/cli/`.

use super::*;
use crate::task::id::TaskId;

fn defects(count: u8, bad: &[usize]) -> World {
    let mut changes: Vec<Change> = (0..count).map(harmless).collect();
    for &at in bad {
        changes[at].defect = true;
    }
    calm(changes, usize::from(count))
}

#[test]
fn scenario_06_one_culprit_of_eight_at_each_place() {
    let mut total = 0;
    for culprit in 0..8 {
        let mut world = defects(8, &[culprit]);
        world.run().unwrap();
        assert_eq!((world.landed.len(), world.ends.len()), (7, 8));
        assert!(matches!(&world.ends[&culprit], End::Ejected(Ejection::Worse { runs: 2, .. })));
        let search = world.runs - 1; // without the repetition that confirms
        assert!(search <= 7, "culprit {culprit}: {search} runs");
        total += search;
    }
    assert!(total <= 44, "the mean is {}/8 runs, at most 5.5", total);
}

#[test]
fn scenario_07_eight_culprits_of_eight() {
    let mut world = defects(8, &[0, 1, 2, 3, 4, 5, 6, 7]);
    world.run().unwrap();
    assert!(world.landed.is_empty());
    let reasons = world.ends.values().filter(|end| matches!(end, End::Ejected(Ejection::Worse { .. })));
    assert_eq!(reasons.count(), 8);
    // Without the repetitions that confirm. The first culprit is found by halves (4 runs); each of them raises the share
    // of changes that are believed to fail, so that the others are soon tested alone. That rests on confirming early: where
    // a suite takes far less than a second, repetitions come last, nothing is learned on the way, and it takes 22.
    let search = world.runs - 8;
    assert!(search <= 15, "{search} runs");
}

/// What is planned where the first of two is red alone `times` times and both together are green.
fn less_red_more_green(vouch: bool, times: u32) -> Vec<Action> {
    let mut world = calm(vec![harmless(0), harmless(1)], 4);
    let chains = [vec![0], vec![1], vec![0, 1]];
    world.compositions = chains
        .into_iter()
        .map(|chain| (chain.iter().map(|&at| id(at)).collect(), world.compose(&chain)))
        .collect();
    let mut view = world.view();
    let tree = |members: &[usize]| {
        let members: Vec<TaskId> = members.iter().map(|&at| id(at)).collect();
        let composition = &view.compositions[&members];
        let Composition::Clean { tree, .. } = composition else { panic!("{composition:?}") };
        tree.clone()
    };
    let red = Verdict::Worse { tests: BTreeSet::from(["x".to_owned()]), times, unanswered: 0 };
    let (less, more) = (tree(&[0]), tree(&[0, 1]));
    view.verdicts.insert(less, Known { verdict: red, flake: false });
    view.verdicts.insert(more, Known { verdict: Verdict::Green, flake: false });
    view.rules.vouch = vouch;
    plan(&view, Seconds(0), 1)
}

fn lands_both(actions: &[Action]) -> bool {
    matches!(actions, [Action::Land { members, .. }] if *members == [id(0), id(1)])
}

#[test]
fn scenario_26_a_green_of_more_lands_all_although_less_was_red() {
    assert!(lands_both(&less_red_more_green(true, 1)));
}

#[test]
fn scenario_26_by_policy_less_is_tested_once_more_before_more_lands() {
    let first = less_red_more_green(false, 1);
    let again = |action: &Action| matches!(action, Action::StartRun { members, purpose: Purpose::Confirm, .. } if *members == [id(0)]);
    assert!(first.len() == 1 && again(&first[0]), "{first:?}");
    // Red twice: the longer one repairs it. Nobody of a green chain is ejected.
    assert!(lands_both(&less_red_more_green(false, 2)));
}

#[test]
fn scenario_34_priority_survives_a_search() {
    let mut changes: Vec<Change> = (0..6).map(harmless).collect();
    for change in &mut changes {
        change.priority = 3;
    }
    changes[4].priority = 0;
    changes[1].defect = true;
    let mut world = calm(changes, 6);
    world.run().unwrap();
    assert_eq!(world.landed.len(), 5);
    let view = world.view();
    assert!(view.entries.is_empty());
    let first = world.commits.iter().find(|(_, chain)| chain.len() > 1).map(|(_, chain)| chain[0]);
    assert_eq!(first, Some(4), "the urgent one stands first in every chain");
}
