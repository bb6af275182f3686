//! What a person sees while something takes long: lines as data, rendered by `cli`.

use crate::task::id::TaskId;

/// What happened, for the column of verbs at the left of `run` and `queue run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    Submit,
    Review,
    SentBack,
    Queue,
    Hold,
    Test,
    Land,
    Eject,
    Retry,
    NeedsYou,
    Resume,
    Note,
}

impl Step {
    /// The verb.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Step::Start => "START",
            Step::Submit => "SUBMIT",
            Step::Review => "REVIEW",
            Step::SentBack => "SENT BACK",
            Step::Queue => "QUEUE",
            Step::Hold => "HOLD",
            Step::Test => "TEST",
            Step::Land => "LAND",
            Step::Eject => "EJECT",
            Step::Retry => "RETRY",
            Step::NeedsYou => "NEEDS YOU",
            Step::Resume => "RESUME",
            Step::Note => "NOTE",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) step: Step,
    /// The task, or several that go together.
    pub(crate) tasks: Vec<TaskId>,
    /// How long it took, in seconds; `None` where it only begins.
    pub(crate) seconds: Option<u64>,
    pub(crate) text: String,
}

/// What is in hand now: for the block below the lines on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Now {
    /// Agents at work: task, role, agent's name, seconds so far.
    pub(crate) busy: Vec<(TaskId, String, String, u64)>,
    pub(crate) landed: usize,
    pub(crate) needs_you: usize,
    pub(crate) total: usize,
    /// In millionths of a dollar; `None` = unknown.
    pub(crate) cost: Option<u64>,
    pub(crate) stopping: bool,
}

/// Takes what happens; `cli` draws it.
pub(crate) trait Watcher: Send + Sync {
    /// Something happened.
    fn line(&self, line: &Line);
    /// What is in hand now.
    fn now(&self, now: &Now);
}

/// Looks away: for `--quiet`, `--json` and tests.
pub(crate) struct Unwatched;

impl Watcher for Unwatched {
    fn line(&self, _line: &Line) {}
    fn now(&self, _now: &Now) {}
}
