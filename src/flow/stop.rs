//! How another command asks a running `run` to stop softly: a file that the run looks for. Machine-local.

use std::path::PathBuf;

use crate::git::lock::Marked;

use super::{FlowError, Project};

/// The file's name below the machine-local folder.
const FILE: &str = "stop";

impl Project {
    fn stop_path(&self) -> PathBuf {
        self.local().join(FILE)
    }

    /// Whether a run of this clone goes on now.
    ///
    /// # Errors
    /// Its lock cannot be read.
    pub(crate) fn run_goes_on(&self) -> Result<bool, FlowError> {
        Ok(Marked::holder(&self.repo, super::run::LOCK)?.is_some())
    }

    /// Asks whichever `run` works in this clone to start nothing new and to end.
    ///
    /// # Errors
    /// The request cannot be written.
    pub(crate) fn ask_run_to_stop(&self, because: &str) -> Result<(), FlowError> {
        let path = self.stop_path();
        std::fs::create_dir_all(self.local()).map_err(FlowError::file("make", &self.local()))?;
        std::fs::write(&path, format!("{because}\n")).map_err(FlowError::file("write", &path))
    }

    /// Whether somebody asked the run to stop, and why.
    pub(crate) fn asked_to_stop(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.stop_path()).ok()?;
        Some(text.trim().to_owned())
    }

    /// Takes the request away: a run does so as it begins and as it ends.
    ///
    /// # Errors
    /// The request cannot be removed.
    pub(crate) fn forget_stop(&self) -> Result<(), FlowError> {
        match std::fs::remove_file(self.stop_path()) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                Err(FlowError::file("remove", &self.stop_path())(err))
            }
            _ => Ok(()),
        }
    }
}
