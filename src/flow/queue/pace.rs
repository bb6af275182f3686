//! How quick and how red test runs were lately: read from verdicts and tasks, so that every clone knows the same.

use crate::flow::select::Which;
use crate::flow::{FlowError, Project};
use crate::queue::{Pace, failing_share};
use crate::store::verdicts::Said;
use crate::task::Trouble;

/// Commits of the base that are looked at for verdicts.
const COMMITS: usize = 40;
/// Full runs that the figures are made of, at most.
const SAMPLES: usize = 20;

impl Project {
    /// The pace of the last full runs of what is on the base now.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn pace(&self) -> Result<Pace, FlowError> {
        let set = self.test_set(&Which::Full);
        let mut seconds: Vec<f64> = Vec::new();
        let mut landed = 0.0;
        for commit in self.repo.first_parent(&self.base.tip, None, COMMITS)? {
            if commit.trailers.iter().any(|(key, _)| key == "Orch-Nonce") {
                landed += 1.0;
            }
            for verdict in self.known_verdicts(&commit.tree)? {
                let Said::Results(results) = &verdict.said else { continue };
                if verdict.set == set && results.failed.is_empty() && seconds.len() < SAMPLES {
                    #[expect(clippy::cast_precision_loss, reason = "a few hours in milliseconds")]
                    seconds.push(verdict.millis as f64 / 1000.0);
                }
            }
        }
        seconds.sort_by(f64::total_cmp);
        let worse = |row: &crate::store::index::Row| {
            use crate::plan::card::Need::Decision;
            matches!(&row.card.need, Some(Decision { trouble: Trouble::Worse, .. }))
        };
        let red = self.store.open_tasks()?.rows.iter().filter(|row| worse(row)).map(|_| 1.0).sum::<f64>();
        Ok(Pace {
            median: at(&seconds, 50),
            p95: at(&seconds, 95),
            samples: seconds.len(),
            failing: failing_share(landed, red),
        })
    }
}

/// A percentile of sorted values, by the nearest rank; 0 where there are none.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!([0, 50, 95].map(|percent| super::at(&values, percent)), [1.0, 2.0, 4.0]);
        assert_eq!(super::at(&[], 50), 0.0);
    }
}
