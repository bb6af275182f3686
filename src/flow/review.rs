//! The review lane: who still has to answer, and what the answers of a round mean.

use std::collections::BTreeMap;

use crate::review::{Answer, Missing, NoVerdict, Opinion, ReviewGate, Rounds, Why, gate};
use crate::store::{Op, Stored};
use crate::task::event::ReviewVerdict;
use crate::task::finding::{Finding, Severity};
use crate::task::{Actor, Event, Evidence, State, Task, Trouble};

use super::progress::Step;
use super::{FlowError, Project};

impl Project {
    /// Whether agents look at what is handed in: without one that is called for it, people do.
    pub(crate) fn agents_review(&self) -> bool {
        !self.policy.review.reviewers.is_empty() && self.policy.agents.review.is_some()
    }

    /// Reviewers that have to be asked about the change of a task now: those without an answer, and once more those
    /// that gave none.
    pub(crate) fn reviewers_to_ask(&self, task: &Task) -> Vec<String> {
        if !matches!(task.state, State::UnderReview { .. }) {
            return Vec::new();
        }
        let tries = self.policy.retry.tries.max(1) as usize;
        let wanted = self.policy.review.reviewers.iter();
        wanted
            .filter(|reviewer| {
                let mine: Vec<_> =
                    task.current_reviews().filter(|given| given.reviewer == **reviewer).collect();
                let answered = mine.iter().any(|given| given.verdict.is_ok());
                !answered && mine.len() < tries
            })
            .cloned()
            .collect()
    }

    /// Decides a round when all reviewers were asked; `None` while any is still to answer.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn decide_review(
        &self,
        op: &Op,
        stored: &Stored,
    ) -> Result<Option<(Step, String)>, FlowError> {
        let task = &stored.task;
        let reviewers = &self.policy.review.reviewers;
        if reviewers.is_empty() || !self.reviewers_to_ask(task).is_empty() {
            return Ok(None);
        }
        let may_come_back = task.rounds < self.policy.review.rounds && self.policy.retry.remains(task);
        let rounds = if may_come_back { Rounds::Remain } else { Rounds::Over };
        let (event, step, text) = match gate(&answers(task), reviewers, rounds) {
            ReviewGate::Neutral => return Ok(None),
            ReviewGate::Passed { notes }
                if !self.policy.review.notes_high
                    && notes.iter().any(|note| note.severity == Severity::High) =>
            {
                let high: Vec<_> = notes.into_iter().filter(|note| note.severity == Severity::High).collect();
                let because = evidence(&high);
                let text = because.text.clone();
                (Event::Escalated { because }, Step::NeedsYou, text)
            }
            ReviewGate::Passed { notes } => {
                let text = match notes.len() {
                    0 => "review passed".to_owned(),
                    1 => "review passed with 1 note".to_owned(),
                    n => format!("review passed with {n} notes"),
                };
                let lead = task.tier >= 3 && task.domain.is_some();
                (if lead { Event::PassedOn } else { Event::ReviewPassed }, Step::Queue, text)
            }
            ReviewGate::Revise { findings, .. } => sent_back(&findings, task),
            ReviewGate::Blocked { critical, others } => {
                let all: Vec<Finding> = critical.iter().chain(&others).cloned().collect();
                if rounds == Rounds::Remain && !task.adopted {
                    sent_back(&all, task)
                } else {
                    let because = evidence(&critical);
                    let text = because.text.clone();
                    (Event::Escalated { because }, Step::NeedsYou, text)
                }
            }
            ReviewGate::Incomplete { missing } => {
                let because = Evidence::new(Trouble::NoVerdict, no_verdicts(&missing));
                let text = because.text.clone();
                (Event::Escalated { because }, Step::NeedsYou, text)
            }
        };
        let head = task.head().cloned();
        self.store.change::<FlowError>(op, &Actor::orchestrator(), &task.id, |stored| {
            let same =
                matches!(stored.task.state, State::UnderReview { .. }) && stored.task.head() == head.as_ref();
            Ok(if same { vec![event.clone()] } else { Vec::new() })
        })?;
        Ok(Some((step, text)))
    }
}

fn answers(task: &Task) -> BTreeMap<String, Result<Answer, NoVerdict>> {
    task.current_reviews()
        .map(|given| {
            let answer = match &given.verdict {
                Ok(verdict) => Ok(Answer {
                    verdict: match verdict {
                        ReviewVerdict::Approve => Opinion::Approve,
                        ReviewVerdict::Revise => Opinion::Revise,
                    },
                    summary: given.summary.clone(),
                    findings: given.findings.clone(),
                }),
                Err(why) => {
                    Err(NoVerdict { reviewer: given.reviewer.clone(), why: Why::Failed(why.clone()) })
                }
            };
            (given.reviewer.clone(), answer)
        })
        .collect()
}

fn sent_back(findings: &[Finding], task: &Task) -> (Event, Step, String) {
    let because = evidence(findings);
    let text = format!("{} (round {})", because.text, task.rounds + 1);
    (Event::SentBack { because }, Step::SentBack, text)
}

fn evidence(findings: &[Finding]) -> Evidence {
    let text = match findings {
        [] => "reviewers ask for a revision".to_owned(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            format!("{first}{more}")
        }
    };
    let mut files: Vec<String> = findings.iter().filter_map(|finding| finding.file.clone()).collect();
    files.sort();
    files.dedup();
    Evidence::new(Trouble::Findings, text).with_files(files)
}

/// Who gave no verdict, and why; those with one reason stand together.
fn no_verdicts(missing: &[Missing]) -> String {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for one in missing {
        let why = one.why.as_ref().map_or_else(|| "no answer".to_owned(), |none| none.why.to_string());
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, reviewers)) => reviewers.push(&one.reviewer),
            None => reasons.push((why, vec![&one.reviewer])),
        }
    }
    let said =
        |(why, reviewers): &(String, Vec<&str>)| format!("no verdict of {}: {why}", reviewers.join(", "));
    reasons.iter().map(said).collect::<Vec<_>>().join("; ")
}
