//! An agent's entry, read from the settings: itself, and the agents that it starts from.

use super::{
    PolicyError,
    agents::{AgentEntry, Answer, Call, Output, Price, PromptBy},
    exits,
    layers::Settings,
    marks::{self, IN_ARGV, IN_COMMAND},
};
use crate::plan::route::Tier;
use std::collections::BTreeMap;

impl Settings {
    /// Every agent that can be named, the built-in ones included.
    ///
    /// # Errors
    /// An agent whose keys do not fit together; [`Settings::policy`] has told of it before.
    pub(crate) fn agent_entries(&self) -> Result<BTreeMap<String, AgentEntry>, PolicyError> {
        let names = self.agent_names();
        names.into_iter().map(|name| Ok((name.clone(), self.agent_entry(&name)?))).collect()
    }

    fn agent_entry(&self, name: &str) -> Result<AgentEntry, PolicyError> {
        let said = Lineage { settings: self, name, chain: self.extended(name)? };
        let workers = said.list("workers");
        let call = match said.call() {
            Some(call) => call,
            // Who lets others work is not called itself.
            None if !workers.is_empty() => Call::Argv(Vec::new()),
            None => return Err(PolicyError::NoCommand { name: name.to_owned() }),
        };
        let bad = |key: &'static str| move |given: String| said_badly(name, key, &given);
        said.marks_are_known(&call)?;
        Ok(AgentEntry {
            prompt: said.prompt_by(&call)?,
            output: Output::parse(&said.first("output").unwrap_or_default()),
            answer: match said.first("answer").as_deref() {
                Some("files") => Answer::Files,
                _ => Answer::Edits,
            },
            workers,
            part: said.first("part"),
            model: said.first("model"),
            model_args: said.list("model_args"),
            edit_args: said.list("edit_args"),
            read_args: said.list("read_args"),
            sandboxed_args: said.list("sandboxed_args"),
            budget_args: said.list("budget_args"),
            env: said.list("env"),
            set: said.pairs("set")?,
            endpoints: said.list("endpoints"),
            base_url: said.list("base_url"),
            files: files(said.pairs("files")?).map_err(bad("files"))?,
            exits: exits::read(said.pairs("exits")?)
                .map_err(|bad| PolicyError::Exit { name: name.to_owned(), bad })?,
            litter: said.list("litter"),
            version: said.first("version"),
            tier: said.first("tier").and_then(|word| Tier::parse(&word)).unwrap_or(Tier::Mid),
            domains: said.list("domains"),
            price: price(&said.pairs("price")?).map_err(bad("price"))?,
            ..AgentEntry::blank(name, call)
        })
    }

    /// The name itself, and the ones that it starts from.
    fn extended(&self, name: &str) -> Result<Vec<String>, PolicyError> {
        let known = self.agent_names();
        let mut chain = vec![name.to_owned()];
        while let Some(parent) = self.text(&format!("agent.{}.extends", chain[chain.len() - 1])) {
            if !known.contains(&parent) || chain.contains(&parent) {
                return Err(PolicyError::Extends { name: chain[chain.len() - 1].clone(), parent });
            }
            chain.push(parent);
        }
        Ok(chain)
    }
}

/// What the settings say of an agent: itself first, then those that it starts from.
struct Lineage<'a> {
    settings: &'a Settings,
    name: &'a str,
    chain: Vec<String>,
}

