//! git's own locks: those of the living are waited for, and those that our dead left are no obstacle.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::scenarios::{Field, names};
use crate::support::{Ran, Sandbox};

fn wait_for(file: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    while !file.exists() {
        assert!(Instant::now() < until, "{} did not come", file.display());
        sleep(Duration::from_millis(10));
    }
}

/// An hour is long for a lock, and not for an editor.
fn age(lock: &Path) {
    wait_for(lock);
    let then = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(lock).unwrap().set_modified(then).unwrap();
}

/// A git of the user, in a folder, with a variable.
fn user(field: &Field, dir: &Path, variable: (&str, &str), args: &[&str]) -> Child {
    let mut git = field.sandbox.command("git", dir);
    git.args(args).env(variable.0, variable.1).stdin(Stdio::null());
    git.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_commit_that_waits_for_its_editor_in_another_worktree_keeps_its_lock() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    let (mine, go) = (field.place().join("mine"), field.place().join("go"));
    field.git(&["worktree", "add", "-q", "-b", "mine", mine.to_str().unwrap()]);
    fs::write(mine.join("f.txt"), "mine\n").unwrap();
    let editor =
        format!("f() {{ while ! test -e {}; do sleep 0.1; done; echo mine > $1; }}; f", go.display());
    let commit = user(&field, &mine, ("GIT_EDITOR", &editor), &["commit", "-a"]);
    let lock = field.sandbox.path().join(".git/worktrees/mine/index.lock");
    age(&lock);
    assert_eq!(names(&field.drain(0)["landed"]), ["a"]);
    field.sandbox.run(&["doctor", "--fix"]);
    assert!(lock.exists(), "the lock of a git that lives");
    fs::write(go, "").unwrap();
    Ran::end_of(commit).exits(0);
    assert_eq!(field.git(&["show", "mine:f.txt"]), "mine");
}

#[test]
fn a_landing_waits_for_whoever_holds_the_lock_of_main() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    let go = field.place().join("go");
    let hook = field.sandbox.path().join(".git/hooks/reference-transaction");
    let wait = format!(
        "#!/bin/sh\n[ \"$1\" = prepared ] && [ -n \"$SLOW\" ] && while ! test -e {}; do sleep 0.1; done\nexit 0\n",
        go.display()
    );
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, wait).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    field.sandbox.write("mine.txt", "mine\n");
    field.git(&["add", "mine.txt"]);
    let commit = user(&field, &field.sandbox.path(), ("SLOW", "1"), &["commit", "-q", "-m", "mine"]);
    age(&field.sandbox.path().join(".git/refs/heads/main.lock"));
    let queue = field.sandbox.start(&["queue", "run", "--json"]);
    sleep(Duration::from_secs(3));
    fs::write(go, "").unwrap();
    Ran::end_of(commit).exits(0);
    assert_eq!(names(&Ran::end_of(queue).exits(0).json()["data"]["landed"]), ["a"]);
    assert_eq!(field.git(&["show", "main:mine.txt", "main:a.txt"]).lines().count(), 2);
    assert_eq!(field.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_lock_of_somebody_is_named_with_its_age_and_the_command_that_removes_it() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let lock = sandbox.path().join(".git/refs/orch/tasks/one.lock");
    File::create(&lock).unwrap();
    age(&lock);
    let said = sandbox.run(&["pick", "one"]).exits(6).stderr;
    assert!(said.contains(&format!("{}, 60 minutes old", lock.display())), "{said}");
    assert!(said.contains("[E-LOCKED") && said.contains(&format!("rm {}", lock.display())), "{said}");
    assert!(lock.exists());
    fs::remove_file(lock).unwrap();
    sandbox.run(&["pick", "one"]).exits(0);
}

#[test]
fn a_lock_that_an_agent_left_in_its_worktree_is_no_obstacle() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "-m", "do the thing", "--id", "one"]).exits(0);
    let agent = "implement=exec:touch $(git rev-parse --git-path index.lock) && echo new > new.txt";
    sandbox.run(&["run", "--no-land", "--no-sandbox", "--agent", agent]);
    assert_eq!(sandbox.git(&["show", "orch/one:new.txt"]), "new");
    let admin = sandbox.path().join(".git/worktrees/one");
    assert!(admin.exists() && !admin.join("index.lock").exists());
}

/// A picked task, with a link that its worker committed where an included file belongs.
fn included(link: &str, to: &Path) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("cfg")).unwrap();
    sandbox.write("cfg/keep", "x\n");
    for file in [".gitignore", ".worktreeinclude"] {
        sandbox.write(file, "cfg/.env\n.env\nlinked\n");
    }
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "include"]);
    sandbox.write("cfg/.env", "SECRET=1\n");
    sandbox.write(".env", "SECRET=2\n");
    sandbox.run(&["add", "One", "--id", "one", "--paths", "**"]).exits(0);
    sandbox.run(&["pick", "one"]).exits(0);
    let worktree = sandbox.path().join(".worktrees/one");
    assert_eq!(fs::read_to_string(worktree.join("cfg/.env")).unwrap(), "SECRET=1\n");
    let _ = fs::remove_dir_all(worktree.join(link));
    let _ = fs::remove_file(worktree.join(link));
    std::os::unix::fs::symlink(to, worktree.join(link)).unwrap();
    let git = |args: &[&str]| {
        let args = [&["-C", worktree.to_str().unwrap()], args].concat();
        sandbox.git(&args)
    };
    git(&["add", "-f", link]);
    git(&["commit", "-q", "-a", "-m", "link"]);
    fs::remove_dir_all(&worktree).unwrap();
    (sandbox, worktree)
}

#[test]
fn nothing_is_copied_through_a_link_that_a_worker_committed() {
    for (link, file) in [("cfg", "cfg/.env"), (".env", ".env")] {
        let outside = tempfile::tempdir().unwrap();
        let to = if link == "cfg" { outside.path().to_owned() } else { outside.path().join("new") };
        let (sandbox, worktree) = included(link, &to);
        sandbox.run(&["pick", "one"]).exits(0);
        assert!(worktree.join("f.txt").exists(), "{file}: the worktree is whole");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{file}");
        assert!(worktree.join(link).symlink_metadata().unwrap().is_symlink());
    }
}

#[test]
fn what_lies_outside_of_the_repository_is_not_copied_in() {
    let (sandbox, worktree) = included("other", Path::new("nowhere"));
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("key"), "SECRET\n").unwrap();
    std::os::unix::fs::symlink(outside.path().join("key"), sandbox.path().join("linked")).unwrap();
    sandbox.run(&["pick", "one"]).exits(0);
    assert!(worktree.join(".env").exists() && worktree.join("linked").symlink_metadata().is_err());
}
