//! What agents do next: the turns that are wanted now, the nearest to a landing first (D3).

use std::collections::{BTreeMap, BTreeSet};

use crate::task::id::TaskId;

use super::Card;
use super::ready::{self, Finished};

/// One turn of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// A reviewer that has not answered for the commit under review.
    Review {
        task: TaskId,
        reviewer: String,
    },
    /// A task that was sent back, with what has to be mended.
    Fix {
        task: TaskId,
    },
    Implement {
        task: TaskId,
    },
    /// A task whose tests failed, for a small fix by a tester.
    Test {
        task: TaskId,
    },
    /// A task whose attempt failed: somebody finds out why before the next one.
    Clarify {
        task: TaskId,
    },
}

impl Work {
    pub(crate) fn task(&self) -> &TaskId {
        match self {
            Work::Review { task, .. }
            | Work::Fix { task }
            | Work::Implement { task }
            | Work::Test { task }
            | Work::Clarify { task } => task,
        }
    }

    /// The role of whoever takes the turn, as records have it.
    pub(crate) fn role(&self) -> String {
        match self {
            Work::Review { reviewer, .. } => format!("review_{reviewer}"),
            Work::Fix { .. } => "fix".to_owned(),
            Work::Implement { .. } => "implement".to_owned(),
            Work::Test { .. } => "test".to_owned(),
            Work::Clarify { .. } => "clarify".to_owned(),
        }
    }
}

/// For which roles there is an agent.
#[expect(clippy::struct_excessive_bools, reason = "one per role")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Roles {
    pub(crate) implement: bool,
    pub(crate) fix: bool,
    pub(crate) review: bool,
    pub(crate) test: bool,
    pub(crate) clarify: bool,
}

/// What the turns are chosen from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workload {
    pub(crate) cards: Vec<Card>,
    /// Reviewers that are still to be asked, by task under review.
    pub(crate) reviews: BTreeMap<TaskId, Vec<String>>,
    /// Tasks that were sent back with tests that a tester may look at first.
    pub(crate) to_test: BTreeSet<TaskId>,
    /// Tasks whose last attempt failed and was not looked at yet.
    pub(crate) to_clarify: BTreeSet<TaskId>,
    /// Turns that are going on.
    pub(crate) busy: BTreeSet<Work>,
    pub(crate) roles: Roles,
    /// Only these tasks; empty = all.
    pub(crate) only: BTreeSet<TaskId>,
    /// How the names end under which our agents hold tasks.
    pub(crate) ours: String,
    /// Tasks whose claim another clone has let lapse.
    pub(crate) lapsed: BTreeSet<TaskId>,
}

/// How many tasks were sent back to one of our agents, and wait for one that mends them where none is set.
pub(crate) fn stuck(load: &Workload, finished: &impl Fn(&TaskId) -> Option<Finished>) -> usize {
    if load.roles.fix {
        return 0;
    }
    let load = Workload { roles: Roles { fix: true, ..Roles::default() }, ..load.clone() };
    // What is back in the pool is as good for a person.
    let held = |id: &TaskId| load.cards.iter().any(|card| card.id == *id && card.state != "pending");
    wanted(&load, finished).iter().filter(|work| held(work.task())).count()
}

/// The turns that could start now, in the order in which they should: reviews, then what was sent back, then new work;
/// within each by priority and age.
pub(crate) fn wanted(load: &Workload, finished: &impl Fn(&TaskId) -> Option<Finished>) -> Vec<Work> {
    let open: BTreeSet<&TaskId> = load.cards.iter().map(|card| &card.id).collect();
    let is_open = |id: &TaskId| open.contains(id);
    let mut cards: Vec<&Card> =
        load.cards.iter().filter(|card| load.only.is_empty() || load.only.contains(&card.id)).collect();
    cards.sort_by_key(|card| (card.priority, card.created_at, &card.id));
    let mut turns = Vec::new();
    for card in &cards {
        for reviewer in load.reviews.get(&card.id).into_iter().flatten().filter(|_| load.roles.review) {
            turns.push(Work::Review { task: card.id.clone(), reviewer: reviewer.clone() });
        }
    }
    let at_work = |id: &TaskId| load.busy.iter().any(|work| work.task() == id);
    let ours = |card: &Card| card.owner.as_ref().is_some_and(|owner| owner.ends_with(&load.ours));
    let returned = |card: &Card| card.state == "assigned" && card.sent_back && ours(card);
    let again = |card: &Card| card.state == "pending" && card.try_number > 1;
    let free = |card: &Card| {
        card.state == "pending" && !card.adopted && ready::waits(card, &is_open, finished).is_none()
    };
    let lapsed = |card: &Card| load.lapsed.contains(&card.id) && !card.adopted;
    let mends = |card: &Card| card.sent_back || card.try_number > 1;
    for card in cards.iter().filter(|card| !at_work(&card.id)) {
        let back = returned(card) || (again(card) && free(card)) || (lapsed(card) && mends(card));
        if !back {
            continue;
        }
        let task = card.id.clone();
        // Whoever finds out why comes before the next attempt, a small fix before a large one.
        if load.roles.clarify && load.to_clarify.contains(&task) {
            turns.push(Work::Clarify { task });
        } else if load.roles.test && load.to_test.contains(&task) {
            turns.push(Work::Test { task });
        } else if load.roles.fix {
            turns.push(Work::Fix { task });
        }
    }
    for card in cards.iter().filter(|card| !at_work(&card.id) && load.roles.implement) {
        if (free(card) && !again(card)) || (lapsed(card) && !mends(card)) {
            turns.push(Work::Implement { task: card.id.clone() });
        }
    }
    turns.retain(|work| !load.busy.contains(work));
    turns
}
