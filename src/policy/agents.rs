//! Agents as data: how each program is called, what it is given, and how its output is read.
//!
//! The built-in ones are `agents.toml` beside this file, a lowest layer of settings: every key of it can be set in
//! `orch.toml`, git config or on top of a copy (`extends`), and `config explain agent.claude.argv` says who did.

use super::{
    PolicyError, file,
    layers::{Layer, Origin, Settings},
};
use crate::plan::route::Tier;
use std::{collections::BTreeMap, sync::LazyLock};

/// The built-in agents, as a layer.
pub(super) static BUILT_IN: LazyLock<Layer> = LazyLock::new(|| {
    let values = file::read(include_str!("agents.toml")).expect("a test reads it");
    Layer::of_file(Origin::BuiltIn, values)
});

/// Everything that is known of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentEntry {
    pub(crate) name: String,
    pub(crate) call: Call,
    /// How the prompt reaches it. It is always in the file `$GIT_ORCH_PROMPT` too.
    pub(crate) prompt: PromptBy,
    /// How answer, tokens and cost are read from its output.
    pub(crate) output: Output,
    /// Whether it changes files, or its answer holds them.
    pub(crate) answer: Answer,
    /// Agents that do a task together in its place.
    pub(crate) workers: Vec<String>,
    /// Its part of a task among other workers.
    pub(crate) part: Option<String>,
    /// The model to ask for; without one, the program's own choice.
    pub(crate) model: Option<String>,
    /// Arguments that a call gets in this or that case. `{model}` and `{budget}` stand in the first and the last.
    pub(crate) model_args: Vec<String>,
    pub(crate) edit_args: Vec<String>,
    pub(crate) read_args: Vec<String>,
    /// In place of the two before where a sandbox of ours holds it: what switches its own off, that cannot work within.
    pub(crate) sandboxed_args: Vec<String>,
    pub(crate) budget_args: Vec<String>,
    /// Names of variables that it gets besides the usual ones; a `*` at the end stands for any ending.
    pub(crate) env: Vec<String>,
    /// Variables that are set for it.
    pub(crate) set: Vec<(String, String)>,
    /// The hosts of its model: all that it has to reach.
    pub(crate) endpoints: Vec<String>,
    /// Variables that lead it to another host than its own; `NAME=HOST/PATH` says where it goes without.
    pub(crate) base_url: Vec<String>,
    /// Files that it finds in the home of its sandbox: path below it, text with `{relay}` in it.
    pub(crate) files: Vec<(String, String)>,
    /// What an exit code means, where the program says more with it than yes and no.
    pub(crate) exits: BTreeMap<i32, String>,
    /// Patterns of files that it leaves behind, and that are no part of its work.
    pub(crate) litter: Vec<String>,
    /// The oldest version that is known to work so.
    pub(crate) version: Option<String>,
    pub(crate) tier: Tier,
    /// Domains whose tasks it is preferred for; none is all.
    pub(crate) domains: Vec<String>,
    pub(crate) price: Option<Price>,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// A command for `sh -c`.
    Shell(String),
    /// A program and its arguments, with `{worktree}`, `{temp}`, `{prompt}` and `{task}` in them.
    Argv(Vec<String>),
}

/// How an agent gets its prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptBy {
    /// On standard input, which is then closed.
    Stdin,
    /// As a file, whose path replaces `{prompt}` in the call.
    File,
    /// As the last argument; by file all the same where the call has `{prompt}`.
    Argument,
}

/// Where the work of an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Answer {
    /// In the worktree.
    #[default]
    Edits,
    /// In its answer, as `FILE: path` blocks: it can write nothing itself (E3).
    Files,
}

impl Answer {
    /// The words of the setting.
    pub(crate) const WORDS: &'static [&'static str] = &["edits", "files"];
}

/// The forms of output that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Plain text, whose last line may tell what was used.
    Text,
    Claude,
    Codex,
    Gemini,
    Opencode,
    Qwen,
    Pi,
    Aider,
}

/// What a million tokens cost, in millionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Price {
    pub(crate) input: u64,
    /// Input that the model's host had kept; without a figure of its own, as any input.
    pub(crate) cached: u64,
    pub(crate) output: u64,
}

impl Output {
    /// The words of the setting.
    pub(crate) const WORDS: &'static [&'static str] =
        &["text", "claude", "codex", "gemini", "opencode", "qwen", "pi", "aider"];

    /// Whether what was used is told step by step, so that only the whole output has all of it.
    pub(crate) fn sums_up(self) -> bool {
        matches!(self, Output::Opencode | Output::Pi)
    }

    fn parse(word: &str) -> Output {
        match word {
            "claude" => Output::Claude,
            "codex" => Output::Codex,
            "gemini" => Output::Gemini,
            "opencode" => Output::Opencode,
            "qwen" => Output::Qwen,
            "pi" => Output::Pi,
            "aider" => Output::Aider,
            _ => Output::Text,
        }
    }
}

