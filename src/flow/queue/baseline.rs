//! How far the base's own results may be believed: what fails there excuses whoever fails with it.

use crate::flow::FlowError;
use crate::flow::select::Which;
use crate::store::verdicts::Said;
use crate::suite::result::Results;
use crate::task::id::TreeId;

use super::Lander;

/// Earlier values of the base that are looked at for the same failures.
const EARLIER: usize = 8;
/// Full runs of one base after which its failures are taken as they are, whatever gave no evidence.
const RUNS_MOST: usize = 4;

impl Lander<'_> {
    /// Whether the base's failures rest on one run alone: neither a second one nor the base before says the same. A flake
    /// there would let whatever fails land, so the base is tested again.
    pub(super) fn baseline_in_doubt(
        &self,
        tree: &TreeId,
        baseline: Option<&Results>,
    ) -> Result<bool, FlowError> {
        let Some(baseline) = baseline.filter(|baseline| !baseline.failed.is_empty()) else {
            return Ok(false);
        };
        let set = self.project.test_set(&Which::Full);
        let mut runs = self.project.known_verdicts(tree)?;
        runs.retain(|run| run.set == set);
        let answered = runs.iter().filter(|run| matches!(run.said, Said::Results(_))).count();
        if answered > 1 || runs.len() >= RUNS_MOST || self.failed.contains_key(tree) {
            return Ok(false);
        }
        for commit in self.project.repo.first_parent(&self.project.base.tip, None, EARLIER)?.iter().skip(1) {
            if let Some(before) = self.project.full_results(&commit.tree)? {
                return Ok(!baseline.failed.keys().all(|test| before.failed.contains_key(test)));
            }
        }
        Ok(true)
    }
}
