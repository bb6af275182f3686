//! Checkouts to run tests in: each for one run at a time, kept between runs.

use std::path::{Path, PathBuf};

use crate::git::lock::{FileLock, FolderLock};
use crate::task::id::CommitId;

use super::{FlowError, Project};

/// Test slots of one machine; more runs than that wait for one.
const SLOTS: u32 = 64;

/// A checkout for one test run at a time, kept between runs.
pub(crate) struct Slot {
    pub(crate) folder: PathBuf,
    pub(super) log: PathBuf,
    _lock: FileLock,
    /// The folder itself, once it is there: somebody may remove the lock's file while a run goes on.
    held: Option<FolderLock>,
}

/// The file beside the log of a slot that says what runs in it.
pub(super) fn ticket_of(log: &Path) -> PathBuf {
    log.with_extension("run.json")
}

impl Slot {
    /// The first slot that nobody uses.
    pub(crate) fn take(project: &Project) -> Result<Slot, FlowError> {
        let logs = project.local().join("logs").join("tests");
        std::fs::create_dir_all(&logs).map_err(FlowError::file("make", &logs))?;
        for number in 1..=SLOTS {
            if let Some(slot) = Slot::try_take(project, &logs, number)? {
                project.hear_left(&slot)?;
                return Ok(slot);
            }
        }
        Err(FlowError::BadValue { what: "test slots".to_owned(), why: format!("all {SLOTS} are in use") })
    }

    /// This slot, if nobody uses it.
    fn try_take(project: &Project, logs: &Path, number: u32) -> Result<Option<Slot>, FlowError> {
        let Some(lock) = FileLock::try_take(&project.repo, &format!("test-slot-{number}.lock"))? else {
            return Ok(None);
        };
        let folder = project.ensure_folder()?.join(format!("_test-{number}"));
        let held = match folder.exists() {
            true => match FolderLock::try_take(&folder)? {
                Some(held) => Some(held),
                None => return Ok(None),
            },
            false => None,
        };
        Ok(Some(Slot { folder, log: logs.join(format!("slot-{number}.log")), _lock: lock, held }))
    }

    /// The slots that nobody uses and in which a run ended that nobody heard.
    pub(super) fn unheard(project: &Project) -> Result<Vec<Slot>, FlowError> {
        let logs = project.local().join("logs").join("tests");
        let mut slots = Vec::new();
        for number in 1..=SLOTS {
            if ticket_of(&logs.join(format!("slot-{number}.log"))).exists() {
                slots.extend(Slot::try_take(project, &logs, number)?);
            }
        }
        Ok(slots)
    }

    /// Brings the slot to exactly this commit: everything else goes, but for `tests.keep`.
    pub(crate) fn check_out(&mut self, project: &Project, commit: &CommitId) -> Result<(), FlowError> {
        if self.folder.join(".git").exists() {
            match project.repo.switch_detached(&self.folder, commit, &project.policy.tests.keep) {
                Ok(()) => return Ok(()),
                // A killed run can leave a checkout that git does not understand: it is ours, make it anew.
                Err(err) => tracing::debug!(%err, "the test slot is made anew"),
            }
        }
        let _ = project.ensure_folder()?;
        project.repo.discard_worktree(&self.folder)?;
        project.repo.add_detached(&self.folder, commit)?;
        self.held = FolderLock::try_take(&self.folder)?;
        Ok(())
    }

    /// Where what its tests write to stderr goes.
    pub(super) fn errors(&self) -> PathBuf {
        self.log.with_extension("err.log")
    }

    /// Why what tests said in it is not about this commit: the folder is another one by now, or stands elsewhere.
    pub(super) fn strange(&self, project: &Project, commit: &CommitId) -> Option<String> {
        if !self.held.as_ref().is_some_and(FolderLock::is_there) {
            return Some("somebody removed or replaced the folder of the tests while they ran".to_owned());
        }
        match project.repo.worktree_head(&self.folder) {
            Ok(head) if head == *commit => None,
            Ok(head) => Some(format!("the tests began at {} and ended at {}", commit.short(), head.short())),
            Err(err) => Some(format!("where the tests ended cannot be read: {}", crate::store::chain(&err))),
        }
    }
}
