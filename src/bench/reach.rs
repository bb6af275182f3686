//! Whether a contender reaches the goals: their settings played, and what was found beside what was asked for.

use super::contender::Contender;
use super::goals::{Against, Goal};
use super::measure::{Measured, measure, one_culprit_of_eight};

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
