//! What reviewers answer: findings and their severity, one reviewer's answer, the verdict over all of them.
//!
//! Calling reviewers and bounding the rounds is not here: `gate` says what the answers of one round mean.

mod answer;
mod finding;
mod severity;
mod verdict;

pub(crate) use answer::{Answer, NoVerdict, Opinion, Why, read};
pub(crate) use severity::UnknownSeverity;
pub(crate) use verdict::{Missing, ReviewGate, Rounds, gate};
