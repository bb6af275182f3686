//! The seven programs as they were recorded, replayed in a run: whatever a program says and however it exits, the
//! task's state is right and the message says why.

use crate::support::{Held, Sandbox, machine_holds};

const PROGRAMS: [&str; 7] = ["claude", "codex", "gemini", "opencode", "qwen", "pi", "aider"];

const EDIT: &str = "echo fixed > fixed.txt;";

/// A repository with a task for each of these cases, and an agent that replays a program's recorded output: what it
/// does is a shell command per task.
fn replay(program: &str, cases: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    let fixtures = format!("{}/tests/fixtures/agents", env!("CARGO_MANIFEST_DIR"));
    let mut script = format!(
        "out() {{ cat {fixtures}/{program}-$1.out; cat {fixtures}/{program}-$1.err >&2 2>/dev/null; true; }}; \
         cut() {{ head -c $(( $(wc -c < {fixtures}/{program}-done.out) * 9 / 10 )) {fixtures}/{program}-done.out; }}; \
         case $GIT_ORCH_TASK in "
    );
    for (task, does) in cases {
        script.push_str(&format!("{task}) {does};; "));
    }
    script.push_str("esac");
    let replayed =
        format!("[agent.replay]\nextends = '{program}'\nargv = [\"sh\", \"-c\", '''{script}''']\n");
    let tests = "[tests]\nall = \"! grep -q bad f.txt\"\nreport = \"exit\"\n[retry]\ntries = 1\n";
    // The checkout of this project may lie in a folder that agents do not see, such as /tmp.
    let held = format!("[sandbox]\nreadable = ['{fixtures}']\n");
    sandbox.write("orch.toml", &format!("{tests}{held}{replayed}"));
    sandbox.git(&["commit", "-qam", "settings"]);
    for (task, _) in cases {
        sandbox.run(&["add", task, "--id", task]).exits(0);
    }
    sandbox
}

