//! Policies that play: the production policy, models of other queues, and references that know the truth.
//!
//! The models are readings of public descriptions, not the programs themselves; each file says what is assumed.

mod bors;
mod github;
mod lane;
mod oracle;
mod pipeline;
mod planner;
mod serial;
mod submitqueue;
mod zuul;

pub(crate) use pipeline::Rectangle;

use super::beliefs::Beliefs;
use super::play::Policy;
use super::trace::Trace;

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Rectangle,
    Commute,
    Planner,
    Serial,
    Bors,
    GitHub,
    Zuul,
    SubmitQueue,
    OneBuild,
    OracleBatches,
    StrictBound,
}

impl Contender {
    /// All of them: ours, models of others, references.
    pub(crate) const ALL: [Contender; 11] = [
        Contender::Rectangle,
        Contender::Commute,
        Contender::Planner,
        Contender::Serial,
        Contender::Bors,
        Contender::GitHub,
        Contender::Zuul,
        Contender::SubmitQueue,
        Contender::OneBuild,
        Contender::OracleBatches,
        Contender::StrictBound,
    ];

    /// Its name on the command line and in result files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Rectangle => "rectangle",
            Contender::Commute => "commute",
            Contender::Planner => "planner",
            Contender::Serial => "serial",
            Contender::Bors => "bors",
            Contender::GitHub => "github",
            Contender::Zuul => "zuul",
            Contender::SubmitQueue => "submitqueue",
            Contender::OneBuild => "one-build",
            Contender::OracleBatches => "oracle-batches",
            Contender::StrictBound => "strict-bound",
        }
    }

    /// What it is, in a few words.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Contender::Rectangle => "the production policy: lands only what was tested as a whole",
            Contender::Commute => "the production policy, landing disjoint changes past each other",
            Contender::Planner => {
                "the production planner: that policy from records, with learned rates and rules"
            }
            Contender::Serial => "model: one change after the other",
            Contender::Bors => "model of bors-ng: batches of up to 64, halves, one at a time",
            Contender::GitHub => "model of GitHub's queue: as many candidates as slots",
            Contender::Zuul => "model of Zuul: window 20, nearest non-failing change ahead",
            Contender::SubmitQueue => "model of SubmitQueue: overlapping changes wait, best paths first",
            Contender::OneBuild => "reference that knows all outcomes: one run per change",
            Contender::OracleBatches => "reference that knows all outcomes, and batches",
            Contender::StrictBound => {
                "reference that knows all outcomes, batches, and lands only whole trees"
            }
        }
    }

    /// Whether it knows the truth.
    pub(crate) fn is_oracle(self) -> bool {
        matches!(self, Contender::OneBuild | Contender::OracleBatches | Contender::StrictBound)
    }

    /// Whether it lands only what was tested as a whole.
    pub(crate) fn is_strict(self) -> bool {
        match self {
            Contender::Rectangle
            | Contender::Planner
            | Contender::Serial
            | Contender::Bors
            | Contender::GitHub
            | Contender::Zuul
            | Contender::StrictBound => true,
            Contender::Commute | Contender::SubmitQueue | Contender::OneBuild | Contender::OracleBatches => {
                false
            }
        }
    }

    /// A player for one trace.
    pub(crate) fn on<'a>(self, trace: &'a Trace, beliefs: Beliefs) -> Box<dyn Policy + 'a> {
        let confirmations = beliefs.confirmations;
        match self {
            Contender::Rectangle => Box::new(Rectangle::new(trace, beliefs, false)),
            Contender::Commute => Box::new(Rectangle::new(trace, beliefs, true)),
            Contender::Planner => Box::new(planner::Planner::new(trace, beliefs)),
            Contender::Serial => Box::new(serial::Serial::new(confirmations)),
            Contender::Bors => Box::new(bors::Bors::new(confirmations)),
            Contender::GitHub => Box::new(github::GitHub::new(trace.slots, confirmations)),
            Contender::Zuul => Box::new(zuul::Zuul::new(trace.slots, confirmations)),
            Contender::SubmitQueue => Box::new(submitqueue::SubmitQueue::new(trace, confirmations)),
            Contender::OneBuild => Box::new(oracle::OneBuild::new(trace)),
            Contender::OracleBatches => Box::new(oracle::Batches::new(trace, false)),
            Contender::StrictBound => Box::new(oracle::Batches::new(trace, true)),
        }
    }
}
