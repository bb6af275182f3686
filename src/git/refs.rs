//! Refs: read, listed, and changed by compare-and-swap only.
//!
//! There is no function here that writes a ref without an expected value, and none that retries a lost race: whoever
//! lost reads again and decides again.

use super::command::Git;
use super::lock::Shared;
use super::mark::{FileMark, file_mark, mark_of};
use super::{GitError, Repo};
use crate::task::id::CommitId;
use gix::refs::{FullName, Target};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// How often refs are listed again because `git pack-refs` moved some meanwhile.
const LIST_TRIES: u32 = 50;

/// What a ref must be before it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected<'a> {
    Absent,
    At(&'a CommitId),
}

/// What became of a change of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Swap {
    /// It is done and on the disk.
    Done,
    /// The ref was not as expected; nothing was changed.
    Lost { found: Option<CommitId> },
    /// Another writer holds the ref's lock, or died holding it.
    Locked,
}

/// Refs below a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Name and object, sorted by name.
    pub(crate) refs: Vec<(String, CommitId)>,
    /// Names of refs whose file is empty or garbage: git passes over them in silence, a clone just lacks them.
    pub(crate) broken: Vec<String>,
}

impl Repo {
    /// The commit that a ref points at, through symbolic refs.
    ///
    /// # Errors
    /// A broken ref is an error, not an absence.
    pub(crate) fn tip(&self, name: &str) -> Result<Option<CommitId>, GitError> {
        let mut full = full_name(name)?;
        let mut again = false;
        for _ in 0..6 {
            self.refresh_packed()?;
            let found = self.gix.refs.try_find(full.as_ref());
            match found.map_err(|_| GitError::BrokenRef(name.to_owned()))? {
                // Absent, or packed in this moment.
                None if !again => again = true,
                None => return Ok(None),
                Some(found) => match found.target {
                    Target::Object(id) => return Ok(Some(commit_id(id))),
                    Target::Symbolic(next) => full = next,
                },
            }
        }
        Err(GitError::BrokenRef(name.to_owned()))
    }

    /// The branch that one stands for, both in full: itself, unless it is a symbolic ref. A swap would put a commit in the
    /// place of the symbolic ref, and leave the branch where it was.
    ///
    /// # Errors
    /// A broken ref.
    pub(crate) fn branch_behind(&self, name: &str) -> Result<String, GitError> {
        let mut full = full_name(name)?;
        for _ in 0..6 {
            let found = self.gix.refs.try_find(full.as_ref());
            match found.map_err(|_| GitError::BrokenRef(name.to_owned()))?.map(|found| found.target) {
                Some(Target::Symbolic(next)) if next.as_bstr().starts_with(b"refs/heads/") => full = next,
                _ => return Ok(full.as_bstr().to_string()),
            }
        }
        Err(GitError::BrokenRef(name.to_owned()))
    }

    /// All refs whose name starts with `prefix`, such as `refs/heads/`.
    pub(crate) fn list(&self, prefix: &str) -> Result<Listing, GitError> {
        // The packed refs are read before the loose ones: a ref that `git pack-refs` moves in between is in neither.
        for _ in 0..LIST_TRIES {
            self.refresh_packed()?;
            let before = self.packed_mark();
            if let Some(listing) = self.list_once(prefix)?
                && self.packed_mark() == before
            {
                return Ok(listing);
            }
        }
        Err(GitError::Contended { name: prefix.to_owned(), tries: LIST_TRIES })
    }

    /// What the file of packed refs is now; `None` where there is none.
    pub(crate) fn packed_mark(&self) -> Option<FileMark> {
        file_mark(&self.common_dir().join("packed-refs"))
    }

    /// The loose refs directly in the folder `prefix`, by the rest of their names, with their files' marks.
    pub(crate) fn loose_marks(&self, prefix: &str) -> Result<HashMap<String, FileMark>, GitError> {
        let folder = self.common_dir().join(prefix);
        let files = match std::fs::read_dir(&folder) {
            Ok(files) => files,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(err) => return Err(GitError::io("list", &folder)(err)),
        };
        let mut marks = HashMap::new();
        for file in files {
            let file = file.map_err(GitError::io("list", &folder))?;
            // A file that went meanwhile is no ref any more, and a name that is no text is none of ours.
            let (Ok(name), Ok(found)) = (file.file_name().into_string(), file.metadata()) else { continue };
            if found.is_file() && !name.ends_with(".lock") {
                marks.insert(name, mark_of(&found));
            }
        }
        Ok(marks)
    }

