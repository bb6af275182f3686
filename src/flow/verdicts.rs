//! What is known of a tree by what tests said of it: in the light of a baseline, and of the settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::store::verdicts::{Said, Verdict};
use crate::suite::result::{Results, TestName};
use crate::suite::worse::{self, How, Worse};
use crate::task::evidence::FailedTest;
use crate::task::id::TreeId;

use super::select::Which;
use super::{FlowError, Project};

/// What is known of a tree, in the light of a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Full runs (or targeted ones, where that is enough) with nothing worse.
    pub(crate) green: u32,
    /// Runs in which something was worse.
    pub(crate) red: u32,
    pub(crate) no_evidence: u32,
    /// What was worse in the last red run.
    pub(crate) worse: Vec<Worse>,
    pub(crate) why_none: String,
}

impl Project {
    /// Verdicts on a tree that count here, with their sets.
    pub(crate) fn known_verdicts(&self, tree: &TreeId) -> Result<Vec<Arc<Verdict>>, FlowError> {
        let environment = self.environment()?;
        let mut verdicts = self.store.verdicts(tree, self.policy.queue.verdicts)?;
        verdicts.retain(|verdict| verdict.environment == environment);
        Ok(verdicts)
    }

    /// The results of all full runs of a tree together.
    pub(crate) fn full_results(&self, tree: &TreeId) -> Result<Option<Results>, FlowError> {
        let set = self.test_set(&Which::Full);
        let verdicts = self.known_verdicts(tree)?;
        let full = verdicts.iter().filter(|verdict| verdict.set == set);
        Ok(Results::together(full.filter_map(|verdict| match &verdict.said {
            Said::Results(results) => Some(results.clone()),
            Said::NoEvidence(_) => None,
        })))
    }

    /// What the verdicts on a tree mean against `baseline`.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn judge(&self, tree: &TreeId, baseline: &Results) -> Result<Judged, FlowError> {
        Ok(self.weigh(&self.known_verdicts(tree)?, baseline))
    }

    /// What these verdicts on one tree mean against `baseline`.
    pub(crate) fn weigh(&self, known: &[Arc<Verdict>], baseline: &Results) -> Judged {
        if known.is_empty() {
            return Judged::default();
        }
        let full = self.test_set(&Which::Full);
        let targeted_lands = self.policy.queue.land == crate::policy::Land::Targeted;
        let mut judged = Judged::default();
        for verdict in known {
            let whole = verdict.set == full;
            match &verdict.said {
                Said::NoEvidence(why) => {
                    judged.no_evidence += 1;
                    judged.why_none.clone_from(why);
                }
                Said::Results(results) => {
                    let part;
                    let against = if whole {
                        baseline
                    } else {
                        part = worse::narrowed(baseline, results);
                        &part
                    };
                    let worse = self.unexcused(against, results);
                    if !worse.is_empty() {
                        judged.red += 1;
                        judged.worse = worse;
                    } else if whole || targeted_lands {
                        judged.green += 1;
                    }
                }
            }
        }
        judged
    }

    /// Whether the last run of these tests on this tree said no: worse, or nothing that counts.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn refused_by(
        &self,
        tree: &TreeId,
        which: &Which,
        baseline: &Results,
    ) -> Result<bool, FlowError> {
        let set = self.test_set(which);
        let last = self.known_verdicts(tree)?.into_iter().rev().find(|verdict| verdict.set == set);
        Ok(match last.as_ref().map(|verdict| &verdict.said) {
            Some(Said::Results(results)) => {
                !self.unexcused(&worse::narrowed(baseline, results), results).is_empty()
            }
            // No selected test may exist under the selected name: the full suite decides.
            Some(Said::NoEvidence(_)) | None => false,
        })
    }

    /// What is worse, but for tests in quarantine.
    pub(super) fn unexcused(&self, baseline: &Results, now: &Results) -> Vec<Worse> {
        let mut worse = worse::compare(baseline, now).worse;
        worse.retain(|worse| !self.policy.tests.quarantine.matches(worse.test.as_str()));
        worse
    }

    /// Tests that one run of a tree failed and another passed.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn flaky_tests(&self, tree: &TreeId) -> Result<Vec<String>, FlowError> {
        let known = self.known_verdicts(tree)?;
        let results = || {
            known.iter().filter_map(|run| match &run.said {
                Said::Results(results) => Some(results),
                Said::NoEvidence(_) => None,
            })
        };
        let failed: BTreeSet<&TestName> = results().flat_map(|run| run.failed.keys()).collect();
        let flaky = failed.into_iter().filter(|test| results().any(|run| run.passed.contains(*test)));
        Ok(flaky.map(|test| test.as_str().to_owned()).collect())
    }
}

/// Tests that are worse, as evidence.
pub(crate) fn failed_tests(worse: &[Worse]) -> Vec<FailedTest> {
    let line = |how: &How| match how {
        How::FailsNow { line } => line.clone(),
        How::NewFails { line } => format!("new, and fails: {line}"),
        How::Gone => "passed on the base, and is gone".to_owned(),
    };
    worse
        .iter()
        .map(|worse| FailedTest { name: worse.test.as_str().to_owned(), line: line(&worse.how) })
        .collect()
}
