//! A worker's turn that ended after it had handed its task in by itself, over its control socket.

use crate::agent::TurnResult;
use crate::flow::contract::changelog_in;
use crate::flow::progress::Step;
use crate::flow::submit::HandIn;
use crate::flow::turn::Ready;
use crate::flow::{FlowError, Project};
use crate::store::{Op, Stored};
use crate::task::{Actor, State};

use super::Verdict;

impl Project {
    /// What was handed in counts, however the turn ended. What was written afterwards counts too, where the gates take
    /// it; else it stays in the worktree, and the branch is what it was.
    pub(super) fn judge_handed_in(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        stored: &Stored,
    ) -> Result<Verdict, FlowError> {
        let (task, actor) = (&stored.task, Actor::orchestrator());
        let State::UnderReview { change } = &task.state else { return Ok(Verdict::note("")) };
        let size = format!("+{} -{} of {}", change.added, change.removed, self.policy.cap.caps.diff);
        let well = |more: &str| {
            Ok(Verdict::well(Step::Submit, format!("{size}, handed in by {}{more}", ready.agent.name)))
        };
        if let Some(entry) = ready.agent.entry() {
            self.remove_litter(&ready.turn.dir, &entry.litter)?;
        }
        // Looked at before anything is moved.
        let now = match self.work_of(task) {
            Ok(Some(now)) => now,
            Ok(None) | Err(FlowError::Git(_)) => return well(""),
            Err(err) => return Err(err),
        };
        if self.repo.tree_of(&now)? == self.repo.tree_of(&change.head)? {
            return well("");
        }
        let measured = self.measure(Some(task), &self.merge_base(&now)?, &now)?;
        if measured.refusal().is_some() || measured.files.is_empty() {
            return well("; what it wrote afterwards does not pass the gates and is left out");
        }
        let hand_in = HandIn { message: None, changelog: changelog_in(&result.answer) };
        match self.collect(&actor, stored, &hand_in) {
            Ok((claim, measured)) => {
                self.hand_over(op, &actor, &task.id, &claim, &measured, &hand_in, None)?;
                let size = &measured.size;
                let cap = self.policy.cap.caps.diff;
                let text =
                    format!("+{} -{} of {cap}, handed in by {}", size.added, size.removed, ready.agent.name);
                Ok(Verdict::well(Step::Submit, text))
            }
            Err(FlowError::Git(_)) => well("; what it wrote afterwards cannot be committed and is left out"),
            Err(err) => Err(err),
        }
    }
}
