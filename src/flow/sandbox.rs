//! Which sandbox an agent, a reviewer or a test run gets: what is decided by the settings and by what the machine has.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::sandbox::{Endpoints, Means, Network, Sandbox, strongest, surroundings};

use super::{FlowError, Project};

/// The folder of what one call has for itself, below the machine-local one.
const FOLDER: &str = "sandbox";

/// A sandbox with the folder that it needs; both are gone when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) sandbox: Sandbox,
    #[expect(dead_code, reason = "removed when dropped")]
    scratch: TempDir,
}

/// What somebody may do in a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Change its files.
    Change,
    /// Only read them.
    Look,
}

impl Project {
    /// By what agents are held: the strongest means of this machine, or nothing where a person said so.
    ///
    /// # Errors
    /// The machine has none, and nobody said to go on without.
    pub(crate) fn means(&self) -> Result<Means, FlowError> {
        if self.unheld() {
            return Ok(Means::Nothing);
        }
        match strongest() {
            (Means::Nothing, why) => Err(FlowError::NoSandbox { why: why.clone() }),
            (means, _) => Ok(*means),
        }
    }

    /// The room for one call that works in `checkout`. `command` is what a shell will run: the programs and folders
    /// that it names in full can be read.
    ///
    /// # Errors
    /// No sandbox is to be had, or its folder cannot be made.
    pub(crate) fn room(
        &self,
        checkout: &Path,
        to: Use,
        command: Option<&str>,
        endpoints: Endpoints,
    ) -> Result<Room, FlowError> {
        let means = self.means()?;
        let scratch = self.scratch()?;
        let around = surroundings();
        let (root, common) = (self.root().to_owned(), self.repo.common_dir().to_owned());
        let settings = &self.policy.sandbox;
        let from_root = |path: &String| match (path.strip_prefix("~/"), &around.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => root.join(path),
        };
        let mut readable = vec![common];
        readable.extend(around.tools);
        readable.extend(settings.readable.iter().map(from_root));
        readable.extend(command.map(named_in).unwrap_or_default());
        let mut writable: Vec<PathBuf> = settings.writable.iter().map(from_root).collect();
        match to {
            Use::Change => writable.push(checkout.to_owned()),
            Use::Look => readable.push(checkout.to_owned()),
        }
        let mut hidden = vec![root.clone()];
        hidden.extend(settings.hidden.iter().map(from_root));
        let sandbox = Sandbox {
            means,
            writable,
            // The way from the checkout to its repository: to turn it means to run somebody's programs as us.
            fixed: vec![checkout.join(".git")],
            hidden,
            readable,
            masked: around.secrets,
            scratch: scratch.path().to_owned(),
            home: around.home,
            network: if settings.network_open { Network::Host } else { Network::Nothing },
            endpoints,
            processes: settings.processes,
        };
        Ok(Room { sandbox, scratch })
    }

    /// The room of a program that nothing has to hold: ours, or one that people answer for. Its processes are watched
    /// all the same.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub(crate) fn open_room(&self) -> Result<Room, FlowError> {
        let scratch = self.scratch()?;
        let sandbox = Sandbox::nothing(scratch.path().to_owned(), self.policy.sandbox.processes);
        Ok(Room { sandbox, scratch })
    }

    /// Where the folders of all calls are.
    pub(crate) fn rooms(&self) -> PathBuf {
        self.local().join(FOLDER)
    }

    fn scratch(&self) -> Result<TempDir, FlowError> {
        let folder = self.rooms();
        std::fs::create_dir_all(&folder).map_err(FlowError::file("make", &folder))?;
        tempfile::tempdir_in(&folder).map_err(FlowError::file("make a folder in", &folder))
    }
}

/// The absolute paths among a command's words.
fn named_in(command: &str) -> Vec<PathBuf> {
    let words = shlex::split(command).unwrap_or_default();
    words.into_iter().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_what_it_needs() {
        assert_eq!(
            named_in("'/opt/my agent' --headless < /etc/prompt"),
            [PathBuf::from("/opt/my agent"), PathBuf::from("/etc/prompt")]
        );
        assert!(named_in("agent 'unclosed").is_empty());
    }
}
