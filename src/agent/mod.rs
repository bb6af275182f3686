//! Knows how agents are called and what comes back from them.
//!
//! What an answer means is judged elsewhere (`review`), and so is whether anything was changed: an exit code is no
//! evidence.

/// From an agent's entry to what is run.
mod call;
/// What an agent's output says.
mod output;
/// What tokens cost.
mod price;
/// Prompts: files with front matter, rendered with the task's own values.
mod prompt;
/// The agent that replays recorded changes.
mod script;
/// Calls an agent for a turn.
mod take;
/// Workers that do one task together.
mod team;
/// What the logs of a call tell.
mod told;
/// What is asked in a turn, and what came of it.
mod turn;

use crate::{
    policy::{
        agents::{AgentEntry, Answer},
        key,
        marks::{self, IN_COMMAND, UnknownMark},
    },
    process::ProcessError,
    task::id::TaskId,
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

pub(crate) use output::{Failure, Tokens};
pub(crate) use prompt::{
    AttemptVars, CODE, ContractVars, FileVars, FindingVars, LimitVars, NoteVars, PromptError, PromptVars,
    Rendered, TaskVars, TestVars, Tools, front, render,
};
pub(crate) use script::script_main;
pub(crate) use take::take;
pub(crate) use team::take_together;
pub(crate) use told::{Told, told_by_logs};
pub(crate) use turn::{Access, Cost, Turn, TurnResult, Usage};

/// An agent as it was named in the settings or on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    /// What people see: its name in the settings, with the model if one was named; `exec` or `script`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// How an agent is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program, by its entry.
    Program(Box<AgentEntry>),
    /// Workers whose answers are made one change, in the order in which they were named; the entry is the team's own.
    Team { entry: Box<AgentEntry>, workers: Vec<Agent> },
    /// Recorded changes: `<task-id>.toml` in a folder, and `_default.toml` for turns that it leaves out.
    Script { folder: PathBuf },
}

