//! What a killed command leaves at its worst moments, made by hand: the next command mends it.

use super::kill_support::{Place, ran};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SETTINGS: &str = "[tests]\nall = \"true\"\nreport = \"exit\"\n";

fn with_task() -> (Place, PathBuf) {
    let place = Place::new();
    let dir = place.repository("one", SETTINGS);
    place.data(&dir, &["add", "Some work", "--id", "t-x", "--json"]);
    (place, dir)
}

/// The note of a git that was killed with the command that started it; what it locks comes after.
fn killed_git(dir: &Path) {
    let notes = dir.join(".git/orch/under-way");
    fs::create_dir_all(&notes).unwrap();
    fs::write(notes.join("1-1-0"), "").unwrap();
}

fn pick(place: &Place, dir: &Path) -> PathBuf {
    PathBuf::from(place.data(dir, &["pick", "t-x", "--json"])["worktree"].as_str().unwrap())
}

#[test]
fn a_worktree_that_was_not_made_whole_is_made_anew() {
    let (place, dir) = with_task();
    let worktree = pick(&place, &dir);
    fs::write(dir.join(".git/orch/making-t-x"), "killed\n").unwrap();
    fs::remove_file(worktree.join("README")).unwrap();
    killed_git(&dir);
    fs::write(dir.join(".git/worktrees/t-x/index.lock"), "").unwrap();
    let refused = place.orch(&dir, &["submit", "t-x", "--json"]);
    assert_ne!(refused.code, Some(0), "missing files are no change: {}", refused.out);
    assert!(pick(&place, &dir).join("README").exists());
    fs::write(worktree.join("new"), "x\n").unwrap();
    place.data(&dir, &["submit", "t-x", "--json"]);
    assert_eq!(place.git(&dir, &["diff", "--name-status", "main", "orch/t-x"]), "A\tnew\n");
    place.assert_sound(&dir);
}

#[test]
fn a_worktree_whose_folder_is_gone_is_made_anew() {
    let (place, dir) = with_task();
    let worktree = pick(&place, &dir);
    fs::remove_dir_all(&worktree).unwrap();
    assert!(pick(&place, &dir).join("README").exists());
    // Killed before git wrote where the worktree is.
    fs::remove_dir_all(&worktree).unwrap();
    fs::remove_file(dir.join(".git/worktrees/t-x/gitdir")).unwrap();
    assert!(pick(&place, &dir).join("README").exists());
    assert_eq!(fs::read_dir(dir.join(".git/worktrees")).unwrap().count(), 1);
}

#[test]
fn the_lock_of_a_killed_pick_does_not_stop_the_next() {
    let (place, dir) = with_task();
    fs::create_dir_all(dir.join(".git/refs/heads/orch")).unwrap();
    killed_git(&dir);
    fs::write(dir.join(".git/refs/heads/orch/t-x.lock"), "").unwrap();
    assert!(pick(&place, &dir).join("README").exists());
    place.assert_sound(&dir);
}

#[test]
fn candidates_of_a_killed_run_go_with_the_next() {
    let (place, dir) = with_task();
    let made =
        place.git(&dir, &["commit-tree", "-m", "Merge x: y\n\nOrch-Task: x\nOrch-Nonce: n", "HEAD^{tree}"]);
    place.git(&dir, &["update-ref", "refs/orch/candidates/0123", made.trim()]);
    let run = place.orch(&dir, &["run"]);
    assert_eq!(run.code, Some(8), "no agent, nothing to do: {}{}", run.out, run.err);
    assert_eq!(place.git(&dir, &["for-each-ref", "refs/orch/candidates"]), "");
}

#[test]
fn the_lock_of_a_killed_hand_in_does_not_stop_the_next() {
    let (place, dir) = with_task();
    let worktree = pick(&place, &dir);
    fs::write(worktree.join("new"), "x\n").unwrap();
    killed_git(&dir);
    fs::write(dir.join(".git/worktrees/t-x/index.lock"), "").unwrap();
    place.data(&dir, &["submit", "t-x", "--json"]);
    place.assert_sound(&dir);
}

#[test]
fn the_lock_of_a_git_that_waits_for_its_editor_stays() {
    let (place, dir) = with_task();
    fs::write(dir.join("README"), "changed\n").unwrap();
    let mut command = place.clean(Command::new("git"), &dir);
    let editor = "f() { sleep 4; echo message >$1; }; f";
    let mut commit = command.args(["commit", "-aq"]).env("GIT_EDITOR", editor).spawn().unwrap();
    while !dir.join(".git/index.lock").exists() {}
    let run = place.orch(&dir, &["queue", "run"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(commit.wait().unwrap().success(), "the commit lost its lock");
}

#[test]
fn the_lock_of_a_killed_fetch_does_not_stop_the_next() {
    let (place, dir) = with_task();
    let remote = place.path("remote.git");
    place.git(&dir, &["clone", "-q", "--bare", ".", remote.to_str().unwrap()]);
    place.git(&dir, &["remote", "add", "origin", remote.to_str().unwrap()]);
    let other = place.path("other");
    place.data(&dir, &["sync", "origin", "--json"]);
    place.git(&dir, &["clone", "-q", remote.to_str().unwrap(), other.to_str().unwrap()]);
    let copy = other.join(".git/refs/orch-remote/origin/tasks");
    fs::create_dir_all(&copy).unwrap();
    killed_git(&other);
    fs::write(copy.join("t-x.lock"), "").unwrap();
    place.data(&other, &["sync", "--json"]);
    assert_eq!(place.journals(&other).len(), 1);
    place.assert_sound(&other);
}

#[test]
fn a_checkout_that_did_not_follow_is_brought_along() {
    let place = Place::new();
    let dir = place.repository("one", SETTINGS);
    let old = place.git(&dir, &["rev-parse", "HEAD"]);
    for (file, text) in [("README", "new\n"), ("a", "a\n"), ("b", "b\n")] {
        fs::write(dir.join(file), text).unwrap();
    }
    place.git(&dir, &["add", "-A"]);
    place.git(&dir, &["commit", "-qm", "second"]);
    let new = place.git(&dir, &["rev-parse", "HEAD"]);
    place.git(&dir, &["read-tree", "-m", "-u", "HEAD", old.trim()]);
    fs::write(dir.join("a"), "a\n").unwrap();
    fs::write(dir.join("b"), "").unwrap();
    killed_git(&dir);
    fs::write(dir.join(".git/index.lock"), "half").unwrap();
    let intent = format!("{} {} {}\n", old.trim(), new.trim(), dir.canonicalize().unwrap().display());
    fs::create_dir_all(dir.join(".git/orch")).unwrap();
    fs::write(dir.join(".git/orch/checkout"), intent).unwrap();
    let run = ran(place.orch_command(&dir, &["queue", "run"]).output().unwrap());
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert_eq!(place.git(&dir, &["status", "--porcelain"]), "");
    assert_eq!(fs::read_to_string(dir.join("README")).unwrap(), "new\n");
    place.assert_sound(&dir);
}
