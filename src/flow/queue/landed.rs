//! Landing or withdrawn, never both: a task lands by a swap of the base, and is withdrawn by an event in its journal.
//!
//! Both look at the other's side first, under one lock; and a landing counts from its swap on, though a crash may keep
//! its journal from saying so.

use crate::flow::{FlowError, Project};
use crate::git::lock::FileLock;
use crate::git::slot::MergeSlot;
use crate::store::layout;
use crate::task::id::{CommitId, TaskId};
use crate::task::state::Phase;
use crate::task::{State, Task};

use super::{Lander, Queued, SKEW, entry_nonce};

impl Project {
    /// Keeps landings and withdrawals of this machine apart.
    pub(super) fn deciding(&self) -> Result<FileLock, FlowError> {
        Ok(FileLock::wait(&self.repo, "decide.lock")?)
    }

    /// Nothing lands while the answer is held. The project is read anew, after what a killed process had under way.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn withdrawing(&self) -> Result<(Project, FileLock), FlowError> {
        let alone = self.deciding()?;
        self.store.await_writers()?;
        Ok((self.reopened()?, alone))
    }

    /// As [`Project::withdrawing`], for one task of which a push may have come through though nobody lived to hear of it:
    /// then the base is brought up to the remote first, as far as that can be reached. Where it cannot, whoever hands the
    /// task in again is told that the base has all of it.
    ///
    /// # Errors
    /// A push of a landing still goes on; or git fails.
    pub(crate) fn withdrawing_task(&self, id: &TaskId) -> Result<(Project, FileLock), FlowError> {
        let tested =
            |task: &Task| matches!(task.state, State::ReadyForHandoff { phase: Phase::Testing { .. }, .. });
        if let (Some(upstream), false) = (&self.base.upstream, self.offline)
            && self.store.load(id)?.is_some_and(|stored| tested(&stored.task))
            && let Ok(_alone) = MergeSlot::take_briefly(&self.repo)?
        {
            match self.follow_upstream(upstream) {
                Err(err @ FlowError::LandingUnderWay) => return Err(err),
                Err(err) => tracing::debug!(%err, "what landed on the remote is not known"),
                Ok(()) => {}
            }
        }
        self.withdrawing()
    }

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
    pub(super) fn unrecorded_landing(&self, task: &Task) -> Result<Option<CommitId>, FlowError> {
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

impl Lander<'_> {
    /// Nothing lands while the answer is held. `None` where the task has landed already and only its record is missing, as
    /// where a killed queue's git moved the base after all.
    pub(super) fn may_withdraw(&self, task: &TaskId) -> Result<Option<FileLock>, FlowError> {
        let (today, nothing_lands) = self.project.withdrawing()?;
        let landed = match today.store.load(task)? {
            Some(stored) => today.unrecorded_landing(&stored.task)?.is_some(),
            None => false,
        };
        Ok((!landed).then_some(nothing_lands))
    }

    /// Whether nobody withdrew a member since the view was made: its journal is where it was.
    pub(super) fn still_as_read(&self, queued: &[Queued], members: &[TaskId]) -> Result<bool, FlowError> {
        for member in members.iter().filter_map(|task| Self::find(queued, task)) {
            let tip = self.project.repo.tip(&layout::task_ref(&member.entry.task))?;
            let stays = match tip {
                Some(tip) if tip == member.stored.tip => true,
                Some(_) => self.project.store.load(&member.entry.task)?.is_some_and(|stored| {
                    let head = stored.task.state.change().map(|change| &change.head);
                    matches!(stored.task.state, State::ReadyForHandoff { .. })
                        && head == Some(&member.entry.head)
                }),
                None => false,
            };
            if !stays {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
