//! Landings: the one commit point, and the bookkeeping that follows from it.

use std::time::Duration;

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::git::exchange::{ExchangeError, Upstream};
use crate::git::slot::{self, Landing, MergeSlot, Tested};
use crate::queue::{Finished, LandedOn, View};
use crate::store::Stored;
use crate::task::id::{CommitId, TaskId, TreeId};
use crate::task::{Event, State};

use super::{Lander, Queued};

/// How often a landing is pushed where the remote refuses without a known reason, or cannot be reached.
const PUSHES: u32 = 5;
/// The pause after the first refusal; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// Words of a remote that mean no, today and in a minute.
const FORBIDDEN: [&str; 8] = [
    "protected branch",
    "not allowed",
    "permission",
    "denied",
    "forbidden",
    "read-only",
    "required status check",
    "repository rule violations",
];

/// What became of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moved {
    Here,
    /// Somebody else moved it first.
    BySomebody,
    /// The remote does not take it, and why.
    Refused(String),
}

impl Lander<'_> {
    pub(super) fn land(
        &mut self,
        slot: &MergeSlot<'_>,
        queued: &[Queued],
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        on: &LandedOn,
    ) -> Result<bool, FlowError> {
        for member in members.iter().filter_map(|task| Self::find(queued, task)) {
            if let Some(evidence) = self.moved(member)? {
                self.leaves(&member.entry.task, &evidence)?;
                return Ok(true);
            }
        }
        let old = self.project.base.tip.clone();
        self.check_composition(queued, members, commit, tree)?;
        let tested = Tested::new(commit, tree, &self.project.repo)?;
        let intent = match self.project.intend_checkout(&old, commit) {
            Err(FlowError::CheckoutInWay { worktree, files }) => {
                return Ok(self.wait_for_checkout(&worktree, &files));
            }
            Err(busy @ FlowError::CheckoutBusy { .. }) => return Ok(self.stand(busy.to_string())),
            intent => intent?,
        };
        let moved = {
            let _nobody_withdraws = self.project.deciding()?;
            if !self.still_as_read(queued, members)? {
                self.project.forget_checkout(intent.as_ref())?;
                return Ok(true);
            }
            self.move_base(slot, &old, &tested)?
        };
        match moved {
            Moved::Here => {}
            Moved::BySomebody => {
                self.project.forget_checkout(intent.as_ref())?;
                self.sharing.due = true;
                return Ok(true);
            }
            Moved::Refused(why) => {
                self.project.forget_checkout(intent.as_ref())?;
                return Ok(self.stand(why));
            }
        }
        self.project.follow_checkout(intent)?;
        let text = match on {
            LandedOn::Green => format!("{} {}..{}", self.project.base.branch, old.short(), commit.short()),
            LandedOn::Flaky => {
                let flaky = self.project.flaky_tests(tree)?.join(", ");
                format!("{} {}..{} (flaky: {flaky})", self.project.base.branch, old.short(), commit.short())
            }
            LandedOn::Accepted { .. } => {
                format!(
                    "{} {}..{} (worse, and approved)",
                    self.project.base.branch,
                    old.short(),
                    commit.short()
                )
            }
        };
        self.say(Step::Land, members, None, text);
        self.record_landing(queued, members, &old, commit)?;
        Ok(true)
    }

    /// The checkout of the base could not follow without losing somebody's changes: nothing lands until they are safe.
    fn wait_for_checkout(&mut self, worktree: &str, files: &[String]) -> bool {
        let text = self.in_the_way(worktree, files);
        self.stand(text)
    }

    pub(super) fn in_the_way(&self, worktree: &str, files: &[String]) -> String {
        format!(
            "the checkout of {} in {worktree} has changes in the way: {}; commit or stash them",
            self.project.base.branch,
            files.join(", ")
        )
    }

    /// Nothing lands until a person did something; nobody leaves the queue for it.
    pub(super) fn stand(&mut self, text: String) -> bool {
        if self.rounds.stands.as_ref() != Some(&text) {
            self.say(Step::NeedsYou, &[], None, text.clone());
            self.rounds.stands = Some(text);
        }
        false
    }

    /// Swaps the base: by a push to its upstream where it has one, else here.
    pub(super) fn move_base(
        &mut self,
        slot: &MergeSlot<'_>,
        old: &CommitId,
        tested: &Tested,
    ) -> Result<Moved, FlowError> {
        let project = &self.project;
        if let Some(upstream) = &project.base.upstream {
            if project.offline {
                return Ok(Moved::Refused(offline_landing(&project.base.branch, upstream)));
            }
            project.repo.sync_reachable(tested.commit(), old)?;
            match self.push(upstream, tested)? {
                Moved::Here => {}
                Moved::BySomebody => {
                    return Ok(match self.follow(upstream)? {
                        None => Moved::BySomebody,
                        Some(in_the_way) => Moved::Refused(in_the_way),
                    });
                }
                refused @ Moved::Refused(_) => return Ok(refused),
            }
        }
        for _ in 0..200 {
            match slot::land(slot, &project.repo, &project.base.full(), old, tested)? {
                Landing::Landed => return Ok(Moved::Here),
                Landing::Lost { .. } => return Ok(Moved::BySomebody),
                Landing::Locked => {
                    std::thread::sleep(Duration::from_millis(50));
                    project.store.sweep_locks()?;
                }
            }
        }
        Err(project.store.locked(&project.base.full()).into())
    }

    /// Pushes a landing, again after a while where the remote only has a bad moment.
    fn push(&self, upstream: &Upstream, tested: &Tested) -> Result<Moved, FlowError> {
        let mut pause = FIRST_PAUSE;
        for round in 1.. {
            let (why, stderr) = match self.project.push_base(upstream, tested.commit()) {
                Ok(true) => return Ok(Moved::Here),
                Ok(false) => return Ok(Moved::BySomebody),
                Err(FlowError::Exchange(
                    err @ (ExchangeError::Refused { .. } | ExchangeError::Unreachable { .. }),
                )) => match &err {
                    ExchangeError::Refused { stderr, .. } => (
                        format!("{} refused the landing: {stderr}", upstream.remote),
                        stderr.to_ascii_lowercase(),
                    ),
                    _ => (err.to_string(), String::new()),
                },
                Err(err) => return Err(err),
            };
            let final_word = FORBIDDEN.iter().any(|word| stderr.contains(word));
            if final_word || round == PUSHES || self.stop.is_requested() {
                return Ok(Moved::Refused(why));
            }
            self.say(Step::Retry, &[], None, format!("push to {}: {why}", upstream.remote));
            std::thread::sleep(pause);
            pause *= 2;
        }
        unreachable!("it ends with the last round")
    }

    /// Writes down what the base branch already says: each member landed.
    pub(super) fn record_landing(
        &mut self,
        queued: &[Queued],
        members: &[TaskId],
        old: &CommitId,
        tip: &CommitId,
    ) -> Result<(), FlowError> {
        let landings = self.project.repo.first_parent(tip, Some(old), usize::MAX)?;
        self.project = self.project.reopened()?;
        let landed = |task: &TaskId| {
            let names = |key: &String, value: &String| key == "Orch-Task" && value == task.as_str();
            let own =
                landings.iter().find(|commit| commit.trailers.iter().any(|(key, value)| names(key, value)));
            (task.clone(), own.map_or_else(|| tip.clone(), |commit| commit.id.clone()))
        };
        self.complete(queued, &members.iter().map(landed).collect::<Vec<_>>())
    }

    /// Closes tasks that the base has, each with the commit of its landing.
    pub(super) fn complete(
        &mut self,
        queued: &[Queued],
        landed: &[(TaskId, CommitId)],
    ) -> Result<(), FlowError> {
        let tasks: Vec<TaskId> = landed.iter().map(|(task, _)| task.clone()).collect();
        let closed = self.change_all(&tasks, |stored| {
            let own = landed.iter().find(|(task, _)| *task == stored.task.id);
            own.filter(|_| !stored.task.state.is_finished())
                .map(|(_, commit)| Event::Landed { commit: commit.clone() })
                .into_iter()
                .collect()
        })?;
        let closed: Vec<Stored> = closed.into_iter().flatten().collect(); // another clone wrote the others down
        for stored in &closed {
            let task = &stored.task.id;
            if matches!(stored.task.state, State::Cancelled { .. }) {
                let commit =
                    landed.iter().find(|(other, _)| other == task).map_or("it", |(_, at)| at.short());
                let text = format!("was cancelled in the moment in which it landed: {commit} is on the base");
                self.say(Step::NeedsYou, std::slice::from_ref(task), None, text);
            }
            let before = Self::find(queued, task).map_or(&stored.task, |queued| &queued.stored.task);
            // It has landed: what cannot be tidied up must not keep others from landing.
            let stays = match self.project.clean_up(before) {
                Ok(true) => None,
                Ok(false) => Some("its worktree has uncommitted files and stays".to_owned()),
                Err(err) => Some(format!("its worktree stays: {}", crate::store::chain(&err))),
            };
            if let Some(text) = stays {
                self.say(Step::Note, std::slice::from_ref(task), None, text);
            }
        }
        self.project.store.archive(&self.op, &closed)?;
        self.rounds.landed.extend(closed.into_iter().map(|stored| stored.task.id));
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        view: &View,
        queued: &[Queued],
        task: &TaskId,
        because: Finished,
    ) -> Result<bool, FlowError> {
        let commit = match because {
            Finished::Contained => view.base.commit.clone(),
            Finished::Landed => self.landing_of(&view.base.commit, queued, task)?,
        };
        let text = match because {
            Finished::Landed => "had landed already; the record is made up for".to_owned(),
            Finished::Contained => format!("{} has all of it already", self.project.base.branch),
        };
        self.say(Step::Land, std::slice::from_ref(task), None, text);
        self.complete(queued, &[(task.clone(), commit)])?;
        Ok(true)
    }

    pub(super) fn landing_of(
        &self,
        tip: &CommitId,
        queued: &[Queued],
        task: &TaskId,
    ) -> Result<CommitId, FlowError> {
        let nonce = Self::find(queued, task).map(|queued| queued.entry.nonce.0.clone());
        let mut next = Some(tip.clone());
        while let Some(commit) = next {
            let info = self.project.repo.read_commit(&commit)?;
            if nonce.is_some()
                && info
                    .trailers
                    .iter()
                    .any(|(key, value)| key == "Orch-Nonce" && Some(value) == nonce.as_ref())
            {
                return Ok(commit);
            }
            next = info.parents.first().cloned();
        }
        Ok(tip.clone())
    }
}

/// Why nothing lands without the remote: others would land on a base that lacks it, and the two would part.
fn offline_landing(branch: &str, upstream: &Upstream) -> String {
    format!(
        "a landing on {branch} is a push to {}, and --offline forbids it; to keep landings here: git config \
         orch.queue.push false",
        upstream.remote
    )
}
