//! How a task is stored: `task.json` and the files beside it.

use serde::{Deserialize, Serialize};

use super::evidence::{EvidenceWire, evidence_of, evidence_wire};
use super::note::{note_of, note_wire};
use super::review::{decision_of, decision_wire, review_of, review_wire};
use super::state::{StateWire, state_of, state_wire};
use super::{RecordError, VERSION, commit, ids, read, task_id, task_ids, write};
use crate::task::actor::Who;
use crate::task::id::Seconds;
use crate::task::record::{MicroUsd, Spent, Task};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SpentWire {
    tokens: Option<u64>,
    cost_usd_micros: Option<u64>,
    seconds: u64,
    turns: u32,
}

/// `task.json`: everything but the texts that are files of their own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskWire {
    v: u32,
    id: String,
    title: String,
    /// For readers: the name of `standing`.
    state: String,
    /// For readers: whoever holds or handed in the task.
    owner: Option<String>,
    priority: u8,
    paths: Vec<String>,
    after: Vec<String>,
    tier: u8,
    domain: Option<String>,
    branch: String,
    adopted: bool,
    created_by: String,
    created_at: i64,
    since: i64,
    #[serde(rename = "try")]
    try_number: u32,
    tries_max: u32,
    rounds: u32,
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handed_in: Option<String>,
    epoch: u64,
    changelog: Option<String>,
    exception: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    hotfix: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    delegates: Vec<String>,
    evidence: Option<EvidenceWire>,
    spent: SpentWire,
    standing: StateWire,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The files of a task's tree, path and content, without `event.json`.
pub(crate) fn task_files(task: &Task) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("task.json".to_owned(), write(&task_wire(task))),
        ("spec.md".to_owned(), task.spec.clone().into_bytes()),
    ];
    for (number, review) in task.reviews.iter().enumerate() {
        let name = format!("reviews/{:03}-{}.json", number + 1, review.reviewer);
        files.push((name, write(&review_wire(review))));
    }
    for (number, decision) in task.decisions.iter().enumerate() {
        let name = format!("decisions/{:03}-{}.json", number + 1, decision.what);
        files.push((name, write(&decision_wire(decision))));
    }
    for (number, note) in task.notes.iter().enumerate() {
        let name = format!("notes/{:03}-{}.json", number + 1, note.role);
        files.push((name, write(&note_wire(note))));
    }
    files
}

/// Reads a task back from the files of its tree; `reviews`, `decisions` and `notes` in the order of their names.
///
/// # Errors
/// A newer version, or a file that is no record.
pub(crate) fn read_task(
    task_json: &[u8],
    spec: &[u8],
    reviews: &[Vec<u8>],
    decisions: &[Vec<u8>],
    notes: &[Vec<u8>],
) -> Result<Task, RecordError> {
    let wire: TaskWire = read("task.json", task_json)?;
    let mut task = task_of(wire)?;
    task.spec = String::from_utf8_lossy(spec).into_owned();
    for text in reviews {
        task.reviews.push(review_of(read("review", text)?)?);
    }
    for text in decisions {
        task.decisions.push(decision_of(read("decision", text)?)?);
    }
    for text in notes {
        task.notes.push(note_of(read("note", text)?));
    }
    Ok(task)
}

pub(super) fn task_wire(task: &Task) -> TaskWire {
    TaskWire {
        v: VERSION,
        id: task.id.to_string(),
        title: task.title.clone(),
        state: task.state.word().to_owned(),
        owner: task.owner().map(|who| who.0.clone()),
        priority: task.priority,
        paths: task.paths.clone(),
        after: ids(&task.after),
        tier: task.tier,
        domain: task.domain.clone(),
        branch: task.branch.clone(),
        adopted: task.adopted,
        created_by: task.created_by.0.clone(),
        created_at: task.created_at.0,
        since: task.since.0,
        try_number: task.try_number,
        tries_max: task.tries_max,
        rounds: task.rounds,
        attempts: task.attempts,
        handed_in: task.handed_in.as_ref().map(ToString::to_string),
        epoch: task.epoch,
        changelog: task.changelog.clone(),
        exception: task.exception,
        hotfix: task.hotfix,
        delegates: task.delegates.iter().map(|who| who.0.clone()).collect(),
        evidence: task.evidence.as_ref().map(evidence_wire),
        spent: SpentWire {
            tokens: task.spent.tokens,
            cost_usd_micros: task.spent.cost.map(|cost| cost.0),
            seconds: task.spent.seconds,
            turns: task.spent.turns,
        },
        standing: state_wire(&task.state),
    }
}

pub(super) fn task_of(wire: TaskWire) -> Result<Task, RecordError> {
    Ok(Task {
        id: task_id(&wire.id)?,
        title: wire.title,
        spec: String::new(),
        priority: wire.priority,
        paths: wire.paths,
        after: task_ids(&wire.after)?,
        tier: wire.tier,
        domain: wire.domain,
        branch: wire.branch,
        adopted: wire.adopted,
        created_by: Who(wire.created_by),
        created_at: Seconds(wire.created_at),
        state: state_of(wire.standing)?,
        since: Seconds(wire.since),
        try_number: wire.try_number,
        tries_max: wire.tries_max,
        rounds: wire.rounds,
        attempts: wire.attempts,
        handed_in: wire.handed_in.as_deref().map(commit).transpose()?,
        epoch: wire.epoch,
        changelog: wire.changelog,
        exception: wire.exception,
        hotfix: wire.hotfix,
        delegates: wire.delegates.into_iter().map(Who).collect(),
        evidence: wire.evidence.map(evidence_of).transpose()?,
        reviews: Vec::new(),
        decisions: Vec::new(),
        notes: Vec::new(),
        spent: Spent {
            tokens: wire.spent.tokens,
            cost: wire.spent.cost_usd_micros.map(MicroUsd),
            seconds: wire.spent.seconds,
            turns: wire.spent.turns,
        },
    })
}
