//! Our entries for managers of hooks, by their real programs; and the hook for a remote of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::{Answer, Scratch};
use crate::tools::{root, tool};

/// A repository whose pushes go to a bare one beside it, and `git-orch` on the path.
struct Place {
    scratch: Scratch,
    remote: PathBuf,
    /// Folders before those of the path.
    programs: Vec<PathBuf>,
}

impl Place {
    fn new(programs: &[&Path]) -> Place {
        let scratch = Scratch::new();
        let remote = scratch.beside("remote.git");
        scratch.git(&["init", "-q", "--bare", "-b", "main", remote.to_str().unwrap()]);
        scratch.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
        scratch.git(&["push", "-q", "-u", "origin", "main"]);
        let own = Path::new(env!("CARGO_BIN_EXE_git-orch")).parent().unwrap();
        let programs = [own].iter().chain(programs).map(|path| (*path).to_owned()).collect();
        Place { scratch, remote, programs }
    }

    fn call(&self, program: &Path, args: &[&str]) -> Answer {
        let path = std::env::var_os("PATH").unwrap();
        let all = self.programs.iter().cloned().chain(std::env::split_paths(&path));
        let output = Command::new(program)
            .args(args)
            .current_dir(&self.scratch.repo)
            .env("PATH", std::env::join_paths(all).unwrap())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.scratch.folder.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        Answer { code, out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn branch(&self, name: &str, lines: usize) {
        self.scratch.git(&["switch", "-q", "-c", name, "origin/main"]);
        self.scratch.commit(&format!("{name}.txt"), &"line\n".repeat(lines));
    }

    fn push(&self, name: &str) -> Answer {
        self.call(Path::new("git"), &["push", "-q", "origin", name])
    }

    fn pushes_are_judged(&self, what: &str) {
        self.branch("fits", 200);
        let answer = self.push("fits");
        assert_eq!(answer.code, 0, "{what}: {} {}", answer.out, answer.err);
        self.branch("large", 201);
        let answer = self.push("large");
        let said = format!("{}{}", answer.out, answer.err);
        assert!(answer.code != 0 && said.contains("large is too big to push: 201 lines"), "{what}: {said}");
        assert_eq!(self.scratch.git(&["ls-remote", "origin", "large"]), "");
        // A branch that the remote knows: what is new is not less than before.
        self.scratch.git(&["switch", "-q", "fits"]);
        self.scratch.commit("more", "one\n");
        assert_ne!(self.push("fits").code, 0, "{what}");
        self.scratch.git(&["reset", "-q", "--hard", "HEAD~1"]);
        self.scratch.git(&["switch", "-q", "main"]);
        self.scratch.commit("on-main", &"line\n".repeat(201));
        let answer = self.push("main");
        let said = format!("{}{}", answer.out, answer.err);
        assert!(answer.code != 0 && said.contains("main is too big to push: 201 lines"), "{what}: {said}");
    }
}

/// Our own entry, as the manager finds it in our repository, with a local copy in place of its address.
fn entry() -> String {
    let entries = fs::read_to_string(root().join(".pre-commit-hooks.yaml")).unwrap();
    let local: String = entries
        .lines()
        .filter(|line| !line.contains("minimum_pre_commit_version"))
        .map(|l| format!("      {l}\n"))
        .collect();
    format!("repos:\n  - repo: local\n    hooks:\n{local}")
}

#[test]
fn pre_commit_and_prek_judge_pushes() {
    for name in ["pre-commit", "prek"] {
        let Some(program) = tool(&format!("venv/bin/{name}")) else { return };
        let place = Place::new(&[program.parent().unwrap()]);
        place.scratch.write(".pre-commit-config.yaml", &entry());
        let installed = place.call(&program, &["install", "-t", "pre-push"]);
        assert_eq!(installed.code, 0, "{} {}", installed.out, installed.err);
        place.pushes_are_judged(name);
    }
}

#[test]
fn lefthook_judges_pushes() {
    let Some(program) = tool("venv/bin/lefthook") else { return };
    let place = Place::new(&[program.parent().unwrap()]);
    fs::copy(root().join("hooks/lefthook.yml"), place.scratch.repo.join("lefthook.yml")).unwrap();
    let installed = place.call(&program, &["install"]);
    assert_eq!(installed.code, 0, "{} {}", installed.out, installed.err);
    place.pushes_are_judged("lefthook");
}

#[test]
fn the_managers_hook_stays_beside_ours() {
    let Some(program) = tool("venv/bin/prek") else { return };
    let place = Place::new(&[program.parent().unwrap()]);
    place.scratch.write(".pre-commit-config.yaml", &entry());
    assert_eq!(place.call(&program, &["install", "-t", "pre-push"]).code, 0);
    let theirs = place.scratch.read(".git/hooks/pre-push");
    assert_eq!(place.scratch.orch(&["init"]).code, 0);
    place.pushes_are_judged("both");
    assert_eq!(place.scratch.orch(&["init", "--remove"]).code, 0);
    assert_eq!(place.scratch.read(".git/hooks/pre-push"), theirs);
}

#[test]
fn without_a_remote_the_hook_says_how_it_is_called() {
    let scratch = Scratch::new();
    let answer = scratch.orch(&["hook", "pre-push"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("hook pre-push needs the remote's name"), "{}", answer.err);
}

/// A repository with a task in hand and one that has landed, and a remote that keeps our refs append-only.
fn guarded() -> Place {
    let place = Place::new(&[]);
    fs::copy(root().join("hooks/update"), place.remote.join("hooks/update")).unwrap();
    for args in
        [&["add", "One", "--id", "one"][..], &["add", "Two", "--id", "two"], &["pick", "one"], &["sync"]]
    {
        let answer = place.scratch.orch(args);
        assert_eq!(answer.code, 0, "{args:?} {}", answer.err);
    }
    place
}

#[test]
fn the_remotes_hook_keeps_our_refs_append_only() {
    let place = guarded();
    let scratch = &place.scratch;
    let journal = "refs/orch/tasks/one";
    let before = scratch.git(&["ls-remote", "origin"]);
    let stray = scratch.git(&["commit-tree", "-m", "forged", "main^{tree}"]).trim().to_owned();
    let blob = scratch.git(&["rev-parse", "main:README.md"]).trim().to_owned();
    for refused in [
        format!("+{journal}~1:{journal}"), // rewound
        format!("+{stray}:{journal}"),     // another history
        format!("+main:{journal}"),
        format!("{blob}:refs/orch/tasks/three"),
        format!(":{journal}"), // deleted
        ":refs/orch/tasks/two".to_owned(),
    ] {
        let answer = scratch.try_git(&["push", "-q", "origin", &refused]);
        assert_ne!(answer.code, 0, "{refused}");
        assert!(answer.err.contains("hint: git orch sync"), "{refused}: {}", answer.err);
    }
    assert_eq!(scratch.git(&["ls-remote", "origin"]), before);
    let deleted = scratch.try_git(&["push", "-q", "origin", &format!(":{journal}")]).err;
    assert!(deleted.contains("deleting it would lose the task"), "{deleted}");
    // Branches and tags are nobody's business here.
    for fine in ["main:refs/heads/x", "+HEAD~0:refs/heads/x", ":refs/heads/x", "main:refs/tags/v1"] {
        scratch.git(&["push", "-q", "origin", fine]);
    }
}

#[test]
fn what_git_orch_does_passes_the_remotes_hook() {
    let place = guarded();
    let scratch = &place.scratch;
    for args in [
        &["edit", "two", "--priority", "0"][..],
        &["sync"],
        &["stop", "two", "--abandon", "-m", "not wanted"],
        &["sync"],
    ] {
        let answer = scratch.orch(args);
        assert_eq!(answer.code, 0, "{args:?} {} {}", answer.out, answer.err);
    }
    let there = scratch.git(&["ls-remote", "origin", "refs/orch/*"]);
    assert!(!there.contains("tasks/two") && there.contains("refs/orch/archive"), "{there}");
    assert!(there.contains("tasks/one"), "{there}");
    assert_eq!(scratch.git(&["for-each-ref", "refs/orch/rescue"]), "");
}
