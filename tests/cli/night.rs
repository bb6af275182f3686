//! Nobody watches: what is looked at before the start, a night that is killed five times, and what stands in the morning.

use super::kill_support::Place;
use crate::support::Sandbox;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

const TASKS: usize = 30;
/// How far each of the killed runs comes at least.
const KILLED_AFTER: [&str; 5] = ["START", "SUBMIT", "REVIEW", "TEST", "LAND"];
const KILLS: usize = KILLED_AFTER.len();

/// A repository, thirty tasks from files, and the recorded changes of an agent that fails at two of them.
fn night(place: &Place) -> PathBuf {
    let settings = "[tests]\nall = \"! grep -rq bad-line work\"\nreport = \"exit\"\n[review]\nreviewers = [\"quality\"]\n\
                    [agents]\nimplement = \"script:../scripts\"\nreview = \"script:../scripts\"\n";
    let dir = place.repository("repo", settings);
    let scripts = place.path("scripts");
    fs::create_dir(&scripts).unwrap();
    let review =
        "[[turn]]\nrole = \"review\"\nsay = '{\"verdict\":\"approve\",\"summary\":\"ok\",\"findings\":[]}'\n";
    fs::write(scripts.join("_default.toml"), review).unwrap();
    for number in 1..=TASKS {
        let id = format!("n{number:02}");
        let spec = format!("# Write file {number}\n\nThe file work/{id} holds the number {number}.\n");
        let file = place.path(&format!("{id}.md"));
        fs::write(&file, spec).unwrap();
        place.data(&dir, &["add", "-F", file.to_str().unwrap(), "--id", &id, "--json"]);
        // One never does anything, one makes the tests worse.
        let write = match number {
            7 => String::new(),
            21 => format!("[[turn.write]]\npath = \"work/{id}\"\ntext = \"bad-line\\n\"\n"),
            _ => format!("[[turn.write]]\npath = \"work/{id}\"\ntext = \"{number}\\n\"\n"),
        };
        let turns = ["implement", "fix"]
            .map(|role| format!("[[turn]]\nrole = \"{role}\"\nseconds = 0.3\nsay = \"Done.\"\n{write}"));
        fs::write(scripts.join(format!("{id}.toml")), turns.concat()).unwrap();
    }
    dir
}

const RUN: &[&str] = &["run", "--for", "1h", "--on-failure", "continue"];

/// Runs, and kills it with all that it started, some time after this word was said.
fn killed(place: &Place, dir: &Path, number: usize, word: &str) {
    let log = place.path(&format!("killed-{number}"));
    let mut command = place.orch_command(dir, RUN);
    command.stdout(File::create(&log).unwrap()).stderr(File::options().append(true).open(&log).unwrap());
    let mut child = command.process_group(0).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(&log).unwrap().contains(word) {
        assert!(Instant::now() < until, "no {word}: {}", fs::read_to_string(&log).unwrap());
        assert!(child.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&log).unwrap());
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(fastrand::u64(0..500)));
    assert!(child.try_wait().unwrap().is_none(), "too fast: {}", fs::read_to_string(&log).unwrap());
    kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
}

/// What became of each task, and the last tree.
fn end_state(place: &Place, dir: &Path, report: &Value) -> (BTreeMap<String, String>, String) {
    let tasks = report["tasks"].as_array().unwrap().iter();
    let results = tasks.map(|task| {
        let word = |key: &str| task[key].as_str().unwrap().to_owned();
        (word("id"), format!("{}, {}", word("result"), task["tries"]))
    });
    (results.collect(), place.git(dir, &["rev-parse", "main^{tree}"]))
}

fn report(place: &Place, dir: &Path) -> Value {
    place.data(dir, &["report", "--json"])
}

