//! Why a command did not do what was asked, ready to be shown; and the one place that turns errors into it.

mod flow;
mod gate;
mod git;
#[cfg(test)]
mod hints;
mod host;
mod queue;
mod store;
mod task;
#[cfg(test)]
mod tests;
mod vague;

use serde_json::{Value, json};

pub(crate) use store::held_by_another;

use crate::store::chain;
use crate::task::id::shown;

use super::codes::Code;
use super::exit::Exit;

/// Opens the settings in the editor that git would open.
const EDIT_SETTINGS: &str = "$(git var GIT_EDITOR) orch.toml";

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// What was tried, on what.
    message: String,
    /// The chain of causes.
    because: Vec<String>,
    /// What to do: never empty when it is shown.
    hints: Vec<Hint>,
    /// The command that failed helps itself, with an option more: why, and the option; may be none.
    again: Option<(&'static str, &'static str)>,
}

/// A command that helps.
#[derive(Debug, Clone)]
struct Hint {
    /// What it does, in a few words; may be empty.
    why: String,
    command: String,
}

impl Failure {
    /// A failure without causes and hints yet.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), because: Vec::new(), hints: Vec::new(), again: None }
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        self.code.exit()
    }

    /// Adds a cause.
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Failure {
        self.because.push(cause.into());
        self
    }

    /// Adds a command that helps.
    pub(crate) fn hint(mut self, why: impl Into<String>, command: impl Into<String>) -> Failure {
        self.hints.push(Hint { why: why.into(), command: command.into() });
        self
    }

    /// Says that the command that failed helps, with an option more (or none): which that was, [`Failure::of_command`] adds.
    fn again(mut self, why: &'static str, option: &'static str) -> Failure {
        self.again = Some((why, option));
        self
    }

    /// Adds what was typed behind `git orch`, where that is a part of what helps.
    pub(crate) fn of_command(self, words: &str) -> Failure {
        match self.again {
            Some((why, "")) => self.hint(why, format!("git orch {words}")),
            Some((why, option)) => self.hint(why, format!("git orch {option} {words}")),
            None => self,
        }
    }

    /// A value that a person gave cannot be used.
    pub(crate) fn bad_value(message: impl Into<String>, why: &str, command: &str) -> Failure {
        Failure::new(Code::BadValue, message).hint(why, command)
    }

    /// Whether the same command may just be run again.
    fn retry(&self) -> bool {
        self.exit() == Exit::Race
    }

    fn hints(&self) -> Vec<Hint> {
        if self.hints.is_empty() {
            let command = format!("git orch show {}", self.code.name());
            vec![Hint { why: "what this means".to_owned(), command }]
        } else {
            self.hints.clone()
        }
    }

    /// As people read it.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("error: {}\n", shown(&self.message));
        for cause in &self.because {
            out.push_str(&format!("  because: {}\n", shown(cause)));
        }
        let hints = self.hints();
        let width = hints.iter().map(|hint| hint.why.chars().count() + 2).max().unwrap_or(0);
        for (at, hint) in hints.iter().enumerate() {
            let lead = if at == 0 { "  hint: " } else { "        " };
            let why = if hint.why.is_empty() { String::new() } else { format!("{}: ", hint.why) };
            let pad = if hints.len() > 1 { width } else { 0 };
            out.push_str(&format!("{lead}{why:<pad$}{}\n", shown(&hint.command)));
        }
        let retry = if self.retry() { ", safe to retry" } else { "" };
        out.push_str(&format!("  [{}, exit {}{retry}]\n", self.code.name(), self.exit().code()));
        out
    }

    /// As programs read it.
    pub(crate) fn json(&self) -> Value {
        let hints = self.hints();
        json!({
            "schema": "git-orch/error@1",
            "ok": false,
            "error": {
                "code": self.code.name(),
                "exit": self.exit().code(),
                "message": self.message,
                "because": self.because,
                "hint": hints.first().map(|hint| hint.command.clone()),
                "hints": hints.iter().map(|hint| json!({"why": hint.why, "command": hint.command})).collect::<Vec<_>>(),
                "retry": self.retry(),
            }
        })
    }
}

/// What a failure says where its causes stand in the error's chain.
fn of(code: Code, err: &dyn std::error::Error) -> Failure {
    let failure = Failure::new(code, err.to_string());
    match err.source() {
        Some(source) => failure.because(chain(source)),
        None => failure,
    }
}
