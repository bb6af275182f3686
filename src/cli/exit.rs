//! The exit codes: public, documented in README, and never changed by accident.

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed: read the error.
    Failed = 1,
    /// Wrong usage: mend the command.
    Usage = 2,
    /// The gate says no: change the change.
    Gate = 3,
    /// Waits for a person.
    Person = 4,
    /// A limit of time, money or tries; the state is saved, run again.
    Limit = 5,
    /// Lost a race: retry.
    Race = 6,
    /// The machine or the repository lacks something: see `doctor`.
    Environment = 7,
    /// Nothing ready.
    Nothing = 8,
    /// A bug of ours.
    Bug = 70,
    /// Interrupted; the state is saved.
    Interrupted = 130,
}

impl Exit {
    #[cfg_attr(not(test), expect(dead_code, reason = "what tests compare with the documents"))]
    pub(crate) const ALL: [Exit; 11] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Gate,
        Exit::Person,
        Exit::Limit,
        Exit::Race,
        Exit::Environment,
        Exit::Nothing,
        Exit::Bug,
        Exit::Interrupted,
    ];

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// One line for help and README.
    #[cfg_attr(not(test), expect(dead_code, reason = "what tests compare with the documents"))]
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done, or nothing to do",
            Exit::Failed => "failed",
            Exit::Usage => "wrong usage",
            Exit::Gate => "the gate says no",
            Exit::Person => "waits for a person",
            Exit::Limit => "limit reached, state saved: run again",
            Exit::Race => "lost a race: retry",
            Exit::Environment => "the environment lacks something: see git orch doctor",
            Exit::Nothing => "nothing ready",
            Exit::Bug => "a bug in git-orch",
            Exit::Interrupted => "interrupted, state saved",
        }
    }
}
