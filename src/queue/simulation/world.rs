//! A simulated world: its facts, what befalls it, and the carrying out of actions.

use super::scenario::{Event, Luck, Scenario};
use crate::queue::*;
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a tree holds: pushes by others, and changes.
pub(super) type Content = (u32, BTreeSet<usize>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Failing(BTreeSet<String>),
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Landed,
    Ejected(Ejection),
    Contained,
}

/// The facts, and what the planner's actions made of them.
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) trees: Vec<Content>,
    pub(super) commits: Vec<(Content, Vec<usize>)>,
    pub(super) base: Content,
    pub(super) compositions: BTreeMap<Vec<TaskId>, Composition>,
    pub(super) answers: BTreeMap<TreeId, Vec<Answer>>,
    pub(super) running: Vec<(Running, u32)>,
    pub(super) held: BTreeMap<TaskId, Hold>,
    pub(super) ends: BTreeMap<usize, End>,
    pub(super) landed: BTreeSet<usize>,
    pub(super) tick: u32,
    pub(super) runs: usize,
    pub(super) stopped: Option<Stop>,
    pub(super) asked: bool,
    pub(super) lose_record: bool,
    /// After a commuting landing, until the base is tested: what failed on the last one that was.
    pub(super) commuted: Option<BTreeSet<String>>,
}

pub(super) fn id(of: usize) -> TaskId {
    TaskId::parse(&format!("t{of}")).unwrap()
}

pub(super) fn index(task: &TaskId) -> usize {
    task.as_str()[1..].parse().unwrap()
}

fn nonce(of: usize) -> Nonce {
    Nonce(format!("n{of}"))
}

fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

impl World {
    pub(super) fn new(scenario: Scenario) -> World {
        World {
            scenario,
            trees: Vec::new(),
            commits: Vec::new(),
            base: (0, BTreeSet::new()),
            compositions: BTreeMap::new(),
            answers: BTreeMap::new(),
            running: Vec::new(),
            held: BTreeMap::new(),
            ends: BTreeMap::new(),
            landed: BTreeSet::new(),
            tick: 0,
            runs: 0,
            stopped: None,
            asked: false,
            lose_record: false,
            commuted: None,
        }
    }

    fn tree(&mut self, content: &Content) -> TreeId {
        TreeId::parse(&format!("{:040x}", place(&mut self.trees, content.clone()))).unwrap()
    }

    fn commit(&mut self, base: &Content, chain: &[usize]) -> CommitId {
        let at = place(&mut self.commits, (base.clone(), chain.to_vec()));
        CommitId::parse(&format!("{at:040x}")).unwrap()
    }

    /// The tests that really fail with this content.
    pub(super) fn failing(&self, content: &Content) -> BTreeSet<String> {
        let mut failing: BTreeSet<String> = (0..content.0).map(|push| format!("push{push}")).collect();
        for &at in &content.1 {
            let change = &self.scenario.changes[at];
            if change.defect {
                failing.insert(format!("t{at}"));
            }
            if let Some(other) = change.semantic.filter(|other| content.1.contains(other)) {
                failing.insert(format!("t{at}-t{other}"));
            }
        }
        failing
    }

    pub(super) fn in_conflict(&self, a: usize, b: usize) -> bool {
        let changes = &self.scenario.changes;
        changes[a].textual == Some(b) || changes[b].textual == Some(a)
    }

    /// Composes a chain on the base: the content up to each member, or what stops it.
    pub(super) fn compose(&mut self, chain: &[usize]) -> Composition {
        let files = BTreeSet::from(["f".to_owned()]);
        let (&last, before) = chain.split_last().unwrap();
        let base = self.base.clone();
        let change = &self.scenario.changes[last];
        if change.conflicts_with_base || base.1.iter().any(|&landed| self.in_conflict(last, landed)) {
            return Composition::ConflictWithBase { files };
        }
        if let Some(&ahead) = before.iter().find(|&&ahead| self.in_conflict(last, ahead)) {
            return Composition::ConflictWith { ahead: id(ahead), files };
        }
        if change.contained || base.1.contains(&last) {
            return Composition::Empty;
        }
        let mut content = base.clone();
        content.1.extend(chain);
        Composition::Clean { commit: self.commit(&base, chain), tree: self.tree(&content) }
    }

