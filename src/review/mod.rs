//! What agents answer in agreed forms: a reviewer's findings and their severity, the verdict over all reviewers, why an
//! attempt failed, a plan.
//!
//! Calling reviewers and bounding the rounds is not here: `gate` says what the answers of one round mean.

mod answer;
/// Why an attempt failed, in somebody's words or by the evidence.
pub(crate) mod clarify;
mod finding;
/// What a plan says.
pub(crate) mod proposal;
mod severity;
mod verdict;

pub(crate) use answer::{Answer, NoVerdict, Opinion, Why, read};
pub(crate) use severity::UnknownSeverity;
pub(crate) use verdict::{Missing, ReviewGate, Rounds, gate};
