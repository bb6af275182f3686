//! What is said to git-orch about a task, and who answers an agent that says it.

use std::time::Duration;

use crate::process::sandbox::Answered;
use crate::store::{Op, Stored};
use crate::task::id::TaskId;
use crate::task::state::Claim;
use crate::task::{Event, Refused, Task};

use super::seat::Seat;
use super::{FlowError, Project};

/// Longest message about a task, in bytes.
pub(crate) const MESSAGE_MAX: usize = 4000;
/// Messages that agents may leave at one task: its journal is kept for ever.
const MESSAGES: usize = 200;
/// Time for one answer, besides what tests may take.
const ANSWER: Duration = Duration::from_secs(60);

impl Project {
    /// Who answers an agent in this seat.
    pub(crate) fn answered(&self, seat: &Seat) -> Answered {
        let mut words = ["--task", seat.task.as_str(), "--role"].map(str::to_owned).to_vec();
        words.extend([seat.role.to_string(), "--who".to_owned(), seat.who.clone()]);
        words.extend(seat.epoch.iter().flat_map(|epoch| ["--epoch".to_owned(), epoch.to_string()]));
        words.extend(self.offline.then(|| "--offline".to_owned()));
        words.extend(self.unheld().then(|| "--no-sandbox".to_owned()));
        let tests = if self.policy.tests.sandbox { self.policy.tests.timeout } else { Duration::ZERO };
        Answered { words, dir: self.root().to_owned(), limit: ANSWER + tests }
    }

    /// Refuses whoever speaks for a claim that is not the task's any more: it was given back, or taken over.
    ///
    /// # Errors
    /// Somebody else's claim holds now.
    pub(crate) fn refuse_other_claim(&self, task: &Task, claim: &Claim) -> Result<(), FlowError> {
        match self.seat().and_then(|seat| seat.epoch) {
            Some(epoch) if epoch != claim.epoch => {
                let refused = Refused::TakenOver { owner: claim.owner.clone() };
                let (id, state) = (task.id.clone(), Box::new(task.state.clone()));
                Err(crate::store::StoreError::Refused { id, refused, state }.into())
            }
            _ => Ok(()),
        }
    }

    /// Keeps what somebody has to say about a task in its journal.
    ///
    /// # Errors
    /// The text is empty or too long, agents said too much about it already, or the task is finished.
    pub(crate) fn say(&self, op: &Op, id: &TaskId, text: &str) -> Result<Stored, FlowError> {
        let bad = |why: String| FlowError::BadValue { what: "the message".to_owned(), why };
        let text = text.trim();
        if text.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        if text.len() > MESSAGE_MAX {
            return Err(bad(format!("it has {} bytes, the limit is {MESSAGE_MAX}", text.len())));
        }
        let event = Event::Said { text: text.to_owned() };
        self.store.change(op, &self.person(), id, |stored| {
            let said = stored.task.decisions.iter().filter(|decision| decision.what == event.word()).count();
            if self.seat().is_some() && said >= MESSAGES {
                return Err(bad(format!("there are {MESSAGES} about this task already")));
            }
            Ok(vec![event.clone()])
        })
    }
}
