//! Whether somebody's git works in a repository now, as far as this system tells.

use super::Repo;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Stands in the environment of each git that this program starts, with what it does.
pub(super) const MARK: &str = "GIT_ORCH_CHILD";
/// It takes no lock: `GIT_OPTIONAL_LOCKS=0` is set as well.
pub(super) const READS: &str = "reads";
/// It takes locks.
pub(super) const CHANGES: &str = "changes";

/// Commands that hold no lock while they wait, for a pager mostly. What an alias stands for runs as a git of its own.
const READERS: [&str; 17] = [
    "blame",
    "cat-file",
    "describe",
    "diff",
    "for-each-ref",
    "grep",
    "help",
    "log",
    "ls-files",
    "ls-tree",
    "name-rev",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "show-ref",
    "whatchanged",
];
/// Options before the command that have a value in the next word.
const WITH_VALUE: [&str; 6] = ["-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env"];
/// Variables by which a git works elsewhere than it stands.
const PLACES: [&str; 4] = ["GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];
/// Folders above one another, at most.
const DEEPEST: usize = 128;
/// Linux's number of the first process namespace: in it all processes of the machine are seen.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// What is seen of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// None, and all are seen.
    None,
    /// At least one.
    Some,
    /// None; but there may be processes that are not seen, outside of a container or where there is no `/proc`.
    Unknown,
}

/// Whether a git that may hold locks works in one of these folders: stands there, or was sent there. Only those count that
/// could have made a file of ours, as `git` of another user makes its own.
pub(super) fn others(places: &[PathBuf]) -> Others {
    let wanted: Vec<(u64, u64)> = places.iter().filter_map(|place| identity(place)).collect();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Others::Unknown };
    let user = rustix::process::geteuid().as_raw();
    for process in processes.flatten().map(|entry| entry.path()) {
        let ours = process.metadata().is_ok_and(|found| found.uid() == user);
        if ours && is_git(&process) && may_lock(&process) && works_in(&process, &wanted) {
            return Others::Some;
        }
    }
    let sees_all = std::fs::read_link("/proc/self/ns/pid").is_ok_and(|ns| ns == Path::new(FIRST_NAMESPACE));
    if sees_all { Others::None } else { Others::Unknown }
}

/// All folders of a repository: its own, and all its worktrees.
pub(super) fn folders(repo: &Repo) -> Vec<PathBuf> {
    let mut folders = vec![repo.common_dir().to_owned(), repo.main_worktree().to_owned()];
    let admins = std::fs::read_dir(repo.common_dir().join("worktrees")).into_iter().flatten().flatten();
    for admin in admins.map(|entry| entry.path()) {
        let Ok(file) = std::fs::read_to_string(admin.join("gitdir")) else { continue };
        // Joined, as it may be relative to the admin folder.
        folders.extend(admin.join(file.trim()).parent().map(Path::to_owned));
    }
    folders
}

fn read(process: &Path, name: &str) -> Vec<u8> {
    std::fs::read(process.join(name)).unwrap_or_default()
}

fn is_git(process: &Path) -> bool {
    let name = read(process, "comm");
    let name = name.trim_ascii_end();
    name == b"git" || (name.starts_with(b"git-") && !name.starts_with(b"git-orch"))
}

fn may_lock(process: &Path) -> bool {
    let words = read(process, "cmdline");
    let mut words = words.split(|&byte| byte == 0).skip(1);
    let mut command = None;
    while let Some(word) = words.next() {
        if WITH_VALUE.iter().any(|option| word == option.as_bytes()) {
            words.next();
        } else if !word.starts_with(b"-") {
            command = Some(word);
            break;
        }
    }
    let reads = command.is_some_and(|command| READERS.iter().any(|reader| command == reader.as_bytes()));
    let mark = format!("{MARK}={READS}");
    !reads && !read(process, "environ").split(|&byte| byte == 0).any(|line| line == mark.as_bytes())
}

/// Where that cannot be read of a process that lives, it may be here.
fn works_in(process: &Path, wanted: &[(u64, u64)]) -> bool {
    let cwd = process.join("cwd");
    if let Err(err) = cwd.metadata() {
        return err.kind() != std::io::ErrorKind::NotFound;
    }
    is_below(&cwd, wanted) || sent_to(process).iter().any(|place| is_below(place, wanted))
}

/// Where its environment and its words send it, as its own file system has it.
fn sent_to(process: &Path) -> Vec<PathBuf> {
    let mut places: Vec<Vec<u8>> = Vec::new();
    for line in read(process, "environ").split(|&byte| byte == 0) {
        let value = |name: &&str| line.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
        places.extend(PLACES.iter().find_map(value).map(<[u8]>::to_vec));
    }
    let words = read(process, "cmdline");
    let words: Vec<&[u8]> = words.split(|&byte| byte == 0).collect();
    for (at, word) in words.iter().enumerate() {
        for option in [&b"--git-dir"[..], &b"--work-tree"[..]] {
            let rest = word.strip_prefix(option);
            let next = || words.get(at + 1).copied();
            let value =
                rest.and_then(|rest| rest.strip_prefix(b"=").or_else(|| next().filter(|_| rest.is_empty())));
            places.extend(value.map(<[u8]>::to_vec));
        }
    }
    let absolute = |place: Vec<u8>| match place.strip_prefix(b"/") {
        Some(rest) => process.join("root").join(OsStr::from_bytes(rest)),
        None => process.join("cwd").join(OsStr::from_bytes(&place)),
    };
    places.into_iter().map(absolute).collect()
}

/// Whether a path is one of these folders or below: by what the folders are, as the same one has another path in a container.
fn is_below(path: &Path, wanted: &[(u64, u64)]) -> bool {
    let is_folder = path.metadata().is_ok_and(|found| found.is_dir());
    let mut at = if is_folder { path.to_owned() } else { path.parent().unwrap_or(path).to_owned() };
    for _ in 0..DEEPEST {
        let Some(found) = identity(&at) else { return false };
        if wanted.contains(&found) {
            return true;
        }
        at.push("..");
        if identity(&at) == Some(found) {
            return false; // the root
        }
    }
    true
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}
