//! Short trusted commands: git, mostly. Their time limit is one that only what hangs will meet; there is no cap: for
//! what is not trusted see `supervise`.

use super::{ProcessError, watchdog::Watched};
use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

/// How long a command may take: far more than the slowest one needs on a large repository (`git add` of 100,000 new
/// files takes a minute), so that a hanging disk or hook does not hold up a night for ever.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What to run, where and with what. Without a word about it, the environment is this process's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    /// A name that is searched in `PATH`, or a path.
    pub(crate) program: String,
    pub(crate) args: Vec<OsString>,
    /// Where to run; without it, where this process runs.
    pub(crate) dir: Option<PathBuf>,
    /// Variables to set; the last of a name counts, and counts more than `env_remove`.
    pub(crate) env: Vec<(String, String)>,
    /// Variables not to hand down.
    pub(crate) env_remove: Vec<String>,
    /// Standard input; `None` is an empty one.
    pub(crate) stdin: Option<Vec<u8>>,
    /// A lock file that the program gets in place of an empty standard input: a `flock` then lives as long as the
    /// program does, even where this process is killed before. Where it has something to read, it gets the file as its
    /// standard output instead, and what it writes there is of no use to anybody.
    pub(crate) holds: Option<std::sync::Arc<std::fs::File>>,
    /// How long it may take; without it half an hour.
    pub(crate) limit: Option<Duration>,
}

/// How a command ended. A status other than 0 is for the caller to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) struct Finished {
    /// The exit code; 128 and the signal's number, as in a shell, when a signal ended it.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Command {
    /// A command without arguments.
    pub(crate) fn new(program: impl Into<String>) -> Command {
        Command { program: program.into(), ..Command::default() }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Command {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Runs it in this folder.
    pub(crate) fn dir(mut self, dir: impl Into<PathBuf>) -> Command {
        self.dir = Some(dir.into());
        self
    }

    /// Gives it something to read.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.stdin = Some(bytes.into());
        self
    }

    /// Runs it to its end and returns what it wrote.
    ///
    /// # Errors
    /// There is no such program, it cannot be started or read from, or it was ended at its limit.
    pub(crate) fn run(&self) -> Result<Finished, ProcessError> {
        let held = self.holds.as_ref().map(|lock| lock.try_clone()).transpose();
        let held = held.map_err(|source| self.start_error(source))?;
        // Without duct, which starts a thread for each pipe: that costs more than all that a hook does itself.
        let mut command = std::process::Command::new(self.announce()?);
        command.args(&self.args).stderr(Stdio::piped());
        let (stdin, stdout) = match (&self.stdin, held) {
            (Some(_), Some(lock)) => (Stdio::piped(), lock.into()),
            (Some(_), None) => (Stdio::piped(), Stdio::piped()),
            (None, Some(lock)) => (lock.into(), Stdio::piped()),
            (None, None) => (Stdio::null(), Stdio::piped()),
        };
        command.stdin(stdin).stdout(stdout);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        for name in &self.env_remove {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().map_err(|source| self.start_error(source))?;
        let limit = self.limit.unwrap_or(LIMIT);
        let watched = Watched::start(child.id(), limit);
        let output = self.output_of(child).map_err(|source| self.start_error(source))?;
        if watched.was_ended() {
            return Err(ProcessError::TooLong { program: self.program.clone(), seconds: limit.as_secs() });
        }
        let status = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        Ok(Finished { status: status.unwrap_or(-1), stdout: output.stdout, stderr: output.stderr })
    }

    fn output_of(&self, mut child: std::process::Child) -> std::io::Result<Output> {
        match (child.stdin.take(), &self.stdin) {
            (Some(mut pipe), Some(bytes)) => std::thread::scope(|scope| {
                // Beside the reading: a program may fill its output before it has read all. One that does not read to
                // the end is no error.
                scope.spawn(move || pipe.write_all(bytes));
                child.wait_with_output()
            }),
            _ => child.wait_with_output(),
        }
    }

    /// Runs it to its end on the user's own terminal: an editor, a pager. Returns its exit code.
    ///
    /// # Errors
    /// There is no such program, or it cannot be started.
    pub(crate) fn on_terminal(&self) -> Result<i32, ProcessError> {
        let program = self.announce()?;
        let mut expression = duct::cmd(&program, &self.args).unchecked();
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }
        let output = expression.run().map_err(|source| self.start_error(source))?;
        Ok(output.status.code().unwrap_or(-1))
    }

    /// Writes the exact command to the log, and finds the program.
    pub(super) fn announce(&self) -> Result<PathBuf, ProcessError> {
        tracing::debug!(target: "run", program = %self.program, args = ?self.args, dir = ?self.dir, env = ?self.env);
        let own = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.into());
        let path: OsString = own.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let dir = self.dir.as_deref().unwrap_or(Path::new(""));
        // A full path, because the standard library forks the whole process where it must search itself, and takes the
        // much faster posix_spawn where not.
        find(&self.program, &path, dir).ok_or_else(|| ProcessError::NotFound {
            program: self.program.clone(),
            searched: path.to_string_lossy().into_owned(),
        })
    }

    pub(super) fn start_error(&self, source: std::io::Error) -> ProcessError {
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from("."));
        ProcessError::Start { program: self.program.clone(), dir, source }
    }
}

