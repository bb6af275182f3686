//! What was found, each with the command that mends it.

use crate::flow::FlowError;
use crate::flow::looked_at::Check;
use crate::store::chain;

/// Mends what can be mended.
pub(crate) const FIX: &str = "git orch doctor --fix";
/// Sets the repository up.
pub(super) const INIT: &str = "git orch init";

/// What was found, and what was mended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Diagnosis {
    pub(crate) checks: Vec<Check>,
    /// One line for each thing that was mended.
    pub(crate) mended: Vec<String>,
}

impl Diagnosis {
    pub(crate) fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    pub(in crate::flow) fn fine(&mut self, check: &'static str, message: impl Into<String>) {
        self.checks.push(Check { check, ok: true, message: message.into(), fix: None });
    }

    pub(in crate::flow) fn wrong(&mut self, check: &'static str, message: impl Into<String>, fix: &str) {
        self.checks.push(Check { check, ok: false, message: message.into(), fix: Some(fix.to_owned()) });
    }

    /// A check whose answer is a list of what is wrong.
    pub(super) fn none_of(&mut self, check: &'static str, fine: &str, wrong: &[String], fix: &str) {
        if wrong.is_empty() {
            self.fine(check, fine);
        } else {
            self.wrong(check, wrong.join("; "), fix);
        }
    }

    /// A check that could not be made is not passed.
    pub(super) fn failed(&mut self, check: &'static str, err: &FlowError) {
        self.wrong(check, chain(err), FIX);
    }
}
