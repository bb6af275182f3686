//! A checkout whose branch moved is brought along, and nobody's changes in it are lost.

use super::command::{Git, paths};
use super::lock::Shared;
use super::merge_tree::told;
use super::refs::object_id;
use super::{GitError, Repo};
use crate::task::id::CommitId;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        // Git takes ignored files for nothing, but a key in one of them is not in any commit.
        let hidden = self.hidden_in_the_way(&git(), worktree, old, new)?;
        if finished.status == 0 {
            return Ok(hidden);
        }
        let changed = git().args(["diff-index", "--name-only", "--no-renames", "-z", old.as_str(), "--"]);
        let mut own: Vec<PathBuf> = paths(&changed.output()?).collect();
        own.extend(paths(&git().args(["ls-files", "-z", "--others", "--exclude-standard"]).output()?));
        let moved = self.names_between(old, new)?;
        own.retain(|path| moved.contains(path));
        let mut own = told(&own);
        own.extend(hidden);
        own.sort();
        own.dedup();
        if own.is_empty() { Err(trial.failed(&finished)) } else { Ok(own) }
    }

    /// Whether a rebase of this branch, given in full, is going on in a worktree.
    pub(crate) fn is_rebasing(&self, worktree: &Path, branch: &str) -> bool {
        let Ok(admin) = self.admin(worktree) else { return false };
        let names = ["rebase-merge/head-name", "rebase-apply/head-name"];
        names.iter().any(|name| std::fs::read_to_string(admin.join(name)).is_ok_and(|of| of.trim() == branch))
    }

    /// What left conflicts in a worktree's index, in words and as git's command; `None` where there are none.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn unmerged(&self, worktree: &Path) -> Result<Option<(&'static str, &'static str)>, GitError> {
        let admin = self.admin(worktree)?;
        if Git::in_worktree(self, &admin, worktree)
            .args(["ls-files", "--unmerged", "-z"])
            .output()?
            .is_empty()
        {
            return Ok(None);
        }
        let begun = [
            ("CHERRY_PICK_HEAD", ("a cherry-pick with conflicts", "cherry-pick")),
            ("REVERT_HEAD", ("a revert with conflicts", "revert")),
            ("rebase-apply", ("a series of patches with conflicts", "am")),
        ];
        let found = begun.into_iter().find(|(file, _)| admin.join(file).exists());
        Ok(Some(found.map_or(("a merge with conflicts", "merge"), |(_, what)| what)))
    }

    /// Ignored files that stand where `new` has a file or a folder, and `old` has none. One that is the same already is
    /// in nobody's way.
    fn hidden_in_the_way(
        &self,
        git: &Git,
        worktree: &Path,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<Vec<String>, GitError> {
        let diff = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A"];
        let diff = Git::on(self).args(diff).args([old.as_str(), new.as_str(), "--"]).output()?;
        let added: Vec<PathBuf> = paths(&diff).collect();
        let there = |path: &Path| worktree.join(path).symlink_metadata().is_ok();
        let stands = |path: &PathBuf| {
            // A file in the place of one of its folders counts as well.
            path.ancestors().any(|part| {
                let found = worktree.join(part).symlink_metadata();
                found.is_ok_and(|found| part == path || (!part.as_os_str().is_empty() && !found.is_dir()))
            })
        };
        let met: Vec<&PathBuf> = added.iter().filter(|path| stands(path)).collect();
        if met.is_empty() {
            return Ok(Vec::new());
        }
        let ignored =
            git.clone().args(["ls-files", "-z", "--others", "--ignored", "--exclude-standard"]).output()?;
        let mut files: Vec<PathBuf> = Vec::new();
        for file in paths(&ignored).filter(|file| there(file)) {
            let meets = met.iter().any(|path| file.starts_with(path) || path.starts_with(&file));
            if meets && !self.is_as_in(worktree, new, &file)? {
                files.push(file);
            }
        }
        Ok(told(&files))
    }

    fn is_as_in(&self, worktree: &Path, commit: &CommitId, path: &Path) -> Result<bool, GitError> {
        let file = worktree.join(path);
        if !file.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Ok(false);
        }
        let there = std::fs::read(&file).map_err(GitError::io("read", &file))?;
        Ok(self.read_in(object_id(commit)?, path, u64::MAX)?.is_some_and(|whole| whole == there))
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
        Ok(if left.is_empty() { Brought::Done } else { Brought::Left { files: told(&left) } })
    }

    /// Whether a file has the beginning of what it is in `new`, or nothing: git was killed while it wrote it.
    fn is_cut_short(&self, worktree: &Path, new: &CommitId, path: &Path) -> Result<bool, GitError> {
        let file = worktree.join(path);
        if !file.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Ok(false);
        }
        let there = std::fs::read(&file).map_err(GitError::io("read", &file))?;
        Ok(self.read_in(object_id(new)?, path, u64::MAX)?.is_some_and(|whole| whole.starts_with(&there)))
    }

    fn restore_from(&self, worktree: &Path, new: &CommitId, mut files: Vec<PathBuf>) -> Result<(), GitError> {
        let admin = self.admin(worktree)?;
        let git = || Git::in_worktree(self, &admin, worktree);
        // A path that neither the index nor the commit knows is done, and would stop the command.
        let indexed: BTreeSet<PathBuf> = paths(&git().args(["ls-files", "-z"]).output()?).collect();
        let target = self.paths_of(new)?;
        files.retain(|path| indexed.contains(path) || target.contains(path));
        if files.is_empty() {
            return Ok(());
        }
        // Not by standard input: that is where the lock goes.
        let folder = self.scratch()?;
        let list = folder.path().join("paths");
        let names: Vec<&[u8]> = files.iter().map(|file| file.as_os_str().as_bytes()).collect();
        std::fs::write(&list, names.join(&0)).map_err(GitError::io("write", &list))?;
        git()
            .holding(Shared::wait(self)?.into_file())
            .args(["restore", "--staged", "--worktree", "--quiet", "--no-recurse-submodules"])
            .arg(format!("--source={new}"))
            .arg(format!("--pathspec-from-file={}", list.display()))
            .arg("--pathspec-file-nul")
            .output()
            .map(|_| ())
    }

    fn names_between(&self, old: &CommitId, new: &CommitId) -> Result<Vec<PathBuf>, GitError> {
        let git = Git::on(self).args(["diff-tree", "-r", "-z", "--name-only", "--no-renames"]);
        let git = git.args([old.as_str(), new.as_str(), "--"]);
        Ok(paths(&git.output()?).collect())
    }

    fn paths_of(&self, commit: &CommitId) -> Result<BTreeSet<PathBuf>, GitError> {
        let git = Git::on(self).args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()]);
        Ok(paths(&git.output()?).collect())
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
        let changed = paths(&git().args(["diff-files", "--name-only", "-z"]).output()?).collect();
        Ok(Differing { changed, known: self.paths_of(commit)?, worktree: worktree.to_owned() })
    }
}

