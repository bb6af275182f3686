//! The queue lands what others made: a generated history with all kinds of meetings, and pull requests of a real one.

use crate::sandbox::Sandbox;
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// What became of the branches.
struct Replay {
    landed: Vec<String>,
    left: Vec<String>,
    /// The commits that the test command saw, one for each run.
    tested: Vec<String>,
    before: String,
}

fn names(data: &Value, key: &str) -> Vec<String> {
    let list = data[key].as_array().unwrap();
    list.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Commits the settings to main; the test command fails where the file `bad` is.
fn set_up(repo: &Sandbox, batch: u32, bad: &str) {
    let log = repo.beside("tested");
    let command = format!("git rev-parse HEAD >> '{}'; test ! -e '{bad}'", log.display());
    repo.write(
        "orch.toml",
        &format!("[tests]\nall = \"{command}\"\nreport = \"exit\"\n[cap]\ndiff = 1000000\n[queue]\nbatch = {batch}\n"),
    );
    repo.commit("Set the queue up");
}

/// Queues the branches in this order, and lets the queue run.
fn replay(repo: &Sandbox, branches: &[&str]) -> Replay {
    let before = repo.git(&["rev-parse", "main"]);
    let mut words = vec!["queue", "add"];
    words.extend(branches);
    let queued = repo.orch(&words);
    queued.with(0);
    let ran = repo.orch(&["queue", "run", "--json"]);
    let code = ran.code;
    let data = ran.data(code);
    let (landed, left) = (names(&data, "landed"), names(&data, "needs_you"));
    assert_eq!(code, if left.is_empty() { 0 } else { 4 });
    assert_eq!(names(&data, "waiting"), Vec::<String>::new());
    let tested = fs::read_to_string(repo.beside("tested")).unwrap();
    let tested: Vec<String> = tested.lines().map(str::to_owned).collect();
    assert_eq!(data["runs"].as_u64().unwrap(), tested.len() as u64, "each run is counted");
    Replay { landed, left, tested, before }
}

impl Replay {
    /// Each branch ended once, what landed is what git makes of it, and what did not says why.
    fn check(&self, repo: &Sandbox, branches: &[&str]) {
        let all: Vec<&str> = self.landed.iter().chain(&self.left).map(String::as_str).collect();
        assert_eq!(all.len(), branches.len(), "{all:?}");
        assert_eq!(BTreeSet::from_iter(all), BTreeSet::from_iter(branches.iter().copied()));
        self.recompose(repo);
        let main = repo.git(&["rev-parse", "main"]);
        assert!(self.tested.contains(&main), "what stands on main was tested as this very commit");
        for branch in &self.landed {
            let again = repo.git(&["merge-tree", "--write-tree", "main", branch]);
            assert_eq!(again, repo.git(&["rev-parse", "main^{tree}"]), "main has all of {branch}");
        }
        for branch in &self.left {
            let needs = repo.orch(&["show", branch, "--json"]).data(0)["needs"].take();
            match needs["kind"].as_str().unwrap() {
                "worse" => assert_eq!(needs["confirmed"], true, "{needs}"),
                _ => {
                    let meets = repo.try_git(&["merge-tree", "--write-tree", "--name-only", "main", branch]);
                    assert_eq!(meets.code, 1, "{branch} does not conflict: {needs}");
                    for file in needs["files"].as_array().unwrap() {
                        assert!(meets.out.contains(file.as_str().unwrap()), "{needs}\n{}", meets.out);
                    }
                }
            }
            assert_ne!(needs["files"].as_array().unwrap().len(), 0, "{branch}: {needs}");
        }
        assert_eq!(
            repo.git(&["status", "--porcelain"]),
            "",
            "the checkout followed, and nothing of ours is in it"
        );
        let status = repo.orch(&["status", "--json"]).data(0);
        assert_eq!(names_of(&status["needs_you"]), BTreeSet::from_iter(self.left.clone()));
        let done = format!("Done today: {}\n", self.landed.len());
        assert!(repo.orch(&["status"]).with(0).contains(&done), "{done}");
    }

    /// Merges the landed branches once more in their order, with git alone.
    fn recompose(&self, repo: &Sandbox) {
        let range = format!("{}..main", self.before);
        let landings = repo.git(&["rev-list", "--first-parent", "--reverse", &range]);
        let (mut tip, mut seen) = (self.before.clone(), BTreeSet::new());
        for landing in landings.lines() {
            let format = "--format=%(trailers:key=Orch-Task,valueonly,separator=)";
            let task = repo.git(&["log", "-1", format, landing]);
            assert!(seen.insert(task.clone()), "{task} landed twice");
            assert_eq!(repo.git(&["rev-parse", &format!("{landing}^2")]), repo.git(&["rev-parse", &task]));
            let tree = repo.git(&["merge-tree", "--write-tree", &tip, &task]);
            assert_eq!(repo.git(&["rev-parse", &format!("{landing}^{{tree}}")]), tree, "{task}");
            tip = repo.git(&["commit-tree", "-p", &tip, "-p", &task, "-m", "again", &tree]);
        }
        assert!(seen.iter().all(|task| self.landed.contains(task)), "{seen:?} {:?}", self.landed);
    }
}

fn names_of(tasks: &Value) -> BTreeSet<String> {
    tasks.as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
}

// --- a generated history ------------------------------------------------------------------------------------------------

/// In the order in which they are queued. `stacked` contains `top`; `twin` makes what `alone` makes.
const GENERATED: [&str; 12] = [
    "stacked", "top", "bottom", "against", "rename", "renamed", "delete", "deleted", "mode", "alone", "bad",
    "twin",
];

/// A file of its own: equal ones would be taken for renames of each other.
fn lines(name: &str, change: &[(usize, &str)]) -> String {
    let line = |number| match change.iter().find(|(at, _)| *at == number) {
        Some((_, text)) => format!("{text}\n"),
        None => format!("{name} line {number}\n"),
    };
    (1..=30).map(line).collect()
}

fn generated(batch: u32) -> Sandbox {
    let repo = Sandbox::new();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt", "run.sh"] {
        repo.write(name, &lines(name, &[]));
    }
    repo.commit("Begin");
    let branch = |name: &str, from: &str, change: &dyn Fn()| {
        repo.git(&["checkout", "--quiet", "-b", name, from]);
        change();
        repo.commit(&format!("Make {name}"));
    };
    branch("top", "main", &|| repo.write("a.txt", &lines("a.txt", &[(2, "top")])));
    branch("stacked", "top", &|| repo.write("d.txt", &lines("d.txt", &[(9, "stacked")])));
    branch("bottom", "main", &|| repo.write("a.txt", &lines("a.txt", &[(29, "bottom")])));
    branch("against", "main", &|| repo.write("a.txt", &lines("a.txt", &[(2, "against")])));
    branch("rename", "main", &|| {
        fs::create_dir(repo.dir.join("sub")).unwrap();
        repo.git(&["mv", "b.txt", "sub/new.txt"]);
    });
    branch("renamed", "main", &|| repo.write("b.txt", &lines("b.txt", &[(15, "edited under its old name")])));
    branch("delete", "main", &|| fs::remove_file(repo.dir.join("c.txt")).unwrap());
    branch("deleted", "main", &|| repo.write("c.txt", &lines("c.txt", &[(3, "somebody still needs this")])));
    branch("mode", "main", &|| {
        repo.git(&["update-index", "--chmod=+x", "run.sh"]);
        repo.git(&["checkout-index", "--force", "run.sh"]);
    });
    branch("alone", "main", &|| repo.write("n.txt", "new\n"));
    branch("twin", "main", &|| repo.write("n.txt", "new\n"));
    branch("bad", "main", &|| repo.write("bad.txt", "makes the tests fail\n"));
    branch("old", "main", &|| repo.write("old.txt", "merged long ago\n"));
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge old", "old"]);
    set_up(&repo, batch, "bad.txt");
    repo
}

