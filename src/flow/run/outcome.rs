//! How far a run was asked to stop, why it did, and what it came to.

use crate::report::RunReport;
use crate::task::id::TaskId;

/// How far a stop was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stopping {
    No,
    Soft,
    Hard,
}

/// Why it stops before everything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    Person,
    Time,
    Failure(TaskId),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// Nothing was left that it could do.
    Done,
    /// Stopped by a person.
    Interrupted,
    /// Its budget or its time is over, and something is left.
    Limit(String),
    /// A task needs a person, and it was to end then.
    Aborted(String),
}

/// What a run came to.
pub(crate) struct RunOutcome {
    pub(crate) end: RunEnd,
    pub(crate) report: RunReport,
    /// Whether there is a record of it: a run that did nothing leaves none.
    pub(crate) kept: bool,
    /// Why it could do nothing at all, if so.
    pub(crate) idle: Option<Idle>,
    /// What it left because no agent may have a turn any more.
    pub(crate) left: Option<Left>,
    /// It goes on when a person allows its budget once more.
    pub(crate) budget_waits: bool,
}

/// Why a run could do nothing at all.
pub(crate) struct Idle {
    pub(crate) why: String,
    /// The command that helps, where more is known than that an agent is missing.
    pub(crate) remedy: Option<String>,
}

/// What a run left because no agent may have a turn any more.
pub(crate) struct Left {
    /// How many tasks.
    pub(crate) tasks: usize,
    /// Why the agents of the first may not.
    pub(crate) why: String,
    /// The command that helps, where one does.
    pub(crate) remedy: Option<String>,
}
