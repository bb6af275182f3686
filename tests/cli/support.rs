//! A repository of its own for each test, and the built program in it, with nothing of the machine's own settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A repository in a temporary folder, with a home of its own.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// By what this machine can hold an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Bubblewrap,
    Landlock,
    Not,
}

/// Asks the program once. Tests that are not about the sandbox run without one where there is none.
pub(crate) fn machine_holds() -> Held {
    static FOUND: OnceLock<Held> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_git-orch"));
        let ran = Ran::of(doctor.args(["doctor", "--json"]).current_dir(folder.path()));
        let checks = ran.json()["data"].clone();
        let check = checks.as_array().unwrap().iter().find(|check| check["check"] == "sandbox").unwrap();
        let message = check["message"].as_str().unwrap();
        match (check["ok"].as_bool().unwrap(), message.starts_with("bubblewrap")) {
            (true, true) => Held::Bubblewrap,
            (true, false) => Held::Landlock,
            (false, _) => Held::Not,
        }
    })
}

/// Whether bubblewrap is to be had. Where tools are required and it is not, that is a failure.
pub(crate) fn bubblewrap_or_skip(test: &str) -> bool {
    if machine_holds() == Held::Bubblewrap {
        return true;
    }
    assert!(
        std::env::var_os("GIT_ORCH_TEST_TOOLS").is_none_or(|tools| tools != "required"),
        "{test} needs bubblewrap"
    );
    eprintln!("skipped: {test} needs bubblewrap");
    false
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(command: &mut Command) -> Ran {
        Ran::from(command.output().unwrap())
    }

    /// How a started program ended.
    pub(crate) fn end_of(child: Child) -> Ran {
        Ran::from(child.wait_with_output().unwrap())
    }

    fn from(output: std::process::Output) -> Ran {
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The JSON that it printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }

    /// Fails unless it ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

impl Sandbox {
    /// A repository with one commit on `main` whose tests pass while `f.txt` has no line `bad`.
    pub(crate) fn new() -> Sandbox {
        let sandbox = Sandbox::empty();
        sandbox.git(&["init", "-q", "-b", "main"]);
        sandbox.git(&["config", "user.name", "Ana"]);
        sandbox.git(&["config", "user.email", "ana@localhost"]);
        sandbox.write("f.txt", "one\ntwo\nthree\n");
        sandbox.write("orch.toml", "[tests]\nall = \"! grep -q bad f.txt\"\nreport = \"exit\"\n");
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-q", "-m", "start"]);
        sandbox
    }

    /// A folder that is no repository.
    pub(crate) fn empty() -> Sandbox {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("home")).unwrap();
        fs::create_dir_all(folder.path().join("repo")).unwrap();
        Sandbox { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("repo")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, program: &str, dir: &Path) -> Command {
        let mut command = Command::new(program);
        let home = self.folder.path().join("home");
        command.current_dir(dir).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &home).env("TMPDIR", &home);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("TZ", "UTC").env("LC_ALL", "C");
        if machine_holds() == Held::Not {
            command.env("GIT_ORCH_NO_SANDBOX", "1");
        }
        let date = "2026-11-20T14:00:00Z";
        command.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date);
        command
    }

    /// Runs git, which must succeed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.command("git", &self.path()).args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Runs the program.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_in(&self.path(), args)
    }

    /// Runs the program with a variable set.
    pub(crate) fn run_with(&self, variable: (&str, &str), args: &[&str]) -> Ran {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-orch"), &self.path());
        Ran::of(command.env(variable.0, variable.1).args(args))
    }

    /// The program, to be started.
    pub(crate) fn orch(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-orch"), &self.path());
        command.args(args);
        command
    }

    /// Starts the program; its output is read at its end.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.start_in(&self.path(), args)
    }

    /// Starts the program in another folder.
    pub(crate) fn start_in(&self, dir: &Path, args: &[&str]) -> Child {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-orch"), dir);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs the program with variables set.
    pub(crate) fn run_with_all(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-orch"), &self.path());
        Ran::of(command.envs(variables.iter().copied()).args(args))
    }

    /// The home of every program that it runs.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("home")
    }

    /// Runs the program in another folder.
    pub(crate) fn run_in(&self, dir: &Path, args: &[&str]) -> Ran {
        Ran::of(self.command(env!("CARGO_BIN_EXE_git-orch"), dir).args(args))
    }

    /// A branch with one commit on top of `main`, that writes one file.
    pub(crate) fn branch(&self, name: &str, file: &str, text: &str) {
        self.git(&["switch", "-q", "-c", name, "main"]);
        self.write(file, text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", &format!("Work of {name}")]);
        self.git(&["switch", "-q", "main"]);
    }
}
