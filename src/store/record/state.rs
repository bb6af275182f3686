//! How the standing of a task is stored: its state, claim and change.

use serde::{Deserialize, Serialize};

use super::evidence::{EvidenceWire, evidence_of, evidence_wire};
use super::{RecordError, commit, task_id};
use crate::task::actor::Who;
use crate::task::state::{Approval, Change, Claim, Phase, State};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ClaimWire {
    owner: String,
    epoch: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChangeWire {
    owner: String,
    epoch: u64,
    head: String,
    base: String,
    added: u64,
    removed: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum PhaseWire {
    Waiting,
    Testing { candidate: String },
    Held { behind: String, files: Vec<String> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub(super) enum StateWire {
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

pub(super) fn claim_wire(claim: &Claim) -> ClaimWire {
    ClaimWire { owner: claim.owner.0.clone(), epoch: claim.epoch }
}

pub(super) fn claim_of(wire: ClaimWire) -> Claim {
    Claim { owner: Who(wire.owner), epoch: wire.epoch }
}

pub(super) fn change_wire(change: &Change) -> ChangeWire {
    ChangeWire {
        owner: change.claim.owner.0.clone(),
        epoch: change.claim.epoch,
        head: change.head.to_string(),
        base: change.base.to_string(),
        added: change.added,
        removed: change.removed,
    }
}

pub(super) fn change_of(wire: ChangeWire) -> Result<Change, RecordError> {
    Ok(Change {
        claim: Claim { owner: Who(wire.owner), epoch: wire.epoch },
        head: commit(&wire.head)?,
        base: commit(&wire.base)?,
        added: wire.added,
        removed: wire.removed,
    })
}

pub(super) fn state_wire(state: &State) -> StateWire {
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

pub(super) fn state_of(wire: StateWire) -> Result<State, RecordError> {
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
