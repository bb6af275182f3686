//! Journals: a chain of commits for each task, one per event. The tip is the task's state.
//!
//! Appending is a commit on the old tip and a compare-and-swap; who loses reads again and decides again. Each event
//! carries a nonce, because a write can be applied and still be reported as failed (`reference: git.md 8`).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::git::lock::{Exclusive, Shared};
use crate::git::objects::{CommitInfo, NewCommit, Person, TreeEdit};
use crate::git::refs::{Expected, Swap};
use crate::git::stale;
use crate::git::{GitError, Repo};
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId, shown};
use crate::task::{Actor, Event, Task};

use super::record::{self, EventRecord, RecordError};
use super::verdict::ReadVerdicts;
use super::{StoreError, layout};

/// How often a change is decided anew when others write the same journal.
const TRIES: u32 = 64;

/// One command as the journals see it: its events share this id and time, so that `undo` finds all of them.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) id: String,
    pub(crate) at: Seconds,
}

/// A task as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) task: Task,
    pub(crate) tip: CommitId,
}

/// What is stored in one repository.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) repo: Repo,
    /// The email address that stands in the journals' commits.
    pub(crate) email: String,
    /// Verdicts as they were read, as long as the notes do not move; shared by clones.
    pub(super) read: ReadVerdicts,
}

impl Store {
    /// The store of a repository.
    pub(crate) fn new(repo: Repo) -> Store {
        let email = repo.identity().map_or_else(|| "git-orch@localhost".to_owned(), |(_, email)| email);
        Store { repo, email, read: ReadVerdicts::default() }
    }

    /// This store, knowing what `other` has read of the same repository.
    pub(crate) fn knowing(self, other: &Store) -> Store {
        Store { read: other.read.clone(), ..self }
    }

    /// Reads an open task.
    ///
    /// # Errors
    /// The journal's tip cannot be read.
    pub(crate) fn load(&self, id: &TaskId) -> Result<Option<Stored>, StoreError> {
        match self.repo.tip(&layout::task_ref(id))? {
            Some(tip) => Ok(Some(Stored { task: self.task_at(&tip, "", &layout::task_ref(id))?, tip })),
            None => Ok(None),
        }
    }

    /// Reads the task whose files are at `commit`, below `folder` (empty, or ending in `/`).
    pub(super) fn task_at(&self, commit: &CommitId, folder: &str, name: &str) -> Result<Task, StoreError> {
        let file = |path: &str| self.repo.read_file(commit, &format!("{folder}{path}"));
        let unreadable = |source: RecordError| StoreError::Record {
            name: name.to_owned(),
            commit: commit.clone(),
            source,
        };
        let missing =
            || unreadable(RecordError::Broken { what: "task.json", why: "it is missing".to_owned() });
        let task_json = file("task.json")?.ok_or_else(missing)?;
        let spec = file("spec.md")?.unwrap_or_default();
        let all = |list: &str| -> Result<Vec<Vec<u8>>, GitError> {
            let names = self.repo.list_folder(commit, &format!("{folder}{list}"))?;
            let texts = names.iter().map(|(name, _)| file(&format!("{list}/{name}")));
            texts.filter_map(Result::transpose).collect()
        };
        let task = record::read_task(&task_json, &spec, &all("reviews")?, &all("decisions")?, &all("notes")?)
            .map_err(unreadable)?;
        // We move and delete a task's own branch: who writes journals must not name somebody else's.
        if !task.adopted && task.branch != layout::branch_of(&task.id) {
            let why = format!("{} is not the branch of {}", shown(&task.branch), task.id);
            return Err(unreadable(RecordError::Broken { what: "task.json", why }));
        }
        Ok(task)
    }

    /// Starts the journal of a new task.
    ///
    /// # Errors
    /// A task of that name exists, or the event is refused.
    pub(crate) fn create(&self, op: &Op, actor: &Actor, event: &Event) -> Result<Stored, StoreError> {
        let task = Task::begin(event, actor, op.at).map_err(StoreError::NotBegun)?;
        let id = task.id.clone();
        let tip = self.write_event(op, actor, event, None, &task)?;
        match self.swap(&layout::task_ref(&id), Expected::Absent, &tip, event.word())? {
            None => {
                self.remember(&id, &tip)?;
                Ok(Stored { task, tip })
            }
            Some(_) => Err(StoreError::Exists(id)),
        }
    }

    /// Writes the first commit of a journal without making its ref: for whoever makes many refs at once.
    ///
    /// # Errors
    /// The event is refused, or git fails.
    pub(crate) fn first_commit(&self, op: &Op, actor: &Actor, event: &Event) -> Result<CommitId, StoreError> {
        let task = Task::begin(event, actor, op.at).map_err(StoreError::NotBegun)?;
        self.write_event(op, actor, event, None, &task)
    }

