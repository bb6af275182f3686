//! What an agent program asks: every answer is exit code 0 or 2, and whatever goes wrong is 2.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::scratch::Scratch;

/// Asks as an agent program does, in a session that began in `folder`.
fn ask(scratch: &Scratch, folder: &Path, args: &[&str], question: &str) -> (i32, String) {
    ask_with(scratch, folder, args, question, &[])
}

fn ask_with(
    scratch: &Scratch,
    folder: &Path,
    args: &[&str],
    question: &str,
    env: &[(&str, &str)],
) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_git-orch"))
        .args(args)
        .current_dir(&scratch.repo)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", scratch.folder.path())
        .env("CLAUDE_PROJECT_DIR", folder)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(question.as_bytes()); // it may refuse before it has read all
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

const BEFORE_TOOL: [&str; 3] = ["agent-hook", "claude", "PreToolUse"];
const BEFORE_STOP: [&str; 3] = ["agent-hook", "claude", "Stop"];

fn tool(name: &str, input: serde_json::Value, cwd: &Path) -> String {
    json!({"session_id": "s", "cwd": cwd, "hook_event_name": "PreToolUse", "tool_name": name, "tool_input": input})
        .to_string()
}

/// A repository with two tasks that are worked on, and links and folders to get out by.
fn at_work() -> Scratch {
    let scratch = Scratch::new();
    scratch.commit("orch.toml", "[paths]\ndeny = [\"secret/**\"]\n");
    scratch.commit("src/a.rs", "a\n");
    for args in [
        &["add", "One", "--id", "one", "--paths", "src/**"][..],
        &["add", "Two", "--id", "two"],
        &["pick", "one"],
        &["pick", "two"],
    ] {
        let answer = scratch.orch(args);
        assert_eq!(answer.code, 0, "{args:?} {}", answer.err);
    }
    let one = scratch.repo.join(".worktrees/one");
    symlink("/etc", one.join("src/etc")).unwrap();
    symlink("/nowhere/at/all", one.join("src/dangling")).unwrap();
    symlink("../../two", one.join("src/two")).unwrap();
    scratch
}

#[test]
fn paths_are_held_to_the_worktree_and_to_the_task() {
    let scratch = at_work();
    let one = scratch.repo.join(".worktrees/one");
    let at = |path: &str| scratch.repo.join(path).display().to_string();
    let cases: Vec<(String, bool)> = vec![
        ("src/a.rs".to_owned(), true),
        ("src/new/deep/file.rs".to_owned(), true),
        (at(".worktrees/one/src/a.rs"), true),
        ("README.md".to_owned(), false), // outside of the task's paths
        ("src/../README.md".to_owned(), false),
        ("../two/src/a.rs".to_owned(), false),
        (at("src/a.rs"), false), // the main worktree
        (at(".git/hooks/pre-push"), false),
        (".git".to_owned(), false),
        ("src/.GIT/config".to_owned(), false),
        ("src/etc/passwd".to_owned(), false), // by a link
        ("src/dangling".to_owned(), false),
        ("src/two/src/a.rs".to_owned(), false),
        ("/etc/passwd".to_owned(), false),
        ("src/nothing/../../../../x".to_owned(), false),
        ("~/x".to_owned(), false),
        (String::new(), false),
    ];
    for (path, may) in cases {
        for (name, field) in [
            ("Write", "file_path"),
            ("Edit", "file_path"),
            ("NotebookEdit", "notebook_path"),
            ("mcp__files__put", "path"),
        ] {
            let question = tool(name, json!({field: path, "content": "x"}), &one);
            let (code, said) = ask(&scratch, &one, &BEFORE_TOOL, &question);
            assert_eq!(code, if may { 0 } else { 2 }, "{name} {path}: {said}");
            assert_eq!(said.is_empty(), may, "{path}: {said}");
        }
    }
    // Whatever a tool calls its paths, and however it writes them.
    for (input, may) in [
        (json!({"source": "src/a.rs", "destination": "src/b.rs"}), true),
        (json!({"source": "src/a.rs", "destination": "/tmp/b.rs"}), false),
        (json!({"paths": ["src/a.rs", "../two/x"]}), false),
        (json!({"uri": format!("file://{}", at(".worktrees/one/src/a.rs"))}), true),
        (json!({"uri": "file:///etc/passwd"}), false),
        (json!({"filePath": "~/.bashrc"}), false),
        (json!({"edits": [{"at": [{"newFile": "/etc/x", "text": "a"}]}]}), false),
        (json!({"files": [{"path": "src/a.rs", "content": "/etc/passwd\n"}]}), true),
    ] {
        let (code, said) = ask(&scratch, &one, &BEFORE_TOOL, &tool("mcp__files__any", input.clone(), &one));
        assert_eq!(code, if may { 0 } else { 2 }, "{input}: {said}");
    }
    let two = scratch.repo.join(".worktrees/two");
    let home = tool("mcp__files__put", json!({"path": "~/x"}), &two);
    assert_eq!(ask(&scratch, &two, &BEFORE_TOOL, &home).0, 2, "its task may write everywhere below");
    // The session's folder decides, not where the agent stands by now.
    let question = tool("Write", json!({"file_path": "src/a.rs"}), &scratch.repo);
    assert_eq!(ask(&scratch, &one, &BEFORE_TOOL, &question).0, 2);
    for (name, input) in [
        ("Read", json!({"file_path": "/etc/hosts"})),
        ("Bash", json!({"command": "ls"})),
        ("TodoWrite", json!({"todos": []})),
    ] {
        assert_eq!(ask(&scratch, &one, &BEFORE_TOOL, &tool(name, input, &one)).0, 0, "{name}");
    }
}