impl Lineage<'_> {
    fn first(&self, key: &str) -> Option<String> {
        self.chain.iter().find_map(|name| self.settings.text(&format!("agent.{name}.{key}")))
    }

    /// The nearest that has the list at all: an empty list is one, too.
    fn list(&self, key: &str) -> Vec<String> {
        let mut names = self.chain.iter().map(|name| format!("agent.{name}.{key}"));
        let nearest = names.find(|full| self.settings.is_said(full));
        nearest.map(|full| self.settings.words(&full)).unwrap_or_default()
    }

    /// A list of `NAME=VALUE`.
    fn pairs(&self, key: &'static str) -> Result<Vec<(String, String)>, PolicyError> {
        let split = |pair: &String| match pair.split_once('=') {
            Some((left, right)) => Ok((left.trim().to_owned(), right.trim().to_owned())),
            None => Err(said_badly(self.name, key, pair)),
        };
        self.list(key).iter().map(split).collect()
    }

    /// The nearest call counts, however the farther ones are written.
    fn call(&self) -> Option<Call> {
        self.chain.iter().find_map(|name| {
            let argv = self.settings.words(&format!("agent.{name}.argv"));
            match self.settings.text(&format!("agent.{name}.command")) {
                Some(command) => Some(Call::Shell(command)),
                None if argv.is_empty() => None,
                None => Some(Call::Argv(argv)),
            }
        })
    }

    /// The arguments that a call may get besides its own.
    fn arguments(&self) -> impl Iterator<Item = (&'static str, String)> {
        let keys = ["edit_args", "read_args", "sandboxed_args", "model_args", "budget_args"];
        keys.into_iter().flat_map(|key| self.list(key).into_iter().map(move |part| (key, part)))
    }

    /// A slip in a mark would go to the program as it stands, in silence.
    fn marks_are_known(&self, call: &Call) -> Result<(), PolicyError> {
        let unknown = |key| move |bad| PolicyError::Mark { name: self.name.to_owned(), key, bad };
        match call {
            Call::Shell(command) => marks::look(command, IN_COMMAND).map_err(unknown("command")),
            Call::Argv(argv) => {
                let all = argv.iter().map(|part| ("argv", part.clone())).chain(self.arguments());
                all.into_iter().try_for_each(|(key, part)| marks::look(&part, IN_ARGV).map_err(unknown(key)))
            }
        }
    }

    fn prompt_by(&self, call: &Call) -> Result<PromptBy, PolicyError> {
        let is_in = |part: &str| part.contains("{prompt}");
        let (in_call, elsewhere, example) = match call {
            // Its path is in a variable, too, which a shell fills in.
            Call::Shell(command) => {
                let example = format!("command = \"{} {{prompt}}\"", command.trim().replace('"', "\\\""));
                (is_in(command), command.contains("GIT_ORCH_PROMPT"), example)
            }
            Call::Argv(argv) => {
                let quoted = argv.iter().map(|part| format!("{part:?}, ")).collect::<String>();
                let elsewhere = self.arguments().any(|(_, part)| is_in(&part));
                (argv.iter().any(|part| is_in(part)), elsewhere, format!("argv = [{quoted}\"{{prompt}}\"]"))
            }
        };
        // Whoever lets others work has no call of its own.
        let called = *call != Call::Argv(Vec::new());
        Ok(match self.first("prompt").as_deref() {
            Some("file") if called && !in_call && !elsewhere => {
                return Err(PolicyError::NoPlaceForPrompt { name: self.name.to_owned(), example });
            }
            Some("file") => PromptBy::File,
            Some("argument") => PromptBy::Argument,
            None if in_call => PromptBy::File,
            _ => PromptBy::Stdin,
        })
    }
}

fn said_badly(name: &str, key: &str, given: &str) -> PolicyError {
    PolicyError::Pair { key: format!("agent.{name}.{key}"), given: given.to_owned() }
}

/// Files below the home folder; `Err` is a path that leads elsewhere.
fn files(pairs: Vec<(String, String)>) -> Result<Vec<(String, String)>, String> {
    let below = |(path, text): (String, String)| match path.strip_prefix("~/") {
        Some(rest) if !rest.split('/').any(|part| matches!(part, "" | "." | "..")) => {
            Ok((rest.to_owned(), text))
        }
        _ => Err(path),
    };
    pairs.into_iter().map(below).collect()
}

