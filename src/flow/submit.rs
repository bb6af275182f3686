//! Handing a change in: by whoever works on it, or by the run for its agent. Only the diff counts, not what was said.

use crate::store::Stored;
use crate::store::layout;
use crate::task::id::TaskId;
use crate::task::state::{Change, Claim};
use crate::task::{Actor, Authority, Event, Evidence, State, Task, Trouble};

use super::gate::Measured;
use super::{FlowError, Gated, Project};
use crate::store::Op;

/// What is handed in, besides the files themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandIn {
    /// The commit message of what is not committed yet, or the reason for an exception.
    pub(crate) message: Option<String>,
    /// What users will read.
    pub(crate) changelog: Option<String>,
}

impl Project {
    /// Commits what is in the task's worktree and measures the change. Writes no event.
    ///
    /// # Errors
    /// Somebody else holds the task, or there is no change over the base.
    pub(crate) fn collect(
        &self,
        actor: &Actor,
        stored: &Stored,
        hand_in: &HandIn,
    ) -> Result<(Claim, Measured), FlowError> {
        let task = &stored.task;
        let claim = claim_of(stored, actor)?;
        self.refuse_other_claim(task, &claim)?;
        let author = claim.owner.0.split('@').next().unwrap_or_default().to_owned();
        self.put_in_order(task)?;
        if self.has_worktree(&task.id) {
            self.commit_worktree(task, &author, &commit_message(task, hand_in))?;
        }
        let head = self
            .repo
            .tip(&layout::branch_ref(&task.branch))?
            .ok_or_else(|| FlowError::NoBranch(task.branch.clone()))?;
        let base = self.merge_base(&head)?;
        let measured = self.measure(Some(task), &base, &head)?;
        if measured.files.is_empty() {
            return Err(FlowError::NoChange { branch: task.branch.clone(), base: self.base.branch.clone() });
        }
        Ok((claim, measured))
    }

    /// Hands a task in: commits, checks size and paths, and puts it before its reviewers.
    ///
    /// A change over the cap with a message is handed in all the same, and waits for a person's exception.
    ///
    /// # Errors
    /// No change, a gate's refusal, or somebody else holds the task.
    pub(crate) fn submit(
        &self,
        op: &Op,
        actor: &Actor,
        id: &TaskId,
        hand_in: &HandIn,
    ) -> Result<(Stored, Measured), FlowError> {
        let gone = || crate::store::StoreError::NoTask(id.clone());
        let stored = self.store.load(id)?.ok_or_else(gone)?;
        let stored = self.after_the_lease(&stored.task)?.ok_or_else(gone)?;
        let (claim, measured) = self.collect(actor, &stored, hand_in)?;
        let refusal = measured.refusal();
        let exception = match &refusal {
            Some(evidence) if evidence.trouble == Trouble::TooBig && hand_in.message.is_some() => {
                refusal.clone()
            }
            Some(evidence) => {
                let (of, evidence) = (Gated::Task(id.clone()), Box::new(evidence.clone()));
                return Err(FlowError::Gate { of, evidence, limit: measured.limit() });
            }
            None => None,
        };
        let next = self.hand_over(op, actor, id, &claim, &measured, hand_in, exception)?;
        Ok((next, measured))
    }

    /// Writes the events of a hand-in; `exception` is what a person has to allow.
    #[expect(clippy::too_many_arguments, reason = "the parts of one event")]
    pub(crate) fn hand_over(
        &self,
        op: &Op,
        actor: &Actor,
        id: &TaskId,
        claim: &Claim,
        measured: &Measured,
        hand_in: &HandIn,
        exception: Option<Evidence>,
    ) -> Result<Stored, FlowError> {
        let changelog = match &hand_in.changelog {
            Some(line) => Some(line.clone()),
            None => self.changelog_of(&measured.base, &measured.head)?,
        };
        self.store.keep_attempt(id, &measured.head)?;
        let change = Change {
            claim: claim.clone(),
            head: measured.head.clone(),
            base: measured.base.clone(),
            added: measured.size.added,
            removed: measured.size.removed,
        };
        let message = hand_in.message.clone();
        let submitted = self.store.change::<FlowError>(op, actor, id, |_| {
            let (change, changelog, message) = (change.clone(), changelog.clone(), message.clone());
            Ok(vec![Event::Submitted { change, changelog, message }])
        })?;
        match exception {
            None => Ok(submitted),
            Some(because) => self.store.change(op, &Actor::orchestrator(), id, |_| {
                Ok(vec![Event::Escalated { because: because.clone() }])
            }),
        }
    }
}

fn claim_of(stored: &Stored, actor: &Actor) -> Result<Claim, FlowError> {
    let task = &stored.task;
    let claim = match &task.state {
        State::Assigned { claim } | State::InProgress { claim } => claim,
        State::UnderReview { change } => &change.claim,
        state => {
            let refused = crate::task::Refused::NotNow { event: "submitted", state: state.said() };
            let (id, state) = (task.id.clone(), Box::new(state.clone()));
            return Err(crate::store::StoreError::Refused { id, refused, state }.into());
        }
    };
    if actor.authority != Authority::Orchestrator && claim.owner != actor.who {
        let (id, owner) = (task.id.clone(), claim.owner.0.clone());
        return Err(FlowError::Claimed { id, owner, since: task.since });
    }
    Ok(claim.clone())
}

fn commit_message(task: &Task, hand_in: &HandIn) -> String {
    let mut message = hand_in.message.clone().unwrap_or_else(|| task.title.clone());
    if let Some(line) = &hand_in.changelog {
        message.push_str(&format!("\n\nChangelog: {}", crate::store::journal::one_line(line)));
    }
    message
}
