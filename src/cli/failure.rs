//! A stand-in for the one place that words errors.

use crate::flow::FlowError;
use crate::store::chain;

use super::exit::Exit;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) hint: String,
}

impl From<FlowError> for Failure {
    fn from(err: FlowError) -> Failure {
        let (exit, code, hint) = match &err {
            FlowError::BranchInTheWay => {
                (Exit::Environment, "E-BRANCH-ORCH", "git branch -m orch orch-old".to_owned())
            }
            FlowError::Open(_) | FlowError::NoBase { .. } | FlowError::Shallow => {
                (Exit::Environment, "E-ENVIRONMENT", "git orch doctor".to_owned())
            }
            FlowError::BadValue { .. } => (Exit::Usage, "E-USAGE", "git orch -h".to_owned()),
            _ => (Exit::Failed, "E-FAILED", "git orch doctor".to_owned()),
        };
        Failure { exit, code, text: chain(&err), hint }
    }
}
