//! What must hold when a history has ended, found out with git alone and from what the suite wrote down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{
    draw::{Act, Main},
    play::{Played, is_of},
};

/// A step of main's first-parent history.
struct Step {
    commit: String,
    tree: String,
    parents: Vec<String>,
    task: Option<String>,
    head: Option<String>,
}

/// What became of a history, for the sum of all.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Ends {
    pub(super) landed: usize,
    pub(super) left: usize,
    pub(super) runs: usize,
}

impl Played {
    /// Fails unless everything that must hold does.
    pub(super) fn check(&self) -> Ends {
        let steps = self.steps();
        let landed = self.check_landings(&steps);
        self.check_tested();
        self.tests.check("the history");
        self.check_contents(&landed);
        for at in 0..self.history.members.len() {
            if !landed.contains_key(&at) {
                self.check_left(at);
            }
        }
        self.check_rest(&landed);
        let runs = self.tests.lines().iter().filter(|line| line[0] == "begin").count();
        Ends { landed: landed.len(), left: self.history.members.len() - landed.len(), runs }
    }

    /// Main from its beginning to its end.
    fn steps(&self) -> Vec<Step> {
        let format = "--format=%H %T %P|%(trailers:key=Orch-Task,valueonly,separator=%x2C)|\
                      %(trailers:key=Orch-Head,valueonly,separator=%x2C)";
        let range = format!("{}..main", self.start);
        let log = self.place.git(&self.truth(), &["log", "--first-parent", "--reverse", format, &range]);
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        log.lines()
            .map(|line| {
                let [ids, task, head] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
                let mut ids = ids.split(' ').map(str::to_owned);
                let (commit, tree) = (ids.next().unwrap(), ids.next().unwrap());
                Step { commit, tree, parents: ids.collect(), task: word(task), head: word(head) }
            })
            .collect()
    }

