//! Where this machine keeps what the turns of a task wrote, for people who ask why one failed. Logs are not shared: another
//! clone has none, and none is looked for there.

use std::path::{Path, PathBuf};

use crate::task::Trouble;
use crate::task::id::TaskId;

use super::Project;

impl Project {
    /// The log of a task's last turn, where a log says more about such trouble: as it is best typed from the top of the
    /// main worktree. `None` where this machine has none.
    pub(crate) fn telling_log(&self, id: &TaskId, trouble: Trouble) -> Option<String> {
        let log = newest_log(&self.logs_of(id)).filter(|_| trouble.has_a_log())?;
        let shown = log.strip_prefix(self.root()).unwrap_or(&log);
        Some(shown.display().to_string())
    }

    /// The folder with the logs of a task's turns: one folder each.
    pub(crate) fn logs_of(&self, id: &TaskId) -> PathBuf {
        self.local().join("logs").join(id.as_str())
    }
}

/// The file that says most in the newest of these folders: what the program wrote on standard error, else on standard
/// output. A team's turn has a folder for each worker: then all of it.
fn newest_log(turns: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(turns).ok()?.flatten().filter_map(|entry| {
        let meta = entry.metadata().ok().filter(std::fs::Metadata::is_dir)?;
        Some((meta.modified().ok()?, entry.path()))
    });
    let (_, turn) = folders.max()?;
    let says = |name: &str| {
        let path = turn.join(name);
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() > 0).then_some(path)
    };
    Some(says("stderr.log").or_else(|| says("stdout.log")).unwrap_or(turn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_newest_turn_is_the_one_that_tells() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest_log(&dir.path().join("none")), None);
        fs::write(dir.path().join("setup.log"), "no turn").unwrap();
        assert_eq!(newest_log(dir.path()), None);
        let at = |seconds| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        for (turn, out, err, time) in
            [("fix-2-a", "said", "", 30), ("implement-1-b", "said", "why", 20), ("team-3-c", "", "", 10)]
        {
            let folder = dir.path().join(turn);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("stdout.log"), out).unwrap();
            fs::write(folder.join("stderr.log"), err).unwrap();
            fs::File::open(&folder).unwrap().set_modified(at(time)).unwrap();
        }
        for told in ["fix-2-a/stdout.log", "implement-1-b/stderr.log", "team-3-c"] {
            assert_eq!(newest_log(dir.path()), Some(dir.path().join(told)));
            fs::remove_dir_all(dir.path().join(told.split('/').next().unwrap())).unwrap();
        }
    }
}
