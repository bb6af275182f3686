//! One call of an agent: prompt in, answer and usage out.

use super::{Agent, AgentError, Kind, PromptBy, script};
use crate::{
    process::{self, Job, Outcome, Stop, Terms, sandbox::Sandbox},
    task::{
        id::{RunId, TaskId},
        role::Role,
    },
};
use serde::Deserialize;
use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

/// What stands for the prompt's file in a command.
pub(super) const PROMPT_MARK: &str = "{prompt}";
/// Longest prompt as an argument, in bytes: Linux starts no program with an argument over 128 KiB.
const ARGUMENT_MAX: usize = 100 * 1024;
/// Bytes of an answer that are looked at.
const ANSWER_MAX: u64 = 1 << 20;
/// How long an agent has after its limit to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// What an agent is asked to do, where, and within which limits.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) task: TaskId,
    pub(crate) role: Role,
    /// Which try of this role on this task it is, from 1.
    pub(crate) try_number: u32,
    pub(crate) run: RunId,
    /// The worktree, as an absolute path.
    pub(crate) dir: PathBuf,
    /// The finished text.
    pub(crate) prompt: String,
    /// What is asked, as JSON for programs.
    pub(crate) contract: String,
    pub(crate) limit: Duration,
    /// This turn's own folder for prompt, contract and logs, outside of the worktree; made when it is missing.
    pub(crate) log_folder: PathBuf,
    /// Bytes kept of each of the two logs.
    pub(crate) log_cap: u64,
    /// Names of variables that are handed down besides the usual ones.
    pub(crate) env_allowed: Vec<String>,
    /// What it may touch; `None` leaves it to itself.
    pub(crate) sandbox: Option<Sandbox>,
    /// How long it may do nothing.
    pub(crate) idle: Option<Duration>,
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub(crate) struct TurnResult {
    pub(crate) outcome: Outcome,
    /// The end of standard output, at most 1 MiB, without the line about usage.
    pub(crate) answer: String,
    /// Whether more was written than `answer` has.
    pub(crate) answer_cut: bool,
    /// Log of standard output.
    pub(crate) log: PathBuf,
    /// Log of standard error.
    pub(crate) error_log: PathBuf,
    pub(crate) usage: Usage,
}

/// What a turn cost. Unknown stays unknown: it is never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// All tokens, in and out.
    pub(crate) tokens: Option<u64>,
    /// Millionths of a US dollar.
    pub(crate) cost_usd_micros: Option<u64>,
}

/// Calls an agent and waits for its end, its limit, or `stop`.
///
/// # Errors
/// The agent could not be called: its program or script is missing, or a file cannot be written.
pub(crate) async fn take(agent: &Agent, turn: &Turn, stop: Stop) -> Result<TurnResult, AgentError> {
    let folder = std::path::absolute(&turn.log_folder).map_err(|source| failed(&turn.log_folder, source))?;
    fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
    let prompt = written(&folder, "prompt.md", &turn.prompt)?;
    let contract = written(&folder, "contract.json", &turn.contract)?;
    let (argv, stdin) = match &agent.kind {
        Kind::Exec { command } => exec_call(command, agent.prompt, &turn.prompt, &prompt)?,
        Kind::Script { folder } => (script::call(folder, turn)?, String::new()),
    };
    let (log, error_log) = (folder.join("stdout.log"), folder.join("stderr.log"));
    let mut job = Job {
        argv,
        dir: turn.dir.clone(),
        env: process::agent_environment(&turn.env_allowed, &variables(turn, &prompt, &contract)?),
        stdin: stdin.into_bytes(),
        stdout: log.clone(),
        stderr: error_log.clone(),
        limit: turn.limit,
        grace: GRACE,
        log_cap: turn.log_cap,
        terms: Terms { idle: turn.idle, ..Terms::default() },
    };
    if let Some(sandbox) = &turn.sandbox {
        sandbox.hold(&mut job)?;
    }
    let outcome = process::supervised(job, stop).await?;
    let (answer, answer_cut) = read_end(&log, turn.log_cap).map_err(|source| failed(&log, source))?;
    let (answer, usage) = split_usage(answer);
    Ok(TurnResult { outcome, answer, answer_cut, log, error_log, usage })
}

