//! `kill -9` at random moments: called again, each command mends what is left and ends as if nothing had happened.
//!
//! `GIT_ORCH_KILLS=200` is the full size, `GIT_ORCH_SEED` repeats a failure.

use super::{
    kill_support::{Place, size},
    test_log::TestLog,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

/// Kills in a row before a command may end by itself.
const IN_A_ROW: usize = 8;

struct Killer {
    place: Place,
    dir: PathBuf,
    random: fastrand::Rng,
    seed: u64,
    tests: TestLog,
    kills: usize,
    calls: usize,
}

impl Killer {
    /// A repository whose tests write down, outside of it, each tree that they begin with and each that passes.
    fn new(more_settings: &str) -> Killer {
        let seed =
            std::env::var("GIT_ORCH_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        let place = Place::new();
        let tests = TestLog::new(place.path("tested"));
        let log = tests.file().display();
        let settings = format!(
            "[tests]\nall = \"t=$(git rev-parse HEAD^{{tree}} HEAD | paste -sd' '); echo begin $t >>{log}; sleep 0.15; \
             test ! -e bad && echo end $t >>{log}\"\nreport = \"exit\"\n{more_settings}"
        );
        let dir = place.repository("one", &settings);
        // Enough files that a checkout takes a while.
        for number in 0..400 {
            let folder = dir.join(format!("d{}", number % 20));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("f{number}")), format!("{number}\n").repeat(50)).unwrap();
        }
        place.git(&dir, &["add", "-A"]);
        place.git(&dir, &["commit", "-qm", "files"]);
        let random = fastrand::Rng::with_seed(seed);
        Killer { place, dir, random, seed, tests, kills: 0, calls: 0 }
    }

    /// Calls a command until it ends by itself, and kills it some times before.
    fn call(&mut self, args: &[&str], most: usize) {
        for round in 0.. {
            let log = self.place.path(&format!("log-{}", self.calls));
            self.calls += 1;
            self.tests.call(&self.place, &self.dir);
            let mut command = self.place.orch_command(&self.dir, args);
            command
                .stdout(File::create(&log).unwrap())
                .stderr(File::options().append(true).open(&log).unwrap());
            let mut child = command.process_group(0).spawn().unwrap();
            let kill = round < IN_A_ROW.min(most);
            let long = [100, 500, 2000][self.random.usize(0..3)];
            let wait = Duration::from_millis(if kill { self.random.u64(5..long) } else { 90_000 });
            let until = Instant::now() + wait;
            let ended = loop {
                match child.try_wait().unwrap() {
                    Some(status) => break Some(status),
                    None if Instant::now() > until => break None,
                    None => sleep(Duration::from_millis(1)),
                }
            };
            if let Some(status) = ended {
                let said = fs::read_to_string(&log).unwrap();
                assert!(
                    matches!(status.code(), Some(0 | 4)),
                    "seed {}, {log:?}: {status}: {said}",
                    self.seed
                );
                return;
            }
            assert!(kill, "seed {}, {log:?}: hangs: {}", self.seed, fs::read_to_string(&log).unwrap());
            let pid = Pid::from_child(&child);
            // A real crash takes all at once; an out-of-memory killer takes one, and its children live on.
            if self.random.bool() {
                kill_process_group(pid, Signal::KILL).unwrap();
            } else {
                kill_process(pid, Signal::KILL).unwrap();
            }
            child.wait().unwrap();
            self.kills += 1;
        }
    }

    /// The tasks that landed, in order: each once, each as a part of a tree that passed the tests.
    fn check(&self, landed: &BTreeSet<String>, bad: usize) {
        let (place, dir, seed) = (&self.place, self.dir.as_path(), self.seed);
        let format = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
        let log = place.git(dir, &["log", "--first-parent", format, "main"]);
        let mut names: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
        names.sort_unstable();
        assert_eq!(names, landed.iter().collect::<Vec<_>>(), "seed {seed}: landed");
        let lines = self.tests.lines();
        let ended = lines.iter().filter(|line| line[0] == "end");
        let tested: BTreeSet<&str> = ended.map(|line| line[1].as_str()).collect();
        self.tests.check(&format!("seed {seed}"));
        // Each value that main ever had, but for those that were committed by hand.
        for line in place.git(dir, &["reflog", "show", "--format=%T %gs", "main"]).lines() {
            let (tree, why) = line.split_once(' ').unwrap();
            assert!(why.starts_with("commit") || tested.contains(tree), "seed {seed}: untested: {line}");
        }
        let status = place.git(dir, &["status", "--porcelain", "--untracked-files=no"]);
        assert_eq!(status, "", "seed {seed}: the checkout of main");
        let untracked = place.git(dir, &["ls-files", "--others", "--exclude-standard"]);
        assert_eq!(untracked, "", "seed {seed}: untracked files");
        self.check_nothing_left(bad);
        place.assert_sound(dir);
    }

    fn check_nothing_left(&self, bad: usize) {
        let (place, dir, seed) = (&self.place, self.dir.as_path(), self.seed);
        let refs = |prefix: &str| place.git(dir, &["for-each-ref", "--format=%(refname)", prefix]);
        assert_eq!(refs("refs/orch/candidates"), "", "seed {seed}");
        assert_eq!(refs("refs/heads/orch"), "", "seed {seed}");
        assert_eq!(
            refs("refs/orch/tasks").lines().count(),
            bad,
            "seed {seed}: open: {}",
            refs("refs/orch/tasks")
        );
        assert!(!dir.join(".git/orch/checkout").exists(), "seed {seed}: a checkout is still to follow");
        // The checkouts for tests are kept on purpose, as is what keeps the folder out of commits.
        let slots = |name: &str| name.starts_with("_test-") || name == ".gitignore";
        let mut left = Vec::new();
        for entry in fs::read_dir(dir.join(".worktrees")).into_iter().flatten().flatten() {
            left.extend(entry.file_name().into_string().ok().filter(|name| !slots(name)));
        }
        assert!(left.is_empty(), "seed {seed}: worktrees: {left:?}");
        for line in place.git(dir, &["worktree", "list", "--porcelain"]).lines() {
            let Some(path) = line.strip_prefix("worktree ") else { continue };
            let (path, name) = (Path::new(path), Path::new(path).file_name().unwrap().to_str().unwrap());
            assert!(path == dir.canonicalize().unwrap() || slots(name), "seed {seed}: {line}");
        }
    }

    fn figures(&self, what: &str, landed: usize, begun: Instant) {
        let (kills, calls) = (self.kills, self.calls);
        let runs = self.tests.lines().iter().filter(|line| line[0] == "begin").count();
        self.tests.check(what);
        eprintln!(
            "{what}: {kills} kills of {calls} calls, {landed} landed, {runs} test runs, no green one of a tree twice; {:.0} s",
            begun.elapsed().as_secs_f64()
        );
    }
}

