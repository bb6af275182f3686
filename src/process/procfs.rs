//! What `/proc` says about processes. Where there is none (macOS), the answers are weaker, as each item says.

#[cfg(test)]
use rustix::process::{Pid, test_kill_process};
use std::collections::HashMap;

/// One line of `/proc/<pid>/stat`, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The process that it is reported to.
    pub(super) parent: u32,
    /// Ended, and only waiting to be reaped.
    pub(super) dead: bool,
    /// Clock ticks between the start of the machine and of the process.
    pub(super) started: u64,
}

impl Stat {
    /// Reads a `stat` line. The name in it is in parentheses and may hold anything, so the last `)` counts.
    pub(super) fn parse(line: &str) -> Option<Stat> {
        let (_, rest) = line.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace(); // from field 3 on
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?; // field 22
        Some(Stat { parent, dead: matches!(state, "Z" | "X"), started })
    }

    fn of(pid: u32) -> Option<Stat> {
        // Not `read_to_string`: a process may name itself with bytes that are no text.
        let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        Stat::parse(&String::from_utf8_lossy(&line))
    }
}

/// Whether this system has a `/proc` to look at.
pub(super) fn available() -> bool {
    Stat::of(std::process::id()).is_some()
}

/// Returns when a process started, in clock ticks since the machine did; `None` when there is no such process or no
/// `/proc`.
#[cfg(test)]
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.started)
}

/// Tells whether the process with this id still runs, and is the one that started then: ids are used again.
///
/// Without `/proc` the start is not compared.
#[cfg(test)]
pub(crate) fn alive(pid: u32, started: u64) -> bool {
    if available() {
        return Stat::of(pid).is_some_and(|stat| !stat.dead && stat.started == started);
    }
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Returns all living processes below `root`, at any depth.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<(u32, bool)>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(stat) = Stat::of(pid) {
            children.entry(stat.parent).or_default().push((pid, stat.dead));
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        // Removed, so that a table read while processes came and went cannot lead in a circle.
        for (pid, dead) in children.remove(&parent).unwrap_or_default() {
            open.push(pid);
            if !dead {
                found.push(pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (a) S 1 (b)\n) Z 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 7, dead: true, started: 98765 }));
        assert_eq!(Stat::parse("42 (a) S"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_process_is_itself_only_with_its_start() {
        let me = std::process::id();
        let started = start_time(me).unwrap();
        assert!(alive(me, started));
        assert!(!alive(me, started + 1));
        assert!(!alive(u32::MAX, started));
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let mut child =
            std::process::Command::new("sh").args(["-c", "sh -c 'sleep 5; :' & wait"]).spawn().unwrap();
        let grown = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            descendants(child.id()).len() == 2 && descendants(std::process::id()).len() >= 3
        });
        for pid in descendants(child.id()) {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        child.wait().unwrap();
        assert!(grown);
    }
}
