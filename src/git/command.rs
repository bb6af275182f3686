//! The one place that builds a git command.

use super::at_work::{CHANGES, MARK, READS};
use super::under_way::UnderWay;
use super::{GitError, Repo};
use crate::process::ProcessError;
use crate::process::short::{Command, Finished};
use crate::task::id::shown;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The last exit code that git gives itself, for a command that was used wrongly; above are signals.
const LAST_EXIT: i32 = 129;
/// How much of the error output is kept, in bytes.
const STDERR_TAIL: usize = 2000;

/// What callers may have set for another repository or another purpose: a hook, an alias, an agent. The user's own
/// `GIT_SSH*`, `GIT_ASKPASS`, `GIT_CONFIG_*` and `GIT_TRACE*` stay.
const FOREIGN: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_AUTHOR_DATE",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMITTER_DATE",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMON_DIR",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIFF_OPTS",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_MERGE_AUTOEDIT",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NOTES_REF",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PAGER",
    "GIT_PREFIX",
    "GIT_PUSH_OPTION_COUNT",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_REF_PARANOIA",
    "GIT_REPLACE_REF_BASE",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SHALLOW_FILE",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
];

/// A git command before it runs.
#[derive(Clone)]
pub(super) struct Git {
    command: Command,
    /// Where it is noted while it runs, if it takes locks.
    notes: Option<PathBuf>,
    changes: bool,
}

impl Git {
    /// A command on the repository as a whole. It stands in the main worktree, as remotes may be relative paths.
    pub(super) fn on(repo: &Repo) -> Git {
        Git::bare(repo.main_worktree()).noted_in(repo).env("GIT_DIR", repo.common_dir())
    }

    /// A command in a worktree whose files somebody else may have written. The admin folder is named outright, so git
    /// never reads the worktree's own `.git` file, that may point at a repository with programs in its settings.
    pub(super) fn in_worktree(repo: &Repo, admin: &Path, worktree: &Path) -> Git {
        let git = Git::bare(worktree).noted_in(repo).env("GIT_DIR", admin).env("GIT_WORK_TREE", worktree);
        // What was changed must be seen, whatever the settings save: else a test leaves its own files to the next one.
        let git = git
            .config("core.trustctime", "true")
            .config("core.checkStat", "default")
            .config("core.ignoreStat", "false")
            .config("core.untrackedCache", "false");
        let git = if admin == repo.common_dir() { git } else { git.whole() };
        git.without_local_filters(repo)
    }

    /// Takes all files, where the user's own checkout has only a part of them: what is tested is all that lands.
    pub(super) fn whole(self) -> Git {
        self.config("core.sparseCheckout", "false").config("index.sparse", "false")
    }

    /// Switches off filter drivers in the repository's own settings: whoever writes into `.git` can define them. The
    /// ones in the user's own settings (git-lfs) stay, else a worktree holds pointers instead of files.
    pub(super) fn without_local_filters(mut self, repo: &Repo) -> Git {
        for driver in repo.local_filters() {
            for key in ["clean", "smudge", "process"] {
                self = self.config(&format!("filter.{driver}.{key}"), "");
            }
            self = self.config(&format!("filter.{driver}.required"), "false");
        }
        self
    }

    /// Lets files be judged by the attributes of the base: neither by those in the main worktree, where somebody may have
    /// checked out the very change that is judged, nor by those of the user's own settings.
    pub(super) fn judging_by_base(self, repo: &Repo) -> Git {
        let git = self
            .config("core.attributesFile", "/dev/null")
            .config("core.bigFileThreshold", "512m")
            .env("GIT_ATTR_NOSYSTEM", "1");
        match &repo.attributes {
            Some(commit) => git.env("GIT_ATTR_SOURCE", commit.as_str()),
            None => git,
        }
    }

    /// A command in a folder, with no repository named yet.
    pub(super) fn bare(dir: &Path) -> Git {
        let mut command = Command::new("git");
        command.dir = Some(dir.to_owned());
        command.env_remove = FOREIGN.iter().map(|&name| name.to_owned()).collect();
        let env = [
            ("LC_ALL", "C"),                 // messages are kept in errors, in one language
            ("GIT_TERMINAL_PROMPT", "0"),    // nobody is there to answer
            ("GIT_OPTIONAL_LOCKS", "0"),     // reading must not collide with an agent that commits
            ("GIT_NO_REPLACE_OBJECTS", "1"), // what was tested must be what others get, who lack our replacements
            ("GIT_LITERAL_PATHSPECS", "1"),  // file names are data, never patterns
            (MARK, READS),                   // until it is said to change something
        ];
        command.env = env.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Git { command, notes: None, changes: false }
            .arg("--no-pager")
            .config("core.fsmonitor", "false") // a program that settings name
            .config("core.hooksPath", "/dev/null") // hooks are the user's, for what the user does
            .config("gc.auto", "0") // never on the path of a command, and it removes folders under writers
            .config("maintenance.auto", "false")
            .config("core.quotePath", "false")
    }

