//! Work that must not be lost: attempts, rescued worktrees, candidates of the queue. A ref each, from the first moment.

use crate::git::refs::Expected;
use crate::git::refs_many::RefChange;
use crate::task::id::{CommitId, TaskId, TreeId};

use super::journal::Store;
use super::{StoreError, layout};

/// Trailers of commits that only the queue makes: landings, and tries of a change without another.
const CANDIDATE_TRAILERS: [&str; 2] = ["Orch-Nonce", "Orch-Try"];

impl Store {
    /// Keeps the work of a task's attempt; returns its number. The same work is not kept twice.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn keep_attempt(&self, id: &TaskId, work: &CommitId) -> Result<u32, StoreError> {
        let kept = self.attempts(id)?;
        if let Some((number, _)) = kept.iter().find(|(_, commit)| commit == work) {
            return Ok(*number);
        }
        let mut number = kept.last().map_or(1, |(number, _)| number + 1);
        while self.swap(&layout::attempt_ref(id, number), Expected::Absent, work, "attempt")?.is_some() {
            number += 1;
        }
        Ok(number)
    }

    /// Keeps the first attempts of many tasks.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn keep_attempts(&self, works: &[(TaskId, CommitId)]) -> Result<(), StoreError> {
        let names: Vec<String> = works.iter().map(|(id, _)| layout::attempt_ref(id, 1)).collect();
        let first: Vec<RefChange<'_>> = works
            .iter()
            .zip(&names)
            .map(|((_, work), name)| RefChange { name, expected: Expected::Absent, new: Some(work) })
            .collect();
        if works.len() > 1 && self.swap_all(&first, "attempt")? {
            return Ok(());
        }
        // A task of that name was there before.
        works.iter().try_for_each(|(id, work)| self.keep_attempt(id, work).map(|_| ()))
    }

    /// The attempts of a task that are kept, by number.
    pub(crate) fn attempts(&self, id: &TaskId) -> Result<Vec<(u32, CommitId)>, StoreError> {
        let prefix = format!("{}{id}/", layout::ATTEMPTS);
        let listing = self.repo.list(&prefix)?;
        let number = |name: &str| name.strip_prefix(&prefix)?.parse().ok();
        let mut found: Vec<(u32, CommitId)> =
            listing.refs.into_iter().filter_map(|(name, tip)| Some((number(&name)?, tip))).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Keeps work that belongs to no task any more; returns the ref.
    pub(crate) fn rescue(&self, name: &str, work: &CommitId) -> Result<String, StoreError> {
        for number in 1_u32.. {
            let full = layout::rescue_ref(&format!("{name}/{number}"));
            match self.swap(&full, Expected::Absent, work, "rescue")? {
                None => return Ok(full),
                Some(Some(found)) if found == *work => return Ok(full),
                Some(_) => {}
            }
        }
        Err(self.locked(&layout::rescue_ref(name)))
    }

    /// Keeps a candidate of the queue from gc while it is undecided.
    pub(crate) fn keep_candidate(&self, tree: &TreeId, commit: &CommitId) -> Result<(), StoreError> {
        let name = layout::candidate_ref(tree);
        match self.repo.tip(&name)? {
            Some(kept) if kept == *commit => Ok(()),
            Some(kept) => self.swap(&name, Expected::At(&kept), commit, "candidate").map(|_| ()),
            None => self.swap(&name, Expected::Absent, commit, "candidate").map(|_| ()),
        }
    }

    /// Drops the refs of all candidates; their verdicts stay. A ref of that name whose commit is none of ours stays too.
    pub(crate) fn drop_candidates(&self) -> Result<(), StoreError> {
        for (name, commit) in self.repo.list(layout::CANDIDATES)?.refs {
            // One that git gc took, in the moment in which it was kept, breaks every later gc.
            let gone = !self.repo.has_object(&commit)?;
            let trailers = if gone { Vec::new() } else { self.repo.read_commit(&commit)?.trailers };
            if !gone && !trailers.iter().any(|(key, _)| CANDIDATE_TRAILERS.contains(&key.as_str())) {
                continue;
            }
            let _ = self.delete(&name, &commit)?;
        }
        Ok(())
    }
}
