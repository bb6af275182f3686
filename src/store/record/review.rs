//! How the answers of reviewers and the decisions of people are stored.

use serde::{Deserialize, Serialize};

use super::evidence::{EvidenceWire, evidence_of, evidence_wire};
use super::{RecordError, VERSION, broken, commit};
use crate::task::actor::Who;
use crate::task::event::{ReviewGiven, ReviewVerdict};
use crate::task::finding::{Finding, Severity};
use crate::task::id::Seconds;
use crate::task::record::Decision;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FindingWire {
    reviewer: String,
    severity: String,
    file: Option<String>,
    line: Option<u32>,
    title: String,
    detail: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReviewWire {
    v: u32,
    reviewer: String,
    head: String,
    /// `approve`, `revise` or `none`.
    verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why_none: Option<String>,
    summary: String,
    findings: Vec<FindingWire>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DecisionWire {
    v: u32,
    at: i64,
    by: String,
    what: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceWire>,
}

fn finding_wire(finding: &Finding) -> FindingWire {
    FindingWire {
        reviewer: finding.reviewer.clone(),
        severity: finding.severity.as_str().to_owned(),
        file: finding.file.clone(),
        line: finding.line,
        title: finding.title.clone(),
        detail: finding.detail.clone(),
    }
}

fn finding_of(wire: FindingWire) -> Result<Finding, RecordError> {
    Ok(Finding {
        reviewer: wire.reviewer,
        severity: Severity::of_word(&wire.severity).ok_or_else(|| broken("severity", &wire.severity))?,
        file: wire.file,
        line: wire.line,
        title: wire.title,
        detail: wire.detail,
    })
}

pub(super) fn review_wire(review: &ReviewGiven) -> ReviewWire {
    ReviewWire {
        v: VERSION,
        reviewer: review.reviewer.clone(),
        head: review.head.to_string(),
        verdict: match &review.verdict {
            Ok(ReviewVerdict::Approve) => "approve",
            Ok(ReviewVerdict::Revise) => "revise",
            Err(_) => "none",
        }
        .to_owned(),
        why_none: review.verdict.as_ref().err().cloned(),
        summary: review.summary.clone(),
        findings: review.findings.iter().map(finding_wire).collect(),
    }
}

pub(super) fn review_of(wire: ReviewWire) -> Result<ReviewGiven, RecordError> {
    Ok(ReviewGiven {
        reviewer: wire.reviewer,
        head: commit(&wire.head)?,
        verdict: match wire.verdict.as_str() {
            "approve" => Ok(ReviewVerdict::Approve),
            "revise" => Ok(ReviewVerdict::Revise),
            "none" => Err(wire.why_none.unwrap_or_default()),
            other => return Err(broken("review verdict", other)),
        },
        summary: wire.summary,
        findings: wire.findings.into_iter().map(finding_of).collect::<Result<_, _>>()?,
    })
}

pub(super) fn decision_wire(decision: &Decision) -> DecisionWire {
    DecisionWire {
        v: VERSION,
        at: decision.at.0,
        by: decision.by.0.clone(),
        what: decision.what.clone(),
        text: decision.text.clone(),
        evidence: decision.evidence.as_ref().map(evidence_wire),
    }
}

pub(super) fn decision_of(wire: DecisionWire) -> Result<Decision, RecordError> {
    Ok(Decision {
        at: Seconds(wire.at),
        by: Who(wire.by),
        what: wire.what,
        text: wire.text,
        evidence: wire.evidence.map(evidence_of).transpose()?,
    })
}
