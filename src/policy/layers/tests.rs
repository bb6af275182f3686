//! Which layer wins, with values as people write them.

use super::*;
use crate::policy::file;
use crate::policy::layer::Scope;
use insta::assert_snapshot;
use proptest::prelude::*;

fn base(text: &str) -> Layer {
    let origin = Origin::Base { branch: "main".to_owned(), commit: "a1b2c3d".to_owned() };
    Layer::of_file(origin, file::read(text).unwrap())
}

fn worktree(text: &str) -> Layer {
    Layer::of_file(Origin::Worktree, file::read(text).unwrap())
}

fn local(entries: &[(&str, &str)]) -> Layer {
    Layer::of_git_config(Scope::Local, &owned(entries)).unwrap()
}

fn environment(entries: &[(&str, &str)]) -> Layer {
    Layer::of_environment(&owned(entries)).unwrap()
}

fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn explained(layers: &[&Layer], name: &str) -> String {
    Settings::new(layers.iter().map(|layer| (*layer).clone()).collect()).explain(name).unwrap().to_string()
}

#[test]
fn a_stricter_limit_wins_and_a_looser_one_does_not() {
    let base = base("[cap]\ndiff = 200");
    assert_snapshot!(explained(&[&local(&[("cap.diff", "150")]), &base], "cap.diff"), @"
    cap.diff = 150   lines added + removed in one task, without lock files and generated files
      150   git config --local orch.cap.diff   <- used (stricter)
      200   orch.toml on main (a1b2c3d)
      200   built-in
    ");
    assert_snapshot!(explained(&[&base, &environment(&[("GIT_ORCH_CAP_DIFF", "900")])], "cap.diff"), @"
    cap.diff = 200   lines added + removed in one task, without lock files and generated files
      900   GIT_ORCH_CAP_DIFF             not used: looser; to loosen a limit, commit it on the base branch
      200   orch.toml on main (a1b2c3d)   <- used
      200   built-in
    ");
}

#[test]
fn only_the_base_loosens_what_is_built_in() {
    assert_snapshot!(explained(&[&base("[cap]\ndiff = 400")], "cap.diff"), @"
    cap.diff = 400   lines added + removed in one task, without lock files and generated files
      400   orch.toml on main (a1b2c3d)   <- used
      200   built-in
    ");
    assert_snapshot!(explained(&[&worktree("[cap]\ndiff = 400")], "cap.diff"), @"
    cap.diff = 200   lines added + removed in one task, without lock files and generated files
      400   orch.toml in the worktree (not committed)   not used: looser; to loosen a limit, commit it on the base branch
      200   built-in                                    <- used
    ");
    assert_snapshot!(explained(&[&worktree("[cap]\nexclude = ['*']")], "cap.exclude"), @"
    cap.exclude = none   globs of files that do not count as diff
      *      orch.toml in the worktree (not committed)   not used: it counts once it is committed on the base branch
      none   built-in                                    <- used
    ");
}

#[test]
fn whose_verdicts_count_is_loosened_by_the_base_alone() {
    let (shared, own) = ([("queue.verdicts", "shared")], [("queue.verdicts", "own")]);
    let layers = [&worktree("[queue]\nverdicts = 'shared'"), &local(&shared)];
    assert_snapshot!(explained(&layers, "queue.verdicts"), @"
    queue.verdicts = own   whose test runs count: those of this clone, or whatever stands in notes that others may push
      shared   git config --local orch.queue.verdicts      not used: looser; to loosen a limit, commit it on the base branch
      shared   orch.toml in the worktree (not committed)   not used: looser; to loosen a limit, commit it on the base branch
      own      built-in                                    <- used
    ");
    let layers = [&base("[queue]\nverdicts = 'shared'"), &local(&own)];
    assert_snapshot!(explained(&layers, "queue.verdicts"), @"
    queue.verdicts = own   whose test runs count: those of this clone, or whatever stands in notes that others may push
      own      git config --local orch.queue.verdicts   <- used (stricter)
      shared   orch.toml on main (a1b2c3d)
      own      built-in
    ");
}

#[test]
fn preferences_go_to_the_highest_layer() {
    let layers = [
        &environment(&[("GIT_ORCH_RUN_JOBS", "2")]),
        &base("[run]\njobs = 3"),
        &Layer::of_flag("--jobs", "run.jobs", "4").unwrap(),
        &local(&[("run.jobs", "5")]),
    ];
    assert_snapshot!(explained(&layers, "run.jobs"), @"
    run.jobs = 4   agents that work at the same time
      4   --jobs                             <- used
      2   GIT_ORCH_RUN_JOBS
      5   git config --local orch.run.jobs
      3   orch.toml on main (a1b2c3d)
      6   built-in
    ");
}

#[test]
fn test_commands_come_from_the_project() {
    let mine = local(&[("tests.all", "true"), ("tests.file-run", "x")]);
    assert_snapshot!(explained(&[&base("[tests]\nall = 'make test'"), &mine], "tests.all"), @"
    tests.all = make test   command that runs the full test suite
      true        git config --local orch.tests.all   not used: it comes from orch.toml on the base branch only
      make test   orch.toml on main (a1b2c3d)         <- used
    ");
    // A worktree's file is not seen where the base has one, and is enough where it has none.
    assert_snapshot!(explained(&[&base(""), &worktree("[tests]\nall = 'true'"), &mine], "tests.all"), @"
    tests.all = none   command that runs the full test suite
      true   git config --local orch.tests.all   not used: it comes from orch.toml on the base branch only
    ");
    assert_snapshot!(explained(&[&worktree("[tests]\nall = 'make'")], "tests.all"), @"
    tests.all = make   command that runs the full test suite
      make   orch.toml in the worktree (not committed)   <- used
    ");
}

#[test]
fn lists_of_paths_add_up() {
    let layers = [&base("[paths]\nallow = ['src']\ndeny = ['a']"), &local(&[("paths.allow", "src/x,docs")])];
    assert_snapshot!(explained(&layers, "paths.allow"), @"
    paths.allow = src; src/x, docs   globs of files that tasks may touch; empty for all
      src/x, docs   git config --local orch.paths.allow   <- used (all of these hold)
      src           orch.toml on main (a1b2c3d)           <- used (all of these hold)
      none          built-in
    ");
    assert_snapshot!(explained(&layers, "paths.deny"), @"
    paths.deny = a   globs of files that no task may touch
      a      orch.toml on main (a1b2c3d)   <- used
      none   built-in
    ");
    assert_snapshot!(explained(&[], "paths.deny"), @"
    paths.deny = none   globs of files that no task may touch
      none   built-in
    ");
}

#[test]
fn what_is_not_used_is_said_once() {
    let mine = local(&[("tests.all", "true"), ("cap.diff", "900"), ("cap.dif", "1"), ("run.jobs", "9")]);
    let settings = Settings::new(vec![base(""), mine]);
    assert_snapshot!(settings.notices().join("\n"), @"
    git config --local orch.cap.dif: no such setting; did you mean orch.cap.diff?
    cap.diff = 900 of git config --local orch.cap.diff is not used: looser; to loosen a limit, commit it on the base branch
    tests.all = true of git config --local orch.tests.all is not used: it comes from orch.toml on the base branch only
    ");
}

#[test]
fn the_narrower_file_of_git_wins() {
    let of = |scope| Layer::of_git_config(scope, &owned(&[("commit.signoff", "true")])).unwrap();
    let layers = [&of(Scope::Worktree), &of(Scope::System), &of(Scope::Local), &of(Scope::Global)];
    assert_snapshot!(explained(&layers, "commit.signoff"), @"
    commit.signoff = true   add Signed-off-by to commits
      true    git config --worktree orch.commit.signoff   <- used
      true    git config --local orch.commit.signoff
      true    git config --global orch.commit.signoff
      true    git config --system orch.commit.signoff
      false   built-in
    ");
}

#[test]
fn a_bad_value_names_its_place() {
    let error = Layer::of_environment(&owned(&[("GIT_ORCH_CAP_DIFF", "x")])).unwrap_err();
    assert_snapshot!(error, @"GIT_ORCH_CAP_DIFF: cap.diff must be a whole number above 0");
    let error = Layer::of_git_config(Scope::Global, &owned(&[("cap.binary-mb", "x")])).unwrap_err();
    assert_snapshot!(error, @"git config --global orch.cap.binary-mb: cap.binary_mb must be a whole number above 0");
}

#[test]
fn the_list_holds_every_key_and_own_agents() {
    let settings = Settings::new(vec![base("[agent.mine]\ncommand = 'x'"), local(&[("run.jobs", "2")])]);
    let listed = settings.list();
    let plain = KEYS.iter().filter(|key| !key.name.contains('*')).count();
    assert_eq!(listed.len(), plain + 1);
    let line = |name: &str| {
        let found = listed.iter().find(|listed| listed.name == name).unwrap();
        format!("{} = {} ({})", found.name, found.value, found.origin)
    };
    assert_snapshot!(line("agent.mine.command"), @"agent.mine.command = x (orch.toml on main (a1b2c3d))");
    assert_snapshot!(line("run.jobs"), @"run.jobs = 2 (git config --local orch.run.jobs)");
    assert_snapshot!(line("limits.review"), @"limits.review = 10m (built-in)");
}

proptest! {
    #[test]
    fn personal_layers_never_loosen_a_number(committed in 1_u64..500, mine in proptest::collection::vec(1_u64..500, 0..3)) {
        let mut layers = vec![base(&format!("[cap]\ndiff = {committed}"))];
        for (scope, value) in [Scope::Global, Scope::Local, Scope::Worktree].into_iter().zip(&mine) {
            let entry = [("cap.diff".to_owned(), value.to_string())];
            layers.push(Layer::of_git_config(scope, &entry).unwrap());
        }
        let expected = mine.iter().copied().chain([committed]).min().unwrap();
        let decided = Settings::new(layers).decide("cap.diff").unwrap();
        prop_assert_eq!(decided.values, vec![Value::Count(expected)]);
        prop_assert_eq!(decided.rows.iter().filter(|row| row.used).count(), 1);
    }

    #[test]
    fn the_order_in_which_layers_come_is_nothing(swap in proptest::bool::ANY, name in 0..KEYS.len()) {
        let mut layers = vec![
            base("[run]\njobs = 3\n[cap]\ndiff = 100\n[tests]\nall = 'x'\n[paths]\ndeny = ['a']"),
            local(&[("run.jobs", "2"), ("cap.diff", "50"), ("tests.all", "y"), ("paths.deny", "b")]),
        ];
        let straight = Settings::new(layers.clone());
        if swap {
            layers.reverse();
        }
        prop_assert_eq!(straight.decide(KEYS[name].name), Settings::new(layers).decide(KEYS[name].name));
    }
}

#[test]
fn what_reports_keep_of_the_settings_has_no_words_of_commands() {
    let flag = |name: &str, text: &str| Layer::of_flag("--config", name, text).unwrap();
    let settings = Settings::new(vec![
        flag("cap.diff", "60"),
        flag("agents.implement", "exec:curl -H 'Authorization: secret'"),
        flag("agents.review", "claude:haiku"),
        flag("agent.mine.command", "work --key secret"),
    ]);
    let changed = settings.changed();
    let changed: Vec<(&str, &str)> =
        changed.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    for kept in [("cap.diff", "60"), ("agents.implement", "exec:..."), ("agents.review", "claude:haiku")] {
        assert!(changed.contains(&kept), "{changed:?}");
    }
    assert!(!changed.iter().any(|(_, value)| value.contains("secret")), "{changed:?}");
}
