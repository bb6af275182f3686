//! How long the queue is to work, and what came of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::task::id::{Seconds, TaskId};

/// How long to work at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Only until one task has landed or left the queue.
    pub(crate) once: bool,
    /// Test runs that may be started.
    pub(crate) runs: Option<u32>,
    /// Time after which no test run is started.
    pub(crate) time: Option<Duration>,
}

/// How a round of the queue ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rounds {
    pub(crate) landed: Vec<TaskId>,
    /// Went back to their agents or owners.
    pub(crate) sent_back: Vec<TaskId>,
    /// Wait for a person.
    pub(crate) needs_you: Vec<TaskId>,
    /// Test commands that were run.
    pub(crate) runs: u32,
    /// Those commands, for the report.
    pub(crate) ran: Vec<Ran>,
    /// The bound that ended it early.
    pub(crate) limit: Option<String>,
    /// The queue stands still, and why.
    pub(crate) stands: Option<String>,
    /// A person is needed, even if nobody waits: it stopped itself, or the base gives no evidence.
    pub(crate) needs_person: bool,
    /// Left in the queue: blocked, held, or not wanted now.
    pub(crate) waiting: Vec<TaskId>,
    /// What it looked at last, with the tips of the journals: what came after that it has not seen.
    pub(crate) seen: BTreeSet<(TaskId, String)>,
}

/// Something that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) what: String,
    pub(crate) started: Seconds,
    pub(crate) seconds: u64,
    pub(crate) ended: String,
}
