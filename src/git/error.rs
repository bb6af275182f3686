//! What can go wrong in git. Outcomes that a caller expects, such as a lost race, are no errors: see the result enums.

use crate::process::ProcessError;
use crate::task::id::{CommitId, shown};
use std::path::{Path, PathBuf};

/// Any failure below us, as gix gives it: its display is only the outermost context, the reason is in the chain.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why something in git did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git {args} could not be started")]
    Start { args: String, source: ProcessError },
    /// It hung, and was ended.
    #[error("git {args} gave no answer within {seconds} seconds")]
    Silent { args: String, seconds: u64 },
    #[error("git {args} failed ({status}): {stderr}")]
    Failed { args: String, status: i32, stderr: String },
    #[error("git {args} gave an answer that is not understood: {answer}")]
    Answer { args: String, answer: String },
    #[error("could not {doing}")]
    Gix { doing: String, source: Cause },
    #[error("could not {doing} {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("'{}' is no valid ref name", shown(.0))]
    BadRefName(String),
    #[error("the ref '{}' cannot be read: its file is broken", shown(.0))]
    BrokenRef(String),
    #[error("'{}' is no path inside a tree", shown(.0))]
    BadPath(String),
    #[error("{what} has {size} bytes, the limit is {limit}")]
    TooLarge { what: String, size: u64, limit: u64 },
    #[error("'{}' is a repository of its own inside the worktree", shown(.folder))]
    NestedRepository { folder: String },
    /// Its files cannot be stored: a name that no checkout may hold, or a file that cannot be read.
    #[error("the files in the worktree cannot be committed: {why}")]
    Unstageable { why: String },
    #[error("{} is no worktree of this repository", .0.display())]
    NoWorktree(PathBuf),
    #[error("the worktree {} is on no branch", .0.display())]
    Detached(PathBuf),
    #[error("the branch '{}' was moved by somebody else meanwhile", shown(.0))]
    BranchMoved(String),
    #[error("a branch '{}' exists already", shown(.0))]
    BranchExists(String),
    #[error("{commit} does not contain {expected}, that it should be put onto")]
    NotForward { commit: CommitId, expected: CommitId },
    #[error("{commit} does not have the tree that was tested")]
    OtherTree { commit: CommitId },
    #[error("'{}' was changed by others {tries} times in a row", shown(.name))]
    Contended { name: String, tries: u32 },
}

impl GitError {
    /// Whether git refused to point a ref at an object that is gone: `git gc --prune=now` takes what nothing points at yet.
    pub(crate) fn lacks_object(&self) -> bool {
        matches!(self, GitError::Failed { stderr, .. } if stderr.contains("nonexistent object"))
    }

    /// Wraps a failure of gix with what was tried.
    pub(super) fn gix<E: Into<Cause>>(doing: impl Into<String>) -> impl FnOnce(E) -> GitError {
        let doing = doing.into();
        move |source| GitError::Gix { doing, source: source.into() }
    }

    /// Wraps a failure of the file system with what was tried, on what.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> GitError {
        let path = path.to_owned();
        move |source| GitError::Io { doing, path, source }
    }
}
