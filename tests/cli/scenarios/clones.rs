//! Two clones of one remote run one queue at the same time, and one of them is cut off.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Field, names};
use crate::support::Ran;

/// A bare repository and two clones of it, whose tests write down what they see in one place.
struct Pair {
    field: Field,
}

/// Stands for ssh: runs the other side here, and loses the line as the files beside it say.
const LINE: &str = r#"#!/bin/sh
for last; do :; done
case "$last" in *receive-pack*)
  if [ -e "$PLACE/hold" ]; then
    echo $$ > "$PLACE/held.tmp"; mv "$PLACE/held.tmp" "$PLACE/held"
    while [ -e "$PLACE/hold" ]; do sleep 0.05; done
  fi
  if [ -e "$PLACE/short" ]; then
    rm "$PLACE/short"; head -c 300 | sh -c "$last"; exit 255
  fi;;
esac
exec sh -c "$last"
"#;

/// A hook of the other side, that ends the line once if the file is there.
const CUT: &str = r#"#!/bin/sh
if [ -e "$PLACE/FILE" ]; then rm "$PLACE/FILE"; kill -9 $PPID; fi
"#;

impl Pair {
    /// `tests` as for [`Field::new`].
    fn new(tests: &str, settings: &str) -> Pair {
        let pair = Pair { field: Field::new(tests, settings) };
        let field = &pair.field;
        let line = field.place().join("line");
        fs::write(&line, LINE.replace("$PLACE", field.place().to_str().unwrap())).unwrap();
        fs::set_permissions(&line, fs::Permissions::from_mode(0o755)).unwrap();
        field.git(&["init", "-q", "--bare", "-b", "main", "../remote.git"]);
        for (hook, file) in [("pre-receive", "received"), ("post-receive", "deaf")] {
            let text = CUT.replace("$PLACE", field.place().to_str().unwrap()).replace("FILE", file);
            pair.hook(hook, &text);
        }
        let url = format!("ssh://nowhere{}", pair.bare().display());
        field.git(&["remote", "add", "origin", &url]);
        field.git(&["config", "core.sshCommand", line.to_str().unwrap()]);
        field.git(&["push", "-q", "-u", "origin", "main"]);
        let ssh = format!("core.sshCommand={}", line.display());
        field.git(&["-c", &ssh, "clone", "-q", "-c", &ssh, &url, "../two"]);
        pair.git_in_two(&["config", "user.name", "Bob"]);
        pair.git_in_two(&["config", "user.email", "bob@localhost"]);
        pair
    }

    /// A pair whose first clone has queued branches, and shared them.
    fn with_queue(tests: &str, settings: &str, tasks: &[&str]) -> Pair {
        let pair = Pair::new(tests, settings);
        pair.field.queue(tasks);
        pair.sync();
        pair
    }

