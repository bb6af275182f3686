//! What setting up was asked for.

use std::path::PathBuf;

use crate::policy::template::Holds;

/// What `init` was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct InitRequest {
    /// Write nothing that others would get: no `orch.toml`.
    pub(crate) local: bool,
    /// Put the hook even into a folder that other repositories use too.
    pub(crate) shared_hooks: bool,
    /// Write the workflows by which GitHub runs the bot.
    pub(crate) github: bool,
    /// What the repository holds.
    pub(crate) holds: Holds,
    /// The program that the hook calls.
    pub(crate) program: PathBuf,
    pub(crate) pages: Vec<Page>,
}

/// A page or a completion file, as `cli` writes it, below the folder `share`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Such as `man/man1/git-orch.1`.
    pub(crate) path: String,
    pub(crate) text: String,
}
