//! Suspects last: the order whose prefixes are the candidates.

use super::ItemId;
use super::risk::Blame;
use super::state::{Item, Pairs, Pipeline, Run};

/// A running candidate goes first in the order where it is at least this likely to pass.
const LIKELY: f64 = 0.5;

impl<P: Pairs> Pipeline<P> {
    /// The first items of the queue with their risks: those of candidates that are likely green, then untouched ones,
    /// then suspects, least suspect first.
    pub(super) fn order(&self, now: f64) -> (Vec<(ItemId, f64)>, Vec<Blame>) {
        let window = &self.items[..self.items.len().min(self.settings.window)];
        let risks: Vec<f64> = window.iter().map(|item| self.survived_risk(item.id, now)).collect();
        let risk = |id: ItemId| match window.binary_search_by_key(&id, |item| item.id) {
            Ok(at) => risks[at],
            Err(_) => self.plain_risk(id),
        };
        let blames = self.blames(risk);
        let mut order: Vec<(ItemId, f64)> = Vec::with_capacity(window.len());
        let mut candidates: Vec<&Run> = self.runs.iter().filter(|run| run.lands()).collect();
        candidates.sort_by_key(|run| run.chain.len());
        for run in candidates {
            let chain: Vec<(ItemId, f64)> = run.chain.iter().map(|&id| (id, risk(id))).collect();
            let chance = || self.prefixes(&chain, &blames).get(chain.len() - 1).copied().unwrap_or(0.0);
            if order.iter().all(|(id, _)| run.has(*id)) && chance() >= LIKELY {
                let rest: Vec<(ItemId, f64)> =
                    chain.iter().filter(|one| !order.contains(one)).copied().collect();
                order.extend(rest);
            }
        }
        let mut suspects: Vec<(f64, ItemId, f64)> = Vec::new();
        for (item, &risk) in window.iter().zip(&risks) {
            if order.iter().any(|(id, _)| *id == item.id) {
                continue;
            }
            match self.suspicion(item, &blames) {
                None => order.push((item.id, risk)),
                Some(suspicion) => suspects.push((suspicion, item.id, risk)),
            }
        }
        suspects.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order.extend(suspects.into_iter().map(|(_, id, risk)| (id, risk)));
        if window.iter().any(|item| !item.needs.is_empty()) {
            order = self.after_needs(order);
        }
        (order, blames)
    }

    /// The same order, but each item after those that it needs; without items that need one which is not there.
    fn after_needs(&self, order: Vec<(ItemId, f64)>) -> Vec<(ItemId, f64)> {
        let mut placed: Vec<(ItemId, f64)> = Vec::with_capacity(order.len());
        let mut rest = order;
        let able = |id: ItemId, placed: &[(ItemId, f64)]| {
            let needs = self.item(id).map_or(&[][..], |item| &item.needs);
            needs.iter().all(|need| placed.iter().any(|(before, _)| before == need))
        };
        while let Some(at) = rest.iter().position(|(id, _)| able(*id, &placed)) {
            placed.push(rest.remove(at));
        }
        placed
    }

    /// How much an item is suspected: the most by any failed set that it is in.
    fn suspicion(&self, item: &Item, blames: &[Blame]) -> Option<f64> {
        let of_set = self.failed.iter().zip(blames).filter_map(|(failed, blame)| {
            let place = failed.items.binary_search(&item.id).ok()?;
            Some(blame.weights[place] * blame.real)
        });
        of_set.max_by(f64::total_cmp)
    }
}
