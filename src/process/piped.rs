//! A long-lived child that answers on its standard output: one start for many questions.

use super::{Command, ProcessError};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

/// A running child with both of its ends. It is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Piped {
    program: String,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// What it writes to standard error: a file, because a pipe that nobody reads would block it.
    stderr: File,
}

impl Piped {
    /// Starts the child. Its `stdin` is written first, if there is one.
    ///
    /// # Errors
    /// There is no such program, or it cannot be started.
    pub(crate) fn start(command: &Command) -> Result<Piped, ProcessError> {
        let program = command.announce()?;
        let stderr = tempfile::tempfile().map_err(|source| command.start_error(source))?;
        let errors = stderr.try_clone().map_err(|source| command.start_error(source))?;
        let mut builder = std::process::Command::new(program);
        builder.args(&command.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        for name in &command.env_remove {
            builder.env_remove(name);
        }
        builder.envs(command.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &command.dir {
            builder.current_dir(dir);
        }
        let mut child = builder.spawn().map_err(|source| command.start_error(source))?;
        let stdin = child.stdin.take().expect("asked for above");
        let stdout = BufReader::new(child.stdout.take().expect("asked for above"));
        let mut piped = Piped { program: command.program.clone(), child, stdin, stdout, stderr };
        if let Some(bytes) = &command.stdin {
            piped.write_all(bytes)?;
        }
        Ok(piped)
    }

    /// Sends bytes. Nothing is held back: the child sees them at once.
    ///
    /// # Errors
    /// The child has ended or closed its input.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), ProcessError> {
        let written = self.stdin.write_all(bytes).and_then(|()| self.stdin.flush());
        written.map_err(|source| self.broken(source))
    }

    /// Reads up to and with the next `end`.
    ///
    /// # Errors
    /// The child ended before.
    pub(crate) fn read_until(&mut self, end: u8) -> Result<Vec<u8>, ProcessError> {
        let mut bytes = Vec::new();
        let read = self.stdout.read_until(end, &mut bytes);
        match read {
            Ok(_) if bytes.last() == Some(&end) => Ok(bytes),
            Ok(_) => Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
            Err(source) => Err(self.broken(source)),
        }
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// The child ended before.
    pub(crate) fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, ProcessError> {
        let mut bytes = vec![0; count];
        self.stdout.read_exact(&mut bytes).map_err(|source| self.broken(source))?;
        Ok(bytes)
    }

    fn broken(&mut self, source: io::Error) -> ProcessError {
        let mut stderr = Vec::new();
        // What it said is a help, and no reason to fail differently. The child shares the file's position, and is gone.
        let _ = self.stderr.rewind().and_then(|()| self.stderr.read_to_end(&mut stderr));
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        ProcessError::Broken { program: self.program.clone(), stderr, source }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered_one_by_one() {
        let mut cat = Piped::start(&Command::new("cat")).unwrap();
        for word in ["one\0", "two\0"] {
            cat.write_all(word.as_bytes()).unwrap();
            assert_eq!(cat.read_until(0).unwrap(), word.as_bytes());
        }
        cat.write_all(b"abcdef").unwrap();
        assert_eq!(cat.read_exact(3).unwrap(), b"abc");
        assert_eq!(cat.read_exact(3).unwrap(), b"def");
    }

    #[test]
    fn an_early_end_says_what_the_child_said() {
        let mut child =
            Piped::start(&Command::new("sh").args(["-c", "printf part; echo 'bad thing' >&2"])).unwrap();
        let error = child.read_until(b'\n').unwrap_err();
        assert_eq!(error.to_string(), "lost the connection to 'sh': bad thing");
    }

    #[test]
    fn it_is_ended_on_drop() {
        let cat = Piped::start(&Command::new("cat")).unwrap();
        let pid = cat.child.id();
        let started = crate::process::start_time(pid).unwrap();
        drop(cat);
        assert!(!crate::process::alive(pid, started));
    }
}
