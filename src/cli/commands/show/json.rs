//! What `show --json` has besides the task: what reviewers said, and what happened.

use serde::Serialize;

use crate::flow::Project;
use crate::task::event::{ReviewGiven, ReviewVerdict};

use super::screen::Screen;
use crate::cli::json::TaskJson;
use crate::cli::text::rfc3339;

/// A task as its screen shows it.
#[derive(Debug, Serialize)]
pub(super) struct ShownJson<'a> {
    #[serde(flatten)]
    task: TaskJson,
    /// Of every version of the change, oldest first.
    reviews: Vec<ReviewJson<'a>>,
    timeline: Vec<EventJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ReviewJson<'a> {
    reviewer: &'a str,
    /// The version that was reviewed.
    head: &'a str,
    /// `approve`, `revise`, or `none` where there was no verdict.
    verdict: &'static str,
    /// Why there was none.
    why: Option<&'a str>,
    summary: &'a str,
    findings: Vec<FindingJson<'a>>,
}

#[derive(Debug, Serialize)]
struct FindingJson<'a> {
    severity: &'static str,
    file: Option<&'a str>,
    line: Option<u32>,
    title: &'a str,
    detail: &'a str,
}

#[derive(Debug, Serialize)]
struct EventJson<'a> {
    at: String,
    what: &'a str,
}

impl<'a> ShownJson<'a> {
    pub(super) fn of(project: &Project, screen: &'a Screen<'a>) -> ShownJson<'a> {
        let timeline =
            screen.timeline.iter().map(|(at, what)| EventJson { at: rfc3339(*at), what }).collect();
        let reviews = screen.task.reviews.iter().map(of_review).collect();
        ShownJson { task: TaskJson::of(project, screen.task), reviews, timeline }
    }
}

fn of_review(review: &ReviewGiven) -> ReviewJson<'_> {
    let (verdict, why) = match &review.verdict {
        Ok(ReviewVerdict::Approve) => ("approve", None),
        Ok(ReviewVerdict::Revise) => ("revise", None),
        Err(why) => ("none", Some(why.as_str())),
    };
    let findings = review.findings.iter().map(|finding| FindingJson {
        severity: finding.severity.as_str(),
        file: finding.file.as_deref(),
        line: finding.line,
        title: &finding.title,
        detail: &finding.detail,
    });
    let (reviewer, head, summary) = (&review.reviewer, review.head.as_str(), &review.summary);
    ReviewJson { reviewer, head, verdict, why, summary, findings: findings.collect() }
}