    /// Appends events to what `stored` is; `None` if somebody else was first.
    ///
    /// # Errors
    /// An event is refused, or git fails.
    pub(crate) fn append(
        &self,
        op: &Op,
        actor: &Actor,
        stored: &Stored,
        events: &[Event],
    ) -> Result<Option<Stored>, StoreError> {
        let next = self.prepare(op, actor, stored, events)?;
        if self.publish(stored, &next)? { Ok(Some(next)) } else { Ok(None) }
    }

    /// Writes the events' commits without moving the journal: a claim goes to the remote first.
    pub(crate) fn prepare(
        &self,
        op: &Op,
        actor: &Actor,
        stored: &Stored,
        events: &[Event],
    ) -> Result<Stored, StoreError> {
        let mut next = stored.clone();
        for event in events {
            let task = next.task.after(event, actor, op.at).map_err(|refused| StoreError::Refused {
                id: next.task.id.clone(),
                refused,
                state: Box::new(next.task.state.clone()),
            })?;
            let tip = self.write_event(op, actor, event, Some(&next), &task)?;
            next = Stored { task, tip };
        }
        Ok(next)
    }

    /// Moves the journal from `stored` to `next`; false if it was no longer at `stored`.
    pub(crate) fn publish(&self, stored: &Stored, next: &Stored) -> Result<bool, StoreError> {
        if stored.tip == next.tip {
            return Ok(true);
        }
        let id = &next.task.id;
        let lost =
            self.swap(&layout::task_ref(id), Expected::At(&stored.tip), &next.tip, next.task.state.word())?;
        match lost {
            // Ours all the same: a write that was reported as failed, or a claim that came back from the remote by the
            // sync of another process before it was written here.
            Some(Some(found)) if found != next.tip => Ok(false),
            Some(None) => Ok(false),
            None | Some(Some(_)) => {
                self.remember(id, &next.tip)?;
                Ok(true)
            }
        }
    }

    /// Loads a task, lets `decide` say what happens to it, and appends that; decided anew whenever others were first.
    ///
    /// # Errors
    /// No such task, what `decide` says, a refused event, or others wrote it too often in a row.
    pub(crate) fn change<E: From<StoreError>>(
        &self,
        op: &Op,
        actor: &Actor,
        id: &TaskId,
        decide: impl Fn(&Stored) -> Result<Vec<Event>, E>,
    ) -> Result<Stored, E> {
        for round in 0..TRIES {
            let stored = self.load(id)?.ok_or_else(|| StoreError::NoTask(id.clone()))?;
            let events = decide(&stored)?;
            match self.append(op, actor, &stored, &events) {
                Ok(Some(next)) => return Ok(next),
                Ok(None) => {}
                // Written anew, in the hope that git gc has gone on meanwhile.
                Err(StoreError::Git(err)) if err.lacks_object() && round + 1 < TRIES => {
                    tracing::debug!(%err, "what was written was pruned");
                }
                Err(err) => return Err(err.into()),
            }
            pause(round);
        }
        Err(StoreError::Contended { name: layout::task_ref(id), tries: TRIES }.into())
    }

    pub(super) fn write_event(
        &self,
        op: &Op,
        actor: &Actor,
        event: &Event,
        before: Option<&Stored>,
        task: &Task,
    ) -> Result<CommitId, StoreError> {
        let nonce = Nonce(nonce());
        let event_json = record::event_file(&EventRecord {
            event: event.clone(),
            actor: actor.clone(),
            at: op.at,
            nonce: nonce.clone(),
            op: op.id.clone(),
        });
        let parent = before.map(|stored| self.repo.read_commit(&stored.tip)).transpose()?;
        let old = before.map(|stored| record::task_files(&stored.task)).unwrap_or_default();
        let mut edits = changed_files(&old, record::task_files(task));
        edits.push(put("event.json", event_json));
        let tree = self.repo.edit_tree(parent.as_ref().map(|parent| &parent.tree), &edits)?;
        // A commit is never dated before its parent: git's walks go wrong otherwise.
        let at = parent.as_ref().map_or(op.at, |parent| parent.committer_time.max(op.at));
        let message = message(event, actor, task, &nonce, op);
        let parents = parent.into_iter().map(|parent| parent.id).collect();
        self.commit(tree, parents, &actor.who.0, at, message)
    }

