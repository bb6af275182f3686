//! Figures and text of a finished run.
//!
//! `run` is the data, `metrics` what follows from it, `text` and `markdown` two ways to say it. Gathering the data,
//! keeping reports is not here. `against` puts two of them side by side.

mod against;
mod agents;
mod markdown;
mod metrics;
mod run;
#[cfg(test)]
mod samples;
mod sum;
mod text;
mod words;

pub(crate) use against::{Figures, against, differing};
pub(crate) use markdown::markdown;
pub(crate) use metrics::{Metrics, Share, metrics};
pub(crate) use run::{
    Awaits, Before, Change, CommandLine, Counts, Ending, FindingLine, Outcome, RegressionLine, RunReport,
    TaskLine, TurnLine,
};
pub(crate) use sum::Sum;
pub(crate) use text::text;
pub(crate) use words::next;
