//! The bot on pull requests: checks, publishes, follows commands, runs the queue. What is decided is in `forge/` and
//! `queue/`, the host is asked by `github/`.
//!
//! Level-triggered: a webhook or a schedule only says that it is worth looking; what holds is read anew from the host and
//! from refs, so that lost, doubled and late messages end the same. The bot keeps no state of its own.

mod check;
mod command;
mod entry;
mod publish;
mod queue;
mod reviews;
mod serve;

use crate::forge::Pull;
use crate::git::exchange::ExchangeError;
use crate::git::refs::Expected;
use crate::github::{Github, Place};
use crate::store::layout;
use crate::task::id::CommitId;

use super::project::Given;
use super::{FlowError, Project};

pub(crate) use check::{check, report_of};
pub(crate) use command::Heard;
pub(crate) use publish::{Left, Published};
pub(crate) use queue::Tick;
pub(crate) use serve::{Ear, serve};

/// The one check to require, on pull requests and on groups of the host's own queue alike.
pub(crate) const GATE: &str = "git orch / gate";
/// The workflow that runs the gates; its file's name is its name for the host.
const CHECK_WORKFLOW: &str = "orch-check.yml";
/// Local branches of pull requests: `pr/7`.
const PULL_BRANCH: &str = "pr/";

/// The bot of one repository.
pub(crate) struct Bot {
    project: Project,
    given: Given,
    github: Github,
}

impl Bot {
    /// The bot for the repository around `given.dir`, at its host.
    ///
    /// # Errors
    /// No usable repository, or the host does not let us in.
    pub(crate) fn open(given: &Given, place: &Place) -> Result<Bot, FlowError> {
        // Whatever git says of the machine's user: what the bot does is done by the bot.
        let acts_as = given.acts_as.clone().or_else(|| Some("git-orch[bot]".to_owned()));
        let given = Given { acts_as, ..given.clone() };
        let project = Project::open(&given)?;
        Ok(Bot { project, given, github: Github::open(place)? })
    }

    /// Test runs at the same time, by the settings.
    pub(crate) fn slots(&self) -> u32 {
        self.project.policy.queue.jobs
    }

    /// The project with another base branch: pull requests may be for any.
    fn on_base(&self, branch: &str) -> Result<Project, FlowError> {
        if self.project.base.branch == branch {
            return Ok(self.project.clone());
        }
        on_base(&self.given, &self.project, branch)
    }

    /// The name of the remote that the host stands behind.
    fn remote(&self) -> String {
        remote_of(&self.project)
    }

    /// Brings the commit of a pull request here, as the branch `pr/<number>`. False if it is another one by now.
    fn bring(&self, pull: &Pull) -> Result<bool, FlowError> {
        bring(&self.project, pull.number, &pull.head)
    }
}

/// The remote of the base branch, else `origin`.
fn remote_of(project: &Project) -> String {
    project.base.upstream.as_ref().map_or_else(|| "origin".to_owned(), |upstream| upstream.remote.clone())
}

/// The branch by which a pull request is known here.
pub(crate) fn branch_of(number: u64) -> String {
    format!("{PULL_BRANCH}{number}")
}

/// The pull request that a branch stands for.
pub(crate) fn number_of(branch: &str) -> Option<u64> {
    let digits = branch.strip_prefix(PULL_BRANCH)?;
    (!digits.starts_with('0')).then(|| digits.parse().ok()).flatten()
}

/// Brings the commit of a pull request here. The host keeps `refs/pull/<n>/head` for forks and deleted branches too.
fn bring(project: &Project, number: u64, head: &CommitId) -> Result<bool, FlowError> {
    let local = layout::branch_ref(&branch_of(number));
    if project.repo.tip(&local)?.as_ref() == Some(head) {
        return Ok(true);
    }
    // Fetched before, by a step that had the right to.
    let fetched = project.repo.tip(&format!("refs/remotes/pull/{number}"))?;
    if fetched.as_ref() == Some(head) {
        let known = project.repo.tip(&local)?;
        let expected = known.as_ref().map_or(Expected::Absent, Expected::At);
        return Ok(project.store.swap(&local, expected, head, "fetched before")?.is_none());
    }
    // The branch here only mirrors the host's: somebody may have pushed by force there.
    project.repo.fetch(&remote_of(project), &[format!("+refs/pull/{number}/head:{local}")])?;
    Ok(project.repo.tip(&local)?.as_ref() == Some(head))
}

/// The same repository, landing on another branch, which is fetched where it is missing.
fn on_base(given: &Given, project: &Project, branch: &str) -> Result<Project, FlowError> {
    let name = layout::branch_ref(branch);
    if project.repo.tip(&name)?.is_none() {
        let fetched = project.repo.fetch(&remote_of(project), &[format!("{name}:{name}")]);
        match fetched {
            Err(ExchangeError::Refused { .. }) | Ok(_) => {}
            Err(err) => return Err(err.into()),
        }
    }
    let mut given = given.clone();
    given.environment.retain(|(name, _)| name != "GIT_ORCH_BASE");
    given.environment.push(("GIT_ORCH_BASE".to_owned(), branch.to_owned()));
    Project::open(&given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_of_pull_requests() {
        assert_eq!(number_of(&branch_of(7)), Some(7));
        for other in ["pr/", "pr/x", "pr/07", "pr/7x", "main", "pr/99999999999999999999"] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
