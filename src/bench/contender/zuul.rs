//! A model of Zuul's dependent pipeline: each change in the window is tested with all that is ahead of it and does not
//! fail; what is behind a failure starts again at once. The window is 20, at least 3, one more for each landing and
//! half of it after a failure.

use super::lane::{Entry, answered, busy};
use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::ChangeId;

const WINDOW: usize = 20;
const WINDOW_MIN: usize = 3;

pub(super) struct Zuul {
    queue: Vec<Entry>,
    window: usize,
    slots: usize,
    runs: u32,
    confirmations: u32,
}

impl Zuul {
    pub(super) fn new(slots: usize, confirmations: u32) -> Zuul {
        Zuul { queue: Vec::new(), window: WINDOW, slots, runs: 0, confirmations }
    }

    /// Takes back what rests on an assumption that no longer holds, and decides what has nobody ahead.
    fn settle(&mut self, wants: &mut Vec<Want>) {
        let mut at = 0;
        let mut ahead: Vec<ChangeId> = Vec::new();
        while at < self.queue.len() {
            let entry = &mut self.queue[at];
            let mut with = ahead.clone();
            with.push(entry.id);
            if entry.with != with && !entry.is_idle() {
                entry.again(wants);
                entry.with = Vec::new();
            }
            match entry.passed {
                Some(true) if ahead.is_empty() => {
                    let id = entry.id;
                    wants.push(Want::Land(vec![id]));
                    self.window += 1;
                    self.queue.remove(at);
                    for behind in &mut self.queue {
                        if behind.with.contains(&id) {
                            behind.with.retain(|&other| other != id);
                        } else {
                            behind.with.clear(); // it was started without what landed: again
                        }
                    }
                    at = 0;
                    continue;
                }
                Some(false) if ahead.is_empty() && entry.reds < self.confirmations => {
                    entry.reds += 1;
                    entry.passed = None;
                    entry.with = Vec::new();
                    // Those behind were started without it and go on without it.
                }
                Some(false) if ahead.is_empty() => {
                    wants.push(Want::Eject(entry.id));
                    self.window = (self.window / 2).max(WINDOW_MIN);
                    self.queue.remove(at);
                    continue;
                }
                Some(false) => {}
                Some(true) | None if entry.reds == 0 => ahead.push(entry.id),
                Some(true) | None => {}
            }
            at += 1;
        }
    }
}

impl Policy for Zuul {
    fn name(&self) -> &'static str {
        "zuul"
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
        let mut ahead: Vec<ChangeId> = Vec::new();
        for entry in self.queue.iter_mut().take(self.window) {
            if entry.is_idle() && busy < self.slots {
                let mut with = ahead.clone();
                with.push(entry.id);
                self.runs += 1;
                busy += 1;
                wants.push(entry.start(self.runs, with));
            }
            if entry.passed != Some(false) && entry.reds == 0 {
                ahead.push(entry.id);
            }
        }
    }
}
