//! Looks the machine and the repository over; each finding says what to do about it.

use crate::agent::{Agent, Kind};
use crate::git::repo::{OpenError, Scope};
use crate::git::setup::mended_in;
use crate::git::{GitError, Repo};
use crate::plan::Card;
use crate::policy::agents::Call;
use crate::process::sandbox::{Means, strongest};
use crate::process::{left_over, which};
use crate::store::{chain, layout};
use crate::task::Task;
use crate::task::id::TaskId;

use super::init::{self, AGENTS, HookState, InitRequest};
use super::project::{Given, SETTINGS};
use super::tree::FOLDER;
use super::{FlowError, Project};

/// So many journals are folded again; more would take longer than somebody who waits likes.
const JOURNALS: usize = 200;

/// So many commits of the base must be readable: as far back as most branches leave it.
const COMMITS: usize = 200;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) check: &'static str,
    pub(crate) ok: bool,
    pub(crate) message: String,
    /// The command that mends it.
    pub(crate) fix: Option<String>,
}

/// What was found, and what was mended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Diagnosis {
    pub(crate) checks: Vec<Check>,
    /// One line for each thing that was mended.
    pub(crate) mended: Vec<String>,
}

/// Mends what can be mended.
pub(crate) const FIX: &str = "git orch doctor --fix";
const INIT: &str = "git orch init";

impl Diagnosis {
    pub(crate) fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    pub(super) fn fine(&mut self, check: &'static str, message: impl Into<String>) {
        self.checks.push(Check { check, ok: true, message: message.into(), fix: None });
    }

    pub(super) fn wrong(&mut self, check: &'static str, message: impl Into<String>, fix: &str) {
        self.checks.push(Check { check, ok: false, message: message.into(), fix: Some(fix.to_owned()) });
    }

    /// A check whose answer is a list of what is wrong.
    fn none_of(&mut self, check: &'static str, fine: &str, wrong: &[String], fix: &str) {
        if wrong.is_empty() {
            self.fine(check, fine);
        } else {
            self.wrong(check, wrong.join("; "), fix);
        }
    }

    /// A check that could not be made is not passed.
    fn failed(&mut self, check: &'static str, err: &FlowError) {
        self.wrong(check, chain(err), FIX);
    }
}

