//! `git orch bench queue`: plays traffic, writes results, judges them. It needs no repository.

use super::support::Sandbox;

const TRACE: &str = r#"{"trace":"git-orch/queue-trace@1","name":"two","seed":0,"slots":1,"model":"suite","changes":2,"failure_rate":0.25,"conflict_rate":{"overlapping":0.05,"disjoint":0.001}}
{"id":0,"arrives":0,"based_at":-5,"footprint":[1],"minutes":1,"suite_minutes":5,"defect":false,"conflicts":[]}
{"id":1,"arrives":1,"based_at":-1,"footprint":[2],"minutes":1,"suite_minutes":5,"defect":true,"conflicts":[]}
"#;

#[test]
fn a_trace_is_played_and_its_result_judged() {
    let sandbox = Sandbox::empty();
    sandbox.write("two.trace", TRACE);
    let ran = sandbox.run(&["bench", "queue", "two.trace", "--out", "two.result"]).exits(0);
    insta::assert_snapshot!(ran.stdout, @r"
    two played by rectangle: 2 changes, 1 slot
      minutes to land, P50/P95/P99 5.0 / 5.0 / 5.0
      runs per change              1.00
      test minutes per landing     10.00
      landed                       1, undecided 0
      landed red                   0
      landed on untested trees     0
      wrongly ejected              0
    ");
    let result = std::fs::read_to_string(sandbox.path().join("two.result")).unwrap();
    assert!(result.starts_with(r#"{"result":"git-orch/queue-result@1","trace":"two","policy":"rectangle""#));
    let judged =
        sandbox.run(&["bench", "queue", "two.trace", "--judge", "two.result", "--json"]).exits(0).json();
    assert_eq!(judged["schema"], "git-orch/bench-queue-trace@1");
    assert_eq!((&judged["data"]["runs"], &judged["data"]["red"]), (&2.into(), &serde_json::json!([])));
    sandbox.write("lies.result", &result.replace(r#""outcome":"fail""#, r#""outcome":"pass""#));
    let lies = sandbox.run(&["bench", "queue", "two.trace", "--judge", "lies.result"]).exits(1);
    assert!(lies.stdout.contains("against the rules            run 1 passes, but [1] fail"), "{lies:?}");
}

#[test]
fn what_cannot_be_played_is_refused_with_the_next_command() {
    let sandbox = Sandbox::empty();
    sandbox.write("two.trace", &TRACE.replace(r#""slots":1"#, r#""slots":0"#));
    let bad = sandbox.run(&["bench", "queue", "two.trace"]).exits(2);
    assert!(bad.stderr.contains("cannot use two.trace: line 1: there must be at least one slot"), "{bad:?}");
    let bad = sandbox.run(&["bench", "queue", "--policy", "best"]).exits(2);
    assert!(bad.stderr.contains("no policy 'best'") && bad.stderr.contains("--policies"), "{bad:?}");
}

#[test]
fn the_queues_work_with_git_is_measured_and_agrees_with_git() {
    let sandbox = Sandbox::empty();
    let data = sandbox
        .run(&["bench", "queue-git", "--files", "400", "--entries", "10", "--json"])
        .exits(0)
        .json()["data"]
        .take();
    let figures = data["figures"].as_array().unwrap();
    let about = |start: &str| {
        let found = figures.iter().find(|figure| figure["what"].as_str().unwrap().starts_with(start));
        found.unwrap_or_else(|| panic!("no figure of {start}: {figures:?}"))
    };
    for what in ["queue add", "queue,", "queue why", "queue conflicts", "one tick", "composing"] {
        assert!(about(what)["millis"].as_f64().unwrap() > 0.0, "{what}");
    }
    // The command fails where ours and git's own answers differ; here some pairs really conflict.
    let matrix = about("conflict matrix");
    assert_eq!(matrix["against"], "git merge-tree x 45");
    assert!(!matrix["what"].as_str().unwrap().ends_with(" 0 conflicts"), "{matrix}");
}

#[test]
fn everybody_lands_the_same_branches_side_by_side() {
    let sandbox = Sandbox::empty();
    let args = [
        "bench",
        "side-by-side",
        "--branches",
        "6",
        "--bad",
        "1",
        "--suite",
        "0.05",
        "--rounds",
        "1",
        "--json",
    ];
    let data = sandbox.run(&args).exits(0).json()["data"].take();
    let runs = |table: &str, who: &str| {
        let scores = data[table].as_array().unwrap();
        let found = scores.iter().find(|score| score["who"].as_str().unwrap().starts_with(who));
        found.unwrap_or_else(|| panic!("{who} did not play: {data}"))["runs"].as_f64().unwrap()
    };
    // Who landed what is checked by the command; these are the policies' own arithmetic.
    assert!((runs("queues", "serial") - 6.0).abs() < 0.1, "one run each: {data}");
    // The bad one stands last in its round of two here, so nobody is tested again for it.
    assert!(runs("queues", "zuul") >= 6.0, "one run each: {data}");
    assert!(runs("queues", "bors") > 2.0, "{data}");
    assert!(runs("queues", "git orch") > 2.0, "a red, its search, and what lands: {data}");
    // The whole, two or three steps of the bisection, and the rest.
    assert!((4.0..=5.0).contains(&runs("searches", "git bisect")), "{data}");
}
