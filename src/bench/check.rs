//! An independent judge: computes from the trace alone whether a result was possible and what it was worth.
//!
//! Shares nothing with `play` but the types, and reads the rules one by one, however slowly.

use super::trace::{Change, ChangeId, Outcome, Played, RunRecord, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// Times this close are the same, minutes.
const TOLERANCE: f64 = 1e-6;

/// What the judge found.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Verdict {
    /// What no queue could have done, in words; empty for an honest result.
    pub(crate) faults: Vec<String>,
    /// Landed although broken at that moment.
    pub(crate) red: Vec<ChangeId>,
    /// Ejected without a defect, without being broken by the base, and without any conflict in the whole trace.
    pub(crate) wrongly_ejected: Vec<ChangeId>,
    /// Ejected although it would have passed on the base of that moment.
    pub(crate) falsely_ejected: Vec<ChangeId>,
    /// Landed without a run of all that it landed on.
    pub(crate) untested: Vec<ChangeId>,
    pub(crate) undecided: usize,
}

struct Judge<'a> {
    trace: &'a Trace,
    played: &'a Played,
    /// Place in the order of landings, and time.
    landed: BTreeMap<ChangeId, (usize, f64)>,
    decided: BTreeMap<ChangeId, f64>,
    verdict: Verdict,
}

/// Judges a result against its trace. `flakes`: failing runs of good trees are no fault.
pub(crate) fn check(trace: &Trace, played: &Played, flakes: bool) -> Verdict {
    let (landed, decided, verdict) = (BTreeMap::new(), BTreeMap::new(), Verdict::default());
    let mut judge = Judge { trace, played, landed, decided, verdict };
    judge.read_decisions();
    judge.judge_runs(flakes);
    judge.judge_slots();
    for (place, decision) in played.decided.iter().enumerate() {
        if (decision.change as usize) < trace.changes.len() {
            if decision.landed {
                judge.judge_landing(place, decision.change, decision.at);
            } else {
                judge.judge_ejection(decision.change, decision.at);
            }
        }
    }
    judge.verdict.undecided = trace.changes.len() - judge.decided.len();
    judge.verdict
}

impl<'a> Judge<'a> {
    fn fault(&mut self, text: String) {
        self.verdict.faults.push(text);
    }

