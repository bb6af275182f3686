//! Aside: what does not wait for a run that takes far longer than a suite.
//!
//! Candidates are prefixes of one order, so all of them may stand on a run that takes hours, or on a suspect whose run
//! does. A slot that would be idle then tests the others without it. They land on trees of their own; where a longer
//! candidate has both, it stays valid, because whoever lands first makes the same tree.

use super::ItemId;
use super::state::{Kind, Pairs, Pipeline};

impl<P: Pairs> Pipeline<P> {
    /// Starts the likeliest gain among what is in no late run that could land.
    pub(super) fn start_aside(&mut self, now: f64) -> bool {
        let late = self.settings.late * self.settings.rates.suite;
        let slow = self.runs.iter().filter(|run| run.kind != Kind::Lane && now - run.started > late);
        // The shortest stands for all that extend it.
        let Some(slow) = slow.min_by_key(|run| run.chain.len()) else { return false };
        let stuck: Vec<ItemId> = slow.chain.clone();
        let (order, blames) = self.order(now);
        let needs_stuck = |id: ItemId| self.with_needs(vec![id]).iter().any(|need| stuck.contains(need));
        let others: Vec<(ItemId, f64)> = order.into_iter().filter(|(id, _)| !needs_stuck(*id)).collect();
        let chances = self.prefixes(&others, &blames);
        let ids: Vec<ItemId> = others.iter().map(|(id, _)| *id).collect();
        let mut best: Option<(f64, usize)> = None;
        for (length, &chance) in (1..=self.settings.batch_max).zip(&chances) {
            let gain = chance * length as f64;
            if !self.is_answered(&ids[..length]) && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, length));
            }
        }
        match best {
            Some((gain, length)) if gain > self.settings.idle_gain => {
                self.start(ids[..length].to_vec(), Kind::Chain, false, now)
            }
            Some(_) | None => false,
        }
    }
}
