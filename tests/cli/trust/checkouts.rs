//! Checkouts that are in the middle of something, and repositories that are laid out in another way.

use crate::scenarios::{Field, names};

/// A field whose main and `other` meet in a conflict, with one change in its queue.
fn in_conflict() -> Field {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    field.sandbox.branch("other", "f.txt", "theirs\n");
    field.sandbox.write("f.txt", "ours\n");
    field.git(&["commit", "-q", "-a", "-m", "ours"]);
    field
}

fn fails(field: &Field, args: &[&str]) {
    let ran = field.sandbox.command("git", &field.sandbox.path()).args(args).output().unwrap();
    assert!(!ran.status.success(), "git {args:?}");
}

#[test]
fn a_merge_or_rebase_of_the_base_is_waited_for() {
    for (command, what) in [
        ("merge", "a merge with conflicts is going on in "),
        ("cherry-pick", "a cherry-pick with conflicts is going on in "),
        ("rebase", "a rebase of main is going on in "),
    ] {
        let field = in_conflict();
        let tip = field.tip();
        fails(&field, &[command, "other"]);
        let said = field.drain(4);
        let stands = said["stands"].as_str().unwrap();
        let next = format!(": git {command} --continue, or git {command} --abort");
        assert!(stands.starts_with(what) && stands.ends_with(&next), "{command}: {stands}");
        assert_eq!(field.tip(), tip);
        field.git(&[command, "--abort"]);
        assert_eq!(names(&field.drain(0)["landed"]), ["a"], "{command}");
        assert_eq!(field.runs().len(), 1, "{command}: what was tested is not tested again");
        assert_eq!(field.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn a_base_that_is_a_symbolic_ref_lands_on_the_branch_behind_it() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    field.git(&["branch", "-m", "main", "trunk"]);
    field.git(&["symbolic-ref", "refs/heads/main", "refs/heads/trunk"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    assert_eq!(field.git(&["symbolic-ref", "refs/heads/main"]), "refs/heads/trunk");
    assert_eq!(field.git(&["log", "-1", "--format=%(trailers:key=Orch-Task,valueonly)", "trunk"]), "a");
    assert_eq!(field.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_submodule_is_a_repository_like_any_other() {
    let field = Field::new("true", "");
    let up = field.sandbox.path().with_file_name("up");
    let up_text = up.to_str().unwrap();
    field.git(&["init", "-q", "-b", "main", up_text]);
    let add =
        ["-C", up_text, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../repo", "sub"];
    field.git(&add);
    let sub = up.join("sub");
    let git = |args: &[&str]| {
        let all: Vec<&str> = ["-C", sub.to_str().unwrap()].into_iter().chain(args.iter().copied()).collect();
        field.git(&all)
    };
    git(&["config", "user.name", "Ana"]);
    git(&["config", "user.email", "ana@localhost"]);
    git(&["switch", "-q", "-c", "a"]);
    std::fs::write(sub.join("a.txt"), "a\n").unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "a"]);
    git(&["switch", "-q", "main"]);
    git(&["config", "orch.queue.push", "false"]);
    field.sandbox.run_in(&sub, &["queue", "add", "a"]).exits(0);
    let ran = field.sandbox.run_in(&sub, &["queue", "run", "--json"]).exits(0).json();
    assert_eq!(names(&ran["data"]["landed"]), ["a"]);
    assert!(sub.join("a.txt").exists() && git(&["status", "--porcelain"]).is_empty());
    // The same from inside a task's worktree, which git does not take for the first one.
    field.sandbox.run_in(&sub, &["add", "One", "--id", "one"]).exits(0);
    field.sandbox.run_in(&sub, &["pick", "one"]).exits(0);
    let worktree = sub.join(".worktrees/one");
    std::fs::write(worktree.join("one.txt"), "one\n").unwrap();
    field.sandbox.run_in(&worktree, &["submit"]).exits(0);
    git(&["branch", "-q", "b", "main"]);
    git(&["worktree", "add", "-q", "../b", "b"]);
    let other = up.join("b");
    std::fs::write(other.join("b.txt"), "b\n").unwrap();
    field.git(&["-C", other.to_str().unwrap(), "add", "-A"]);
    field.git(&["-C", other.to_str().unwrap(), "commit", "-q", "-m", "b"]);
    field.sandbox.run_in(&sub, &["queue", "add", "b"]).exits(0);
    field.sandbox.run_in(&worktree, &["queue", "run"]).exits(0);
    assert!(sub.join("b.txt").exists() && git(&["status", "--porcelain"]).is_empty());
    assert!(!worktree.join("b.txt").exists() && worktree.join("one.txt").exists());
}

#[test]
fn a_repository_that_does_not_know_its_files_says_how_it_learns() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    field.git(&["init", "-q", "--separate-git-dir=../elsewhere"]);
    let path = field.sandbox.path();
    let said = field.sandbox.run(&["status"]).exits(7);
    let command = format!("git config core.worktree {}", path.display());
    assert!(said.stderr.contains(&command) && !said.stderr.contains("bare"), "{said:?}");
    field.git(&["config", "core.worktree", path.to_str().unwrap()]);
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    assert!(path.join("a.txt").exists());
    // From a task's worktree it is the same repository; and where it does not know again, that worktree is not its place.
    field.sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    field.sandbox.run(&["pick", "one"]).exits(0);
    let worktree = path.join(".worktrees/one");
    std::fs::write(worktree.join("one.txt"), "one\n").unwrap();
    field.sandbox.run_in(&worktree, &["submit"]).exits(0);
    field.git(&["config", "--unset", "core.worktree"]);
    let said = field.sandbox.run_in(&worktree, &["status"]).exits(7).stderr;
    assert!(said.contains("cd FOLDER && git config core.worktree \"$PWD\""), "{said}");
    assert!(!said.contains(&format!("core.worktree {}", worktree.display())), "{said}");
}

#[test]
fn a_commit_of_the_base_that_is_not_well_formed_is_named() {
    let field = Field::new("true", "");
    let text = field.git(&["cat-file", "commit", "main"]).replace("<ana@localhost>", "ana@localhost");
    let file = field.place().join("commit");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    let id = field.git(&["hash-object", "-t", "commit", "-w", "--literally", file.to_str().unwrap()]);
    field.git(&["update-ref", "refs/heads/main", &id]);
    let doctor = field.sandbox.run(&["doctor"]).exits(7).stdout;
    assert!(doctor.contains(&id) && doctor.contains("git fsck --no-dangling"), "{doctor}");
    let said = field.sandbox.run(&["queue", "run"]).exits(1);
    assert!(said.stderr.contains(&id) && said.stderr.contains("git fsck --no-dangling"), "{said:?}");
}
