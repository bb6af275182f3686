//! The production planner as a whole: at each moment a view is made of what is known, and its actions are carried out until
//! it has none. What it has that the bare policy has not: no memory, learned rates, the limit of a batch, the rules.
//!
//! Here every chain composes, and the base's results are known, as they are once something has landed.

use crate::bench::beliefs::Beliefs;
use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::{ChangeId, Trace};
use crate::queue::{
    self, Action, Base, Belief, Composition, Entry, Footprint, Known, NeedsBaseline, OnWorse, Rules, Running,
    Tried, Verdict, View,
};
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most members of a batch, as `queue.batch` has it where nobody says otherwise.
const BATCH: usize = 24;
const MINUTE: f64 = 60.0;

/// What a run of a tree said.
struct Said {
    members: Vec<ChangeId>,
    green: bool,
    started: Seconds,
    ended: Seconds,
}

/// The planner over a trace.
pub(crate) struct Planner<'a> {
    trace: &'a Trace,
    confirmations: u32,
    /// In the order in which they landed.
    landed: Vec<ChangeId>,
    ejected: u32,
    waiting: BTreeMap<ChangeId, Seconds>,
    trees: HashMap<Vec<ChangeId>, usize>,
    compositions: BTreeMap<Vec<TaskId>, Composition>,
    commits: u32,
    said: BTreeMap<TreeId, Vec<Said>>,
    running: Vec<(u32, Running)>,
    next_run: u32,
}

fn name(id: ChangeId) -> TaskId {
    TaskId::parse(&format!("c{id:06}")).expect("a letter and digits are a name")
}

fn number(task: &TaskId) -> ChangeId {
    task.as_str()[1..].parse().expect("it was made from a number")
}

fn hash(of: usize) -> String {
    format!("{of:040x}")
}

fn seconds(minutes: f64) -> Seconds {
    #[expect(clippy::cast_possible_truncation, reason = "minutes of a trace are few")]
    let seconds = (minutes * MINUTE).round() as i64;
    Seconds(seconds)
}

