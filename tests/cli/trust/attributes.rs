//! Whose attributes and keys count: the base's, and nobody's.

use crate::kill_support::Place;
use crate::support::{Sandbox, bubblewrap_or_skip};

const SETTINGS: &str = "[tests]\nall = \"true\"\nreport = \"exit\"\n";

/// A change cannot loosen its own gate, not even where it is what the main worktree has checked out.
#[test]
fn attributes_of_a_change_that_is_checked_out_hide_no_lines_and_merge_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("orch.toml", SETTINGS);
    sandbox.git(&["commit", "-qam", "settings"]);
    let lines: String = (0..5000).map(|line| format!("{line}\n")).collect();
    sandbox.git(&["checkout", "-qb", "big"]);
    sandbox.write("big.txt", &lines);
    sandbox.write(".gitattributes", "*.txt -diff\n* merge=union\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "big"]);
    let refused = sandbox.run(&["queue", "add", "big"]).exits(3).stderr;
    assert!(refused.contains("diff is 5002 lines"), "{refused}");
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.write("f.txt", "theirs\n");
    sandbox.git(&["commit", "-qam", "theirs"]);
    sandbox.git(&["checkout", "-qb", "union", "main^"]);
    sandbox.write("f.txt", "ours\n");
    sandbox.write(".gitattributes", "* merge=union\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "union"]);
    let refused = sandbox.run(&["queue", "add", "union"]).exits(3).stderr;
    assert!(refused.contains("conflicts with main in f.txt"), "{refused}");
    // Nor do the user's own settings.
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.write("../attributes", "* -diff\n");
    let own = sandbox.path().join("../attributes");
    sandbox.git(&["config", "core.attributesFile", own.to_str().unwrap()]);
    sandbox.git(&["config", "core.bigFileThreshold", "1"]);
    let refused = sandbox.run(&["queue", "add", "big"]).exits(3).stderr;
    assert!(refused.contains("diff is 5002 lines"), "{refused}");
}

/// Without an endpoint nobody puts a key in outside; and whoever runs tests runs what an agent wrote.
#[test]
fn neither_an_agent_without_endpoints_nor_a_test_holds_a_key() {
    if !bubblewrap_or_skip("neither_an_agent_without_endpoints_nor_a_test_holds_a_key") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write(
        "orch.toml",
        "[tests]\nall = 'echo \"key: $MY_API_KEY.\"; test -z \"$MY_API_KEY\"'\nreport = \"exit\"\n[agents]\nenv = [\"MY_API_KEY\"]\n\
         [review]\nreviewers = []\n",
    );
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.run(&["add", "Say hello in a file", "--id", "one"]).exits(0);
    let agent = "implement=exec:echo \"$MY_API_KEY\" | rev > told.txt";
    let key = ("MY_API_KEY", "sekret-4711");
    sandbox.run_with(key, &["run", "--no-land", "--agent", agent]).exits(4);
    let told = sandbox.git(&["show", "orch/one:told.txt"]);
    assert!(!told.contains("1174-terkes") && told.ends_with("-hcro-tig"), "{told}");
    sandbox.run(&["approve", "one", "--as", "ben"]).exits(0);
    sandbox.run_with(key, &["queue", "run"]).exits(0);
}

/// One of several places that a remote is pushed to takes a landing, and the one that counts does not.
#[test]
fn a_landing_that_one_of_several_push_urls_refused_has_not_landed() {
    let place = Place::new();
    let dir = place.repository("one", SETTINGS);
    for name in ["a", "b"] {
        place.git(&dir, &["clone", "-q", "--bare", ".", &format!("../{name}")]);
    }
    place.git(&dir, &["remote", "add", "origin", "../a"]);
    place.git(&dir, &["fetch", "-q", "origin"]);
    place.git(&dir, &["branch", "-q", "-u", "origin/main", "main"]);
    for name in ["b", "a"] {
        place.git(&dir, &["remote", "set-url", "--add", "--push", "origin", &format!("../{name}")]);
    }
    place.shell(
        &dir,
        "printf '#!/bin/sh\\nexit 1\\n' > ../a/hooks/pre-receive; chmod +x ../a/hooks/pre-receive",
    );
    place.queued(&dir, "work");
    let before = place.git(&dir, &["rev-parse", "main"]);
    let ran = place.orch(&dir, &["queue", "run"]);
    assert!(!ran.out.contains("landed: work"), "{}{}", ran.out, ran.err);
    assert_eq!(place.git(&dir, &["rev-parse", "main"]), before);
    assert_eq!(place.data(&dir, &["show", "work", "--json"])["state"], "ready-for-handoff");
}

/// Landed or withdrawn, never both: while the push of a killed queue goes on, nobody knows which.
#[test]
fn nobody_withdraws_what_a_push_still_carries() {
    let place = Place::new();
    let dir = place.repository("one", SETTINGS);
    place.git(&dir, &["clone", "-q", "--bare", ".", "../bare"]);
    place.git(&dir, &["remote", "add", "origin", "../bare"]);
    place.git(&dir, &["fetch", "-q", "origin"]);
    place.git(&dir, &["branch", "-q", "-u", "origin/main", "main"]);
    let hook = "#!/bin/sh\nread -r old new name\ncase $name in refs/heads/main) touch ../begun; while test ! -e ../go; do sleep 0.05; done;; esac\n";
    std::fs::write(place.path("bare/hooks/pre-receive"), hook).unwrap();
    place.shell(&dir, "chmod +x ../bare/hooks/pre-receive");
    place.queued(&dir, "work");
    let mut queue = place.orch_command(&dir, &["queue", "run"]).spawn().unwrap();
    while !place.path("begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    queue.kill().unwrap();
    queue.wait().unwrap();
    let refused = place.orch(&dir, &["queue", "drop", "work"]);
    assert_eq!(refused.code, Some(6), "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("a push of an earlier landing still goes on"), "{}", refused.err);
    place.shell(&dir, "touch ../go");
    let late = place.orch(&dir, &["queue", "drop", "work"]);
    assert_ne!(late.code, Some(0), "{}", late.out);
    place.orch(&dir, &["queue", "run"]);
    assert_eq!(place.data(&dir, &["show", "work", "--json"])["state"], "completed");
}
