//! New repositories, and the few places outside refs and objects that `init` writes to.

use super::command::Git;
use super::error::Cause;
use super::objects::{NewCommit, Person, TreeEdit};
use super::refs::{Expected, Swap};
use super::repo::{OpenError, Scope, Version};
use super::{GitError, Repo};
use crate::task::id::CommitId;
use std::path::{Path, PathBuf};

/// The folder of hooks, and whether other repositories use it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HooksFolder {
    pub(crate) path: PathBuf,
    /// The user's or the system's settings name it: a hook in it runs in every repository.
    pub(crate) shared: bool,
}

/// A file of a new repository.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewFile<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) executable: bool,
}

impl Repo {
    /// Makes an empty repository in a folder that exists, with no hook of anybody's template.
    ///
    /// # Errors
    /// Git fails, or what it made cannot be opened.
    pub(crate) fn init(dir: &Path, branch: &str) -> Result<Repo, GitError> {
        let git = Git::bare(dir)
            .env("GIT_DEFAULT_REF_FORMAT", "files") // settings may ask for a reftable
            .args(["init", "-q", "--template=", "-b", branch, "--", "."]);
        git.output()?;
        Repo::discover(dir)
            .map_err(|err: OpenError| GitError::gix("open the new repository")(Cause::from(err)))
    }

    /// Makes a repository in an empty folder, with the files of one of our commits. It reads our objects where they are,
    /// and knows none of our refs and settings.
    ///
    /// # Errors
    /// Git fails, or the folder cannot be written.
    pub(crate) fn init_beside(&self, dir: &Path, commit: &CommitId) -> Result<(), GitError> {
        let format =
            if commit.as_str().len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let git = Git::bare(dir).env("GIT_DEFAULT_REF_FORMAT", "files").args([
            "init",
            "-q",
            "--template=",
            "-b",
            "main",
            format,
            "--",
            ".",
        ]);
        git.output()?;
        let info = dir.join(".git/objects/info");
        let failed = |source| GitError::io("write", &info)(source);
        std::fs::create_dir_all(&info).map_err(failed)?;
        let objects = self.common_dir().join("objects");
        std::fs::write(info.join("alternates"), [objects.as_os_str().as_encoded_bytes(), b"\n"].concat())
            .map_err(failed)?;
        let checkout = ["checkout", "-q", "--force", "--detach", "--no-recurse-submodules"];
        // Large files would be asked of a remote that is not known there.
        let git = Git::bare(dir).env("GIT_LFS_SKIP_SMUDGE", "1").args(checkout);
        git.args([commit.as_str(), "--"]).output().map(|_| ())
    }

    /// Sets `key` in the repository's own settings. This handle does not see it: open the repository again.
    ///
    /// # Errors
    /// Git refuses the key, or the file is locked.
    pub(crate) fn set_config_local(&self, key: &str, value: &str) -> Result<(), GitError> {
        Git::on(self).args(["config", "--local", "--", key, value]).output().map(|_| ())
    }

    /// Commits these files as the first commit of the branch that is checked out, and puts them into the worktree.
    ///
    /// # Errors
    /// The branch has a commit, or git fails.
    pub(crate) fn commit_first(
        &self,
        files: &[NewFile<'_>],
        person: &Person,
        message: &str,
    ) -> Result<CommitId, GitError> {
        let put = |file: &NewFile<'_>| TreeEdit::Put {
            path: file.path.to_owned(),
            bytes: file.text.as_bytes().to_vec(),
            executable: file.executable,
        };
        let edits: Vec<TreeEdit<'_>> = files.iter().map(put).collect();
        let tree = self.edit_tree(None, &edits)?;
        let new = NewCommit { tree: &tree, parents: &[], author: person, committer: person, message };
        let commit = self.commit(&new)?;
        let main = self.main_worktree();
        let branch = self.worktree_branch(main)?.ok_or_else(|| GitError::Detached(main.to_owned()))?;
        match self.swap(&branch, Expected::Absent, &commit, "orch: first commit")? {
            Swap::Done => {}
            Swap::Lost { .. } | Swap::Locked => return Err(GitError::BranchMoved(branch)),
        }
        let git = Git::in_worktree(self, self.common_dir(), main).args(["read-tree", "-m", "-u", "HEAD"]);
        git.output().map(|_| commit)
    }

