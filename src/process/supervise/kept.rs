//! How a job ended, on the disk: the supervisor outlives an orchestrator that was killed, and nobody else knows it then.

use super::{Outcome, wire};
use crate::process::ProcessError;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long whoever asks waits for a supervisor that still cleans up.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// The file of a job that is going on: its lock lives as long as its supervisor.
pub(super) struct Kept {
    file: File,
    path: PathBuf,
}

impl Kept {
    /// Makes the file, and holds it.
    pub(super) fn begin(path: &Path) -> Result<Kept, ProcessError> {
        let failed = |source| ProcessError::Log { path: path.to_owned(), source };
        let file = File::create_new(path).map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| failed(errno.into()))?;
        Ok(Kept { file, path: path.to_owned() })
    }

    /// Writes the outcome, and waits until it is on the disk.
    pub(super) fn end(mut self, outcome: &Outcome) -> Result<(), ProcessError> {
        let line = wire::reply_line(&Ok(outcome.clone()));
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_all());
        written.map_err(|source| ProcessError::Log { path: self.path.clone(), source })
    }
}

/// How the job ended whose [`Terms::outcome`](super::Terms::outcome) this file was; waits for a supervisor that still
/// cleans up. `None` where there is no whole answer in it: the supervisor was killed as well. Where it has not begun yet,
/// the file is made, and it will not begin any more.
///
/// # Errors
/// The file cannot be made or read.
pub(crate) fn kept_outcome(path: &Path) -> Result<Option<Outcome>, ProcessError> {
    let failed = |source| ProcessError::Log { path: path.to_owned(), source };
    let file = match File::create_new(path) {
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => File::open(path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    };
    let mut waited = Duration::ZERO;
    while flock(&file, FlockOperation::NonBlockingLockShared).is_err() {
        if waited > PATIENCE {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
        waited += PAUSE;
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(wire::read_reply(&text).and_then(Result::ok))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Ended;

    #[test]
    fn an_outcome_is_there_once_its_supervisor_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended");
        assert_eq!(kept_outcome(&path).unwrap(), None);
        assert!(Kept::begin(&path).is_err(), "it is given up");
        std::fs::remove_file(&path).unwrap();
        let kept = Kept::begin(&path).unwrap();
        assert!(Kept::begin(&path).is_err());
        let outcome =
            Outcome { ended: Ended::Exited(3), seconds: 1.5, dropped: 0, swept: 1, requests: 0, pid: 7 };
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| kept_outcome(&path).unwrap());
            std::thread::sleep(Duration::from_millis(30));
            kept.end(&outcome).unwrap();
            assert_eq!(asked.join().unwrap(), Some(outcome.clone()));
        });
        std::fs::write(&path, "{\"outcome\":{\"ended\":").unwrap();
        assert_eq!(kept_outcome(&path).unwrap(), None);
    }
}
