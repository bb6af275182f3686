//! What an agent's output says: its answer, what it used, and whether its model could be asked at all.
//!
//! One reader for each program's form. None of them trusts an exit code, and none takes what is missing for nothing: a
//! structure that is missing or cut short is no answer, and tokens that nobody named stay unknown.

/// aider: text with two lines about usage.
mod aider;
/// claude: JSON lines with a result at the end.
mod claude;
/// codex: JSON lines with cumulative usage.
mod codex;
/// gemini: one JSON object, or one on standard error.
mod gemini;
/// opencode: JSON lines, a usage for each step.
mod opencode;
/// pi: JSON lines, a usage for each turn.
mod pi;
/// qwen: one JSON array with a result at its end.
mod qwen;
/// Any command: text whose last line may tell what was used.
mod text;

use crate::{policy::agents::Output, task::id::shown};
use serde_json::Value;
use std::fmt;

/// Longest text of a failure that is kept, in characters.
const WHY_MAX: usize = 300;

/// What the output of a turn says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// The final answer; `None` where the output ends without one.
    pub(crate) answer: Option<String>,
    /// Why the program itself says that it could not go on.
    pub(crate) failure: Option<Failure>,
    pub(crate) tokens: Option<Tokens>,
    /// Only the sum of the tokens is told, and stands as their input: no cost follows from it.
    pub(crate) only_sum: bool,
    /// Millionths of a US dollar, as the program reports them.
    pub(crate) cost_usd_micros: Option<u64>,
    /// The model that answered, where the program says.
    pub(crate) model: Option<String>,
    /// Calls of tools that were refused.
    pub(crate) denied: usize,
}

/// Tokens of a turn, by one rule for all programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tokens {
    /// All input, what the model's host had kept included.
    pub(crate) input: u64,
    /// The part of `input` that the host had kept.
    pub(crate) cached: u64,
    pub(crate) output: u64,
}

/// Why a program could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// The program's own words.
    pub(crate) text: String,
}

/// What a failure means for the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FailureKind {
    /// The key is missing or wrong: no turn of this agent can work.
    Login,
    /// Too many requests, or the money with the vendor is used up: later.
    Limit,
    /// The model's host failed, or cannot be reached: later.
    Host,
    /// Its own limit of turns: what it did may be good.
    Turns,
    /// Its own limit of money: what it did may be good.
    Budget,
    /// Anything else that it calls an error.
    Other,
}

impl FailureKind {
    /// Whether the model could not be asked: that is the agent's fault, and not the task's.
    pub(crate) fn is_of_agent(self) -> bool {
        match self {
            FailureKind::Login | FailureKind::Limit | FailureKind::Host => true,
            FailureKind::Turns | FailureKind::Budget | FailureKind::Other => false,
        }
    }

    /// Whether work may be good although it ended so.
    pub(crate) fn leaves_work(self) -> bool {
        match self {
            FailureKind::Turns | FailureKind::Budget => true,
            FailureKind::Login | FailureKind::Limit | FailureKind::Host | FailureKind::Other => false,
        }
    }

    /// What an HTTP status means.
    fn of_status(status: u64) -> FailureKind {
        match status {
            401 | 403 => FailureKind::Login,
            402 | 429 => FailureKind::Limit,
            500..=599 => FailureKind::Host,
            _ => FailureKind::Other,
        }
    }

    /// What words mean, where a program gives no status: the first status in them, or else the usual phrases.
    fn of_words(text: &str) -> FailureKind {
        let lower = text.to_ascii_lowercase();
        let numbers = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 3);
        for status in numbers.filter_map(|word| word.parse().ok()) {
            match FailureKind::of_status(status) {
                FailureKind::Other => {}
                kind => return kind,
            }
        }
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&["authenticat", "unauthorized", "api key", "not logged in", "log in", "login"]) {
            FailureKind::Login
        } else if has(&["rate limit", "ratelimit", "quota", "too many requests", "usage limit", "credit"]) {
            FailureKind::Limit
        } else if has(&["overloaded", "internal server", "unavailable", "connect", "network", "timed out"]) {
            FailureKind::Host
        } else {
            FailureKind::Other
        }
    }
}

impl Failure {
    fn new(kind: FailureKind, text: &str) -> Failure {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = match line.char_indices().nth(WHY_MAX) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        };
        Failure { kind, text }
    }

    fn of_words(text: &str) -> Failure {
        Failure::new(FailureKind::of_words(text), text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::Login => "not logged in to its model: ",
            FailureKind::Limit => "its model's limit is reached: ",
            FailureKind::Host => "its model's host failed: ",
            FailureKind::Turns => "its own limit of turns: ",
            FailureKind::Budget => "its own limit of money: ",
            FailureKind::Other => "it says: ",
        })?;
        f.write_str(&shown(&self.text))
    }
}

impl Tokens {
    /// All tokens, in and out.
    pub(crate) fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    fn plus(self, other: Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
        }
    }
}

/// Reads an agent's output.
pub(crate) fn read(output: Output, stdout: &str, stderr: &str) -> Said {
    let mut said = match output {
        Output::Text => text::read(stdout),
        Output::Claude => claude::read(stdout),
        Output::Codex => codex::read(stdout),
        Output::Gemini => gemini::read(stdout, stderr),
        Output::Opencode => opencode::read(stdout),
        Output::Qwen => qwen::read(stdout),
        Output::Pi => pi::read(stdout),
        Output::Aider => aider::read(stdout),
    };
    if output == Output::Text {
        return said;
    }
    // Nothing used is what a call costs that never reached its model; beside an answer it is a figure that is missing.
    if said.failure.is_none() && said.tokens.is_some_and(|tokens| tokens.total() == 0) {
        said.tokens = None;
    }
    // A program that knows no price for a model says 0.
    if said.cost_usd_micros == Some(0) && said.tokens.is_none_or(|tokens| tokens.total() > 0) {
        said.cost_usd_micros = None;
    }
    said
}

/// Reads the output of a program that was killed: what it used so far counts, where it tells that on its way.
pub(crate) fn read_unfinished(output: Output, stdout: &str, stderr: &str) -> Said {
    let said = read(output, stdout, stderr);
    match output {
        Output::Claude if said.tokens.is_none() => Said { tokens: claude::so_far(stdout), ..said },
        _ => said,
    }
}

/// The JSON objects among the lines; others are passed over: a last line cut short, a warning in between.
fn objects(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok()).filter(Value::is_object)
}

/// A whole number; 0 where there is none, as programs leave out what is 0.
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Dollars as millionths; `None` for what is no amount.
fn micros(dollars: f64) -> Option<u64> {
    let micros = (dollars * 1e6).round();
    // Above 2^53 a float is no longer exact, and nobody's bill is.
    (0.0..9.0e15).contains(&micros).then_some(micros as u64)
}

#[cfg(test)]
mod tests;
