//! What tests, and hands in `.git`, do to the places where tests run.

use std::fs;

use crate::scenarios::{Field, end_of, names};
use crate::support::Ran;

#[test]
fn two_queues_share_no_slot_when_somebody_removes_the_locks() {
    let field = Field::new("pwd >> {place}/folders; while ! test -e {place}/go; do sleep 0.05; done", "");
    field.queue(&["a"]);
    let one = field.start(&[], 1);
    fs::remove_dir_all(field.sandbox.path().join(".git/orch")).unwrap();
    let two = field.start(&[], 2);
    let one = Ran::end_of(one);
    field.put("go");
    let landed = end_of(two, 0);
    assert_eq!((one.code, names(&landed["landed"])), (6, vec!["a"]), "{one:?}");
    let folders = fs::read_to_string(field.place().join("folders")).unwrap();
    let folders: Vec<&str> = folders.lines().collect();
    assert!(folders.len() == 2 && folders[0] != folders[1], "{folders:?}");
    assert_eq!(field.landed(), ["a"]);
}

#[test]
fn a_queue_whose_lock_is_removed_takes_it_again() {
    let field = Field::new("while ! test -e {place}/go; do sleep 0.05; done", "");
    field.queue(&["a"]);
    let one = field.start(&[], 1);
    fs::remove_dir_all(field.sandbox.path().join(".git/orch")).unwrap();
    let lock = field.sandbox.path().join(".git/orch/queue.lock");
    field.wait(|| fs::read_to_string(&lock).is_ok_and(|text| !text.is_empty()));
    let second = field.sandbox.run(&["queue", "run"]);
    assert_eq!(second.code, 6, "{second:?}");
    field.put("go");
    let one = Ran::end_of(one);
    assert_eq!(one.code, 0, "{one:?} {}", field.task("a"));
    assert_eq!(names(&one.json()["data"]["landed"]), ["a"]);
}

#[test]
fn tests_that_end_elsewhere_than_they_began_say_nothing() {
    for (tests, why) in [
        ("git checkout -q --detach HEAD^ 2>/dev/null || true", "the tests began at "),
        ("d=$PWD; cd /; rm -rf $d; mkdir $d", "somebody removed or replaced the folder"),
        ("d=$PWD; cd /; rm -rf $d; ln -s {place}/../repo $d", "somebody removed or replaced the folder"),
    ] {
        let field = Field::new(tests, "");
        field.queue(&["a"]);
        field.sandbox.write("mine.txt", "in no commit\n");
        let ran = field.sandbox.run(&["queue", "run", "--json"]);
        assert!(field.landed().is_empty() && ran.code != 0, "{tests}: {ran:?}");
        let said = format!("{}{}", ran.stdout, field.task("a"));
        assert!(said.contains(why), "{tests}: {said}");
        field.sandbox.run(&["queue", "run"]);
        assert!(field.sandbox.path().join("mine.txt").exists(), "{tests}");
        assert_eq!(field.git(&["symbolic-ref", "HEAD"]), "refs/heads/main", "{tests}");
        // And the slot is whole again for the next one.
        field.sandbox.write("orch.toml", "[tests]\nall = \"test -e f.txt\"\nreport = \"exit\"\n");
        field.git(&["commit", "-q", "-a", "-m", "Other tests"]);
        field.queue(&["b"]);
        let landed = field.sandbox.run(&["queue", "run", "--json"]).json()["data"]["landed"].take();
        assert!(names(&landed).contains(&"b"), "{tests}: {landed}");
    }
}

#[test]
fn a_slot_whose_index_is_broken_or_locked_is_made_anew() {
    for harm in [
        "printf junk > $i",
        ": > $i",
        "touch $i.lock",
        "rm $i; mkdir $i",
        "chmod 0 $i",
        "rm -r $(dirname $i)",
    ] {
        let field = Field::new(
            "i=$(git rev-parse --git-dir)/index; if test -e harm.txt; then HARM; fi",
            "[queue]\nbatch = 1",
        );
        let toml = field.git(&["show", "main:orch.toml"]).replace("HARM", harm);
        field.amend(&toml);
        field.queue(&["harm"]);
        field.sandbox.run(&["queue", "run"]);
        field.git(&["rm", "-q", "--ignore-unmatch", "harm.txt"]);
        field.sandbox.git(&["commit", "-q", "--allow-empty", "-m", "Without it"]);
        field.queue(&["b"]);
        let landed = field.sandbox.run(&["queue", "run", "--json"]).json()["data"]["landed"].take();
        assert!(names(&landed).contains(&"b"), "{harm}: {landed}");
    }
}

