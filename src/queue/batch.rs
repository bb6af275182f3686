//! Grows the one candidate chain, and settles on the way who conflicts with whom. No test run is spent on a conflict.

use super::order::Order;
use super::rules::{hold_stands, needs, undecided, waits};
use super::{Action, Composition, Ejection, Entry, Finished, Hold, View};
use crate::task::id::{CommitId, TaskId, TreeId};
use std::collections::BTreeSet;

/// The candidate chain, as far as it is composed.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    /// Every prefix: its last member, commit and tree.
    pub(super) links: Vec<Link<'a>>,
    /// Conflicts, holds and empty entries that came out.
    pub(super) settled: Vec<Action>,
    /// What has to be composed before the chain is complete.
    pub(super) compose: Vec<Vec<TaskId>>,
}

/// One prefix of the chain.
#[derive(Debug)]
pub(super) struct Link<'a> {
    pub(super) last: &'a Entry,
    pub(super) commit: &'a CommitId,
    pub(super) tree: &'a TreeId,
}

impl Batch<'_> {
    /// The members of the prefix of `count`.
    pub(super) fn members(&self, count: usize) -> Vec<TaskId> {
        self.links[..count].iter().map(|link| link.last.task.clone()).collect()
    }
}

/// Chooses and composes the chain: in order, entries that touch nothing in common with those chosen before them, at
/// most `limit`.
pub(super) fn grow<'a>(view: &'a View, order: &Order<'a>, limit: usize) -> Batch<'a> {
    let mut batch = Batch::default();
    let ready: Vec<&Entry> =
        order.turns.iter().copied().filter(|entry| is_ready(view, order, entry, &mut batch)).collect();
    let mut chain: Vec<&Entry> = Vec::new();
    for entry in ready {
        if chain.len() == limit {
            break;
        }
        if !undecided(view, entry).all(|other| chain.iter().any(|member| member.task == *other)) {
            continue;
        }
        match partner(view, &chain, entry) {
            Some(ahead) => hold_if_in_conflict(view, ahead, entry, &mut batch),
            None if chain.first().is_some_and(|first| first.alone() || entry.alone()) => {}
            None => append(view, &mut chain, entry, &mut batch),
        }
    }
    if batch.links.len() < chain.len() {
        batch.compose.push(names(&chain));
    }
    batch
}

/// Whether an entry can be in a chain; settles what it is on its own: in conflict with the base, empty, released.
fn is_ready(view: &View, order: &Order<'_>, entry: &Entry, batch: &mut Batch<'_>) -> bool {
    let hold = view.held.get(&entry.task);
    if waits(view, entry) || hold.is_some_and(|hold| hold_stands(view, &order.turns, &entry.task, hold)) {
        return false;
    }
    let release = || hold.map(|_| Action::Release { task: entry.task.clone() });
    if undecided(view, entry).next().is_some() {
        batch.settled.extend(release()); // what it is without its dependency says nothing
        return true;
    }
    match view.compositions.get(std::slice::from_ref(&entry.task)) {
        None => batch.compose.push(vec![entry.task.clone()]),
        Some(Composition::Clean { .. }) => {
            batch.settled.extend(release());
            return true;
        }
        Some(Composition::Empty) => {
            batch.settled.push(Action::Finish { task: entry.task.clone(), because: Finished::Contained });
        }
        Some(Composition::ConflictWithBase { files } | Composition::ConflictWith { files, .. }) => {
            let with = hold.map(|hold| hold.behind.clone()).filter(|task| view.has_landed(task));
            let because = Ejection::Conflict { files: files.clone(), with };
            batch.settled.push(Action::Eject { task: entry.task.clone(), because });
        }
    }
    false
}

/// The first member that touches what `entry` touches. Its own dependencies do so by nature and do not count.
fn partner<'a>(view: &View, chain: &[&'a Entry], entry: &Entry) -> Option<&'a Entry> {
    let needed = needs(view, entry);
    chain
        .iter()
        .copied()
        .find(|member| !needed.contains(&member.task) && member.footprint.overlaps(&entry.footprint))
}

/// Composes a pair that overlaps, to know early who will have to be held, and behind whom.
fn hold_if_in_conflict(view: &View, ahead: &Entry, entry: &Entry, batch: &mut Batch<'_>) {
    if [ahead, entry].iter().any(|one| undecided(view, one).next().is_some()) {
        return; // alone, neither is what it will be behind its dependency
    }
    let pair = vec![ahead.task.clone(), entry.task.clone()];
    match view.compositions.get(&pair) {
        None => batch.compose.push(pair),
        Some(Composition::ConflictWith { ahead, files }) => hold(view, ahead, entry, files, batch),
        Some(Composition::Clean { .. } | Composition::ConflictWithBase { .. } | Composition::Empty) => {}
    }
}

/// Puts `entry` at the end of the chain, if it composes there. What is not composed yet is taken to be clean, so that
/// the whole chain is asked for at once.
fn append<'a>(view: &'a View, chain: &mut Vec<&'a Entry>, entry: &'a Entry, batch: &mut Batch<'a>) {
    chain.push(entry);
    match view.compositions.get(&names(chain)) {
        None => return,
        Some(Composition::Clean { commit, tree }) => {
            batch.links.push(Link { last: entry, commit, tree });
            return;
        }
        Some(Composition::ConflictWith { ahead, files }) => hold(view, ahead, entry, files, batch),
        Some(Composition::ConflictWithBase { files }) => {
            let because = Ejection::Conflict { files: files.clone(), with: None };
            batch.settled.push(Action::Eject { task: entry.task.clone(), because });
        }
        Some(Composition::Empty) => {} // known better when the others are decided
    }
    chain.pop();
}

/// Holds `entry`, unless a run with it is going on: what is under way is not thrown away for whoever comes later.
fn hold(view: &View, ahead: &TaskId, entry: &Entry, files: &BTreeSet<String>, batch: &mut Batch<'_>) {
    if !view.running.iter().any(|run| run.members.contains(&entry.task)) {
        let hold = Hold { behind: ahead.clone(), files: files.clone() };
        batch.settled.push(Action::Hold { task: entry.task.clone(), hold });
    }
}

fn names(chain: &[&Entry]) -> Vec<TaskId> {
    chain.iter().map(|entry| entry.task.clone()).collect()
}
