//! Worktrees: made, listed and removed.
//!
//! The files in a worktree were written by somebody else, its `.git` file may be as well. So nothing here follows that
//! file: the admin folder is looked up in the main repository and named outright.

use super::checkout::StatusLine;
use super::command::{Git, fields};
use super::refs::full_name;
use super::sweep::sweep_folder;
use super::{GitError, Repo, lock};
use crate::task::id::CommitId;
use crate::task::words::counted;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Said to whoever wants to remove one of our worktrees by hand.
const LOCK_REASON: &str = "in use by git orch";
/// Starts the name of a worktree that is being removed.
const GONE: &str = ".gone-";

/// What a worktree is, as the main repository knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorktreeInfo {
    pub(crate) path: PathBuf,
    pub(crate) head: Option<CommitId>,
    /// Full name of the branch; `None` where it is detached.
    pub(crate) branch: Option<String>,
    pub(crate) locked: bool,
    pub(crate) prunable: bool,
}

/// Why a worktree was not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveRefused {
    #[error("the worktree has {} not committed", counted(files.len(), "file"))]
    Dirty { files: Vec<String> },
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repo {
    /// Makes a worktree on a new branch. It is locked, so that `git worktree prune` leaves it.
    pub(crate) fn add_worktree(&self, path: &Path, branch: &str, start: &CommitId) -> Result<(), GitError> {
        let name = branch_ref(branch)?;
        let lock = self.lock_worktrees()?;
        if self.tip(&name)?.is_some() {
            return Err(GitError::BranchExists(branch.to_owned()));
        }
        let lock = Arc::new(lock);
        // In two steps: with -b, git runs two more programs, for the branch and for the files.
        let add = self.add_command(Arc::clone(&lock)).args(["--no-checkout", "--detach", "--"]);
        add.arg(path).arg(start.as_str()).output()?;
        // --no-track: it would write the shared settings, whose lock collides (ready-for-agent#614).
        let git = Git::in_worktree(self, &self.admin(path)?, path).holding(lock);
        let checkout = git.args(["checkout", "--quiet", "--force", "--no-recurse-submodules", "--no-track"]);
        checkout.args(["-b", branch, "--"]).output().map(|_| ()).inspect_err(|_| self.undo_add(&name, start))
    }

    /// Makes a worktree on a branch that exists, given by its short name.
    pub(crate) fn add_existing(&self, path: &Path, branch: &str) -> Result<(), GitError> {
        branch_ref(branch)?;
        let lock = self.lock_worktrees()?;
        self.add_command(lock).arg("--").arg(path).arg(branch).output().map(|_| ())
    }

    /// Makes a worktree on no branch.
    pub(crate) fn add_detached(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        let lock = self.lock_worktrees()?;
        self.add_command(lock).args(["--detach", "--"]).arg(path).arg(commit.as_str()).output().map(|_| ())
    }

    fn add_command(&self, lock: impl Into<Arc<File>>) -> Git {
        let git = Git::on(self)
            .holding(lock)
            .without_local_filters(self)
            .whole()
            .config("submodule.recurse", "false");
        git.args(["worktree", "add", "--quiet", "--lock", "--reason", LOCK_REASON])
    }

    /// Takes back a branch that a failed add left, if it is still where we made it.
    fn undo_add(&self, name: &str, start: &CommitId) {
        let _ = self.delete(name, start);
    }

    /// Several at once break each other: 6 of 240 in a trial, none under one lock.
    fn lock_worktrees(&self) -> Result<File, GitError> {
        lock::wait(&self.local_path("worktrees.lock")?, FlockOperation::LockExclusive)
    }

    /// Removes a worktree; its branch stays.
    ///
    /// It is moved out of the way at once: one that a crash left half removed would look like somebody's changes.
    pub(crate) fn remove_worktree(&self, path: &Path) -> Result<(), RemoveRefused> {
        let _lock = self.lock_worktrees()?;
        let admin = self.admin(path)?;
        if path.exists() {
            self.restore_git_file(&admin, path)?;
            self.unmark(&admin, path, None)?;
            refuse_dirty(self.status_of(&admin, path)?)?;
            let gone = path.with_file_name(format!("{GONE}{:016x}", fastrand::u64(..)));
            std::fs::rename(path, &gone).map_err(GitError::io("move away", path))?;
            // Once more, for what was written since: from here on nobody finds it.
            if let Err(refused) = self.status_of(&admin, &gone).map_err(Into::into).and_then(refuse_dirty) {
                std::fs::rename(&gone, path).map_err(GitError::io("move back", &gone))?;
                return Err(refused);
            }
            self.forget(path)?;
            sweep_folder(&gone);
        } else {
            self.forget(path)?;
        }
        Ok(())
    }

    /// Removes whatever there is of a worktree that nobody worked in: half made or half removed by a crash, or a slot.
    pub(crate) fn discard_worktree(&self, path: &Path) -> Result<(), GitError> {
        let _lock = self.lock_worktrees()?;
        if path.symlink_metadata().is_ok() {
            std::fs::remove_dir_all(path).map_err(GitError::io("remove", path))?;
        }
        self.forget(path)
    }

    /// Forgets a worktree whose folder is gone. By hand: git leaves a locked one, and may not know a half-made one.
    fn forget(&self, path: &Path) -> Result<(), GitError> {
        while let Ok(admin) = self.admin(path) {
            std::fs::remove_dir_all(&admin).map_err(GitError::io("remove", &admin))?;
        }
        let unmade = path.file_name().map(|name| self.common_dir().join("worktrees").join(name));
        if let Some(unmade) = unmade.filter(|unmade| unmade.exists() && !unmade.join("gitdir").exists()) {
            std::fs::remove_dir_all(&unmade).map_err(GitError::io("remove", &unmade))?;
        }
        Ok(())
    }

    /// What `git worktree add` has begun and not ended, here or in somebody's own git. With an empty `commondir` there, git
    /// cannot list any worktree; without a `HEAD`, which it writes after that, first with zeros, `git fsck` fails.
    pub(crate) fn unmade_worktrees(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.common_dir().join("worktrees")).into_iter().flatten().flatten();
        let nowhere = |head: &[u8]| head.trim_ascii().iter().all(|digit| *digit == b'0');
        let unmade = |admin: &PathBuf| {
            let head = admin.join("HEAD");
            // A link is a way to write one, which leads from here to nothing.
            let headless = std::fs::read(&head).map_or(!head.is_symlink(), |head| nowhere(&head));
            // One that has files already is somebody's work, whatever became of its HEAD.
            let headless = headless && !admin.join("index").exists();
            let cut = std::fs::read(admin.join("commondir")).map_or(true, |text| text.is_empty());
            admin.is_dir() && (headless || cut)
        };
        all.map(|entry| entry.path()).filter(unmade).collect()
    }

    /// Takes those away that are still not made.
    ///
    /// # Errors
    /// A folder cannot be removed.
    pub(crate) fn sweep_unmade(&self, found: &[PathBuf]) -> Result<(), GitError> {
        let _lock = self.lock_worktrees()?;
        for admin in self.unmade_worktrees().iter().filter(|admin| found.contains(admin)) {
            std::fs::remove_dir_all(admin).map_err(GitError::io("remove", admin))?;
        }
        Ok(())
    }

    /// Ends removals below a folder that a crash cut short.
    pub(crate) fn sweep_removed(&self, folder: &Path) -> Result<(), GitError> {
        let _lock = self.lock_worktrees()?;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(GONE) {
                sweep_folder(&entry.path());
            }
        }
        Ok(())
    }

    /// All worktrees, the main one first.
    pub(crate) fn worktrees(&self) -> Result<Vec<WorktreeInfo>, GitError> {
        let output = Git::on(self).args(["worktree", "list", "--porcelain", "-z"]).output()?;
        let mut worktrees: Vec<WorktreeInfo> = Vec::new();
        for field in fields(&output) {
            let (key, value) = field.split_once(' ').unwrap_or((&field, ""));
            if key == "worktree" {
                // Of a submodule, git calls the first one by the folder of its repository.
                let first = worktrees.is_empty();
                let path = if first { self.main_worktree().to_owned() } else { PathBuf::from(value) };
                let info = WorktreeInfo { path, head: None, branch: None, locked: false, prunable: false };
                worktrees.push(info);
            } else if let Some(last) = worktrees.last_mut() {
                match key {
                    "HEAD" => last.head = CommitId::parse(value).ok(),
                    "branch" => last.branch = Some(value.to_owned()),
                    "locked" => last.locked = true,
                    "prunable" => last.prunable = true,
                    _ => {}
                }
            }
        }
        Ok(worktrees)
    }

    /// Whether there was a worktree here, and somebody removed its folder.
    pub(crate) fn is_gone(&self, path: &Path) -> bool {
        path.symlink_metadata().is_err() && self.admin(path).is_ok()
    }

    /// Forgets worktrees whose folder is gone and that are not locked.
    pub(crate) fn prune_worktrees(&self) -> Result<(), GitError> {
        let _lock = self.lock_worktrees()?;
        Git::on(self).changing().args(["worktree", "prune"]).output().map(|_| ())
    }

    /// The admin folder of a worktree, by what the main repository knows.
    pub(super) fn admin(&self, path: &Path) -> Result<PathBuf, GitError> {
        // A link in the place of a worktree leads to another one, the user's own as well: what is done to the one must not
        // be done to the other.
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(GitError::NoWorktree(path.to_owned()));
        }
        let wanted = real(path);
        if wanted == self.main_worktree() {
            return Ok(self.common_dir().to_owned());
        }
        let folder = self.common_dir().join("worktrees");
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let admin = entry.path();
            let Ok(file) = std::fs::read_to_string(admin.join("gitdir")) else { continue };
            // Joined, as it may be relative to the admin folder.
            if admin.join(file.trim()).parent().is_some_and(|found| real(found) == wanted) {
                return Ok(admin);
            }
        }
        Err(GitError::NoWorktree(path.to_owned()))
    }

    /// Puts back a worktree's `.git` file where it is not as git made it. What was there is kept aside.
    pub(super) fn restore_git_file(&self, admin: &Path, path: &Path) -> Result<(), GitError> {
        let file = path.join(".git");
        if admin == self.common_dir() {
            return Ok(());
        }
        let is_plain = file.symlink_metadata().is_ok_and(|found| found.is_file());
        let text = if is_plain { std::fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
        if text.trim().strip_prefix("gitdir: ").is_some_and(|to| real(&path.join(to)) == real(admin)) {
            return Ok(());
        }
        if file.symlink_metadata().is_ok() {
            let aside = self.local_path("replaced")?;
            std::fs::create_dir_all(&aside).map_err(GitError::io("make the folder", &aside))?;
            let aside =
                tempfile::tempdir_in(&aside).map_err(GitError::io("make a folder in", &aside))?.keep();
            std::fs::rename(&file, aside.join("git")).map_err(GitError::io("move away", &file))?;
        }
        let text = format!("gitdir: {}\n", admin.display());
        std::fs::write(&file, text).map_err(GitError::io("write", &file))
    }
}

