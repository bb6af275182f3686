//! What git does not see in a folder: pipes, sockets and devices. `git clean` leaves them, and whoever writes to a pipe that
//! nobody reads waits for ever.

use std::path::{Path, PathBuf};

/// Removes them below a folder, but for what is below one of `keep`. What cannot be removed is left: it is looked at no
/// more often than the folder is used.
pub(super) fn sweep_unseen(folder: &Path, keep: &[String]) {
    let kept: Vec<PathBuf> = keep.iter().map(|path| folder.join(path.trim_matches('/'))).collect();
    sweep(folder, &kept);
}

fn sweep(folder: &Path, kept: &[PathBuf]) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        if kept.contains(&path) {
            continue;
        }
        if kind.is_dir() {
            sweep(&path, kept);
        } else if !kind.is_file()
            && !kind.is_symlink()
            && let Err(err) = std::fs::remove_file(&path)
        {
            tracing::debug!(path = %path.display(), %err, "what is no file stays in a test slot");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_go_and_files_links_and_what_is_kept_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("a/b")).unwrap();
        std::fs::create_dir_all(path("target")).unwrap();
        std::fs::write(path("a/file"), "x").unwrap();
        std::os::unix::fs::symlink("/nowhere", path("a/link")).unwrap();
        for name in ["a/b/socket", "socket", "target/socket"] {
            drop(std::os::unix::net::UnixListener::bind(path(name)).unwrap());
        }
        sweep_unseen(folder.path(), &["/target/".to_owned()]);
        let there = |name: &str| path(name).symlink_metadata().is_ok();
        assert!(!there("a/b/socket") && !there("socket"));
        assert!(there("a/file") && there("a/link") && there("target/socket"));
    }
}
