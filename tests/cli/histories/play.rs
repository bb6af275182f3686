//! Plays a history: queues the branches, kills the queue and calls it again, and lets happen what befalls it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::Duration,
};

use super::{
    crash::Crash,
    draw::{Act, History, Main},
    make::{self, Brings, name_of},
};
use crate::kill_support::Place;
use crate::test_log::TestLog;

/// A history that is being played, with what is known of it from outside.
pub(super) struct Played {
    pub(super) history: History,
    pub(super) place: Place,
    pub(super) dir: PathBuf,
    crash: Crash,
    git: PathBuf,
    /// What each version of a branch brings, by its commit.
    pub(super) brings: BTreeMap<String, Brings>,
    /// The versions of each member that somebody said yes to, in order.
    pub(super) approved: Vec<Vec<String>>,
    /// Members that left by hand.
    pub(super) left: BTreeSet<usize>,
    /// Members that were accepted although something is worse with them.
    pub(super) accepted: BTreeSet<usize>,
    /// Members that never came into the queue: they conflicted with main by then.
    pub(super) refused: BTreeSet<usize>,
    pub(super) start: String,
    /// What the suite wrote down.
    pub(super) tests: TestLog,
    /// The last call was.
    /// The boundaries at which it was killed.
    pub(super) killed_at: Vec<usize>,
    pub(super) boundaries: usize,
    pub(super) said: Vec<String>,
    pushes: usize,
}

/// Says what it saw to a file outside: begin and end of each run with tree, commit and what failed.
const SUITE: &str = r#"tree=$({git} rev-parse HEAD^{tree}) commit=$({git} rev-parse HEAD)
echo "begin $tree $commit" >>{place}/runs
if mv {place}/during {place}/during.now 2>/dev/null; then sh {place}/during.now >>{place}/during.log 2>&1; fi
failed=
check() { if eval "$2"; then echo "ok - $1"; else echo "not ok - $1"; failed="$failed $1"; fi; }
check starts '! mv {place}/flake {place}/flake.now 2>/dev/null'
for n in 0 1 2 3 4 5; do check bad-b$n "! test -e bad-b$n"; done
check halves '! test -e half-0 || ! test -e half-1'
echo "1..8"
echo "end $tree $commit$failed" >>{place}/runs
test -z "$failed"
"#;

/// Puts a commit on main, from beside: a line of a common file, or a file of its own.
const PUSH: &str = r#"export GIT_DIR={main} GIT_INDEX_FILE={place}/index
tip=$({git} rev-parse refs/heads/main) && {git} read-tree $tip || exit
path={file} mode=$({git} ls-tree $tip {file} | cut -d' ' -f1)
if test -n "$mode" && {git} show $tip:{file} >{place}/blob && grep -qx '{old}' {place}/blob
then sed -i 's/^{old}$/{mark}/' {place}/blob
else path={mark} mode=100644; echo {mark} >{place}/blob
fi
{git} update-index --add --cacheinfo $mode,$({git} hash-object -w {place}/blob),$path
new=$({git} commit-tree -p $tip -m 'By hand' $({git} write-tree))
echo $new >>{place}/by-hand
# A landing of what was killed may come first: then nothing is pushed.
{git} update-ref -m 'by hand' refs/heads/main $new $tip || true
"#;

/// The same in the checkout of main, unless a landing that was cut off left it half way.
const COMMIT: &str = r#"cd {dir} || exit
test ! -e .git/orch/checkout && test ! -e .git/index.lock && test -z "$({git} status --porcelain -uno)" || exit 0
if grep -qx '{old}' {file} 2>/dev/null; then sed -i 's/^{old}$/{mark}/' {file}; else echo {mark} >{mark}; fi
{git} add -A && {git} commit -qm 'By hand' && {git} rev-parse HEAD >>{place}/by-hand
"#;

/// Moves a branch on by one commit, unless it has landed.
const REPUSH: &str = r#"export GIT_DIR={dir}/.git GIT_INDEX_FILE={place}/index-$$
{git} --git-dir={main} log --format=%B main | grep -qxE 'Orch-Task: {branch}(-[0-9]+)?' && exit
tip=$({git} rev-parse refs/heads/{branch}) && {git} read-tree $tip || exit
{git} update-index --add --cacheinfo 100644,$(echo {mark} | {git} hash-object -w --stdin),{mark}
tree=$({git} write-tree) && new=$({git} commit-tree -p $tip -m 'More work' $tree) || exit
if {git} update-ref refs/heads/{branch} $new $tip; then echo {branch} $tip $new {mark} >>{place}/repushed; fi
"#;

