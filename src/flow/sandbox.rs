//! Which sandbox an agent, a reviewer or a test run gets: what is decided by the settings and by what the machine has.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::policy::agents::Call;
use crate::process::sandbox::{Endpoints, Means, Network, Sandbox, strongest, surroundings};
use crate::process::which;

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

/// Processes at once of a program that people answer for: this project's own tests come to more than 512.
const PROCESSES: u32 = 4096;

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

    /// The room for one call that works in `checkout`. `needed` can be read, wherever it is.
    ///
    /// # Errors
    /// No sandbox is to be had, or its folder cannot be made.
    pub(crate) fn room(
        &self,
        checkout: &Path,
        to: Use,
        needed: Vec<PathBuf>,
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
        readable.extend(needed);
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
            covered: vec![self.rooms()],
            replaced: self.repo.clean_settings()?,
            scratch: scratch.path().to_owned(),
            home: around.home,
            network: if settings.network_open { Network::Host } else { Network::Nothing },
            endpoints,
            processes: settings.processes,
            file_bytes: Some(settings.file_bytes),
            disk_floor: Some(self.policy.before.disk_bytes),
            answered: None,
            files: Vec::new(),
        };
        Ok(Room { sandbox, scratch })
    }

    /// The room of a program that nothing has to hold: ours, or one that people answer for, such as the tests. Its
    /// processes are counted all the same, with more of them than an agent may have: suites start many side by side.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub(crate) fn open_room(&self) -> Result<Room, FlowError> {
        let scratch = self.scratch()?;
        let sandbox =
            Sandbox::nothing(scratch.path().to_owned(), PROCESSES.max(self.policy.sandbox.processes));
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

/// What has to be readable for an agent to start.
pub(super) fn needed_by(call: &Call) -> Vec<PathBuf> {
    match call {
        Call::Shell(command) => named_in(command),
        Call::Argv(argv) => {
            let paths = argv.iter().filter(|word| word.starts_with('/')).map(PathBuf::from);
            paths.chain(argv.first().map(|program| installation(program)).unwrap_or_default()).collect()
        }
    }
}

/// What has to be readable for a shell's command: its program, and the absolute paths among its words.
pub(super) fn named_in(command: &str) -> Vec<PathBuf> {
    let words = shlex::split(command).unwrap_or_default();
    let paths = words.iter().filter(|word| word.starts_with('/')).map(PathBuf::from);
    paths.chain(words.first().map(|program| installation(program)).unwrap_or_default()).collect()
}

/// Where a program's own files are: its folder in `PATH` often holds but a link.
fn installation(program: &str) -> Vec<PathBuf> {
    let Some(Ok(real)) = which(program).map(|found| found.canonicalize()) else { return Vec::new() };
    let mut parts = vec![real.clone()];
    // A package of npm, with the packages that it stands on.
    parts.extend(
        real.ancestors().filter(|folder| folder.ends_with("node_modules")).map(Path::to_owned).last(),
    );
    // A program of pip, pipx or uv: its environment, and the Python that this leads to.
    if let Some(environment) = real.ancestors().nth(2).filter(|folder| folder.join("pyvenv.cfg").is_file()) {
        parts.push(environment.to_owned());
        let python = environment.join("bin/python").canonicalize().ok();
        parts.extend(python.and_then(|python| python.ancestors().nth(2).map(Path::to_owned)));
    }
    parts
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

    #[test]
    fn an_installation_is_more_than_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let file = |path: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let script = file("lib/node_modules/@maker/agent/node_modules/core/cli.js");
        let link = root.join("agent");
        std::os::unix::fs::symlink(&script, &link).unwrap();
        assert_eq!(installation(link.to_str().unwrap()), [script, root.join("lib/node_modules")]);

        let (program, python) = (file("tools/agent/bin/agent"), file("pythons/3.12/bin/python3.12"));
        file("tools/agent/pyvenv.cfg");
        std::os::unix::fs::symlink(&python, root.join("tools/agent/bin/python")).unwrap();
        let expected = [program.clone(), root.join("tools/agent"), root.join("pythons/3.12")];
        assert_eq!(installation(program.to_str().unwrap()), expected);
        assert!(installation("no-such-program-at-all").is_empty());
    }
}