/// Why an agent could not be called. What it did when it was called is never an error here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error(
        "unknown agent '{given}'{} There are {known}; or exec:COMMAND for any command, or script:FOLDER",
        .meant.as_ref().map_or(".".to_owned(), |meant| format!(", did you mean '{meant}'?"))
    )]
    Unknown { given: String, meant: Option<String>, known: String },
    #[error("agent.{team}.workers names '{worker}', {why}")]
    Worker { team: String, worker: String, why: &'static str },
    #[error("agent '{agent}:' names no model behind the colon")]
    NoModel { agent: String },
    #[error("{program}, the program of agent '{agent}', is not installed: it is not found in PATH")]
    NotInstalled { agent: String, program: String },
    #[error("exec: {0}")]
    Mark(#[from] UnknownMark),
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

impl AgentError {
    fn file(path: &Path, source: io::Error) -> AgentError {
        AgentError::File { path: path.to_owned(), source }
    }
}

/// Reads an agent as a person typed it: a name of the settings, with a model behind a colon or without; or
/// `exec:COMMAND`, `script:FOLDER`.
///
/// # Errors
/// No such name, or nothing behind the colon.
pub(crate) fn parse(text: &str, named: &BTreeMap<String, AgentEntry>) -> Result<Agent, AgentError> {
    let text = text.trim();
    let program =
        |name: &str, entry: AgentEntry| Agent { name: name.to_owned(), kind: Kind::Program(Box::new(entry)) };
    if let Some(entry) = named.get(text) {
        return match entry.workers.is_empty() {
            true => Ok(program(text, entry.clone())),
            false => team(text, entry, named),
        };
    }
    let unknown = || AgentError::Unknown {
        meant: key::nearest(text.split(':').next().unwrap_or(text), named.keys().map(String::as_str))
            .map(str::to_owned),
        given: crate::task::id::shown(text),
        known: named.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    let (word, rest) = text.split_once(':').ok_or_else(unknown)?;
    let rest = rest.trim();
    if let Some(entry) = named.get(word) {
        if rest.is_empty() {
            return Err(AgentError::NoModel { agent: word.to_owned() });
        }
        return Ok(program(text, AgentEntry { model: Some(rest.to_owned()), ..entry.clone() }));
    }
    match word {
        "exec" if rest.is_empty() => Err(AgentError::Empty { kind: "exec" }),
        "script" if rest.is_empty() => Err(AgentError::Empty { kind: "script" }),
        "exec" => marks::look(rest, IN_COMMAND)
            .map_err(AgentError::Mark)
            .map(|()| program("exec", AgentEntry::of_command("exec", rest))),
        "script" => {
            Ok(Agent { name: "script".to_owned(), kind: Kind::Script { folder: PathBuf::from(rest) } })
        }
        _ => Err(unknown()),
    }
}

/// An agent that lets others work. They answer with files: two that change one worktree would disturb each other.
fn team(name: &str, entry: &AgentEntry, named: &BTreeMap<String, AgentEntry>) -> Result<Agent, AgentError> {
    let worker = |text: &String| {
        let wrong =
            |why| AgentError::Worker { team: name.to_owned(), worker: crate::task::id::shown(text), why };
        if text == name {
            return Err(wrong("which is the team itself"));
        }
        // Looked at before it is read: two teams may name each other.
        if named.get(text).is_some_and(|entry| !entry.workers.is_empty()) {
            return Err(wrong("which is a team itself"));
        }
        match parse(text, named)? {
            Agent { kind: Kind::Team { .. }, .. } => Err(wrong("which is a team itself")),
            Agent { kind: Kind::Program(worker), .. } if worker.answer == Answer::Edits => {
                Err(wrong("whose answer is no files: set answer = \"files\" for it"))
            }
            Agent { kind: Kind::Script { .. }, .. } => Err(wrong("which replays recorded changes")),
            worker @ Agent { kind: Kind::Program(_), .. } => Ok(worker),
        }
    };
    let workers = entry.workers.iter().map(worker).collect::<Result<_, _>>()?;
    Ok(Agent { name: name.to_owned(), kind: Kind::Team { entry: Box::new(entry.clone()), workers } })
}

impl Agent {
    /// Its entry in the settings, where it has one.
    pub(crate) fn entry(&self) -> Option<&AgentEntry> {
        match &self.kind {
            Kind::Program(entry) | Kind::Team { entry, .. } => Some(entry),
            Kind::Script { .. } => None,
        }
    }

    /// Whoever is called in its place: a team's workers, else itself.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Agent> {
        match &self.kind {
            Kind::Team { workers, .. } => workers.iter(),
            Kind::Program(_) | Kind::Script { .. } => std::slice::from_ref(self).iter(),
        }
    }

    /// Whether its answer holds the files that it would change.
    pub(crate) fn answers_files(&self) -> bool {
        match &self.kind {
            Kind::Program(entry) => entry.answer == Answer::Files,
            Kind::Team { .. } => true,
            Kind::Script { .. } => false,
        }
    }

    /// Whether it asks nobody who charges: it replays what was recorded.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.kind, Kind::Script { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::agents::{Call, PromptBy};

    fn entry(text: &str) -> (String, AgentEntry) {
        let named = BTreeMap::from([("mine".to_owned(), AgentEntry::of_command("mine", "my agent"))]);
        match parse(text, &named).unwrap() {
            Agent { name, kind: Kind::Program(entry) } => (name, *entry),
            agent @ Agent { .. } => panic!("{agent:?}"),
        }
    }

    #[test]
    fn agents_are_read_as_typed() {
        let (name, exec) = entry("exec: claude -p < x:y");
        assert_eq!((name.as_str(), exec.prompt), ("exec", PromptBy::Stdin));
        assert_eq!(exec.call, Call::Shell("claude -p < x:y".to_owned()));
        assert_eq!(entry("exec:aider --message-file {prompt}").1.prompt, PromptBy::File);
        assert_eq!(entry("mine").1.model, None);
        let (name, with_model) = entry("mine:big/one:2");
        assert_eq!((name.as_str(), with_model.model.as_deref()), ("mine:big/one:2", Some("big/one:2")));
        let script = parse("script:demo", &BTreeMap::new()).unwrap();
        assert_eq!(script.kind, Kind::Script { folder: "demo".into() });
    }

    #[test]
    fn other_words_name_what_there_is() {
        let named = BTreeMap::from([("mine".to_owned(), AgentEntry::of_command("mine", "my agent"))]);
        let error = parse("cluade", &named).unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown agent 'cluade'. There are mine; or exec:COMMAND for any command, or script:FOLDER"
        );
        let team = |worker: &str| AgentEntry { workers: vec![worker.to_owned()], ..named["mine"].clone() };
        let teams = BTreeMap::from([("a".to_owned(), team("b")), ("b".to_owned(), team("a"))]);
        assert!(matches!(parse("a", &teams), Err(AgentError::Worker { .. })), "they name each other");
        assert!(matches!(parse("exec: ", &named), Err(AgentError::Empty { kind: "exec" })));
        assert!(matches!(parse("mine:", &named), Err(AgentError::NoModel { .. })));
    }
}