    fn hook(&self, name: &str, text: &str) {
        let path = self.bare().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn bare(&self) -> PathBuf {
        self.field.sandbox.path().with_file_name("remote.git")
    }

    fn two(&self) -> PathBuf {
        self.field.sandbox.path().with_file_name("two")
    }

    fn git_in_two(&self, args: &[&str]) -> String {
        let two = self.two();
        let all: Vec<&str> = ["-C", two.to_str().unwrap()].into_iter().chain(args.iter().copied()).collect();
        self.field.git(&all)
    }

    fn in_two(&self, args: &[&str]) -> Ran {
        self.field.sandbox.run_in(&self.two(), args)
    }

    fn sync(&self) {
        for _ in 0..2 {
            self.field.sandbox.run(&["sync"]).exits(0);
            self.in_two(&["sync"]).exits(0);
        }
    }

    fn start_both(&self, args: &[&str]) -> [Child; 2] {
        let all: Vec<&str> = ["queue", "run", "--json"].into_iter().chain(args.iter().copied()).collect();
        [self.field.sandbox.start(&all), self.field.sandbox.start_in(&self.two(), &all)]
    }

    /// The tasks that landed on the remote, in order of their names.
    fn landed(&self) -> Vec<String> {
        let format = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
        let bare = self.bare();
        let log = self.field.git(&["-C", bare.to_str().unwrap(), "log", "--first-parent", format, "main"]);
        let mut landed: Vec<String> =
            log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        landed.sort();
        landed
    }

    /// Both clones and the remote tell the same: nothing open, nothing put aside, one base, one archive.
    #[track_caller]
    fn agrees(&self) {
        for clone in [self.field.sandbox.path(), self.two()] {
            let said = self.field.sandbox.run_in(&clone, &["queue", "run"]).exits(0);
            assert!(!said.stdout.contains("landed"), "{said:?}");
        }
        self.sync();
        let list = ["for-each-ref", "--format=%(refname) %(objectname)"];
        let bare = self.bare();
        let remote = self.field.git(&["-C", bare.to_str().unwrap(), list[0], list[1]]);
        let (one, two) = (self.field.git(&list), self.git_in_two(&list));
        for refs in [&one, &two] {
            let aside = refs.lines().any(|line| line.starts_with("refs/orch/rescue/"));
            assert!(!aside, "{refs}");
        }
        for refs in [&one, &two, &remote] {
            let open = refs.lines().any(|line| line.starts_with("refs/orch/tasks/"));
            assert!(!open, "{refs}");
        }
        let find = |refs: &str, name: &str| {
            let line = refs.lines().find(|line| line.starts_with(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("no {name}: {refs}")).to_owned()
        };
        for name in ["refs/heads/main", "refs/orch/archive", "refs/notes/orch-tests"] {
            let told = [&one, &two, &remote].map(|refs| find(refs, name));
            assert!(told[0] == told[1] && told[1] == told[2], "{told:?}");
        }
        for clone in [self.field.sandbox.path(), self.two()] {
            let said = self.field.sandbox.run_in(&clone, &["doctor", "--json"]);
            assert!(matches!(said.code, 0 | 7), "{said:?}");
        }
    }
}

#[track_caller]
fn ended(child: Child) -> Value {
    Ran::end_of(child).exits(0).json()["data"].take()
}

#[track_caller]
fn wait(until: impl Fn() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come");
        sleep(Duration::from_millis(20));
    }
}

const TASKS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[test]
fn two_clones_run_one_queue_and_each_task_lands_once() {
    for mode in ["merge", "squash"] {
        let settings = format!("[queue]\nmode = \"{mode}\"\nbatch = 2");
        let pair = Pair::with_queue("sleep 0.2", &settings, &TASKS);
        let [one, two] = pair.start_both(&[]).map(ended);
        assert_eq!(pair.landed(), TASKS, "{mode}: {one} {two}");
        for said in [&one, &two] {
            assert!(names(&said["waiting"]).is_empty() && names(&said["needs_you"]).is_empty(), "{said}");
        }
        pair.agrees();
        assert_eq!(pair.field.task("a")["state"], "completed");
        for clone in [pair.field.sandbox.path(), pair.two()] {
            let shown = pair.field.sandbox.run_in(&clone, &["log", "h"]).exits(0).stdout;
            assert_eq!(shown.matches("landed as").count(), 1, "{shown}");
        }
    }
}

#[test]
fn a_runner_that_stands_still_in_its_push_loses_the_race_and_goes_on() {
    let pair = Pair::with_queue("true", "[queue]\nbatch = 1", &["a", "b", "c"]);
    pair.field.put("hold");
    let one = pair.field.sandbox.start(&["queue", "run", "--json"]);
    wait(|| pair.field.place().join("held").exists());
    // The first clone's landing waits on the line; the second does all the work meanwhile, on a line of its own.
    pair.git_in_two(&["remote", "set-url", "origin", pair.bare().to_str().unwrap()]);
    let two = pair.in_two(&["queue", "run", "--json"]).exits(0).json();
    assert_eq!(names(&two["data"]["landed"]).len(), 3);
    fs::remove_file(pair.field.place().join("hold")).unwrap();
    let one = ended(one);
    assert!(names(&one["waiting"]).is_empty(), "{one}");
    assert_eq!(pair.landed(), ["a", "b", "c"]);
    pair.agrees();
}

#[test]
fn a_push_that_is_cut_off_loses_nothing() {
    // Before anything went over, after a few bytes, after all objects, and after all of it but for the answer.
    for how in ["hold", "short", "received", "deaf"] {
        let pair = Pair::with_queue("true", "", &["a", "b"]);
        pair.field.put(how);
        let one = pair.field.sandbox.start(&["queue", "run", "--json"]);
        if how == "hold" {
            let held = pair.field.place().join("held");
            wait(|| held.exists());
            fs::remove_file(pair.field.place().join("hold")).unwrap();
            let pid: i32 = fs::read_to_string(&held).unwrap().trim().parse().unwrap();
            // It may have seen that it may go on.
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        let one = ended(one);
        assert_eq!(names(&one["landed"]), ["a", "b"], "{how}");
        assert_eq!(pair.landed(), ["a", "b"], "{how}");
        assert!(!pair.field.place().join(how).exists(), "{how}: the line was not used");
        assert_eq!(pair.field.runs().len(), 1, "{how}: what was tested is not tested again");
        pair.agrees();
    }
}

#[test]
fn a_runner_that_is_killed_in_its_push_is_made_up_for_by_the_other_clone() {
    let pair = Pair::with_queue("true", "", &["a", "b"]);
    pair.field.put("hold");
    let mut one = pair.field.sandbox.start(&["queue", "run", "--json"]);
    wait(|| pair.field.place().join("held").exists());
    one.kill().unwrap();
    one.wait().unwrap();
    fs::remove_file(pair.field.place().join("hold")).unwrap(); // its push goes on without it, or not
    let two = pair.in_two(&["queue", "run", "--json"]).exits(0).json();
    assert_eq!(pair.landed(), ["a", "b"], "{two}");
    pair.field.sandbox.run(&["queue", "run"]).exits(0);
    pair.agrees();
}

#[test]
fn a_tree_that_one_clone_tested_is_not_tested_by_the_other() {
    let pair = Pair::with_queue("true", "", &["a", "b"]);
    let no = "#!/bin/sh\nif grep -q refs/heads/main; then echo not allowed; exit 1; fi\n";
    pair.hook("pre-receive", no);
    let stands = pair.field.drain(4);
    assert!(stands["stands"].as_str().unwrap().contains("not allowed"), "{stands}");
    assert_eq!(pair.field.runs().len(), 1);
    pair.hook("pre-receive", "#!/bin/sh\n");
    // Said by the first clone's last word, heard at the second one's start: nobody called sync.
    let two = pair.in_two(&["queue", "run", "--json"]).exits(0).json();
    assert_eq!(names(&two["data"]["landed"]), ["a", "b"]);
    assert_eq!(pair.field.runs().len(), 1);
    pair.agrees();
}

#[test]
fn what_a_person_did_on_one_clone_meanwhile_is_joined_with_the_other_one() {
    let pair = Pair::with_queue("true", "", &["a", "b"]);
    pair.field.sandbox.run(&["queue", "pause"]).exits(0);
    pair.field.sandbox.run(&["edit", "a", "--priority", "0"]).exits(0);
    pair.in_two(&["queue", "drop", "b"]);
    pair.in_two(&["edit", "a", "--title", "Better"]).exits(0);
    pair.sync();
    for clone in [pair.field.sandbox.path(), pair.two()] {
        let task = pair.field.sandbox.run_in(&clone, &["show", "a", "--json"]).exits(0).json();
        assert_eq!((&task["data"]["priority"], &task["data"]["title"]), (&0.into(), &"Better".into()));
    }
    let refs = pair.git_in_two(&["for-each-ref", "refs/orch/rescue"]);
    assert!(refs.is_empty(), "{refs}");
    let two = pair.in_two(&["queue", "run", "--json"]).json();
    assert_eq!(two["data"]["stands"], "the queue is paused");
}

#[test]
fn a_verdict_counts_where_the_tools_are_the_same() {
    let field = Field::new("true", "environment = 'cat {place}/tools'");
    let tools = field.place().join("tools");
    let toml = field.git(&["show", "main:orch.toml"]).replace("{place}", field.place().to_str().unwrap());
    field.sandbox.write("orch.toml", &toml);
    field.git(&["commit", "-q", "-a", "--amend", "-m", "start"]);
    field.sandbox.branch("a", "f.txt", "one\ntwo\nfour\n");
    field.add(&["a"]);
    let failed = field.sandbox.run(&["queue", "run"]);
    assert!(failed.code != 0 && failed.stderr.contains("tests.environment"), "{failed:?}");
    for (version, runs) in [("1", 1), ("1", 1), ("2", 2), ("1", 2)] {
        fs::write(&tools, version).unwrap();
        field.sandbox.write("f.txt", "mine\n"); // in the way of each landing
        field.sandbox.run(&["queue", "run"]);
        assert_eq!(field.runs().len(), runs, "tools of version {version}");
    }
}