    /// Where git looks for hooks.
    pub(crate) fn hooks_folder(&self) -> HooksFolder {
        let set = self.config_entries("core").into_iter().rfind(|(key, ..)| key == "core.hookspath");
        let Some((_, text, scope)) = set.filter(|(_, text, _)| !text.is_empty()) else {
            return HooksFolder { path: self.common_dir().join("hooks"), shared: false };
        };
        let found = self.gix.config_snapshot().trusted_path("core.hooksPath");
        let path = found.ok().flatten().unwrap_or_else(|| PathBuf::from(text));
        // A relative path counts from where hooks run: the top of the worktree.
        let path = self.main_worktree().join(path);
        let own = path.starts_with(self.main_worktree()) || path.starts_with(self.common_dir());
        HooksFolder { path, shared: !own && matches!(scope, Scope::System | Scope::Global | Scope::Command) }
    }

    /// The list of ignored files that is nobody's but this clone's.
    pub(crate) fn exclude_file(&self) -> PathBuf {
        self.common_dir().join("info").join("exclude")
    }
}

/// The oldest version of each series in which the known holes are mended (CVE-2025-48384 and those before).
const MENDED: &[(u32, u32)] = &[(43, 7), (44, 4), (45, 4), (46, 4), (47, 3), (48, 2), (49, 1), (50, 1)];

/// What a version of git lacks: the oldest one of its series that has no known hole. `None` if it is fine.
pub(crate) fn mended_in(found: Version) -> Option<Version> {
    let (major, minor, patch) = (found.major, found.minor, found.patch);
    let (first, last) = (MENDED.first()?, MENDED.last()?);
    if (major, minor) > (2, last.0) {
        return None;
    }
    let &(need_minor, need_patch) =
        MENDED.iter().find(|series| (major, minor) == (2, series.0)).unwrap_or(first);
    let need = Version { major: 2, minor: need_minor, patch: need_patch };
    (Version { major, minor, patch } < need).then_some(need)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::{Sandbox, git, person};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_new_repository_gets_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::init(folder.path(), "main").unwrap();
        repo.set_config_local("user.name", "Demo").unwrap();
        repo.set_config_local("user.email", "demo@localhost").unwrap();
        let files = [
            NewFile { path: "bin/x", text: "#!/bin/sh\n", executable: true },
            NewFile { path: "README.md", text: "hi\n", executable: false },
        ];
        let commit = repo.commit_first(&files, &person(), "Begin\n").unwrap();
        let repo = Repo::discover(folder.path()).unwrap();
        assert_eq!(repo.identity(), Some(("Demo".to_owned(), "demo@localhost".to_owned())));
        assert_eq!(repo.tip("refs/heads/main").unwrap(), Some(commit));
        assert_eq!(git(folder.path(), &["status", "--porcelain"]), "");
        let mode = std::fs::metadata(folder.path().join("bin/x")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
        assert!(repo.commit_first(&files, &person(), "Again\n").is_err());
    }

    #[test]
    fn hooks_are_where_the_settings_say() {
        let sandbox = Sandbox::new();
        let folder = |path: PathBuf| HooksFolder { path, shared: false };
        assert_eq!(sandbox.repo.hooks_folder(), folder(sandbox.path().join(".git/hooks")));
        sandbox.git(&["config", "core.hooksPath", ".githooks"]);
        let repo = Repo::discover(sandbox.path()).unwrap();
        assert_eq!(repo.hooks_folder(), folder(sandbox.path().join(".githooks")));
    }

    #[test]
    fn old_versions_name_the_mended_one() {
        let version = |minor, patch| Version { major: 2, minor, patch };
        for (found, need) in [
            (version(39, 5), Some(version(43, 7))),
            (version(46, 0), Some(version(46, 4))),
            (version(46, 4), None),
            (version(47, 2), Some(version(47, 3))),
            (version(47, 3), None),
            (version(51, 0), None),
            (Version { major: 3, minor: 0, patch: 0 }, None),
            (Version { major: 1, minor: 60, patch: 0 }, Some(version(43, 7))),
        ] {
            assert_eq!(mended_in(found), need, "{found}");
        }
    }
}
