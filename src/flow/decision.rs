//! What a person decides about a task: yes, no, stop, out of the queue.

use crate::store::{Op, StoreError, Stored, layout};
use crate::task::id::{CommitId, TaskId};
use crate::task::state::Phase;
use crate::task::{Event, State, Task, Who};

use super::{FlowError, Project, Vaguely};

impl Project {
    /// A person's yes.
    ///
    /// # Errors
    /// Own work, a head that moved since it was looked at, a draft that is too vague, or nothing that could be approved.
    pub(crate) fn approve(
        &self,
        op: &Op,
        id: &TaskId,
        seen: Option<&CommitId>,
        note: Option<&str>,
    ) -> Result<Stored, FlowError> {
        self.store.change(op, &self.person(), id, |stored: &Stored| {
            let head = seen.cloned().or_else(|| stored.task.head().cloned());
            self.refuse_stranger("approve", stored.task.id.as_str(), &stored.task.delegates)?;
            self.refuse_moved(&stored.task)?;
            if let Task { id, title, spec, tier, state: State::InPlanning, .. } = &stored.task {
                self.refuse_vague(Vaguely::Approved(id.clone()), title, spec, *tier)?;
            }
            Ok(vec![Event::Approved { head, note: note.map(str::to_owned) }])
        })
    }

    /// Somebody whom the settings do not let approve, and whom nobody let approve this very task.
    pub(super) fn refuse_stranger(
        &self,
        command: &str,
        id: &str,
        delegates: &[Who],
    ) -> Result<(), FlowError> {
        let approvers = &self.policy.review.approvers;
        let may = approvers.is_empty()
            || approvers.contains(&self.who)
            || delegates.iter().any(|delegate| delegate.0 == self.who);
        if may {
            return Ok(());
        }
        Err(FlowError::MayNotApprove {
            who: self.who.clone(),
            id: crate::task::id::shown(id),
            approvers: approvers.clone(),
            command: format!("{command} {}", crate::task::id::shown(id)),
        })
    }

    /// A branch that went on after it was handed in: what would be approved is not what is there.
    fn refuse_moved(&self, task: &Task) -> Result<(), FlowError> {
        let Some(change) = task.state.change() else { return Ok(()) };
        match self.repo.tip(&layout::branch_ref(&task.branch))? {
            Some(now) if now != change.head => {
                let refused = crate::task::Refused::HeadMoved { seen: change.head.clone(), now };
                let (id, state) = (task.id.clone(), Box::new(task.state.clone()));
                Err(StoreError::Refused { id, refused, state }.into())
            }
            _ => Ok(()),
        }
    }

    /// A person's no, with the reason.
    ///
    /// # Errors
    /// Nothing that could be rejected.
    pub(crate) fn reject(&self, op: &Op, id: &TaskId, because: &str) -> Result<Stored, FlowError> {
        let (project, _nothing_lands) = self.withdrawing_task(id)?;
        self.store.change(op, &self.person(), id, |stored: &Stored| {
            project.refuse_landed(&stored.task)?;
            Ok(vec![Event::Rejected { because: because.to_owned() }])
        })
    }

    /// Holds a task, or gives it up where it already waits for a person or is asked so.
    ///
    /// # Errors
    /// The task is finished.
    pub(crate) fn stop(
        &self,
        op: &Op,
        id: &TaskId,
        abandon: bool,
        because: &str,
    ) -> Result<Stored, FlowError> {
        let (project, nothing_lands) = self.withdrawing_task(id)?;
        let stored = self.store.change(op, &self.person(), id, |stored: &Stored| {
            project.refuse_landed(&stored.task)?;
            self.park(&stored.task)?;
            let because = because.to_owned();
            let waits = matches!(stored.task.state, State::Escalated { .. } | State::Blocked { .. });
            Ok::<_, FlowError>(if abandon || waits {
                vec![Event::Abandoned { because }]
            } else {
                vec![Event::Stopped { because }]
            })
        })?;
        drop(nothing_lands);
        if stored.task.state.is_finished() {
            self.clean_up(&stored.task)?;
            self.store.archive(op, std::slice::from_ref(&stored))?;
        }
        Ok(stored)
    }

    /// Takes a task out of the queue, back to review.
    ///
    /// # Errors
    /// It is not in the queue.
    pub(crate) fn drop_from_queue(&self, op: &Op, id: &TaskId, because: &str) -> Result<Stored, FlowError> {
        let (project, _nothing_lands) = self.withdrawing_task(id)?;
        self.store.change(op, &self.person(), id, |stored: &Stored| match &stored.task.state {
            State::ReadyForHandoff {
                phase: Phase::Waiting | Phase::Held { .. } | Phase::Testing { .. },
                ..
            } => {
                project.refuse_landed(&stored.task)?;
                Ok(vec![Event::Stopped { because: because.to_owned() }])
            }
            state => {
                let refused = crate::task::Refused::NotNow { event: "dropped", state: state.said() };
                let state = Box::new(state.clone());
                Err(StoreError::Refused { id: id.clone(), refused, state }.into())
            }
        })
    }
}
