//! How likely a set of items passes.

use super::ItemId;
use super::state::{FailedSet, Item, Pairs, Pipeline};

/// Least pass chance of a running candidate's survival: nobody is sure before it has ended.
const SHARE_MAX: f64 = 0.98;

/// Whom the members of one failed set have to thank for it.
#[derive(Debug, Clone)]
pub(super) struct Blame {
    /// Chance of each member to be the culprit; adds up to 1.
    pub(super) weights: Vec<f64>,
    /// Chance that it was no flake.
    pub(super) real: f64,
}

impl<P: Pairs> Pipeline<P> {
    /// Chance that two items fail together though each is fine.
    pub(super) fn pair(&self, a: &Item, b: &Item) -> f64 {
        match (a.cleared, b.cleared) {
            (Some((_, one)), Some((_, other))) if one == other => 0.0,
            _ => self.pairs.chance(a.id, b.id),
        }
    }

    /// Chance that the item fails on today's base.
    pub(super) fn plain_risk(&self, id: ItemId) -> f64 {
        self.item(id).map_or(1.0, Item::risk)
    }

    /// The same, with what running candidates say that have not failed yet.
    pub(super) fn survived_risk(&self, id: ItemId, now: f64) -> f64 {
        let mut risk = self.plain_risk(id);
        let Some(mean) = self.settings.fail_fast else { return risk };
        let start = self.runs.iter().filter(|run| run.has(id)).map(|run| run.started).min_by(f64::total_cmp);
        if let Some(start) = start {
            let share = ((now - start) / self.settings.rates.suite).clamp(0.0, SHARE_MAX);
            let fails_later = (-share / mean).exp();
            risk = risk.min(risk * fails_later / (1.0 - risk + risk * fails_later));
        }
        risk
    }

    pub(super) fn blame(&self, failed: &FailedSet, risk: impl Fn(ItemId) -> f64) -> Blame {
        let items = &failed.items;
        let mut passes = 1.0;
        let mut weights: Vec<f64> = items
            .iter()
            .map(|&id| {
                let own = risk(id);
                passes *= 1.0 - own;
                let pairs: f64 = match self.item(id) {
                    Some(item) => {
                        let others = items.iter().filter(|&&other| other != id);
                        others.filter_map(|&other| self.item(other)).map(|other| self.pair(item, other)).sum()
                    }
                    None => 0.0,
                };
                own + 0.5 * pairs + f64::EPSILON
            })
            .collect();
        if let (Some(named), true) = (failed.named, items.len() > 1) {
            let right = self.settings.rates.attribution;
            let wrong = (1.0 - right) / (items.len() - 1) as f64;
            for (weight, &id) in weights.iter_mut().zip(items) {
                *weight *= if id == named { right } else { wrong };
            }
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let (defect, flake) = (1.0 - passes, self.settings.rates.flake);
        Blame { weights, real: defect / (defect + flake * (1.0 - defect)).max(f64::MIN_POSITIVE) }
    }

    /// Blames for all failed sets.
    pub(super) fn blames(&self, risk: impl Fn(ItemId) -> f64) -> Vec<Blame> {
        self.failed.iter().map(|failed| self.blame(failed, &risk)).collect()
    }

    /// Chance that the prefix of 1, 2, ... of `order` passes; ends before the first that holds a whole failed set.
    pub(super) fn prefixes(&self, order: &[(ItemId, f64)], blames: &[Blame]) -> Vec<f64> {
        let mut passes = 1.0;
        let mut blamed: Vec<(f64, usize)> = vec![(0.0, 0); self.failed.len()];
        let items: Vec<Option<&Item>> = order.iter().map(|(id, _)| self.item(*id)).collect();
        let mut chances = Vec::with_capacity(order.len());
        for (at, &(id, risk)) in order.iter().enumerate() {
            passes *= 1.0 - risk;
            if let Some(item) = items[at] {
                for other in items[..at].iter().flatten() {
                    passes *= 1.0 - self.pair(item, other);
                }
            }
            let mut searched = 1.0;
            for ((failed, blame), (inside, count)) in self.failed.iter().zip(blames).zip(&mut blamed) {
                if let Ok(place) = failed.items.binary_search(&id) {
                    *inside += blame.weights[place];
                    *count += 1;
                    if *count == failed.items.len() {
                        return chances;
                    }
                }
                searched *= blame.real * (1.0 - *inside) + 1.0 - blame.real;
            }
            chances.push(passes * searched);
        }
        chances
    }
}
