//! A remote to which somebody pushed what no git orch would: a clone that syncs lands nothing by it, and loses nothing.

use std::fs;
use std::path::PathBuf;

use crate::scenarios::{Field, names};

/// A repository with a remote, in which one change was tested and landed, and a clone of it in hostile hands.
struct Shared {
    field: Field,
}

impl Shared {
    fn new(settings: &str) -> Shared {
        let field = Field::new("test ! -e bad.txt", settings);
        field.git(&["init", "-q", "--bare", "-b", "main", "../remote.git"]);
        field.git(&["remote", "add", "origin", "../remote.git"]);
        field.git(&["push", "-q", "-u", "origin", "main"]);
        field.queue(&["good"]);
        field.drain(0);
        field.sandbox.run(&["sync"]).exits(0);
        let shared = Shared { field };
        let other = shared.other();
        shared.field.git(&["clone", "-q", "../remote.git", other.to_str().unwrap()]);
        shared.hostile(&["config", "user.name", "Eve"]);
        shared.hostile(&["config", "user.email", "eve@localhost"]);
        shared
    }

    fn other(&self) -> PathBuf {
        self.field.sandbox.path().with_file_name("other")
    }

    /// Runs git in the hostile clone.
    fn hostile(&self, args: &[&str]) -> String {
        let other = self.other();
        let all: Vec<&str> =
            ["-C", other.to_str().unwrap()].into_iter().chain(args.iter().copied()).collect();
        self.field.git(&all)
    }

    /// Says in a note on the remote that the tree of `main` with `bad` is as green as the landed one.
    fn forge(&self) -> String {
        self.hostile(&["fetch", "-q", "origin", "refs/notes/orch-tests:refs/notes/orch-tests"]);
        let note = self.hostile(&["notes", "--ref=orch-tests", "show", "main^{tree}"]);
        assert!(note.contains("\"verdict\": \"green\""), "{note}");
        self.hostile(&["fetch", "-q", self.field.sandbox.path().to_str().unwrap(), "bad:bad"]);
        let tree = self.hostile(&["merge-tree", "--write-tree", "main", "bad"]);
        let file = self.field.place().join("note");
        fs::write(&file, note.replace("\"run\": \"", "\"run\": \"x")).unwrap();
        self.hostile(&["notes", "--ref=orch-tests", "add", "-F", file.to_str().unwrap(), &tree]);
        self.hostile(&["push", "-q", "origin", "refs/notes/orch-tests"]);
        tree
    }
}

#[test]
fn a_verdict_that_a_remote_serves_lands_nothing_unless_the_base_says_so() {
    for (settings, believed) in [("", false), ("[queue]\nverdicts = \"shared\"", true)] {
        let shared = Shared::new(settings);
        let field = &shared.field;
        field.sandbox.branch("bad", "bad.txt", "bad\n");
        let tree = shared.forge();
        field.add(&["bad"]);
        let landed = field.git(&["rev-list", "--count", "main"]);
        let ran = field.sandbox.run(&["queue", "run", "--json"]).json();
        let told = field.git(&["notes", "--ref=orch-tests", "show", &tree]);
        assert!(told.contains("\"run\": \"x"), "the note did come: {told}");
        let tested = field.runs().iter().any(|(_, tested)| *tested == tree);
        assert_eq!((tested, names(&ran["data"]["landed"]).is_empty()), (!believed, !believed), "{ran}");
        let grown = field.git(&["rev-list", "--count", "main"]) != landed;
        assert_eq!(grown, believed, "{settings}");
    }
}

#[test]
fn personal_settings_believe_no_more_than_the_base() {
    let shared = Shared::new("");
    let field = &shared.field;
    field.sandbox.branch("bad", "bad.txt", "bad\n");
    shared.forge();
    field.git(&["config", "orch.queue.verdicts", "shared"]);
    field.add(&["bad"]);
    let ran = field.sandbox.run_with(("GIT_ORCH_QUEUE_VERDICTS", "shared"), &["queue", "run", "--json"]);
    assert!(names(&ran.json()["data"]["landed"]).is_empty(), "{ran:?}");
}

