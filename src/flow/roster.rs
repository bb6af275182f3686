//! Who takes a turn in a run: the agents of each role, with their breakers. The rules are `plan::route` and
//! `plan::breaker`.

use std::collections::BTreeMap;

use crate::agent::Agent;
use crate::plan::breaker::{Breaker, Gate, Rules, Went};
use crate::plan::route::{self, Candidate, Choice, Needs, Nobody, Tier};
use crate::plan::turns::{Roles, Work};
use crate::process::random_share;
use crate::task::id::Seconds;
use crate::task::{State, Task};

use super::crew::{Crew, domains_of, tier_of};
use super::{FlowError, Project};

/// Pauses that a run waits out with nothing else to do, of one agent in a row: some six minutes in all.
const PAUSES_WAITED: u32 = 4;

/// The agents of a run.
pub(super) struct Roster {
    crew: Crew,
    breakers: BTreeMap<String, Breaker>,
    /// What opened breakers, for the report: agent and words.
    pub(super) opened: Vec<(String, String)>,
    /// Agents that get no more turns for a reason that `doctor` does not see, with the command that helps.
    mended_by: BTreeMap<String, Option<&'static str>>,
    /// Whether pauses are waited out however often they come.
    patient: bool,
}

impl Roster {
    pub(super) fn new(crew: Crew, patient: bool) -> Roster {
        Roster { crew, breakers: BTreeMap::new(), opened: Vec::new(), mended_by: BTreeMap::new(), patient }
    }

    pub(super) fn crew(&self) -> &Crew {
        &self.crew
    }

    /// For which roles there is an agent. Whoever only helps is passed over while they pause: the work goes on without.
    pub(super) fn roles(&self, now: Seconds) -> Roles {
        Roles {
            implement: !self.crew.implement.is_empty(),
            fix: !self.crew.fix.is_empty(),
            review: !self.crew.review.is_empty(),
            test: self.any_free(&self.crew.test, now),
            clarify: self.any_free(&self.crew.clarify, now),
        }
    }

    /// Whether any agent could take this turn now: a quick look, before the task is read.
    pub(super) fn may(&self, work: &Work, now: Seconds) -> bool {
        self.any_free(self.crew.of(work), now)
    }

    fn any_free(&self, agents: &[Agent], now: Seconds) -> bool {
        agents.iter().any(|agent| self.gate(&agent.name, now) == Gate::Free)
    }

    fn gate(&self, agent: &str, now: Seconds) -> Gate {
        self.breakers.get(agent).map_or(Gate::Free, |breaker| breaker.gate(now))
    }

    /// Chooses an agent for a turn. `busy` counts the turns that an agent has.
    ///
    /// # Errors
    /// Nobody may take it now, or in this run.
    pub(super) fn choose(
        &self,
        work: &Work,
        task: &Task,
        asked: Option<Tier>,
        now: Seconds,
        busy: impl Fn(&str) -> usize,
    ) -> Result<(Agent, Choice), Nobody> {
        let agents = self.crew.of(work);
        let candidates: Vec<Candidate<'_>> = agents
            .iter()
            .map(|agent| Candidate {
                name: &agent.name,
                tier: tier_of(agent),
                domains: domains_of(agent),
                gate: self.gate(&agent.name, now),
                busy: busy(&agent.name),
            })
            .collect();
        let choice = route::choose(&candidates, &needs(work, task, asked))?;
        Ok((agents[choice.index].clone(), choice))
    }

    /// A turn starts.
    pub(super) fn started(&mut self, agent: &str) {
        if let Some(breaker) = self.breakers.get_mut(agent) {
            breaker.started();
        }
    }

    /// A turn ended; returns what to say when that opened the agent's breaker.
    pub(super) fn ended(&mut self, agent: &str, went: Went, why: &str, now: Seconds) -> Option<String> {
        let breaker = self.breakers.entry(agent.to_owned()).or_default();
        let opened = breaker.ended(went, why, now, random_share(), Rules::DEFAULT)?;
        self.opened.push((agent.to_owned(), opened.clone()));
        Some(opened)
    }

