//! Who leaves the queue for what happened outside of it: a branch that moved or went, a stack whose lower part left.
//!
//! Looked at before each plan, so that only that member leaves a batch, whatever runs, and the others are composed anew.

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::queue::Footprint;
use crate::store::layout;
use crate::task::id::{CommitId, TaskId};
use crate::task::{Event, Evidence, State, Trouble};

use super::{Lander, Queued};

impl Lander<'_> {
    /// What is in the queue and may stay, after whoever must leave has left.
    pub(super) fn staying(&mut self) -> Result<Vec<Queued>, FlowError> {
        let mut staying = Vec::new();
        for member in self.queued()? {
            match self.must_leave(&member)? {
                // What came after its landing changes nothing of it: only its record is to be made up for.
                Some(evidence) if self.project.unrecorded_landing(&member.stored.task)?.is_none() => {
                    self.leaves(&member.entry.task, &evidence)?;
                }
                Some(_) | None => staying.push(member),
            }
        }
        Ok(staying)
    }

    fn must_leave(&self, member: &Queued) -> Result<Option<Evidence>, FlowError> {
        match self.moved(member)? {
            Some(evidence) => Ok(Some(evidence)),
            None => self.lost_below(member),
        }
    }

    /// Why the approval no longer fits: the branch is somewhere else, or gone.
    pub(super) fn moved(&self, member: &Queued) -> Result<Option<Evidence>, FlowError> {
        let (branch, head) = (&member.stored.task.branch, &member.entry.head);
        Ok(match self.project.repo.tip(&layout::branch_ref(branch))? {
            Some(tip) if tip == *head => None,
            Some(tip) => {
                let how =
                    if self.project.repo.is_ancestor(head, &tip)? { "moved on" } else { "was rewritten" };
                let text = format!(
                    "branch {how} {}..{} after it was approved: the approval is void",
                    head.short(),
                    tip.short()
                );
                Some(Evidence {
                    candidate: Some(tip),
                    reproduce: Some(format!("git range-diff {head}...{branch}")),
                    ..Evidence::new(Trouble::HeadMoved, text)
                })
            }
            // Another clone's branches are not here; the approved commit is all that counts.
            None if self.project.base.upstream.is_some() => None,
            None => {
                let text = format!("branch {branch} is gone; its commit {} is kept", head.short());
                let again = format!("git branch {branch} {head}");
                Some(Evidence { reproduce: Some(again), ..Evidence::new(Trouble::BranchGone, text) })
            }
        })
    }

    /// Why a change cannot land: it depends on one that was cancelled, or contains one that is not in the queue any more.
    fn lost_below(&self, member: &Queued) -> Result<Option<Evidence>, FlowError> {
        if !member.entry.blocked {
            return Ok(None);
        }
        for id in &member.stored.task.after {
            let below = match self.project.store.load(id)? {
                Some(stored) => stored.task,
                None => match self.project.store.archived_task(id)? {
                    Some(task) => task,
                    None => continue,
                },
            };
            if matches!(below.state, State::Cancelled { .. }) {
                let text = format!("waits for {id}, which was cancelled");
                return Ok(Some(lost(id, text)));
            }
            let out = !matches!(below.state, State::ReadyForHandoff { .. } | State::Completed { .. });
            let Some(head) = below.head().filter(|_| out) else { continue };
            if self.project.repo.has_object(head)?
                && self.project.repo.is_ancestor(head, &member.entry.head)?
            {
                let text = format!("is built on {id}, which left the queue ({})", below.state.said());
                return Ok(Some(lost(id, text)));
            }
        }
        Ok(None)
    }

    /// Writes down that a task left, and why; nothing where it has landed by now.
    pub(super) fn leaves(&mut self, task: &TaskId, evidence: &Evidence) -> Result<(), FlowError> {
        let left = std::cell::Cell::new(false);
        let Some(_nothing_lands) = self.may_withdraw(task)? else { return Ok(()) };
        self.change(task, |stored| {
            left.set(matches!(stored.task.state, State::ReadyForHandoff { .. }));
            if left.get() { vec![Event::Escalated { because: evidence.clone() }] } else { Vec::new() }
        })?;
        if left.get() {
            self.say(Step::Eject, std::slice::from_ref(task), None, evidence.text.clone());
            self.rounds.needs_you.push(task.clone());
        }
        Ok(())
    }

    /// Why the queue must stop and ask: the newest landing is not in the base any more, so somebody moved it backwards.
    pub(super) fn rewound(&mut self) -> Result<Option<String>, FlowError> {
        let tip = self.project.base.tip.clone();
        if self.forward_at.as_ref() == Some(&tip) {
            return Ok(None);
        }
        if let Some((task, landed)) = self.project.store.newest_landing()?
            && self.project.store.repo_state()?.given_up.as_ref() != Some(&landed)
            && !self.contains(&tip, &landed)?
        {
            let branch = &self.project.base.branch;
            return Ok(Some(format!(
                "{branch} was moved backwards: it lacks {}, where {task} landed; put it back with \
                 'git switch {branch} && git reset --keep {}', or go on without",
                landed.short(),
                landed.short()
            )));
        }
        self.forward_at = Some(tip);
        Ok(None)
    }

    fn contains(&self, tip: &CommitId, commit: &CommitId) -> Result<bool, FlowError> {
        let repo = &self.project.repo;
        Ok(repo.has_object(commit)? && repo.is_ancestor(commit, tip)?)
    }

    /// Marks footprints that are known not to go together though they share no file.
    pub(super) fn couple(&self, footprint: &mut Footprint, coupled: &[crate::store::repo_journal::Coupled]) {
        for (number, pair) in coupled.iter().enumerate() {
            let [one, other] = &pair.paths;
            let touches = |paths: &[String]| paths.iter().any(|path| footprint.paths.contains(path));
            let sides = [touches(one), touches(other)];
            footprint.couple(number, sides);
        }
    }
}

/// That a change leaves for another one that it needs.
fn lost(needed: &TaskId, text: String) -> Evidence {
    Evidence {
        pair: Some(needed.clone()),
        reproduce: Some(format!("git orch show {needed}")),
        ..Evidence::new(Trouble::Dependency, text)
    }
}
