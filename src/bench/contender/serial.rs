//! One change after the other, each alone on the base.

use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::ChangeId;
use std::collections::VecDeque;

pub(super) struct Serial {
    waiting: VecDeque<ChangeId>,
    busy: bool,
    reds: u32,
    runs: u32,
    confirmations: u32,
}

impl Serial {
    pub(super) fn new(confirmations: u32) -> Serial {
        Serial { waiting: VecDeque::new(), busy: false, reds: 0, runs: 0, confirmations }
    }
}

impl Policy for Serial {
    fn name(&self) -> &'static str {
        "serial"
    }

    fn arrived(&mut self, id: ChangeId, _now: f64) {
        self.waiting.push_back(id);
    }

    fn ended(&mut self, _run: u32, answer: Answer, _now: f64, wants: &mut Vec<Want>) {
        self.busy = false;
        let Some(&head) = self.waiting.front() else { return };
        match answer {
            Answer::Pass => wants.push(Want::Land(vec![head])),
            Answer::Fail { .. } => {
                self.reds += 1;
                if self.reds <= self.confirmations {
                    return;
                }
                wants.push(Want::Eject(head));
            }
        }
        self.reds = 0;
        self.waiting.pop_front();
    }

    fn decide(&mut self, _now: f64, wants: &mut Vec<Want>) {
        if let (false, Some(&head)) = (self.busy, self.waiting.front()) {
            self.busy = true;
            self.runs += 1;
            wants.push(Want::Start { run: self.runs, members: vec![head], subjects: None });
        }
    }
}
