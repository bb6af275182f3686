//! One long-lived program that is asked and answers.

use super::short::{Command, ProcessError};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// A running program with its input and output; killed when dropped.
#[derive(Debug)]
pub(crate) struct Piped {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Piped {
    /// Starts the program.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(command: &Command) -> Result<Piped, ProcessError> {
        let failed = |source| ProcessError::Run { program: command.program.clone(), source };
        let mut child =
            command.prepared().stdin(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        Ok(Piped { child, input, output: BufReader::new(output) })
    }

    /// Sends bytes to it.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.write_all(bytes)?;
        self.input.flush()
    }

    /// Reads up to and without `end`; an end of the output before that is an error.
    pub(crate) fn read_until(&mut self, end: u8) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.output.read_until(end, &mut bytes)?;
        if bytes.pop() == Some(end) { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