    /// Makes gix read the packed refs again if the file is another one than at the last reading. gix goes by its time
    /// alone, and so misses a second change within one tick of the file system's clock.
    fn refresh_packed(&self) -> Result<(), GitError> {
        let path = self.common_dir().join("packed-refs");
        let now = file_mark(&path);
        if now.is_none() || self.packed_seen.get() == now {
            return Ok(());
        }
        match self.gix.refs.force_refresh_packed_buffer() {
            Err(err) if path.exists() => Err(GitError::gix("read the packed refs")(err)),
            _ => {
                self.packed_seen.set(now);
                Ok(())
            }
        }
    }

    /// Lists refs; `None` where a folder vanished on the way.
    fn list_once(&self, prefix: &str) -> Result<Option<Listing>, GitError> {
        let platform = self.gix.refs.iter().map_err(GitError::gix("read the refs"))?;
        let relative: &gix::path::RelativePath =
            prefix.try_into().map_err(|_| GitError::BadRefName(prefix.to_owned()))?;
        let mut listing = Listing::default();
        for item in platform.prefixed(relative).map_err(GitError::gix(format!("list {prefix}")))? {
            match item {
                Ok(found) => {
                    let name = found.name.as_bstr().to_string();
                    if let Target::Object(id) = found.target {
                        listing.refs.push((name, commit_id(id)));
                    }
                }
                Err(err) => match err.downcast_any_ref::<gix::refs::file::find::ReferenceDecode>() {
                    Some(broken) => listing.broken.push(broken.relative_path.to_string_lossy().into_owned()),
                    None if err.is_not_found() => return Ok(None),
                    None => return Err(GitError::gix(format!("list {prefix}"))(err)),
                },
            }
        }
        Ok(Some(listing))
    }

    /// Moves a ref from what it must be now to `new`, and puts it on the disk together with the objects written so far.
    ///
    /// git does it: gix 0.90 takes packed refs that were rewritten within one tick of the file system's clock for
    /// unchanged (reading so was wrong in 2 of 10 runs beside a loop of `git pack-refs`), and has no fsync.
    pub(crate) fn swap(
        &self,
        name: &str,
        expected: Expected<'_>,
        new: &CommitId,
        message: &str,
    ) -> Result<Swap, GitError> {
        self.sync_objects()?;
        let message = message.lines().next().unwrap_or_default();
        let old = match expected {
            Expected::Absent => "0".repeat(new.as_str().len()),
            Expected::At(id) => id.to_string(),
        };
        let git = self.update_ref()?.args(["-m", message, "--", name, new.as_str(), &old]);
        self.change(name, expected, Some(new), &git)
    }

    /// Deletes a ref that must be at `expected`.
    pub(crate) fn delete(&self, name: &str, expected: &CommitId) -> Result<Swap, GitError> {
        let git = self.update_ref()?.args(["-d", "--", name, expected.as_str()]);
        self.change(name, Expected::At(expected), None, &git)
    }

    /// Makes many refs that must not exist, `create NAME COMMIT` a line. Not atomic against crashes: only for scratch.
    ///
    /// # Errors
    /// One of them exists.
    pub(crate) fn create_refs(&self, lines: String) -> Result<(), GitError> {
        self.unsynced.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        Git::on(self).args(["update-ref", "--stdin"]).stdin(lines.into_bytes()).output().map(|_| ())
    }

    /// The command that changes one ref, and syncs it.
    pub(super) fn update_ref(&self) -> Result<Git, GitError> {
        Ok(self.ref_writer()?.args(["update-ref", "--no-deref"]))
    }

