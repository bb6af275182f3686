//! Says in one line what a task in the queue waits for, and behind whom.

use super::board::Board;
use super::order::{Order, ordered};
use super::ready::ready;
use super::rules;
use super::{Composition, Entry, Purpose, View};
use crate::task::id::{Seconds, TaskId};
use crate::task::words::counted;
use std::collections::BTreeSet;

/// What a task in the queue waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// One line without a full stop.
    pub(crate) text: String,
    /// The task that has to be decided first, if it is one task.
    pub(crate) behind: Option<TaskId>,
}

/// Explains the entries of one view.
pub(crate) struct Explain<'a> {
    view: &'a View,
    order: Order<'a>,
    /// Members of failed sets.
    searched: BTreeSet<&'a TaskId>,
    /// Members of the next candidate.
    next: BTreeSet<&'a TaskId>,
}

fn reason(text: impl Into<String>) -> Reason {
    Reason { text: text.into(), behind: None }
}

fn behind(task: &TaskId, text: String) -> Reason {
    Reason { text, behind: Some(task.clone()) }
}

impl<'a> Explain<'a> {
    pub(crate) fn of(view: &'a View) -> Explain<'a> {
        let order = ordered(&view.entries);
        let ready = ready(view, &order).entries;
        let mut board = Board::of(view, &ready, view.running.len() + 1);
        let searched = ready.iter().map(|entry| &entry.task).filter(|task| board.is_suspect(task)).collect();
        let now = view.entries.iter().map(|entry| entry.enqueued_at).max().unwrap_or(Seconds(0));
        let wishes = board.wishes(now);
        let next = wishes.into_iter().flat_map(|wish| wish.chain).map(|entry| &entry.task).collect();
        Explain { view, order, searched, next }
    }

    /// The entries in the order of their turns.
    pub(crate) fn turns(&self) -> impl Iterator<Item = &'a Entry> {
        self.order.turns.iter().chain(&self.order.circle).copied()
    }

    /// What `task` waits for.
    pub(crate) fn why(&self, task: &TaskId) -> Reason {
        let Some(entry) = self.view.entry(task) else { return reason("not in the queue") };
        self.kept_back(entry).or_else(|| self.under_test(task)).unwrap_or_else(|| self.waiting(entry))
    }

    /// What keeps the entry or the whole queue back.
    fn kept_back(&self, entry: &Entry) -> Option<Reason> {
        let view = self.view;
        if let Some(stop) = &view.stopped {
            let tests = counted(stop.tests.len(), "test");
            return Some(reason(format!("the queue is stopped: {} makes {tests} worse", stop.culprit)));
        }
        if view.paused {
            return Some(reason("the queue is paused"));
        }
        if entry.blocked {
            return Some(reason("waits for a task that is not in the queue"));
        }
        if let Some(min) = view.min_priority.filter(|&min| entry.priority > min && !entry.hotfix) {
            return Some(reason(format!("priority {}: only 0 to {min} go now", entry.priority)));
        }
        let hotfix = view.entries.iter().find(|other| other.hotfix && !rules::waits(view, other));
        if let Some(hotfix) = hotfix.filter(|_| !entry.hotfix) {
            return Some(behind(&hotfix.task, format!("waits for the hotfix {}", hotfix.task)));
        }
        let hold = view.held.get(&entry.task)?;
        let files: Vec<&str> = hold.files.iter().map(String::as_str).collect();
        let text = format!("held behind {}: they conflict in {}", hold.behind, files.join(", "));
        Some(behind(&hold.behind, text))
    }

    fn under_test(&self, task: &TaskId) -> Option<Reason> {
        let run = self.view.running.iter().find(|run| run.members.contains(task))?;
        let others: Vec<&str> =
            run.members.iter().filter(|other| *other != task).map(TaskId::as_str).collect();
        let doing = match run.purpose {
            Purpose::Confirm => "red, being repeated",
            Purpose::Blame => "red, being tried without what landed before it",
            Purpose::Candidate | Purpose::Baseline => "being tested",
        };
        let with = if others.is_empty() { String::new() } else { format!(" with {}", others.join(", ")) };
        Some(reason(format!("{doing}{with}")))
    }

    /// What an entry waits for that could go: a dependency, an overlap, or its turn.
    fn waiting(&self, entry: &Entry) -> Reason {
        if let Some(other) = rules::undecided(self.view, entry).next() {
            return behind(other, format!("after {other}, which has not landed yet"));
        }
        if self.lands(entry) {
            return reason("green, lands next");
        }
        if self.searched.contains(&entry.task) {
            return reason("in a red batch, being searched");
        }
        if self.next.contains(&entry.task) {
            return reason("next to be tested");
        }
        let place = self.order.turns.iter().position(|other| other.task == entry.task);
        let Some(place) = place else { return reason("waits in a circle of dependencies") };
        let ahead = &self.order.turns[..place];
        if let Some(other) = ahead.iter().find(|other| other.footprint.overlaps(&entry.footprint)) {
            let shared: Vec<String> = other.footprint.shared(&entry.footprint).into_iter().collect();
            let text = match shared.as_slice() {
                _ if other.alone() || entry.alone() => {
                    format!("behind {}: one of them lands alone", other.task)
                }
                [] => format!("behind {}: they failed together before", other.task),
                shared => format!("behind {}: both change {}", other.task, shared.join(", ")),
            };
            return behind(&other.task, text);
        }
        match ahead.last() {
            None => reason("next to be composed"),
            Some(last) if place == 1 => behind(&last.task, "behind 1 task".to_owned()),
            Some(last) => behind(&last.task, format!("behind {place} tasks")),
        }
    }

    /// Whether a chain with the entry may land.
    fn lands(&self, entry: &Entry) -> bool {
        self.view.compositions.iter().any(|(members, composition)| match composition {
            Composition::Clean { tree, .. } => {
                members.contains(&entry.task) && rules::may_land(self.view, members, tree).is_some()
            }
            Composition::Empty | Composition::ConflictWith { .. } | Composition::ConflictWithBase { .. } => {
                false
            }
        })
    }
}

/// What `task` waits for, in words.
#[cfg(test)]
pub(super) fn why(view: &View, task: &TaskId) -> String {
    Explain::of(view).why(task).text
}
