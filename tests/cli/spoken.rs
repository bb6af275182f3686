//! What an agent says to git-orch from within its sandbox (A1, A10, A16): its own task, its own role, and no more.

use std::fs;

use serde_json::Value;

use crate::support::{Held, Ran, Sandbox, bubblewrap_or_skip, machine_holds};

/// A repository with two tasks.
fn with_tasks() -> Sandbox {
    let sandbox = Sandbox::new();
    for id in ["one", "two"] {
        sandbox.run(&["add", &format!("Task {id}"), "--id", id]).exits(0);
    }
    sandbox
}

/// Lets a shell script be the worker of task one.
fn worked(sandbox: &Sandbox, script: &str, options: &[&str]) -> Ran {
    fs::write(sandbox.home().parent().unwrap().join("agent.sh"), script).unwrap();
    let agent = format!("implement=exec:sh {}", sandbox.home().parent().unwrap().join("agent.sh").display());
    let arguments = [&["run", "one", "--no-land", "--agent", agent.as_str()][..], options].concat();
    sandbox.run(&arguments)
}

/// A file of the worktree of task one.
fn wrote(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path().join(".worktrees/one").join(name)).unwrap_or_default()
}

fn task(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.run(&["show", id, "--json"]).exits(0).json()["data"].take()
}

/// Events of a task in words, with those who caused them.
fn log(sandbox: &Sandbox, id: &str) -> String {
    sandbox.git(&["log", "--reverse", "--format=%an|%s", &format!("refs/orch/tasks/{id}")])
}

