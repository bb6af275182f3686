//! A task's line in the report of a run: where it stands, why, what would move it on, and what it used.

use crate::plan::card::{Card, Need};
use crate::report::{Awaits, Before, FindingLine, Outcome, Sum, TaskLine};
use crate::task::finding::{Finding, Severity};
use crate::task::{State, Task};

use super::Tally;
use crate::flow::Project;

impl Tally {
    /// What became of a task, and what it used in this run.
    pub(super) fn task_line(&self, project: &Project, task: &Task, reviewers: bool) -> TaskLine {
        let (result, why, awaits) = standing(project, task, reviewers);
        let turns = || self.turns_on(&task.id);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let cost_usd_micros = Sum::of(turns().map(|turn| turn.cost.map(|cost| cost.0)));
        let in_all = task.spent;
        // A turn that ended just before its run was killed may not have been judged: the task was tried once less then.
        let tries = count(turns().filter(|turn| turn.is_try()).count()).min(task.try_number + task.rounds);
        let turns_before = in_all.turns.saturating_sub(count(turns().count()));
        let cost_before = in_all.cost.zip(cost_usd_micros.exactly());
        TaskLine {
            id: task.id.clone(),
            title: task.title.clone(),
            result,
            turns: count(turns().count()),
            tries,
            reviews: count(turns().filter(|turn| turn.is_review()).count()),
            cost_usd_micros,
            tokens: Sum::of(turns().map(|turn| turn.tokens)),
            seconds: turns().map(|turn| turn.seconds).sum(),
            before: (turns_before > 0).then(|| Before {
                turns: turns_before,
                cost_usd_micros: cost_before.map(|(all, here)| all.0.saturating_sub(here)),
            }),
            why,
            awaits,
            log: match &task.state {
                State::Escalated { because, .. } => project.telling_log(&task.id, because.trouble),
                _ => None,
            },
        }
    }

    /// Grave findings of this run on a task, and whether a later commit that landed followed them.
    pub(super) fn findings(&self, task: &Task) -> Vec<FindingLine> {
        let landed = matches!(task.state, State::Completed { .. });
        let last = task.reviews.last().map(|review| &review.head);
        let at_last = || task.reviews.iter().filter(|review| Some(&review.head) == last);
        // Whoever looked last and still says it did not see it mended.
        let stands = |finding: &Finding| {
            let said = at_last().flat_map(|review| &review.findings);
            said.into_iter().any(|other| (&other.file, &other.title) == (&finding.file, &finding.title))
        };
        let given = self.turns_on(&task.id).filter(|turn| turn.is_review()).count();
        let mut lines = Vec::new();
        for review in task.reviews.iter().skip(task.reviews.len().saturating_sub(given)) {
            for finding in review.findings.iter().filter(|finding| finding.severity >= Severity::High) {
                lines.push(FindingLine {
                    reviewer: review.reviewer.clone(),
                    task: task.id.clone(),
                    severity: finding.severity,
                    fixed: landed && last != Some(&review.head) && !stands(finding),
                });
            }
        }
        lines
    }
}

/// Where a task stands, why, and what would move it on.
fn standing(project: &Project, task: &Task, reviewers: bool) -> (Outcome, String, Awaits) {
    let card = Card::of(task);
    let waiting = |why: String| (Outcome::Waiting, why, Awaits::Other);
    let person = |why: &str| (Outcome::NeedsPerson, why.to_owned(), Awaits::Other);
    match &task.state {
        State::Completed { .. } => (Outcome::Landed, String::new(), Awaits::Other),
        State::Cancelled { because } => (Outcome::Cancelled, because.clone(), Awaits::Other),
        State::Escalated { because, .. } => person(&because.text),
        State::Blocked { because, .. } => person(because),
        // Whoever reviews was not asked yet: the next run does that.
        State::UnderReview { .. } if reviewers && !project.reviewers_to_ask(task).is_empty() => {
            waiting("waits for its reviewers".to_owned())
        }
        _ if card.need.is_some() => {
            let awaits = if card.need == Some(Need::Approval) { Awaits::Approval } else { Awaits::Other };
            (Outcome::NeedsPerson, "waits for a review".to_owned(), awaits)
        }
        State::ReadyForHandoff { .. } => (Outcome::Waiting, "in the queue".to_owned(), Awaits::Queue),
        State::Pending => waiting(match (project.waits(task), &task.evidence, task.spent.turns) {
            (Some(waits), ..) => waits.to_string(),
            (None, _, 0) => "not started".to_owned(),
            (None, Some(because), _) => format!("back in the pool: {}", because.text),
            (None, None, _) => "back in the pool, with its work".to_owned(),
        }),
        State::Assigned { claim } if task.evidence.is_some() => {
            let worker = claim.owner.0.split('@').next().unwrap_or_default();
            waiting(format!("sent back to {worker}"))
        }
        state => waiting(state.said().to_owned()),
    }
}
