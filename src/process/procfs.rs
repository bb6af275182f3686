//! What `/proc` says about processes. Where there is none (macOS), the answers are weaker, as each item says.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::{collections::HashMap, time::Duration};

/// One line of `/proc/<pid>/stat`, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The process that it is reported to.
    pub(super) parent: u32,
    /// Ended, and only waiting to be reaped.
    pub(super) dead: bool,
    /// The process group.
    pub(super) group: u32,
    /// Clock ticks that it and its reaped children have worked.
    pub(super) ticks: u64,
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
        let group = fields.next()?.parse().ok()?;
        let mut ticks = 0_u64;
        for field in fields.by_ref().skip(8).take(4) {
            ticks += field.parse::<u64>().ok()?; // fields 14 to 17
        }
        let started = fields.nth(4)?.parse().ok()?; // field 22
        Some(Stat { parent, dead: matches!(state, "Z" | "X"), group, ticks, started })
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
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.started)
}

/// Tells whether the process with this id still runs, and is the one that started then: ids are used again.
///
/// Without `/proc` the start is not compared.
pub(crate) fn alive(pid: u32, started: u64) -> bool {
    if available() {
        return Stat::of(pid).is_some_and(|stat| !stat.dead && stat.started == started);
    }
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Whether a process is `root` or below it, at any depth.
pub(super) fn is_below(pid: u32, root: u32) -> bool {
    let mut at = pid;
    // Bounded, as ids may change hands while they are read.
    for _ in 0..4096 {
        if at == root {
            return true;
        }
        match Stat::of(at) {
            Some(stat) if stat.parent > 0 => at = stat.parent,
            _ => return false,
        }
    }
    false
}

/// Kills a process. One that is gone is no error.
pub(super) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The name that a process has; empty where it is gone.
pub(super) fn name(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// How many processes are below `root`, at any depth; counting ends above `most`. Cheaper than [`descendants`]: it reads
/// only what belongs to them.
pub(super) fn count_descendants(root: u32, most: u32) -> u32 {
    let mut open = vec![root];
    let mut count = 0;
    while let Some(pid) = open.pop() {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
                open.push(child);
                count += 1;
                if count > most {
                    return count;
                }
            }
        }
    }
    count
}

/// Clock ticks that all processes below `root` have worked so far. A process that ended takes its own along until its
/// parent ends or asks, so the sum may also fall.
pub(super) fn ticks_below(root: u32) -> u64 {
    descendants(root).into_iter().filter_map(Stat::of).map(|stat| stat.ticks).sum()
}

/// What a process uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) name: String,
    /// Processor time so far, that of its reaped children included (to a hundredth of a second).
    pub(crate) cpu: Duration,
    /// Memory in kilobytes; what several processes share counts in parts.
    pub(crate) memory_kb: u64,
}

/// What this process and all below it use. Without `/proc`, nothing.
pub(crate) fn loads() -> Vec<Load> {
    let me = std::process::id();
    std::iter::once(me).chain(descendants(me)).filter_map(load).collect()
}

fn load(pid: u32) -> Option<Load> {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let reaped = reaped_ticks(&String::from_utf8_lossy(&line))?;
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let own = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    let memory = read(format!("/proc/{pid}/smaps_rollup"));
    let memory = memory.lines().find_map(|line| line.strip_prefix("Pss:")?.split_ascii_whitespace().next());
    Some(Load {
        name: name(pid),
        cpu: Duration::from_nanos(own.sum()) + Duration::from_millis(reaped * 10),
        memory_kb: memory.and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default(),
    })
}

/// Clock ticks of a `stat` line that reaped children have worked: a hundredth of a second each.
fn reaped_ticks(line: &str) -> Option<u64> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields = rest.split_ascii_whitespace().skip(13).take(2); // fields 16 and 17
    Some(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// Returns all living processes of a group, those whose first environment has this text, and all below both. Ids are used
/// again: where the group's leader is another one than started at `since`, or nobody knows when it did, the group is
/// somebody else's; and so is a process of it that started before.
pub(super) fn marked(group: u32, since: u64, mark: &str) -> Vec<u32> {
    let me = std::process::id();
    let ours = since > 0 && Stat::of(group).is_none_or(|leader| leader.started == since);
    let mut found = std::collections::BTreeSet::new();
    for pid in all() {
        let Some(stat) = Stat::of(pid) else { continue };
        let of_group = ours && stat.group == group && stat.started >= since;
        let has_mark = || {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
        };
        if pid != me && !stat.dead && (of_group || has_mark()) {
            found.insert(pid);
            found.extend(descendants(pid));
        }
    }
    found.remove(&me);
    found.into_iter().collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns all living processes below `root`, at any depth.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<(u32, bool)>> = HashMap::new();
    for pid in all() {
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
        assert_eq!(
            Stat::parse(line),
            Some(Stat { parent: 7, dead: true, group: 42, ticks: 26, started: 98765 })
        );
        assert_eq!(Stat::parse("42 (a) S"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn what_a_process_uses_is_read() {
        let line = "42 (a) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3";
        assert_eq!(reaped_ticks(line), Some(15));
        let me = load(std::process::id()).unwrap();
        assert!(me.cpu > Duration::ZERO && me.memory_kb > 100, "{me:?}");
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
    fn a_group_whose_number_was_used_again_is_somebody_elses() {
        use std::os::unix::process::CommandExt as _;
        let mut sleep = std::process::Command::new("sleep");
        let mut child = sleep.arg("30").process_group(0).spawn().unwrap();
        let started = start_time(child.id()).unwrap();
        assert_eq!(marked(child.id(), started, "NO=MARK"), [child.id()]);
        assert_eq!(marked(child.id(), started - 1, "NO=MARK"), [] as [u32; 0]);
        assert_eq!(marked(child.id(), 0, "NO=MARK"), [] as [u32; 0]);
        child.kill().unwrap();
        child.wait().unwrap();
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
