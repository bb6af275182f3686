//! Knows how agents are called and what comes back from them.
//!
//! What an answer means is judged elsewhere (`review`), and so is whether anything was changed: an exit code is no
//! evidence.

/// Prompts: files with front matter, rendered with the task's own values.
mod prompt;
/// The agent that replays recorded changes.
mod script;
/// One call of an agent.
mod turn;

use crate::{
    process::{ProcessError, sandbox::Endpoints},
    task::id::TaskId,
};
use std::{fmt, io, path::PathBuf};

pub(crate) use prompt::{FindingVars, LimitVars, PromptError, PromptVars, Rendered, TaskVars, render};
pub(crate) use script::script_main;
pub(crate) use turn::{Turn, TurnResult, take};

/// An agent as it was named in the settings or on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    /// What people see: `exec` or `script`, unless the settings give it another name.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How the prompt reaches it.
    pub(crate) prompt: PromptBy,
    /// Where its model is: all that it reaches from its sandbox.
    pub(crate) endpoints: Endpoints,
}

/// How an agent is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any command, given to `sh -c`.
    Exec { command: String },
    /// Recorded changes: `<task-id>.toml` in a folder, and `_default.toml` for turns that it leaves out.
    Script { folder: PathBuf },
}

/// How the prompt reaches an agent. It is always in the file `$GIT_ORCH_PROMPT` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptBy {
    /// On standard input, which is then closed.
    Stdin,
    /// As a file, whose path replaces `{prompt}` in the command.
    File,
    /// As the last argument; by file all the same where the command has `{prompt}`.
    Argument,
}

/// Why an agent could not be called. What it did when it was called is never an error here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error(
        "unknown agent '{given}': use exec:COMMAND or script:FOLDER (exec: runs any command, as in exec:'{given}')"
    )]
    Unknown { given: String },
    #[error("agent '{kind}:' names nothing behind the colon")]
    Empty { kind: &'static str },
    #[error("no script for task {task}: neither {task}.toml nor _default.toml in {}", folder.display())]
    NoScript { task: TaskId, folder: PathBuf },
    #[error(
        "the prompt is {bytes} bytes, too long for an argument: put {{prompt}} into the command for a file's path"
    )]
    LongPrompt { bytes: usize },
    #[error("the path {} cannot be part of a command", .0.display())]
    Path(PathBuf),
    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Reads an agent as a person typed it: `exec:COMMAND` or `script:FOLDER`.
///
/// A command with `{prompt}` in it takes its prompt by file, any other by standard input.
///
/// # Errors
/// Another kind, or nothing behind the colon.
pub(crate) fn parse(text: &str) -> Result<Agent, AgentError> {
    let unknown = || AgentError::Unknown { given: crate::task::id::shown(text) };
    let (word, rest) = text.trim().split_once(':').ok_or_else(unknown)?;
    let rest = rest.trim();
    let kind = match word {
        "exec" if rest.is_empty() => return Err(AgentError::Empty { kind: "exec" }),
        "script" if rest.is_empty() => return Err(AgentError::Empty { kind: "script" }),
        "exec" => Kind::Exec { command: rest.to_owned() },
        "script" => Kind::Script { folder: PathBuf::from(rest) },
        _ => return Err(unknown()),
    };
    let prompt = if rest.contains(turn::PROMPT_MARK) { PromptBy::File } else { PromptBy::Stdin };
    Ok(Agent { name: kind.to_string(), kind, prompt, endpoints: Endpoints::default() })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Exec { .. } => "exec",
            Kind::Script { .. } => "script",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_read_as_typed() {
        let agent = parse("exec: claude -p < x:y").unwrap();
        assert_eq!(agent.kind, Kind::Exec { command: "claude -p < x:y".to_owned() });
        assert_eq!((agent.name.as_str(), agent.prompt), ("exec", PromptBy::Stdin));
        assert_eq!(parse("exec:aider --message-file {prompt}").unwrap().prompt, PromptBy::File);
        assert_eq!(parse("script:demo").unwrap().kind, Kind::Script { folder: "demo".into() });
    }

    #[test]
    fn other_words_name_the_kinds() {
        let error = parse("cluade").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown agent 'cluade': use exec:COMMAND or script:FOLDER (exec: runs any command, as in exec:'cluade')"
        );
        assert!(matches!(parse("exec: "), Err(AgentError::Empty { kind: "exec" })));
    }
}
