//! One agent, tried from end to end: is it installed, is it as new as what is known to work, does its model answer, and
//! does a file come of it. All in a repository of its own, that is gone afterwards.

use std::path::Path;
use std::time::Duration;

use crate::agent::{self, Access, Agent, Cost, Kind, Tokens, Turn, TurnResult, Usage};
use crate::git::Repo;
use crate::policy::agents::{AgentEntry, Call, Output};
use crate::process::{self, Ended, Job, Stop, Terms, random_letters, which};
use crate::synthesis::{self, Content};
use crate::task::id::{RunId, TaskId};
use crate::task::role::Role;

use super::doctor::Diagnosis;
use super::ended::{how_it_ended, in_its_words};
use super::looked_at::Check;
use super::project::SETTINGS;
use super::{FlowError, Project};

/// Time for the whole turn: a small model on a slow line needs less.
const LIMIT: Duration = Duration::from_secs(120);
/// Time to say its version; the slowest program that was seen needs four seconds.
const VERSION_LIMIT: Duration = Duration::from_secs(30);
/// The file that is asked for, and what should be in it.
const FILE: &str = "ping.txt";
const WORD: &str = "pong";
/// The check whether that came of it.
pub(super) const EDITED: &str = "edited";

impl Project {
    /// Tries an agent as a run would call it, of a team each of its workers; answers also what that used, for each turn
    /// that came about.
    ///
    /// # Errors
    /// There is no such agent, or no scratch repository can be made. What is wrong with the agent is in the diagnosis.
    pub(crate) fn ping(&self, text: &str) -> Result<(Diagnosis, Vec<Usage>), FlowError> {
        let agent = self.agent(text)?;
        let mut found = Diagnosis::default();
        if let Some(why) = self.not_committed(std::iter::once(&agent))? {
            found.wrong("settings", why, &format!("git commit {SETTINGS} -m \"Change agents\""));
        }
        let mut all = Vec::new();
        for member in agent.members() {
            let (of_member, used) = self.ping_one(member)?;
            all.extend(used);
            let named = |check: Check| match agent.kind {
                Kind::Team { .. } => {
                    Check { message: format!("{}: {}", member.name, check.message), ..check }
                }
                Kind::Program(_) | Kind::Script { .. } => check,
            };
            found.checks.extend(of_member.checks.into_iter().map(named));
        }
        Ok((found, all))
    }

    /// Tries one agent that is called itself.
    ///
    /// # Errors
    /// No scratch repository can be made.
    pub(super) fn ping_one(&self, agent: &Agent) -> Result<(Diagnosis, Option<Usage>), FlowError> {
        let local = self.local();
        let scratch = tempfile::tempdir().map_err(FlowError::file("make a temporary folder for", &local))?;
        let dir = scratch.path().join("repo");
        std::fs::create_dir(&dir).map_err(FlowError::file("make", &dir))?;
        if matches!(&agent.kind, Kind::Program(entry) if entry.output == Output::Text) {
            // Its command may be a script of the repository.
            self.repo.init_beside(&dir, &self.base.tip)?;
            let _ = std::fs::remove_file(dir.join(FILE));
        } else {
            Repo::init(&dir, "main")?;
        }
        let mut found = Diagnosis::default();
        if !self.is_installed(agent, scratch.path(), &mut found) {
            return Ok((found, None));
        }
        // Where the agent can read its prompt: temporary folders are its own.
        let logs = local.join("logs");
        std::fs::create_dir_all(&logs).map_err(FlowError::file("make", &logs))?;
        let logs = tempfile::tempdir_in(&logs).map_err(FlowError::file("make a folder in", &logs))?;
        let mut turn = self.ping_turn(agent, &dir, logs.path());
        let _room = self.house(&mut turn, agent)?;
        let used = match take(agent, &turn) {
            Ok(result) => {
                answered(agent, &turn, &result, &mut found);
                Some(result.usage)
            }
            Err(err) => {
                found.wrong("called", crate::store::chain(&err), &explain(agent));
                None
            }
        };
        Ok((found, used))
    }

