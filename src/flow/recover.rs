//! What a crash may have left, mended: at the start of `run` and `queue run`, and as `doctor --fix`. Each step may be
//! repeated.

use std::path::PathBuf;
use std::time::Duration;

use crate::git::bring_along::Brought;
use crate::git::exchange::{Flag, PushSpec, Upstream};
use crate::git::objects::NewCommit;
use crate::git::refs::Expected;
use crate::git::setup::mended_in;
use crate::git::slot::MergeSlot;
use crate::git::worktree::RemoveRefused;
use crate::plan::card::Card;
use crate::process::clean_up;
use crate::store::census::Restored;
use crate::store::{Op, layout};
use crate::task::id::{CommitId, TaskId};
use crate::task::{Actor, Event, State};

use super::tree::FOLDER;
use super::{FlowError, Project};

/// Notes which checkout follows a landing, from before the landing until the checkout is there.
const INTENT: &str = "checkout";
/// How often a checkout is tried whose index somebody has locked: for some seconds.
const FOLLOW_TRIES: u32 = 30;
/// How long a git that is alive has to end a `worktree add`: it takes some milliseconds.
const UNMADE_PATIENCE: Duration = Duration::from_secs(1);

/// A checkout of the base that will follow a landing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    worktree: PathBuf,
    old: CommitId,
    new: CommitId,
}

impl Project {
    fn intent_path(&self) -> PathBuf {
        self.local().join(INTENT)
    }

