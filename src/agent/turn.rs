//! What a turn is: what an agent is asked, and what came of it.

use super::output::{Failure, Tokens};
use crate::{
    process::{Outcome, sandbox::Sandbox},
    task::{
        id::{RunId, TaskId},
        record::MicroUsd,
        role::Role,
    },
};
use std::{path::PathBuf, time::Duration};

/// What an agent is asked to do, where, and within which limits.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) task: TaskId,
    pub(crate) role: Role,
    /// Which try of this role on this task it is, from 1.
    pub(crate) try_number: u32,
    pub(crate) run: RunId,
    /// The worktree, as an absolute path.
    pub(crate) dir: PathBuf,
    /// What it may do to the files there.
    pub(crate) access: Access,
    /// The model to ask for, where it is not the agent's own choice.
    pub(crate) model: Option<String>,
    /// What the turn may cost, for programs that can be told.
    pub(crate) budget: Option<MicroUsd>,
    /// The finished text.
    pub(crate) prompt: String,
    /// What is asked, as JSON for programs.
    pub(crate) contract: String,
    pub(crate) limit: Duration,
    /// This turn's own folder for prompt, contract and logs, outside of the worktree; made when it is missing.
    pub(crate) log_folder: PathBuf,
    /// Bytes kept of each of the two logs.
    pub(crate) log_cap: u64,
    /// Names of variables that are handed down besides the usual ones.
    pub(crate) env_allowed: Vec<String>,
    /// What it may touch; `None` leaves it to itself.
    pub(crate) sandbox: Option<Sandbox>,
    /// How long it may do nothing.
    pub(crate) idle: Option<Duration>,
}

/// What an agent may do to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Edit,
    Read,
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub(crate) struct TurnResult {
    pub(crate) outcome: Outcome,
    /// The final answer, at most its last 1 MiB; empty where there is none.
    pub(crate) answer: String,
    /// Whether more was written than was read.
    pub(crate) answer_cut: bool,
    /// Whether the output ends as it should: with a final answer, or with why there is none.
    pub(crate) complete: bool,
    /// Why the program itself says that it could not go on.
    pub(crate) failure: Option<Failure>,
    /// Why its model could not be asked, as far as the plain words of a command that failed tell. They count only where
    /// nothing came of the turn: an agent writes about anything.
    pub(crate) suspected: Option<Failure>,
    /// Calls of tools that were refused.
    pub(crate) denied: usize,
    /// What its exit code means, where the agent's entry says.
    pub(crate) exit_means: Option<String>,
    /// The model that answered, or that was asked for.
    pub(crate) model: Option<String>,
    /// Log of standard output.
    pub(crate) log: PathBuf,
    /// Log of standard error.
    pub(crate) error_log: PathBuf,
    pub(crate) usage: Usage,
    /// The answers of a team's workers, by name; empty where one agent answered.
    pub(crate) parts: Vec<(String, String)>,
    /// What it said last: of a program that failed, on standard error, or else what its plain answer ends with. Not escaped.
    pub(crate) last_words: Option<String>,
}

impl TurnResult {
    /// Why the model could not be asked, where the program says so in a form of its own.
    pub(crate) fn not_asked(&self) -> Option<&Failure> {
        self.failure.as_ref().filter(|failure| failure.kind.is_of_agent())
    }

    /// The same of a turn of which nothing came: then plain words count, too.
    pub(crate) fn not_asked_for_nothing(&self) -> Option<&Failure> {
        self.not_asked().or(self.suspected.as_ref())
    }
}

/// What a turn cost. Unknown stays unknown: it is never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) tokens: Option<Tokens>,
    pub(crate) cost: Option<Cost>,
}

/// What a turn cost, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// By the agent itself.
    Reported(MicroUsd),
    /// From its tokens and a table of prices.
    Estimated(MicroUsd),
}

impl Cost {
    pub(crate) fn amount(self) -> MicroUsd {
        match self {
            Cost::Reported(amount) | Cost::Estimated(amount) => amount,
        }
    }
}
