//! The stored forms of tasks and events, version 1. Domain types are not serializable on purpose: this file alone
//! decides what is written, and `tests/fixtures/` keeps one example of each version that today's code must read.

use serde::{Deserialize, Serialize};

use crate::task::actor::{Actor, Authority, Who};
use crate::task::event::{Edit, Event, NewTask, ReviewGiven, ReviewVerdict};
use crate::task::evidence::{Evidence, FailedTest, Trouble};
use crate::task::finding::{Finding, Severity};
use crate::task::id::{CommitId, Nonce, Seconds, TaskId};
use crate::task::record::{Decision, MicroUsd, Spent, Task, TurnRecord};
use crate::task::state::{Approval, Change, Claim, Phase, State};

/// The version that this program writes.
pub(crate) const VERSION: u32 = 1;

/// Why a stored text cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("written by a newer git orch (record {found}, this one knows {VERSION})")]
    Newer { found: u32 },
    #[error("{what} is not readable: {why}")]
    Broken { what: &'static str, why: String },
}

fn broken(what: &'static str, why: impl ToString) -> RecordError {
    RecordError::Broken { what, why: why.to_string() }
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

fn read<'a, T: Deserialize<'a>>(what: &'static str, text: &'a [u8]) -> Result<T, RecordError> {
    let Versioned { v } = serde_json::from_slice(text).map_err(|why| broken(what, why))?;
    if v > VERSION {
        return Err(RecordError::Newer { found: v });
    }
    serde_json::from_slice(text).map_err(|why| broken(what, why))
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records have string keys and finite numbers");
    text.push(b'\n');
    text
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ClaimWire {
    owner: String,
    epoch: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ChangeWire {
    owner: String,
    epoch: u64,
    head: String,
    base: String,
    added: u64,
    removed: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TestWire {
    name: String,
    line: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct EvidenceWire {
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

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
enum PhaseWire {
    Waiting,
    Testing { candidate: String },
    Held { behind: String, files: Vec<String> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
enum StateWire {
    Pending,
    InPlanning,
    Assigned {
        claim: ClaimWire,
    },
    InProgress {
        claim: ClaimWire,
    },
    UnderReview {
        change: ChangeWire,
    },
    DomainReview {
        change: ChangeWire,
    },
    ReadyForHandoff {
        change: ChangeWire,
        approved_by: String,
        accept_worse: bool,
        phase: PhaseWire,
    },
    Completed {
        landed: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    Blocked {
        because: String,
        was: Box<StateWire>,
    },
    Escalated {
        because: Box<EvidenceWire>,
        was: Box<StateWire>,
    },
    Cancelled {
        because: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SpentWire {
    tokens: Option<u64>,
    cost_usd_micros: Option<u64>,
    seconds: u64,
    turns: u32,
}

/// `task.json`: everything but the texts that are files of their own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct TaskWire {
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
struct ReviewWire {
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
struct DecisionWire {
    v: u32,
    at: i64,
    by: String,
    what: String,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceWire>,
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
    files
}

/// Reads a task back from the files of its tree; `reviews` and `decisions` in the order of their names.
///
/// # Errors
/// A newer version, or a file that is no record.
pub(crate) fn read_task(
    task_json: &[u8],
    spec: &[u8],
    reviews: &[Vec<u8>],
    decisions: &[Vec<u8>],
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
    Ok(task)
}

fn task_wire(task: &Task) -> TaskWire {
    TaskWire {
        v: VERSION,
        id: task.id.to_string(),
        title: task.title.clone(),
        state: task.state.word().to_owned(),
        owner: task.owner().map(|who| who.0.clone()),
        priority: task.priority,
        paths: task.paths.clone(),
        after: task.after.iter().map(ToString::to_string).collect(),
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

fn task_of(wire: TaskWire) -> Result<Task, RecordError> {
    Ok(Task {
        id: task_id(&wire.id)?,
        title: wire.title,
        spec: String::new(),
        priority: wire.priority,
        paths: wire.paths,
        after: wire.after.iter().map(|id| task_id(id)).collect::<Result<_, _>>()?,
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
        epoch: wire.epoch,
        changelog: wire.changelog,
        exception: wire.exception,
        hotfix: wire.hotfix,
        delegates: wire.delegates.into_iter().map(Who).collect(),
        evidence: wire.evidence.map(evidence_of).transpose()?,
        reviews: Vec::new(),
        decisions: Vec::new(),
        spent: Spent {
            tokens: wire.spent.tokens,
            cost: wire.spent.cost_usd_micros.map(MicroUsd),
            seconds: wire.spent.seconds,
            turns: wire.spent.turns,
        },
    })
}

fn task_id(text: &str) -> Result<TaskId, RecordError> {
    TaskId::parse(text).map_err(|why| broken("task id", why))
}

fn commit(text: &str) -> Result<CommitId, RecordError> {
    CommitId::parse(text).map_err(|why| broken("commit id", why))
}

fn claim_wire(claim: &Claim) -> ClaimWire {
    ClaimWire { owner: claim.owner.0.clone(), epoch: claim.epoch }
}

fn claim_of(wire: ClaimWire) -> Claim {
    Claim { owner: Who(wire.owner), epoch: wire.epoch }
}

fn change_wire(change: &Change) -> ChangeWire {
    ChangeWire {
        owner: change.claim.owner.0.clone(),
        epoch: change.claim.epoch,
        head: change.head.to_string(),
        base: change.base.to_string(),
        added: change.added,
        removed: change.removed,
    }
}

fn change_of(wire: ChangeWire) -> Result<Change, RecordError> {
    Ok(Change {
        claim: Claim { owner: Who(wire.owner), epoch: wire.epoch },
        head: commit(&wire.head)?,
        base: commit(&wire.base)?,
        added: wire.added,
        removed: wire.removed,
    })
}

fn evidence_wire(evidence: &Evidence) -> EvidenceWire {
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

fn evidence_of(wire: EvidenceWire) -> Result<Evidence, RecordError> {
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

fn state_wire(state: &State) -> StateWire {
    match state {
        State::Pending => StateWire::Pending,
        State::InPlanning => StateWire::InPlanning,
        State::Assigned { claim } => StateWire::Assigned { claim: claim_wire(claim) },
        State::InProgress { claim } => StateWire::InProgress { claim: claim_wire(claim) },
        State::UnderReview { change } => StateWire::UnderReview { change: change_wire(change) },
        State::DomainReview { change } => StateWire::DomainReview { change: change_wire(change) },
        State::ReadyForHandoff { change, approval, phase } => StateWire::ReadyForHandoff {
            change: change_wire(change),
            approved_by: approval.by.0.clone(),
            accept_worse: approval.accept_worse,
            phase: match phase {
                Phase::Waiting => PhaseWire::Waiting,
                Phase::Testing { candidate } => PhaseWire::Testing { candidate: candidate.to_string() },
                Phase::Held { behind, files } => {
                    PhaseWire::Held { behind: behind.to_string(), files: files.clone() }
                }
            },
        },
        State::Completed { landed, owner } => StateWire::Completed {
            landed: landed.to_string(),
            owner: owner.as_ref().map(|who| who.0.clone()),
        },
        State::Blocked { because, was } => {
            StateWire::Blocked { because: because.clone(), was: Box::new(state_wire(was)) }
        }
        State::Escalated { because, was } => {
            StateWire::Escalated { because: Box::new(evidence_wire(because)), was: Box::new(state_wire(was)) }
        }
        State::Cancelled { because } => StateWire::Cancelled { because: because.clone() },
    }
}

fn state_of(wire: StateWire) -> Result<State, RecordError> {
    Ok(match wire {
        StateWire::Pending => State::Pending,
        StateWire::InPlanning => State::InPlanning,
        StateWire::Assigned { claim } => State::Assigned { claim: claim_of(claim) },
        StateWire::InProgress { claim } => State::InProgress { claim: claim_of(claim) },
        StateWire::UnderReview { change } => State::UnderReview { change: change_of(change)? },
        StateWire::DomainReview { change } => State::DomainReview { change: change_of(change)? },
        StateWire::ReadyForHandoff { change, approved_by, accept_worse, phase } => State::ReadyForHandoff {
            change: change_of(change)?,
            approval: Approval { by: Who(approved_by), accept_worse },
            phase: match phase {
                PhaseWire::Waiting => Phase::Waiting,
                PhaseWire::Testing { candidate } => Phase::Testing { candidate: commit(&candidate)? },
                PhaseWire::Held { behind, files } => Phase::Held { behind: task_id(&behind)?, files },
            },
        },
        StateWire::Completed { landed, owner } => {
            State::Completed { landed: commit(&landed)?, owner: owner.map(Who) }
        }
        StateWire::Blocked { because, was } => State::Blocked { because, was: Box::new(state_of(*was)?) },
        StateWire::Escalated { because, was } => {
            State::Escalated { because: evidence_of(*because)?, was: Box::new(state_of(*was)?) }
        }
        StateWire::Cancelled { because } => State::Cancelled { because },
    })
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

fn review_wire(review: &ReviewGiven) -> ReviewWire {
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

fn review_of(wire: ReviewWire) -> Result<ReviewGiven, RecordError> {
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

fn decision_wire(decision: &Decision) -> DecisionWire {
    DecisionWire {
        v: VERSION,
        at: decision.at.0,
        by: decision.by.0.clone(),
        what: decision.what.clone(),
        text: decision.text.clone(),
        evidence: decision.evidence.as_ref().map(evidence_wire),
    }
}

fn decision_of(wire: DecisionWire) -> Result<Decision, RecordError> {
    Ok(Decision {
        at: Seconds(wire.at),
        by: Who(wire.by),
        what: wire.what,
        text: wire.text,
        evidence: wire.evidence.map(evidence_of).transpose()?,
    })
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TurnWire {
    role: String,
    agent: String,
    run: Option<String>,
    ended: String,
    seconds: u64,
    tokens: Option<u64>,
    cost_usd_micros: Option<u64>,
    #[serde(default)]
    estimated: bool,
    prompt: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    chosen: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct NewTaskWire {
    id: String,
    title: String,
    spec: String,
    priority: u8,
    paths: Vec<String>,
    after: Vec<String>,
    tier: u8,
    domain: Option<String>,
    branch: String,
    adopted: bool,
    draft: bool,
    tries_max: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct EditWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hotfix: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegates: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum EventWire {
    Added {
        new: Box<NewTaskWire>,
    },
    Edited {
        edit: EditWire,
    },
    Planned,
    Claimed {
        claim: ClaimWire,
    },
    Started,
    Released {
        because: String,
    },
    Submitted {
        change: ChangeWire,
        changelog: Option<String>,
        message: Option<String>,
    },
    Reviewed {
        review: Box<ReviewWire>,
    },
    ReviewPassed,
    SentBack {
        because: Box<EvidenceWire>,
    },
    PassedOn,
    Approved {
        head: Option<String>,
        note: Option<String>,
    },
    Rejected {
        because: String,
    },
    Enqueued {
        change: ChangeWire,
    },
    Testing {
        candidate: String,
    },
    Waiting,
    Held {
        behind: String,
        files: Vec<String>,
    },
    Ejected {
        because: Box<EvidenceWire>,
    },
    Failed {
        because: Box<EvidenceWire>,
    },
    Escalated {
        because: Box<EvidenceWire>,
    },
    Landed {
        commit: String,
    },
    Stopped {
        because: String,
    },
    Resumed,
    Abandoned {
        because: String,
    },
    Renewed,
    Said {
        text: String,
    },
    TurnEnded {
        turn: TurnWire,
    },
    /// `files` are those of the task that it was.
    Undone {
        op: String,
        restored: Box<RestoredWire>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RestoredWire {
    task: Box<TaskWire>,
    spec: String,
    reviews: Vec<ReviewWire>,
    decisions: Vec<DecisionWire>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct EventFileWire {
    v: u32,
    at: i64,
    who: String,
    authority: String,
    nonce: String,
    op: String,
    #[serde(rename = "what")]
    event: EventWire,
}

/// An event with everything that its commit records about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventRecord {
    pub(crate) event: Event,
    pub(crate) actor: Actor,
    pub(crate) at: Seconds,
    pub(crate) nonce: Nonce,
    /// The operation (one command) that it belongs to.
    pub(crate) op: String,
}

/// The content of `event.json`.
pub(crate) fn event_file(record: &EventRecord) -> Vec<u8> {
    write(&EventFileWire {
        v: VERSION,
        at: record.at.0,
        who: record.actor.who.0.clone(),
        authority: record.actor.authority.word().to_owned(),
        nonce: record.nonce.0.clone(),
        op: record.op.clone(),
        event: event_wire(&record.event),
    })
}

/// Reads an `event.json` back.
///
/// # Errors
/// A newer version, or no record.
pub(crate) fn read_event(text: &[u8]) -> Result<EventRecord, RecordError> {
    let wire: EventFileWire = read("event.json", text)?;
    let authority = Authority::parse(&wire.authority).ok_or_else(|| broken("authority", &wire.authority))?;
    Ok(EventRecord {
        event: event_of(wire.event)?,
        actor: Actor { who: Who(wire.who), authority },
        at: Seconds(wire.at),
        nonce: Nonce(wire.nonce),
        op: wire.op,
    })
}

fn ids(ids: &[TaskId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn task_ids(texts: &[String]) -> Result<Vec<TaskId>, RecordError> {
    texts.iter().map(|text| task_id(text)).collect()
}

fn new_task_wire(new: &NewTask) -> NewTaskWire {
    let NewTask { id, title, spec, priority, paths, after, tier, domain, branch, adopted, draft, tries_max } =
        new.clone();
    NewTaskWire {
        id: id.to_string(),
        title,
        spec,
        priority,
        paths,
        after: ids(&after),
        tier,
        domain,
        branch,
        adopted,
        draft,
        tries_max,
    }
}

fn edit_wire(edit: &Edit) -> EditWire {
    let Edit { title, spec, priority, paths, after, tier, domain, hotfix, delegates } = edit.clone();
    let delegates = delegates.map(|all| all.into_iter().map(|who| who.0).collect());
    EditWire {
        title,
        spec,
        priority,
        paths,
        after: after.as_deref().map(ids),
        tier,
        domain,
        hotfix,
        delegates,
    }
}

pub(super) fn turn_wire(turn: &TurnRecord) -> TurnWire {
    let TurnRecord { role, agent, run, ended, seconds, tokens, cost, estimated, prompt, model, tier, chosen } =
        turn.clone();
    let cost_usd_micros = cost.map(|cost| cost.0);
    TurnWire {
        role,
        agent,
        run,
        ended,
        seconds,
        tokens,
        cost_usd_micros,
        estimated,
        prompt,
        model,
        tier,
        chosen,
    }
}

fn event_wire(event: &Event) -> EventWire {
    let evidence = |because: &Evidence| Box::new(evidence_wire(because));
    match event {
        Event::Added(new) => EventWire::Added { new: Box::new(new_task_wire(new)) },
        Event::Edited(edit) => EventWire::Edited { edit: edit_wire(edit) },
        Event::Planned => EventWire::Planned,
        Event::Claimed(claim) => EventWire::Claimed { claim: claim_wire(claim) },
        Event::Started => EventWire::Started,
        Event::Released { because } => EventWire::Released { because: because.clone() },
        Event::Submitted { change, changelog, message } => EventWire::Submitted {
            change: change_wire(change),
            changelog: changelog.clone(),
            message: message.clone(),
        },
        Event::Reviewed(review) => EventWire::Reviewed { review: Box::new(review_wire(review)) },
        Event::ReviewPassed => EventWire::ReviewPassed,
        Event::SentBack { because } => EventWire::SentBack { because: evidence(because) },
        Event::PassedOn => EventWire::PassedOn,
        Event::Approved { head, note } => {
            EventWire::Approved { head: head.as_ref().map(ToString::to_string), note: note.clone() }
        }
        Event::Rejected { because } => EventWire::Rejected { because: because.clone() },
        Event::Enqueued { change } => EventWire::Enqueued { change: change_wire(change) },
        Event::Testing { candidate } => EventWire::Testing { candidate: candidate.to_string() },
        Event::Waiting => EventWire::Waiting,
        Event::Held { behind, files } => EventWire::Held { behind: behind.to_string(), files: files.clone() },
        Event::Ejected { because } => EventWire::Ejected { because: evidence(because) },
        Event::Failed { because } => EventWire::Failed { because: evidence(because) },
        Event::Escalated { because } => EventWire::Escalated { because: evidence(because) },
        Event::Landed { commit } => EventWire::Landed { commit: commit.to_string() },
        Event::Stopped { because } => EventWire::Stopped { because: because.clone() },
        Event::Renewed => EventWire::Renewed,
        Event::Said { text } => EventWire::Said { text: text.clone() },
        Event::Resumed => EventWire::Resumed,
        Event::Abandoned { because } => EventWire::Abandoned { because: because.clone() },
        Event::TurnEnded(turn) => EventWire::TurnEnded { turn: turn_wire(turn) },
        Event::Undone { op, restored } => EventWire::Undone {
            op: op.clone(),
            restored: Box::new(RestoredWire {
                task: Box::new(task_wire(restored)),
                spec: restored.spec.clone(),
                reviews: restored.reviews.iter().map(review_wire).collect(),
                decisions: restored.decisions.iter().map(decision_wire).collect(),
            }),
        },
    }
}

fn new_task_of(wire: NewTaskWire) -> Result<NewTask, RecordError> {
    Ok(NewTask {
        id: task_id(&wire.id)?,
        title: wire.title,
        spec: wire.spec,
        priority: wire.priority,
        paths: wire.paths,
        after: task_ids(&wire.after)?,
        tier: wire.tier,
        domain: wire.domain,
        branch: wire.branch,
        adopted: wire.adopted,
        draft: wire.draft,
        tries_max: wire.tries_max,
    })
}

fn edit_of(wire: EditWire) -> Result<Edit, RecordError> {
    Ok(Edit {
        title: wire.title,
        spec: wire.spec,
        priority: wire.priority,
        paths: wire.paths,
        after: wire.after.as_deref().map(task_ids).transpose()?,
        tier: wire.tier,
        domain: wire.domain,
        hotfix: wire.hotfix,
        delegates: wire.delegates.map(|all| all.into_iter().map(Who).collect()),
    })
}

pub(super) fn turn_of(wire: TurnWire) -> TurnRecord {
    TurnRecord {
        role: wire.role,
        agent: wire.agent,
        run: wire.run,
        ended: wire.ended,
        seconds: wire.seconds,
        tokens: wire.tokens,
        cost: wire.cost_usd_micros.map(MicroUsd),
        estimated: wire.estimated,
        prompt: wire.prompt,
        model: wire.model,
        tier: wire.tier,
        chosen: wire.chosen,
    }
}

fn restored_of(wire: RestoredWire) -> Result<Task, RecordError> {
    let mut task = task_of(*wire.task)?;
    task.spec = wire.spec;
    task.reviews = wire.reviews.into_iter().map(review_of).collect::<Result<_, _>>()?;
    task.decisions = wire.decisions.into_iter().map(decision_of).collect::<Result<_, _>>()?;
    Ok(task)
}

fn event_of(wire: EventWire) -> Result<Event, RecordError> {
    Ok(match wire {
        EventWire::Added { new } => Event::Added(Box::new(new_task_of(*new)?)),
        EventWire::Edited { edit } => Event::Edited(edit_of(edit)?),
        EventWire::Planned => Event::Planned,
        EventWire::Claimed { claim } => Event::Claimed(claim_of(claim)),
        EventWire::Started => Event::Started,
        EventWire::Released { because } => Event::Released { because },
        EventWire::Submitted { change, changelog, message } => {
            Event::Submitted { change: change_of(change)?, changelog, message }
        }
        EventWire::Reviewed { review } => Event::Reviewed(review_of(*review)?),
        EventWire::ReviewPassed => Event::ReviewPassed,
        EventWire::SentBack { because } => Event::SentBack { because: evidence_of(*because)? },
        EventWire::PassedOn => Event::PassedOn,
        EventWire::Approved { head, note } => {
            Event::Approved { head: head.as_deref().map(commit).transpose()?, note }
        }
        EventWire::Rejected { because } => Event::Rejected { because },
        EventWire::Enqueued { change } => Event::Enqueued { change: change_of(change)? },
        EventWire::Testing { candidate } => Event::Testing { candidate: commit(&candidate)? },
        EventWire::Waiting => Event::Waiting,
        EventWire::Held { behind, files } => Event::Held { behind: task_id(&behind)?, files },
        EventWire::Ejected { because } => Event::Ejected { because: evidence_of(*because)? },
        EventWire::Failed { because } => Event::Failed { because: evidence_of(*because)? },
        EventWire::Escalated { because } => Event::Escalated { because: evidence_of(*because)? },
        EventWire::Landed { commit: landed } => Event::Landed { commit: commit(&landed)? },
        EventWire::Stopped { because } => Event::Stopped { because },
        EventWire::Renewed => Event::Renewed,
        EventWire::Said { text } => Event::Said { text },
        EventWire::Resumed => Event::Resumed,
        EventWire::Abandoned { because } => Event::Abandoned { because },
        EventWire::TurnEnded { turn } => Event::TurnEnded(turn_of(turn)),
        EventWire::Undone { op, restored } => {
            Event::Undone { op, restored: Box::new(restored_of(*restored)?) }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task::samples;

    fn read_back(task: &Task) -> Task {
        let files = task_files(task);
        let file =
            |name: &str| files.iter().find(|(path, _)| path == name).map(|(_, text)| text.clone()).unwrap();
        let folder = |name: &str| -> Vec<Vec<u8>> {
            files.iter().filter(|(path, _)| path.starts_with(name)).map(|(_, text)| text.clone()).collect()
        };
        read_task(&file("task.json"), &file("spec.md"), &folder("reviews/"), &folder("decisions/")).unwrap()
    }

    #[test]
    fn every_state_and_event_reads_back_the_same() {
        for state in samples::states() {
            let task = samples::task(state);
            assert_eq!(read_back(&task), task);
        }
        for event in samples::events() {
            let record = EventRecord {
                event,
                actor: samples::actor(Authority::Orchestrator),
                at: Seconds(5),
                nonce: Nonce("n".to_owned()),
                op: "op-1".to_owned(),
            };
            assert_eq!(read_event(&event_file(&record)).unwrap(), record);
        }
    }

    proptest! {
        #[test]
        fn any_history_reads_back_the_same(picks in prop::collection::vec((0_usize..64, 0_usize..4), 0..40)) {
            for task in crate::task::table::history(&picks) {
                prop_assert_eq!(read_back(&task), task);
            }
        }
    }

    #[test]
    fn a_newer_record_is_refused_and_says_so() {
        let text = br#"{"v": 2, "id": "t-1"}"#;
        let refused = read_task(text, b"", &[], &[]).unwrap_err();
        assert_eq!(refused.to_string(), "written by a newer git orch (record 2, this one knows 1)");
    }

    /// One fixture for each version, for ever: what an old program wrote must stay readable.
    #[test]
    fn version_1_stays_readable() {
        let task = read_task(
            include_bytes!("../../tests/fixtures/record-1/task.json"),
            include_bytes!("../../tests/fixtures/record-1/spec.md"),
            &[include_bytes!("../../tests/fixtures/record-1/review.json").to_vec()],
            &[include_bytes!("../../tests/fixtures/record-1/decision.json").to_vec()],
        )
        .unwrap();
        assert_eq!((task.id.as_str(), task.state.word()), ("t-1", "escalated"));
        assert_eq!((task.reviews.len(), task.decisions.len()), (1, 1));
        let event = read_event(include_bytes!("../../tests/fixtures/record-1/event.json")).unwrap();
        assert_eq!(event.event.word(), "ejected");
    }

    #[test]
    fn the_fixture_is_what_this_version_writes() {
        let mut task = samples::task(samples::states()[11].clone());
        task.reviews.push(samples::review(Ok(ReviewVerdict::Revise)));
        let because = samples::evidence(Trouble::Worse);
        task.decisions.push(Decision {
            at: Seconds(1500),
            by: Who("git-orch".to_owned()),
            what: "ejected".to_owned(),
            text: because.text.clone(),
            evidence: Some(because.clone()),
        });
        let record = EventRecord {
            event: Event::Ejected { because },
            actor: samples::actor(Authority::Orchestrator),
            at: Seconds(1500),
            nonce: Nonce("0123456789abcdef".to_owned()),
            op: "op-1".to_owned(),
        };
        let fixture = |name: &str| {
            let path =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/record-1").join(name);
            std::fs::read_to_string(path).unwrap()
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let files = task_files(&task);
        for (name, kept) in [
            ("task.json", "task.json"),
            ("spec.md", "spec.md"),
            ("reviews/001-safety.json", "review.json"),
            ("decisions/001-ejected.json", "decision.json"),
        ] {
            let (_, written) = files.iter().find(|(path, _)| path == name).unwrap();
            assert_eq!(text(written), fixture(kept));
        }
        assert_eq!(text(&event_file(&record)), fixture("event.json"));
    }
}
