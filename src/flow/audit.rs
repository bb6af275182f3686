//! Looks at what agents wrote, before it is handed in (E4): the commands of `audit.commands`, in the worktree, held.

use crate::agent::TurnResult;
use crate::plan::turns::Work;
use crate::process::sandbox::Endpoints;
use crate::process::{Ended, Job, Stop, Terms, keyless_environment, supervised};
use crate::synthesis::Overlap;
use crate::task::evidence::FailedTest;
use crate::task::id::TaskId;
use crate::task::{Evidence, State, Trouble};

use super::ended::ended_in_words;
use super::sandbox::{Use, named_in};
use super::turn::Ready;
use super::{FlowError, Project};

/// Bytes of a command's output that are kept.
const LOG_MAX: u64 = 1 << 20;
/// Lines of it that stand in the evidence.
const LINES_MAX: usize = 20;

/// What came of looking at a turn's work, before it is judged.
#[derive(Debug, Default)]
pub(crate) struct Audited {
    /// Why it cannot be handed in, if it cannot.
    pub(crate) refused: Option<Evidence>,
    /// What several workers wrote both.
    pub(crate) overlaps: Vec<Overlap>,
}

impl Project {
    /// Writes what an answer holds, where the agent could not, and runs the project's own checks over the change.
    ///
    /// # Errors
    /// Git fails, or a check cannot be started.
    pub(crate) async fn audit_turn(
        &self,
        ready: &Ready,
        result: &TurnResult,
        stop: &Stop,
    ) -> Result<Audited, FlowError> {
        let task = match &ready.work {
            Work::Implement { task } | Work::Fix { task } | Work::Test { task } => task,
            Work::Review { .. } | Work::Clarify { .. } => return Ok(Audited::default()),
        };
        let failed = result.not_asked().is_some();
        let files = ready.agent.answers_files();
        let whole = matches!(result.outcome.ended, Ended::Exited(_)) && (!files || result.complete);
        if failed || !whole || (self.policy.audit.is_empty() && !files) {
            return Ok(Audited::default());
        }
        let Some(stored) = self.store.load(task)? else { return Ok(Audited::default()) };
        if !matches!(stored.task.state, State::InProgress { .. }) {
            return Ok(Audited::default());
        }
        let mut audited = Audited::default();
        if files {
            let author = ready.agent.name.split(':').next().unwrap_or_default();
            match self.write_answer(&stored.task, author, result)? {
                Ok(overlaps) => audited.overlaps = overlaps,
                Err(evidence) => {
                    audited.refused = Some(evidence);
                    return Ok(audited);
                }
            }
        }
        for command in &self.policy.audit {
            audited.refused = self.audit(task, command, stop).await?;
            if audited.refused.is_some() {
                break;
            }
        }
        Ok(audited)
    }

    /// Runs one command over a task's worktree; what it says where it does not end with 0.
    async fn audit(&self, task: &TaskId, command: &str, stop: &Stop) -> Result<Option<Evidence>, FlowError> {
        let worktree = self.worktree_of(task);
        let log = self.log_path(task, "audit")?;
        let errors = log.with_extension("err.log");
        // What it runs is an agent's work: it is held as that agent is.
        let room = self.room(&worktree, Use::Change, named_in(command), Endpoints::default())?;
        let limit = self.policy.tests.timeout;
        let mut job = Job {
            argv: ["sh", "-c", command].map(str::to_owned).to_vec(),
            dir: worktree,
            env: keyless_environment(
                &self.policy.agents.env,
                &[("GIT_ORCH_TASK".to_owned(), task.to_string())],
            ),
            stdin: Vec::new(),
            stdout: log.clone(),
            stderr: errors.clone(),
            limit,
            grace: std::time::Duration::from_secs(2),
            log_cap: LOG_MAX,
            terms: Terms::default(),
        };
        room.sandbox.hold(&mut job)?;
        let ended = supervised(job, stop.clone()).await?.ended;
        if matches!(ended, Ended::Exited(0) | Ended::Stopped) {
            return Ok(None);
        }
        let mut lines: Vec<String> = Vec::new();
        for path in [&log, &errors] {
            let bytes = std::fs::read(path).unwrap_or_default();
            lines.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
        }
        let from = lines.len().saturating_sub(LINES_MAX);
        let said = lines[from..].join("\n");
        let last = lines.iter().rev().find(|line| !line.trim().is_empty()).cloned().unwrap_or_default();
        let text = format!("'{command}' refuses it ({}): {last}", ended_in_words(ended, limit));
        let tests = vec![FailedTest { name: command.to_owned(), line: said }];
        let evidence = Evidence::new(Trouble::Audit, text.trim_end_matches(": "));
        Ok(Some(Evidence { reproduce: Some(command.to_owned()), tests, ..evidence }))
    }
}