impl Finished {
    /// Whether it ended with status 0.
    pub(crate) fn success(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text, without the line end at its end. Bytes that are no UTF-8 become `�`.
    pub(crate) fn stdout_text(&self) -> String {
        text(&self.stdout)
    }

    /// Standard error as text, without the line end at its end.
    pub(crate) fn stderr_text(&self) -> String {
        text(&self.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned()
}

/// Finds a program as a command here would: by name in `PATH`, or as the path that it is.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    find(program, &std::env::var_os("PATH").unwrap_or_default(), Path::new(""))
}

/// Finds an executable file by name in `path`, or takes a path as it is. `dir` is where the child will run.
pub(super) fn find(program: &str, path: &OsStr, dir: &Path) -> Option<PathBuf> {
    let executable = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let file = std::path::absolute(dir.join(program)).ok()?;
        return executable(&file).then_some(file);
    }
    // Absolute, because an entry like `bin` or the empty one means this process's folder, not the child's.
    std::env::split_paths(path)
        .filter_map(|folder| std::path::absolute(folder.join(program)).ok())
        .find(|file| executable(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[test]
    fn output_and_status_are_kept() {
        let finished = sh("echo out; echo err >&2; exit 3").run().unwrap();
        assert_eq!((finished.status, finished.stdout_text()), (3, "out".to_owned()));
        assert_eq!(finished.stderr_text(), "err");
        assert!(!finished.success());
        assert_eq!(sh("kill -9 $$").run().unwrap().status, 137);
    }

    #[test]
    fn input_folder_and_variables_arrive() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = sh("cat; pwd; echo $A-$B-${HOME-none}").dir(folder.path()).stdin("in\n");
        command.env =
            [("A", "2"), ("B", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        command.env_remove = vec!["HOME".to_owned()];
        let finished = command.run().unwrap();
        let dir = folder.path().canonicalize().unwrap();
        assert_eq!(finished.stdout_text(), format!("in\n{}\n2-b-none", dir.display()));
    }

    #[test]
    fn input_is_empty_when_none_is_given() {
        assert_eq!(Command::new("cat").run().unwrap().stdout, b"");
    }

    #[test]
    fn large_input_and_output_do_not_block() {
        let bytes = vec![b'x'; 1 << 20];
        assert_eq!(Command::new("cat").stdin(bytes.clone()).run().unwrap().stdout, bytes);
        assert!(sh("exit 0").stdin(bytes).run().unwrap().success());
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = sh("sleep 30 & echo $! > child; sleep 30").dir(folder.path());
        command.limit = Some(Duration::from_millis(500));
        let error = command.run().unwrap_err();
        assert_eq!(error.to_string(), "'sh' gave no answer within 0 seconds and was ended");
        let child: u32 =
            std::fs::read_to_string(folder.path().join("child")).unwrap().trim().parse().unwrap();
        let gone = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            crate::process::start_time(child).is_none_or(|started| !crate::process::alive(child, started))
        });
        assert!(gone);
    }

    #[test]
    fn a_missing_program_says_where_it_was_searched() {
        let mut command = Command::new("no-such-program");
        command.env = vec![("PATH".to_owned(), "/nowhere:/bin".to_owned())];
        let error = command.run().unwrap_err();
        assert_eq!(error.to_string(), "program 'no-such-program' not found (searched /nowhere:/bin)");
        assert!(matches!(Command::new("./gone").run(), Err(ProcessError::NotFound { .. })));
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let error = sh("true").dir("/no/such/folder").run().unwrap_err();
        assert_eq!(error.to_string(), "cannot start 'sh' in /no/such/folder");
    }

    #[test]
    fn a_relative_path_is_taken_from_the_childs_folder() {
        let folder = tempfile::tempdir().unwrap();
        // A link, not a copy: a child that another test starts meanwhile may hold a file that was just written.
        std::os::unix::fs::symlink("/bin/true", folder.path().join("tool")).unwrap();
        assert!(Command::new("./tool").dir(folder.path()).run().unwrap().success());
    }
}
