//! With many waiting: disjoint groups on top of what is cleared, and a lane for suspects that have waited long.

use super::ItemId;
use super::state::{FailedSet, Item, Kind, Pairs, Pipeline};
use std::cmp::Reverse;

/// Fewer fresh items than this are no backlog.
const BACKLOG_MIN: usize = 4;
/// Most fresh items that are looked at.
const FRESH_MAX: usize = 64;

impl<P: Pairs> Pipeline<P> {
    /// Whether more fresh items wait than two groups of them would test.
    pub(crate) fn backlog(&self) -> bool {
        let fresh: Vec<&Item> = self.fresh().take(FRESH_MAX).collect();
        if fresh.len() < BACKLOG_MIN {
            return false;
        }
        let lost: f64 = fresh.iter().map(|item| -(1.0 - item.risk()).max(f64::MIN_POSITIVE).ln()).sum();
        let group = (1.0 / self.settings.target()).ln() / (lost / fresh.len() as f64).max(f64::MIN_POSITIVE);
        fresh.len() as f64 > self.settings.backlog_factor * group
    }

    /// Items that nothing is known of: in no run, in no failed set, not cleared.
    fn fresh(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| {
            item.cleared.is_none() && !self.suspect(item.id) && !self.runs.iter().any(|run| run.has(item.id))
        })
    }

    /// Tests the next group on top of what is cleared.
    pub(super) fn start_group(&mut self, now: f64) -> bool {
        let cleared: Vec<ItemId> = self
            .items
            .iter()
            .filter(|item| item.cleared.is_some() && !self.suspect(item.id))
            .map(|item| item.id)
            .take(self.settings.window)
            .collect();
        let group = match self.unsearched() {
            Some(failed) => self.part_of(failed, 1.0 - self.settings.target(), failed.named.is_some()),
            None => self.next_fresh(&cleared),
        };
        if group.is_empty() {
            return false;
        }
        let chain: Vec<ItemId> = cleared.into_iter().chain(group).collect();
        self.start(chain, Kind::Chain, false, now)
    }

    /// The oldest failed set of several that no run searches.
    fn unsearched(&self) -> Option<&FailedSet> {
        let uncleared = |id: &ItemId| self.item(*id).is_some_and(|item| item.cleared.is_none());
        self.failed.iter().filter(|failed| failed.items.len() > 1).find(|failed| {
            let searched = |id: &&ItemId| self.runs.iter().any(|run| run.has(**id));
            !failed.items.iter().filter(|id| uncleared(id)).any(|id| searched(&id))
        })
    }

    /// Members of a failed set that are to blame by at most `share` together: at least one, not all.
    fn part_of(&self, failed: &FailedSet, share: f64, by_weight: bool) -> Vec<ItemId> {
        let blame = self.blame(failed, |id| self.plain_risk(id));
        let mut members: Vec<(f64, ItemId)> =
            blame.weights.iter().copied().zip(failed.items.iter().copied()).collect();
        if by_weight {
            members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        let mut sum = 0.0;
        let fits = members.iter().take_while(|(weight, _)| {
            sum += weight;
            sum <= share
        });
        let most = self.settings.batch_max.min(failed.items.len() - 1);
        let count = fits.count().clamp(1, most);
        members[..count].iter().map(|(_, id)| *id).collect()
    }

    /// The next fresh items that pass together with the target chance: at least one.
    fn next_fresh(&self, cleared: &[ItemId]) -> Vec<ItemId> {
        let mut group: Vec<&Item> = cleared.iter().filter_map(|id| self.item(*id)).collect();
        let riding = group.len();
        let mut chance = 1.0;
        for item in self.fresh().take(FRESH_MAX.min(self.settings.batch_max)) {
            let pairs: f64 = group.iter().map(|other| 1.0 - self.pair(item, other)).product();
            chance *= (1.0 - item.risk()) * pairs;
            if chance < self.settings.target() && group.len() > riding {
                break;
            }
            group.push(item);
        }
        group[riding..].iter().map(|item| item.id).collect()
    }

    /// Tests the less suspect half of the smallest failed set with a member that has waited too long.
    pub(super) fn start_lane(&mut self, now: f64) -> bool {
        let limit = now - self.settings.lane_age * self.settings.rates.suite;
        let old = |id: &ItemId| self.item(*id).is_some_and(|item| item.arrived < limit);
        let wanted = self
            .failed
            .iter()
            .filter(|failed| failed.items.len() > 1 && failed.items.iter().any(old))
            .min_by_key(|failed| (failed.items.len(), Reverse(failed.named.is_some())));
        let Some(failed) = wanted else { return false };
        let group = self.part_of(failed, 0.5, true);
        let stale = !self.runs.is_empty(); // it then only clears
        self.start(group, Kind::Lane, stale, now)
    }
}
