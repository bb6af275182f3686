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
/// Fields of JSON, of which any may be missing.
mod fields;
/// gemini: one JSON object, or one on standard error.
mod gemini;
/// opencode: JSON lines, a usage for each step.
mod opencode;
/// pi: JSON lines, a usage for each turn.
mod pi;
/// What the last words of a command say that failed.
mod plain;
/// qwen: one JSON array with a result at its end.
mod qwen;
/// What is read, in one form for all.
mod said;
/// Any command: text whose last line may tell what was used.
mod text;

use crate::policy::agents::Output;

pub(super) use plain::suspected;
pub(crate) use said::{Failure, Said, Tokens};
pub(super) use text::last_words;

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

#[cfg(test)]
mod tests;
