//! One call of an agent: prompt in, answer and usage out.

use super::{
    Agent, AgentError, Kind,
    call::{self, Files, Started},
    output::{Failure, Tokens},
    script,
    told::{self, Logs},
};
use crate::{
    policy::agents::Call,
    process::{self, Job, Outcome, Stop, Terms, sandbox::Sandbox},
    task::{
        id::{RunId, TaskId},
        record::MicroUsd,
        role::Role,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an agent has after its limit to end by itself: with what its clean-up takes, it is gone within five seconds.
const GRACE: Duration = Duration::from_secs(3);

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
    /// What it may do to the files there.
    pub(crate) access: Access,
    /// The model to ask for, where it is not the agent's own choice.
    pub(crate) model: Option<String>,
    /// What the turn may cost, for programs that can be told.
    pub(crate) budget: Option<MicroUsd>,
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

/// What an agent may do to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Edit,
    Read,
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub(crate) struct TurnResult {
    pub(crate) outcome: Outcome,
    /// The final answer, at most its last 1 MiB; empty where there is none.
    pub(crate) answer: String,
    /// Whether more was written than was read.
    pub(crate) answer_cut: bool,
    /// Whether the output ends as it should: with a final answer, or with why there is none.
    pub(crate) complete: bool,
    /// Why the program itself says that it could not go on.
    pub(crate) failure: Option<Failure>,
    /// Calls of tools that were refused.
    pub(crate) denied: usize,
    /// What its exit code means, where the agent's entry says.
    pub(crate) exit_means: Option<String>,
    /// The model that answered, or that was asked for.
    pub(crate) model: Option<String>,
    /// Log of standard output.
    pub(crate) log: PathBuf,
    /// Log of standard error.
    pub(crate) error_log: PathBuf,
    pub(crate) usage: Usage,
    /// The answers of a team's workers, by name; empty where one agent answered.
    pub(crate) parts: Vec<(String, String)>,
    /// Of a program that failed, the last line that it wrote: on standard error, or else as its plain answer. Not escaped.
    pub(crate) last_words: Option<String>,
}

/// What a turn cost. Unknown stays unknown: it is never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) tokens: Option<Tokens>,
    pub(crate) cost: Option<Cost>,
}

/// What a turn cost, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// By the agent itself.
    Reported(MicroUsd),
    /// From its tokens and a table of prices.
    Estimated(MicroUsd),
}

impl Cost {
    pub(crate) fn amount(self) -> MicroUsd {
        match self {
            Cost::Reported(amount) | Cost::Estimated(amount) => amount,
        }
    }
}

/// Calls an agent and waits for its end, its limit, or `stop`.
///
/// # Errors
/// The agent could not be called: its program or script is missing, or a file cannot be written.
pub(crate) async fn take(agent: &Agent, turn: &Turn, stop: Stop) -> Result<TurnResult, AgentError> {
    let folder = std::path::absolute(&turn.log_folder).map_err(|source| failed(&turn.log_folder, source))?;
    fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
    let logs = Logs { out: folder.join("stdout.log"), err: folder.join("stderr.log") };
    let job = job(agent, turn, &folder, &logs)?;
    let outcome = process::supervised(job, stop).await?;
    told::result(agent.entry(), turn, outcome, logs)
}

/// What is run for a turn, in its sandbox.
fn job(agent: &Agent, turn: &Turn, folder: &Path, logs: &Logs) -> Result<Job, AgentError> {
    let prompt = written(folder, "prompt.md", &turn.prompt)?;
    let contract = written(folder, "contract.json", &turn.contract)?;
    let temp = match turn.sandbox.as_ref().and_then(Sandbox::temporary) {
        Some(inside) => inside,
        None => {
            let temp = folder.join("temp");
            fs::create_dir_all(&temp).map_err(|source| failed(&temp, source))?;
            temp
        }
    };
    let entry = agent.entry();
    if let Some(Call::Argv(argv)) = entry.map(|entry| &entry.call)
        && let Some(program) = argv.first().filter(|program| process::which(program).is_none())
    {
        return Err(AgentError::NotInstalled { agent: agent.name.clone(), program: program.clone() });
    }
    let Started { argv, stdin } = match &agent.kind {
        Kind::Program(entry) => call::start(entry, turn, &Files { prompt: &prompt, temp: &temp })?,
        // Its workers are called, one by one.
        Kind::Team { .. } => return Err(AgentError::Empty { kind: "team" }),
        Kind::Script { folder } => Started { argv: script::call(folder, turn)?, stdin: String::new() },
    };
    let mut job = Job {
        argv,
        dir: turn.dir.clone(),
        env: call::environment(entry, turn, &prompt, &contract)?,
        stdin: stdin.into_bytes(),
        stdout: logs.out.clone(),
        stderr: logs.err.clone(),
        limit: turn.limit,
        grace: GRACE,
        log_cap: turn.log_cap,
        terms: Terms { idle: turn.idle, ..Terms::default() },
    };
    if let Some(sandbox) = &turn.sandbox {
        sandbox.hold(&mut job)?;
    }
    Ok(job)
}

fn written(folder: &Path, name: &str, text: &str) -> Result<PathBuf, AgentError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|source| failed(&path, source))?;
    Ok(path)
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> AgentError {
    AgentError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::agents::{AgentEntry, PromptBy};
    use crate::process::Ended;
    use std::collections::BTreeMap;
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
            access: Access::Edit,
            model: None,
            budget: None,
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
        run_by(&super::super::parse(agent, &BTreeMap::new()).unwrap(), turn)
    }

    fn by_argument(command: &str) -> Agent {
        let entry = AgentEntry { prompt: PromptBy::Argument, ..AgentEntry::of_command("mine", command) };
        Agent { name: "mine".to_owned(), kind: Kind::Program(Box::new(entry)) }
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
        assert_eq!(run_by(&by_argument("printf %s"), &turn).unwrap().answer, turn.prompt);
    }

    #[test]
    fn a_long_prompt_is_no_argument() {
        let (_folder, turn) = turn("implement", &"x".repeat(call::ARGUMENT_MAX + 1));
        let result = run_by(&by_argument("wc -c"), &turn);
        assert!(matches!(result, Err(AgentError::LongPrompt { bytes: 102_401 })));
        let agent = by_argument("wc -c < {prompt}");
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
