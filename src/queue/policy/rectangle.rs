//! The largest rectangle: the prefix that adds most to the expected landings.
//!
//! Of nested candidates the longest green one lands. So the expected landings of candidates of lengths `a < b` are
//! `a` times the chance that `a` passes, and `b - a` times the chance that `b` does: steps under a falling curve. What
//! counts is the gain per time of the slot, so where failing runs end early, longer prefixes are tried.

use super::ItemId;
use super::state::{Kind, Pairs, Pipeline, Run};

impl<P: Pairs> Pipeline<P> {
    /// Starts the best prefix of the order, where one is worth a run.
    pub(super) fn start_rectangle(&mut self, now: f64) -> bool {
        let (order, blames) = self.order(now);
        let chances = self.prefixes(&order, &blames);
        let weights: Vec<f64> = std::iter::once(0.0)
            .chain(order.iter().scan(0.0, |sum, (id, _)| {
                let waited = self.item(*id).map_or(0.0, |item| now - item.arrived).max(0.0);
                *sum += 1.0 + self.settings.age_weight * waited / self.settings.rates.suite;
                Some(*sum)
            }))
            .collect();
        let prefix = |run: &&Run| {
            run.lands() && run.chain.len() <= order.len() && {
                order[..run.chain.len()].iter().all(|(id, _)| run.has(*id))
            }
        };
        let running: Vec<usize> = self.runs.iter().filter(prefix).map(|run| run.chain.len()).collect();
        let ids: Vec<ItemId> = order.iter().map(|(id, _)| *id).collect();
        let mut best: Option<(f64, usize)> = None;
        for (length, &chance) in (1..).zip(&chances) {
            let shorter = running.iter().copied().filter(|&other| other < length).max().unwrap_or(0);
            if length - shorter > self.settings.batch_max || self.is_answered(&ids[..length]) {
                continue;
            }
            let longer = running.iter().copied().filter(|&other| other > length).min();
            let covered = longer.and_then(|other| chances.get(other - 1)).copied().unwrap_or(0.0);
            let gain = (chance - covered) * (weights[length] - weights[shorter]);
            let gain = gain * self.told_by(chance) / (chance + (1.0 - chance) * self.settings.red_cost());
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, length));
            }
        }
        match best {
            Some((gain, length)) if gain > self.settings.idle_gain || self.runs.is_empty() => {
                self.start(ids[..length].to_vec(), Kind::Chain, false, now)
            }
            Some(_) | None => false,
        }
    }

    /// What an answer is worth beside what it lands: while there are failed sets, runs whose answer is open shorten the
    /// search for their culprits.
    fn told_by(&self, chance: f64) -> f64 {
        let bits = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
        let searched = if self.failed.is_empty() { 0.0 } else { self.settings.search_bonus };
        1.0 + searched * (bits(chance) + bits(1.0 - chance))
    }
}
