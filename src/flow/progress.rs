//! What a person sees while something takes long: lines as data, rendered by `cli`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::task::id::{Seconds, TaskId};

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

/// Hands everything on, and keeps the lines for the run's log.
pub(crate) struct Recorder<'a> {
    inner: &'a dyn Watcher,
    lines: Mutex<Vec<(Seconds, String)>>,
    /// Whether a line was about a task.
    touched: AtomicBool,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(inner: &'a dyn Watcher) -> Recorder<'a> {
        Recorder { inner, lines: Mutex::default(), touched: AtomicBool::new(false) }
    }

    /// Whether anything happened to a task.
    pub(crate) fn touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    /// The lines since the last call, each with its time.
    pub(crate) fn take(&self) -> Vec<(Seconds, String)> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watcher for Recorder<'_> {
    fn line(&self, line: &Line) {
        let tasks: Vec<&str> = line.tasks.iter().map(TaskId::as_str).collect();
        let parts = [line.step.word(), &tasks.join(" + "), &line.text];
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
        let at = super::project::now();
        self.touched.fetch_or(!line.tasks.is_empty(), Ordering::Relaxed);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push((at, text));
        self.inner.line(line);
    }

    fn now(&self, now: &Now) {
        self.inner.now(now);
    }
}
