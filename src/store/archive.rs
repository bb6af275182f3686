//! Finished tasks: one tree with a folder each, in one ref. Their journals stay reachable as parents.

use crate::git::objects::TreeEdit;
use crate::git::refs::Expected;
use crate::git::refs_many::RefChange;
use crate::task::Task;
use crate::task::id::{CommitId, Seconds, TaskId};

use super::journal::{Op, Store, Stored, pause};
use super::{StoreError, layout};

/// How often the archive's swap is tried.
const TRIES: u32 = 64;

impl Store {
    /// Moves finished tasks from their own refs into the archive. First the archive, then the refs: a crash between
    /// leaves a task in both, and its own ref counts.
    ///
    /// # Errors
    /// Git fails, or others wrote the archive too often in a row.
    pub(crate) fn archive(&self, op: &Op, finished: &[Stored]) -> Result<(), StoreError> {
        // A crash may have left the archive written and the journal's own ref in place.
        let mut missing = Vec::new();
        for stored in finished {
            if self.archived(&stored.task.id)?.is_none_or(|archived| archived.tip != stored.tip) {
                missing.push(stored.clone());
            }
        }
        if missing.is_empty() {
            return self.drop_journals(finished);
        }
        for round in 0..TRIES {
            let old = self.repo.tip(layout::ARCHIVE)?;
            let new = self.archive_commit(op, old.as_ref(), &missing)?;
            let expected = old.as_ref().map_or(Expected::Absent, Expected::At);
            if self.swap(layout::ARCHIVE, expected, &new, "archive")?.is_none() {
                return self.drop_journals(finished);
            }
            pause(round);
        }
        Err(StoreError::Contended { name: layout::ARCHIVE.to_owned(), tries: TRIES })
    }

    fn drop_journals(&self, archived: &[Stored]) -> Result<(), StoreError> {
        let names: Vec<String> = archived.iter().map(|stored| layout::task_ref(&stored.task.id)).collect();
        let gone: Vec<RefChange<'_>> = archived
            .iter()
            .zip(&names)
            .map(|(stored, name)| RefChange { name, expected: Expected::At(&stored.tip), new: None })
            .collect();
        let all = archived.len() > 1 && self.swap_all(&gone, "archive")?;
        for (stored, name) in archived.iter().zip(&names) {
            if !all {
                // Lost means that somebody reopened it meanwhile: then it stays open.
                let _ = self.delete(name, &stored.tip)?;
            }
            self.forget(&stored.task.id)?;
        }
        Ok(())
    }

    pub(super) fn archive_commit(
        &self,
        op: &Op,
        old: Option<&CommitId>,
        finished: &[Stored],
    ) -> Result<CommitId, StoreError> {
        let old = old.map(|old| self.repo.read_commit(old)).transpose()?;
        let mut at = old.as_ref().map_or(op.at, |old| old.committer_time.max(op.at));
        let mut trees = Vec::new();
        let mut parents: Vec<CommitId> = old.iter().map(|old| old.id.clone()).collect();
        for stored in finished {
            let tip = self.repo.read_commit(&stored.tip)?;
            at = at.max(tip.committer_time);
            trees.push((stored.task.id.to_string(), tip.tree));
            parents.push(stored.tip.clone());
        }
        let edits: Vec<TreeEdit<'_>> =
            trees.iter().map(|(path, tree)| TreeEdit::Graft { path: path.clone(), tree }).collect();
        let tree = self.repo.edit_tree(old.as_ref().map(|old| &old.tree), &edits)?;
        let names: Vec<&str> = finished.iter().map(|stored| stored.task.id.as_str()).collect();
        let mut message = format!("archive {}\n\n", names.join(", "));
        for name in names {
            message.push_str(&format!("Orch-Task: {name}\n"));
        }
        message.push_str(&format!("Orch-Op: {}\n", op.id));
        self.commit(tree, parents, "git-orch", at, message)
    }

    /// Takes a finished task out of the archive's keeping: its journal goes on with `events` under its own ref again.
    ///
    /// # Errors
    /// An event is refused, or the task is open already.
    pub(crate) fn reopen(
        &self,
        op: &Op,
        actor: &crate::task::Actor,
        archived: &Stored,
        events: &[crate::task::Event],
    ) -> Result<Stored, StoreError> {
        let next = self.prepare(op, actor, archived, events)?;
        let id = &next.task.id;
        match self.swap(&layout::task_ref(id), Expected::Absent, &next.tip, "reopen")? {
            None => {
                self.remember(id, &next.tip)?;
                Ok(next)
            }
            Some(_) => Err(StoreError::Exists(id.clone())),
        }
    }

