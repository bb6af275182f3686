//! The bookkeeping that follows from a landing: what the base branch already says is written down.

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::queue::{Finished, View};
use crate::store::Stored;
use crate::task::id::{CommitId, TaskId};
use crate::task::{Event, State};

use super::{Lander, Queued};

impl Lander<'_> {
    /// Writes down what the base branch already says: each member landed.
    pub(super) fn record_landing(
        &mut self,
        queued: &[Queued],
        members: &[TaskId],
        old: &CommitId,
        tip: &CommitId,
    ) -> Result<(), FlowError> {
        let landings = self.project.repo.first_parent(tip, Some(old), usize::MAX)?;
        self.project = self.project.reopened()?;
        let landed = |task: &TaskId| {
            let names = |key: &String, value: &String| key == "Orch-Task" && value == task.as_str();
            let own =
                landings.iter().find(|commit| commit.trailers.iter().any(|(key, value)| names(key, value)));
            (task.clone(), own.map_or_else(|| tip.clone(), |commit| commit.id.clone()))
        };
        self.complete(queued, &members.iter().map(landed).collect::<Vec<_>>())
    }

    /// Closes tasks that the base has, each with the commit of its landing.
    pub(super) fn complete(
        &mut self,
        queued: &[Queued],
        landed: &[(TaskId, CommitId)],
    ) -> Result<(), FlowError> {
        let tasks: Vec<TaskId> = landed.iter().map(|(task, _)| task.clone()).collect();
        let closed = self.change_all(&tasks, |stored| {
            let own = landed.iter().find(|(task, _)| *task == stored.task.id);
            own.filter(|_| !stored.task.state.is_finished())
                .map(|(_, commit)| Event::Landed { commit: commit.clone() })
                .into_iter()
                .collect()
        })?;
        let closed: Vec<Stored> = closed.into_iter().flatten().collect(); // another clone wrote the others down
        for stored in &closed {
            let task = &stored.task.id;
            if matches!(stored.task.state, State::Cancelled { .. }) {
                let commit =
                    landed.iter().find(|(other, _)| other == task).map_or("it", |(_, at)| at.short());
                let text = format!("was cancelled in the moment in which it landed: {commit} is on the base");
                self.say(Step::NeedsYou, std::slice::from_ref(task), None, text);
            }
            let before = Self::find(queued, task).map_or(&stored.task, |queued| &queued.stored.task);
            // It has landed: what cannot be tidied up must not keep others from landing.
            let stays = match self.project.clean_up(before) {
                Ok(true) => None,
                Ok(false) => Some("its worktree has uncommitted files and stays".to_owned()),
                Err(err) => Some(format!("its worktree stays: {}", crate::store::chain(&err))),
            };
            if let Some(text) = stays {
                self.say(Step::Note, std::slice::from_ref(task), None, text);
            }
        }
        self.project.store.archive(&self.op, &closed)?;
        self.rounds.landed.extend(closed.into_iter().map(|stored| stored.task.id));
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        view: &View,
        queued: &[Queued],
        task: &TaskId,
        because: Finished,
    ) -> Result<bool, FlowError> {
        let commit = match because {
            Finished::Contained => view.base.commit.clone(),
            Finished::Landed => self.landing_of(&view.base.commit, queued, task)?,
        };
        let text = match because {
            Finished::Landed => "had landed already; the record is made up for".to_owned(),
            Finished::Contained => format!("{} has all of it already", self.project.base.branch),
        };
        self.say(Step::Land, std::slice::from_ref(task), None, text);
        self.complete(queued, &[(task.clone(), commit)])?;
        Ok(true)
    }

    pub(super) fn landing_of(
        &self,
        tip: &CommitId,
        queued: &[Queued],
        task: &TaskId,
    ) -> Result<CommitId, FlowError> {
        let nonce = Self::find(queued, task).map(|queued| queued.entry.nonce.0.clone());
        let mut next = Some(tip.clone());
        while let Some(commit) = next {
            let info = self.project.repo.read_commit(&commit)?;
            if nonce.is_some()
                && info
                    .trailers
                    .iter()
                    .any(|(key, value)| key == "Orch-Nonce" && Some(value) == nonce.as_ref())
            {
                return Ok(commit);
            }
            next = info.parents.first().cloned();
        }
        Ok(tip.clone())
    }
}
