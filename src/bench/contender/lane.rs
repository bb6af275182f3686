//! What models have in common that give each change a run of its own, with others ahead of it.

use crate::bench::play::{Answer, Want};
use crate::bench::trace::ChangeId;

/// A change that waits, with its own run.
pub(super) struct Entry {
    pub(super) id: ChangeId,
    pub(super) run: Option<u32>,
    /// How its last run ended, as far as that still counts.
    pub(super) passed: Option<bool>,
    /// Reds of it alone so far.
    pub(super) reds: u32,
    /// Undecided changes that it is or was tested with, itself last.
    pub(super) with: Vec<ChangeId>,
}

impl Entry {
    pub(super) fn new(id: ChangeId) -> Entry {
        Entry { id, run: None, passed: None, reds: 0, with: Vec::new() }
    }

    /// Whether nothing is known of it and nothing runs for it.
    pub(super) fn is_idle(&self) -> bool {
        self.run.is_none() && self.passed.is_none()
    }

    /// Tests it with these changes, itself last.
    pub(super) fn start(&mut self, run: u32, with: Vec<ChangeId>) -> Want {
        self.run = Some(run);
        self.with.clone_from(&with);
        Want::Start { run, members: with, subjects: Some(vec![self.id]) }
    }

    /// Its run goes, and what was known by it.
    pub(super) fn again(&mut self, wants: &mut Vec<Want>) {
        wants.extend(self.run.take().map(Want::Cancel));
        self.passed = None;
    }
}

/// How many have a run.
pub(super) fn busy(queue: &[Entry]) -> usize {
    queue.iter().filter(|entry| entry.run.is_some()).count()
}

/// Notes the answer of a run with the change that it was for.
pub(super) fn answered(queue: &mut [Entry], run: u32, answer: Answer) {
    if let Some(entry) = queue.iter_mut().find(|entry| entry.run == Some(run)) {
        entry.run = None;
        entry.passed = Some(answer == Answer::Pass);
    }
}
