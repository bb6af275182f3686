//! Plays a trace against a policy with a clock of its own: the only thing that waits is a number.

use super::trace::{ChangeId, Decision, Outcome, Played, RunRecord, Trace};
use super::truth::Truth;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a policy wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Want {
    Land(Vec<ChangeId>),
    Eject(ChangeId),
    Cancel(u32),
    /// Starts a run with a number that the policy chose and never used before.
    Start {
        run: u32,
        members: Vec<ChangeId>,
        /// Whose tests it runs: all members, or only these.
        subjects: Option<Vec<ChangeId>>,
    },
}

/// What a run said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Pass,
    Fail {
        /// The change that the failure points at.
        named: Option<ChangeId>,
    },
}

/// Something that decides what is tested and lands. It is told what happens, and says what it wants.
pub(crate) trait Policy {
    fn name(&self) -> &'static str;
    /// Which signals of the trace it makes use of.
    fn uses(&self) -> Vec<&'static str> {
        Vec::new()
    }
    fn arrived(&mut self, id: ChangeId, now: f64);
    fn ended(&mut self, run: u32, answer: Answer, now: f64, wants: &mut Vec<Want>);
    /// Called after everything that happened at one moment.
    fn decide(&mut self, now: f64, wants: &mut Vec<Want>);
}

/// What goes wrong with the tests themselves; the trace format knows nothing of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Noise {
    /// Share of runs of good trees that fail.
    pub(crate) flakes: f64,
    /// Mean share of the suite after which a flake shows, where failures show early.
    pub(crate) early_mean: f64,
    /// Whether tests that failed before run first, so that a known culprit shows at once.
    pub(crate) failing_first: bool,
    /// Whether a failure whose culprit does not speak names somebody else, instead of nobody.
    pub(crate) wrong_names: bool,
    pub(crate) seed: u64,
}

impl Noise {
    pub(crate) const NONE: Noise =
        Noise { flakes: 0.0, early_mean: 1.0, failing_first: false, wrong_names: false, seed: 0 };
}

/// A moment, for ordering: minutes are never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moment(f64);

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Moment) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Moment) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A run that is going on: where its record is, and what it will say.
struct Going {
    run: u32,
    record: usize,
    answer: Answer,
}

/// Share of a suite that the tests take that failed before.
const SEEN_BEFORE: f64 = 0.05;

struct Clockwork<'a> {
    truth: Truth<'a>,
    noise: Noise,
    random: fastrand::Rng,
    played: Played,
    going: Vec<Going>,
    /// Changes whose failure was seen.
    seen: Vec<bool>,
    ends: BinaryHeap<Reverse<(Moment, u32)>>,
    undecided: Vec<bool>,
}

/// Plays a trace to its end: nothing runs, and nobody comes any more.
///
/// # Errors
/// The policy wants what no queue can do: too many runs, or a decision on what is decided.
pub(crate) fn play(trace: &Trace, noise: Noise, policy: &mut dyn Policy) -> Result<Played, String> {
    let uses = policy.uses().into_iter().map(str::to_owned).collect();
    let mut clockwork = Clockwork {
        truth: Truth::new(trace),
        noise,
        random: fastrand::Rng::with_seed(noise.seed),
        played: Played { policy: policy.name().to_owned(), uses, ..Played::default() },
        going: Vec::new(),
        seen: vec![false; trace.changes.len()],
        ends: BinaryHeap::new(),
        undecided: vec![false; trace.changes.len()],
    };
    let mut arrivals = trace.ids().peekable();
    let mut wants = Vec::new();
    loop {
        let end = clockwork.ends.peek().map(|Reverse((Moment(at), _))| *at);
        let arrival = arrivals.peek().map(|&id| trace.change(id).arrives);
        let now = match (end, arrival) {
            (Some(end), Some(arrival)) => end.min(arrival),
            (Some(at), None) | (None, Some(at)) => at,
            (None, None) => return Ok(clockwork.played),
        };
        while let Some((run, answer)) = clockwork.ended_by(now) {
            policy.ended(run, answer, now, &mut wants);
            clockwork.fulfil(&mut wants, now)?;
        }
        while let Some(id) = arrivals.next_if(|&id| trace.change(id).arrives <= now) {
            clockwork.undecided[id as usize] = true;
            policy.arrived(id, now);
        }
        policy.decide(now, &mut wants);
        clockwork.fulfil(&mut wants, now)?;
    }
}

