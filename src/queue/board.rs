//! The queue as the policy sees it: entries by number, what is known to be red, what runs.

use super::policy::{Item, ItemId, Kind, Pairs, Pipeline, Rates, Settings, Step};
use super::rules::{self, Standing, Use};
use super::{Composition, Entry, Purpose, View};
use crate::task::id::{Seconds, TaskId, TreeId};

/// Entries that are looked at together, first ones first.
pub(super) const LIMIT: usize = 96;
/// Chance that two changes that touch the same fail together though each is fine; assumed, see docs/benchmarks.md.
const OVERLAPPING: f64 = 0.05;
/// The same where they touch nothing in common.
const DISJOINT: f64 = 0.001;
/// The same where such a pair failed together before.
const COUPLED: f64 = 0.5;
/// Share of the suite after which a failing run ends, in the mean, where selected tests run first.
const EARLY_MEAN: f64 = 0.315;
/// Chance that the change that a failure points at is the culprit.
const ATTRIBUTION: f64 = 0.7;

/// What may be tested now, as the policy sees it.
pub(super) struct Board<'a> {
    pub(super) entries: Vec<&'a Entry>,
    pub(super) pipeline: Pipeline<Footprints>,
    /// Runs of candidates that hold a chain that failed: their answer is known.
    pub(super) red_already: Vec<TreeId>,
}

/// A run to start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish<'a> {
    pub(super) chain: Vec<&'a Entry>,
    pub(super) kind: Kind,
}

/// What a run said of a chain.
struct Said {
    ended: f64,
    ids: Vec<ItemId>,
    /// When it started, where it passed.
    passed: Option<f64>,
}

/// Which entries touch the same.
#[derive(Debug, Clone)]
pub(super) struct Footprints {
    count: usize,
    chances: Vec<f64>,
}

impl Footprints {
    fn of(entries: &[&Entry]) -> Footprints {
        let chance = |a: &Entry, b: &Entry| {
            if a.footprint.coupled_with(&b.footprint) {
                COUPLED
            } else if a.footprint.overlaps(&b.footprint) {
                OVERLAPPING
            } else {
                DISJOINT
            }
        };
        let chances = entries.iter().flat_map(|a| entries.iter().map(move |b| chance(a, b))).collect();
        Footprints { count: entries.len(), chances }
    }
}

impl Pairs for Footprints {
    fn overlap(&self, a: ItemId, b: ItemId) -> bool {
        self.chance(a, b) > DISJOINT
    }

    fn chance(&self, a: ItemId, b: ItemId) -> f64 {
        self.chances[a as usize * self.count + b as usize]
    }
}

/// Seconds as the policy counts them.
fn time(at: Seconds) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for some hundred million years")]
    let seconds = at.0 as f64;
    seconds
}

