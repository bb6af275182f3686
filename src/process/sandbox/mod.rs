//! What a program may touch while it runs: bubblewrap where the system lets us, else Landlock, else nothing holds it.
//!
//! A [`Sandbox`] says *what* is wanted; this room turns it into a command line. The last step before the program is
//! this program again under the hidden word `__inside`: it ties the program's life to its supervisor's, limits its
//! processes, applies Landlock, and carries its connections to the relay.

/// The command line of bubblewrap.
mod bubblewrap;
/// The last step before the program itself.
mod inside;
/// Where a program finds what it needs.
mod around;
/// The same in terms of Landlock, which can only allow.
mod landlocked;

use super::{
    Command, Job, ProcessError, own_command,
    supervise::{RECORD, mark},
    which,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

pub(crate) use around::surroundings;
pub(crate) use inside::inside_main;

/// The folder under which a program in bubblewrap finds the sockets that were made for it.
pub(crate) const SOCKETS: &str = "/run/git-orch";
/// First port on which a program in bubblewrap finds its endpoints, in a network of its own.
const FIRST_PORT: u16 = 4180;

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
    /// A folder for this one call, outside of all others: its home, its temporary files, its sockets.
    pub(crate) scratch: PathBuf,
    /// Its home folder's path, as others know it.
    pub(crate) home: Option<PathBuf>,
    pub(crate) network: Network,
    /// Sockets in `scratch`, each of which answers as one endpoint.
    pub(crate) endpoints: Vec<String>,
    /// Processes that it may have at the same time.
    pub(crate) processes: u32,
}

/// What a program reaches beyond its own sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Nothing at all.
    Nothing,
    /// What this machine reaches.
    Host,
}

/// A command line in its sandbox.
struct Held {
    argv: Vec<String>,
    /// Variables to set.
    env: Vec<(String, String)>,
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

/// The strongest means that this system allows, and why it is not a stronger one. Tried once in a process's life.
pub(crate) fn strongest() -> &'static (Means, String) {
    static FOUND: OnceLock<(Means, String)> = OnceLock::new();
    FOUND.get_or_init(|| {
        let bubblewrap = match bubblewrap_works() {
            Ok(()) => return (Means::Bubblewrap, String::new()),
            Err(why) => why,
        };
        match landlocked::abi() {
            Some(abi) => (Means::Landlock, format!("{bubblewrap}; Landlock ABI {abi}")),
            None => (Means::Nothing, format!("{bubblewrap}; the kernel has no Landlock")),
        }
    })
}

/// Tries it: installed is not enough, as many containers and some distributions forbid user namespaces.
fn bubblewrap_works() -> Result<(), String> {
    if which("bwrap").is_none() {
        return Err("bubblewrap (bwrap) is not installed".to_owned());
    }
    let words =
        ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--", "sh", "-c", ":"];
    let tried = Command::new("bwrap").args(words).run().map_err(|err| err.to_string())?;
    match tried.success() {
        true => Ok(()),
        false => Err(format!("bubblewrap does not work here: {}", tried.stderr_text())),
    }
}

impl Sandbox {
    /// A sandbox that only ties the program to its supervisor's life.
    pub(crate) fn nothing(scratch: PathBuf, processes: u32) -> Sandbox {
        Sandbox {
            means: Means::Nothing,
            writable: Vec::new(),
            fixed: Vec::new(),
            hidden: Vec::new(),
            readable: Vec::new(),
            masked: Vec::new(),
            scratch,
            home: None,
            network: Network::Host,
            endpoints: Vec::new(),
            processes,
        }
    }

    /// Puts a job into this sandbox. Makes the folders of `scratch` that it needs.
    ///
    /// # Errors
    /// A folder cannot be made, a path is not Unicode, or bubblewrap has gone.
    pub(crate) fn hold(&self, job: &mut Job) -> Result<(), ProcessError> {
        let record = self.scratch.join(RECORD);
        let Held { argv, mut env } = self.held(&job.argv)?;
        let mark = mark(&record);
        env.extend(mark.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
        job.argv = argv;
        job.env.retain(|(name, _)| !env.iter().any(|(other, _)| other == name));
        job.env.extend(env);
        job.terms.record = Some(record);
        job.terms.processes = Some(self.processes);
        Ok(())
    }

    fn held(&self, argv: &[String]) -> Result<Held, ProcessError> {
        let mut words = vec!["--processes".to_owned(), self.processes.to_string()];
        let mut env = Vec::new();
        let made = |name: &str| -> Result<PathBuf, ProcessError> {
            let folder = self.scratch.join(name);
            std::fs::create_dir_all(&folder)
                .map_err(|source| ProcessError::Folder { path: folder.clone(), source })?;
            Ok(folder)
        };
        match self.means {
            Means::Nothing => {}
            Means::Landlock => {
                words.extend(landlocked::words(self)?);
                env.push(("HOME".to_owned(), text(&made("home")?)?));
                env.push(("TMPDIR".to_owned(), text(&made("tmp")?)?));
            }
            Means::Bubblewrap => {
                made("home")?;
                made("tmp")?;
                made("sockets")?;
                for (port, name) in self.ports() {
                    words.extend(["--carry".to_owned(), format!("{port}:{SOCKETS}/{name}")]);
                }
                env.push(("TMPDIR".to_owned(), "/tmp".to_owned()));
            }
        }
        words.push("--".to_owned());
        words.extend_from_slice(argv);
        let mut held = own_command("__inside", &words)?;
        if self.means == Means::Bubblewrap {
            let program = which("bwrap").ok_or_else(|| ProcessError::NotFound {
                program: "bwrap".to_owned(),
                searched: "PATH".to_owned(),
            })?;
            let own = PathBuf::from(&held[0]);
            held = [vec![text(&program)?], bubblewrap::words(self, &own, &exists)?, held].concat();
        }
        Ok(Held { argv: held, env })
    }

    /// The port of each endpoint in a network of its own.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (u16, &str)> {
        (FIRST_PORT..).zip(self.endpoints.iter().map(String::as_str))
    }
}

fn exists(path: &Path) -> bool {
    path.exists()
}

fn text(path: &Path) -> Result<String, ProcessError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ProcessError::NotText(path.to_owned()))
}
