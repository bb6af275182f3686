//! What the policy knows.

use super::Settings;

/// Number of a change. Smaller numbers have their turn first.
pub(crate) type ItemId = u32;
/// Number of a run.
pub(crate) type RunId = u32;

/// Says how likely two changes fail together though each is fine.
pub(crate) trait Pairs {
    /// Whether both touch the same.
    fn overlap(&self, a: ItemId, b: ItemId) -> bool;
    /// The chance, 0 to 1: higher where both touch the same.
    fn chance(&self, a: ItemId, b: ItemId) -> f64;
}

/// One undecided change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: ItemId,
    pub(crate) arrived: f64,
    /// Its author wrote it on the base as it was at this time.
    pub(crate) based_at: f64,
    /// Chance that it is broken by itself.
    pub(crate) own: f64,
    /// Chance that nothing that landed since breaks it.
    pub(super) kept: f64,
    /// When the run that cleared it started, and which one that was.
    pub(super) cleared: Option<(f64, RunId)>,
    /// Undecided items that must be before it in a chain.
    pub(crate) needs: Vec<ItemId>,
}

impl Item {
    pub(crate) fn new(id: ItemId, arrived: f64, based_at: f64, own: f64) -> Item {
        Item { id, arrived, based_at, own, kept: 1.0, cleared: None, needs: Vec::new() }
    }

    /// Chance that it fails on today's base.
    pub(super) fn risk(&self) -> f64 {
        let own = if self.cleared.is_some() { 0.0 } else { self.own };
        1.0 - (1.0 - own) * self.kept
    }
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To land its items.
    Chain,
    /// To clear old suspects; it lands them where nothing else is under way.
    Lane,
    /// To see whether the red of one item was a flake.
    Confirm,
}

/// A run that is going on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    /// Its undecided items, in the order in which they are composed.
    pub(crate) chain: Vec<ItemId>,
    pub(crate) started: f64,
    pub(crate) kind: Kind,
    /// Whether something landed that is not in it: it may clear, and no longer land.
    pub(crate) stale: bool,
}

impl Run {
    pub(super) fn has(&self, id: ItemId) -> bool {
        self.chain.contains(&id)
    }

    pub(super) fn has_all(&self, set: &[ItemId]) -> bool {
        set.iter().all(|&id| self.has(id))
    }

    /// Whether it could still land its items.
    pub(super) fn lands(&self) -> bool {
        self.kind == Kind::Chain && !self.stale
    }
}

/// Items of which at least one is a culprit, unless a flake said so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FailedSet {
    /// Ascending.
    pub(super) items: Vec<ItemId>,
    /// The item that the failure points at.
    pub(super) named: Option<ItemId>,
    /// Whether items left it because they passed elsewhere, not because they landed.
    pub(super) inexact: bool,
    pub(super) since: f64,
}

impl FailedSet {
    pub(super) fn has(&self, id: ItemId) -> bool {
        self.items.binary_search(&id).is_ok()
    }

    pub(super) fn within(&self, set: &[ItemId]) -> bool {
        self.items.iter().all(|id| set.contains(id))
    }

    /// The item that it leaves as the only suspect.
    pub(super) fn single(&self) -> Option<ItemId> {
        if let [id] = self.items[..] { Some(id) } else { None }
    }
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// The tested commit becomes the base.
    Land {
        chain: Vec<ItemId>,
    },
    Eject {
        id: ItemId,
    },
    Cancel {
        run: RunId,
    },
    Start {
        run: RunId,
        chain: Vec<ItemId>,
        kind: Kind,
    },
}

/// The state of one queue, and the policy on it.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline<P> {
    pub(super) settings: Settings,
    pub(super) pairs: P,
    pub(super) slots: usize,
    /// Undecided, by number.
    pub(super) items: Vec<Item>,
    pub(super) runs: Vec<Run>,
    pub(super) failed: Vec<FailedSet>,
    /// What is undecided of each run that failed. Where one item is left and the others have landed, the run speaks
    /// against this item alone: two runs, each red with it, confirm each other as well as a repetition does.
    pub(super) witnesses: Vec<Vec<ItemId>>,
    /// What landed, and when: oldest first.
    pub(super) landed: Vec<(f64, ItemId)>,
    /// Sets that are not to be tested, because the answer is there.
    pub(super) answered: Vec<Vec<ItemId>>,
    pub(super) next_run: RunId,
    pub(super) steps: Vec<Step>,
}

