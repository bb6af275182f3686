//! Why a change leaves the queue, complete enough to act on.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::flow::verdicts::failed_tests;
use crate::queue::Ejection;
use crate::suite::worse::Worse;
use crate::task::evidence::FailedTest;
use crate::task::id::{TaskId, TreeId};
use crate::task::{Evidence, Trouble};

use super::decide::hold_of;
use super::{Lander, Queued};

impl Lander<'_> {
    /// The evidence of an ejection.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn evidence(
        &self,
        queued: &[Queued],
        task: &TaskId,
        because: Ejection,
    ) -> Result<Evidence, FlowError> {
        let tip = &self.project.base.tip;
        let again = || Some(format!("git orch check {task} --only tests"));
        Ok(match because {
            Ejection::Conflict { files, with } => {
                self.evidence_of_conflict(Self::find(queued, task), files, with)?
            }
            Ejection::Worse { commit, tree, runs, files, .. } => {
                let tests = failed_tests(&self.worse_on(&tree)?);
                let text = worse_than(&self.project.base.branch, &tests);
                Evidence {
                    tests,
                    base: Some(tip.clone()),
                    candidate: Some(commit),
                    reproduce: again(),
                    confirmed: runs > 1,
                    ..Evidence::new(Trouble::Worse, text).with_files(files.into_iter().collect())
                }
            }
            Ejection::NoEvidence { why, commit, .. } => Evidence {
                base: Some(tip.clone()),
                candidate: Some(commit),
                reproduce: again(),
                ..Evidence::new(Trouble::NoEvidence, format!("its tests gave no result that counts: {why}"))
            },
        })
    }

    /// With whom a member conflicts: another task, by what the planner, its record or history says, else the base.
    fn evidence_of_conflict(
        &self,
        member: Option<&Queued>,
        files: BTreeSet<String>,
        with: Option<TaskId>,
    ) -> Result<Evidence, FlowError> {
        let base = &self.project.base;
        let behind = member.and_then(|member| hold_of(&member.stored)).map(|hold| hold.behind);
        let landed = match member {
            Some(member) if with.is_none() && behind.is_none() => {
                self.landed_on(&member.entry.head, &files)?
            }
            _ => None,
        };
        let pair = with.or(behind).or(landed);
        let files: Vec<String> = files.into_iter().collect();
        let (trouble, what) = match &pair {
            Some(pair) => (Trouble::ConflictTask, pair.to_string()),
            None => (Trouble::ConflictBase, base.branch.clone()),
        };
        let text = format!("conflicts with {what} in {}", files.join(", "));
        let branch = member.map(|member| member.stored.task.branch.clone()).unwrap_or_default();
        let reproduce = format!("git merge-tree --write-tree --name-only {} {branch}", base.branch);
        Ok(Evidence {
            pair,
            base: Some(base.tip.clone()),
            reproduce: Some(reproduce),
            confirmed: true,
            ..Evidence::new(trouble, text).with_files(files)
        })
    }

    /// What is worse on a tree than on today's base.
    pub(super) fn worse_on(&self, tree: &TreeId) -> Result<Vec<Worse>, FlowError> {
        let base = self.project.repo.tree_of(&self.project.base.tip)?;
        let baseline = self.project.full_results(&base)?.unwrap_or_default();
        Ok(self.project.judge(tree, &baseline)?.worse)
    }
}

fn worse_than(branch: &str, tests: &[FailedTest]) -> String {
    let names: Vec<&str> = tests.iter().take(3).map(|test| test.name.as_str()).collect();
    let more = if tests.len() > 3 { format!(" and {} more", tests.len() - 3) } else { String::new() };
    let plural = if tests.len() == 1 { "test is" } else { "tests are" };
    format!("{} {plural} worse than on {branch}: {}{more}", tests.len(), names.join(", "))
}