/// Makes the argument list and the standard input for a command.
fn exec_call(
    command: &str,
    by: PromptBy,
    prompt: &str,
    file: &Path,
) -> Result<(Vec<String>, String), AgentError> {
    let shell = |script: String| ["sh".to_owned(), "-c".to_owned(), script].to_vec();
    let by_file = || -> Result<Vec<String>, AgentError> {
        let quoted = shlex::try_quote(text(file)?).map_err(|_| AgentError::Path(file.to_owned()))?;
        Ok(shell(command.replace(PROMPT_MARK, &quoted)))
    };
    let by = if command.contains(PROMPT_MARK) && by == PromptBy::Argument { PromptBy::File } else { by };
    match by {
        PromptBy::Stdin => Ok((by_file()?, prompt.to_owned())),
        PromptBy::File => Ok((by_file()?, String::new())),
        PromptBy::Argument if prompt.len() <= ARGUMENT_MAX => {
            let mut argv = shell(format!("{} \"$@\"", command.trim_end()));
            argv.extend(["sh".to_owned(), prompt.to_owned()]);
            Ok((argv, String::new()))
        }
        PromptBy::Argument => Err(AgentError::LongPrompt { bytes: prompt.len() }),
    }
}

/// The variables that tell an agent what it works on.
fn variables(turn: &Turn, prompt: &Path, contract: &Path) -> Result<Vec<(String, String)>, AgentError> {
    let pairs = [
        ("GIT_ORCH_TASK", turn.task.to_string()),
        ("GIT_ORCH_ROLE", turn.role.to_string()),
        ("GIT_ORCH_RUN", turn.run.to_string()),
        ("GIT_ORCH_TRY", turn.try_number.to_string()),
        ("GIT_ORCH_WORKTREE", text(&turn.dir)?.to_owned()),
        ("GIT_ORCH_PROMPT", text(prompt)?.to_owned()),
        ("GIT_ORCH_CONTRACT", text(contract)?.to_owned()),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Reads the end of a log, where the answer is; tells whether there was more.
fn read_end(log: &Path, cap: u64) -> std::io::Result<(String, bool)> {
    let mut file = fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(ANSWER_MAX)))?;
    let mut bytes = Vec::new();
    file.take(ANSWER_MAX).read_to_end(&mut bytes)?;
    // Longer than the cap is a log only by the marker at its end.
    Ok((String::from_utf8_lossy(&bytes).into_owned(), length > ANSWER_MAX || length > cap))
}

/// The last line by which a command may tell what it used: `{"git-orch-usage":{"tokens":N,"cost_usd":0.12}}`.
#[derive(Deserialize)]
struct UsageLine {
    #[serde(rename = "git-orch-usage")]
    usage: UsageWire,
}

#[derive(Deserialize)]
struct UsageWire {
    tokens: Option<u64>,
    cost_usd: Option<f64>,
}

/// Takes the line about usage off an answer, when it is its last one.
fn split_usage(answer: String) -> (String, Usage) {
    let trimmed = answer.trim_end();
    let (rest, last) = trimmed.rsplit_once('\n').unwrap_or(("", trimmed));
    let Ok(UsageLine { usage: UsageWire { tokens, cost_usd } }) = serde_json::from_str(last) else {
        return (answer, Usage::default());
    };
    (rest.to_owned(), Usage { tokens, cost_usd_micros: cost_usd.and_then(micros) })
}

/// Dollars as millionths; `None` for what is no amount.
fn micros(dollars: f64) -> Option<u64> {
    let micros = (dollars * 1e6).round();
    // Above 2^53 a float is no longer exact, and nobody's bill is.
    (0.0..9.0e15).contains(&micros).then_some(micros as u64)
}

fn written(folder: &Path, name: &str, text: &str) -> Result<PathBuf, AgentError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|source| failed(&path, source))?;
    Ok(path)
}

fn text(path: &Path) -> Result<&str, AgentError> {
    path.to_str().ok_or_else(|| AgentError::Path(path.to_owned()))
}