    fn by_hand(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(self.place.path("by-hand")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Each landing once, of a version that somebody approved, with exactly the tree and the commits that git makes of
    /// it. Returns the version that landed of each member.
    fn check_landings(&self, steps: &[Step]) -> BTreeMap<usize, String> {
        let by_hand = self.by_hand();
        let mut landed: BTreeMap<usize, String> = BTreeMap::new();
        let (mut before, mut own): (&str, Vec<&Step>) = (&self.start, Vec::new());
        for step in steps {
            if by_hand.contains(&step.commit) {
                assert!(own.is_empty(), "a commit by hand within a landing: {}", step.commit);
                before = &step.commit;
                continue;
            }
            own.push(step);
            let Some(task) = &step.task else {
                assert_eq!(self.history.mode, "rebase", "a commit of nobody on main: {}", step.commit);
                continue;
            };
            let at = self.history.members.iter().position(|member| is_of(task, &member.name)).unwrap();
            let head = match self.history.mode {
                "merge" => step.parents[1].clone(),
                _ => step.head.clone().unwrap(),
            };
            assert!(self.approved[at].contains(&head), "{task} landed as {head}, which nobody approved");
            // What it was built on, unless that moved on before it landed.
            let below = self.history.members[at].below.and_then(|below| landed.get(&below));
            let contains = |below: &&String| {
                let args = ["merge-base", "--is-ancestor", below.as_str(), &head];
                self.place.git_ran(&self.dir, &args).code == Some(0)
            };
            let below = below.filter(contains);
            self.recompose(before, &head, below.map(String::as_str), &own);
            assert!(landed.insert(at, head).is_none(), "{task} landed twice");
            (before, own) = (&step.commit, Vec::new());
        }
        assert!(own.is_empty(), "main ends within a landing");
        landed
    }

    /// Makes a landing once more with `git merge-tree`, and for a rebase commit by commit.
    fn recompose(&self, before: &str, head: &str, below: Option<&str>, own: &[&Step]) {
        let dir = &self.dir;
        let last = own.last().unwrap();
        let stacked = below.filter(|_| self.history.mode != "merge");
        let tree = self.merge(stacked, before, head);
        assert_eq!(tree.as_ref(), Ok(&last.tree), "{head} on {before} landed with another tree");
        if self.history.mode == "merge" {
            assert_eq!((own.len(), &last.parents[0][..]), (1, before));
            return;
        }
        let mut onto = before;
        for step in own {
            assert_eq!(step.parents, [onto], "no straight line");
            onto = &step.commit;
        }
        if self.history.mode == "squash" {
            assert_eq!(own.len(), 1, "squashed into one commit");
            return;
        }
        // Replayed one by one where each applies; else the whole as one.
        let fork = below.unwrap_or(before);
        let range = [head.to_owned(), format!("^{before}"), format!("^{fork}")];
        let list = [&["rev-list", "--reverse"][..], &range.each_ref().map(String::as_str)].concat();
        let commits = self.place.git(dir, &list);
        let commits: Vec<&str> = commits.lines().collect();
        let (mut tip, mut expected) = (before.to_owned(), Vec::new());
        for commit in &commits {
            let Ok(tree) = self.merge(Some(&format!("{commit}^")), &tip, commit) else {
                assert_eq!(own.len(), 1, "{head}: one of its commits does not apply");
                return;
            };
            let same = self.tree_of(&tip) == tree;
            if !same {
                tip =
                    self.place.git(dir, &["commit-tree", "-p", &tip, "-m", "again", &tree]).trim().to_owned();
            }
            if !same || commit == commits.last().unwrap() {
                expected.push(tree);
            }
        }
        let found: Vec<&String> = own.iter().map(|step| &step.tree).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{head}: replayed commit by commit");
    }

    /// The tree that git makes of two commits, or the files in conflict.
    fn merge(&self, base: Option<&str>, ours: &str, theirs: &str) -> Result<String, String> {
        let base = base.map(|base| format!("--merge-base={base}"));
        let mut args = vec!["merge-tree", "--write-tree", "--name-only", "--no-messages"];
        args.extend(base.as_deref());
        args.extend([ours, theirs]);
        let ran = self.place.git_ran(&self.dir, &args);
        match ran.code {
            Some(0) => Ok(ran.out.trim().to_owned()),
            Some(1) => Err(ran.out),
            code => panic!("merge-tree: {code:?}: {}", ran.err),
        }
    }

    fn tree_of(&self, commit: &str) -> String {
        self.place.git(&self.dir, &["rev-parse", &format!("{commit}^{{tree}}")]).trim().to_owned()
    }

    fn files(&self, tree: &str) -> BTreeMap<String, String> {
        let list = self.place.git(&self.dir, &["ls-tree", "-r", "--format=%(path) %(objectmode)", tree]);
        list.lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    }

    /// The tests that fail with a tree: the suite's rules, written once more.
    fn failing(&self, tree: &str) -> BTreeSet<String> {
        let files = self.files(tree);
        let mut failing: BTreeSet<String> =
            files.keys().filter(|name| name.starts_with("bad-b")).cloned().collect();
        if files.contains_key("half-0") && files.contains_key("half-1") {
            failing.insert("halves".to_owned());
        }
        failing
    }

    /// Every value that main ever had was pushed by hand, or is a tree that the suite saw to its end, and liked as much as
    /// the value before; or a person accepted what is worse.
    fn check_tested(&self) {
        let by_hand = self.by_hand();
        let runs = self.tests.lines();
        let ended = |tree: &str, commit: Option<&str>| {
            runs.iter().any(|line| {
                line[0] == "end" && line[1] == tree && commit.is_none_or(|commit| line[2] == commit)
            })
        };
        let log = ["log", "-g", "--format=%H %T", "main"];
        let values = self.place.git(&self.truth(), &log);
        let mut before: Option<(String, String)> = None;
        for line in values.lines().rev() {
            let (commit, tree) = line.split_once(' ').unwrap();
            let ours = commit != self.start && !by_hand.contains(commit);
            if let Some((_, old)) = before.as_ref().filter(|(last, _)| ours && last != commit) {
                assert!(ended(tree, None), "{commit} landed untested");
                // Where nothing is cut off and nobody else moves main, it is the very commit. Else it may be another one with
                // the same tree: of the same members in another order, or with somebody's later approval.
                assert!(
                    !by_hand.is_empty()
                        || !self.accepted.is_empty()
                        || !self.killed_at.is_empty()
                        || ended(tree, Some(commit)),
                    "{commit}: another commit was tested"
                );
                let worse: BTreeSet<String> =
                    self.failing(tree).difference(&self.failing(old)).cloned().collect();
                assert!(worse.is_empty() || !self.accepted.is_empty(), "{commit} landed with {worse:?}");
            }
            before = Some((commit.to_owned(), tree.to_owned()));
        }
    }

    /// Main has each hunk of each version that landed, and nothing of any other.
    fn check_contents(&self, landed: &BTreeMap<usize, String>) {
        let tree = self.tree_of("main");
        let text = self.place.git_ran(&self.dir, &["grep", "-h", "-e", "", &tree]).out;
        let lines: BTreeSet<&str> = text.lines().collect();
        let files = self.files(&tree);
        let heads: BTreeSet<&String> = landed.values().collect();
        let mut expected: BTreeSet<&str> = BTreeSet::new();
        for head in &heads {
            let brings = &self.brings[*head];
            for line in &brings.added {
                assert!(lines.contains(line.as_str()), "'{line}' of {head} is not on main");
                expected.insert(line);
            }
            for line in &brings.removed {
                assert!(!lines.contains(line.as_str()), "'{line}' is on main, and {head} took it away");
            }
            for file in &brings.deleted {
                assert!(!files.contains_key(file), "{file} is on main, and {head} took it away");
            }
            for name in &brings.executable {
                let last = format!("/{name}");
                let found = files.iter().find(|(path, _)| *path == name || path.ends_with(&last));
                assert!(found.is_none_or(|(_, mode)| mode == "100755"), "{name} is not executable");
            }
        }
        for (head, brings) in self.brings.iter().filter(|(head, _)| !heads.contains(head)) {
            for line in brings.added.iter().filter(|line| !expected.contains(line.as_str())) {
                assert!(
                    !lines.contains(line.as_str()),
                    "'{line}' of {head} is on main, and {head} did not land"
                );
            }
        }
    }

    /// Whoever did not land left for a reason that holds, and says it.
    fn check_left(&self, at: usize) {
        let name = &self.history.members[at].name;
        if self.refused.contains(&at) || self.approved[at].is_empty() {
            return;
        }
        let ran = self.place.data(&self.dir, &["show", &self.task(at), "--json"]);
        let (state, kind) = (ran["state"].as_str().unwrap(), ran["needs"]["kind"].as_str());
        let head = self.approved[at].last().unwrap();
        let merged = self.merge(None, "main", head);
        let holds = match (state, kind) {
            ("under-review" | "cancelled" | "blocked", _) => self.left.contains(&at),
            ("escalated", Some("conflict-base" | "conflict-task")) => merged.is_err() || self.is_stacked(at),
            ("escalated", Some("worse")) => {
                // It may be in conflict by now with what came later, so both are looked at for themselves.
                let both =
                    |file: &str| [head.as_str(), "main"].iter().any(|of| self.files(of).contains_key(file));
                // Two runs that speak against one change confirm each other, and two flakes may be those.
                let twice = self.flakes() > 1;
                twice
                    || both(&format!("bad-{name}"))
                    || both("half-0") && both("half-1")
                    || self.is_stacked(at)
            }
            // It waits for one below it that somebody has to decide about.
            ("ready-for-handoff", _) => self.is_stacked(at),
            // Others brought all of it.
            ("completed", _) => merged == Ok(self.tree_of("main")),
            ("escalated", Some("head-moved")) => self.tip(name) != *head,
            ("escalated", Some("dependency")) => self.is_stacked(at),
            _ => false,
        };
        assert!(holds, "{name} did not land, without a reason that holds: {ran:#}");
    }

    /// Runs that were made to fail although nothing was wrong.
    fn flakes(&self) -> usize {
        let all = self.history.acts.iter().chain(&self.history.during);
        all.filter(|act| matches!(act, Act::Flake)).count()
    }

    /// The task of a branch: its last, where it was given up and handed in again.
    fn task(&self, at: usize) -> String {
        let name = &self.history.members[at].name;
        let exists = |task: &String| self.place.orch(&self.dir, &["show", task, "--json"]).code == Some(0);
        let again = (2..).map(|count| format!("{name}-{count}"));
        let last = if self.left.contains(&at) { again.take_while(exists).last() } else { None };
        last.unwrap_or_else(|| name.clone())
    }

    fn is_stacked(&self, at: usize) -> bool {
        self.history.members[at].below.is_some()
    }

    /// Nothing is left of the work, and calling the queue once more changes nothing.
    fn check_rest(&self, landed: &BTreeMap<usize, String>) {
        let (place, dir) = (&self.place, &self.dir);
        let refs = || place.git(dir, &["for-each-ref"]);
        let before = refs();
        let again = place.orch(dir, &["queue", "run"]);
        assert!(matches!(again.code, Some(0 | 4)), "{:?}: {}{}", again.code, again.out, again.err);
        assert_eq!(before, refs(), "another call of the queue changes something");
        let open: Vec<&str> =
            before.lines().filter_map(|line| line.split_once("refs/orch/tasks/")).map(|p| p.1).collect();
        for at in landed.keys() {
            let name = self.task(*at);
            let name = name.as_str();
            assert!(!open.contains(&name), "{name} landed and is still open");
            let state = place.data(dir, &["show", name, "--json"])["state"].take();
            // Where the landing was only upstream when somebody gave it up here, nobody here could know.
            let gone = self.history.main == Main::Remote && self.left.contains(at) && state == "cancelled";
            assert!(gone || state == "completed", "{name} landed, and is {state}");
        }
        assert!(!dir.join(".git/orch/checkout").exists(), "a checkout is still to follow");
        if self.history.main != Main::Away {
            let status = place.git(dir, &["status", "--porcelain", "--untracked-files=no"]);
            assert_eq!(status, "", "the checkout of main");
        }
        let (ours, theirs) =
            (place.git(dir, &["rev-parse", "main"]), place.git(&self.truth(), &["rev-parse", "main"]));
        assert_eq!(ours, theirs, "main here and upstream");
        let candidates = place.git(dir, &["for-each-ref", "refs/orch/candidates"]);
        let waiting = open
            .iter()
            .any(|name| place.data(dir, &["show", name, "--json"])["state"] == "ready-for-handoff");
        assert!(waiting || candidates.is_empty(), "candidates are left: {candidates}");
        place.assert_sound(dir);
    }
}
