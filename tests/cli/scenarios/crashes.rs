//! What is cut off, refused, used up or deleted on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Field, end_of, names};
use crate::support::Ran;

#[test]
fn scenario_17_what_was_tested_before_a_crash_lands_without_a_second_run() {
    let field = Field::new("true", "");
    field.sandbox.branch("a", "f.txt", "one\ntwo\nfour\n");
    field.add(&["a"]);
    // Between tests and swap: the checkout is in the way, so the process ends with nothing but the verdict.
    field.sandbox.write("f.txt", "mine\n");
    field.drain(4);
    assert_eq!((field.runs().len(), field.landed().len()), (1, 0));
    field.git(&["checkout", "-q", "f.txt"]);
    fs::remove_dir_all(field.sandbox.path().join(".git/orch")).unwrap();
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    assert_eq!((field.runs().len(), field.runs()[0].0.clone()), (1, field.tip()));
}

#[test]
fn scenario_18_a_landing_whose_record_was_lost_is_made_up_for_once() {
    for mode in ["merge", "squash", "rebase"] {
        let field = Field::new("true", &format!("[queue]\nmode = \"{mode}\""));
        field.queue(&["a", "b"]);
        let queued = field.refs();
        field.drain(0);
        let tip = field.tip();
        field.forget_since(&queued);
        assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"], "{mode}");
        assert_eq!((field.tip(), field.landed()), (tip, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(field.task("a")["state"], "completed");
        assert_eq!(field.runs().len(), 1);
    }
}

#[test]
fn scenario_18_what_has_landed_is_not_given_up_although_its_record_was_lost() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    let queued = field.refs();
    field.drain(0);
    field.forget_since(&queued);
    let commit = field.git(&["rev-parse", "--short=7", "main^"]);
    for words in [&["stop", "a", "--abandon"][..], &["stop", "a"], &["queue", "drop", "a", "-m", "no"]] {
        let ran = field.sandbox.run(words).exits(1);
        assert!(ran.stderr.contains(&format!("a has landed already: {commit}")), "{}", ran.stderr);
    }
    assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"]);
    assert_eq!(field.task("a")["state"], "completed");
}

#[test]
fn scenario_18_what_has_landed_does_not_leave_the_queue_because_its_branch_moved_on() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    let queued = field.refs();
    field.drain(0);
    let tip = field.tip();
    field.forget_since(&queued);
    field.git(&["switch", "-q", "a"]);
    field.git(&["commit", "-q", "--allow-empty", "-m", "more"]);
    field.git(&["switch", "-q", "main"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"]);
    assert_eq!((field.task("a")["state"].as_str(), field.tip()), (Some("completed"), tip));
}

#[test]
fn scenario_19_of_ten_processes_one_runs_and_lands_and_the_others_end_cleanly() {
    let field = Field::new("sleep 0.5", "");
    field.queue(&["a", "b"]);
    let started: Vec<_> = (0..10).map(|_| field.sandbox.start(&["queue", "run"])).collect();
    let codes: Vec<i32> = started
        .into_iter()
        .map(|child| {
            let ran = Ran::end_of(child);
            assert!(matches!(ran.code, 0 | 6), "{}: {}", ran.code, ran.stderr);
            ran.code
        })
        .collect();
    assert!(codes.contains(&0), "{codes:?}");
    assert_eq!((field.runs().len(), field.landed()), (1, vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn scenario_22_a_result_that_nobody_heard_is_found() {
    // The process that waits for the tests is killed while they run; they end, and it never hears of it.
    let field = Field::new("while ! test -e {place}/go; do sleep 0.05; done", "");
    field.queue(&["a"]);
    let mut child = field.start(&[], 1);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    field.put("go");
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    let runs = field.runs();
    assert!(runs.iter().all(|run| *run == runs[0]), "the same candidate, not a search: {runs:?}");
    assert_eq!(field.tip(), runs[0].0);
}

#[test]
fn scenario_22_a_run_that_ends_as_its_queue_is_killed_counts() {
    // The tests kill the process that waits for their supervisor, and pass.
    let kill = "read -r _ _ _ queue _ </proc/$PPID/stat; mkdir {place}/killed && kill -9 $queue; true";
    let field = Field::new(kill, "");
    field.queue(&["a"]);
    let status = field.start(&[], 0).wait().unwrap();
    assert_eq!((status.code(), field.landed().len()), (None, 0), "it was to be killed");
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    assert_eq!((field.runs().len(), field.runs()[0].0.clone()), (1, field.tip()));
    let logs = fs::read_dir(field.sandbox.path().join(".git/orch/logs/tests")).unwrap();
    let left = logs.filter(|file| !file.as_ref().unwrap().path().to_string_lossy().ends_with(".log"));
    assert_eq!(left.count(), 0, "what was heard is put away");
}

#[test]
fn scenario_45_a_bound_that_is_reached_stops_and_can_be_gone_on_from() {
    let field = Field::new("true", "[queue]\nbatch = 1");
    field.queue(&["a", "b", "c"]);
    let ran = field.sandbox.run(&["queue", "run", "--runs", "2"]).exits(5);
    assert_eq!(ran.stdout, "landed: a, b\nstill waiting: c\nstopped at its bound: 2 test runs\n");
    assert_eq!(field.runs().len(), 2);
    assert_eq!(names(&field.drain(0)["landed"]), ["c"]);
    field.queue(&["d"]);
    let child = field.start(&["--for", "1s"], 0);
    let _ = Ran::end_of(child);
    field.drain(0);
    assert_eq!(field.landed(), ["a", "b", "c", "d"]);
}

/// A bare repository beside, that `main` is pushed to, with a hook that may refuse.
fn with_remote(field: &Field, hook: &str) {
    let remote = field.place().join("remote.git");
    field.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    field.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    field.git(&["push", "-q", "-u", "origin", "main"]);
    let path = remote.join("hooks/pre-receive");
    fs::write(&path, format!("#!/bin/sh\n{}\n", hook.replace("{place}", field.place().to_str().unwrap())))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn scenario_46_a_push_that_fails_for_a_moment_is_tried_again() {
    let field = Field::new("true", "");
    let flaky = "echo x >> {place}/pushes; test $(wc -l < {place}/pushes) -ge 3 || { echo 'error: 503 try later' >&2; exit 1; }";
    field.queue(&["a", "b"]);
    with_remote(&field, flaky);
    assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"]);
    assert_eq!(field.runs().len(), 1);
    assert_eq!(
        field.git(&["ls-remote", "origin", "refs/heads/main"]).split('\t').next().unwrap(),
        field.tip()
    );
}

#[test]
fn scenario_46_a_push_that_is_forbidden_is_reported_and_nobody_is_lost() {
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    with_remote(
        &field,
        "test -e {place}/allowed || { echo 'error: GH006: Protected branch update failed' >&2; exit 1; }",
    );
    let before = field.tip();
    let ran = field.drain(4);
    let why = ran["stands"].as_str().unwrap();
    assert!(why.contains("refused the landing") && why.contains("Protected branch"), "{why}");
    assert_eq!((names(&ran["waiting"]), field.tip()), (vec!["a", "b"], before));
    assert_eq!(field.task("a")["state"], "ready-for-handoff");
    field.put("allowed");
    assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"]);
    assert_eq!(field.runs().len(), 1, "the verdict counts on");
}

#[test]
fn scenario_52_without_its_caches_it_decides_the_same() {
    let field = Field::new("! test -e b3.txt", "[queue]\nbatch = 4");
    field.queue(&["b1", "b2", "b3", "b4", "b5", "b6"]);
    for _ in 0..12 {
        let before = decided(&field);
        let _ = fs::remove_dir_all(field.sandbox.path().join(".git/orch"));
        for name in field.git(&["for-each-ref", "--format=%(refname)", "refs/orch/candidates"]).lines() {
            field.git(&["update-ref", "-d", name]);
        }
        assert_eq!(decided(&field), before);
        field.sandbox.run(&["queue", "run", "--once"]);
    }
    let mut landed = field.landed();
    landed.sort();
    assert_eq!(landed, ["b1", "b2", "b4", "b5", "b6"]);
    let green = field.runs().into_iter().map(|(_, tree)| tree);
    let mut green: Vec<String> =
        green.filter(|tree| !field.git(&["ls-tree", tree]).contains("b3.txt")).collect();
    let runs = green.len();
    green.sort();
    green.dedup();
    assert_eq!(green.len(), runs, "no green run is repeated");
}

/// What the queue is about to do with each entry, and why; its estimates aside, which go by the clock.
fn decided(field: &Field) -> Vec<Value> {
    let mut entries = field.sandbox.run(&["queue", "--json"]).exits(0).json()["data"]["entries"].take();
    let entries = entries.as_array_mut().unwrap();
    for entry in entries.iter_mut() {
        entry.as_object_mut().unwrap().remove("eta");
    }
    std::mem::take(entries)
}

#[test]
fn a_runner_that_is_cut_off_in_the_middle_of_its_push_loses_nothing() {
    // The push is received, and its answer never arrives: whoever waits for it is killed first.
    let field = Field::new("true", "");
    field.queue(&["a", "b"]);
    with_remote(&field, "touch {place}/pushing; while ! test -e {place}/go; do sleep 0.05; done");
    let mut child = field.sandbox.start(&["queue", "run"]);
    field.wait(|| field.place().join("pushing").exists());
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    field.put("go");
    let remote =
        || field.git(&["ls-remote", "origin", "refs/heads/main"]).split('\t').next().unwrap().to_owned();
    field.wait(|| remote() != field.git(&["rev-parse", "main"]));
    assert_eq!(names(&field.drain(0)["landed"]), ["a", "b"]);
    assert_eq!((field.tip(), field.runs().len(), field.landed().len()), (remote(), 1, 2));
    let _ = end_of(field.sandbox.start(&["queue", "run", "--json"]), 0);
}
