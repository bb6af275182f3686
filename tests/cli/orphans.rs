//! Supervisors and orchestrators that are killed outright: what their agents leave is found and ended.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Sandbox, bubblewrap_or_skip};

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
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let folder = sandbox.path().join(".worktrees/one");
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
