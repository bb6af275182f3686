//! What people and workers do with a task: add, edit, pick, submit, approve, reject, stop.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::plan::ready::{self, Finished, Waits};
use crate::plan::{Card, graph};
use crate::process::random_letters;
use crate::store::{Op, StoreError, Stored, layout};
use crate::task::event::{Edit, NewTask};
use crate::task::id::{CommitId, TaskId};
use crate::task::state::{Claim, Phase};
use crate::task::{Actor, Event, Evidence, State, Task, Trouble, Who};

use super::{FlowError, Project, Vaguely};

/// What `add` was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddRequest {
    pub(crate) id: Option<String>,
    pub(crate) title: String,
    pub(crate) spec: String,
    pub(crate) priority: Option<u8>,
    pub(crate) paths: Vec<String>,
    pub(crate) after: Vec<String>,
    pub(crate) tier: Option<u8>,
    pub(crate) domain: Option<String>,
    pub(crate) draft: bool,
}

/// The priority of a task that does not say: the middle of 0 to 4.
pub(crate) const PRIORITY: u8 = 2;

/// A task that was claimed, ready to be worked on.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    pub(crate) stored: Stored,
    pub(crate) worktree: PathBuf,
}

impl Project {
    /// The event that `add` would write.
    ///
    /// # Errors
    /// A bad or used id, an unknown dependency, a bad glob, a spec that is too vague and no draft.
    pub(crate) fn plan_add(&self, request: &AddRequest) -> Result<NewTask, FlowError> {
        let id = match &request.id {
            Some(text) => self.free_id(text)?,
            None => self.new_id()?,
        };
        check_globs("--paths", &request.paths)?;
        let after = self.dependencies(id.as_str(), &request.after)?;
        if !request.draft {
            let tier = request.tier.unwrap_or(1);
            self.refuse_vague(Vaguely::Added, &request.title, &request.spec, tier)?;
        }
        Ok(NewTask {
            branch: layout::branch_of(&id),
            id,
            title: request.title.clone(),
            spec: request.spec.clone(),
            priority: request.priority.unwrap_or(PRIORITY),
            paths: request.paths.clone(),
            after,
            tier: request.tier.unwrap_or(1),
            domain: request.domain.clone(),
            adopted: false,
            draft: request.draft,
            tries_max: self.policy.retry.tries,
        })
    }

    /// Adds a task.
    ///
    /// # Errors
    /// Somebody else took the id in this moment, or git fails.
    pub(crate) fn add(&self, op: &Op, new: NewTask) -> Result<Stored, FlowError> {
        let id = new.id.clone();
        match self.store.create(op, &self.person(), &Event::Added(Box::new(new))) {
            Err(StoreError::Exists(_)) => {
                Err(FlowError::Exists { id, column: crate::task::state::Column::Ready })
            }
            other => Ok(other?),
        }
    }

    fn free_id(&self, text: &str) -> Result<TaskId, FlowError> {
        let id = TaskId::parse(text)?;
        let taken = match self.store.load(&id)? {
            Some(stored) => Some(stored),
            None => self.store.archived(&id)?,
        };
        match taken {
            Some(stored) => Err(FlowError::Exists { id, column: stored.task.state.column() }),
            None => Ok(id),
        }
    }

    fn new_id(&self) -> Result<TaskId, FlowError> {
        for length in 4_usize.. {
            for _ in 0..8 {
                let id = TaskId::parse(&format!("t-{}", random_letters(length)))?;
                let open = self.repo.tip(&layout::task_ref(&id))?.is_some();
                if !open && self.store.archived(&id)?.is_none() {
                    return Ok(id);
                }
            }
        }
        unreachable!("some length has free ids")
    }

    pub(crate) fn dependencies(&self, of: &str, texts: &[String]) -> Result<Vec<TaskId>, FlowError> {
        let mut after = Vec::new();
        for text in texts {
            let found = self.find(text).map_err(|err| match err {
                FlowError::Unknown { wanted, .. } => {
                    FlowError::UnknownDependency { id: of.to_owned(), missing: wanted }
                }
                other => other,
            })?;
            let id = found.stored().task.id.clone();
            if !after.contains(&id) {
                after.push(id);
            }
        }
        Ok(after)
    }

