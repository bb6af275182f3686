//! What a run and a task may cost: the run pauses and asks, nothing is lost, a yes goes on.

use crate::support::Sandbox;

/// An agent whose turn costs 40 cents, a second one that tells nothing.
const SETTINGS: &str = r#"
[tests]
all = "true"
report = "exit"
[review]
reviewers = []
[agents]
implement = "dear"
[agent.dear]
command = "sleep 0.2; echo x > $GIT_ORCH_TASK.txt; echo '{\"git-orch-usage\":{\"tokens\":1000,\"cost_usd\":0.40}}'"
[agent.quiet]
command = "echo x > $GIT_ORCH_TASK.txt"
"#;

fn tasks(settings: &str, count: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    for number in 1..=count {
        sandbox.run(&["add", &format!("Task {number}"), "--id", &format!("t{number}")]).exits(0);
    }
    sandbox
}

fn spent(sandbox: &Sandbox) -> u64 {
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let turns = report["data"]["turns"].as_array().unwrap().clone();
    turns.iter().filter_map(|turn| turn["cost_usd_micros"].as_u64()).sum()
}

#[test]
fn a_run_pauses_at_its_budget_and_goes_on_after_a_yes() {
    let sandbox = tasks(SETTINGS, 6);
    let ran = sandbox.run(&["run", "--budget", "1", "-j", "1", "--no-land"]).exits(5);
    // Two turns for 80 cents; a third would not fit.
    assert_eq!(spent(&sandbox), 800_000);
    let why = "The run paused: $0.80 of the run's $1.00 are spent; the next turn may cost $0.40, and $0.20 is left.";
    let shown = ran.stdout.replace('\n', " ");
    assert!(shown.contains(why), "{}", ran.stdout);
    assert!(ran.stderr.contains("git orch approve budget"), "{}", ran.stderr);
    // Nothing goes on without a yes: the same run, with what it has spent.
    sandbox.run(&["run", "-j", "1", "--no-land"]).exits(5);
    assert_eq!(spent(&sandbox), 800_000);
    let would = sandbox.run(&["approve", "budget", "-n"]).exits(0);
    assert!(would.stdout.starts_with("would allow the budget of r-"), "{}", would.stdout);
    let allowed = sandbox.run(&["approve"]).exits(0);
    assert!(allowed.stdout.starts_with("allowed the budget of r-"), "{}", allowed.stdout);
    assert!(allowed.stdout.contains("once more: $0.80 of the run's $2.00 are spent"), "{}", allowed.stdout);
    assert_eq!(sandbox.run(&["approve", "budget"]).exits(0).stdout, "no run waits for its budget\n");
    // Twice the amount: five turns.
    sandbox.run(&["run", "-j", "1", "--no-land"]).exits(5);
    assert_eq!(spent(&sandbox), 2_000_000);
    // A higher limit is a yes too.
    sandbox.run(&["run", "-j", "1", "--no-land", "--budget", "9"]).exits(4);
    assert_eq!(spent(&sandbox), 2_400_000);
    let runs = sandbox.run(&["report", "--list", "--json"]).exits(0).json();
    assert_eq!(runs["data"].as_array().unwrap().len(), 1, "one run all the way");
}

#[test]
fn six_side_by_side_go_over_by_one_turn_each_at_most() {
    let sandbox = tasks(SETTINGS, 12);
    // Nobody knows what a turn costs: each of the six gets some cents, and costs 40.
    sandbox.run(&["run", "--budget", "0.60", "-j", "6", "--no-land"]).exits(5);
    assert_eq!(spent(&sandbox), 6 * 400_000, "one turn each, no second one");
}

#[test]
fn an_agent_that_does_not_tell_its_cost_has_one_turn_under_a_budget() {
    let sandbox = tasks(SETTINGS, 3);
    let ran = sandbox.run(&["run", "--budget", "3", "-j", "1", "--no-land", "--agent", "quiet"]).exits(4);
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = "let its last line be {\"git-orch-usage\":{\"cost_usd\":0.12}}";
    assert!(words.contains(says), "{}", ran.stdout);
    assert!(!ran.stderr.contains("git orch doctor"), "doctor does not see it: {}", ran.stderr);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["data"]["turns"].as_array().unwrap().len(), 1);
    let note = report["data"]["notes"][0].as_str().unwrap();
    assert_eq!(
        note,
        "Budget: $0.00 of the run's $3.00 are spent, and $1.50 stay reserved for 1 turn that did not tell."
    );
}

#[test]
fn one_crash_ends_no_night_that_has_a_budget() {
    let sandbox = tasks(SETTINGS, 4);
    let tells = "implement=exec:test $GIT_ORCH_TASK = t2 || echo x > $GIT_ORCH_TASK.txt; \
                 echo '{\"git-orch-usage\":{\"cost_usd\":0.10}}'";
    let ran = sandbox.run(&[
        "run",
        "--budget",
        "50",
        "-j",
        "1",
        "--no-land",
        "--agent",
        tells,
        "--agent",
        "fix=exec:exit 1",
    ]);
    let ran = ran.exits(4);
    assert!(!ran.stdout.contains("no agent may have a turn"), "{}", ran.stdout);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let turns = report["data"]["turns"].as_array().unwrap();
    let agents: Vec<&str> = turns.iter().map(|turn| turn["agent"].as_str().unwrap()).collect();
    assert_eq!(agents, ["exec", "exec", "exec-2", "exec", "exec"], "all four tasks had their turn");
    let note = report["data"]["notes"][0].as_str().unwrap();
    let says =
        "Budget: $0.40 of the run's $50.00 are spent, and $0.10 stay reserved for 1 turn that did not tell.";
    assert_eq!(note, says);
}

