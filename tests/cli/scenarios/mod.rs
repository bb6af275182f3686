//! The numbered scenarios of a merge queue, each against a real repository. What is only about decisions (6, 7, 26, 35)
//! is played through the planner, in `src/queue/simulation/`.

mod areas;
mod basics;
mod clones;
mod contents;
mod crashes;
mod gates;
mod outside;
mod search;

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ran, Sandbox};

/// A repository whose tests write down each commit that they see, outside of it.
pub(crate) struct Field {
    pub(crate) sandbox: Sandbox,
}

/// One script for each file in `t/`, or for those that are named; TAP on standard output.
const TAP: &str = r#"n=0; fail=; for f in ${*:-$(ls t)}; do n=$((n+1)); if sh "t/$f"; then echo "ok $n - $f"; else echo "not ok $n - $f"; fail=1; fi; done; echo "1..$n"; test -z "$fail"
"#;

impl Field {
    /// Tests that are a shell command; `{place}` in it is a folder outside of the repository.
    pub(crate) fn new(tests: &str, settings: &str) -> Field {
        let field = Field { sandbox: Sandbox::new() };
        let place = field.place();
        let tests = tests.replace("{place}", place.to_str().unwrap());
        let log = place.join("runs");
        let toml = format!(
            "[tests]\nall = '''\necho $(git rev-parse HEAD HEAD^{{tree}}) >> {}\n{tests}\n'''\nreport = \"exit\"\n{settings}\n",
            log.display()
        );
        field.amend(&toml);
        field
    }

    /// Tests that are one script each, in `t/`; they can be run one by one.
    pub(crate) fn with_tap(settings: &str, tests: &[(&str, &str)]) -> Field {
        let field = Field { sandbox: Sandbox::new() };
        let log = field.place().join("runs");
        let note = format!("echo $(git rev-parse HEAD HEAD^{{tree}}) >> {}", log.display());
        field.sandbox.write("run.sh", TAP);
        fs::create_dir(field.sandbox.path().join("t")).unwrap();
        for (name, script) in tests {
            let script = script.replace("{place}", field.place().to_str().unwrap());
            field.sandbox.write(&format!("t/{name}"), &script);
        }
        field.amend(&format!(
            "[tests]\nall = '''\n{note}\nsh run.sh\n'''\nsome = \"sh run.sh {{tests}}\"\nreport = \"tap\"\n{settings}\n"
        ));
        field
    }

    pub(crate) fn amend(&self, toml: &str) {
        self.sandbox.write("orch.toml", toml);
        self.sandbox.git(&["add", "-A"]);
        self.sandbox.git(&["commit", "-q", "--amend", "-m", "start"]);
    }

    /// A folder outside of the repository.
    pub(crate) fn place(&self) -> PathBuf {
        let place = self.sandbox.path().with_file_name("place");
        fs::create_dir_all(&place).unwrap();
        place
    }

    /// Writes a file outside of the repository, that tests may wait for.
    pub(crate) fn put(&self, name: &str) {
        fs::write(self.place().join(name), "").unwrap();
    }

    /// Commit and tree of every full run so far, in order.
    pub(crate) fn runs(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.place().join("runs")).unwrap_or_default();
        let pair =
            |line: &str| line.split_once(' ').map(|(commit, tree)| (commit.to_owned(), tree.to_owned()));
        text.lines().map(|line| pair(line).unwrap()).collect()
    }

    /// Queues branches that each write one file of their own.
    pub(crate) fn queue(&self, names: &[&str]) {
        for name in names {
            self.sandbox.branch(name, &format!("{name}.txt"), &format!("{name}\n"));
        }
        self.add(names);
    }

    pub(crate) fn add(&self, names: &[&str]) {
        let mut args = vec!["queue", "add"];
        args.extend(names);
        self.sandbox.run(&args).exits(0);
    }

    /// Runs the queue; its JSON's `data`.
    #[track_caller]
    pub(crate) fn drain(&self, code: i32) -> Value {
        self.sandbox.run(&["queue", "run", "--json"]).exits(code).json()["data"].take()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.sandbox.git(args)
    }

    pub(crate) fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    /// A task as `show --json` says it.
    #[track_caller]
    pub(crate) fn task(&self, name: &str) -> Value {
        self.sandbox.run(&["show", name, "--json"]).exits(0).json()["data"].take()
    }

    /// The tasks that landed, oldest first.
    pub(crate) fn landed(&self) -> Vec<String> {
        let format = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
        let log = self.git(&["log", "--first-parent", "--reverse", format, "main"]);
        log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Starts the queue, and waits until so many full runs have begun.
    pub(crate) fn start(&self, args: &[&str], runs: usize) -> Child {
        let mut all = vec!["queue", "run", "--json"];
        all.extend(args);
        let child = self.sandbox.start(&all);
        self.wait(|| self.runs().len() >= runs);
        child
    }

    /// Waits for something that must come.
    #[track_caller]
    pub(crate) fn wait(&self, until: impl Fn() -> bool) {
        let begun = Instant::now();
        while !until() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it did not come: {:?}", self.runs());
            sleep(Duration::from_millis(20));
        }
    }

    /// Every ref with its value.
    pub(crate) fn refs(&self) -> String {
        self.git(&["for-each-ref"])
    }

    /// Sets the refs below `refs/orch` to what they were: whatever was written down since is forgotten.
    pub(crate) fn forget_since(&self, refs: &str) {
        let lines = |text: &str| -> Vec<(String, String)> {
            let pair = |line: &str| {
                let mut words = line.split_whitespace();
                let id = words.next()?.to_owned();
                Some((words.nth(1)?.to_owned(), id))
            };
            text.lines().filter_map(pair).filter(|(name, _)| name.starts_with("refs/orch/")).collect()
        };
        for (name, _) in lines(&self.refs()) {
            self.git(&["update-ref", "-d", &name]);
        }
        for (name, id) in lines(refs) {
            self.git(&["update-ref", &name, &id]);
        }
        let _ = fs::remove_dir_all(self.sandbox.path().join(".git/orch"));
    }
}

/// The end of a started queue: its JSON's `data`.
#[track_caller]
pub(crate) fn end_of(child: Child, code: i32) -> Value {
    Ran::end_of(child).exits(code).json()["data"].take()
}

/// A list of JSON strings.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}
