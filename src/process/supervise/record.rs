//! What is noted of a job while it runs, so that its processes are found when its supervisor was killed with it.
//!
//! One folder for each job below a common one, with a file in it. A living supervisor looks after its job itself.

use super::sweep::end_all;
use crate::process::{
    ProcessError,
    procfs::{self, alive, marked, start_time},
};
use serde::{Deserialize, Serialize};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

/// Name of the record in a job's folder.
pub(in crate::process) const FILE: &str = "job.json";
/// A folder without a record is about to get one, unless it is older than this.
const YOUNG: Duration = Duration::from_secs(60);

/// The record of a running job; gone when dropped.
pub(super) struct Record(PathBuf);

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    supervisor: u32,
    /// When that one started: ids are used again.
    supervisor_started: u64,
    /// The program's process group.
    group: u32,
    group_started: u64,
    /// Stands in the environment of the program, and so of what it started.
    mark: String,
}

/// What a dead supervisor left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// The job's own folder.
    pub(crate) folder: PathBuf,
    /// Processes that were still there.
    pub(crate) processes: u32,
}

impl Record {
    /// Notes that this process supervises that group.
    pub(super) fn write(path: &Path, group: u32) -> Result<Record, ProcessError> {
        let me = std::process::id();
        let noted = Noted {
            supervisor: me,
            supervisor_started: start_time(me).unwrap_or_default(),
            group,
            group_started: start_time(group).unwrap_or_default(),
            mark: mark(path),
        };
        let json = serde_json::to_vec(&noted).expect("numbers and a text");
        let written = match std::fs::write(path, &json) {
            // Somebody removed the folder just now: no reason to end what runs.
            Err(err) if err.kind() == ErrorKind::NotFound => {
                make_folder(path).and_then(|()| std::fs::write(path, json))
            }
            written => written,
        };
        written.map_err(|source| ProcessError::Log { path: path.to_owned(), source })?;
        Ok(Record(path.to_owned()))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // left over, it names nobody who lives
    }
}

/// The variable by which a job's processes are known: it has the name of the job's folder, which is random.
pub(in crate::process) fn mark(record: &Path) -> String {
    let folder = record.parent().and_then(Path::file_name).unwrap_or_default();
    format!("GIT_ORCH_JOB={}", folder.display())
}

/// Ends what is left of a job whose supervisor is gone; returns how many processes that were.
pub(super) fn end_left(record: &Path) -> u32 {
    let Some(noted) = read(record) else { return 0 };
    let ended = end_all(&|| found(&noted));
    let _ = std::fs::remove_file(record);
    ended
}

fn make_folder(record: &Path) -> std::io::Result<()> {
    record.parent().map_or(Ok(()), std::fs::create_dir_all)
}

fn read(record: &Path) -> Option<Noted> {
    serde_json::from_slice(&std::fs::read(record).ok()?).ok()
}

fn found(noted: &Noted) -> Vec<u32> {
    marked(noted.group, noted.group_started, &noted.mark)
}

/// What dead supervisors left below a folder. Looks, and changes nothing.
pub(crate) fn left_over(folder: &Path) -> Vec<Left> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let folder = entry.path();
        match read(&folder.join(FILE)) {
            Some(noted) if procfs::available() && alive(noted.supervisor, noted.supervisor_started) => {}
            Some(noted) => {
                let processes = u32::try_from(found(&noted).len()).unwrap_or(u32::MAX);
                left.push(Left { folder, processes });
            }
            None if is_young(&folder) => {}
            None => left.push(Left { folder, processes: 0 }),
        }
    }
    left
}

/// Ends what dead supervisors left below a folder, and removes their jobs' folders.
pub(crate) fn clean_up(folder: &Path) -> Vec<Left> {
    let mut left = left_over(folder);
    for one in &mut left {
        one.processes = one.processes.max(end_left(&one.folder.join(FILE)));
        // A program may have made folders that nobody may enter; the next time tries again.
        let _ = std::fs::remove_dir_all(&one.folder);
    }
    left
}

fn is_young(folder: &Path) -> bool {
    let age = folder.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
    age.is_none_or(|age| age < YOUNG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_record_is_left_while_it_is_young() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("new")).unwrap();
        assert_eq!(left_over(folder.path()), []);
    }

    #[test]
    fn a_record_is_written_where_its_folder_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone/job.json");
        let record = Record::write(&path, 1).unwrap();
        assert!(path.exists());
        drop(record);
        assert!(!path.exists());
    }

    #[test]
    fn a_record_of_the_living_is_left_alone_and_one_of_the_dead_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir(&own).unwrap();
        let record = Record::write(&own.join(FILE), u32::MAX).unwrap();
        assert_eq!(clean_up(folder.path()), []);
        let mut noted = read(&own.join(FILE)).unwrap();
        assert_eq!(noted.mark, "GIT_ORCH_JOB=own");
        noted.supervisor_started += 1;
        std::fs::write(own.join(FILE), serde_json::to_vec(&noted).unwrap()).unwrap();
        assert_eq!(clean_up(folder.path()), [Left { folder: own.clone(), processes: 0 }]);
        assert!(!own.exists());
        drop(record);
    }
}
