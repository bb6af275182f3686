//! Takes tasks over from other trackers, and follows what changes there. What people did here since stays.
//!
//! Each import is compared with what the last one wrote, which is in the task's journal: a field that changed there and not
//! here follows, one that changed here stays. So a second import of the same source does nothing.

mod again;
mod files;
mod follow;
mod order;

use crate::store::{Op, Stored, layout};
use crate::task::contract::gaps;
use crate::task::event::NewTask;
use crate::task::id::{TaskId, shown};
use crate::task::{Actor, Event};
use crate::tracker::{Item, Source, Standing};

use super::task::PRIORITY;
use super::{FlowError, Project};

use order::orders;

pub(crate) use files::{Tracker, read, tracker_at, trackers_in};

/// The tier of what is taken over: other trackers know none.
const TIER: u8 = 1;
/// Vague items that are named.
const VAGUE_SHOWN: usize = 5;
/// How imports sign: behind the name of whoever called for them.
pub(super) const BY_IMPORT: &str = " (import)";

/// What an import did or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) added: Vec<TaskId>,
    pub(crate) changed: Vec<TaskId>,
    /// Given up here because they are closed there.
    pub(crate) closed: Vec<TaskId>,
    /// The same here and there, or finished.
    pub(crate) same: usize,
    /// What was not taken over, and why.
    pub(crate) notices: Vec<String>,
}

impl Project {
    /// Takes a source over. `dry` only says what would be done.
    ///
    /// # Errors
    /// Items that wait for each other in a circle: then nothing is written. Git fails: what was written stays, and the
    /// next import goes on.
    pub(crate) fn import(&self, op: &Op, source: &Source, dry: bool) -> Result<Imported, FlowError> {
        let actor = Actor::person(&format!("{}{BY_IMPORT}", self.who));
        let here = self.tasks_here()?;
        let mut done = Imported { notices: source.notices.clone(), ..Imported::default() };
        let after = orders(source, &here, &mut done.notices)?;
        let mut new: Vec<Vec<Event>> = Vec::new();
        let mut dropped: Vec<Stored> = Vec::new();
        let mut vague_ones: Vec<TaskId> = Vec::new();
        for item in &source.items {
            let after = after.get(&item.id);
            // Most of a first import is new: what nobody lists is not looked for.
            let known = if here.is_open(&item.id) { self.store.load(&item.id)? } else { None };
            let Some(stored) = known else {
                if let Some(taken_back) = self.taken_back(&here, item)? {
                    done.added.push(item.id.clone());
                    if !dry {
                        self.bring_back(op, &actor, taken_back, item, after, &mut done.notices)?;
                    }
                } else if here.is_archived(&item.id) || item.standing == Standing::Closed {
                    done.same += 1;
                } else {
                    done.added.push(item.id.clone());
                    let vague = self.is_too_vague(item);
                    new.push(self.adding(item, after, vague));
                    vague_ones.extend(vague.then(|| item.id.clone()));
                }
                continue;
            };
            let events = self.following(&stored, item, after, &mut done.notices)?;
            if events.is_empty() {
                done.same += 1;
                continue;
            }
            let gives_up = events.iter().any(|event| matches!(event, Event::Abandoned { .. }));
            if gives_up { &mut done.closed } else { &mut done.changed }.push(item.id.clone());
            if dry {
                continue;
            }
            // Somebody was faster: the next import looks again.
            if let Some(next) = self.store.append(op, &actor, &stored, &events)?
                && gives_up
            {
                dropped.push(next);
            }
        }
        done.notices.extend(too_vague(&vague_ones));
        if !dry {
            let new: Vec<(Op, Vec<Event>)> = new.into_iter().map(|events| (op.clone(), events)).collect();
            self.store.create_many(&actor, &new)?;
            for stored in &dropped {
                self.clean_up(&stored.task)?;
            }
            self.store.archive(op, &dropped)?;
        }
        Ok(done)
    }

    /// Whether nobody could work by what an item says (B4, E2): `add` would refuse it. One that somebody is at there is theirs.
    fn is_too_vague(&self, item: &Item) -> bool {
        let spec = item.text.as_deref().unwrap_or_default();
        item.standing == Standing::Open && !gaps(&item.title, spec, TIER, self.policy.require).is_empty()
    }

    /// The events by which an item becomes a task; a vague one is a draft, that `approve` lets through once it says enough.
    fn adding(&self, item: &Item, after: Option<&Vec<TaskId>>, vague: bool) -> Vec<Event> {
        let added = NewTask {
            branch: layout::branch_of(&item.id),
            id: item.id.clone(),
            title: item.title.clone(),
            spec: item.text.clone().unwrap_or_default(),
            priority: item.priority.unwrap_or(PRIORITY),
            paths: item.paths.clone().unwrap_or_default(),
            after: after.cloned().unwrap_or_default(),
            tier: TIER,
            domain: None,
            adopted: false,
            draft: vague || item.standing == Standing::Draft,
            tries_max: self.policy.retry.tries,
        };
        let mut events = vec![Event::Added(Box::new(added))];
        if item.standing == Standing::Started {
            events.push(held(item));
        }
        events
    }
}

/// What is said of items that came in as drafts because they say too little.
fn too_vague(ids: &[TaskId]) -> Option<String> {
    let first = ids.first()?;
    let named: Vec<String> = ids.iter().take(VAGUE_SHOWN).map(TaskId::to_string).collect();
    let more = if ids.len() > VAGUE_SHOWN { " and others" } else { "" };
    Some(format!(
        "too vague to be worked by, so they came in as drafts ({}): {}{more}; say more (git orch edit {first} -m \"...\"), then git \
         orch approve {first}",
        ids.len(),
        named.join(", "),
    ))
}

fn held(item: &Item) -> Event {
    Event::Stopped { because: format!("somebody is at it there ({})", shown(&item.key)) }
}
