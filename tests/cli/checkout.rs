//! The checkout of the base: it follows a landing, or the landing waits. Never is it left behind in silence.

use crate::support::Sandbox;

#[test]
fn a_landing_waits_for_changes_in_its_way_and_keeps_all_others() {
    let sandbox = Sandbox::new();
    sandbox.branch("topic", "new.txt", "new\n");
    sandbox.run(&["queue", "add", "topic"]).exits(0);
    sandbox.write("new.txt", "mine\n");
    let waits = sandbox.run(&["queue", "run"]).exits(4);
    assert!(
        waits.stderr.contains("has changes in the way: new.txt; commit or stash them"),
        "{}",
        waits.stderr
    );
    assert_eq!(sandbox.git(&["log", "-1", "--format=%s", "main"]), "start");
    assert_eq!(std::fs::read_to_string(sandbox.path().join("new.txt")).unwrap(), "mine\n");

    std::fs::remove_file(sandbox.path().join("new.txt")).unwrap();
    sandbox.write("f.txt", "one\ntwo\nthree\nlocal edit\n");
    sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), " M f.txt");
    sandbox.git(&["commit", "-qam", "local edit"]);
    assert_eq!(sandbox.git(&["ls-tree", "--name-only", "main"]), "f.txt\nnew.txt\norch.toml");
}

#[test]
fn a_queue_that_is_run_from_the_tasks_own_worktree_tidies_it_up() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    let worktree = sandbox.run(&["pick", "one", "--path"]).exits(0).stdout.trim().to_owned();
    let worktree = std::path::Path::new(&worktree);
    std::fs::write(worktree.join("one.txt"), "1\n").unwrap();
    sandbox.run_in(worktree, &["submit"]).exits(0);
    sandbox.run_in(worktree, &["approve", "one", "--as", "ben"]).exits(0);
    let ran = sandbox.run_in(worktree, &["queue", "run"]).exits(0);
    assert_eq!(ran.stdout, "landed: one\n");
    assert!(!worktree.exists());
}
