//! What parent and supervisor send to each other: one line of JSON in each direction.
//!
//! Both sides are the same program, so there is no version in it.

use super::{Control, Ended, Job, Outcome, Relay, Terms};
use crate::process::ProcessError;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// A job on its way to the supervisor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireJob {
    argv: Vec<String>,
    dir: String,
    env: Vec<(String, String)>,
    /// Standard input where it is text, which it nearly always is.
    #[serde(default)]
    stdin: String,
    /// Standard input otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stdin_bytes: Vec<u8>,
    stdout: String,
    stderr: String,
    limit_ms: u64,
    grace_ms: u64,
    log_cap: u64,
    #[serde(default)]
    record: Option<String>,
    #[serde(default)]
    processes: Option<u32>,
    #[serde(default)]
    disk_floor: Option<u64>,
    #[serde(default)]
    idle_ms: Option<u64>,
    #[serde(default)]
    relay: Option<Relay>,
    #[serde(default)]
    control: Option<Control>,
    #[serde(default)]
    outcome: Option<String>,
}

/// The supervisor's answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireReply {
    Outcome(WireOutcome),
    /// The program was not started; why.
    Failed(String),
}

#[derive(Serialize, Deserialize)]
struct WireOutcome {
    ended: WireEnded,
    seconds: f64,
    dropped: u64,
    swept: u32,
    #[serde(default)]
    requests: u32,
    pid: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireEnded {
    Exited(i32),
    Signaled(i32),
    TimedOut,
    Idle,
    Crowded,
    Full,
    Stopped,
}

/// Writes a job as a line, with its line end.
///
/// # Errors
/// A path is not Unicode.
pub(super) fn job_line(job: &Job) -> Result<Vec<u8>, ProcessError> {
    let text =
        |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| ProcessError::NotText(path.to_owned()));
    let (stdin, stdin_bytes) = match String::from_utf8(job.stdin.clone()) {
        Ok(text) => (text, Vec::new()),
        Err(bytes) => (String::new(), bytes.into_bytes()),
    };
    let wire = WireJob {
        argv: job.argv.clone(),
        dir: text(&job.dir)?,
        env: job.env.clone(),
        stdin,
        stdin_bytes,
        stdout: text(&job.stdout)?,
        stderr: text(&job.stderr)?,
        limit_ms: millis(job.limit),
        grace_ms: millis(job.grace),
        log_cap: job.log_cap,
        record: job.terms.record.as_deref().map(text).transpose()?,
        processes: job.terms.processes,
        disk_floor: job.terms.disk_floor,
        idle_ms: job.terms.idle.map(millis),
        relay: job.terms.relay.clone(),
        control: job.terms.control.clone(),
        outcome: job.terms.outcome.as_deref().map(text).transpose()?,
    };
    Ok(line(&wire))
}

/// Reads a job.
///
/// # Errors
/// The text is no job, or names no program.
pub(super) fn read_job(line: &str) -> Result<Job, String> {
    let wire: WireJob = serde_json::from_str(line).map_err(|error| format!("no job: {error}"))?;
    if wire.argv.is_empty() {
        return Err("no job: argv is empty".to_owned());
    }
    let stdin = if wire.stdin_bytes.is_empty() { wire.stdin.into_bytes() } else { wire.stdin_bytes };
    Ok(Job {
        argv: wire.argv,
        dir: PathBuf::from(wire.dir),
        env: wire.env,
        stdin,
        stdout: PathBuf::from(wire.stdout),
        stderr: PathBuf::from(wire.stderr),
        limit: Duration::from_millis(wire.limit_ms),
        grace: Duration::from_millis(wire.grace_ms),
        log_cap: wire.log_cap,
        terms: Terms {
            record: wire.record.map(PathBuf::from),
            processes: wire.processes,
            disk_floor: wire.disk_floor,
            idle: wire.idle_ms.map(Duration::from_millis),
            relay: wire.relay,
            control: wire.control,
            outcome: wire.outcome.map(PathBuf::from),
        },
    })
}