/// Reads `in=3.00`, `out=15`, `cached=0.30`: dollars for a million tokens.
pub(super) fn price(pairs: &[(String, String)]) -> Result<Option<Price>, String> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let mut price = Price::default();
    let mut cached = None;
    for (what, dollars) in pairs {
        let micros =
            crate::task::record::MicroUsd::parse(dollars).ok_or_else(|| format!("{what}={dollars}"))?.0;
        match what.as_str() {
            "in" => price.input = micros,
            "out" => price.output = micros,
            "cached" => cached = Some(micros),
            _ => return Err(format!("{what}={dollars}")),
        }
    }
    price.cached = cached.unwrap_or(price.input);
    Ok(Some(price))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::failure::FailureKind;
    use crate::policy::{
        file,
        layer::{Layer, Origin},
    };

    fn entries(text: &str) -> Result<BTreeMap<String, AgentEntry>, PolicyError> {
        let origin = Origin::Base { branch: "main".to_owned(), commit: "a1b2c3d".to_owned() };
        Settings::new(vec![Layer::of_file(origin, file::read(text).unwrap())]).agent_entries()
    }

    #[test]
    fn the_built_in_agents_are_whole() {
        let all = entries("").unwrap();
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        assert_eq!(names, ["aider", "claude", "codex", "gemini", "opencode", "pi", "qwen"]);
        for (name, entry) in &all {
            let Call::Argv(argv) = &entry.call else { panic!("{name} needs a shell") };
            assert_eq!(argv.first(), Some(name));
            assert!(!entry.endpoints.is_empty() && entry.version.is_some(), "{name}");
            assert_ne!(entry.output, Output::Text, "{name}");
            assert!(entry.model_args.iter().any(|part| part == "{model}"), "{name}");
        }
        assert_eq!(all["aider"].prompt, PromptBy::File);
        let exit = &all["gemini"].exits[&145];
        assert_eq!((exit.kind, exit.words.as_str()), (Some(FailureKind::Login), "HTTP 401"));
    }

    #[test]
    fn a_section_changes_single_keys_and_another_name_starts_from_it() {
        let all = entries(
            "[agent.claude]\nmodel = 'haiku'\n[agent.strong]\nextends = 'claude'\nmodel = 'opus'\ntier = 'expensive'\n\
             price = ['in=5', 'out=25.5']\nedit_args = []",
        )
        .unwrap();
        assert_eq!(all["claude"].model.as_deref(), Some("haiku"));
        let strong = &all["strong"];
        assert_eq!((strong.call.clone(), strong.output), (all["claude"].call.clone(), Output::Claude));
        assert_eq!((strong.model.as_deref(), strong.tier), (Some("opus"), Tier::Expensive));
        assert!(strong.edit_args.is_empty() && !strong.read_args.is_empty());
        let price = Price { input: 5_000_000, cached: 5_000_000, output: 25_500_000 };
        assert_eq!(strong.price, Some(price));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let why = |text: &str| entries(text).unwrap_err().to_string();
        assert_eq!(
            why("[agent.x]\nextends = 'cluade'"),
            "agent.x.extends names 'cluade', which is no agent to start from"
        );
        assert_eq!(
            why("[agent.x]\nextends = 'x'"),
            "agent.x.extends names 'x', which is no agent to start from"
        );
        assert_eq!(
            why("[agent.x]\ncommand = 'x'\nset = ['A']"),
            "agent.x.set: 'A' is not of the form NAME=VALUE"
        );
        assert_eq!(
            why("[agent.x]\ncommand = 'x'\nprice = ['in=much']"),
            "agent.x.price: 'in=much' is not of the form NAME=VALUE"
        );
        assert_eq!(
            why("[agent.x]\nprompt = 'file'"),
            "agent.x has neither command nor argv, and extends no agent"
        );
        assert!(
            why("[agent.x]\ncommand = 'x'\nexits = ['75=rate limt']")
                .starts_with("agent.x.exits: '75=rate limt' is no")
        );
        let mark = why("[agent.x]\ncommand = 'x {task}'");
        assert!(mark.starts_with("agent.x.command: {task} stands for nothing. Known here: {prompt}; in a shell this one is $GIT_ORCH_TASK"), "{mark}");
        let mark = why("[agent.x]\nargv = ['x']\nmodel_args = ['--model={modle}']");
        assert!(
            mark.starts_with("agent.x.model_args: {modle} stands for nothing; did you mean {model}?"),
            "{mark}"
        );
    }

    #[test]
    fn a_prompt_by_file_has_a_place_in_the_call() {
        let why = |text: &str| entries(text).unwrap_err().to_string();
        let command = why("[agent.x]\ncommand = 'sh \"my agent\"'\nprompt = 'file'");
        assert!(command.contains(r#"as in command = "sh \"my agent\" {prompt}""#), "{command}");
        let argv = why("[agent.x]\nargv = ['my-agent', '-q']\nprompt = 'file'");
        assert!(argv.contains(r#"as in argv = ["my-agent", "-q", "{prompt}"];"#), "{argv}");
        for fine in [
            "command = 'my-agent $GIT_ORCH_PROMPT'",
            "argv = ['my-agent']\nedit_args = ['-f', '{prompt}']\nread_args = ['-q', '-f', '{prompt}']",
            "workers = ['y']",
        ] {
            let text =
                format!("[agent.x]\n{fine}\nprompt = 'file'\n[agent.y]\ncommand = 'y'\nanswer = 'files'");
            assert_eq!(entries(&text).unwrap()["x"].prompt, PromptBy::File, "{fine}");
        }
    }
}
