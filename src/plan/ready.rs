//! What `pick` may take, in order, and what the rest waits for.

use std::collections::BTreeSet;
use std::fmt;

use crate::task::id::{Seconds, TaskId};
use crate::task::state::Column;

use super::Card;

/// How a task that others wait for stands, where it is no open task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    Landed,
    Cancelled,
}

/// Why a task cannot be taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waits {
    /// For these, none of which has landed.
    For(Vec<TaskId>),
    /// For ever, unless it is edited: it depends on a task that was given up or that nobody knows.
    ForNothing(TaskId),
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waits::For(ids) => {
                let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
                write!(f, "waits for {}", names.join(", "))
            }
            Waits::ForNothing(id) => write!(f, "waits for {id}, which will never land"),
        }
    }
}

/// What a task waits for before it may be claimed; `None` if for nothing.
///
/// `is_open` tells of open tasks; `finished` says of others how they ended.
pub(crate) fn waits(
    card: &Card,
    is_open: &impl Fn(&TaskId) -> bool,
    finished: &impl Fn(&TaskId) -> Option<Finished>,
) -> Option<Waits> {
    let mut missing = Vec::new();
    for id in &card.after {
        if is_open(id) {
            missing.push(id.clone());
        } else if finished(id) != Some(Finished::Landed) {
            return Some(Waits::ForNothing(id.clone()));
        }
    }
    if missing.is_empty() { None } else { Some(Waits::For(missing)) }
}

/// Whose turn it is: what was sent back to its owner (nearly done), then what is free, then what cannot be taken; within
/// each by priority and age.
pub(crate) fn rank(card: &Card) -> (u8, u8, Seconds, &TaskId) {
    let class = match card {
        Card { sent_back: true, .. } => 0,
        card if is_free(card) => 1,
        _ => 2,
    };
    (class, card.priority, card.created_at, &card.id)
}

/// Whether `who` may take the task now.
pub(crate) fn may_take(
    card: &Card,
    who: &str,
    is_open: &impl Fn(&TaskId) -> bool,
    finished: &impl Fn(&TaskId) -> Option<Finished>,
) -> bool {
    let returned = card.sent_back && card.owner.as_deref() == Some(who);
    returned || (is_free(card) && waits(card, is_open, finished).is_none())
}

/// The tasks that `who` may take now, first the one to take first.
pub(crate) fn takeable<'a>(
    cards: &'a [Card],
    who: &str,
    finished: &impl Fn(&TaskId) -> Option<Finished>,
) -> Vec<&'a Card> {
    let open: BTreeSet<&TaskId> = cards.iter().map(|card| &card.id).collect();
    let is_open = |id: &TaskId| open.contains(id);
    let mut found: Vec<&Card> = cards.iter().filter(|card| may_take(card, who, &is_open, finished)).collect();
    found.sort_by(|a, b| rank(a).cmp(&rank(b)));
    found
}

fn is_free(card: &Card) -> bool {
    card.state == "pending" && !card.adopted
}

/// How near a task is to its landing: the dispatcher serves the nearest first.
pub(crate) fn nearness(column: Column) -> u8 {
    match column {
        Column::Done => 0,
        Column::Testing => 1,
        Column::Queue => 2,
        Column::Review => 3,
        Column::Working => 4,
        Column::Ready => 5,
    }
}
