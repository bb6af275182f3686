//! Several journals at once: what is written is the same as one by one, in one transaction of refs where nobody else
//! writes the same meanwhile.

use crate::git::lock::Shared;
use crate::git::refs::Expected;
use crate::git::refs_many::RefChange;
use crate::task::id::{CommitId, TaskId};
use crate::task::{Actor, Event, Task};

use super::journal::{Op, Store, Stored};
use super::{StoreError, layout};

/// Journals that are started together.
const BATCH: usize = 10_000;
/// So many are written as one pack: below it, files of their own cost less than another pack for git to look through.
const PACKED: usize = 100;

impl Store {
    /// Starts many journals, each with its first events, the first of them `Added`. Refs that exist by then are left
    /// alone: somebody was faster. Returns what was started.
    ///
    /// # Errors
    /// An event is refused, or git fails: journals that were made by then stay.
    pub(crate) fn create_many(
        &self,
        actor: &Actor,
        journals: &[(Op, Vec<Event>)],
    ) -> Result<Vec<Stored>, StoreError> {
        let mut started = Vec::new();
        for some in journals.chunks(BATCH) {
            let mut made = Vec::new();
            let writer = match some.len() {
                PACKED.. => Store { repo: self.repo.packing(), ..self.clone() },
                _ => self.clone(),
            };
            for (op, events) in some {
                let Some((first, rest)) = events.split_first() else { continue };
                let task = Task::begin(first, actor, op.at).map_err(StoreError::NotBegun)?;
                let tip = writer.write_event(op, actor, first, None, &task)?;
                made.push(writer.prepare(op, actor, &Stored { task, tip }, rest)?);
            }
            writer.repo.write_pack()?;
            let names: Vec<String> = made.iter().map(|stored| layout::task_ref(&stored.task.id)).collect();
            let changes: Vec<RefChange<'_>> = made
                .iter()
                .zip(&names)
                .map(|(stored, name)| RefChange { name, expected: Expected::Absent, new: Some(&stored.tip) })
                .collect();
            if self.swap_all(&changes, "added")? {
                self.remember_all(made.iter().map(|stored| (&stored.task.id, &stored.tip)))?;
                started.extend(made);
                continue;
            }
            for (stored, name) in made.into_iter().zip(&names) {
                if self.swap(name, Expected::Absent, &stored.tip, "added")?.is_none() {
                    self.remember(&stored.task.id, &stored.tip)?;
                    started.push(stored);
                }
            }
        }
        Ok(started)
    }

    /// Changes several tasks as [`Store::change`] changes each; one answer for each, in their order.
    pub(crate) fn change_all<E: From<StoreError>>(
        &self,
        op: &Op,
        actor: &Actor,
        ids: &[TaskId],
        decide: impl Fn(&Stored) -> Result<Vec<Event>, E>,
    ) -> Vec<Result<Stored, E>> {
        match self.change_together(op, actor, ids, &decide) {
            Ok(Some(changed)) => changed.into_iter().map(Ok).collect(),
            // One by one says whose failure it is, and decides anew for whom somebody else was faster.
            Ok(None) | Err(_) => ids.iter().map(|id| self.change(op, actor, id, &decide)).collect(),
        }
    }

    /// `None` where nothing was changed, as one of them is not there or somebody else writes it.
    fn change_together<E: From<StoreError>>(
        &self,
        op: &Op,
        actor: &Actor,
        ids: &[TaskId],
        decide: &impl Fn(&Stored) -> Result<Vec<Event>, E>,
    ) -> Result<Option<Vec<Stored>>, E> {
        if ids.len() < 2 {
            return Ok(None);
        }
        let mut moves: Vec<(String, CommitId, Stored)> = Vec::new();
        for id in ids {
            let Some(stored) = self.load(id)? else { return Ok(None) };
            let next = self.prepare(op, actor, &stored, &decide(&stored)?)?;
            moves.push((layout::task_ref(id), stored.tip, next));
        }
        let moved = || moves.iter().filter(|(_, old, next)| *old != next.tip);
        let changes: Vec<RefChange<'_>> = moved()
            .map(|(name, old, next)| RefChange { name, expected: Expected::At(old), new: Some(&next.tip) })
            .collect();
        let why = moved().next().map_or("", |(_, _, next)| next.task.state.word());
        if !self.swap_all(&changes, why)? {
            return Ok(None);
        }
        for (_, _, next) in moved() {
            self.remember(&next.task.id, &next.tip)?;
        }
        Ok(Some(moves.into_iter().map(|(_, _, next)| next).collect()))
    }