#[test]
fn a_session_in_the_main_worktree_keeps_the_rules_of_each_task() {
    let scratch = at_work();
    let root = scratch.repo.clone();
    for (path, may) in [
        ("src/a.rs", true),
        ("secret/x", false),
        (".worktrees/one/src/a.rs", true),
        (".worktrees/one/README.md", false),
        (".worktrees/two/README.md", true),
        (".worktrees/two/secret/x", false),
        (".git/config", false),
        ("../beside", false),
    ] {
        let question = tool("Write", json!({"file_path": root.join(path)}), &root);
        let (code, said) = ask(&scratch, &root, &BEFORE_TOOL, &question);
        assert_eq!(code, if may { 0 } else { 2 }, "{path}: {said}");
    }
    // An agent of a run knows its task by a variable, wherever its session began.
    let question = tool("Write", json!({"file_path": root.join("src/a.rs")}), &root);
    let env = [("GIT_ORCH_TASK", "one")];
    assert_eq!(ask_with(&scratch, &root, &BEFORE_TOOL, &question, &env).0, 2);
}

#[test]
fn a_turn_ends_when_the_task_is_handed_in_or_after_one_no() {
    let scratch = at_work();
    let two = scratch.repo.join(".worktrees/two");
    let stop = |again: bool| {
        json!({"session_id": "s", "cwd": two, "hook_event_name": "Stop", "stop_hook_active": again})
            .to_string()
    };
    let (code, said) = ask(&scratch, &two, &BEFORE_STOP, &stop(false));
    assert_eq!(code, 2);
    insta::assert_snapshot!(said, @r#"
    git orch: two is not handed in. Hand it in: git orch submit two -m "what you did"
    If it cannot be done, give it back and say why: git orch pick two --release
    "#);
    assert_eq!(ask(&scratch, &two, &BEFORE_STOP, &stop(true)).0, 0);
    assert_eq!(ask(&scratch, &scratch.repo, &BEFORE_STOP, &stop(false)).0, 0, "no task, nothing to hand in");
    std::fs::write(two.join("b"), "b\n").unwrap();
    assert_eq!(scratch.orch(&["submit", "two", "-m", "Do it"]).code, 0);
    assert_eq!(ask(&scratch, &two, &BEFORE_STOP, &stop(false)).0, 0);
}

#[test]
fn whatever_goes_wrong_is_a_no() {
    let scratch = at_work();
    let one = scratch.repo.join(".worktrees/one");
    let good = tool("Write", json!({"file_path": "src/a.rs"}), &one);
    let no_list =
        json!({"hook_event_name": "PreToolUse", "tool_name": "Write", "tool_input": {"file_path": ["a"]}});
    for bad in [
        "",
        "{",
        "null",
        "[]",
        "{\"hook_event_name\": \"PreToolUse\"}",
        "{\"hook_event_name\": \"Stop\"}",
        "{\"hook_event_name\": \"PreToolUse\", \"tool_name\": \"Write\"}",
        &no_list.to_string(),
        &"[".repeat(200_000),
    ] {
        let (code, said) = ask(&scratch, &one, &BEFORE_TOOL, bad);
        assert!(code == 2 && !said.is_empty(), "{code} {said}");
    }
    for args in [
        &["agent-hook"][..],
        &["agent-hook", "claude"],
        &["agent-hook", "other", "PreToolUse"],
        &["agent-hook", "claude", "PostToolUse"],
        &["--nonsense", "agent-hook", "claude", "PreToolUse"],
        &["--quiet", "--nonsense", "agent-hook"],
    ] {
        assert_eq!(ask(&scratch, &one, args, &good).0, 2, "{args:?}");
    }
    // No repository, a task that is none, settings that cannot be read.
    assert_eq!(ask(&scratch, Path::new("/"), &BEFORE_TOOL, &good).0, 2);
    assert_eq!(ask(&scratch, Path::new("/does/not/exist"), &BEFORE_TOOL, &good).0, 2);
    for task in ["../x", "none"] {
        assert_eq!(ask_with(&scratch, &one, &BEFORE_TOOL, &good, &[("GIT_ORCH_TASK", task)]).0, 2, "{task}");
    }
    scratch.commit("orch.toml", "[paths\n");
    assert_eq!(ask(&scratch, &one, &BEFORE_TOOL, &good).0, 2);
    assert_eq!(ask(&scratch, &one, &BEFORE_STOP, "{\"hook_event_name\": \"Stop\"}").0, 2);
}
