//! Paths of a sandbox, here and as the program in it finds them.

use crate::process::ProcessError;
use std::path::Path;

/// The folder under which a program in bubblewrap finds the sockets that were made for it.
pub(crate) const SOCKETS: &str = "/run/git-orch";

/// Name of the file that stands in for one of `replaced`.
pub(super) fn replacement(number: usize) -> String {
    format!("replaced-{number}")
}

pub(super) fn text(path: &Path) -> Result<String, ProcessError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ProcessError::NotText(path.to_owned()))
}