    /// The tests that are known to fail on today's base. Where it has to be tested for that, nothing is before it was.
    pub(super) fn expected(&self) -> BTreeSet<String> {
        let asked = self.scenario.rules.needs_baseline != NeedsBaseline::None;
        if asked && !self.base_answered() {
            self.commuted.clone().unwrap_or_default()
        } else {
            self.failing(&self.base)
        }
    }

    /// Whether a run of today's base gave a result.
    pub(super) fn base_answered(&self) -> bool {
        let base = self.trees.iter().position(|content| *content == self.base);
        let answers = base.and_then(|at| self.answers.get(&TreeId::parse(&format!("{at:040x}")).unwrap()));
        answers.is_some_and(|answers| answers.iter().any(|answer| *answer != Answer::Nothing))
    }

    /// What is known of a tree's runs, against today's base.
    pub(super) fn known(&self, tree: &TreeId) -> Known {
        let answers = &self.answers[tree];
        let expected = self.expected();
        let mut reds = Vec::new();
        let mut green = false;
        for answer in answers {
            match answer {
                Answer::Failing(tests) if tests.is_subset(&expected) => green = true,
                Answer::Failing(tests) => reds.push(tests.difference(&expected).cloned().collect()),
                Answer::Nothing => {}
            }
        }
        let times = |count: usize| u32::try_from(count).unwrap();
        let flake = green && !reds.is_empty();
        let verdict = match (green, reds.last()) {
            (true, _) => Verdict::Green,
            (false, Some(tests)) => {
                let unanswered = answers.iter().filter(|answer| **answer == Answer::Nothing).count();
                let (times, unanswered) = (times(reds.len()), times(unanswered));
                Verdict::Worse { tests: BTreeSet::clone(tests), times, unanswered }
            }
            (false, None) => Verdict::NoEvidence { why: "no report".to_owned(), times: times(answers.len()) },
        };
        Known { verdict, flake }
    }

    pub(super) fn waiting(&self, at: usize) -> bool {
        !self.ends.contains_key(&at) && self.scenario.changes[at].arrives <= self.tick
    }

    fn entry(&self, at: usize) -> Entry {
        let change = &self.scenario.changes[at];
        let paths = change.paths.iter().map(|path| format!("d{}/f{path}", path % 2)).collect();
        let globs = if change.glob { vec![format!("d{}/**", at % 2)] } else { Vec::new() };
        let after = change.after.filter(|other| !self.base.1.contains(other));
        Entry {
            task: id(at),
            nonce: nonce(at),
            head: CommitId::parse(&format!("{:040x}", 1_000_000 + at)).unwrap(),
            hotfix: false,
            repairs: false,
            priority: change.priority,
            enqueued_at: Seconds(i64::from(change.arrives)),
            after: after.filter(|&other| self.waiting(other)).map(id).into_iter().collect(),
            blocked: after.is_some_and(|other| !self.waiting(other)),
            footprint: Footprint::new(paths, &globs, change.barrier).unwrap(),
            accept_worse: change.accept_worse,
        }
    }

    /// What runs said of trees that are today's base with others on top, or that were of an earlier one.
    fn tried(&self) -> Vec<Tried> {
        let said = self.answers.keys().filter_map(|tree| {
            let content = self.content(tree);
            let rest: Vec<usize> =
                content.1.iter().copied().filter(|member| !self.base.1.contains(member)).collect();
            let here = !rest.is_empty() && rest.iter().all(|&member| self.waiting(member));
            let green = self.known(tree).verdict == Verdict::Green;
            here.then(|| Tried {
                members: rest.into_iter().map(id).collect(),
                tree: tree.clone(),
                green,
                worse: match self.known(tree).verdict {
                    Verdict::Worse { tests, .. } => tests,
                    Verdict::Green | Verdict::NoEvidence { .. } | Verdict::Baseline { .. } => BTreeSet::new(),
                },
                started: Seconds(0),
                ended: Seconds(1),
                past: self.past(content).filter(|_| green),
            })
        });
        if self.scenario.forgets { Vec::new() } else { said.collect() }
    }

