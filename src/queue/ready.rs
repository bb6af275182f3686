//! Which entries can be in a candidate, and what is settled about one without a test run.

use super::order::Order;
use super::rules::{hold_stands, undecided, waits};
use super::{Action, Composition, Ejection, Entry, Finished, View};
use crate::task::id::TaskId;

/// The entries that can go now, in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct Ready<'a> {
    pub(super) entries: Vec<&'a Entry>,
    /// Conflicts with the base, empty entries and releases that came out.
    pub(super) settled: Vec<Action>,
    /// What has to be composed before more is known.
    pub(super) compose: Vec<Vec<TaskId>>,
}

/// Looks at each entry by itself. What has to land alone goes when it is first, with nobody beside it.
pub(super) fn ready<'a>(view: &'a View, order: &Order<'a>) -> Ready<'a> {
    let mut ready = Ready::default();
    for entry in order.turns.iter().copied() {
        if is_ready(view, order, entry, &mut ready) {
            ready.entries.push(entry);
        }
    }
    match ready.entries.first() {
        Some(first) if first.alone() => ready.entries.truncate(1),
        Some(_) | None => ready.entries.retain(|entry| !entry.alone()),
    }
    // Whoever needs somebody that cannot go cannot go either; the order has those first.
    let mut kept: Vec<&Entry> = Vec::new();
    for entry in ready.entries {
        if undecided(view, entry).all(|other| kept.iter().any(|before| before.task == *other)) {
            kept.push(entry);
        }
    }
    ready.entries = kept;
    ready
}

/// Whether an entry can be in a chain; settles what it is on its own: in conflict with the base, empty, released.
fn is_ready(view: &View, order: &Order<'_>, entry: &Entry, ready: &mut Ready<'_>) -> bool {
    let hold = view.held.get(&entry.task);
    if waits(view, entry) || hold.is_some_and(|hold| hold_stands(view, &order.turns, &entry.task, hold)) {
        return false;
    }
    let release = || hold.map(|_| Action::Release { task: entry.task.clone() });
    if undecided(view, entry).next().is_some() {
        ready.settled.extend(release()); // what it is without its dependency says nothing
        return true;
    }
    match view.compositions.get(std::slice::from_ref(&entry.task)) {
        None => ready.compose.push(vec![entry.task.clone()]),
        Some(Composition::Clean { .. }) => {
            ready.settled.extend(release());
            return true;
        }
        Some(Composition::Empty) => {
            ready.settled.push(Action::Finish { task: entry.task.clone(), because: Finished::Contained });
        }
        Some(Composition::ConflictWithBase { files } | Composition::ConflictWith { files, .. }) => {
            let with = hold.map(|hold| hold.behind.clone()).filter(|task| view.has_landed(task));
            let because = Ejection::Conflict { files: files.clone(), with };
            ready.settled.push(Action::Eject { task: entry.task.clone(), because });
        }
    }
    false
}
