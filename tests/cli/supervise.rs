//! The supervisor: whatever a program does, it ends at its limit, its log has a cap, and nothing of it is left.

use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A supervisor that runs a shell script.
struct Run {
    folder: TempDir,
    child: Child,
    /// The sign of life.
    stdin: Option<ChildStdin>,
}

/// Starts a script with a limit in milliseconds. Its log is `log`, its errors go to `err`.
fn start(script: &str, limit: u64, stdin: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let job = json!({
        "argv": ["sh", "-c", script], "dir": path(""), "env": [["PATH", std::env::var("PATH").unwrap()]],
        "stdin": stdin, "stdout": path("log"), "stderr": path("err"),
        "limit_ms": limit, "grace_ms": 300, "log_cap": 1000,
    });
    start_job(folder, &job)
}

fn start_job(folder: TempDir, job: &Value) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_git-orch"))
        .arg("__supervise")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{job}\n").as_bytes()).unwrap();
    Run { folder, child, stdin: Some(stdin) }
}

impl Run {
    /// Waits for the outcome.
    fn outcome(&mut self) -> Value {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success(), "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["outcome"].take()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// The process id that the script wrote to a file, as soon as it is there.
    fn pid(&self, name: &str) -> u32 {
        let file = self.folder.path().join(name);
        wait_for(|| fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')));
        self.read(name).trim().parse().unwrap()
    }
}

fn wait_for(mut met: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !met() {
        assert!(Instant::now() < until, "not within 10 seconds");
        sleep(Duration::from_millis(10));
    }
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Leaves a process in a session of its own, two forks away, that ignores every polite signal and holds the output.
const DAEMON: &str =
    r#"(setsid sh -c 'trap "" TERM HUP INT; echo $$ > daemon; while :; do sleep 1; done' &) ; "#;

#[test]
fn the_exit_code_is_kept() {
    let mut run = start("cat; echo bad >&2; exit 7", 20_000, "hello");
    let outcome = run.outcome();
    assert_eq!(outcome["ended"], json!({"exited": 7}));
    assert_eq!((outcome["dropped"].as_u64(), outcome["swept"].as_u64()), (Some(0), Some(0)));
    assert_eq!((run.read("log").as_str(), run.read("err").as_str()), ("hello", "bad\n"));
}

#[test]
fn a_signal_is_told_from_an_exit() {
    assert_eq!(start("kill -9 $$", 20_000, "").outcome()["ended"], json!({"signaled": 9}));
}

#[test]
fn the_environment_is_only_what_the_job_names() {
    let mut run = start("/usr/bin/env", 20_000, "");
    let _ = run.outcome();
    let mut names: Vec<String> =
        run.read("log").lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
    names.retain(|name| !matches!(name.as_str(), "PWD" | "OLDPWD" | "SHLVL" | "_")); // the shell's own
    assert_eq!(names, ["PATH"]);
}

#[test]
fn a_program_that_ignores_every_signal_ends_at_its_limit() {
    let begun = Instant::now();
    let mut run = start(&format!("{DAEMON} trap '' TERM HUP INT; while :; do sleep 1; done"), 500, "");
    let daemon = run.pid("daemon");
    assert_eq!(run.outcome()["ended"], "timed_out");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!runs(daemon));
}

#[test]
fn a_program_that_heeds_term_may_clean_up() {
    let mut run = start("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.05; done", 300, "");
    assert_eq!(run.outcome()["ended"], "timed_out");
    assert_eq!(run.read("log"), "cleaned\n");
}

#[test]
fn a_daemon_left_after_a_normal_exit_is_swept() {
    let begun = Instant::now();
    let mut run = start(&format!("{DAEMON} while ! test -s daemon; do sleep 0.01; done; exit 3"), 20_000, "");
    let outcome = run.outcome();
    assert_eq!(outcome["ended"], json!({"exited": 3}));
    assert!(outcome["swept"].as_u64() >= Some(1), "{outcome}");
    assert!(!runs(run.pid("daemon")));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_flood_is_cut_at_exactly_the_cap() {
    let mut run = start("head -c 5000000 /dev/zero | tr '\\0' x", 20_000, "");
    let outcome = run.outcome();
    assert_eq!(outcome["ended"], json!({"exited": 0}));
    assert_eq!(outcome["dropped"], 5_000_000 - 1000);
    let (half, left_out) = ("x".repeat(500), "[git-orch: 4999000 bytes of output left out here]");
    assert_eq!(run.read("log"), format!("{half}\n{left_out}\n{half}"));
}

#[test]
fn the_end_of_the_sign_of_life_ends_the_whole_tree() {
    let mut run = start(&format!("{DAEMON} echo $$ > main; sleep 15"), 20_000, "");
    let (daemon, main) = (run.pid("daemon"), run.pid("main"));
    let begun = Instant::now();
    drop(run.stdin.take());
    assert_eq!(run.outcome()["ended"], "stopped");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(!runs(daemon) && !runs(main));
}

#[test]
fn a_killed_orchestrator_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{DAEMON} echo $$ > main; sleep 15");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let job = json!({
        "argv": ["sh", "-c", script], "dir": path(""), "env": [["PATH", std::env::var("PATH").unwrap()]],
        "stdout": path("log"), "stderr": path("log"), "limit_ms": 20_000, "grace_ms": 5_000, "log_cap": 1000,
    });
    fs::write(path("job"), format!("{job}\n")).unwrap();
    let mut orchestrator = Command::new("sh")
        .args(["-c", "cat job; exec sleep 15"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let supervisor = Command::new(env!("CARGO_BIN_EXE_git-orch"))
        .arg("__supervise")
        .stdin(orchestrator.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut run = Run { folder, child: supervisor, stdin: None };
    let (daemon, main) = (run.pid("daemon"), run.pid("main"));
    let begun = Instant::now();
    orchestrator.kill().unwrap();
    orchestrator.wait().unwrap();
    run.child.wait().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(!runs(daemon) && !runs(main));
}

#[test]
fn a_program_need_not_read_its_input() {
    let prompt = "x".repeat(1 << 20);
    assert_eq!(start("exit 0", 20_000, &prompt).outcome()["ended"], json!({"exited": 0}));
    assert_eq!(start("sleep 0.2", 20_000, &prompt).outcome()["ended"], json!({"exited": 0}));
}

#[test]
fn a_large_input_and_a_large_output_do_not_block_each_other() {
    let prompt = "x".repeat(1 << 20);
    let outcome = start("cat", 20_000, &prompt).outcome();
    assert_eq!(outcome["ended"], json!({"exited": 0}));
    assert_eq!(outcome["dropped"], (1 << 20) - 1000);
}

#[test]
fn polite_signals_do_not_end_the_supervisor() {
    let mut run = start("echo $$ > main; sleep 1; exit 5", 20_000, "");
    run.pid("main");
    for signal in ["-INT", "-TERM", "-HUP"] {
        assert!(Command::new("kill").args([signal, &run.child.id().to_string()]).status().unwrap().success());
    }
    assert_eq!(run.outcome()["ended"], json!({"exited": 5}));
}

/// A job with further terms.
fn start_with(script: &str, terms: &Value) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut job = json!({
        "argv": ["sh", "-c", script], "dir": path(""), "env": [["PATH", std::env::var("PATH").unwrap()]],
        "stdout": path("log"), "stderr": path("log"), "limit_ms": 20_000, "grace_ms": 300, "log_cap": 1000,
    });
    job.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    start_job(folder, &job)
}

#[test]
fn too_many_processes_end_the_job_and_all_of_them() {
    let mut run = start_with("for i in $(seq 200); do sleep 876 & done; wait", &json!({ "processes": 50 }));
    let begun = Instant::now();
    let outcome = run.outcome();
    assert_eq!(outcome["ended"], "crowded", "{outcome}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(with_word("876"), 0);
}

#[test]
fn a_job_is_ended_before_the_disk_is_full() {
    let floor = |bytes: u64| start_with("sleep 1.5; exit 3", &json!({ "disk_floor": bytes })).outcome();
    assert_eq!(floor(u64::MAX)["ended"], "full");
    assert_eq!(floor(1)["ended"], json!({"exited": 3}));
}

#[test]
fn a_job_that_does_nothing_is_ended_and_one_that_works_or_speaks_is_not() {
    let idle = json!({ "idle_ms": 300 });
    assert_eq!(start_with("sleep 15", &idle).outcome()["ended"], "idle");
    let speaks = "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; done; exit 3";
    assert_eq!(start_with(speaks, &idle).outcome()["ended"], json!({"exited": 3}));
}

/// How many processes have this word in their command line.
fn with_word(word: &str) -> usize {
    let commands = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        fs::read(entry.path().join("cmdline")).ok().filter(|_| entry.file_name() != "self")
    });
    commands.filter(|command| command.split(|&byte| byte == 0).any(|found| found == word.as_bytes())).count()
}

/// Ways to get away from a supervisor. `SECONDS` is a number of its own for each trial, by which survivors are found.
const ESCAPES: [&str; 6] = [
    "(setsid sleep SECONDS &); trap '' TERM HUP INT; sleep SECONDS & wait; wait",
    "(setsid sh -c '(setsid sh -c \"sleep SECONDS & sleep SECONDS\" &)' &); yes | head -c 3000000; sleep SECONDS",
    "(trap '' TERM; while :; do env -i PATH=$PATH setsid sleep SECONDS & sleep 0.02; done) & sleep SECONDS",
    "nohup sleep SECONDS >/dev/null 2>&1 & disown 2>/dev/null; exit 0",
    "f() { if [ $1 -gt 0 ]; then f $(($1 - 1)) & f $(($1 - 1)) & fi; trap '' TERM; sleep SECONDS; }; f 5",
    "exec 3>&1; (setsid env -i PATH=$PATH sleep SECONDS >&3 2>&3 <&- &); kill -STOP $$",
];

/// Killed means dead, at the limit and with the orchestrator: a share here, all 500 with `GIT_ORCH_TRIALS=500`.
#[test]
fn nobody_survives_any_of_many_trials() {
    let trials: u32 = std::env::var("GIT_ORCH_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let (mut slowest, mut survivors) = (Duration::ZERO, 0);
    for trial in 0..trials {
        let seconds = format!("{}.{}", 7000 + trial, std::process::id());
        let script = ESCAPES[trial as usize % ESCAPES.len()].replace("SECONDS", &seconds);
        let limit = 150 + u64::from(trial % 7) * 20;
        let mut run = start(&script, limit, "");
        // Every second time it is the orchestrator that goes, some time before the limit.
        let end = Duration::from_millis(if trial % 2 == 0 { limit } else { limit / 2 });
        sleep(end);
        let begun = Instant::now();
        if trial % 2 == 1 {
            drop(run.stdin.take());
        }
        let mut text = String::new();
        run.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        run.child.wait().unwrap();
        slowest = slowest.max(begun.elapsed());
        survivors += with_word(&seconds);
        assert!(run.read("log").len() <= 1000 + 60, "the log is at its cap");
    }
    eprintln!("{trials} trials, {survivors} survivors, slowest end {} ms", slowest.as_millis());
    assert_eq!(survivors, 0);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}
