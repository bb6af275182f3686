//! The queue's policy under invented or recorded traffic, with a clock of its own.
//!
//! `trace` is the traffic, `play` the clockwork, `contender` who plays, `check` an independent judge of what came out.

pub(crate) mod beliefs;
pub(crate) mod check;
pub(crate) mod contender;
pub(crate) mod figures;
pub(crate) mod footprints;
pub(crate) mod goals;
mod measure;
pub(crate) mod play;
pub(crate) mod published;
pub(crate) mod reach;
mod synthetic;
pub(crate) mod trace;
mod truth;
pub(crate) mod wire;
#[cfg(test)]
mod tests;
