//! Takes a turn: calls an agent with its prompt, and waits for what comes of it.

use super::{
    Agent, AgentError, Kind,
    call::{self, Files, Started},
    script,
    told::{self, Logs},
    turn::{Turn, TurnResult},
};
use crate::{
    policy::agents::Call,
    process::{self, Job, Stop, Terms, sandbox::Sandbox},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an agent has after its limit to end by itself: with what its clean-up takes, it is gone within five seconds.
const GRACE: Duration = Duration::from_secs(3);

/// Calls an agent and waits for its end, its limit, or `stop`.
///
/// # Errors
/// The agent could not be called: its program or script is missing, or a file cannot be written.
pub(crate) async fn take(agent: &Agent, turn: &Turn, stop: Stop) -> Result<TurnResult, AgentError> {
    let folder =
        std::path::absolute(&turn.log_folder).map_err(|source| AgentError::file(&turn.log_folder, source))?;
    fs::create_dir_all(&folder).map_err(|source| AgentError::file(&folder, source))?;
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
            fs::create_dir_all(&temp).map_err(|source| AgentError::file(&temp, source))?;
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
    fs::write(&path, text).map_err(|source| AgentError::file(&path, source))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::turn::{Access, Usage};
    use crate::policy::agents::{AgentEntry, PromptBy};
    use crate::process::Ended;
    use crate::task::id::{RunId, TaskId};
    use crate::task::role::Role;
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
