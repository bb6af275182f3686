//! Circuit breakers: an agent that keeps failing gets no more turns for a while, so that the others' work goes on and
//! no money is spent on failing (A16).

use crate::task::id::Seconds;

/// How a turn went, as far as its agent is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    Well,
    /// Nothing came of it that could be used.
    Badly,
    /// Its model could not be asked now: a limit, or a host that failed.
    Later,
    /// It cannot work at all: not logged in, or not installed.
    Never,
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Turns in a row that went badly.
    pub(crate) failures: u32,
    /// Seconds that it is open the first time; each time after, twice as long.
    pub(crate) pause: i64,
}

impl Rules {
    /// Three in a row are no accident, and half a minute is what hosts ask for where they ask for anything.
    pub(crate) const DEFAULT: Rules = Rules { failures: 3, pause: 30 };
}

/// Longest pause, in seconds.
const PAUSE_MAX: i64 = 15 * 60;

/// Whether an agent may have a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    Free,
    /// Not before this time, with the reason.
    Later {
        at: Seconds,
        why: String,
        /// Whether time alone may mend it.
        worth_waiting: bool,
    },
    /// Not in this run, with the reason.
    Closed {
        why: String,
    },
}

/// The breaker of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Breaker {
    /// Turns in a row that went badly.
    failed: u32,
    /// How often it opened since a turn went well.
    opened: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    /// `None`: for the rest of the run.
    until: Option<Seconds>,
    why: String,
    /// One turn after the pause tries whether it works again.
    trying: bool,
    /// Whether time alone may mend it.
    worth_waiting: bool,
}

impl Breaker {
    /// Whether a turn may start.
    pub(crate) fn gate(&self, now: Seconds) -> Gate {
        match &self.open {
            None => Gate::Free,
            Some(Open { until: None, why, .. }) => Gate::Closed { why: why.clone() },
            Some(Open { until: Some(at), why, trying, worth_waiting }) if *trying || now < *at => {
                Gate::Later { at: *at, why: why.clone(), worth_waiting: *worth_waiting }
            }
            Some(_) => Gate::Free,
        }
    }

