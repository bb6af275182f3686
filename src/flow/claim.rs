//! Who works on a task: claims it, takes it over, gives it back.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::plan::Card;
use crate::plan::ready::{self, Finished, Waits};
use crate::store::{Op, StoreError, Stored, layout};
use crate::task::id::TaskId;
use crate::task::state::Claim;
use crate::task::{Actor, Event, State, Task, Who};

use super::{FlowError, Project};

/// A task that was claimed, ready to be worked on.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    pub(crate) stored: Stored,
    pub(crate) worktree: PathBuf,
}

impl Project {
    /// How tasks that are not open any more ended: what dependencies are looked up in.
    pub(crate) fn finished(&self, id: &TaskId) -> Option<Finished> {
        match self.store.archived_task(id).ok().flatten()?.state {
            State::Completed { .. } => Some(Finished::Landed),
            _ => Some(Finished::Cancelled),
        }
    }

    /// Claims a task and prepares its worktree: `wanted`, or the next one that is ready.
    ///
    /// Race-free: the claim is a compare-and-swap of the journal, on the remote first where there is one.
    ///
    /// # Errors
    /// Nothing is ready, somebody else holds `wanted`, the remote cannot be reached.
    pub(crate) fn pick(
        &self,
        op: &Op,
        actor: &Actor,
        wanted: Option<&TaskId>,
        take_over: bool,
    ) -> Result<Picked, FlowError> {
        if self.remote().is_some() {
            self.pull()?;
        }
        let claimed = match wanted {
            Some(id) => self.claim_this(op, actor, id, take_over)?,
            None => self.claim_next(op, actor)?,
        };
        let returned = claimed.task.evidence.is_some();
        let worktree =
            self.ensure_worktree(&claimed.task).or_else(|err| self.give_back(op, &claimed, err))?;
        if returned {
            self.bring_onto_base(&claimed.task)?;
        }
        let stored = self.store.change(op, actor, &claimed.task.id, |stored: &Stored| {
            Ok::<_, FlowError>(match stored.task.state {
                State::Assigned { .. } => vec![Event::Started],
                _ => Vec::new(),
            })
        })?;
        Ok(Picked { stored, worktree })
    }

    /// The worktree could not be made: nobody must wait for a claim that cannot be worked on.
    fn give_back(&self, op: &Op, claimed: &Stored, err: FlowError) -> Result<PathBuf, FlowError> {
        let because = format!("no worktree: {err}");
        let _ = self.store.change::<FlowError>(op, &Actor::orchestrator(), &claimed.task.id, |_| {
            Ok(vec![Event::Released { because: because.clone() }])
        });
        Err(err)
    }

    fn claim_next(&self, op: &Op, actor: &Actor) -> Result<Stored, FlowError> {
        loop {
            let candidates = self.next_in_turn(&actor.who.0)?;
            if candidates.is_empty() {
                return Err(self.nothing_ready(&self.store.open_tasks()?.cards()));
            }
            for id in &candidates {
                if let Some(claimed) = self.try_claim(op, actor, id, false)? {
                    return Ok(claimed);
                }
            }
        }
    }