    /// Notes what would let an agent have turns again.
    pub(super) fn mended_by(&mut self, agent: &str, command: Option<&'static str>) {
        self.mended_by.insert(agent.to_owned(), command);
    }

    /// What to type where no agent may take this turn.
    pub(super) fn remedy(&self, work: &Work) -> Option<String> {
        let agents = self.crew.of(work);
        if let Some(known) = agents.iter().find_map(|agent| self.mended_by.get(&agent.name)) {
            return known.map(str::to_owned);
        }
        // What is only typed has no name to try it by.
        let named = agents.iter().find(|agent| agent.entry().is_some_and(|entry| entry.name != "exec"));
        Some(
            named.map_or("git orch doctor".to_owned(), |agent| {
                format!("git orch doctor --ping {}", agent.name)
            }),
        )
    }

    /// A turn that went badly was the task's fault.
    pub(super) fn forgive(&mut self, agent: &str) {
        if let Some(breaker) = self.breakers.get_mut(agent) {
            breaker.forgive();
        }
    }

    /// When an agent's pause ends that time alone may mend.
    pub(super) fn wakes_at(&self, now: Seconds) -> Option<Seconds> {
        let waited =
            self.breakers.values().filter(|breaker| self.patient || breaker.opened() <= PAUSES_WAITED);
        let at = waited.filter_map(|breaker| match breaker.gate(now) {
            Gate::Later { at, worth_waiting: true, .. } => Some(at),
            Gate::Later { .. } | Gate::Free | Gate::Closed { .. } => None,
        });
        at.min()
    }

    /// Whether no agent of this role may have a turn in this run any more, and why.
    pub(super) fn shut(&self, work: &Work, now: Seconds) -> Option<String> {
        let whys: Option<Vec<String>> = self
            .crew
            .of(work)
            .iter()
            .map(|agent| match self.gate(&agent.name, now) {
                Gate::Free => None,
                Gate::Later { why, .. } | Gate::Closed { why } => Some(format!("{}: {why}", agent.name)),
            })
            .collect();
        whys.filter(|whys| !whys.is_empty()).map(|whys| whys.join("; "))
    }
}

impl Project {
    /// Which tier of agent a task has come to and why, and which agent a run would take for it now.
    ///
    /// # Errors
    /// A setting that names no agent.
    pub(crate) fn routed(&self, task: &Task) -> Result<String, FlowError> {
        let id = task.id.clone();
        let work = if task.try_number > 1 || task.rounds > 0 {
            Work::Fix { task: id }
        } else {
            Work::Implement { task: id }
        };
        let asked = self.prompt_tier(&work.role())?;
        let needs = needs(&work, task, asked);
        let roster = Roster::new(self.crew(&[])?, false);
        let agent = match roster.choose(&work, task, asked, super::project::now(), |_| 0) {
            Ok((agent, choice)) => format!("a run would take {}: {}", agent.name, choice.why),
            Err(_) => "no agent is set".to_owned(),
        };
        Ok(format!("tier {}: {agent}", needs.tier()))
    }
}

/// What a turn on a task needs. Reviews do not get dearer with the worker's failures.
pub(super) fn needs<'a>(work: &Work, task: &'a Task, asked: Option<Tier>) -> Needs<'a> {
    let failures = match work {
        Work::Review { .. } | Work::Clarify { .. } => 0,
        Work::Implement { .. } | Work::Fix { .. } | Work::Test { .. } => {
            task.try_number.saturating_sub(1) + task.rounds
        }
    };
    let holder = match &task.state {
        State::Assigned { claim } if failures > 0 => claim.owner.0.rsplit_once('@').map(|(agent, _)| agent),
        _ => None,
    };
    Needs { weight: task.tier, domain: task.domain.as_deref(), asked, failures, failed: holder }
}
