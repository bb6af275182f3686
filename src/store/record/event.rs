//! How an event is stored: `event.json`.

use serde::{Deserialize, Serialize};

use super::edit::{EditWire, NewTaskWire, edit_of, edit_wire, new_task_of, new_task_wire};
use super::evidence::{EvidenceWire, evidence_of, evidence_wire};
use super::review::{DecisionWire, ReviewWire, decision_of, decision_wire, review_of, review_wire};
use super::state::{ChangeWire, ClaimWire, change_of, change_wire, claim_of, claim_wire};
use super::task::{TaskWire, task_of, task_wire};
use super::turn::{TurnWire, turn_of, turn_wire};
use super::{RecordError, VERSION, broken, commit, read, task_id, write};
use crate::task::actor::{Actor, Authority, Who};
use crate::task::event::Event;
use crate::task::evidence::Evidence;
use crate::task::id::{Nonce, Seconds};
use crate::task::record::Task;

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

fn restored_of(wire: RestoredWire) -> Result<Task, RecordError> {
    let mut task = task_of(*wire.task)?;
    task.spec = wire.spec;
    task.reviews = wire.reviews.into_iter().map(review_of).collect::<Result<_, _>>()?;
    task.decisions = wire.decisions.into_iter().map(decision_of).collect::<Result<_, _>>()?;
    Ok(task)
}