    /// Writes a commit of ours.
    pub(super) fn commit(
        &self,
        tree: TreeId,
        parents: Vec<CommitId>,
        name: &str,
        at: Seconds,
        message: String,
    ) -> Result<CommitId, StoreError> {
        let person = Person { name: one_line(name), email: self.email.clone(), time: at, offset: 0 };
        let new = NewCommit {
            tree: &tree,
            parents: &parents,
            author: &person,
            committer: &person,
            message: &message,
        };
        Ok(self.repo.commit(&new)?)
    }

    /// Swaps a ref, waiting for another writer's lock; `Some(found)` if the ref was not as expected.
    ///
    /// # Errors
    /// The lock is held for longer than any writer of ours holds one, and is not a dead one's.
    pub(crate) fn swap(
        &self,
        name: &str,
        expected: Expected<'_>,
        new: &CommitId,
        why: &str,
    ) -> Result<Option<Option<CommitId>>, StoreError> {
        self.settled(name, || self.repo.swap(name, expected, new, &format!("git orch: {why}")))
    }

    /// Deletes a ref that is at `expected`; `Some(found)` if it is not.
    pub(crate) fn delete(
        &self,
        name: &str,
        expected: &CommitId,
    ) -> Result<Option<Option<CommitId>>, StoreError> {
        self.settled(name, || self.repo.delete(name, expected))
    }

    fn settled(
        &self,
        name: &str,
        change: impl Fn() -> Result<Swap, GitError>,
    ) -> Result<Option<Option<CommitId>>, StoreError> {
        let until = Instant::now() + LOCK_PATIENCE;
        for round in 0.. {
            let outcome = {
                let _writing = Shared::wait(&self.repo)?;
                change()?
            };
            match outcome {
                Swap::Done => return Ok(None),
                Swap::Lost { found } => return Ok(Some(found)),
                Swap::Locked => pause(round.min(8)),
            }
            self.sweep_locks()?;
            if Instant::now() > until {
                break;
            }
        }
        Err(self.locked(name))
    }

    /// Removes locks that dead writers left, if nobody else writes now. Returns the files that went.
    ///
    /// # Errors
    /// The lock file of this program cannot be used.
    pub(crate) fn sweep_locks(&self) -> Result<Vec<PathBuf>, StoreError> {
        let Some(alone) = Exclusive::try_take(&self.repo)? else { return Ok(Vec::new()) };
        Ok(stale::sweep_stale_locks(&alone, &self.repo, &self.lock_paths(), file_time())?.removed)
    }

