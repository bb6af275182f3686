//! Worktrees: made, read, committed and removed.
//!
//! The files in a worktree were written by somebody else, its `.git` file may be as well. So nothing here follows that
//! file: the admin folder is looked up in the main repository and named outright.

use super::command::{Git, fields};
use super::lock::Shared;
use super::objects::{NewCommit, Person};
use super::refs::{Expected, Swap, full_name};
use super::{GitError, Repo, lock};
use crate::task::id::{CommitId, TreeId, shown};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Said to whoever wants to remove one of our worktrees by hand.
const LOCK_REASON: &str = "in use by git orch";
/// Starts the name of a worktree that is being removed.
const GONE: &str = ".gone-";

/// Most bytes of one file that is stored: hosts refuse far less. A file with a hole in it costs its maker nothing, and
/// reading it would take hours.
const FILE_MAX: u64 = 512 << 20;
/// Most bytes of all new and changed files of a worktree together.
const ALL_MAX: u64 = 2 << 30;

/// One line of `git status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusLine {
    /// Two letters: index, worktree; `??` is untracked.
    pub(crate) code: String,
    pub(crate) path: String,
}

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

/// A commit of all that is in a worktree.
#[derive(Debug, Clone)]
pub(crate) struct CommitAll<'a> {
    pub(crate) path: &'a Path,
    pub(crate) message: &'a str,
    pub(crate) author: &'a Person,
    pub(crate) committer: &'a Person,
    /// Parents besides the branch's own tip.
    pub(crate) more_parents: &'a [CommitId],
}

/// Why a worktree was not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveRefused {
    #[error("the worktree has {} files that are not committed", files.len())]
    Dirty { files: Vec<String> },
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What goes into a tree of all files.
enum Keep {
    /// All of them, or it is an error.
    Everything,
    /// What git can store, without these folders and files.
    WhatCan { without: Vec<String> },
}

/// What is in a worktree and cannot be part of a tree.
#[derive(Debug, Default)]
struct Unfit {
    /// Repositories, each with a `/` at its end.
    nested: Vec<String>,
    /// Files with their bytes, the largest first.
    large: Vec<(String, u64)>,
    /// Bytes of all files that are new or changed.
    total: u64,
}

