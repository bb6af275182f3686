//! What stands above a prompt's text: read strictly, and every error names the file and the line.

use crate::{plan::route::Tier, task::id::shown};
use serde::Deserialize;
use std::fmt;
use toml::Spanned;

/// The line around the front matter.
const FENCE: &str = "---";

/// Why there is no prompt. Every text begins with the file, as committed on the base branch, and the line in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    #[error("there is no prompt '{name}': write prompts/{name}.md and commit it on the base branch")]
    Missing { name: String },
    #[error("prompts/{name}.md:1: it must begin with front matter between two lines '{FENCE}'")]
    NoFrontMatter { name: String },
    /// Front matter that cannot be used.
    #[error("prompts/{name}.md:{line}: {why}")]
    FrontMatter { name: String, line: usize, why: String },
    /// A text that uses what it does not read, or is no template.
    #[error("prompts/{name}.md:{line}: {why}")]
    Template { name: String, line: usize, why: String },
}

/// What a prompt lets its agent do with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tools {
    Edit,
    Read,
}

/// The form of the answer that a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// A report in words.
    Report,
    /// `FILE: path` blocks.
    Files,
    /// A reviewer's JSON.
    Verdict,
    /// Tasks as JSON.
    Plan,
    /// Why an attempt failed, as JSON.
    Clarification,
}

impl Schema {
    const ALL: [(Schema, &'static str); 5] = [
        (Schema::Report, "report"),
        (Schema::Files, "files"),
        (Schema::Verdict, "verdict"),
        (Schema::Plan, "plan"),
        (Schema::Clarification, "clarification"),
    ];

    /// What is asked of a prompt: what comes back is read in this form, whatever the file says.
    fn of(name: &str) -> Schema {
        match name {
            "code" => Schema::Files,
            "manager" => Schema::Plan,
            "clarify" => Schema::Clarification,
            name if name.starts_with("review_") => Schema::Verdict,
            _ => Schema::Report,
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Schema::ALL.iter().find(|(schema, _)| schema == self).map_or("", |(_, word)| word);
        f.write_str(word)
    }
}

/// The front matter of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Front {
    /// The names of the values that it gets.
    pub(crate) reads: Vec<String>,
    /// The lowest tier of model that should get it.
    pub(crate) tier: Option<Tier>,
    pub(crate) tools: Tools,
    /// The line of the file on which `reads` stands, for what is wrong with it.
    pub(super) reads_line: usize,
    /// Lines above the text.
    pub(super) height: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    role: Spanned<String>,
    reads: Spanned<Vec<String>>,
    tier: Option<Spanned<String>>,
    tools: Option<Spanned<String>>,
    output: Option<Spanned<String>>,
}

/// Reads a prompt's file: front matter and text.
///
/// # Errors
/// No front matter, an unknown key, another role than the file's name says, or more rights than the role has.
pub(super) fn read<'a>(name: &str, file: &'a str) -> Result<(Front, &'a str), PromptError> {
    let (text, body) = split(file).ok_or_else(|| PromptError::NoFrontMatter { name: name.to_owned() })?;
    let line_at = |at: usize| 2 + text[..at.min(text.len())].bytes().filter(|&b| b == b'\n').count();
    let wrong =
        |at: usize, why: String| PromptError::FrontMatter { name: name.to_owned(), line: line_at(at), why };
    let wire: Wire = toml::from_str(text)
        .map_err(|err| wrong(err.span().map_or(0, |span| span.start), err.message().replace('\n', ", ")))?;
    // `fix.api` is what the agent `api` gets for `fix`: the same job, in other words.
    let job = name.split_once('.').map_or(name, |(job, _)| job);
    let role = wire.role.get_ref();
    if role != job && !(role == "review" && job.starts_with("review_")) {
        let why = format!("role = '{}', but this file is for {job}", shown(role));
        return Err(wrong(wire.role.span().start, why));
    }
    let tier = match &wire.tier {
        Some(word) => Some(Tier::parse(word.get_ref()).ok_or_else(|| {
            let why = format!("tier '{}' must be one of: {}", shown(word.get_ref()), Tier::WORDS.join(", "));
            wrong(word.span().start, why)
        })?),
        None => None,
    };
    let may_edit = matches!(job, "implement" | "fix" | "test");
    let tools = match wire.tools.as_ref().map(|word| (word.get_ref().as_str(), word.span().start)) {
        None if may_edit => Tools::Edit,
        None | Some(("read", _)) => Tools::Read,
        Some(("edit", _)) if may_edit => Tools::Edit,
        Some(("edit", at)) => {
            return Err(wrong(
                at,
                format!("tools = 'edit', but {job} only reads: no prompt can change that"),
            ));
        }
        Some((other, at)) => {
            return Err(wrong(at, format!("tools '{}' must be one of: edit, read", shown(other))));
        }
    };
    if let Some(word) = &wire.output {
        let asked = Schema::of(job);
        if *word.get_ref() != asked.to_string() {
            let why =
                format!("output = '{}', but what {job} answers is read as '{asked}'", shown(word.get_ref()));
            return Err(wrong(word.span().start, why));
        }
    }
    let above = &file[..file.len() - body.len()];
    let front = Front {
        reads_line: line_at(wire.reads.span().start),
        height: above.bytes().filter(|&b| b == b'\n').count(),
        reads: wire.reads.into_inner(),
        tier,
        tools,
    };
    Ok((front, body))
}

/// Splits a file into front matter and text.
fn split(file: &str) -> Option<(&str, &str)> {
    let rest = file.strip_prefix(FENCE)?.strip_prefix('\n')?;
    let (front, body) = rest.split_once("\n---\n")?;
    Some((front, body.trim_start_matches('\n')))
}
