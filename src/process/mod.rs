//! Runs programs: short trusted ones, and supervised ones with limits.
//!
//! Nothing outside this room spawns. git's syntax and the agents' command lines are made elsewhere and come in as
//! values.

/// The environment that an agent or a test run gets.
mod env;
/// The program itself, as a command for its own hidden words.
mod own;
/// Free space on a disk.
mod disk;
/// Listening ports, from the inside of a sandbox to its relay.
mod handover;
/// What `/proc` says about processes.
mod procfs;
/// Random names.
mod random;
/// What a program may touch while it runs.
pub(crate) mod sandbox;
/// Work on all cores.
mod share;
/// Short trusted commands.
pub(crate) mod short;
/// First and second Ctrl-C.
mod signals;
/// Waiting for other processes.
mod wait;
/// Ends short commands that hang.
mod watchdog;
/// What they said last.
mod words;
/// Agents, reviewers and test runs: limits, capped logs, nothing left behind.
mod supervise;

use std::{io, path::PathBuf};

pub(crate) use disk::free_bytes;
pub(crate) use env::{agent_environment, is_set, keyless_environment};
pub(crate) use own::{own_command, own_pid, own_program};
pub(crate) use procfs::{Load, loads};
pub(crate) use procfs::{alive, start_time};
pub(crate) use random::{random_letters, random_share};
pub(crate) use share::share_out;
pub(crate) use short::{Command, which};
pub(crate) use signals::{Interrupts, Level};
pub(crate) use supervise::{
    Control, Ended, Job, Outcome, REQUEST_MAX, Relay, Stop, Terms, ask, clean_up, kept_outcome, left_over,
    supervised, supervised_blocking, supervisor_main,
};
pub(crate) use wait::ask_again;
pub(crate) use words::last_line;

/// Why a program could not be run, or not be talked with. How a program *ended* is never an error here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// No such program in any folder of `PATH`, or the given path is no executable file.
    #[error("program '{program}' not found (searched {searched})")]
    NotFound { program: String, searched: String },
    /// The system refused to start it: permission, folder, too many processes, an argument that is too long.
    #[error("cannot start '{program}' in {}", dir.display())]
    Start { program: String, dir: PathBuf, source: io::Error },
    /// It was still running at its limit, and is gone now.
    #[error("'{program}' gave no answer within {seconds} seconds and was ended")]
    TooLong { program: String, seconds: u64 },
    /// A log file cannot be made.
    #[error("cannot write the log {}", path.display())]
    Log { path: PathBuf, source: io::Error },
    /// A folder for one call cannot be made.
    #[error("cannot make the folder {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// A path goes to another process as JSON, which knows Unicode only.
    #[error("the path {} is not valid UTF-8", .0.display())]
    NotText(PathBuf),
    /// The supervisor ended without an answer: killed from outside, or a bug.
    #[error("the supervisor of '{program}' gave no answer: {why}")]
    Supervisor { program: String, why: String },
    /// The supervisor could not start the program; its own words.
    #[error("{0}")]
    Refused(String),
    /// The system gives no runtime, no signals or no path of this program.
    #[error("cannot {what}")]
    System { what: &'static str, source: io::Error },
}
