//! Why something could not be stored or read.

use crate::git::GitError;
use crate::git::stale::HeldLock;
use crate::task::id::{CommitId, TaskId, shown};
use crate::task::{Refused, State};

use super::record::RecordError;

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{name} at {}", commit.short())]
    Record { name: String, commit: CommitId, source: RecordError },
    /// The transition table says no.
    #[error("{id}: {refused}")]
    Refused { id: TaskId, refused: Refused, state: Box<State> },
    #[error("no journal can begin so: {0}")]
    NotBegun(Refused),
    #[error("no task '{0}'")]
    NoTask(TaskId),
    #[error("task '{0}' exists")]
    Exists(TaskId),
    /// Others changed it again and again while this change was tried.
    #[error("{name} was changed by others {tries} times in a row")]
    Contended { name: String, tries: u32 },
    /// Another program holds the lock for longer than any of ours would.
    #[error("the lock of {name} is held by another program{}", told(lock.as_ref()))]
    Locked { name: String, lock: Option<HeldLock> },
    #[error("could not {doing} {path}")]
    File { doing: &'static str, path: String, source: std::io::Error },
}

fn told(lock: Option<&HeldLock>) -> String {
    let Some(HeldLock { file, age }) = lock else { return String::new() };
    let age = match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    };
    format!(": {}, {age} old", shown(&file.display().to_string()))
}

/// An error with all its causes in one line.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(err), |err| err.source());
    let mut texts: Vec<String> = Vec::new();
    for text in causes.map(ToString::to_string) {
        // Transparent errors say what their source says.
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