impl AgentEntry {
    /// An agent that is nothing but a command.
    pub(crate) fn of_command(name: &str, command: &str) -> AgentEntry {
        let prompt = if command.contains("{prompt}") { PromptBy::File } else { PromptBy::Stdin };
        AgentEntry { prompt, ..AgentEntry::blank(name, Call::Shell(command.to_owned())) }
    }

    fn blank(name: &str, call: Call) -> AgentEntry {
        AgentEntry {
            name: name.to_owned(),
            call,
            prompt: PromptBy::Stdin,
            output: Output::Text,
            answer: Answer::Edits,
            workers: Vec::new(),
            part: None,
            model: None,
            model_args: Vec::new(),
            edit_args: Vec::new(),
            read_args: Vec::new(),
            sandboxed_args: Vec::new(),
            budget_args: Vec::new(),
            env: Vec::new(),
            set: Vec::new(),
            endpoints: Vec::new(),
            base_url: Vec::new(),
            files: Vec::new(),
            exits: BTreeMap::new(),
            litter: Vec::new(),
            version: None,
            tier: Tier::Mid,
            domains: Vec::new(),
            price: None,
        }
    }
}

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
        let chain = self.extended(name)?;
        let first = |key: &str| chain.iter().find_map(|name| self.text(&format!("agent.{name}.{key}")));
        // The nearest that has the list at all: an empty list is one, too.
        let list = |key: &str| {
            let mut names = chain.iter().map(|name| format!("agent.{name}.{key}"));
            names.find(|full| self.is_said(full)).map(|full| self.words(&full)).unwrap_or_default()
        };
        // The nearest call counts, however the farther ones are written.
        let call = chain.iter().find_map(|name| {
            let argv = self.words(&format!("agent.{name}.argv"));
            match self.text(&format!("agent.{name}.command")) {
                Some(command) => Some(Call::Shell(command)),
                None if argv.is_empty() => None,
                None => Some(Call::Argv(argv)),
            }
        });
        let workers = list("workers");
        // Who lets others work is not called itself.
        let nobody = || (!workers.is_empty()).then(|| Call::Argv(Vec::new()));
        let call = call.or_else(nobody).ok_or_else(|| PolicyError::NoCommand { name: name.to_owned() })?;
        let holds_prompt = match &call {
            Call::Shell(command) => command.contains("{prompt}"),
            Call::Argv(argv) => argv.iter().any(|part| part.contains("{prompt}")),
        };
        let bad = |key: &str, given: &str| PolicyError::Pair {
            key: format!("agent.{name}.{key}"),
            given: given.to_owned(),
        };
        let pairs = |key: &'static str| -> Result<Vec<(String, String)>, PolicyError> {
            let split = |pair: &String| match pair.split_once('=') {
                Some((left, right)) => Ok((left.trim().to_owned(), right.trim().to_owned())),
                None => Err(bad(key, pair)),
            };
            list(key).iter().map(split).collect()
        };
        let exits = pairs("exits")?.into_iter().map(|(code, words)| match code.parse() {
            Ok(code) => Ok((code, words)),
            Err(_) => Err(bad("exits", &code)),
        });
        let priced = pairs("price")?;
        Ok(AgentEntry {
            prompt: match first("prompt").as_deref() {
                Some("file") => PromptBy::File,
                Some("argument") => PromptBy::Argument,
                None if holds_prompt => PromptBy::File,
                _ => PromptBy::Stdin,
            },
            output: Output::parse(&first("output").unwrap_or_default()),
            answer: match first("answer").as_deref() {
                Some("files") => Answer::Files,
                _ => Answer::Edits,
            },
            workers,
            part: first("part"),
            model: first("model"),
            model_args: list("model_args"),
            edit_args: list("edit_args"),
            read_args: list("read_args"),
            sandboxed_args: list("sandboxed_args"),
            budget_args: list("budget_args"),
            env: list("env"),
            set: pairs("set")?,
            endpoints: list("endpoints"),
            base_url: list("base_url"),
            files: files(pairs("files")?).map_err(|path| bad("files", &path))?,
            exits: exits.collect::<Result<_, _>>()?,
            litter: list("litter"),
            version: first("version"),
            tier: first("tier").and_then(|word| Tier::parse(&word)).unwrap_or(Tier::Mid),
            domains: list("domains"),
            price: price(&priced).map_err(|given| bad("price", &given))?,
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