impl Played {
    /// Makes the repository of a history.
    pub(super) fn new(seed: u64) -> Played {
        let history = History::draw(seed);
        let place = Place::new();
        let git = which_git();
        let (dir, folder) = (place.path("one"), place.path(""));
        let report = if history.per_test { "tap" } else { "exit" };
        let settings = format!(
            "[tests]\nall = \"sh {}\"\nreport = \"{report}\"\n[queue]\nmode = \"{}\"\nbatch = {}\n",
            place.path("suite").display(),
            history.mode,
            history.batch
        );
        let suite = SUITE.replace("{git}", git.to_str().unwrap());
        fs::write(place.path("suite"), suite.replace("{place}", folder.to_str().unwrap())).unwrap();
        fs::create_dir(&dir).unwrap();
        place.git(&dir, &["init", "-q"]);
        let (stream, brought) = make::stream(&history, &settings);
        fs::write(place.path("stream"), stream).unwrap();
        let import = format!("git fast-import --quiet --done <{}", place.path("stream").display());
        place.shell(&dir, &import);
        let start = place.git(&dir, &["rev-parse", "main"]).trim().to_owned();
        match history.main {
            Main::Away => {
                place.git(&dir, &["branch", "desk", "main"]);
                place.git(&dir, &["symbolic-ref", "HEAD", "refs/heads/desk"]);
            }
            Main::CheckedOut => {}
            Main::Remote => {
                place.git(&dir, &["init", "-q", "--bare", "../bare"]);
                place.git(&place.path("bare"), &["config", "core.logAllRefUpdates", "always"]);
                place.git(&dir, &["remote", "add", "origin", "../bare"]);
                place.git(&dir, &["push", "-q", "-u", "origin", "main"]);
            }
        }
        place.git(&dir, &["reset", "-q", "--hard"]);
        let tips = place.git(&dir, &["for-each-ref", "--format=%(objectname)", "refs/heads/b*"]);
        let brings = tips.lines().map(str::to_owned).zip(brought).collect();
        let count = history.members.len();
        let tests = TestLog::new(place.path("runs"));
        Played {
            crash: Crash::new(place.path("crash"), &git),
            history,
            place,
            dir,
            git,
            brings,
            approved: vec![Vec::new(); count],
            left: BTreeSet::new(),
            accepted: BTreeSet::new(),
            refused: BTreeSet::new(),
            start,
            tests,
            killed_at: Vec::new(),
            boundaries: 0,
            said: Vec::new(),
            pushes: 0,
        }
    }

    /// Plays it to its end: nothing more befalls it, and the queue has ended by itself.
    pub(super) fn play(&mut self) {
        self.add(false);
        if let Some(act) = self.history.during {
            self.prepare(act);
        }
        let (kills, acts) = (self.history.kills.clone(), self.history.acts.clone());
        for round in 0..=kills.len().max(acts.len()) {
            if let Some(act) = round.checked_sub(1).and_then(|before| acts.get(before)) {
                self.befall(*act);
            }
            self.call(kills.get(round).copied());
        }
        // What nobody did while tests ran is not done any more.
        let _ = fs::remove_file(self.place.path("during"));
        let _ = fs::remove_file(self.place.path("flake"));
        self.note_repushed();
    }

    /// Calls the queue, to its end or to the boundary where it is killed.
    fn call(&mut self, kill: Option<super::draw::Kill>) {
        self.tests.call(&self.place, &self.dir);
        let slots = self.history.slots.to_string();
        let command = self.place.orch_command(&self.dir, &["queue", "run", "-j", &slots]);
        let call = self.crash.call(command, kill);
        self.boundaries = self.boundaries.max(call.boundaries);
        match call.code {
            None => self.killed_at.extend(kill.map(|kill| kill.at)),
            Some(code) => assert!(matches!(code, 0 | 4), "exit code {code}: {}", call.said),
        }
        self.said.push(call.said);
    }

    /// Queues the members that come at the beginning, or those that come late.
    fn add(&mut self, late: bool) {
        for at in 0..self.history.members.len() {
            let member = &self.history.members[at];
            if member.late != late {
                continue;
            }
            let (name, priority) = (member.name.clone(), member.priority.to_string());
            let mut args = vec!["queue", "add", &name, "-p", &priority];
            if member.below.is_some() {
                args = vec!["queue", "add", "--stack", &name];
            }
            let ran = self.place.orch(&self.dir, &args);
            match ran.code {
                Some(0) => self.approve(at),
                Some(3) if late => drop(self.refused.insert(at)),
                code => panic!("{args:?}: {code:?}: {}{}", ran.out, ran.err),
            }
        }
    }

    fn approve(&mut self, at: usize) {
        let head = self.tip(&self.history.members[at].name);
        if self.approved[at].last() != Some(&head) {
            self.approved[at].push(head);
        }
    }

    fn has_landed(&self, at: usize) -> bool {
        let log = self.place.git(&self.truth(), &["log", "--format=%B", "main"]);
        let mut tasks = log.lines().filter_map(|line| line.strip_prefix("Orch-Task: "));
        tasks.any(|task| is_of(task, &self.history.members[at].name))
    }

    pub(super) fn tip(&self, branch: &str) -> String {
        self.place.git(&self.dir, &["rev-parse", &format!("refs/heads/{branch}")]).trim().to_owned()
    }

    /// The repository whose main counts.
    pub(super) fn truth(&self) -> PathBuf {
        if self.history.main == Main::Remote { self.place.path("bare") } else { self.dir.clone() }
    }

