//! The merge slot and the landing: the one place where a base branch moves.

use super::lock::{Held, Marked};
use super::refs::{Expected, Swap};
use super::{GitError, Repo};
use crate::task::id::{CommitId, TreeId};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

/// Proof that this process is the only one of this machine that lands. Across machines the compare-and-swap decides.
#[derive(Debug)]
pub(crate) struct MergeSlot<'repo> {
    lock: Mutex<Marked>,
    repo: PhantomData<&'repo Repo>,
}

/// A commit whose tree is the one that was decided about: by a verdict on it, or where landings commute, by verdicts on its
/// parts.
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

const NAME: &str = "queue.lock";

impl<'repo> MergeSlot<'repo> {
    /// Takes the slot to land; `Err(Held)` inside says who has it.
    pub(crate) fn take(repo: &'repo Repo) -> Result<Result<MergeSlot<'repo>, Held>, GitError> {
        let taken = Marked::take(repo, NAME)?;
        Ok(taken.map(|lock| MergeSlot { lock: Mutex::new(lock), repo: PhantomData }))
    }

    /// Takes the slot to end what a landing left: whoever wants to land meanwhile waits.
    pub(crate) fn take_briefly(repo: &'repo Repo) -> Result<Result<MergeSlot<'repo>, Held>, GitError> {
        let taken = Marked::take_briefly(repo, NAME)?;
        Ok(taken.map(|lock| MergeSlot { lock: Mutex::new(lock), repo: PhantomData }))
    }

    /// Takes the slot again where somebody removed its file; `Err(Held)` inside says who was faster.
    ///
    /// # Errors
    /// The lock file cannot be used.
    pub(crate) fn keep(&self, repo: &Repo) -> Result<Result<(), Held>, GitError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_there(repo, NAME)? {
            return Ok(Ok(()));
        }
        Ok(Marked::take(repo, NAME)?.map(|taken| *lock = taken))
    }

    /// Whether a process of this machine has the slot to land.
    pub(crate) fn is_held(repo: &Repo) -> Result<bool, GitError> {
        Ok(Marked::holder(repo, NAME)?.is_some())
    }
}

impl Tested {
    /// Binds a commit to the tree that was decided about.
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
        assert!(MergeSlot::take(repo).unwrap().is_ok());
    }
}