impl Clockwork<'_> {
    /// The next run that has ended by now, and what it says.
    fn ended_by(&mut self, now: f64) -> Option<(u32, Answer)> {
        loop {
            let &Reverse((Moment(at), run)) = self.ends.peek()?;
            if at > now {
                return None;
            }
            self.ends.pop();
            if let Some(place) = self.going.iter().position(|going| going.run == run) {
                let going = self.going.swap_remove(place);
                if self.noise.failing_first && going.answer != Answer::Pass {
                    self.see(going.record);
                }
                self.played.runs[going.record].outcome = match going.answer {
                    Answer::Pass => Outcome::Pass,
                    Answer::Fail { .. } => Outcome::Fail,
                };
                return Some((run, going.answer));
            }
        }
    }

    /// A failing run has shown what its culprits break.
    fn see(&mut self, record: usize) {
        let run = &self.played.runs[record];
        for id in self.truth.culprits(&run.members, run.start) {
            self.seen[id as usize] = true;
        }
    }

    fn fulfil(&mut self, wants: &mut Vec<Want>, now: f64) -> Result<(), String> {
        for want in wants.drain(..) {
            match want {
                Want::Land(ids) => {
                    for id in ids {
                        self.decide(id, now, true)?;
                    }
                }
                Want::Eject(id) => self.decide(id, now, false)?,
                Want::Cancel(run) => self.cancel(run, now),
                Want::Start { run, members, subjects } => self.start(run, members, subjects, now)?,
            }
        }
        Ok(())
    }

    fn decide(&mut self, id: ChangeId, at: f64, landed: bool) -> Result<(), String> {
        if !std::mem::take(&mut self.undecided[id as usize]) {
            return Err(format!("change {id} is decided that is not waiting"));
        }
        if landed {
            self.truth.land(id, at);
        }
        self.played.decided.push(Decision { change: id, at, landed });
        Ok(())
    }

    fn cancel(&mut self, run: u32, now: f64) {
        if let Some(place) = self.going.iter().position(|going| going.run == run) {
            let going = self.going.swap_remove(place);
            let record = &mut self.played.runs[going.record];
            record.outcome = Outcome::Cancelled;
            record.end = now;
        }
    }

    fn start(
        &mut self,
        run: u32,
        members: Vec<ChangeId>,
        subjects: Option<Vec<ChangeId>>,
        now: f64,
    ) -> Result<(), String> {
        let trace = self.truth.trace;
        if self.going.len() >= trace.slots {
            return Err(format!("run {run} starts without a free slot"));
        }
        if let Some(id) = members.iter().find(|&&id| !self.undecided[id as usize]) {
            return Err(format!("run {run} tests change {id}, which does not wait"));
        }
        let culprits = self.truth.culprits(&members, now);
        let mut length = trace.length(subjects.as_deref().unwrap_or(&members));
        let (answer, early) = self.answer(&members, &culprits);
        if trace.signals.early {
            length *= early;
        }
        let end = now + length;
        self.going.push(Going { run, record: self.played.runs.len(), answer });
        self.ends.push(Reverse((Moment(end), run)));
        self.played.runs.push(RunRecord {
            run,
            start: now,
            end,
            members,
            subjects,
            outcome: Outcome::Cancelled,
        });
        Ok(())
    }

    /// What a run says, and after which share of it.
    fn answer(&mut self, members: &[ChangeId], culprits: &[ChangeId]) -> (Answer, f64) {
        let trace = self.truth.trace;
        if let Some(&last) = culprits.iter().max() {
            let mut early = culprits.iter().map(|&id| trace.change(id).early).fold(1.0, f64::min);
            if self.noise.failing_first && culprits.iter().any(|&id| self.seen[id as usize]) {
                early = early.min(SEEN_BEFORE);
            }
            let named = if !trace.signals.suspects {
                None
            } else if trace.change(last).speaks {
                Some(last)
            } else {
                self.somebody(members, Some(last))
            };
            return (Answer::Fail { named }, early);
        }
        if self.noise.flakes > 0.0 && self.random.f64() < self.noise.flakes {
            let named = if trace.signals.suspects { self.somebody(members, None) } else { None };
            let early = (-(1.0 - self.random.f64()).ln() * self.noise.early_mean).min(1.0);
            return (Answer::Fail { named }, early);
        }
        (Answer::Pass, 1.0)
    }

    fn somebody(&mut self, members: &[ChangeId], but: Option<ChangeId>) -> Option<ChangeId> {
        if !self.noise.wrong_names {
            return None;
        }
        let others: Vec<ChangeId> = members.iter().copied().filter(|&id| Some(id) != but).collect();
        self.random.choice(others)
    }
}
