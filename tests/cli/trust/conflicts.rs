//! A task that was sent back for a conflict: what git-orch itself writes into its branch and worktree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use crate::support::Sandbox;

/// A task whose agent ran `implement`, that met what `theirs` did to main meanwhile, and was sent back.
fn sent_back(sandbox: &Sandbox, implement: &str, theirs: impl FnOnce()) {
    sandbox.run(&["add", "Change it", "-m", "do the thing", "--id", "ct"]).exits(0);
    turn(sandbox, implement);
    theirs();
    sandbox.git(&["commit", "-q", "-a", "-m", "other"]);
    sandbox.run(&["approve", "ct", "--as", "rev"]).exits(0);
    let said = sandbox.run(&["queue", "run"]);
    assert!(said.stdout.contains("conflict") || said.stderr.contains("conflict"), "{said:?}");
}

fn turn(sandbox: &Sandbox, implement: &str) {
    sandbox.run(&["run", "--no-land", "--agent", &format!("implement=exec:{implement}")]);
}

fn lands(sandbox: &Sandbox) {
    sandbox.run(&["approve", "ct", "--as", "rev"]).exits(0);
    sandbox.run(&["queue", "run"]).exits(0);
    assert_eq!(sandbox.git(&["log", "-1", "--format=%(trailers:key=Orch-Task,valueonly)"]), "ct");
}

#[test]
fn a_conflict_changes_no_mode_and_removes_no_link() {
    let sandbox = Sandbox::new();
    let tool = sandbox.path().join("tool");
    sandbox.write("tool", "#!/bin/sh\necho 1\n");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let link = |to: &str| {
        let place = sandbox.path().join("link");
        let _ = std::fs::remove_file(&place);
        symlink(to, place).unwrap();
    };
    link("f.txt");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "tool"]);
    sent_back(&sandbox, "printf '#!/bin/sh\\necho 2\\n' > tool; ln -sfn x link", || {
        sandbox.write("tool", "#!/bin/sh\necho 3\n");
        link("orch.toml");
    });
    turn(&sandbox, "grep -q '^<<<<<<< ' tool && test -x tool && printf '#!/bin/sh\\necho both\\n' > tool");
    lands(&sandbox);
    let modes = sandbox.git(&["ls-tree", "main", "--format=%(objectmode) %(path)", "tool", "link"]);
    assert_eq!(modes, "120000 link\n100755 tool");
    assert_eq!(sandbox.git(&["show", "main:link"]), "orch.toml");
    assert_eq!(sandbox.git(&["show", "main:tool"]), "#!/bin/sh\necho both");
}

/// A file whose name is no UTF-8.
fn latin1(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join(OsStr::from_bytes(b"caf\xe9.txt"))
}

#[test]
fn markers_land_under_no_name() {
    let sandbox = Sandbox::new();
    std::fs::write(latin1(&sandbox), "1\n").unwrap();
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "latin1"]);
    sent_back(&sandbox, "for f in caf*; do echo agent > \"$f\"; done", || {
        std::fs::write(latin1(&sandbox), "main\n").unwrap();
    });
    // One who leaves them is refused,
    turn(&sandbox, "echo new > new.txt");
    let task = sandbox.run(&["show", "ct"]).exits(0).stdout;
    assert!(task.contains("conflict markers are left in caf"), "{task}");
    assert_eq!(std::fs::read(latin1(&sandbox)).unwrap(), b"main\n");
    // and one who resolves them sees both sides.
    sandbox.run(&["approve", "ct", "--as", "rev"]).exits(0);
    turn(&sandbox, "for f in caf*; do grep -q '^>>>>>>> ' \"$f\" && echo both > \"$f\"; done");
    lands(&sandbox);
    assert_eq!(std::fs::read(latin1(&sandbox)).unwrap(), b"both\n");
}

#[test]
fn an_ignored_file_is_not_overwritten_whatever_its_name() {
    let sandbox = Sandbox::new();
    sandbox.git(&["switch", "-q", "-c", "a"]);
    std::fs::write(latin1(&sandbox), "theirs\n").unwrap();
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "a"]);
    sandbox.git(&["switch", "-q", "main"]);
    std::fs::write(sandbox.path().join(".git/info/exclude"), "caf*\n.worktrees/\n").unwrap();
    std::fs::write(latin1(&sandbox), "mine\n").unwrap();
    sandbox.run(&["queue", "add", "a"]).exits(0);
    sandbox.run(&["queue", "run"]);
    assert_eq!(std::fs::read(latin1(&sandbox)).unwrap(), b"mine\n");
}

#[test]
fn a_replayed_commit_keeps_its_words_in_whatever_encoding_and_one_without_words_gets_the_title() {
    for mode in ["rebase", "squash"] {
        let sandbox = Sandbox::new();
        let settings = std::fs::read_to_string(sandbox.path().join("orch.toml")).unwrap();
        sandbox.write("orch.toml", &format!("{settings}[queue]\nmode = \"{mode}\"\n"));
        sandbox.git(&["commit", "-q", "-a", "-m", "mode"]);
        for (branch, message) in [("enc", &b"Gr\xfc\xdfe\n"[..]), ("empty", b"")] {
            sandbox.branch(branch, branch, "x\n");
            let file = sandbox.home().join("message");
            std::fs::write(&file, message).unwrap();
            sandbox.git(&["switch", "-q", branch]);
            let mut commit = sandbox.command("git", &sandbox.path());
            commit.args([
                "-c",
                "i18n.commitEncoding=ISO-8859-1",
                "commit",
                "-q",
                "--amend",
                "--allow-empty-message",
            ]);
            commit.arg("-F").arg(&file).arg(OsStr::from_bytes(b"--author=J\xfcrgen <j@x>"));
            assert!(commit.status().unwrap().success());
            sandbox.git(&["switch", "-q", "main"]);
            sandbox.run(&["queue", "add", branch]).exits(0);
            sandbox.run(&["queue", "run"]).exits(0);
            let said = sandbox.git(&["log", "-1", "--format=%an|%s|%(trailers:key=Orch-Task,valueonly)"]);
            let subject = if branch == "enc" { "Gr\u{fc}\u{df}e" } else { "empty" };
            assert_eq!(said, format!("J\u{fc}rgen|{subject}|{branch}"), "{mode}");
        }
    }
}
