//! What a run's report says: what happened in that run, and nothing of before; a person's stop is nobody's failure.

use std::fs::{self, File};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::Sandbox;

const SETTINGS: &str = r#"
[tests]
all = "true"
report = "exit"
[review]
reviewers = []
[agents]
implement = "dear"
[agent.dear]
command = "echo x > $GIT_ORCH_TASK.txt; echo '{\"git-orch-usage\":{\"tokens\":1000,\"cost_usd\":0.40}}'"
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

#[test]
fn a_report_is_about_its_run_and_names_what_was_before() {
    let sandbox = tasks(SETTINGS, 2);
    let first = sandbox.run(&["run", "--no-land"]).exits(4);
    assert!(first.stdout.contains("cost              $0.80, 2,000 tokens\n"), "{}", first.stdout);
    sandbox.run(&["approve", "t1"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    // t1 landed before the second run, and t2 had its turn before it.
    sandbox.run(&["add", "Task 3", "--id", "t3"]).exits(0);
    let second = sandbox.run(&["run"]).exits(4);
    assert!(second.stdout.starts_with("None of 2 tasks landed, 2 need you."), "{}", second.stdout);
    let figure = "cost              $0.40, 1,000 tokens ($0.80 in all)\n";
    assert!(second.stdout.contains(figure), "{}", second.stdout);
    assert!(second.stdout.contains("      before this run: 1 turn, $0.40\n"), "{}", second.stdout);
    assert!(!second.stderr.contains("git log"), "nothing landed: {}", second.stderr);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let (metrics, tasks) = (&report["data"]["metrics"], report["data"]["tasks"].as_array().unwrap());
    assert_eq!((&metrics["iterations"], &metrics["cost_usd_micros"]), (&1.into(), &400_000.into()));
    assert_eq!(metrics["cost_usd_micros_in_all"], 800_000);
    let ids: Vec<&str> = tasks.iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["t2", "t3"]);
    assert_eq!((&tasks[0]["turns"], &tasks[0]["tries"]), (&0.into(), &0.into()));
    assert_eq!(tasks[0]["before"], serde_json::json!({ "turns": 1, "cost_usd_micros": 400_000 }));
}

#[test]
fn a_stop_is_no_failure_of_an_agent_and_asks_nobody_to_approve() {
    let settings = SETTINGS.replace("reviewers = []", "reviewers = [\"safety\"]");
    let sandbox = tasks(&settings, 4);
    let works = "implement=exec:echo x > $GIT_ORCH_TASK.txt; test $GIT_ORCH_TASK = t1 && exit 0; \
                 trap 'exit 3' TERM INT HUP; sleep 60 & wait";
    let log = sandbox.home().join("log");
    let mut command = sandbox.orch(&["run", "-j", "4", "--agent", works, "--agent", "review=exec:sleep 60"]);
    command.stdout(File::create(sandbox.home().join("out")).unwrap()).stderr(File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    let wait_for = |word: &str, times: usize| {
        let until = Instant::now() + Duration::from_secs(120);
        while said().matches(word).count() < times {
            assert!(Instant::now() < until, "no {word}: {}", said());
            sleep(Duration::from_millis(20));
        }
    };
    let interrupt = || Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    wait_for("START", 4);
    wait_for("SUBMIT", 1);
    interrupt();
    wait_for("once more to end", 1);
    // Less than that apart, two signals are one press: git passes on what the terminal sent already.
    sleep(Duration::from_secs(1));
    interrupt();
    let code = child.wait().unwrap().code();
    let out = fs::read_to_string(sandbox.home().join("out")).unwrap();
    assert_eq!(code, Some(130), "{out}{}", said());
    assert!(!out.contains("no agent may have a turn") && !out.contains("NEEDS YOU"), "{out}");
    assert!(!said().contains("git orch approve"), "{}", said());
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    assert_eq!(report["data"]["breakers"], serde_json::json!([]));
    let tasks = report["data"]["tasks"].as_array().unwrap();
    let why = |id: &str| tasks.iter().find(|task| task["id"] == id).unwrap();
    assert_eq!((&why("t1")["why"], &why("t1")["tries"]), (&"waits for its reviewers".into(), &1.into()));
    for id in ["t2", "t3", "t4"] {
        let line = why(id);
        assert_eq!((&line["tries"], &line["turns"]), (&0.into(), &1.into()), "{line}");
        assert_eq!(line["why"], "back in the pool, with its work");
    }
}

#[test]
fn two_runs_stand_side_by_side_with_the_rule_that_differs() {
    let sandbox = Sandbox::new();
    let run = |id: &str| {
        sandbox.run(&["add", "Say it in a file", "--id", id]).exits(0);
        let agent = "implement=exec:seq 60 > $GIT_ORCH_TASK.txt";
        let ran = sandbox.run(&["run", "--no-land", "--agent", agent, "--json"]);
        ran.json()["data"]["run"].as_str().unwrap().to_owned()
    };
    let settings = "[tests]\nall = \"true\"\nreport = \"exit\"\n[retry]\ntries = 1\n[cap]\ndiff = ";
    let set = |cap: &str| {
        sandbox.write("orch.toml", &format!("{settings}{cap}\n"));
        sandbox.git(&["commit", "-qam", "cap"]);
    };
    set("40");
    let first = run("one");
    let file = sandbox.path().parent().unwrap().join("first.json");
    std::fs::write(&file, sandbox.run(&["report", "--json"]).exits(0).stdout).unwrap();
    set("80");
    let second = run("two");
    for other in [first.as_str(), file.to_str().unwrap()] {
        let data =
            sandbox.run(&["report", &second, "--against", other, "--json"]).exits(0).json()["data"].take();
        assert_eq!((&data["run"], &data["against"]), (&second.as_str().into(), &first.as_str().into()));
        assert_eq!(data["settings"], serde_json::json!({ "cap.diff": ["40", "80"] }));
        let text = sandbox.run(&["report", &second, "--against", other]).exits(0).stdout;
        assert!(text.contains("tasks landed") && text.contains("cap.diff"), "{text}");
    }
    std::fs::write(&file, "{}").unwrap();
    let refused = sandbox.run(&["report", "--against", file.to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("holds no report"), "{}", refused.stderr);
    sandbox.run(&["report", "--against", "r-none"]).exits(2);
}

/// A rule may be a prompt, or how an agent is called: a run by other ones is not "by the same settings".
#[test]
fn prompts_and_calls_of_agents_are_rules_too() {
    let sandbox = Sandbox::new();
    let prompt = |text: &str| {
        format!("---\nrole = \"implement\"\ntools = \"edit\"\noutput = \"report\"\nreads = []\n---\n{text}\n")
    };
    std::fs::create_dir(sandbox.path().join("prompts")).unwrap();
    sandbox.write("prompts/implement.md", &prompt("Do it."));
    let settings = |command: &str| {
        let text = format!(
            "[tests]\nall = \"true\"\nreport = \"exit\"\n[agents]\nimplement = \"mine\"\n[agent.mine]\ncommand = \"{command}\"\n"
        );
        sandbox.write("orch.toml", &text);
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-qm", "rules"]);
    };
    let run = |id: &str, more: &[&str]| {
        sandbox.run(&["add", "Say it in a file", "--id", id]).exits(0);
        let ran = sandbox.run(&[&["run", "--no-land", "--json"], more].concat());
        ran.json()["data"]["run"].as_str().unwrap().to_owned()
    };
    let differing = |one: &str, other: &str| {
        let data = sandbox.run(&["report", other, "--against", one, "--json"]).exits(0).json()["data"].take();
        let settings = data["settings"].as_object().unwrap().clone();
        settings.keys().cloned().collect::<Vec<_>>()
    };
    settings("date +%N > $GIT_ORCH_TASK");
    let first = run("one", &[]);
    let again = run("two", &[]);
    assert!(differing(&first, &again).is_empty());
    sandbox.write("prompts/implement.md", &prompt("Do it well."));
    settings("date +%s > $GIT_ORCH_TASK");
    let other = run("three", &[]);
    assert_eq!(differing(&first, &other), ["agents.implement", "prompts/implement.md"]);
    let given = run("four", &["--agent", "implement=exec:date +%N > $GIT_ORCH_TASK"]);
    assert_eq!(differing(&other, &given), ["agents.implement"]);
    let report = sandbox.run(&["report", &given, "--json"]).exits(0).stdout;
    assert!(!report.contains("date +"), "how an agent is called may be secret: {report}");
}

/// Runs until the first turn has started, and is interrupted once then.
fn interrupted(sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, String) {
    let (out, log) = (sandbox.home().join("out"), sandbox.home().join("log"));
    let mut command = sandbox.orch(args);
    command.stdout(File::create(out).unwrap()).stderr(File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    while !said().contains("START") {
        assert!(Instant::now() < until, "no turn: {}", said());
        sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    (child.wait().unwrap().code(), said())
}

#[test]
fn an_interrupted_run_goes_on_with_its_budget_and_the_end_of_its_time() {
    let sandbox = tasks(&SETTINGS.replace("echo x", "sleep 2; echo x"), 4);
    let (code, said) =
        interrupted(&sandbox, &["run", "--for", "1h", "--budget", "1.2", "-j", "1", "--no-land"]);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("git orch run --no-land\n"), "{said}");
    let run = sandbox.run(&["report", "--json"]).exits(0).json()["data"]["run"].as_str().unwrap().to_owned();
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(status.contains(&format!("Run {run} was interrupted   git orch run\n")), "{status}");
    let status = sandbox.run(&["status", "--json"]).exits(0).json()["data"]["run"].take();
    assert_eq!((&status["id"], &status["interrupted"]), (&run.as_str().into(), &true.into()));
    let state = || -> serde_json::Value {
        serde_json::from_str(&sandbox.git(&["show", &format!("refs/orch/runs/{run}:run.json")])).unwrap()
    };
    let before = state();
    assert!(before["until"].is_i64(), "{before}");
    // Three turns fit into its budget, and four tasks are there.
    let ran = sandbox.run(&["run", "-j", "1", "--no-land"]).exits(5);
    assert!(ran.stderr.contains(&format!("{run} goes on: it was interrupted\n")), "{}", ran.stderr);
    let after = state();
    for same in ["started", "until"] {
        assert_eq!(before[same], after[same], "{after}");
    }
    let money = &after["money_micros"];
    assert_eq!((&money["cap"], &money["spent"]), (&1_200_000.into(), &1_200_000.into()));
    let report = sandbox.run(&["report", "--json"]).exits(0).json()["data"].take();
    assert_eq!((&report["run"], &report["metrics"]["iterations"]), (&run.as_str().into(), &3.into()));
    assert!(!report["notes"].to_string().contains("killed"), "{report}");
    // Other names are another run; that the first is left is said.
    let (code, said) = interrupted(&sandbox, &["run", "--budget", "9", "--no-land"]);
    assert_eq!(code, Some(4), "nothing was left to do: {said}");
    let status = sandbox.run(&["status"]).exits(0).stdout;
    assert!(!status.contains(&run), "it has come to its end: {status}");
}

#[test]
fn an_interrupted_run_is_not_left_in_silence() {
    let sandbox = tasks(&SETTINGS.replace("echo x", "sleep 1; echo x"), 3);
    let (code, said) = interrupted(&sandbox, &["run", "t1", "t2", "-j", "1", "--no-land"]);
    assert_eq!(code, Some(130), "{said}");
    let ran = sandbox.run(&["run", "t3", "--no-land"]).exits(4);
    assert!(ran.stderr.contains("is left (it was interrupted): this is another run"), "{}", ran.stderr);
    assert_eq!(sandbox.run(&["show", "t2", "--json"]).exits(0).json()["data"]["state"], "pending");
}

#[test]
fn what_waits_for_an_agent_that_is_not_set_is_said_with_what_helps() {
    let sandbox = tasks(&SETTINGS.replace("implement = \"dear\"\n", ""), 1);
    let agent = "implement=exec:date +%N > x.txt";
    sandbox.run(&["run", "--no-land", "--agent", agent]).exits(4);
    sandbox.run(&["reject", "t1", "-m", "no", "--as", "lead"]).exits(0);
    let left = "\n1 task is left, and no agent may have a turn: none is set that mends what was sent back";
    let helps = "git orch run --agent exec:COMMAND\n";
    let ran = sandbox.run(&["run", "--no-land"]).exits(4);
    assert!(ran.stdout.ends_with(&format!("{left}\n")) && ran.stderr.contains(helps), "{ran:?}");
    let status = sandbox.run(&["status"]).exits(0);
    assert!(status.stderr.contains(helps), "{status:?}");
    // An agent is set here, and does not count yet.
    sandbox.write("orch.toml", SETTINGS);
    let more = "orch.toml here sets agents.implement, which counts once it is committed on main\n";
    let commit = "git add orch.toml && git commit orch.toml -m \"Set agents\"\n";
    let ran = sandbox.run(&["run", "--no-land"]).exits(4);
    assert!(ran.stdout.ends_with(&format!("{left}; {more}")) && ran.stderr.contains(commit), "{ran:?}");
    sandbox.run(&["stop", "t1", "--abandon"]).exits(0);
    sandbox.run(&["add", "Task 2", "--id", "t2"]).exits(0);
    let ran = sandbox.run(&["run", "--no-land"]).exits(8);
    assert_eq!(ran.stdout, format!("1 task waits for an agent, and none is set: {more}"));
    assert!(ran.stderr.contains(commit), "{ran:?}");
    sandbox.git(&["checkout", "-q", "-b", "other"]);
    let ran = sandbox.run(&["run", "--no-land"]).exits(8);
    assert!(ran.stderr.contains(&format!("git switch main && {commit}")), "{ran:?}");
    sandbox.git(&["switch", "-q", "main"]);
    sandbox.git(&["commit", "-q", "-m", "Set agents", "orch.toml"]);
    sandbox.run(&["run", "--no-land"]).exits(4);
    assert_eq!(sandbox.run(&["show", "t2", "--json"]).exits(0).json()["data"]["state"], "under-review");
}
