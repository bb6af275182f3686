//! Looks the machine and the repository over; each finding says what to do about it.

/// What was found.
mod diagnosis;
/// What the settings name.
mod settings;
/// The machine and the repository.
mod setup;
/// Refs, journals, worktrees.
mod stored;

use crate::git::repo::OpenError;
use crate::process::left_over;
use crate::store::chain;

use super::init::{self, InitRequest};
use super::project::{Given, destination};
use super::tree::FOLDER;
use super::{FlowError, Project};

pub(crate) use diagnosis::{Diagnosis, FIX};
pub(crate) use stored::worktree_again;

use setup::{git_version, hook, is_hidden, orch_branch, prune_expire, sandbox};

/// So many commits of the base must be readable: as far back as most branches leave it.
const COMMITS: usize = 200;

/// Looks everything over, and changes nothing.
pub(crate) fn examine(given: &Given, request: &InitRequest) -> Diagnosis {
    let mut found = Diagnosis::default();
    sandbox(&mut found);
    let repo = match given.repo() {
        Ok(repo) => repo,
        Err(FlowError::Open(err)) => {
            let fix = match &err {
                OpenError::NotARepository { .. } => "git init",
                OpenError::Bare { .. } => "git clone BARE-REPOSITORY FOLDER",
                OpenError::Apart { linked: true, .. } => "cd FOLDER && git config core.worktree \"$PWD\"",
                OpenError::Apart { .. } => "git config core.worktree \"$(git rev-parse --show-toplevel)\"",
                OpenError::Reftable { .. } => "git refs migrate --ref-format=files",
                OpenError::Unreadable { .. } => "git fsck",
            };
            found.wrong("repository", chain(&err), fix);
            return found;
        }
        Err(err) => {
            found.wrong("repository", err.to_string(), "cd ..");
            return found;
        }
    };
    git_version(&repo, &mut found);
    match repo.is_shallow() {
        Ok(false) => found.fine("repository", repo.main_worktree().display().to_string()),
        Ok(true) => {
            found.wrong("repository", "history is cut off: the clone is shallow", "git fetch --unshallow");
        }
        Err(err) => found.failed("repository", &err.into()),
    }
    orch_branch(&repo, &mut found);
    let set_up = hook(&repo, &mut found);
    match init::is_excluded(&repo) {
        Ok(true) => found.fine("exclude", format!("{FOLDER} is ignored")),
        // The folder comes with a .gitignore of its own: init's line is for those who remove that.
        Ok(false) if !set_up && is_hidden(&repo.main_worktree().join(FOLDER)) => {
            found.fine("exclude", format!("{FOLDER} ignores itself"));
        }
        Ok(false) => {
            let message =
                format!("{FOLDER} is not ignored: git add -A would stage worktrees as repositories");
            found.wrong("exclude", message, FIX);
        }
        Err(err) => found.failed("exclude", &err),
    }
    prune_expire(&repo, &mut found);
    match init::pages_current(request) {
        Ok(true) => found.fine("man-page", "git help orch works"),
        Ok(false) if !set_up => {
            found.fine("man-page", "git help orch finds no page: git orch init writes it");
        }
        Ok(false) => found.wrong("man-page", "git orch --help finds no current page", FIX),
        // Not everybody installs programs; nothing can be mended then.
        Err(why) => found.fine("man-page", why),
    }
    match Project::open(given) {
        Ok(project) => project.examine(&mut found),
        Err(err @ FlowError::NoBase { .. }) => {
            found.wrong("base", err.to_string(), "git commit --allow-empty -m \"First commit\"");
        }
        Err(FlowError::Settings(err)) => {
            let mends = err.mends();
            let mend = mends.iter().find(|(why, _)| why.starts_with("mend")).or(mends.first());
            found.wrong("settings", err.to_string(), mend.map_or("git fsck", |(_, command)| command));
        }
        Err(err) => found.wrong("settings", chain(&err), "git fsck"),
    }
    found
}

/// Mends what can be mended, then looks everything over.
///
/// # Errors
/// The repository or its settings cannot be used at all.
pub(crate) fn mend(given: &Given, request: &InitRequest) -> Result<Diagnosis, FlowError> {
    let project = Project::open(given)?;
    let steps = init::plan_repair(&project.repo, request)?;
    let mut mended: Vec<String> = steps
        .iter()
        .filter(|step| step.outcome != init::Outcome::Kept)
        .map(|step| format!("wrote {} ({})", step.shown, step.note))
        .collect();
    init::apply(&steps)?;
    let mut unmended = None;
    match project.recover() {
        Ok(said) => mended.extend(said),
        // A remote that cannot be reached is no reason to leave the rest as it is.
        Err(err) => unmended = Some(err),
    }
    mended.extend(project.reopened()?.rescue_orphans()?);
    let mut found = examine(given, request);
    if let Some(err) = &unmended {
        found.failed("recovery", err);
    }
    found.mended = mended;
    Ok(found)
}

impl Project {
    fn examine(&self, found: &mut Diagnosis) {
        let upstream = match (&self.base.upstream, self.policy.queue.push) {
            (Some(upstream), _) => {
                format!("landings are pushed to {}", destination(upstream))
            }
            (None, false) => "landings stay local: queue.push is false".to_owned(),
            (None, true) => format!("landings stay local: {} has no upstream", self.base.branch),
        };
        match self.repo.first_parent(&self.base.tip, None, COMMITS) {
            Ok(_) => found.fine("base", format!("{}, {upstream}", self.base.branch)),
            // Git itself reads over what is not well-formed; nothing lands on what cannot be read.
            Err(err) => found.wrong("base", chain(&err), "git fsck --no-dangling"),
        }
        self.examine_settings(found);
        self.examine_agents(found);
        let left = left_over(&self.rooms()).into_iter().filter(|left| left.processes > 0);
        let left: Vec<String> = left
            .map(|left| format!("{} processes of an agent whose supervisor was killed", left.processes))
            .collect();
        found.none_of("processes", "no agent runs without its supervisor", &left, FIX);
        let locks: Vec<String> =
            self.store.stale_locks().iter().map(|lock| lock.display().to_string()).collect();
        found.none_of("locks", "no lock is left over", &locks, FIX);
        self.examine_refs(found);
        match self.illegal_journals() {
            Ok((count, all, wrong)) => {
                let fine = match (count, all) {
                    (1, 1) => "1 journal is legal".to_owned(),
                    (count, all) if count == all => format!("{count} journals are legal"),
                    (count, all) => format!("the first {count} of {all} journals are legal"),
                };
                found.none_of("journals", &fine, &wrong, "git orch log");
            }
            Err(err) => found.failed("journals", &err),
        }
        match self.store.open_tasks() {
            Ok(open) => {
                let finished = open.rows.iter().filter(|row| row.card.is_finished());
                let finished: Vec<String> = finished.map(|row| row.card.id.to_string()).collect();
                found.none_of("archive", "finished tasks are archived", &finished, FIX);
            }
            Err(err) => found.failed("archive", &err.into()),
        }
        match self.orphans() {
            Ok(orphans) => found.none_of("worktrees", "each worktree has its task", &orphans, FIX),
            Err(err) => found.failed("worktrees", &err.into()),
        }
        let rows = self.store.open_tasks().map(|open| open.rows).unwrap_or_default();
        for (id, owner) in self.bereft(rows.iter().map(|row| &row.card)) {
            let message = format!("somebody removed the worktree of {id}, which {owner} has in hand");
            found.wrong("worktrees", message, &worktree_again(&id, &owner));
        }
    }
}
