//! What is wanted of a sandbox: what a program may touch, by what means, whom it reaches, who answers it.

use std::{fmt, path::PathBuf, time::Duration};

/// By what a program is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Namespaces: files, network, processes.
    Bubblewrap,
    /// The kernel's Landlock: files and TCP.
    Landlock,
    /// Nothing, because a person said so, or because the program is this one.
    Nothing,
}

/// What a program may touch. Everything that is not named can be read and not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sandbox {
    pub(crate) means: Means,
    /// Folders that it may change.
    pub(crate) writable: Vec<PathBuf>,
    /// Files and folders below those that it may not.
    pub(crate) fixed: Vec<PathBuf>,
    /// Folders that look empty to it.
    pub(crate) hidden: Vec<PathBuf>,
    /// What it may read all the same, below the hidden ones.
    pub(crate) readable: Vec<PathBuf>,
    /// Files that look empty to it although their folder is readable.
    pub(crate) masked: Vec<PathBuf>,
    /// Folders that look empty to it although what is around them is readable.
    pub(crate) covered: Vec<PathBuf>,
    /// Files in whose place it finds another text. Landlock can only close the file.
    pub(crate) replaced: Vec<(PathBuf, String)>,
    /// A folder for this one call, outside of all others: its home, its temporary files, its sockets.
    pub(crate) scratch: PathBuf,
    /// Its home folder's path, as others know it.
    pub(crate) home: Option<PathBuf>,
    pub(crate) network: Network,
    /// All that it reaches where its network is [`Network::Nothing`].
    pub(crate) endpoints: Endpoints,
    /// Processes that it may have at the same time.
    pub(crate) processes: u32,
    /// Bytes of the largest file that it may write.
    pub(crate) file_bytes: Option<u64>,
    /// Bytes that must stay free on the disk where it works.
    pub(crate) disk_floor: Option<u64>,
    /// Who answers what it says to git-orch; nobody where this is `None`.
    pub(crate) answered: Option<Answered>,
    /// Files that it finds in a home of its own: path below it, text with `{relay}` for the way to its endpoints.
    pub(crate) files: Vec<(String, String)>,
}

/// Who answers a program on its control socket: this program under the hidden word `__answer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// For whom the program speaks, as words of that command.
    pub(crate) words: Vec<String>,
    /// Where it runs.
    pub(crate) dir: PathBuf,
    /// How long one answer may take.
    pub(crate) limit: Duration,
}

/// What a program reaches beyond its own sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Nothing at all.
    Nothing,
    /// What this machine reaches.
    Host,
}

/// Where an agent's model is, as the agent's entry names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Host names, or addresses with `https://`; the first one is the main one.
    pub(crate) hosts: Vec<String>,
    /// Variables that lead the program to another address than its model's own; `NAME=HOST/PATH` is where it goes without.
    pub(crate) base_url: Vec<String>,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Means::Bubblewrap => "bubblewrap",
            Means::Landlock => "Landlock",
            Means::Nothing => "no sandbox",
        })
    }
}
