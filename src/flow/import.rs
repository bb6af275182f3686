//! Takes tasks over from other trackers, and follows what changes there. What people did here since stays.
//!
//! Each import is compared with what the last one wrote, which is in the task's journal: a field that changed there and not
//! here follows, one that changed here stays. So a second import of the same source does nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::plan::graph;
use crate::store::record::EventRecord;
use crate::store::{Op, Stored, layout};
use crate::task::event::{Edit, NewTask};
use crate::task::id::{TaskId, shown};
use crate::task::{Actor, Event, State, Task};
use crate::tracker::{Item, Source, Standing};

use super::task::PRIORITY;
use super::{FlowError, Project};

/// How imports sign: behind the name of whoever called for them.
const BY_IMPORT: &str = " (import)";
/// Events of a journal that are looked through for the last import.
const EVENTS: usize = 10_000;

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
        let archived: BTreeSet<TaskId> = self.store.archived_ids()?.into_iter().collect();
        let mut done = Imported { notices: source.notices.clone(), ..Imported::default() };
        let after = self.orders(source, &archived, &mut done.notices)?;
        let mut new: Vec<Vec<Event>> = Vec::new();
        let mut dropped: Vec<Stored> = Vec::new();
        for item in &source.items {
            let after = after.get(&item.id);
            let Some(stored) = self.store.load(&item.id)? else {
                if archived.contains(&item.id) || item.standing == Standing::Closed {
                    done.same += 1;
                } else {
                    done.added.push(item.id.clone());
                    new.push(self.adding(item, after));
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

    /// The events by which an item becomes a task.
    fn adding(&self, item: &Item, after: Option<&Vec<TaskId>>) -> Vec<Event> {
        let added = NewTask {
            branch: layout::branch_of(&item.id),
            id: item.id.clone(),
            title: item.title.clone(),
            spec: item.text.clone().unwrap_or_default(),
            priority: item.priority.unwrap_or(PRIORITY),
            paths: Vec::new(),
            after: after.cloned().unwrap_or_default(),
            tier: 1,
            domain: None,
            adopted: false,
            draft: item.standing == Standing::Draft,
            tries_max: self.policy.retry.tries,
        };
        let mut events = vec![Event::Added(Box::new(added))];
        if item.standing == Standing::Started {
            events.push(held(item));
        }
        events
    }

    /// What changed there since the last import, as far as nobody changed the same here.
    fn following(
        &self,
        stored: &Stored,
        item: &Item,
        after: Option<&Vec<TaskId>>,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Event>, FlowError> {
        let task = &stored.task;
        let wanted = wanted(item, after, task);
        let moves = match (&task.state, item.standing) {
            (State::Pending | State::InPlanning | State::Blocked { .. }, Standing::Closed) => true,
            (State::Pending, Standing::Started) | (State::Blocked { .. }, Standing::Open) => true,
            (State::Completed { .. } | State::Cancelled { .. }, _) => return Ok(Vec::new()),
            (_, Standing::Closed) => {
                notices.push(format!(
                    "{} is closed there, and in hand here: git orch show {}",
                    task.id, task.id
                ));
                return Ok(Vec::new());
            }
            _ => false,
        };
        if !moves && wanted == Edit::default() {
            return Ok(Vec::new());
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

    /// What each item waits for, as ids of tasks that are or will be open.
    fn orders(
        &self,
        source: &Source,
        archived: &BTreeSet<TaskId>,
        notices: &mut Vec<String>,
    ) -> Result<BTreeMap<TaskId, Vec<TaskId>>, FlowError> {
        let by_key: BTreeMap<&str, &Item> =
            source.items.iter().map(|item| (item.key.as_str(), item)).collect();
        let by_id: BTreeMap<&TaskId, &Item> = source.items.iter().map(|item| (&item.id, item)).collect();
        let mut all = BTreeMap::new();
        for item in &source.items {
            let Some(keys) = &item.after else { continue };
            let mut ids = Vec::new();
            for key in keys {
                // By its name there, or by its id here.
                let named = crate::tracker::item_id(key);
                let id = match by_key.get(key.as_str()).or_else(|| by_id.get(&named)) {
                    Some(other) if other.standing == Standing::Closed => continue,
                    Some(other) => other.id.clone(),
                    None => {
                        let id = named;
                        if archived.contains(&id) {
                            continue;
                        }
                        if self.repo.tip(&layout::task_ref(&id))?.is_none() {
                            notices.push(format!(
                                "{} waits for {}, which is not there: left out",
                                item.id,
                                shown(key)
                            ));
                            continue;
                        }
                        id
                    }
                };
                if id != item.id && !ids.contains(&id) {
                    ids.push(id);
                }
            }
            all.insert(item.id.clone(), ids);
        }
        let mut known: BTreeMap<TaskId, Vec<TaskId>> =
            self.store.open_tasks()?.rows.into_iter().map(|row| (row.card.id, row.card.after)).collect();
        known.extend(all.iter().map(|(id, after)| (id.clone(), after.clone())));
        match graph::any_cycle(&known) {
            Some(path) => Err(FlowError::Cycle { path }),
            None => Ok(all),
        }
    }
}

fn held(item: &Item) -> Event {
    Event::Stopped { because: format!("somebody is at it there ({})", shown(&item.key)) }
}

/// Fields in which an item differs from the task.
fn wanted(item: &Item, after: Option<&Vec<TaskId>>, task: &Task) -> Edit {
    let after = item.after.as_ref().and(after);
    Edit {
        title: (item.title != task.title).then(|| item.title.clone()),
        spec: item.text.clone().filter(|text| *text != task.spec),
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
            }
            Event::Edited(edit) => {
                let Edit { title, spec, priority, after, .. } = edit.clone();
                said.title = title.or(said.title);
                said.spec = spec.or(said.spec);
                said.priority = priority.or(said.priority);
                said.after = after.or(said.after);
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

/// Files of trackers, as they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tracker {
    /// `TODO.md` and its fellows.
    Todo(Vec<PathBuf>),
    Backlog(PathBuf),
    Beads(PathBuf),
    TaskMaster(PathBuf),
}

/// The pipeline of files, in its order.
const PIPELINE: [&str; 4] = ["TODO.md", "IN_PROGRESS.md", "REVIEW.md", "TESTING.md"];
/// Largest file that is read, in bytes.
const FILE_MAX: u64 = 64 << 20;

/// The trackers that a folder has.
pub(crate) fn trackers_in(folder: &Path) -> Vec<Tracker> {
    let mut found = Vec::new();
    let pipeline: Vec<PathBuf> =
        PIPELINE.iter().map(|name| folder.join(name)).filter(|path| is_file(path)).collect();
    if !pipeline.is_empty() {
        found.push(Tracker::Todo(pipeline));
    }
    let at = |path: &str| folder.join(path);
    if at("backlog/tasks").is_dir() {
        found.push(Tracker::Backlog(at("backlog")));
    }
    if is_file(&at(".beads/issues.jsonl")) {
        found.push(Tracker::Beads(at(".beads/issues.jsonl")));
    }
    if is_file(&at(".taskmaster/tasks/tasks.json")) {
        found.push(Tracker::TaskMaster(at(".taskmaster/tasks/tasks.json")));
    }
    found
}

/// The tracker that a file or folder is, by its name.
pub(crate) fn tracker_at(path: &Path) -> Option<Tracker> {
    if path.is_dir() {
        let folder = |name: &str| path.join(name);
        if folder("tasks").is_dir() && !is_file(&folder("tasks/tasks.json")) {
            return Some(Tracker::Backlog(path.to_owned()));
        }
        if is_file(&folder("issues.jsonl")) {
            return Some(Tracker::Beads(folder("issues.jsonl")));
        }
        if is_file(&folder("tasks/tasks.json")) {
            return Some(Tracker::TaskMaster(folder("tasks/tasks.json")));
        }
        return trackers_in(path).into_iter().next();
    }
    match path.extension()?.to_str()? {
        "md" | "markdown" => {
            // The first of the pipeline stands for all of it.
            let whole = path.file_name().is_some_and(|name| name == PIPELINE[0]);
            let folder = path.parent().unwrap_or(Path::new(""));
            let fellows =
                PIPELINE[1..].iter().map(|name| folder.join(name)).filter(|path| whole && is_file(path));
            Some(Tracker::Todo([path.to_owned()].into_iter().chain(fellows).collect()))
        }
        "jsonl" => Some(Tracker::Beads(path.to_owned())),
        "json" => Some(Tracker::TaskMaster(path.to_owned())),
        _ => None,
    }
}

/// Reads a tracker's files. Links are not followed: a repository's files are anybody's.
///
/// # Errors
/// A file cannot be read, or is none of the tracker.
pub(crate) fn read(tracker: &Tracker) -> Result<Source, FlowError> {
    Ok(match tracker {
        Tracker::Todo(paths) => crate::tracker::read_todo(&texts(paths)?)?,
        Tracker::Beads(path) => crate::tracker::read_beads(&path.display().to_string(), &text(path)?)?,
        Tracker::TaskMaster(path) => {
            crate::tracker::read_taskmaster(&path.display().to_string(), &text(path)?)?
        }
        Tracker::Backlog(folder) => {
            let mut paths = Vec::new();
            for part in ["tasks", "drafts", "completed", "archive/tasks"] {
                let part = folder.join(part);
                if !part.is_dir() {
                    continue;
                }
                for entry in std::fs::read_dir(&part).map_err(FlowError::file("list", &part))? {
                    let path = entry.map_err(FlowError::file("list", &part))?.path();
                    if is_file(&path) && path.extension().is_some_and(|end| end == "md") {
                        paths.push(path);
                    }
                }
            }
            paths.sort();
            crate::tracker::read_backlog(&texts(&paths)?)?
        }
    })
}

fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, FlowError> {
    paths.iter().map(|path| Ok((path.display().to_string(), text(path)?))).collect()
}

fn text(path: &Path) -> Result<String, FlowError> {
    let meta = path.symlink_metadata().map_err(FlowError::file("read", path))?;
    let refuse = |why: &str| FlowError::BadValue { what: path.display().to_string(), why: why.to_owned() };
    if !meta.is_file() {
        return Err(refuse("not a plain file"));
    }
    if meta.len() > FILE_MAX {
        return Err(refuse("larger than 64 MiB"));
    }
    let bytes = std::fs::read(path).map_err(FlowError::file("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file())
}