    /// A finished task without its journal, which takes a walk to find.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub(crate) fn archived_task(&self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        let Some(tip) = self.repo.tip(layout::ARCHIVE)? else { return Ok(None) };
        let folder = format!("{id}/");
        if self.repo.read_file(&tip, &format!("{folder}task.json"))?.is_none() {
            return Ok(None);
        }
        self.task_at(&tip, &folder, layout::ARCHIVE).map(Some)
    }

    /// A finished task.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub(crate) fn archived(&self, id: &TaskId) -> Result<Option<Stored>, StoreError> {
        match self.repo.tip(layout::ARCHIVE)? {
            Some(tip) => self.archived_at(&tip, id),
            None => Ok(None),
        }
    }

    /// A finished task, as one commit of the archive has it.
    pub(super) fn archived_at(&self, archive: &CommitId, id: &TaskId) -> Result<Option<Stored>, StoreError> {
        let folder = format!("{id}/");
        if self.repo.read_file(archive, &format!("{folder}task.json"))?.is_none() {
            return Ok(None);
        }
        let task = self.task_at(archive, &folder, layout::ARCHIVE)?;
        let journal = self.journal_of_archived(archive, id)?.unwrap_or_else(|| archive.clone());
        Ok(Some(Stored { task, tip: journal }))
    }

    /// The last tip of an archived task's journal: the newest parent of the archive that has its trailer.
    fn journal_of_archived(&self, archive: &CommitId, id: &TaskId) -> Result<Option<CommitId>, StoreError> {
        let mut next = Some(archive.clone());
        while let Some(commit) = next {
            let commit = self.repo.read_commit(&commit)?;
            let tasks = commit.trailers.iter().filter(|(key, _)| key == "Orch-Task");
            let Some(place) = tasks.map(|(_, value)| value).position(|value| value == id.as_str()) else {
                next = commit.parents.first().cloned();
                continue;
            };
            let members = commit.trailers.iter().filter(|(key, _)| key == "Orch-Task").count();
            let first = commit.parents.len() - members;
            return Ok(commit.parents.get(first + place).cloned());
        }
        Ok(None)
    }

    /// Names of all finished tasks.
    pub(crate) fn archived_ids(&self) -> Result<Vec<TaskId>, StoreError> {
        let Some(tip) = self.repo.tip(layout::ARCHIVE)? else { return Ok(Vec::new()) };
        let names = self.repo.list_folder(&tip, "")?;
        Ok(names.iter().filter_map(|(name, _)| TaskId::parse(name).ok()).collect())
    }

    /// The newest finished task that landed, and as which commit.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub(crate) fn newest_landing(&self) -> Result<Option<(TaskId, CommitId)>, StoreError> {
        let mut next = self.repo.tip(layout::ARCHIVE)?;
        while let Some(id) = next {
            let commit = self.repo.read_commit(&id)?;
            if commit.trailers.iter().any(|(key, _)| key == "Orch-State") {
                break; // a journal: the first archive commit has no archive before it
            }
            // Those of one landing are in the order of their commits.
            for (_, value) in commit.trailers.iter().rev().filter(|(key, _)| key == "Orch-Task") {
                let Ok(task) = TaskId::parse(value) else { continue };
                if self.repo.read_file(&id, &format!("{task}/task.json"))?.is_none() {
                    continue;
                }
                let found = self.task_at(&id, &format!("{task}/"), layout::ARCHIVE)?;
                if let crate::task::State::Completed { landed, .. } = found.state {
                    return Ok(Some((task, landed)));
                }
            }
            next = commit.parents.first().cloned();
        }
        Ok(None)
    }

    /// Finished tasks that were archived at or after `since`, newest first, as (id, archive time).
    pub(crate) fn archived_since(&self, since: Seconds) -> Result<Vec<(TaskId, Seconds)>, StoreError> {
        let Some(tip) = self.repo.tip(layout::ARCHIVE)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next {
            let commit = self.repo.read_commit(&id)?;
            // The first archive commit has no archive before it: its first parent is a journal.
            let journal = commit.trailers.iter().any(|(key, _)| key == "Orch-State");
            if journal || commit.committer_time < since {
                break;
            }
            for (key, value) in &commit.trailers {
                if let (true, Ok(task)) = (key == "Orch-Task", TaskId::parse(value)) {
                    found.push((task, commit.committer_time));
                }
            }
            next = commit.parents.first().cloned();
        }
        Ok(found)
    }
}
