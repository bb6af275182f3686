//! Everything for one agent, reviewer or test run: a limit, capped logs, and nothing left running.
//!
//! Each job gets a supervisor process of its own, this program under the hidden word `__supervise`, because the sweep
//! for survivors kills *all* descendants of its caller. The two sides talk in `wire`: the job goes in as one line, the
//! outcome comes out as one. Standard input stays open as a sign of life; its end ends the job, so a killed
//! orchestrator leaves no agent behind.

/// What a program says to git-orch from within its sandbox.
mod control;
/// How a job ended, on the disk, for whoever comes after an orchestrator that was killed.
mod kept;
/// The side that asks.
mod parent;
/// Output into log files with a cap.
mod pump;
/// What is noted of a job, for the case that its supervisor is killed.
mod record;
/// The side that does.
mod supervisor;
/// The way out of a sandbox.
mod relay;
/// Kills what is left.
mod sweep;
/// What the two sides send to each other.
mod wire;

pub(crate) use control::{Control, REQUEST_MAX, ask};
pub(crate) use kept::kept_outcome;
pub(crate) use parent::{supervised, supervised_blocking};
pub(super) use record::{FILE as RECORD, mark};
pub(crate) use record::{clean_up, left_over};
pub(super) use relay::PORT_MARK;
pub(crate) use relay::Relay;
pub(crate) use supervisor::supervisor_main;

use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// A program to run under limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Program and arguments; at least one.
    pub(crate) argv: Vec<String>,
    /// Where it runs.
    pub(crate) dir: PathBuf,
    /// Its complete environment: nothing else is handed down.
    pub(crate) env: Vec<(String, String)>,
    /// Written to its standard input, which is then closed. It need not read it.
    pub(crate) stdin: Vec<u8>,
    /// Log of its standard output; emptied first.
    pub(crate) stdout: PathBuf,
    /// Log of its standard error. The same path as `stdout` merges both, in their order.
    pub(crate) stderr: PathBuf,
    /// How long it may run.
    pub(crate) limit: Duration,
    /// How long it has after the limit to end by itself.
    pub(crate) grace: Duration,
    /// Bytes of output kept in each log; the rest is read and dropped.
    pub(crate) log_cap: u64,
    pub(crate) terms: Terms,
}

/// Further terms of a job; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Where to note who runs it while it does. The folder is the job's own, and goes with it when it has to be
    /// cleaned up.
    pub(crate) record: Option<PathBuf>,
    /// Processes that it may have at the same time; more end it.
    pub(crate) processes: Option<u32>,
    /// Bytes that must stay free on the disk of its folder; with less it is ended.
    pub(crate) disk_floor: Option<u64>,
    /// How long it may do nothing: write nothing, and use less than a hundredth of a processor. A program that waits
    /// for its model's whole answer does just that, so this is no short time.
    pub(crate) idle: Option<Duration>,
    pub(crate) relay: Option<Relay>,
    pub(crate) control: Option<Control>,
    /// A file for how it ended, which is on the disk before anybody is told: [`kept_outcome`] reads it. Where the
    /// orchestrator is gone, such a job has a moment to end by itself.
    pub(crate) outcome: Option<PathBuf>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    /// Seconds from the start to the end of the program itself.
    pub(crate) seconds: f64,
    /// Bytes of output beyond the cap, of both logs.
    pub(crate) dropped: u64,
    /// Processes that were still there after the program itself, and were killed.
    pub(crate) swept: u32,
    /// Requests to its endpoints that went through the relay.
    pub(crate) requests: u32,
    /// The id that the program had.
    pub(crate) pid: u32,
}

/// What ended a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended itself with this exit code.
    Exited(i32),
    /// A signal from elsewhere ended it.
    Signaled(i32),
    /// It was still running at its limit.
    TimedOut,
    /// It did nothing for longer than it may.
    Idle,
    /// It had more processes than it may.
    Crowded,
    /// Its disk had less free space than it must.
    Full,
    /// The orchestrator asked for the end, or is gone.
    Stopped,
}

/// Asks running jobs for their end, at once. Clones belong together: one is asked by all.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// A handle that nobody has asked yet.
    pub(crate) fn new() -> Stop {
        Stop(Arc::new(watch::Sender::new(false)))
    }

    /// Ends every job that was started with this handle, and those that will be.
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end was asked for.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end is asked for.
    pub(crate) async fn requested(&self) {
        let asked = self.0.subscribe().wait_for(|&asked| asked).await.is_ok();
        debug_assert!(asked, "the sender lives in self");
    }
}
