//! What `pick` may take, in order, and what the rest waits for.

use std::collections::BTreeMap;

use crate::task::id::TaskId;
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

/// What a task waits for before it may be claimed; `None` if for nothing.
///
/// `open` are the open tasks; `finished` says of others how they ended.
pub(crate) fn waits(
    card: &Card,
    open: &BTreeMap<&TaskId, &Card>,
    finished: &impl Fn(&TaskId) -> Option<Finished>,
) -> Option<Waits> {
    let mut missing = Vec::new();
    for id in &card.after {
        if open.contains_key(id) {
            missing.push(id.clone());
        } else if finished(id) != Some(Finished::Landed) {
            return Some(Waits::ForNothing(id.clone()));
        }
    }
    if missing.is_empty() { None } else { Some(Waits::For(missing)) }
}

/// The tasks that `who` may take now, first the one to take first: what was sent back to `who` (nearly done), then by
/// priority, then by age.
pub(crate) fn takeable<'a>(
    cards: &'a [Card],
    who: &str,
    finished: &impl Fn(&TaskId) -> Option<Finished>,
) -> Vec<&'a Card> {
    let open: BTreeMap<&TaskId, &Card> = cards.iter().map(|card| (&card.id, card)).collect();
    let free = |card: &&Card| card.state == "pending" && !card.adopted;
    let returned = |card: &&Card| card.sent_back && card.owner.as_deref() == Some(who);
    let mut found: Vec<&Card> = cards
        .iter()
        .filter(|card| free(card) || returned(card))
        .filter(|card| returned(card) || waits(card, &open, finished).is_none())
        .collect();
    found.sort_by_key(|card| (!returned(card), card.priority, card.created_at, card.id.clone()));
    found
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
