//! How evidence is stored: why a task was stopped, held or sent back.

use serde::{Deserialize, Serialize};

use super::{RecordError, broken, commit, task_id};
use crate::task::evidence::{Evidence, FailedTest, Trouble};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TestWire {
    name: String,
    line: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EvidenceWire {
    trouble: String,
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pair: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tests: Vec<TestWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reproduce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    candidate: Option<String>,
    #[serde(default)]
    confirmed: bool,
}

pub(super) fn evidence_wire(evidence: &Evidence) -> EvidenceWire {
    let Evidence { trouble, text, files, pair, tests, reproduce, base, candidate, confirmed } =
        evidence.clone();
    EvidenceWire {
        trouble: trouble.word().to_owned(),
        text,
        files,
        pair: pair.map(|id| id.to_string()),
        tests: tests.into_iter().map(|test| TestWire { name: test.name, line: test.line }).collect(),
        reproduce,
        base: base.map(|id| id.to_string()),
        candidate: candidate.map(|id| id.to_string()),
        confirmed,
    }
}

pub(super) fn evidence_of(wire: EvidenceWire) -> Result<Evidence, RecordError> {
    Ok(Evidence {
        trouble: Trouble::parse(&wire.trouble).ok_or_else(|| broken("trouble", &wire.trouble))?,
        text: wire.text,
        files: wire.files,
        pair: wire.pair.as_deref().map(task_id).transpose()?,
        tests: wire.tests.into_iter().map(|test| FailedTest { name: test.name, line: test.line }).collect(),
        reproduce: wire.reproduce,
        base: wire.base.as_deref().map(commit).transpose()?,
        candidate: wire.candidate.as_deref().map(commit).transpose()?,
        confirmed: wire.confirmed,
    })
}
