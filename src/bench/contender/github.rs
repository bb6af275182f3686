//! A model of GitHub's merge queue: one candidate for each of the first changes, as many as there are slots, each with
//! all that is ahead of it. When one fails, it leaves as soon as all ahead is decided, and everything behind it starts
//! again (its exact rule for that is an assumption).

use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::ChangeId;

struct Entry {
    id: ChangeId,
    run: Option<u32>,
    passed: Option<bool>,
    reds: u32,
}

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
                        wants.extend(entry.run.take().map(Want::Cancel));
                        entry.passed = None;
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
        self.queue.push(Entry { id, run: None, passed: None, reds: 0 });
    }

    fn ended(&mut self, run: u32, answer: Answer, _now: f64, wants: &mut Vec<Want>) {
        if let Some(entry) = self.queue.iter_mut().find(|entry| entry.run == Some(run)) {
            entry.run = None;
            entry.passed = Some(answer == Answer::Pass);
        }
        self.settle(wants);
    }

    fn decide(&mut self, _now: f64, wants: &mut Vec<Want>) {
        let mut busy = self.queue.iter().filter(|entry| entry.run.is_some()).count();
        for at in 0..self.queue.len().min(self.slots) {
            if self.queue[at].run.is_some() || self.queue[at].passed.is_some() || busy >= self.slots {
                continue;
            }
            let members: Vec<ChangeId> = self.queue[..=at].iter().map(|entry| entry.id).collect();
            self.runs += 1;
            busy += 1;
            let subjects = Some(vec![self.queue[at].id]);
            self.queue[at].run = Some(self.runs);
            wants.push(Want::Start { run: self.runs, members, subjects });
        }
    }
}