    /// Sets `-c key=value`; only before the subcommand.
    pub(super) fn config(self, key: &str, value: &str) -> Git {
        self.arg("-c").arg(format!("{key}={value}"))
    }

    pub(super) fn arg(mut self, arg: impl Into<OsString>) -> Git {
        self.command.args.push(arg.into());
        self
    }

    pub(super) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Git {
        self.command.args.extend(args.into_iter().map(OsString::from));
        self
    }

    pub(super) fn env(mut self, key: &str, value: impl AsRef<Path>) -> Git {
        self.command.env_remove.retain(|name| name != key);
        self.command.env.push((key.to_owned(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// Sets how long it may take.
    pub(super) fn limit(mut self, limit: std::time::Duration) -> Git {
        self.command.limit = Some(limit);
        self
    }

    pub(super) fn stdin(mut self, bytes: Vec<u8>) -> Git {
        self.command.stdin = Some(bytes);
        self
    }

    /// A command that changes something, with a lock that it keeps to its own end: a killed `git orch` leaves its
    /// children behind, and recovery has to wait for them.
    pub(super) fn holding(mut self, lock: impl Into<Arc<File>>) -> Git {
        self.command.holds = Some(lock.into());
        self.changing()
    }

    fn noted_in(self, repo: &Repo) -> Git {
        Git { notes: Some(repo.notes()), ..self }
    }

    /// A command that takes git's locks: it is noted while it runs, so that those which it leaves when it is killed are known.
    pub(super) fn changing(mut self) -> Git {
        self.changes = true;
        self.env(MARK, CHANGES)
    }

    /// Runs it; any exit code is an answer.
    pub(super) fn finish(&self) -> Result<Finished, GitError> {
        let note = self.notes.as_ref().filter(|_| self.changes);
        let note = note.and_then(|folder| UnderWay::begin(folder, &[]));
        let finished = self.run();
        match (&finished, note) {
            (Ok(Finished { status, .. }), Some(note)) if *status > LAST_EXIT => note.died(),
            (Err(GitError::Silent { .. }), Some(note)) => note.died(),
            (_, Some(note)) => note.ended(),
            (_, None) => {}
        }
        finished
    }

    fn run(&self) -> Result<Finished, GitError> {
        tracing::debug!(args = ?self.command.args, dir = ?self.command.dir, "git");
        self.command.run().map_err(|source| match source {
            ProcessError::TooLong { seconds, .. } => GitError::Silent { args: self.shown(), seconds },
            source => GitError::Start { args: self.shown(), source },
        })
    }

    /// Runs it; anything but exit code 0 is an error.
    pub(super) fn output(&self) -> Result<Vec<u8>, GitError> {
        let finished = self.finish()?;
        if finished.status == 0 { Ok(finished.stdout) } else { Err(self.failed(&finished)) }
    }

    /// The error for an exit code that was not expected.
    pub(super) fn failed(&self, finished: &Finished) -> GitError {
        GitError::Failed { args: self.shown(), status: finished.status, stderr: tail(&finished.stderr) }
    }

    /// The error for output that is not understood.
    pub(super) fn unclear(&self, answer: &[u8]) -> GitError {
        GitError::Answer { args: self.shown(), answer: tail(answer) }
    }

    /// The arguments from the subcommand on, safe to show.
    fn shown(&self) -> String {
        let mut args = self.command.args.iter().map(|arg| arg.to_string_lossy()).peekable();
        while let Some(arg) = args.next_if(|arg| arg.starts_with('-')) {
            if arg == "-c" {
                args.next();
            }
        }
        shown(&args.collect::<Vec<_>>().join(" "))
    }
}

/// The end of a program's error output, safe to show.
pub(super) fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(STDERR_TAIL);
    shown(String::from_utf8_lossy(&bytes[from..]).trim())
}

/// The fields of an output with `-z`, as text: bytes that are no UTF-8 become `�`.
pub(super) fn fields(bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    raw_fields(bytes).map(|field| String::from_utf8_lossy(field).into_owned())
}

/// The fields of an output with `-z` that are nothing but paths: these find their files again, whatever their names.
pub(super) fn paths(bytes: &[u8]) -> impl Iterator<Item = PathBuf> + '_ {
    raw_fields(bytes).map(|field| PathBuf::from(OsStr::from_bytes(field)))
}

fn raw_fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> + '_ {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let empty = bytes.is_empty();
    bytes.split(|&b| b == 0).filter(move |_| !empty)
}
