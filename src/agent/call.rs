//! From an agent's entry to what is run: arguments, standard input, environment.

use super::{
    AgentError,
    turn::{Access, Turn},
};
use crate::{
    policy::agents::{AgentEntry, Call, PromptBy},
    process::{
        self,
        sandbox::{Means, RELAY_MARK, Sandbox},
    },
};
use std::path::Path;

/// Longest prompt as an argument, in bytes: Linux starts no program with an argument over 128 KiB.
pub(super) const ARGUMENT_MAX: usize = 100 * 1024;
/// What stands for the prompt's file in a call.
const PROMPT_MARK: &str = "{prompt}";

/// What stands for the way to its endpoints in an agent's variables.
const RELAY: &str = "{relay}";

/// What is run for a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) argv: Vec<String>,
    /// Empty where the prompt goes in another way.
    pub(super) stdin: String,
}

/// The turn's files that a call may name.
pub(super) struct Files<'a> {
    pub(super) prompt: &'a Path,
    /// A folder of the turn's own, outside of the worktree.
    pub(super) temp: &'a Path,
}

/// Makes the argument list and the standard input of a turn.
///
/// # Errors
/// The prompt is too long for the way that it should go, or a path cannot be part of a command.
pub(super) fn start(entry: &AgentEntry, turn: &Turn, files: &Files<'_>) -> Result<Started, AgentError> {
    match &entry.call {
        Call::Shell(command) => shell(command, entry.prompt, turn, files),
        Call::Argv(argv) => program(entry, argv, turn, files),
    }
}

fn program(
    entry: &AgentEntry,
    argv: &[String],
    turn: &Turn,
    files: &Files<'_>,
) -> Result<Started, AgentError> {
    let (prompt, temp, worktree) = (text(files.prompt)?, text(files.temp)?, text(&turn.dir)?);
    let budget = turn.budget.map(|cap| format!("{:.2}", cap.0 as f64 / 1e6)).unwrap_or_default();
    let model = turn.model.as_deref().or(entry.model.as_deref()).unwrap_or_default();
    // Each mark is looked for once, in the entry's own text: a model's name cannot bring in another mark.
    let marks = [
        (PROMPT_MARK, prompt),
        ("{temp}", temp),
        ("{worktree}", worktree),
        ("{task}", turn.task.as_str()),
        ("{model}", model),
        ("{budget}", &budget),
    ];
    let held = turn.sandbox.as_ref().is_some_and(|sandbox| sandbox.means != Means::Nothing);
    let access = match turn.access {
        _ if held && !entry.sandboxed_args.is_empty() => &entry.sandboxed_args,
        Access::Edit => &entry.edit_args,
        Access::Read => &entry.read_args,
    };
    let none = Vec::new();
    let for_model = if model.is_empty() { &none } else { &entry.model_args };
    let for_budget = if turn.budget.is_some() { &entry.budget_args } else { &none };
    let parts = argv.iter().chain(access).chain(for_model).chain(for_budget);
    let mut argv: Vec<String> = parts.map(|part| filled(part, &marks)).collect();
    let stdin = match entry.prompt {
        PromptBy::Stdin => turn.prompt.clone(),
        PromptBy::Argument if turn.prompt.len() > ARGUMENT_MAX => {
            return Err(AgentError::LongPrompt { bytes: turn.prompt.len() });
        }
        PromptBy::Argument => {
            argv.push(turn.prompt.clone());
            String::new()
        }
        PromptBy::File => String::new(),
    };
    Ok(Started { argv, stdin })
}

/// Replaces marks in one pass.
fn filled(part: &str, marks: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (mark, value) = marks.iter().find(|(mark, _)| rest.starts_with(mark)).unwrap_or(&("{", "{"));
        out.push_str(value);
        rest = &rest[mark.len()..];
    }
    out + rest
}

fn shell(command: &str, by: PromptBy, turn: &Turn, files: &Files<'_>) -> Result<Started, AgentError> {
    let shell = |script: String| ["sh".to_owned(), "-c".to_owned(), script].to_vec();
    let by_file = || -> Result<Vec<String>, AgentError> {
        let quoted =
            shlex::try_quote(text(files.prompt)?).map_err(|_| AgentError::Path(files.prompt.to_owned()))?;
        Ok(shell(command.replace(PROMPT_MARK, &quoted)))
    };
    let by = if command.contains(PROMPT_MARK) && by == PromptBy::Argument { PromptBy::File } else { by };
    match by {
        PromptBy::Stdin => Ok(Started { argv: by_file()?, stdin: turn.prompt.clone() }),
        PromptBy::File => Ok(Started { argv: by_file()?, stdin: String::new() }),
        PromptBy::Argument if turn.prompt.len() <= ARGUMENT_MAX => {
            let mut argv = shell(format!("{} \"$@\"", command.trim_end()));
            argv.extend(["sh".to_owned(), turn.prompt.clone()]);
            Ok(Started { argv, stdin: String::new() })
        }
        PromptBy::Argument => Err(AgentError::LongPrompt { bytes: turn.prompt.len() }),
    }
}

/// The environment of a turn: what the machine and the agent's entry let pass, what the entry sets, and what tells
/// the agent what it works on.
pub(super) fn environment(
    entry: Option<&AgentEntry>,
    turn: &Turn,
    prompt: &Path,
    contract: &Path,
) -> Result<Vec<(String, String)>, AgentError> {
    let mut allowed = turn.env_allowed.clone();
    let mut extra: Vec<(String, String)> = Vec::new();
    if let Some(entry) = entry {
        allowed.extend(entry.env.iter().cloned());
        let names = entry.base_url.iter().map(|name| name.split('=').next().unwrap_or_default().to_owned());
        allowed.extend(names);
        // What leads to the relay means nothing where there is none.
        let relayed = turn.sandbox.as_ref().is_some_and(Sandbox::relays);
        let set = entry.set.iter().filter(|(_, value)| relayed || !value.contains(RELAY));
        extra.extend(set.map(|(name, value)| (name.clone(), value.replace(RELAY, RELAY_MARK))));
    }
    let pairs = [
        ("GIT_ORCH_TASK", turn.task.to_string()),
        ("GIT_ORCH_ROLE", turn.role.to_string()),
        ("GIT_ORCH_RUN", turn.run.to_string()),
        ("GIT_ORCH_TRY", turn.try_number.to_string()),
        ("GIT_ORCH_WORKTREE", text(&turn.dir)?.to_owned()),
        ("GIT_ORCH_PROMPT", text(prompt)?.to_owned()),
        ("GIT_ORCH_CONTRACT", text(contract)?.to_owned()),
    ];
    extra.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(process::agent_environment(&allowed, &extra))
}

fn text(path: &Path) -> Result<&str, AgentError> {
    path.to_str().ok_or_else(|| AgentError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_replaced_once() {
        let marks = [("{model}", "{prompt}"), ("{prompt}", "/p")];
        assert_eq!(filled("--m={model},{prompt},{else}{", &marks), "--m={prompt},/p,{else}{");
    }
}
