//! Whether a task has landed, though its journal does not say so yet: a crash came between the two.

use crate::flow::{FlowError, Project};
use crate::task::id::CommitId;
use crate::task::{State, Task};

use super::{SKEW, entry_nonce};

impl Project {
    /// Refuses to change what becomes of a task that the base has already: its landing is only not written down.
    ///
    /// # Errors
    /// It has landed; or git fails.
    pub(crate) fn refuse_landed(&self, task: &Task) -> Result<(), FlowError> {
        match self.unrecorded_landing(task)? {
            Some(commit) => Err(FlowError::HasLanded { id: task.id.clone(), commit }),
            None => Ok(()),
        }
    }

    /// The landing of the stay in the queue that a task's journal says it is at.
    fn unrecorded_landing(&self, task: &Task) -> Result<Option<CommitId>, FlowError> {
        let State::ReadyForHandoff { change, .. } = &task.state else { return Ok(None) };
        let nonce = entry_nonce(task, &change.head);
        let mut next = Some(self.base.tip.clone());
        while let Some(id) = next {
            let commit = self.repo.read_commit(&id)?;
            if commit.committer_time.0 < task.since.0 - SKEW {
                break;
            }
            if commit.trailers.iter().any(|(key, value)| key == "Orch-Nonce" && *value == nonce.0) {
                return Ok(Some(id));
            }
            next = commit.parents.first().cloned();
        }
        Ok(None)
    }
}