/// A branch with some new files, so that bringing the checkout along takes a while.
fn branch(killer: &Killer, name: &str, file: &str) {
    let (place, scratch) = (&killer.place, killer.place.path("scratch"));
    let scratch_text = scratch.to_str().unwrap();
    place.git(&killer.dir, &["worktree", "add", "-q", "-b", name, scratch_text, "main"]);
    for number in 0..30 {
        fs::create_dir_all(scratch.join(format!("of-{name}"))).unwrap();
        fs::write(scratch.join(format!("of-{name}/{number}")), "x\n").unwrap();
    }
    fs::write(scratch.join(file), "y\n").unwrap();
    place.git(&scratch, &["add", "-A"]);
    place.git(&scratch, &["commit", "-qm", &format!("work on {name}")]);
    place.git(&killer.dir, &["worktree", "remove", "--force", scratch_text]);
    place.data(&killer.dir, &["queue", "add", name, "--json"]);
}

#[test]
fn a_killed_queue_lands_everything_once() {
    let (most, begun) = (size("GIT_ORCH_KILLS", 12), Instant::now());
    let mut killer = Killer::new("");
    let (mut landed, mut bad) = (BTreeSet::new(), 0);
    for round in 0.. {
        for number in 0..4 {
            let name = format!("b{round}-{number}");
            branch(&killer, &name, &name);
            landed.insert(name);
        }
        if round % 3 == 1 {
            branch(&killer, &format!("bad-{round}"), "bad");
            bad += 1;
        }
        let left = most - killer.kills;
        killer.call(&["queue", "run"], left);
        killer.check(&landed, bad);
        if killer.kills >= most {
            break;
        }
    }
    killer.figures("queue run", landed.len(), begun);
}

#[test]
fn a_killed_run_ends_all_its_tasks() {
    let (most, begun) = (size("GIT_ORCH_KILLS", 12), Instant::now());
    let mut killer = Killer::new("[review]\nreviewers = [\"quality\"]\n[worktree]\nsetup = \"sleep 0.02\"\n");
    let implement = "implement=exec:sleep 0.1; mkdir $GIT_ORCH_TASK; for i in 1 2 3 4 5 6 7 8; do \
                     echo $i >$GIT_ORCH_TASK/$i; done; sleep 0.1";
    let review =
        "review=exec:sleep 0.05; echo '{\"verdict\":\"approve\",\"summary\":\"ok\",\"findings\":[]}'";
    let mut landed = BTreeSet::new();
    for round in 0.. {
        for number in 0..3 {
            let name = format!("t-{round}-{number}");
            killer.place.data(&killer.dir, &["add", "Some work", "--id", &name, "--json"]);
            landed.insert(name);
        }
        let left = most - killer.kills;
        killer.call(&["run", "--agent", implement, "--agent", review], left);
        killer.check(&landed, 0);
        if killer.kills >= most {
            break;
        }
    }
    killer.figures("run", landed.len(), begun);
}