    /// Turns what `edit` was asked for into an edit, with its dependencies looked up and checked for cycles.
    ///
    /// # Errors
    /// An unknown dependency, a cycle, a bad glob, a spec that is too vague for a task that may be taken.
    pub(crate) fn plan_edit(
        &self,
        task: &Task,
        mut edit: Edit,
        after: Option<&[String]>,
    ) -> Result<Edit, FlowError> {
        if let Some(paths) = &edit.paths {
            check_globs("--paths", paths)?;
        }
        let says = edit.title.is_some() || edit.spec.is_some() || edit.tier.is_some();
        if says && !task.adopted && task.state != State::InPlanning {
            let title = edit.title.as_ref().unwrap_or(&task.title);
            let spec = edit.spec.as_ref().unwrap_or(&task.spec);
            let what = Vaguely::Edited(task.id.clone());
            self.refuse_vague(what, title, spec, edit.tier.unwrap_or(task.tier))?;
        }
        if edit.delegates.is_some() || edit.hotfix == Some(true) {
            self.refuse_stranger("edit", task.id.as_str(), &[])?; // a delegate cannot pass it on
        }
        if let Some(texts) = after {
            let after = self.dependencies(task.id.as_str(), texts)?;
            let known: BTreeMap<TaskId, Vec<TaskId>> =
                self.store.open_tasks()?.rows.into_iter().map(|row| (row.card.id, row.card.after)).collect();
            if let Some(path) = graph::cycle(&task.id, &after, &known) {
                return Err(FlowError::Cycle { path });
            }
            edit.after = Some(after);
        }
        Ok(edit)
    }

    /// Writes an edit.
    ///
    /// # Errors
    /// The task is finished, or git fails.
    pub(crate) fn edit(&self, op: &Op, id: &TaskId, edit: &Edit) -> Result<Stored, FlowError> {
        self.store.change(op, &self.person(), id, |_| Ok(vec![Event::Edited(edit.clone())]))
    }

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

    fn claim_this(&self, op: &Op, actor: &Actor, id: &TaskId, take_over: bool) -> Result<Stored, FlowError> {
        loop {
            let stored = self.store.load(id)?.ok_or_else(|| StoreError::NoTask(id.clone()))?;
            let owner = stored.task.owner().filter(|owner| **owner != actor.who);
            if let (Some(owner), false) = (owner, take_over) {
                let since = stored.task.since;
                return Err(FlowError::Claimed { id: id.clone(), owner: owner.0.clone(), since });
            }
            let card = Card::of(&stored.task);
            if let Some(waits) = ready::waits(&card, &|id| self.is_open(id), &|id| self.finished(id)) {
                return Err(FlowError::NotReady { id: id.clone(), waits });
            }
            let state = stored.task.state;
            if !matches!(state, State::Pending | State::Assigned { .. } | State::InProgress { .. }) {
                let refused = crate::task::Refused::NotNow { event: "claimed", state: state.word() };
                return Err(StoreError::Refused { id: id.clone(), refused, state: Box::new(state) }.into());
            }
            if let Some(claimed) = self.try_claim(op, actor, id, take_over)? {
                return Ok(claimed);
            }
        }
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
        let (project, _nothing_lands) = self.withdrawing()?;
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
        let (project, nothing_lands) = self.withdrawing()?;
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
        let (project, _nothing_lands) = self.withdrawing()?;
        self.store.change(op, &self.person(), id, |stored: &Stored| match &stored.task.state {
            State::ReadyForHandoff {
                phase: Phase::Waiting | Phase::Held { .. } | Phase::Testing { .. },
                ..
            } => {
                project.refuse_landed(&stored.task)?;
                Ok(vec![Event::Stopped { because: because.to_owned() }])
            }
            state => {
                let refused = crate::task::Refused::NotNow { event: "dropped", state: state.word() };
                let state = Box::new(state.clone());
                Err(StoreError::Refused { id: id.clone(), refused, state }.into())
            }
        })
    }
}

fn check_globs(what: &str, globs: &[String]) -> Result<(), FlowError> {
    crate::select::globs::Globs::parse(globs).map(|_| ()).map_err(|bad| FlowError::BadValue {
        what: format!("bad glob '{}' in {what}", crate::task::id::shown(&bad.glob)),
        why: bad.why,
    })
}

/// Evidence that a conflict with the base gives.
pub(crate) fn conflict_with_base(base: &str, files: Vec<String>) -> Evidence {
    Evidence::new(Trouble::ConflictBase, format!("conflicts with {base} in {}", files.join(", ")))
        .with_files(files)
}
