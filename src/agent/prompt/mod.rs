//! Prompts: files with front matter, filled with the values of one task.
//!
//! The defaults are the files in `prompts/` at the top of this repository, embedded; a repository that uses the program
//! may have its own, which count as they are committed on its base branch. A prompt says one role's own job and nothing
//! of the other roles or of what happens afterwards.

/// What stands above a prompt's text.
mod front;
/// The values that a prompt may use.
mod vars;

use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig};

pub(crate) use front::{Front, PromptError, Tools};
pub(crate) use vars::{
    AttemptVars, ContractVars, FileVars, FindingVars, LimitVars, NoteVars, PromptVars, TaskVars, TestVars,
};

/// The prompt of those who answer with `FILE: path` blocks in place of changing files.
pub(crate) const CODE: &str = "code";

/// The embedded prompts, by the name of their file.
const BUILT_IN: &[(&str, &str)] = &[
    ("implement", include_str!("../../../prompts/implement.md")),
    ("fix", include_str!("../../../prompts/fix.md")),
    (CODE, include_str!("../../../prompts/code.md")),
    ("review_safety", include_str!("../../../prompts/review_safety.md")),
    ("review_architecture", include_str!("../../../prompts/review_architecture.md")),
    ("review_quality", include_str!("../../../prompts/review_quality.md")),
    ("review_facts", include_str!("../../../prompts/review_facts.md")),
    ("review_language", include_str!("../../../prompts/review_language.md")),
    ("review_data", include_str!("../../../prompts/review_data.md")),
    ("test", include_str!("../../../prompts/test.md")),
    ("clarify", include_str!("../../../prompts/clarify.md")),
    ("manager", include_str!("../../../prompts/manager.md")),
];

/// A prompt ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) front: Front,
}

/// Returns an embedded prompt by its name, with its front matter.
fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(other, _)| *other == name).map(|&(_, text)| text)
}

/// Reads the front matter of a prompt: of the given text, or else of the embedded one.
///
/// # Errors
/// There is no prompt of this name, or its front matter is wrong.
pub(crate) fn front(name: &str, given: Option<&str>) -> Result<Front, PromptError> {
    let file =
        given.or_else(|| built_in(name)).ok_or_else(|| PromptError::Missing { name: name.to_owned() })?;
    front::read(name, file).map(|(front, _)| front)
}

/// Fills the prompt of this name, a role's or [`CODE`]: the given one, or else the embedded one.
///
/// # Errors
/// There is no prompt of this name, its front matter is wrong, or its text uses what it does not read.
pub(crate) fn render(name: &str, given: Option<&str>, vars: &PromptVars) -> Result<Rendered, PromptError> {
    let file =
        given.or_else(|| built_in(name)).ok_or_else(|| PromptError::Missing { name: name.to_owned() })?;
    let (front, body) = front::read(name, file)?;
    let values = vars.chosen(&front.reads).map_err(|why| PromptError::FrontMatter {
        name: name.to_owned(),
        line: front.reads_line,
        why,
    })?;
    let text = engine().render_str(body, values).map_err(|err| PromptError::Template {
        name: name.to_owned(),
        line: front.height + err.line().unwrap_or(1),
        why: chain(&err),
    })?;
    Ok(Rendered { text, front })
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    // A name that is not there is a mistake in the prompt; an empty text in its place would hide it.
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    engine.set_syntax(syntax.build().expect("only white space differs from the default"));
    engine
}

/// An engine's error with its cause, which alone says what is undefined.
fn chain(error: &minijinja::Error) -> String {
    let text = match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    // The engine knows neither the file nor what stands above the text; the line is said already.
    text.split(" (in <string>").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