    /// A git that writes refs, before its command is named.
    pub(super) fn ref_writer(&self) -> Result<Git, GitError> {
        // The reflog needs somebody; a machine without an identity still moves refs.
        let identity = self.identity();
        let (name, email) =
            identity.unwrap_or_else(|| ("git-orch".to_owned(), "git-orch@localhost".to_owned()));
        Ok(Git::on(self)
            .holding(Shared::wait(self)?.into_file())
            .config("core.fsync", "reference,loose-object")
            .config("core.filesRefLockTimeout", "1000")
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", email))
    }

    fn change(
        &self,
        name: &str,
        expected: Expected<'_>,
        new: Option<&CommitId>,
        git: &Git,
    ) -> Result<Swap, GitError> {
        full_name(name)?;
        // A broken file must not be taken for an absent ref: it may be restored.
        let before = self.tip(name)?;
        if before.as_ref() != expected.id() {
            return Ok(Swap::Lost { found: before });
        }
        let finished = git.finish()?;
        if finished.status == 0 {
            return Ok(Swap::Done);
        }
        // Nothing in the exit code says why; what the ref is now does.
        let found = self.tip(name)?;
        if found.as_ref() != expected.id() {
            return Ok(Swap::Lost { found });
        }
        if self.is_ref_locked(name) {
            return Ok(Swap::Locked);
        }
        match new {
            Some(new) if !self.has_object(new)? => Err(git.failed(&finished)),
            _ if String::from_utf8_lossy(&finished.stderr).contains("cannot lock ref") => Ok(Swap::Locked),
            _ => Err(git.failed(&finished)),
        }
    }

    fn is_ref_locked(&self, name: &str) -> bool {
        let common = self.common_dir();
        common.join(format!("{name}.lock")).exists() || common.join("packed-refs.lock").exists()
    }

    /// Whether there is a commit of this id here. A journal from elsewhere may name any object, or none.
    pub(crate) fn has_object(&self, id: &CommitId) -> Result<bool, GitError> {
        let found = self.gix.try_find_header(object_id(id)?);
        let found = found.map_err(GitError::gix(format!("look for {id}")))?;
        Ok(found.is_some_and(|header| header.kind() == gix::object::Kind::Commit))
    }

    /// Puts the objects written so far on the disk. gix has no fsync, and a ref must never outlive what it points at.
    ///
    /// All are written before the first is synced: on ext4 one sync commits the journal for all of them.
    pub(crate) fn sync_objects(&self) -> Result<(), GitError> {
        // Held throughout: who comes second must not write a ref while the first still syncs.
        let mut unsynced = self.unsynced.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for id in unsynced.iter() {
            // An object that is not loose was there before, in a pack. The folders need no sync of their own, as in git:
            // the journals of ext4, xfs and btrfs keep a new file's name with the file.
            sync_file(&self.loose_path(id))?;
        }
        unsynced.clear();
        Ok(())
    }

    /// Puts what a program below git wrote on the disk: all that `commit` has and `known` has not.
    pub(crate) fn sync_reachable(&self, commit: &CommitId, known: &CommitId) -> Result<(), GitError> {
        let git = super::command::Git::on(self)
            .args(["rev-list", "--objects", "--no-object-names", commit.as_str()])
            .arg(format!("^{known}"));
        for line in String::from_utf8_lossy(&git.output()?).lines() {
            let id = gix::ObjectId::from_hex(line.as_bytes()).map_err(|_| git.unclear(line.as_bytes()))?;
            self.unsynced.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(id);
        }
        self.sync_objects()
    }

    pub(super) fn loose_path(&self, id: &gix::oid) -> std::path::PathBuf {
        let hex = id.to_hex().to_string();
        self.common_dir().join("objects").join(&hex[..2]).join(&hex[2..])
    }
}

impl Expected<'_> {
    pub(super) fn id(&self) -> Option<&CommitId> {
        match self {
            Expected::Absent => None,
            Expected::At(id) => Some(id),
        }
    }
}

/// Syncs a file or folder; returns false where there is none.
fn sync_file(path: &Path) -> Result<bool, GitError> {
    match File::open(path).and_then(|file| file.sync_all()) {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(GitError::io("sync", path)(err)),
    }
}

/// Checks a full ref name.
pub(super) fn full_name(name: &str) -> Result<FullName, GitError> {
    FullName::try_from(name).map_err(|_| GitError::BadRefName(name.to_owned()))
}

pub(super) fn object_id(id: &CommitId) -> Result<gix::ObjectId, GitError> {
    hex(id.as_str())
}

/// The object with this name in hexadecimal digits.
pub(super) fn hex(id: &str) -> Result<gix::ObjectId, GitError> {
    gix::ObjectId::from_hex(id.as_bytes()).map_err(GitError::gix(format!("read the object id {id}")))
}

