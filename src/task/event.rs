//! What can happen to a task. One event is one commit of its journal.

use super::actor::Who;
use super::evidence::Evidence;
use super::finding::Finding;
use super::id::{CommitId, TaskId};
use super::record::{Task, TurnRecord};
use super::state::{Change, Claim};
use super::words::counted;

/// The fields with which a task begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewTask {
    pub(crate) id: TaskId,
    pub(crate) title: String,
    pub(crate) spec: String,
    /// 0 (first) to 4.
    pub(crate) priority: u8,
    /// Globs that the change must stay within; empty = anywhere.
    pub(crate) paths: Vec<String>,
    pub(crate) after: Vec<TaskId>,
    /// 1 to 4 (C3).
    pub(crate) tier: u8,
    pub(crate) domain: Option<String>,
    /// The branch's short name: `orch/<id>`, or an adopted one's own.
    pub(crate) branch: String,
    /// Somebody's own branch: never moved, never deleted, no agent to go back to.
    pub(crate) adopted: bool,
    /// Not to be claimed before its planning is done.
    pub(crate) draft: bool,
    /// Attempts until it is escalated, at least 1.
    pub(crate) tries_max: u32,
}

/// Changes that a person makes to a task's fields; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Edit {
    pub(crate) title: Option<String>,
    pub(crate) spec: Option<String>,
    pub(crate) priority: Option<u8>,
    pub(crate) paths: Option<Vec<String>>,
    pub(crate) after: Option<Vec<TaskId>>,
    pub(crate) tier: Option<u8>,
    pub(crate) domain: Option<String>,
    /// Whether it goes before everything else, and what runs is thrown away for it.
    pub(crate) hotfix: Option<bool>,
    /// Who else may approve it.
    pub(crate) delegates: Option<Vec<Who>>,
}

/// What one reviewer said about one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReviewGiven {
    pub(crate) reviewer: String,
    pub(crate) head: CommitId,
    /// `Err`: it gave no verdict, and why. Never a pass.
    pub(crate) verdict: Result<ReviewVerdict, String>,
    /// The answer's own words, kept as a file.
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
}

/// A reviewer's yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReviewVerdict {
    Approve,
    Revise,
}

/// What can happen to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The first event of each journal.
    Added(Box<NewTask>),
    Edited(Edit),
    /// The draft is good enough to be claimed.
    Planned,
    /// Somebody takes it; also a take-over, with a higher epoch.
    Claimed(Claim),
    /// Its worker begins.
    Started,
    /// Back to everybody, with the reason.
    Released {
        because: String,
    },
    /// Handed in.
    Submitted {
        change: Change,
        changelog: Option<String>,
        message: Option<String>,
    },
    Reviewed(ReviewGiven),
    /// All reviewers passed it.
    ReviewPassed,
    /// Reviewers want a revision: back to its worker.
    SentBack {
        because: Evidence,
    },
    /// Tier 3 and 4: to the lead of its domain.
    PassedOn,
    /// A person's yes to exactly this commit (to what an escalation asks, where there is no change).
    Approved {
        head: Option<CommitId>,
        note: Option<String>,
    },
    /// A person's no.
    Rejected {
        because: String,
    },
    /// Into the queue by hand: adding a branch is its approval.
    Enqueued {
        change: Change,
    },
    /// The queue tests it as part of this candidate.
    Testing {
        candidate: CommitId,
    },
    /// The queue waits with it.
    Waiting,
    /// It does not merge with a task ahead.
    Held {
        behind: TaskId,
        files: Vec<String>,
    },
    /// Out of the queue, with evidence: once back to its agent, then to a person.
    Ejected {
        because: Evidence,
    },
    /// An attempt failed before it was handed in.
    Failed {
        because: Evidence,
    },
    /// Only a person can go on.
    Escalated {
        because: Evidence,
    },
    /// On the base branch, as this commit.
    Landed {
        commit: CommitId,
    },
    /// A person holds it.
    Stopped {
        because: String,
    },
    /// The hold is over.
    Resumed,
    /// Given up.
    Abandoned {
        because: String,
    },
    /// Whoever holds it is still at work: without a word for longer than its lease, others may take it over.
    Renewed,
    /// Somebody has something to say about it; state does not change.
    Said {
        text: String,
    },
    /// An agent's or reviewer's turn ended; state does not change.
    TurnEnded(TurnRecord),
    /// An operation taken back: the task is again what it was.
    Undone {
        op: String,
        restored: Box<Task>,
    },
}

