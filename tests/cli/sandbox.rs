//! A scratch repository, with git and the program run in it away from the user's own settings.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A repository in a folder of its own.
pub(crate) struct Sandbox {
    folder: TempDir,
    pub(crate) dir: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The output of a command that has to end with this code.
    pub(crate) fn with(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self.out
    }

    /// The data of an answer in JSON.
    pub(crate) fn data(self, code: i32) -> Value {
        serde_json::from_str::<Value>(&self.with(code)).unwrap()["data"].take()
    }
}

impl Sandbox {
    /// An empty repository whose branch is `main`.
    pub(crate) fn new() -> Sandbox {
        let sandbox = Sandbox::in_folder();
        sandbox.git(&["init", "--quiet", "--initial-branch=main"]);
        sandbox.identify();
        sandbox
    }

    /// A clone, without its tags and its remote.
    pub(crate) fn clone_of(source: &str) -> Sandbox {
        let sandbox = Sandbox::in_folder();
        sandbox.git(&["clone", "--quiet", "--no-tags", source, "."]);
        sandbox.identify();
        sandbox
    }

    fn in_folder() -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().canonicalize().unwrap().join("repo");
        fs::create_dir(&dir).unwrap();
        Sandbox { folder, dir }
    }

    fn identify(&self) {
        for (key, value) in [("user.name", "Olga"), ("user.email", "olga@example.org"), ("gc.auto", "0")] {
            self.git(&["config", key, value]);
        }
    }

    /// A path beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    fn run(&self, program: &str, dir: &Path, args: &[&str]) -> Said {
        let output = Command::new(program)
            .args(args)
            .current_dir(dir)
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// What git says, where it must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.try_git(args).with(0).trim_end().to_owned()
    }

    pub(crate) fn try_git(&self, args: &[&str]) -> Said {
        self.run("git", &self.dir, args)
    }

    pub(crate) fn orch(&self, args: &[&str]) -> Said {
        self.orch_in(&self.dir, args)
    }

    pub(crate) fn orch_in(&self, dir: &Path, args: &[&str]) -> Said {
        self.run(env!("CARGO_BIN_EXE_git-orch"), dir, args)
    }
}
