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
    assert_snapshot!(errors(&sandbox, &commands), @"");
}

#[test]
fn names_of_tasks() {
    let sandbox = Sandbox::new();
    for id in ["fix", "far-1", "far-2"] {
        sandbox.run(&["add", id, "--id", id]).exits(0);
    }
    assert_snapshot!(errors(&sandbox, &[
        &["add", "x", "--id", "fix"],
        &["show", "fxi"],
        &["show", "far"],
        &["show", "nothing-like-it"],
        &["add", "x", "--id", "t-1", "--after", "b"],
        &["edit", "fix", "--after", "fix"],
        &["approve", "fix"],
        &["queue", "add", "fix"],
        &["queue", "add", "no-such-branch"],
        &["queue", "drop", "fix"],
    ]), @"");
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
    ]), @"");
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
    assert_snapshot!(first(&sandbox), @"");
    sandbox.git(&["init", "-q", "-b", "main"]);
    assert_snapshot!(first(&sandbox), @"");
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "--bare"]);
    assert_snapshot!(first(&sandbox), @"");
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "--ref-format=reftable"]);
    assert_snapshot!(first(&sandbox), @"");
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
