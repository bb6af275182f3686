//! Supervisors and orchestrators that are killed outright: what their agents leave is found and ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Sandbox, bubblewrap_or_skip, machine_holds};

/// An agent that leaves a process in a session of its own and then works for long.
const AGENT: &str = "implement=exec:(setsid sleep 4242 &); echo begun > begun; sleep 4242";

struct Running {
    sandbox: Sandbox,
    orchestrator: Child,
    supervisor: u32,
}

fn start(options: &[&str]) -> Running {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let mut command = sandbox.orch(&["run", "--no-land", "--agent", AGENT]);
    command.args(options).stdout(Stdio::null()).stderr(Stdio::null());
    let orchestrator = command.spawn().unwrap();
    let begun = sandbox.path().join(".worktrees/one/begun");
    let mut supervisor = None;
    wait_for(|| {
        supervisor = noted(&sandbox);
        supervisor.is_some() && begun.exists()
    });
    Running { orchestrator, supervisor: supervisor.unwrap(), sandbox }
}

/// The supervisor that a record names.
fn noted(sandbox: &Sandbox) -> Option<u32> {
    let folder = fs::read_dir(rooms(sandbox)).ok()?.flatten().next()?.path();
    let record: Value = serde_json::from_slice(&fs::read(folder.join("job.json")).ok()?).ok()?;
    record["supervisor"].as_u64().and_then(|pid| u32::try_from(pid).ok())
}

fn rooms(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join(".git/orch/sandbox")
}

fn wait_for(mut met: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !met() {
        assert!(Instant::now() < until, "not within 20 seconds");
        sleep(Duration::from_millis(20));
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// Processes that work in this repository.
fn at_work(sandbox: &Sandbox) -> usize {
    in_folder(&sandbox.path().join(".worktrees/one"))
}

fn in_folder(folder: &Path) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder))
        .filter(|process| fs::read(process.join("cmdline")).is_ok_and(|command| !command.is_empty()))
        .count()
}

#[test]
fn a_killed_orchestrator_takes_its_agents_along() {
    let mut running = start(&[]);
    running.orchestrator.kill().unwrap();
    running.orchestrator.wait().unwrap();
    let begun = Instant::now();
    wait_for(|| at_work(&running.sandbox) == 0);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_killed_supervisor_takes_a_held_agent_along() {
    if !bubblewrap_or_skip("a_killed_supervisor_takes_a_held_agent_along") {
        return;
    }
    let mut running = start(&[]);
    signal("-STOP", running.orchestrator.id()); // it would clean up itself
    signal("-KILL", running.supervisor);
    let begun = Instant::now();
    wait_for(|| at_work(&running.sandbox) == 0);
    assert!(begun.elapsed() < Duration::from_secs(5));
    running.orchestrator.kill().unwrap();
    running.orchestrator.wait().unwrap();
}

#[test]
fn a_killed_supervisors_agent_is_ended_by_its_orchestrator() {
    let mut running = start(&["--no-sandbox", "--timeout", "3s"]); // its second try ends by that
    signal("-KILL", running.supervisor);
    running.orchestrator.wait().unwrap();
    assert_eq!(at_work(&running.sandbox), 0);
}

#[test]
fn what_a_killed_supervisor_left_is_ended_by_the_next_command() {
    let mut running = start(&["--no-sandbox"]);
    let sandbox = &running.sandbox;
    signal("-STOP", running.orchestrator.id());
    signal("-KILL", running.supervisor);
    running.orchestrator.kill().unwrap();
    running.orchestrator.wait().unwrap();
    assert!(at_work(sandbox) > 0, "the daemon lives on");
    let told = sandbox.run(&["doctor"]).stdout;
    assert!(told.contains("of an agent whose supervisor was killed"), "{told}");
    let mended = sandbox.run(&["doctor", "--fix"]).stdout;
    assert!(mended.contains("mended  ended "), "{mended}");
    assert_eq!(at_work(sandbox), 0);
    assert_eq!(fs::read_dir(rooms(sandbox)).unwrap().count(), 0, "its folder is gone");
    assert!(sandbox.run(&["doctor"]).stdout.contains("no agent runs without its supervisor"));
}

/// Tells what it used so far, and then does all that an agent may do to stay: forks twice, leaves its session, ignores
/// every polite signal, forks as far as it is let, floods both outputs, and leaves files with holes.
const HOSTILE: &str = r#"
printf '{"git-orch-usage":{"input":700,"output":77}}\n'
trap '' TERM HUP INT QUIT
(setsid sh -c "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1; done' &) ; while :; do sleep 1; done" &)
truncate -s 900G hole; touch work.txt
bomb() { while :; do (setsid sleep 4243 &); sleep 0.02; done; }
bomb & bomb &
touch begun
yes flood >&2 & yes flood
"#;

/// How a hostile agent ended: how long it outlived its limit, and what is left of it.
fn hostile(options: &[&str]) {
    let sandbox = Sandbox::new();
    let script = sandbox.home().parent().unwrap().join("hostile.sh");
    fs::write(&script, HOSTILE).unwrap();
    let settings = format!(
        "[tests]\nall = 'true'\n[retry]\ntries = 1\n[limits]\nlog_mb = 3\n[sandbox]\nprocesses = 400\n\
         [agent.hostile]\ncommand = 'sh {}'\n",
        script.display()
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "hostile"]);
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let begun = Instant::now();
    let arguments = [&["run", "--no-land", "--agent", "hostile", "--timeout", "2s"][..], options].concat();
    let ran = sandbox.run(&arguments).exits(4);
    let told = format!("{options:?}: {} s\n{}", begun.elapsed().as_secs_f64(), ran.stderr);
    assert_eq!(at_work(&sandbox), 0, "{told}");
    let task = sandbox.run(&["show", "one", "--json"]).exits(0).json()["data"].take();
    assert_eq!(task["needs"]["kind"], "time-limit", "{task}\n{told}");
    let log = sandbox.git(&["log", "--format=%s", "refs/orch/tasks/one"]);
    let turn = sandbox.git(&["show", "refs/orch/tasks/one:task.json"]);
    let turn: Value = serde_json::from_str(&turn).unwrap();
    assert_eq!(turn["spent"]["tokens"], 777, "{log}\n{told}");
    let folder =
        fs::read_dir(sandbox.path().join(".git/orch/logs/one")).unwrap().flatten().next().unwrap().path();
    for name in ["stdout.log", "stderr.log"] {
        let length = fs::metadata(folder.join(name)).unwrap().len();
        let cap = 3 << 20;
        assert!((cap..cap + 100).contains(&length), "{name} has {length} bytes");
    }
    let record = fs::read_to_string(folder.join("stdout.log")).unwrap();
    assert!(record.starts_with("{\"git-orch-usage\"") && record.ends_with("flood\n"));
}

