//! Landings past what landed meanwhile (`queue.land = "commute"`): what a run had below its members, and what the next run
//! of the base says of them together.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::flow::select::Which;
use crate::flow::{FlowError, Project};
use crate::policy::Land;
use crate::queue::Footprint;
use crate::store::journal::one_line;
use crate::store::repo_journal::Coupled;
use crate::store::verdicts::{Said, Verdict};
use crate::suite::format::Format;
use crate::suite::result::Results;
use crate::suite::worse;
use crate::task::id::{CommitId, TaskId, TreeId};

use super::{CHAIN_COMMITS, Lander, Queued};

/// Commits of the base that are looked at for the newest one that was tested.
const LOOKED_BACK: usize = 200;
/// Names of a message, at most.
const NAMED: usize = 3;

/// What stands on the base since it was last tested as a whole.
pub(super) struct Joint {
    /// The tasks that landed since, oldest first.
    tasks: Vec<String>,
    /// The commuting landings among them.
    commuted: Vec<CommitId>,
    /// What the tests said of the base before.
    pub(super) before: Option<Results>,
}

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

    /// Whether a full run of a candidate is green against today's base and against what it was composed on. What landed since
    /// may have brought tests that it lacks: of today's, only those count that it ran.
    pub(super) fn was_green(
        &self,
        tree: &TreeId,
        below: &CommitId,
        today: Option<&Results>,
    ) -> Result<bool, FlowError> {
        let own = match self.sure_results_at(below)? {
            Some(own) => own,
            None if self.project.policy.tests.format == Format::Exit => Results::default(),
            None => return Ok(false),
        };
        let set = self.project.test_set(&Which::Full);
        let today = today.cloned().unwrap_or_default();
        let green = |results: &Results| {
            let ran = worse::narrowed(&today, results);
            self.project.unexcused(&ran, results).is_empty()
                && self.project.unexcused(&own, results).is_empty()
        };
        let runs = self.project.known_verdicts(tree)?;
        Ok(runs
            .iter()
            .any(|run| run.set == set && matches!(&run.said, Said::Results(results) if green(results))))
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
            state.commuted.push(commit.clone());
            state
        })?;
        Ok(())
    }

    /// What stands on the base since it was last tested as a whole; `None` where no commuting landing is among it.
    pub(super) fn joint(&self) -> Result<Option<Joint>, FlowError> {
        let marks = self.project.store.repo_state()?.commuted;
        if marks.is_empty() {
            return Ok(None);
        }
        let commits = self.project.repo.first_parent(&self.project.base.tip, None, LOOKED_BACK)?;
        let (mut tasks, mut commuted, mut before) = (Vec::new(), Vec::new(), None);
        for (at, commit) in commits.iter().enumerate() {
            if at > 0
                && let Some(results) = self.sure_results(&commit.tree)?
            {
                before = Some(results);
                break;
            }
            commuted.extend(marks.contains(&commit.id).then(|| commit.id.clone()));
            let task = commit.trailers.iter().find(|(key, _)| key == "Orch-Task");
            tasks.extend(task.and_then(|(_, id)| TaskId::parse(id).ok()).map(|id| id.to_string()));
        }
        tasks.reverse();
        Ok((!commuted.is_empty()).then_some(Joint { tasks, commuted, before }))
    }

    /// What a value of the base said, or the newest before it of which that is sure.
    fn sure_results_at(&self, commit: &CommitId) -> Result<Option<Results>, FlowError> {
        for commit in self.project.repo.first_parent(commit, None, LOOKED_BACK)? {
            if let Some(results) = self.sure_results(&commit.tree)? {
                return Ok(Some(results));
            }
        }
        Ok(None)
    }

    /// What the tests of a tree said, unless something failed in its only run: that may have been a flake.
    fn sure_results(&self, tree: &TreeId) -> Result<Option<Results>, FlowError> {
        let Some(results) = self.project.full_results(tree)? else { return Ok(None) };
        let set = self.project.test_set(&Which::Full);
        let answered = |run: &&Arc<Verdict>| run.set == set && matches!(run.said, Said::Results(_));
        let runs = self.project.known_verdicts(tree)?.iter().filter(answered).count();
        Ok(Some(results).filter(|results| results.failed.is_empty() || runs > 1))
    }

    /// Why the queue has to stop: each of the last landings was green, and together they are not.
    pub(super) fn does_not_go_together(&self) -> Result<Option<String>, FlowError> {
        let Some(joint) = self.joint()? else { return Ok(None) };
        let tree = self.project.repo.tree_of(&self.project.base.tip)?;
        let branch = &self.project.base.branch;
        let landed = joint.tasks.join(", ");
        let Some(told) = self.project.full_results(&tree)? else {
            // Tests that give no result may well be what they do together.
            let why = self.why_no_result(&tree)?;
            return Ok(why.map(|why| {
                format!(
                    "the tests of {branch} give no result since {landed} landed, tested without each other or what was \
                     pushed: {why}; look at it, or revert one of them"
                )
            }));
        };
        if self.baseline_in_doubt(&tree, Some(&told))? {
            return Ok(None);
        }
        // What was green without a run of the base is held to no failures at all.
        let worse = self.project.unexcused(&joint.before.unwrap_or_default(), &told);
        if worse.is_empty() {
            self.note_looked_at(&joint.commuted)?;
            return Ok(None);
        }
        let tests: Vec<&str> = worse.iter().take(NAMED).map(|worse| worse.test.as_str()).collect();
        let text = format!(
            "{branch} fails since {landed} landed, tested without each other or what was pushed: {}; mend or revert one of them",
            one_line(&tests.join(", "))
        );
        Ok(Some(text))
    }

    /// Why the last full run of a tree gave no result that counts, if it ran.
    fn why_no_result(&self, tree: &TreeId) -> Result<Option<String>, FlowError> {
        let set = self.project.test_set(&Which::Full);
        let runs = self.project.known_verdicts(tree)?;
        Ok(runs.iter().rev().find_map(|run| match &run.said {
            Said::NoEvidence(why) if run.set == set => Some(one_line(why)),
            Said::NoEvidence(_) | Said::Results(_) => None,
        }))
    }

    /// Somebody knows what these landings do together.
    fn note_looked_at(&self, commuted: &[CommitId]) -> Result<(), FlowError> {
        let subject = "what the last landings do together was looked at";
        self.project.store.change_repo(&self.op, "git-orch", subject, |mut state| {
            state.commuted.retain(|mark| !commuted.contains(mark));
            state
        })?;
        Ok(())
    }

    /// The queue stops where landings do not go together; they are not held against anybody again.
    pub(super) fn stop_where_apart(&mut self) -> Result<(), FlowError> {
        if let Some(text) = self.does_not_go_together()? {
            self.stop_queue(&text)?;
            if let Some(joint) = self.joint()? {
                self.note_looked_at(&joint.commuted)?;
            }
        }
        Ok(())
    }
}

impl Project {
    /// Whether the base is where a commuting landing left it, and was not tested since.
    pub(crate) fn is_untested_joint(&self) -> Result<bool, FlowError> {
        let marked = self.store.repo_state()?.commuted.contains(&self.base.tip);
        Ok(marked && self.full_results(&self.repo.tree_of(&self.base.tip)?)?.is_none())
    }
}

/// The tasks that wait.
pub(super) fn waiting(queued: &[Queued]) -> BTreeSet<&TaskId> {
    queued.iter().map(|queued| &queued.entry.task).collect()
}