impl<'a> Board<'a> {
    /// Puts up what the view says of these entries, which are in the order of their turns.
    pub(super) fn of(view: &'a View, entries: &[&'a Entry], slots: usize) -> Board<'a> {
        let entries: Vec<&Entry> = entries.iter().copied().take(LIMIT).collect();
        let belief = &view.belief;
        let rates =
            Rates { flake: belief.flake, attribution: ATTRIBUTION, suite: belief.suite_seconds.max(1.0) };
        let fail_fast = belief.fail_fast.then_some(EARLY_MEAN);
        let settings = Settings {
            batch_max: view.rules.batch_max.max(1),
            ..Settings::new(rates, view.rules.confirmations, fail_fast)
        };
        let others =
            view.running.iter().filter(|run| matches!(run.purpose, Purpose::Baseline | Purpose::Blame));
        let pipeline =
            Pipeline::new(settings, Footprints::of(&entries), slots.saturating_sub(others.count()));
        let mut board = Board { entries, pipeline, red_already: Vec::new() };
        board.put_items(view);
        board.put_answers(view);
        board.put_runs(view);
        board
    }

    fn put_items(&mut self, view: &View) {
        for (id, entry) in (0..).zip(&self.entries) {
            let arrived = time(entry.enqueued_at);
            let needs = rules::undecided(view, entry).filter_map(|task| self.id_of(task)).collect();
            let mut item = Item::new(id, arrived, arrived, view.belief.failing);
            item.needs = needs;
            self.pipeline.arrive(item);
        }
    }

    /// What ended on earlier bases, in the order in which it did, and then the chains that are red on this one: those are
    /// no guess, whatever was green before.
    fn put_answers(&mut self, view: &View) {
        let mut before: Vec<Said> = Vec::new();
        for tried in &view.tried {
            let passed = tried.green.then(|| time(tried.started));
            let said = |ids| Said { ended: time(tried.ended), ids, passed };
            before.extend(self.ids_of(&tried.members).map(said));
        }
        let mut here: Vec<Said> = Vec::new();
        for (members, composition) in &view.compositions {
            let Composition::Clean { tree, .. } = composition else { continue };
            let red = matches!(rules::standing(view, tree), Standing::Red { .. } | Standing::Silent { .. });
            if let (true, Some(ids)) = (red, self.ids_of(members)) {
                let tried = view.tried.iter().find(|tried| tried.members == *members);
                here.push(Said { ended: tried.map_or(0.0, |tried| time(tried.ended)), ids, passed: None });
            }
        }
        before.sort_by(|a, b| {
            let order = a.ended.total_cmp(&b.ended).then(b.passed.is_some().cmp(&a.passed.is_some()));
            order.then_with(|| (a.ids.len(), &a.ids).cmp(&(b.ids.len(), &b.ids)))
        });
        here.sort_by(|a, b| (a.ids.len(), &a.ids).cmp(&(b.ids.len(), &b.ids)));
        for Said { ended, ids, passed } in before.into_iter().chain(here) {
            match passed {
                Some(started) => self.pipeline.know_green(&ids, started),
                None => self.pipeline.know_red(ids, ended),
            }
        }
    }

    fn put_runs(&mut self, view: &View) {
        for run in &view.running {
            let stale = match rules::use_of(view, run) {
                Use::Wanted => false,
                Use::Overtaken => true,
                Use::Useless | Use::Unknown(_) => continue,
            };
            if matches!(run.purpose, Purpose::Candidate | Purpose::Confirm) {
                let ids: Vec<ItemId> = run.members.iter().filter_map(|task| self.id_of(task)).collect();
                let confirms = run.purpose == Purpose::Confirm;
                // One by itself is tested to see whether what is said of it holds.
                if !confirms && ids.len() > 1 && self.pipeline.is_red(&ids) {
                    self.red_already.push(run.tree.clone());
                    continue;
                }
                let stale = stale || ids.is_empty();
                self.pipeline.know_run(ids, time(run.started), confirms, stale);
            }
        }
    }

    pub(super) fn id_of(&self, task: &TaskId) -> Option<ItemId> {
        let at = self.entries.iter().position(|entry| entry.task == *task)?;
        ItemId::try_from(at).ok()
    }

    /// The numbers of tasks that are all here.
    fn ids_of(&self, tasks: &[TaskId]) -> Option<Vec<ItemId>> {
        tasks.iter().map(|task| self.id_of(task)).collect()
    }

    /// Whether the task is in a set that failed.
    pub(super) fn is_suspect(&self, task: &TaskId) -> bool {
        self.id_of(task).is_some_and(|id| self.pipeline.suspected(id))
    }

    /// What the policy wants to start now.
    pub(super) fn wishes(&mut self, now: Seconds) -> Vec<Wish<'a>> {
        self.pipeline.decide(time(now));
        let steps = self.pipeline.take_steps().into_iter();
        let wish = |step| match step {
            Step::Start { chain, kind, .. } => {
                let chain = chain.iter().map(|&id| self.entries[id as usize]).collect();
                Some(Wish { chain, kind })
            }
            Step::Land { .. } | Step::Eject { .. } | Step::Cancel { .. } => None,
        };
        steps.filter_map(wish).collect()
    }

    /// The answer to this chain is there already: something else is to be wished for.
    pub(super) fn know_answer(&mut self, chain: &[&Entry]) {
        let set = chain.iter().filter_map(|entry| self.id_of(&entry.task)).collect();
        self.pipeline.know_answer(set);
    }
}
