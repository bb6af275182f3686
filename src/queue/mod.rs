//! The merge queue's planner: from facts to actions, with no memory of its own.
//!
//! `plan` is called at every tick with everything read afresh, and answers what to do now. What is always true (what may
//! land, what may be tested, who is ejected) is in `rules`; what to try next is in `policy`. Carrying
//! the actions out is not here: it is in `flow/queue/`.
#![warn(clippy::wildcard_enum_match_arm)]

mod action;
mod board;
mod candidates;
pub(crate) mod changelog;
mod entry;
mod explain;
mod footprint;
mod forecast;
mod hotfix;
pub(crate) mod message;
mod order;
mod plan;
pub(crate) mod policy;
mod ready;
mod rules;
#[cfg(test)]
mod simulation;
mod view;

pub(crate) use action::{Action, Ejection, Finished, LandedOn, Question};
pub(crate) use entry::Entry;
#[cfg(test)]
use explain::why;
pub(crate) use explain::{Explain, Reason};
pub(crate) use footprint::Footprint;
pub(crate) use forecast::{Forecast, Pace, forecasts};
pub(crate) use plan::plan;
pub(crate) use rules::closed_to;
pub(crate) use view::{
    Base, Belief, Composition, Hold, Known, OnWorse, Purpose, Rules, Running, Stop, Tried, Verdict, View,
};
