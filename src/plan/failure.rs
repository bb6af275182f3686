//! Why an agent's program could not go on, and what that means for its next turn.

/// What a failure means for the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FailureKind {
    /// The key is missing or wrong: no turn of this agent can work.
    Login,
    /// Too many requests, or the money with the vendor is used up: later.
    Limit,
    /// The model's host failed, or cannot be reached: later.
    Host,
    /// Its own limit of turns: what it did may be good.
    Turns,
    /// Its own limit of money: what it did may be good.
    Budget,
    /// Anything else that it calls an error.
    Other,
}

impl FailureKind {
    /// Whether the model could not be asked: that is the agent's fault, and not the task's.
    pub(crate) fn is_of_agent(self) -> bool {
        match self {
            FailureKind::Login | FailureKind::Limit | FailureKind::Host => true,
            FailureKind::Turns | FailureKind::Budget | FailureKind::Other => false,
        }
    }

    /// Whether work may be good although it ended so.
    pub(crate) fn leaves_work(self) -> bool {
        match self {
            FailureKind::Turns | FailureKind::Budget => true,
            FailureKind::Login | FailureKind::Limit | FailureKind::Host | FailureKind::Other => false,
        }
    }
}
