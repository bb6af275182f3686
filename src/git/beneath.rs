//! Files that are written into a folder in which somebody else may have put links: no link is followed, so nothing is
//! written outside of the folder.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

/// Writes a file at `name` below `folder`, in the place of a file or a link that stands there.
///
/// # Errors
/// A link or a file where `name` needs a folder, a folder in its place, or the file system refuses.
pub(crate) fn replace(folder: &Path, name: &Path, bytes: &[u8], executable: bool) -> Result<()> {
    let (parent, last) = parent_of(folder, name)?;
    match unlinkat(&parent, last, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(err) => return Err(err.into()),
    }
    let mode = if executable { 0o777 } else { 0o666 };
    create(&parent, last, mode)?.write_all(bytes)
}

/// Copies a file to `name` below `folder`, with its permissions. False where something stands there already.
///
/// # Errors
/// A link or a file where `name` needs a folder, `from` cannot be read, or the file system refuses.
pub(crate) fn copy_new(from: &Path, folder: &Path, name: &Path) -> Result<bool> {
    let mut source = File::open(from)?;
    let (parent, last) = parent_of(folder, name)?;
    let mut copy = match create(&parent, last, 0o600) {
        Ok(copy) => copy,
        Err(err) if err.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(err) => return Err(err),
    };
    std::io::copy(&mut source, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(source.metadata()?.permissions().mode() & 0o777))?;
    Ok(true)
}

/// Whether one of these failed because a link, or a file, stands where a folder is needed.
pub(crate) fn is_link(err: &Error) -> bool {
    [Errno::LOOP, Errno::NOTDIR].iter().any(|errno| err.raw_os_error() == Some(errno.raw_os_error()))
}

/// The folder that `name` is in, opened part by part and made where it is missing, and the last part.
fn parent_of<'n>(folder: &Path, name: &'n Path) -> Result<(OwnedFd, &'n OsStr)> {
    let outside = || Error::new(ErrorKind::InvalidInput, "the path leads out of its folder");
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts: Vec<&OsStr> = Vec::new();
    for part in name.components() {
        let Component::Normal(part) = part else { return Err(outside()) };
        parts.push(part);
    }
    let last = parts.pop().ok_or_else(outside)?;
    let mut parent = openat(CWD, folder, open, Mode::empty())?;
    for part in parts {
        match mkdirat(&parent, part, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(err) => return Err(err.into()),
        }
        parent = openat(&parent, part, open, Mode::empty())?;
    }
    Ok((parent, last))
}

/// A new file; one that is there, a link as well, is an error.
fn create(parent: &OwnedFd, name: &OsStr, mode: u32) -> Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::from_raw_mode(mode))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_written_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let (folder, outside) = (place.path().join("in"), place.path().join("out"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(place.path().join("from"), "secret").unwrap();
        let from = place.path().join("from");
        symlink(&outside, folder.join("d")).unwrap();
        symlink(outside.join("new"), folder.join("f")).unwrap();
        let err = copy_new(&from, &folder, Path::new("d/x")).unwrap_err();
        assert!(is_link(&err), "{err}");
        assert!(!copy_new(&from, &folder, Path::new("f")).unwrap());
        assert!(is_link(&replace(&folder, Path::new("d/x"), b"x", false).unwrap_err()));
        for bad in ["../x", "/x", "a/../../x", ""] {
            assert!(replace(&folder, Path::new(bad), b"x", false).is_err(), "{bad}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        // The link itself makes room.
        replace(&folder, Path::new("f"), b"x", true).unwrap();
        let mode = |name: &str| folder.join(name).symlink_metadata().unwrap().permissions().mode();
        assert!(mode("f") & 0o111 != 0 && folder.join("f").symlink_metadata().unwrap().is_file());
        fs::set_permissions(&from, Permissions::from_mode(0o640)).unwrap();
        assert!(copy_new(&from, &folder, Path::new("deep/er/x")).unwrap());
        assert_eq!((mode("deep/er/x") & 0o777, fs::read_dir(&outside).unwrap().count()), (0o640, 0));
    }
}
