//! What the planner is told: read from refs at each tick, judged against today's base.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::git::trunk::Trunk;
use crate::queue::{
    self, Base, Composition, Entry, Footprint, Known, OnWorse, Rules, Running, Verdict, View,
};
use crate::store::Stored;
use crate::store::repo_journal::Coupled;
use crate::suite::result::Results;
use crate::task::id::{CommitId, Nonce, TaskId, TreeId};
use crate::task::state::Phase;
use crate::task::{State, Task};

use super::decide::hold_of;
use super::tried::failed_with;
use super::{BARRIERS, Lander, Queued, SKEW, entry_nonce};

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
        let mut red = HashMap::new();
        let (mut queued, mut loaded) = (Vec::new(), HashMap::new());
        for id in &beside.in_queue {
            let known = self.loaded.remove(id).filter(|stored| tips.get(id) == Some(&&stored.tip));
            let stored = match known {
                Some(stored) => stored,
                None => match tips.get(id) {
                    Some(tip) => {
                        let task = self.project.store.task_of_commit(tip)?;
                        if !self.is_here(&task)? {
                            continue;
                        }
                        Stored { task, tip: (*tip).clone() }
                    }
                    None => continue,
                },
            };
            loaded.insert(id.clone(), stored.clone());
            if let Some(entry) = self.entry(&stored, &beside, &mut red)? {
                queued.push(Queued { entry, stored });
            }
        }
        self.loaded = loaded;
        Ok(queued)
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

    fn entry(
        &mut self,
        stored: &Stored,
        beside: &Beside,
        red: &mut HashMap<CommitId, bool>,
    ) -> Result<Option<Entry>, FlowError> {
        let task = &stored.task;
        let State::ReadyForHandoff { change, approval, .. } = &task.state else { return Ok(None) };
        let mut after = Vec::new();
        let mut blocked = false;
        for id in &task.after {
            if beside.in_queue.contains(id) {
                after.push(id.clone());
            } else if beside.open.contains(id)
                || self.project.finished(id) != Some(crate::plan::ready::Finished::Landed)
            {
                blocked = true;
            }
        }
        let paths = self.paths(&change.base, &change.head)?;
        let shared = &self.project.policy.tests.rules.shared;
        let barrier = paths
            .iter()
            .any(|path| shared.matches(path) || BARRIERS.iter().any(|barrier| path.starts_with(barrier)));
        let mut footprint = Footprint::new(paths.clone(), &task.paths, barrier)
            .or_else(|_| Footprint::new(paths, &[], true))
            .map_err(|bad| FlowError::BadValue { what: bad.glob.clone(), why: bad.why })?;
        self.couple(&mut footprint, &beside.coupled);
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
            suspect: self.is_suspect(&task.state, beside.baseline.as_ref(), red)?,
            accept_worse: approval.accept_worse,
        }))
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

    /// Whether the last candidate that it was a part of is red. `red` says it of those that were looked at in this tick.
    fn is_suspect(
        &self,
        state: &State,
        baseline: Option<&Results>,
        red: &mut HashMap<CommitId, bool>,
    ) -> Result<bool, FlowError> {
        let State::ReadyForHandoff { phase: Phase::Testing { candidate }, .. } = state else {
            return Ok(false);
        };
        if let Some(known) = red.get(candidate) {
            return Ok(*known);
        }
        let mut is_red = false;
        if self.project.repo.has_object(candidate)? {
            let known = self.project.known_verdicts(&self.project.repo.tree_of(candidate)?)?;
            let judged = self.project.weigh(&known, baseline.unwrap_or(&Results::default()));
            is_red = judged.red > 0 && judged.green == 0;
        }
        red.insert(candidate.clone(), is_red);
        Ok(is_red)
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

    pub(super) fn view(&mut self, queued: &[Queued]) -> Result<View, FlowError> {
        let tip = self.project.base.tip.clone();
        self.drop_stale(queued);
        let tree = self.project.repo.tree_of(&tip)?;
        let told = self.project.full_results(&tree)?;
        let doubt = self.baseline_in_doubt(&tree, told.as_ref())?;
        // In doubt nothing is excused.
        let baseline = if doubt { told.map(Results::taken_as_passed) } else { told };
        let state = self.project.store.repo_state()?;
        let held =
            queued.iter().filter_map(|queued| Some((queued.entry.task.clone(), hold_of(&queued.stored)?)));
        let landed = self.landed_since(&tip, queued)?;
        let tried = self.tried(queued, &landed, baseline.as_ref())?;
        self.failed_with = failed_with(&tried, baseline.as_ref());
        let mut view = View {
            base: Base { commit: tip.clone(), tree: tree.clone(), landed },
            entries: queued.iter().map(|queued| queued.entry.clone()).collect(),
            compositions: self
                .compositions
                .iter()
                .map(|(chain, composition)| {
                    (chain.iter().map(|(task, _)| task.clone()).collect(), composition.clone())
                })
                .collect(),
            verdicts: BTreeMap::new(),
            running: self
                .live
                .iter()
                .map(|live| Running {
                    members: live.members.clone(),
                    tree: live.tree.clone(),
                    purpose: live.purpose,
                    started: live.since,
                })
                .collect(),
            tried,
            belief: self.belief()?,
            held: held.collect(),
            rules: Rules {
                batch_max: self.project.policy.queue.batch as usize,
                on_worse: match self.project.policy.queue.on_worse {
                    crate::policy::OnWorse::Culprit => OnWorse::Culprit,
                    crate::policy::OnWorse::Stop => OnWorse::Stop,
                },
                confirmations: 1,
                needs_baseline: true,
                vouch: self.project.policy.queue.vouch,
                land_when_closed: self.project.policy.queue.land_when_closed,
            },
            paused: state.paused.is_some(),
            stopped: state.stopped.map(|because| queue::Stop {
                culprit: TaskId::from_branch(&because),
                tests: BTreeSet::new(),
            }),
            min_priority: state.min_priority,
        };
        self.add_verdicts(&mut view, &tree, baseline.as_ref())?;
        if doubt {
            view.verdicts.remove(&tree); // unknown, until a second run says the same
        }
        Ok(view)
    }

    /// Lets go of the runs without a result that the base had when this lander first saw it.
    pub(super) fn forgive_base(&mut self) -> Result<(), FlowError> {
        let Some(forgiven) = &mut self.forgiven else { return Ok(()) };
        // The trees that come later were tested by this lander.
        if forgiven.is_empty() {
            let tree = self.project.repo.tree_of(&self.project.base.tip)?;
            let times = self.project.judge(&tree, &Results::default())?.no_evidence;
            forgiven.insert(tree, times);
        }
        Ok(())
    }

    /// What is known of the base's tree and of each composed tree.
    pub(super) fn add_verdicts(
        &self,
        view: &mut View,
        base: &TreeId,
        baseline: Option<&Results>,
    ) -> Result<(), FlowError> {
        let per_test = self.project.policy.tests.format != crate::suite::format::Format::Exit;
        let empty = Results::default();
        let mut red = false;
        let trees: BTreeSet<TreeId> = view
            .compositions
            .values()
            .filter_map(|composition| match composition {
                Composition::Clean { tree, .. } => Some(tree.clone()),
                Composition::ConflictWithBase { .. }
                | Composition::ConflictWith { .. }
                | Composition::Empty => None,
            })
            .collect();
        for tree in trees {
            if tree == *base {
                continue;
            }
            let judged = self.project.judge(&tree, baseline.unwrap_or(&empty))?;
            red |= judged.red > 0;
            let verdict = match self.failed.get(&tree) {
                Some(why) => Some(Verdict::NoEvidence { why: why.clone(), times: u32::MAX }),
                None if judged.green > 0 => Some(Verdict::Green),
                None if judged.red > 0 => Some(Verdict::Worse {
                    tests: judged.worse.iter().map(|worse| worse.test.as_str().to_owned()).collect(),
                    times: judged.red,
                    unanswered: judged.no_evidence,
                }),
                None if judged.no_evidence > 0 => {
                    Some(Verdict::NoEvidence { why: judged.why_none, times: judged.no_evidence })
                }
                None => None,
            };
            if let Some(verdict) = verdict {
                view.verdicts.insert(tree, Known { verdict, flake: judged.green > 0 && judged.red > 0 });
            }
        }
        // With nothing but an exit code no test can be "gone": a green needs no baseline, a red does.
        view.rules.needs_baseline = per_test || red;
        let known = match (baseline, self.failed.get(base)) {
            (Some(results), _) => Some(Verdict::Baseline {
                failing: results.failed.keys().map(|test| test.as_str().to_owned()).collect(),
            }),
            (None, Some(why)) => Some(Verdict::NoEvidence { why: why.clone(), times: u32::MAX }),
            (None, None) => {
                let judged = self.project.judge(base, &empty)?;
                let forgiven = self.forgiven.as_ref().and_then(|trees| trees.get(base)).copied().unwrap_or(0);
                let times = judged.no_evidence.saturating_sub(forgiven);
                (times > 0).then_some(Verdict::NoEvidence { why: judged.why_none, times })
            }
        };
        if let Some(verdict) = known {
            view.verdicts.insert(base.clone(), Known { verdict, flake: false });
        }
        Ok(())
    }

    /// What the base's first-parent history says has landed since the oldest entry came.
    pub(super) fn landed_since(
        &self,
        tip: &CommitId,
        queued: &[Queued],
    ) -> Result<BTreeSet<(TaskId, Nonce)>, FlowError> {
        let mut landed = BTreeSet::new();
        let Some(oldest) = queued.iter().map(|queued| queued.entry.enqueued_at.0).min() else {
            return Ok(landed);
        };
        let mut next = Some(tip.clone());
        while let Some(commit) = next {
            let commit = self.project.repo.read_commit(&commit)?;
            if commit.committer_time.0 < oldest - SKEW {
                break;
            }
            let trailer = |key: &str| {
                commit.trailers.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone())
            };
            if let (Some(task), Some(nonce)) = (trailer("Orch-Task"), trailer("Orch-Nonce"))
                && let Ok(task) = TaskId::parse(&task)
            {
                landed.insert((task, Nonce(nonce)));
            }
            next = commit.parents.first().cloned();
        }
        Ok(landed)
    }
}
