//! Runs programs.

pub(crate) mod piped;
pub(crate) mod short;
