//! What follows from the answer of a run.

use super::state::{FailedSet, Kind, Pairs, Pipeline, Run, Step};
use super::{ItemId, RunId};

impl<P: Pairs> Pipeline<P> {
    /// A run passed. Where it may, its items land.
    pub(crate) fn passed(&mut self, run: RunId, now: f64) {
        let Some(run) = self.take_run(run) else { return };
        match (run.kind, run.stale) {
            (Kind::Confirm, stale) => {
                let id = run.chain[0];
                self.failed.retain(|failed| !failed.has(id));
                self.witnesses.retain(|witness| !witness.contains(&id));
                if !stale {
                    self.land(&run.chain, now);
                }
            }
            (Kind::Chain | Kind::Lane, false) => self.land(&run.chain, now),
            (Kind::Chain | Kind::Lane, true) => self.clear(&run),
        }
        self.settle();
    }

    /// A run failed, and pointed at an item or at none.
    pub(crate) fn failed(&mut self, run: RunId, named: Option<ItemId>, now: f64) {
        let Some(run) = self.take_run(run) else { return };
        self.witnesses.push(run.chain.clone());
        if run.kind == Kind::Confirm && self.suspect(run.chain[0]) {
            self.settle();
            return;
        }
        let mut items = run.chain;
        items.sort_unstable();
        let named = named.filter(|id| items.binary_search(id).is_ok());
        self.failed.retain(|failed| !items.iter().all(|&id| failed.has(id)));
        if !self.failed.iter().any(|failed| failed.within(&items)) {
            self.failed.push(FailedSet { items, named, inexact: false, since: now });
        }
        self.settle();
    }

    fn take_run(&mut self, id: RunId) -> Option<Run> {
        let at = self.runs.iter().position(|run| run.id == id)?;
        Some(self.runs.remove(at))
    }

    /// The items of a green candidate become the base.
    fn land(&mut self, chain: &[ItemId], now: f64) {
        self.steps.push(Step::Land { chain: chain.to_vec() });
        self.items.retain(|item| !chain.contains(&item.id));
        self.landed.extend(chain.iter().map(|&id| (now, id)));
        for item in &mut self.items {
            for &other in chain {
                item.kept *= 1.0 - self.pairs.chance(item.id, other);
            }
        }
        self.drop_from_failed(chain, true);
        for witness in &mut self.witnesses {
            witness.retain(|id| !chain.contains(id));
        }
        self.witnesses.retain(|witness| !witness.is_empty());
        let backlog = self.backlog();
        let mut useless = Vec::new();
        for run in &mut self.runs {
            let contained = run.has_all(chain);
            run.chain.retain(|id| !chain.contains(id));
            let overlap = |&id: &ItemId| chain.iter().any(|&other| self.pairs.overlap(id, other));
            let past = self.settings.commute && !run.chain.iter().any(overlap);
            let overtaken = !(contained || past);
            if run.chain.is_empty() || (overtaken && run.kind == Kind::Chain && !backlog) {
                useless.push(run.id);
            }
            run.stale |= overtaken;
        }
        self.cancel(&useless);
    }

    /// The items of a green run that can no longer land are taken to be good.
    fn clear(&mut self, run: &Run) {
        for &id in &run.chain {
            let kept = self.kept_since(id, run.started);
            if let Some(item) = self.item_mut(id) {
                item.cleared = Some((run.started, run.id));
                item.kept = kept;
            }
        }
        self.drop_from_failed(&run.chain, false);
    }

    /// Takes good items out of failed sets. `landed`: what is left is red on the new base, by the same evidence.
    fn drop_from_failed(&mut self, good: &[ItemId], landed: bool) {
        self.failed.retain_mut(|failed| {
            let before = failed.items.len();
            failed.items.retain(|id| !good.contains(id));
            failed.inexact |= failed.items.len() < before && !landed;
            !failed.items.is_empty()
        });
    }

    /// Ejects who is red alone often enough, keeps minimal failed sets, and ends runs that are known to be red.
    fn settle(&mut self) {
        while let Some(id) = self.convicted() {
            self.steps.push(Step::Eject { id });
            self.items.retain(|item| item.id != id);
            self.failed.retain(|failed| !failed.has(id));
            self.witnesses.retain(|witness| !witness.contains(&id));
            let useless: Vec<RunId> = self.runs.iter().filter(|run| run.has(id)).map(|run| run.id).collect();
            self.cancel(&useless);
        }
        self.keep_minimal();
        let red = |run: &&Run| {
            run.kind != Kind::Confirm && self.failed.iter().any(|failed| failed.within(&run.chain))
        };
        let useless: Vec<RunId> = self.runs.iter().filter(red).map(|run| run.id).collect();
        self.cancel(&useless);
    }

    fn convicted(&self) -> Option<ItemId> {
        let against = |id: ItemId| self.witnesses.iter().filter(|witness| witness[..] == [id]).count();
        let needed = self.settings.confirmations as usize;
        self.failed.iter().filter_map(FailedSet::single).find(|&id| against(id) > needed)
    }

    fn keep_minimal(&mut self) {
        let mut at = 0;
        while at < self.failed.len() {
            let found = &self.failed[at];
            let larger = self.failed.iter().enumerate().any(|(other_at, other)| {
                other_at != at
                    && other.within(&found.items)
                    && (other.items.len() < found.items.len() || other_at < at)
            });
            if larger {
                self.failed.remove(at);
            } else {
                at += 1;
            }
        }
    }

    fn cancel(&mut self, useless: &[RunId]) {
        self.runs.retain(|run| !useless.contains(&run.id));
        self.steps.extend(useless.iter().map(|&run| Step::Cancel { run }));
    }
}
