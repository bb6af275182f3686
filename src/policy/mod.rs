//! Settings: `orch.toml`, its layers, which of them wins and why. Pure.
//!
//! The texts come in: files from `git`, variables and flags from `cli`. What the settings mean is each room's own
//! matter; this room fills in their types.
#![expect(dead_code, reason = "wired up by flow")]

pub(crate) mod file;
pub(crate) mod key;