/// Each task's state, and why, in one line.
fn states(sandbox: &Sandbox, cases: &[(&str, &str)]) -> String {
    let line = |(task, _): &(&str, &str)| {
        let shown = sandbox.run(&["show", task, "--json"]).exits(0).json();
        let data = &shown["data"];
        let why = data["needs"]["why"].as_str().filter(|_| data["state"] == "escalated").unwrap_or("-");
        format!("{task}: {}, {why}, tokens {}", data["state"].as_str().unwrap(), data["tokens"])
    };
    cases.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_counts_is_the_change_and_what_the_program_says_of_itself() {
    let cases = [
        ("done", &*format!("{EDIT} out done")),
        ("exit-1-after-a-good-edit", &*format!("{EDIT} out done; exit 1")),
        ("no-edit", "out done"),
        ("cut-off", &*format!("{EDIT} cut; exit 1")),
    ];
    for program in PROGRAMS {
        let sandbox = replay(program, &cases);
        let ran = sandbox.run(&["run", "--no-land", "--agent", "implement=replay"]).exits(4);
        let states = states(&sandbox, &cases);
        let lines: Vec<&str> = states.lines().collect();
        assert!(
            lines[0].starts_with("done: under-review, -, tokens "),
            "{program}: {states}\n{}",
            ran.stderr
        );
        assert!(!lines[0].ends_with("null"), "{program}: {states}");
        assert!(lines[1].starts_with("exit-1-after-a-good-edit: under-review, -"), "{program}: {states}");
        assert!(
            ran.stderr.contains("its change counts, though it ended so: exit 1"),
            "{program}: {}",
            ran.stderr
        );
        let no_edit = "no-edit: escalated, replay ended without a change (exit 0), tokens ";
        assert!(lines[2].starts_with(no_edit), "{program}: {states}");
        let cut = "cut-off: escalated, replay ended in the middle of its work (exit 1, its output ends without an \
                   answer); what it did is kept";
        // aider's answer is all of its text: nothing in it says where it should end.
        assert!(program == "aider" || lines[3].starts_with(cut), "{program}: {states}");
        let attempts = sandbox.git(&["for-each-ref", "--format=%(refname)", "refs/orch/attempts/cut-off/"]);
        assert!(!attempts.is_empty(), "{program}: the work of a failed attempt is gone");
    }
}

#[test]
fn a_wrong_key_is_the_agents_fault_and_not_the_tasks() {
    for program in PROGRAMS {
        let cases = [("one", "out login"), ("two", "out login")];
        let sandbox = replay(program, &cases);
        let ran = sandbox.run(&["run", "--no-land", "-j", "1", "--agent", "implement=replay"]).exits(4);
        assert!(ran.stderr.contains("replay: not logged in to its model: "), "{program}: {}", ran.stderr);
        assert!(ran.stderr.contains("without counting as a try"), "{program}: {}", ran.stderr);
        let left =
            "2 tasks are left, and no agent may have a turn: replay: exit 0, not logged in to its model: ";
        assert!(ran.stdout.contains(left), "{program}: {}", ran.stdout);
        let report = sandbox.run(&["report", "--json"]).exits(0).json();
        let turns = report["data"]["turns"].as_array().unwrap();
        assert_eq!(turns.len(), 1, "{program}: the second task was tried with the same key");
        assert_eq!(turns[0]["task"], "one");
        for (task, _) in cases {
            let shown = sandbox.run(&["show", task, "--json"]).exits(0).json();
            assert_eq!((&shown["data"]["state"], &shown["data"]["try"]), (&"pending".into(), &1.into()));
        }
    }
}

#[test]
fn a_program_that_hangs_is_ended_and_its_tokens_are_unknown() {
    for program in ["pi", "codex"] {
        let cases = [("one", "cut; sleep 60")];
        let sandbox = replay(program, &cases);
        let ran =
            sandbox.run(&["run", "--no-land", "--timeout", "1s", "--agent", "implement=replay"]).exits(4);
        let states = states(&sandbox, &cases);
        assert!(
            states.starts_with("one: escalated, replay was ended at its limit of 1 s"),
            "{states}\n{}",
            ran.stderr
        );
        assert!(program != "codex" || states.ends_with("tokens null"), "{states}");
    }
}

#[test]
fn what_a_program_leaves_behind_is_no_part_of_its_work() {
    let cases = [
        ("only-litter", "mkdir -p .aider.tags.cache.v4; echo x > .aider.tags.cache.v4/x; out done"),
        ("both", &*format!("{EDIT} echo x > .aider.chat.history.md; out done")),
    ];
    let sandbox = replay("aider", &cases);
    sandbox.run(&["run", "--no-land", "--agent", "implement=replay"]).exits(4);
    let states = states(&sandbox, &cases);
    assert!(states.contains("only-litter: escalated, replay ended without a change (exit 0)"), "{states}");
    assert_eq!(sandbox.git(&["diff", "--name-only", "main...orch/both"]), "fixed.txt");
}

#[test]
fn usage_that_is_missing_stays_unknown() {
    let fixtures = format!("{}/tests/fixtures/agents", env!("CARGO_MANIFEST_DIR"));
    let cases = [("one", &*format!("{EDIT} sed 's/\"usage\"/\"was\"/g' {fixtures}/pi-done.out"))];
    let sandbox = replay("pi", &cases);
    sandbox.run(&["run", "--no-land", "--agent", "implement=replay"]).exits(4);
    assert_eq!(states(&sandbox, &cases), "one: under-review, -, tokens null");
    assert!(sandbox.run(&["report"]).exits(0).stdout.contains("unknown"));
}

#[test]
fn an_agent_that_is_not_installed_is_named_with_the_command_that_installs_it() {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", "[agent.codex]\nargv = ['no-such-codex', 'exec']\n");
    sandbox.git(&["commit", "-qam", "settings"]);
    let pinged = sandbox.run(&["doctor", "--ping", "codex"]).exits(7).stdout;
    assert_eq!(
        pinged,
        "WRONG  installed    no-such-codex is not found in PATH\n                     fix: command -v no-such-codex\n1 \
         thing is wrong.\n"
    );
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let ran = sandbox.run(&["run", "--agent", "codex"]).exits(4);
    let left = "1 task is left, and no agent may have a turn: codex: no-such-codex, the program of agent 'codex', is not \
                installed: it is not found in PATH";
    assert!(ran.stdout.contains(left), "{}", ran.stdout);
    assert_eq!(sandbox.run(&["show", "one", "--json"]).exits(0).json()["data"]["state"], "pending");
    let unknown = sandbox.run(&["doctor", "--ping", "cluade"]).exits(2).stderr;
    assert!(
        unknown.contains(
            "unknown agent 'cluade', did you mean 'claude'? There are aider, claude, codex, gemini, opencode, pi, qwen; or"
        ),
        "{unknown}"
    );
}

#[test]
fn a_program_that_does_not_know_its_options_is_told_in_its_own_words() {
    let sandbox = Sandbox::new();
    let agent = "[agent.odd]\nargv = ['sh', '-c', 'echo no such option --headless >&2; exit 2']\n";
    sandbox.write("orch.toml", agent);
    sandbox.git(&["commit", "-qam", "settings"]);
    let pinged = sandbox.run(&["doctor", "--ping", "odd"]).exits(7).stdout;
    assert!(pinged.contains("WRONG  answered     exit 2"), "{pinged}");
    assert!(pinged.contains(": no such option --headless\n"), "{pinged}");
}

/// The lines of the page's example, with a program that exists.
#[test]
fn an_agent_of_ones_own_takes_the_ten_lines_that_the_page_shows() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/agents.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert!(example.lines().count() <= 10, "{example}");
    let sandbox = Sandbox::new();
    let program = sandbox.home().join("my-agent");
    let script = "#!/bin/sh\necho \"$@\" > args.txt\nenv | grep ^MY_AGENT | sort >> args.txt\ncat >> args.txt\n\
                  echo '{\"git-orch-usage\":{\"input\":1000000,\"output\":100000}}'\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let example = example.replace("\"my-agent\"", &format!("\"{}\"", program.display()));
    let text = std::fs::read_to_string(sandbox.path().join("orch.toml")).unwrap();
    sandbox.write("orch.toml", &format!("{text}{example}"));
    sandbox.git(&["commit", "-qam", "mine"]);
    sandbox.run(&["add", "Say how you were called", "--id", "one"]).exits(0);
    let variables = [("MY_AGENT_KEY", "dummy"), ("OTHER_KEY", "secret")];
    sandbox.run_with_all(&variables, &["run", "--no-land", "--agent", "implement=mine:small-1"]).exits(4);
    let args = sandbox.git(&["show", "orch/one:args.txt"]);
    let worktree = sandbox.path().join(".worktrees/one");
    let called = format!(
        "--headless --json --root {} --allow edit,run --model small-1\nMY_AGENT_KEY=KEY\nMY_AGENT_NO_HOOKS=1\n",
        worktree.display()
    );
    // In a sandbox it has a stand-in for the key, which only the relay knows.
    let key = args.lines().find_map(|line| line.strip_prefix("MY_AGENT_KEY=")).unwrap_or_default().to_owned();
    assert_eq!(key.starts_with("git-orch-"), machine_holds() != Held::Not, "{args}");
    let args = args.replace(&key, "KEY");
    assert!(args.starts_with(&called) && args.contains("Say how you were called"), "{args}");
    let report = sandbox.run(&["report", "--json"]).exits(0).json();
    let turn = &report["data"]["turns"][0];
    assert_eq!(
        (&turn["tier"], &turn["model"], &turn["tokens"]),
        (&"cheap".into(), &"small-1".into(), &1_100_000.into())
    );
    assert_eq!((&turn["cost_usd_micros"], &turn["estimated"]), (&4_500_000.into(), &true.into()));
}
