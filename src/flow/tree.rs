//! Worktrees of tasks: made, brought onto the base, parked, removed. Nobody's uncommitted work is ever deleted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::git::GitError;
use crate::git::beneath;
use crate::git::checkout::CommitAll;
use crate::git::lock::FileLock;
use crate::git::merge_tree::{Composer, Merged};
use crate::git::objects::{Kind, NewCommit, Person, TreeEdit};
use crate::git::refs::Expected;
use crate::git::worktree::RemoveRefused;
use crate::process::{Ended, Job, Terms, agent_environment, supervised_blocking};
use crate::store::journal::one_line;
use crate::store::layout;
use crate::task::id::{CommitId, TaskId};
use crate::task::{Evidence, State, Task, Trouble};

use super::project::now;
use super::{FlowError, Gated, Project};

/// The folder of all worktrees, below the main one.
pub(crate) const FOLDER: &str = crate::guard::paths::WORKTREES;
/// Names untracked files that a new worktree gets a copy of.
const INCLUDE: &str = ".worktreeinclude";
/// How long a worktree's set-up command may take.
const SETUP_LIMIT: Duration = Duration::from_secs(600);

/// The file that is locked while a task's worktree is made. One that has text was left by a crash.
fn making(id: &TaskId) -> String {
    format!("making-{id}")
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

impl Project {
    /// Where a task's worktree is or would be.
    pub(crate) fn worktree_of(&self, id: &TaskId) -> PathBuf {
        self.root().join(FOLDER).join(id.as_str())
    }

    /// Makes sure that the folder of all worktrees is there and that nobody commits it by mistake: without that, a
    /// plain `git add -A` in the main worktree takes the worktrees along as repositories inside it.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn ensure_folder(&self) -> Result<PathBuf, FlowError> {
        let folder = self.root().join(FOLDER);
        let ignore = folder.join(".gitignore");
        // A kill may leave it empty.
        if std::fs::read(&ignore).ok().as_deref() != Some(b"*\n") {
            std::fs::create_dir_all(&folder).map_err(FlowError::file("make", &folder))?;
            std::fs::write(&ignore, "*\n").map_err(FlowError::file("write", &ignore))?;
        }
        Ok(folder)
    }

    /// The task whose worktree `dir` is in.
    pub(crate) fn task_here(&self, dir: &Path) -> Option<TaskId> {
        let dir = dir.canonicalize().ok()?;
        let below = dir.strip_prefix(self.root().join(FOLDER)).ok()?;
        let name = below.components().next()?.as_os_str().to_str()?;
        TaskId::parse(name).ok()
    }

    /// Makes sure that the task has its branch and worktree; a new one gets its copies and its set-up.
    ///
    /// # Errors
    /// The branch is checked out elsewhere, or the set-up command fails.
    pub(crate) fn ensure_worktree(&self, task: &Task) -> Result<PathBuf, FlowError> {
        let path = self.worktree_of(&task.id);
        self.put_in_order(task)?;
        if self.has_worktree(&task.id) {
            return Ok(path);
        }
        let mark = self.local().join(making(&task.id));
        let _alone = FileLock::wait(&self.repo, &making(&task.id))?;
        if self.has_worktree(&task.id) {
            let _ = std::fs::remove_file(&mark);
            return Ok(path);
        }
        let half = std::fs::read(&mark).is_ok_and(|text| !text.is_empty());
        std::fs::write(&mark, "this worktree is not whole yet\n").map_err(FlowError::file("write", &mark))?;
        if half || !path.exists() || is_empty(&path) {
            self.repo.discard_worktree(&path)?;
        }
        let _ = self.ensure_folder()?;
        match self.check_out(task, &path) {
            // The branch may still be locked by a command that was killed.
            Err(_) if !self.store.sweep_dead()?.is_empty() => {
                self.repo.discard_worktree(&path)?;
                self.check_out(task, &path)?;
            }
            done => done?,
        }
        self.copy_included(&path)?;
        self.set_up(&task.id, &path)?;
        std::fs::remove_file(&mark).map_err(FlowError::file("remove", &mark))?;
        Ok(path)
    }

    /// Puts a worktree back on its branch and in touch with its repository: a worker may have switched branches or
    /// removed the `.git` file, and it is the files that count.
    pub(crate) fn put_in_order(&self, task: &Task) -> Result<(), FlowError> {
        let path = self.worktree_of(&task.id);
        let branch = layout::branch_ref(&task.branch);
        if !path.is_dir() || self.repo.tip(&branch)?.is_none() {
            return Ok(());
        }
        match self.repo.reattach(&path, &branch) {
            Err(GitError::NoWorktree(_)) => Ok(()),
            done => Ok(done?),
        }
    }

    fn check_out(&self, task: &Task, path: &Path) -> Result<(), GitError> {
        match self.repo.tip(&layout::branch_ref(&task.branch))? {
            Some(_) => self.repo.add_existing(path, &task.branch),
            None => self.repo.add_worktree(path, &task.branch, &self.base.tip),
        }
    }

    /// Whether the task has a worktree that somebody may have worked in: one that was made whole.
    ///
    /// A checkout that a crash cut short lacks files; to commit it would delete them.
    pub(crate) fn has_worktree(&self, id: &TaskId) -> bool {
        let whole = |mark: PathBuf| std::fs::read(mark).unwrap_or_default().is_empty();
        self.worktree_of(id).join(".git").exists() && whole(self.local().join(making(id)))
    }

    /// Whether something stands where the task's worktree will be that was never one of ours.
    pub(super) fn is_path_taken(&self, id: &TaskId) -> bool {
        let path = self.worktree_of(id);
        let half = std::fs::read(self.local().join(making(id))).is_ok_and(|text| !text.is_empty());
        path.exists() && !half && !is_empty(&path) && !path.join(".git").exists()
    }

    /// Copies the untracked files that `.worktreeinclude` names.
    fn copy_included(&self, path: &Path) -> Result<(), FlowError> {
        let list = self.root().join(INCLUDE);
        if !list.is_file() {
            return Ok(());
        }
        for name in self.repo.untracked_matching(self.root(), &list)? {
            let from = self.root().join(&name);
            if name.starts_with(FOLDER) || !self.is_own_file(&from) {
                continue;
            }
            // The branch may have a link there that an agent committed: what lies behind it is not the task's.
            match beneath::copy_new(&from, path, &name) {
                Ok(_) => {}
                Err(err) if beneath::is_link(&err) => {
                    tracing::warn!(file = %name.display(), "not copied into the worktree: a link of the branch is in its way");
                }
                Err(err) => return Err(FlowError::file("copy", &from)(err)),
            }
        }
        Ok(())
    }

    /// Whether a path leads to a file of the main worktree: not out of it by a link, and not into git's own folder.
    fn is_own_file(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| {
            real.is_file() && real.starts_with(self.root()) && !real.starts_with(self.repo.common_dir())
        })
    }

    fn set_up(&self, id: &TaskId, path: &Path) -> Result<(), FlowError> {
        let Some(command) = &self.policy.worktree_setup else { return Ok(()) };
        let log = self.log_path(id, "setup")?;
        let extra = [("GIT_ORCH_TASK".to_owned(), id.to_string())];
        let room = self.open_room()?;
        let mut job = Job {
            argv: ["sh", "-c", command].map(str::to_owned).to_vec(),
            dir: path.to_owned(),
            env: agent_environment(&self.policy.agents.env, &extra),
            stdin: Vec::new(),
            stdout: log.clone(),
            stderr: log.clone(),
            limit: SETUP_LIMIT,
            grace: Duration::from_secs(2),
            log_cap: self.policy.limits.log_bytes,
            terms: Terms::default(),
        };
        room.sandbox.hold(&mut job)?;
        let outcome = supervised_blocking(job)?;
        if outcome.ended == Ended::Exited(0) {
            return Ok(());
        }
        let text = format!("set-up of the worktree failed: {command} (log: {})", log.display());
        Err(FlowError::Gate {
            of: Gated::Task(id.clone()),
            evidence: Box::new(Evidence::new(Trouble::NotStarted, text)),
            limit: None,
        })
    }

    /// Where the log of something that is run for a task goes. Machine-local.
    pub(crate) fn log_path(&self, id: &TaskId, what: &str) -> Result<PathBuf, FlowError> {
        let folder = self.logs_of(id);
        std::fs::create_dir_all(&folder).map_err(FlowError::file("make", &folder))?;
        Ok(folder.join(format!("{what}.log")))
    }

    /// Whoever a commit of ours names: the git identity, or the acting name where there is none.
    pub(crate) fn committer(&self) -> Person {
        let (name, email) =
            self.repo.identity().unwrap_or_else(|| (one_line(&self.who), "git-orch@localhost".to_owned()));
        Person { name, email, time: now(), offset: 0 }
    }

    /// Commits everything that is in a task's worktree; `None` if nothing changed.
    ///
    /// # Errors
    /// A repository inside the worktree, or git fails.
    pub(crate) fn commit_worktree(
        &self,
        task: &Task,
        author: &str,
        message: &str,
    ) -> Result<Option<CommitId>, FlowError> {
        let committer = self.committer();
        let author = if author == self.who {
            committer.clone()
        } else {
            Person { name: one_line(author), ..committer.clone() }
        };
        let mut message = message.trim().to_owned();
        message.push_str(&format!("\n\nOrch-Task: {}\n", task.id));
        if self.policy.signoff {
            message.push_str(&format!("Signed-off-by: {} <{}>\n", committer.name, committer.email));
        }
        let all = CommitAll {
            path: &self.worktree_of(&task.id),
            message: &message,
            author: &author,
            committer: &committer,
            more_parents: &[],
        };
        match self.repo.commit_all(&all) {
            // The index may still be locked by an earlier hand-in that was killed.
            Err(GitError::Failed { .. } | GitError::Unstageable { .. })
                if !self.store.sweep_dead()?.is_empty() =>
            {
                self.repo.commit_all(&all).map_err(|err| self.or_locked(&task.id, err))
            }
            Err(err @ (GitError::Failed { .. } | GitError::Unstageable { .. })) => {
                Err(self.or_locked(&task.id, err))
            }
            done => Ok(done?),
        }
    }

    /// What git failed at is mostly the lock of somebody, of which it says less.
    fn or_locked(&self, id: &TaskId, err: GitError) -> FlowError {
        self.store.locked_index(&self.worktree_of(id)).map_or_else(|| err.into(), FlowError::Store)
    }

    /// Keeps whatever is in a task's worktree, committed or not, under an attempt ref. Changes nothing else.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn park(&self, task: &Task) -> Result<Option<u32>, FlowError> {
        let path = self.worktree_of(&task.id);
        let branch = self.repo.tip(&layout::branch_ref(&task.branch))?;
        self.put_in_order(task)?;
        if !self.has_worktree(&task.id) {
            let Some(head) = branch.filter(|head| *head != self.base.tip) else { return Ok(None) };
            return Ok(Some(self.store.keep_attempt(&task.id, &head)?));
        }
        let work = self.work_in(task, &path)?;
        if self.repo.is_ancestor(&work, &self.base.tip)? {
            return Ok(None);
        }
        Ok(Some(self.store.keep_attempt(&task.id, &work)?))
    }

    /// What a task has by now: its worktree's files, committed or not, else its branch. Moves nothing.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn work_of(&self, task: &Task) -> Result<Option<CommitId>, FlowError> {
        let path = self.worktree_of(&task.id);
        if !task.adopted && path.join(".git").exists() {
            return self.work_in(task, &path).map(Some);
        }
        Ok(self.repo.tip(&layout::branch_ref(&task.branch))?)
    }

    /// The head of a worktree, or a commit of its uncommitted files on top.
    fn work_in(&self, task: &Task, path: &Path) -> Result<CommitId, FlowError> {
        let head = self.repo.worktree_head(path)?;
        let Some(tree) = self.repo.snapshot(path)? else { return Ok(head) };
        let person = self.committer();
        Ok(self.repo.commit(&NewCommit {
            tree: &tree,
            parents: std::slice::from_ref(&head),
            author: &person,
            committer: &person,
            message: &format!("parked work of {}\n\nOrch-Task: {}\n", task.id, task.id),
        })?)
    }

    /// Removes a task's worktree and branch after its landing is proven or its work is parked.
    ///
    /// Uncommitted files keep the worktree where it is, of work that was given up also those that git ignores: they are in
    /// no attempt, as attempts are pushed. The branch of somebody else is never touched.
    ///
    /// # Errors
    /// Git fails. Such a worktree is no error: it stays, and `false` says so.
    pub(crate) fn clean_up(&self, task: &Task) -> Result<bool, FlowError> {
        if task.adopted {
            return Ok(true);
        }
        let path = self.worktree_of(&task.id);
        self.park(task)?;
        if self.has_worktree(&task.id) {
            // Of work that landed, what git ignores is what builds left; of work that was given up nobody knows.
            let given_up = matches!(task.state, State::Cancelled { .. });
            if given_up && !self.repo.ignored_in(&path)?.is_empty() {
                return Ok(false);
            }
            match self.repo.remove_worktree(&path) {
                Ok(()) => {}
                Err(RemoveRefused::Dirty { .. }) => return Ok(false),
                Err(RemoveRefused::Git(err)) => return Err(err.into()),
            }
        } else if path.join(".git").exists() || !path.exists() {
            // Half made, or half removed, by a command that was killed.
            self.repo.discard_worktree(&path)?;
        }
        let _ = std::fs::remove_file(self.local().join(making(&task.id)));
        let branch = layout::branch_ref(&task.branch);
        if let Some(tip) = self.repo.tip(&branch)? {
            let _ = self.store.delete(&branch, &tip)?;
        }
        Ok(true)
    }

    /// Brings a task that was sent back onto today's base, so that its next try starts from what it will land on.
    ///
    /// What merges is merged. Of a file in conflict the commit has the base's version, and the worktree has both sides
    /// between markers: the worker sees what it must resolve, and nothing unresolved is ever committed by us.
    ///
    /// # Errors
    /// Git fails. A worktree with uncommitted work is left as it is.
    pub(crate) fn bring_onto_base(&self, task: &Task) -> Result<(), FlowError> {
        let path = self.ensure_worktree(task)?;
        let head = self.repo.worktree_head(&path)?;
        if self.repo.is_ancestor(&self.base.tip, &head)? || !self.repo.is_clean(&path)? {
            return Ok(());
        }
        let mut composer = Composer::open(&self.repo)?;
        let (tree, marked) = match composer.merge(&head, &self.base.tip)? {
            Merged::Clean(tree) => (tree, Vec::new()),
            Merged::Conflict { files, tree } => {
                let from = &self.base.tip;
                let edits: Vec<_> = files.iter().map(|path| TreeEdit::Take { path, from }).collect();
                let resolved = self.repo.edit_tree(Some(&tree), &edits)?;
                let mut marked = Vec::new();
                for file in files {
                    // Of a link or a submodule there is no text with both sides: it stays as the base has it.
                    if let Some(both) = self.repo.read_tree_file(&tree, &file)? {
                        let executable = self.repo.kind_in_tree(&tree, &file)? == Some(Kind::Executable);
                        marked.push((file, both, executable));
                    }
                }
                (resolved, marked)
            }
            Merged::Unrelated => return Ok(()),
        };
        let person = self.committer();
        let merge = self.repo.commit(&NewCommit {
            tree: &tree,
            parents: &[head.clone(), self.base.tip.clone()],
            author: &person,
            committer: &person,
            message: &format!("Merge {} into {}\n", self.base.branch, task.branch),
        })?;
        let branch = layout::branch_ref(&task.branch);
        if self.store.swap(&branch, Expected::At(&head), &merge, "merge base")?.is_some() {
            return Err(GitError::BranchMoved(task.branch.clone()).into());
        }
        let _ = self.repo.bring_along(&path, &head, &merge)?;
        for (file, both, executable) in marked {
            match beneath::replace(&path, &file, &both, executable) {
                Ok(()) => {}
                // The base has a link where this file's folder was: what lies behind it is not the task's.
                Err(err) if beneath::is_link(&err) => {}
                Err(err) => return Err(FlowError::file("write", &path.join(&file))(err)),
            }
        }
        Ok(())
    }
}