    fn befall(&mut self, act: Act) {
        match act {
            Act::Push { .. } | Act::Repush { .. } => {
                if let Some(script) = self.script(act) {
                    self.place.shell(&self.dir, &script);
                }
                self.note_repushed();
                if let Act::Repush { member } = act {
                    // Half of them are handed in again, unless they landed before.
                    if self.pushes.is_multiple_of(2)
                        && !self.has_landed(member)
                        && self.place.orch(&self.dir, &self.words(act)).code == Some(0)
                    {
                        self.approve(member);
                    }
                }
            }
            Act::Approve { member } => {
                self.note_repushed();
                let head = self.tip(&self.history.members[member].name);
                let may =
                    self.history.per_test && self.place.orch(&self.dir, &self.words(act)).code == Some(0);
                if may {
                    self.accepted.insert(member);
                    self.left.remove(&member);
                    if !self.approved[member].contains(&head) {
                        self.approved[member].push(head);
                    }
                }
            }
            Act::Drop { member } | Act::Abandon { member } => {
                if self.place.orch(&self.dir, &self.words(act)).code == Some(0) {
                    self.left.insert(member);
                }
            }
            Act::Arrive => self.add(true),
            Act::Flake => fs::write(self.place.path("flake"), "").unwrap(),
            // All but the one file there that is no cache: which checkout has to follow a landing.
            Act::Forget if self.dir.join(".git/orch/checkout").exists() => {}
            // Nor may a lock of git's be there: whose it is stands in what would be forgotten.
            Act::Forget if self.place.has_lock(&self.dir) => {}
            Act::Forget => {
                self.tests.forget(&self.place, &self.dir);
                drop(fs::remove_dir_all(self.dir.join(".git/orch")));
            }
            Act::PackRefs => drop(self.place.git(&self.dir, &["pack-refs", "--all"])),
            Act::Collect => {
                // git says of `--prune=now` that nothing may be writing meanwhile.
                let alive = self.place.survivors(Duration::from_secs(10));
                assert!(alive.is_empty(), "processes left: {alive:?}");
                self.place.git(&self.dir, &["gc", "-q", "--prune=now"]);
            }
        }
    }

    /// What the suite is to do once.
    fn prepare(&mut self, act: Act) {
        let script = match act {
            Act::Push { .. } if self.history.main == Main::CheckedOut => return,
            Act::Push { .. } | Act::Repush { .. } => self.script(act),
            Act::Drop { member } | Act::Abandon { member } => {
                // Whether it came in time, only the queue's journal says.
                self.left.insert(member);
                let program = env!("CARGO_BIN_EXE_git-orch");
                Some(format!("cd {} && {program} {}\n", self.dir.display(), self.words(act).join(" ")))
            }
            Act::Flake => return fs::write(self.place.path("flake"), "").unwrap(),
            _ => None,
        };
        if let Some(script) = script {
            fs::write(self.place.path("during"), script).unwrap();
        }
    }

    fn words(&self, act: Act) -> Vec<&str> {
        let name = |member: usize| self.history.members[member].name.as_str();
        match act {
            Act::Repush { member } => vec!["queue", "add", name(member)],
            Act::Approve { member } => vec!["approve", name(member)],
            Act::Drop { member } => vec!["queue", "drop", name(member), "-m", "no"],
            Act::Abandon { member } => vec!["stop", name(member), "--abandon"],
            _ => panic!("no command of ours: {act:?}"),
        }
    }

    fn script(&mut self, act: Act) -> Option<String> {
        self.pushes += 1;
        let mark = format!("hand-{}", self.pushes);
        let text = match act {
            Act::Push { file, line } => {
                let text = if self.history.main == Main::CheckedOut { COMMIT } else { PUSH };
                let old = format!("f{file} line {line}");
                text.replace("{file}", &name_of(file)).replace("{old}", &old)
            }
            Act::Repush { member } => REPUSH.replace("{branch}", &self.history.members[member].name),
            _ => return None,
        };
        let main = if self.history.main == Main::Remote { "bare" } else { "one/.git" };
        let text = text
            .replace("{mark}", &mark)
            .replace("{git}", self.git.to_str().unwrap())
            .replace("{main}", self.place.path(main).to_str().unwrap())
            .replace("{dir}", self.dir.to_str().unwrap());
        Some(text.replace("{place}", self.place.path("").to_str().unwrap()))
    }

    /// What branches bring that were moved on, also by what happened while tests ran.
    fn note_repushed(&mut self) {
        let text = fs::read_to_string(self.place.path("repushed")).unwrap_or_default();
        for line in text.lines() {
            let [_, old, new, mark] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let mut brings = self.brings[old].clone();
            brings.added.insert(mark.to_owned());
            self.brings.insert(new.to_owned(), brings);
        }
    }
}

/// Whether a task is of a branch: a branch that was given up and is handed in again is the task `b2-2`.
pub(super) fn is_of(task: &str, branch: &str) -> bool {
    task.strip_prefix(branch).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn which_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|file| file.is_file());
    found.unwrap()
}
