//! The diff of a task's change.

use crate::cli::failure::Failure;
use crate::flow::{FlowError, Project};
use crate::store::{Stored, layout};
use crate::task::id::shown;
use crate::task::state::Change;
use crate::task::{State, Trouble};

/// The diff of a task's change: what was handed in, what landed, or what its branch has.
pub(crate) fn patch(project: &Project, stored: &Stored) -> Result<String, Failure> {
    let (repo, task) = (&project.repo, &stored.task);
    let (base, head) = match (&task.state, task.state.change()) {
        (State::Completed { landed, .. }, _) => {
            let commit = repo.read_commit(landed).map_err(FlowError::from)?;
            let own =
                commit.trailers.iter().any(|(key, value)| key == "Orch-Task" && value == task.id.as_str());
            // The base had all of it already: what it was stands in its journal.
            if let (false, Some(change)) = (own, last_change(project, stored)?) {
                return Ok(shown(&repo.patch(&change.base, &change.head).map_err(FlowError::from)?));
            }
            let before = commit.parents.first().cloned().unwrap_or_else(|| landed.clone());
            (before, landed.clone())
        }
        (State::Escalated { because, .. }, Some(change)) if because.trouble == Trouble::HeadMoved => {
            // What may be queued is what the branch is now, not what it was.
            match repo.tip(&layout::branch_ref(&task.branch)).map_err(FlowError::from)? {
                Some(head) => (project.merge_base(&head)?, head),
                None => (change.base.clone(), change.head.clone()),
            }
        }
        (_, Some(change)) => (change.base.clone(), change.head.clone()),
        (_, None) => {
            let branch = layout::branch_ref(&task.branch);
            match repo.tip(&branch).map_err(FlowError::from)? {
                Some(head) => (project.merge_base(&head)?, head),
                None => return Ok(String::new()),
            }
        }
    };
    Ok(shown(&repo.patch(&base, &head).map_err(FlowError::from)?))
}

/// The change that a finished task had before its last event.
fn last_change(project: &Project, stored: &Stored) -> Result<Option<Change>, Failure> {
    let tip = project.repo.read_commit(&stored.tip).map_err(FlowError::from)?;
    let Some(before) = tip.parents.first() else { return Ok(None) };
    let task = project.store.task_of_commit(before).map_err(FlowError::from)?;
    Ok(task.state.change().cloned())
}
