//! Whose turn it is: hotfixes, priority, then what repairs the base, then dependencies, then waiting time, then id.

use super::Entry;
use crate::task::id::TaskId;
use std::collections::BTreeSet;

/// The entries in the order of their turns, and those that wait for each other in a circle (or behind one).
pub(super) struct Order<'a> {
    pub(super) turns: Vec<&'a Entry>,
    pub(super) circle: Vec<&'a Entry>,
}

/// Orders entries: of those whose dependencies stand before them, always the first by priority, time and id (Kahn). Whoever
/// is suspected keeps its place here: when a suspect is tested is the policy's to say (`policy/order.rs`).
pub(super) fn ordered(entries: &[Entry]) -> Order<'_> {
    let queued: BTreeSet<&TaskId> = entries.iter().map(|entry| &entry.task).collect();
    let mut rest: Vec<&Entry> = entries.iter().collect();
    rest.sort_by_key(|entry| (!entry.hotfix, entry.priority, !entry.repairs, entry.enqueued_at, &entry.task));
    let mut turns: Vec<&Entry> = Vec::new();
    let mut placed: BTreeSet<&TaskId> = BTreeSet::new();
    let free = |entry: &Entry, placed: &BTreeSet<&TaskId>| {
        entry.after.iter().all(|other| placed.contains(other) || !queued.contains(other))
    };
    while let Some(at) = rest.iter().position(|entry| free(entry, &placed)) {
        let entry = rest.remove(at);
        placed.insert(&entry.task);
        turns.push(entry);
    }
    Order { turns, circle: rest }
}