fn failed(path: &Path, source: std::io::Error) -> AgentError {
    AgentError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Ended;
    use tempfile::TempDir;

    /// A turn in a folder of its own, with the worktree `tree` and the logs in `it's logs`.
    fn turn(role: &str, prompt: &str) -> (TempDir, Turn) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("tree");
        fs::create_dir(&dir).unwrap();
        let turn = Turn {
            task: TaskId::parse("add-tax").unwrap(),
            role: Role::parse(role).unwrap(),
            try_number: 2,
            run: RunId("r-abc".to_owned()),
            log_folder: folder.path().join("it's logs"),
            dir,
            prompt: prompt.to_owned(),
            contract: r#"{"task":"add-tax"}"#.to_owned(),
            limit: Duration::from_secs(20),
            log_cap: 4 << 20,
            env_allowed: Vec::new(),
            sandbox: None,
            idle: None,
        };
        (folder, turn)
    }

    fn run(agent: &str, turn: &Turn) -> Result<TurnResult, AgentError> {
        run_by(&super::super::parse(agent).unwrap(), turn)
    }

    fn run_by(agent: &Agent, turn: &Turn) -> Result<TurnResult, AgentError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(take(agent, turn, Stop::new()))
    }

    #[test]
    fn a_command_gets_prompt_and_variables() {
        let (_folder, turn) = turn("review_safety", "do it\n");
        let result = run(
            r#"exec:cat; echo $GIT_ORCH_TASK $GIT_ORCH_ROLE $GIT_ORCH_RUN $GIT_ORCH_TRY
               cat "$GIT_ORCH_PROMPT" "$GIT_ORCH_CONTRACT"; cd "$GIT_ORCH_WORKTREE" && echo new > file; echo bad >&2; exit 9"#,
            &turn,
        )
        .unwrap();
        assert_eq!(result.outcome.ended, Ended::Exited(9));
        assert_eq!(result.answer, "do it\nadd-tax review_safety r-abc 2\ndo it\n{\"task\":\"add-tax\"}");
        assert_eq!(fs::read_to_string(turn.dir.join("file")).unwrap(), "new\n");
        assert_eq!(fs::read_to_string(&result.error_log).unwrap(), "bad\n");
        assert_eq!((result.usage, result.answer_cut), (Usage::default(), false));
    }

    #[test]
    fn a_prompt_goes_by_file_or_by_argument() {
        let (_folder, turn) = turn("implement", "a 'quoted' $HOME\n");
        assert_eq!(run("exec:cat {prompt}; cat", &turn).unwrap().answer, turn.prompt);
        let mut agent = super::super::parse("exec:printf %s").unwrap();
        agent.prompt = PromptBy::Argument;
        assert_eq!(run_by(&agent, &turn).unwrap().answer, turn.prompt);
    }

    #[test]
    fn a_long_prompt_is_no_argument() {
        let (_folder, turn) = turn("implement", &"x".repeat(ARGUMENT_MAX + 1));
        let mut agent = super::super::parse("exec:wc -c").unwrap();
        agent.prompt = PromptBy::Argument;
        assert!(matches!(run_by(&agent, &turn), Err(AgentError::LongPrompt { bytes: 102_401 })));
        agent.kind = Kind::Exec { command: "wc -c < {prompt}".to_owned() };
        assert_eq!(run_by(&agent, &turn).unwrap().answer.trim(), "102401");
    }

    #[test]
    fn a_long_answer_is_cut_at_its_front() {
        let (_folder, turn) = turn("implement", "");
        let result = run("exec:head -c 2000000 /dev/zero | tr '\\0' x; echo; echo end", &turn).unwrap();
        assert_eq!(result.answer.len(), 1 << 20);
        assert!(result.answer_cut && result.answer.ends_with("x\nend\n"));
    }

    #[test]
    fn usage_is_read_from_the_last_line() {
        let usage = |line: &str| split_usage(format!("report\n{line}\n"));
        let (answer, both) = usage(r#"{"git-orch-usage":{"tokens":1200,"cost_usd":0.12}}"#);
        assert_eq!(answer, "report");
        assert_eq!(both, Usage { tokens: Some(1200), cost_usd_micros: Some(120_000) });
        let (_, one) = usage(r#"{"git-orch-usage":{"tokens":1}}"#);
        assert_eq!(one, Usage { tokens: Some(1), cost_usd_micros: None });
        let (_, none) = usage(r#"{"git-orch-usage":{"cost_usd":-1}}"#);
        assert_eq!(none, Usage::default());
        assert_eq!(usage("no JSON"), ("report\nno JSON\n".to_owned(), Usage::default()));
    }

    #[test]
    fn a_script_plays_as_a_process() {
        let (folder, turn) = turn("review_safety", "");
        let scripts = folder.path().join("scripts");
        fs::create_dir(&scripts).unwrap();
        let text = "[[turn]]\nrole = \"review\"\nsay = \"fine by me\"\nexit = 4\n\
                    [[turn.write]]\npath = \"src/a.sh\"\ntext = \"hi\"\n";
        fs::write(scripts.join("_default.toml"), text).unwrap();
        let agent = format!("script:{}", scripts.display());
        let result = run(&agent, &turn).unwrap();
        assert_eq!(
            result.outcome.ended,
            Ended::Exited(4),
            "{}",
            fs::read_to_string(&result.error_log).unwrap()
        );
        assert!(result.answer.ends_with("fine by me\n"), "{}", result.answer);
        assert_eq!(fs::read_to_string(turn.dir.join("src/a.sh")).unwrap(), "hi");

        fs::remove_file(scripts.join("_default.toml")).unwrap();
        let error = run(&agent, &turn).unwrap_err().to_string();
        assert!(error.starts_with("no script for task add-tax: neither add-tax.toml nor"), "{error}");
    }
}
