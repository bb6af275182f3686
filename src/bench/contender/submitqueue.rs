//! A model of Uber's SubmitQueue: a change waits for the undecided ones ahead that touch the same; for each, outcomes
//! of those are assumed, and the likeliest assumptions are tested first. Disjoint changes land past each other.
//!
//! A started run is cancelled only when an assumption proved wrong. Assumptions below 5 % are not tested.

use crate::bench::footprints::Overlaps;
use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::{ChangeId, Trace};
use crate::queue::policy::Pairs;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const LIKELY_MIN: f64 = 0.05;
/// Most undecided changes ahead whose outcome is varied.
const VARIED_MAX: usize = 40;

/// A change, and which of those ahead are taken to land.
type Path = (ChangeId, Vec<ChangeId>);

struct Entry {
    /// Changes ahead that touch the same and were undecided when it came.
    ahead: Vec<ChangeId>,
    risk: f64,
    reds: u32,
}

pub(super) struct SubmitQueue<'a> {
    trace: &'a Trace,
    overlaps: Overlaps<'a>,
    confirmations: u32,
    queue: BTreeMap<ChangeId, Entry>,
    landed: BTreeSet<ChangeId>,
    going: HashMap<u32, Path>,
    answers: HashMap<Path, bool>,
    runs: u32,
}

