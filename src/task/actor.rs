//! Who acts, and in which capacity.

use std::fmt;

/// The name under which somebody acts: a git identity's name, `--as`, or an agent's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Who(pub(crate) String);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// In which capacity somebody acts. What each may cause is in the transition table, not in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Authority {
    /// Somebody at a command line: plans, works, approves the work of others.
    Person,
    /// An agent that implements or fixes: only its own task, never an approval.
    Worker,
    /// An agent that reviews: gives findings, approves nothing by itself.
    Reviewer,
    /// `run` and `queue run`: carries out what the rules say; cannot approve in a person's place.
    Orchestrator,
}

impl Authority {
    pub(crate) const ALL: [Authority; 4] =
        [Authority::Person, Authority::Worker, Authority::Reviewer, Authority::Orchestrator];

    /// The word that records and messages use.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Authority::Person => "person",
            Authority::Worker => "worker",
            Authority::Reviewer => "reviewer",
            Authority::Orchestrator => "orchestrator",
        }
    }

    /// The authority of that word.
    pub(crate) fn parse(word: &str) -> Option<Authority> {
        Authority::ALL.into_iter().find(|authority| authority.word() == word)
    }
}

/// Somebody who causes an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) who: Who,
    pub(crate) authority: Authority,
}

impl Actor {
    pub(crate) fn person(who: &str) -> Actor {
        Actor { who: Who(who.to_owned()), authority: Authority::Person }
    }

    pub(crate) fn orchestrator() -> Actor {
        Actor { who: Who("git-orch".to_owned()), authority: Authority::Orchestrator }
    }
}
