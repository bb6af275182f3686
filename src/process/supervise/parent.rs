//! The side that asks: starts a supervisor, hands it the job, and waits for the outcome.

use super::{Job, Outcome, Stop, record, wire};
use crate::process::{ProcessError, own_command};
use std::{io, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
};

/// How long after limit and grace a supervisor may take to clean up, before it counts as lost.
const CLEANING: Duration = Duration::from_secs(15);

/// Runs a job under a supervisor of its own, to its end or until `stop` is asked.
///
/// Dropping the future ends the job as well: the supervisor sees its standard input end.
///
/// # Errors
/// The program cannot be started, a log cannot be made, or the supervisor was lost.
pub(crate) async fn supervised(job: Job, stop: Stop) -> Result<Outcome, ProcessError> {
    let name = job.argv.first().cloned().unwrap_or_default();
    let lost = |why: String| ProcessError::Supervisor { program: name.clone(), why };
    let line = wire::job_line(&job)?;
    tracing::debug!(target: "run", argv = ?job.argv, dir = ?job.dir, limit = ?job.limit, "supervised");
    let mut child = start()?;
    let mut stdin = child.stdin.take().expect("asked for in start");
    let sent = stdin.write_all(&line).await;
    let record = job.terms.record.clone();
    let lost = |why: String| {
        // Killed from outside: whatever it leaves is ours now.
        if let Some(record) = &record {
            let left = record::end_left(record);
            tracing::warn!(%why, ?left, "a supervisor was lost");
        }
        lost(why)
    };
    let patience = job.limit.saturating_add(job.grace).saturating_add(CLEANING);
    let answer = match tokio::time::timeout(patience, answer(&mut child, stdin, &stop)).await {
        Ok(answer) => answer.map_err(|error| lost(error.to_string()))?,
        Err(_) => {
            // Stopped, or hanging in the kernel. Its end frees the pipes; its own children get no better.
            let _ = child.kill().await;
            return Err(lost(format!("none within {} seconds", patience.as_secs())));
        }
    };
    let status = child.wait().await.map_err(|error| lost(error.to_string()))?;
    match (wire::read_reply(&answer), sent) {
        (Some(reply), _) => reply.map_err(ProcessError::Refused),
        (None, Err(error)) => Err(lost(format!("{status}, {error}"))),
        (None, Ok(())) => Err(lost(status.to_string())),
    }
}

/// Runs a job as [`supervised`] does, for callers that are no futures. Nothing but its limit ends it.
///
/// # Errors
/// As there.
pub(crate) fn supervised_blocking(job: Job) -> Result<Outcome, ProcessError> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| ProcessError::System { what: "start a runtime", source })?;
        runtime.block_on(supervised(job, Stop::new()))
    };
    // In a thread of its own: the loop of a run, that calls this too, has a runtime, and tokio refuses a second one.
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Reads all that the supervisor says, and closes its standard input when the end is asked for.
async fn answer(child: &mut Child, stdin: ChildStdin, stop: &Stop) -> io::Result<String> {
    let mut stdout = child.stdout.take().expect("asked for in start");
    let mut answer = String::new();
    let read = stdout.read_to_string(&mut answer);
    tokio::pin!(read);
    tokio::select! {
        result = &mut read => { result?; }
        () = stop.requested() => {
            drop(stdin);
            read.await?;
        }
    }
    Ok(answer)
}

/// Starts a supervisor, which at once goes into a session of its own, where the terminal's Ctrl-C does not reach it.
///
/// Not killed on drop: it must live to kill its program.
fn start() -> Result<Child, ProcessError> {
    let argv = own_command("__supervise", &[])?;
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().map_err(|source| ProcessError::Start {
        program: argv[0].clone(),
        dir: ".".into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Ended, Terms, agent_environment, alive, start_time};
    use std::path::Path;

    fn job(folder: &Path, script: &str) -> Job {
        Job {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            dir: folder.to_owned(),
            env: agent_environment(&[], &[]),
            stdin: b"prompt".to_vec(),
            stdout: folder.join("log"),
            stderr: folder.join("log"),
            limit: Duration::from_secs(20),
            grace: Duration::from_millis(200),
            log_cap: 1 << 20,
            terms: Terms::default(),
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn both_outputs_are_merged_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let job = job(folder.path(), "cat; echo; echo a; echo b >&2; echo c; exit 4");
        let outcome = supervised_blocking(job).unwrap();
        assert_eq!((outcome.ended, outcome.dropped), (Ended::Exited(4), 0));
        assert_eq!(std::fs::read_to_string(folder.path().join("log")).unwrap(), "prompt\na\nb\nc\n");
    }

    #[test]
    fn a_stop_ends_the_job_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::new();
        let (outcome, ()) = block_on(async {
            let asked = stop.clone();
            let ask = async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                asked.request();
            };
            tokio::join!(supervised(job(folder.path(), "trap '' TERM; sleep 15"), stop.clone()), ask)
        });
        let outcome = outcome.unwrap();
        assert_eq!(outcome.ended, Ended::Stopped);
        assert!(outcome.seconds < 5.0);
    }

    #[test]
    fn a_dropped_future_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        block_on(async {
            let job = job(folder.path(), "echo $$ > new; mv new pid; sleep 15");
            let run = supervised(job, Stop::new());
            let seen = async {
                while !file.exists() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::select! { _ = run => panic!("it sleeps"), () = seen => {} }
        });
        let pid: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let gone = (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            start_time(pid).is_none_or(|started| !alive(pid, started))
        });
        assert!(gone);
    }

    #[test]
    fn a_program_that_cannot_start_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let mut job = job(folder.path(), "");
        job.argv = vec!["no-such-agent".to_owned()];
        let error = supervised_blocking(job).unwrap_err().to_string();
        assert!(error.starts_with("program 'no-such-agent' not found (searched /"), "{error}");
    }
}
