//! What the planner is told: read from refs at each tick, judged against today's base.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::FlowError;
use crate::policy::{self, Policy};
use crate::queue::{self, Base, NeedsBaseline, OnWorse, Purpose, Rules, Running, View};
use crate::store::repo_journal::Coupled;
use crate::suite::format::Format;
use crate::task::id::{CommitId, Nonce, TaskId};

use super::decide::hold_of;
use super::tried::failed_with;
use super::{Lander, Live, Queued, SKEW, commute};

impl Lander<'_> {
    pub(super) fn view(&mut self, queued: &[Queued]) -> Result<View, FlowError> {
        let tip = self.project.base.tip.clone();
        self.drop_stale(queued);
        let tree = self.project.repo.tree_of(&tip)?;
        let told = self.project.full_results(&tree)?;
        let doubt = self.baseline_in_doubt(&tree, told.as_ref())?;
        // In doubt nothing is excused.
        let joint = if told.is_none() || doubt { self.joint()? } else { None };
        let (commuted, measured) =
            (joint.is_some(), joint.as_ref().is_some_and(|joint| joint.before.is_some()));
        let baseline = match (told.clone(), joint) {
            (None, joint) => joint.and_then(|joint| joint.before),
            (Some(told), _) if doubt => Some(told.taken_as_passed()),
            (told, _) => told,
        };
        let state = self.project.store.repo_state()?;
        let held =
            queued.iter().filter_map(|queued| Some((queued.entry.task.clone(), hold_of(&queued.stored)?)));
        let landed = self.landed_since(&tip, queued)?;
        let tried = self.tried(queued, &landed, baseline.as_ref(), &state.coupled)?;
        let running = self.running(queued, &state.coupled)?;
        self.failed_with = failed_with(&tried, baseline.as_ref());
        let mut view = View {
            base: Base { commit: tip.clone(), tree: tree.clone(), landed, commuted, measured },
            entries: queued.iter().map(|queued| queued.entry.clone()).collect(),
            compositions: self
                .compositions
                .iter()
                .map(|(chain, composition)| {
                    (chain.iter().map(|(task, _)| task.clone()).collect(), composition.clone())
                })
                .collect(),
            verdicts: BTreeMap::new(),
            running,
            belief: self.belief(&tried)?,
            tried,
            held: held.collect(),
            rules: rules(&self.project.policy),
            paused: state.paused.is_some(),
            stopped: state.stopped.map(|because| queue::Stop {
                culprit: TaskId::from_branch(&because),
                tests: BTreeSet::new(),
            }),
            min_priority: state.min_priority,
        };
        self.add_verdicts(&mut view, &tree, baseline.as_ref(), told.as_ref())?;
        if doubt {
            view.verdicts.remove(&tree); // unknown, until a second run says the same
        }
        Ok(view)
    }

    /// The test runs that go on in this process.
    fn running(&mut self, queued: &[Queued], coupled: &[Coupled]) -> Result<Vec<Running>, FlowError> {
        let seen = |live: &Live| (live.commit.clone(), live.members.clone(), live.purpose);
        let runs: Vec<_> = self.live.iter().map(|live| (seen(live), live.tree.clone(), live.since)).collect();
        let tasks = commute::waiting(queued);
        let mut running = Vec::new();
        for ((commit, members, purpose), tree, started) in runs {
            let past = match purpose {
                Purpose::Candidate => self.past_of(&commit, &tasks, coupled)?,
                Purpose::Baseline | Purpose::Confirm | Purpose::Blame => None,
            };
            let past = past.map(|(_, past)| past);
            running.push(Running { members, tree, purpose, started, past });
        }
        Ok(running)
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

/// The planner's rules, by the settings.
fn rules(policy: &Policy) -> Rules {
    Rules {
        batch_max: policy.queue.batch as usize,
        on_worse: match policy.queue.on_worse {
            policy::OnWorse::Culprit => OnWorse::Culprit,
            policy::OnWorse::Stop => OnWorse::Stop,
        },
        confirmations: 1,
        // With nothing but an exit code no test can be "gone": a green needs no baseline, a red does.
        needs_baseline: match policy.tests.format {
            Format::Exit => NeedsBaseline::Reds,
            _ => NeedsBaseline::All,
        },
        commute: policy.queue.land == policy::Land::Commute,
        vouch: policy.queue.vouch,
        land_when_closed: policy.queue.land_when_closed,
    }
}