    /// The first few tasks of one priority that `who` may take: racing pickers that lost spread over them, so that each
    /// round hands out several.
    fn next_in_turn(&self, who: &str) -> Result<Vec<TaskId>, FlowError> {
        let (is_open, finished) = (|id: &TaskId| self.is_open(id), |id: &TaskId| self.finished(id));
        let mut found: Vec<(u8, TaskId)> = Vec::new();
        self.store.visit_in_turn(&mut |card| {
            if found.len() == 8 || found.first().is_some_and(|(priority, _)| *priority != card.priority) {
                return ControlFlow::Break(());
            }
            if ready::may_take(card, who, &is_open, &finished) {
                found.push((card.priority, card.id.clone()));
            }
            ControlFlow::Continue(())
        })?;
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// Whether a task is open, as far as its ref tells.
    fn is_open(&self, id: &TaskId) -> bool {
        self.repo.tip(&layout::task_ref(id)).is_ok_and(|tip| tip.is_some())
    }

    /// What keeps a task from being picked, if others do.
    pub(crate) fn waits(&self, task: &Task) -> Option<Waits> {
        ready::waits(&Card::of(task), &|id| self.is_open(id), &|id| self.finished(id))
    }

    fn claim_this(&self, op: &Op, actor: &Actor, id: &TaskId, take_over: bool) -> Result<Stored, FlowError> {
        loop {
            let stored = self.store.load(id)?.ok_or_else(|| StoreError::NoTask(id.clone()))?;
            self.refuse_pick(&stored.task, &actor.who, take_over)?;
            if let Some(claimed) = self.try_claim(op, actor, id, take_over)? {
                return Ok(claimed);
            }
        }
    }

    /// Refuses a task that `who` cannot pick as it is.
    ///
    /// # Errors
    /// Somebody else has it, it waits for others, or its state is not one to work in.
    pub(crate) fn refuse_pick(&self, task: &Task, who: &Who, take_over: bool) -> Result<(), FlowError> {
        let id = || task.id.clone();
        let owner = task.owner().filter(|owner| *owner != who);
        if let (Some(owner), false) = (owner, take_over) {
            return Err(FlowError::Claimed { id: id(), owner: owner.0.clone(), since: task.since });
        }
        if let Some(waits) = self.waits(task) {
            return Err(FlowError::NotReady { id: id(), waits });
        }
        if !matches!(task.state, State::Pending | State::Assigned { .. } | State::InProgress { .. }) {
            let refused = crate::task::Refused::NotNow { event: "claimed", state: task.state.said() };
            return Err(StoreError::Refused { id: id(), refused, state: Box::new(task.state.clone()) }.into());
        }
        Ok(())
    }

    /// One try at one task; `None` if somebody else was faster, however far they got meanwhile.
    fn try_claim(
        &self,
        op: &Op,
        actor: &Actor,
        id: &TaskId,
        take_over: bool,
    ) -> Result<Option<Stored>, FlowError> {
        let Some(stored) = self.store.load(id)? else { return Ok(None) };
        let task = &stored.task;
        let mine = task.owner() == Some(&actor.who);
        let events = match &task.state {
            State::Pending => {
                vec![
                    Event::Claimed(Claim { owner: actor.who.clone(), epoch: task.epoch + 1 }),
                    Event::Started,
                ]
            }
            // Sent back to its owner, or its own pick was interrupted: nothing to claim.
            State::Assigned { .. } | State::InProgress { .. } if mine => return Ok(Some(stored)),
            State::Assigned { claim } | State::InProgress { claim } if take_over => {
                vec![
                    Event::Claimed(Claim { owner: actor.who.clone(), epoch: claim.epoch + 1 }),
                    Event::Started,
                ]
            }
            _ => return Ok(None),
        };
        let next = self.store.prepare(op, actor, &stored, &events)?;
        if let Some(remote) = self.remote()
            && !self.push_claim(remote, &stored, &next)?
        {
            self.pull()?;
            return Ok(None);
        }
        Ok(self.store.publish(&stored, &next)?.then_some(next))
    }

    fn nothing_ready(&self, cards: &[Card]) -> FlowError {
        let open: BTreeSet<&TaskId> = cards.iter().map(|card| &card.id).collect();
        let is_open = |id: &TaskId| open.contains(id);
        let waiting: Vec<(TaskId, Waits)> = cards
            .iter()
            .filter(|card| card.state == "pending" && !card.adopted)
            .filter_map(|card| {
                Some((card.id.clone(), ready::waits(card, &is_open, &|id| self.finished(id))?))
            })
            .collect();
        let needs_you = cards.iter().filter(|card| card.need.is_some()).count();
        let in_hand = cards.len() - waiting.len() - needs_you;
        FlowError::NothingReady { waiting, in_hand, needs_you }
    }

    /// Gives a claimed task back to everybody. Its worktree and work stay.
    ///
    /// # Errors
    /// Somebody else holds it.
    pub(crate) fn release(&self, op: &Op, id: &TaskId, because: &str) -> Result<Stored, FlowError> {
        self.store.change(op, &self.person(), id, |stored: &Stored| {
            self.park(&stored.task)?;
            Ok(vec![Event::Released { because: because.to_owned() }])
        })
    }
}