    /// The changes that the base has and a tree has not; `None` where others pushed between them.
    pub(super) fn missing(&self, content: &Content) -> Option<Vec<usize>> {
        (content.0 == self.base.0).then(|| self.base.1.difference(&content.1).copied().collect())
    }

    /// What of the base is other than what a run of this content had below.
    fn past(&self, content: &Content) -> Option<Footprint> {
        if !self.scenario.rules.commute {
            return None;
        }
        let Some(missing) = self.missing(content) else {
            return Some(Footprint::new(BTreeSet::new(), &[], true).unwrap());
        };
        let paths = missing.iter().flat_map(|&at| self.entry(at).footprint.paths).collect();
        let barrier = missing.iter().any(|&at| self.scenario.changes[at].barrier);
        Some(Footprint::new(paths, &[], barrier).unwrap())
    }

    fn content(&self, tree: &TreeId) -> &Content {
        &self.trees[usize::from_str_radix(tree.as_str(), 16).unwrap()]
    }

    fn running(&self) -> Vec<Running> {
        let seen = |(run, _): &(Running, u32)| {
            let past = self.past(self.content(&run.tree)).filter(|_| run.purpose == Purpose::Candidate);
            Running { past, ..run.clone() }
        };
        self.running.iter().map(seen).collect()
    }

    /// What the landings of the last time do together is known: a red stops everything.
    fn look_at_commuted(&mut self) {
        if !self.base_answered() {
            return;
        }
        let Some(before) = self.commuted.take() else { return };
        let tests: BTreeSet<String> = self.failing(&self.base).difference(&before).cloned().collect();
        if !tests.is_empty() {
            self.stopped = Some(Stop { culprit: id(0), tests });
        }
    }

    /// The share of changes that fail, as production learns it: a guess of 5 %, with the weight of two changes.
    fn failing_share(&self) -> f64 {
        let worse = |end: &&End| matches!(end, End::Ejected(Ejection::Worse { .. }));
        let count = |of: usize| f64::from(u32::try_from(of).unwrap());
        let (worse, landed) = (self.ends.values().filter(worse).count(), self.landed.len());
        ((count(worse) + 0.1) / (count(worse + landed) + 2.0)).clamp(0.005, 0.4)
    }

    pub(super) fn view(&mut self) -> View {
        let base = self.base.clone();
        let tree = self.tree(&base);
        let mut verdicts: BTreeMap<TreeId, Known> =
            self.answers.keys().map(|tree| (tree.clone(), self.known(tree))).collect();
        if let Some(known) = verdicts.get_mut(&tree).filter(|known| known.verdict == Verdict::Green) {
            known.verdict = Verdict::Baseline { failing: self.failing(&base) };
        }
        View {
            base: Base {
                commit: self.commit(&base, &[]),
                tree,
                landed: self.landed.iter().map(|&at| (id(at), nonce(at))).collect(),
                commuted: self.commuted.is_some(),
                measured: self.commuted.is_some(),
            },
            entries: (0..self.scenario.changes.len())
                .filter(|&at| self.waiting(at))
                .map(|at| self.entry(at))
                .collect(),
            compositions: self.compositions.clone(),
            verdicts,
            running: self.running(),
            tried: self.tried(),
            belief: Belief {
                failing: self.failing_share(),
                flake: 0.02,
                suite_seconds: 2.0,
                fail_fast: self.scenario.fail_fast,
            },
            held: self.held.clone(),
            rules: self.scenario.rules.clone(),
            paused: false,
            stopped: self.stopped.clone(),
            min_priority: None,
        }
    }

    /// Runs to the end: nothing to do, nothing running, nobody to come.
    pub(super) fn run(&mut self) -> Result<(), TestCaseError> {
        loop {
            self.befall();
            self.finish_runs();
            self.look_at_commuted();
            let view = self.view();
            let now = Seconds(i64::from(self.tick));
            let actions = plan(&view, now, self.scenario.slots);
            let mut mirrored = view.clone();
            mirrored.entries.reverse();
            prop_assert_eq!(&actions, &plan(&mirrored, now, self.scenario.slots));
            for entry in &view.entries {
                prop_assert!(!why(&view, &entry.task).is_empty());
            }
            let idle = actions.iter().all(|action| matches!(action, Action::Ask { .. }));
            self.asked = !actions.is_empty() && idle;
            for action in actions {
                self.carry_out(&view, action)?;
            }
            let last = self.scenario.changes.iter().map(|change| change.arrives).max().unwrap_or(0);
            if idle && self.running.is_empty() && self.tick > last && self.quiet() {
                return self.check_end();
            }
            self.tick += 1;
            prop_assert!(self.tick < 3000, "does not end");
        }
    }

