//! The production policy, as it is.

use crate::bench::beliefs::{Beliefs, EARLY_MEAN};
use crate::bench::footprints::Overlaps;
use crate::bench::play::{Answer, Policy, Want};
use crate::bench::trace::{ChangeId, Trace};
use crate::queue::policy::{Item, Pipeline, Rates, Settings, Step};

/// The rectangle pipeline over a trace.
pub(crate) struct Rectangle<'a> {
    trace: &'a Trace,
    commute: bool,
    pipeline: Pipeline<Overlaps<'a>>,
}

impl<'a> Rectangle<'a> {
    /// The policy with the rates that the trace's header gives, and what is believed of the tests.
    pub(crate) fn new(trace: &'a Trace, beliefs: Beliefs, commute: bool) -> Rectangle<'a> {
        let Beliefs { flake, attribution, confirmations } = beliefs;
        let rates = Rates { flake, attribution, suite: trace.mean_length() };
        let fail_fast = trace.signals.early.then_some(EARLY_MEAN);
        let settings = Settings { commute, ..Settings::new(rates, confirmations, fail_fast) };
        Rectangle::with(trace, settings)
    }

    /// The policy with any settings.
    pub(crate) fn with(trace: &'a Trace, settings: Settings) -> Rectangle<'a> {
        Rectangle {
            trace,
            commute: settings.commute,
            pipeline: Pipeline::new(settings, Overlaps::of(trace), trace.slots),
        }
    }

    fn pass_on(&mut self, wants: &mut Vec<Want>) {
        wants.extend(self.pipeline.take_steps().into_iter().map(|step| match step {
            Step::Land { chain } => Want::Land(chain),
            Step::Eject { id } => Want::Eject(id),
            Step::Cancel { run } => Want::Cancel(run),
            Step::Start { run, chain, .. } => Want::Start { run, members: chain, subjects: None },
        }));
    }
}

impl Policy for Rectangle<'_> {
    fn name(&self) -> &'static str {
        if self.commute { "commute" } else { "rectangle" }
    }

    fn uses(&self) -> Vec<&'static str> {
        let signals = self.trace.signals;
        [(signals.early, "early"), (signals.suspects, "suspects")]
            .into_iter()
            .filter_map(|(on, name)| on.then_some(name))
            .collect()
    }

    fn arrived(&mut self, id: ChangeId, _now: f64) {
        let change = self.trace.change(id);
        self.pipeline.arrive(Item::new(id, change.arrives, change.based_at, self.trace.failure_rate));
    }

    fn ended(&mut self, run: u32, answer: Answer, now: f64, wants: &mut Vec<Want>) {
        match answer {
            Answer::Pass => self.pipeline.passed(run, now),
            Answer::Fail { named } => self.pipeline.failed(run, named, now),
        }
        self.pass_on(wants);
    }

    fn decide(&mut self, now: f64, wants: &mut Vec<Want>) {
        self.pipeline.decide(now);
        self.pass_on(wants);
    }
}
