//! Takes an operation back. Journals only grow: an undo appends an event after which each task is what it was.

use std::collections::BTreeSet;

use crate::git::refs::Expected;
use crate::store::record::EventRecord;
use crate::store::{Op, StoreError, Stored, layout};
use crate::task::actor::Authority;
use crate::task::id::{CommitId, Seconds, TaskId, shown};
use crate::task::{Event, State, Task};

use super::import::BY_IMPORT;
use super::project::now;
use super::{FlowError, Project};

/// How far back undo looks for finished tasks.
const DAYS: i64 = 30;
/// Events of one journal that are looked at.
const EVENTS: usize = 200;

/// Why a task is given up whose adding is undone.
pub(super) const ADDING_UNDONE: &str = "its adding was undone";

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undone {
    pub(crate) op: String,
    /// What the operation had done, by task.
    pub(crate) events: Vec<(TaskId, String)>,
}

/// A journal with its last events, newest last.
struct Journal {
    stored: Stored,
    finished: bool,
    events: Vec<(CommitId, EventRecord)>,
}

impl Journal {
    /// Whether all that there was to it is taken back.
    fn is_undone(&self) -> bool {
        matches!(&self.stored.task.state, State::Cancelled { because } if because == ADDING_UNDONE)
    }
}

impl Project {
    /// The operation that `undo` would take back: the one that is named, or the last one of a person.
    ///
    /// # Errors
    /// There is none, or its tasks went on since.
    pub(crate) fn plan_undo(&self, wanted: Option<&str>) -> Result<Undone, FlowError> {
        let journals = self.journals()?;
        let op = self.op_to_undo(&journals, wanted)?;
        let mut events = Vec::new();
        for journal in &journals {
            let own: Vec<&EventRecord> =
                journal.events.iter().map(|(_, event)| event).filter(|event| event.op == op).collect();
            let Some(first) = own.first() else { continue };
            let id = &journal.stored.task.id;
            if let Some(last) = last_standing(journal, &op).filter(|last| last.op != op) {
                let what = last.event.subject(&last.actor.who);
                return Err(FlowError::NothingToUndo(format!("{id} went on since: {what}")));
            }
            events.push((id.clone(), first.event.subject(&first.actor.who)));
        }
        Ok(Undone { op, events })
    }

    /// Takes it back.
    ///
    /// # Errors
    /// As [`Project::plan_undo`]; or others were faster.
    pub(crate) fn undo(&self, op: &Op, undone: &Undone) -> Result<(), FlowError> {
        let journals = self.journals()?;
        let concerned =
            |journal: &&Journal| undone.events.iter().any(|(id, _)| *id == journal.stored.task.id);
        let mut finished = Vec::new();
        let done = journals.iter().filter(concerned).try_for_each(|journal| {
            finished.extend(self.undo_one(op, journal, &undone.op)?);
            Ok(())
        });
        self.store.archive(op, &finished)?; // all at once: what an import brought may be hundreds
        done
    }

    /// The task, where nothing is left to do on it.
    fn undo_one(&self, op: &Op, journal: &Journal, undone: &str) -> Result<Option<Stored>, FlowError> {
        let stored = &journal.stored;
        let Some(first) = journal.events.iter().position(|(_, event)| event.op == undone) else {
            return Ok(None);
        };
        let event = match first.checked_sub(1).and_then(|before| journal.events.get(before)) {
            Some((before, _)) => {
                let restored = Box::new(self.store.task_of_commit(before)?);
                Event::Undone { op: undone.to_owned(), restored }
            }
            None => Event::Abandoned { because: ADDING_UNDONE.to_owned() },
        };
        let next = if journal.finished {
            self.store.reopen(op, &self.person(), stored, &[event])?
        } else {
            let appended = self.store.append(op, &self.person(), stored, &[event])?;
            appended.ok_or_else(|| StoreError::Contended { name: stored.task.id.to_string(), tries: 1 })?
        };
        if next.task.owner().is_none() && stored.task.owner().is_some() {
            self.clean_up(&stored.task)?;
        }
        self.bring_branch_back(&next.task)?;
        if !next.task.state.is_finished() {
            return Ok(None);
        }
        self.clean_up(&next.task)?;
        Ok(Some(next))
    }

    /// Whoever had a task in hand finds the work again that was kept when it was taken away.
    fn bring_branch_back(&self, task: &Task) -> Result<(), FlowError> {
        if task.adopted || task.owner().is_none() || task.state.is_finished() {
            return Ok(());
        }
        let branch = layout::branch_ref(&task.branch);
        if let (None, Some((_, work))) = (self.repo.tip(&branch)?, self.store.attempts(&task.id)?.last()) {
            // Somebody else's branch of that name, made meanwhile, is theirs.
            let _ = self.repo.swap(&branch, Expected::Absent, work, "undo")?;
        }
        Ok(())
    }

