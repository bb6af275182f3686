//! Journals and archives that two clones wrote at the same time, made one again: ours on top of theirs.
//!
//! The remote only takes fast-forwards, so theirs is what stays; `task::join` says what of ours goes on top.

use std::collections::BTreeSet;

use crate::task::id::{CommitId, TaskId};
use crate::task::join::{Join, join};

use super::journal::{Op, Store, Stored};
use super::{StoreError, layout};

/// The archive that continues theirs with what only we knew.
pub(crate) struct Archives {
    pub(crate) tip: CommitId,
    /// Journals of ours that say something else than theirs.
    pub(crate) apart: Vec<Stored>,
}

impl Store {
    /// The journal that continues `theirs` with what only `ours` knows: `theirs` itself where that is nothing. `None`
    /// where both cannot have happened.
    ///
    /// # Errors
    /// A journal cannot be read, or git fails.
    pub(crate) fn join_journals(
        &self,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(fork) = self.repo.merge_base(ours, theirs)? else { return Ok(None) };
        let mut before = self.task_of_commit(&fork)?;
        let mut joined = Stored { task: self.task_of_commit(theirs)?, tip: theirs.clone() };
        for (commit, record) in self.events_between(&fork, ours)? {
            let (event, actor, at) = (record.event, record.actor, record.at);
            match join(&before, &joined.task, &event, &actor, at) {
                Join::Known => {}
                Join::Append => {
                    let op = Op { id: record.op, at };
                    joined = self.prepare(&op, &actor, &joined, std::slice::from_ref(&event))?;
                }
                Join::Conflict => return Ok(None),
            }
            before = self.task_of_commit(&commit)?;
        }
        Ok(Some(joined))
    }

    /// Whether a journal at `tip` says nothing that the archive's journal of this task does not know.
    ///
    /// # Errors
    /// A journal cannot be read, or git fails.
    pub(crate) fn is_settled(&self, id: &TaskId, tip: &CommitId) -> Result<bool, StoreError> {
        match self.archived(id)? {
            Some(archived) => self.knows(&archived.tip, tip),
            None => Ok(false),
        }
    }

    /// Whether `tip` adds nothing to what `journal` says.
    fn knows(&self, journal: &CommitId, tip: &CommitId) -> Result<bool, StoreError> {
        if self.repo.is_ancestor(tip, journal)? {
            return Ok(true);
        }
        if self.repo.is_ancestor(journal, tip)? {
            return Ok(false); // it was reopened since
        }
        Ok(self.join_journals(tip, journal)?.is_some_and(|joined| joined.tip == *journal))
    }

    /// Archives our finished tasks on top of their archive.
    ///
    /// # Errors
    /// An archive cannot be read, or git fails.
    pub(crate) fn join_archives(
        &self,
        op: &Op,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<Archives, StoreError> {
        let (mut missing, mut apart, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut next = Some(ours.clone());
        while let Some(id) = next {
            if self.repo.is_ancestor(&id, theirs)? {
                break;
            }
            let commit = self.repo.read_commit(&id)?;
            let members: Vec<TaskId> = commit
                .trailers
                .iter()
                .filter(|(key, _)| key == "Orch-Task")
                .filter_map(|(_, value)| TaskId::parse(value).ok())
                .collect();
            // The first archive commit has no archive before it, only journals.
            let first = commit.parents.len().saturating_sub(members.len());
            for (task, tip) in members.into_iter().zip(&commit.parents[first..]) {
                if !seen.insert(task.clone()) {
                    continue; // a newer one of ours was looked at
                }
                let own = Stored { task: self.task_of_commit(tip)?, tip: tip.clone() };
                match self.archived_at(theirs, &task)? {
                    None => missing.push(own),
                    Some(known) if self.knows(&known.tip, tip)? => {}
                    Some(known) if self.repo.is_ancestor(&known.tip, tip)? => missing.push(own),
                    Some(_) => apart.push(own),
                }
            }
            next = commit.parents.first().filter(|_| first > 0).cloned();
        }
        missing.reverse(); // the oldest first
        let tip = if missing.is_empty() {
            theirs.clone()
        } else {
            self.archive_commit(op, Some(theirs), &missing)?
        };
        Ok(Archives { tip, apart })
    }

    /// Drops the refs of journals that another clone finished. Returns what they were.
    ///
    /// # Errors
    /// A journal cannot be read, or git fails.
    pub(crate) fn drop_settled(&self) -> Result<Vec<Stored>, StoreError> {
        let archived: BTreeSet<TaskId> = self.archived_ids()?.into_iter().collect();
        let mut dropped = Vec::new();
        for (name, tip) in self.repo.list(layout::TASKS)?.refs {
            let Some(id) = layout::task_of_ref(&name).filter(|id| archived.contains(id)) else { continue };
            if !self.is_settled(&id, &tip)? {
                continue;
            }
            let task = self.task_of_commit(&tip)?;
            if self.delete(&name, &tip)?.is_none() {
                self.forget(&id)?;
                dropped.push(Stored { task, tip });
            }
        }
        Ok(dropped)
    }
}
