//! What waits in the queue, as the planner's entries: what each change touches, what it waits for.

use std::collections::{BTreeSet, HashMap};

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::git::trunk::Trunk;
use crate::plan::ready::Finished;
use crate::queue::{Entry, Footprint};
use crate::store::Stored;
use crate::store::repo_journal::Coupled;
use crate::suite::result::Results;
use crate::task::id::{CommitId, TaskId};
use crate::task::{State, Task};

use super::{BARRIERS, Lander, Queued, entry_nonce};

/// What an entry is looked at beside.
struct Beside {
    in_queue: BTreeSet<TaskId>,
    open: BTreeSet<TaskId>,
    coupled: Vec<Coupled>,
    /// The results of today's base.
    baseline: Option<Results>,
}

impl Lander<'_> {
    /// What waits in the queue now.
    pub(super) fn queued(&mut self) -> Result<Vec<Queued>, FlowError> {
        let rows = self.project.store.open_tasks()?.rows;
        let in_queue: BTreeSet<TaskId> = rows
            .iter()
            .filter(|row| row.card.state == "ready-for-handoff")
            .map(|row| row.card.id.clone())
            .collect();
        let open: BTreeSet<TaskId> = rows.iter().map(|row| row.card.id.clone()).collect();
        let tips: HashMap<&TaskId, &CommitId> = rows.iter().map(|row| (&row.card.id, &row.tip)).collect();
        let beside = Beside {
            in_queue,
            open,
            coupled: self.project.store.repo_state()?.coupled,
            baseline: self.project.full_results(&self.project.repo.tree_of(&self.project.base.tip)?)?,
        };
        let (mut queued, mut loaded) = (Vec::new(), HashMap::new());
        for id in &beside.in_queue {
            let Some(&tip) = tips.get(id) else { continue };
            let Some(stored) = self.loaded_at(id, tip)? else { continue };
            loaded.insert(id.clone(), stored.clone());
            if let Some(entry) = self.entry(&stored, &beside)? {
                queued.push(Queued { entry, stored });
            }
        }
        self.loaded = loaded;
        Ok(queued)
    }

    /// A queued task at this tip of its journal; `None` where this clone does not have its change.
    fn loaded_at(&mut self, id: &TaskId, tip: &CommitId) -> Result<Option<Stored>, FlowError> {
        if let Some(known) = self.loaded.remove(id).filter(|stored| stored.tip == *tip) {
            return Ok(Some(known));
        }
        let task = self.project.store.task_of_commit(tip)?;
        Ok(self.is_here(&task)?.then(|| Stored { task, tip: tip.clone() }))
    }

    /// Whether this clone has the commits of a queued change: a journal that came from elsewhere may name any.
    fn is_here(&mut self, task: &Task) -> Result<bool, FlowError> {
        let State::ReadyForHandoff { change, .. } = &task.state else { return Ok(true) };
        for commit in [&change.head, &change.base] {
            if self.project.repo.has_object(commit)? {
                continue;
            }
            if self.absent.insert(task.id.clone()) {
                let text = format!("its commit {} is not in this clone: passed over", commit.short());
                self.say(Step::NeedsYou, std::slice::from_ref(&task.id), None, text);
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn entry(&mut self, stored: &Stored, beside: &Beside) -> Result<Option<Entry>, FlowError> {
        let task = &stored.task;
        let State::ReadyForHandoff { change, approval, .. } = &task.state else { return Ok(None) };
        let (after, blocked) = self.waits_for(task, beside);
        let paths = self.paths(&change.base, &change.head)?;
        let footprint = self.concerns(paths, &task.paths, &beside.coupled)?;
        Ok(Some(Entry {
            task: task.id.clone(),
            nonce: entry_nonce(task, &change.head),
            head: change.head.clone(),
            priority: task.priority,
            hotfix: task.hotfix,
            repairs: self.repairs(&change.head, beside.baseline.as_ref())?,
            enqueued_at: task.since,
            after,
            blocked,
            footprint,
            accept_worse: approval.accept_worse,
        }))
    }

    /// The tasks in the queue that must land before a task, and whether another one keeps it from landing at all.
    fn waits_for(&self, task: &Task, beside: &Beside) -> (Vec<TaskId>, bool) {
        let (after, elsewhere): (Vec<&TaskId>, Vec<&TaskId>) =
            task.after.iter().partition(|id| beside.in_queue.contains(*id));
        let has_landed = |id: &TaskId| self.project.finished(id) == Some(Finished::Landed);
        let blocked = elsewhere.into_iter().any(|id| beside.open.contains(id) || !has_landed(id));
        (after.into_iter().cloned().collect(), blocked)
    }

    /// What a change concerns, by the files that it touches and the patterns that its task declared.
    pub(super) fn concerns(
        &self,
        paths: BTreeSet<String>,
        globs: &[String],
        coupled: &[Coupled],
    ) -> Result<Footprint, FlowError> {
        let shared = &self.project.policy.tests.rules.shared;
        let barrier = paths
            .iter()
            .any(|path| shared.matches(path) || BARRIERS.iter().any(|barrier| path.starts_with(barrier)));
        let mut footprint = Footprint::new(paths.clone(), globs, barrier)
            .or_else(|_| Footprint::new(paths, &[], true))
            .map_err(|bad| FlowError::BadValue { what: bad.glob.clone(), why: bad.why })?;
        self.couple(&mut footprint, coupled);
        Ok(footprint)
    }

    /// Whether the change is known to repair something: tests that fail on the base pass on its own head, and none that
    /// passes there fails. A red base lets such a change go first.
    fn repairs(&self, head: &CommitId, baseline: Option<&Results>) -> Result<bool, FlowError> {
        let Some(base) = baseline.filter(|base| !base.failed.is_empty()) else { return Ok(false) };
        let own = self.project.full_results(&self.project.repo.tree_of(head)?)?;
        Ok(own.is_some_and(|own| {
            let difference = crate::suite::worse::compare(base, &own);
            difference.worse.is_empty() && !difference.fixed.is_empty()
        }))
    }

    /// What a change touches on today's base: what of it has landed with another branch does not count.
    pub(super) fn paths(&mut self, base: &CommitId, head: &CommitId) -> Result<BTreeSet<String>, FlowError> {
        let today = self.fork_of(head)?;
        let key = (today.unwrap_or_else(|| base.clone()), head.clone());
        if let Some(paths) = self.footprints.get(&key) {
            return Ok(paths.clone());
        }
        let paths: BTreeSet<String> = self.project.repo.paths(&key.0, head)?.into_iter().collect();
        self.footprints.insert(key, paths.clone());
        Ok(paths)
    }

    /// Where a change leaves today's base.
    fn fork_of(&mut self, head: &CommitId) -> Result<Option<CommitId>, FlowError> {
        let (repo, tip) = (&self.project.repo, &self.project.base.tip);
        let trunk = match self.trunk.take() {
            Some(trunk) => trunk.moved_to(repo, tip)?,
            None => Trunk::of(repo, tip)?,
        };
        Ok(self.trunk.insert(trunk).fork(repo, head)?)
    }
}