/// What became of a checkout whose branch moved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Brought {
    /// Files and index are those of the new commit.
    Done,
    /// These were changed by somebody and are left as they are.
    Left { files: Vec<String> },
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
        let git =
            Git::on(self).holding(lock).without_local_filters(self).config("submodule.recurse", "false");
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

    /// Puts a commit into a test slot: all its files as they are in the commit, and nothing else but `keep`.
    pub(crate) fn switch_detached(
        &self,
        path: &Path,
        commit: &CommitId,
        keep: &[String],
    ) -> Result<(), GitError> {
        let admin = self.admin(path)?;
        self.restore_git_file(&admin, path)?;
        let checkout = ["checkout", "--quiet", "--force", "--detach", "--no-recurse-submodules"];
        let git = Git::in_worktree(self, &admin, path).holding(Shared::wait(self)?.into_file());
        git.args(checkout).args([commit.as_str(), "--"]).output()?;
        let mut clean = Git::in_worktree(self, &admin, path)
            .holding(Shared::wait(self)?.into_file())
            .args(["clean", "--quiet", "-d"])
            .arg("-x") // ignored files are what a test leaves for the next one
            .arg("-ff"); // twice: repositories inside too
        for kept in keep {
            clean = clean.arg(format!("--exclude=/{}", escape_pattern(kept)));
        }
        clean.output().map(|_| ())
    }

    /// What is changed in a worktree, untracked files too, ignored ones not.
    pub(crate) fn status(&self, path: &Path) -> Result<Vec<StatusLine>, GitError> {
        self.status_of(&self.admin(path)?, path)
    }

    fn status_of(&self, admin: &Path, path: &Path) -> Result<Vec<StatusLine>, GitError> {
        let git = Git::in_worktree(self, admin, path)
            .args(["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"])
            .arg("--ignore-submodules=dirty"); // else git runs inside of them, with their settings
        let output = git.output()?;
        let line = |field: String| {
            let (code, path) = field.split_at_checked(3)?;
            Some(StatusLine { code: code[..2].to_owned(), path: path.to_owned() })
        };
        fields(&output).map(line).collect::<Option<_>>().ok_or_else(|| git.unclear(&output))
    }

    /// Puts a worktree back on its branch, and its `.git` file where git made it; no file of its content changes.
    ///
    /// # Errors
    /// The folder is no worktree of this repository.
    pub(crate) fn reattach(&self, path: &Path, branch: &str) -> Result<(), GitError> {
        let admin = self.admin(path)?;
        self.restore_git_file(&admin, path)?;
        full_name(branch)?;
        let head = admin.join("HEAD");
        let wanted = format!("ref: {branch}\n");
        if std::fs::read_to_string(&head).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        let git = Git::in_worktree(self, &admin, path);
        git.args(["symbolic-ref", "-m", "orch: back on its branch", "HEAD", branch]).output().map(|_| ())
    }

    /// Untracked files of a worktree that the patterns in `list` (as in `.gitignore`) name.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn untracked_matching(&self, path: &Path, list: &Path) -> Result<Vec<String>, GitError> {
        let admin = self.admin(path)?;
        let exclude = format!("--exclude-from={}", list.display());
        let git =
            Git::in_worktree(self, &admin, path).args(["ls-files", "-z", "--others", "--ignored", &exclude]);
        Ok(fields(&git.output()?).collect())
    }

    /// Removes untracked files of a worktree, ignored ones too, that match one of the patterns (git's own globs, from
    /// the top).
    ///
    /// # Errors
    /// The folder is no worktree of this repository, or git fails.
    pub(crate) fn remove_untracked(&self, path: &Path, patterns: &[String]) -> Result<(), GitError> {
        let admin = self.admin(path)?;
        self.restore_git_file(&admin, path)?;
        let git = Git::in_worktree(self, &admin, path).holding(Shared::wait(self)?.into_file());
        let git =
            git.env("GIT_LITERAL_PATHSPECS", "0").args(["clean", "--quiet", "--force", "-d", "-x", "--"]);
        // A pattern without the second form matches no folder.
        let forms = |pattern: &String| [format!(":(top,glob){pattern}"), format!(":(top,glob){pattern}/**")];
        let places: Vec<String> = patterns.iter().flat_map(forms).collect();
        git.args(places.iter().map(String::as_str)).output().map(|_| ())
    }

    /// Tells whether a worktree has nothing that is not committed.
    pub(crate) fn is_clean(&self, path: &Path) -> Result<bool, GitError> {
        Ok(self.status(path)?.is_empty())
    }

    /// The commit that a worktree stands on.
    pub(crate) fn worktree_head(&self, path: &Path) -> Result<CommitId, GitError> {
        match self.head(path)? {
            Head::Branch(name) => self.tip(&name)?.ok_or_else(|| GitError::Detached(path.to_owned())),
            Head::Commit(id) => Ok(id),
        }
    }

    /// The branch that a worktree is on, in full; `None` where it is detached.
    pub(crate) fn worktree_branch(&self, path: &Path) -> Result<Option<String>, GitError> {
        Ok(match self.head(path)? {
            Head::Branch(name) => Some(name),
            Head::Commit(_) => None,
        })
    }

    fn head(&self, path: &Path) -> Result<Head, GitError> {
        let file = self.admin(path)?.join("HEAD");
        let text = std::fs::read_to_string(&file).map_err(GitError::io("read", &file))?;
        match text.trim().strip_prefix("ref: ") {
            Some(name) => Ok(Head::Branch(name.trim().to_owned())),
            None => CommitId::parse(text.trim())
                .map(Head::Commit)
                .map_err(GitError::gix(format!("read {}", file.display()))),
        }
    }

    /// Commits all that is in a worktree, and moves its branch. `None` where nothing changed.
    ///
    /// # Errors
    /// A repository inside the worktree: git would store no more than its commit id, and the files would be lost.
    pub(crate) fn commit_all(&self, all: &CommitAll<'_>) -> Result<Option<CommitId>, GitError> {
        let CommitAll { path, message, author, committer, more_parents } = *all;
        let admin = self.admin(path)?;
        self.restore_git_file(&admin, path)?;
        let branch = self.worktree_branch(path)?.ok_or_else(|| GitError::Detached(path.to_owned()))?;
        let head = self.worktree_head(path)?;
        self.refuse_unfit(path)?;
        let tree = self.stage(&admin, path, None, Keep::Everything)?;
        if tree == self.tree_of(&head)? && more_parents.is_empty() {
            return Ok(None);
        }
        let parents: Vec<CommitId> = [std::slice::from_ref(&head), more_parents].concat();
        let commit =
            self.commit(&NewCommit { tree: &tree, parents: &parents, author, committer, message })?;
        match self.swap(&branch, Expected::At(&head), &commit, "orch: commit")? {
            Swap::Done => Ok(Some(commit)),
            Swap::Lost { .. } | Swap::Locked => Err(GitError::BranchMoved(branch)),
        }
    }

    /// Writes all that is in a worktree as a tree, and leaves its branch and index alone. `None` where it is clean.
    /// A repository inside of it stays out, and so does a file that is too large: what an agent left there must not keep
    /// its other files from being kept.
    pub(crate) fn snapshot(&self, path: &Path) -> Result<Option<TreeId>, GitError> {
        let admin = self.admin(path)?;
        let Unfit { nested, large, .. } = self.unfit(path)?;
        let without = nested.into_iter().chain(large.into_iter().map(|(name, _)| name)).collect();
        let folder = self.scratch()?;
        let index = folder.path().join("index");
        let real = admin.join("index");
        if real.exists() {
            // A copy knows the times of files: else every one is read again.
            std::fs::copy(&real, &index).map_err(GitError::io("copy", &real))?;
        }
        let tree = self.stage(&admin, path, Some(&index), Keep::WhatCan { without })?;
        Ok((tree != self.tree_of(&self.worktree_head(path)?)?).then_some(tree))
    }

    /// Puts all files that are not ignored, into an index, and writes it as a tree.
    fn stage(&self, admin: &Path, path: &Path, index: Option<&Path>, keep: Keep) -> Result<TreeId, GitError> {
        let lock = Arc::new(Shared::wait(self)?.into_file());
        let git = || {
            let git = Git::in_worktree(self, admin, path)
                .holding(Arc::clone(&lock))
                .config("add.ignoreErrors", "false")
                .config("core.fsync", "loose-object,index") // what is acknowledged must be on the disk
                .config("core.fsyncMethod", "batch"); // one flush for all files
            match index {
                Some(index) => git.env("GIT_INDEX_FILE", index),
                None => git,
            }
        };
        let mut add = git().args(["add", "--all"]);
        if let Keep::WhatCan { without } = &keep {
            add = add.arg("--ignore-errors").env("GIT_LITERAL_PATHSPECS", "0").args(["--", "."]);
            for folder in without {
                add = add.arg(format!(":(top,literal,exclude){folder}"));
            }
            let _ = add.finish()?; // what cannot be stored stays where it is
        } else {
            let add = add.args(["--", "."]);
            let finished = add.finish()?;
            if finished.status != 0 {
                return Err(GitError::Unstageable { why: first_line(&finished.stderr) });
            }
        }
        let write = git().arg("write-tree");
        let output = write.output()?;
        TreeId::parse(String::from_utf8_lossy(&output).trim()).map_err(|_| write.unclear(&output))
    }

    /// A folder for an index of our own; removed when dropped.
    fn scratch(&self) -> Result<tempfile::TempDir, GitError> {
        let folder = self.local_path("scratch")?;
        std::fs::create_dir_all(&folder).map_err(GitError::io("make the folder", &folder))?;
        tempfile::tempdir_in(&folder).map_err(GitError::io("make a folder in", &folder))
    }

    /// Refuses a repository inside of a worktree, and files that are too large to be stored.
    fn refuse_unfit(&self, path: &Path) -> Result<(), GitError> {
        let Unfit { nested, large, total } = self.unfit(path)?;
        if let Some(folder) = nested.into_iter().next() {
            return Err(GitError::NestedRepository { folder });
        }
        match large.into_iter().next() {
            Some((name, size)) if size > FILE_MAX => {
                Err(GitError::TooLarge { what: format!("'{}'", shown(&name)), size, limit: FILE_MAX })
            }
            Some((name, _)) => {
                let what = format!("all that is new in the worktree ('{}' and more)", shown(&name));
                Err(GitError::TooLarge { what, size: total, limit: ALL_MAX })
            }
            None => Ok(()),
        }
    }

    /// What cannot be part of a tree. A folder of untracked files is listed with its files, unless it is a repository:
    /// then it ends with `/`.
    fn unfit(&self, path: &Path) -> Result<Unfit, GitError> {
        let mut unfit = Unfit::default();
        let mut sizes = Vec::new();
        for StatusLine { path: name, .. } in self.status(path)? {
            if name.ends_with('/') {
                unfit.nested.push(name);
            } else if let Ok(found) = path.join(&name).symlink_metadata()
                && found.is_file()
            {
                sizes.push((name, found.len()));
            }
        }
        // The small ones first: as much as can be is kept.
        sizes.sort_by_key(|(_, size)| *size);
        unfit.total = sizes.iter().fold(0, |sum, (_, size)| sum.saturating_add(*size));
        let mut all = 0_u64;
        for (name, size) in sizes {
            if size > FILE_MAX || all.saturating_add(size) > ALL_MAX {
                unfit.large.push((name, size));
            } else {
                all += size;
            }
        }
        unfit.large.reverse();
        Ok(unfit)
    }

    /// Removes a worktree; its branch stays.
    ///
    /// It is moved out of the way at once: one that a crash left half removed would look like somebody's changes.
    pub(crate) fn remove_worktree(&self, path: &Path) -> Result<(), RemoveRefused> {
        let _lock = self.lock_worktrees()?;
        let admin = self.admin(path)?;
        if path.exists() {
            self.restore_git_file(&admin, path)?;
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

    /// What `git worktree add` has begun and not ended, here or in somebody's own git: with an empty `commondir` there,
    /// git cannot list any worktree.
    pub(crate) fn unmade_worktrees(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.common_dir().join("worktrees")).into_iter().flatten().flatten();
        let unmade = |admin: &PathBuf| {
            std::fs::read(admin.join("commondir")).map_or_else(|_| admin.is_dir(), |text| text.is_empty())
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
                let path = PathBuf::from(value);
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

    /// Forgets worktrees whose folder is gone and that are not locked.
    pub(crate) fn prune_worktrees(&self) -> Result<(), GitError> {
        let _lock = self.lock_worktrees()?;
        Git::on(self).args(["worktree", "prune"]).output().map(|_| ())
    }

    /// The admin folder of a worktree, by what the main repository knows.
    fn admin(&self, path: &Path) -> Result<PathBuf, GitError> {
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
    fn restore_git_file(&self, admin: &Path, path: &Path) -> Result<(), GitError> {
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

    /// Brings a checkout along whose branch moved from `old` to `new`. Changes in files that did not move stay as they
    /// are; where one is in the way, nothing is changed.
    pub(crate) fn bring_along(
        &self,
        worktree: &Path,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<Brought, GitError> {
        let files = self.in_the_way(worktree, old, new)?;
        if !files.is_empty() {
            return Ok(Brought::Left { files });
        }
        let admin = self.admin(worktree)?;
        let lock = Arc::new(Shared::wait(self)?.into_file());
        // Against `old`, not HEAD: the branch has moved already.
        let switch = Git::in_worktree(self, &admin, worktree).holding(lock);
        switch.args(["read-tree", "-m", "-u", old.as_str(), new.as_str()]).output().map(|_| Brought::Done)
    }

    /// Files of a checkout of `old` that keep it from becoming one of `new`: changed or untracked, and in `new` another.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn in_the_way(
        &self,
        worktree: &Path,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<Vec<String>, GitError> {
        let admin = self.admin(worktree)?;
        let lock = Arc::new(Shared::wait(self)?.into_file());
        let git = || Git::in_worktree(self, &admin, worktree).holding(Arc::clone(&lock));
        // Only learns the times of files; a file that really differs is found below.
        let _ = git().args(["update-index", "-q", "--refresh"]).finish()?;
        let trial = git().args(["read-tree", "-m", "-u", "-n", old.as_str(), new.as_str()]);
        let finished = trial.finish()?;
        if finished.status == 0 {
            return Ok(Vec::new());
        }
        let changed = git().args(["diff-index", "--name-only", "--no-renames", "-z", old.as_str(), "--"]);
        let mut own: Vec<String> = fields(&changed.output()?).collect();
        own.extend(self.status(worktree)?.into_iter().filter(|line| line.code == "??").map(|line| line.path));
        let moved = self.names_between(old, new)?;
        own.retain(|path| moved.contains(path));
        own.sort();
        own.dedup();
        if own.is_empty() { Err(trial.failed(&finished)) } else { Ok(own) }
    }

    /// Ends a [`Repo::bring_along`] that was killed in the middle. A file that is as in `old` or as in `new` becomes
    /// as in `new`; one that is neither is somebody's work, and stays.
    pub(crate) fn finish_bring_along(
        &self,
        worktree: &Path,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<Brought, GitError> {
        let paths = self.names_between(old, new)?;
        let (other_old, other_new) = (self.differing(worktree, old)?, self.differing(worktree, new)?);
        let (mut safe, mut left) = (Vec::new(), Vec::new());
        for path in paths {
            let foreign = other_old.differs(&path) && other_new.differs(&path);
            if foreign && !self.is_cut_short(worktree, new, &path)? {
                left.push(path)
            } else {
                safe.push(path)
            }
        }
        self.restore_from(worktree, new, safe)?;
        Ok(if left.is_empty() { Brought::Done } else { Brought::Left { files: left } })
    }

    /// Whether a file has the beginning of what it is in `new`, or nothing: git was killed while it wrote it.
    fn is_cut_short(&self, worktree: &Path, new: &CommitId, path: &str) -> Result<bool, GitError> {
        let file = worktree.join(path);
        if !file.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Ok(false);
        }
        let there = std::fs::read(&file).map_err(GitError::io("read", &file))?;
        Ok(self.read_file(new, path)?.is_some_and(|whole| whole.starts_with(&there)))
    }

    fn restore_from(&self, worktree: &Path, new: &CommitId, mut paths: Vec<String>) -> Result<(), GitError> {
        let admin = self.admin(worktree)?;
        let git = || Git::in_worktree(self, &admin, worktree);
        // A path that neither the index nor the commit knows is done, and would stop the command.
        let indexed: std::collections::BTreeSet<String> =
            fields(&git().args(["ls-files", "-z"]).output()?).collect();
        let target = self.paths_of(new)?;
        paths.retain(|path| indexed.contains(path) || target.contains(path));
        if paths.is_empty() {
            return Ok(());
        }
        // Not by standard input: that is where the lock goes.
        let folder = self.scratch()?;
        let list = folder.path().join("paths");
        std::fs::write(&list, paths.join("\0")).map_err(GitError::io("write", &list))?;
        git()
            .holding(Shared::wait(self)?.into_file())
            .args(["restore", "--staged", "--worktree", "--quiet", "--no-recurse-submodules"])
            .arg(format!("--source={new}"))
            .arg(format!("--pathspec-from-file={}", list.display()))
            .arg("--pathspec-file-nul")
            .output()
            .map(|_| ())
    }

    fn names_between(&self, old: &CommitId, new: &CommitId) -> Result<Vec<String>, GitError> {
        let git = Git::on(self).args(["diff-tree", "-r", "-z", "--name-only", "--no-renames"]);
        let git = git.args([old.as_str(), new.as_str(), "--"]);
        Ok(fields(&git.output()?).collect())
    }

    fn paths_of(&self, commit: &CommitId) -> Result<std::collections::BTreeSet<String>, GitError> {
        let git = Git::on(self).args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()]);
        Ok(fields(&git.output()?).collect())
    }

    /// Which files of a worktree are not as in a commit, by an index of our own: git then compares as it always does,
    /// with line ends and filters.
    fn differing(&self, worktree: &Path, commit: &CommitId) -> Result<Differing, GitError> {
        let admin = self.admin(worktree)?;
        let folder = self.scratch()?;
        let index = folder.path().join("index");
        let git = || Git::in_worktree(self, &admin, worktree).env("GIT_INDEX_FILE", &index);
        git().args(["read-tree", commit.as_str()]).output()?;
        let _ = git().args(["update-index", "-q", "--refresh"]).finish()?;
        let changed = fields(&git().args(["diff-files", "--name-only", "-z"]).output()?).collect();
        Ok(Differing { changed, known: self.paths_of(commit)?, worktree: worktree.to_owned() })
    }
}

/// How the files of a worktree compare with a commit.
struct Differing {
    changed: std::collections::BTreeSet<String>,
    known: std::collections::BTreeSet<String>,
    worktree: PathBuf,
}

impl Differing {
    fn differs(&self, path: &str) -> bool {
        if self.known.contains(path) {
            self.changed.contains(path)
        } else {
            self.worktree.join(path).symlink_metadata().is_ok()
        }
    }
}

/// What a worktree's HEAD says.
enum Head {
    Branch(String),
    Commit(CommitId),
}

fn refuse_dirty(status: Vec<StatusLine>) -> Result<(), RemoveRefused> {
    let files: Vec<String> = status.into_iter().map(|line| line.path).collect();
    if files.is_empty() { Ok(()) } else { Err(RemoveRefused::Dirty { files }) }
}

/// Removes a folder that nobody misses; what is left of it goes at the next start.
fn sweep_folder(path: &Path) {
    if let Err(err) = std::fs::remove_dir_all(path) {
        tracing::debug!(path = %path.display(), %err, "a removed worktree is not gone yet");
    }
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

/// A path as a pattern that matches only itself.
fn escape_pattern(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.trim_matches('/').chars() {
        if "*?[]\\!#".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The first line of git's complaint, without its label.
fn first_line(stderr: &[u8]) -> String {
    let text = super::command::tail(stderr);
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").trim_start_matches("fatal: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, git, person};

    fn commit_all(sandbox: &Sandbox, path: &Path) -> Result<Option<CommitId>, GitError> {
        let (author, committer) = (&person(), &person());
        let all = CommitAll { path, message: "Work", author, committer, more_parents: &[] };
        sandbox.repo.commit_all(&all)
    }

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
    fn all_files_are_committed_or_parked() {
        let (sandbox, path) = with_worktree();
        assert_eq!(commit_all(&sandbox, &path).unwrap(), None);
        std::fs::write(path.join("new"), "1").unwrap();
        let parked = sandbox.repo.snapshot(&path).unwrap().unwrap();
        assert_eq!(sandbox.repo.status(&path).unwrap()[0].code, "??");
        let commit = commit_all(&sandbox, &path).unwrap().unwrap();
        assert_eq!(sandbox.repo.tree_of(&commit).unwrap(), parked);
        assert_eq!(sandbox.repo.tip("refs/heads/x").unwrap(), Some(commit));
        assert!(sandbox.repo.is_clean(&path).unwrap());
        git(&path, &["init", "-q", "sub"]);
        assert!(
            matches!(commit_all(&sandbox, &path), Err(GitError::NestedRepository { folder }) if folder == "sub/")
        );
    }

    #[test]
    fn a_file_with_a_hole_is_refused_and_the_others_are_kept() {
        let (sandbox, path) = with_worktree();
        let hole = std::fs::File::create(path.join("hole")).unwrap();
        hole.set_len(FILE_MAX + 1).unwrap();
        std::fs::write(path.join("new"), "1").unwrap();
        let error = commit_all(&sandbox, &path).unwrap_err().to_string();
        assert_eq!(error, "'hole' has 536870913 bytes, the limit is 536870912");
        let parked = sandbox.repo.snapshot(&path).unwrap().unwrap();
        let names = sandbox.git(&["ls-tree", "--name-only", parked.as_str()]);
        assert!(names.contains("new") && !names.contains("hole"), "{names}");
        // Many that are small enough are still too much together.
        std::fs::remove_file(path.join("hole")).unwrap();
        for number in 0..5 {
            std::fs::File::create(path.join(format!("hole{number}"))).unwrap().set_len(FILE_MAX).unwrap();
        }
        assert!(matches!(commit_all(&sandbox, &path), Err(GitError::TooLarge { .. })));
    }

    #[test]
    fn a_swapped_git_file_runs_no_program() {
        let (sandbox, path) = with_worktree();
        let (evil, mark) = (sandbox.beside("evil"), sandbox.beside("mark"));
        git(sandbox.path(), &["init", "-q", evil.to_str().unwrap()]);
        let run = format!("touch {}; false", mark.display());
        for key in ["core.fsmonitor", "filter.f.clean", "core.pager", "diff.external"] {
            git(&evil, &["config", key, &run]);
            sandbox.git(&["config", key, &run]);
        }
        std::fs::write(path.join(".gitattributes"), "* filter=f\n").unwrap();
        std::fs::write(path.join(".git"), format!("gitdir: {}/.git\n", evil.display())).unwrap();
        let mut sandbox = sandbox;
        sandbox.repo = Repo::discover(sandbox.path()).unwrap();
        sandbox.repo.status(&path).unwrap();
        let commit = commit_all(&sandbox, &path).unwrap().unwrap();
        sandbox.repo.switch_detached(&path, &commit, &[]).unwrap();
        assert!(!mark.exists());
        assert!(std::fs::read_to_string(path.join(".git")).unwrap().contains("worktrees/wt"));
    }

    #[test]
    fn a_slot_holds_only_the_commit_and_what_is_kept() {
        let sandbox = Sandbox::new();
        let path = sandbox.beside("slot");
        sandbox.repo.add_detached(&path, &sandbox.main()).unwrap();
        let next = sandbox.commit_on(&sandbox.main(), &[(".gitignore", "target\nlog\n"), ("b", "b")]);
        for folder in ["target", "log", "nested/.git", "ta*"] {
            std::fs::create_dir_all(path.join(folder)).unwrap();
            std::fs::write(path.join(folder).join("f"), "x").unwrap();
        }
        std::fs::write(path.join("a.txt"), "changed").unwrap();
        sandbox.repo.switch_detached(&path, &next, &["target".to_owned()]).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".git", ".gitignore", "a.txt", "b", "target"]);
        assert_eq!(sandbox.repo.worktree_head(&path).unwrap(), next);
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

    #[test]
    fn a_checkout_is_brought_along_unless_changes_are_in_the_way() {
        let sandbox = Sandbox::new();
        let (first, repo) = (sandbox.main(), &sandbox.repo);
        let second = sandbox.commit_on(&first, &[("a.txt", "new\n"), ("d/b", "b\n")]);
        sandbox.move_main(&second);
        std::fs::create_dir(sandbox.path().join("d")).unwrap();
        std::fs::write(sandbox.path().join("d/b"), "mine").unwrap();
        let left = |file: &str| Brought::Left { files: vec![file.to_owned()] };
        assert_eq!(repo.bring_along(sandbox.path(), &first, &second).unwrap(), left("d/b"));
        std::fs::remove_file(sandbox.path().join("d/b")).unwrap();
        assert_eq!(repo.bring_along(sandbox.path(), &first, &second).unwrap(), Brought::Done);
        assert!(repo.is_clean(sandbox.path()).unwrap());
        let third = sandbox.commit_on(&second, &[("d/b", "c\n")]);
        sandbox.move_main(&third);
        std::fs::write(sandbox.path().join("d/b"), "mine").unwrap();
        std::fs::write(sandbox.path().join("a.txt"), "mine").unwrap();
        assert_eq!(repo.bring_along(sandbox.path(), &second, &third).unwrap(), left("d/b"));
        // A change in a file that did not move is no hindrance, and stays.
        std::fs::write(sandbox.path().join("d/b"), "b\n").unwrap();
        assert_eq!(repo.bring_along(sandbox.path(), &second, &third).unwrap(), Brought::Done);
        assert_eq!(std::fs::read_to_string(sandbox.path().join("a.txt")).unwrap(), "mine");
        assert_eq!(sandbox.git(&["status", "--porcelain"]), " M a.txt\n");
    }

    #[test]
    fn a_checkout_killed_in_the_middle_is_ended() {
        let sandbox = Sandbox::new();
        let (first, repo) = (sandbox.main(), &sandbox.repo);
        let second =
            sandbox.commit_on(&first, &[("a.txt", "new\n"), ("b", "b\n"), ("c", "c\n"), ("d", "d\n")]);
        sandbox.move_main(&second);
        std::fs::write(sandbox.path().join("b"), "b\n").unwrap(); // already written
        std::fs::write(sandbox.path().join("d"), "").unwrap(); // made, and not yet written
        std::fs::write(sandbox.path().join("c"), "mine\n").unwrap(); // somebody's
        let brought = repo.finish_bring_along(sandbox.path(), &first, &second).unwrap();
        assert_eq!(brought, Brought::Left { files: vec!["c".to_owned()] });
        let read = |name: &str| std::fs::read_to_string(sandbox.path().join(name)).unwrap();
        assert_eq!(
            (read("a.txt").as_str(), read("c").as_str(), read("d").as_str()),
            ("new\n", "mine\n", "d\n")
        );
        std::fs::write(sandbox.path().join("c"), "c\n").unwrap();
        assert_eq!(repo.finish_bring_along(sandbox.path(), &first, &second).unwrap(), Brought::Done);
        assert!(repo.is_clean(sandbox.path()).unwrap());
    }
}
