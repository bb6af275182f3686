//! Where a branch's own change begins, even where what is below it landed as other commits.

use crate::store::layout;
use crate::task::id::CommitId;

use super::{FlowError, Project};

/// The trailer of a landing that names the branch's tip where history itself does not.
pub(crate) const LANDED_HEAD: &str = "Orch-Head";

/// Where a branch begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) head: CommitId,
    /// Where its own change begins.
    pub(super) base: CommitId,
    /// The same, where history does not know it: to be merged as if it were the common ancestor.
    pub(super) fork: Option<CommitId>,
}

impl Project {
    /// The branch's tip, and where its own change begins.
    pub(super) fn ends(
        &self,
        branch: &str,
        onto: Option<&CommitId>,
        landings: &mut Landings,
    ) -> Result<Ends, FlowError> {
        let head = self
            .repo
            .tip(&layout::branch_ref(branch))?
            .ok_or_else(|| FlowError::NoBranch(crate::task::id::shown(branch)))?;
        let fork = match onto {
            Some(onto) => Some(onto.clone()),
            None => landings.below(self, &head)?,
        };
        let base = match &fork {
            Some(fork) => fork.clone(),
            None => self.merge_base(&head)?,
        };
        if base == head {
            return Err(FlowError::NoChange { branch: branch.to_owned(), base: self.base.branch.clone() });
        }
        Ok(Ends { head, base, fork })
    }

    /// The tip of the nearest branch below a commit that landed as other commits, squashed or rebased: its landing
    /// names it, as history cannot.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn landed_below(&self, head: &CommitId) -> Result<Option<CommitId>, FlowError> {
        Landings::default().below(self, head)
    }
}

/// What the base's first-parent history says landed as other commits, read as far back as somebody asked.
#[derive(Default)]
pub(super) struct Landings {
    /// Commits that were read, newest first.
    read: Vec<CommitId>,
    /// Which of them name the tip of a branch that landed with them.
    named: Vec<(usize, CommitId)>,
    next: Option<CommitId>,
}

impl Landings {
    /// The tip of the nearest branch below `head` that landed as other commits.
    pub(super) fn below(
        &mut self,
        project: &Project,
        head: &CommitId,
    ) -> Result<Option<CommitId>, FlowError> {
        let repo = &project.repo;
        let fork = repo.merge_base(&project.base.tip, head)?;
        let until = self.read_until(project, fork.as_ref())?;
        let mut nearest: Option<CommitId> = None;
        for (_, below) in self.named.iter().filter(|(at, _)| *at < until) {
            if repo.has_object(below)?
                && repo.is_ancestor(below, head)?
                && nearest.as_ref().map_or(Ok(true), |nearest| repo.is_ancestor(nearest, below))?
            {
                nearest = Some(below.clone());
            }
        }
        Ok(nearest)
    }

    /// Reads down to a commit; how many are above it.
    fn read_until(&mut self, project: &Project, fork: Option<&CommitId>) -> Result<usize, FlowError> {
        if let Some(at) = fork.and_then(|fork| self.read.iter().position(|commit| commit == fork)) {
            return Ok(at);
        }
        if self.read.is_empty() {
            self.next = Some(project.base.tip.clone());
        }
        while let Some(id) = self.next.take() {
            let commit = project.repo.read_commit(&id)?;
            self.next = commit.parents.first().cloned();
            let at = self.read.len();
            let named = commit.trailers.iter().find(|(key, _)| key == LANDED_HEAD);
            self.named.extend(named.and_then(|(_, id)| CommitId::parse(id).ok()).map(|below| (at, below)));
            self.read.push(id);
            if self.read.last() == fork {
                return Ok(at);
            }
        }
        Ok(self.read.len())
    }
}
