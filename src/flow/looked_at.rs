//! What was found where somebody looked whether all is as it should be.

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) check: &'static str,
    pub(crate) ok: bool,
    pub(crate) message: String,
    /// The command that mends it.
    pub(crate) fix: Option<String>,
}