    /// Waits until the children of dead commands have ended too, and removes their locks. Gives up after some seconds where
    /// others write all the time. Returns the files that went.
    ///
    /// # Errors
    /// The lock file of this program cannot be used.
    pub(crate) fn sweep_dead(&self) -> Result<Vec<PathBuf>, StoreError> {
        let until = Instant::now() + PATIENCE;
        let mut removed = Vec::new();
        loop {
            if let Some(alone) = Exclusive::try_take(&self.repo)? {
                let swept = stale::sweep_stale_locks(&alone, &self.repo, &self.lock_paths(), file_time())?;
                removed.extend(swept.removed);
                if !swept.again {
                    return Ok(removed);
                }
            }
            if Instant::now() > until {
                return Ok(removed);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The error for a ref whose lock somebody keeps, with the file that is in the way.
    pub(crate) fn locked(&self, name: &str) -> StoreError {
        let common = self.repo.common_dir();
        let files = [format!("{name}.lock"), "packed-refs.lock".to_owned(), "HEAD.lock".to_owned()];
        let files = files.map(|file| common.join(file));
        StoreError::Locked { name: name.to_owned(), lock: stale::first_lock(&files, file_time()) }
    }

    /// The error for a worktree's index whose lock somebody keeps; `None` where nobody does.
    pub(crate) fn locked_index(&self, worktree: &Path) -> Option<StoreError> {
        let file = self.repo.index_lock(worktree)?;
        let lock = Some(stale::first_lock(&[file], file_time())?);
        Some(StoreError::Locked { name: format!("the index of {}", worktree.display()), lock })
    }

    /// Waits until what killed commands had under way has ended, or for some seconds where others write all the time.
    ///
    /// # Errors
    /// The lock file of this program cannot be used.
    pub(crate) fn await_writers(&self) -> Result<(), StoreError> {
        let until = Instant::now() + PATIENCE;
        while Exclusive::try_take(&self.repo)?.is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Locks that dead programs left.
    pub(crate) fn stale_locks(&self) -> Vec<PathBuf> {
        stale::stale_locks(&self.repo, &self.lock_paths(), file_time())
    }

    fn lock_paths(&self) -> Vec<PathBuf> {
        let common = self.repo.common_dir();
        let folders = ["refs", "worktrees"];
        let files = ["packed-refs.lock", "config.lock", "index.lock", "HEAD.lock"];
        folders.iter().chain(&files).map(|name| common.join(name)).collect()
    }

    /// A journal's events, oldest first, as they were written.
    ///
    /// # Errors
    /// A commit without a readable `event.json`.
    pub(crate) fn events(
        &self,
        tip: &CommitId,
        limit: usize,
    ) -> Result<Vec<(CommitId, EventRecord)>, StoreError> {
        self.records(self.repo.first_parent(tip, None, limit)?)
    }

    /// The events that a journal has after `from`, oldest first.
    ///
    /// # Errors
    /// A commit without a readable `event.json`.
    pub(super) fn events_between(
        &self,
        from: &CommitId,
        tip: &CommitId,
    ) -> Result<Vec<(CommitId, EventRecord)>, StoreError> {
        self.records(self.repo.first_parent(tip, Some(from), usize::MAX)?)
    }

    /// The events of a journal's commits, which come newest first.
    fn records(&self, commits: Vec<CommitInfo>) -> Result<Vec<(CommitId, EventRecord)>, StoreError> {
        let mut events = Vec::new();
        for commit in commits {
            let name = commit.id.to_string();
            let unreadable =
                |source| StoreError::Record { name: name.clone(), commit: commit.id.clone(), source };
            let text = self.repo.read_file(&commit.id, "event.json")?.ok_or_else(|| {
                unreadable(RecordError::Broken { what: "event.json", why: "it is missing".to_owned() })
            })?;
            events.push((commit.id.clone(), record::read_event(&text).map_err(unreadable)?));
        }
        events.reverse();
        Ok(events)
    }

    /// The task as one commit of a journal has it.
    pub(crate) fn task_of_commit(&self, commit: &CommitId) -> Result<Task, StoreError> {
        self.task_at(commit, "", commit.as_str())
    }
}

/// How long to wait for a lock that somebody keeps; git itself waits for a second in each round. Writers of ours hold one
/// for milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);
/// How long a start waits for the locks and children of a dead command.
const PATIENCE: Duration = Duration::from_secs(4);

/// The time by which the age of a lock file is judged.
#[expect(clippy::disallowed_methods, reason = "compared with times of files, never stored")]
fn file_time() -> SystemTime {
    SystemTime::now()
}

/// Sixteen random letters and digits.
pub(crate) fn nonce() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(16).map(|c| c.to_ascii_lowercase()).collect()
}

/// Waits a random time that grows with the round, so that racing writers do not stay in step.
pub(super) fn pause(round: u32) {
    let most = 2_u64 << round.min(6);
    std::thread::sleep(Duration::from_micros(fastrand::u64(200..1000 * most)));
}

/// Edits that turn one set of files into another.
fn changed_files(old: &[(String, Vec<u8>)], new: Vec<(String, Vec<u8>)>) -> Vec<TreeEdit<'static>> {
    let gone = old.iter().filter(|(path, _)| !new.iter().any(|(kept, _)| kept == path));
    let mut edits: Vec<TreeEdit<'_>> =
        gone.map(|(path, _)| TreeEdit::Remove { path: path.clone() }).collect();
    let changed = new.into_iter().filter(|file| !old.contains(file));
    edits.extend(changed.map(|(path, text)| put(&path, text)));
    edits
}

/// A plain file in a tree.
pub(super) fn put(path: &str, bytes: Vec<u8>) -> TreeEdit<'static> {
    TreeEdit::Put { path: path.to_owned(), bytes, executable: false }
}

/// The message of an event's commit: in words, with trailers that make listing by plain git cheap.
fn message(event: &Event, actor: &Actor, task: &Task, nonce: &Nonce, op: &Op) -> String {
    let mut text = format!("{}: {}\n\n", task.id, one_line(&event.subject(&actor.who)));
    let mut trailer = |key: &str, value: &str| {
        text.push_str(&format!("{key}: {}\n", one_line(value)));
    };
    trailer("Orch-Task", task.id.as_str());
    trailer("Orch-State", task.state.word());
    trailer("Orch-Actor", &format!("{} ({})", actor.who, actor.authority.word()));
    if let Some(owner) = task.owner() {
        trailer("Orch-Owner", &owner.0);
    }
    trailer("Orch-Epoch", &task.epoch.to_string());
    trailer("Orch-Nonce", &nonce.0);
    trailer("Orch-Op", &op.id);
    text
}

/// A text as one harmless line: what an agent or a title says must not make a trailer.
pub(crate) fn one_line(text: &str) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    let mut line = shown(&flat.join(" "));
    line = line.replace(['<', '>'], "");
    if line.chars().count() > 200 {
        line = line.chars().take(197).collect::<String>() + "...";
    }
    line
}
