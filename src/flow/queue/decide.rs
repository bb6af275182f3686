//! What is written down of a plan that lands nothing: holds and ejections.

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::queue::{Ejection, Hold};
use crate::store::Stored;
use crate::task::id::TaskId;
use crate::task::state::Phase;
use crate::task::{Event, State};

use super::pair::Blame;
use super::{Lander, Queued};

impl Lander<'_> {
    pub(super) fn phase(&mut self, task: &TaskId, event: &Event) -> Result<bool, FlowError> {
        self.phase_all(std::slice::from_ref(task), event)
    }

    /// Notes what the queue does with some entries now.
    pub(super) fn phase_all(&mut self, tasks: &[TaskId], event: &Event) -> Result<bool, FlowError> {
        self.change_all(tasks, |stored| {
            let same = match (&stored.task.state, event) {
                (State::ReadyForHandoff { phase: Phase::Waiting, .. }, Event::Waiting) => true,
                (
                    State::ReadyForHandoff { phase: Phase::Testing { candidate: old }, .. },
                    Event::Testing { candidate },
                ) => old == candidate,
                (State::ReadyForHandoff { .. }, _) => false,
                // It left the queue in this moment; the next tick sees that.
                _ => true,
            };
            if same { Vec::new() } else { vec![event.clone()] }
        })?;
        Ok(true)
    }

    pub(super) fn hold(&mut self, queued: &[Queued], task: &TaskId, hold: &Hold) -> Result<bool, FlowError> {
        let files: Vec<String> = hold.files.iter().cloned().collect();
        let known = Self::find(queued, task).and_then(|queued| hold_of(&queued.stored));
        if known.as_ref() == Some(hold) {
            return Ok(false);
        }
        self.say(
            Step::Hold,
            std::slice::from_ref(task),
            None,
            format!("behind {}: conflict in {}", hold.behind, files.join(", ")),
        );
        self.phase(task, &Event::Held { behind: hold.behind.clone(), files })
    }

    pub(super) fn eject(
        &mut self,
        queued: &[Queued],
        task: &TaskId,
        because: Ejection,
    ) -> Result<bool, FlowError> {
        let mut evidence = self.evidence(queued, task, because.clone())?;
        if let (Ejection::Worse { tree, .. }, Some(member)) = (&because, Self::find(queued, task)) {
            let worse = self.worse_on(tree)?;
            match self.blame(member, &worse)? {
                Blame::Asking => return Ok(false),
                Blame::Pair(other) => {
                    self.remember_pair(&other, member)?;
                    evidence.text.push_str(&format!("; fine without {other}"));
                    evidence.pair = Some(other);
                }
                Blame::Own => {}
            }
        }
        let Some(_nothing_lands) = self.may_withdraw(task)? else { return Ok(true) };
        let text = evidence.text.clone();
        let retry = self.project.policy.retry.clone();
        let stored = self.change(task, |stored| match stored.task.state {
            State::ReadyForHandoff { .. } if retry.cuts_short(&stored.task) => {
                let because = evidence.clone();
                vec![Event::Ejected { because: because.clone() }, Event::Escalated { because }]
            }
            State::ReadyForHandoff { .. } => vec![Event::Ejected { because: evidence.clone() }],
            _ => Vec::new(),
        })?;
        let Some(stored) = stored else { return Ok(true) };
        let step = match stored.task.state {
            State::Escalated { .. } => {
                self.rounds.needs_you.push(task.clone());
                Step::NeedsYou
            }
            _ => {
                self.rounds.sent_back.push(task.clone());
                Step::Eject
            }
        };
        self.say(step, std::slice::from_ref(task), None, text);
        Ok(true)
    }
}

/// The hold that a task's record says.
pub(super) fn hold_of(stored: &Stored) -> Option<Hold> {
    match &stored.task.state {
        State::ReadyForHandoff { phase: Phase::Held { behind, files }, .. } => {
            Some(Hold { behind: behind.clone(), files: files.iter().cloned().collect() })
        }
        _ => None,
    }
}
