//! `init` and `doctor`: what they write, that twice is once, and that it all goes away again.

use crate::scratch::{Scratch, listing};
use serde_json::Value;
use std::fs;

fn data(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap()["data"].take()
}

#[test]
fn a_dry_run_touches_nothing() {
    let scratch = Scratch::new();
    scratch.commit("Cargo.toml", "[package]\n");
    let before = scratch.listing();
    let answer = scratch.orch(&["init", "--dry-run", "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(scratch.listing(), before);
    assert_eq!(data(&answer.out)["created"], serde_json::json!(["orch.toml", ".git/hooks/pre-push"]));
    assert_eq!(scratch.orch(&["doctor", "--fix", "--dry-run"]).code, 7);
    assert_eq!(scratch.orch(&["doctor"]).code, 7);
    assert_eq!(scratch.listing(), before);
}

#[test]
fn twice_is_once() {
    let scratch = Scratch::new();
    scratch.commit("Cargo.toml", "[package]\n");
    let first = scratch.orch(&["init"]);
    assert!(first.out.contains("landings stay local: main has no upstream"), "{}", first.out);
    assert!(scratch.read("orch.toml").contains("cargo test"));
    assert!(scratch.read(".git/info/exclude").ends_with("\n/.worktrees/\n"));
    let after = scratch.listing();
    let second = data(&scratch.orch(&["init", "--json"]).out);
    assert_eq!(scratch.listing(), after);
    assert_eq!((&second["created"], &second["changed"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn a_removal_restores_every_byte() {
    for exclude in [None, Some(""), Some("*.o\n"), Some("*.o"), Some("a\n\n")] {
        let scratch = Scratch::new();
        let path = scratch.repo.join(".git/info/exclude");
        match exclude {
            Some(text) => scratch.write(".git/info/exclude", text),
            None => fs::remove_file(path).unwrap(),
        }
        scratch.script(".git/hooks/pre-push", "#!/bin/sh\nexit 0\n");
        let before = scratch.listing();
        assert_eq!(scratch.orch(&["init", "--local"]).code, 0);
        assert_ne!(scratch.listing(), before);
        assert!(!scratch.repo.join("orch.toml").exists());
        assert_eq!(scratch.orch(&["init", "--remove", "-n"]).code, 0);
        assert!(scratch.read(".git/hooks/pre-push").contains("git orch"));
        assert_eq!(scratch.orch(&["init", "--remove"]).code, 0);
        let mut after = scratch.listing();
        if exclude == Some("") {
            after.insert(".git/info/exclude".to_owned(), before[".git/info/exclude"].clone());
        }
        assert_eq!(after, before, "{exclude:?}");
    }
}

#[test]
fn a_removal_leaves_what_is_for_everybody_and_what_is_others() {
    let scratch = Scratch::new();
    scratch.orch(&["init"]);
    scratch.script(".git/hooks/pre-push", "#!/bin/sh\n# mine\n");
    let answer = scratch.orch(&["init", "--remove"]);
    assert!(answer.out.contains("orch.toml stays"), "{}", answer.out);
    assert_eq!(scratch.read(".git/hooks/pre-push"), "#!/bin/sh\n# mine\n");
    assert!(scratch.repo.join("orch.toml").exists());
}

#[test]
fn settings_of_somebody_are_never_written_over() {
    let scratch = Scratch::new();
    scratch.write("orch.toml", "[cap]\ndiff = 7\n");
    scratch.orch(&["init"]);
    assert_eq!(scratch.read("orch.toml"), "[cap]\ndiff = 7\n");
    scratch.git(&["add", "orch.toml"]);
    scratch.git(&["commit", "-q", "-m", "Settings"]);
    scratch.git(&["rm", "-q", "--cached", "orch.toml"]);
    fs::remove_file(scratch.repo.join("orch.toml")).unwrap();
    scratch.orch(&["init"]);
    assert!(!scratch.repo.join("orch.toml").exists());
}

#[test]
fn hooks_go_where_git_looks_for_them() {
    let scratch = Scratch::new();
    scratch.git(&["config", "core.hooksPath", ".githooks"]);
    scratch.orch(&["init"]);
    assert!(scratch.read(".githooks/pre-push").contains("git orch"));
    assert!(!scratch.repo.join(".git/hooks/pre-push").exists());

    let scratch = Scratch::new();
    let shared = scratch.beside("shared");
    scratch.git(&["config", "--global", "core.hooksPath", shared.to_str().unwrap()]);
    let answer = scratch.orch(&["init"]);
    assert!(answer.out.contains("git orch init --with hooks"), "{}", answer.out);
    assert!(!shared.exists());
    scratch.orch(&["init", "--with", "hooks"]);
    assert!(shared.join("pre-push").exists());
}

#[test]
fn it_says_where_landings_go() {
    let scratch = Scratch::new();
    let remote = scratch.beside("remote.git");
    scratch.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    scratch.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    scratch.git(&["push", "-q", "-u", "origin", "main"]);
    let answer = scratch.orch(&["init"]);
    assert!(answer.out.contains("Base: main; landings are pushed to origin/main"), "{}", answer.out);
    scratch.git(&["config", "orch.queue.push", "false"]);
    let answer = scratch.orch(&["init"]);
    assert!(answer.out.contains("landings stay local: queue.push is false"), "{}", answer.out);
}

#[test]
fn a_branch_called_orch_is_in_the_way() {
    let scratch = Scratch::new();
    scratch.git(&["branch", "orch"]);
    let before = scratch.listing();
    let answer = scratch.orch(&["init"]);
    assert_eq!(answer.code, 7);
    assert!(answer.err.contains("git branch -m orch"), "{}", answer.err);
    assert_eq!(scratch.listing(), before);
    let checks = data(&scratch.orch(&["doctor", "--json"]).out);
    let check = checks.as_array().unwrap().iter().find(|check| check["check"] == "branch-orch").unwrap();
    assert_eq!(
        (&check["ok"], &check["fix"]),
        (&Value::from(false), &Value::from("git branch -m orch orch-old"))
    );
}

#[test]
fn a_repository_without_a_commit_can_be_set_up() {
    let scratch = Scratch::new();
    let fresh = Scratch { repo: scratch.beside("fresh"), ..scratch };
    fs::create_dir(&fresh.repo).unwrap();
    fresh.git(&["init", "-q", "-b", "main"]);
    let answer = fresh.orch(&["init"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.out.contains("main has no commit yet"), "{}", answer.out);
    assert!(fresh.repo.join(".git/hooks/pre-push").exists());
}

#[test]
fn pages_are_written_beside_a_folder_bin() {
    let scratch = Scratch::new();
    let bin = scratch.beside("prefix/bin");
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join("git-orch");
    fs::copy(env!("CARGO_BIN_EXE_git-orch"), &program).unwrap();
    assert_eq!(scratch.call(&program, &["init"]).code, 0);
    let share = scratch.beside("prefix/share");
    let pages = listing(&share);
    for path in [
        "man/man1/git-orch.1",
        "man/man1/git-orch-queue.1",
        "bash-completion/completions/git-orch",
        "zsh/site-functions/_git-orch",
        "fish/vendor_completions.d/git-orch.fish",
    ] {
        assert!(pages.contains_key(path), "{path}");
    }
    let second = data(&scratch.call(&program, &["init", "--json"]).out);
    assert_eq!((&second["created"], &second["changed"]), (&serde_json::json!([]), &serde_json::json!([])));

    fs::remove_file(share.join("man/man1/git-orch.1")).unwrap();
    scratch.git(&["add", "orch.toml"]);
    scratch.git(&["commit", "-q", "-m", "Settings"]);
    let wrong = scratch.call(&program, &["doctor"]).out;
    assert!(wrong.contains("WRONG  man-page"), "{wrong}");
    scratch.call(&program, &["doctor", "--fix"]);
    assert_eq!(listing(&share), pages);
}

#[test]
fn bare_folders_and_reftables_are_refused() {
    let scratch = Scratch::new();
    for (name, how) in [("bare", vec!["--bare"]), ("table", vec!["--ref-format=reftable"])] {
        let repo = scratch.beside(name);
        let init: Vec<&str> = [vec!["init", "-q"], how, vec![repo.to_str().unwrap()]].concat();
        scratch.git(&init);
        let at = |word: &str| {
            let program = std::path::Path::new("git");
            scratch.call(program, &["-C", repo.to_str().unwrap(), "-c", &alias(), "orch-under-test", word])
        };
        assert_eq!((at("init").code, at("doctor").code), (7, 7), "{name}");
    }
}

/// Runs this program by git, as people do.
fn alias() -> String {
    format!("alias.orch-under-test=!'{}'", env!("CARGO_BIN_EXE_git-orch"))
}

#[test]
fn the_doctor_is_content_with_a_queue_alone_and_quiet_when_asked() {
    let scratch = Scratch::new();
    scratch.commit("orch.toml", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    let well = scratch.orch(&["doctor"]);
    assert!(well.code == 0 && well.out.ends_with("All is well.\n"), "{}", well.out);
    let quiet = scratch.orch(&["doctor", "-q"]);
    assert_eq!((quiet.code, quiet.out.as_str()), (0, ""));
    scratch.git(&["switch", "-q", "-c", "topic"]);
    scratch.commit("topic.txt", "x\n");
    scratch.git(&["switch", "-q", "main"]);
    assert_eq!(scratch.orch(&["queue", "add", "topic"]).code, 0);
    assert_eq!(scratch.orch(&["queue", "run"]).code, 0);
    assert_eq!(scratch.orch(&["doctor", "-q"]).code, 0, "the queue has worked");
    scratch.commit("orch.toml", "[cap]\ndiff = 100\n");
    let wrong = scratch.orch(&["doctor", "-q"]);
    assert_eq!(wrong.code, 7);
    assert!(wrong.out.starts_with("WRONG  tests"), "{}", wrong.out);
    assert!(!wrong.err.contains("--fix"), "nothing there mends that: {}", wrong.err);
}

#[test]
fn the_doctor_is_content_when_all_is_committed() {
    let scratch = Scratch::new();
    scratch.commit("Makefile", "test:\n\ttrue\n");
    scratch.orch(&["init"]);
    let wrong = scratch.orch(&["doctor"]);
    assert_eq!(wrong.code, 7);
    assert!(wrong.out.contains("WRONG  settings     orch.toml is not committed on main"), "{}", wrong.out);
    scratch.git(&["add", "orch.toml"]);
    scratch.git(&["commit", "-q", "-m", "Settings"]);
    let well = scratch.orch(&["doctor"]);
    assert_eq!((well.code, well.out.ends_with("All is well.\n")), (0, true), "{}", well.out);

    fs::remove_file(scratch.repo.join(".git/info/exclude")).unwrap();
    scratch.git(&["config", "gc.pruneExpire", "now"]);
    scratch.git(&["config", "orch.agents.implement", "exec:no-such-agent --go"]);
    let wrong = scratch.orch(&["doctor", "--fix"]);
    assert!(wrong.out.starts_with("mended  wrote .git/info/exclude (/.worktrees/)\n"), "{}", wrong.out);
    for line in ["ok     exclude", "WRONG  gc ", "WRONG  agents"] {
        assert!(wrong.out.contains(line), "{line}: {}", wrong.out);
    }
}

#[test]
fn the_doctor_finds_broken_and_lost_journals_and_brings_them_back() {
    let scratch = Scratch::new();
    let demo = scratch.beside("demo");
    assert_eq!(scratch.orch(&["demo", demo.to_str().unwrap(), "--make-only"]).code, 0);
    let demo = Scratch { repo: demo, ..scratch };
    assert_eq!(demo.orch(&["doctor"]).code, 0);
    let tip = |id: &str| demo.git(&["rev-parse", &format!("refs/orch/tasks/{id}")]);
    let (html, trim) = (tip("html"), tip("trim"));
    fs::write(demo.repo.join(".git/refs/orch/tasks/html"), "").unwrap();
    fs::remove_file(demo.repo.join(".git/refs/orch/tasks/trim")).unwrap();
    let wrong = demo.orch(&["doctor"]);
    let line = "refs/orch/tasks/html is broken or gone; refs/orch/tasks/trim is broken or gone";
    assert!(wrong.code == 7 && wrong.out.contains(line), "{}", wrong.out);
    let mended = demo.orch(&["doctor", "--fix"]);
    assert_eq!(mended.code, 0, "{}", mended.out);
    assert_eq!((tip("html"), tip("trim")), (html, trim));
}

#[test]
fn the_doctor_folds_journals_again() {
    let scratch = Scratch::new();
    let demo = scratch.beside("demo");
    assert_eq!(scratch.orch(&["demo", demo.to_str().unwrap(), "--make-only"]).code, 0);
    let demo = Scratch { repo: demo, ..scratch };
    // Somebody writes into a journal by hand: the same event, another title.
    let blob =
        demo.git(&["cat-file", "-p", "refs/orch/tasks/trim:task.json"]).replace("Trim the", "Keep the");
    demo.write("../forged.json", &blob);
    let index = demo.beside("index");
    let forge = format!(
        "export GIT_INDEX_FILE='{}' && git read-tree refs/orch/tasks/trim && \
         git update-index --cacheinfo 100644,$(git hash-object -w ../forged.json),task.json && \
         git update-ref refs/orch/tasks/trim $(git commit-tree -m forged $(git write-tree))",
        index.display()
    );
    let forged = demo.call(std::path::Path::new("sh"), &["-c", &forge]);
    assert_eq!(forged.code, 0, "{}", forged.err);
    let wrong = demo.orch(&["doctor"]);
    assert!(wrong.out.contains("WRONG  journals     trim: its events do not give what"), "{}", wrong.out);
}
