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

/// So many looks in a row must find nothing.
const EMPTY_LOOKS: u32 = 3;

/// Names of processes that are around a program, not of it: bubblewrap, and ours inside of it.
const AROUND: [&str; 2] = ["bwrap", "git-orch"];

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

/// Asks all of a job's processes for their end. What only stands around the program is left out: its end would be the
/// program's at once.
pub(super) fn ask_to_end(group: u32) {
    if !procfs::available() {
        return signal_group(group, Signal::TERM);
    }
    for pid in procfs::descendants(std::process::id()) {
        if !AROUND.contains(&procfs::name(pid).as_str()) {
            send(pid, Signal::TERM);
        }
    }
}

/// Stops everything below this process, and returns what it was: for [`let_go`].
pub(super) fn freeze_all() -> Vec<u32> {
    let me = std::process::id();
    freeze(&|| procfs::descendants(me), Instant::now() + LONGEST).into_iter().collect()
}

/// Lets stopped processes go on.
pub(super) fn let_go(frozen: &[u32]) {
    for &pid in frozen {
        send(pid, Signal::CONT);
    }
}

/// Kills every descendant of this process but one and those below it; returns how many there were. It reaps only what
/// it kills.
pub(super) fn sweep_sparing(spared: u32) -> u32 {
    if !procfs::available() {
        return 0;
    }
    let me = std::process::id();
    let look = || {
        let kept = procfs::descendants(spared);
        let mut found = procfs::descendants(me);
        found.retain(|pid| *pid != spared && !kept.contains(pid));
        found
    };
    kill_all(&look, &|killed| {
        for pid in killed.iter().filter_map(|&pid| as_pid(pid)) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG); // not ours to reap where its own parent lives
        }
    })
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
    let killed = end_all(&|| procfs::descendants(me));
    reap();
    killed
}

/// Kills all that a look finds, until it finds nothing more; returns how many there were.
pub(super) fn end_all(look: &dyn Fn() -> Vec<u32>) -> u32 {
    kill_all(look, &|_| reap())
}

fn kill_all(look: &dyn Fn() -> Vec<u32>, reap: &dyn Fn(&HashSet<u32>)) -> u32 {
    let mut killed = HashSet::new();
    let until = Instant::now() + LONGEST;
    let mut empty = 0;
    while Instant::now() < until {
        let frozen = freeze(look, until);
        if frozen.is_empty() {
            // A process whose parent ended between two lines of one look is in none of them: 6 of 500 trials left one
            // on a machine with ten times more to do than it has cores.
            empty += 1;
            if empty == EMPTY_LOOKS {
                break;
            }
            std::thread::sleep(PAUSE);
            continue;
        }
        empty = 0;
        for &pid in &frozen {
            send(pid, Signal::KILL);
        }
        killed.extend(frozen);
        std::thread::sleep(PAUSE);
        reap(&killed);
    }
    u32::try_from(killed.len()).unwrap_or(u32::MAX)
}

/// Stops all that a look finds, until it finds no new one: what is stopped forks no more.
fn freeze(look: &dyn Fn() -> Vec<u32>, until: Instant) -> HashSet<u32> {
    let mut stopped = HashSet::new();
    loop {
        let new: Vec<u32> = look().into_iter().filter(|pid| !stopped.contains(pid)).collect();
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
