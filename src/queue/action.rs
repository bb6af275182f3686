//! What a plan asks for. Actions are data: each carries everything that its executor needs.
//!
//! An action whose precondition no longer holds when it is carried out is dropped without an error: the next tick sees
//! why.

use super::{Hold, Purpose, Stop};
use crate::task::id::{CommitId, TaskId, TreeId};
use std::collections::BTreeSet;

/// One step. A plan lists them in the order in which they are carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ends an entry without a landing of its own.
    Finish { task: TaskId, because: Finished },
    /// Lets an entry out of its hold.
    Release { task: TaskId },
    /// Keeps an entry back: it conflicts with a task ahead.
    Hold { task: TaskId, hold: Hold },
    /// Moves the base to this commit, with all members.
    Land { members: Vec<TaskId>, commit: CommitId, tree: TreeId, on: LandedOn },
    /// Takes an entry out of the queue, with evidence for whoever repairs it.
    Eject { task: TaskId, because: Ejection },
    /// Stops the queue until a person continues it.
    StopAll { because: Stop },
    /// Ends a run whose answer nobody needs.
    CancelRun { tree: TreeId },
    /// Composes every prefix of the chain that is not known, up to the first that is not clean.
    Compose { members: Vec<TaskId> },
    /// Starts a test run of exactly this commit; `members` is empty for a baseline.
    StartRun { members: Vec<TaskId>, commit: CommitId, tree: TreeId, purpose: Purpose },
    /// Asks a person; the queue cannot go on, or not with these entries.
    Ask { question: Question },
}

/// Why an entry ended without a landing of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    /// The base has its landing already; only the bookkeeping was lost in a crash.
    Landed,
    /// The base has its content already.
    Contained,
}

/// What evidence a landing rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LandedOn {
    Green,
    /// Green, after a run of the same tree was red.
    Flaky,
    /// Green without what landed since the run began, which touches nothing that it touches. Only where the rules let
    /// that count.
    Commuting,
    /// A person approved it although these tests are worse.
    Accepted {
        worse: BTreeSet<String>,
    },
}

/// Why an entry has to leave, and what to repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ejection {
    /// It conflicts with the base.
    Conflict {
        files: BTreeSet<String>,
        /// The landed task that it conflicts with, if known.
        with: Option<TaskId>,
    },
    /// These tests are worse with it, on this commit.
    Worse {
        tests: BTreeSet<String>,
        commit: CommitId,
        tree: TreeId,
        /// Runs of that tree that said so.
        runs: u32,
        /// The paths that it changes.
        files: BTreeSet<String>,
    },
    /// Its tests give no evidence, though the base's do.
    NoEvidence { why: String, commit: CommitId, tree: TreeId, runs: u32 },
}

/// What only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// The base's own tests give no evidence, so nothing can be judged.
    NoBaseline { why: String },
    /// These entries wait for each other.
    Cycle { members: Vec<TaskId> },
}