#[test]
fn a_verdict_that_somebody_fetches_over_the_notes_counts_no_more() {
    let shared = Shared::new("");
    let field = &shared.field;
    field.sandbox.branch("bad", "bad.txt", "bad\n");
    let tree = shared.forge();
    field.git(&["fetch", "-q", "origin", "+refs/notes/*:refs/notes/*"]);
    field.add(&["bad"]);
    let ran = field.sandbox.run(&["queue", "run", "--json"]).json();
    assert!(names(&ran["data"]["landed"]).is_empty(), "{ran}");
    assert!(field.runs().iter().any(|(_, tested)| *tested == tree));
}

#[test]
fn refs_of_no_known_name_are_left_to_the_remote() {
    let shared = Shared::new("");
    let field = &shared.field;
    let strange = [
        "refs/orch/tasks",
        "refs/orch/candidates/x",
        "refs/orch/rescue/x/1",
        "refs/orch/new",
        "refs/orch/runs/a/b",
    ];
    for name in strange {
        shared.hostile(&["push", "-q", "origin", &format!("main:{name}")]);
    }
    field.sandbox.run(&["sync", "--fetch-only"]).exits(0);
    let refs = field.refs();
    for name in strange {
        assert!(!refs.contains(&format!("{name}\n")), "{name} in {refs}");
    }
    field.sandbox.run(&["add", "Some work", "--id", "work"]).exits(0);
    shared.hostile(&["push", "-q", "origin", ":refs/orch/tasks"]);
    field.sandbox.run(&["sync"]).exits(0);
    let remote = field.git(&["ls-remote", "origin", "refs/orch/tasks/*"]);
    assert!(remote.ends_with("refs/orch/tasks/work"), "{remote}");
}

