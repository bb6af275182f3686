//! Which tracker a file or folder is, and its files read.

use std::path::{Path, PathBuf};

use crate::flow::FlowError;
use crate::tracker::Source;

/// Files of trackers, as they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tracker {
    /// `TODO.md` and its fellows.
    Todo(Vec<PathBuf>),
    Backlog(PathBuf),
    Beads(PathBuf),
    TaskMaster(PathBuf),
}

/// The pipeline of files, in its order.
const PIPELINE: [&str; 4] = ["TODO.md", "IN_PROGRESS.md", "REVIEW.md", "TESTING.md"];
/// Largest file that is read, in bytes.
const FILE_MAX: u64 = 64 << 20;

/// The trackers that a folder has.
pub(crate) fn trackers_in(folder: &Path) -> Vec<Tracker> {
    let mut found = Vec::new();
    let pipeline: Vec<PathBuf> =
        PIPELINE.iter().map(|name| folder.join(name)).filter(|path| is_file(path)).collect();
    if !pipeline.is_empty() {
        found.push(Tracker::Todo(pipeline));
    }
    let at = |path: &str| folder.join(path);
    if at("backlog/tasks").is_dir() {
        found.push(Tracker::Backlog(at("backlog")));
    }
    if is_file(&at(".beads/issues.jsonl")) {
        found.push(Tracker::Beads(at(".beads/issues.jsonl")));
    }
    if is_file(&at(".taskmaster/tasks/tasks.json")) {
        found.push(Tracker::TaskMaster(at(".taskmaster/tasks/tasks.json")));
    }
    found
}

/// The tracker that a file or folder is, by its name.
pub(crate) fn tracker_at(path: &Path) -> Option<Tracker> {
    if path.is_dir() {
        let folder = |name: &str| path.join(name);
        if folder("tasks").is_dir() && !is_file(&folder("tasks/tasks.json")) {
            return Some(Tracker::Backlog(path.to_owned()));
        }
        if is_file(&folder("issues.jsonl")) {
            return Some(Tracker::Beads(folder("issues.jsonl")));
        }
        if is_file(&folder("tasks/tasks.json")) {
            return Some(Tracker::TaskMaster(folder("tasks/tasks.json")));
        }
        return trackers_in(path).into_iter().next();
    }
    match path.extension()?.to_str()? {
        "md" | "markdown" => {
            // The first of the pipeline stands for all of it.
            let whole = path.file_name().is_some_and(|name| name == PIPELINE[0]);
            let folder = path.parent().unwrap_or(Path::new(""));
            let fellows =
                PIPELINE[1..].iter().map(|name| folder.join(name)).filter(|path| whole && is_file(path));
            Some(Tracker::Todo([path.to_owned()].into_iter().chain(fellows).collect()))
        }
        "jsonl" => Some(Tracker::Beads(path.to_owned())),
        "json" => Some(Tracker::TaskMaster(path.to_owned())),
        _ => None,
    }
}

/// Reads a tracker's files. Links are not followed: a repository's files are anybody's.
///
/// # Errors
/// A file cannot be read, or is none of the tracker.
pub(crate) fn read(tracker: &Tracker) -> Result<Source, FlowError> {
    Ok(match tracker {
        Tracker::Todo(paths) => crate::tracker::read_todo(&texts(paths)?)?,
        Tracker::Beads(path) => crate::tracker::read_beads(&path.display().to_string(), &text(path)?)?,
        Tracker::TaskMaster(path) => {
            crate::tracker::read_taskmaster(&path.display().to_string(), &text(path)?)?
        }
        Tracker::Backlog(folder) => {
            let mut paths = Vec::new();
            for part in ["tasks", "drafts", "completed", "archive/tasks"] {
                let part = folder.join(part);
                if !part.is_dir() {
                    continue;
                }
                for entry in std::fs::read_dir(&part).map_err(FlowError::file("list", &part))? {
                    let path = entry.map_err(FlowError::file("list", &part))?.path();
                    if is_file(&path) && path.extension().is_some_and(|end| end == "md") {
                        paths.push(path);
                    }
                }
            }
            paths.sort();
            crate::tracker::read_backlog(&texts(&paths)?)?
        }
    })
}

fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, FlowError> {
    paths.iter().map(|path| Ok((path.display().to_string(), text(path)?))).collect()
}

fn text(path: &Path) -> Result<String, FlowError> {
    let meta = path.symlink_metadata().map_err(FlowError::file("read", path))?;
    let refuse = |why: &str| FlowError::BadValue { what: path.display().to_string(), why: why.to_owned() };
    if !meta.is_file() {
        return Err(refuse("not a plain file"));
    }
    if meta.len() > FILE_MAX {
        return Err(refuse("larger than 64 MiB"));
    }
    let bytes = std::fs::read(path).map_err(FlowError::file("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file())
}
