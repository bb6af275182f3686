//! Where a task stands. Each variant carries what must be true while it holds.

use super::actor::Who;
use super::evidence::Evidence;
use super::id::{CommitId, TaskId};

/// A task in somebody's hands. The epoch rises with each claim, so an old owner's late write is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) owner: Who,
    pub(crate) epoch: u64,
}

/// A change that was handed in: exactly this commit, measured against this base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) claim: Claim,
    pub(crate) head: CommitId,
    /// The merge base with the base branch when it was handed in.
    pub(crate) base: CommitId,
    /// Lines that count against the cap.
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

/// Whose yes put a change into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    /// A person's name, or `reviewers`.
    pub(crate) by: Who,
    /// The person saw that it makes tests worse and wants it landed all the same.
    pub(crate) accept_worse: bool,
}

/// What the queue is doing with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    /// Part of this candidate, whose tests run.
    Testing {
        candidate: CommitId,
    },
    /// Does not merge with a task ahead; goes on when that one is decided.
    Held {
        behind: TaskId,
        files: Vec<String>,
    },
}

/// Where a task stands (C4: ten states, and cancelled).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// May be claimed once the tasks before it have landed.
    Pending,
    /// Its spec is a draft: nobody may claim it.
    InPlanning,
    /// Claimed; its worker has not begun, or was sent back to it.
    Assigned { claim: Claim },
    /// Its worker is at it.
    InProgress { claim: Claim },
    /// Handed in; reviewers or a person look at it.
    UnderReview { change: Change },
    /// Reviewed; the lead of its domain looks at it.
    DomainReview { change: Change },
    /// In the queue.
    ReadyForHandoff { change: Change, approval: Approval, phase: Phase },
    /// On the base branch, as this commit; whose work it was, where somebody had claimed it.
    Completed { landed: CommitId, owner: Option<Who> },
    /// A person holds it.
    Blocked { because: String, was: Box<State> },
    /// It needs a person's decision.
    Escalated { because: Evidence, was: Box<State> },
    /// Given up.
    Cancelled { because: String },
}

/// The columns that people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Column {
    Ready,
    Working,
    Review,
    Testing,
    Queue,
    Done,
}

impl Column {
    /// The column's title.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Column::Ready => "READY",
            Column::Working => "WORKING",
            Column::Review => "REVIEW",
            Column::Testing => "TESTING",
            Column::Queue => "QUEUE",
            Column::Done => "DONE",
        }
    }
}

impl State {
    /// The state's name in records, trailers and `--json`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::InPlanning => "in-planning",
            State::Assigned { .. } => "assigned",
            State::InProgress { .. } => "in-progress",
            State::UnderReview { .. } => "under-review",
            State::DomainReview { .. } => "domain-review",
            State::ReadyForHandoff { .. } => "ready-for-handoff",
            State::Completed { .. } => "completed",
            State::Blocked { .. } => "blocked",
            State::Escalated { .. } => "escalated",
            State::Cancelled { .. } => "cancelled",
        }
    }

    /// The state as people say it, behind `it is`.
    pub(crate) fn said(&self) -> &'static str {
        State::said_of(self.word()).unwrap_or_default()
    }

    /// What people say for the name that a state has in records.
    pub(crate) fn said_of(word: &str) -> Option<&'static str> {
        Some(match word {
            "pending" => "ready to be picked",
            "in-planning" => "a draft",
            "assigned" => "claimed",
            "in-progress" => "being worked on",
            "under-review" => "under review",
            "domain-review" => "with the lead of its domain",
            "ready-for-handoff" => "in the queue",
            "completed" => "landed",
            "blocked" => "held",
            "escalated" => "waiting for a person",
            "cancelled" => "given up",
            _ => return None,
        })
    }

    /// The column of `status`. A task that needs a person stays in the column where it stopped.
    pub(crate) fn column(&self) -> Column {
        match self {
            State::Pending | State::InPlanning | State::Assigned { .. } => Column::Ready,
            State::InProgress { .. } => Column::Working,
            State::UnderReview { .. } | State::DomainReview { .. } => Column::Review,
            State::ReadyForHandoff { phase: Phase::Testing { .. }, .. } => Column::Testing,
            State::ReadyForHandoff { phase: Phase::Waiting | Phase::Held { .. }, .. } => Column::Queue,
            State::Completed { .. } | State::Cancelled { .. } => Column::Done,
            State::Blocked { was, .. } | State::Escalated { was, .. } => was.column(),
        }
    }

    /// Whether nothing more can happen to it but an undo.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self, State::Completed { .. } | State::Cancelled { .. })
    }

    /// The claim under which somebody works or worked on it.
    pub(crate) fn claim(&self) -> Option<&Claim> {
        match self {
            State::Assigned { claim } | State::InProgress { claim } => Some(claim),
            State::UnderReview { change }
            | State::DomainReview { change }
            | State::ReadyForHandoff { change, .. } => Some(&change.claim),
            State::Blocked { was, .. } | State::Escalated { was, .. } => was.claim(),
            State::Pending | State::InPlanning | State::Completed { .. } | State::Cancelled { .. } => None,
        }
    }

    /// The change that was handed in, if one is.
    pub(crate) fn change(&self) -> Option<&Change> {
        match self {
            State::UnderReview { change }
            | State::DomainReview { change }
            | State::ReadyForHandoff { change, .. } => Some(change),
            State::Blocked { was, .. } | State::Escalated { was, .. } => was.change(),
            State::Pending
            | State::InPlanning
            | State::Assigned { .. }
            | State::InProgress { .. }
            | State::Completed { .. }
            | State::Cancelled { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn people_are_told_no_name_of_a_record() {
        for state in crate::task::samples::states() {
            assert!(!state.said().is_empty() && state.said() != state.word(), "{}", state.word());
        }
    }
}
