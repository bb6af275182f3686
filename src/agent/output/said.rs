//! What is read from an agent's output, in one form for all programs.

pub(super) use crate::plan::failure::FailureKind;
use crate::task::id::shown;
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

impl FailureKind {
    /// What an HTTP status means.
    pub(super) fn of_status(status: u64) -> FailureKind {
        match status {
            401 | 403 => FailureKind::Login,
            402 | 429 => FailureKind::Limit,
            500..=599 => FailureKind::Host,
            _ => FailureKind::Other,
        }
    }

    /// What words mean, where a program gives no status: the first status in them, or else the usual phrases.
    pub(super) fn of_words(text: &str) -> FailureKind {
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
    pub(super) fn new(kind: FailureKind, text: &str) -> Failure {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = match line.char_indices().nth(WHY_MAX) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        };
        Failure { kind, text }
    }

    pub(super) fn of_words(text: &str) -> Failure {
        Failure::new(FailureKind::of_words(text), text)
    }

    /// What an exit code means by the agent's entry: the entry's words, and the program's own.
    pub(in crate::agent) fn of_exit(kind: FailureKind, words: &str, own: Option<&str>) -> Failure {
        let parts: Vec<&str> =
            [Some(words), own].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        Failure::new(kind, &parts.join(": "))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::Login => "not logged in to its model",
            FailureKind::Limit => "its model's limit is reached",
            FailureKind::Host => "its model's host failed",
            FailureKind::Turns => "its own limit of turns",
            FailureKind::Budget => "its own limit of money",
            FailureKind::Other => "it says",
        })?;
        // An exit code may come without a word.
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", shown(&self.text)) }
    }
}

impl Tokens {
    /// All tokens, in and out.
    pub(crate) fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    pub(super) fn plus(self, other: Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
        }
    }
}
