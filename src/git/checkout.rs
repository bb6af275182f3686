//! What is in a worktree: its state, and its files as a commit or as a tree.

use super::command::{Git, fields, paths};
use super::lock::Shared;
use super::objects::{NewCommit, Person};
use super::refs::{Expected, Swap, full_name};
use super::{GitError, Repo};
use crate::task::id::{CommitId, TreeId, shown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// What a worktree's HEAD says.
enum Head {
    Branch(String),
    Commit(CommitId),
}

impl Repo {
    /// Takes the marks off by which git looks at no file any more, of files that are there: of work that they hide nothing
    /// would be kept. In `index`, or in the worktree's own.
    pub(super) fn unmark(&self, admin: &Path, path: &Path, index: Option<&Path>) -> Result<(), GitError> {
        let git = || {
            let git = Git::in_worktree(self, admin, path);
            match index {
                Some(index) => git.env("GIT_INDEX_FILE", index),
                None => git,
            }
        };
        let listed = git().args(["ls-files", "-v", "-z"]).output()?;
        let marked: Vec<String> = fields(&listed)
            .filter(|line| line.starts_with(|tag: char| tag.is_ascii_lowercase() || tag == 'S'))
            .filter_map(|line| line.get(2..).map(str::to_owned))
            // What a sparse checkout leaves out is marked as well, and is not there.
            .filter(|file| path.join(file).symlink_metadata().is_ok())
            .collect();
        if marked.is_empty() {
            return Ok(());
        }
        for mark in ["--no-skip-worktree", "--no-assume-unchanged"] {
            let git = git().changing().args(["update-index", mark, "-z", "--stdin"]);
            git.stdin(marked.join("\0").into_bytes()).output()?;
        }
        Ok(())
    }

    /// What git ignores in a worktree, folders that are ignored as a whole as one, without what is the same in the main
    /// worktree: that is a copy.
    ///
    /// # Errors
    /// The folder is no worktree of this repository, or git fails.
    pub(crate) fn ignored_in(&self, path: &Path) -> Result<Vec<String>, GitError> {
        let admin = self.admin(path)?;
        let git = Git::in_worktree(self, &admin, path);
        let listing = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
        let own = |name: &String| {
            let same = |place: &Path| std::fs::read(place.join(name)).ok();
            name.ends_with('/') || same(path).is_none() || same(path) != same(self.main_worktree())
        };
        Ok(fields(&git.args(listing).output()?).filter(own).collect())
    }

    /// What is changed in a worktree, untracked files too, ignored ones not.
    pub(crate) fn status(&self, path: &Path) -> Result<Vec<StatusLine>, GitError> {
        self.status_of(&self.admin(path)?, path)
    }

    pub(super) fn status_of(&self, admin: &Path, path: &Path) -> Result<Vec<StatusLine>, GitError> {
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
        git.changing()
            .args(["symbolic-ref", "-m", "orch: back on its branch", "HEAD", branch])
            .output()
            .map(|_| ())
    }

    /// Untracked files of a worktree that the patterns in `list` (as in `.gitignore`) name.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn untracked_matching(&self, path: &Path, list: &Path) -> Result<Vec<PathBuf>, GitError> {
        let admin = self.admin(path)?;
        let exclude = format!("--exclude-from={}", list.display());
        let git =
            Git::in_worktree(self, &admin, path).args(["ls-files", "-z", "--others", "--ignored", &exclude]);
        Ok(paths(&git.output()?).collect())
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
            self.unmark(&admin, path, Some(&index))?;
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
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir, GitError> {
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
    use std::path::PathBuf;

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
}
