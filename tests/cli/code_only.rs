//! Workers that cannot write (E3, E4): what they answer is held to the task, written, checked and committed for them.

use crate::support::Sandbox;
use serde_json::Value;

/// A repository whose worker answers with what stands in a file that the test may change.
fn answering(answer: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("../home/answer", answer);
    let file = sandbox.path().join("../home/answer");
    let settings = format!(
        "[tests]\nall = \"! grep -q bad f.txt\"\nreport = \"exit\"\n[review]\nreviewers = []\n[agents]\nimplement = \"writer\"\n\
         {more}\n[agent.writer]\nanswer = \"files\"\ncommand = '''echo mine > f.txt; echo mine > own; cat {}'''\n",
        file.display()
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.git(&["config", "orch.sandbox.readable", file.parent().unwrap().to_str().unwrap()]);
    sandbox
}

fn block(path: &str, text: &str) -> String {
    format!("FILE: {path}\n```\n{text}\n```\n")
}

fn shown(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.run(&["show", id, "--json"]).exits(0).json()["data"].clone()
}

#[test]
fn blocks_become_a_commit_and_the_worker_itself_writes_nothing() {
    let answer = format!(
        "I made it executable as before.\n\n{}\n{}\nDELETE: old.txt\n\nChangelog: Greets.\n",
        block("bin/greet", "#!/bin/sh\necho hello"),
        block("f.txt", "one\ntwo\nthree\nfour")
    );
    let sandbox = answering(&answer, "");
    std::fs::create_dir(sandbox.path().join("bin")).unwrap();
    sandbox.write("bin/greet", "#!/bin/sh\n");
    sandbox.write("old.txt", "old\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["update-index", "--chmod=+x", "bin/greet"]);
    sandbox.git(&["commit", "-qm", "more"]);
    sandbox.git(&["checkout", "-q", "."]);
    sandbox.run(&["add", "Greet people", "--id", "greet", "--paths", "bin/**", "--paths", "*.txt"]).exits(0);
    let ran = sandbox.run(&["run", "--no-land"]).exits(4);
    let head =
        shown(&sandbox, "greet")["head"].as_str().unwrap_or_else(|| panic!("{}", ran.stderr)).to_owned();
    let changed = sandbox.git(&["diff", "--raw", "--no-abbrev", "--no-renames", "main", &head]);
    let changed: Vec<&str> = changed.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(changed, ["bin/greet", "f.txt", "old.txt"], "and nothing that it tried to write itself");
    assert!(sandbox.git(&["ls-tree", &head, "bin/greet"]).starts_with("100755 "));
    assert_eq!(sandbox.git(&["show", &format!("{head}:f.txt")]), "one\ntwo\nthree\nfour");
    assert_eq!(
        sandbox.git(&["log", "-1", "--format=%an %(trailers:key=Changelog,valueonly)", &head]).trim(),
        "writer Greets."
    );
    let worktree = sandbox.path().join(".worktrees/greet");
    assert!(!worktree.join("old.txt").exists(), "the worktree is brought along");
    // It was told what is there, as it cannot look.
    let sent = sandbox.run(&["show", "greet", "--prompt"]).exits(0).stdout;
    assert!(
        sent.contains("old.txt:\n\n========\nold\n") && sent.contains("For each file that is new or changed"),
        "{sent}"
    );
    sandbox.run(&["approve", "greet", "--as", "ben"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(sandbox.git(&["show", "main:bin/greet"]), "#!/bin/sh\necho hello");
}

/// Each answer, and a word of why it is refused. What it wanted to write is nowhere afterwards.
#[test]
fn no_answer_leads_out_of_the_worktree() {
    let sandbox = answering("", "[retry]\ntries = 1\n[paths]\ndeny = [\"secret/**\"]\n");
    let outside = sandbox.path().join("../home/outside");
    std::fs::create_dir_all(sandbox.path().join("src")).unwrap();
    sandbox.write("src/a.rs", "a\n");
    std::os::unix::fs::symlink(&outside, sandbox.path().join("link")).unwrap();
    std::os::unix::fs::symlink("src", sandbox.path().join("folder-link")).unwrap();
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "links"]);
    let absolute = outside.join("x");
    let cases: Vec<(String, &str)> = vec![
        (block(absolute.to_str().unwrap(), "x"), "it is absolute"),
        (block("../x", "x"), "it leaves its folder"),
        (block("src/../../x", "x"), "it leaves its folder"),
        (block("link/x", "x"), "link is a link"),
        (block("link", "x"), "it is a link"),
        (block("folder-link/a.rs", "x"), "folder-link is a link"),
        (block(".git", "gitdir: /tmp"), "inside a .git folder"),
        (block(".git/hooks/pre-push", "x"), "inside a .git folder"),
        (block(".GIT/config", "x"), "inside a .git folder"),
        (block("src/.git/config", "x"), "inside a .git folder"),
        (block("git~1/config", "x"), "inside a .git folder"),
        (block("SRC/b.rs", "x"), "same where case does not count"),
        (block("src/A.RS", "x"), "same where case does not count"),
        (block("src", "x"), "it is a folder"),
        (block("src/a.rs/b", "x"), "src/a.rs is a file"),
        (block("secret/key", "x"), "paths.deny"),
        (block("C:\\x", "x"), "backslash"),
        (block("src/b.rs ", "x") + &block("src/B.rs", "y"), "same file"),
        (format!("{}{}", block("n", "x"), block("n/m", "y")), "a file and a folder"),
        (format!("{}{}", block("n", "x"), block("n", "y")), "there twice"),
        ("DELETE: ../x\n".to_owned(), "it leaves its folder"),
        ("DELETE: nowhere\n".to_owned(), "it is not there"),
        (block(&"a/".repeat(3000), "x"), "cannot be written safely"),
        (block(&format!("{}x", "a/".repeat(3000)), "x"), "a path of 6001 bytes"),
        (block(&"a".repeat(256), "x"), "a path of 256 bytes"),
        ("FILE: src/b.rs\nno code block\n".to_owned(), "no code block"),
        ("FILE: src/b.rs\n```\nno end\n".to_owned(), "does not end"),
        ("I would write it, if I could.".to_owned(), "holds no file"),
        (block("src/a.rs", "a"), "ended without a change"),
    ];
    let before = sandbox.git(&["rev-parse", "main"]);
    for (number, (answer, why)) in cases.iter().enumerate() {
        let id = format!("t{number}");
        sandbox.write("../home/answer", answer);
        sandbox.run(&["add", &format!("Answer {number}"), "--id", &id]).exits(0);
        sandbox.run(&["run", &id, "--no-land"]).exits(4);
        let task = shown(&sandbox, &id);
        assert_eq!(task["state"], "escalated", "{answer}: {task}");
        let said = task["needs"]["why"].as_str().unwrap();
        assert!(said.contains(why), "{answer}\nsays: {said}\nwants: {why}");
        let tip = sandbox.git(&["rev-parse", &format!("orch/{id}")]);
        assert_eq!(tip, before, "{answer}: nothing is committed");
        assert_eq!(
            sandbox.git(&["-C", &format!(".worktrees/{id}"), "status", "--porcelain"]),
            "",
            "{answer}"
        );
    }
    assert!(!outside.exists() && !sandbox.path().join("../x").exists());
    assert!(!sandbox.path().join(".git/hooks/pre-push").exists());
}

#[test]
fn a_file_outside_of_the_tasks_paths_throws_the_answer_away() {
    let sandbox = answering(&(block("src/a", "x") + &block("f.txt", "mine")), "[retry]\ntries = 1\n");
    sandbox.run(&["add", "Add a", "--id", "a", "--paths", "src/**"]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(4);
    let task = shown(&sandbox, "a");
    assert_eq!(task["needs"]["kind"], "outside-paths", "{task}");
    assert_eq!(sandbox.git(&["rev-parse", "orch/a"]), sandbox.git(&["rev-parse", "main"]));
}

/// E4: types, tests, whatever the project says, before anybody looks at it; once more with what they said.
#[test]
fn what_is_written_is_checked_before_it_is_handed_in() {
    let more = "[audit]\ncommands = [\"sh -n new.sh\", \"! grep -n TODO new.sh\"]\n";
    let sandbox = answering(&block("new.sh", "if true; then # no end"), more);
    sandbox.run(&["add", "Add new.sh", "--id", "new"]).exits(0);
    let ran = sandbox.run(&["run", "--no-land"]).exits(4);
    assert!(ran.stderr.contains("'sh -n new.sh' refuses it (exit 2)"), "{}", ran.stderr);
    let task = shown(&sandbox, "new");
    assert_eq!(
        (&task["needs"]["kind"], &task["needs"]["reproduce"]),
        (&"audit".into(), &"sh -n new.sh".into())
    );
    let sent = sandbox.run(&["show", "new", "--prompt", "--json"]).exits(0).json();
    let second = sent["data"][1]["text"].as_str().unwrap();
    assert!(
        second.contains("end of file unexpected") || second.contains("unexpected end of file"),
        "{second}"
    );
    sandbox.write("../home/answer", &block("new.sh", "echo new"));
    sandbox.run(&["approve", "new"]).exits(0);
    sandbox.run(&["run", "--no-land"]).exits(4);
    assert_eq!(shown(&sandbox, "new")["state"], "under-review");
}

/// The same commands hold for agents that edit.
#[test]
fn an_audit_holds_for_agents_that_edit_too() {
    let sandbox = answering("", "[retry]\ntries = 1\n[audit]\ncommands = [\"! grep -n TODO new\"]\n");
    sandbox.run(&["add", "Add new", "--id", "new"]).exits(0);
    sandbox.run(&["run", "--no-land", "--agent", "exec:echo TODO > new"]).exits(4);
    assert_eq!(shown(&sandbox, "new")["needs"]["kind"], "audit");
}

#[test]
fn workers_of_one_task_work_side_by_side_and_their_overlaps_are_settled_aloud() {
    let sandbox = Sandbox::new();
    for (name, answer) in [
        ("api", block("f.txt", "ONE\ntwo\nthree") + &block("clash", "api") + &block("api.txt", "api")),
        ("ui", block("f.txt", "one\ntwo\nTHREE") + &block("clash", "ui")),
    ] {
        sandbox.write(&format!("../home/{name}"), &answer);
    }
    let home = sandbox.path().join("../home");
    let worker = |name: &str, part: &str| {
        format!(
            "[agent.{name}]\nanswer = \"files\"\npart = \"{part}\"\ncommand = '''cat {}; echo '{{\"git-orch-usage\":{{\"tokens\":100,\"cost_usd\":0.01}}}}' '''\n",
            home.join(name).display()
        )
    };
    let settings = format!(
        "[tests]\nall = \"true\"\nreport = \"exit\"\n[review]\nreviewers = []\n[agents]\nimplement = \"team\"\n\
         [agent.team]\nworkers = [\"api\", \"ui\"]\n{}{}",
        worker("api", "the endpoint"),
        worker("ui", "the button")
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "settings"]);
    sandbox.git(&["config", "orch.sandbox.readable", home.to_str().unwrap()]);
    sandbox.run(&["add", "Export data", "--id", "export"]).exits(0);
    let ran = sandbox.run(&["run", "--no-land"]).exits(4);
    let said = "overlaps: clash by api over ui; f.txt merged of api, ui";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let task = shown(&sandbox, "export");
    let head = task["head"].as_str().unwrap();
    assert_eq!(sandbox.git(&["show", &format!("{head}:f.txt")]), "ONE\ntwo\nTHREE");
    assert_eq!(sandbox.git(&["show", &format!("{head}:clash")]), "api");
    assert_eq!((&task["tokens"], &task["cost_usd"]), (&200.into(), &0.02.into()), "both are counted");
    let sent = sandbox.run(&["show", "export", "--prompt"]).exits(0).stdout;
    assert!(sent.contains("Yours is: the endpoint.") && sent.contains("Yours is: the button."), "{sent}");
    // How it was settled is kept where plain git finds it.
    let notes = sandbox.git(&["show", "refs/orch/tasks/export:notes/001-implement.json"]);
    assert!(notes.contains("clash by api over ui"), "{notes}");
}

#[test]
fn who_answers_with_files_neither_reviews_nor_is_told_to_edit() {
    let sandbox = answering("", "review = \"writer\"\n");
    sandbox.run(&["add", "Add new", "--id", "new"]).exits(0);
    let refused = sandbox.run(&["run"]).exits(2);
    assert!(refused.stderr.contains("agent 'writer' for review: answers with files"), "{}", refused.stderr);
}
