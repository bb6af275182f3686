//! Locks between processes of one machine, and what dead ones left behind.
//!
//! These are `flock`s: the kernel frees them when the process ends, however it ends.

use super::{GitError, Repo};
use rustix::fs::FlockOperation;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// In the environment of each git that this program starts.
const OURS: &str = "GIT_OPTIONAL_LOCKS=0";

/// Held by whoever writes: others may write too, recovery may not run.
#[derive(Debug)]
pub(crate) struct Shared(File);

/// Held by recovery: nobody else writes.
#[derive(Debug)]
pub(crate) struct Exclusive(#[expect(dead_code, reason = "held, not read")] File);

/// A lock of another name, for what only one process may use at a time: a test slot, the dispatcher of a run.
#[derive(Debug)]
pub(crate) struct FileLock(#[expect(dead_code, reason = "held, not read")] File);

impl FileLock {
    /// Takes the lock of that name if nobody holds it.
    pub(crate) fn try_take(repo: &Repo, name: &str) -> Result<Option<FileLock>, GitError> {
        let taken = try_lock(&repo.local_path(name)?, FlockOperation::NonBlockingLockExclusive)?;
        Ok(taken.map(FileLock))
    }

    /// Waits for the lock of that name.
    pub(crate) fn wait(repo: &Repo, name: &str) -> Result<FileLock, GitError> {
        wait(&repo.local_path(name)?, FlockOperation::LockExclusive).map(FileLock)
    }
}

impl Shared {
    /// Waits for a recovery that runs, then takes the lock.
    pub(crate) fn wait(repo: &Repo) -> Result<Shared, GitError> {
        wait(&repo.local_path("lock")?, FlockOperation::LockShared).map(Shared)
    }

    /// The lock itself, to hand it down to a program.
    pub(super) fn into_file(self) -> File {
        self.0
    }
}

impl Exclusive {
    /// Takes the lock if nobody writes now.
    pub(crate) fn try_take(repo: &Repo) -> Result<Option<Exclusive>, GitError> {
        let taken = try_lock(&repo.local_path("lock")?, FlockOperation::NonBlockingLockExclusive)?;
        Ok(taken.map(Exclusive))
    }
}

/// Waits for a lock on a file, that is made where it is missing.
pub(super) fn wait(path: &Path, how: FlockOperation) -> Result<File, GitError> {
    let file = open(path)?;
    loop {
        match rustix::fs::flock(&file, how) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(GitError::io("lock", path)(err.into())),
        }
    }
}

/// Takes a lock on a file; `None` where somebody holds it.
pub(super) fn try_lock(path: &Path, how: FlockOperation) -> Result<Option<File>, GitError> {
    let file = open(path)?;
    match rustix::fs::flock(&file, how) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(err) => Err(GitError::io("lock", path)(err.into())),
    }
}

fn open(path: &Path) -> Result<File, GitError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(GitError::io("open the lock file", path))
}

/// Removes what dead writers left: `*.lock` files that `paths` name or contain, and half-written objects.
///
/// A file goes only when it is older than `grace` and open in no process. gix closes its lock files while it holds
/// them, so only the exclusive lock and the grace period say that nobody of ours does. Returns what was removed.
pub(crate) fn sweep_stale_locks(
    _proof: &Exclusive,
    repo: &Repo,
    paths: &[PathBuf],
    grace: Duration,
    now: SystemTime,
) -> Vec<PathBuf> {
    let mut stale = stale_locks(repo, paths, grace, now);
    stale.retain(|path| remove(path));
    stale
}

/// What [`sweep_stale_locks`] would remove if nobody else wrote.
pub(crate) fn stale_locks(repo: &Repo, paths: &[PathBuf], grace: Duration, now: SystemTime) -> Vec<PathBuf> {
    let mut stale = Vec::new();
    for path in paths {
        collect(path, &is_lock, &mut stale);
    }
    collect(&repo.common_dir().join("objects"), &is_half_object, &mut stale);
    stale.retain(|path| is_old(path, grace, now));
    if !stale.is_empty() {
        let open = open_files();
        stale.retain(|path| !open.iter().any(|open| open.starts_with(path)));
        // `git commit -a` closes the index's lock and holds it all the same while its editor is open.
        if stale.iter().any(|path| path.ends_with("index.lock")) && git_is_at_work(repo.main_worktree()) {
            stale.retain(|path| !path.ends_with("index.lock"));
        }
    }
    stale
}

/// Whether there is any `*.lock` file that `paths` name or contain.
pub(crate) fn any_lock(paths: &[PathBuf]) -> bool {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &is_lock, &mut found);
    }
    !found.is_empty()
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

fn is_old(path: &Path, grace: Duration, now: SystemTime) -> bool {
    let modified = path.symlink_metadata().and_then(|found| found.modified());
    modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > grace))
}

/// All files that a process has open, as far as we may see.
fn open_files() -> BTreeSet<PathBuf> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let descriptors = processes.flat_map(|process| std::fs::read_dir(process.path().join("fd")));
    descriptors.flatten().flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect()
}

/// Whether a git that this program did not start runs in a folder or below.
fn git_is_at_work(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.map(|process| process.path()).any(|process| {
        let read = |name: &str| std::fs::read(process.join(name)).unwrap_or_default();
        read("comm").trim_ascii_end() == b"git"
            && std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
            && !read("environ").split(|byte| *byte == 0).any(|line| line == OURS.as_bytes())
    })
}

fn remove(path: &Path) -> bool {
    if path.is_dir() { std::fs::remove_dir_all(path).is_ok() } else { std::fs::remove_file(path).is_ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn writers_share_and_recovery_is_alone() {
        let sandbox = Sandbox::new();
        let one = Shared::wait(&sandbox.repo).unwrap();
        let two = Shared::wait(&sandbox.repo).unwrap();
        assert!(Exclusive::try_take(&sandbox.repo).unwrap().is_none());
        drop((one, two));
        assert!(Exclusive::try_take(&sandbox.repo).unwrap().is_some());
    }

    #[test]
    fn only_old_locks_that_nobody_has_open_are_swept() {
        let sandbox = Sandbox::new();
        let git = sandbox.path().join(".git");
        let [stale, young, open, index] = ["refs/a.lock", "refs/b.lock", "refs/c.lock", "index.lock"];
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let make = |name: &str, time| {
            let file = File::create(git.join(name)).unwrap();
            file.set_modified(time).unwrap();
            file
        };
        let now = old + Duration::from_secs(1000);
        drop((make(stale, old), make(young, now), make(index, old), make("objects/.tmpAbc", old)));
        let held = make(open, old);
        std::fs::create_dir(git.join("objects/tmp_objdir-incoming-x")).unwrap();
        let proof = Exclusive::try_take(&sandbox.repo).unwrap().unwrap();
        let paths = [git.join("refs"), git.join(index), git.join("missing")];
        let removed = sweep_stale_locks(&proof, &sandbox.repo, &paths, Duration::from_secs(60), now);
        assert_eq!(removed, [git.join(stale), git.join(index), git.join("objects/.tmpAbc")]);
        assert!(git.join(young).exists() && git.join(open).exists() && !git.join(stale).exists());
        drop(held);
    }
}
