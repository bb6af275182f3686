//! Changes that do not touch each other: what one of them must not wait for.

use super::{Field, end_of, names};

#[test]
fn scenario_15_where_only_affected_tests_gate_a_landing_a_base_that_moved_elsewhere_costs_no_full_run() {
    let select = "some = '''\necho some {tests} >> {place}/some\nwhile ! test -e {place}/go; do sleep 0.05; done\n'''\n\
                  [[tests.select]]\nchanged = \"{stem}.txt\"\nrun = \"{stem}\"\n";
    for land in ["targeted", "full"] {
        let field = Field::new("true", "");
        let place = field.place();
        let select = select.replace("{place}", place.to_str().unwrap());
        let toml = field.git(&["show", "main:orch.toml"]);
        field.amend(&format!("{toml}\n{select}[queue]\nland = \"{land}\"\n"));
        field.queue(&["a", "b"]);
        let child = field.sandbox.start(&["queue", "run", "--json"]);
        let some = || std::fs::read_to_string(place.join("some")).unwrap_or_default();
        field.wait(|| some().lines().count() == 1);
        // Nobody in the queue touches this file.
        field.sandbox.write("elsewhere.txt", "by hand\n");
        field.git(&["add", "-A"]);
        field.git(&["commit", "-q", "-m", "by hand"]);
        field.wait(|| some().lines().count() == 2);
        field.put("go");
        assert_eq!(names(&end_of(child, 0)["landed"]), ["a", "b"], "{land}");
        // On the moved base the tests of both changes ran again, and not those of the file that was pushed.
        assert_eq!(some(), "some a b\nsome a b\n", "{land}");
        // The full suite gates the landing, or follows it.
        let gate = if land == "full" { "the full suite as well" } else { "them alone" };
        let full = field.runs().iter().any(|(commit, _)| *commit == field.tip());
        assert_eq!(full, land == "full", "what gates is {gate}: {:?}", field.runs());
        assert_eq!(field.landed(), ["a", "b"]);
    }
}

/// Landings, so that the queue knows how long a suite takes: next to nothing.
fn usual(field: &Field) {
    field.queue(&["n"]);
    field.drain(0);
}

#[test]
fn scenario_41_a_change_is_not_delayed_by_a_red_one_in_another_area() {
    // Whoever tests x without y waits: y must not.
    let tests = "if test -e x.txt; then if ! test -e y.txt; then while ! test -e {place}/go; do sleep 0.05; done; fi; false; fi";
    let field = Field::new(tests, "");
    usual(&field);
    field.queue(&["x", "y"]);
    let child = field.start(&["-j", "2"], 1);
    field.wait(|| field.landed() == ["n", "y"]);
    assert_eq!(field.task("x")["state"], "ready-for-handoff", "x is still being tested");
    field.put("go");
    let ran = end_of(child, 4);
    assert_eq!((names(&ran["landed"]), names(&ran["needs_you"])), (vec!["y"], vec!["x"]));
}

#[test]
fn scenario_41_areas_that_were_green_alone_land_as_a_tree_that_was_tested_whole() {
    let field = Field::new("true", "[queue]\nbatch = 1");
    field.queue(&["x", "y"]);
    field.drain(0);
    let trees: Vec<String> = field.runs().into_iter().map(|(_, tree)| tree).collect();
    for landing in field.git(&["rev-list", "--first-parent", "main~2..main"]).lines() {
        assert!(trees.contains(&field.git(&["rev-parse", &format!("{landing}^{{tree}}")])), "{trees:?}");
    }
}

#[test]
fn scenario_44_a_small_task_lands_before_a_long_one_where_both_paths_are_green() {
    // Whatever has `long` takes until it is told to end; what has not, is done at once.
    let gated = "if test -e long.txt; then while ! test -e {place}/go; do sleep 0.05; done; fi";
    let field = Field::new(gated, "");
    usual(&field);
    field.queue(&["long", "small"]);
    let child = field.start(&["-j", "3"], 2);
    field.wait(|| field.landed() == ["n", "small"]);
    let runs = field.runs().len();
    field.put("go");
    assert_eq!(names(&end_of(child, 0)["landed"]), ["small", "long"]);
    assert_eq!(field.runs().len(), runs, "the run of both stayed valid: the tree is the same");
    let tree = field.git(&["rev-parse", "main^{tree}"]);
    assert!(field.runs().iter().any(|(_, tested)| *tested == tree));
}

#[test]
fn scenario_44_a_small_task_waits_for_a_long_one_where_it_is_red_without_it() {
    let gated = "if test -e long.txt; then while ! test -e {place}/go; do sleep 0.05; done; else ! test -e small.txt; fi";
    let field = Field::new(gated, "");
    usual(&field);
    field.queue(&["long", "small"]);
    let child = field.start(&["-j", "3"], 4);
    let runs = field.runs().len();
    assert!(runs >= 4, "the one before, main, both, long and small: {runs}");
    assert_eq!(field.landed(), ["n"], "it waits");
    field.put("go");
    assert_eq!(names(&end_of(child, 0)["landed"]), ["long", "small"]);
}