    fn known(&self, id: ChangeId) -> Option<&'a Change> {
        self.trace.changes.get(id as usize)
    }

    fn conflict(&self, a: ChangeId, b: ChangeId) -> bool {
        let lists = |x: ChangeId, y: ChangeId| self.trace.change(x).conflicts.contains(&y);
        lists(a, b) || lists(b, a)
    }

    fn read_decisions(&mut self) {
        for (place, decision) in self.played.decided.iter().enumerate() {
            let id = decision.change;
            match self.known(id) {
                None => self.fault(format!("change {id} is not in the trace")),
                Some(change) if decision.at < change.arrives - TOLERANCE => {
                    self.fault(format!("change {id} is decided before it arrives"));
                }
                Some(_) => {}
            }
            if self.decided.insert(id, decision.at).is_some() {
                self.fault(format!("change {id} is decided twice"));
            }
            if decision.landed {
                self.landed.insert(id, (place, decision.at));
            }
        }
    }

    /// Rule 3: a change that landed by `when`, and later than the base that `id` was written on, breaks it.
    fn broken_by_base(&self, id: ChangeId, when: impl Fn(usize, f64) -> bool) -> bool {
        let based_at = self.trace.change(id).based_at;
        self.landed.iter().any(|(&other, &(place, at))| {
            other != id && at > based_at + TOLERANCE && when(place, at) && self.conflict(id, other)
        })
    }

    fn judge_runs(&mut self, flakes: bool) {
        let mut numbers = BTreeSet::new();
        for run in &self.played.runs {
            let name = format!("run {}", run.run);
            if !numbers.insert(run.run) {
                self.fault(format!("{name} is there twice"));
            }
            if run.members.is_empty() || run.tested().is_empty() {
                self.fault(format!("{name} tests nothing"));
                continue;
            }
            if run.members.iter().chain(run.tested()).any(|&id| self.known(id).is_none()) {
                self.fault(format!("{name} tests a change that is not in the trace"));
                continue;
            }
            if run.tested().iter().any(|id| !run.members.contains(id)) {
                self.fault(format!("{name} tests a change that is no member"));
            }
            for &id in &run.members {
                if self.trace.change(id).arrives > run.start + TOLERANCE {
                    self.fault(format!("{name} tests change {id} before it arrives"));
                }
                if self.decided.get(&id).is_some_and(|&at| at <= run.start + TOLERANCE) {
                    self.fault(format!("{name} tests change {id}, which was decided"));
                }
            }
            self.judge_outcome(run, flakes);
        }
    }

    fn judge_outcome(&mut self, run: &RunRecord, flakes: bool) {
        let culprits: Vec<ChangeId> = run
            .members
            .iter()
            .copied()
            .filter(|&id| {
                self.trace.change(id).defect
                    || run.members.iter().any(|&other| other != id && self.conflict(id, other))
                    || self.broken_by_base(id, |_, at| at <= run.start + TOLERANCE)
            })
            .collect();
        let full = self.trace.length(run.tested());
        let early = culprits.iter().map(|&id| self.trace.change(id).early).fold(1.0, f64::min);
        let expected = if self.trace.signals.early { full * early } else { full };
        let took = run.end - run.start;
        let name = format!("run {}", run.run);
        match (run.outcome, culprits.is_empty()) {
            (Outcome::Pass, false) => self.fault(format!("{name} passes, but {culprits:?} fail")),
            (Outcome::Fail, true) if !flakes => self.fault(format!("{name} fails without a culprit")),
            (Outcome::Fail, true) if took > full + TOLERANCE => self.fault(format!("{name} takes too long")),
            (Outcome::Fail, true) => {}
            (Outcome::Cancelled, _) if flakes || (0.0..=expected + TOLERANCE).contains(&took) => {}
            (Outcome::Pass | Outcome::Fail, _) if (took - expected).abs() <= TOLERANCE => {}
            (Outcome::Pass | Outcome::Fail | Outcome::Cancelled, _) => {
                self.fault(format!("{name} takes {took} minutes instead of {expected}"));
            }
        }
    }

    /// Never more runs at a time than slots; at one moment, ends come before starts.
    fn judge_slots(&mut self) {
        let mut moments: Vec<(f64, i32)> =
            self.played.runs.iter().flat_map(|run| [(run.start, 1), (run.end - TOLERANCE, -1)]).collect();
        moments.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let slots = i32::try_from(self.trace.slots).unwrap_or(i32::MAX);
        let mut busy = 0;
        for (at, change) in moments {
            busy += change;
            if busy > slots {
                self.fault(format!("{busy} runs at minute {at}, in {slots} slots"));
                return;
            }
        }
    }

    fn judge_landing(&mut self, place: usize, id: ChangeId, at: f64) {
        let landed_by = |other: &ChangeId| self.landed.get(other).is_some_and(|(_, t)| *t <= at + TOLERANCE);
        let covers = |run: &&RunRecord| {
            run.outcome == Outcome::Pass
                && run.end <= at + TOLERANCE
                && run.tested().contains(&id)
                && run.members.iter().all(landed_by)
        };
        let covering: Vec<&RunRecord> = self.played.runs.iter().filter(covers).collect();
        // At one moment, changes land in the order of the result.
        let earlier = |other: usize, t: f64| t < at - TOLERANCE || (t <= at + TOLERANCE && other < place);
        let whole = |run: &&RunRecord| {
            let meanwhile =
                self.landed.iter().filter(|&(_, &(other, t))| t > run.start + TOLERANCE && earlier(other, t));
            meanwhile.map(|(other, _)| other).all(|other| run.members.contains(other))
        };
        let strict = covering.iter().any(whole);
        let none = covering.is_empty();
        let broken = self.trace.change(id).defect || self.broken_by_base(id, earlier);
        if none {
            self.fault(format!("change {id} lands without a run that passed"));
        }
        if !strict {
            self.verdict.untested.push(id);
        }
        if broken {
            self.verdict.red.push(id);
        }
    }

    fn judge_ejection(&mut self, id: ChangeId, at: f64) {
        let failed = self.played.runs.iter().any(|run| {
            run.outcome == Outcome::Fail && run.members.contains(&id) && run.end <= at + TOLERANCE
        });
        if !failed {
            self.fault(format!("change {id} is ejected without a run that failed"));
        }
        let bad = self.trace.change(id).defect || self.broken_by_base(id, |_, t| t <= at + TOLERANCE);
        if bad {
            return;
        }
        self.verdict.falsely_ejected.push(id);
        if !self.trace.ids().any(|other| other != id && self.conflict(id, other)) {
            self.verdict.wrongly_ejected.push(id);
        }
    }
}
