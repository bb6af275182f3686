//! Agents by the names that people write; where a name is only in settings that do not count yet, that is said.

use std::collections::BTreeMap;

use crate::agent::{self, Agent, AgentError};
use crate::policy::file::Values;
use crate::policy::value::Value;

use super::crew::Crew;
use super::{FlowError, Project};

impl Project {
    /// An agent by its name in the settings, or as `exec:COMMAND`, `script:FOLDER`.
    ///
    /// # Errors
    /// No such name; or one that only an `orch.toml` knows that is not committed on the base.
    pub(super) fn agent(&self, text: &str) -> Result<Agent, FlowError> {
        match agent::parse(text, &self.settings.agent_entries()?) {
            Err(AgentError::Unknown { given, .. }) if self.is_written_here(&given) => {
                let on_base = self.repo.worktree_branch(self.root())? == Some(self.base.full());
                let agent = given.split(':').next().unwrap_or_default().to_owned();
                Err(FlowError::AgentNotCommitted { agent, branch: self.base.branch.clone(), on_base })
            }
            read => Ok(read?),
        }
    }

    fn is_written_here(&self, given: &str) -> bool {
        let name = given.split(':').next().unwrap_or_default();
        self.settings_here().is_some_and(|values| !of_agent(&values, name).is_empty())
    }

    /// What a person should know of agents whose entry here is another one than the one that counts; `None` where they are
    /// the same.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn not_committed<'a>(
        &self,
        agents: impl Iterator<Item = &'a Agent>,
    ) -> Result<Option<String>, FlowError> {
        let Some(committed) = self.settings_committed()? else { return Ok(None) };
        let Some(here) = self.settings_here() else { return Ok(None) };
        let mut names: Vec<&str> = agents
            .flat_map(|agent| agent.entry().into_iter().chain(agent.members().filter_map(Agent::entry)))
            .map(|entry| entry.name.as_str())
            .filter(|name| of_agent(&here, name) != of_agent(&committed, name))
            .collect();
        names.sort_unstable();
        names.dedup();
        let named = names.iter().map(|name| format!("[agent.{name}]")).collect::<Vec<_>>().join(", ");
        let branch = &self.base.branch;
        Ok((!names.is_empty()).then(|| {
            format!("{named} in orch.toml here is not what is committed on {branch}, and that is what counts")
        }))
    }

    /// The same for all who take turns in a run.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn crew_not_committed(&self, crew: &Crew) -> Result<Option<String>, FlowError> {
        self.not_committed(crew.all())
    }
}

impl Project {
    /// Of roles for which nobody is set: that `orch.toml` here names somebody, and the command that lets it count. `None` where
    /// it does not either.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn roles_not_committed(&self, roles: &[&str]) -> Result<Option<(String, String)>, FlowError> {
        let Some(here) = self.settings_here() else { return Ok(None) };
        let committed = self.settings_committed()?.unwrap_or_default();
        let keys = roles.iter().map(|role| format!("agents.{role}"));
        let set: Vec<String> =
            keys.filter(|key| here.contains_key(key) && here.get(key) != committed.get(key)).collect();
        if set.is_empty() {
            return Ok(None);
        }
        let branch = &self.base.branch;
        let counts = if set.len() == 1 { "counts once it is" } else { "count once they are" };
        let why = format!("orch.toml here sets {}, which {counts} committed on {branch}", set.join(" and "));
        let commit = "git add orch.toml && git commit orch.toml -m \"Set agents\"";
        let on_base = self.repo.worktree_branch(self.root())? == Some(self.base.full());
        let command = if on_base { commit.to_owned() } else { format!("git switch {branch} && {commit}") };
        Ok(Some((why, command)))
    }
}

/// What settings say of one agent, by key.
fn of_agent<'a>(values: &'a Values, name: &str) -> BTreeMap<&'a str, &'a Value> {
    let below = format!("agent.{name}.");
    values.iter().filter_map(|(key, value)| Some((key.strip_prefix(&below)?, value))).collect()
}