impl<'a> SubmitQueue<'a> {
    pub(super) fn new(trace: &'a Trace, confirmations: u32) -> SubmitQueue<'a> {
        SubmitQueue {
            trace,
            overlaps: Overlaps::of(trace),
            confirmations,
            queue: BTreeMap::new(),
            landed: BTreeSet::new(),
            going: HashMap::new(),
            answers: HashMap::new(),
            runs: 0,
        }
    }

    /// Whether outcomes known so far speak against the path.
    fn refuted(&self, (id, lands): &Path) -> bool {
        let Some(entry) = self.queue.get(id) else { return true };
        entry.ahead.iter().any(|other| {
            !self.queue.contains_key(other) && self.landed.contains(other) != lands.contains(other)
        })
    }

    /// Decides every change whose outcomes ahead are known and tested.
    fn settle(&mut self, wants: &mut Vec<Want>) {
        loop {
            let decided = self.queue.iter().find_map(|(&id, entry)| {
                if entry.ahead.iter().any(|other| self.queue.contains_key(other)) {
                    return None;
                }
                let lands: Vec<ChangeId> =
                    entry.ahead.iter().copied().filter(|other| self.landed.contains(other)).collect();
                let path = (id, lands);
                self.answers.get(&path).map(|&passed| (path.clone(), passed))
            });
            let Some((path, passed)) = decided else { break };
            let id = path.0;
            if !passed && let Some(entry) = self.queue.get_mut(&id).filter(|e| e.reds < self.confirmations) {
                entry.reds += 1;
                self.answers.remove(&path);
                continue;
            }
            self.queue.remove(&id);
            if passed {
                self.landed.insert(id);
            }
            wants.push(if passed { Want::Land(vec![id]) } else { Want::Eject(id) });
            self.answers.retain(|other, _| other.0 != id);
        }
        let useless: Vec<u32> =
            self.going.iter().filter(|(_, path)| self.refuted(path)).map(|(&run, _)| run).collect();
        for run in useless {
            self.going.remove(&run);
            wants.push(Want::Cancel(run));
        }
    }

    /// The likeliest paths of one change, likeliest first: those that are not tested yet.
    fn paths(&self, id: ChangeId, entry: &Entry, most: usize) -> Vec<(f64, Path)> {
        let open: Vec<(ChangeId, f64)> = entry
            .ahead
            .iter()
            .filter_map(|other| self.queue.get(other).map(|entry| (*other, entry.risk)))
            .take(VARIED_MAX)
            .collect();
        let sure: Vec<ChangeId> =
            entry.ahead.iter().copied().filter(|other| self.landed.contains(other)).collect();
        // Best first over which assumptions are turned around, the least unlikely turn first.
        let mut turns: Vec<(f64, ChangeId)> = open
            .iter()
            .map(|&(other, risk)| ((risk.min(1.0 - risk) / risk.max(1.0 - risk)), other))
            .collect();
        turns.sort_by(|a, b| b.0.total_cmp(&a.0));
        let likeliest: f64 = open.iter().map(|&(_, risk)| risk.max(1.0 - risk)).product();
        let mut heap: Vec<(f64, Vec<usize>)> = vec![(likeliest, Vec::new())];
        let mut found = Vec::new();
        while let Some(best) = (0..heap.len()).max_by(|&a, &b| heap[a].0.total_cmp(&heap[b].0)) {
            let (chance, turned) = heap.swap_remove(best);
            if chance < LIKELY_MIN || found.len() >= most {
                break;
            }
            let next = turned.last().map_or(0, |last| last + 1);
            if next < turns.len() {
                let mut more = turned.clone();
                more.push(next);
                heap.push((chance * turns[next].0, more));
                if let Some(&last) = turned.last() {
                    let mut instead = turned.clone();
                    instead.pop();
                    instead.push(next);
                    heap.push((chance / turns[last].0.max(f64::MIN_POSITIVE) * turns[next].0, instead));
                }
            }
            let turned_around = |other: ChangeId| turned.iter().any(|&at| turns[at].1 == other);
            let mut lands = sure.clone();
            lands.extend(
                open.iter()
                    .filter(|&&(other, risk)| (risk <= 0.5) != turned_around(other))
                    .map(|(other, _)| *other),
            );
            lands.sort_unstable();
            let path = (id, lands);
            let known = self.answers.contains_key(&path) || self.going.values().any(|going| *going == path);
            if !known {
                found.push((chance, path));
            }
        }
        found
    }
}

impl Policy for SubmitQueue<'_> {
    fn name(&self) -> &'static str {
        "submitqueue"
    }

    fn uses(&self) -> Vec<&'static str> {
        if self.trace.signals.risk { vec!["risk"] } else { Vec::new() }
    }

    fn arrived(&mut self, id: ChangeId, _now: f64) {
        let ahead: Vec<ChangeId> =
            self.queue.keys().copied().filter(|&other| self.overlaps.overlap(id, other)).collect();
        let kept: f64 = ahead.iter().map(|&other| 1.0 - self.overlaps.chance(id, other)).product();
        let own = if self.trace.signals.risk { self.trace.change(id).risk } else { self.trace.failure_rate };
        self.queue.insert(id, Entry { ahead, risk: 1.0 - (1.0 - own) * kept, reds: 0 });
    }

    fn ended(&mut self, run: u32, answer: Answer, _now: f64, wants: &mut Vec<Want>) {
        if let Some(path) = self.going.remove(&run) {
            self.answers.insert(path, answer == Answer::Pass);
        }
        self.settle(wants);
    }

    fn decide(&mut self, _now: f64, wants: &mut Vec<Want>) {
        let free = self.trace.slots - self.going.len();
        if free == 0 {
            return;
        }
        let (mut paths, mut sure): (Vec<(f64, Path)>, usize) = (Vec::new(), 0);
        for (&id, entry) in &self.queue {
            let found = self.paths(id, entry, free);
            sure += found.iter().filter(|(chance, _)| *chance >= 1.0).count();
            paths.extend(found);
            if sure >= free {
                break; // nothing behind can be likelier
            }
        }
        paths.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, path) in paths.into_iter().take(free) {
            self.runs += 1;
            let mut members: Vec<ChangeId> =
                path.1.iter().copied().filter(|other| self.queue.contains_key(other)).collect();
            members.push(path.0);
            let subjects = Some(vec![path.0]);
            wants.push(Want::Start { run: self.runs, members, subjects });
            self.going.insert(self.runs, path);
        }
    }
}
