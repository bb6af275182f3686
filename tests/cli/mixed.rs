//! Several agents in one run: one that always fails, one that is slow, one that does its work.

use crate::support::Sandbox;

const SETTINGS: &str = r#"
[tests]
all = "! grep -q bad f.txt"
report = "exit"
[review]
reviewers = ["quality"]
[agents]
implement = "broken, small, slow"
review = "judge"
[agent.broken]
command = "echo Done.; echo '{\"git-orch-usage\":{\"tokens\":300,\"cost_usd\":0.001}}'"
tier = "cheap"
[agent.small]
command = "sleep 0.2; echo x > $GIT_ORCH_TASK.txt; echo '{\"git-orch-usage\":{\"input\":1000,\"output\":100}}'"
tier = "cheap"
price = ["in=1", "out=5"]
[agent.slow]
command = "sleep 2; echo x > $GIT_ORCH_TASK.txt; echo '{\"git-orch-usage\":{\"tokens\":5000,\"cost_usd\":0.20}}'"
tier = "mid"
[agent.judge]
command = "echo '{\"verdict\":\"approve\",\"summary\":\"ok\",\"findings\":[]}'; echo '{\"git-orch-usage\":{\"tokens\":10,\"cost_usd\":0.0001}}'"
"#;

/// Twelve tasks, the last two of tier 2.
fn twelve_tasks() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", SETTINGS);
    sandbox.git(&["commit", "-qam", "settings"]);
    for number in 1..=12 {
        let (id, tier) = (format!("t{number}"), if number > 10 { "2" } else { "1" });
        sandbox.run(&["add", &format!("Task {number}"), "--id", &id, "--tier", tier]).exits(0);
    }
    sandbox
}

#[test]
fn one_that_always_fails_is_held_back_and_the_others_land_everything() {
    let sandbox = twelve_tasks();
    let ran = sandbox.run(&["run"]).exits(0);
    assert!(ran.stdout.starts_with("All 12 landed."), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("broken: no turns for "), "{}", ran.stderr);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let data = &report["data"];
    assert_eq!(data["breakers"][0]["agent"], "broken");
    let turns = data["turns"].as_array().unwrap();
    let of = |agent: &str| turns.iter().filter(|turn| turn["agent"] == agent).collect::<Vec<_>>();
    assert!((3..=6).contains(&of("broken").len()), "{turns:?}");
    let slow: Vec<&str> = of("slow").iter().map(|turn| turn["task"].as_str().unwrap()).collect();
    assert!(slow.contains(&"t11") && slow.contains(&"t12"), "the two of tier 2: {slow:?}");
    assert!(
        of("slow").iter().all(|turn| turn["why"].as_str().unwrap().starts_with("mid for a task of tier 2"))
    );
    assert_eq!(of("small")[0]["cost_usd_micros"], 1500);
    // Every cost is known, so the sum is.
    let sum: u64 = turns.iter().map(|turn| turn["cost_usd_micros"].as_u64().unwrap()).sum();
    assert_eq!(data["metrics"]["cost_usd_micros"], sum);
    assert!(ran.stdout.contains("  slow    mid            2      $0.40       10,000 "), "{}", ran.stdout);
}

#[test]
fn one_over_budget_pauses_the_run_and_a_yes_lands_the_rest() {
    let sandbox = twelve_tasks();
    // The slow one costs 20 cents a turn: its first fits, its second does not; what the others need does.
    sandbox.run(&["edit", "t12", "--after", "t11"]).exits(0);
    let ran = sandbox.run(&["run", "--budget", "0.30"]).exits(5);
    assert!(ran.stdout.starts_with("11 of 12 tasks landed. The run paused: "), "{}", ran.stdout);
    let shown = sandbox.run(&["show", "t12", "--json"]).exits(0).json();
    assert_eq!(shown["data"]["state"], "pending");
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["data"]["ending"], "limit");
    sandbox.run(&["approve", "budget"]).exits(0);
    let ran = sandbox.run(&["run"]).exits(0);
    assert!(ran.stdout.starts_with("All 12 landed."), "{}", ran.stdout);
}

#[test]
fn pick_explains_the_tier_and_who_would_get_it() {
    let sandbox = twelve_tasks();
    let line = |id: &str| {
        let ran = sandbox.run(&["pick", id, "-n", "--explain", "--json"]).exits(0).json();
        let lines = ran["data"]["explained"].as_array().unwrap().clone();
        lines
            .iter()
            .find_map(|line| line.as_str().filter(|line| line.starts_with("tier ")))
            .unwrap()
            .to_owned()
    };
    assert_eq!(line("t1"), "tier cheap: a run would take broken: cheap for a task of tier 1");
    assert_eq!(line("t12"), "tier mid: a run would take slow: mid for a task of tier 2");
}