#[test]
fn a_budget_of_tokens_holds_what_tells_tokens_alone() {
    let told = SETTINGS.replace(r#",\"cost_usd\":0.40"#, "");
    let sandbox = tasks(&told, 3);
    let ran = sandbox.run(&["run", "--budget", "3", "-j", "1", "--no-land"]).exits(4);
    assert!(ran.stderr.contains("git config orch.budget.run-tokens 2000000"), "{}", ran.stderr);
    sandbox.git(&["config", "orch.budget.run-tokens", "2000000"]);
    let ran = sandbox.run(&["run", "--budget", "3", "-j", "1", "--no-land"]).exits(4);
    assert!(!ran.stdout.contains("no agent may have a turn"), "{}", ran.stdout);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["data"]["turns"].as_array().unwrap().len(), 2, "{report}");
}

#[test]
fn a_task_over_its_budget_waits_for_a_person_and_the_others_go_on() {
    let settings = format!(
        "{}[budget]\ntask = 0.30\n",
        SETTINGS.replace(
            "echo x > $GIT_ORCH_TASK.txt;",
            "[ $GIT_ORCH_TASK = t2 ] || echo x > $GIT_ORCH_TASK.txt;"
        )
    );
    let sandbox = tasks(&settings, 3);
    // t2 comes to nothing, and a second try would be over its budget.
    sandbox.run(&["run", "--no-land"]).exits(4);
    let shown = sandbox.run(&["show", "t2", "--json"]).exits(0).json();
    assert_eq!(shown["data"]["needs"]["kind"], "over-budget", "{shown}");
    assert_eq!(shown["data"]["state"], "escalated");
    for id in ["t1", "t3"] {
        let state = sandbox.run(&["show", id, "--json"]).exits(0).json()["data"]["state"].clone();
        assert_eq!(state, "under-review", "{id}");
    }
    let approved = sandbox.run(&["approve", "t2"]).exits(0);
    assert!(approved.stdout.contains("approved t2"), "{}", approved.stdout);
    sandbox.run(&["run", "--no-land"]).exits(4);
    let report = sandbox.run(&["show", "t2", "--json"]).exits(0).json();
    assert_eq!(report["data"]["cost_usd"], 0.8, "{report}");
}

#[test]
fn a_budget_of_nothing_is_a_mistake() {
    let sandbox = tasks(SETTINGS, 1);
    for bad in ["0", "-1", "much"] {
        let ran = sandbox.run(&["run", "--budget", bad]);
        assert_eq!(ran.code, 2, "{bad}: {ran:?}");
    }
}

#[test]
fn a_run_over_some_tasks_goes_on_without_their_names() {
    let sandbox = tasks(SETTINGS, 4);
    let ran = sandbox.run(&["run", "t1", "t2", "t3", "--budget", "0.30", "-j", "1", "--no-land"]).exits(5);
    assert_eq!(spent(&sandbox), 400_000);
    assert!(ran.stderr.contains("git orch run --no-land\n"), "{}", ran.stderr);
    let again = || sandbox.run(&["run", "-j", "1", "--no-land"]);
    let ran = again().exits(5);
    let says = "goes on: its budget was used up; only t1, t2, t3";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let allowed = sandbox.run(&["approve", "budget"]).exits(0);
    assert!(allowed.stderr.contains("git orch run"), "{}", allowed.stderr);
    let said = "$0.40 of the run's $0.60 are spent\nwhat is left may be too little for a turn";
    assert!(allowed.stdout.contains(said), "{}", allowed.stdout);
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(status.contains("may go on within its budget   git orch run\n"), "{status}");
    again().exits(5);
    sandbox.run(&["approve", "budget"]).exits(0);
    again().exits(5);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["data"]["metrics"]["cost_usd_micros"], 800_000, "{report}");
    assert!(!report["data"]["notes"].to_string().contains("killed"), "{report}");
    let runs =
        || sandbox.run(&["report", "--list", "--json"]).exits(0).json()["data"].as_array().unwrap().len();
    assert_eq!(runs(), 1, "one run all the way");
    assert_eq!(sandbox.run(&["show", "t4", "--json"]).exits(0).json()["data"]["state"], "pending");
}

#[test]
fn no_other_run_takes_the_place_of_one_that_waits_unless_it_has_its_own_budget() {
    let sandbox = tasks(SETTINGS, 4);
    sandbox.run(&["run", "t1", "t2", "--budget", "0.30", "-j", "1", "--no-land"]).exits(5);
    for more in [&[][..], &["-n"]] {
        let refused = sandbox.run(&[&["run", "t3", "t4", "--no-land"], more].concat()).exits(5);
        assert!(refused.stderr.contains("would take its place"), "{}", refused.stderr);
        for command in ["git orch approve budget\n", "git orch run\n", "git orch run t3 t4 --budget 5\n"] {
            assert!(refused.stderr.contains(command), "{}", refused.stderr);
        }
    }
    assert_eq!(spent(&sandbox), 400_000);
    let would = sandbox.run(&["run", "-n"]).exits(0);
    assert_eq!(would.stdout, "implement t2\n", "only its own tasks");
    let other = sandbox.run(&["run", "t3", "--budget", "1", "--no-land"]).exits(4);
    let says = "is left (its budget was used up): this is another run";
    assert!(other.stderr.contains(says), "{}", other.stderr);
    assert_eq!(sandbox.run(&["approve", "budget"]).exits(0).stdout, "no run waits for its budget\n");
}
