//! For the tests that race and kill: repositories in a clean environment, and whatever must never be left behind.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A folder with a home of its own. Its path is in the environment of all that is started here, which finds survivors.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let settings = "[user]\nname = Tester\nemail = tester@example.org\n[init]\ndefaultBranch = main\n[gc]\nauto = 0\n\
             [maintenance]\nauto = false\n[receive]\nautogc = false\n";
        fs::write(folder.path().join(".gitconfig"), settings).unwrap();
        Place { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository with one commit that has these settings.
    pub(crate) fn repository(&self, name: &str, orch_toml: &str) -> PathBuf {
        let dir = self.path(name);
        fs::create_dir(&dir).unwrap();
        self.git(&dir, &["init", "-q"]);
        fs::write(dir.join("orch.toml"), orch_toml).unwrap();
        fs::write(dir.join("README"), "a repository for tests\n").unwrap();
        self.git(&dir, &["add", "-A"]);
        self.git(&dir, &["commit", "-qm", "first"]);
        fs::write(dir.join(".git/info/exclude"), "/.worktrees/\n").unwrap();
        dir
    }

    pub(crate) fn clean(&self, mut command: Command, dir: &Path) -> Command {
        command.current_dir(dir).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C").env("TZ", "UTC");
        command
    }

    pub(crate) fn orch_command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = self.clean(Command::new(env!("CARGO_BIN_EXE_git-orch")), dir);
        command.args(args);
        command
    }

    pub(crate) fn orch(&self, dir: &Path, args: &[&str]) -> Ran {
        ran(self.orch_command(dir, args).output().unwrap())
    }

    /// Runs the program, which must end well; its JSON's `data`.
    pub(crate) fn data(&self, dir: &Path, args: &[&str]) -> Value {
        let ran = self.orch(dir, args);
        assert_eq!(ran.code, Some(0), "git orch {args:?}: {}{}", ran.out, ran.err);
        serde_json::from_str::<Value>(&ran.out).unwrap()["data"].take()
    }

    pub(crate) fn git(&self, dir: &Path, args: &[&str]) -> String {
        let mut command = self.clean(Command::new("git"), dir);
        let ran = ran(command.args(args).output().unwrap());
        assert_eq!(ran.code, Some(0), "git {args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs git, however it ends.
    pub(crate) fn git_ran(&self, dir: &Path, args: &[&str]) -> Ran {
        ran(self.clean(Command::new("git"), dir).args(args).output().unwrap())
    }

    /// What git says, where it ends well.
    pub(crate) fn try_git(&self, dir: &Path, args: &[&str]) -> Option<String> {
        let ran = self.git_ran(dir, args);
        (ran.code == Some(0)).then_some(ran.out)
    }

    /// Runs a script, which must end well.
    pub(crate) fn shell(&self, dir: &Path, script: &str) {
        let ran = ran(self.clean(Command::new("sh"), dir).args(["-c", script]).output().unwrap());
        assert_eq!(ran.code, Some(0), "{script}: {}{}", ran.out, ran.err);
    }

    /// A branch with one new file, in the queue.
    pub(crate) fn queued(&self, dir: &Path, name: &str) {
        self.shell(dir, &format!("git switch -qc {name} main && echo {name} > {name}.txt && git add -A"));
        self.shell(dir, &format!("git commit -qm {name} && git switch -q main"));
        self.data(dir, &["queue", "add", name, "--json"]);
    }

    /// Each journal's events, oldest first, by task: open tasks and finished ones.
    pub(crate) fn journals(&self, dir: &Path) -> BTreeMap<String, Vec<Value>> {
        let refs = self.git(dir, &["for-each-ref", "--format=%(refname:lstrip=3)", "refs/orch/tasks"]);
        refs.lines().map(|id| (id.to_owned(), self.events(dir, &format!("refs/orch/tasks/{id}")))).collect()
    }

    fn events(&self, dir: &Path, tip: &str) -> Vec<Value> {
        let commits = self.git(dir, &["rev-list", "--first-parent", "--reverse", tip]);
        let files: Vec<String> = commits.lines().map(|commit| format!("{commit}:event.json")).collect();
        let show: Vec<&str> = std::iter::once("show").chain(files.iter().map(String::as_str)).collect();
        let texts = self.git(dir, &show);
        serde_json::Deserializer::from_str(&texts).into_iter().map(Result::unwrap).collect()
    }

    /// Whether git holds a lock, or left one.
    pub(crate) fn has_lock(&self, dir: &Path) -> bool {
        let mut files = Vec::new();
        files_below(&dir.join(".git"), &mut files);
        let own = dir.join(".git/orch");
        files.iter().any(|path| path.extension().is_some_and(|end| end == "lock") && !path.starts_with(&own))
    }

    /// Fails where anything of a dead process is left: damage, locks, processes, half-made worktrees.
    pub(crate) fn assert_sound(&self, dir: &Path) {
        let fsck =
            ran(self.clean(Command::new("git"), dir).args(["fsck", "--no-dangling"]).output().unwrap());
        assert_eq!((fsck.code, fsck.err.as_str()), (Some(0), ""), "git fsck: {}", fsck.out);
        let mut locks = Vec::new();
        files_below(&dir.join(".git"), &mut locks);
        // The program's own are `flock`s: the files stay.
        locks.retain(|path| path.extension().is_some_and(|end| end == "lock"));
        locks.retain(|path| !path.starts_with(dir.join(".git/orch")));
        assert!(locks.is_empty(), "stale locks: {locks:?}");
        let survivors = self.survivors(Duration::from_secs(3));
        assert!(survivors.is_empty(), "processes left: {survivors:?}");
    }

    /// Processes that were started here and still run, after some time to end.
    pub(crate) fn survivors(&self, patience: Duration) -> Vec<String> {
        let until = Instant::now() + patience;
        loop {
            let found = self.processes();
            if found.is_empty() || Instant::now() > until {
                return found;
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn processes(&self) -> Vec<String> {
        let home = format!("HOME={}", self.folder.path().display());
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let environment = fs::read(process.path().join("environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|line| line == home.as_bytes()) {
                let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }
}

impl Drop for Place {
    /// Keeps the folder for a look at what went wrong.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        }
    }
}

pub(crate) fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// What happened, in a word for each event.
pub(crate) fn words(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["what"]["event"].as_str().unwrap()).collect()
}

/// A number from the environment: the full size of a test.
pub(crate) fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files_below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}
