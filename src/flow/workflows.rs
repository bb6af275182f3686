//! The files by which GitHub runs the bot. They are this project's own, embedded: what is used here is what is installed.

/// A file, below the top of the repository.
pub(crate) struct HostFile {
    pub(crate) path: &'static str,
    pub(crate) text: &'static str,
}

/// The first line of each: files without it are somebody's own.
pub(crate) const HOST_MARK: &str = "# Put here by git orch:";

/// The gate alone needs the first three; commands and the queue the others.
pub(crate) const HOST_FILES: &[HostFile] = &[
    HostFile { path: ".github/actions/git-orch/action.yml", text: include_str!("../../action.yml") },
    HostFile {
        path: ".github/workflows/orch-check.yml",
        text: include_str!("../../.github/workflows/orch-check.yml"),
    },
    HostFile {
        path: ".github/workflows/orch-publish.yml",
        text: include_str!("../../.github/workflows/orch-publish.yml"),
    },
    HostFile {
        path: ".github/workflows/orch-command.yml",
        text: include_str!("../../.github/workflows/orch-command.yml"),
    },
    HostFile {
        path: ".github/workflows/orch-queue.yml",
        text: include_str!("../../.github/workflows/orch-queue.yml"),
    },
];
