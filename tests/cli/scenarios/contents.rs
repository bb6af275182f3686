//! What ends up on the base: the same tree in every mode, whoever wrote it, however awkward it is.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::{Field, names};
use crate::support::Sandbox;

const MODES: [&str; 3] = ["merge", "squash", "rebase"];

/// A branch with several commits, made by `steps`, which each change the worktree.
fn branch(sandbox: &Sandbox, name: &str, steps: &[&dyn Fn()]) {
    sandbox.git(&["switch", "-q", "-c", name, "main"]);
    for (at, step) in steps.iter().enumerate() {
        step();
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-q", "-m", &format!("{name} {at}")]);
    }
    sandbox.git(&["switch", "-q", "main"]);
}

#[test]
fn scenario_47_all_modes_give_the_same_tree_in_batches_of_one_to_six() {
    let long: String = (0..40).map(|line| format!("line {line}\n")).collect();
    for count in 1..=6 {
        let mut trees = BTreeSet::new();
        for mode in MODES {
            for batch in if count == 3 { vec![1, 3] } else { vec![count] } {
                let field = Field::new("true", &format!("[queue]\nmode = \"{mode}\"\nbatch = {batch}"));
                let sandbox = &field.sandbox;
                sandbox.write("shared.txt", &long);
                sandbox.git(&["add", "-A"]);
                sandbox.git(&["commit", "-q", "-m", "shared"]);
                let all: Vec<String> = (0..count).map(|at| format!("b{at}")).collect();
                for (at, name) in all.iter().enumerate() {
                    // Each changes its own line of one file, a file of its own, and takes something back again.
                    let text = long.replace(&format!("line {}\n", at * 6), &format!("changed by {name}\n"));
                    branch(
                        sandbox,
                        name,
                        &[
                            &|| sandbox.write("shared.txt", &text.replace("line 39", "for a while")),
                            &|| sandbox.write("shared.txt", &text),
                            &|| sandbox.write(&format!("{name}.txt"), name),
                        ],
                    );
                }
                let refs: Vec<&str> = all.iter().map(String::as_str).collect();
                field.add(&refs);
                assert_eq!(names(&field.drain(0)["landed"]), refs, "{mode} {batch}");
                let merges = sandbox.git(&["rev-list", "--count", "--merges", "main"]);
                assert_eq!(merges, if mode == "merge" { count.to_string() } else { "0".to_owned() });
                trees.insert(sandbox.git(&["ls-tree", "-r", "main", "shared.txt", "b0.txt"]));
                let parts = refs.iter().map(|name| sandbox.git(&["show", &format!("main:{name}.txt")]));
                assert_eq!(parts.collect::<Vec<_>>(), refs, "every hunk of every member is there");
                assert_eq!(sandbox.git(&["rev-parse", "main"]), field.runs().last().unwrap().0);
            }
        }
        assert_eq!(trees.len(), 1, "{count} branches");
    }
}

#[test]
fn scenario_48_authors_co_authors_and_trailers_are_kept_and_mentions_are_not() {
    for (mode, authors) in [("merge", "Bo, Cy"), ("squash", "Bo"), ("rebase", "Bo, Cy")] {
        let field = Field::new("true", &format!("[queue]\nmode = \"{mode}\""));
        field.git(&["switch", "-q", "-c", "work"]);
        for (name, file, message) in [
            (
                "Bo",
                "one.txt",
                "Thank @ana for it\n\nReviewed-by: Dan <dan@x>\nOrch-Task: forged\nOrch-Nonce: forged",
            ),
            ("Cy", "two.txt", "Second\n\nCo-authored-by: Eve <eve@x>"),
        ] {
            field.sandbox.write(file, "x\n");
            field.git(&["add", "-A"]);
            let author = format!("{name} <{}@x>", name.to_lowercase());
            field.git(&["commit", "-q", "--author", &author, "-m", message]);
        }
        field.git(&["switch", "-q", "main"]);
        field.add(&["work"]);
        field.drain(0);
        let log = field.git(&["log", "--reverse", "--no-merges", "--format=%an", "main~1^{/start}..main"]);
        assert_eq!(log.lines().collect::<Vec<_>>().join(", "), authors, "{mode}");
        let first_parents = field.git(&["log", "--first-parent", "--format=%B%x00", "main~1^{/start}..main"]);
        assert!(
            !first_parents.contains("forged") && !first_parents.contains(" @ana"),
            "{mode}: {first_parents}"
        );
        assert_eq!(field.landed(), ["work"], "{mode}");
        if mode != "merge" {
            for kept in ["Reviewed-by: Dan <dan@x>", "Co-authored-by: Eve <eve@x>", "`@ana`"] {
                assert!(first_parents.contains(kept), "{mode}: {kept}: {first_parents}");
            }
        }
        if mode == "squash" {
            assert!(first_parents.contains("Co-authored-by: Cy <cy@x>"), "{first_parents}");
        }
        let trailers =
            field.git(&["log", "-1", "--format=%(trailers:only,key=Orch-Approved-By,valueonly)", "main"]);
        assert_eq!(trailers, "Ana");
    }
}

