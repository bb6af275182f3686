//! What only test runs reveal, looked up quickly for the clockwork of `play`. `check` has its own, slower reading.

use super::trace::{ChangeId, Trace};

/// The truth about a trace, and what has been decided so far.
#[derive(Debug)]
pub(crate) struct Truth<'a> {
    pub(crate) trace: &'a Trace,
    /// Both ways.
    conflicts: Vec<Vec<ChangeId>>,
    landed_at: Vec<Option<f64>>,
}

impl<'a> Truth<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Truth<'a> {
        let mut conflicts = vec![Vec::new(); trace.changes.len()];
        for id in trace.ids() {
            for &other in &trace.change(id).conflicts {
                conflicts[id as usize].push(other);
                conflicts[other as usize].push(id);
            }
        }
        Truth { trace, conflicts, landed_at: vec![None; trace.changes.len()] }
    }

    pub(crate) fn conflicts(&self, id: ChangeId) -> &[ChangeId] {
        &self.conflicts[id as usize]
    }

    pub(crate) fn land(&mut self, id: ChangeId, at: f64) {
        self.landed_at[id as usize] = Some(at);
    }

    /// Whether something on the base breaks the change, though it was written before that landed.
    pub(crate) fn broken_by_base(&self, id: ChangeId, now: f64) -> bool {
        let based_at = self.trace.change(id).based_at;
        self.conflicts(id)
            .iter()
            .any(|&other| self.landed_at[other as usize].is_some_and(|at| at <= now && at > based_at))
    }

    /// The members that make a run fail that starts now.
    pub(crate) fn culprits(&self, members: &[ChangeId], now: f64) -> Vec<ChangeId> {
        let culprit = |&id: &ChangeId| {
            self.trace.change(id).defect
                || self.conflicts(id).iter().any(|other| members.contains(other))
                || self.broken_by_base(id, now)
        };
        members.iter().copied().filter(culprit).collect()
    }
}
