//! What holding and watching agents costs on this machine: the start of a sandbox, and six agents that wait.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::policy::agents::Call;
use crate::process::sandbox::{Endpoints, Means};
use crate::process::{Ended, Job, Load, Terms, agent_environment, loads, supervised_blocking};

use super::bench::{git, median};
use super::progress::Unwatched;
use super::project::Given;
use super::run::{RunRequest, run};
use super::sandbox::{Room, Use, needed_by};
use super::task::AddRequest;
use super::{FlowError, Project};

/// The program whose own costs are not ours: what each agent is.
const IDLE: &str = "sleep";
/// How long agents may take until all of them wait.
const STARTING: Duration = Duration::from_secs(60);
/// Time for them to come to rest.
const SETTLING: Duration = Duration::from_secs(2);

/// The figures of one run.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) means: Means,
    /// Medians in milliseconds, from the call to the outcome, of a program that does nothing: under a supervisor, and
    /// under one in its sandbox.
    pub(crate) supervised: f64,
    pub(crate) held: f64,
    pub(crate) rounds: usize,
    pub(crate) agents: usize,
    pub(crate) seconds: u64,
    /// Share of one core that the run, its supervisors and sandboxes used while all agents waited, in percent.
    pub(crate) cpu_percent: f64,
    /// Their memory in MB; what they share counts once.
    pub(crate) memory_mb: f64,
    pub(crate) processes: usize,
}

impl Held {
    /// What the sandbox adds to a start, in milliseconds.
    pub(crate) fn start(&self) -> f64 {
        self.held - self.supervised
    }
}

/// Measures in a scratch repository.
///
/// # Errors
/// It cannot be made, no sandbox is to be had, or the agents do not start.
pub(crate) fn measure(
    given: &Given,
    rounds: usize,
    agents: usize,
    seconds: u64,
    say: &dyn Fn(&str),
) -> Result<Held, FlowError> {
    let folder = tempfile::tempdir().map_err(FlowError::file("make", Path::new("a temporary folder")))?;
    let dir = folder.path().join("repo");
    std::fs::create_dir(&dir).map_err(FlowError::file("make", &dir))?;
    let project = scratch(given, &dir, agents, seconds)?;
    let means = project.means()?;
    say("starts");
    let (mut bare, mut held) = (Vec::new(), Vec::new());
    for round in 0..=rounds.max(1) {
        let pair = (start(&project, false)?, start(&project, true)?);
        if round > 0 {
            bare.push(pair.0);
            held.push(pair.1);
        }
    }
    say(&format!("{agents} agents that wait"));
    let (cpu_percent, memory_mb, processes) = wait_with(&project, agents, seconds)?;
    Ok(Held {
        means,
        supervised: median(bare),
        held: median(held),
        rounds: rounds.max(1),
        agents,
        seconds,
        cpu_percent,
        memory_mb,
        processes,
    })
}

/// A repository with a task for each agent, and an agent that waits, with all that a real one has: its own network, a
/// relay, a control socket.
fn scratch(given: &Given, dir: &Path, agents: usize, seconds: u64) -> Result<Project, FlowError> {
    git(dir, &["init", "--quiet", "--initial-branch=main"])?;
    for (key, value) in [("user.name", "Bench"), ("user.email", "bench@localhost"), ("gc.auto", "0")] {
        git(dir, &["config", key, value])?;
    }
    let wait = STARTING.as_secs() / 6 + SETTLING.as_secs() + seconds;
    let settings = format!(
        "[retry]\ntries = 1\n[run]\njobs = {agents}\n[agents]\nimplement = \"idle\"\n[agent.idle]\n\
         command = \"touch begun; exec {IDLE} {wait}\"\nendpoints = [\"http://127.0.0.1:48109\"]\ntier = \"cheap\"\n"
    );
    let path = dir.join("orch.toml");
    std::fs::write(&path, settings).map_err(FlowError::file("write", &path))?;
    git(dir, &["add", "."])?;
    git(dir, &["commit", "--quiet", "-m", "first"])?;
    let project = Project::open(&Given { dir: dir.to_owned(), ..given.clone() })?;
    for number in 1..=agents {
        let id = Some(format!("wait-{number}"));
        let request = AddRequest { id, title: "Wait".to_owned(), ..AddRequest::default() };
        let new = project.plan_add(&request)?;
        project.add(&project.op(), new)?;
    }
    project.reopened()
}

/// Milliseconds from the call to the outcome of a program that does nothing.
fn start(project: &Project, held: bool) -> Result<f64, FlowError> {
    let call = Call::Argv(vec!["true".to_owned()]);
    let endpoints = Endpoints { hosts: vec!["http://127.0.0.1:48109".to_owned()], base_url: Vec::new() };
    let begun = Instant::now();
    let room: Room = match held {
        true => project.room(project.root(), Use::Look, needed_by(&call), endpoints)?,
        false => project.open_room()?,
    };
    let log = room.sandbox.scratch.join("log");
    let mut job = Job {
        argv: vec!["true".to_owned()],
        dir: project.root().to_owned(),
        env: agent_environment(&[], &[]),
        stdin: Vec::new(),
        stdout: log.clone(),
        stderr: log,
        limit: Duration::from_secs(60),
        grace: Duration::ZERO,
        log_cap: 4096,
        terms: Terms::default(),
    };
    let log = job.stdout.clone();
    room.sandbox.hold(&mut job)?;
    let outcome = supervised_blocking(job)?;
    if outcome.ended == Ended::Exited(0) {
        return Ok(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let why = format!("`true` ended so: {:?}: {said}", outcome.ended);
    Err(FlowError::BadValue { what: "the start of a sandbox".to_owned(), why })
}

/// Lets a run hold its agents while they wait; answers processor share, memory and processes of all but the agents.
fn wait_with(project: &Project, agents: usize, seconds: u64) -> Result<(f64, f64, usize), FlowError> {
    let own = project.clone();
    let running = std::thread::spawn(move || {
        let request = RunRequest { no_land: true, ..RunRequest::default() };
        run(&own, &request, &Unwatched).map(drop)
    });
    let measured = while_they_wait(project, agents, seconds, &|| running.is_finished());
    match running.join() {
        Ok(ended) => ended?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    measured
}

fn while_they_wait(
    project: &Project,
    agents: usize,
    seconds: u64,
    is_over: &dyn Fn() -> bool,
) -> Result<(f64, f64, usize), FlowError> {
    let until = Instant::now() + STARTING;
    let begun = |number: usize| project.root().join(format!(".worktrees/wait-{number}/begun")).exists();
    while !(1..=agents).all(begun) {
        if Instant::now() > until || is_over() {
            let why = "not all of them began".to_owned();
            return Err(FlowError::BadValue { what: "agents that wait".to_owned(), why });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(SETTLING);
    let (before, at) = (ours(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, elapsed) = (ours(), at.elapsed().as_secs_f64());
    let cpu = |loads: &[Load]| loads.iter().map(|load| load.cpu.as_secs_f64()).sum::<f64>();
    let kilobytes: u64 = after.iter().map(|load| load.memory_kb).sum();
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let memory = kilobytes as f64 / 1024.0;
    Ok((100.0 * (cpu(&after) - cpu(&before)) / elapsed, memory, after.len()))
}

/// This process and all below it, but for the agents themselves.
fn ours() -> Vec<Load> {
    loads().into_iter().filter(|load| load.name != IDLE).collect()
}