    /// Changes refs that need not agree in one transaction; false if nothing was changed.
    pub(super) fn swap_all(&self, changes: &[RefChange<'_>], why: &str) -> Result<bool, StoreError> {
        let _writing = Shared::wait(&self.repo)?;
        Ok(self.repo.swap_all(changes, &format!("git orch: {why}"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;
    use crate::task::event::{Edit, NewTask};
    use crate::task::id::Seconds;
    use crate::task::samples;

    fn op(at: i64) -> Op {
        Op { id: format!("op-{at}"), at: Seconds(at) }
    }

    fn id(name: &str) -> TaskId {
        TaskId::parse(name).unwrap()
    }

    fn adding(name: &str) -> (Op, Vec<Event>) {
        let new = NewTask {
            id: id(name),
            branch: layout::branch_of(&id(name)),
            after: Vec::new(),
            ..samples::new_task()
        };
        (op(1), vec![Event::Added(Box::new(new))])
    }

    fn raise(priority: u8) -> Event {
        Event::Edited(Edit { priority: Some(priority), ..Edit::default() })
    }

    #[test]
    fn journals_are_started_together_but_for_one_that_is_there() {
        let sandbox = Sandbox::new();
        let (store, me) = (Store::new(sandbox.repo.clone()), Actor::person("me"));
        let first = store.create_many(&me, &[adding("t-b")]).unwrap();
        assert_eq!(first.len(), 1);
        let started = store.create_many(&me, &[adding("t-a"), adding("t-b"), adding("t-c")]).unwrap();
        let ids: Vec<&str> = started.iter().map(|stored| stored.task.id.as_str()).collect();
        assert_eq!(ids, ["t-a", "t-c"]);
        assert_eq!(store.load(&id("t-b")).unwrap().unwrap().tip, first[0].tip, "left alone");
        assert_eq!(store.load(&id("t-c")).unwrap().unwrap().tip, started[1].tip);
    }

    #[test]
    fn tasks_change_together_and_one_that_cannot_keeps_nobody_back() {
        let sandbox = Sandbox::new();
        let (store, me) = (Store::new(sandbox.repo.clone()), Actor::person("me"));
        let _ = store.create_many(&me, &[adding("t-a"), adding("t-b")]).unwrap();
        let raised = |stored: &Stored| -> Result<Vec<Event>, StoreError> {
            Ok(if stored.task.id == id("t-b") { vec![raise(1)] } else { Vec::new() })
        };
        let (a, b, gone) = (id("t-a"), id("t-b"), id("t-z"));
        let before = store.load(&a).unwrap().unwrap().tip;
        let changed = store.change_all(&op(2), &me, &[a.clone(), b.clone()], raised);
        assert_eq!(changed[0].as_ref().unwrap().tip, before, "nothing was to be changed");
        assert_eq!(changed[1].as_ref().unwrap().task.priority, 1);
        assert_eq!(store.load(&b).unwrap().unwrap().task.priority, 1);
        let lower = |_: &Stored| -> Result<Vec<Event>, StoreError> { Ok(vec![raise(3)]) };
        let mixed = store.change_all(&op(3), &me, &[a.clone(), gone.clone(), b], lower);
        assert!(mixed[0].is_ok() && mixed[2].is_ok());
        assert!(matches!(&mixed[1], Err(StoreError::NoTask(missing)) if *missing == gone));
        assert_eq!(store.load(&a).unwrap().unwrap().task.priority, 3);
    }
}
