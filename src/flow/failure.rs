//! What can stop a command, as data. `cli::failure` decides exit code, words and hints.

use std::fmt;
use std::path::PathBuf;

use crate::agent::AgentError;
use crate::forge::BadPayload;
use crate::git::GitError;
use crate::git::exchange::ExchangeError;
use crate::git::repo::{OpenError, Version};
use crate::git::worktree::RemoveRefused;
use crate::github::GithubError;
use crate::plan::ready::Waits;
use crate::policy::PolicyError;
use crate::process::ProcessError;
use crate::store::StoreError;
use crate::task::Evidence;
use crate::task::contract::Gap;
use crate::task::id::{BadId, CommitId, RunId, Seconds, TaskId, shown};

use super::looked_at::Check;

/// What can stop a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlowError {
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nothing is where the command was called. `main`: the repository's own folder, where it can be told.
    #[error("the folder that you are in is gone{}", main.as_ref().map_or("", |_| ": the worktree of a task that has landed?"))]
    FolderGone { main: Option<PathBuf> },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Settings(#[from] super::bad_settings::BadSettings),
    /// `on_base`: whether the main worktree has the base checked out.
    #[error(
        "[agent.{agent}] is in orch.toml here, and not in the one on {branch}: settings count as they are committed there"
    )]
    AgentNotCommitted { agent: String, branch: String, on_base: bool },
    #[error(transparent)]
    Layer(#[from] crate::policy::layer::BadLayer),
    #[error(transparent)]
    Prompt(#[from] crate::agent::PromptError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error(transparent)]
    Remove(#[from] RemoveRefused),
    #[error("could not {doing} {path}")]
    File { doing: &'static str, path: String, source: std::io::Error },
    /// The branch onto which everything lands has no commit.
    #[error("branch {branch} has no commit")]
    NoBase { branch: String },
    #[error("git {found} has known holes; need {need} or newer")]
    OldGit { found: Version, need: Version },
    /// Git cannot have a branch and branches below its name.
    #[error("a branch named 'orch' exists: it blocks the branch orch/<task> of every task")]
    BranchInTheWay,
    #[error("history ends before the merge base: the clone is shallow")]
    Shallow,
    #[error(transparent)]
    BadId(#[from] BadId),
    #[error("no task '{wanted}'")]
    Unknown { wanted: String, near: Option<TaskId> },
    #[error("'{prefix}' may be any of {}", .candidates.iter().map(TaskId::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous { prefix: String, candidates: Vec<TaskId> },
    /// `stands`: in which state, in words.
    #[error("task '{id}' exists ({stands})")]
    Exists { id: TaskId, stands: &'static str },
    #[error("task '{id}' is finished")]
    Finished { id: TaskId },
    /// A value that a person gave is not one that can be used.
    #[error("{what}: {why}")]
    BadValue { what: String, why: String },
    #[error("dependency cycle: {}", .path.iter().map(TaskId::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle { path: Vec<TaskId> },
    #[error("{id} cannot wait for '{missing}': there is no such task")]
    UnknownDependency { id: String, missing: String },
    #[error("no task is ready")]
    NothingReady { waiting: Vec<(TaskId, Waits)>, in_hand: usize, needs_you: usize },
    #[error("{id} is not ready")]
    NotReady { id: TaskId, waits: Waits },
    #[error("{id} is already claimed")]
    Claimed { id: TaskId, owner: String, since: Seconds },
    #[error("say which task: this folder is no task's worktree")]
    NoTaskHere,
    #[error("branch {branch} has no change over {base}")]
    NoChange { branch: String, base: String },
    /// A gate refused a change; the evidence says which and why, `limit` what may be loosened.
    #[error("{of}: {}", evidence.text)]
    Gate { of: Gated, evidence: Box<Evidence>, limit: Option<Limit> },
    /// A checkout of the base has changes of somebody where a landing would write.
    #[error("the checkout in {worktree} has changes in the way: {}", files.join(", "))]
    CheckoutInWay { worktree: String, files: Vec<String> },
    /// A checkout of the base is in the middle of something of git's own.
    #[error("{what} is going on in {worktree}: git {command} --continue, or git {command} --abort")]
    CheckoutBusy { worktree: String, what: String, command: &'static str },
    /// The settings name who may approve, and this is somebody else.
    #[error("{who} may not approve {id}: review.approvers are {}", approvers.join(", "))]
    MayNotApprove { who: String, id: String, approvers: Vec<String>, command: String },
    #[error("no branch '{0}'")]
    NoBranch(String),
    /// The base has it, and only its journal does not say so yet.
    #[error("{id} has landed already: {}", commit.short())]
    HasLanded { id: TaskId, commit: CommitId },
    /// Another process of this machine lands.
    #[error("another git orch is landing")]
    QueueBusy { pid: Option<u32>, since: Seconds },
    /// Whoever pushed a landing is gone, and the push is not.
    #[error("a push of an earlier landing still goes on: nobody knows yet what has landed")]
    LandingUnderWay,
    /// Another run of this clone is going on.
    #[error("another run of this clone is going on")]
    RunBusy,
    /// A run over other tasks would take the place of one that waits for a person's yes to its budget. `names`: of those
    /// other tasks.
    #[error("{run} waits for a yes to its budget ({why}), and a run over other tasks would take its place")]
    RunWaits { run: RunId, why: String, names: Vec<String> },
    /// What a run needs before it starts anything is not there.
    #[error("nothing was started: {}", .0.iter().map(|check| check.message.as_str()).collect::<Vec<_>>().join("; "))]
    NotFit(Vec<Check>),
    #[error("the journal of {id} was rewound on {remote}: {theirs} is not after {ours}")]
    Rewound { id: String, remote: String, theirs: String, ours: String },
    /// The base and its upstream each have commits that the other lacks.
    #[error("{branch} and {upstream} have gone apart ({ours} here, {theirs} there)")]
    Diverged { branch: String, upstream: String, ours: String, theirs: String },
    #[error("{0}")]
    NothingToUndo(String),
    #[error("nothing waits for a person")]
    NothingWaits,
    #[error("{} tasks wait for a person: say which", .0.len())]
    SayWhich(Vec<TaskId>),
    #[error("no run '{0}'")]
    NoRun(String),
    #[error("the base branch has no orch.toml that says how to run the tests (tests.all)")]
    NoTests,
    #[error("the test command gave no result that counts: {0}")]
    NoEvidence(String),
    #[error("interrupted")]
    Interrupted,
    /// Nothing on this machine could hold an agent.
    #[error("no sandbox for agents on this machine")]
    NoSandbox { why: String },
    #[error(transparent)]
    Github(#[from] GithubError),
    #[error(transparent)]
    Source(#[from] crate::tracker::BadSource),
    #[error(transparent)]
    Payload(#[from] BadPayload),
    /// A pull request is at another commit than the one that this is about.
    #[error("pull request {number} is no longer at {head}")]
    PullMoved { number: u64, head: String },
    /// A manager gave no plan that could be used.
    #[error("no plan by {agent}: {why}")]
    NoPlan { agent: String, why: String },
    /// A spec says too little for anybody to work by it.
    #[error("'{title}' is too vague to hand out")]
    Vague { what: Vaguely, title: String, gaps: Vec<Gap> },
    #[error("inside an agent's worktree: your work is handed in when you end")]
    InsideAgent,
    /// What an agent must not ask for, in words.
    #[error("{0}")]
    NotForAgents(String),
}

/// Whose change a gate refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gated {
    Task(TaskId),
    /// A branch that is no task yet.
    Branch(String),
}

impl fmt::Display for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gated::Task(id) => id.fmt(f),
            Gated::Branch(branch) => f.write_str(&shown(branch)),
        }
    }
}

/// The limit that a change went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `cap.diff`.
    Lines,
    /// `cap.binary_mb`.
    Binary,
    /// The paths that the task may touch.
    TaskPaths,
    /// `paths.allow`.
    Allowed,
    /// `paths.deny`, or a path that no checkout should have.
    Denied,
}

/// What was tried with a spec that is too vague.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Vaguely {
    /// To add a task.
    Added,
    /// To plan by it.
    Planned,
    /// To change this one.
    Edited(TaskId),
    /// To let a draft be worked on.
    Approved(TaskId),
}

impl FlowError {
    /// Wraps a failure of the file system with what was tried, on what.
    pub(crate) fn file(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> FlowError {
        let path = path.display().to_string();
        move |source| FlowError::File { doing, path, source }
    }
}
