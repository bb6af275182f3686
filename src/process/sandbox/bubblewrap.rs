//! The command line of bubblewrap. Pure: what exists is asked through a function.

use super::paths::{SOCKETS, replacement, text};
use super::wanted::{Network, Sandbox};
use crate::process::ProcessError;
use std::path::{Path, PathBuf};

/// Where other programs leave sockets and temporary files: an agent gets its own.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Everything between `bwrap` and the program; `own` is this program, which must be found in there.
///
/// The order counts: a later mount lies over an earlier one.
pub(super) fn words(
    sandbox: &Sandbox,
    own: &Path,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<Vec<String>, ProcessError> {
    let mut words = Words::default();
    // Started by root, bubblewrap would leave it root's rights, and with them the right to mount everything anew.
    words.plain(&["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]);
    if sandbox.network == Network::Host {
        words.plain(&["--share-net"]);
    }
    words.plain(&["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]);
    // To root, namespaces or not, the kernel gives its settings to write.
    if exists(Path::new("/proc/sys")) {
        words.plain(&["--ro-bind", "/proc/sys", "/proc/sys"]);
    }
    // Sockets of services, of the user's session, of an ssh agent: connecting needs no right to write there.
    words.tmpfs_if("/run", exists);
    let tmp = sandbox.scratch.join("tmp");
    for folder in TEMPORARY.map(Path::new).into_iter().filter(|folder| exists(folder)) {
        words.mount("--bind", &tmp, folder)?;
    }
    // The shallow first, so that none covers another.
    let mut empty: Vec<&PathBuf> =
        sandbox.hidden.iter().chain(&sandbox.home).filter(|path| exists(path)).collect();
    empty.sort();
    empty.dedup();
    for folder in &empty {
        match sandbox.home.as_ref() == Some(*folder) {
            true => words.mount("--bind", &sandbox.scratch.join("home"), folder)?,
            false => words.one("--tmpfs", folder)?,
        }
    }
    let covered = |path: &Path| {
        let temporary = TEMPORARY.into_iter().chain(["/run"]).map(Path::new);
        let more = sandbox.hidden.iter().chain(&sandbox.home).map(PathBuf::as_path);
        temporary.chain(more).any(|folder| path.starts_with(folder))
    };
    for path in sandbox.readable.iter().filter(|path| exists(path) && covered(path)) {
        words.mount("--ro-bind", path, path)?;
    }
    words.mount("--ro-bind", own, own)?;
    for path in sandbox.writable.iter().filter(|path| exists(path)) {
        words.mount("--bind", path, path)?;
    }
    for path in sandbox.fixed.iter().filter(|path| exists(path)) {
        words.mount("--ro-bind", path, path)?;
    }
    for path in sandbox.masked.iter().filter(|path| exists(path)) {
        words.mount("--ro-bind", Path::new("/dev/null"), path)?;
    }
    for (number, (path, _)) in sandbox.replaced.iter().enumerate().filter(|(_, (path, _))| exists(path)) {
        words.mount("--ro-bind", &sandbox.scratch.join(replacement(number)), path)?;
    }
    for folder in sandbox.covered.iter().filter(|path| exists(path)) {
        words.one("--tmpfs", folder)?;
        words.one("--remount-ro", folder)?;
    }
    words.mount("--ro-bind", &sandbox.scratch.join("sockets"), Path::new(SOCKETS))?;
    // So that writing there fails, and is not lost in silence.
    for folder in empty.into_iter().filter(|folder| Some(*folder) != sandbox.home.as_ref()) {
        words.one("--remount-ro", folder)?;
    }
    words.plain(&["--"]);
    Ok(words.0)
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn plain(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(|&word| word.to_owned()));
    }

    fn one(&mut self, option: &str, path: &Path) -> Result<(), ProcessError> {
        self.0.extend([option.to_owned(), text(path)?]);
        Ok(())
    }

    fn mount(&mut self, option: &str, from: &Path, to: &Path) -> Result<(), ProcessError> {
        self.0.extend([option.to_owned(), text(from)?, text(to)?]);
        Ok(())
    }

    fn tmpfs_if(&mut self, folder: &str, exists: &dyn Fn(&Path) -> bool) {
        if exists(Path::new(folder)) {
            self.plain(&["--tmpfs", folder]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Means;
    use super::*;

    #[test]
    fn the_order_of_the_mounts() {
        let sandbox = Sandbox {
            writable: vec!["/home/ana/repo/.worktrees/a".into()],
            fixed: vec!["/home/ana/repo/.worktrees/a/.git".into()],
            hidden: vec!["/home/ana/repo".into(), "/srv/secrets".into(), "/gone".into()],
            readable: vec!["/home/ana/.cargo".into(), "/home/ana/repo/.git".into()],
            masked: vec!["/home/ana/.cargo/credentials.toml".into()],
            covered: vec!["/home/ana/repo/.git/orch/sandbox".into()],
            replaced: vec![("/home/ana/repo/.git/config".into(), "clean".to_owned())],
            home: Some("/home/ana".into()),
            means: Means::Bubblewrap,
            network: Network::Nothing,
            ..Sandbox::nothing("/s".into(), 9)
        };
        let words =
            words(&sandbox, Path::new("/usr/bin/git-orch"), &|path| path != Path::new("/gone")).unwrap();
        let lines = words.join(" ").replace(" --", "\n--");
        insta::assert_snapshot!(lines, @"
        --unshare-all
        --die-with-parent
        --cap-drop ALL
        --ro-bind / /
        --dev /dev
        --proc /proc
        --ro-bind /proc/sys /proc/sys
        --tmpfs /run
        --bind /s/tmp /tmp
        --bind /s/tmp /var/tmp
        --bind /s/home /home/ana
        --tmpfs /home/ana/repo
        --tmpfs /srv/secrets
        --ro-bind /home/ana/.cargo /home/ana/.cargo
        --ro-bind /home/ana/repo/.git /home/ana/repo/.git
        --ro-bind /usr/bin/git-orch /usr/bin/git-orch
        --bind /home/ana/repo/.worktrees/a /home/ana/repo/.worktrees/a
        --ro-bind /home/ana/repo/.worktrees/a/.git /home/ana/repo/.worktrees/a/.git
        --ro-bind /dev/null /home/ana/.cargo/credentials.toml
        --ro-bind /s/replaced-0 /home/ana/repo/.git/config
        --tmpfs /home/ana/repo/.git/orch/sandbox
        --remount-ro /home/ana/repo/.git/orch/sandbox
        --ro-bind /s/sockets /run/git-orch
        --remount-ro /home/ana/repo
        --remount-ro /srv/secrets
        --
        ");
    }
}