#[test]
fn a_report_that_cannot_be_read_is_no_evidence_for_one_change() {
    let report = "<testsuite><testcase name='a'/></testsuite>";
    for harm in ["truncate -s 70M r.xml", "mkfifo r.xml", "mkdir r.xml", "ln -s /etc/passwd r.xml"] {
        let field = Field::new("sh run.sh", "[queue]\nbatch = 1");
        let toml = field.git(&["show", "main:orch.toml"]).replace("\"exit\"", "\"junit:r.xml\"");
        field.sandbox.write("run.sh", &format!("echo \"{report}\" > r.xml\n"));
        field.amend(&toml);
        field.sandbox.branch("harm", "run.sh", &format!("rm -f r.xml; {harm}\n"));
        field.add(&["harm"]);
        field.queue(&["good"]);
        let ran = field.sandbox.run(&["queue", "run", "--json"]).exits(4).json();
        assert_eq!(names(&ran["data"]["landed"]), ["good"], "{harm}: {ran}");
        let needs = &field.task("harm")["needs"];
        assert!(needs["why"].as_str().is_some_and(|why| why.contains("report")), "{harm}: {needs}");
    }
}

#[test]
fn what_a_test_hides_in_its_slot_is_there_for_the_next_candidate() {
    for harm in [
        "git update-index --skip-worktree t/2.sh; rm -f t/2.sh",
        "git update-index --assume-unchanged t/2.sh; echo true > t/2.sh",
        "git rm -q --cached t/2.sh; echo t/2.sh >> $(git rev-parse --git-common-dir)/info/exclude; echo true > t/2.sh",
    ] {
        let field = Field::with_tap("[queue]\nbatch = 1", &[("2.sh", "test ! -e broken.txt\n")]);
        field.sandbox.branch("evil", "t/1.sh", &format!("{harm}\nexit 1\n"));
        field.sandbox.run(&["check", "main..evil"]);
        field.queue(&["broken"]);
        let ran = field.sandbox.run(&["queue", "run", "--json"]);
        assert!(field.landed().is_empty() && ran.code == 4, "{harm}: {ran:?}");
        field.queue(&["good"]);
        assert_eq!(names(&field.drain(0)["landed"]), ["good"], "{harm}");
    }
}

#[test]
fn what_a_test_leaves_in_a_submodule_is_gone_for_the_next_candidate() {
    let field = Field::new(
        "git -c protocol.file.allow=always submodule --quiet update --init && sh t0.sh && sh lib/check.sh",
        "[queue]\nbatch = 1",
    );
    let lib = field.place().join("lib");
    let at = lib.to_str().unwrap();
    field.git(&["init", "-q", at]);
    fs::write(lib.join("check.sh"), "test ! -e broken.txt\n").unwrap();
    field.git(&["-C", at, "add", "."]);
    field.git(&["-C", at, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "lib"]);
    field.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", at, "lib"]);
    field.sandbox.write("t0.sh", "true\n");
    let toml = field.git(&["show", "main:orch.toml"]);
    field.amend(&format!("{toml}\n"));
    field.sandbox.branch("evil", "t0.sh", "echo true > lib/check.sh; exit 1\n");
    field.sandbox.run(&["check", "main..evil"]);
    field.queue(&["broken"]);
    let ran = field.sandbox.run(&["queue", "run", "--json"]);
    assert!(field.landed().is_empty() && ran.code == 4, "{ran:?}");
    field.queue(&["good"]);
    assert_eq!(names(&field.drain(0)["landed"]), ["good"]);
}
