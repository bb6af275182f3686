//! A turn that ended, judged by its evidence: the diff, the gate, and what its program says of itself. Never by an exit
//! code alone.

/// Of whoever implements or fixes.
mod changed;
/// Of somebody who looked at a failed attempt.
mod clarified;
/// Of a worker that handed in by itself.
mod handed_in;
/// Of a reviewer.
mod reviewed;
/// Of a tester.
mod tested;

use crate::agent::{Cost, Failure, Tokens, TurnResult};
use crate::plan::breaker::Went;
use crate::plan::failure::FailureKind;
use crate::plan::memory::summary;
use crate::plan::turns::Work;
use crate::process::Ended;
use crate::review::clarify::{self, Clarified};
use crate::store::{Op, Stored};
use crate::task::event::ReviewGiven;
use crate::task::id::TaskId;
use crate::task::record::{MicroUsd, Note, TurnRecord};
use crate::task::{Actor, Event, Evidence, State, Trouble};

use super::audit::Audited;
use super::ended::how_it_ended;
use super::memory::tags_of;
use super::progress::Step;
pub(super) use reviewed::answer_of;

use super::turn::Ready;
use super::{FlowError, Project};

/// What a turn came to.
pub(crate) struct Judged {
    pub(crate) step: Step,
    pub(crate) text: String,
    /// What it says about its agent, if anything.
    pub(crate) went: Option<Went>,
    /// Another agent, whose failure was the task's fault.
    pub(crate) forgiven: Option<String>,
    pub(crate) record: TurnRecord,
}

/// What became of the task.
struct Verdict {
    step: Step,
    text: String,
    went: Option<Went>,
    forgiven: Option<String>,
}

impl Verdict {
    fn well(step: Step, text: String) -> Verdict {
        Verdict { step, text, went: Some(Went::Well), forgiven: None }
    }

    fn note(text: impl Into<String>) -> Verdict {
        Verdict { step: Step::Note, text: text.into(), went: None, forgiven: None }
    }
}

