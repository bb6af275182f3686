//! A world in values that drives `plan` to the end, and checks at every step what must always hold.
//!
//! The world knows what the planner cannot: which change is defective, which two do not go together, which run will
//! flake. A view is made from the world's facts at every tick, so each tick is a restart; a crash loses the runs and
//! the compositions as well, or comes between a landing and its record.

use super::*;
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One change, as the world knows it. Indices are taken modulo the number of changes before it.
#[derive(Debug, Clone)]
struct Change {
    priority: u8,
    arrives: u32,
    paths: BTreeSet<u8>,
    glob: bool,
    barrier: bool,
    defect: bool,
    accept_worse: bool,
    conflicts_with_base: bool,
    contained: bool,
    after: Option<usize>,
    /// Another change that it conflicts with in its text.
    textual: Option<usize>,
    /// Another change with which it fails, though each is fine alone.
    semantic: Option<usize>,
}

/// What one run does, whatever it tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Fine,
    Flake,
    NoEvidence,
}

/// What befalls the world at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Quiet,
    Crash,
    /// Somebody else pushes to the base.
    BaseMoves,
    /// The next landing's record is lost.
    LoseRecord,
}

#[derive(Debug, Clone)]
struct Scenario {
    changes: Vec<Change>,
    luck: Vec<Luck>,
    events: Vec<Event>,
    seconds: Vec<u32>,
    slots: u32,
    rules: Rules,
}

/// What a tree holds: pushes by others, and changes.
type Content = (u32, BTreeSet<usize>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Failing(BTreeSet<String>),
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Landed,
    Ejected(Ejection),
    Contained,
}

struct World {
    scenario: Scenario,
    trees: Vec<Content>,
    commits: Vec<(Content, Vec<usize>)>,
    base: Content,
    compositions: BTreeMap<Vec<TaskId>, Composition>,
    answers: BTreeMap<TreeId, Vec<Answer>>,
    running: Vec<(Running, u32)>,
    held: BTreeMap<TaskId, Hold>,
    ends: BTreeMap<usize, End>,
    landed: BTreeSet<usize>,
    tick: u32,
    runs: usize,
    stopped: Option<Stop>,
    asked: bool,
    lose_record: bool,
}

fn id(of: usize) -> TaskId {
    TaskId::parse(&format!("t{of}")).unwrap()
}

