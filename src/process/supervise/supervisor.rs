//! The side that does: the process behind `git-orch __supervise`.

use super::{
    Ended, Job, Outcome, control,
    kept::Kept,
    pump::Pump,
    record::Record,
    relay,
    sweep::{adopt_orphans, ask_to_end, signal_group, sweep, sweep_sparing},
    wire,
};
use crate::process::{ProcessError, free_bytes, procfs, short};
use rustix::process::Signal;
use std::{
    ffi::OsStr,
    io::{BufRead as _, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::{sleep, timeout},
};

/// Pause between two counts of a job's processes, and between two looks at its disk.
const COUNTING: Duration = Duration::from_millis(500);
/// How long a job whose outcome is kept may go on without its orchestrator: one that was about to end ends by itself.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs the job that stands on standard input and writes its outcome to standard output; returns the exit code.
pub(crate) fn supervisor_main() -> u8 {
    leave_session();
    let reply = receive().and_then(|(job, gone)| run(&job, gone));
    // Without a reader the orchestrator is gone, and the work here is done all the same.
    let _ = std::io::stdout().lock().write_all(&wire::reply_line(&reply));
    u8::from(reply.is_err())
}

/// Begins a session of its own: no Ctrl-C from the terminal, and no terminal that the program could type into.
fn leave_session() {
    // Refused only to the leader of a process group, which a shell makes of us when it starts us by hand.
    let _ = rustix::process::setsid();
}

/// Reads the job, and from then on watches for the end of standard input.
///
/// A thread does it, because a read that waits would hold up the end of the runtime; the process's end takes it along.
fn receive() -> Result<(Job, oneshot::Receiver<()>), String> {
    let mut stdin = std::io::stdin().lock();
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(|error| format!("no job: {error}"))?;
    drop(stdin);
    let job = wire::read_job(&line)?;
    let (end, gone) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while let Ok(1..) = std::io::stdin().read(&mut rest) {}
        let _ = end.send(()); // nobody waits any more when the job has ended
    });
    Ok((job, gone))
}

fn run(job: &Job, gone: oneshot::Receiver<()>) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the supervisor: {error}"))?;
    let outcome = runtime.block_on(async {
        ignore_signals();
        let ended_early = async { gone.await.unwrap_or_default() };
        oversee(job, ended_early).await.map_err(|error| chain(&error))
    });
    // A name that nobody resolves may take minutes, and the outcome must not wait for it.
    runtime.shutdown_background();
    outcome
}

/// Takes the default effect from the signals that end programs: only the end of standard input ends this one.
fn ignore_signals() {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        // A handler that does nothing, in place of "ignore", which the program would inherit. Where there is none to
        // be had, the process group of its own still keeps the terminal's Ctrl-C away.
        let _ = signal(kind);
    }
}

/// Runs a job to its end, and ends it at its limit or when `ended_early` says so; then kills all that is left.
///
/// Kills all descendants of the calling process and reaps its children: only for the supervisor.
async fn oversee(job: &Job, ended_early: impl Future<Output = ()>) -> Result<Outcome, ProcessError> {
    adopt_orphans();
    let Doors { relay, control } = Doors::open(job).await?;
    let port = relay.as_ref().and_then(|relay| relay.port);
    let job = &port.map_or_else(|| job.clone(), |port| with_port(job, port));
    let kept = job.terms.outcome.as_deref().map(Kept::begin).transpose()?;
    let (mut child, pumps) = start(job)?;
    let pid = child.id().expect("not waited for yet");
    let started = Instant::now();
    let record = job.terms.record.as_deref().map(|path| Record::write(path, pid)).transpose()?;
    let feeder = tokio::spawn(feed(child.stdin.take(), job.stdin.clone()));
    let last_words = if kept.is_some() { LAST_WORDS } else { Duration::ZERO };
    let ended = until_end(job, &mut child, pid, &pumps, last_words, ended_early).await;
    let seconds = started.elapsed().as_secs_f64();

    feeder.abort();
    let swept = sweep_all(control, pid).await;
    drop(record);
    let mut dropped = 0;
    for pump in pumps {
        dropped += pump.finish().await;
    }
    let requests = relay.map_or(0, |relay| relay.requests());
    let outcome = Outcome { ended, seconds, dropped, swept, requests, pid };
    if let Some(kept) = kept {
        kept.end(&outcome)?;
    }
    Ok(outcome)
}

/// What a job's processes may speak to outside of them, open before the first of them starts.
struct Doors {
    relay: Option<relay::Listening>,
    control: Option<control::Listening>,
}

impl Doors {
    async fn open(job: &Job) -> Result<Doors, ProcessError> {
        let failed = |what| move |source| ProcessError::System { what, source };
        let relay = match &job.terms.relay {
            Some(relay) => Some(relay::listen(relay).await.map_err(failed("open the relay"))?),
            None => None,
        };
        let control = job.terms.control.clone().map(control::Listening::start).transpose();
        Ok(Doors { relay, control: control.map_err(failed("open the control socket"))? })
    }
}