    fn quiet(&self) -> bool {
        usize::try_from(self.tick).unwrap() >= self.scenario.events.len()
    }

    fn befall(&mut self) {
        let tick = usize::try_from(self.tick).unwrap();
        match self.scenario.events.get(tick).copied().unwrap_or(Event::Quiet) {
            Event::Quiet => {}
            Event::Crash => {
                self.running.clear();
                self.compositions.clear();
            }
            Event::BaseMoves => {
                self.base.0 += 1;
                self.compositions.clear();
            }
            Event::LoseRecord => self.lose_record = true,
        }
    }

    fn finish_runs(&mut self) {
        let tick = self.tick;
        let (done, going): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|(_, end)| *end <= tick);
        self.running = going;
        for (run, _) in done {
            let content = self.content(&run.tree).clone();
            let mut tests = self.failing(&content);
            let luck = self.scenario.luck.iter().cycle().nth(self.runs).copied().unwrap_or(Luck::Fine);
            self.runs += 1;
            let answer = match (luck, run.purpose) {
                (Luck::NoEvidence, _) => Answer::Nothing,
                (Luck::Flake, Purpose::Candidate | Purpose::Confirm) => {
                    tests.insert(format!("flake{}", self.runs));
                    Answer::Failing(tests)
                }
                (Luck::Fine, _) | (Luck::Flake, Purpose::Baseline | Purpose::Blame) => Answer::Failing(tests),
            };
            self.answers.entry(run.tree).or_default().push(answer);
        }
    }

    fn carry_out(&mut self, view: &View, action: Action) -> Result<(), TestCaseError> {
        match action {
            Action::Compose { members } => {
                for end in 1..=members.len() {
                    let chain: Vec<usize> = members[..end].iter().map(index).collect();
                    let composition = self.compose(&chain);
                    let clean = matches!(composition, Composition::Clean { .. });
                    self.compositions.insert(members[..end].to_vec(), composition);
                    if !clean {
                        break;
                    }
                }
            }
            Action::StartRun { members, commit, tree, purpose } => {
                self.check_start(view, &members, &commit, &tree, purpose)?;
                let seconds = self.scenario.seconds[self.runs % self.scenario.seconds.len()];
                let started = Seconds(i64::from(self.tick));
                self.running
                    .push((Running { members, tree, purpose, started, past: None }, self.tick + seconds));
            }
            Action::CancelRun { tree } => self.running.retain(|(run, _)| run.tree != tree),
            Action::Land { members, commit, tree, on } => self.land(&members, &commit, &tree, &on)?,
            Action::Hold { task, hold } => {
                prop_assert!(self.in_conflict(index(&task), index(&hold.behind)));
                prop_assert!(view.entry(&hold.behind).is_some());
                self.held.insert(task, hold);
            }
            Action::Release { task } => prop_assert!(self.held.remove(&task).is_some()),
            Action::Eject { task, because } => {
                self.check_ejection(index(&task), &because)?;
                self.end(&task, End::Ejected(because))?;
            }
            Action::Finish { task, because } => {
                let at = index(&task);
                match because {
                    Finished::Landed => {
                        prop_assert!(self.landed.contains(&at));
                        self.end(&task, End::Landed)?;
                    }
                    Finished::Contained => {
                        prop_assert!(self.scenario.changes[at].contained);
                        self.end(&task, End::Contained)?;
                    }
                }
            }
            Action::StopAll { because } => {
                prop_assert_eq!(self.scenario.rules.on_worse, OnWorse::Stop);
                self.stopped = Some(because);
            }
            Action::Ask { question } => {
                let of_base = matches!(question, Question::NoBaseline { .. });
                prop_assert!(of_base);
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, task: &TaskId, end: End) -> Result<(), TestCaseError> {
        self.held.remove(task);
        prop_assert!(self.ends.insert(index(task), end).is_none(), "{} ended twice", task);
        Ok(())
    }
}
