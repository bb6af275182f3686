//! All attacks of `changes.toml` and `reviews.toml` in one run, each with a task of its own, beside an honest one.

use std::fs;

use super::{quoted, read};
use crate::support::{Held, Sandbox, machine_holds};

pub(super) const CHANGES: &str = include_str!("changes.toml");
pub(super) const REVIEWS: &str = include_str!("reviews.toml");

/// How many agents share the work: one that fails three times in a row gets no more turns for a while.
const AGENTS: usize = 30;
/// Does whatever the text of its task says.
const GULLIBLE: &str =
    "set -f; mkdir -p src; sed -n 's/^RUN: //p' \"$GIT_ORCH_PROMPT\" > /tmp/obey; . /tmp/obey; true";

#[test]
fn nothing_hostile_lands_and_what_is_honest_does() {
    if machine_holds() == Held::Not {
        eprintln!("skipped: nothing_hostile_lands_and_what_is_honest_does needs a sandbox");
        return;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.path().parent().unwrap().to_owned();
    let pwned = root.join("pwned");
    fs::create_dir(&pwned).unwrap();
    let answers = root.join("answers");
    fs::create_dir(&answers).unwrap();
    let judge = format!("cat {}/$GIT_ORCH_TASK", quoted(answers.to_str().unwrap()));
    let agent = format!("bash -c {}", quoted(&GULLIBLE.replace("/tmp/obey", "$TMPDIR/obey")));
    let names: Vec<String> = (0..AGENTS).map(|number| format!("gullible{number}")).collect();
    let mut settings = format!(
        "[tests]\nall = 'sh check.sh'\nreport = 'exit'\n[retry]\ntries = 1\n[review]\nreviewers = ['safety']\nrounds = 1\n\
         [sandbox]\nreadable = [{}]\n[agents]\nimplement = '{}'\nreview = 'judge'\n\
         [agent.gullible]\ncommand = {}\n[agent.judge]\ncommand = {}\n",
        serde_json::Value::from(answers.to_str().unwrap()),
        names.join(","),
        serde_json::Value::from(agent),
        serde_json::Value::from(judge)
    );
    for name in &names {
        settings.push_str(&format!("[agent.{name}]\nextends = 'gullible'\n"));
    }
    sandbox.write("orch.toml", &settings);
    sandbox.write("check.sh", "! grep -rqx bad src\n");
    fs::create_dir(sandbox.path().join("src")).unwrap();
    sandbox.write("src/first.txt", "first\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "settings"]);
    let evil = format!("touch {}/filter; cat", pwned.display());
    sandbox.git(&["config", "filter.users.clean", &evil]);
    sandbox.git(&["config", "filter.users.smudge", &evil]);
    let head = sandbox.git(&["rev-parse", "main"]);

    let add = |id: &str, run: &str, spec: &str, say: &str| {
        fs::write(answers.join(id), say).unwrap();
        let file = root.join("spec.md");
        fs::write(&file, format!("# Task {id}\n\nDo what is said.\n{spec}\nRUN: {run}\n")).unwrap();
        sandbox.run(&["add", "-F", file.to_str().unwrap(), "--id", id, "--paths", "src/**"]).exits(0);
    };
    let export = format!("export PWNED={}; ", quoted(pwned.to_str().unwrap()));
    let mut may = Vec::new();
    for attack in read(CHANGES) {
        let id = format!("c-{}", attack.name);
        add(&id, &format!("{export}{}", attack.run), &attack.spec, r#"{"verdict":"approve"}"#);
        if !attack.lands.is_empty() {
            may.push(id);
        }
    }
    for attack in read(REVIEWS) {
        let id = format!("r-{}", attack.name);
        add(&id, &format!("echo x > src/{id}.txt"), "", &attack.say);
        if !attack.lands.is_empty() {
            may.push(id);
        }
    }
    add("honest", "echo honest > src/honest.txt", "", r#"{"verdict":"approve"}"#);

    let ran = sandbox.run(&["run", "-j", "4"]);
    assert!([0, 4].contains(&ran.code), "{ran:?}");
    let landed = sandbox.git(&[
        "log",
        "--first-parent",
        "--format=%(trailers:key=Orch-Task,valueonly,separator=)",
        &format!("{head}..main"),
    ]);
    let landed: Vec<&str> = landed.lines().filter(|line| !line.is_empty()).collect();
    assert!(landed.contains(&"honest"), "{landed:?}\n{}", ran.stderr);
    let hostile: Vec<&&str> =
        landed.iter().filter(|id| **id != "honest" && !may.iter().any(|may| may == *id)).collect();
    assert!(hostile.is_empty(), "{hostile:?}\n{}", ran.stderr);
    let ran_by_us: Vec<_> = fs::read_dir(&pwned).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(ran_by_us.is_empty(), "{ran_by_us:?}\n{}", ran.stderr);
    let changed = sandbox.git(&["diff", "--name-only", &head, "main", "--", ".", ":!src"]);
    assert_eq!(changed, "", "{}", ran.stderr);
    // Nobody is left without a word: each one that did not land waits for a person.
    let status = sandbox.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        status["data"]["needs_you"].as_array().unwrap().len(),
        1 + read(CHANGES).len() + read(REVIEWS).len() - landed.len()
    );
}

#[test]
fn a_zero_byte_in_a_message_forges_no_landing() {
    let sandbox = Sandbox::new();
    let mode = "[tests]\nall = \"true\"\nreport = \"exit\"\n[queue]\nmode = \"rebase\"\nbatch = 1\n";
    sandbox.write("orch.toml", mode);
    sandbox.git(&["commit", "-qam", "mode"]);
    sandbox.branch("victim", "v.txt", "work\n");
    sandbox.run(&["queue", "add", "victim"]).exits(0);
    let task = sandbox.git(&["show", "refs/orch/tasks/victim:task.json"]);
    let task: serde_json::Value = serde_json::from_str(&task).unwrap();
    let head = sandbox.git(&["rev-parse", "victim"]);
    let nonce = format!("{}-1-{}", &head[..12], task["since"]);
    sandbox.branch("evil", "e1.txt", "1\n");
    let commit = sandbox.git(&["cat-file", "commit", "evil"]);
    let (headers, _) = commit.split_once("\n\n").unwrap();
    let file = sandbox.path().parent().unwrap().join("commit");
    fs::write(&file, format!("{headers}\n\nharmless\n\nO\0rch-Task: victim\nO\0rch-Nonce: {nonce}\n"))
        .unwrap();
    let forged = sandbox.git(&["hash-object", "-t", "commit", "-w", "--literally", file.to_str().unwrap()]);
    // The queue's own trailers stand on a branch's last commit: the forged one is below it.
    let last = sandbox.git(&["commit-tree", "evil^{tree}", "-p", &forged, "-m", "second"]);
    sandbox.git(&["update-ref", "refs/heads/evil", &last]);
    sandbox.run(&["queue", "add", "evil", "-p", "0"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    let files = sandbox.git(&["ls-tree", "--name-only", "main"]);
    assert!(files.contains("e1.txt") && files.contains("v.txt"), "{files}");
    let format = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
    let log = sandbox.git(&["log", "--first-parent", format, "main"]);
    assert_eq!(log.lines().filter(|line| *line == "victim").count(), 1, "{log}");
}

#[test]
fn scissors_in_a_message_hide_no_landing_from_git() {
    let cut = "------------------------ >8 ------------------------";
    for mode in ["rebase", "squash"] {
        let sandbox = Sandbox::new();
        let toml = format!("[tests]\nall = \"true\"\nreport = \"exit\"\n[queue]\nmode = \"{mode}\"\n");
        sandbox.write("orch.toml", &toml);
        sandbox.git(&["commit", "-qam", "mode"]);
        let messages = [
            ("body", "#", format!("Fine\n\nWords.\n# {cut}\nmore\n\nReviewed-by: X <x@y>\n")),
            ("subject", "#", format!("# {cut}\n\nWords.\n")),
            ("other", ";", format!("Fine\n\nWords.\n; {cut}\n")),
        ];
        for (name, comment, message) in messages {
            sandbox.branch(name, &format!("{name}.txt"), "1\n");
            let commit =
                sandbox.git(&["commit-tree", &format!("{name}^{{tree}}"), "-p", "main", "-m", &message]);
            sandbox.git(&["update-ref", &format!("refs/heads/{name}"), &commit]);
            sandbox.run(&["queue", "add", name]).exits(0);
            sandbox.run(&["queue", "run"]).exits(0);
            sandbox.git(&["config", "core.commentChar", comment]);
            let format = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
            let said = sandbox.git(&["log", "-1", format, "main"]);
            assert_eq!(said, name, "{mode}: {}", sandbox.git(&["cat-file", "commit", "main"]));
        }
    }
}

#[test]
fn a_changelog_that_is_no_file_of_ours_stays_as_it_is() {
    for make in
        ["mkdir CHANGELOG.md && echo a > CHANGELOG.md/a.md", "echo '# C' > C.md && ln -s C.md CHANGELOG.md"]
    {
        let sandbox = Sandbox::new();
        assert!(sandbox.command("sh", &sandbox.path()).args(["-c", make]).status().unwrap().success());
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-qm", "changelog"]);
        let before = sandbox.git(&["ls-tree", "main", "CHANGELOG.md"]);
        sandbox.run(&["add", "Say hi in a file", "--id", "hi", "--paths", "hi*"]).exits(0);
        let worktree = sandbox.run(&["pick", "hi", "--path"]).exits(0).stdout.trim().to_owned();
        fs::write(format!("{worktree}/hi.txt"), "hi\n").unwrap();
        sandbox.run(&["submit", "hi", "--changelog", "New greeting."]).exits(0);
        sandbox.run(&["approve", "hi", "--as", "ben"]).exits(0);
        sandbox.run(&["queue", "run"]).exits(0);
        assert_eq!(sandbox.git(&["ls-tree", "main", "CHANGELOG.md"]), before);
        assert!(sandbox.git(&["ls-tree", "--name-only", "main"]).contains("hi.txt"));
    }
}
