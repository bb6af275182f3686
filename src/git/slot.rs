//! The merge slot and the landing: the one place where a base branch moves.

use super::refs::{Expected, Swap};
use super::{GitError, Repo, lock};
use crate::task::id::{CommitId, Seconds, TreeId};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::io::{Seek, Write};
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Proof that this process is the only one of this machine that lands. Across machines the compare-and-swap decides.
#[derive(Debug)]
pub(crate) struct MergeSlot<'repo> {
    _lock: File,
    repo: PhantomData<&'repo Repo>,
}

/// Somebody else has the merge slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) pid: Option<u32>,
    pub(crate) since: Seconds,
}

/// A commit whose tree is the one a verdict was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tested {
    commit: CommitId,
    tree: TreeId,
}

/// What became of a landing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Landing {
    Landed,
    /// The base is no longer where the tested commit was composed on.
    Lost {
        found: Option<CommitId>,
    },
    /// Another writer holds the lock of the base's ref.
    Locked,
}

impl<'repo> MergeSlot<'repo> {
    /// Takes the slot; `Err(Held)` inside says who has it.
    pub(crate) fn take(repo: &'repo Repo) -> Result<Result<MergeSlot<'repo>, Held>, GitError> {
        let path = repo.local_path("queue.lock")?;
        let Some(mut file) = lock::try_lock(&path, FlockOperation::NonBlockingLockExclusive)? else {
            return Ok(Err(held(&path)?));
        };
        let pid = rustix::process::getpid().as_raw_nonzero();
        let write = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{pid}"));
        write.map_err(GitError::io("write", &path))?;
        Ok(Ok(MergeSlot { _lock: file, repo: PhantomData }))
    }
}

fn held(path: &Path) -> Result<Held, GitError> {
    let text = std::fs::read_to_string(path).map_err(GitError::io("read", path))?;
    let found = path.metadata().map_err(GitError::io("read", path))?;
    Ok(Held { pid: text.trim().parse().ok(), since: Seconds(found.mtime()) })
}

impl Tested {
    /// Binds a commit to the tree that a verdict was given for.
    ///
    /// # Errors
    /// Where the commit has another tree.
    pub(crate) fn new(commit: &CommitId, tree_of_verdict: &TreeId, repo: &Repo) -> Result<Tested, GitError> {
        if repo.tree_of(commit)? != *tree_of_verdict {
            return Err(GitError::OtherTree { commit: commit.clone() });
        }
        Ok(Tested { commit: commit.clone(), tree: tree_of_verdict.clone() })
    }

    pub(crate) fn commit(&self) -> &CommitId {
        &self.commit
    }
}

/// Moves the base branch from `expected` to the tested commit, and reads it back.
///
/// # Errors
/// Where the commit does not contain `expected`: that would take something off the base.
pub(crate) fn land(
    _slot: &MergeSlot<'_>,
    repo: &Repo,
    base_ref: &str,
    expected: &CommitId,
    tested: &Tested,
) -> Result<Landing, GitError> {
    let commit = &tested.commit;
    if !repo.is_ancestor(expected, commit)? {
        return Err(GitError::NotForward { commit: commit.clone(), expected: expected.clone() });
    }
    // Composed trees and agents' commits were written by git without a sync.
    repo.sync_reachable(commit, expected)?;
    match repo.swap(base_ref, Expected::At(expected), commit, "orch: land")? {
        Swap::Done => read_back(repo, base_ref, commit),
        Swap::Lost { found } => Ok(Landing::Lost { found }),
        Swap::Locked => Ok(Landing::Locked),
    }
}

fn read_back(repo: &Repo, base_ref: &str, commit: &CommitId) -> Result<Landing, GitError> {
    let found = repo.tip(base_ref)?;
    match &found {
        // Somebody may have gone on from there.
        Some(tip) if repo.is_ancestor(commit, tip)? => Ok(Landing::Landed),
        _ => Ok(Landing::Lost { found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn the_slot_is_held_once_and_lands_what_was_tested() {
        let sandbox = Sandbox::new();
        let (repo, first) = (&sandbox.repo, sandbox.main());
        let second = sandbox.commit_on(&first, &[("b", "b")]);
        let third = sandbox.commit_on(&first, &[("c", "c")]);
        let slot = MergeSlot::take(repo).unwrap().unwrap();
        let held = MergeSlot::take(repo).unwrap().unwrap_err();
        assert_eq!(held.pid, Some(std::process::id()));
        let tree = repo.tree_of(&second).unwrap();
        assert!(matches!(Tested::new(&third, &tree, repo), Err(GitError::OtherTree { .. })));
        let tested = Tested::new(&second, &tree, repo).unwrap();
        assert_eq!(land(&slot, repo, "refs/heads/main", &first, &tested).unwrap(), Landing::Landed);
        let late = Tested::new(&third, &repo.tree_of(&third).unwrap(), repo).unwrap();
        let lost = land(&slot, repo, "refs/heads/main", &first, &late).unwrap();
        assert_eq!(lost, Landing::Lost { found: Some(second.clone()) });
        let backwards = land(&slot, repo, "refs/heads/main", &second, &late);
        assert!(matches!(backwards, Err(GitError::NotForward { .. })));
        drop(slot);
        // A program that another test starts in this moment has the lock's descriptor until its exec.
        let free = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            MergeSlot::take(repo).unwrap().is_ok()
        });
        assert!(free);
    }
}
