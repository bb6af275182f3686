//! Looks at what a run needs before it starts anything: nothing is spawned until all of it is right (D2).
//!
//! Every run looks at services and disk. One that nobody watches looks at more, because in the morning it is too late:
//! the checkout, the tests, and each agent from end to end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::{Agent, CODE, Kind, PromptVars, Usage, render};
use crate::policy::agents::Output;
use crate::process::{self, Ended, Job, Terms, free_bytes};

use super::contract::Brief;
use super::crew::Crew;
use super::doctor::Diagnosis;
use super::looked_at::Check;
use super::ping::EDITED;
use super::progress::{Line, Step, Watcher};
use super::run::RunRequest;
use super::startable::TESTS;
use super::{FlowError, Project};

/// An agent that was tried before the start, and what that used.
pub(super) struct Tried {
    pub(super) agent: String,
    pub(super) used: Usage,
}

/// Time for one service to answer.
const SERVICE_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of what it says.
const SERVICE_LOG: u64 = 4096;
const MB: u64 = 1 << 20;

impl Project {
    /// Looks at all that a run needs; answers what the trials of its agents used.
    ///
    /// # Errors
    /// Something is missing: the failure lists all of it, each with the command that helps.
    pub(super) fn preflight(
        &self,
        request: &RunRequest,
        crew: &Crew,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Tried>, FlowError> {
        let mut found = Diagnosis::default();
        let mut tried = Vec::new();
        self.services(&mut found)?;
        self.disk(&mut found);
        self.prompts_are_whole(crew, &mut found)?;
        if !request.no_land && self.policy.tests.all.is_some() {
            self.tests_can_start(&mut found)?;
        }
        if request.unattended.is_some() {
            self.checkout(&mut found)?;
            self.tests_are_set(request, &mut found);
            self.worktree_paths(&mut found)?;
            someone_works(crew, &mut found);
            if found.is_healthy() && !request.no_land {
                self.tests_answer(&mut found, watcher)?;
            }
            // An agent costs something: only where nothing else is wrong.
            if found.is_healthy() {
                tried = self.agents_answer(crew, &mut found, watcher)?;
            }
            let text = format!("looked at {} things before the start", found.checks.len());
            watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
        }
        let wrong: Vec<Check> = found.checks.into_iter().filter(|check| !check.ok).collect();
        if wrong.is_empty() { Ok(tried) } else { Err(FlowError::NotFit(wrong)) }
    }

    fn services(&self, found: &mut Diagnosis) -> Result<(), FlowError> {
        let services = &self.policy.before.services;
        if services.is_empty() {
            return Ok(());
        }
        let scratch = tempfile::tempdir().map_err(FlowError::file("make a folder for", self.root()))?;
        let log = scratch.path().join("log");
        for service in services {
            let job = Job {
                argv: vec!["sh".to_owned(), "-c".to_owned(), service.clone()],
                dir: self.root().to_owned(),
                env: process::agent_environment(&self.policy.agents.env, &[]),
                stdin: Vec::new(),
                stdout: log.clone(),
                stderr: log.clone(),
                limit: SERVICE_LIMIT,
                grace: Duration::from_secs(1),
                log_cap: SERVICE_LOG,
                terms: Terms::default(),
            };
            let outcome = process::supervised_blocking(job)?;
            if outcome.ended == Ended::Exited(0) {
                found.fine("service", service.clone());
                continue;
            }
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
            let ended = super::ended::ended_in_words(outcome.ended, SERVICE_LIMIT);
            found.wrong("service", format!("`{service}`: {ended}: {last}"), service);
        }
        Ok(())
    }

    /// The repository's own prompts for the roles of this run: a mistake in one must not show in the middle of the night.
    pub(super) fn prompts_are_whole(&self, crew: &Crew, found: &mut Diagnosis) -> Result<(), FlowError> {
        let reviews: Vec<String> =
            self.policy.review.reviewers.iter().map(|reviewer| format!("review_{reviewer}")).collect();
        let mut asked: Vec<(&str, &Agent)> = Vec::new();
        for (role, agents) in [("implement", &crew.implement), ("fix", &crew.fix)] {
            for agent in agents {
                let name = if agent.answers_files() { CODE } else { role };
                asked.extend(agent.members().map(|member| (name, member)));
            }
        }
        for (role, agents) in [("test", &crew.test), ("clarify", &crew.clarify)] {
            asked.extend(agents.iter().map(|agent| (role, agent)));
        }
        for agent in &crew.review {
            asked.extend(reviews.iter().map(|role| (role.as_str(), agent)));
        }
        let mut prompts: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (name, agent) in asked {
            let own = self.own_prompt(name, Brief::of(agent).agent.as_deref())?;
            prompts.insert(own.name, own.text);
        }
        for (name, text) in prompts {
            // Empty values are enough: what a prompt uses and does not read is a mistake with any.
            match render(&name, text.as_deref(), &PromptVars::default()) {
                Ok(_) => found.fine("prompt", name),
                Err(err) => {
                    let mend = format!("git show {}:prompts/{name}.md", self.base.branch);
                    found.wrong("prompt", err.to_string(), &mend);
                }
            }
        }
        Ok(())
    }

    fn disk(&self, found: &mut Diagnosis) {
        let needed = self.policy.before.disk_bytes;
        match free_bytes(self.root()) {
            Some(free) if free < needed => found.wrong(
                "disk",
                format!("{} MB are free, and run.disk_mb is {}", free / MB, needed / MB),
                "git orch config explain run.disk_mb",
            ),
            Some(free) => found.fine("disk", format!("{} MB free", free / MB)),
            None => found.wrong("disk", "the free space cannot be told", "df ."),
        }
    }

    /// Landings bring the checkout of the base along: changes of somebody in it would stop one.
    fn checkout(&self, found: &mut Diagnosis) -> Result<(), FlowError> {
        let full = self.base.full();
        let trees = self.repo.worktrees()?;
        for tree in trees.iter().filter(|tree| tree.branch.as_deref() == Some(full.as_str())) {
            if !tree.path.exists() {
                continue;
            }
            let changed = self.repo.status(&tree.path)?.into_iter().filter(|line| line.code != "??");
            let changed: Vec<String> = changed.map(|line| line.path).take(5).collect();
            let place = tree.path.display();
            if changed.is_empty() {
                found.fine("checkout", format!("{place} has no changes"));
            } else {
                let text = format!("{place} has changes in {}", changed.join(", "));
                found.wrong("checkout", text, &format!("git -C {place} stash"));
            }
        }
        Ok(())
    }

    fn tests_are_set(&self, request: &RunRequest, found: &mut Diagnosis) {
        if request.no_land || self.policy.tests.all.is_some() {
            found.fine("tests", "are set, or nothing is to land");
        } else {
            let text = "no tests are configured, so nothing could land";
            found.wrong("tests", text, "git orch config explain tests.all");
        }
    }

    /// What agents make is tested before it lands: that must not be found out after they were paid.
    fn tests_can_start(&self, found: &mut Diagnosis) -> Result<(), FlowError> {
        match self.why_tests_cannot_start()? {
            Some(why) => found.wrong("tests", format!("{why}, so nothing could land"), TESTS),
            None => found.fine("tests", "their command can start"),
        }
        Ok(())
    }

    /// Runs the tests of the base once, unless they have a verdict: all that lands is compared with it later.
    fn tests_answer(&self, found: &mut Diagnosis, watcher: &dyn Watcher) -> Result<(), FlowError> {
        match self.baseline(watcher) {
            Ok(results) if results.failed.is_empty() => {
                found.fine("tests", format!("{} pass", results.passed.len()));
            }
            Ok(results) => found.fine("tests", format!("{} fail there already", results.failed.len())),
            Err(FlowError::NoEvidence(why)) => found.wrong("tests", why, TESTS),
            Err(err) => return Err(err),
        }
        Ok(())
    }

    /// Folders that stand where a task's worktree will be, and are none.
    fn worktree_paths(&self, found: &mut Diagnosis) -> Result<(), FlowError> {
        let cards = self.store.open_tasks()?.cards();
        let taken = cards.iter().filter(|card| self.is_path_taken(&card.id));
        let in_the_way: Vec<String> =
            taken.map(|card| self.worktree_of(&card.id).display().to_string()).collect();
        match in_the_way.first() {
            None => found.fine("worktrees", "their paths are free"),
            Some(first) => {
                let text = format!("in the way of worktrees: {}", in_the_way.join(", "));
                found.wrong("worktrees", text, &format!("mv {first} /tmp/"));
            }
        }
        Ok(())
    }

    /// Tries each agent that asks a model, once; of the others, whether they can start.
    fn agents_answer(
        &self,
        crew: &Crew,
        found: &mut Diagnosis,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Tried>, FlowError> {
        let mut tried = Vec::new();
        let all: BTreeMap<&str, &Agent> =
            crew.all().flat_map(Agent::members).map(|agent| (agent.name.as_str(), agent)).collect();
        for (name, agent) in all {
            if !asks_model(agent) {
                match self.why_agent_cannot_start(agent)? {
                    Some(why) => found.wrong("agents", why, "git orch config explain agents.implement"),
                    None => found.fine("agents", format!("{name} can start")),
                }
                continue;
            }
            let (answer, used) = self.ping_one(agent)?;
            tried.extend(used.map(|used| Tried { agent: name.to_owned(), used }));
            let usage = answer.checks.iter().find(|check| check.check == "usage");
            let used = usage.map(|check| check.message.clone()).unwrap_or_default();
            let text = format!("tried {name}: {used}");
            watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
            for check in answer.checks.into_iter().filter(|check| !is_let_pass(agent, check)) {
                found.checks.push(Check { message: format!("{name}: {}", check.message), ..check });
            }
        }
        Ok(tried)
    }
}

/// Whether a turn of this agent asks a model, as far as its entry tells: then it may not be logged in, or over a limit.
fn asks_model(agent: &Agent) -> bool {
    let Kind::Program(entry) = &agent.kind else { return false };
    entry.output != Output::Text || !entry.endpoints.is_empty()
}

/// A command of the user's own need not do what a trial asks for: one that only reviews, say, answers and edits nothing.
fn is_let_pass(agent: &Agent, check: &Check) -> bool {
    let own = matches!(&agent.kind, Kind::Program(entry) if entry.output == Output::Text);
    own && check.check == EDITED && !check.ok
}

fn someone_works(crew: &Crew, found: &mut Diagnosis) {
    if crew.implement.is_empty() {
        found.wrong("agents", "no agent is set", "git config orch.agents.implement claude");
    } else {
        found.fine("agents", "are set");
    }
}