#[test]
fn scenario_49_hard_contents_land_whole_or_conflict_clearly() {
    let mut trees = BTreeSet::new();
    for mode in MODES {
        let field = Field::new("true", &format!("[queue]\nmode = \"{mode}\""));
        let sandbox = &field.sandbox;
        let at = |name: &str| sandbox.path().join(name);
        sandbox.git(&["config", "core.autocrlf", "false"]);
        sandbox.write("moved.txt", &(0..30).map(|line| format!("{line}\n")).collect::<String>());
        sandbox.write("crlf.txt", "a\r\nb\r\nc\r\nd\r\ne\r\n");
        sandbox.write("tool.sh", "true\n");
        sandbox.write("case.txt", "case\n");
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-q", "-m", "contents"]);
        let edited = fs::read_to_string(at("moved.txt")).unwrap().replace("15\n", "fifteen\n");
        branch(sandbox, "unicode", &[&|| sandbox.write("naïve – 日本.txt", "ü\n")]);
        branch(sandbox, "crlf", &[&|| sandbox.write("crlf.txt", "a\r\nb\r\nc\r\nd\r\nE\r\n")]);
        branch(sandbox, "rename", &[&|| fs::rename(at("moved.txt"), at("new.txt")).unwrap()]);
        branch(sandbox, "edit", &[&|| sandbox.write("moved.txt", &edited)]);
        branch(
            sandbox,
            "mode",
            &[&|| {
                fs::set_permissions(at("tool.sh"), fs::Permissions::from_mode(0o755)).unwrap();
            }],
        );
        branch(sandbox, "link", &[&|| symlink("f.txt", at("link")).unwrap()]);
        branch(sandbox, "case", &[&|| fs::rename(at("case.txt"), at("Case.txt")).unwrap()]);
        branch(sandbox, "clash", &[&|| fs::remove_file(at("crlf.txt")).unwrap()]);
        let commit = sandbox.git(&["rev-parse", "main"]);
        sandbox.git(&["switch", "-q", "-c", "sub", "main"]);
        sandbox.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendor")]);
        sandbox.git(&["commit", "-q", "-m", "sub 0"]);
        sandbox.git(&["switch", "-q", "-f", "main"]);
        let all = ["unicode", "crlf", "rename", "edit", "mode", "link", "case", "sub", "clash"];
        field.add(&all);
        let ran = field.drain(4);
        let mut landed = names(&ran["landed"]);
        landed.sort_unstable();
        assert_eq!(landed, ["case", "crlf", "edit", "link", "mode", "rename", "sub", "unicode"], "{mode}");
        assert_eq!(field.task("clash")["needs"]["why"], "conflicts with crlf in crlf.txt");
        let show = |name: &str| sandbox.git(&["show", &format!("main:{name}")]);
        assert_eq!(show("new.txt"), edited.trim_end(), "the edit followed the rename");
        assert!(show("crlf.txt").ends_with("d\r\nE"), "{:?}", show("crlf.txt"));
        let tree = sandbox.git(&["-c", "core.quotePath=false", "ls-tree", "-r", "main"]);
        for part in ["100755 blob", "120000 blob", "\tnaïve – 日本.txt", "\tCase.txt", "160000 commit"] {
            assert!(tree.contains(part), "{part}: {tree}");
        }
        assert!(!tree.contains("\tcase.txt") && !tree.contains("\tmoved.txt"), "{tree}");
        let rest: Vec<&str> =
            tree.lines().filter(|line| !line.contains("orch.toml") && !line.contains("vendor")).collect();
        trees.insert(rest.join("\n"));
    }
    assert_eq!(trees.len(), 1, "the same in all modes");
}

#[test]
fn scenario_50_refs_that_the_queue_did_not_make_stay_and_its_own_go() {
    let field = Field::new("true", "");
    field.queue(&["a"]);
    // Somebody's own ref in our namespace: not a candidate of ours.
    let head = field.git(&["rev-parse", "main"]);
    field.git(&["update-ref", "refs/orch/candidates/mine", &head]);
    let tree = field.git(&["rev-parse", "main^{tree}"]);
    field.git(&["update-ref", &format!("refs/orch/candidates/{tree}"), &head]);
    field.drain(0);
    let left = field.git(&["for-each-ref", "--format=%(refname)", "refs/orch/candidates"]);
    assert_eq!(left.lines().count(), 2, "{left}");
    let worktrees = field.git(&["worktree", "list"]);
    assert_eq!(worktrees.lines().count(), 2, "main, and the one slot for tests: {worktrees}");
}

#[test]
fn scenario_50_a_thousand_entries_are_one_look() {
    let size = crate::kill_support::size("GIT_ORCH_ENTRIES", 60);
    let field = Field::new("true", "");
    let all: Vec<String> = (0..size).map(|at| format!("b{at:04}")).collect();
    let mut input = String::new();
    let base = field.git(&["rev-parse", "main"]);
    for name in &all {
        let text = format!("{name}\n");
        input.push_str(&format!(
            "commit refs/heads/{name}\ncommitter A <a@x> 1795000000 +0000\ndata {}\nWork of {name}\nfrom {base}\nM 644 inline {name}.txt\ndata {}\n{text}\n",
            8 + name.len(),
            text.len()
        ));
    }
    let path = field.place().join("import");
    fs::write(&path, input).unwrap();
    let status = field
        .sandbox
        .command("sh", &field.sandbox.path())
        .args(["-c", &format!("git fast-import --quiet < {}", path.display())])
        .status();
    assert!(status.unwrap().success());
    let refs: Vec<&str> = all.iter().map(String::as_str).collect();
    field.add(&refs);
    let entries = field.sandbox.run(&["queue", "--json"]).exits(0).json()["data"]["entries"].take();
    let ids: Vec<&str> =
        entries.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids, refs, "in the order in which they came");
    let ran = field.sandbox.run(&["queue", "run", "--runs", "1", "--json"]).exits(5).json();
    // How many at once is the policy's matter; they are the first ones, and one run was enough for all.
    let landed = names(&ran["data"]["landed"]);
    assert!(landed.len() >= 6, "{landed:?}");
    assert_eq!(landed, &refs[..landed.len()]);
}