#[test]
fn a_journal_that_cannot_be_read_is_not_taken_over_and_can_be_mended() {
    let shared = Shared::new("");
    let field = &shared.field;
    field.sandbox.run(&["add", "Some work", "--id", "work"]).exits(0);
    field.sandbox.run(&["sync"]).exits(0);
    shared.hostile(&["fetch", "-q", "origin", "refs/orch/tasks/work:refs/x"]);
    // On top of a journal that is known, by nobody who knows how, and one of another task's name.
    let broken = shared.hostile(&["commit-tree", "-p", "refs/x", "-m", "work: x", "main^{tree}"]);
    shared.hostile(&["push", "-q", "origin", &format!("{broken}:refs/orch/tasks/work")]);
    shared.hostile(&["push", "-q", "origin", "refs/x:refs/orch/tasks/other"]);
    let synced = field.sandbox.run(&["sync", "--json"]).exits(7).json();
    let unreadable: Vec<&str> = synced["data"]["unreadable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["ref"].as_str().unwrap())
        .collect();
    assert_eq!(unreadable, ["refs/orch/tasks/other", "refs/orch/tasks/work"], "{synced}");
    assert_eq!(field.task("work")["state"], "pending");
    field.queue(&["more"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["more"]);

    // An older program took it over.
    field.git(&["fetch", "-q", "../other", &format!("{broken}:refs/broken")]);
    field.git(&["update-ref", "refs/orch/tasks/work", &broken]);
    let said = field.sandbox.run(&["doctor", "--fix"]);
    assert!(said.stdout.contains("the last that can be read"), "{said:?}");
    assert_eq!(field.task("work")["state"], "pending");
    assert!(field.refs().contains(&format!("{broken} commit\trefs/orch/rescue/tasks/work/1")));
}

/// Makes a journal of the hostile clone say something else from its last event on, and pushes it.
fn rewrite(shared: &Shared, id: &str, from: &str, to: &str) {
    let name = format!("refs/orch/tasks/{id}");
    let json = shared.hostile(&["show", &format!("{name}:task.json")]);
    assert!(json.contains(from), "{json}");
    let file = shared.field.place().join("task.json");
    fs::write(&file, json.replace(from, to)).unwrap();
    let blob = shared.hostile(&["hash-object", "-w", file.to_str().unwrap()]);
    let listing = shared.hostile(&["ls-tree", &name]);
    let lines = listing.lines().map(|line| match line.ends_with("\ttask.json") {
        true => format!("100644 blob {blob}\ttask.json"),
        false => line.to_owned(),
    });
    let listing: String = lines.map(|line| line + "\n").collect();
    let list = shared.field.place().join("list");
    fs::write(&list, listing).unwrap();
    let other = shared.other();
    let script = format!("git -C {} mktree < {}", other.display(), list.display());
    let made = shared.field.sandbox.command("sh", &other).args(["-c", &script]).output().unwrap();
    let tree = String::from_utf8(made.stdout).unwrap();
    let forged = shared.hostile(&["commit-tree", "-p", &name, "-m", "x", tree.trim()]);
    shared.hostile(&["update-ref", &name, &forged]);
    shared.hostile(&["push", "-q", "origin", &name]);
}

#[test]
fn a_forged_journal_gets_no_branch_of_somebody_else_and_ends_no_queue() {
    for (from, to) in [
        ("\"branch\": \"orch/evil\"", "\"branch\": \"precious\""),
        ("\"branch\": \"orch/evil\"", "\"branch\": \"main\""),
        ("\"id\": \"evil\"", "\"id\": \"work\""),
        ("\"src/**\"", "\"[\""),
    ] {
        let shared = Shared::new("");
        let field = &shared.field;
        field.git(&["branch", "precious"]);
        let refs = field.git(&["for-each-ref", "refs/heads"]);
        let orch = |args: &[&str]| field.sandbox.run_in(&shared.other(), args).exits(0);
        orch(&["add", "Evil", "--id", "evil", "--paths", "src/**"]);
        rewrite(&shared, "evil", from, to);
        field.sandbox.run(&["sync"]).exits(7);
        for args in [&["stop", "evil", "--abandon"][..], &["pick", "evil"], &["status"], &["sync"]] {
            field.sandbox.run(args);
        }
        assert_eq!(field.git(&["for-each-ref", "refs/heads"]), refs, "{to}");
        field.queue(&["more"]);
        assert_eq!(names(&field.drain(0)["landed"]), ["more"], "{to}");
    }
}

#[test]
fn a_queued_change_that_nobody_has_holds_up_nobody_else() {
    let shared = Shared::new("");
    let field = &shared.field;
    let orch = |args: &[&str]| field.sandbox.run_in(&shared.other(), args);
    shared.hostile(&["switch", "-q", "-c", "evil"]);
    fs::write(shared.other().join("evil.txt"), "x\n").unwrap();
    shared.hostile(&["add", "-A"]);
    shared.hostile(&["commit", "-q", "-m", "Evil"]);
    let head = shared.hostile(&["rev-parse", "HEAD"]);
    shared.hostile(&["switch", "-q", "main"]);
    orch(&["queue", "add", "evil"]).exits(0);
    let missing = "0123456789012345678901234567890123456789";
    let file = shared.hostile(&["rev-parse", "main:f.txt"]);
    for (from, to, more) in [(head.as_str(), missing, "more"), (missing, file.as_str(), "again")] {
        rewrite(&shared, "evil", from, to);
        field.sandbox.run(&["sync"]);
        field.queue(&[more]);
        let ran = field.sandbox.run(&["queue", "run", "--json"]);
        assert!(ran.stdout.contains(&format!("\"landed\":[\"{more}\"]")), "{ran:?}");
    }
}

#[test]
fn a_base_that_went_apart_is_not_called_rewound() {
    let shared = Shared::new("");
    let field = &shared.field;
    shared.hostile(&["commit", "-q", "--allow-empty", "-m", "theirs"]);
    shared.hostile(&["push", "-q", "origin", "main"]);
    field.git(&["commit", "-q", "--allow-empty", "-m", "ours"]);
    let said = field.sandbox.run(&["queue", "run"]).exits(4);
    assert!(said.stderr.contains("main and origin/main have gone apart"), "{said:?}");
    assert!(said.stderr.contains("git log --oneline --left-right main...origin/main"), "{said:?}");
    field.git(&["rebase", "-q", "origin/main"]);
    field.queue(&["more"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["more"]);
}
