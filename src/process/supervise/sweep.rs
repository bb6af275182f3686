//! Kills what a program leaves behind, whatever it did to get away.

use crate::process::procfs;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// How long to go on against processes that do not die (they wait for a disk or a dead network folder).
const LONGEST: Duration = Duration::from_secs(5);
/// Pause between two looks at `/proc`.
const PAUSE: Duration = Duration::from_millis(5);

/// Makes this process the parent of all orphans below it, so that a double fork does not escape. Linux only.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        // Refused only by kernels before 3.4; then the process group is all there is.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// Sends a signal to a whole process group. One that is gone is no error.
pub(super) fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = as_pid(group) {
        let _ = kill_process_group(group, signal);
    }
}

/// Kills every descendant of this process and returns how many there were.
///
/// Valid only in a supervisor that runs exactly one program, and only after that one was waited for: it reaps whatever
/// ends. Without `/proc`, it kills the program's process group.
pub(super) fn sweep(group: u32) -> u32 {
    if !procfs::available() {
        signal_group(group, Signal::KILL);
        return 0;
    }
    let me = std::process::id();
    let mut killed = HashSet::new();
    let until = Instant::now() + LONGEST;
    while Instant::now() < until {
        let frozen = freeze(me, until);
        if frozen.is_empty() {
            break;
        }
        for &pid in &frozen {
            send(pid, Signal::KILL);
        }
        killed.extend(frozen);
        std::thread::sleep(PAUSE);
        reap();
    }
    reap();
    u32::try_from(killed.len()).unwrap_or(u32::MAX)
}

/// Stops all descendants, until a look finds no new one: what is stopped forks no more.
fn freeze(root: u32, until: Instant) -> HashSet<u32> {
    let mut stopped = HashSet::new();
    loop {
        let new: Vec<u32> =
            procfs::descendants(root).into_iter().filter(|pid| !stopped.contains(pid)).collect();
        if new.is_empty() || Instant::now() >= until {
            return stopped;
        }
        for pid in new {
            send(pid, Signal::STOP);
            stopped.insert(pid);
        }
    }
}

fn reap() {
    while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = as_pid(pid) {
        let _ = kill_process(pid, signal); // it may be gone by now
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
