//! When an entry will land, as an interval: from how long full runs took and how often changes fail.

use super::order::ordered;
use super::{Rules, View, rules};
use crate::task::id::TaskId;
use std::collections::BTreeMap;

/// How quick test runs are and how often changes fail, from what was seen lately.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Median of green full runs, in seconds.
    pub(crate) median: f64,
    /// 95th percentile of green full runs, in seconds.
    pub(crate) p95: f64,
    /// Full runs that the figures are made of.
    pub(crate) samples: usize,
    /// The share of changes that make tests worse.
    pub(crate) failing: f64,
}

/// From when until when an entry will probably land, in seconds from now, if its own tests pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forecast {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// The most members that candidates have together, with so many slots.
fn reach(rules: &Rules, slots: u32) -> usize {
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    rules.batch_max.max(1).saturating_mul(slots.max(1))
}

/// The forecast of every entry that can go. Four in five are meant to land within it; the share was not measured yet.
///
/// The low end has no culprit ahead; the high end has the 90th percentile of them, a search by halves and a repetition
/// for each, and slow runs.
pub(crate) fn forecasts(view: &View, slots: u32, pace: &Pace) -> BTreeMap<TaskId, Forecast> {
    let mut found = BTreeMap::new();
    if view.paused || view.stopped.is_some() || pace.samples == 0 {
        return found;
    }
    let order = ordered(&view.entries);
    let able = order.turns.iter().filter(|entry| !rules::waits(view, entry));
    let together = u64::try_from(reach(&view.rules, slots)).unwrap_or(u64::MAX);
    let batch = u32::try_from(view.rules.batch_max.max(1)).unwrap_or(u32::MAX);
    let search = f64::from(batch).log2() + 2.0;
    for (place, entry) in (0u32..).zip(able) {
        let rounds = u64::from(place) / together.max(1) + 1;
        let culprits = quantile(pace.failing * f64::from(place), 0.9);
        #[expect(clippy::cast_precision_loss, reason = "rounds are few")]
        let rounds = rounds as f64;
        let low = pace.median * rounds;
        let high = pace.p95 * (rounds + f64::from(culprits) * search);
        found.insert(entry.task.clone(), Forecast { low: seconds(low), high: seconds(high) });
    }
    found
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a forecast are not negative"
)]
fn seconds(value: f64) -> u64 {
    value.ceil() as u64
}

/// The smallest count that a Poisson variable of this mean stays within with this probability.
fn quantile(mean: f64, probability: f64) -> u32 {
    let mut term = (-mean).exp();
    let (mut sum, mut count) = (term, 0);
    while sum < probability && count < 1000 {
        count += 1;
        term *= mean / f64::from(count);
        sum += term;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (mean, expected) in [(0.0, 0), (0.1, 0), (1.0, 2), (5.0, 8), (10.0, 14)] {
            assert_eq!(quantile(mean, 0.9), expected, "{mean}");
        }
    }
}
