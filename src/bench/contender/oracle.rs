//! References that know all outcomes. They are no policies: what they know can only be learned by testing.

use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::{ChangeId, Trace};
use crate::bench::truth::Truth;

/// The undecided changes that will land, and the truth about the others.
struct Foresight<'a> {
    truth: Truth<'a>,
    good: Vec<ChangeId>,
}

impl<'a> Foresight<'a> {
    fn new(trace: &'a Trace) -> Foresight<'a> {
        Foresight { truth: Truth::new(trace), good: Vec::new() }
    }

    /// The changes ahead that will land and break this one.
    fn breakers(&self, id: ChangeId) -> Vec<ChangeId> {
        let conflicts = self.truth.conflicts(id).iter().copied();
        conflicts.filter(|other| self.good.contains(other)).collect()
    }

    /// Whether the change will land, as the last of those that are known of.
    fn foresee(&mut self, id: ChangeId, now: f64) -> bool {
        let bad = self.truth.trace.change(id).defect
            || self.truth.broken_by_base(id, now)
            || !self.breakers(id).is_empty();
        if !bad {
            self.good.push(id);
        }
        !bad
    }

    fn land(&mut self, ids: &[ChangeId], now: f64) {
        self.good.retain(|id| !ids.contains(id));
        ids.iter().for_each(|&id| self.truth.land(id, now));
    }
}

/// One run per change on the right base, in order of arrival; a change lands when its run ends, whatever landed since.
pub(super) struct OneBuild<'a> {
    foresight: Foresight<'a>,
    waiting: Vec<ChangeId>,
    /// Runs with their change, and whether it will land.
    going: Vec<(u32, ChangeId, bool)>,
    slots: usize,
    runs: u32,
}

impl<'a> OneBuild<'a> {
    pub(super) fn new(trace: &'a Trace) -> OneBuild<'a> {
        let foresight = Foresight::new(trace);
        OneBuild { foresight, waiting: Vec::new(), going: Vec::new(), slots: trace.slots, runs: 0 }
    }
}

impl Policy for OneBuild<'_> {
    fn name(&self) -> &'static str {
        "one-build"
    }

    fn arrived(&mut self, id: ChangeId, _now: f64) {
        self.waiting.push(id);
    }

    fn ended(&mut self, run: u32, _answer: Answer, now: f64, wants: &mut Vec<Want>) {
        let Some(place) = self.going.iter().position(|going| going.0 == run) else { return };
        let (_, id, good) = self.going.swap_remove(place);
        if good {
            self.foresight.land(&[id], now);
        }
        wants.push(if good { Want::Land(vec![id]) } else { Want::Eject(id) });
    }

    fn decide(&mut self, now: f64, wants: &mut Vec<Want>) {
        let free = self.slots - self.going.len();
        let started: Vec<ChangeId> = self.waiting.drain(..self.waiting.len().min(free)).collect();
        for id in started {
            let mut members = self.foresight.breakers(id);
            members.push(id);
            let good = self.foresight.foresee(id, now);
            self.runs += 1;
            self.going.push((self.runs, id, good));
            wants.push(Want::Start { run: self.runs, members, subjects: Some(vec![id]) });
        }
    }
}

/// Rejects bad changes at once and free of charge, and tests all good ones that wait when a slot is free.
///
/// `strict`: what lands was tested with everything that landed before it. Greedy, so a close reference and no bound.
pub(super) struct Batches<'a> {
    foresight: Foresight<'a>,
    strict: bool,
    slots: usize,
    rejected: Vec<ChangeId>,
    waiting: Vec<ChangeId>,
    going: Vec<(u32, Vec<ChangeId>)>,
    runs: u32,
}

impl<'a> Batches<'a> {
    pub(super) fn new(trace: &'a Trace, strict: bool) -> Batches<'a> {
        Batches {
            foresight: Foresight::new(trace),
            strict,
            slots: trace.slots,
            rejected: Vec::new(),
            waiting: Vec::new(),
            going: Vec::new(),
            runs: 0,
        }
    }
}

impl Policy for Batches<'_> {
    fn name(&self) -> &'static str {
        if self.strict { "strict-bound" } else { "oracle-batches" }
    }

    fn arrived(&mut self, id: ChangeId, now: f64) {
        let good = self.foresight.foresee(id, now);
        if good { self.waiting.push(id) } else { self.rejected.push(id) }
    }

    fn ended(&mut self, run: u32, _answer: Answer, now: f64, wants: &mut Vec<Want>) {
        let Some(place) = self.going.iter().position(|going| going.0 == run) else { return };
        let (_, landed) = self.going.remove(place);
        self.foresight.land(&landed, now);
        let mut useless = Vec::new();
        for (other, members) in &mut self.going {
            members.retain(|id| !landed.contains(id));
            if members.is_empty() {
                useless.push(*other);
            }
        }
        self.going.retain(|(other, _)| !useless.contains(other));
        wants.push(Want::Land(landed));
        wants.extend(useless.into_iter().map(Want::Cancel));
    }

    fn decide(&mut self, _now: f64, wants: &mut Vec<Want>) {
        wants.extend(self.rejected.drain(..).map(Want::Eject));
        if self.going.len() >= self.slots || self.waiting.is_empty() {
            return;
        }
        let mut members = Vec::new();
        if self.strict {
            for id in self.going.iter().flat_map(|(_, members)| members) {
                if !members.contains(id) {
                    members.push(*id);
                }
            }
        }
        members.append(&mut self.waiting);
        self.runs += 1;
        self.going.push((self.runs, members.clone()));
        wants.push(Want::Start { run: self.runs, members, subjects: None });
    }
}
