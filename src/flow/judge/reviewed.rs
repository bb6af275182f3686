//! A reviewer's turn that ended: what it says counts, if it is about what is under review.

use std::time::Duration;

use crate::agent::TurnResult;
use crate::flow::ended::in_its_words;
use crate::flow::progress::Step;
use crate::flow::turn::Ready;
use crate::flow::{FlowError, Project};
use crate::plan::breaker::Went;
use crate::process::Ended;
use crate::review;
use crate::store::Op;
use crate::task::event::{ReviewGiven, ReviewVerdict};
use crate::task::id::TaskId;
use crate::task::words::counted;
use crate::task::{Actor, Authority, Event, State, Who};

use super::{Verdict, went};

impl Project {
    pub(super) fn judge_review(
        &self,
        op: &Op,
        ready: &Ready,
        result: &TurnResult,
        task: &TaskId,
        reviewer: &str,
    ) -> Result<Verdict, FlowError> {
        let Some(head) = ready.head.clone() else { return Ok(Verdict::note("")) };
        if result.outcome.ended == Ended::Stopped {
            return Ok(Verdict::note(format!("{reviewer} was stopped")));
        }
        let answer = answer_of(reviewer, result, ready.turn.limit);
        let not_asked = if answer.is_err() { result.not_asked_for_nothing() } else { result.not_asked() };
        if let Some(failure) = not_asked {
            // The reviewer was never asked: it will be, by another agent or later.
            let text = format!("{reviewer} not asked: {}: {failure}", ready.agent.name);
            return Ok(Verdict { went: Some(went(failure.kind)), ..Verdict::note(text) });
        }
        let (verdict, summary, findings) = match answer {
            Ok(answer) => {
                let verdict = match answer.verdict {
                    review::Opinion::Approve => ReviewVerdict::Approve,
                    review::Opinion::Revise => ReviewVerdict::Revise,
                };
                (Ok(verdict), answer.summary, answer.findings)
            }
            Err(why) => (Err(in_its_words(why, result)), String::new(), Vec::new()),
        };
        let worst = findings.iter().map(|finding| finding.severity).max();
        let text = match (&verdict, worst) {
            (Err(why), _) => format!("{reviewer}: no verdict ({why})"),
            (Ok(_), Some(worst)) => {
                format!("{reviewer}: {}, worst {worst}", counted(findings.len(), "finding"))
            }
            (Ok(ReviewVerdict::Approve), None) => format!("{reviewer} ok"),
            (Ok(ReviewVerdict::Revise), None) => format!("{reviewer}: revise"),
        };
        // How often a reviewer without a verdict is asked again is the gate's matter.
        let went = verdict.is_ok().then_some(Went::Well);
        let given =
            ReviewGiven { reviewer: reviewer.to_owned(), head: head.clone(), verdict, summary, findings };
        self.give_review(op, ready, task, given)?;
        self.store.add_review_note(&head, op.at, &crate::store::journal::one_line(&text))?;
        Ok(Verdict { step: Step::Review, text, went, forgiven: None })
    }

    /// Writes a reviewer's answer down, if it is still about what is under review.
    pub(super) fn give_review(
        &self,
        op: &Op,
        ready: &Ready,
        task: &TaskId,
        given: ReviewGiven,
    ) -> Result<(), FlowError> {
        let who = Who(format!("{} ({})", given.reviewer, ready.agent.name));
        let actor = Actor { who, authority: Authority::Reviewer };
        self.store.change::<FlowError>(op, &actor, task, |stored| {
            let current =
                matches!(&stored.task.state, State::UnderReview { change } if change.head == given.head);
            Ok(if current { vec![Event::Reviewed(given.clone())] } else { Vec::new() })
        })?;
        Ok(())
    }
}

/// What a reviewer says against a change counts however it ended; an approval only if it ended well.
fn believed(answer: review::Answer, ended: Ended) -> Result<review::Answer, String> {
    match ended {
        Ended::Exited(0) => Ok(answer),
        _ if answer.verdict == review::Opinion::Revise || answer.critical().next().is_some() => Ok(answer),
        Ended::Exited(code) => Err(format!("it approved and failed (exit {code})")),
        Ended::Signaled(_)
        | Ended::TimedOut
        | Ended::Idle
        | Ended::Crowded
        | Ended::Full
        | Ended::Stopped => Err("it approved and was ended".to_owned()),
    }
}

/// A reviewer's answer, if it gave one that can be believed.
///
/// # Errors
/// Why there is none, in words.
pub(in crate::flow) fn answer_of(
    reviewer: &str,
    result: &TurnResult,
    limit: Duration,
) -> Result<review::Answer, String> {
    match (result.outcome.ended, &result.failure) {
        (Ended::TimedOut, _) => Err(format!("ended at its limit of {} s", limit.as_secs())),
        _ if result.answer_cut => Err("its answer was cut at the limit of its log".to_owned()),
        (_, Some(failure)) => Err(failure.to_string()),
        (ended, None) => review::read(reviewer, &result.answer)
            .map_err(|none| none.why.to_string())
            .and_then(|answer| believed(answer, ended)),
    }
}
