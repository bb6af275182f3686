//! Differences between commits, and between a commit and a worktree.

use super::command::{Git, fields};
use super::refs::object_id;
use super::{GitError, Repo};
use crate::task::id::CommitId;
use std::iter::Peekable;

/// The format that [`parse`] reads.
const RAW_AND_COUNTS: &[&str] = &["--raw", "--numstat", "--no-abbrev", "-z"];

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Added,
    Deleted,
    Modified,
    Renamed,
    /// It became a link, a submodule, or a file again.
    TypeChanged,
}

/// One changed file. Names that are no UTF-8 are shown with replacement characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) path: String,
    /// Where it was before a rename.
    pub(crate) old_path: Option<String>,
    /// Lines added; `None` for a binary file.
    pub(crate) added: Option<u64>,
    /// Lines removed; `None` for a binary file.
    pub(crate) removed: Option<u64>,
    /// Size in bytes of a binary file as it is now; 0 for text.
    pub(crate) bytes_added: u64,
    pub(crate) status: Status,
    /// The plain file that it was, as a blob's id: by a name that is shown, not every file is found again.
    pub(crate) old_blob: Option<String>,
    /// The plain file that it is.
    pub(crate) new_blob: Option<String>,
}

/// One record of `--raw`.
struct Raw {
    status: Status,
    old_blob: Option<String>,
    new_blob: Option<String>,
    new_id: String,
    path: String,
    old_path: Option<String>,
}

impl Repo {
    /// What `head` changed since it left `base`.
    pub(crate) fn changes(&self, base: &CommitId, head: &CommitId) -> Result<Vec<FileChange>, GitError> {
        self.changes_between(&self.fork_point(base, head)?, head.as_str())
    }

    /// What each `(base, head)` changed, as [`Repo::changes`] says it of one: all in one process.
    pub(crate) fn changes_of(
        &self,
        pairs: &[(CommitId, CommitId)],
    ) -> Result<Vec<Vec<FileChange>>, GitError> {
        let mut headers = Vec::new();
        for (base, head) in pairs {
            let fork = self.merge_base(base, head)?.unwrap_or_else(|| base.clone());
            headers.push((self.tree_of(&fork)?, self.tree_of(head)?));
        }
        let differ = headers.iter().filter(|(from, to)| from != to); // of the others git says nothing at all
        let lines: String = differ.map(|(from, to)| format!("{from} {to}\n")).collect();
        let git = self.diff_tree(RAW_AND_COUNTS).arg("--stdin").stdin(lines.into_bytes());
        let output = git.output()?;
        let mut rest = fields(&output).peekable();
        let mut all = Vec::new();
        for (from, to) in headers {
            if from == to {
                all.push(Vec::new());
                continue;
            }
            let first = rest.next().unwrap_or_default();
            let first = first.strip_prefix(&format!("{from} {to}\n"));
            let changes = first.and_then(|first| parse(first.to_owned(), &mut rest));
            all.push(self.with_sizes(changes.ok_or_else(|| git.unclear(&output))?));
        }
        Ok(all)
    }

    /// Paths that `head` changed since it left `base`: both sides of renames. Without a process, as a queue asks for
    /// hundreds.
    pub(crate) fn paths(&self, base: &CommitId, head: &CommitId) -> Result<Vec<String>, GitError> {
        let fork = self.merge_base(base, head)?.unwrap_or_else(|| base.clone());
        let mut paths = Vec::new();
        self.differing_paths(b"", Some(object_id(&fork)?), Some(object_id(head)?), &mut paths)?;
        paths.sort();
        Ok(paths)
    }

    /// What `head` changed since it left `base`, as text.
    pub(crate) fn patch(&self, base: &CommitId, head: &CommitId) -> Result<String, GitError> {
        let fork = self.fork_point(base, head)?;
        let git = self.diff_tree(&["-p", "--no-color"]).args([fork.as_str(), head.as_str(), "--"]);
        Ok(String::from_utf8_lossy(&git.output()?).into_owned())
    }

    /// Where `head` left `base`; `base` itself where the two have nothing in common.
    fn fork_point(&self, base: &CommitId, head: &CommitId) -> Result<String, GitError> {
        Ok(self.merge_base(base, head)?.unwrap_or_else(|| base.clone()).as_str().to_owned())
    }

    /// Changes from one commit or tree to another.
    pub(super) fn changes_between(&self, from: &str, to: &str) -> Result<Vec<FileChange>, GitError> {
        let git = self.diff_tree(RAW_AND_COUNTS).args([from, to, "--"]);
        let output = git.output()?;
        let mut fields = fields(&output).peekable();
        let Some(first) = fields.next() else { return Ok(Vec::new()) };
        Ok(self.with_sizes(parse(first, &mut fields).ok_or_else(|| git.unclear(&output))?))
    }

    /// Adds the sizes of binary files.
    fn with_sizes(&self, changes: Vec<(FileChange, String)>) -> Vec<FileChange> {
        let sized = |(mut change, new_id): (FileChange, String)| {
            if change.added.is_none() && change.status != Status::Deleted {
                change.bytes_added = self.size(&new_id);
            }
            change
        };
        changes.into_iter().map(sized).collect()
    }

