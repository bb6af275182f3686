//! Landings past what landed meanwhile (`queue.land = "commute"`): what a run had below its members, and what the next run
//! of the base says of them together.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::policy::Land;
use crate::queue::Footprint;
use crate::store::journal::one_line;
use crate::store::repo_journal::Coupled;
use crate::suite::result::Results;
use crate::task::id::{CommitId, TaskId, TreeId};

use super::{CHAIN_COMMITS, Lander, Queued};

/// Commits of the base that are looked at for the newest one that was tested.
const LOOKED_BACK: usize = 200;
/// Names of a message, at most.
const NAMED: usize = 3;

impl Lander<'_> {
    /// What of today's base is other than what a candidate's waiting members had below them; `None` where nothing may land
    /// past anything, or where they did not stand side by side.
    pub(super) fn past_of(
        &mut self,
        candidate: &CommitId,
        waiting: &BTreeSet<&TaskId>,
        coupled: &[Coupled],
    ) -> Result<Option<(CommitId, Footprint)>, FlowError> {
        if self.project.policy.queue.land != Land::Commute {
            return Ok(None);
        }
        let Some(below) = self.below(candidate, waiting)? else { return Ok(None) };
        let key = (below.clone(), self.project.base.tip.clone());
        if !self.footprints.contains_key(&key) {
            let paths = self.project.repo.paths(&key.0, &key.1)?.into_iter().collect();
            self.footprints.insert(key.clone(), paths);
        }
        let paths = self.footprints[&key].clone();
        Ok(Some((below, self.concerns(paths, &[], coupled)?)))
    }

    /// Whether a candidate is green against what it was composed on. What landed since may have brought tests that it lacks.
    pub(super) fn was_green(&self, tree: &TreeId, below: &CommitId) -> Result<bool, FlowError> {
        let own = self.project.full_results(&self.project.repo.tree_of(below)?)?;
        Ok(self.project.judge(tree, &own.unwrap_or_default())?.green > 0)
    }

    /// The commit below the waiting members of a candidate; `None` where one that does not wait stands between them.
    fn below(
        &mut self,
        candidate: &CommitId,
        waiting: &BTreeSet<&TaskId>,
    ) -> Result<Option<CommitId>, FlowError> {
        self.read_base_commits()?;
        let (mut below, mut next) = (None, candidate.clone());
        for _ in 0..CHAIN_COMMITS {
            if self.base_commits.contains(&next) {
                return Ok(below.or(Some(next)));
            }
            let commit = self.project.repo.read_commit(&next)?;
            let task = commit.trailers.iter().find(|(key, _)| key == "Orch-Task");
            // One without a name is of the change above it.
            match task.and_then(|(_, id)| TaskId::parse(id).ok()) {
                Some(task) if waiting.contains(&task) && below.is_some() => return Ok(None),
                Some(task) if !waiting.contains(&task) => below = below.or(Some(next)),
                Some(_) | None => {}
            }
            let Some(parent) = commit.parents.into_iter().next() else { break };
            next = parent;
        }
        Ok(None)
    }

    /// Notes, before the base moves, that what it moves to was not tested as a whole.
    pub(super) fn note_commuting(&self, commit: &CommitId) -> Result<(), FlowError> {
        let subject = format!("{} lands past what landed meanwhile", commit.short());
        self.project.store.change_repo(&self.op, "git-orch", &subject, |mut state| {
            state.commuted = Some(commit.clone());
            state
        })?;
        Ok(())
    }

    /// Whether the base is where a commuting landing left it, and nobody has looked at what its tests say.
    pub(super) fn is_commuted(&self) -> Result<bool, FlowError> {
        Ok(self.project.store.repo_state()?.commuted.as_ref() == Some(&self.project.base.tip))
    }

    /// What the newest value of the base said that was tested, before this one.
    pub(super) fn results_before(&self) -> Result<Option<Results>, FlowError> {
        for commit in
            self.project.repo.first_parent(&self.project.base.tip, None, LOOKED_BACK)?.iter().skip(1)
        {
            if let Some(results) = self.project.full_results(&commit.tree)? {
                return Ok(Some(results));
            }
        }
        Ok(None)
    }

    /// Why the queue has to stop: each of the last landings was green, and together they are not.
    pub(super) fn does_not_go_together(&self) -> Result<Option<String>, FlowError> {
        if !self.is_commuted()? {
            return Ok(None);
        }
        let tree = self.project.repo.tree_of(&self.project.base.tip)?;
        let Some(told) = self.project.full_results(&tree)? else { return Ok(None) };
        if self.baseline_in_doubt(&tree, Some(&told))? {
            return Ok(None);
        }
        // What was green without a run of the base is held to no failures at all.
        let before = self.results_before()?.unwrap_or_default();
        let worse = self.project.unexcused(&before, &told);
        if worse.is_empty() {
            return Ok(None);
        }
        let tests: Vec<&str> = worse.iter().take(NAMED).map(|worse| worse.test.as_str()).collect();
        let branch = &self.project.base.branch;
        Ok(Some(format!(
            "{branch} fails since {} landed, tested without each other: {}; mend or revert one of them",
            self.untested_landings()?.join(", "),
            one_line(&tests.join(", "))
        )))
    }

    /// The tasks that landed since the base was last tested as a whole, oldest first.
    fn untested_landings(&self) -> Result<Vec<String>, FlowError> {
        let mut tasks = Vec::new();
        let commits = self.project.repo.first_parent(&self.project.base.tip, None, LOOKED_BACK)?;
        for (at, commit) in commits.iter().enumerate() {
            if at > 0 && self.project.full_results(&commit.tree)?.is_some() {
                break;
            }
            let task = commit.trailers.iter().find(|(key, _)| key == "Orch-Task");
            tasks.extend(task.and_then(|(_, id)| TaskId::parse(id).ok()).map(|id| id.to_string()));
        }
        tasks.reverse();
        Ok(tasks)
    }

    /// Somebody knows of it now.
    pub(super) fn note_looked_at(&self) -> Result<(), FlowError> {
        let subject = "what the last landings do together was looked at";
        self.project.store.change_repo(&self.op, "git-orch", subject, |mut state| {
            state.commuted = None;
            state
        })?;
        Ok(())
    }
}

/// The tasks that wait.
pub(super) fn waiting(queued: &[Queued]) -> BTreeSet<&TaskId> {
    queued.iter().map(|queued| &queued.entry.task).collect()
}
