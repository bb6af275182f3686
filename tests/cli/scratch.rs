//! A repository in a temporary folder, with this program and nobody's settings.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// A repository with a first commit on `main`, and a place for others beside it.
pub(crate) struct Scratch {
    pub(crate) folder: TempDir,
    pub(crate) repo: PathBuf,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Scratch {
    pub(crate) fn new() -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().canonicalize().unwrap().join("repo");
        fs::create_dir(&repo).unwrap();
        let scratch = Scratch { folder, repo };
        scratch.git(&["init", "-q", "-b", "main"]);
        scratch.git(&["config", "user.name", "Test"]);
        scratch.git(&["config", "user.email", "test@localhost"]);
        scratch.commit("README.md", "hi\n");
        scratch
    }

    /// A path beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.repo.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.repo.join(path)).unwrap()
    }

    pub(crate) fn script(&self, path: &str, text: &str) {
        self.write(path, text);
        fs::set_permissions(self.repo.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn commit(&self, path: &str, text: &str) {
        self.write(path, text);
        self.git(&["add", "--", path]);
        self.git(&["commit", "-q", "-m", &format!("Write {path}")]);
    }

    /// Runs git, which must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let answer = self.call(Path::new("git"), args);
        assert_eq!(answer.code, 0, "git {args:?}: {}", answer.err);
        answer.out
    }

    /// Runs git, which may fail.
    pub(crate) fn try_git(&self, args: &[&str]) -> Answer {
        self.call(Path::new("git"), args)
    }

    /// Runs this program.
    pub(crate) fn orch(&self, args: &[&str]) -> Answer {
        self.call(Path::new(env!("CARGO_BIN_EXE_git-orch")), args)
    }

    /// Runs any program in the repository.
    pub(crate) fn call(&self, program: &Path, args: &[&str]) -> Answer {
        let output = Command::new(program)
            .args(args)
            .current_dir(&self.repo)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.folder.path().join("gitconfig"))
            .env("HOME", self.folder.path())
            .output();
        let Output { status, stdout, stderr } = output.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Answer { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    /// Every file of the repository and of `.git`, with its permissions and content.
    pub(crate) fn listing(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        listing(&self.repo)
    }
}

/// Every file and folder below a folder; a folder's content is empty.
pub(crate) fn listing(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, (meta.permissions().mode(), content));
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}