impl<'a> Planner<'a> {
    /// The planner with nothing learned yet.
    pub(crate) fn new(trace: &'a Trace, beliefs: Beliefs) -> Planner<'a> {
        Planner {
            trace,
            confirmations: beliefs.confirmations,
            landed: Vec::new(),
            ejected: 0,
            waiting: BTreeMap::new(),
            trees: HashMap::new(),
            compositions: BTreeMap::new(),
            commits: 0,
            said: BTreeMap::new(),
            running: Vec::new(),
            next_run: 0,
        }
    }

    /// The tree of the base with these on top.
    fn tree(&mut self, chain: &[ChangeId]) -> TreeId {
        let mut content: Vec<ChangeId> = self.landed.iter().chain(chain).copied().collect();
        content.sort_unstable();
        let next = self.trees.len();
        TreeId::parse(&hash(*self.trees.entry(content).or_insert(next))).expect("forty digits")
    }

    fn compose(&mut self, members: &[TaskId]) {
        for end in 1..=members.len() {
            if !self.compositions.contains_key(&members[..end]) {
                let chain: Vec<ChangeId> = members[..end].iter().map(number).collect();
                self.commits += 1;
                let commit = CommitId::parse(&hash(self.commits as usize)).expect("forty digits");
                let tree = self.tree(&chain);
                self.compositions.insert(members[..end].to_vec(), Composition::Clean { commit, tree });
            }
        }
    }

    fn entry(&self, id: ChangeId, since: Seconds) -> Entry {
        let paths = self.trace.change(id).footprint.iter().map(|file| format!("f{file}")).collect();
        Entry {
            task: name(id),
            nonce: Nonce(format!("n{id}")),
            head: CommitId::parse(&hash(id as usize)).expect("forty digits"),
            priority: 0,
            hotfix: false,
            repairs: false,
            enqueued_at: since,
            after: Vec::new(),
            blocked: false,
            footprint: Footprint::new(paths, &[], false).expect("no pattern can be wrong"),
            accept_worse: false,
        }
    }

    fn view(&mut self) -> View {
        let base = self.tree(&[]);
        let failed = || BTreeSet::from(["suite".to_owned()]);
        let mut verdicts: BTreeMap<TreeId, Known> = BTreeMap::new();
        let mut tried = Vec::new();
        for (tree, runs) in &self.said {
            let green = runs.iter().any(|run| run.green);
            let times = u32::try_from(runs.iter().filter(|run| !run.green).count()).unwrap_or(u32::MAX);
            let verdict = match green {
                true => Verdict::Green,
                false => Verdict::Worse { tests: failed(), times, unanswered: 0 },
            };
            verdicts.insert(tree.clone(), Known { verdict, flake: green && times > 0 });
            let Some(last) = runs.last() else { continue };
            let rest: Vec<ChangeId> =
                last.members.iter().copied().filter(|id| !self.landed.contains(id)).collect();
            if !rest.is_empty() && rest.iter().all(|id| self.waiting.contains_key(id)) {
                tried.push(Tried {
                    members: rest.into_iter().map(name).collect(),
                    tree: tree.clone(),
                    green,
                    worse: if green { BTreeSet::new() } else { failed() },
                    started: last.started,
                    ended: last.ended,
                    past: None,
                });
            }
        }
        let passes = Known { verdict: Verdict::Baseline { failing: BTreeSet::new() }, flake: false };
        verdicts.insert(base.clone(), passes);
        let count = |of: usize| f64::from(u32::try_from(of).unwrap_or(u32::MAX));
        let share = queue::failing_share(count(self.landed.len()), f64::from(self.ejected));
        View {
            base: Base {
                commit: CommitId::parse(&"f".repeat(40)).expect("forty digits"),
                tree: base,
                landed: self.landed.iter().map(|&id| (name(id), Nonce(format!("n{id}")))).collect(),
                commuted: false,
                measured: false,
            },
            entries: self.waiting.iter().map(|(&id, &since)| self.entry(id, since)).collect(),
            compositions: self.compositions.clone(),
            verdicts,
            running: self.running.iter().map(|(_, run)| run.clone()).collect(),
            tried,
            belief: Belief::of(share, Some(self.trace.mean_length() * MINUTE), self.trace.signals.early),
            held: BTreeMap::new(),
            rules: Rules {
                batch_max: BATCH,
                on_worse: OnWorse::Culprit,
                confirmations: self.confirmations,
                needs_baseline: NeedsBaseline::Reds,
                commute: false,
                vouch: true,
                land_when_closed: true,
            },
            paused: false,
            stopped: None,
            min_priority: None,
        }
    }

    fn carry_out(&mut self, action: Action, now: f64, wants: &mut Vec<Want>) {
        match action {
            Action::Compose { members } => self.compose(&members),
            Action::StartRun { members, tree, purpose, .. } => {
                let run = self.next_run;
                self.next_run += 1;
                wants.push(Want::Start {
                    run,
                    members: members.iter().map(number).collect(),
                    subjects: None,
                });
                self.running
                    .push((run, Running { members, tree, purpose, started: seconds(now), past: None }));
            }
            Action::CancelRun { tree } => {
                let (gone, rest): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut self.running).into_iter().partition(|(_, run)| run.tree == tree);
                self.running = rest;
                wants.extend(gone.into_iter().map(|(run, _)| Want::Cancel(run)));
            }
            Action::Land { members, .. } => {
                let chain: Vec<ChangeId> = members.iter().map(number).collect();
                self.waiting.retain(|id, _| !chain.contains(id));
                self.landed.extend(&chain);
                self.compositions.clear();
                wants.push(Want::Land(chain));
            }
            Action::Eject { task, .. } => {
                let id = number(&task);
                self.waiting.remove(&id);
                self.compositions.retain(|members, _| !members.contains(&task));
                self.ejected += 1;
                wants.push(Want::Eject(id));
            }
            Action::Finish { .. }
            | Action::Release { .. }
            | Action::Hold { .. }
            | Action::StopAll { .. }
            | Action::Ask { .. } => {}
        }
    }
}

impl Policy for Planner<'_> {
    fn name(&self) -> &'static str {
        "planner"
    }

    fn uses(&self) -> Vec<&'static str> {
        if self.trace.signals.early { vec!["early"] } else { Vec::new() }
    }

    fn arrived(&mut self, id: ChangeId, now: f64) {
        self.waiting.insert(id, seconds(now));
    }

    fn ended(&mut self, run: u32, answer: Answer, now: f64, _wants: &mut Vec<Want>) {
        let Some(place) = self.running.iter().position(|(number, _)| *number == run) else { return };
        let (_, run) = self.running.remove(place);
        self.said.entry(run.tree).or_default().push(Said {
            members: run.members.iter().map(number).collect(),
            green: answer == Answer::Pass,
            started: run.started,
            ended: seconds(now),
        });
    }

    fn decide(&mut self, now: f64, wants: &mut Vec<Want>) {
        let slots = u32::try_from(self.trace.slots).unwrap_or(u32::MAX);
        loop {
            let view = self.view();
            let actions = queue::plan(&view, seconds(now), slots);
            if actions.iter().all(|action| matches!(action, Action::Ask { .. })) {
                return;
            }
            for action in actions {
                self.carry_out(action, now, wants);
            }
        }
    }
}
