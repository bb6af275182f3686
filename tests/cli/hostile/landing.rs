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
