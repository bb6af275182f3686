//! What earlier runs said of what waits now, and the rates to believe in: read from journals and verdicts, so a process
//! that starts afresh, without any cache, knows as much as the one before.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::flow::FlowError;
use crate::queue::{self, Belief, Tried};
use crate::store::repo_journal::Coupled;
use crate::suite::result::Results;
use crate::task::Event;
use crate::task::id::{CommitId, Nonce, Seconds, TaskId};

use super::{CHAIN_COMMITS, Lander, Queued, commute};

/// Commits of the base at which a candidate may have been started; older ones say nothing of today.
const BASE_COMMITS: usize = 400;
/// The last events of a journal that are looked at.
const EVENTS: usize = 40;
impl Lander<'_> {
    /// What runs of candidates said whose members wait here or have landed.
    pub(super) fn tried(
        &mut self,
        queued: &[Queued],
        landed: &BTreeSet<(TaskId, Nonce)>,
        baseline: Option<&Results>,
        coupled: &[Coupled],
    ) -> Result<Vec<Tried>, FlowError> {
        let empty = Results::default();
        let waiting: HashSet<(&TaskId, &Nonce)> =
            queued.iter().map(|one| (&one.entry.task, &one.entry.nonce)).collect();
        let tasks = commute::waiting(queued);
        let mut all = Vec::new();
        for candidate in self.candidates_of(queued)? {
            let tree = self.project.repo.tree_of(&candidate)?;
            let chain = self.chain_of(&candidate)?;
            let Some(members) = still(&chain, &waiting, landed).filter(|members| !members.is_empty()) else {
                continue;
            };
            let known = self.project.known_verdicts(&tree)?;
            let judged = self.project.weigh(&known, baseline.unwrap_or(&empty));
            let green = judged.green > 0;
            if !green && judged.red == 0 {
                continue;
            }
            let Some(last) = known.last() else { continue };
            let took = i64::try_from(last.millis / 1000).unwrap_or_default();
            let started = Seconds(last.at.0 - took);
            let worse = judged.worse.iter().map(|worse| worse.test.as_str().to_owned()).collect();
            let past = match self.past_of(&candidate, &tasks, coupled)? {
                Some((below, past)) => self.was_green(&tree, &below, baseline)?.then_some(past),
                None => None,
            };
            all.push(Tried { members, tree, green, worse, started, ended: last.at, past });
        }
        all.sort_by(|a, b| a.ended.cmp(&b.ended).then_with(|| a.members.cmp(&b.members)));
        Ok(all)
    }

    /// The candidates that were tested with any of these, as their journals say, as far as git still has them.
    fn candidates_of(&mut self, queued: &[Queued]) -> Result<BTreeSet<CommitId>, FlowError> {
        let mut all = BTreeSet::new();
        for one in queued {
            let (id, tip) = (&one.entry.task, &one.stored.tip);
            if self.tested.get(id).is_none_or(|(read_at, _)| read_at != tip) {
                let mut candidates = Vec::new();
                // What runs said before is advice: a journal whose past cannot be read gives none.
                for (_, record) in self.project.store.events(tip, EVENTS).unwrap_or_default() {
                    if let Event::Testing { candidate } = record.event
                        && self.project.repo.has_object(&candidate)?
                    {
                        candidates.push(candidate);
                    }
                }
                self.tested.insert(id.clone(), (tip.clone(), candidates));
            }
            all.extend(self.tested.get(id).into_iter().flat_map(|(_, candidates)| candidates).cloned());
        }
        Ok(all)
    }

    /// The tasks that a candidate brings over the base that it was made on, with their nonces, in order.
    fn chain_of(&mut self, candidate: &CommitId) -> Result<Vec<(TaskId, Nonce)>, FlowError> {
        if let Some(chain) = self.chains.get(candidate) {
            return Ok(chain.clone());
        }
        self.read_base_commits()?;
        let repo = &self.project.repo;
        let mut chain = Vec::new();
        let mut next = Some(candidate.clone());
        for _ in 0..CHAIN_COMMITS {
            let Some(id) = next.filter(|id| !self.base_commits.contains(id)) else { break };
            let commit = repo.read_commit(&id)?;
            let trailer =
                |name: &str| commit.trailers.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            if let (Some(task), Some(nonce)) = (trailer("Orch-Task"), trailer("Orch-Nonce"))
                && let Ok(task) = TaskId::parse(task)
            {
                chain.push((task, Nonce(nonce.clone())));
            }
            next = commit.parents.first().cloned();
        }
        chain.reverse();
        self.chains.insert(candidate.clone(), chain.clone());
        Ok(chain)
    }

    pub(super) fn read_base_commits(&mut self) -> Result<(), FlowError> {
        let tip = &self.project.base.tip;
        if self.base_commits.first() != Some(tip) {
            let commits = self.project.repo.first_parent(tip, None, BASE_COMMITS)?;
            self.base_commits = commits.into_iter().map(|commit| commit.id).collect();
        }
        Ok(())
    }

    /// The rates of this repository, read again when the base has moved or somebody was ejected, or when the first run
    /// says how long a suite takes.
    pub(super) fn belief(&mut self, tried: &[Tried]) -> Result<Belief, FlowError> {
        let left = self.rounds.sent_back.len() + self.rounds.needs_you.len();
        let now = (self.project.base.tip.clone(), left, !tried.is_empty());
        if let Some((_, belief)) = self.belief.as_ref().filter(|(at, _)| *at == now) {
            return Ok(*belief);
        }
        let pace = self.project.pace()?;
        let seen = (pace.samples > 0).then_some(pace.median).or_else(|| queue::typical_length(tried));
        let belief = Belief::of(pace.failing, seen, self.project.policy.tests.some.is_some());
        self.belief = Some((now, belief));
        Ok(belief)
    }
}

/// The tests that failed with each task in the smallest chain that failed with it, as far as the base has them: a test
/// that a change brings along cannot be run without it.
pub(super) fn failed_with(tried: &[Tried], baseline: Option<&Results>) -> BTreeMap<TaskId, BTreeSet<String>> {
    let Some(baseline) = baseline else { return BTreeMap::new() };
    let known: BTreeSet<&str> = baseline.passed.iter().map(|test| test.as_str()).collect();
    let mut reds: Vec<&Tried> = tried.iter().filter(|tried| !tried.green).collect();
    reds.sort_by_key(|red| red.members.len());
    let mut found = BTreeMap::new();
    for red in reds {
        for task in &red.members {
            let tests = red.worse.iter().filter(|test| known.contains(test.as_str()));
            found.entry(task.clone()).or_insert_with(|| tests.cloned().collect());
        }
    }
    found
}

/// The members of a chain that wait; `None` if one of them neither waits nor has landed: then it says nothing of today.
fn still(
    chain: &[(TaskId, Nonce)],
    waiting: &HashSet<(&TaskId, &Nonce)>,
    landed: &BTreeSet<(TaskId, Nonce)>,
) -> Option<Vec<TaskId>> {
    let mut members = Vec::new();
    for one @ (task, nonce) in chain {
        if waiting.contains(&(task, nonce)) {
            members.push(task.clone());
        } else if !landed.contains(one) {
            return None;
        }
    }
    Some(members)
}