    fn is_installed(&self, agent: &Agent, scratch: &Path, found: &mut Diagnosis) -> bool {
        let Kind::Program(entry) = &agent.kind else { return true };
        let Call::Argv(argv) = &entry.call else { return true };
        let Some(program) = argv.first() else { return true };
        let Some(path) = which(program) else {
            found.wrong("installed", format!("{program} is not found in PATH"), &install_hint(program));
            return false;
        };
        let version = self.version_of(entry, program, scratch);
        let shown = version.as_deref().unwrap_or("of an unknown version");
        match (&entry.version, &version) {
            (Some(oldest), Some(version)) if is_older(version, oldest) => found.wrong(
                "installed",
                format!("{program} {version} is older than {oldest}, the oldest that is known to work"),
                &install_hint(program),
            ),
            _ => found.fine("installed", format!("{program} {shown} ({})", path.display())),
        }
        true
    }

    /// What a program says about its version.
    fn version_of(&self, entry: &AgentEntry, program: &str, scratch: &Path) -> Option<String> {
        let log = scratch.join("version");
        let job = Job {
            argv: [program, "--version"].map(str::to_owned).to_vec(),
            dir: scratch.to_owned(),
            env: process::agent_environment(&self.policy.agents.env, &entry.set),
            stdin: Vec::new(),
            stdout: log.clone(),
            stderr: log.clone(),
            limit: VERSION_LIMIT,
            grace: Duration::from_secs(1),
            log_cap: 64 << 10,
            terms: Terms::default(),
        };
        let outcome = process::supervised_blocking(job).ok()?;
        tracing::debug!(target: "run", ?outcome, program, "version");
        version_in(&String::from_utf8_lossy(&std::fs::read(&log).ok()?))
    }

    fn ping_turn(&self, agent: &Agent, dir: &Path, logs: &Path) -> Turn {
        let (access, prompt) = match agent.answers_files() {
            false => (
                Access::Edit,
                format!(
                    "Create the file {FILE} in the current folder. Its only content is the word {WORD}. Change nothing \
                     else, then answer with the word done.\n"
                ),
            ),
            true => (
                Access::Read,
                format!(
                    "Answer with one file, in this form: a line `FILE: {FILE}`, and below it a code block whose only \
                     content is the word {WORD}. Change nothing yourself.\n"
                ),
            ),
        };
        Turn {
            task: TaskId::parse("ping").expect("a legal id"),
            role: Role::Implement,
            try_number: 1,
            run: RunId(format!("r-{}", random_letters(4))),
            dir: dir.to_owned(),
            access,
            model: None,
            budget: None,
            prompt,
            contract: "{}".to_owned(),
            limit: LIMIT,
            log_folder: logs.to_owned(),
            log_cap: self.policy.limits.log_bytes,
            env_allowed: self.policy.agents.env.clone(),
            sandbox: None,
            idle: None,
        }
    }
}

fn take(agent: &Agent, turn: &Turn) -> Result<TurnResult, agent::AgentError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| process::ProcessError::System { what: "start a runtime", source })?;
    runtime.block_on(agent::take(agent, turn, Stop::new()))
}

/// What may be no fault of a command of one's own.
fn own(agent: &Agent) -> &'static str {
    match &agent.kind {
        Kind::Program(entry) if entry.output == Output::Text => {
            " (as it should, where its command follows no prompt)"
        }
        Kind::Program(_) | Kind::Script { .. } | Kind::Team { .. } => "",
    }
}

/// The setting that says how an agent is called.
fn explain(agent: &Agent) -> String {
    let key = match agent.entry().map(|entry| &entry.call) {
        Some(Call::Shell(_)) => "command",
        Some(Call::Argv(_)) | None => "argv",
    };
    match agent.name.split(':').next() {
        // Nothing in the settings says what is typed so.
        Some("exec" | "script") | None => "git orch config explain agents.implement".to_owned(),
        Some(name) => format!("git orch config explain agent.{name}.{key}"),
    }
}