    /// The plumbing command, as the settings for `git diff` (prefixes, order, renames off) do not reach it.
    fn diff_tree(&self, format: &[&str]) -> Git {
        Git::on(self)
            .judging_by_base(self)
            .args(["diff-tree", "-r", "-M"])
            .args(["--no-ext-diff", "--no-textconv"]) // programs that settings and attributes name
            .args(format.iter().copied())
    }

    fn size(&self, id: &str) -> u64 {
        let id = gix::ObjectId::from_hex(id.as_bytes()).ok();
        id.and_then(|id| self.gix.find_header(id).ok()).map_or(0, |header| header.size())
    }
}

/// Reads one answer to `--raw --numstat -z`: all raw records, the first of them `first`, then all counts in the same order.
fn parse(
    first: String,
    fields: &mut Peekable<impl Iterator<Item = String>>,
) -> Option<Vec<(FileChange, String)>> {
    let mut raws = Vec::new();
    let mut next = Some(first).filter(|field| field.starts_with(':'));
    while let Some(head) = next {
        let mut words = head.trim_start_matches(':').split(' ');
        let (old_mode, new_mode) = (words.next()?, words.next()?);
        let (old_id, new_id) = (words.next()?.to_owned(), words.next()?.to_owned());
        let letter = words.next()?.chars().next()?;
        let plain = |mode: &str, id: &str| mode.starts_with("100").then(|| id.to_owned());
        let (old_blob, new_blob) = (plain(old_mode, &old_id), plain(new_mode, &new_id));
        let first = fields.next()?;
        let (old_path, path) =
            if matches!(letter, 'R' | 'C') { (Some(first), fields.next()?) } else { (None, first) };
        raws.push(Raw { status: status(letter)?, old_blob, new_blob, new_id, path, old_path });
        next = fields.next_if(|field| field.starts_with(':'));
    }
    let mut changes = Vec::new();
    for raw in raws {
        let counts = fields.next()?;
        let mut counts = counts.splitn(3, '\t');
        let (added, removed) = (counts.next()?.parse().ok(), counts.next()?.parse().ok());
        if counts.next()?.is_empty() {
            fields.next()?; // a rename names both paths again
            fields.next()?;
        }
        let Raw { status, old_blob, new_blob, new_id, path, old_path } = raw;
        let change =
            FileChange { path, old_path, added, removed, bytes_added: 0, status, old_blob, new_blob };
        changes.push((change, new_id));
    }
    Some(changes)
}

fn status(letter: char) -> Option<Status> {
    Some(match letter {
        'A' | 'C' => Status::Added,
        'D' => Status::Deleted,
        'M' => Status::Modified,
        'R' => Status::Renamed,
        'T' => Status::TypeChanged,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn counts_equal_those_of_git() {
        let sandbox = Sandbox::new();
        let long: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let base =
            sandbox.commit_on(&sandbox.main(), &[("moved from", &long), ("gone", "x\n"), ("bin", "\0a")]);
        let tree = sandbox.repo.tree_of(&base).unwrap();
        let put = |path: &str, bytes: &str| crate::git::objects::TreeEdit::Put {
            path: path.to_owned(),
            bytes: bytes.into(),
            executable: false,
        };
        let remove = |path: &str| crate::git::objects::TreeEdit::Remove { path: path.to_owned() };
        let edits = [
            remove("moved from"),
            put("moved\tto\n\"q\"", &format!("{long}more\n")),
            remove("gone"),
            put("bin", "\0abc"),
            put("ünï", "1\n2\n"),
            put(":colon", "1\n"),
        ];
        let tree = sandbox.repo.edit_tree(Some(&tree), &edits).unwrap();
        let (parents, who) = ([base.clone()], crate::git::testing::person());
        let new = crate::git::objects::NewCommit {
            tree: &tree,
            parents: &parents,
            author: &who,
            committer: &who,
            message: "x",
        };
        let head = sandbox.repo.commit(&new).unwrap();
        let changes = sandbox.repo.changes(&base, &head).unwrap();
        let ours: Vec<String> = changes.iter().map(as_numstat).collect();
        let theirs = sandbox.git(&["diff", "--numstat", "-z", "-M", base.as_str(), head.as_str()]);
        assert_eq!(ours.concat(), theirs);
        let bin = changes.iter().find(|change| change.path == "bin").unwrap();
        assert_eq!((bin.added, bin.bytes_added, bin.status), (None, 4, Status::Modified));
        let paths = sandbox.repo.paths(&base, &head).unwrap();
        assert!(paths.contains(&"moved from".to_owned()) && paths.contains(&"moved\tto\n\"q\"".to_owned()));
        assert!(sandbox.repo.patch(&base, &head).unwrap().contains("+more"));
        let pairs = [(&base, &head), (&head, &head), (&sandbox.main(), &base), (&base, &head)]
            .map(|(from, to)| (from.clone(), to.clone()));
        let each: Vec<_> = pairs.iter().map(|(from, to)| sandbox.repo.changes(from, to).unwrap()).collect();
        assert_eq!(sandbox.repo.changes_of(&pairs).unwrap(), each);
        assert_eq!(each[3], changes);
    }

    fn as_numstat(change: &FileChange) -> String {
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let (added, removed) = (count(change.added), count(change.removed));
        match &change.old_path {
            Some(old) => format!("{added}\t{removed}\t\0{old}\0{}\0", change.path),
            None => format!("{added}\t{removed}\t{}\0", change.path),
        }
    }
}
