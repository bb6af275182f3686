//! By what a file is known to be the one that was read before.

use std::fs::Metadata;
use std::path::Path;

/// Inode, size, time of change in seconds and nanoseconds, and nanoseconds of the status change, of a file.
pub(crate) type FileMark = (u64, u64, i64, i64, i64);

/// What changes when a file is replaced; `None` where there is none.
pub(crate) fn file_mark(path: &Path) -> Option<FileMark> {
    Some(mark_of(&path.metadata().ok()?))
}

/// What [`file_mark`] is of a file that was opened.
pub(crate) fn mark_of(found: &Metadata) -> FileMark {
    use std::os::unix::fs::MetadataExt;
    (found.ino(), found.size(), found.mtime(), found.mtime_nsec(), found.ctime_nsec())
}
