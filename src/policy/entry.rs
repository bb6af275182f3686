//! An agent's entry, read from the settings: itself, and the agents that it starts from.

use super::{
    PolicyError,
    agents::{AgentEntry, Answer, Call, Output, Price, PromptBy},
    layers::Settings,
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
        Ok(AgentEntry {
            prompt: said.prompt_by(&call),
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
            exits: exits(said.pairs("exits")?).map_err(bad("exits"))?,
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

    fn prompt_by(&self, call: &Call) -> PromptBy {
        let named_in_call = match call {
            Call::Shell(command) => command.contains("{prompt}"),
            Call::Argv(argv) => argv.iter().any(|part| part.contains("{prompt}")),
        };
        match self.first("prompt").as_deref() {
            Some("file") => PromptBy::File,
            Some("argument") => PromptBy::Argument,
            None if named_in_call => PromptBy::File,
            _ => PromptBy::Stdin,
        }
    }
}

fn said_badly(name: &str, key: &str, given: &str) -> PolicyError {
    PolicyError::Pair { key: format!("agent.{name}.{key}"), given: given.to_owned() }
}

/// What exit codes mean; `Err` is what is no code.
fn exits(pairs: Vec<(String, String)>) -> Result<BTreeMap<i32, String>, String> {
    pairs.into_iter().map(|(code, words)| Ok((code.parse().map_err(|_| code)?, words))).collect()
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
        assert_eq!(all["gemini"].exits[&145], "HTTP 401");
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
    }
}