impl<P: Pairs> Pipeline<P> {
    pub(crate) fn new(settings: Settings, pairs: P, slots: usize) -> Pipeline<P> {
        Pipeline {
            settings,
            pairs,
            slots,
            items: Vec::new(),
            runs: Vec::new(),
            failed: Vec::new(),
            witnesses: Vec::new(),
            landed: Vec::new(),
            answered: Vec::new(),
            next_run: 0,
            steps: Vec::new(),
        }
    }

    /// Adds an item that has its turn after all that are there.
    pub(crate) fn arrive(&mut self, mut item: Item) {
        item.kept = self.kept_since(item.id, item.based_at);
        self.items.push(item);
    }

    /// Decides what to start with what is known now.
    pub(crate) fn decide(&mut self, now: f64) {
        if self.items.is_empty() || self.runs.len() >= self.slots {
            return;
        }
        self.confirm_where(|failed, settings| now - failed.since > settings.rates.suite, now);
        while self.runs.len() < self.slots {
            let backlog = self.backlog();
            let started = (backlog && self.start_group(now))
                || (self.runs.iter().all(|run| run.kind != Kind::Lane) && self.start_lane(now))
                || self.start_rectangle(now)
                || self.start_aside(now);
            if !started {
                break;
            }
        }
        self.confirm_where(|_, _| true, now);
    }

    /// What came out since it was last asked.
    pub(crate) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// Starts the confirmation of single suspects whose failed set fits, while slots are free.
    fn confirm_where(&mut self, fits: impl Fn(&FailedSet, &Settings) -> bool, now: f64) {
        let singles: Vec<ItemId> = self
            .failed
            .iter()
            .filter(|failed| fits(failed, &self.settings))
            .filter_map(FailedSet::single)
            .collect();
        for id in singles {
            let confirming = self.runs.iter().any(|run| run.kind == Kind::Confirm && run.has(id));
            let able = self.item(id).is_some_and(|item| item.needs.is_empty());
            if able && !confirming && self.runs.len() < self.slots {
                self.start(vec![id], Kind::Confirm, false, now);
            }
        }
    }

    /// Starts a run of these items and of all that they need, unless its answer is known.
    pub(super) fn start(&mut self, chain: Vec<ItemId>, kind: Kind, stale: bool, now: f64) -> bool {
        let chain = self.with_needs(chain);
        let known_red = kind != Kind::Confirm && self.failed.iter().any(|failed| failed.within(&chain));
        if known_red || self.is_answered(&chain) {
            return false;
        }
        let id = self.next_run;
        self.next_run += 1;
        self.steps.push(Step::Start { run: id, chain: chain.clone(), kind });
        self.runs.push(Run { id, chain, started: now, kind, stale });
        true
    }

    /// The items, each after what it needs.
    pub(super) fn with_needs(&self, chain: Vec<ItemId>) -> Vec<ItemId> {
        let needs = |id: &ItemId| self.item(*id).map_or(&[][..], |item| &item.needs);
        if chain.iter().all(|id| needs(id).is_empty()) {
            return chain;
        }
        let mut whole: Vec<ItemId> = Vec::new();
        let mut open: Vec<ItemId> = chain.into_iter().rev().collect();
        while let Some(id) = open.pop() {
            let missing: Vec<ItemId> =
                needs(&id).iter().copied().filter(|need| !whole.contains(need)).collect();
            if whole.contains(&id) {
                continue;
            }
            if missing.is_empty() {
                whole.push(id);
            } else {
                open.push(id);
                open.extend(missing);
            }
        }
        whole
    }

    /// Whether this very set has its answer, or is being asked.
    pub(super) fn is_answered(&self, chain: &[ItemId]) -> bool {
        let same = |set: &[ItemId]| set.len() == chain.len() && chain.iter().all(|id| set.contains(id));
        self.runs.iter().any(|run| same(&run.chain)) || self.answered.iter().any(|set| same(set))
    }

    pub(super) fn item(&self, id: ItemId) -> Option<&Item> {
        self.items.binary_search_by_key(&id, |item| item.id).ok().map(|at| &self.items[at])
    }

    pub(super) fn item_mut(&mut self, id: ItemId) -> Option<&mut Item> {
        self.items.binary_search_by_key(&id, |item| item.id).ok().map(|at| &mut self.items[at])
    }

    pub(super) fn suspect(&self, id: ItemId) -> bool {
        self.failed.iter().any(|failed| failed.has(id))
    }

    /// Chance that nothing that landed after `since` breaks the item.
    pub(super) fn kept_since(&self, id: ItemId, since: f64) -> f64 {
        let later = self.landed.iter().rev().take_while(|(at, _)| *at > since);
        later.map(|&(_, other)| 1.0 - self.pairs.chance(id, other)).product()
    }
}