    /// Notes the checkout of the base that must follow a landing, if there is one.
    ///
    /// # Errors
    /// Changes of somebody are where the landing would write, or the note cannot be written.
    pub(crate) fn intend_checkout(
        &self,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<Option<Intent>, FlowError> {
        let full = self.base.full();
        let all = self.repo.worktrees()?;
        if let Some(place) = all.iter().find(|tree| self.repo.is_rebasing(&tree.path, &full)) {
            return Err(FlowError::CheckoutBusy {
                worktree: place.path.display().to_string(),
                what: format!("a rebase of {}", self.base.branch),
                command: "rebase",
            });
        }
        let on_base = all.into_iter().find(|tree| tree.branch.as_deref() == Some(full.as_str()));
        let Some(found) = on_base else { return Ok(None) };
        // One that could not follow so far: its landing must not be forgotten over this one.
        self.finish_checkout()?;
        if !found.path.exists() {
            return Ok(None);
        }
        let files = match self.repo.in_the_way(&found.path, old, new) {
            Ok(files) => files,
            Err(err) => {
                // Git looks at no index with conflicts in it.
                let Some((what, command)) = self.repo.unmerged(&found.path)? else { return Err(err.into()) };
                let (worktree, what) = (found.path.display().to_string(), what.to_owned());
                return Err(FlowError::CheckoutBusy { worktree, what, command });
            }
        };
        if !files.is_empty() {
            return Err(FlowError::CheckoutInWay { worktree: found.path.display().to_string(), files });
        }
        let intent = Intent { worktree: found.path, old: old.clone(), new: new.clone() };
        let path = self.intent_path();
        let text = format!("{old} {new} {}\n", intent.worktree.display());
        std::fs::create_dir_all(self.local()).map_err(FlowError::file("make", &self.local()))?;
        std::fs::write(&path, text).map_err(FlowError::file("write", &path))?;
        Ok(Some(intent))
    }

    /// The landing did not come about.
    pub(crate) fn forget_checkout(&self, intent: Option<&Intent>) -> Result<(), FlowError> {
        if intent.is_none() {
            return Ok(());
        }
        match std::fs::remove_file(self.intent_path()) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                Err(FlowError::file("remove", &self.intent_path())(err))
            }
            _ => Ok(()),
        }
    }

    /// Brings the checkout along after the landing. Files of the user that stand in the way stay as they are.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn follow_checkout(&self, intent: Option<Intent>) -> Result<(), FlowError> {
        let Some(intent) = intent else { return Ok(()) };
        for _ in 0..FOLLOW_TRIES {
            match self.repo.bring_along(&intent.worktree, &intent.old, &intent.new) {
                Ok(Brought::Done) => return self.forget_checkout(Some(&intent)),
                Ok(Brought::Left { files }) => {
                    tracing::warn!(?files, "files in the checkout of the base were left as they are");
                    return self.forget_checkout(Some(&intent));
                }
                // Its index is locked: by the user's own git, for a moment, or by one that was killed.
                Err(err) => tracing::debug!(%err, "the checkout of the base cannot follow yet"),
            }
            std::thread::sleep(Duration::from_millis(100));
            self.store.sweep_locks()?;
        }
        tracing::warn!("the checkout of the base could not follow; the next run tries again");
        Ok(())
    }

    /// Ends a bringing-along that a crash cut short.
    fn finish_checkout(&self) -> Result<Option<String>, FlowError> {
        let Ok(text) = std::fs::read_to_string(self.intent_path()) else { return Ok(None) };
        let mut parts = text.trim_end().splitn(3, ' ');
        let parsed = (
            parts.next().and_then(|id| CommitId::parse(id).ok()),
            parts.next().and_then(|id| CommitId::parse(id).ok()),
            parts.next().map(PathBuf::from),
        );
        let said = match parsed {
            (Some(old), Some(new), Some(worktree)) if worktree.exists() => {
                if self.repo.is_ancestor(&new, &self.base.tip)? {
                    match self.repo.finish_bring_along(&worktree, &old, &new)? {
                        Brought::Done => Some(format!("brought {} to {}", worktree.display(), new.short())),
                        Brought::Left { files } => Some(format!(
                            "{} is behind {} in files that you changed: {}",
                            worktree.display(),
                            self.base.branch,
                            files.join(", ")
                        )),
                    }
                } else {
                    None
                }
            }
            _ => None,
        };
        let path = self.intent_path();
        std::fs::remove_file(&path).map_err(FlowError::file("remove", &path))?;
        Ok(said)
    }

    /// Pushes a landing to the upstream of the base: a plain fast-forward. False if somebody else was there first.
    ///
    /// A push that fails may have been applied all the same, so the upstream is read again.
    pub(crate) fn push_base(&self, upstream: &Upstream, commit: &CommitId) -> Result<bool, FlowError> {
        let spec = PushSpec { commit: commit.clone(), name: upstream.branch.clone() };
        let pushed = self.repo.push_landing(&upstream.remote, &spec);
        // Where it is pushed somewhere else than it is fetched from, only the latter says what has landed.
        let elsewhere = self.repo.has_push_url(&upstream.remote);
        if let Ok(pushed) = &pushed
            && pushed.iter().any(|pushed| matches!(pushed.flag, Flag::Done | Flag::UpToDate))
            && !elsewhere
        {
            return Ok(true);
        }
        let there = self.repo.ls_remote(&upstream.remote, &[upstream.branch.as_str()])?;
        if there.iter().any(|(name, tip)| *name == upstream.branch && tip == commit) {
            return Ok(true);
        }
        let moved = !there.iter().any(|(_, tip)| *tip == self.base.tip);
        match pushed {
            Err(err) => Err(err.into()),
            Ok(_) if moved => Ok(false),
            Ok(pushed) => {
                let reason = pushed.into_iter().find_map(|pushed| match pushed.flag {
                    Flag::Rejected { reason } => Some(reason),
                    Flag::Done | Flag::UpToDate => None,
                });
                let remote = &upstream.remote;
                let unseen = || format!("what goes to remote.{remote}.pushurl does not come to its url");
                let reason = reason.or_else(|| elsewhere.then(unseen));
                Err(crate::git::exchange::ExchangeError::Refused {
                    remote: upstream.remote.clone(),
                    stderr: reason.unwrap_or_default(),
                }
                .into())
            }
        }
    }

    /// Takes over what others landed on the upstream of the base. Local commits that it lacks stay: then nothing moves.
    ///
    /// # Errors
    /// The remote cannot be reached, or the base went its own way here.
    pub(crate) fn follow_upstream(&self, upstream: &Upstream) -> Result<(), FlowError> {
        let short = upstream.branch.trim_start_matches("refs/heads/");
        let copy = format!("refs/remotes/{}/{short}", upstream.remote);
        if !self.repo.await_landing()? {
            return Err(FlowError::LandingUnderWay);
        }
        self.repo.fetch(&upstream.remote, &[format!("{}:{copy}", upstream.branch)])?;
        let Some(theirs) = self.repo.tip(&copy)? else { return Ok(()) };
        let ours = self.base.tip.clone();
        if theirs == ours || self.repo.is_ancestor(&theirs, &ours)? {
            return Ok(());
        }
        if !self.repo.is_ancestor(&ours, &theirs)? {
            return Err(FlowError::Diverged {
                branch: self.base.branch.clone(),
                upstream: super::project::destination(upstream),
                ours: ours.short().to_owned(),
                theirs: theirs.short().to_owned(),
            });
        }
        let intent = self.intend_checkout(&ours, &theirs)?;
        let _ = self.store.swap(&self.base.full(), Expected::At(&ours), &theirs, "follow upstream")?;
        self.follow_checkout(intent)
    }

    /// Mends what crashes left; says what it did, one line each.
    ///
    /// # Errors
    /// Something cannot be mended.
    pub(crate) fn recover(&self) -> Result<Vec<String>, FlowError> {
        let found = self.repo.git_version()?;
        if let Some(need) = mended_in(found) {
            return Err(FlowError::OldGit { found, need });
        }
        let mut said = Vec::new();
        self.sweep_unmade()?;
        self.repo.sweep_removed(&self.root().join(FOLDER))?;
        for left in clean_up(&self.rooms()) {
            if left.processes > 0 {
                said.push(format!(
                    "ended {} processes of an agent whose supervisor was killed",
                    left.processes
                ));
            }
        }
        for lock in self.store.sweep_dead()? {
            said.push(format!("removed the lock of a dead process: {}", lock.display()));
        }
        for restored in self.store.restore_lost()? {
            said.push(match restored {
                Restored::Back { id, tip } => format!("restored the journal of {id} at {}", tip.short()),
                Restored::Lost { name, why } => {
                    format!("cannot restore {name}: {why}; ask a remote: git orch sync")
                }
            });
        }
        said.extend(self.store.mend_unreadable()?);
        // Read anew: a child of the dead command may have moved the base after this one began.
        said.extend(self.reopened()?.recover_landing()?);
        Ok(said)
    }

    /// What a killed `git worktree add` left, once it is clear that nobody is still making it.
    fn sweep_unmade(&self) -> Result<(), FlowError> {
        let found = self.repo.unmade_worktrees();
        if !found.is_empty() {
            std::thread::sleep(UNMADE_PATIENCE);
            self.repo.sweep_unmade(&found)?;
        }
        Ok(())
    }

    /// What a landing left. Whoever lands here now looks after its own: to end it from outside would be a second one.
    fn recover_landing(&self) -> Result<Vec<String>, FlowError> {
        let Ok(_alone) = MergeSlot::take_briefly(&self.repo)? else { return Ok(Vec::new()) };
        let mut said = Vec::from_iter(self.finish_checkout()?);
        if let (Some(upstream), false) = (&self.base.upstream, self.offline) {
            self.follow_upstream(upstream)?;
        }
        said.extend(self.archive_finished()?);
        // The queue drops them when it is empty; a run does not even start it then.
        if !self.store.open_tasks()?.rows.iter().any(|row| row.card.state == "ready-for-handoff") {
            self.store.drop_candidates()?;
        }
        Ok(said)
    }

    /// A crash between a landing and the archive leaves a finished task among the open ones.
    fn archive_finished(&self) -> Result<Vec<String>, FlowError> {
        let mut said = Vec::new();
        let rows = self.store.open_tasks()?.rows;
        for row in rows.iter().filter(|row| row.card.is_finished()) {
            let Some(stored) = self.store.load(&row.card.id)? else { continue };
            if let Err(err) = self.clean_up(&stored.task) {
                said.push(format!("the worktree of {} stays: {}", row.card.id, crate::store::chain(&err)));
            }
            self.store.archive(&self.op(), &[stored])?;
            said.push(format!("archived {}", row.card.id));
        }
        Ok(said)
    }

    /// Gives back tasks whose agents died with an earlier run of this clone. Only for whoever holds the run's lock.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn release_dead(&self, op: &Op) -> Result<Vec<TaskId>, FlowError> {
        let mine = format!("@{}", self.clone_id()?);
        let mut released = Vec::new();
        for row in self.store.open_tasks()?.rows {
            let Card { id, state, owner, sent_back, .. } = &row.card;
            let ours = owner.as_ref().is_some_and(|owner| owner.ends_with(&mine));
            // What was sent back waits for its next turn: nobody works on it, so nobody died.
            let working = state == "in-progress" || (state == "assigned" && !sent_back);
            if !ours || !working {
                continue;
            }
            self.store.change::<FlowError>(op, &Actor::orchestrator(), id, |stored| {
                self.park(&stored.task)?;
                Ok(match stored.task.state {
                    State::InProgress { .. } | State::Assigned { .. } => {
                        vec![Event::Released { because: "its run ended before it did".to_owned() }]
                    }
                    _ => Vec::new(),
                })
            })?;
            released.push(id.clone());
        }
        Ok(released)
    }

    /// A name for this clone: agents that it runs hold tasks as `NAME@CLONE`, so that no other machine takes them for dead.
    ///
    /// # Errors
    /// The name cannot be kept.
    pub(crate) fn clone_id(&self) -> Result<String, FlowError> {
        let path = self.local().join("clone");
        if let Ok(text) = std::fs::read_to_string(&path)
            && !text.trim().is_empty()
        {
            return Ok(text.trim().to_owned());
        }
        std::fs::create_dir_all(self.local()).map_err(FlowError::file("make", &self.local()))?;
        let fresh = crate::process::random_letters(4);
        let made = std::fs::File::options().write(true).create_new(true).open(&path);
        match made {
            Ok(mut file) => {
                std::io::Write::write_all(&mut file, fresh.as_bytes())
                    .map_err(FlowError::file("write", &path))?;
                Ok(fresh)
            }
            // Another process named it in this moment.
            Err(_) => std::fs::read_to_string(&path)
                .map(|text| text.trim().to_owned())
                .map_err(FlowError::file("read", &path)),
        }
    }

    /// Worktrees below `.worktrees` that belong to no open task: their work is kept under a ref, then they go.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn rescue_orphans(&self) -> Result<Vec<String>, FlowError> {
        let mut said = Vec::new();
        for tree in self.repo.worktrees()? {
            let Ok(below) = tree.path.strip_prefix(self.root().join(FOLDER)) else { continue };
            let Some(id) = below.to_str().and_then(|name| TaskId::parse(name).ok()) else { continue };
            if self.store.load(&id)?.is_some() || !tree.path.exists() {
                continue;
            }
            if let Some(tree_id) = self.repo.snapshot(&tree.path)? {
                let head = self.repo.worktree_head(&tree.path)?;
                let person = self.committer();
                let message = format!("work found in the worktree of {id}, which is no open task\n");
                let commit = self.repo.commit(&NewCommit {
                    tree: &tree_id,
                    parents: &[head],
                    author: &person,
                    committer: &person,
                    message: &message,
                })?;
                let kept = self.store.rescue(id.as_str(), &commit)?;
                said.push(format!(
                    "{} has uncommitted work: kept as {kept}; the folder stays",
                    tree.path.display()
                ));
                continue;
            }
            if !self.repo.ignored_in(&tree.path)?.is_empty() {
                said.push(format!("{} has files that git ignores: it stays", tree.path.display()));
                continue;
            }
            let branch = layout::branch_of(&id);
            if let Some(tip) = self.repo.tip(&layout::branch_ref(&branch))?
                && !self.repo.is_ancestor(&tip, &self.base.tip)?
            {
                let kept = self.store.rescue(id.as_str(), &tip)?;
                said.push(format!("branch {branch} of no open task is kept as {kept}"));
            }
            match self.repo.remove_worktree(&tree.path) {
                Ok(()) => said.push(format!("removed the worktree {}", tree.path.display())),
                Err(RemoveRefused::Dirty { .. }) => {}
                Err(RemoveRefused::Git(err)) => return Err(err.into()),
            }
        }
        self.repo.prune_worktrees()?;
        Ok(said)
    }
}