#[test]
fn a_generated_history_lands_in_the_order_in_which_it_was_queued() {
    let mut trees = BTreeSet::new();
    for batch in [6, 1] {
        let repo = generated(batch);
        let refused = repo.orch(&["queue", "add", "top", "old"]);
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert!(refused.err.contains("branch old has no change over main"), "{}", refused.err);
        assert_eq!(
            repo.git(&["for-each-ref", "refs/orch"]),
            "",
            "nothing is queued of a list that is refused"
        );

        let replay = replay(&repo, &GENERATED);
        replay.check(&repo, &GENERATED);
        assert_eq!(replay.left, ["against", "deleted", "bad"], "batch {batch}");
        let needs = |task: &str| repo.orch(&["show", task, "--json"]).data(0)["needs"].take();
        assert_eq!([&needs("against")["files"][0], &needs("deleted")["files"][0]], ["a.txt", "c.txt"]);
        if batch > 1 {
            assert_eq!([&needs("against")["pair"], &needs("deleted")["pair"]], ["stacked", "delete"]);
        }
        assert_eq!(needs("bad")["files"][0], "bad.txt");
        assert!(repo.git(&["show", "main:sub/new.txt"]).contains("edited under its old name"));
        assert!(repo.git(&["ls-tree", "main", "run.sh"]).starts_with("100755"));
        // What main had already says of itself what it was, not what it came with.
        let patch = repo.orch(&["show", "-p", "top"]).with(0);
        assert!(patch.contains("+top") && !patch.contains("stacked"), "{patch}");
        println!(
            "batch {batch}: {} landed, {} left, {} test runs",
            replay.landed.len(),
            3,
            replay.tested.len()
        );
        trees.insert(repo.git(&[
            "rev-parse",
            "main:a.txt",
            "main:d.txt",
            "main:sub",
            "main:run.sh",
            "main:n.txt",
        ]));
    }
    assert_eq!(trees.len(), 1, "batches change what is tested together, not what comes out");
}

