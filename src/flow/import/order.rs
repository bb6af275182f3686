//! What waits for what: names there become ids here, and no circle comes in.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::{FlowError, Project};
use crate::plan::graph;
use crate::store::layout;
use crate::task::id::{TaskId, shown};
use crate::tracker::{Item, Source, Standing, item_id};

/// What each task waits for.
pub(super) type Orders = BTreeMap<TaskId, Vec<TaskId>>;

/// The tasks that are here already.
pub(super) struct Here {
    open: Orders,
    /// Refs of open tasks that cannot be read: asking for one of them says why.
    broken: BTreeSet<String>,
    archived: BTreeSet<TaskId>,
}

impl Here {
    pub(super) fn is_open(&self, id: &TaskId) -> bool {
        self.open.contains_key(id) || self.broken.contains(&layout::task_ref(id))
    }

    pub(super) fn is_archived(&self, id: &TaskId) -> bool {
        self.archived.contains(id)
    }
}

/// The items of a source by both of their names.
struct Names<'s> {
    there: BTreeMap<&'s str, &'s Item>,
    here: BTreeMap<&'s TaskId, &'s Item>,
}

/// What a dependency comes down to.
enum Waits {
    For(TaskId),
    /// It is done.
    NoMore,
    Unknown,
}

impl Names<'_> {
    fn waits_for(&self, key: &str, here: &Here) -> Waits {
        let id = item_id(key);
        match self.there.get(key).or_else(|| self.here.get(&id)) {
            Some(other) if other.standing == Standing::Closed => Waits::NoMore,
            Some(other) => Waits::For(other.id.clone()),
            None if here.is_archived(&id) => Waits::NoMore,
            None if here.is_open(&id) => Waits::For(id),
            None => Waits::Unknown,
        }
    }
}

impl Project {
    pub(super) fn tasks_here(&self) -> Result<Here, FlowError> {
        let open = self.store.open_tasks()?;
        Ok(Here {
            open: open.rows.into_iter().map(|row| (row.card.id, row.card.after)).collect(),
            broken: open.broken.into_iter().map(|(name, _)| name).collect(),
            archived: self.store.archived_ids()?.into_iter().collect(),
        })
    }
}

/// What each item waits for, as ids of tasks that are or will be open.
///
/// # Errors
/// Items that wait for each other in a circle.
pub(super) fn orders(source: &Source, here: &Here, notices: &mut Vec<String>) -> Result<Orders, FlowError> {
    let names = Names {
        there: source.items.iter().map(|item| (item.key.as_str(), item)).collect(),
        here: source.items.iter().map(|item| (&item.id, item)).collect(),
    };
    let mut all = Orders::new();
    for item in &source.items {
        let Some(keys) = &item.after else { continue };
        let mut ids = Vec::new();
        for key in keys {
            match names.waits_for(key, here) {
                Waits::For(id) if id != item.id && !ids.contains(&id) => ids.push(id),
                Waits::For(_) | Waits::NoMore => {}
                Waits::Unknown => notices.push(format!(
                    "{} waits for {}, which is not there: left out",
                    item.id,
                    shown(key)
                )),
            }
        }
        all.insert(item.id.clone(), ids);
    }
    let mut known = here.open.clone();
    known.extend(all.iter().map(|(id, after)| (id.clone(), after.clone())));
    match graph::any_cycle(&known) {
        Some(path) => Err(FlowError::Cycle { path }),
        None => Ok(all),
    }
}