/// Writes an answer as a line, with its line end.
pub(super) fn reply_line(reply: &Result<Outcome, String>) -> Vec<u8> {
    let wire = match reply {
        Ok(outcome) => {
            let &Outcome { ended, seconds, dropped, swept, requests, pid } = outcome;
            let ended = match ended {
                Ended::Exited(code) => WireEnded::Exited(code),
                Ended::Signaled(signal) => WireEnded::Signaled(signal),
                Ended::TimedOut => WireEnded::TimedOut,
                Ended::Idle => WireEnded::Idle,
                Ended::Crowded => WireEnded::Crowded,
                Ended::Full => WireEnded::Full,
                Ended::Stopped => WireEnded::Stopped,
            };
            WireReply::Outcome(WireOutcome { ended, seconds, dropped, swept, requests, pid })
        }
        Err(why) => WireReply::Failed(why.clone()),
    };
    line(&wire)
}

/// Reads an answer: the last line of what the supervisor wrote. `None` is no answer; the inner error is its refusal.
pub(super) fn read_reply(text: &str) -> Option<Result<Outcome, String>> {
    let wire: WireReply = serde_json::from_str(text.trim_end().lines().last()?).ok()?;
    Some(match wire {
        WireReply::Outcome(WireOutcome { ended, seconds, dropped, swept, requests, pid }) => {
            let ended = match ended {
                WireEnded::Exited(code) => Ended::Exited(code),
                WireEnded::Signaled(signal) => Ended::Signaled(signal),
                WireEnded::TimedOut => Ended::TimedOut,
                WireEnded::Idle => Ended::Idle,
                WireEnded::Crowded => Ended::Crowded,
                WireEnded::Full => Ended::Full,
                WireEnded::Stopped => Ended::Stopped,
            };
            Ok(Outcome { ended, seconds, dropped, swept, requests, pid })
        }
        WireReply::Failed(why) => Err(why),
    })
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("plain structs of numbers and text");
    line.push(b'\n');
    line
}

/// Milliseconds; what does not fit is for ever.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(stdin: &[u8]) -> Job {
        Job {
            argv: vec!["sh".to_owned(), "a\nb".to_owned()],
            dir: PathBuf::from("/tmp"),
            env: vec![("A".to_owned(), "ü".to_owned())],
            stdin: stdin.to_owned(),
            stdout: PathBuf::from("/tmp/out"),
            stderr: PathBuf::from("/tmp/err"),
            limit: Duration::from_millis(1500),
            grace: Duration::MAX,
            log_cap: 7,
            terms: Terms {
                record: Some(PathBuf::from("/tmp/r/job")),
                processes: Some(3),
                disk_floor: Some(6),
                idle: Some(Duration::from_millis(8)),
                relay: Some(Relay {
                    socket: Some(PathBuf::from("/tmp/s")),
                    known_as: Some(9),
                    endpoints: vec!["a".to_owned()],
                    secrets: vec![("b".to_owned(), "c".to_owned())],
                }),
                control: Some(Control {
                    socket: PathBuf::from("/tmp/c"),
                    argv: vec!["d".to_owned()],
                    dir: PathBuf::from("/"),
                    limit_ms: 5,
                }),
                outcome: Some(PathBuf::from("/tmp/ended")),
            },
        }
    }

    #[test]
    fn a_job_survives_the_way() {
        for stdin in [&b"text\nmore"[..], b"\xff\0\n", b""] {
            let line = String::from_utf8(job_line(&job(stdin)).unwrap()).unwrap();
            assert_eq!(line.matches('\n').count(), 1);
            let wanted = Job { grace: Duration::from_millis(u64::MAX), ..job(stdin) };
            assert_eq!(read_job(&line).unwrap(), wanted);
        }
        assert!(read_job("{}").unwrap_err().starts_with("no job: missing field"));
    }

    #[test]
    fn an_answer_survives_the_way() {
        for ended in [
            Ended::Exited(3),
            Ended::Signaled(9),
            Ended::TimedOut,
            Ended::Idle,
            Ended::Crowded,
            Ended::Full,
            Ended::Stopped,
        ] {
            let reply = Ok(Outcome { ended, seconds: 1.5, dropped: 2, swept: 3, requests: 5, pid: 4 });
            let line = String::from_utf8(reply_line(&reply)).unwrap();
            assert_eq!(read_reply(&line), Some(reply));
        }
        let refusal = Err("no such program".to_owned());
        assert_eq!(read_reply(&String::from_utf8(reply_line(&refusal)).unwrap()), Some(refusal));
        assert_eq!(read_reply("thread panicked"), None);
        assert_eq!(read_reply(""), None);
    }
}
