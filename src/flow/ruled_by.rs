//! By which rules a run ran, as its report keeps them: two runs are compared by what they came to and by what differs here.

use std::path::{Path, PathBuf};

use crate::agent::{Agent, Kind};
use crate::policy::agents::Call;
use crate::suite::set::digest;

use super::contract::PROMPTS;
use super::crew::Crew;
use super::{FlowError, Project};

/// Hexadecimal digits of a digest that are kept: enough to tell two prompts of one repository apart.
const DIGITS: usize = 8;

impl Project {
    /// The settings, the agents by role, and the repository's own prompts, where they are not the built-in ones. Of how an
    /// agent is called and of what a prompt says there is a digest alone: reports go to others.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn ruled_by(&self, crew: &Crew) -> Result<Vec<(String, String)>, FlowError> {
        let Crew { implement, fix, review, test, clarify } = crew;
        // Whoever implements fixes as well, unless others are named for it.
        let fix: &[Agent] = if fix == implement { &[] } else { fix };
        let roles = [
            ("implement", &implement[..]),
            ("fix", fix),
            ("review", review),
            ("test", test),
            ("clarify", clarify),
        ];
        let by_role = |name: &str| roles.iter().any(|(role, _)| name.strip_prefix("agents.") == Some(role));
        let mut rules = self.settings.changed();
        // Of these the command line has the last word.
        rules.retain(|(name, _)| !by_role(name));
        for (role, agents) in roles.into_iter().filter(|(_, agents)| !agents.is_empty()) {
            let agents: Vec<String> = agents.iter().map(|agent| self.told_apart(agent)).collect();
            rules.push((format!("agents.{role}"), agents.join(", ")));
        }
        let prompts = self.repo.list_folder(&self.base.tip, PROMPTS)?.into_iter();
        for path in
            prompts.filter(|(name, _)| name.ends_with(".md")).map(|(name, _)| format!("{PROMPTS}/{name}"))
        {
            if let Some(text) = self.repo.read_file(&self.base.tip, &path)? {
                rules.push((path, short(&String::from_utf8_lossy(&text))));
            }
        }
        rules.sort();
        Ok(rules)
    }

    /// An agent's name, and a digest of how it is called unless that is built in.
    fn told_apart(&self, agent: &Agent) -> String {
        let set = |agent: &Agent| match &agent.kind {
            Kind::Program(entry) | Kind::Team { entry, .. } => {
                let set = self.settings.set_of_agent(&entry.name);
                let given = match &entry.call {
                    Call::Shell(command) if set.is_empty() => command.as_str(),
                    Call::Shell(_) | Call::Argv(_) => "",
                };
                set.into_iter()
                    .map(|(name, value)| format!("{name}={value}\n"))
                    .chain([given.to_owned()])
                    .collect()
            }
            Kind::Script { folder } => recorded(folder),
        };
        let workers = agent.members().filter(|member| *member != agent);
        let text: String = std::iter::once(agent).chain(workers).map(set).collect();
        if text.is_empty() { agent.name.clone() } else { format!("{} ({})", agent.name, short(&text)) }
    }
}

/// All that is recorded in a folder: where it is makes no difference.
fn recorded(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    // One that cannot be read stops the turn that needs it, and is said there.
    files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

fn short(text: &str) -> String {
    digest(text).chars().take(DIGITS).collect()
}
