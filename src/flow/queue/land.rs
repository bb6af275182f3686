//! Landings: what is asked once more before the base is swapped, and what follows from it.

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::git::slot::{MergeSlot, Tested};
use crate::queue::LandedOn;
use crate::task::id::{CommitId, TaskId, TreeId};

use super::swap::Moved;
use super::{Lander, Queued};

impl Lander<'_> {
    pub(super) fn land(
        &mut self,
        slot: &MergeSlot<'_>,
        queued: &[Queued],
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        on: &LandedOn,
    ) -> Result<bool, FlowError> {
        for member in members.iter().filter_map(|task| Self::find(queued, task)) {
            if let Some(evidence) = self.moved(member)? {
                self.leaves(&member.entry.task, &evidence)?;
                return Ok(true);
            }
        }
        let old = self.project.base.tip.clone();
        self.check_composition(queued, members, commit, tree)?;
        let tested = Tested::new(commit, tree, &self.project.repo)?;
        let intent = match self.project.intend_checkout(&old, commit) {
            Err(FlowError::CheckoutInWay { worktree, files }) => {
                return Ok(self.wait_for_checkout(&worktree, &files));
            }
            Err(busy @ FlowError::CheckoutBusy { .. }) => return Ok(self.stand(busy.to_string())),
            intent => intent?,
        };
        let moved = {
            let _nobody_withdraws = self.project.deciding()?;
            if !self.still_as_read(queued, members)? {
                self.project.forget_checkout(intent.as_ref())?;
                return Ok(true);
            }
            if *on == LandedOn::Commuting {
                self.note_commuting(commit)?;
            }
            self.move_base(slot, &old, &tested)?
        };
        match moved {
            Moved::Here => {}
            Moved::BySomebody => {
                self.project.forget_checkout(intent.as_ref())?;
                self.sharing.due = true;
                return Ok(true);
            }
            Moved::Refused(why) => {
                self.project.forget_checkout(intent.as_ref())?;
                return Ok(self.stand(why));
            }
        }
        self.project.follow_checkout(intent)?;
        let text = format!(
            "{} {}..{}{}",
            self.project.base.branch,
            old.short(),
            commit.short(),
            self.although(on, tree)?
        );
        self.say(Step::Land, members, None, text);
        self.record_landing(queued, members, &old, commit)?;
        Ok(true)
    }

    /// What is to be said besides of a landing that is not plainly green.
    fn although(&self, on: &LandedOn, tree: &TreeId) -> Result<String, FlowError> {
        Ok(match on {
            LandedOn::Green => String::new(),
            LandedOn::Flaky => format!(" (flaky: {})", self.project.flaky_tests(tree)?.join(", ")),
            LandedOn::Commuting => " (its tests ran without what landed meanwhile)".to_owned(),
            LandedOn::Accepted { .. } => " (worse, and approved)".to_owned(),
        })
    }
}