    fn journals(&self) -> Result<Vec<Journal>, FlowError> {
        let mut journals = Vec::new();
        for row in self.store.open_tasks()?.rows {
            let Some(stored) = self.store.load(&row.card.id)? else { continue };
            let events = self.store.events(&stored.tip, EVENTS)?;
            journals.push(Journal { stored, finished: false, events });
        }
        let since = Seconds(now().0 - DAYS * 24 * 3600);
        let ids: BTreeSet<TaskId> = self.store.archived_since(since)?.into_iter().map(|(id, _)| id).collect();
        for id in ids {
            if self.store.load(&id)?.is_some() {
                continue;
            }
            if let Some(stored) = self.store.archived(&id)? {
                let events = self.store.events(&stored.tip, EVENTS)?;
                journals.push(Journal { stored, finished: true, events });
            }
        }
        Ok(journals)
    }

    fn op_to_undo(&self, journals: &[Journal], wanted: Option<&str>) -> Result<String, FlowError> {
        let all = || journals.iter().flat_map(|journal| &journal.events);
        let undone: BTreeSet<&str> = all()
            .filter_map(|(_, event)| match &event.event {
                Event::Undone { op, .. } => Some(op.as_str()),
                _ => None,
            })
            .collect();
        let done = |event: &EventRecord| counts(event) && !undone.contains(event.op.as_str());
        if let Some(wanted) = wanted {
            let named = |(commit, event): &&(CommitId, EventRecord)| {
                event.op == wanted || commit.as_str().starts_with(wanted)
            };
            let (_, found) = all()
                .find(named)
                .ok_or_else(|| FlowError::NothingToUndo(format!("no operation '{}'", shown(wanted))))?;
            self.refuse_landing(journals, &found.op)?;
            return match done(found) {
                true => Ok(found.op.clone()),
                false => Err(FlowError::NothingToUndo(format!(
                    "{} was not done by a person, or is undone",
                    found.op
                ))),
            };
        }
        // The ids of operations begin with their time, so those of one second are in order.
        let last = journals
            .iter()
            .filter(|journal| !journal.is_undone())
            .flat_map(|journal| &journal.events)
            .map(|(_, event)| event)
            .filter(|event| done(event))
            .max_by_key(|event| (event.at, &event.op));
        let last = last.ok_or_else(|| FlowError::NothingToUndo("nothing to undo".to_owned()))?;
        self.refuse_landing(journals, &last.op)?;
        refuse_by_surprise(journals, last)?;
        Ok(last.op.clone())
    }

    /// A landing stays: main is never rewritten.
    fn refuse_landing(&self, journals: &[Journal], op: &str) -> Result<(), FlowError> {
        for journal in journals {
            let landed = matches!(journal.stored.task.state, State::Completed { .. });
            if landed && journal.events.iter().any(|(_, event)| event.op == op) {
                let text = format!(
                    "{} has landed: revert it on a branch, and queue that; an earlier step is undone by its name",
                    journal.stored.task.id
                );
                return Err(FlowError::NothingToUndo(text));
            }
        }
        Ok(())
    }
}

/// Whoever types `undo` after a run or a queue means what that did, and not a step of their own from before it: that one
/// they name.
fn refuse_by_surprise(journals: &[Journal], last: &EventRecord) -> Result<(), FlowError> {
    let later = journals.iter().flat_map(|journal| {
        let events = journal.events.iter().map(|(_, event)| event);
        events.map(move |event| (&journal.stored.task.id, event))
    });
    let later = later
        .filter(|(_, event)| event.actor.authority != Authority::Person && event.op != last.op)
        .max_by_key(|(_, event)| (event.at, &event.op))
        .filter(|(_, event)| (event.at, &event.op) > (last.at, &last.op));
    let Some((id, event)) = later else { return Ok(()) };
    let went_on = |journal: &Journal| {
        let concerned = journal.events.iter().any(|(_, event)| event.op == last.op);
        concerned && last_standing(journal, &last.op).is_some_and(|event| event.op != last.op)
    };
    let mut text = format!(
        "what happened last was no step of yours ({id}: {}), and cannot be taken back",
        event.event.subject(&event.actor.who)
    );
    if !journals.iter().any(went_on) {
        text.push_str(&format!("; your last step is undone by its name: git orch undo {}", last.op));
    }
    Err(FlowError::NothingToUndo(text))
}

/// The last event that was not taken back: the operation `op` itself, or what a person or a worker did after it.
fn last_standing<'a>(journal: &'a Journal, op: &str) -> Option<&'a EventRecord> {
    let mut undone = BTreeSet::new();
    for (_, event) in journal.events.iter().rev() {
        let work = event.actor.authority == Authority::Worker;
        if event.op == op {
            return Some(event);
        }
        if let Event::Undone { op, .. } = &event.event {
            undone.insert(op.as_str());
        } else if (work || counts(event)) && !undone.contains(event.op.as_str()) {
            return Some(event);
        }
    }
    None
}

/// Whether an event is one that a person did, and not an undo itself. An import that brings back what was undone is no undo.
fn counts(event: &EventRecord) -> bool {
    let undo = matches!(event.event, Event::Undone { .. }) && !event.actor.who.0.ends_with(BY_IMPORT);
    event.actor.authority == Authority::Person && !undo
}
