//! What the queue should reach, and in which setting. The goals were set before this program was written, on another
//! simulator; the references are played on the very same traces.

use super::contender::Contender;
use super::measure::{Measured, measure, one_culprit_of_eight};
use super::synthetic::{Arrivals, Setting};

/// What times are compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Against {
    /// Nothing: minutes.
    Minutes,
    /// The same figures of this reference.
    Ratio(Contender),
}

/// One goal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) setting: Setting,
    pub(crate) against: Against,
    /// At most so much at P50, P95, P99.
    pub(crate) waits: [Option<f64>; 3],
    pub(crate) runs: Option<f64>,
    /// At most so many runs per change as multiples of the entropy of the drawn defects.
    pub(crate) entropy: Option<f64>,
    /// At most so many false ejections per 1,000 changes.
    pub(crate) false_ejections: Option<f64>,
    /// The longest wait at most, minutes, as the mean over seeds.
    pub(crate) longest: Option<f64>,
}

/// A goal with what was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reached {
    pub(crate) goal: Goal,
    pub(crate) measured: Measured,
    /// P50, P95, P99, in minutes or as ratios.
    pub(crate) waits: [f64; 3],
    /// Runs per change over the entropy.
    pub(crate) entropy: f64,
}

impl Reached {
    /// Whether everything that the goal asks for was reached, and main was never red.
    pub(crate) fn met(&self) -> bool {
        let fits = |found: f64, most: Option<f64>| most.is_none_or(|most| found <= most + 1e-9);
        let goal = &self.goal;
        self.waits.iter().zip(goal.waits).all(|(&found, most)| fits(found, most))
            && fits(self.measured.figures.runs_per_change, goal.runs)
            && fits(self.entropy, goal.entropy)
            && fits(self.measured.falsely_ejected, goal.false_ejections)
            && fits(self.measured.figures.longest, goal.longest)
            && fits(self.measured.red, Some(0.0))
    }
}

/// Bits per answer of yes or no, where yes has this chance: no search needs fewer runs per change.
pub(crate) fn entropy(chance: f64) -> f64 {
    let bits = |p: f64| if p <= 0.0 { 0.0 } else { -p * p.log2() };
    bits(chance) + bits(1.0 - chance)
}

fn goal(id: &'static str, what: &str, setting: Setting) -> Goal {
    Goal {
        id,
        what: what.to_owned(),
        setting,
        against: Against::Minutes,
        waits: [None; 3],
        runs: None,
        entropy: None,
        false_ejections: None,
        longest: None,
    }
}

fn at_most(p50: f64, p95: f64, p99: f64) -> [Option<f64>; 3] {
    [Some(p50), Some(p95), Some(p99)]
}

/// The goals of the strict default.
pub(crate) fn goals() -> Vec<Goal> {
    let one_build = Against::Ratio(Contender::OneBuild);
    let zuul = Against::Ratio(Contender::Zuul);
    let burst = |slots| Setting {
        changes: 480,
        arrivals: Arrivals::Bursts { size: 24, every: 480.0 },
        ..Setting::full(slots, 0.03)
    };
    let overload = |slots: usize| Setting {
        arrivals: Arrivals::Poisson { per_hour: 18.0 * slots as f64 },
        ..Setting::full(slots, 0.03)
    };
    let saturated =
        |p| Setting { changes: 600, arrivals: Arrivals::Saturated, conflicts: false, ..Setting::plain(1, p) };
    let mut goals = vec![
        Goal {
            against: one_build,
            waits: at_most(0.96, 0.80, 0.80),
            runs: Some(1.05),
            ..goal("S1", "fail-fast", Setting::fail_fast(4, 0.03))
        },
        Goal {
            against: one_build,
            waits: at_most(0.98, 0.90, 1.0),
            runs: Some(1.15),
            ..goal("S1", "fail-fast", Setting::fail_fast(4, 0.10))
        },
        Goal {
            against: one_build,
            waits: at_most(0.97, 0.88, 1.15),
            runs: Some(1.15),
            ..goal("S2", "full", Setting::full(4, 0.03))
        },
        Goal {
            against: one_build,
            waits: at_most(1.0, 1.0, 1.4),
            runs: Some(1.35),
            ..goal("S2", "full", Setting::full(4, 0.10))
        },
        Goal {
            against: one_build,
            waits: at_most(1.0, 1.1, 1.6),
            runs: Some(1.12),
            ..goal("S3", "no fail-fast", Setting::plain(4, 0.03))
        },
        Goal {
            against: one_build,
            waits: at_most(1.02, 1.20, 2.0),
            ..goal("S4", "full", Setting::full(8, 0.10))
        },
        Goal {
            waits: at_most(7.0, 14.0, 27.0),
            runs: Some(0.90),
            ..goal("S5", "full, one-build diverges", Setting::full(2, 0.05))
        },
        Goal {
            waits: at_most(10.0, 37.0, 50.0),
            runs: Some(0.5),
            ..goal("S6", "full, load 3 on 1 slot", Setting::full(1, 0.01))
        },
        Goal {
            against: zuul,
            waits: [Some(0.36), Some(0.42), None],
            runs: Some(0.70),
            ..goal("S7", "full, burst of 24", burst(2))
        },
        Goal {
            against: zuul,
            waits: [Some(0.52), Some(0.50), None],
            runs: Some(1.0),
            ..goal("S7", "full, burst of 24", burst(4))
        },
    ];
    for (slots, p95) in [(1, 14.0), (2, 13.0), (4, 13.0)] {
        goals.push(Goal {
            waits: [None, Some(p95), None],
            longest: (slots > 1).then_some(80.0),
            ..goal("S8", "full, load 1.5 x slots", overload(slots))
        });
    }
    for p in [0.03, 0.05, 0.10, 0.20] {
        goals.push(Goal { entropy: Some(1.05), ..goal("S9", "saturated, plain", saturated(p)) });
    }
    for slots in [2, 4, 8] {
        for p in [0.03, 0.10] {
            goals.push(Goal {
                false_ejections: Some(0.6),
                longest: (slots > 2).then_some(30.0),
                ..goal("S10", "full, 1 confirmation", Setting::full(slots, p))
            });
        }
    }
    goals
}

/// Plays a goal's setting.
///
/// # Errors
/// A contender broke a rule of the world: a bug of ours.
pub(crate) fn reach(goal: &Goal, who: Contender, seeds: &[u64]) -> Result<Reached, String> {
    let measured = measure(&goal.setting, who, seeds)?;
    let found = measured.figures;
    let mut waits = [found.p50, found.p95, found.p99];
    if let Against::Ratio(reference) = goal.against {
        let other = measure(&goal.setting, reference, seeds)?.figures;
        for (wait, against) in waits.iter_mut().zip([other.p50, other.p95, other.p99]) {
            *wait /= against;
        }
    }
    let entropy = found.runs_per_change / entropy(measured.defects);
    Ok(Reached { goal: goal.clone(), measured, waits, entropy })
}

/// The search for one culprit among eight: runs and suites' worth of time, with the goals for both.
///
/// # Errors
/// A contender broke a rule of the world: a bug of ours.
pub(crate) fn culprit_search(who: Contender, seeds: &[u64]) -> Result<Vec<(String, f64, f64)>, String> {
    let mut rows = Vec::new();
    for (fail_fast, how) in [(false, "plain"), (true, "fail-fast, failing tests first")] {
        for confirmations in [0, 1] {
            let (runs, suites) = one_culprit_of_eight(who, fail_fast, confirmations, seeds)?;
            rows.push((format!("{how}, {confirmations} confirmations"), runs, suites));
        }
    }
    Ok(rows)
}
