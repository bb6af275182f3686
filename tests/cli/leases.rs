//! Claims of a clone that died (DESIGN 3, B6): taken over after their lease, never before, and its late word is refused.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ran, Sandbox};

/// A clone whose task one is in an agent's hands, and a second clone of the same remote.
struct Pair {
    one: Sandbox,
}

impl Pair {
    fn new(lease: &str) -> Pair {
        let one = Sandbox::new();
        let settings = format!("[tests]\nall = 'true'\n[limits]\nlease = '{lease}'\n");
        one.write("orch.toml", &settings);
        one.git(&["commit", "-qam", "settings"]);
        one.git(&["init", "-q", "--bare", "-b", "main", "../remote.git"]);
        one.git(&["remote", "add", "origin", "../remote.git"]);
        one.git(&["push", "-q", "-u", "origin", "main"]);
        one.git(&["clone", "-q", "../remote.git", "../two"]);
        let pair = Pair { one };
        for setting in [["user.name", "Bob"], ["user.email", "bob@localhost"]] {
            assert!(pair.git_in_two(&["config", setting[0], setting[1]]));
        }
        pair.one.run(&["add", "One", "--id", "one"]).exits(0);
        pair.one.run(&["sync"]).exits(0);
        pair
    }

    fn two(&self) -> std::path::PathBuf {
        self.one.path().parent().unwrap().join("two")
    }

    fn git_in_two(&self, arguments: &[&str]) -> bool {
        self.one.command("git", &self.two()).args(arguments).output().unwrap().status.success()
    }

    fn in_two(&self, arguments: &[&str]) -> Ran {
        self.one.run_in(&self.two(), arguments)
    }

    /// The first clone's run, with its agent at work on task one.
    fn at_work(&self, script: &str) -> std::process::Child {
        let agent = format!("implement=exec:echo a > a.txt; touch begun; {script}");
        let mut run = self.one.orch(&["run", "--no-land", "--agent", &agent]);
        let child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = self.one.path().join(".worktrees/one/begun");
        let until = Instant::now() + Duration::from_secs(20);
        while !begun.exists() {
            assert!(Instant::now() < until, "the agent did not begin");
            sleep(Duration::from_millis(20));
        }
        child
    }
}

fn shown(ran: &Ran) -> Value {
    ran.json()["data"].clone()
}

#[test]
fn a_dead_clones_claim_is_taken_over_after_its_lease_and_its_late_word_is_refused() {
    let pair = Pair::new("2s");
    let mut child = pair.at_work("sleep 60");
    child.kill().unwrap();
    child.wait().unwrap();
    pair.in_two(&["sync"]).exits(0);
    let agent = "implement=exec:echo b > b.txt";
    // Too early: nobody has waited for the lease.
    pair.in_two(&["run", "--no-land", "--agent", agent]);
    let early = shown(&pair.in_two(&["show", "one", "--json"]).exits(0));
    assert_eq!(early["state"], "in-progress", "{early}");
    sleep(Duration::from_secs(4));
    pair.in_two(&["run", "--no-land", "--agent", agent]).exits(4);
    let taken = shown(&pair.in_two(&["show", "one", "--json"]).exits(0));
    assert_eq!(taken["state"], "under-review", "{taken}");
    let log = pair.in_two(&["log", "one"]).stdout;
    assert_eq!(log.matches("claimed by exec@").count(), 2, "{log}");
    pair.in_two(&["sync"]).exits(0);

    // The dead one comes back: what it hands in is refused, and what its run gives back is no longer its own.
    let late = pair.one.run(&["submit", "one", "--as", early["owner"].as_str().unwrap()]);
    assert_eq!(late.code, 6, "{late:?}");
    assert!(late.stderr.contains("[E-CLAIMED, exit 6"), "{late:?}");
    pair.one.run(&["run", "--no-land", "--agent", "implement=exec:true"]);
    pair.one.run(&["sync"]).exits(0);
    pair.in_two(&["sync"]).exits(0);
    for seen in [pair.one.run(&["show", "one", "--json"]), pair.in_two(&["show", "one", "--json"])] {
        let task = shown(&seen);
        assert_eq!((&task["state"], &task["owner"]), (&taken["state"], &taken["owner"]), "{task}");
        assert_eq!(task["head"], taken["head"]);
    }
}

#[test]
fn a_claim_that_is_renewed_is_not_taken_over() {
    let pair = Pair::new("3s");
    let mut child = pair.at_work("sleep 9");
    pair.in_two(&["sync"]).exits(0);
    let until = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until {
        pair.in_two(&["run", "--no-land", "--agent", "implement=exec:echo b > b.txt"]);
        sleep(Duration::from_millis(500));
    }
    child.wait().unwrap();
    pair.one.run(&["sync"]).exits(0);
    let log = pair.one.run(&["log", "one"]).stdout;
    assert_eq!(log.matches("claimed by exec@").count(), 1, "{log}");
    assert!(log.contains("still held by"), "{log}");
    let task = shown(&pair.one.run(&["show", "one", "--json"]).exits(0));
    assert_eq!(task["state"], "under-review", "{task}");
}

#[test]
fn a_late_word_of_a_cut_off_clone_gives_way_when_both_meet() {
    let pair = Pair::new("1s");
    let mut child = pair.at_work("while ! test -e go; do sleep 0.1; done");
    pair.in_two(&["sync"]).exits(0);
    // The line of the first clone is down, and its agent works on.
    pair.one.git(&["remote", "set-url", "origin", "../away.git"]);
    let agent = "implement=exec:echo b > b.txt";
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        pair.in_two(&["run", "--no-land", "--agent", agent]);
        let task = shown(&pair.in_two(&["show", "one", "--json"]).exits(0));
        if task["state"] == "under-review" {
            break;
        }
        assert!(Instant::now() < until, "{task}");
        sleep(Duration::from_millis(300));
    }
    pair.in_two(&["sync"]).exits(0);
    fs::write(pair.one.path().join(".worktrees/one/go"), "").unwrap();
    child.wait().unwrap();
    pair.one.git(&["remote", "set-url", "origin", "../remote.git"]);
    let met = pair.one.run(&["sync"]).exits(0);
    let taken = shown(&pair.in_two(&["show", "one", "--json"]).exits(0));
    let task = shown(&pair.one.run(&["show", "one", "--json"]).exits(0));
    assert_eq!((&task["head"], &task["owner"]), (&taken["head"], &taken["owner"]), "{met:?}");
    assert!(met.stdout.contains("theirs counts, ours is kept as refs/orch/rescue/"), "{met:?}");
}
