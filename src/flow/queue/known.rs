//! What is known of trees, as the planner is told it.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::queue::{Composition, Known, Verdict, View};
use crate::suite::result::Results;
use crate::task::id::TreeId;

use super::Lander;

impl Lander<'_> {
    /// Lets go of the runs without a result that the base had when this lander first saw it.
    pub(super) fn forgive_base(&mut self) -> Result<(), FlowError> {
        let Some(forgiven) = &mut self.forgiven else { return Ok(()) };
        // The trees that come later were tested by this lander.
        if forgiven.is_empty() {
            let tree = self.project.repo.tree_of(&self.project.base.tip)?;
            let times = self.project.judge(&tree, &Results::default())?.no_evidence;
            forgiven.insert(tree, times);
        }
        Ok(())
    }

    /// What is known of the base's tree and of each composed tree.
    pub(super) fn add_verdicts(
        &self,
        view: &mut View,
        base: &TreeId,
        baseline: Option<&Results>,
        told: Option<&Results>,
    ) -> Result<(), FlowError> {
        let trees: BTreeSet<TreeId> = view
            .compositions
            .values()
            .filter_map(|composition| match composition {
                Composition::Clean { tree, .. } => Some(tree.clone()),
                Composition::ConflictWithBase { .. }
                | Composition::ConflictWith { .. }
                | Composition::Empty => None,
            })
            .collect();
        for tree in trees.into_iter().filter(|tree| tree != base) {
            if let Some(known) = self.known_of(&tree, baseline)? {
                view.verdicts.insert(tree, known);
            }
        }
        if let Some(verdict) = self.known_of_base(base, told)? {
            view.verdicts.insert(base.clone(), Known { verdict, flake: false });
        }
        Ok(())
    }

    /// What is known of a composed tree, in the light of the base's results.
    fn known_of(&self, tree: &TreeId, baseline: Option<&Results>) -> Result<Option<Known>, FlowError> {
        let judged = self.project.judge(tree, baseline.unwrap_or(&Results::default()))?;
        let flake = judged.green > 0 && judged.red > 0;
        let verdict = match self.failed.get(tree) {
            Some(why) => Some(Verdict::NoEvidence { why: why.clone(), times: u32::MAX }),
            None if judged.green > 0 => Some(Verdict::Green),
            None if judged.red > 0 => Some(Verdict::Worse {
                tests: judged.worse.iter().map(|worse| worse.test.as_str().to_owned()).collect(),
                times: judged.red,
                unanswered: judged.no_evidence,
            }),
            None if judged.no_evidence > 0 => {
                Some(Verdict::NoEvidence { why: judged.why_none, times: judged.no_evidence })
            }
            None => None,
        };
        Ok(verdict.map(|verdict| Known { verdict, flake }))
    }

    fn known_of_base(&self, base: &TreeId, told: Option<&Results>) -> Result<Option<Verdict>, FlowError> {
        Ok(match (told, self.failed.get(base)) {
            (Some(results), _) => Some(Verdict::Baseline {
                failing: results.failed.keys().map(|test| test.as_str().to_owned()).collect(),
            }),
            (None, Some(why)) => Some(Verdict::NoEvidence { why: why.clone(), times: u32::MAX }),
            (None, None) => {
                let judged = self.project.judge(base, &Results::default())?;
                let forgiven = self.forgiven.as_ref().and_then(|trees| trees.get(base)).copied().unwrap_or(0);
                let times = judged.no_evidence.saturating_sub(forgiven);
                (times > 0).then_some(Verdict::NoEvidence { why: judged.why_none, times })
            }
        })
    }
}
