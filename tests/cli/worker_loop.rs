//! From `init` to main by hand: a worker picks, edits and hands in; an agent with one answer reviews; the queue lands.

use crate::sandbox::Sandbox;
use std::{fs, path::PathBuf};

const SUITE: &str = "\
set -- tests/*.sh
echo \"1..$#\"
number=0
for file; do
    number=$((number + 1))
    if sh \"$file\"; then echo \"ok $number - $file\"; else echo \"not ok $number - $file\"; fi
done
";
const YES: &str = r#"exec:printf '{"verdict":"approve","summary":"ok","findings":[]}'"#;

fn repository() -> Sandbox {
    let repo = Sandbox::new();
    repo.write("greet.sh", "echo hello\n");
    repo.write("suite.sh", SUITE);
    repo.write("tests/hello.sh", "sh greet.sh | grep -q hello\n");
    repo.write("orch.toml", "[tests]\nall = \"sh suite.sh\"\nreport = \"tap\"\n");
    repo.commit("Begin");
    repo.orch(&["init"]).with(0);
    repo
}

/// Takes what is next, as a script would: the task and its worktree.
fn pick(repo: &Sandbox) -> (String, PathBuf) {
    let data = repo.orch(&["pick", "--json", "--as", "w"]).data(0);
    (data["task"]["id"].as_str().unwrap().to_owned(), data["worktree"].as_str().unwrap().into())
}

fn column(repo: &Sandbox, task: &str) -> String {
    repo.orch(&["show", task, "--json"]).data(0)["column"].as_str().unwrap().to_owned()
}

#[test]
fn three_tasks_go_from_a_worker_to_main() {
    let repo = repository();
    repo.orch(&["add", "Greet in French", "--id", "french", "--paths", "fr.sh", "--paths", "tests/fr*"])
        .with(0);
    repo.orch(&["add", "Greet in Spanish", "--id", "spanish", "--paths", "es.sh"]).with(0);
    repo.orch(&["add", "Greet twice in French", "--id", "twice", "--after", "french"]).with(0);

    for _ in 0..2 {
        let (task, worktree) = pick(&repo);
        let file = if task == "french" { "fr.sh" } else { "es.sh" };
        fs::write(worktree.join(file), format!("echo {task}\n")).unwrap();
        // A dry run measures what is there, committed or not, and changes nothing.
        let would = repo.orch_in(&worktree, &["submit", "--as", "w", "--dry-run"]).with(0);
        assert_eq!(would, format!("would commit 1 file and hand {task} in\n+1 -0 of 200, 1 file\n"));
        let said = repo.orch_in(&worktree, &["submit", "--as", "w"]).with(0);
        assert!(said.contains("+1 -0 of 200, 1 file; waits for somebody else's approval"), "{said}");
        assert_eq!(column(&repo, &task), "REVIEW");
    }
    // Nobody reviews by himself here, so that each waits for a person; and what comes after has to wait.
    let needs = repo.orch(&["status", "--json"]).data(0)["needs_you"].take();
    assert_eq!(needs.as_array().unwrap().len(), 2, "{needs}");
    for asked in [vec!["pick", "--as", "w"], vec!["pick", "twice", "--as", "w"]] {
        let refused = repo.orch(&asked);
        assert_eq!(refused.code, 8, "{}", refused.err);
        assert!(refused.err.contains("waits for french"), "{}", refused.err);
    }
    assert_eq!(repo.orch(&["approve", "french", "--as", "w"]).code, 4, "nobody approves his own work");

    let report = repo.orch(&["run", "--agent", YES, "--no-land"]).with(0);
    assert!(report.contains("in the queue"), "{report}");
    assert_eq!([column(&repo, "french"), column(&repo, "spanish")], ["QUEUE", "QUEUE"]);
    assert_eq!(repo.orch(&["pick", "twice", "--as", "w"]).code, 8, "approved is not landed");
    let ran = repo.orch(&["queue", "run", "--json"]).data(0);
    assert_eq!(
        (ran["landed"].as_array().unwrap().len(), &ran["runs"]),
        (2, &2.into()),
        "the base, and one batch"
    );

    let (task, worktree) = pick(&repo);
    assert_eq!(task, "twice");
    assert!(worktree.join("fr.sh").exists(), "it starts from what landed");
    fs::write(worktree.join("fr.sh"), "echo french french\n").unwrap();
    repo.orch_in(&worktree, &["submit", "--as", "w"]).with(0);
    repo.orch(&["approve", "twice", "--as", "olga"]).with(0);
    // Standing in the very worktree that the landing removes.
    let landed = repo.orch_in(&worktree, &["queue", "run"]).with(0);
    assert_eq!(landed, "landed: twice\n");
    assert!(!worktree.exists());
    let shown = repo.orch(&["show", "twice", "--json"]).data(0);
    assert_eq!(
        (&shown["state"], &shown["owner"]),
        (&"completed".into(), &"w".into()),
        "whose work it was stays"
    );

    let trailers = "--format=%(trailers:key=Orch-Task,valueonly,separator=)";
    let tasks = repo.git(&["log", "--first-parent", trailers, "main"]);
    let tasks: Vec<&str> = tasks.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(tasks[0], "twice");
    assert_eq!(tasks.len(), 3, "{tasks:?}");
    assert_eq!(repo.git(&["show", "main:fr.sh"]), "echo french french");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["branch", "--list", "orch/*"]), "");
    assert!(repo.orch(&["status"]).with(0).contains("No open tasks.  Done today: 3"));
}

#[test]
fn a_refused_hand_in_says_what_can_be_done() {
    let repo = repository();
    repo.orch(&["add", "Much", "--id", "much", "--paths", "much.txt"]).with(0);
    let (_, worktree) = pick(&repo);
    fs::write(worktree.join("much.txt"), "line\n".repeat(201)).unwrap();
    let would = repo.orch_in(&worktree, &["submit", "--as", "w", "--dry-run"]).with(0);
    assert!(would.starts_with("would refuse much: diff is 201 lines, the cap is 200"), "{would}");
    let check = repo.orch_in(&worktree, &["check", "--only", "size"]);
    assert_eq!(check.code, 3, "{}", check.out);
    let refused = repo.orch_in(&worktree, &["submit", "--as", "w"]);
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("git orch submit much -m"), "{}", refused.err);
    fs::write(worktree.join("much.txt"), "little\n").unwrap();
    fs::write(worktree.join("other.txt"), "").unwrap();
    let refused = repo.orch_in(&worktree, &["submit", "--as", "w"]);
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("other.txt is outside of the task's paths (much.txt)"), "{}", refused.err);
}
