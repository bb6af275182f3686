//! Real repositories in temporary folders, for tests.

use super::Repo;
use super::objects::{NewCommit, Person, TreeEdit};
use super::refs::{Expected, Swap};
use crate::process::short::Command;
use crate::task::id::{CommitId, Seconds};
use std::path::{Path, PathBuf};

/// A repository with a first commit on `main`, removed when dropped.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    pub(crate) repo: Repo,
}

impl Sandbox {
    pub(crate) fn new() -> Sandbox {
        Sandbox::with_init(&[])
    }

    /// With more arguments for `git init`.
    pub(crate) fn with_init(args: &[&str]) -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repo");
        std::fs::create_dir(&path).unwrap();
        git(&path, &[&["init", "-q", "-b", "main"], args].concat());
        for (key, value) in
            [("user.name", "Test"), ("user.email", "test@localhost"), ("commit.gpgSign", "false")]
        {
            git(&path, &["config", key, value]);
        }
        std::fs::write(path.join("a.txt"), "one\ntwo\nthree\n").unwrap();
        git(&path, &["add", "."]);
        git(&path, &["commit", "-q", "-m", "First"]);
        let repo = Repo::discover(&path).unwrap();
        Sandbox { folder, repo }
    }

    pub(crate) fn path(&self) -> &Path {
        self.repo.main_worktree()
    }

    /// A path beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(self.path(), args)
    }

    pub(crate) fn main(&self) -> CommitId {
        self.repo.tip("refs/heads/main").unwrap().unwrap()
    }

    /// A commit on `parent` that puts files, on no branch.
    pub(crate) fn commit_on(&self, parent: &CommitId, files: &[(&str, &str)]) -> CommitId {
        let put = |&(path, text): &(&str, &str)| TreeEdit::Put {
            path: path.to_owned(),
            bytes: text.as_bytes().to_vec(),
            executable: false,
        };
        let edits: Vec<TreeEdit<'_>> = files.iter().map(put).collect();
        let base = self.repo.tree_of(parent).unwrap();
        let tree = self.repo.edit_tree(Some(&base), &edits).unwrap();
        let (parents, who) = ([parent.clone()], person());
        let new =
            NewCommit { tree: &tree, parents: &parents, author: &who, committer: &who, message: "Change" };
        self.repo.commit(&new).unwrap()
    }

    /// Moves `main` on, and nothing else.
    pub(crate) fn move_main(&self, to: &CommitId) {
        let from = self.main();
        let swap = self.repo.swap("refs/heads/main", Expected::At(&from), to, "test").unwrap();
        assert_eq!(swap, Swap::Done);
    }
}

pub(crate) fn person() -> Person {
    Person { name: "Test".into(), email: "test@localhost".into(), time: Seconds(1_700_000_000), offset: 3600 }
}

/// Runs git with nobody's settings; fails the test where git fails.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.dir = Some(dir.to_owned());
    command.args = args.iter().map(Into::into).collect();
    let env = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C"),
    ];
    command.env = env.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let finished = command.run().unwrap();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status, 0, "git {args:?}: {stderr}");
    String::from_utf8(finished.stdout).unwrap()
}
