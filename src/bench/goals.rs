//! What the queue should reach, and in which setting. The goals were set before this program was written, on another
//! simulator; the references are played on the very same traces.

use super::contender::Contender;
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
    [against_one_build(), many_at_once(), overload(), saturated(), with_a_confirmation()].concat()
}

/// S1 to S6: waits and runs, beside the reference of one run per change where that keeps up.
fn against_one_build() -> Vec<Goal> {
    let against = Against::Ratio(Contender::OneBuild);
    vec![
        Goal {
            against,
            waits: at_most(0.96, 0.80, 0.80),
            runs: Some(1.05),
            ..goal("S1", "fail-fast", Setting::fail_fast(4, 0.03))
        },
        Goal {
            against,
            waits: at_most(0.98, 0.90, 1.0),
            runs: Some(1.15),
            ..goal("S1", "fail-fast", Setting::fail_fast(4, 0.10))
        },
        Goal {
            against,
            waits: at_most(0.97, 0.88, 1.15),
            runs: Some(1.15),
            ..goal("S2", "full", Setting::full(4, 0.03))
        },
        Goal {
            against,
            waits: at_most(1.0, 1.0, 1.4),
            runs: Some(1.35),
            ..goal("S2", "full", Setting::full(4, 0.10))
        },
        Goal {
            against,
            waits: at_most(1.0, 1.1, 1.6),
            runs: Some(1.12),
            ..goal("S3", "no fail-fast", Setting::plain(4, 0.03))
        },
        Goal { against, waits: at_most(1.02, 1.20, 2.0), ..goal("S4", "full", Setting::full(8, 0.10)) },
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
    ]
}

/// S7: bursts, beside the model of Zuul.
fn many_at_once() -> Vec<Goal> {
    let against = Against::Ratio(Contender::Zuul);
    let burst = |slots| Setting {
        changes: 480,
        arrivals: Arrivals::Bursts { size: 24, every: 480.0 },
        ..Setting::full(slots, 0.03)
    };
    vec![
        Goal {
            against,
            waits: [Some(0.36), Some(0.42), None],
            runs: Some(0.70),
            ..goal("S7", "full, burst of 24", burst(2))
        },
        Goal {
            against,
            waits: [Some(0.52), Some(0.50), None],
            runs: Some(1.0),
            ..goal("S7", "full, burst of 24", burst(4))
        },
    ]
}

/// S8: half as much again as the slots could test one by one.
fn overload() -> Vec<Goal> {
    let setting = |slots: usize| Setting {
        arrivals: Arrivals::Poisson { per_hour: 18.0 * slots as f64 },
        ..Setting::full(slots, 0.03)
    };
    let within = |(slots, p95)| Goal {
        waits: [None, Some(p95), None],
        longest: (slots > 1).then_some(80.0),
        ..goal("S8", "full, load 1.5 x slots", setting(slots))
    };
    [(1, 14.0), (2, 13.0), (4, 13.0)].map(within).to_vec()
}

/// S9: all changes at the start, and runs per change beside the entropy of their defects.
fn saturated() -> Vec<Goal> {
    let setting =
        |p| Setting { changes: 600, arrivals: Arrivals::Saturated, conflicts: false, ..Setting::plain(1, p) };
    let within = |p| Goal { entropy: Some(1.05), ..goal("S9", "saturated, plain", setting(p)) };
    [0.03, 0.05, 0.10, 0.20].map(within).to_vec()
}

/// S10: false ejections where a red alone is confirmed once.
fn with_a_confirmation() -> Vec<Goal> {
    let mut goals = Vec::new();
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
