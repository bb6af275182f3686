//! One file that set-up touches: what becomes of it, and the doing of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::flow::FlowError;
use crate::git::Repo;

/// What becomes of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Changed,
    Kept,
    Removed,
}

/// One file, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) outcome: Outcome,
    /// As a person sees it: below the repository relative to it.
    pub(crate) shown: String,
    pub(crate) note: String,
    pub(super) actions: Vec<Action>,
}

/// One change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Write { path: PathBuf, bytes: Vec<u8>, executable: bool },
    Rename { from: PathBuf, to: PathBuf },
    Delete { path: PathBuf },
}

/// Does what was decided.
///
/// # Errors
/// A file cannot be written; what was done before stays, and a second call goes on.
pub(crate) fn apply(steps: &[Step]) -> Result<(), FlowError> {
    steps.iter().flat_map(|step| &step.actions).try_for_each(act)
}

fn act(action: &Action) -> Result<(), FlowError> {
    match action {
        Action::Write { path, bytes, executable } => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(FlowError::file("make", folder))?;
            }
            let failed = || FlowError::file("write", path);
            // A new file in its place: git or another init never sees half of it.
            let fresh = path.with_extension(format!("{}.tmp", crate::process::random_letters(8)));
            std::fs::write(&fresh, bytes).map_err(failed())?;
            let mode = match std::fs::metadata(path) {
                Ok(old) if !executable => old.permissions().mode(),
                _ => {
                    let made = std::fs::metadata(&fresh).map_err(failed())?.permissions().mode();
                    // Whoever may read it may run it.
                    if *executable { made | ((made & 0o444) >> 2) } else { made }
                }
            };
            std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(mode)).map_err(failed())?;
            std::fs::rename(&fresh, path).map_err(failed())
        }
        Action::Rename { from, to } => std::fs::rename(from, to).map_err(FlowError::file("rename", from)),
        Action::Delete { path } => std::fs::remove_file(path).map_err(FlowError::file("remove", path)),
    }
}

pub(super) fn shown_path(repo: &Repo, path: &Path) -> String {
    path.strip_prefix(repo.main_worktree()).unwrap_or(path).display().to_string()
}

pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, FlowError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(FlowError::file("read", path)(err)),
    }
}

/// As [`read`], but a link that leads nowhere is something too.
pub(super) fn read_any(path: &Path) -> Result<Option<Vec<u8>>, FlowError> {
    let found = read(path)?;
    Ok(found.or_else(|| path.symlink_metadata().is_ok().then(Vec::new)))
}