impl Project {
    /// Judges a turn by its evidence and writes down what follows.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn judge_turn(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        audited: &Audited,
    ) -> Result<Judged, FlowError> {
        let tags =
            self.store.load(ready.work.task())?.map(|stored| tags_of(&stored.task)).unwrap_or_default();
        let record = TurnRecord { note: note_of(ready, result, audited, tags), ..record_of(ready, result) };
        self.keep_record(op, ready.work.task(), &record)?;
        let Verdict { step, text, went, forgiven } = match &ready.work {
            Work::Review { task, reviewer } => self.judge_review(op, ready, result, task, reviewer)?,
            Work::Test { .. } => self.judge_test(op, ready, result, audited)?,
            Work::Clarify { task } => self.judge_clarify(op, ready, result, task)?,
            Work::Fix { .. } | Work::Implement { .. } => self.judge_change(op, ready, result, audited)?,
        };
        Ok(Judged { step, text, went, forgiven, record })
    }

    /// Adds a turn to what its task has used.
    pub(super) fn keep_record(&self, op: &Op, task: &TaskId, record: &TurnRecord) -> Result<(), FlowError> {
        let written = self.store.change::<FlowError>(op, &Actor::orchestrator(), task, |stored| {
            Ok(if stored.task.state.is_finished() {
                Vec::new()
            } else {
                vec![Event::TurnEnded(record.clone())]
            })
        });
        match written {
            // The task was finished and archived by a person meanwhile: nothing to add to.
            Err(FlowError::Store(crate::store::StoreError::NoTask(_))) | Ok(_) => Ok(()),
            Err(err) => Err(err),
        }
    }

    /// What is asked of every turn that changes files, before its work is looked at: whether the task is still the turn's
    /// own, and whether its agent worked at all. The inner error is the verdict where it does not come to the work.
    fn to_be_judged(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
    ) -> Result<Result<Stored, Verdict>, FlowError> {
        let settled = |text: String| Ok(Err(Verdict::note(text)));
        let Some(stored) = self.store.load(ready.work.task())? else {
            return settled("was finished by a person".to_owned());
        };
        let Some(stored) = self.after_the_lease(&stored.task)? else {
            return settled("was finished elsewhere".to_owned());
        };
        let state = &stored.task.state;
        if let Some(now) = state.claim().filter(|now| Some(*now) != ready.claim.as_ref()) {
            return settled(format!("was taken over by {}: its work stays in the worktree", now.owner));
        }
        if let (State::UnderReview { change }, Work::Implement { .. } | Work::Fix { .. }) =
            (state, &ready.work)
            && Some(&change.claim) == ready.claim.as_ref()
        {
            return self.judge_handed_in(op, ready, result, &stored).map(Err);
        }
        if !matches!(state, State::InProgress { .. }) {
            return settled(format!("is {} meanwhile: its work stays in the worktree", state.said()));
        }
        if result.outcome.ended == Ended::Stopped {
            self.back_to_pool(op, &stored, "the run was stopped")?;
            return settled("stopped; its work is kept".to_owned());
        }
        if let Some(failure) = result.not_asked() {
            return self.not_asked(op, ready, &stored, failure).map(Err);
        }
        Ok(Ok(stored))
    }

    /// The model could not be asked: the task goes back to everybody, and no try is counted.
    fn not_asked(
        &self,
        op: &Op,
        ready: &Ready,
        stored: &Stored,
        failure: &Failure,
    ) -> Result<Verdict, FlowError> {
        let text = format!("{}: {failure}", ready.agent.name);
        self.back_to_pool(op, stored, &text)?;
        let text = format!("{text}; back to the pool, without counting as a try");
        Ok(Verdict { went: Some(went(failure.kind)), ..Verdict::note(text) })
    }

    /// The agent could not be called at all: that is the attempt's or the reviewer's failure, with the reason.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn turn_not_started(&self, op: &Op, ready: &Ready, why: &str) -> Result<(), FlowError> {
        match &ready.work {
            Work::Review { task, reviewer } => {
                let Some(head) = ready.head.clone() else { return Ok(()) };
                let given = ReviewGiven {
                    reviewer: reviewer.clone(),
                    head,
                    verdict: Err(why.to_owned()),
                    summary: String::new(),
                    findings: Vec::new(),
                };
                self.give_review(op, ready, task, given)?;
            }
            Work::Fix { task } | Work::Implement { task } | Work::Test { task } => {
                self.attempt_failed(op, task, &Evidence::new(Trouble::NotStarted, why))?;
            }
            Work::Clarify { .. } => {}
        }
        Ok(())
    }

    /// The agent cannot be called by anybody: its task goes back to the pool, and no try is counted.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn turn_not_possible(&self, op: &Op, ready: &Ready, why: &str) -> Result<(), FlowError> {
        match &ready.work {
            Work::Review { .. } | Work::Clarify { .. } => Ok(()),
            Work::Fix { task } | Work::Implement { task } | Work::Test { task } => {
                match self.store.load(task)? {
                    Some(stored) if matches!(stored.task.state, State::InProgress { .. }) => {
                        self.back_to_pool(op, &stored, why)
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    /// Back to everybody, with its work kept.
    fn back_to_pool(&self, op: &Op, stored: &Stored, because: &str) -> Result<(), FlowError> {
        self.park(&stored.task)?;
        let event = Event::Released { because: because.to_owned() };
        self.store
            .change::<FlowError>(op, &Actor::orchestrator(), &stored.task.id, |_| Ok(vec![event.clone()]))?;
        Ok(())
    }

    /// An attempt failed before it was handed in: once more in place, then a person. Its work is kept.
    fn attempt_failed(&self, op: &Op, id: &TaskId, because: &Evidence) -> Result<Verdict, FlowError> {
        if let Some(stored) = self.store.load(id)? {
            self.park(&stored.task)?;
        }
        let stored = self.store.change::<FlowError>(op, &Actor::orchestrator(), id, |stored| {
            let over = self.policy.retry.cuts_short(&stored.task);
            let over = over.then(|| Event::Escalated { because: because.clone() });
            Ok([Event::Failed { because: because.clone() }].into_iter().chain(over).collect())
        })?;
        let task = &stored.task;
        let (step, text) = match task.state {
            State::Escalated { .. } => (Step::NeedsYou, because.text.clone()),
            _ => {
                let tries = format!("(try {} of {})", task.try_number, task.tries_max);
                (Step::Retry, format!("{} {tries}", because.text))
            }
        };
        Ok(Verdict { step, text, went: Some(Went::Badly), forgiven: None })
    }

    /// An attempt that failed before its turn could start.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn failed_to_prepare(
        &self,
        op: &Op,
        id: &TaskId,
        because: &Evidence,
    ) -> Result<(), FlowError> {
        self.attempt_failed(op, id, because).map(drop)
    }

    /// Removes what a program leaves behind beside its work, where git does not know it.
    fn remove_litter(&self, dir: &std::path::Path, patterns: &[String]) -> Result<(), FlowError> {
        if !patterns.is_empty() {
            self.repo.remove_untracked(dir, patterns)?;
        }
        Ok(())
    }
}

/// What a failure says about its agent.
fn went(kind: FailureKind) -> Went {
    match kind {
        FailureKind::Login => Went::Never,
        FailureKind::Limit | FailureKind::Host => Went::Later,
        FailureKind::Turns | FailureKind::Budget | FailureKind::Other => Went::Badly,
    }
}

fn record_of(ready: &Ready, result: &TurnResult) -> TurnRecord {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of one turn")]
    let seconds = result.outcome.seconds.round() as u64;
    // What replays recorded changes asks nobody who charges.
    let free = ready.agent.is_free().then_some(0);
    TurnRecord {
        role: ready.turn.role.to_string(),
        agent: ready.agent.name.clone(),
        run: Some(ready.turn.run.0.clone()),
        ended: how_it_ended(result, ready.turn.limit),
        seconds,
        tokens: result.usage.tokens.map(Tokens::total).or(free),
        cost: result.usage.cost.map(Cost::amount).or(free.map(MicroUsd)),
        estimated: matches!(result.usage.cost, Some(Cost::Estimated(_))),
        prompt: Some(ready.prompt.clone()),
        model: result.model.clone(),
        tier: Some(ready.choice.tier.to_string()),
        chosen: Some(ready.choice.why.clone()),
        note: None,
    }
}

/// What a turn has found, for later ones: its own words, or what was found out about an attempt. A reviewer's findings
/// have a place of their own, and an agent that could not ask its model has found nothing.
fn note_of(ready: &Ready, result: &TurnResult, audited: &Audited, tags: Vec<String>) -> Option<Note> {
    if result.not_asked_for_nothing().is_some() || result.outcome.ended == Ended::Stopped {
        return None;
    }
    let text = match &ready.work {
        Work::Review { .. } => None,
        Work::Clarify { .. } => Some(match clarify::read(&result.answer) {
            Some(Clarified::Attempt { advice }) => advice,
            Some(Clarified::Spec { missing }) => format!("The text of the task is at fault: {missing}"),
            None => "Nothing was found out.".to_owned(),
        }),
        Work::Test { .. } => Some(summary(&result.answer).unwrap_or_else(|| "Nothing was said.".to_owned())),
        Work::Implement { .. } | Work::Fix { .. } => summary(&result.answer),
    };
    let overlaps: String = audited.overlaps.iter().map(|overlap| format!("\n{}", overlap.text())).collect();
    let text = text.map(|text| format!("{text}{overlaps}"))?;
    let role = ready.work.role();
    Some(Note { role, try_number: ready.turn.try_number, tags, text })
}