/// The text of the file that was asked for, where there is one: in the folder, or in the answer of one that cannot write.
fn made(agent: &Agent, turn: &Turn, result: &TurnResult) -> Option<String> {
    if !agent.answers_files() {
        return std::fs::read_to_string(turn.dir.join(FILE)).ok();
    }
    let blocks = synthesis::parse(&result.answer).ok()?;
    blocks.into_iter().find(|block| block.path == FILE).and_then(|block| match block.content {
        Content::Text(text) => Some(text),
        Content::Gone => None,
    })
}

/// What a turn shows, step by step.
fn answered(agent: &Agent, turn: &Turn, result: &TurnResult, found: &mut Diagnosis) {
    let explain = explain(agent);
    let ended = how_it_ended(result, turn.limit);
    let seconds = result.outcome.seconds;
    match (&result.failure, result.outcome.ended) {
        (Some(_), _)
        | (
            None,
            Ended::TimedOut
            | Ended::Idle
            | Ended::Crowded
            | Ended::Full
            | Ended::Signaled(_)
            | Ended::Stopped,
        ) => {
            let ended = format!("{ended}, after {seconds:.1} s");
            found.wrong("answered", in_its_words(ended, result), &explain);
        }
        (None, Ended::Exited(_)) if !result.complete => {
            found.wrong("answered", in_its_words(ended, result), &explain);
        }
        (None, Ended::Exited(code)) if code != 0 => {
            let ended = format!("{ended}, after {seconds:.1} s");
            found.wrong("answered", in_its_words(ended, result), &explain);
        }
        (None, Ended::Exited(_)) => {
            let model = result.model.as_deref().map(|model| format!(", model {model}")).unwrap_or_default();
            found.fine("answered", format!("{ended}, after {seconds:.1} s{model}"));
        }
    }
    match made(agent, turn, result) {
        Some(text) if text.trim() == WORD => found.fine(EDITED, format!("{FILE} is as it was asked for")),
        Some(_) => found.wrong(EDITED, format!("{FILE} does not hold the word {WORD}"), &explain),
        None => found.wrong(
            EDITED,
            format!("there is no {FILE}: nothing came of the turn{}", own(agent)),
            &explain,
        ),
    }
    let tokens = result.usage.tokens.map(Tokens::total);
    let tokens = tokens.map_or("tokens unknown".to_owned(), |tokens| format!("{tokens} tokens"));
    let dollars = |cost: Cost| cost.amount().0 as f64 / 1e6;
    let cost = match result.usage.cost {
        Some(cost @ Cost::Reported(_)) => format!("${:.6} by its own account", dollars(cost)),
        Some(cost @ Cost::Estimated(_)) => format!("about ${:.6} by its price", dollars(cost)),
        None => "cost unknown: a price can be set".to_owned(),
    };
    found.fine("usage", format!("{tokens}, {cost}"));
}

/// The command that installs a program, where there is one that is known to work.
fn install_hint(program: &str) -> String {
    let package = match program {
        "claude" => "@anthropic-ai/claude-code",
        "codex" => "@openai/codex",
        "gemini" => "@google/gemini-cli",
        "opencode" => "opencode-ai",
        "qwen" => "@qwen-code/qwen-code",
        "pi" => "@mariozechner/pi-coding-agent",
        "aider" => return "python3 -m pip install aider-chat".to_owned(),
        _ => return format!("command -v {program}"),
    };
    format!("npm install --global {package}")
}

/// The first word of a text that is a version: digits with points between.
fn version_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words.map(|word| word.trim_matches('.')).find(|word| word.contains('.')).map(str::to_owned)
}

fn is_older(version: &str, oldest: &str) -> bool {
    let parts = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
    parts(version) < parts(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_and_compared_by_number() {
        assert_eq!(version_in("codex-cli 0.169.0\n").as_deref(), Some("0.169.0"));
        assert_eq!(version_in("2.1.197 (Claude Code)").as_deref(), Some("2.1.197"));
        assert_eq!(version_in("no version"), None);
        assert!(
            is_older("0.99.1", "0.169.0") && !is_older("0.169.0", "0.169.0") && !is_older("1.0", "0.169.0")
        );
    }
}