    /// A turn starts: after a pause it is the only one until it ended.
    pub(crate) fn started(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = true;
        }
    }

    /// A turn ended. `spread` is below 1: pauses of several runs must not end at the same second. Returns why the
    /// breaker opened, if it did.
    pub(crate) fn ended(
        &mut self,
        went: Went,
        why: &str,
        now: Seconds,
        spread: f64,
        rules: Rules,
    ) -> Option<String> {
        let was_open = self.open.is_some();
        if self.open.as_ref().is_some_and(|open| !open.trying) && went != Went::Never {
            // It had begun before: what opened the breaker is known already, and one that went well shows no more
            // than that it did then.
            return None;
        }
        let opens = match went {
            Went::Well => {
                *self = Breaker::default();
                return None;
            }
            Went::Badly => {
                self.failed = self.failed.saturating_add(1);
                was_open || self.failed >= rules.failures
            }
            Went::Later | Went::Never => true,
        };
        if !opens {
            return None;
        }
        let until = (went != Went::Never).then(|| {
            let pause = rules.pause.saturating_mul(1 << self.opened.min(10)).min(PAUSE_MAX);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "at most 15 minutes"
            )]
            let pause = (pause as f64 * (0.5 + spread / 2.0)).ceil() as i64;
            Seconds(now.0.saturating_add(pause.max(1)))
        });
        self.opened = self.opened.saturating_add(1);
        self.failed = 0;
        let why = match went {
            Went::Badly if !was_open => format!("{} turns in a row failed, the last: {why}", rules.failures),
            Went::Badly | Went::Later | Went::Never | Went::Well => why.to_owned(),
        };
        self.open = Some(Open { until, why: why.clone(), trying: false, worth_waiting: went == Went::Later });
        Some(match until {
            Some(at) => format!("no turns for {} s: {why}", at.0 - now.0),
            None => format!("no more turns in this run: {why}"),
        })
    }

    /// One of the turns that went badly was not the agent's fault: it does not count, nor does the pause that it led to.
    pub(crate) fn forgive(&mut self) {
        match &self.open {
            // A pause for turns that went badly: the others alone would not have opened it.
            Some(Open { until: Some(_), worth_waiting: false, .. }) => {
                self.open = None;
                self.opened = self.opened.saturating_sub(1);
            }
            Some(_) => {}
            None => self.failed = self.failed.saturating_sub(1),
        }
    }

    /// How often in a row it opened.
    pub(crate) fn opened(&self) -> u32 {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Seconds = Seconds(1_000);

    fn ended(breaker: &mut Breaker, went: Went, now: Seconds) -> Option<String> {
        breaker.ended(went, "no change", now, 0.999, Rules::DEFAULT)
    }

    #[test]
    fn it_opens_after_three_failures_in_a_row() {
        let mut breaker = Breaker::default();
        assert_eq!(ended(&mut breaker, Went::Badly, NOW), None);
        assert_eq!(ended(&mut breaker, Went::Badly, NOW), None);
        assert_eq!(ended(&mut breaker, Went::Well, NOW), None);
        assert_eq!(ended(&mut breaker, Went::Badly, NOW), None);
        assert_eq!(ended(&mut breaker, Went::Badly, NOW), None);
        let opened = ended(&mut breaker, Went::Badly, NOW).unwrap();
        assert_eq!(opened, "no turns for 30 s: 3 turns in a row failed, the last: no change");
        assert!(matches!(breaker.gate(Seconds(1_029)), Gate::Later { at: Seconds(1_030), .. }));
        assert_eq!(breaker.gate(Seconds(1_030)), Gate::Free);
    }

    #[test]
    fn after_a_pause_one_turn_tries_and_a_failure_doubles_the_pause() {
        let mut breaker = Breaker::default();
        assert!(ended(&mut breaker, Went::Later, NOW).unwrap().starts_with("no turns for 30 s"));
        assert_eq!(ended(&mut breaker, Went::Badly, NOW), None, "one that had begun before");
        breaker.started();
        assert!(matches!(breaker.gate(Seconds(9_999)), Gate::Later { .. }));
        assert!(ended(&mut breaker, Went::Badly, NOW).unwrap().starts_with("no turns for 60 s"));
        breaker.started();
        assert_eq!(ended(&mut breaker, Went::Well, NOW), None);
        assert_eq!(breaker.gate(NOW), Gate::Free);
    }

    #[test]
    fn what_was_not_its_fault_does_not_count() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            ended(&mut breaker, Went::Badly, NOW);
            ended(&mut breaker, Went::Badly, NOW);
            breaker.forgive();
            breaker.forgive();
        }
        assert_eq!(breaker, Breaker::default());
        for _ in 0..3 {
            ended(&mut breaker, Went::Badly, NOW);
        }
        breaker.forgive();
        assert_eq!((breaker.gate(NOW), breaker.opened()), (Gate::Free, 0));
        ended(&mut breaker, Went::Later, NOW);
        breaker.forgive();
        assert!(matches!(breaker.gate(NOW), Gate::Later { .. }), "a limit of its model is no task's fault");
    }

    #[test]
    fn who_is_not_logged_in_gets_no_more_turns() {
        let mut breaker = Breaker::default();
        assert_eq!(ended(&mut breaker, Went::Never, NOW).unwrap(), "no more turns in this run: no change");
        assert!(matches!(breaker.gate(Seconds(i64::MAX)), Gate::Closed { .. }));
    }

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_a_quarter_of_an_hour(times in 1..100_u32, spread in 0.0..1.0_f64) {
            let mut breaker = Breaker::default();
            for _ in 0..times {
                breaker.started();
                breaker.ended(Went::Later, "x", NOW, spread, Rules::DEFAULT);
            }
            prop_assert_eq!(breaker.gate(Seconds(NOW.0 + PAUSE_MAX)), Gate::Free);
            let shut = matches!(breaker.gate(NOW), Gate::Later { .. });
            prop_assert!(shut);
        }
    }
}
