//! Merges two changes of one text, as `git merge` does for a file.

use super::{GitError, Repo, command::Git};

impl Repo {
    /// The text with both changes; `None` where they do not go together.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn merge_text(
        &self,
        before: &str,
        ours: &str,
        theirs: &str,
    ) -> Result<Option<String>, GitError> {
        let folder = self.scratch()?;
        for (name, text) in [("before", before), ("ours", ours), ("theirs", theirs)] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map_err(GitError::io("write", &path))?;
        }
        let git = Git::bare(folder.path()).args(["merge-file", "-p", "ours", "before", "theirs"]);
        let finished = git.finish()?;
        match finished.status {
            0 => Ok(Some(String::from_utf8_lossy(&finished.stdout).into_owned())),
            1..=127 => Ok(None), // so many conflicts
            _ => Err(git.failed(&finished)),
        }
    }
}
