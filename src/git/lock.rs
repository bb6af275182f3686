//! Locks between processes of one machine.
//!
//! These are `flock`s: the kernel frees them when the process ends, however it ends.

use super::{GitError, Repo};
use crate::process::{alive, ask_again, own_pid, start_time};
use crate::task::id::Seconds;
use rustix::fs::FlockOperation;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Held by whoever writes: others may write too, recovery may not run.
#[derive(Debug)]
pub(crate) struct Shared(File);

/// Held by one process for long, that wrote itself into it: whoever lands, the dispatcher of a run.
#[derive(Debug)]
pub(crate) struct Marked(File);

/// Somebody else has a lock of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// `None` where it did not say who it is.
    pub(crate) pid: Option<u32>,
    pub(crate) since: Seconds,
}

/// How long to wait for a lock that no living process says it has.
const UNMARKED: Duration = Duration::from_secs(10);

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

/// A folder that only one process uses at a time. The lock is on the folder itself, so it goes with it, and not before.
#[derive(Debug)]
pub(crate) struct FolderLock {
    folder: File,
    path: PathBuf,
}

impl FolderLock {
    /// Takes the lock of a folder if nobody holds it.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub(crate) fn try_take(path: &Path) -> Result<Option<FolderLock>, GitError> {
        let folder = File::open(path).map_err(GitError::io("open", path))?;
        match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(FolderLock { folder, path: path.to_owned() })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(err) => Err(GitError::io("lock", path)(err.into())),
        }
    }

    /// Whether the folder at its path is still the one that is held.
    pub(crate) fn is_there(&self) -> bool {
        is_at(&self.folder, &self.path)
    }
}

/// Whether an open file is what its path leads to: somebody may have removed it meanwhile, and made another.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(found)) = (file.metadata(), path.metadata()) else { return false };
    (held.dev(), held.ino()) == (found.dev(), found.ino())
}

impl Marked {
    /// Takes the lock of that name and writes this process into it; `Err(Held)` inside says who has it.
    ///
    /// Only a living process that is written there refuses at once. A child that a dead holder was about to start has the
    /// lock until its `exec`, on a busy machine for a while; and recovery has it for a moment.
    pub(crate) fn take(repo: &Repo, name: &str) -> Result<Result<Marked, Held>, GitError> {
        let path = repo.local_path(name)?;
        let taken = take_from_the_dead(&path)?;
        if let Ok(Marked(file)) = &taken {
            let mark = own_mark();
            let written = file.set_len(0).and_then(|()| file.write_all_at(mark.as_bytes(), 0));
            written.map_err(GitError::io("write", &path))?;
        }
        Ok(taken)
    }

    /// Whether the lock's file is still the one at its path: whoever removes it lets others take another.
    pub(super) fn is_there(&self, repo: &Repo, name: &str) -> Result<bool, GitError> {
        Ok(is_at(&self.0, &repo.local_path(name)?))
    }

    /// The same for a moment only: whoever wants it meanwhile waits.
    pub(crate) fn take_briefly(repo: &Repo, name: &str) -> Result<Result<Marked, Held>, GitError> {
        take_from_the_dead(&repo.local_path(name)?)
    }

    /// The living process that has the lock of that name. Does not touch the lock itself.
    pub(crate) fn holder(repo: &Repo, name: &str) -> Result<Option<u32>, GitError> {
        holder(&repo.local_path(name)?)
    }
}

fn take_from_the_dead(path: &Path) -> Result<Result<Marked, Held>, GitError> {
    let found = ask_again(UNMARKED, || {
        if let Some(file) = try_lock(path, FlockOperation::NonBlockingLockExclusive)? {
            return Ok(Some(Ok(Marked(file))));
        }
        holder(path)?.map(|pid| held(path, Some(pid)).map(Err)).transpose()
    })?;
    match found {
        Some(found) => Ok(found),
        None => held(path, None).map(Err),
    }
}

fn held(path: &Path, pid: Option<u32>) -> Result<Held, GitError> {
    let found = path.metadata().map_err(GitError::io("read", path))?;
    Ok(Held { pid, since: Seconds(found.mtime()) })
}

impl Drop for Marked {
    fn drop(&mut self) {
        // Where that fails, the mark is of a process that will be gone, and counts no longer.
        let _ = self.0.set_len(0);
    }
}

/// This process, so that an id that is used again is not taken for it.
fn own_mark() -> String {
    let pid = own_pid();
    format!("{pid} {}\n", start_time(pid).unwrap_or_default())
}

/// The process that a lock file names, if it lives.
fn holder(path: &Path) -> Result<Option<u32>, GitError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(GitError::io("read", path)(err)),
    };
    let mut words = text.split_ascii_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok());
    let started = words.next().and_then(|word| word.parse().ok());
    Ok(pid.zip(started).filter(|&(pid, started)| alive(pid, started)).map(|(pid, _)| pid))
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
        // Of a file that was removed before it was locked, everybody may have a lock.
        Ok(()) if !is_at(&file, path) => Ok(None),
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
    fn a_lock_is_refused_for_the_living_and_waited_for_from_the_dead() {
        let sandbox = Sandbox::new();
        let (repo, name) = (&sandbox.repo, "some.lock");
        let own = Marked::take(repo, name).unwrap().unwrap();
        assert_eq!(Marked::holder(repo, name).unwrap(), Some(std::process::id()));
        let refused = Marked::take(repo, name).unwrap().unwrap_err();
        assert_eq!(refused.pid, Some(std::process::id()));
        drop(own);
        assert_eq!(Marked::holder(repo, name).unwrap(), None);
        // What a killed holder leaves: its mark, and for a while a child that has its descriptor.
        let path = repo.local_path(name).unwrap();
        // Again and again: a program that another test starts just now has the descriptor as well, until its `exec`.
        let lock = || try_lock(&path, FlockOperation::NonBlockingLockExclusive);
        let child = ask_again(UNMARKED, lock).unwrap().unwrap();
        std::fs::write(&path, format!("{} 1\n", u32::MAX)).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| take_from_the_dead(&path).unwrap().map(drop));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waits.is_finished());
            drop(child);
            assert_eq!(waits.join().unwrap(), Ok(()));
        });
    }
}
