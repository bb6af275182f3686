//! The real programs, each carrying a task from its spec to the base branch in front of a scripted model: dummy keys,
//! a home of their own, nothing but loopback. They work in the sandbox, where the machine has one, and reach the model by
//! its relay. A program that is not installed is skipped, aloud.

use std::fs;
use std::path::PathBuf;

use crate::model_server::{Model, ModelServer};
use crate::support::{Held, Sandbox, bubblewrap_or_skip, machine_holds};

/// The folder of a program in `PATH`; without it the test is skipped, which CI does not let pass.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).find(|folder| folder.join(program).is_file());
    if found.is_none() {
        eprintln!("skipped: {program} is not installed");
        let required = std::env::var("GIT_ORCH_TEST_AGENTS").unwrap_or_default();
        assert!(!required.split(',').any(|name| name == program), "{program} must be installed here");
    }
    found
}

const EDIT: &str = "printf 'fixed\\n' > fixed.txt; env > inside.txt";
/// The key that no program may see.
const KEY: &str = "sk-real-7391";

/// A repository with one task, and a home in which the program's own settings lead to the server.
fn ready(server: &ModelServer, program: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let home = sandbox.home();
    let url = &server.url;
    match program {
        "pi" => {
            let folder = home.join(".pi/agent");
            fs::create_dir_all(&folder).unwrap();
            let models = serde_json::json!({"providers": {"mock": {
                "baseUrl": format!("{url}/v1"), "api": "openai-completions", "apiKey": "OPENAI_API_KEY",
                "models": [{"id": "m1", "name": "m1", "reasoning": false, "input": ["text"],
                    "cost": {"input": 3, "output": 15, "cacheRead": 0, "cacheWrite": 0},
                    "contextWindow": 100_000, "maxTokens": 4000}],
            }}});
            fs::write(folder.join("models.json"), models.to_string()).unwrap();
        }
        "codex" => {
            fs::create_dir_all(home.join(".codex")).unwrap();
            let provider = format!(
                "model_provider = 'mock'\n[model_providers.mock]\nname = 'mock'\nbase_url = '{url}/v1'\nenv_key = \
                 'OPENAI_API_KEY'\nwire_api = 'responses'\nrequest_max_retries = 0\nstream_max_retries = 0\n"
            );
            fs::write(home.join(".codex/config.toml"), provider).unwrap();
        }
        _ => {}
    }
    // Of its home, it sees the file of settings; the model is where these say.
    let settings = format!(
        "[tests]\nall = \"true\"\nreport = \"exit\"\n[sandbox]\nreadable = ['~/.pi/agent/models.json', \
         '~/.codex/config.toml']\n[agent.pi]\nendpoints = ['{url}']\n[agent.codex]\nendpoints = ['{url}']\n"
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.run(&["add", "Write the word fixed into fixed.txt", "--id", "fix-it"]).exits(0);
    sandbox
}

/// Runs the task with an agent, approves it, and lands it. Returns what the run's report says, as JSON.
fn carried_to_the_end(server: &ModelServer, sandbox: &Sandbox, agent: &str) -> serde_json::Value {
    let variables =
        [("ANTHROPIC_BASE_URL", server.url.as_str()), ("ANTHROPIC_API_KEY", KEY), ("OPENAI_API_KEY", KEY)];
    let agent = format!("implement={agent}");
    let ran = sandbox.run_with_all(&variables, &["run", "--no-land", "--timeout", "60s", "--agent", &agent]);
    let task = sandbox.run(&["show", "fix-it", "--json"]).exits(0).json();
    assert_eq!(task["data"]["state"], "under-review", "{ran:?}");
    let prompt = server.requests().iter().any(|request| request.to_string().contains("the word fixed into"));
    assert!(prompt, "the spec did not reach the model");
    assert!(server.keys().iter().all(|key| key == KEY), "the model got other keys: {:?}", server.keys());
    sandbox.run(&["approve", "fix-it", "--as", "ben"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(fs::read_to_string(sandbox.path().join("fixed.txt")).unwrap(), "fixed\n");
    if machine_holds() != Held::Not {
        let inside = fs::read_to_string(sandbox.path().join("inside.txt")).unwrap();
        assert!(inside.contains("_API_KEY=git-orch-") && !inside.contains(KEY), "{inside}");
    }
    sandbox.run(&["report", "--json"]).exits(0).json()["data"].take()
}

#[test]
fn pi_carries_a_task_to_the_end() {
    if installed("pi").is_none() {
        return;
    }
    let server = ModelServer::start(Model::Runs(EDIT));
    let sandbox = ready(&server, "pi");
    let report = carried_to_the_end(&server, &sandbox, "pi:mock/m1");
    // Two requests at 3 and 15 dollars for a million tokens, by pi's own reckoning.
    let turn = &report["turns"][0];
    assert_eq!((&turn["tokens"], &turn["cost_usd_micros"]), (&2580.into(), &9084.into()), "{report}");
    assert_eq!((&turn["model"], &turn["estimated"]), (&"m1".into(), &false.into()));
    assert_eq!(report["tasks"][0]["tokens"], 2580);
    assert_eq!(report["metrics"]["cost_usd_micros"], 9084);
}

#[test]
fn codex_carries_a_task_to_the_end() {
    if installed("codex").is_none() {
        return;
    }
    let server = ModelServer::start(Model::Runs(EDIT));
    let sandbox = ready(&server, "codex");
    let settings = "price = ['in=3', 'out=15']\n";
    let text = fs::read_to_string(sandbox.path().join("orch.toml")).unwrap();
    sandbox.write("orch.toml", &format!("{text}{settings}"));
    sandbox.git(&["commit", "-qam", "codex"]);
    let report = carried_to_the_end(&server, &sandbox, "codex:mock");
    let turn = &report["turns"][0];
    assert_eq!((&turn["tokens"], &turn["cost_usd_micros"]), (&2580.into(), &9084.into()), "{report}");
    assert_eq!(turn["estimated"], true, "it names no cost of its own");
}

/// As it is shipped: what the entry puts into the program's home leads it to its vendor by the relay, which alone has the
/// key. Only the vendor's address is another one.
fn by_its_own_entry(program: &str, agent: &str) {
    if installed(program).is_none() || !bubblewrap_or_skip(program) {
        return;
    }
    let server = ModelServer::start(Model::Runs(EDIT));
    let host = server.url.trim_start_matches("http://");
    let entries: toml::Table =
        include_str!("../../src/policy/agents.toml").replace("api.openai.com", host).parse().unwrap();
    let files = entries["agent"][program]["files"].to_string();
    assert!(files.contains(&format!("{{relay}}/@{host}/v1")), "{files}");
    let sandbox = Sandbox::new();
    let settings = format!(
        "[tests]\nall = \"true\"\nreport = \"exit\"\n[agent.{program}]\nendpoints = ['{}']\nfiles = {files}\n",
        server.url
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.run(&["add", "Write the word fixed into fixed.txt", "--id", "fix-it"]).exits(0);
    let report = carried_to_the_end(&server, &sandbox, agent);
    assert_eq!(report["turns"][0]["tokens"], 2580, "{report}");
}

#[test]
fn pi_finds_its_vendor_by_the_relay_and_holds_no_key() {
    by_its_own_entry("pi", "pi:openai/gpt-5-mini");
}

#[test]
fn codex_finds_its_vendor_by_the_relay_and_holds_no_key() {
    by_its_own_entry("codex", "codex:gpt-5");
}

#[test]
fn claude_carries_a_task_to_the_end() {
    if installed("claude").is_none() {
        return;
    }
    let server = ModelServer::start(Model::Runs(EDIT));
    let sandbox = ready(&server, "claude");
    let report = carried_to_the_end(&server, &sandbox, "claude");
    let turn = &report["turns"][0];
    assert_eq!(turn["tokens"], 2580, "{report}");
    assert!(turn["cost_usd_micros"].as_u64() > Some(0) && turn["estimated"] == false, "{report}");
}

#[test]
fn a_real_program_with_a_wrong_key_costs_no_try() {
    if installed("pi").is_none() {
        return;
    }
    let server = ModelServer::start(Model::Refuses(401));
    let sandbox = ready(&server, "pi");
    let ran = sandbox.run(&["run", "--no-land", "--agent", "implement=pi:mock/m1"]).exits(4);
    assert!(ran.stderr.contains("pi:mock/m1: not logged in to its model: 401 invalid key"), "{}", ran.stderr);
    let task = sandbox.run(&["show", "fix-it", "--json"]).exits(0).json();
    assert_eq!((&task["data"]["state"], &task["data"]["try"]), (&"pending".into(), &1.into()));
}

#[test]
fn a_real_program_that_only_says_done_has_done_nothing() {
    if installed("pi").is_none() {
        return;
    }
    let server = ModelServer::start(Model::Says("Done."));
    let sandbox = ready(&server, "pi");
    let ran = sandbox.run(&["run", "--no-land", "--agent", "implement=pi:mock/m1"]).exits(4);
    assert!(ran.stderr.contains("pi:mock/m1 ended without a change (exit 0)"), "{}", ran.stderr);
    let task = sandbox.run(&["show", "fix-it", "--json"]).exits(0).json();
    assert_eq!((&task["data"]["state"], &task["data"]["tokens"]), (&"escalated".into(), &2580.into()));
}

#[test]
fn doctor_tries_an_agent_from_end_to_end() {
    if installed("pi").is_none() {
        return;
    }
    let server = ModelServer::start(Model::Runs("echo pong > ping.txt"));
    let sandbox = ready(&server, "pi");
    let pinged = sandbox.run(&["doctor", "--ping", "pi:mock/m1"]).exits(0).stdout;
    assert!(pinged.contains("ok     installed    pi 0."), "{pinged}");
    assert!(pinged.contains("ok     edited       ping.txt is as it was asked for"), "{pinged}");
    assert!(pinged.contains("ok     usage        2580 tokens, $0.009084 by its own account"), "{pinged}");

    let server = ModelServer::start(Model::Refuses(401));
    let sandbox = ready(&server, "pi");
    let pinged = sandbox.run(&["doctor", "--ping", "pi:mock/m1"]).exits(7).stdout;
    assert!(
        pinged.contains("WRONG  answered     exit 0, not logged in to its model: 401 invalid key"),
        "{pinged}"
    );
    assert!(pinged.contains("fix: git orch config explain agent.pi.env"), "{pinged}");
}
