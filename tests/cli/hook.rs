//! The pre-push hook, by real pushes.

use crate::scratch::{Answer, Scratch};
use std::fs;

/// A repository with a remote that has `main`, and with the hook.
fn hooked() -> Scratch {
    let scratch = Scratch::new();
    let remote = scratch.beside("remote.git");
    scratch.git(&["init", "-q", "--bare", "-b", "main", remote.to_str().unwrap()]);
    scratch.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    scratch.git(&["push", "-q", "-u", "origin", "main"]);
    let answer = scratch.orch(&["init"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scratch
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

fn branch_with(scratch: &Scratch, name: &str, path: &str, count: usize) -> Answer {
    scratch.git(&["switch", "-q", "-c", name, "origin/main"]);
    scratch.commit(path, &lines(count));
    scratch.try_git(&["push", "-q", "origin", name])
}

#[test]
fn the_cap_is_the_last_size_that_passes() {
    let scratch = hooked();
    let answer = branch_with(&scratch, "fits", "src/a.rs", 200);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let answer = branch_with(&scratch, "large", "src/b.rs", 201);
    assert_ne!(answer.code, 0);
    let begin =
        "error: large is too big to push: 201 lines, the cap is 200\n  because: src/b.rs +201 -0\n  hint: ";
    assert!(answer.err.starts_with(begin), "{}", answer.err);
    assert!(answer.err.contains("  [E-TOO-BIG, exit 3]\n"), "{}", answer.err);
    // In two steps it is as large.
    scratch.git(&["switch", "-q", "fits"]);
    scratch.commit("src/c.rs", "one\n");
    assert_ne!(scratch.try_git(&["push", "-q", "origin", "fits"]).code, 0);
}

#[test]
fn lock_files_generated_files_and_moves_do_not_count() {
    let scratch = hooked();
    scratch.commit(".gitattributes", "gen/** linguist-generated\n");
    scratch.commit("old.txt", &lines(180));
    scratch.git(&["push", "-q", "origin", "main"]);
    scratch.git(&["switch", "-q", "-c", "work"]);
    scratch.commit("Cargo.lock", &lines(900));
    scratch.commit("gen/x.rs", &lines(900));
    scratch.git(&["mv", "old.txt", "new.txt"]);
    scratch.git(&["commit", "-q", "-m", "Move"]);
    scratch.commit("src/a.rs", &lines(200));
    let answer = scratch.try_git(&["push", "-q", "origin", "work"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scratch.commit("src/b.rs", "one\n");
    let answer = scratch.try_git(&["push", "-q", "origin", "work"]);
    assert_ne!(answer.code, 0);
    assert!(answer.err.contains("(Cargo.lock +900 -0 is not counted: lock file)"), "{}", answer.err);
    // What a branch says about itself changes nothing.
    scratch.commit(".gitattributes", "* linguist-generated\n");
    assert_ne!(scratch.try_git(&["push", "-q", "origin", "work"]).code, 0);
}

#[test]
fn the_workflows_that_init_puts_there_can_be_pushed() {
    let scratch = hooked();
    let answer = scratch.orch(&["init", "--with", "github"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scratch.git(&["add", "orch.toml", ".github"]);
    scratch.git(&["commit", "-q", "-m", "Let git orch check pull requests"]);
    let answer = scratch.try_git(&["push", "-q", "origin", "main"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    // One that is not what we put there counts, and the others with their changes too.
    scratch.git(&["switch", "-q", "-c", "work"]);
    let mine = scratch.read(".github/workflows/orch-queue.yml") + &lines(201);
    scratch.commit(".github/workflows/orch-queue.yml", &mine);
    let answer = scratch.try_git(&["push", "-q", "origin", "work"]);
    assert!(answer.code != 0 && answer.err.contains("201 lines"), "{}", answer.err);
}

#[test]
fn deletions_tags_and_our_own_refs_pass() {
    let scratch = hooked();
    scratch.git(&["switch", "-q", "-c", "large"]);
    scratch.commit("big", &lines(500));
    scratch.git(&["tag", "v1"]);
    scratch.git(&["push", "-q", "origin", "v1", "HEAD:refs/orch/attempts/x/1", "HEAD:refs/notes/x"]);
    scratch.git(&["push", "-q", "--no-verify", "origin", "large"]);
    scratch.git(&["push", "-q", "origin", "--delete", "large"]);
}

#[test]
fn the_base_is_measured_from_what_the_remote_has() {
    let scratch = hooked();
    scratch.commit("a", &lines(201));
    let answer = scratch.try_git(&["push", "-q", "origin", "main"]);
    assert!(answer.code != 0 && answer.err.contains("main is too big to push: 201 lines"), "{}", answer.err);
    assert!(answer.err.contains("hint: put it on a branch: git switch -c TOPIC\n"), "{}", answer.err);
    // A branch from there is not smaller.
    scratch.git(&["switch", "-q", "-c", "work"]);
    scratch.commit("b", "one\n");
    let answer = scratch.try_git(&["push", "-q", "origin", "work"]);
    assert!(answer.err.contains("work is too big to push: 202 lines"), "{}", answer.err);
    scratch.git(&["switch", "-q", "main"]);
    scratch.git(&["reset", "-q", "--hard", "HEAD~1"]);
    scratch.commit("a", &lines(200));
    assert_eq!(scratch.try_git(&["push", "-q", "origin", "main"]).code, 0);
}

fn land(scratch: &Scratch, path: &str, count: usize) {
    scratch.commit(path, &lines(count));
    scratch.git(&["commit", "-q", "--amend", "-m", &format!("Do it\n\nOrch-Task: t-{path}\nOrch-Nonce: x")]);
}

#[test]
fn landings_of_the_queue_pass_and_work_by_hand_between_them_counts() {
    let scratch = hooked();
    land(&scratch, "a", 150);
    land(&scratch, "b", 150);
    let answer = scratch.try_git(&["push", "-q", "origin", "main"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scratch.commit("c", &lines(101));
    land(&scratch, "d", 150);
    scratch.commit("e", &lines(99));
    let answer = scratch.try_git(&["push", "-q", "origin", "main"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scratch.commit("f", &lines(101));
    land(&scratch, "g", 150);
    scratch.commit("h", &lines(100));
    let answer = scratch.try_git(&["push", "-q", "origin", "main"]);
    assert!(answer.err.contains("main is too big to push: 201 lines"), "{}", answer.err);
    assert!(answer.err.contains("hint: put it on a branch: git switch -c TOPIC\n"), "{}", answer.err);
    // A branch on landings that the remote does not have yet.
    scratch.git(&["reset", "-q", "--hard", "origin/main"]);
    land(&scratch, "i", 150);
    scratch.git(&["switch", "-q", "-c", "work"]);
    scratch.commit("j", &lines(200));
    let answer = scratch.try_git(&["push", "-q", "origin", "work"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scratch.commit("k", "one\n");
    assert_ne!(scratch.try_git(&["push", "-q", "origin", "work"]).code, 0);
}

#[test]
fn the_first_push_of_all_passes() {
    let scratch = Scratch::new();
    scratch.commit("a", &lines(900));
    let remote = scratch.beside("remote.git");
    scratch.git(&["init", "-q", "--bare", "-b", "main", remote.to_str().unwrap()]);
    scratch.orch(&["init"]);
    scratch.git(&["push", "-q", remote.to_str().unwrap(), "main"]);
}

#[test]
fn denied_paths_are_refused() {
    let scratch = hooked();
    scratch.commit("orch.toml", "[paths]\ndeny = [\"secret/\"]\n");
    scratch.git(&["push", "-q", "origin", "main"]);
    let answer = branch_with(&scratch, "work", "secret/x", 1);
    assert!(answer.code != 0 && answer.err.contains("secret/x"), "{}", answer.err);
    // The limits are those of the base, not those of the branch.
    scratch.commit("orch.toml", "[cap]\ndiff = 9000\n");
    assert_ne!(scratch.try_git(&["push", "-q", "origin", "work"]).code, 0);
}

#[test]
fn the_hook_that_was_there_runs_first_with_the_same_lines() {
    let scratch = Scratch::new();
    let remote = scratch.beside("remote.git");
    scratch.git(&["init", "-q", "--bare", "-b", "main", remote.to_str().unwrap()]);
    scratch.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    scratch.git(&["push", "-q", "-u", "origin", "main"]);
    let old = "#!/bin/sh\necho \"$1\" > seen; cat >> seen; [ ! -e refuse ]\n";
    scratch.script(".git/hooks/pre-push", old);
    scratch.orch(&["init"]);
    assert_eq!(scratch.read(".git/hooks/pre-push.before-orch"), old);
    let answer = branch_with(&scratch, "fits", "a", 5);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let head = scratch.git(&["rev-parse", "fits"]);
    let zero = "0".repeat(40);
    let told = format!("origin\nrefs/heads/fits {} refs/heads/fits {zero}\n", head.trim());
    assert_eq!(scratch.read("seen"), told);
    scratch.write("refuse", "");
    scratch.commit("b", "one\n");
    assert_ne!(scratch.try_git(&["push", "-q", "origin", "fits"]).code, 0);
    fs::remove_file(scratch.repo.join("refuse")).unwrap();
    assert_ne!(branch_with(&scratch, "large", "c", 201).code, 0);
}

#[test]
fn what_cannot_be_judged_does_not_pass() {
    let scratch = hooked();
    scratch.commit("orch.toml", "[cap]\ndiff = 'many'\n");
    scratch.git(&["push", "-q", "--no-verify", "origin", "main"]);
    assert_ne!(branch_with(&scratch, "work", "a", 1).code, 0);
    // The program is gone: the hook says how to get rid of it.
    let hook = scratch.read(".git/hooks/pre-push").replace(env!("CARGO_BIN_EXE_git-orch"), "/gone");
    let hook = hook.replace("command -v git-orch", "command -v gone"); // this machine may have one
    scratch.script(".git/hooks/pre-push", &hook);
    let answer = scratch.try_git(&["push", "-q", "origin", "work"]);
    assert!(answer.code != 0 && answer.err.contains("is not installed any more"), "{}", answer.err);
}
