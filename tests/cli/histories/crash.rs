//! Kills the queue at one of its steps: a `git` that stands first in `PATH` counts the calls that may change something.
//!
//! All that the queue changes for others to see, it changes by calls of git; what it writes by itself (objects, caches) is
//! seen by nobody before the next call.

use std::{
    fs::{self, File},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread::sleep,
    time::{Duration, Instant},
};

use super::draw::{How, Kill};

/// A queue that runs for longer hangs.
const HANGS: Duration = Duration::from_secs(180);

/// Calls that only read are no boundaries. `$PPID` is the queue: it starts git itself, and leads its process group.
const WRAPPER: &str = r#"#!/bin/sh
case " $* " in
*" version "*|*" rev-list "*|*" cat-file "*|*" for-each-ref "*|*" ls-tree "*|*" ls-files "*|*" worktree list "*) exec {git} "$@" ;;
esac
# Whoever was started beside a queue that is dead by now has another parent, and must not kill that.
read -r parent 2>/dev/null </proc/$PPID/comm && test "$parent" = git-orch || exec {git} "$@"
printf x >>{folder}/count
read -r at how 2>/dev/null <{folder}/plan || exec {git} "$@"
read -r count <{folder}/count
test ${#count} -ge $at && mv {folder}/plan {folder}/done 2>/dev/null || exec {git} "$@"
case $how in
before) kill -9 -$PPID ;;
after) {git} "$@"; kill -9 -$PPID ;;
orphan) kill -9 $PPID; sleep 0.03; exec {git} "$@" ;;
esac
"#;

/// The counting git, and what it was told.
pub(super) struct Crash {
    folder: PathBuf,
}

/// How a call of the queue ended.
pub(super) struct Call {
    /// `None` where it was killed.
    pub(super) code: Option<i32>,
    /// The boundaries that it came to.
    pub(super) boundaries: usize,
    pub(super) said: String,
}

impl Crash {
    /// Makes the counting git in an empty folder.
    pub(super) fn new(folder: PathBuf, git: &Path) -> Crash {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let text = WRAPPER.replace("{git}", git.to_str().unwrap());
        let file = bin.join("git");
        fs::write(&file, text.replace("{folder}", folder.to_str().unwrap())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Crash { folder }
    }

    /// Runs a command to its end, or to the boundary at which it is killed.
    pub(super) fn call(&self, mut command: Command, kill: Option<Kill>) -> Call {
        for name in ["plan", "count", "done"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        if let Some(Kill { at, how }) = kill {
            let how = match how {
                How::Before => "before",
                How::After => "after",
                How::Orphan => "orphan",
            };
            fs::write(self.folder.join("plan"), format!("{at} {how}\n")).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.folder.join("bin").display()));
        let log = self.folder.join("said");
        command.stdout(File::create(&log).unwrap()).stderr(File::options().append(true).open(&log).unwrap());
        let mut child = command.process_group(0).spawn().unwrap();
        let status = self.end(&mut child);
        let count = fs::metadata(self.folder.join("count")).map_or(0, |count| count.len());
        let said = fs::read_to_string(&log).unwrap();
        let killed = self.folder.join("done").exists();
        assert!(killed || status.code().is_some(), "{status}: {said}");
        Call { code: status.code(), boundaries: usize::try_from(count).unwrap(), said }
    }

    fn end(&self, child: &mut std::process::Child) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if begun.elapsed() > HANGS {
                child.kill().unwrap();
                let said = fs::read_to_string(self.folder.join("said")).unwrap();
                panic!("the queue hangs: {said}");
            }
            sleep(Duration::from_millis(2));
        }
    }
}