impl Event {
    /// The event's name in records.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Event::Added(_) => "added",
            Event::Edited(_) => "edited",
            Event::Planned => "planned",
            Event::Claimed(_) => "claimed",
            Event::Started => "started",
            Event::Released { .. } => "released",
            Event::Submitted { .. } => "submitted",
            Event::Reviewed(_) => "reviewed",
            Event::ReviewPassed => "review-passed",
            Event::SentBack { .. } => "sent-back",
            Event::PassedOn => "passed-on",
            Event::Approved { .. } => "approved",
            Event::Rejected { .. } => "rejected",
            Event::Enqueued { .. } => "enqueued",
            Event::Testing { .. } => "testing",
            Event::Waiting => "waiting",
            Event::Held { .. } => "held",
            Event::Ejected { .. } => "ejected",
            Event::Failed { .. } => "failed",
            Event::Escalated { .. } => "escalated",
            Event::Landed { .. } => "landed",
            Event::Stopped { .. } => "stopped",
            Event::Resumed => "resumed",
            Event::Abandoned { .. } => "abandoned",
            Event::Renewed => "renewed",
            Event::Said { .. } => "said",
            Event::TurnEnded(_) => "turn-ended",
            Event::Undone { .. } => "undone",
        }
    }

    /// The event in words: the subject of its commit, and a line of `log`.
    pub(crate) fn subject(&self, who: &Who) -> String {
        match self {
            Event::Added(new) => format!("added by {who}: {}", new.title),
            Event::Edited(_) => format!("edited by {who}"),
            Event::Planned => format!("planned by {who}"),
            Event::Claimed(claim) => format!("claimed by {}", claim.owner),
            Event::Started => format!("started by {who}"),
            Event::Released { because } => format!("released: {because}"),
            Event::Submitted { change, .. } => {
                format!("submitted {} (+{} -{})", change.head.short(), change.added, change.removed)
            }
            Event::Reviewed(review) => match &review.verdict {
                Ok(ReviewVerdict::Approve) => format!("review {}: approve", review.reviewer),
                Ok(ReviewVerdict::Revise) => {
                    let findings = counted(review.findings.len(), "finding");
                    format!("review {}: revise, {findings}", review.reviewer)
                }
                Err(why) => format!("review {}: no verdict ({why})", review.reviewer),
            },
            Event::ReviewPassed => "review passed".to_owned(),
            Event::SentBack { because } => format!("sent back: {}", because.text),
            Event::PassedOn => "passed on to its domain".to_owned(),
            Event::Approved { note, .. } => match note {
                Some(note) => format!("approved by {who}: {note}"),
                None => format!("approved by {who}"),
            },
            Event::Rejected { because } => format!("rejected by {who}: {because}"),
            Event::Enqueued { change } => format!("queued by {who} at {}", change.head.short()),
            Event::Testing { candidate } => format!("testing as part of {}", candidate.short()),
            Event::Waiting => "waits in the queue".to_owned(),
            Event::Held { behind, files } => {
                format!("held behind {behind}: conflict in {}", files.join(", "))
            }
            Event::Ejected { because } => format!("out of the queue: {}", because.text),
            Event::Failed { because } => format!("attempt failed: {}", because.text),
            Event::Escalated { because } => format!("needs a person: {}", because.text),
            Event::Landed { commit } => format!("landed as {}", commit.short()),
            Event::Stopped { because } => format!("stopped by {who}: {because}"),
            Event::Resumed => format!("resumed by {who}"),
            Event::Abandoned { because } => format!("abandoned by {who}: {because}"),
            Event::Renewed => format!("still held by {who}"),
            Event::Said { text } => format!("{who}: {text}"),
            Event::TurnEnded(turn) => format!("{} {}: {}", turn.agent, turn.role, turn.ended),
            Event::Undone { op, .. } => format!("undone by {who}: {op}"),
        }
    }
}
