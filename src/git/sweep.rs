//! Removes folders whose makers forbid it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Lets folders below one be emptied: what a test or an agent wrote may forbid it (Go's module cache does).
pub(super) fn make_removable(folder: &Path) {
    let Ok(found) = folder.symlink_metadata() else { return };
    if !found.is_dir() {
        return;
    }
    let _ =
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(found.permissions().mode() | 0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        make_removable(&entry.path());
    }
}

/// Removes a folder that nobody misses; what is left of it goes at the next start.
pub(super) fn sweep_folder(path: &Path) {
    let removed = std::fs::remove_dir_all(path).or_else(|_| {
        make_removable(path);
        std::fs::remove_dir_all(path)
    });
    if let Err(err) = removed {
        tracing::debug!(path = %path.display(), %err, "a removed worktree is not gone yet");
    }
}

/// Removes all that is in a folder, but for what is below one of `kept`; links go, what they lead to stays.
///
/// # Errors
/// Something in it cannot be removed.
pub(super) fn empty_folder(folder: &Path, kept: &[PathBuf]) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if kept.contains(&path) {
            continue;
        }
        if !entry.file_type()?.is_dir() {
            std::fs::remove_file(&path)?;
        } else if kept.iter().any(|kept| kept.starts_with(&path)) {
            empty_folder(&path, kept)?;
        } else {
            std::fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}