const ALL: &str = r#"
echo more > new.txt
git orch check > check.out 2> check.err; echo $? > check.code
git orch show --json > show.out 2> show.err
git orch msg -m "the flaky one is #12" > msg.out 2>&1
rm -f ./*.code
git orch submit -m "Add new.txt" --json > /tmp/submit.out 2> /tmp/submit.err; code=$?
cat /tmp/submit.out; cat /tmp/submit.err >&2; echo "submit $code"
"#;

fn a_worker_speaks(options: &[&str]) {
    let sandbox = with_tasks();
    worked(&sandbox, ALL, options).exits(4);
    assert!(wrote(&sandbox, "check.out").contains("size"), "{}", wrote(&sandbox, "check.err"));
    assert_eq!(wrote(&sandbox, "check.err").lines().next(), None, "{}", wrote(&sandbox, "check.err"));
    let shown: Value = serde_json::from_str(&wrote(&sandbox, "show.out")).unwrap();
    assert_eq!((&shown["data"]["id"], &shown["data"]["state"]), (&"one".into(), &"in-progress".into()));
    assert!(wrote(&sandbox, "msg.out").contains("said by exec"), "{}", wrote(&sandbox, "msg.out"));
    let one = task(&sandbox, "one");
    assert_eq!(one["state"], "under-review");
    let log = log(&sandbox, "one");
    assert!(log.contains(": the flaky one is #12"), "{log}");
    // Once: the end of the turn finds nothing new.
    assert_eq!(log.matches(": submitted ").count(), 1, "{log}");
    assert!(sandbox.git(&["log", "-1", "--format=%s", "orch/one"]) == "Add new.txt");
    let log = fs::read_dir(sandbox.path().join(".git/orch/logs/one")).unwrap().flatten().next().unwrap();
    let said = fs::read_to_string(log.path().join("stdout.log")).unwrap();
    assert!(said.contains("\"schema\":\"git-orch/submit@1\"") && said.contains("submit 0"), "{said}");
}

#[test]
fn a_worker_checks_shows_says_and_submits_its_task_from_bubblewrap() {
    if bubblewrap_or_skip("a_worker_checks_shows_says_and_submits_its_task_from_bubblewrap") {
        a_worker_speaks(&[]);
    }
}

#[test]
fn it_does_the_same_without_a_sandbox() {
    a_worker_speaks(&["--no-sandbox"]);
}

/// Each on a line of its own, with its exit code.
const REFUSED: &str = r#"
echo x > x.txt
try() { echo "== $*"; git orch "$@" 2>&1; echo "-> $?"; }
{
try submit two
try submit --as Ana
try show two
try check two
try msg two -m "in another's name"
try msg --as Ana -m "in another's name"
try approve one
try add "Another task"
try run
try queue run
try status
try config set cap.diff 9999
try undo
try check --only tests
try show E-CLAIMED
} > refused.out
"#;

#[test]
fn everything_else_is_refused_and_says_why() {
    if !bubblewrap_or_skip("everything_else_is_refused_and_says_why") {
        return;
    }
    let sandbox = with_tasks();
    worked(&sandbox, REFUSED, &[]).exits(4);
    let told = wrote(&sandbox, "refused.out");
    insta::assert_snapshot!(told);
    assert_eq!(task(&sandbox, "two")["state"], "pending");
    assert_eq!(log(&sandbox, "two").lines().count(), 1);
    assert_eq!(sandbox.run(&["config", "get", "cap.diff"]).stdout, "200\n");
}

/// Speaks the protocol by hand: what no honest client sends.
const BY_HAND: &str = r#"
import json, os, socket, sys
def ask(data, shut=False):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(os.environ["GIT_ORCH_SOCKET"])
    try:
        s.sendall(data)
    except OSError:
        pass
    if shut: s.shutdown(socket.SHUT_WR)
    out = b""
    try:
        while not out.endswith(b"\n"):
            more = s.recv(65536)
            if not more: break
            out += more
    except OSError as error:
        return "error: %s" % error
    return json.loads(out)["err"].strip() if out else "hung up"
open("x.txt", "w").write("x\n")
line = lambda **fields: json.dumps(fields).encode() + b"\n"
told = [
    ask(b"\xff\xfe\0garbage\n"),
    ask(b"GET / HTTP/1.1\n"),
    ask(b"x" * 70000 + b"\n"),
    ask(b"{\"v\":1,\"words\":[", shut=True),
    ask(line(v=2, words=["show"])),
    ask(line(v=1, words=["submit"], task="two", role="implement", who="Ana")),
    ask(line(v=1, words=["--task", "two", "submit"])),
    ask(line(v=1, words=["__supervise"])),
    ask(line(v=1, words=["submit\0two"])),
    ask(line(v=1, words=["submit", "one/../two"])),
    ask(line(v=1, words=["msg", "-m", "m" * 5000])),
    ask(line(v=1, words=["msg", "-m", " \n "])),
    ask(line(v=1, words=["check", "main"])),
    ask(line(v=1, words=["show", "-p", "HEAD"])),
]
open("told.out", "w").write("\n".join(text.splitlines()[0] if text else "(fine)" for text in told) + "\n")
idle = [socket.socket(socket.AF_UNIX) for _ in range(50)]
for s in idle:
    s.setblocking(False)
    try: s.connect(os.environ["GIT_ORCH_SOCKET"])
    except OSError: pass
for s in idle: s.close()
many = 0
while many < 600 and "no more than" not in ask(b"flood\n"): many += 1
open("many.out", "w").write("%d\n" % (many < 520))
"#;

#[test]
fn hostile_words_on_the_socket_are_bounded_and_refused() {
    if !bubblewrap_or_skip("hostile_words_on_the_socket_are_bounded_and_refused") {
        return;
    }
    let sandbox = with_tasks();
    let script = format!("python3 - <<'END'\n{BY_HAND}\nEND\n");
    worked(&sandbox, &script, &[]).exits(4);
    insta::assert_snapshot!(wrote(&sandbox, "told.out"));
    assert_eq!(wrote(&sandbox, "many.out"), "1\n");
    assert_eq!(task(&sandbox, "two")["state"], "pending");
}

#[test]
fn a_reviewer_looks_and_speaks_and_cannot_submit() {
    if !bubblewrap_or_skip("a_reviewer_looks_and_speaks_and_cannot_submit") {
        return;
    }
    let sandbox = Sandbox::new();
    let reviewer = "{ git orch submit; git orch msg -m 'looks odd'; git orch show; } > /tmp/out 2>&1; \
                    cat /tmp/out >&2; exit 1";
    let settings = format!(
        "[tests]\nall = 'true'\n[review]\nreviewers = ['safety']\n[agents]\nimplement = 'exec:echo x > x'\n\
         review = {}\n[retry]\ntries = 1\n",
        Value::from(format!("exec:{reviewer}"))
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "reviewers"]);
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(4);
    let log = log(&sandbox, "one");
    assert_eq!(log.matches(": submitted ").count(), 1, "{log}");
    assert!(log.contains(": looks odd"), "{log}");
    let logs = fs::read_dir(sandbox.path().join(".git/orch/logs/one")).unwrap().flatten();
    let review =
        logs.map(|entry| entry.path()).find(|path| path.to_str().unwrap().contains("review_")).unwrap();
    let told = fs::read_to_string(review.join("stderr.log")).unwrap();
    assert!(told.contains("error: a reviewer cannot submit: its answer is its verdict on one"), "{told}");
    assert!(told.contains("one  One"), "{told}");
}

/// Two agents, each of which tries the other's socket where it can be seen at all.
#[test]
fn an_agent_cannot_speak_on_another_agents_socket() {
    if machine_holds() == Held::Not {
        eprintln!("skipped: an_agent_cannot_speak_on_another_agents_socket needs a sandbox");
        return;
    }
    for options in [&[][..], &["--no-sandbox"]] {
        let sandbox = with_tasks();
        let script = "echo $GIT_ORCH_TASK > mine.txt; sleep 1.5; for s in ROOMS/*/sockets/control; do \
                      GIT_ORCH_SOCKET=$s git orch msg $([ $GIT_ORCH_TASK = one ] && echo two || echo one) -m hijacked; \
                      GIT_ORCH_SOCKET=$s git orch msg -m hijacked; done > said.txt 2>&1; sleep 1";
        let rooms = sandbox.path().join(".git/orch/sandbox");
        let script = script.replace("ROOMS", rooms.to_str().unwrap());
        let agent = format!("implement=exec:{script}");
        let arguments = [&["run", "--no-land", "-j", "2", "--agent", agent.as_str()][..], options].concat();
        sandbox.run(&arguments).exits(4);
        for id in ["one", "two"] {
            let log = log(&sandbox, id);
            let hijacked: Vec<&str> = log.lines().filter(|line| line.contains("hijacked")).collect();
            // At most what it says about its own task on its own socket.
            assert!(hijacked.len() <= 1, "{log}");
        }
    }
}