pub(super) fn commit_id(id: gix::ObjectId) -> CommitId {
    CommitId::parse(&id.to_string()).expect("gix writes object ids in full and in lower case")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn sixteen_threads_on_one_ref_lose_nothing() {
        let sandbox = Sandbox::new();
        let (name, first) = ("refs/test/counter", sandbox.main());
        assert_eq!(sandbox.repo.swap(name, Expected::Absent, &first, "x").unwrap(), Swap::Done);
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let repo = sandbox.repo.clone();
                scope.spawn(move || {
                    for round in 0..4 {
                        count_up(&repo, name, thread * 100 + round);
                    }
                });
            }
        });
        let tip = sandbox.repo.tip(name).unwrap().unwrap();
        assert_eq!(sandbox.repo.first_parent(&tip, None, 1000).unwrap().len(), 65);
    }

    fn count_up(repo: &Repo, name: &str, mark: usize) {
        use crate::git::objects::NewCommit;
        let who = crate::git::testing::person();
        loop {
            let tip = repo.tip(name).unwrap().unwrap();
            let (tree, parents) = (repo.tree_of(&tip).unwrap(), [tip.clone()]);
            let message = mark.to_string();
            let new = NewCommit {
                tree: &tree,
                parents: &parents,
                author: &who,
                committer: &who,
                message: &message,
            };
            let commit = repo.commit(&new).unwrap();
            if repo.swap(name, Expected::At(&tip), &commit, "count").unwrap() == Swap::Done {
                return;
            }
        }
    }

    #[test]
    fn a_ref_that_exists_is_not_created_even_with_the_same_value() {
        let sandbox = Sandbox::new();
        let first = sandbox.main();
        let swap = sandbox.repo.swap("refs/heads/main", Expected::Absent, &first, "x").unwrap();
        assert_eq!(swap, Swap::Lost { found: Some(first) });
    }

    #[test]
    fn a_deleted_ref_is_not_made_again() {
        let sandbox = Sandbox::new();
        let first = sandbox.main();
        let swap = sandbox.repo.swap("refs/test/ghost", Expected::At(&first), &first, "x").unwrap();
        assert_eq!(swap, Swap::Lost { found: None });
    }

    #[test]
    fn packed_refs_are_read_swapped_and_deleted() {
        let sandbox = Sandbox::new();
        let (first, repo) = (sandbox.main(), &sandbox.repo);
        let second = sandbox.commit_on(&first, &[("b", "b")]);
        assert_eq!(repo.swap("refs/test/x", Expected::Absent, &first, "x").unwrap(), Swap::Done);
        sandbox.git(&["pack-refs", "--all", "--prune"]);
        assert_eq!(repo.swap("refs/test/x", Expected::At(&first), &second, "x").unwrap(), Swap::Done);
        assert_eq!(repo.list("refs/test/").unwrap().refs, [("refs/test/x".to_owned(), second.clone())]);
        assert_eq!(repo.delete("refs/test/x", &first).unwrap(), Swap::Lost { found: Some(second.clone()) });
        assert_eq!(repo.delete("refs/test/x", &second).unwrap(), Swap::Done);
        assert_eq!(repo.tip("refs/test/x").unwrap(), None);
    }

    #[test]
    fn a_held_lock_is_told_from_a_lost_race() {
        let sandbox = Sandbox::new();
        let first = sandbox.main();
        std::fs::write(sandbox.path().join(".git/refs/heads/main.lock"), "").unwrap();
        let swap = sandbox.repo.swap("refs/heads/main", Expected::At(&first), &first, "x").unwrap();
        assert_eq!(swap, Swap::Locked);
    }

    #[test]
    fn broken_refs_are_listed_apart() {
        let sandbox = Sandbox::new();
        let folder = sandbox.path().join(".git/refs/test");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("empty"), "").unwrap();
        std::fs::write(folder.join("good"), format!("{}\n", sandbox.main())).unwrap();
        let listing = sandbox.repo.list("refs/test/").unwrap();
        assert_eq!(listing.broken, ["refs/test/empty"]);
        assert_eq!(listing.refs.len(), 1);
        assert!(matches!(sandbox.repo.tip("refs/test/empty"), Err(GitError::BrokenRef(_))));
        let over = sandbox.repo.swap("refs/test/empty", Expected::Absent, &sandbox.main(), "x");
        assert!(matches!(over, Err(GitError::BrokenRef(_))));
    }

    #[test]
    fn swaps_while_refs_are_packed_lose_nothing() {
        let sandbox = Sandbox::new();
        let (name, first) = ("refs/test/counter", sandbox.main());
        assert_eq!(sandbox.repo.swap(name, Expected::Absent, &first, "x").unwrap(), Swap::Done);
        let working = std::sync::atomic::AtomicUsize::new(4);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (repo, working) = (sandbox.repo.clone(), &working);
                scope.spawn(move || {
                    (0..10).for_each(|round| count_up(&repo, name, thread * 100 + round));
                    working.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
            while working.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let pack =
                    super::super::command::Git::on(&sandbox.repo).args(["pack-refs", "--all", "--prune"]);
                let _ = pack.finish().unwrap(); // it may find a lock held
                let listed = sandbox.repo.list("refs/test/").unwrap();
                assert_eq!((listed.refs.len(), listed.broken.len()), (1, 0));
                // Back to back, packing makes git 2.47 itself lose updates (`docs/architecture.md`).
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let tip = sandbox.repo.tip(name).unwrap().unwrap();
        assert_eq!(sandbox.repo.first_parent(&tip, None, 1000).unwrap().len(), 41);
    }
}
