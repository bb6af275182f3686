//! Invented traffic: arrivals and defects are drawn, footprints are those of real changes.
//!
//! Assumptions, not measurements: defects are independent; a change conflicts with each of the 20 before it with 5 %
//! where both touch the same and with 0.1 % else; an author wrote a change 10 minutes before it came, in the mean.

use super::beliefs::{ATTRIBUTION, EARLY_MEAN};
use super::footprints::{NEIGHBOURS, Overlaps, cargo};
use super::play::Noise;
use super::trace::{Change, ChangeId, Model, Signals, Trace};
use crate::queue::policy::Pairs;

/// How long suites take: log-normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Suite {
    /// Median, minutes.
    pub(crate) median: f64,
    /// Standard deviation of the logarithm.
    pub(crate) sigma: f64,
    /// None takes longer, minutes.
    pub(crate) most: f64,
}

impl Suite {
    const TEAM: Suite = Suite { median: 5.0, sigma: 0.15, most: f64::INFINITY };
}
/// Mean minutes between an author's update from the base and the change's arrival.
const AUTHOR_MEAN: f64 = 10.0;
/// When changes come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrivals {
    /// Independently, so many per hour.
    Poisson { per_hour: f64 },
    /// So many at once, every so many minutes.
    Bursts { size: usize, every: f64 },
    /// All at the start.
    Saturated,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setting {
    pub(crate) slots: usize,
    pub(crate) changes: usize,
    pub(crate) arrivals: Arrivals,
    pub(crate) suite: Suite,
    /// Chance that a change is broken by itself.
    pub(crate) defects: f64,
    /// Whether pairs of changes can fail together.
    pub(crate) conflicts: bool,
    /// Whether likely failures are tested first, so that a failing run ends early.
    pub(crate) fail_fast: bool,
    /// Whether failures name a suspect, which is the culprit for 70 % of culprits.
    pub(crate) names: bool,
    /// Chance that a run of a good tree fails.
    pub(crate) flakes: f64,
    pub(crate) confirmations: u32,
}

impl Setting {
    /// 36 changes an hour, which is the work of three slots; nothing but pass and fail is known.
    pub(crate) fn plain(slots: usize, defects: f64) -> Setting {
        Setting {
            slots,
            changes: 1200,
            arrivals: Arrivals::Poisson { per_hour: 36.0 },
            suite: Suite::TEAM,
            defects,
            conflicts: true,
            fail_fast: false,
            names: false,
            flakes: 0.0,
            confirmations: 0,
        }
    }

    pub(crate) fn fail_fast(slots: usize, defects: f64) -> Setting {
        Setting { fail_fast: true, ..Setting::plain(slots, defects) }
    }

    /// Fail-fast order, names, 2 % flakes and one confirmation.
    pub(crate) fn full(slots: usize, defects: f64) -> Setting {
        Setting { names: true, flakes: 0.02, confirmations: 1, ..Setting::fail_fast(slots, defects) }
    }

    pub(crate) fn noise(&self, seed: u64) -> Noise {
        Noise {
            flakes: self.flakes,
            early_mean: EARLY_MEAN,
            failing_first: false,
            wrong_names: self.names,
            seed: !seed,
        }
    }

    /// The trace of this setting for one seed. The same seed gives the same changes for all slots and signals.
    pub(crate) fn trace(&self, seed: u64) -> Trace {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851);
        let footprints = cargo();
        let first = random.usize(..footprints.len());
        let mut now = 0.0;
        let mut trace = Trace {
            name: format!("synthetic-{}-{}-{seed}", self.slots, self.defects),
            seed,
            slots: self.slots,
            model: Model::Suite,
            failure_rate: self.defects,
            overlapping: if self.conflicts { 0.05 } else { 0.0 },
            disjoint: if self.conflicts { 0.001 } else { 0.0 },
            signals: Signals { early: self.fail_fast, risk: false, suspects: self.names },
            changes: Vec::with_capacity(self.changes),
        };
        for at in 0..self.changes {
            now = match self.arrivals {
                Arrivals::Poisson { per_hour } => now + exponential(&mut random, 60.0 / per_hour),
                Arrivals::Bursts { size, every } => (at / size) as f64 * every,
                Arrivals::Saturated => 0.0,
            };
            let author = exponential(&mut random, AUTHOR_MEAN);
            trace.changes.push(Change {
                arrives: now,
                based_at: now - author,
                footprint: footprints[(first + at) % footprints.len()].clone(),
                minutes: 1.0,
                suite_minutes: self.suite.draw(&mut random),
                defect: random.f64() < self.defects,
                conflicts: Vec::new(),
                risk: self.defects,
                early: exponential(&mut random, EARLY_MEAN).min(1.0),
                speaks: random.f64() < ATTRIBUTION,
            });
        }
        if self.conflicts {
            conflicts(&mut trace, &mut random);
        }
        trace
    }
}

impl Suite {
    fn draw(&self, random: &mut fastrand::Rng) -> f64 {
        (self.median * (self.sigma * normal(random)).exp()).min(self.most)
    }
}

fn conflicts(trace: &mut Trace, random: &mut fastrand::Rng) {
    let overlaps = Overlaps::of(trace);
    let mut drawn: Vec<Vec<ChangeId>> = Vec::with_capacity(trace.changes.len());
    for id in trace.ids() {
        let near = id.saturating_sub(NEIGHBOURS)..id;
        let chance = |other| if overlaps.overlap(id, other) { trace.overlapping } else { trace.disjoint };
        drawn.push(near.filter(|&other| random.f64() < chance(other)).collect());
    }
    for (change, conflicts) in trace.changes.iter_mut().zip(drawn) {
        change.conflicts = conflicts;
    }
}

fn exponential(random: &mut fastrand::Rng, mean: f64) -> f64 {
    -(1.0 - random.f64()).ln() * mean
}

/// A standard normal value (Box and Muller).
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}
