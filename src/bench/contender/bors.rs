//! A model of bors-ng: one batch at a time, of up to 64; a red one is split in halves, and both are tested.

use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::ChangeId;
use std::collections::VecDeque;

const BATCH_MAX: usize = 64;

pub(super) struct Bors {
    waiting: Vec<ChangeId>,
    /// Halves of red batches, first in front.
    halves: VecDeque<Vec<ChangeId>>,
    going: Option<Vec<ChangeId>>,
    reds: u32,
    runs: u32,
    confirmations: u32,
}

impl Bors {
    pub(super) fn new(confirmations: u32) -> Bors {
        let halves = VecDeque::new();
        Bors { waiting: Vec::new(), halves, going: None, reds: 0, runs: 0, confirmations }
    }
}

impl Policy for Bors {
    fn name(&self) -> &'static str {
        "bors"
    }

    fn arrived(&mut self, id: ChangeId, _now: f64) {
        self.waiting.push(id);
    }

    fn ended(&mut self, _run: u32, answer: Answer, _now: f64, wants: &mut Vec<Want>) {
        let Some(mut batch) = self.going.take() else { return };
        match answer {
            Answer::Pass => wants.push(Want::Land(batch)),
            Answer::Fail { .. } if batch.len() > 1 => {
                let right = batch.split_off(batch.len().div_ceil(2));
                self.halves.push_front(right);
                self.halves.push_front(batch);
            }
            Answer::Fail { .. } => {
                self.reds += 1;
                if self.reds <= self.confirmations {
                    self.halves.push_front(batch);
                    return;
                }
                wants.push(Want::Eject(batch[0]));
            }
        }
        self.reds = 0;
    }

    fn decide(&mut self, _now: f64, wants: &mut Vec<Want>) {
        if self.going.is_some() {
            return;
        }
        let fresh = |waiting: &mut Vec<ChangeId>| {
            let size = waiting.len().min(BATCH_MAX);
            (size > 0).then(|| waiting.drain(..size).collect::<Vec<_>>())
        };
        if let Some(batch) = self.halves.pop_front().or_else(|| fresh(&mut self.waiting)) {
            self.runs += 1;
            wants.push(Want::Start { run: self.runs, members: batch.clone(), subjects: None });
            self.going = Some(batch);
        }
    }
}
