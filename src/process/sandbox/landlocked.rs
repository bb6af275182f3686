//! A sandbox in terms of Landlock. It can only allow, folder by folder, so hiding a folder means to allow all others.
//!
//! Weaker than bubblewrap: the worktree's `.git` file can be removed (it is put back), a file that is made after the
//! start in a folder above a hidden one cannot be read, of the network only TCP is held, and that by ports alone; there are no
//! terminals and no shared memory by name.

use super::paths::text;
use super::wanted::{Network, Sandbox};
use crate::process::{ProcessError, own_program, supervise::PORT_MARK};
use std::path::{Path, PathBuf};

/// Devices that programs need; the others are disks and the like.
///
/// No terminals: those of a program's own are in one folder with those of the user, where it would read what is typed. No
/// `/dev/shm`: all that programs of the user share is there, for it to read, change and remove. A rule cannot tell them apart.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// What the program's own command line says to [`restrict`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    /// TCP ports that may be connected to, on whatever host: a rule knows no addresses. `None` for all of the network.
    pub(super) ports: Option<Vec<u16>>,
}

/// The words for `__inside` that lead to an [`Allowed`].
pub(super) fn words(sandbox: &Sandbox) -> Result<Vec<String>, ProcessError> {
    let mut hidden = sandbox.hidden.clone();
    hidden.extend(sandbox.home.clone());
    hidden.extend(["/tmp", "/var/tmp", "/run", "/dev"].map(PathBuf::from));
    let mut words = vec!["--landlock".to_owned()];
    let mut closed = sandbox.masked.clone();
    closed.extend(sandbox.covered.iter().cloned());
    closed.extend(sandbox.replaced.iter().map(|(path, _)| path.clone()));
    hidden.extend(closed.iter().cloned());
    let mut read = all_but(Path::new("/"), &hidden);
    for folder in &sandbox.readable {
        read.extend(all_but(folder, &closed));
    }
    if sandbox.answered.is_some() {
        // Its control socket, and this program to speak on it.
        read.push(sandbox.scratch.join("sockets"));
        read.extend(own_program());
    }
    for path in read {
        words.extend(["--read".to_owned(), text(&path)?]);
    }
    let own = ["home", "tmp"].map(|name| sandbox.scratch.join(name));
    for path in sandbox.writable.iter().chain(&own).map(PathBuf::as_path).chain(DEVICES.map(Path::new)) {
        words.extend(["--write".to_owned(), text(path)?]);
    }
    if sandbox.network == Network::Nothing {
        words.push("--no-network".to_owned());
        if !sandbox.endpoints.hosts.is_empty() {
            words.extend(["--connect".to_owned(), PORT_MARK.to_owned()]);
        }
    }
    Ok(words)
}

/// The fewest paths below `root` that hold everything but the hidden ones.
fn all_but(root: &Path, hidden: &[PathBuf]) -> Vec<PathBuf> {
    if hidden.iter().any(|path| root.starts_with(path)) {
        return Vec::new();
    }
    if !hidden.iter().any(|path| path.starts_with(root)) {
        return vec![root.to_owned()];
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // A link would open the folder that it leads to; that one has its own place.
    entries.retain(|entry| !entry.is_symlink());
    entries.sort();
    entries.iter().flat_map(|entry| all_but(entry, hidden)).collect()
}

/// The version of the kernel's Landlock; nothing where there is none, or this is no Linux.
#[cfg(target_os = "linux")]
pub(super) fn abi() -> Option<i32> {
    use landlock::{AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _};
    let supported = |abi: landlock::ABI| {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(abi))
            .and_then(Ruleset::create)
            .is_ok()
    };
    use landlock::{ABI, Access as _};
    [(ABI::V5, 5), (ABI::V3, 3), (ABI::V2, 2), (ABI::V1, 1)]
        .into_iter()
        .find_map(|(abi, number)| supported(abi).then_some(number))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn abi() -> Option<i32> {
    None
}

/// Holds this process, and all that it starts, to what is allowed.
///
/// # Errors
/// The kernel has no Landlock, or does not hold it to the files.
#[cfg(target_os = "linux")]
pub(super) fn restrict(allowed: &Allowed) -> Result<(), String> {
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
        RulesetStatus, Scope, path_beneath_rules,
    };
    let abi = ABI::V6;
    let failed = |error: &dyn std::fmt::Display| format!("cannot apply Landlock: {error}");
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi)).map_err(|e| failed(&e))?;
    if allowed.ports.is_some() {
        rules = rules.handle_access(AccessNet::from_all(abi)).map_err(|e| failed(&e))?;
    }
    // No signal reaches the supervisor, and no abstract socket anybody.
    rules = rules.scope(Scope::from_all(abi)).map_err(|e| failed(&e))?;
    let mut rules = rules
        .create()
        .and_then(|rules| rules.add_rules(path_beneath_rules(&allowed.read, AccessFs::from_read(abi))))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&allowed.write, AccessFs::from_all(abi))))
        .map_err(|e| failed(&e))?;
    for &port in allowed.ports.iter().flatten() {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(|e| failed(&e))?;
    }
    let status = rules.restrict_self().map_err(|e| failed(&e))?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("cannot apply Landlock: the kernel has none".to_owned()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn restrict(_: &Allowed) -> Result<(), String> {
    Err("there is no Landlock on this system".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hiding_means_to_allow_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["a", "b/c", "b/d/e", "f"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        let but = |hidden: &[&str]| -> Vec<String> {
            let hidden: Vec<PathBuf> = hidden.iter().map(|path| root.join(path)).collect();
            let kept = all_but(root, &hidden);
            kept.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
        };
        assert_eq!(but(&["b/d"]), ["a", "b/c", "f"]);
        assert_eq!(but(&["gone/x"]), ["a", "b", "f"]);
        assert!(but(&[""]).is_empty());
    }
}
