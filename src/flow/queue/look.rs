//! The queue as it is, for whoever only looks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::flow::FlowError;
use crate::git::slot::MergeSlot;
use crate::queue::{self, Composition, Forecast, Pace, Purpose, Running, View};
use crate::task::State;
use crate::task::id::{CommitId, Seconds, TaskId, TreeId};
use crate::task::state::Phase;

use super::matrix::{Meeting, meetings};
use super::{Chain, Lander, Queued};

/// The queue as it is, with nothing composed.
pub(crate) struct Sight {
    pub(crate) view: View,
    pub(crate) pace: Pace,
    pub(crate) slots: u32,
}

/// Entries whose pairs are looked at: pairs grow with the square, and who is further back meets another base.
const LOOKED_AT: usize = 64;

/// Entries that meet.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) pairs: Vec<(TaskId, TaskId, Meeting)>,
    /// The first of the entries, so many.
    pub(crate) looked_at: usize,
    pub(crate) all: usize,
}

/// Entries that were composed into one chain.
#[derive(Debug)]
pub(crate) struct Composed {
    /// Their heads, in the order of the chain.
    pub(crate) heads: Vec<CommitId>,
    pub(crate) tree: TreeId,
    pub(crate) took: Duration,
}

impl Sight {
    /// When each entry will probably land.
    pub(crate) fn forecasts(&self) -> BTreeMap<TaskId, Forecast> {
        queue::forecasts(&self.view, self.slots, &self.pace)
    }
}

impl Lander<'_> {
    /// The queue as it is: writes nothing.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn look(mut self) -> Result<Sight, FlowError> {
        let queued = self.queued()?;
        let mut view = self.view(&queued)?;
        if self.somebody_lands()? {
            view.running = self.recorded_runs(&queued)?;
        }
        Ok(Sight { view, pace: self.project.pace()?, slots: self.slots })
    }

    /// Which of the first entries touch the same, and which of those do not merge; and how many entries that are, of how
    /// many. Writes nothing but objects.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn meetings(mut self) -> Result<Met, FlowError> {
        let mut queued = self.queued()?;
        let all = queued.len();
        queued.sort_by_key(|one| (one.entry.priority, one.entry.enqueued_at, one.entry.task.clone()));
        queued.truncate(LOOKED_AT);
        let changes: Vec<_> = queued.iter().map(|one| (&one.entry.head, &one.entry.footprint)).collect();
        let found = meetings(&self.project.repo, &changes)?;
        let name = |at: usize| queued[at].entry.task.clone();
        let pairs = found.into_iter().map(|met| (name(met.pair.0), name(met.pair.1), met)).collect();
        Ok(Met { pairs, looked_at: queued.len(), all })
    }

    /// Composes the first entries of which no two touch the same into one chain, and measures how long that takes once the
    /// queue is read.
    ///
    /// # Errors
    /// Git fails, or some of them do not compose all the same.
    pub(crate) fn compose_disjoint(mut self, most: usize) -> Result<Composed, FlowError> {
        let queued = self.queued()?;
        let mut members: Vec<&Queued> = Vec::new();
        for one in &queued {
            let footprint = &one.entry.footprint;
            if members.len() < most && !members.iter().any(|other| other.entry.footprint.overlaps(footprint))
            {
                members.push(one);
            }
        }
        let tasks: Vec<TaskId> = members.iter().map(|one| one.entry.task.clone()).collect();
        let heads: Vec<CommitId> = members.iter().map(|one| one.entry.head.clone()).collect();
        let chain: Chain = tasks.iter().cloned().zip(heads.iter().cloned()).collect();
        self.drop_stale(&queued);
        let begun = Instant::now();
        self.compose(&queued, &[&tasks])?;
        let took = begun.elapsed();
        match self.compositions.remove(&chain) {
            Some(Composition::Clean { tree, .. }) => Ok(Composed { heads, tree, took }),
            _ => Err(FlowError::BadValue {
                what: "disjoint entries".to_owned(),
                why: "they do not compose".to_owned(),
            }),
        }
    }

    /// Whether another process of this machine works on the queue now.
    fn somebody_lands(&self) -> Result<bool, FlowError> {
        Ok(MergeSlot::is_held(&self.project.repo)?)
    }

    /// The runs that the entries' records speak of.
    fn recorded_runs(&self, queued: &[Queued]) -> Result<Vec<Running>, FlowError> {
        let mut runs: BTreeMap<CommitId, Vec<TaskId>> = BTreeMap::new();
        for one in queued {
            if let State::ReadyForHandoff { phase: Phase::Testing { candidate }, .. } = &one.stored.task.state
            {
                runs.entry(candidate.clone()).or_default().push(one.entry.task.clone());
            }
        }
        let mut running = Vec::new();
        for (candidate, members) in runs {
            if self.project.repo.has_object(&candidate)? {
                let tree = self.project.repo.tree_of(&candidate)?;
                let started = queued.iter().filter(|one| members.contains(&one.entry.task));
                let started = started.map(|one| one.stored.task.since).max().unwrap_or(Seconds(0));
                running.push(Running { members, tree, purpose: Purpose::Candidate, started, past: None });
            }
        }
        Ok(running)
    }
}
