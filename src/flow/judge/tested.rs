//! A tester's turn that ended (D8): a small fix of what failed is handed in as anybody's change is; anything else is taken
//! back, and whoever does the task goes on from what the tester found.

use crate::agent::TurnResult;
use crate::flow::audit::Audited;
use crate::flow::contract::changelog_in;
use crate::flow::progress::Step;
use crate::flow::submit::HandIn;
use crate::flow::turn::Ready;
use crate::flow::{FlowError, Project};
use crate::git::refs::Expected;
use crate::plan::breaker::Went;
use crate::process::Ended;
use crate::store::{Op, Stored, layout};
use crate::task::Actor;
use crate::task::id::CommitId;

use super::{Verdict, how_it_ended};

impl Project {
    pub(super) fn judge_test(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        audited: &Audited,
    ) -> Result<Verdict, FlowError> {
        let stored = match self.to_be_judged(op, ready, result)? {
            Ok(stored) => stored,
            Err(settled) => return Ok(settled),
        };
        let (id, name) = (&stored.task.id, &ready.agent.name);
        let Some(before) = ready.head.clone() else { return Ok(Verdict::note("")) };
        let ended = how_it_ended(result, ready.turn.limit);
        if !matches!(result.outcome.ended, Ended::Exited(_)) {
            return self.no_small_fix(op, &stored, &before, &format!("{name}: {ended}"));
        }
        if let Some(evidence) = &audited.refused {
            return self.no_small_fix(op, &stored, &before, &evidence.text);
        }
        let actor = Actor::orchestrator();
        let hand_in = HandIn { message: None, changelog: changelog_in(&result.answer) };
        let (claim, measured) = match self.collect(&actor, &stored, &hand_in) {
            Ok(collected) => collected,
            Err(FlowError::NoChange { .. }) if result.suspected.is_some() => {
                return self.found_nothing(op, ready, &stored, result, &before);
            }
            Err(err @ (FlowError::NoChange { .. } | FlowError::Git(_))) => {
                return self.no_small_fix(op, &stored, &before, &format!("{name}: {err}"));
            }
            Err(err) => return Err(err),
        };
        if self.repo.tree_of(&measured.head)? == self.repo.tree_of(&before)? {
            return self.found_nothing(op, ready, &stored, result, &before);
        }
        let own = self.size_of(&before, &measured.head)?;
        let most = self.policy.cap.fix;
        if own.counted > most {
            let why =
                format!("{name} changed {} lines, and a tester may change {most} (cap.fix)", own.counted);
            return self.no_small_fix(op, &stored, &before, &why);
        }
        if let Some(evidence) = measured.refusal() {
            return self.no_small_fix(op, &stored, &before, &evidence.text);
        }
        self.hand_over(op, &actor, id, &claim, &measured, &hand_in, None)?;
        let text = format!("a tester's fix of {} lines, of at most {most}", own.counted);
        Ok(Verdict::well(Step::Submit, text))
    }

    /// Nothing was changed: there is no small fix, or its model could not be asked for one.
    fn found_nothing(
        &self,
        op: &Op,
        ready: &Ready,
        stored: &Stored,
        result: &TurnResult,
        before: &CommitId,
    ) -> Result<Verdict, FlowError> {
        if let Some(failure) = result.not_asked_for_nothing() {
            return self.not_asked(op, ready, stored, failure);
        }
        let ended = how_it_ended(result, ready.turn.limit);
        let why = format!("{} found no small fix ({ended})", ready.agent.name);
        self.no_small_fix(op, stored, before, &why)
    }

    /// Takes a tester's work back, kept as an attempt: the task goes on to whoever fixes, and no try is counted.
    fn no_small_fix(
        &self,
        op: &Op,
        stored: &Stored,
        before: &CommitId,
        why: &str,
    ) -> Result<Verdict, FlowError> {
        let task = &stored.task;
        self.back_to_pool(op, stored, why)?;
        let branch = layout::branch_ref(&task.branch);
        let path = self.worktree_of(&task.id);
        if let Some(now) = self.repo.tip(&branch)?.filter(|now| now != before)
            && self.repo.is_clean(&path)?
            && self.store.swap(&branch, Expected::At(&now), before, "take a tester's work back")?.is_none()
        {
            let _ = self.repo.bring_along(&path, &now, before)?;
        }
        let step = Step::Note;
        Ok(Verdict {
            step,
            text: format!("{why}; back to whoever fixes it"),
            went: Some(Went::Well),
            forgiven: None,
        })
    }
}