#[test]
fn a_hostile_agent_is_gone_at_its_limit_and_what_it_used_is_known() {
    if bubblewrap_or_skip("a_hostile_agent_is_gone_at_its_limit_and_what_it_used_is_known") {
        hostile(&[]);
    }
}

#[test]
fn a_hostile_agent_is_gone_at_its_limit_without_a_sandbox_too() {
    hostile(&["--no-sandbox"]);
}

/// As the other trials of the supervisor, through the whole of `run`: a share here, all with `GIT_ORCH_TRIALS=500`. Every
/// second time it is the orchestrator that is killed.
#[test]
fn nobody_survives_a_run_in_its_sandbox() {
    let trials: u32 = std::env::var("GIT_ORCH_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let sandbox = Sandbox::new();
    let script = sandbox.home().parent().unwrap().join("hostile.sh");
    fs::write(&script, HOSTILE).unwrap();
    let settings = format!(
        "[tests]\nall = 'true'\n[retry]\ntries = 1\n[limits]\nlog_mb = 3\n[sandbox]\nprocesses = 400\n\
         [agent.hostile]\ncommand = 'sh {}'\n",
        script.display()
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "hostile"]);
    let limit = Duration::from_secs(1);
    let (mut slowest, mut survivors) = (Duration::ZERO, 0);
    for trial in 0..trials {
        let id = format!("t-{trial}");
        sandbox.run(&["add", "One", "--id", &id]).exits(0);
        let mut run = sandbox.orch(&["run", &id, "--no-land", "--agent", "hostile", "--timeout", "1s"]);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = sandbox.path().join(format!(".worktrees/{id}/begun"));
        wait_for(|| begun.exists());
        let folder = sandbox.path().join(format!(".worktrees/{id}"));
        let mut at = Instant::now() + limit;
        if trial % 2 == 1 {
            sleep(Duration::from_millis(u64::from(trial % 5) * 100));
            child.kill().unwrap();
            at = Instant::now();
        }
        wait_for(|| in_folder(&folder) == 0);
        slowest = slowest.max(at.elapsed());
        child.wait().unwrap();
        survivors += in_folder(&folder);
        sandbox.run(&["stop", &id, "--abandon"]);
        let _ = fs::remove_file(folder.join("hole"));
    }
    eprintln!(
        "{:?}: {trials} trials, {survivors} survivors, slowest end {} ms",
        machine_holds(),
        slowest.as_millis()
    );
    assert_eq!(survivors, 0);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}