/// Waits until the program ends, or ends it: at a limit, or `last_words` after `ended_early` says so.
async fn until_end(
    job: &Job,
    child: &mut Child,
    pid: u32,
    pumps: &[Pump],
    last_words: Duration,
    ended_early: impl Future<Output = ()>,
) -> Ended {
    tokio::pin!(ended_early);
    tokio::select! {
        biased;
        status = child.wait() => status.map_or(Ended::Stopped, ended_by),
        () = &mut ended_early => match timeout(last_words, child.wait()).await {
            Ok(Ok(status)) => ended_by(status),
            Ok(Err(_)) | Err(_) => {
                kill(child, pid).await;
                Ended::Stopped
            }
        },
        () = crowded(job.terms.processes) => {
            kill(child, pid).await;
            Ended::Crowded
        }
        () = filled(&job.dir, job.terms.disk_floor) => {
            kill(child, pid).await;
            Ended::Full
        }
        why = limit(job, pumps) => {
            ask_to_end(pid);
            tokio::select! {
                biased;
                _ = child.wait() => {}
                () = &mut ended_early => kill(child, pid).await,
                () = sleep(job.grace) => kill(child, pid).await,
            }
            why
        }
    }
}

/// Kills what is left of a job, and closes its control socket; returns how many processes that were.
///
/// In threads of their own, so that the pumps go on meanwhile.
async fn sweep_all(control: Option<control::Listening>, pid: u32) -> u32 {
    let mut swept = 0;
    if let Some(control) = control {
        if let Some(spared) = control.spared() {
            swept += tokio::task::spawn_blocking(move || sweep_sparing(spared)).await.unwrap_or_default();
        }
        control.close().await;
    }
    swept + tokio::task::spawn_blocking(move || sweep(pid)).await.unwrap_or_default()
}

/// Waits for the job's time limit, or until it has neither written nor worked for too long.
async fn limit(job: &Job, pumps: &[Pump]) -> Ended {
    let time = sleep(job.limit);
    let Some(idle) = job.terms.idle else {
        time.await;
        return Ended::TimedOut;
    };
    tokio::pin!(time);
    let me = std::process::id();
    // A program that only waits still burns a little; at 100 ticks a second this is one part in a hundred.
    let rest = idle.as_secs().max(1);
    let (mut read, mut worked) = (0, 0);
    loop {
        tokio::select! {
            () = &mut time => return Ended::TimedOut,
            () = sleep(idle) => {}
        }
        let (read_before, worked_before) = (read, worked);
        read = pumps.iter().map(Pump::read).sum::<u64>();
        worked = procfs::ticks_below(me);
        if read == read_before && worked < worked_before + rest {
            return Ended::Idle;
        }
    }
}

/// Waits until there are more processes than there may be: for those whom the system's own limit does not bind.
async fn crowded(most: Option<u32>) {
    let Some(most) = most else { return std::future::pending().await };
    let me = std::process::id();
    loop {
        sleep(COUNTING).await;
        if procfs::count_descendants(me, most) > most {
            return;
        }
    }
}

/// Waits until the disk of a folder has less free space than it must. What fills it is not asked: to measure a worktree
/// with all that is built there takes longer than to fill a disk, and every program on it needs what is left.
async fn filled(folder: &Path, floor: Option<u64>) {
    let Some(floor) = floor else { return std::future::pending().await };
    loop {
        sleep(COUNTING).await;
        if free_bytes(folder).is_some_and(|free| free < floor) {
            return;
        }
    }
}

/// The job with the relay's port in it.
fn with_port(job: &Job, port: u16) -> Job {
    let mut job = job.clone();
    let texts = job.argv.iter_mut().chain(job.env.iter_mut().map(|(_, value)| value));
    for text in texts.filter(|text| text.contains(relay::PORT_MARK)) {
        *text = text.replace(relay::PORT_MARK, &port.to_string());
    }
    job
}

/// Starts the program in a process group of its own, with its output going into the logs.
fn start(job: &Job) -> Result<(Child, Vec<Pump>), ProcessError> {
    let (program, arguments) = job.argv.split_first().expect("the wire brings no empty argv");
    let path = job.env.iter().rev().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value);
    let file = short::find(program, OsStr::new(path), &job.dir)
        .ok_or_else(|| ProcessError::NotFound { program: program.clone(), searched: path.to_owned() })?;
    let mut command = Command::new(file);
    command.args(arguments).current_dir(&job.dir).process_group(0).kill_on_drop(true).stdin(Stdio::piped());
    command.env_clear().envs(job.env.iter().map(|(name, value)| (name, value)));
    command.arg0(program);
    let (out, pump) = Pump::start(&job.stdout, job.log_cap)?;
    let mut pumps = vec![pump];
    if job.stderr == job.stdout {
        // One pipe for both: the system keeps the order.
        let again =
            out.try_clone().map_err(|source| ProcessError::Log { path: job.stderr.clone(), source })?;
        command.stderr(again);
    } else {
        let (err, pump) = Pump::start(&job.stderr, job.log_cap)?;
        command.stderr(err);
        pumps.push(pump);
    }
    command.stdout(out);
    let child = command.spawn().map_err(|source| ProcessError::Start {
        program: program.clone(),
        dir: job.dir.clone(),
        source,
    })?;
    Ok((child, pumps)) // `command` ends here, and with it our own hold on the pipes
}

/// Writes standard input and closes it. A program that does not read it all is within its rights.
async fn feed(stdin: Option<tokio::process::ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(&bytes).await;
    }
}

/// Kills the program's process group and waits for the program itself, which may hang in the kernel.
async fn kill(child: &mut Child, group: u32) {
    signal_group(group, Signal::KILL);
    let _ = timeout(Duration::from_secs(2), child.wait()).await;
}

fn ended_by(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signaled(signal.unwrap_or_default()),
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
