//! Many processes at once: each task is claimed once, and nothing that was acknowledged is lost.
//!
//! `GIT_ORCH_HAMMER_TASKS=200` is the full size.

use super::kill_support::{Place, size, words};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread::{scope, sleep},
    time::{Duration, Instant},
};

const SETTINGS: &str = "[tests]\nall = \"true\"\nreport = \"exit\"\n";

/// What the workers together saw.
#[derive(Default)]
struct Seen {
    /// Each task with those whose `submit` was acknowledged.
    submitted: BTreeMap<String, Vec<String>>,
    /// Commands that lost a race and were called again.
    retries: usize,
    /// Time of each claim, for the figures.
    claims: Vec<Duration>,
}

/// Picks, works and hands in until nothing is ready.
fn work(place: &Place, dir: &Path, name: &str, seen: &Mutex<Seen>) {
    loop {
        let begun = Instant::now();
        let picked = place.orch(dir, &["pick", "--json", "--as", name]);
        match picked.code {
            Some(0) => {}
            Some(8) => return,
            Some(6) => {
                seen.lock().unwrap().retries += 1;
                continue;
            }
            code => panic!("{name}: pick ended with {code:?}: {}{}", picked.out, picked.err),
        }
        seen.lock().unwrap().claims.push(begun.elapsed());
        let picked: serde_json::Value = serde_json::from_str(&picked.out).unwrap();
        let worktree = PathBuf::from(picked["data"]["worktree"].as_str().unwrap());
        let task = picked["data"]["task"]["id"].as_str().unwrap().to_owned();
        fs::write(worktree.join(format!("of-{task}")), format!("{name}\n")).unwrap();
        let handed_in = place.orch(&worktree, &["submit", "--json", "--as", name]);
        assert_eq!(handed_in.code, Some(0), "{name}: submit {task}: {}{}", handed_in.out, handed_in.err);
        seen.lock().unwrap().submitted.entry(task).or_default().push(name.to_owned());
    }
}

fn add_tasks(place: &Place, dir: &Path, count: usize) {
    for number in 0..count {
        let (title, id) = (format!("Task {number}"), format!("t-{number}"));
        place.data(dir, &["add", &title, "--id", &id, "--json"]);
    }
}

/// Each journal tells of one claim and one hand-in, by the worker who was told so.
fn check(place: &Place, dir: &Path, count: usize, seen: &Seen) {
    assert_eq!(seen.submitted.len(), count, "tasks that were handed in");
    let journals = place.journals(dir);
    assert_eq!(journals.len(), count);
    for (task, events) in &journals {
        assert_eq!(words(events), ["added", "claimed", "started", "submitted"], "{task}");
        let owners: Vec<&str> = events[1..].iter().map(|event| event["who"].as_str().unwrap()).collect();
        let told = &seen.submitted[task];
        assert_eq!((owners.as_slice(), told.len()), ([told[0].as_str(); 3].as_slice(), 1), "{task}");
        let file = place.git(dir, &["show", &format!("refs/orch/attempts/{task}/1:of-{task}")]);
        assert_eq!(file.trim_end(), told[0], "the work of {task}");
    }
}

fn figures(what: &str, count: usize, seen: &Seen, took: Duration) {
    let mut claims = seen.claims.clone();
    claims.sort();
    eprintln!(
        "{what}: {count} tasks in {:.1} s, {:.1} claims/s, claim P50 {:.2} s, P99 {:.2} s, {} retries",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        claims[claims.len() / 2].as_secs_f64(),
        claims[claims.len() * 99 / 100].as_secs_f64(),
        seen.retries
    );
}

#[test]
fn thirty_two_workers_on_one_clone_share_out_the_tasks() {
    let count = size("GIT_ORCH_HAMMER_TASKS", 40);
    let place = Place::new();
    let dir = place.repository("one", SETTINGS);
    add_tasks(&place, &dir, count);
    let seen = Mutex::new(Seen::default());
    let begun = Instant::now();
    scope(|scope| {
        for number in 0..32 {
            let (place, dir, seen) = (&place, &dir, &seen);
            scope.spawn(move || work(place, dir, &format!("w{number}"), seen));
        }
    });
    let seen = seen.into_inner().unwrap();
    figures("32 workers, one clone", count, &seen, begun.elapsed());
    check(&place, &dir, count, &seen);
    place.assert_sound(&dir);
}

#[test]
fn sixteen_workers_on_four_clones_share_out_the_tasks_by_the_remote() {
    let count = size("GIT_ORCH_HAMMER_TASKS", 24);
    let place = Place::new();
    let seed = place.repository("seed", SETTINGS);
    let remote = place.path("remote.git");
    place.git(&seed, &["clone", "-q", "--bare", ".", remote.to_str().unwrap()]);
    let clones: Vec<PathBuf> = (0..4).map(|number| place.path(&format!("clone-{number}"))).collect();
    for clone in &clones {
        place.git(&seed, &["clone", "-q", remote.to_str().unwrap(), clone.to_str().unwrap()]);
    }
    add_tasks(&place, &clones[0], count);
    for clone in &clones {
        place.data(clone, &["sync", "--json"]);
    }
    let seen = Mutex::new(Seen::default());
    let begun = Instant::now();
    scope(|scope| {
        for number in 0..16 {
            let (place, dir, seen) = (&place, &clones[number % 4], &seen);
            scope.spawn(move || {
                sleep(Duration::from_millis(fastrand::u64(0..50)));
                work(place, dir, &format!("w{number}"), seen);
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    figures("16 workers, four clones", count, &seen, begun.elapsed());
    for _ in 0..2 {
        for clone in &clones {
            place.data(clone, &["sync", "--json"]);
        }
    }
    check(&place, &remote, count, &seen);
    for clone in &clones {
        check(&place, clone, count, &seen);
        place.assert_sound(clone);
    }
}
