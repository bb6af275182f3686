//! git's own lock files that nobody holds any more.
//!
//! Such a file does not say who made it, and its holder need not have it open: `git commit` closes the index's lock and holds
//! it while its editor is open. So one is removed only where its holder is known to be dead: it was made when and where a
//! program of ours was at work that was killed (`under_way`), or it is old, and no git is at work here. Another user's
//! file is never removed, nor one that a process has open.

use super::at_work::{self, Others};
use super::lock::{Exclusive, try_lock};
use super::under_way::{self, Dead, UnderWay};
use super::{GitError, Repo};
use rustix::fs::FlockOperation;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Somebody's lock is left over when it is this old: longer than an editor stays open, over night as well.
const OLD: Duration = Duration::from_secs(12 * 60 * 60);

/// A lock that somebody holds, or left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldLock {
    pub(crate) file: PathBuf,
    pub(crate) age: Duration,
}

/// A file that is left over, so that another one of its name is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stale {
    path: PathBuf,
    inode: u64,
    made: SystemTime,
}

/// What a sweep came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) removed: Vec<PathBuf>,
    /// Programs of ours were killed, and what they left cannot be removed yet.
    pub(crate) again: bool,
}

/// Removes what dead programs left: `*.lock` files that `paths` name or contain, and half-written objects. The exclusive
/// lock says that no git of ours is at work.
///
/// # Errors
/// A lock of this program cannot be used.
pub(crate) fn sweep_stale_locks(
    _proof: &Exclusive,
    repo: &Repo,
    paths: &[PathBuf],
    now: SystemTime,
) -> Result<Swept, GitError> {
    let killed = under_way::killed(&repo.notes());
    // Those who make worktrees and fetch have a lock of their own.
    let worktrees = try_lock(&repo.local_path("worktrees.lock")?, FlockOperation::NonBlockingLockExclusive)?;
    if worktrees.is_none() {
        return Ok(Swept { removed: Vec::new(), again: !killed.is_empty() });
    }
    let found = candidates(repo, paths, &killed, now);
    if found.is_empty() && killed.is_empty() {
        return Ok(Swept::default());
    }
    let ours = |path: &Path| is_theirs(path, &killed);
    let (stale, others) = held_by_nobody(found, &at_work::folders(repo), &ours);
    let removed: Vec<PathBuf> =
        stale.iter().filter(|stale| remove(stale)).map(|one| one.path.clone()).collect();
    // While somebody is at work, what is there may be either's.
    let again = others == Others::Some && !killed.is_empty();
    if !again {
        killed.iter().for_each(Dead::forget);
    }
    Ok(Swept { removed, again })
}

/// What [`sweep_stale_locks`] would remove if nobody else wrote.
pub(crate) fn stale_locks(repo: &Repo, paths: &[PathBuf], now: SystemTime) -> Vec<PathBuf> {
    let killed = under_way::killed(&repo.notes());
    let found = candidates(repo, paths, &killed, now);
    let (stale, _) = held_by_nobody(found, &at_work::folders(repo), &|path| is_theirs(path, &killed));
    stale.into_iter().map(|stale| stale.path).collect()
}

/// The first of these files that is there.
pub(crate) fn first_lock(files: &[PathBuf], now: SystemTime) -> Option<HeldLock> {
    files.iter().find_map(|file| {
        let modified = file.symlink_metadata().and_then(|found| found.modified()).ok()?;
        Some(HeldLock { file: file.clone(), age: now.duration_since(modified).unwrap_or_default() })
    })
}

impl Repo {
    /// The file by which git locks a worktree's index; `None` where that is no worktree.
    pub(crate) fn index_lock(&self, worktree: &Path) -> Option<PathBuf> {
        Some(self.admin(worktree).ok()?.join("index.lock"))
    }

    /// Notes that an agent begins to work in a worktree.
    pub(crate) fn agent_begins(&self, worktree: &Path) -> Option<UnderWay> {
        let admin = self.admin(worktree).ok().filter(|admin| admin != self.common_dir())?;
        let branch = self.worktree_branch(worktree).ok().flatten();
        let lock = branch.map(|branch| self.common_dir().join(format!("{branch}.lock")));
        UnderWay::begin(&self.notes(), &[vec![admin], lock.into_iter().collect()].concat())
    }

    /// An agent ended, and all that it started: locks that it left are removed, unless somebody else's git is at work in
    /// the same worktree.
    pub(crate) fn agent_ended(&self, worktree: &Path, begun: Option<UnderWay>) {
        let Some(begun) = begun.and_then(UnderWay::gone) else { return };
        if let Ok(admin) = self.admin(worktree) {
            let mut locks = Vec::new();
            for place in begun.places() {
                collect(place, &is_lock, &mut locks);
            }
            locks.retain(|lock| made(lock).is_some_and(|made| begun.may_have_taken(lock, made)));
            let found = locks.into_iter().filter_map(Stale::of).collect();
            let (stale, _) = held_by_nobody(found, &[worktree.to_owned(), admin], &|_| true);
            for one in stale.iter().filter(|stale| remove(stale)) {
                tracing::debug!(lock = %one.path.display(), "removed a lock that an agent left");
            }
        }
        begun.forget();
    }
}

/// Whether a file was made by one of those that were killed.
fn is_theirs(path: &Path, killed: &[Dead]) -> bool {
    made(path).is_some_and(|made| killed.iter().any(|dead| dead.may_have_taken(path, made)))
}