fn index(task: &TaskId) -> usize {
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
    fn new(scenario: Scenario) -> World {
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
    fn failing(&self, content: &Content) -> BTreeSet<String> {
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

    fn in_conflict(&self, a: usize, b: usize) -> bool {
        let changes = &self.scenario.changes;
        changes[a].textual == Some(b) || changes[b].textual == Some(a)
    }

    /// Composes a chain on the base: the content up to each member, or what stops it.
    fn compose(&mut self, chain: &[usize]) -> Composition {
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

    /// What is known of a tree's runs, against today's base.
    fn known(&self, tree: &TreeId) -> Known {
        let answers = &self.answers[tree];
        let expected = self.failing(&self.base);
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
                Verdict::Worse { tests: BTreeSet::clone(tests), times: times(reds.len()) }
            }
            (false, None) => Verdict::NoEvidence { why: "no report".to_owned(), times: times(answers.len()) },
        };
        Known { verdict, flake }
    }

    fn waiting(&self, at: usize) -> bool {
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
            priority: change.priority,
            enqueued_at: Seconds(i64::from(change.arrives)),
            after: after.filter(|&other| self.waiting(other)).map(id).into_iter().collect(),
            blocked: after.is_some_and(|other| !self.waiting(other)),
            footprint: Footprint::new(paths, &globs, change.barrier).unwrap(),
            accept_worse: change.accept_worse,
        }
    }

    fn view(&mut self) -> View {
        let base = self.base.clone();
        let tree = self.tree(&base);
        let mut verdicts: BTreeMap<TreeId, Known> =
            self.answers.keys().map(|tree| (tree.clone(), self.known(tree))).collect();
        if let Some(known) = verdicts.get_mut(&tree) {
            if matches!(known.verdict, Verdict::Green) {
                known.verdict = Verdict::Baseline { failing: self.failing(&base) };
            }
        }
        View {
            base: Base {
                commit: self.commit(&base, &[]),
                tree,
                landed: self.landed.iter().map(|&at| (id(at), nonce(at))).collect(),
            },
            entries: (0..self.scenario.changes.len())
                .filter(|&at| self.waiting(at))
                .map(|at| self.entry(at))
                .collect(),
            compositions: self.compositions.clone(),
            verdicts,
            running: self.running.iter().map(|(run, _)| run.clone()).collect(),
            held: self.held.clone(),
            rules: self.scenario.rules.clone(),
            paused: false,
            stopped: self.stopped.clone(),
            min_priority: None,
        }
    }

    /// Runs to the end: nothing to do, nothing running, nobody to come.
    fn run(&mut self) -> Result<(), TestCaseError> {
        loop {
            self.befall();
            self.finish_runs();
            let view = self.view();
            let actions = plan(&view, Seconds(0), self.scenario.slots);
            let mut mirrored = view.clone();
            mirrored.entries.reverse();
            prop_assert_eq!(&actions, &plan(&mirrored, Seconds(9), self.scenario.slots));
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
            let content = self.trees[usize::from_str_radix(run.tree.as_str(), 16).unwrap()].clone();
            let mut tests = self.failing(&content);
            let luck = self.scenario.luck.get(self.runs).copied().unwrap_or(Luck::Fine);
            self.runs += 1;
            let answer = match (luck, run.purpose) {
                (Luck::NoEvidence, _) => Answer::Nothing,
                (Luck::Flake, Purpose::Candidate | Purpose::Confirm) => {
                    tests.insert(format!("flake{}", self.runs));
                    Answer::Failing(tests)
                }
                (Luck::Fine, _) | (Luck::Flake, Purpose::Baseline) => Answer::Failing(tests),
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
                self.running.push((Running { members, tree, purpose }, self.tick + seconds));
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

    fn end(&mut self, task: &TaskId, end: End) -> Result<(), TestCaseError> {
        self.held.remove(task);
        prop_assert!(self.ends.insert(index(task), end).is_none(), "{} ended twice", task);
        Ok(())
    }

    /// A run is of a clean chain, in a free slot, of a tree that nobody knows or whose one red is in doubt.
    fn check_start(
        &mut self,
        view: &View,
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        purpose: Purpose,
    ) -> Result<(), TestCaseError> {
        prop_assert!(self.running.len() < usize::try_from(self.scenario.slots).unwrap());
        prop_assert!(self.running.iter().all(|(run, _)| run.tree != *tree));
        if purpose == Purpose::Baseline {
            prop_assert_eq!(tree, &view.base.tree);
        } else {
            let chain: Vec<usize> = members.iter().map(index).collect();
            let composed = self.compose(&chain);
            prop_assert_eq!(composed, Composition::Clean { commit: commit.clone(), tree: tree.clone() });
        }
        let known = self.answers.contains_key(tree).then(|| self.known(tree).verdict);
        match known {
            None => prop_assert_ne!(purpose, Purpose::Confirm),
            Some(Verdict::NoEvidence { times, .. }) => prop_assert!(times < 2),
            Some(Verdict::Worse { times, .. }) => {
                prop_assert_eq!(purpose, Purpose::Confirm);
                prop_assert!(times <= self.scenario.rules.confirmations);
            }
            Some(verdict) => prop_assert!(false, "tests a tree again that is {verdict:?}"),
        }
        Ok(())
    }

    /// A landing is of a chain on today's base, tested green as that tree, and makes nothing worse.
    fn land(
        &mut self,
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        on: &LandedOn,
    ) -> Result<(), TestCaseError> {
        let chain: Vec<usize> = members.iter().map(index).collect();
        let composed = self.compose(&chain);
        prop_assert_eq!(composed, Composition::Clean { commit: commit.clone(), tree: tree.clone() });
        prop_assert!(self.answers.contains_key(tree), "lands what was not tested");
        let mut content = self.base.clone();
        content.1.extend(&chain);
        let worse = !self.failing(&content).is_subset(&self.failing(&self.base));
        match (self.known(tree).verdict, on) {
            (Verdict::Green, LandedOn::Green | LandedOn::Flaky) => prop_assert!(!worse),
            (Verdict::Worse { .. }, LandedOn::Accepted { .. }) => {
                prop_assert!(chain.len() == 1 && self.scenario.changes[chain[0]].accept_worse);
            }
            (verdict, on) => prop_assert!(false, "lands {verdict:?} as {on:?}"),
        }
        for (at, &member) in chain.iter().enumerate() {
            let change = &self.scenario.changes[member];
            prop_assert!(self.landed.insert(member), "landed twice");
            prop_assert!(self.waiting(member));
            prop_assert!(chain.len() == 1 || !(change.barrier || change.accept_worse));
            let before = |other: usize| self.base.1.contains(&other) || chain[..at].contains(&other);
            prop_assert!(change.after.is_none_or(before));
        }
        self.base = content;
        self.compositions.clear();
        if !std::mem::take(&mut self.lose_record) {
            for member in members {
                self.end(member, End::Landed)?;
            }
        }
        Ok(())
    }

    /// Nobody is ejected who did no harm; a flake can look like harm only where the world has flakes.
    fn check_ejection(&self, at: usize, because: &Ejection) -> Result<(), TestCaseError> {
        let change = &self.scenario.changes[at];
        match because {
            Ejection::Conflict { with, .. } => {
                let landed = self.base.1.iter().any(|&other| self.in_conflict(at, other));
                prop_assert!(change.conflicts_with_base || landed);
                if let Some(with) = with {
                    prop_assert!(self.base.1.contains(&index(with)) && self.in_conflict(at, index(with)));
                }
            }
            Ejection::Worse { runs, .. } => {
                prop_assert!(*runs > self.scenario.rules.confirmations && !change.accept_worse);
                let mut content = self.base.clone();
                content.1.insert(at);
                let worse = !self.failing(&content).is_subset(&self.failing(&self.base));
                prop_assert!(worse || self.scenario.luck.contains(&Luck::Flake));
            }
            Ejection::NoEvidence { runs, .. } => {
                prop_assert!(*runs == 2 && self.scenario.luck.contains(&Luck::NoEvidence));
            }
        }
        Ok(())
    }

    /// Who is still there at the end waits for a person, or for somebody who does not come.
    fn check_end(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            self.ends.values().filter(|end| **end == End::Landed).count(),
            self.landed.len(),
            "a landing without a record"
        );
        let gone = |at: usize| self.ends.contains_key(&at) && !self.base.1.contains(&at);
        for at in (0..self.scenario.changes.len()).filter(|at| !self.ends.contains_key(at)) {
            let mut needed = self.scenario.changes[at].after;
            while let Some(other) = needed.filter(|&other| !gone(other)) {
                needed = self.scenario.changes[other].after;
            }
            prop_assert!(needed.is_some() || self.stopped.is_some() || self.asked, "t{} is left", at);
        }
        Ok(())
    }
}

fn one_in(n: u32) -> impl Strategy<Value = bool> {
    (0..n).prop_map(|drawn| drawn == 0)
}

fn rarely(of: std::ops::Range<usize>) -> impl Strategy<Value = Option<usize>> {
    prop_oneof![4 => Just(None), 1 => of.prop_map(Some)]
}

fn change() -> impl Strategy<Value = Change> {
    let traits = (one_in(8), one_in(10), one_in(4), one_in(10), one_in(12), one_in(12));
    let links = (rarely(0..10), rarely(0..10), rarely(0..10));
    let paths = proptest::collection::btree_set(0u8..24, 0..3);
    (0u8..3, 0u32..8, paths, traits, links).prop_map(|(priority, arrives, paths, traits, links)| Change {
        priority,
        arrives,
        paths,
        glob: traits.0,
        barrier: traits.1,
        defect: traits.2,
        accept_worse: traits.3,
        conflicts_with_base: traits.4,
        contained: traits.5,
        after: links.0,
        textual: links.1,
        semantic: links.2,
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let luck = prop_oneof![6 => Just(Luck::Fine), 1 => Just(Luck::Flake), 1 => Just(Luck::NoEvidence)];
    let event = prop_oneof![
        12 => Just(Event::Quiet), 1 => Just(Event::Crash), 1 => Just(Event::BaseMoves), 1 => Just(Event::LoseRecord)
    ];
    let rules = (1usize..6, one_in(5), 0u32..3, any::<bool>()).prop_map(
        |(batch_max, stop, confirmations, needs_baseline)| Rules {
            batch_max,
            on_worse: if stop { OnWorse::Stop } else { OnWorse::Culprit },
            confirmations,
            needs_baseline,
        },
    );
    (
        proptest::collection::vec(change(), 1..9),
        proptest::collection::vec(luck, 0..24),
        proptest::collection::vec(event, 0..40),
        proptest::collection::vec(1u32..4, 1..5),
        1u32..4,
        rules,
    )
        .prop_map(|(mut changes, luck, events, seconds, slots, rules)| {
            for at in 0..changes.len() {
                let earlier = |other: Option<usize>| other.filter(|_| at > 0).map(|other| other % at);
                let change = &mut changes[at];
                change.after = earlier(change.after);
                change.textual = earlier(change.textual);
                change.semantic = earlier(change.semantic);
            }
            Scenario { changes, luck, events, seconds, slots, rules }
        })
}

/// A change that touches one path of its own and does no harm.
fn harmless(path: u8) -> Change {
    Change {
        priority: 0,
        arrives: 0,
        paths: BTreeSet::from([path]),
        glob: false,
        barrier: false,
        defect: false,
        accept_worse: false,
        conflicts_with_base: false,
        contained: false,
        after: None,
        textual: None,
        semantic: None,
    }
}

fn calm(changes: Vec<Change>, batch_max: usize) -> World {
    let rules = Rules { batch_max, on_worse: OnWorse::Culprit, confirmations: 1, needs_baseline: false };
    let (luck, events) = (Vec::new(), Vec::new());
    World::new(Scenario { changes, luck, events, seconds: vec![1], slots: 1, rules })
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_world_ends_well(scenario in scenario()) {
        World::new(scenario).run()?;
    }

    #[test]
    fn disjoint_green_changes_land_with_one_run(count in 1u8..9, slots in 1u32..4) {
        let mut world = calm((0..count).map(harmless).collect(), usize::from(count));
        world.scenario.slots = slots;
        world.run()?;
        prop_assert_eq!(world.landed.len(), usize::from(count));
        prop_assert_eq!(world.runs, 1);
    }

    #[test]
    fn one_culprit_costs_a_search_and_everyone_else_lands(count in 2usize..17, culprit in 0usize..16) {
        let culprit = culprit % count;
        let mut changes: Vec<Change> = (0u8..).map(harmless).take(count).collect();
        changes[culprit].defect = true;
        let mut world = calm(changes, count);
        world.run()?;
        prop_assert_eq!(world.landed.len(), count - 1);
        // The whole, a search by halves, the confirmation, and the rest behind the culprit.
        let halvings = usize::try_from(count.next_power_of_two().ilog2()).unwrap();
        prop_assert!(world.runs <= 1 + halvings + 1 + 1 + halvings, "{} runs", world.runs);
    }
}

#[test]
fn a_pair_that_fails_only_together_costs_the_later_one_its_place() {
    let mut changes = vec![harmless(0), harmless(1)];
    changes[1].semantic = Some(0);
    let mut world = calm(changes, 4);
    world.run().unwrap();
    assert_eq!(world.ends[&0], End::Landed);
    assert!(matches!(&world.ends[&1], End::Ejected(Ejection::Worse { runs: 2, .. })));
    assert_eq!(world.runs, 3); // both, the first, the second again
}

#[test]
fn a_conflict_with_a_task_ahead_costs_no_run_and_names_the_pair() {
    let mut changes = vec![harmless(0), harmless(0)];
    changes[1].textual = Some(0);
    let mut world = calm(changes, 4);
    world.run().unwrap();
    let files = BTreeSet::from(["f".to_owned()]);
    assert_eq!(world.ends[&1], End::Ejected(Ejection::Conflict { files, with: Some(id(0)) }));
    assert_eq!(world.runs, 1);
}

#[test]
fn a_held_task_goes_on_when_the_one_ahead_is_ejected() {
    let mut changes = vec![harmless(0), harmless(0)];
    changes[0].defect = true;
    changes[1].textual = Some(0);
    let mut world = calm(changes, 4);
    world.run().unwrap();
    assert!(matches!(world.ends[&0], End::Ejected(_)));
    assert_eq!(world.ends[&1], End::Landed);
}

#[test]
fn a_flake_lands_after_its_confirmation() {
    let mut world = calm(vec![harmless(0)], 4);
    world.scenario.luck = vec![Luck::Flake];
    world.run().unwrap();
    assert_eq!((&world.ends[&0], world.runs), (&End::Landed, 2));
}

#[test]
fn a_base_without_evidence_is_asked_about_and_nothing_lands() {
    let mut world = calm(vec![harmless(0), harmless(1)], 4);
    world.scenario.luck = vec![Luck::NoEvidence; 20];
    world.run().unwrap();
    assert!(world.landed.is_empty() && world.ends.is_empty() && world.asked);
}

#[test]
fn the_first_confirmed_worse_stops_everything_where_that_is_wanted() {
    let mut changes = vec![harmless(0), harmless(1)];
    changes[0].defect = true;
    let mut world = calm(changes, 1);
    world.scenario.rules.on_worse = OnWorse::Stop;
    world.run().unwrap();
    assert!(world.stopped.is_some() && world.landed.is_empty() && world.ends.len() == 1);
}

#[test]
fn a_paused_queue_does_nothing_and_says_so() {
    let mut world = calm(vec![harmless(0)], 1);
    let mut view = world.view();
    view.paused = true;
    assert_eq!(plan(&view, Seconds(0), 1), []);
    assert_eq!(why(&view, &id(0)), "the queue is paused");
}

#[test]
fn entries_below_the_minimum_priority_wait() {
    let mut changes = vec![harmless(0), harmless(1)];
    changes[0].priority = 3;
    let mut view = calm(changes, 4).view();
    view.min_priority = Some(2);
    assert_eq!(plan(&view, Seconds(0), 1), [Action::Compose { members: vec![id(1)] }]);
    assert_eq!(why(&view, &id(0)), "priority 3: only 0 to 2 go now");
}

#[test]
fn entries_that_wait_for_each_other_are_asked_about() {
    let mut view = calm(vec![harmless(0), harmless(1)], 4).view();
    view.entries[0].after = vec![id(1)];
    view.entries[1].after = vec![id(0)];
    let members = vec![id(0), id(1)];
    assert_eq!(plan(&view, Seconds(0), 1), [Action::Ask { question: Question::Cycle { members } }]);
}

#[test]
fn why_names_the_one_ahead() {
    let mut world = calm(vec![harmless(0), harmless(0), harmless(2)], 4);
    world.compositions = [vec![0], vec![1], vec![2], vec![0, 1], vec![0, 2]]
        .into_iter()
        .map(|chain| (chain.iter().copied().map(id).collect(), world.compose(&chain)))
        .collect();
    let view = world.view();
    let lines: Vec<String> = (0..3).map(|at| why(&view, &id(at))).collect();
    assert_eq!(lines, ["next to be tested", "behind t0: both change d0/f0", "next to be tested"]);
}
