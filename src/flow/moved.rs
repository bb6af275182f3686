//! Who moved the base branch while a run was at work: the queue, or somebody else.

use crate::task::id::CommitId;

use super::{FlowError, Project};

/// The trailer of the queue's own commits.
const LANDING: &str = "Orch-Task";
/// Commits that are looked at.
const MOST: usize = 1000;

/// A move of the base branch that the queue did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Commits were added.
    Forward(String),
    /// What was there is gone from it.
    Back(String),
}

impl Project {
    /// What somebody else did to the base branch since it was at `was`; `None` where only the queue moved it.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn moved_since(&self, was: &CommitId) -> Result<Option<Moved>, FlowError> {
        let (branch, tip) = (&self.base.branch, &self.base.tip);
        if was == tip {
            return Ok(None);
        }
        if !self.repo.is_ancestor(was, tip)? {
            return Ok(Some(Moved::Back(format!(
                "{branch} was {}, and is {} without it: nothing more is started or landed. If nobody meant that: \
                 git update-ref refs/heads/{branch} {was}",
                was.short(),
                tip.short()
            ))));
        }
        let added = self.repo.first_parent(tip, Some(was), MOST)?;
        let foreign = |commit: &&crate::git::objects::CommitInfo| {
            !commit.trailers.iter().any(|(key, _)| key == LANDING)
        };
        Ok(added.iter().find(foreign).map(|commit| {
            Moved::Forward(format!("{branch} got {} from outside of the queue", commit.id.short()))
        }))
    }
}