/// Files that nobody may hold any more, by their times.
fn candidates(repo: &Repo, paths: &[PathBuf], killed: &[Dead], now: SystemTime) -> Vec<Stale> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &is_lock, &mut found);
    }
    found.retain(|path| is_old(path, now) || is_theirs(path, killed));
    // In nobody's way: they wait for their age.
    let mut objects = Vec::new();
    collect(&repo.common_dir().join("objects"), &is_half_object, &mut objects);
    found.extend(objects.into_iter().filter(|path| is_old(path, now)));
    found.into_iter().filter_map(Stale::of).collect()
}

/// Those of the files that no living process may hold, and what was seen of others. Of `ours` it is known when they were
/// made; of all others nothing, so all processes have to be seen.
fn held_by_nobody(
    mut found: Vec<Stale>,
    folders: &[PathBuf],
    ours: &dyn Fn(&Path) -> bool,
) -> (Vec<Stale>, Others) {
    let others = at_work::others(folders);
    let user = rustix::process::geteuid().as_raw();
    found.retain(|stale| {
        let owned = stale.path.symlink_metadata().is_ok_and(|found| found.uid() == user);
        owned && (others == Others::None || (others == Others::Unknown && ours(&stale.path)))
    });
    if !found.is_empty() {
        let open = open_files();
        found.retain(|stale| !open.iter().any(|open| open.starts_with(&stale.path)));
    }
    (found, others)
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "lock")
}

/// Left by a killed receive-pack (`tmp_objdir-*`), git (`tmp_obj_*`) or gix (`.tmp*`).
fn is_half_object(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    ["tmp_objdir-", "tmp_obj_", ".tmp"].iter().any(|start| name.starts_with(start))
}

/// Everything below a path, the path itself included, that is wanted; does not follow links.
fn collect(path: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    if let Ok(kind) = path.symlink_metadata() {
        collect_known(path, kind.is_dir(), wanted, found);
    }
}

/// The same, where it is known whether the path is a folder: a listing says so of each entry, and ten thousand loose objects
/// need not be asked one by one.
fn collect_known(path: &Path, is_dir: bool, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    if wanted(path) {
        found.push(path.to_owned());
    } else if is_dir {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            collect_known(&entry.path(), is_dir, wanted, found);
        }
    }
}

fn is_old(path: &Path, now: SystemTime) -> bool {
    let modified = path.symlink_metadata().and_then(|found| found.modified());
    modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > OLD))
}

/// When a file was made; where the file system does not keep that, when it was written last.
fn made(path: &Path) -> Option<SystemTime> {
    let found = path.symlink_metadata().ok()?;
    found.created().or_else(|_| found.modified()).ok()
}

/// All files that a process has open, as far as we may see.
fn open_files() -> BTreeSet<PathBuf> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let descriptors = processes.flat_map(|process| std::fs::read_dir(process.path().join("fd")));
    descriptors.flatten().flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect()
}

impl Stale {
    fn of(path: PathBuf) -> Option<Stale> {
        let inode = path.symlink_metadata().ok()?.ino();
        Some(Stale { inode, made: made(&path)?, path })
    }
}

/// Removes a file if it is still the one that was looked at.
fn remove(stale: &Stale) -> bool {
    let path = &stale.path;
    if Stale::of(path.clone()).as_ref() != Some(stale) {
        return false;
    }
    if path.is_dir() { std::fs::remove_dir_all(path).is_ok() } else { std::fs::remove_file(path).is_ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;
    use std::fs::File;

    #[test]
    fn only_old_locks_and_those_of_killed_gits_go_and_none_that_is_open() {
        let sandbox = Sandbox::new();
        let git = sandbox.path().join(".git");
        let now = sandbox.path().join("a.txt").metadata().unwrap().modified().unwrap();
        let old = now - OLD - Duration::from_secs(60);
        let make = |name: &str, time| {
            let file = File::create(git.join(name)).unwrap();
            file.set_modified(time).unwrap();
            file
        };
        let [stale, young, open, index] = ["refs/a.lock", "refs/b.lock", "refs/c.lock", "index.lock"];
        let half = "objects/.tmpAbc";
        drop((make(stale, old), make(young, now), make(index, old), make(half, old)));
        let held = make(open, old);
        std::fs::create_dir(git.join("objects/tmp_objdir-incoming-x")).unwrap();
        let proof = Exclusive::try_take(&sandbox.repo).unwrap().unwrap();
        let paths = [git.join("refs"), git.join(index), git.join("missing")];
        let sweep = || sweep_stale_locks(&proof, &sandbox.repo, &paths, now).unwrap();
        let sees_all = at_work::others(&at_work::folders(&sandbox.repo)) == Others::None;
        let swept = sweep();
        if sees_all {
            assert_eq!(swept.removed, [git.join(stale), git.join(index), git.join(half)]);
        } else {
            assert_eq!(swept.removed, [] as [PathBuf; 0], "somebody outside may hold them");
        }
        assert!(git.join(young).exists() && git.join(open).exists() && !swept.again);
        drop(held);
        // Made after a git of ours began that was killed.
        UnderWay::begin(&sandbox.repo.notes(), &[]).unwrap().died();
        std::fs::remove_file(git.join(young)).unwrap();
        drop(make(young, now));
        assert!(sweep().removed.contains(&git.join(young)));
        drop(make(young, now));
        assert!(!sweep().removed.contains(&git.join(young)), "its note is gone");
        // Of another user, though a git of ours was killed.
        UnderWay::begin(&sandbox.repo.notes(), &[]).unwrap().died();
        std::fs::remove_file(git.join(young)).unwrap();
        drop(make(young, now));
        if std::os::unix::fs::chown(git.join(young), Some(12345), None).is_ok() {
            assert!(!sweep().removed.contains(&git.join(young)));
        }
    }
}
