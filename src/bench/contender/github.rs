//! A model of GitHub's merge queue: one candidate for each of the first changes, as many as there are slots, each with
//! all that is ahead of it. When one fails, it leaves as soon as all ahead is decided, and everything behind it starts
//! again (its exact rule for that is an assumption).

use super::lane::{Entry, answered, busy};
use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::ChangeId;

pub(super) struct GitHub {
    queue: Vec<Entry>,
    slots: usize,
    runs: u32,
    confirmations: u32,
}

impl GitHub {
    pub(super) fn new(slots: usize, confirmations: u32) -> GitHub {
        GitHub { queue: Vec::new(), slots, runs: 0, confirmations }
    }

    /// Decides the changes at the head.
    fn settle(&mut self, wants: &mut Vec<Want>) {
        while let Some(head) = self.queue.first_mut() {
            match head.passed {
                None => return,
                Some(true) => {
                    wants.push(Want::Land(vec![head.id]));
                    self.queue.remove(0);
                }
                Some(false) if head.reds < self.confirmations => {
                    head.reds += 1;
                    head.passed = None; // once more, alone
                    return;
                }
                Some(false) => {
                    wants.push(Want::Eject(head.id));
                    self.queue.remove(0);
                    for entry in &mut self.queue {
                        entry.again(wants);
                    }
                }
            }
        }
    }
}

impl Policy for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn arrived(&mut self, id: ChangeId, _now: f64) {
        self.queue.push(Entry::new(id));
    }

    fn ended(&mut self, run: u32, answer: Answer, _now: f64, wants: &mut Vec<Want>) {
        answered(&mut self.queue, run, answer);
        self.settle(wants);
    }

    fn decide(&mut self, _now: f64, wants: &mut Vec<Want>) {
        let mut busy = busy(&self.queue);
        let mut with = Vec::new();
        for entry in self.queue.iter_mut().take(self.slots) {
            with.push(entry.id);
            if entry.is_idle() && busy < self.slots {
                self.runs += 1;
                busy += 1;
                wants.push(entry.start(self.runs, with.clone()));
            }
        }
    }
}