#[test]
fn who_stands_first_in_queue_add_goes_first() {
    let repo = Sandbox::new();
    set_up(&repo, 6, "none");
    for name in ["zeta", "alpha"] {
        repo.git(&["checkout", "--quiet", "-b", name, "main"]);
        repo.write("same.txt", name);
        repo.commit(name);
    }
    repo.git(&["checkout", "--quiet", "main"]);
    let replay = replay(&repo, &["zeta", "alpha"]);
    assert_eq!((replay.landed, replay.left), (vec!["zeta".to_owned()], vec!["alpha".to_owned()]));
    let why = |task: &str| repo.orch(&["queue", "why", task]).with(0);
    assert!(why("zeta").starts_with("zeta: landed as "), "{}", why("zeta"));
    assert_eq!(
        why("alpha"),
        "alpha: not in the queue: it waits for a person: conflicts with zeta in same.txt\n"
    );
    let shown = repo.orch(&["show", "alpha"]).with(0);
    assert!(shown.contains("git orch queue add alpha"), "{shown}");
    let dropped = repo.orch(&["queue", "drop", "zeta"]);
    assert_eq!(dropped.code, 1);
    assert!(dropped.err.contains("task 'zeta' is finished"), "{}", dropped.err);
    let report = repo.orch(&["report"]);
    assert_eq!(report.code, 2);
    assert!(
        report.err.contains("there is no run yet") && report.err.contains("git orch run"),
        "{}",
        report.err
    );
}

// --- a real history -----------------------------------------------------------------------------------------------------

/// A clone in which the last merges of the first-parent line are branches again, and main is before them.
fn rewound(source: &str) -> (Sandbox, Vec<String>) {
    let repo = Sandbox::clone_of(source);
    let found =
        repo.git(&["rev-list", "--first-parent", "--min-parents=2", "--max-parents=2", "-12", "HEAD"]);
    let merges: Vec<&str> = found.lines().rev().collect();
    assert!(!merges.is_empty(), "{source} has no merge commit on its first-parent line");
    repo.git(&["checkout", "--quiet", "--detach", &format!("{}^1", merges[0])]);
    for branch in repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]).lines() {
        repo.git(&["branch", "--quiet", "-D", branch]);
    }
    repo.git(&["remote", "remove", "origin"]);
    let mut branches = Vec::new();
    for (at, merge) in merges.iter().enumerate() {
        let name = format!("pr-{}", at + 1);
        repo.git(&["branch", &name, &format!("{merge}^2")]);
        branches.push(name);
    }
    repo.git(&["checkout", "--quiet", "-b", "main"]);
    (repo, branches)
}

/// A file that one branch alone adds, the last such branch first.
fn only_in_one(repo: &Sandbox, branches: &[String]) -> Option<(String, String)> {
    let added = |branch: &String| {
        let range = format!("main...{branch}");
        let files = repo.git(&["diff", "--name-only", "--no-renames", "--diff-filter=A", &range]);
        files.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    branches.iter().rev().find_map(|branch| {
        let elsewhere = |file: &String| {
            let has =
                |other: &String| repo.try_git(&["cat-file", "-e", &format!("{other}:{file}")]).code == 0;
            branches.iter().filter(|other| *other != branch).any(has)
        };
        added(branch).into_iter().find(|file| !elsewhere(file)).map(|file| (branch.clone(), file))
    })
}

#[test]
fn pull_requests_of_a_real_history_land_as_git_merges_them() {
    let Ok(source) = std::env::var("GIT_ORCH_HISTORY") else {
        println!("not run: set GIT_ORCH_HISTORY to a clone with merge commits");
        return;
    };
    for (batch, with_bad) in [(6, false), (1, false), (6, true), (1, true)] {
        let (repo, branches) = rewound(&source);
        let bad = if with_bad { only_in_one(&repo, &branches) } else { None };
        if with_bad && bad.is_none() {
            println!("no branch adds a file of its own: nothing to fail on");
            continue;
        }
        set_up(&repo, batch, bad.as_ref().map_or("no such file", |(_, file)| file));
        // What conflicts with main as it is, is refused at once; the others are queued together.
        let (fit, refused): (Vec<&str>, Vec<&str>) =
            branches.iter().map(String::as_str).partition(|branch| {
                let asked = repo.orch(&["queue", "add", "--dry-run", branch]);
                assert!([0, 3].contains(&asked.code), "{}", asked.err);
                asked.code == 0
            });
        let started = std::time::Instant::now();
        let replay = replay(&repo, &fit);
        let seconds = started.elapsed().as_secs_f32();
        replay.check(&repo, &fit);
        if let Some((branch, file)) = &bad {
            assert!(replay.left.contains(branch), "{branch} adds {file}");
            let kind =
                |branch: &String| repo.orch(&["show", branch, "--json"]).data(0)["needs"]["kind"].take();
            assert_eq!(replay.left.iter().filter(|left| kind(left) == "worse").count(), 1);
        }
        println!(
            "batch {batch}: {} branches, {} refused at once, {} landed, {} left, {} test runs, {seconds:.1} s",
            branches.len(),
            refused.len(),
            replay.landed.len(),
            replay.left.len(),
            replay.tested.len(),
        );
    }
}
