//! Short, trusted programs that are run to their end.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

/// One program to run. Nothing of it passes a shell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    pub(crate) program: String,
    pub(crate) args: Vec<OsString>,
    /// Where it runs; `None` is the current folder.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) env_remove: Vec<String>,
    /// What it reads; `None` is a closed input.
    pub(crate) stdin: Option<Vec<u8>>,
}

/// What a program left.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// Its exit code; minus the signal's number where a signal ended it.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("could not run {program}")]
    Run { program: String, source: std::io::Error },
}

impl Command {
    pub(crate) fn new(program: impl Into<String>) -> Command {
        Command { program: program.into(), ..Command::default() }
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// Where it could not be started; an exit code other than 0 is no error.
    pub(crate) fn run(&self) -> Result<Finished, ProcessError> {
        let failed = |source| ProcessError::Run { program: self.program.clone(), source };
        let mut child = self.prepared().stderr(Stdio::piped()).spawn().map_err(failed)?;
        if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), self.stdin.clone()) {
            // A thread, so that a program that answers while it reads does not block itself and us.
            std::thread::spawn(move || pipe.write_all(&bytes));
        }
        let output = child.wait_with_output().map_err(failed)?;
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or(0);
        let status = output.status.code().unwrap_or(-signal);
        Ok(Finished { status, stdout: output.stdout, stderr: output.stderr })
    }

    pub(super) fn prepared(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).stdout(Stdio::piped());
        for name in &self.env_remove {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command
    }
}