fn refuse_dirty(status: Vec<StatusLine>) -> Result<(), RemoveRefused> {
    let files: Vec<String> = status.into_iter().map(|line| line.path).collect();
    if files.is_empty() { Ok(()) } else { Err(RemoveRefused::Dirty { files }) }
}

/// The full name of a branch, given by its short one.
fn branch_ref(branch: &str) -> Result<String, GitError> {
    let name = format!("refs/heads/{branch}");
    full_name(&name)?;
    // A dash is a good ref name, but on a command line it is an option.
    if branch.starts_with('-') { Err(GitError::BadRefName(branch.to_owned())) } else { Ok(name) }
}

/// A path without links, also where its last part does not exist.
fn real(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

    fn with_worktree() -> (Sandbox, PathBuf) {
        let sandbox = Sandbox::new();
        let path = sandbox.beside("wt");
        sandbox.repo.add_worktree(&path, "x", &sandbox.main()).unwrap();
        (sandbox, path)
    }

    #[test]
    fn eight_threads_add_worktrees_of_one_name() {
        let sandbox = Sandbox::new();
        let main = sandbox.main();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (repo, main) = (sandbox.repo.clone(), &main);
                let path = sandbox.beside(&format!("w{n}/same"));
                scope.spawn(move || repo.add_worktree(&path, &format!("b{n}"), main).unwrap());
            }
        });
        let worktrees = sandbox.repo.worktrees().unwrap();
        assert_eq!(worktrees.iter().filter(|worktree| worktree.locked).count(), 8);
        let again = sandbox.repo.add_worktree(&sandbox.beside("y"), "b1", &main);
        assert!(matches!(again, Err(GitError::BranchExists(_))));
        assert!(matches!(
            sandbox.repo.add_existing(&sandbox.beside("z"), "-x"),
            Err(GitError::BadRefName(_))
        ));
    }

    #[test]
    fn what_a_killed_add_left_goes_and_the_others_can_be_listed() {
        let (sandbox, path) = with_worktree();
        let half = sandbox.repo.common_dir().join("worktrees/half");
        std::fs::create_dir(&half).unwrap();
        std::fs::write(half.join("locked"), "initializing").unwrap();
        std::fs::write(half.join("gitdir"), "/nowhere/half/.git\n").unwrap();
        std::fs::write(half.join("HEAD"), "0000000000000000000000000000000000000000\n").unwrap();
        std::fs::write(half.join("commondir"), "").unwrap();
        assert!(sandbox.repo.worktrees().is_err(), "git can read it now: is the sweep still needed?");
        let found = sandbox.repo.unmade_worktrees();
        assert_eq!(found, std::slice::from_ref(&half));
        sandbox.repo.sweep_unmade(&found).unwrap();
        assert!(!half.exists() && path.exists());
        assert_eq!(sandbox.repo.worktrees().unwrap().len(), 2);
    }

    #[test]
    fn an_add_that_was_killed_before_it_named_its_commit_goes() {
        let (sandbox, path) = with_worktree();
        let unborn = sandbox.beside("unborn");
        sandbox.git(&["worktree", "add", "--quiet", "--orphan", unborn.to_str().unwrap()]);
        let linked = sandbox.beside("linked");
        sandbox.repo.add_worktree(&linked, "y", &sandbox.main()).unwrap();
        let head = sandbox.repo.admin(&linked).unwrap().join("HEAD");
        std::fs::remove_file(&head).unwrap();
        std::os::unix::fs::symlink("refs/heads/y", head).unwrap();
        assert_eq!(sandbox.repo.unmade_worktrees(), Vec::<PathBuf>::new());

        let half = sandbox.repo.admin(&path).unwrap();
        std::fs::write(half.join("HEAD"), "0000000000000000000000000000000000000000\n").unwrap();
        assert_eq!(sandbox.repo.unmade_worktrees(), Vec::<PathBuf>::new(), "it was made once");
        std::fs::remove_file(half.join("index")).unwrap();
        assert_eq!(sandbox.repo.unmade_worktrees(), std::slice::from_ref(&half));
        std::fs::remove_file(half.join("HEAD")).unwrap();
        let found = sandbox.repo.unmade_worktrees();
        assert_eq!(found, std::slice::from_ref(&half));
        sandbox.repo.sweep_unmade(&found).unwrap();
        assert!(!half.exists());
    }

    #[test]
    fn a_dirty_worktree_is_not_removed() {
        let (sandbox, path) = with_worktree();
        std::fs::write(path.join("new"), "1").unwrap();
        let refused = sandbox.repo.remove_worktree(&path).unwrap_err();
        assert!(matches!(refused, RemoveRefused::Dirty { files } if files == ["new"]));
        std::fs::remove_file(path.join("new")).unwrap();
        sandbox.repo.remove_worktree(&path).unwrap();
        assert!(!path.exists() && sandbox.repo.worktrees().unwrap().len() == 1);
        assert!(sandbox.repo.tip("refs/heads/x").unwrap().is_some());
    }
}
