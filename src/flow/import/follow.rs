//! What an item that was imported before says now, against what it said then and what people changed here since.

use crate::flow::{FlowError, Project};
use crate::store::Stored;
use crate::store::record::EventRecord;
use crate::task::event::Edit;
use crate::task::id::{TaskId, shown};
use crate::task::{Event, State, Task};
use crate::tracker::{Item, Standing};

use super::{BY_IMPORT, held};

/// Events of a journal that are looked through for the last import.
const EVENTS: usize = 10_000;

impl Project {
    /// What changed there since the last import, as far as nobody changed the same here.
    pub(super) fn following(
        &self,
        stored: &Stored,
        item: &Item,
        after: Option<&Vec<TaskId>>,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Event>, FlowError> {
        let task = &stored.task;
        let wanted = wanted(item, after, task);
        let news = news(&task.state, item.standing);
        match news {
            News::Over => return Ok(Vec::new()),
            News::InHand => {
                let id = &task.id;
                notices.push(format!("{id} is closed there, and in hand here: git orch show {id}"));
                return Ok(Vec::new());
            }
            News::None if wanted == Edit::default() => return Ok(Vec::new()),
            News::None | News::Moved => {}
        }
        let journal = self.store.events(&stored.tip, EVENTS)?;
        let last = journal.iter().rposition(|(_, event)| event.actor.who.0.ends_with(BY_IMPORT));
        let Some(last) = last else {
            notices.push(format!("{} was not imported: it stays as it is", task.id));
            return Ok(Vec::new());
        };
        let before = said_before(journal.iter().map(|(_, event)| event));
        let mut events = Vec::new();
        let edit = not_ours(&wanted, &before, task, notices);
        if edit != Edit::default() {
            // Once somebody may take it, a text of strangers does not change under it.
            if was_a_draft(&journal.iter().map(|(_, event)| &event.event).collect::<Vec<_>>())
                && task.state != State::InPlanning
            {
                notices.push(format!(
                    "{} changed there after it was let in here: look at it, then git orch edit {}",
                    task.id, task.id
                ));
            } else {
                events.push(Event::Edited(edit));
            }
        }
        let is_held_by_import =
            matches!(journal[last].1.event, Event::Stopped { .. }) && last + 1 == journal.len();
        match (&task.state, item.standing) {
            (State::Pending | State::InPlanning | State::Blocked { .. }, Standing::Closed) => {
                events.push(Event::Abandoned { because: format!("{} is closed there", shown(&item.key)) });
            }
            // A person let it go on here although somebody is at it there: once is enough.
            (State::Pending, Standing::Started)
                if !journal.iter().any(|(_, event)| matches!(event.event, Event::Stopped { .. })) =>
            {
                events.push(held(item));
            }
            (State::Blocked { .. }, Standing::Open) if is_held_by_import => events.push(Event::Resumed),
            _ => {}
        }
        Ok(events)
    }
}

/// Whether an item stands differently there than its task here.
enum News {
    None,
    Moved,
    /// Closed there while somebody is at it here: a person decides.
    InHand,
    /// Nothing that happens there matters any more.
    Over,
}

fn news(state: &State, standing: Standing) -> News {
    match (state, standing) {
        (State::Completed { .. } | State::Cancelled { .. }, _) => News::Over,
        (State::Pending | State::InPlanning | State::Blocked { .. }, Standing::Closed)
        | (State::Pending, Standing::Started)
        | (State::Blocked { .. }, Standing::Open) => News::Moved,
        (_, Standing::Closed) => News::InHand,
        (_, Standing::Open | Standing::Draft | Standing::Started) => News::None,
    }
}

/// Fields in which an item differs from the task.
fn wanted(item: &Item, after: Option<&Vec<TaskId>>, task: &Task) -> Edit {
    let after = item.after.as_ref().and(after);
    Edit {
        title: (item.title != task.title).then(|| item.title.clone()),
        // An end of line more or less is no news.
        spec: item.text.clone().filter(|text| text.trim_end() != task.spec.trim_end()),
        paths: item.paths.clone().filter(|paths| *paths != task.paths),
        priority: item.priority.filter(|priority| *priority != task.priority),
        after: after.filter(|after| **after != task.after).cloned(),
        ..Edit::default()
    }
}

/// What the source said at the last imports, as far as it was taken over.
fn said_before<'a>(journal: impl Iterator<Item = &'a EventRecord>) -> Edit {
    let mut said = Edit::default();
    for event in journal.filter(|event| event.actor.who.0.ends_with(BY_IMPORT)) {
        match &event.event {
            Event::Added(new) => {
                said.title = Some(new.title.clone());
                said.spec = Some(new.spec.clone());
                said.priority = Some(new.priority);
                said.after = Some(new.after.clone());
                said.paths = Some(new.paths.clone());
            }
            Event::Edited(edit) => {
                let Edit { title, spec, priority, after, paths, .. } = edit.clone();
                said.title = title.or(said.title);
                said.spec = spec.or(said.spec);
                said.priority = priority.or(said.priority);
                said.after = after.or(said.after);
                said.paths = paths.or(said.paths);
            }
            _ => {}
        }
    }
    said
}

/// The wanted fields without those that did not change there, and those that a person changed here since.
fn not_ours(wanted: &Edit, before: &Edit, task: &Task, notices: &mut Vec<String>) -> Edit {
    fn pick<T: Clone + PartialEq>(
        wanted: Option<&T>,
        before: Option<&T>,
        now: &T,
        name: &'static str,
        kept: &mut Vec<&'static str>,
    ) -> Option<T> {
        let wanted = wanted.filter(|wanted| Some(*wanted) != before)?;
        if before != Some(now) {
            kept.push(name);
            return None;
        }
        Some(wanted.clone())
    }
    let mut kept = Vec::new();
    let edit = Edit {
        title: pick(wanted.title.as_ref(), before.title.as_ref(), &task.title, "title", &mut kept),
        spec: pick(wanted.spec.as_ref(), before.spec.as_ref(), &task.spec, "spec", &mut kept),
        priority: pick(
            wanted.priority.as_ref(),
            before.priority.as_ref(),
            &task.priority,
            "priority",
            &mut kept,
        ),
        after: pick(wanted.after.as_ref(), before.after.as_ref(), &task.after, "dependencies", &mut kept),
        paths: pick(wanted.paths.as_ref(), before.paths.as_ref(), &task.paths, "paths", &mut kept),
        ..Edit::default()
    };
    if !kept.is_empty() {
        notices.push(format!("{}: {} changed here and there: ours stays", task.id, kept.join(", ")));
    }
    edit
}

fn was_a_draft(events: &[&Event]) -> bool {
    matches!(events.first(), Some(Event::Added(new)) if new.draft)
}
