//! The process behind `git-orch __inside`: what has to be done from within, after which it becomes the program.

use super::landlocked::{self, Allowed};
use crate::process::handover::hand_over;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::{
    ffi::OsString,
    io::Write as _,
    net::TcpListener,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
};

/// Exit code when the program could not be started, as `env` and shells have it.
const CANNOT: u8 = 126;

/// What this process is told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    processes: Option<u32>,
    file_bytes: Option<u64>,
    landlock: Option<Allowed>,
    /// Ports of our own network on which the relay listens.
    listen: Vec<u16>,
    /// The socket over which the relay takes them.
    relay: Option<PathBuf>,
    argv: Vec<OsString>,
}

/// Becomes the program that the words name. Returns only where it cannot.
pub(crate) fn inside_main(words: impl IntoIterator<Item = OsString>) -> u8 {
    let told = match read(words) {
        Ok(told) => told,
        Err(why) => return cannot(&why),
    };
    die_with_parent();
    limit_processes(told.processes);
    limit_files(told.file_bytes);
    if let Some(allowed) = &told.landlock
        && let Err(why) = drop_rights().and_then(|()| landlocked::restrict(allowed))
    {
        return cannot(&why);
    }
    // Before the program starts, so that it finds its endpoints from its first moment.
    if let Some(relay) = &told.relay
        && let Err(error) = open(&told.listen, relay)
    {
        return cannot(&format!("the way to its endpoints cannot be opened: {error}"));
    }
    let error = std::process::Command::new(&told.argv[0]).args(&told.argv[1..]).exec();
    cannot(&format!("{}: {error}", told.argv[0].display()))
}

fn cannot(why: &str) -> u8 {
    // Without a reader nobody misses it.
    let _ = writeln!(std::io::stderr(), "git-orch: cannot start the program: {why}");
    CANNOT
}

fn read(words: impl IntoIterator<Item = OsString>) -> Result<Told, String> {
    let mut words = words.into_iter();
    let mut told = Told::default();
    while let Some(word) = words.next() {
        let option = word.to_str().unwrap_or_default();
        let mut value = || words.next().ok_or_else(|| format!("{option} needs a value"));
        let allowed = || Err(format!("{option} before --landlock"));
        match (option, &mut told.landlock) {
            ("--", _) => {
                told.argv = words.collect();
                return if told.argv.is_empty() { Err("no program".to_owned()) } else { Ok(told) };
            }
            ("--processes", _) => told.processes = value()?.to_str().and_then(|text| text.parse().ok()),
            ("--file-bytes", _) => told.file_bytes = value()?.to_str().and_then(|text| text.parse().ok()),
            ("--listen", _) => {
                let port = value()?.to_str().and_then(|text| text.parse().ok());
                told.listen.push(port.ok_or("--listen wants a port")?);
            }
            ("--relay", _) => told.relay = Some(value()?.into()),
            ("--landlock", slot) => *slot = Some(Allowed::default()),
            ("--read", Some(allowed)) => allowed.read.push(value()?.into()),
            ("--write", Some(allowed)) => allowed.write.push(value()?.into()),
            ("--no-network", Some(allowed)) => {
                allowed.ports.get_or_insert_default();
            }
            ("--connect", Some(allowed)) => {
                let port = value()?.to_str().and_then(|text| text.parse().ok());
                allowed.ports.get_or_insert_default().push(port.ok_or("--connect wants a port")?);
            }
            ("--read" | "--write" | "--no-network" | "--connect", None) => return allowed(),
            _ => return Err(format!("unknown option {}", word.display())),
        }
    }
    Err("no program".to_owned())
}

/// Has the kernel kill this process when its supervisor ends, however that ends. Stays so across `exec`.
fn die_with_parent() {
    #[cfg(target_os = "linux")]
    {
        // A parent that is gone already has left this process to somebody else; then its pipes are closed as well.
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    }
    #[cfg(not(target_os = "linux"))]
    let _: Option<Signal> = None;
}

/// Gives up what only root may do: Landlock holds files, not raw disks or other processes' memory. It does not come
/// back, as Landlock needs a process that cannot gain rights.
fn drop_rights() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
            .map_err(|error| format!("cannot give up rights: {error}"))?;
    }
    Ok(())
}

/// Lets this user have so many more processes than now. The system counts threads as well; root is not limited, for
/// whom the supervisor counts.
fn limit_processes(more: Option<u32>) {
    let Some(more) = more else { return };
    let now = getrlimit(Resource::Nproc);
    let wanted = tasks_of_user().saturating_add(u64::from(more));
    let maximum = now.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let current = now.current.map_or(maximum, |current| current.min(maximum));
    let _ = setrlimit(Resource::Nproc, Rlimit { current: Some(current), maximum: Some(maximum) });
}

/// Ends whoever writes a larger file, or makes a hole of that size.
fn limit_files(most: Option<u64>) {
    let Some(most) = most else { return };
    let now = getrlimit(Resource::Fsize);
    let most = now.maximum.map_or(most, |maximum| maximum.min(most));
    let _ = setrlimit(Resource::Fsize, Rlimit { current: Some(most), maximum: Some(most) });
}

/// Threads of this user, as far as `/proc` shows them.
fn tasks_of_user() -> u64 {
    let me = rustix::process::getuid().as_raw();
    let mut tasks = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = entry.path().join("task");
        if let Ok(found) = folder.metadata()
            && found.uid() == me
        {
            tasks += found.nlink().saturating_sub(2);
        }
    }
    tasks
}

/// Opens ports in the network that this process is in, and gives them to the relay.
fn open(ports: &[u16], relay: &Path) -> std::io::Result<()> {
    let opened: Result<Vec<_>, _> =
        ports.iter().map(|port| TcpListener::bind(("127.0.0.1", *port))).collect();
    hand_over(relay, &opened?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str) -> Result<Told, String> {
        read(words.split(' ').map(OsString::from))
    }

    #[test]
    fn words_are_read() {
        let words = "--processes 7 --file-bytes 9 --landlock --read /a --write /b --no-network --connect 80 --listen 4180 --relay /s -- sh -- x";
        let allowed = Allowed { read: vec!["/a".into()], write: vec!["/b".into()], ports: Some(vec![80]) };
        let argv = ["sh", "--", "x"].map(OsString::from).to_vec();
        let wanted = Told {
            processes: Some(7),
            file_bytes: Some(9),
            landlock: Some(allowed),
            listen: vec![4180],
            relay: Some("/s".into()),
            argv,
        };
        assert_eq!(told(words), Ok(wanted));
        assert_eq!(told("--read /a -- sh"), Err("--read before --landlock".to_owned()));
        assert_eq!(told("--what -- sh"), Err("unknown option --what".to_owned()));
        assert_eq!(told("--processes"), Err("--processes needs a value".to_owned()));
        assert_eq!(told("--processes 3 --"), Err("no program".to_owned()));
    }

    #[test]
    fn tasks_are_counted() {
        assert!(tasks_of_user() >= 1);
    }
}
