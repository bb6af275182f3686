//! Work that is in no commit, and what agents do where nothing holds them.

use std::fs;
use std::path::PathBuf;

use crate::support::Sandbox;

fn picked() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "*.local\nbuild/\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "Ignore"]);
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let picked = sandbox.run(&["pick", "one", "--json"]).exits(0).json();
    let worktree = PathBuf::from(picked["data"]["worktree"].as_str().unwrap());
    (sandbox, worktree)
}

#[test]
fn giving_a_task_up_loses_nothing_that_git_does_not_see() {
    for (file, hides) in [
        ("notes.local", None),
        ("build/out", None),
        ("f.txt", Some("--assume-unchanged")),
        ("f.txt", Some("--skip-worktree")),
    ] {
        let (sandbox, worktree) = picked();
        fs::create_dir_all(worktree.join("build")).unwrap();
        fs::write(worktree.join(file), "hours of work\n").unwrap();
        if let Some(mark) = hides {
            sandbox.git(&["-C", worktree.to_str().unwrap(), "update-index", mark, file]);
        }
        let said = sandbox.run(&["stop", "one", "--abandon"]).exits(0);
        assert!(said.stdout.contains("its worktree stays"), "{file}: {said:?}");
        sandbox.run(&["doctor", "--fix"]);
        sandbox.run(&["queue", "run"]).exits(0);
        let kept = fs::read_to_string(worktree.join(file)).unwrap_or_default();
        assert_eq!(kept, "hours of work\n", "{file}");
        if hides.is_some() {
            let attempt = sandbox.git(&["show", "refs/orch/attempts/one/1:f.txt"]);
            assert_eq!(attempt, "hours of work");
        }
    }
}

#[test]
fn giving_a_task_up_tidies_what_is_only_a_copy() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "*.local\n");
    sandbox.write(".worktreeinclude", "*.local\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "Ignore"]);
    sandbox.write("key.local", "x\n");
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let picked = sandbox.run(&["pick", "one", "--json"]).exits(0).json();
    let worktree = PathBuf::from(picked["data"]["worktree"].as_str().unwrap());
    assert!(worktree.join("key.local").exists());
    sandbox.run(&["stop", "one", "--abandon"]).exits(0);
    assert!(!worktree.exists());
}

#[test]
fn a_worktree_that_somebody_removed_is_missed() {
    let (sandbox, worktree) = picked();
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(!status.contains("removed the worktree"), "{status}");
    fs::remove_dir_all(&worktree).unwrap();
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(
        status.contains("Somebody removed the worktree of one, which Ana has in hand   git orch pick one"),
        "{status}"
    );
    let doctor = sandbox.run(&["doctor"]).exits(7).stdout;
    assert!(doctor.contains("somebody removed the worktree of one"), "{doctor}");
    sandbox.run(&["pick", "one"]).exits(0);
    assert!(worktree.join("f.txt").exists());
    assert_eq!(
        sandbox.run(&["status", "--json"]).exits(0).json()["data"]["worktree_gone"].as_array().unwrap().len(),
        0
    );
}

#[test]
fn a_change_puts_no_file_into_the_worktree_of_another_task() {
    let (sandbox, worktree) = picked();
    for (branch, link) in [("file", false), ("link", true)] {
        let blob = sandbox.git(&["rev-parse", "main:f.txt"]);
        let entry = if link {
            format!("120000,{blob},.worktrees")
        } else {
            format!("100644,{blob},.worktrees/one/evil.txt")
        };
        sandbox.git(&["switch", "-q", "-c", branch, "main"]);
        sandbox.git(&["update-index", "--add", "--cacheinfo", &entry]);
        sandbox.git(&["commit", "-q", "-m", "Evil"]);
        sandbox.git(&["switch", "-q", "-f", "main"]);
        let refused = sandbox.run(&["queue", "add", branch]).exits(3);
        assert!(refused.stderr.contains("it is where tasks are worked on and tests run"), "{refused:?}");
    }
    assert!(worktree.join("f.txt").exists() && !worktree.join("evil.txt").exists());
}

#[test]
fn a_link_in_the_place_of_a_worktree_leads_to_nobody_elses_files() {
    for args in [
        &["submit", "one", "-m", "x"][..],
        &["stop", "one", "--abandon"],
        &["doctor", "--fix"],
        &["pick", "one"],
    ] {
        let (sandbox, worktree) = picked();
        sandbox.write("mine.txt", "in no commit\n");
        let (head, tip) = (sandbox.git(&["symbolic-ref", "HEAD"]), sandbox.git(&["rev-parse", "main"]));
        fs::remove_dir_all(&worktree).unwrap();
        std::os::unix::fs::symlink(sandbox.path(), &worktree).unwrap();
        sandbox.run(args);
        sandbox.run(&["queue", "run"]);
        assert_eq!(sandbox.git(&["symbolic-ref", "HEAD"]), head, "{args:?}");
        assert_eq!(sandbox.git(&["rev-parse", "main"]), tip, "{args:?}");
        assert_eq!(sandbox.git(&["status", "--porcelain"]), "?? mine.txt", "{args:?}");
    }
}

#[test]
fn a_candidate_that_gc_took_ends_no_queue() {
    let (sandbox, _) = picked();
    let folder = sandbox.path().join(".git/refs/orch/candidates");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("0123"), "0123456789012345678901234567890123456789\n").unwrap();
    sandbox.run(&["queue", "run"]).exits(0);
    assert!(!folder.join("0123").exists(), "git gc fails over it");
    sandbox.git(&["gc", "-q"]);
}

#[test]
fn settings_that_an_agent_without_a_sandbox_changes_are_noticed() {
    let sandbox = Sandbox::new();
    sandbox.git(&["init", "-q", "--bare", "-b", "main", "../remote.git"]);
    sandbox.git(&["remote", "add", "origin", "../remote.git"]);
    sandbox.git(&["push", "-q", "-u", "origin", "main"]);
    let was = fs::read_to_string(sandbox.path().join(".git/config")).unwrap();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let agent =
        "implement=exec:printf '[core]\\n' > $(git rev-parse --git-common-dir)/config; echo 1 > new; sleep 1";
    let review = r#"review=exec:echo '{"verdict":"approve"}'"#;
    let ran = sandbox.run(&["run", "--no-sandbox", "--agent", agent, "--agent", review]);
    assert!(
        ran.stderr.contains("changed while agents without a sandbox were at work; as it was: "),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("landings went to origin/main"), "{ran:?}");
    assert_eq!(sandbox.git(&["log", "-1", "--format=%s", "main"]), "start", "nothing lands elsewhere");
    let local = fs::read_dir(sandbox.path().join(".git/orch")).unwrap().flatten();
    let kept = local.map(|entry| entry.path().join("config")).find(|path| path.exists()).unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), was);
}
