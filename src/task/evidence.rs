//! What went wrong with a task, in a form that an agent and a person can both act on.

use super::id::{CommitId, TaskId};

/// What kind of trouble a task met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Trouble {
    /// The agent ended and nothing had changed.
    NoChange,
    /// The agent was ended at its time limit.
    TimeLimit,
    /// The agent or the set-up of its worktree could not be started.
    NotStarted,
    /// The agent's program says that it failed, or ended in the middle of its work.
    AgentFailed,
    /// More lines than the cap.
    TooBig,
    /// Files outside the task's paths, or paths that nobody may change.
    OutsidePaths,
    /// A CRITICAL finding stands, or the revisions are used up.
    Findings,
    /// A reviewer gave no verdict.
    NoVerdict,
    /// Does not merge with the base.
    ConflictBase,
    /// Does not merge with a task that landed before it.
    ConflictTask,
    /// Tests that pass on the base fail or are gone.
    Worse,
    /// The test run gave no usable result.
    NoEvidence,
    /// The branch moved after it was approved.
    HeadMoved,
    /// The branch is gone.
    BranchGone,
    /// It is built on another task's change, which left the queue.
    Dependency,
    /// It says of itself that it is not ready.
    Draft,
    /// A person sent it back.
    Rejected,
    /// What it may cost is spent.
    OverBudget,
    /// Its spec contradicts itself, or lacks something without which nobody could do it.
    Unclear,
    /// A command that looks at what agents wrote (`audit.commands`) says no.
    Audit,
    /// An answer that should hold files cannot be used.
    BadAnswer,
}

impl Trouble {
    pub(crate) const ALL: [Trouble; 21] = [
        Trouble::NoChange,
        Trouble::TimeLimit,
        Trouble::NotStarted,
        Trouble::AgentFailed,
        Trouble::TooBig,
        Trouble::OutsidePaths,
        Trouble::Findings,
        Trouble::NoVerdict,
        Trouble::ConflictBase,
        Trouble::ConflictTask,
        Trouble::Worse,
        Trouble::NoEvidence,
        Trouble::HeadMoved,
        Trouble::BranchGone,
        Trouble::Dependency,
        Trouble::Draft,
        Trouble::Rejected,
        Trouble::OverBudget,
        Trouble::Unclear,
        Trouble::Audit,
        Trouble::BadAnswer,
    ];

    /// The word that records, `--json` and plain git show.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Trouble::NoChange => "no-change",
            Trouble::TimeLimit => "time-limit",
            Trouble::NotStarted => "not-started",
            Trouble::AgentFailed => "agent-failed",
            Trouble::TooBig => "too-big",
            Trouble::OutsidePaths => "outside-paths",
            Trouble::Findings => "findings",
            Trouble::NoVerdict => "no-verdict",
            Trouble::ConflictBase => "conflict-base",
            Trouble::ConflictTask => "conflict-task",
            Trouble::Worse => "worse",
            Trouble::NoEvidence => "no-evidence",
            Trouble::HeadMoved => "head-moved",
            Trouble::BranchGone => "branch-gone",
            Trouble::Dependency => "dependency",
            Trouble::Draft => "draft",
            Trouble::Rejected => "rejected",
            Trouble::OverBudget => "over-budget",
            Trouble::Unclear => "unclear",
            Trouble::Audit => "audit",
            Trouble::BadAnswer => "bad-answer",
        }
    }

    /// The trouble of that word.
    pub(crate) fn parse(word: &str) -> Option<Trouble> {
        Trouble::ALL.into_iter().find(|trouble| trouble.word() == word)
    }

    /// Whether it is about a turn of an agent, so that the turn's log says more.
    pub(crate) fn has_a_log(self) -> bool {
        match self {
            Trouble::NoChange
            | Trouble::TimeLimit
            | Trouble::NotStarted
            | Trouble::AgentFailed
            | Trouble::NoVerdict
            | Trouble::Unclear
            | Trouble::Audit
            | Trouble::BadAnswer => true,
            Trouble::TooBig
            | Trouble::OutsidePaths
            | Trouble::Findings
            | Trouble::ConflictBase
            | Trouble::ConflictTask
            | Trouble::Worse
            | Trouble::NoEvidence
            | Trouble::HeadMoved
            | Trouble::BranchGone
            | Trouble::Dependency
            | Trouble::Draft
            | Trouble::Rejected
            | Trouble::OverBudget => false,
        }
    }

    /// Whether a person may say "land it anyway": only where the change itself is complete and reviewed.
    pub(crate) fn may_be_accepted(self) -> bool {
        match self {
            Trouble::TooBig | Trouble::Findings | Trouble::NoVerdict | Trouble::Worse => true,
            Trouble::NoChange
            | Trouble::TimeLimit
            | Trouble::NotStarted
            | Trouble::AgentFailed
            | Trouble::OutsidePaths
            | Trouble::ConflictBase
            | Trouble::ConflictTask
            | Trouble::NoEvidence
            | Trouble::HeadMoved
            | Trouble::BranchGone
            | Trouble::Dependency
            | Trouble::Draft
            | Trouble::Rejected
            | Trouble::OverBudget
            | Trouble::Unclear
            | Trouble::Audit
            | Trouble::BadAnswer => false,
        }
    }
}

/// A test that made a task worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedTest {
    pub(crate) name: String,
    /// The first line of its failure, or how it is gone.
    pub(crate) line: String,
}

/// Why a task was stopped or sent back: complete enough to act on without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) trouble: Trouble,
    /// One line for people.
    pub(crate) text: String,
    /// Files in conflict, too large, or outside the paths.
    pub(crate) files: Vec<String>,
    /// The other task, where two do not go together.
    pub(crate) pair: Option<TaskId>,
    pub(crate) tests: Vec<FailedTest>,
    /// The command that shows it again.
    pub(crate) reproduce: Option<String>,
    pub(crate) base: Option<CommitId>,
    pub(crate) candidate: Option<CommitId>,
    /// Whether it was seen twice on the same tree.
    pub(crate) confirmed: bool,
}

impl Evidence {
    /// Evidence that is one line and no more.
    pub(crate) fn new(trouble: Trouble, text: impl Into<String>) -> Evidence {
        Evidence {
            trouble,
            text: text.into(),
            files: Vec::new(),
            pair: None,
            tests: Vec::new(),
            reproduce: None,
            base: None,
            candidate: None,
            confirmed: false,
        }
    }

    pub(crate) fn with_files(mut self, files: Vec<String>) -> Evidence {
        self.files = files;
        self
    }
}
