//! What only git itself knows or does: its version, the user's editor, writing settings.

use super::command::Git;
use super::repo::Version;
use super::{GitError, Repo};

impl Repo {
    /// Version of the git binary; asked once.
    pub(crate) fn git_version(&self) -> Result<Version, GitError> {
        if let Some(version) = self.version.get() {
            return Ok(*version);
        }
        let git = Git::bare(self.main_worktree()).arg("version");
        let output = git.output()?;
        let version = parse_version(&String::from_utf8_lossy(&output)).ok_or_else(|| git.unclear(&output))?;
        Ok(*self.version.get_or_init(|| version))
    }

    /// Writes a setting into git's own file: the repository's, or with `global` the user's.
    pub(crate) fn set_config(&self, key: &str, value: &str, global: bool) -> Result<(), GitError> {
        let place = if global { "--global" } else { "--local" };
        Git::on(self).changing().args(["config", place, key, value]).output().map(|_| ())
    }

    /// The editor that git would open, `given` being what the environment says of it.
    pub(crate) fn editor(&self, given: Option<&str>) -> Result<String, GitError> {
        let mut git = Git::on(self).args(["var", "GIT_EDITOR"]);
        if let Some(editor) = given {
            git = git.env("GIT_EDITOR", editor);
        }
        Ok(String::from_utf8_lossy(&git.output()?).trim().to_owned())
    }
}

fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text.trim().strip_prefix("git version ")?.split(['.', ' ', '-']).map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
    Some(Version { major, minor, patch })
}