#[test]
fn what_is_written_after_handing_in_counts_where_the_gates_take_it() {
    let sandbox = with_tasks();
    worked(&sandbox, "echo a > a.txt; git orch submit >&2; echo b > b.txt", &[]).exits(4);
    assert_eq!(sandbox.git(&["diff", "--name-only", "main", "orch/one"]), "a.txt\nb.txt");
    assert_eq!(log(&sandbox, "one").matches(": submitted ").count(), 2);

    let sandbox = with_tasks();
    let ran = worked(&sandbox, "echo a > a.txt; git orch submit >&2; seq 900 > b.txt", &[]).exits(4);
    assert!(ran.stderr.contains("does not pass the gates and is left out"), "{}", ran.stderr);
    assert_eq!(sandbox.git(&["diff", "--name-only", "main", "orch/one"]), "a.txt");
    assert_eq!(task(&sandbox, "one")["state"], "under-review");
}

#[test]
fn a_change_that_the_gate_refuses_is_told_at_once_and_can_be_mended() {
    let sandbox = with_tasks();
    let script = "seq 900 > a.txt; git orch submit 2> /tmp/why; echo \"first $?\"; cat /tmp/why >&2; \
                  seq 9 > a.txt; git orch submit; echo \"second $?\"";
    worked(&sandbox, script, &[]).exits(4);
    let log = fs::read_dir(sandbox.path().join(".git/orch/logs/one")).unwrap().flatten().next().unwrap();
    let said = fs::read_to_string(log.path().join("stdout.log")).unwrap();
    assert!(said.contains("first 3\n") && said.contains("second 0\n"), "{said}");
    let why = fs::read_to_string(log.path().join("stderr.log")).unwrap();
    assert!(why.contains("[E-TOO-BIG, exit 3]"), "{why}");
    assert_eq!(task(&sandbox, "one")["state"], "under-review");
}

#[test]
fn a_task_that_was_taken_over_cannot_be_handed_in_by_its_old_agent() {
    let sandbox = with_tasks();
    let script = "echo a > a.txt; touch begun; while ! test -e go; do sleep 0.05; done; \
                  git orch submit > said.txt 2>&1; echo $? >> said.txt";
    let agent = format!("implement=exec:{script}");
    let child = sandbox.start(&["run", "one", "--no-land", "--agent", &agent]);
    let worktree = sandbox.path().join(".worktrees/one");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !worktree.join("begun").exists() {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    sandbox.run(&["pick", "one", "--take-over", "--as", "Ben"]).exits(0);
    fs::write(worktree.join("go"), "").unwrap();
    let _ = Ran::end_of(child);
    let said = wrote(&sandbox, "said.txt");
    assert!(said.contains("[E-CLAIMED, exit 6") || said.contains("[E-TAKEN-OVER"), "{said}");
    let one = task(&sandbox, "one");
    assert_eq!((&one["owner"], &one["state"]), (&"Ben".into(), &"in-progress".into()));
}
