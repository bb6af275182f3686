//! What comes between an attempt that failed and the next one: a tester's small fix (D8), a look at why (E5), what is known
//! from before (E7); and what a killed turn used.

use crate::support::Sandbox;
use serde_json::Value;

fn sandbox(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox
}

fn shown(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.run(&["show", id, "--json"]).exits(0).json()["data"].clone()
}

fn roles(sandbox: &Sandbox) -> Vec<String> {
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let turns = report["data"]["turns"].as_array().unwrap().clone();
    turns
        .iter()
        .map(|turn| format!("{} {}", turn["role"].as_str().unwrap(), turn["agent"].as_str().unwrap()))
        .collect()
}

const YES: &str = r#"[agent.judge]
command = '''echo '{"verdict":"approve","summary":"ok","findings":[]}' '''
"#;

fn tested(tester: &str) -> Sandbox {
    sandbox(&format!(
        r#"[cap]
fix = 3
[tests]
all = "sh suite.sh a b"
some = "sh suite.sh {{tests}}"
report = "tap"
[[tests.select]]
changed = "{{stem}}.txt"
run = "{{stem}}"
[review]
reviewers = ["quality"]
[agents]
implement = "worker"
review = "judge"
test = "tester"
[agent.worker]
command = '''if [ $GIT_ORCH_ROLE = implement ]; then echo bad > a.txt; else echo mended > a.txt; fi'''
[agent.tester]
command = '''{tester}'''
{YES}"#
    ))
}

const SUITE: &str = "echo 1..$#\nn=0\nbad=0\nfor t; do n=$((n+1))\nif grep -qs bad $t.txt; then bad=1; echo \"not ok $n - $t\"; else echo \"ok $n - $t\"; fi\ndone\nexit $bad\n";

fn with_suite(sandbox: &Sandbox) {
    sandbox.write("suite.sh", SUITE);
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "suite"]);
    sandbox.run(&["add", "Write a", "--id", "a", "--paths", "*.txt"]).exits(0);
}

#[test]
fn a_tester_mends_what_is_small_and_its_fix_is_judged_like_anybodys() {
    let sandbox = tested("echo good > a.txt; echo It was a typo.");
    with_suite(&sandbox);
    let ran = sandbox.run(&["run"]).exits(0);
    assert!(ran.stderr.contains("a tester's fix of 2 lines, of at most 3"), "{}", ran.stderr);
    assert_eq!(sandbox.git(&["show", "main:a.txt"]), "good");
    // Reviewed again, because it is another change.
    assert_eq!(
        roles(&sandbox),
        ["implement worker", "review_quality judge", "test tester", "review_quality judge"]
    );
    let sent = sandbox.run(&["show", "a", "--prompt", "--json"]).exits(0).json();
    let prompt = sent["data"][2]["text"].as_str().unwrap();
    // Only the tests that belong to the change, and the command for them.
    assert!(prompt.contains("- `a`\n") && !prompt.contains("- `b`\n"), "{prompt}");
    assert!(
        prompt.contains("They are run by `sh suite.sh a`") && prompt.contains("at most 3 changed lines"),
        "{prompt}"
    );
}

#[test]
fn a_tester_that_changes_too_much_or_elsewhere_is_taken_back_and_no_try_is_lost() {
    for (tester, why) in [
        ("printf 'good\\n1\\n2\\n3\\n4\\n' > a.txt", "a tester may change 3 (cap.fix)"),
        ("echo x > elsewhere", "elsewhere is outside of the task's paths"),
        ("echo I only looked.", "found no small fix"),
    ] {
        let sandbox = tested(tester);
        with_suite(&sandbox);
        let ran = sandbox.run(&["run"]).exits(0);
        assert!(ran.stderr.contains(why), "{tester}: {}", ran.stderr);
        assert_eq!(sandbox.git(&["show", "main:a.txt"]), "mended", "{tester}");
        assert!(sandbox.git(&["ls-tree", "--name-only", "main"]).lines().all(|file| file != "elsewhere"));
        let expected =
            ["implement worker", "review_quality judge", "test tester", "fix worker", "review_quality judge"];
        assert_eq!(roles(&sandbox), expected, "{tester}");
        assert_eq!(shown(&sandbox, "a")["try"], 2, "{tester}");
    }
}

fn clarified(answer: &str) -> Sandbox {
    sandbox(&format!(
        r#"[tests]
all = "true"
report = "exit"
[review]
reviewers = []
[agents]
implement = "worker"
clarify = "looker"
[agent.worker]
command = '''if [ $GIT_ORCH_ROLE = fix ]; then cat > prompt; else echo I could not find the file.; fi'''
[agent.looker]
command = '''cat > seen; echo '{answer}' '''
"#
    ))
}