/// How the files of a worktree compare with a commit.
struct Differing {
    changed: BTreeSet<PathBuf>,
    known: BTreeSet<PathBuf>,
    worktree: PathBuf,
}

impl Differing {
    fn differs(&self, path: &Path) -> bool {
        if self.known.contains(path) {
            self.changed.contains(path)
        } else {
            self.worktree.join(path).symlink_metadata().is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

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
    fn an_ignored_file_is_in_the_way_like_any_other() {
        let sandbox = Sandbox::new();
        let (first, repo) = (sandbox.main(), &sandbox.repo);
        let second =
            sandbox.commit_on(&first, &[(".env", "tracked\n"), ("local", "file\n"), ("deep/er", "x\n")]);
        sandbox.move_main(&second);
        let write = |name: &str, text: &str| std::fs::write(sandbox.path().join(name), text).unwrap();
        std::fs::write(repo.exclude_file(), ".env\nlocal/\ndeep\n").unwrap();
        write(".env", "SECRET");
        write("deep", "a file where a folder comes");
        std::fs::create_dir(sandbox.path().join("local")).unwrap();
        write("local/data", "DB");
        let left = [".env", "deep", "local/data"].map(str::to_owned).to_vec();
        assert_eq!(repo.bring_along(sandbox.path(), &first, &second).unwrap(), Brought::Left { files: left });
        assert_eq!(std::fs::read_to_string(sandbox.path().join("local/data")).unwrap(), "DB");
        // What is the same already is in nobody's way.
        write(".env", "tracked\n");
        std::fs::remove_file(sandbox.path().join("deep")).unwrap();
        std::fs::remove_dir_all(sandbox.path().join("local")).unwrap();
        assert_eq!(repo.bring_along(sandbox.path(), &first, &second).unwrap(), Brought::Done);
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
