//! One approved change that waits in the queue.

use super::Footprint;
use crate::task::id::{CommitId, Nonce, Seconds, TaskId};

/// An approved change: which commit, how urgent, what it needs and what it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that hold side by side, in any combination")]
pub(crate) struct Entry {
    pub(crate) task: TaskId,
    /// Names this stay in the queue; a landing commit carries it, so a landing is recognized after a crash.
    pub(crate) nonce: Nonce,
    /// The commit that was approved. Another head is another entry, with a nonce of its own.
    pub(crate) head: CommitId,
    /// 0 goes first.
    pub(crate) priority: u8,
    /// Goes alone before everything else; what runs without it is thrown away.
    pub(crate) hotfix: bool,
    /// Whether it is known to repair tests that fail on the base.
    pub(crate) repairs: bool,
    pub(crate) enqueued_at: Seconds,
    /// Tasks that must land before this one, and that wait in the queue too.
    pub(crate) after: Vec<TaskId>,
    /// Whether it depends on a task that neither landed nor waits in the queue.
    pub(crate) blocked: bool,
    pub(crate) footprint: Footprint,
    /// Whether a person approved it although it makes results worse.
    pub(crate) accept_worse: bool,
}

impl Entry {
    /// Whether it lands in a chain of its own: its evidence would say nothing about others, or theirs about it.
    pub(super) fn alone(&self) -> bool {
        self.footprint.barrier || self.accept_worse
    }
}
