//! Many refs changed in one transaction of git: one process and one answer for all of them.
//!
//! A crash can tear it: loose refs are renamed one by one. So it is only for refs that need not agree with each other.

use super::refs::{Expected, full_name};
use super::{GitError, Repo};
use crate::task::id::CommitId;

/// More unsynced objects or refs than these are put on the disk by one sync of the whole file system.
const MANY: usize = 128;

/// One ref of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefChange<'a> {
    pub(crate) name: &'a str,
    /// What it must be now.
    pub(crate) expected: Expected<'a>,
    /// What it is to be; `None` deletes it.
    pub(crate) new: Option<&'a CommitId>,
}

impl Repo {
    /// Changes all of these refs, and puts them and the objects written so far on the disk. False if nothing was changed,
    /// because one of them is not as expected, or another writer holds its lock: then change them one by one.
    ///
    /// # Errors
    /// A name that is none, a broken ref, or git fails for another reason.
    pub(crate) fn swap_all(&self, changes: &[RefChange<'_>], message: &str) -> Result<bool, GitError> {
        if changes.is_empty() {
            return Ok(true);
        }
        let mut lines = String::from("start\n");
        for RefChange { name, expected, new } in changes {
            full_name(name)?;
            lines.push_str(&match (expected, new) {
                (Expected::Absent, None) => continue,
                (Expected::Absent, Some(new)) => format!("create {name} {new}\n"),
                (Expected::At(old), Some(new)) => format!("update {name} {new} {old}\n"),
                (Expected::At(old), None) => format!("delete {name} {old}\n"),
            });
        }
        lines.push_str("prepare\ncommit\n");
        // A broken file must not be taken for an absent ref: it may be restored.
        if !self.all_as_expected(changes)? {
            return Ok(false);
        }
        self.sync_written()?;
        let message = message.lines().next().unwrap_or_default();
        let many = changes.len() > MANY;
        let git = match many {
            // Each ref's text is handed to the disk before the ref has its name; one flush after all of them makes them stay.
            true => self.ref_writer()?.config("core.fsyncMethod", "writeout-only"),
            false => self.ref_writer()?,
        };
        let git = git.args(["update-ref", "--no-deref", "-m", message, "--stdin"]).stdin(lines.into_bytes());
        let finished = git.finish()?;
        if finished.status == 0 {
            if many {
                self.sync_disk()?;
            }
            return Ok(true);
        }
        let locked = String::from_utf8_lossy(&finished.stderr).contains("cannot lock ref");
        if locked || !self.all_as_expected(changes)? { Ok(false) } else { Err(git.failed(&finished)) }
    }

    fn all_as_expected(&self, changes: &[RefChange<'_>]) -> Result<bool, GitError> {
        for change in changes {
            if self.tip(change.name)?.as_ref() != change.expected.id() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts the objects written so far on the disk, by the cheaper way.
    fn sync_written(&self) -> Result<(), GitError> {
        {
            let mut unsynced = self.unsynced.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if unsynced.len() > MANY {
                self.sync_disk()?;
                unsynced.clear();
                return Ok(());
            }
        }
        self.sync_objects()
    }

    /// Puts everything on the disk that was written to its file system so far.
    fn sync_disk(&self) -> Result<(), GitError> {
        let folder = self.common_dir();
        std::fs::File::open(folder)
            .and_then(|folder| rustix::fs::syncfs(&folder).map_err(Into::into))
            .map_err(GitError::io("sync", folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn all_refs_change_or_none() {
        let sandbox = Sandbox::new();
        let (repo, first) = (&sandbox.repo, sandbox.main());
        let second = sandbox.commit_on(&first, &[("b", "b")]);
        let change = |name, expected, new| RefChange { name, expected, new };
        let (one, two) = ("refs/test/one", "refs/test/two");
        let made = [change(one, Expected::Absent, Some(&first)), change(two, Expected::Absent, Some(&first))];
        assert!(repo.swap_all(&made, "made").unwrap());
        assert!(!repo.swap_all(&made, "made").unwrap(), "they exist");
        let lost = [
            change(one, Expected::At(&first), Some(&second)),
            change(two, Expected::At(&second), Some(&first)),
        ];
        assert!(!repo.swap_all(&lost, "moved").unwrap());
        assert_eq!(repo.tip(one).unwrap(), Some(first.clone()), "nothing of it was done");
        sandbox.git(&["pack-refs", "--all"]);
        let moved =
            [change(one, Expected::At(&first), Some(&second)), change(two, Expected::At(&first), None)];
        assert!(repo.swap_all(&moved, "moved").unwrap());
        assert_eq!((repo.tip(one).unwrap(), repo.tip(two).unwrap()), (Some(second.clone()), None));
        std::fs::write(sandbox.path().join(".git/refs/test/one.lock"), "").unwrap();
        let back = [change(one, Expected::At(&second), Some(&first))];
        assert!(!repo.swap_all(&back, "back").unwrap(), "somebody holds its lock");
        let missing = CommitId::parse(&"1".repeat(40)).unwrap();
        assert!(repo.swap_all(&[change("refs/test/x", Expected::Absent, Some(&missing))], "x").is_err());
        assert!(repo.swap_all(&[change("no ref", Expected::Absent, Some(&first))], "x").is_err());
    }
}
