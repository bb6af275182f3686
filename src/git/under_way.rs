//! Notes of what may hold git's own locks while it runs: a git that this program started, or an agent in its worktree.
//!
//! git's locks say nothing of who took them. A note that nobody took away is of a program that was killed, and the locks
//! that it left are those that are as old as the note: so they can be told from those of somebody who lives.

use crate::process::{alive, own_pid, start_time};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A git takes its locks when it begins, if it does not have to wait for the disk.
const SOON: Duration = Duration::from_secs(60);
/// Before the name of a note whose program was killed while the one that started it lives.
const DEAD: &str = "dead-";

/// A program that runs. Where this is lost without a word, that program was killed together with us.
#[derive(Debug)]
#[must_use]
pub(crate) struct UnderWay {
    note: PathBuf,
}

impl UnderWay {
    /// Notes a git that begins, or with `places` an agent: the only files and folders that it may lock. Where no note can be
    /// written, locks that are left have to be removed by hand: no reason not to begin.
    pub(super) fn begin(folder: &Path, places: &[PathBuf]) -> Option<UnderWay> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (pid, number) = (own_pid(), COUNT.fetch_add(1, Ordering::Relaxed));
        let note = folder.join(format!("{pid}-{}-{number}", start_time(pid).unwrap_or_default()));
        let text = places.iter().map(|place| place.as_os_str().as_bytes()).collect::<Vec<_>>().join(&0);
        let write = || std::fs::write(&note, &text);
        match write().or_else(|_| std::fs::create_dir_all(folder).and_then(|()| write())) {
            Ok(()) => Some(UnderWay { note }),
            Err(err) => {
                tracing::debug!(%err, "cannot note what begins");
                None
            }
        }
    }

    /// It ended by itself, and gave back what it had locked.
    pub(super) fn ended(self) {
        let _ = std::fs::remove_file(&self.note); // left over, it names a time in which nothing was locked
    }

    /// It was killed.
    pub(super) fn died(self) {
        if let (Some(folder), Some(name)) = (self.note.parent(), self.note.file_name()) {
            let _ = std::fs::rename(&self.note, folder.join(format!("{DEAD}{}", name.to_string_lossy())));
        }
    }

    /// It is gone for sure, with all that it started; what it left is to be looked at now.
    pub(super) fn gone(self) -> Option<Dead> {
        Dead::read(self.note)
    }
}

/// The note of a program that was killed.
#[derive(Debug)]
pub(super) struct Dead {
    note: PathBuf,
    since: SystemTime,
    places: Vec<PathBuf>,
}

impl Dead {
    fn read(note: PathBuf) -> Option<Dead> {
        let since = note.metadata().and_then(|found| found.modified()).ok()?;
        let text = std::fs::read(&note).ok()?;
        let places = text.split(|&byte| byte == 0).filter(|place| !place.is_empty());
        let places = places.map(|place| std::ffi::OsString::from_vec(place.to_vec()).into()).collect();
        Some(Dead { note, since, places })
    }

    /// Whether it may be the one that took a lock: made then, where it may lock.
    pub(super) fn may_have_taken(&self, lock: &Path, made: SystemTime) -> bool {
        let Ok(after) = made.duration_since(self.since) else { return false };
        if self.places.is_empty() {
            return after <= SOON;
        }
        self.places.iter().any(|place| lock.starts_with(place))
    }

    /// The only files and folders that it may have locked; all of them where there are none.
    pub(super) fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// Forgets it: nothing of it is left.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_file(&self.note);
    }
}

/// The programs that were killed. One whose starter lives is not: that one looks after it.
pub(super) fn killed(folder: &Path) -> Vec<Dead> {
    let notes = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    notes.filter(|note| !starter_lives(note)).filter_map(Dead::read).collect()
}

fn starter_lives(note: &Path) -> bool {
    let name = note.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let mut numbers = name.split('-').map(str::parse);
    let (Some(Ok(pid)), Some(Ok(started))) = (numbers.next(), numbers.next()) else { return false };
    u32::try_from(pid).is_ok_and(|pid| alive(pid, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_killed_is_dead_and_only_what_it_locked_is_its() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("under-way");
        let begin = |places: &[PathBuf]| UnderWay::begin(&notes, places).unwrap();
        let (runs, ended, died) = (begin(&[]), begin(&[]), begin(&[]));
        ended.ended();
        assert!(killed(&notes).is_empty(), "their starter lives");
        died.died();
        let [git] = &killed(&notes)[..] else { panic!("one") };
        let lock = Path::new("/r/.git/index.lock");
        let at = |seconds: u64| git.since + Duration::from_secs(seconds);
        assert!(git.may_have_taken(lock, at(0)) && git.may_have_taken(lock, at(60)));
        assert!(!git.may_have_taken(lock, at(61)));
        assert!(!git.may_have_taken(lock, git.since - Duration::from_millis(1)), "somebody's, from before");
        git.forget();
        // A process of that id that started at another time is another one.
        std::fs::write(notes.join("1-1-7"), "").unwrap();
        assert_eq!(killed(&notes).len(), 1);
        let agent = begin(&["/r/.git/worktrees/t".into()]).gone().unwrap();
        let late = agent.since + Duration::from_secs(9000);
        assert!(agent.may_have_taken(Path::new("/r/.git/worktrees/t/index.lock"), late));
        assert!(!agent.may_have_taken(lock, late));
        runs.ended();
    }
}
