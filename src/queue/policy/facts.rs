//! Puts in what records say, for a planner that remembers nothing itself.

use super::state::{FailedSet, Kind, Pairs, Pipeline, Run};
use super::{ItemId, RunId};

impl<P: Pairs> Pipeline<P> {
    /// These items are red together.
    pub(crate) fn know_red(&mut self, mut items: Vec<ItemId>, since: f64) {
        items.sort_unstable();
        items.dedup();
        if items.is_empty() || self.failed.iter().any(|failed| failed.within(&items)) {
            return;
        }
        self.failed.retain(|failed| !items.iter().all(|&id| failed.has(id)));
        self.failed.push(FailedSet { items, named: None, inexact: false, since });
    }

    /// These items passed together, in a run that can no longer land them.
    pub(crate) fn know_green(&mut self, items: &[ItemId], started: f64) {
        let run = self.next_run;
        self.next_run += 1;
        for &id in items {
            if let Some(item) = self.item_mut(id) {
                item.cleared = Some((started, run));
            }
        }
        for failed in &mut self.failed {
            let before = failed.items.len();
            failed.items.retain(|id| !items.contains(id));
            failed.inexact |= failed.items.len() < before;
        }
        self.failed.retain(|failed| !failed.items.is_empty());
    }

    /// A run of these items is going on.
    pub(crate) fn know_run(
        &mut self,
        chain: Vec<ItemId>,
        started: f64,
        confirms: bool,
        stale: bool,
    ) -> RunId {
        let id = self.next_run;
        self.next_run += 1;
        let single = chain.len() == 1 && self.failed.iter().any(|failed| failed.items == chain);
        let kind = if confirms || single { Kind::Confirm } else { Kind::Chain };
        self.runs.push(Run { id, chain, started, kind, stale });
        id
    }

    /// The answer to this set is there already: not to be tested.
    pub(crate) fn know_answer(&mut self, set: Vec<ItemId>) {
        self.answered.push(set);
    }

    /// Whether these items together are known to be red, with whatever else.
    pub(crate) fn is_red(&self, items: &[ItemId]) -> bool {
        self.failed.iter().any(|failed| failed.within(items))
    }

    /// Whether an item is in a failed set.
    pub(crate) fn suspected(&self, id: ItemId) -> bool {
        self.suspect(id)
    }
}
