//! Why the host could not be asked, or said no.

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GithubError {
    /// The client itself could not be made.
    #[error("no client for {api}")]
    Client { api: String, source: Box<octocrab::Error> },
    /// It answered, and the answer is final.
    #[error("GitHub answered {status} to {call}: {message}")]
    Answered { call: String, status: u16, message: String },
    /// It kept failing; `last` is how.
    #[error("GitHub answered {last} to {call}, {tries} times")]
    KeptFailing { call: String, tries: u32, last: String },
    /// It asks for more patience than a job has.
    #[error("GitHub's rate limit is used up: it asks to wait {seconds} s before {call}")]
    Limited { call: String, seconds: u64 },
    /// A write may have been done, although its answer was lost.
    #[error("the answer to {call} was lost: {why}")]
    Unsure { call: String, why: String },
    /// An answer without what it needs.
    #[error("GitHub's answer to {call} lacks {field}")]
    Answer { call: String, field: &'static str },
    #[error("no runtime for network calls")]
    Runtime(#[source] std::io::Error),
}

impl GithubError {
    /// Whether it answered that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, GithubError::Answered { status: 404 | 410, .. })
    }

    /// Whether a write may have been done all the same.
    pub(super) fn is_unsure(&self) -> bool {
        matches!(self, GithubError::Unsure { .. })
    }
}