#[test]
fn a_failed_attempt_is_looked_at_once_and_tried_again_with_what_was_found() {
    let sandbox = clarified(r#"{"fault":"attempt","advice":"The file is lib/date.sh."}"#);
    sandbox.run(&["add", "Mend dates", "--id", "dates"]).exits(0);
    sandbox.run(&["add", "Use them", "--id", "use", "--after", "dates"]).exits(0);
    let ran = sandbox.run(&["run", "--no-land"]).exits(4);
    assert!(ran.stderr.contains("why it failed: The file is lib/date.sh."), "{}", ran.stderr);
    assert_eq!(roles(&sandbox), ["implement worker", "clarify looker", "fix worker"]);
    assert_eq!(shown(&sandbox, "dates")["state"], "under-review");
    let prompt = std::fs::read_to_string(sandbox.path().join(".worktrees/dates/prompt")).unwrap();
    assert!(prompt.contains("The file is lib/date.sh."), "{prompt}");
    let sent = sandbox.run(&["show", "dates", "--prompt", "--json"]).exits(0).json();
    let looked = sent["data"][1]["text"].as_str().unwrap();
    assert!(looked.contains("I could not find the file.") && looked.contains("no-change"), "{looked}");
    assert!(!sandbox.path().join("seen").exists() && !sandbox.path().join(".worktrees/dates/seen").exists());
    assert_eq!(shown(&sandbox, "use")["state"], "pending", "what comes after waits for a landing");
}

#[test]
fn a_bad_spec_goes_to_a_person_with_the_record_and_does_not_count_against_the_agent() {
    let sandbox = clarified(r#"{"fault":"spec","advice":"","missing":["which format"]}"#);
    for number in 1..=4 {
        sandbox.run(&["add", &format!("Mend dates {number}"), "--id", &format!("t{number}")]).exits(0);
    }
    sandbox.run(&["add", "Use them", "--id", "use", "--after", "t1"]).exits(0);
    let ran = sandbox.run(&["run", "--no-land", "-j", "1"]).exits(4);
    assert!(!ran.stderr.contains("no turns for"), "the breaker stays closed: {}", ran.stderr);
    for number in 1..=4 {
        let task = shown(&sandbox, &format!("t{number}"));
        assert_eq!(task["needs"]["kind"], "unclear", "{task}");
        assert_eq!(task["needs"]["why"], "its spec cannot be worked by: which format");
        assert_eq!(task["needs"]["options"][0], format!("git orch edit t{number} -m \"...\""));
    }
    assert_eq!(shown(&sandbox, "use")["state"], "pending", "a dependent of a failed task never starts");
    let record = sandbox.git(&["ls-tree", "--name-only", "refs/orch/tasks/t1", "decisions/", "notes/"]);
    assert_eq!(
        record,
        "decisions/001-failed.json\ndecisions/002-escalated.json\nnotes/001-implement.json\nnotes/002-clarify.json"
    );
    // A better spec gives it back, as new.
    sandbox.run(&["edit", "t1", "-m", "As 2026-11-20."]).exits(0);
    sandbox.run(&["run", "t1", "--no-land", "--agent", "implement=exec:echo x > new"]).exits(4);
    assert_eq!(shown(&sandbox, "t1")["state"], "under-review");
}

#[test]
fn a_worker_may_say_itself_that_a_task_is_unclear() {
    let sandbox = clarified("nothing");
    for number in 1..=4 {
        sandbox.run(&["add", &format!("Mend dates {number}"), "--id", &format!("t{number}")]).exits(0);
    }
    let agent = "implement=exec:echo 'Unclear: two formats are named'";
    let ran = sandbox.run(&["run", "--no-land", "-j", "1", "--agent", agent]).exits(4);
    assert!(!ran.stderr.contains("no turns for"), "{}", ran.stderr);
    assert_eq!(shown(&sandbox, "t4")["needs"]["why"], "its spec cannot be worked by: two formats are named");
    assert_eq!(roles(&sandbox).len(), 4, "one turn each, and nobody looks at what is known");
}

#[test]
fn later_turns_are_told_what_earlier_ones_found_within_a_budget() {
    let sandbox = sandbox(
        r#"[tests]
all = "true"
report = "exit"
[review]
reviewers = ["quality"]
[agents]
implement = "worker"
review = "judge"
memory_kb = 1
[agent.worker]
command = '''cat > $GIT_ORCH_TASK.prompt; echo "FOUND-BY-$GIT_ORCH_TASK"; [ $GIT_ORCH_TASK != long ] || head -c 1400 /dev/zero | tr '\0' x'''
[agent.judge]
command = '''echo '{"verdict":"approve","summary":"ok","findings":[]}' '''
"#,
    );
    for (id, more) in [
        ("base", vec!["--domain", "net"]),
        ("long", vec!["--domain", "net"]),
        ("near", vec!["--domain", "net", "--after", "base,long"]),
        ("far", vec!["--domain", "ui", "--after", "near"]),
        ("side", vec!["--domain", "net", "--after", "far"]),
    ] {
        let title = format!("Write {id}");
        let args = [vec!["add", title.as_str(), "--id", id], more].concat();
        sandbox.run(&args).exits(0);
    }
    sandbox.run(&["run", "-j", "1"]).exits(0);
    let prompt = |id: &str| sandbox.git(&["show", &format!("main:{id}.prompt")]);
    let near = prompt("near");
    assert!(near.contains("base, which this builds on:") && near.contains("FOUND-BY-base"), "{near}");
    assert!(!near.contains("FOUND-BY-long"), "1,400 characters are over a budget of 1 KB: {near}");
    let far = prompt("far");
    assert!(far.contains("FOUND-BY-near") && !far.contains("FOUND-BY-base"), "{far}");
    let side = prompt("side");
    assert!(side.contains("near, which is near this:") && side.contains("FOUND-BY-base"), "{side}");
    // Kept with the run, for people and plain git.
    let run = sandbox.git(&["for-each-ref", "--format=%(refname)", "refs/orch/runs"]);
    let memory = sandbox.git(&["show", &format!("{run}:memory.md")]);
    assert!(memory.contains("## base implement by worker [net]\n\nFOUND-BY-base"), "{memory}");
    // A checkpoint for each turn: the run's chain, one commit each, with the prompts that were sent.
    let subjects = sandbox.git(&["log", "--reverse", "--format=%s", &run]);
    assert!(subjects.contains(": implement base\n") && subjects.contains(": implement base: "), "{subjects}");
}

#[test]
fn status_shows_a_run_that_waits_for_its_budget() {
    let sandbox = sandbox(
        "[tests]\nall = \"true\"\nreport = \"exit\"\n[review]\nreviewers = []\n[agents]\nimplement = \"dear\"\n[agent.dear]\n\
         command = '''echo x > $GIT_ORCH_TASK.txt; echo '{\"git-orch-usage\":{\"tokens\":10,\"cost_usd\":0.40}}' '''\n",
    );
    for id in ["t1", "t2"] {
        sandbox.run(&["add", &format!("Write {id}"), "--id", id]).exits(0);
    }
    sandbox.run(&["run", "--budget", "0.50", "-j", "1", "--no-land"]).exits(5);
    let status = sandbox.run(&["status"]).exits(0);
    let line = status.stdout.lines().find(|line| line.contains("waits for you")).unwrap_or_default();
    assert!(line.starts_with("Run r-") && line.ends_with("git orch approve budget"), "{}", status.stdout);
    let data = sandbox.run(&["status", "--json"]).exits(0).json()["data"].clone();
    assert!(
        data["run"]["waits"].as_str().unwrap().starts_with("$0.40 of the run's $0.50 are spent"),
        "{data}"
    );
    assert!(sandbox.run(&["status", "--short"]).exits(0).stdout.contains("2!"), "one task, one run");
    sandbox.run(&["approve", "budget"]).exits(0);
    assert!(!sandbox.run(&["status"]).exits(0).stdout.contains("waits for you"));
}

/// A turn that nobody saw the end of: what its program had told of tokens by then is in the record and the budget.
#[test]
fn tokens_of_a_turn_whose_run_was_killed_are_recorded_when_the_run_goes_on() {
    use std::os::unix::process::CommandExt as _;
    let told = r#"{"type":"turn_end","message":{"usage":{"input":1000,"cacheRead":200,"output":50,"cost":{"total":0.02}},"stopReason":"toolUse"}}"#;
    let sandbox = sandbox(&format!(
        "[tests]\nall = \"true\"\nreport = \"exit\"\n[review]\nreviewers = []\n[agents]\nimplement = \"mine\"\n[agent.mine]\n\
         output = \"pi\"\ncommand = '''if [ -e ../go-on ]; then echo x > new; else echo '{told}'; sleep 300; fi'''\n"
    ));
    sandbox.run(&["add", "Write new", "--id", "t1"]).exits(0);
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_git-orch"), &sandbox.path());
    let quiet = std::process::Stdio::null;
    command.args(["run", "--no-land", "--budget", "1"]).process_group(0).stdout(quiet()).stderr(quiet());
    let mut run = command.spawn().unwrap();
    let logs = sandbox.path().join(".git/orch/logs/t1");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let has_told = || {
        let folders = std::fs::read_dir(&logs).into_iter().flatten().flatten();
        folders
            .map(|folder| folder.path().join("stdout.log"))
            .any(|log| std::fs::read_to_string(log).is_ok_and(|text| text.ends_with("}}\n")))
    };
    while !has_told() {
        assert!(std::time::Instant::now() < until, "the agent never told");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let group = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    run.wait().unwrap();
    std::fs::write(sandbox.path().join(".worktrees/go-on"), "").unwrap();
    sandbox.git(&["config", "orch.sandbox.readable", ".worktrees"]);
    sandbox.run(&["run", "--no-land", "--budget", "1"]);
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let turns = report["data"]["turns"].as_array().unwrap();
    let dead = turns
        .iter()
        .find(|turn| turn["ended"] == "killed with its run")
        .unwrap_or_else(|| panic!("{report}"));
    assert_eq!((&dead["tokens"], &dead["cost_usd_micros"]), (&1250.into(), &20_000.into()), "{report}");
    let sent = sandbox.run(&["show", "t1", "--prompt", "--json"]).exits(0).json();
    assert!(
        sent["data"][0]["text"].as_str().unwrap().contains("Write new"),
        "what it was told is known too: {sent}"
    );
}

/// B5: what must be mended first is not a note because the rounds are over.
#[test]
fn a_high_finding_after_the_last_round_is_a_persons() {
    for (settings, code, state) in [("", 4, "escalated"), ("high = \"note\"\n", 0, "completed")] {
        let sandbox = Sandbox::new();
        let toml = format!("[tests]\nall = \"true\"\n[review]\nreviewers = [\"safety\"]\n{settings}");
        sandbox.write("orch.toml", &toml);
        sandbox.git(&["commit", "-qam", "A reviewer"]);
        sandbox.run(&["add", "Write a time", "--id", "one"]).exits(0);
        let high = r#"{"verdict":"revise","summary":"s","findings":[{"severity":"HIGH","title":"Deletes data","detail":"All rows go."}]}"#;
        let review = format!("review=exec:echo '{high}'");
        sandbox.run(&["run", "--agent", "implement=exec:date +%N >> f.txt", "--agent", &review]).exits(code);
        let task = sandbox.run(&["show", "one", "--json"]).exits(0).json()["data"].take();
        assert_eq!(task["state"], state, "{task}");
        if state == "escalated" {
            assert!(task["needs"]["why"].as_str().unwrap().contains("HIGH"), "{task}");
            let review = &task["reviews"][0];
            assert_eq!((&review["reviewer"], &review["verdict"]), (&"safety".into(), &"revise".into()));
            assert_eq!(review["findings"][0]["detail"], "All rows go.", "{task}");
            assert!(task["timeline"][0]["what"].as_str().unwrap().starts_with("added by"), "{task}");
            let screen = sandbox.run(&["show", "one"]).exits(0).stdout;
            assert!(screen.contains("Deletes data\n    | All rows go.\n"), "{screen}");
            sandbox.run(&["edit", "one", "-p", "0"]).exits(0);
            let task = sandbox.run(&["show", "one", "--json"]).exits(0).json()["data"].take();
            assert_eq!(task["state"], "escalated", "more urgent is no decision");
            sandbox.run(&["approve", "one"]).exits(0);
            sandbox.run(&["queue", "run"]).exits(0);
        }
    }
}

/// Whoever is to mend what tests say is told what they wrote, and a command that works without this program.
#[test]
fn the_fixing_agent_reads_what_the_tests_wrote() {
    let sandbox = sandbox(&format!(
        "[tests]\nall = '''if [ -e wrong ]; then seq 9; echo 'AssertionError: 3 != 4'; echo at line 7 >&2; exit 1; fi'''\n\
         report = \"exit\"\n[review]\nreviewers = [\"quality\"]\n[agents]\nimplement = \"mine\"\nreview = \"judge\"\n\
         [agent.mine]\n\
         command = '''if [ -e wrong ]; then rm wrong; echo x > right; else echo x > wrong; fi'''\n{YES}"
    ));
    sandbox.run(&["add", "Write it", "--id", "t1"]).exits(0);
    sandbox.run(&["run", "-j", "1"]).exits(0);
    assert!(sandbox.git(&["ls-tree", "--name-only", "main"]).contains("right"));
    let prompt = sandbox.run(&["show", "t1", "--prompt"]).exits(0).stdout;
    for expected in ["the tests wrote:", "AssertionError: 3 != 4", "at line 7", "reproduce: if [ -e wrong ]"]
    {
        assert!(prompt.contains(expected), "{expected}: {prompt}");
    }
    assert!(!prompt.contains("git orch check"), "{prompt}");
}