/// Looks everything over, and changes nothing.
pub(crate) fn examine(given: &Given, request: &InitRequest) -> Diagnosis {
    let mut found = Diagnosis::default();
    sandbox(&mut found);
    let repo = match Repo::discover(&given.dir) {
        Ok(repo) => repo,
        Err(err) => {
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
        Err(err) => found.wrong("settings", chain(&err), "git orch config list"),
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

fn git_version(repo: &Repo, found: &mut Diagnosis) {
    match repo.git_version() {
        Ok(version) => match mended_in(version) {
            None => found.fine("git", format!("git {version}")),
            Some(need) => found.wrong(
                "git",
                format!("git {version} has known holes (CVE-2025-48384 and others); need {need} or newer"),
                "update git, from https://git-scm.com/downloads",
            ),
        },
        Err(err) => found.failed("git", &err.into()),
    }
}

fn orch_branch(repo: &Repo, found: &mut Diagnosis) {
    match repo.tip(&layout::branch_ref(layout::BRANCH_PREFIX.trim_end_matches('/'))) {
        Ok(None) => found.fine("branch-orch", "no branch stands in the way of orch/<task>"),
        Ok(Some(_)) => {
            found.wrong("branch-orch", FlowError::BranchInTheWay.to_string(), "git branch -m orch orch-old");
        }
        Err(err) => found.failed("branch-orch", &err.into()),
    }
}

/// Whether git sees nothing of the folder of worktrees: it is not there, or ignores itself.
fn is_hidden(folder: &std::path::Path) -> bool {
    !folder.exists() || folder.join(".gitignore").exists()
}

/// Looks at the hook. Returns whether this repository is set up for tasks: one that only has branches for its queue needs
/// neither hook nor worktrees.
fn hook(repo: &Repo, found: &mut Diagnosis) -> bool {
    let init = if repo.hooks_folder().shared { "git orch init --with hooks" } else { INIT };
    match init::hook_state(repo) {
        Ok(HookState::Ours) => found.fine("hook", "pre-push checks what is pushed"),
        Ok(HookState::Missing) => {
            found.fine("hook", "there is none that checks what is pushed: git orch init puts one there");
            return false;
        }
        Ok(HookState::Foreign) => found.wrong("hook", "the pre-push hook is not git-orch's", init),
        Ok(HookState::NotExecutable) => {
            let path = repo.hooks_folder().path.join("pre-push");
            found.wrong("hook", "the pre-push hook may not be run", &format!("chmod +x {}", path.display()));
        }
        Err(err) => found.failed("hook", &err),
    }
    true
}

/// Objects that gc removes at once may be those of a commit that is being made.
fn prune_expire(repo: &Repo, found: &mut Diagnosis) {
    let set = repo.config_entries("gc").into_iter().rfind(|(key, ..)| key == "gc.pruneexpire");
    match set {
        Some((_, value, scope)) if is_below_a_day(&value) => {
            let file = match scope {
                Scope::System => "--system ",
                Scope::Global => "--global ",
                Scope::Local | Scope::Worktree | Scope::Command => "",
            };
            found.wrong(
                "gc",
                format!("gc.pruneExpire is {value}: git gc may remove what is being written"),
                &format!("git config {file}gc.pruneExpire 2.weeks.ago"),
            );
        }
        _ => found.fine("gc", "git gc keeps young objects"),
    }
}

/// Reads the usual forms: `now`, `90.minutes.ago`, `12 hours ago`. What it does not know it takes for long enough.
fn is_below_a_day(value: &str) -> bool {
    let words: Vec<String> =
        value.split(['.', ' ']).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["now" | "all"] => true,
        [count, unit, ..] => {
            let count: u64 = count.parse().unwrap_or(1);
            let seconds = match unit.trim_end_matches('s') {
                "second" => 1,
                "minute" => 60,
                "hour" => 3600,
                _ => return false,
            };
            count.saturating_mul(seconds) < 86_400
        }
        _ => false,
    }
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
            Ok((count, wrong)) => {
                let fine = if count == 1 {
                    "1 journal is legal".to_owned()
                } else {
                    format!("{count} journals are legal")
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

    fn examine_settings(&self, found: &mut Diagnosis) {
        let there = self.root().join(SETTINGS).exists();
        match (self.settings_landed, there) {
            (true, _) => found.fine("settings", format!("{SETTINGS} is on {}", self.base.branch)),
            (false, true) => found.wrong(
                "settings",
                format!("{SETTINGS} is not committed on {}: built-in limits hold", self.base.branch),
                &format!("git add {SETTINGS} && git commit -m \"Add {SETTINGS}\""),
            ),
            (false, false) => found.wrong("settings", format!("there is no {SETTINGS}"), INIT),
        }
        found.none_of(
            "notices",
            "every setting counts",
            &self.policy.notices,
            "git orch config list --origin",
        );
        match &self.policy.tests.all {
            Some(command) => found.fine("tests", format!("tests run by: {command}")),
            None => found.wrong("tests", "no test command: nothing can land", "git orch show E-NO-TESTS"),
        }
    }

    fn examine_agents(&self, found: &mut Diagnosis) {
        let agents = &self.policy.agents;
        let set =
            [&agents.implement, &agents.review, &agents.fix, &agents.test, &agents.clarify, &agents.plan];
        let set = set.into_iter().flatten();
        let known = self.settings.agent_entries().unwrap_or_default();
        let mut missing = Vec::new();
        let mut there = Vec::new();
        for agent in set.map(String::as_str).collect::<std::collections::BTreeSet<_>>() {
            let ok = match crate::agent::parse(agent, &known) {
                Ok(Agent { kind: Kind::Team { workers, .. }, .. }) => {
                    workers.iter().all(|worker| is_found(&worker.kind))
                }
                Ok(Agent { kind, .. }) => is_found(&kind),
                Err(_) => false,
            };
            if ok {
                there.push(agent.to_owned())
            } else {
                missing.push(format!("{agent} is not found in PATH"))
            }
        }
        let installed: Vec<&str> = AGENTS.iter().copied().filter(|name| which(name).is_some()).collect();
        let fine = match (there.is_empty(), installed.is_empty()) {
            (false, _) => there.join(", "),
            (true, true) => "none is set: people pick tasks, or set orch.agents.implement".to_owned(),
            (true, false) => format!("none is set; installed: {}", installed.join(", ")),
        };
        found.none_of("agents", &fine, &missing, "git orch config explain agents.implement");
    }

    fn examine_refs(&self, found: &mut Diagnosis) {
        let lost = self.store.lost().map_err(FlowError::from);
        let listing = self.repo.list(layout::ALL).map_err(FlowError::from);
        match (lost, listing) {
            (Ok(mut lost), Ok(listing)) => {
                lost.extend(listing.broken);
                lost.sort();
                lost.dedup();
                let lost: Vec<String> = lost.iter().map(|name| format!("{name} is broken or gone")).collect();
                found.none_of("refs", "all refs can be read", &lost, FIX);
            }
            (Err(err), _) | (_, Err(err)) => found.failed("refs", &err),
        }
    }

    /// Folds journals again: their events must give what their tips say. Returns how many were looked at.
    fn illegal_journals(&self) -> Result<(usize, Vec<String>), FlowError> {
        let open = self.store.open_tasks()?;
        let mut wrong: Vec<String> = open.broken.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        let looked = open.rows.iter().take(JOURNALS);
        let count = looked.len();
        for row in looked {
            if let Err(why) = self.refold(&row.card.id) {
                wrong.push(format!("{}: {why}", row.card.id));
            }
        }
        Ok((count, wrong))
    }

    fn refold(&self, id: &TaskId) -> Result<(), String> {
        let stored = self.store.load(id).map_err(|err| chain(&err))?;
        // Finished and archived in this moment.
        let Some(stored) = stored else { return Ok(()) };
        let events = self.store.events(&stored.tip, usize::MAX).map_err(|err| chain(&err))?;
        let mut folded: Option<Task> = None;
        for (commit, record) in &events {
            let next = match &folded {
                None => Task::begin(&record.event, &record.actor, record.at),
                Some(task) => task.after(&record.event, &record.actor, record.at),
            };
            let refused =
                |why| format!("{} at {} was not allowed: {why}", record.event.word(), commit.short());
            folded = Some(next.map_err(refused)?);
        }
        match folded {
            Some(task) if task == stored.task => Ok(()),
            Some(_) => Err(format!("its events do not give what {} says", stored.tip.short())),
            None => Err("it has no event".to_owned()),
        }
    }

    /// Tasks in hand whose worktree was here and is gone, with their owners.
    pub(crate) fn bereft<'c>(&self, cards: impl Iterator<Item = &'c Card>) -> Vec<(TaskId, String)> {
        let in_hand = cards.filter(|card| matches!(card.state.as_str(), "assigned" | "in-progress"));
        let gone = in_hand.filter(|card| !card.adopted && self.repo.is_gone(&self.worktree_of(&card.id)));
        gone.map(|card| (card.id.clone(), card.owner.clone().unwrap_or_default())).collect()
    }

    fn orphans(&self) -> Result<Vec<String>, GitError> {
        let mut orphans = Vec::new();
        for tree in self.repo.worktrees()? {
            let Ok(below) = tree.path.strip_prefix(self.root().join(FOLDER)) else { continue };
            let Some(id) = below.to_str().and_then(|name| TaskId::parse(name).ok()) else { continue };
            if tree.path.exists() && self.repo.tip(&layout::task_ref(&id))?.is_none() {
                orphans.push(format!("{} belongs to no open task", tree.path.display()));
            }
        }
        Ok(orphans)
    }
}

fn sandbox(found: &mut Diagnosis) {
    match strongest() {
        (Means::Bubblewrap, _) => found.fine("sandbox", "bubblewrap holds agents: files, network, processes"),
        (means @ Means::Landlock, why) => {
            found.fine("sandbox", format!("{means} holds agents: files and TCP only ({why})"));
        }
        (Means::Nothing, why) => found.wrong("sandbox", why.clone(), "sudo apt-get install bubblewrap"),
    }
}

/// The command that makes a task's worktree again: a person's claim is picked up again, an agent's goes back to the pool.
pub(crate) fn worktree_again(id: &TaskId, owner: &str) -> String {
    if owner.contains('@') { "git orch run".to_owned() } else { format!("git orch pick {id}") }
}

/// Where landings are pushed to, as people write it: `origin/main`.
pub(crate) fn destination(upstream: &crate::git::exchange::Upstream) -> String {
    format!("{}/{}", upstream.remote, upstream.branch.trim_start_matches("refs/heads/"))
}

/// Whether what an agent runs is there.
fn is_found(kind: &Kind) -> bool {
    match kind {
        Kind::Program(entry) => match &entry.call {
            Call::Shell(command) => first_program(command).is_none_or(|program| which(&program).is_some()),
            Call::Argv(argv) => argv.first().is_some_and(|program| which(program).is_some()),
        },
        Kind::Script { folder } => folder.is_dir(),
        Kind::Team { .. } => true,
    }
}

/// The program that a shell command starts with; nothing where it starts with something else than a plain word.
fn first_program(command: &str) -> Option<String> {
    let first = shlex::split(command)?.into_iter().next()?;
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    let builtin = ["cd", "export", "exec", "set", "if", "for", "while", "eval", "command", "test", "true"];
    (plain && !builtin.contains(&first.as_str())).then_some(first)
}
