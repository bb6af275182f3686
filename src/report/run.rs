//! The data of a finished run, as its journal tells it.

use super::sum::Sum;
use crate::task::finding::Severity;
use crate::task::id::{CommitId, RunId, Seconds, TaskId};
use crate::task::record::TurnRecord;

/// Everything that a report is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunReport {
    pub(crate) run: RunId,
    pub(crate) started: Seconds,
    pub(crate) ended: Seconds,
    pub(crate) ending: Ending,
    /// The branch that it landed on, and where that stood.
    pub(crate) branch: String,
    pub(crate) base: Change<CommitId>,
    /// What to type to go on with the run where it did not come to its end.
    pub(crate) command: String,
    /// In any order.
    pub(crate) tasks: Vec<TaskLine>,
    /// What the full suite said before and after. `None` where it did not run or gave no evidence.
    pub(crate) tests: Change<Option<Counts>>,
    pub(crate) regressions: Vec<RegressionLine>,
    pub(crate) findings: Vec<FindingLine>,
    /// Every turn of an agent, in order of its end.
    pub(crate) turns: Vec<TurnLine>,
    /// Breakers that opened, in their order: the agent, and why.
    pub(crate) breakers: Vec<(String, String)>,
    /// Why the queue stood still though something was in it.
    pub(crate) stands: Option<String>,
    /// What else there is to know: what its budget came to, how often it was killed. One line each.
    pub(crate) notes: Vec<String>,
    /// Every command that was run, in order of its start.
    pub(crate) commands: Vec<CommandLine>,
    /// The rules that held at its end and are not the built-in ones.
    pub(crate) settings: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing was left that it could do.
    Done,
    /// A person or the system ended it.
    Interrupted,
    /// Stop-if-worse: a task made results worse, and a person has to continue.
    StoppedAsWorse { culprit: TaskId },
    /// Its budget or its time was over, and something was left to do.
    Limit { why: String },
    /// A task failed for good, and the run was to end then.
    Aborted { why: String },
}

/// A value before and after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// What became of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskLine {
    pub(crate) id: TaskId,
    pub(crate) title: String,
    pub(crate) result: Outcome,
    /// Turns of agents in this run, whatever became of them. All figures down to `seconds` are of this run.
    pub(crate) turns: u32,
    /// Attempts of an agent that came to their end.
    pub(crate) tries: u32,
    /// Turns of reviewers that came to their end.
    pub(crate) reviews: u32,
    /// Millionths of a dollar.
    pub(crate) cost_usd_micros: Sum,
    /// Input and output together.
    pub(crate) tokens: Sum,
    /// How long its turns took together.
    pub(crate) seconds: u64,
    /// What it had used when the run began.
    pub(crate) before: Option<Before>,
    /// Why it is where it is, as a fragment; may be empty for what landed.
    pub(crate) why: String,
    pub(crate) awaits: Awaits,
    /// The log of the turn that failed, on the machine of the run.
    pub(crate) log: Option<String>,
}

/// What a task used before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    /// Turns of agents, at least one.
    pub(crate) turns: u32,
    /// Millionths of a dollar; `None`: unknown, which is not nothing.
    pub(crate) cost_usd_micros: Option<u64>,
}

/// What would move a task on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// All that is missing is somebody's yes.
    Approval,
    /// It is in the queue.
    Queue,
    /// Something else, or nothing any more.
    Other,
}

/// Where a task stands at the end; the worst is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    NeedsPerson,
    Waiting,
    Cancelled,
    Landed,
}

/// A test that passed before a change and failed or was gone with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegressionLine {
    pub(crate) test: String,
    pub(crate) task: TaskId,
    /// Whether it was kept from the base branch; otherwise it landed.
    pub(crate) caught: bool,
}

/// A finding of a reviewer, and whether it led to a fix that landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FindingLine {
    pub(crate) reviewer: String,
    pub(crate) task: TaskId,
    pub(crate) severity: Severity,
    pub(crate) fixed: bool,
}

/// One turn of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TurnLine {
    pub(crate) task: TaskId,
    pub(crate) turn: TurnRecord,
}

/// A command that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// The command as a person would type it; never with a secret.
    pub(crate) what: String,
    pub(crate) started: Seconds,
    pub(crate) seconds: u64,
    /// How it ended, as a fragment: `exit 0`, `time limit after 600 s`.
    pub(crate) ended: String,
}
