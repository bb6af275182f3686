//! What an agent may say to git-orch from within its sandbox: for its own task, in its own role, under its own claim.
//!
//! The seat is given by whoever starts the agent, and never by what comes over its socket.

use crate::task::id::TaskId;
use crate::task::role::Role;
use crate::task::{Actor, Authority, Who};

/// For whom an agent speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) task: TaskId,
    pub(crate) role: Role,
    /// The name under which it acts.
    pub(crate) who: String,
    /// The claim under which it works; reviewers have none.
    pub(crate) epoch: Option<u64>,
}

impl Seat {
    /// Whether it changes files, and hands them in.
    pub(crate) fn works(&self) -> bool {
        match self.role {
            Role::Implement | Role::Fix | Role::Test => true,
            Role::Review(_) | Role::Clarify | Role::Manager => false,
        }
    }

    /// Who acts when it speaks.
    pub(crate) fn actor(&self) -> Actor {
        let authority = if self.works() { Authority::Worker } else { Authority::Reviewer };
        Actor { who: Who(self.who.clone()), authority }
    }
}
