//! Agents as data: how each program is called, what it is given, and how its output is read.
//!
//! The built-in ones are `agents.toml` beside this file, a lowest layer of settings: every key of it can be set in
//! `orch.toml`, git config or on top of a copy (`extends`), and `config explain agent.claude.argv` says who did.

use crate::plan::{failure::FailureKind, route::Tier};
use std::collections::BTreeMap;

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
    pub(crate) exits: BTreeMap<i32, Exit>,
    /// Patterns of files that it leaves behind, and that are no part of its work.
    pub(crate) litter: Vec<String>,
    /// The oldest version that is known to work so.
    pub(crate) version: Option<String>,
    pub(crate) tier: Tier,
    /// Domains whose tasks it is preferred for; none is all.
    pub(crate) domains: Vec<String>,
    pub(crate) price: Option<Price>,
}

/// What an exit code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The failure that it stands for; `None` where it only has words.
    pub(crate) kind: Option<FailureKind>,
    /// For people.
    pub(crate) words: String,
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

    pub(super) fn parse(word: &str) -> Output {
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

    pub(super) fn blank(name: &str, call: Call) -> AgentEntry {
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
