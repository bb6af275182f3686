//! Why tests failed: what they wrote is kept, shown and named, also when the slot has run something else since.

use crate::support::Sandbox;

/// A repository whose tests are `check.sh`, with a branch `bad` that they fail on.
fn repository(report: &str, script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", &format!("[tests]\nall = \"sh check.sh\"\nreport = \"{report}\"\n"));
    sandbox.write("check.sh", script);
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "tests"]);
    sandbox.branch("bad", "f.txt", "one\nbad\n");
    sandbox
}

/// The log that `show` names.
fn log_of(sandbox: &Sandbox, shown: &str) -> String {
    let path = shown.lines().find_map(|line| line.strip_prefix("  log: ")).expect(shown);
    std::fs::read_to_string(sandbox.path().join(path)).unwrap()
}

const TAP: &str = "if grep -q bad f.txt; then echo 'not ok 1 - two'; \
    printf 'first\\nexpected 2,\\033[31m got 3\\n-----\\n' >&2; else echo 'ok 1 - two'; fi\necho 1..1\n! grep -q bad f.txt\n";

#[test]
fn what_failed_tests_wrote_is_shown_and_kept() {
    let sandbox = repository("tap", TAP);
    sandbox.run(&["queue", "add", "bad"]).exits(0);
    sandbox.run(&["queue", "run"]);
    let shown = sandbox.run(&["show", "bad"]).exits(0).stdout;
    for told in ["  FAIL two  ", "  | first\n", "  | expected 2, got 3\n", "  log: .git/orch/logs/tests/red/"]
    {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(!shown.contains('\u{1b}') && !shown.contains("  | -----"), "{shown}");
    // The slot's own log is that of the next run; this one stays.
    sandbox.branch("good", "g.txt", "new\n");
    sandbox.run(&["queue", "add", "good"]).exits(0);
    sandbox.run(&["queue", "run"]);
    assert!(log_of(&sandbox, &sandbox.run(&["show", "bad"]).stdout).contains("expected 2,"));
    let needs = sandbox.run(&["show", "bad", "--json"]).exits(0).json()["data"]["needs"].clone();
    assert!(needs["log"].as_str().unwrap().starts_with(".git/orch/logs/tests/red/"), "{needs}");
    assert_ne!(needs["tests"][0]["line"], "", "{needs}");
}

#[test]
fn an_exit_code_comes_with_the_last_words_and_check_shows_the_same() {
    let sandbox = repository(
        "exit",
        "if grep -q bad f.txt; then echo Traceback; echo 'boom: f.txt:2' >&2; exit 3; fi\n",
    );
    sandbox.run(&["queue", "add", "bad"]).exits(0);
    sandbox.run(&["queue", "run"]);
    let shown = sandbox.run(&["show", "bad"]).exits(0).stdout;
    assert!(shown.contains("FAIL suite  exit code 3: boom: f.txt:2\n"), "{shown}");
    let checked = sandbox.run(&["check", "bad", "--only", "tests", "--explain"]).exits(3);
    for told in
        ["FAIL suite  exit code 3: boom: f.txt:2", "  | Traceback\n", "  | boom: f.txt:2\n", "  log: .git/"]
    {
        assert!(checked.stdout.contains(told), "{told}: {checked:?}");
    }
    // Who has the explanation is not sent to it again.
    assert!(!checked.stderr.contains("--explain"), "{checked:?}");
    assert!(log_of(&sandbox, &checked.stdout).contains("boom: f.txt:2"));
}

#[test]
fn tests_without_a_result_name_all_that_they_wrote() {
    let sandbox = repository(
        "tap",
        "echo 'no such module' >&2; grep -q bad f.txt && exit 1; echo 'ok 1 - a'; echo 1..1\n",
    );
    let checked = sandbox.run(&["check", "bad", "--only", "tests"]);
    assert!(
        checked.stderr.contains("no such module (all that they wrote: .git/orch/logs/tests/red/"),
        "{checked:?}"
    );
}
