//! Bad input, and the error that each gives: the whole text.

use crate::support::Sandbox;
use insta::assert_snapshot;

/// The first lines of the errors of several commands, with their exit codes.
fn errors(sandbox: &Sandbox, commands: &[&[&str]]) -> String {
    let lines = commands.iter().map(|args| {
        let ran = sandbox.run(args);
        let first = ran.stderr.lines().next().unwrap_or_default();
        assert!(ran.code == 0 || ran.stderr.contains("  hint: ") || ran.stderr.contains("--help"), "{ran:?}");
        format!("{} {first}", ran.code)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn ids_of_tasks() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(65);
    let ids = ["", "../x", &long, "A", "a.lock", "a b", "\u{fc}n\u{ef}", "a\u{1b}"];
    let mut commands: Vec<Vec<&str>> = ids.iter().map(|id| vec!["add", "x", "--id", id]).collect();
    commands.push(vec!["add", "x", "--id=-x"]);
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    assert_snapshot!(errors(&sandbox, &commands), @r#"
    2 error: task id is empty
    2 error: task id '../x' may only use a-z 0-9 - (found '.')
    2 error: task id is 65 characters, the limit is 64
    2 error: task id 'A': use lower case: 'a'
    2 error: task id 'a.lock' may only use a-z 0-9 - (found '.')
    2 error: task id 'a b' may only use a-z 0-9 - (found a blank)
    2 error: task id 'ünï' may only use a-z 0-9 - (found 'ü' U+00FC)
    2 error: task id 'a\u{1b}' may only use a-z 0-9 - (found \u{1b})
    2 error: task id may not start with '-'
    "#);
}

#[test]
fn names_of_tasks() {
    let sandbox = Sandbox::new();
    for id in ["fix", "far-1", "far-2"] {
        sandbox.run(&["add", &format!("About {id}"), "--id", id]).exits(0);
    }
    assert_snapshot!(errors(&sandbox, &[
        &["add", "x", "--id", "fix"],
        &["show", "fxi"],
        &["show", "far-11"],
        &["show", "far"],
        &["show", "nothing-like-it"],
        &["add", "x", "--id", "t-1", "--after", "b"],
        &["edit", "fix", "--after", "fix"],
        &["approve", "fix"],
        &["queue", "add", "fix"],
        &["queue", "add", "no-such-branch"],
        &["queue", "drop", "fix"],
    ]), @"
    2 error: task 'fix' exists (ready to be picked)
    2 error: no task 'fxi'
    2 error: no task 'far-11'; did you mean 'far-1'?
    2 error: 'far' may be any of far-1, far-2
    2 error: no task 'nothing-like-it'
    2 error: t-1 cannot wait for 'b': there is no such task
    2 error: dependency cycle: fix -> fix
    1 error: fix cannot be approved while it is ready to be picked
    3 error: fix is ready to be picked; it lands after it is handed in, approved and tested
    2 error: no branch 'no-such-branch'
    1 error: fix cannot be dropped while it is ready to be picked
    ");
}

#[test]
fn values() {
    let sandbox = Sandbox::new();
    assert_snapshot!(errors(&sandbox, &[
        &["add"],
        &["add", " "],
        &["add", "a\nb"],
        &["add", "x", "-p", "5"],
        &["add", "x", "--paths", "["],
        &["add", "-F", "no-such-file"],
        &["log", "--since", "soon"],
        &["frobnicate"],
        &["sync"],
        &["show"],
    ]), @"
    2 error: a task needs a title or a file
    2 error: the title is empty
    2 error: the title 'a b' has several lines
    2 error: invalid value '5' for '--priority <0-4>': 5 is not in 0..=4
    2 error: bad glob '[' in --paths: unclosed class
    2 error: cannot read 'no-such-file'
    2 error: 'soon' is no time
    2 error: unrecognized subcommand 'frobnicate'
    7 error: no remote 'origin'
    2 error: say which task: this folder is no task's worktree
    ");
    let refused = sandbox.run(&["--json", "add", "x", "-p", "5"]).exits(2);
    assert_eq!(refused.json()["error"]["code"], "E-USAGE");
    assert_eq!(refused.stderr, "");
}

#[test]
fn settings() {
    for (text, name) in
        [("[cap]\ndiff = \n", "syntax"), ("[cap]\ndiff_capp = 3\n", "key"), ("[cap]\ndiff = -1\n", "value")]
    {
        let sandbox = Sandbox::new();
        sandbox.write("orch.toml", text);
        sandbox.git(&["commit", "-q", "-a", "-m", "settings"]);
        let ran = sandbox.run(&["status"]).exits(2);
        assert!(ran.stderr.starts_with("error: orch.toml:2:"), "{name}: {}", ran.stderr);
    }
}

#[test]
fn places_that_are_no_usable_repository() {
    let sandbox = Sandbox::empty();
    let first = |sandbox: &Sandbox| {
        let ran = sandbox.run(&["status"]).exits(7);
        ran.stderr.lines().next().unwrap().replace(sandbox.path().to_str().unwrap(), "DIR")
    };
    assert_snapshot!(first(&sandbox), @"error: not a git repository: DIR");
    sandbox.git(&["init", "-q", "-b", "main"]);
    assert_snapshot!(first(&sandbox), @"error: branch main has no commit");
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "--bare"]);
    assert_snapshot!(first(&sandbox), @"error: bare repository: worktrees need a checkout elsewhere (DIR)");
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "--ref-format=reftable"]);
    assert_snapshot!(first(&sandbox), @"error: ref format 'reftable' is not supported yet (DIR)");
    let error = sandbox.run(&["status", "--json"]).exits(7).json();
    assert_eq!(error["error"]["code"], "E-REFTABLE");
    assert_eq!(error["error"]["hint"], "git refs migrate --ref-format=files");
}

#[test]
fn help_and_version_are_no_errors() {
    let sandbox = Sandbox::empty();
    sandbox.run(&["--help"]).exits(0);
    sandbox.run(&["add", "-h"]).exits(0);
    assert!(sandbox.run(&["--version"]).exits(0).stdout.starts_with("git-orch "));
    sandbox.run(&["show", "E-CLAIMED"]).exits(0);
}

#[test]
fn an_answer_that_could_not_be_written_is_no_success() {
    let sandbox = crate::support::Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    for args in [
        &["status", "--json"][..],
        &["status"],
        &["status", "--format", "todo-md"],
        &["config", "list", "--json"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = sandbox.orch(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.contains("could not be written to standard output") && said.contains("[E-FILE"),
            "{said}"
        );
    }
}
