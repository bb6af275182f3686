//! From what a person typed to a task: an id, a unique prefix of one, or the branch it is made on.

use crate::store::{Stored, layout};
use crate::task::id::{BadId, TaskId, shown};

use super::{FlowError, Project};

/// A task that was found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Open(Stored),
    Finished(Stored),
}

impl Found {
    pub(crate) fn stored(&self) -> &Stored {
        match self {
            Found::Open(stored) | Found::Finished(stored) => stored,
        }
    }
}

impl Project {
    /// The task that `text` names, open or finished.
    ///
    /// # Errors
    /// No such task, or several whose ids begin so.
    pub(crate) fn find(&self, text: &str) -> Result<Found, FlowError> {
        match TaskId::parse(text) {
            Ok(id) => match self.exactly(&id)? {
                Some(found) => Ok(found),
                None => self.by_prefix(text),
            },
            Err(bad) => self.by_branch(text, bad),
        }
    }

    /// The open task that `text` names.
    ///
    /// # Errors
    /// As [`Project::find`]; a finished task is refused.
    pub(crate) fn find_open(&self, text: &str) -> Result<Stored, FlowError> {
        match self.find(text)? {
            Found::Open(stored) => Ok(stored),
            Found::Finished(stored) => Err(FlowError::Finished { id: stored.task.id.clone() }),
        }
    }

    fn exactly(&self, id: &TaskId) -> Result<Option<Found>, FlowError> {
        if let Some(stored) = self.store.load(id)? {
            let finished = stored.task.state.is_finished();
            return Ok(Some(if finished { Found::Finished(stored) } else { Found::Open(stored) }));
        }
        Ok(self.store.archived(id)?.map(Found::Finished))
    }

    fn by_prefix(&self, prefix: &str) -> Result<Found, FlowError> {
        let open = self.repo.list(&format!("{}{prefix}", layout::TASKS))?;
        let mut candidates: Vec<TaskId> =
            open.refs.iter().filter_map(|(name, _)| layout::task_of_ref(name)).collect();
        let archived = self.store.archived_ids()?;
        candidates.extend(archived.into_iter().filter(|id| id.as_str().starts_with(prefix)));
        candidates.sort();
        candidates.dedup();
        match candidates.as_slice() {
            [only] => self.exactly(only)?.ok_or_else(|| self.unknown(prefix)),
            [] => self.by_branch_name(prefix)?.ok_or_else(|| self.unknown(prefix)),
            _ => Err(FlowError::Ambiguous { prefix: prefix.to_owned(), candidates }),
        }
    }

    fn by_branch(&self, branch: &str, bad: BadId) -> Result<Found, FlowError> {
        match self.by_branch_name(branch)? {
            Some(found) => Ok(found),
            None => Err(FlowError::BadId(bad)),
        }
    }

    fn by_branch_name(&self, branch: &str) -> Result<Option<Found>, FlowError> {
        let own = branch.strip_prefix(layout::BRANCH_PREFIX).and_then(|id| TaskId::parse(id).ok());
        let adopted = TaskId::from_branch(branch);
        for id in own.into_iter().chain([adopted]) {
            if let Some(found) = self.exactly(&id)?.filter(|found| found.stored().task.branch == branch) {
                return Ok(Some(found));
            }
        }
        let open = self.store.open_tasks()?;
        match open.rows.iter().find(|row| row.card.branch == branch) {
            Some(row) => self.exactly(&row.card.id),
            None => Ok(None),
        }
    }

    fn unknown(&self, wanted: &str) -> FlowError {
        let open = self.store.open_tasks().map(|tasks| tasks.rows).unwrap_or_default();
        let near = open
            .into_iter()
            .map(|row| row.card.id)
            .map(|id| (strsim::damerau_levenshtein(id.as_str(), wanted), id))
            .min()
            .filter(|(distance, _)| *distance <= 2 && wanted.len() >= 4 && distance * 2 < wanted.len())
            .map(|(_, id)| id);
        FlowError::Unknown { wanted: shown(wanted), near }
    }
}
