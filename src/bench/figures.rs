//! What a played trace came to.

use super::trace::{Played, Trace};

/// Figures of one played trace, or means of several.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Figures {
    /// Minutes from arrival to landing.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) mean: f64,
    /// The longest wait, minutes.
    pub(crate) longest: f64,
    /// Cancelled runs count.
    pub(crate) runs_per_change: f64,
    /// Minutes of testing per landed change.
    pub(crate) minutes_per_landed: f64,
    pub(crate) landed_share: f64,
    pub(crate) undecided: f64,
}

/// The figures of one played trace.
pub(crate) fn figures(trace: &Trace, played: &Played) -> Figures {
    let landed = played.decided.iter().filter(|decision| decision.landed);
    let mut waits: Vec<f64> = landed.map(|d| d.at - trace.change(d.change).arrives).collect();
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| match waits.len() {
        0 => 0.0,
        n => waits[(share * (n - 1) as f64).floor() as usize],
    };
    let changes = trace.changes.len().max(1) as f64;
    let minutes: f64 = played.runs.iter().map(|run| run.end - run.start).sum();
    Figures {
        p50: at(0.50),
        p95: at(0.95),
        p99: at(0.99),
        mean: waits.iter().sum::<f64>() / waits.len().max(1) as f64,
        longest: waits.last().copied().unwrap_or(0.0),
        runs_per_change: played.runs.len() as f64 / changes,
        minutes_per_landed: minutes / waits.len().max(1) as f64,
        landed_share: waits.len() as f64 / changes,
        undecided: changes - played.decided.len() as f64,
    }
}

impl Figures {
    /// Means over several traces, as the mean of each figure.
    pub(crate) fn mean_of(all: &[Figures]) -> Figures {
        let n = all.len().max(1) as f64;
        let mean = |of: fn(&Figures) -> f64| all.iter().map(of).sum::<f64>() / n;
        Figures {
            p50: mean(|f| f.p50),
            p95: mean(|f| f.p95),
            p99: mean(|f| f.p99),
            mean: mean(|f| f.mean),
            longest: mean(|f| f.longest),
            runs_per_change: mean(|f| f.runs_per_change),
            minutes_per_landed: mean(|f| f.minutes_per_landed),
            landed_share: mean(|f| f.landed_share),
            undecided: mean(|f| f.undecided),
        }
    }
}
