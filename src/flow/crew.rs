//! Who may take turns: the agents that settings and command line name, by role.

use crate::agent::Agent;
use crate::plan::route::Tier;
use crate::plan::turns::Work;
use crate::process::sandbox::{Means, strongest};
use crate::task::{Actor, Authority, Who};

use super::{FlowError, Project};

/// The agents of a run, by role: those that may be asked, in the order in which they were named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crew {
    pub(crate) implement: Vec<Agent>,
    pub(crate) fix: Vec<Agent>,
    pub(crate) review: Vec<Agent>,
    /// Nobody unless somebody is named: then whoever fixes does it.
    pub(crate) test: Vec<Agent>,
    /// Nobody unless somebody is named: then the evidence is all that the next attempt gets.
    pub(crate) clarify: Vec<Agent>,
}

impl Crew {
    /// Everybody, for whatever role.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Agent> {
        let Crew { implement, fix, review, test, clarify } = self;
        [implement, fix, review, test, clarify].into_iter().flatten()
    }

    /// Gives two different commands two names: what one costs, and how often it fails, says nothing about the other. Their
    /// order is that of the roles, so that a run that goes on finds them under the same names.
    fn tell_apart(&mut self) {
        let mut known: Vec<(String, Agent)> = Vec::new();
        let Crew { implement, fix, review, test, clarify } = self;
        for agent in [implement, fix, review, test, clarify].into_iter().flatten() {
            let given = agent.clone();
            if let Some((name, _)) = known.iter().find(|(_, other)| *other == given) {
                agent.name.clone_from(name);
                continue;
            }
            let taken = |name: &str| known.iter().any(|(other, _)| other == name);
            let numbered = (2..).map(|number| format!("{}-{number}", given.name));
            let mut names = std::iter::once(given.name.clone()).chain(numbered);
            if let Some(name) = names.find(|name| !taken(name)) {
                agent.name = name;
            }
            known.push((agent.name.clone(), given));
        }
    }

    /// The agents that may take a turn.
    pub(crate) fn of(&self, work: &Work) -> &[Agent] {
        match work {
            Work::Review { .. } => &self.review,
            Work::Fix { .. } => &self.fix,
            Work::Implement { .. } => &self.implement,
            Work::Test { .. } => &self.test,
            Work::Clarify { .. } => &self.clarify,
        }
    }
}

/// What an agent costs, roughly.
pub(crate) fn tier_of(agent: &Agent) -> Tier {
    agent.entry().map_or(Tier::Cheap, |entry| entry.tier)
}

/// Domains whose tasks an agent is preferred for.
pub(crate) fn domains_of(agent: &Agent) -> &[String] {
    agent.entry().map_or(&[], |entry| &entry.domains)
}

/// The agents that a setting names: one `exec:COMMAND` or `script:FOLDER`, where a comma is part of the text, or names with
/// commas between.
pub(super) fn named_in(text: &str) -> Vec<&str> {
    let is_text = ["exec:", "script:"].iter().any(|kind| text.trim_start().starts_with(kind));
    if is_text { vec![text] } else { text.split(',').map(str::trim).collect() }
}

impl Project {
    /// What a person should know of the sandbox before agents start.
    ///
    /// # Errors
    /// Agents are to run, and nothing on this machine can hold them.
    pub(crate) fn agents_held_by(&self, crew: &Crew) -> Result<Option<String>, FlowError> {
        if crew.all().all(Agent::is_free) {
            return Ok(None);
        }
        Ok(match self.means()? {
            Means::Bubblewrap => None,
            Means::Landlock => Some(format!("agents are held by Landlock alone ({})", strongest().1)),
            Means::Nothing => Some("agents run without a sandbox: they may do what you may".to_owned()),
        })
    }

    /// The agents that settings and command line name. `given` are texts, each with the role it is for, or for all.
    ///
    /// # Errors
    /// A text that names no agent.
    pub(crate) fn crew(&self, given: &[(Option<String>, String)]) -> Result<Crew, FlowError> {
        let agents = &self.policy.agents;
        let of = |role: &str, set: Option<&String>| -> Result<Vec<Agent>, FlowError> {
            let special = given.iter().rev().find(|(to, _)| to.as_deref() == Some(role));
            let general = given.iter().rev().find(|(to, _)| to.is_none());
            match special.or(general).map(|(_, text)| text).or(set) {
                Some(text) => self.agents(text),
                None => Ok(Vec::new()),
            }
        };
        // A general `--agent` is for work that has to be done; these are for whoever asks for them.
        let special = |role: &str, set: Option<&String>| -> Result<Vec<Agent>, FlowError> {
            let named = given.iter().rev().find(|(to, _)| to.as_deref() == Some(role)).map(|(_, text)| text);
            named.or(set).map_or_else(|| Ok(Vec::new()), |text| self.agents(text))
        };
        let implement = of("implement", agents.implement.as_ref())?;
        let fix = of("fix", agents.fix.as_ref())?;
        let review = of("review", agents.review.as_ref())?;
        let (test, clarify) =
            (special("test", agents.test.as_ref())?, special("clarify", agents.clarify.as_ref())?);
        for (role, named) in [("review", &review), ("test", &test), ("clarify", &clarify)] {
            if let Some(agent) = named.iter().find(|agent| agent.answers_files()) {
                let why = "answers with files: it can implement and fix, and nothing else";
                return Err(FlowError::BadValue {
                    what: format!("agent '{}' for {role}", crate::task::id::shown(&agent.name)),
                    why: why.to_owned(),
                });
            }
        }
        let fix = if fix.is_empty() { implement.clone() } else { fix };
        let mut crew = Crew { implement, fix, review, test, clarify };
        crew.tell_apart();
        Ok(crew)
    }

    /// Agents by their names in the settings, with commas between; or one as `exec:COMMAND`, `script:FOLDER`, where a
    /// comma is part of the text.
    fn agents(&self, text: &str) -> Result<Vec<Agent>, FlowError> {
        named_in(text).into_iter().map(|text| self.agent(text)).collect()
    }

    /// The name under which an agent of this clone holds tasks.
    ///
    /// # Errors
    /// The clone cannot be named.
    pub(crate) fn worker(&self, agent: &Agent) -> Result<Actor, FlowError> {
        let who = Who(format!("{}@{}", agent.name, self.clone_id()?));
        Ok(Actor { who, authority: Authority::Worker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent;
    use std::collections::BTreeMap;

    #[test]
    fn two_commands_are_two_agents() {
        let one = |text: &str| vec![agent::parse(text, &BTreeMap::new()).unwrap()];
        let mut crew = Crew {
            implement: one("exec:work"),
            fix: one("exec:mend"),
            review: one("script:seen"),
            test: one("exec:mend"),
            clarify: one("exec:work"),
        };
        crew.tell_apart();
        let names: Vec<&str> = crew.all().map(|agent| agent.name.as_str()).collect();
        assert_eq!(names, ["exec", "exec-2", "script", "exec-2", "exec"]);
    }
}