#[test]
fn a_night_that_is_killed_five_times_ends_as_one_that_is_not() {
    let (calm, wild) = (Place::new(), Place::new());
    let (calm_dir, wild_dir) = (night(&calm), night(&wild));
    let ran = calm.orch(&calm_dir, RUN);
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
    for (number, word) in KILLED_AFTER.iter().enumerate() {
        killed(&wild, &wild_dir, number, word);
    }
    let ran = wild.orch(&wild_dir, RUN);
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);

    let (calm_report, wild_report) = (report(&calm, &calm_dir), report(&wild, &wild_dir));
    let (calm_end, wild_end) =
        (end_state(&calm, &calm_dir, &calm_report), end_state(&wild, &wild_dir, &wild_report));
    assert_eq!(calm_end, wild_end);
    // The summary covers the whole night: it is one run.
    let runs = wild.data(&wild_dir, &["report", "--list", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(wild_report["metrics"]["tasks_landed"], 28);
    assert_eq!(wild_report["metrics"]["tasks"], 30);
    assert_eq!(wild_report["metrics"]["cost_usd_micros"], 0, "what replays costs nothing");
    assert!(ran.out.starts_with("28 of 30 tasks landed, 2 need you."), "{}", ran.out);
    assert!(ran.out.contains("It was killed 5 times, and went on."), "{}", ran.out);
    for (task, why) in [("n07", "without a change"), ("n21", "worse")] {
        let tasks = wild_report["tasks"].as_array().unwrap();
        let line = tasks.iter().find(|line| line["id"] == task).unwrap();
        assert_eq!(line["result"], "needs-person");
        assert!(line["why"].as_str().unwrap().contains(why), "{line}");
    }
    // Every turn is accounted for: those that ended, and those that were killed.
    let turns = wild_report["turns"].as_array().unwrap();
    let dead = turns.iter().filter(|turn| turn["ended"] == "killed with its run").count();
    assert!((1..=6 * KILLS).contains(&dead), "{dead} of {}", turns.len());
    let ended = |task: &str| {
        let of = turns.iter().filter(|turn| turn["task"] == task && turn["role"] == "implement");
        of.filter(|turn| turn["ended"].as_str().unwrap().starts_with("exit 0")).count()
    };
    assert!((1..=30).all(|number| number == 7 || ended(&format!("n{number:02}")) >= 1));
    // And the log of the night says so, from the first line on.
    let run = wild_report["run"].as_str().unwrap();
    let log = wild.git(&wild_dir, &["show", &format!("refs/orch/runs/{run}:log.txt")]);
    assert!(log.lines().next().unwrap().contains("started with 30 open tasks"), "{log}");
    assert_eq!(log.matches("goes on: it was killed").count(), KILLS, "{log}");
    assert!(log.lines().filter(|line| line.contains("Z LAND ")).count() >= 1, "{log}");
    wild.assert_sound(&wild_dir);
}

const PLAIN: &str = "[tests]\nall = \"true\"\nreport = \"exit\"\n[review]\nreviewers = []\n";

fn with(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.run(&["add", "Task", "--id", "t1"]).exits(0);
    sandbox
}

fn state(sandbox: &Sandbox) -> Value {
    sandbox.run(&["show", "t1", "--json"]).exits(0).json()["data"]["state"].clone()
}

#[test]
fn nothing_starts_before_services_and_disk_are_right() {
    let settings = format!(
        "{PLAIN}[run]\nservices = [\"true\", \"echo no database >&2; exit 3\"]\ndisk_mb = 999_000_000_000\n"
    );
    let sandbox = with(&settings);
    let ran = sandbox.run(&["run", "--agent", "exec:echo x > f"]).exits(7);
    assert!(ran.stderr.contains("exit 3: no database"), "{}", ran.stderr);
    assert!(ran.stderr.contains("run.disk_mb is 999000000000"), "{}", ran.stderr);
    assert_eq!(state(&sandbox), "pending");
    assert_eq!(sandbox.run(&["report"]).code, 2, "there was no run");
}

#[test]
fn a_night_wants_a_clean_checkout_tests_and_agents_that_answer() {
    let sandbox =
        with("[review]\nreviewers = []\n[agent.mine]\nextends = \"pi\"\nargv = [\"no-such-program-here\"]\n");
    sandbox.write("f.txt", "changed\n");
    let ran = sandbox.run(&["run", "--for", "1h", "--agent", "mine"]).exits(7);
    assert!(ran.stderr.contains("has changes in f.txt"), "{}", ran.stderr);
    assert!(ran.stderr.contains("no tests are configured"), "{}", ran.stderr);
    sandbox.git(&["checkout", "-q", "f.txt"]);
    let ran = sandbox.run(&["run", "--for", "1h", "--no-land", "--agent", "mine"]).exits(7);
    assert!(ran.stderr.contains("mine: no-such-program-here is not found in PATH"), "{}", ran.stderr);
    let ran = sandbox.run(&["run", "--for", "1h", "--no-land"]).exits(7);
    assert!(ran.stderr.contains("no agent is set"), "{}", ran.stderr);
    assert_eq!(state(&sandbox), "pending");
    assert_eq!(sandbox.run(&["run", "--for", "8"]).code, 2);
    assert_eq!(sandbox.run(&["run", "--for", "9999h"]).code, 2);
}

#[test]
fn its_time_ends_a_run_and_what_is_left_stays_ready() {
    let sandbox = with(PLAIN);
    sandbox.run(&["add", "Second", "--id", "t2"]).exits(0);
    let agent = "exec:sleep 7; echo x > $GIT_ORCH_TASK.txt";
    let ran = sandbox.run(&["run", "--for", "5s", "-j", "1", "--no-land", "--agent", agent]).exits(5);
    assert!(ran.stdout.contains("The run paused: its time is over."), "{}", ran.stdout);
    assert_eq!(state(&sandbox), "under-review", "what had started came to its end");
    let second = sandbox.run(&["show", "t2", "--json"]).exits(0).json();
    assert_eq!(second["data"]["state"], "pending");
}

#[test]
fn a_run_ends_with_the_first_failure_where_that_is_asked_for() {
    let sandbox = with(PLAIN);
    sandbox.run(&["add", "Second", "--id", "t2"]).exits(0);
    let agent = "exec:echo Done.";
    let ran =
        sandbox.run(&["run", "-j", "1", "--no-land", "--on-failure", "abort", "--agent", agent]).exits(4);
    assert!(
        ran.stdout.replace('\n', " ").contains("end with the first failure: t1 needs you."),
        "{}",
        ran.stdout
    );
    let second = sandbox.run(&["show", "t2", "--json"]).exits(0).json();
    assert_eq!((&second["data"]["state"], &second["data"]["cost_usd"]), (&"pending".into(), &0.0.into()));
    // What needed a person before does not end the next one.
    sandbox.run(&["run", "--no-land", "--on-failure", "abort", "--agent", "exec:echo x > x"]).exits(4);
    assert_eq!(sandbox.run(&["show", "t2", "--json"]).exits(0).json()["data"]["state"], "under-review");
}
