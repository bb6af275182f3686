//! A task in one line: what lists, `pick` and the dispatcher need to know, and no more.

use crate::task::id::{CommitId, Seconds, TaskId};
use crate::task::record::MicroUsd;
use crate::task::state::{Column, Phase};
use crate::task::{State, Task, Trouble};

/// What a task waits for a person to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// It was handed in, and a person's review is all that it may get.
    Approval,
    /// Something went wrong.
    Decision { trouble: Trouble, text: String },
    /// A person stopped it.
    Held { text: String },
}

/// A task in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) id: TaskId,
    pub(crate) title: String,
    /// The state's word.
    pub(crate) state: String,
    pub(crate) column: Column,
    pub(crate) owner: Option<String>,
    pub(crate) priority: u8,
    pub(crate) after: Vec<TaskId>,
    pub(crate) since: Seconds,
    pub(crate) created_at: Seconds,
    pub(crate) try_number: u32,
    pub(crate) tries_max: u32,
    pub(crate) cost: Option<MicroUsd>,
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) branch: String,
    pub(crate) head: Option<CommitId>,
    pub(crate) adopted: bool,
    /// Was sent back to its owner with something to mend.
    pub(crate) sent_back: bool,
    pub(crate) held_behind: Option<TaskId>,
    pub(crate) need: Option<Need>,
}

impl Card {
    /// The card of a task.
    pub(crate) fn of(task: &Task) -> Card {
        let change = task.state.change();
        let phase = match &task.state {
            State::ReadyForHandoff { phase, .. } => Some(phase),
            _ => None,
        };
        Card {
            id: task.id.clone(),
            title: task.title.clone(),
            state: task.state.word().to_owned(),
            column: task.state.column(),
            owner: task.owner().map(|who| who.0.clone()),
            priority: task.priority,
            after: task.after.clone(),
            since: task.since,
            created_at: task.created_at,
            try_number: task.try_number,
            tries_max: task.tries_max,
            cost: task.spent.cost,
            added: change.map_or(0, |change| change.added),
            removed: change.map_or(0, |change| change.removed),
            branch: task.branch.clone(),
            head: task.head().cloned(),
            adopted: task.adopted,
            sent_back: matches!(task.state, State::Assigned { .. }) && task.evidence.is_some(),
            held_behind: match phase {
                Some(Phase::Held { behind, .. }) => Some(behind.clone()),
                _ => None,
            },
            need: need(&task.state),
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.column == Column::Done
    }
}

fn need(state: &State) -> Option<Need> {
    match state {
        State::Escalated { because, .. } => {
            Some(Need::Decision { trouble: because.trouble, text: because.text.clone() })
        }
        State::Blocked { because, .. } => Some(Need::Held { text: because.clone() }),
        State::UnderReview { .. } | State::DomainReview { .. } => Some(Need::Approval),
        State::Pending
        | State::InPlanning
        | State::Assigned { .. }
        | State::InProgress { .. }
        | State::ReadyForHandoff { .. }
        | State::Completed { .. }
        | State::Cancelled { .. } => None,
    }
}
