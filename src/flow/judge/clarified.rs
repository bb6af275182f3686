//! The turn of somebody who looked at a failed attempt: what the next one should know, or that the task's text is at fault.

use crate::agent::TurnResult;
use crate::flow::progress::Step;
use crate::flow::turn::Ready;
use crate::flow::{FlowError, Project};
use crate::plan::breaker::Went;
use crate::review::clarify::{self, Clarified};
use crate::store::Op;
use crate::task::id::TaskId;
use crate::task::{Actor, Event, Evidence, State, Trouble};

use super::{Verdict, went};

impl Project {
    pub(super) fn judge_clarify(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        id: &TaskId,
    ) -> Result<Verdict, FlowError> {
        let read = clarify::read(&result.answer);
        let not_asked = if read.is_none() { result.not_asked_for_nothing() } else { result.not_asked() };
        if let Some(failure) = not_asked {
            let text = format!("{}: {failure}", ready.agent.name);
            return Ok(Verdict { went: Some(went(failure.kind)), ..Verdict::note(text) });
        }
        let missing = match read {
            None => return Ok(Verdict::note("nobody found out why it failed: the evidence has to do")),
            Some(Clarified::Attempt { advice }) => {
                let first = advice.lines().next().unwrap_or_default().to_owned();
                return Ok(Verdict {
                    went: Some(Went::Well),
                    ..Verdict::note(format!("why it failed: {first}"))
                });
            }
            Some(Clarified::Spec { missing }) => missing,
        };
        let because = Evidence::new(Trouble::Unclear, format!("its spec cannot be worked by: {missing}"));
        let text = because.text.clone();
        let mut worker = None;
        let stored = self.store.change::<FlowError>(op, &Actor::orchestrator(), id, |stored| {
            let waits = matches!(stored.task.state, State::Assigned { .. } | State::Pending);
            Ok(if waits { vec![Event::Escalated { because: because.clone() }] } else { Vec::new() })
        })?;
        if let State::Escalated { was, .. } = &stored.task.state {
            // It was not the worker's fault.
            let owner = was.claim().map(|claim| claim.owner.0.clone());
            worker = owner.and_then(|owner| Some(owner.rsplit_once('@')?.0.to_owned()));
        }
        Ok(Verdict { step: Step::NeedsYou, text, went: Some(Went::Well), forgiven: worker })
    }
}
