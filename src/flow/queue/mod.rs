//! Carries out what `queue::plan` decides: composes, tests, lands, holds and ejects.
//!
//! Everything is read from refs at each tick; what is kept between ticks (compositions, footprints) is a memo of pure
//! functions of commits and may be lost at any moment. The only commit point is the compare-and-swap of the base.

mod baseline;
mod commits;
mod commute;
mod compose;
mod decide;
mod entries;
mod evidence;
mod known;
mod leave;
mod matrix;
mod pace;
mod pair;
mod record;
mod rounds;
mod look;
mod land;
mod landed;
mod share;
mod stand;
mod swap;
mod test;
mod tried;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::git::slot::MergeSlot;
use crate::git::trunk::Trunk;
use crate::process::Stop;
use crate::queue::{self, Action, Belief, Composition, Entry, Purpose, View};
use crate::store::{Op, Stored};
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId};
use crate::task::{Event, Task};

use super::progress::{Line, Step, Watcher};
use super::project::now;
use super::{FlowError, Project};

pub(crate) use look::{Composed, Met};
#[cfg(test)]
pub(crate) use matrix::Meeting;
pub(crate) use matrix::meetings;
pub(crate) use rounds::{Bounds, Ran, Rounds};

/// Wait for a running test's end this long before everything is looked at anew: refs may change meanwhile.
const TICK: Duration = Duration::from_secs(2);
/// Clocks of several machines may differ by this much where a history is searched by time.
const SKEW: i64 = 24 * 3600;
/// Most commits of one candidate.
const CHAIN_COMMITS: usize = 400;
/// Files whose change concerns everything, besides `tests.shared`.
const BARRIERS: [&str; 3] = ["orch.toml", "prompts/", ".gitattributes"];

/// When this process last spoke with the remote.
#[derive(Debug, Default)]
struct Sharing {
    at: Option<Instant>,
    /// Something happened that others should know, or that others did.
    due: bool,
    /// The remote was out of reach at the last try, and that was said.
    cut_off: bool,
    /// What of the remote cannot be read, as far as that was said.
    unreadable: BTreeSet<(String, String)>,
}

/// A test run that is going on in a thread of its own.
struct Live {
    members: Vec<TaskId>,
    commit: CommitId,
    tree: TreeId,
    purpose: Purpose,
    stop: Stop,
    started: Instant,
    since: Seconds,
}

/// What a test thread says at its end.
struct Ended {
    tree: TreeId,
    /// Why it gave no evidence, where it gave none.
    outcome: Result<Option<String>, FlowError>,
}

/// A chain's members with the heads that they were composed from.
type Chain = Vec<(TaskId, CommitId)>;

/// Runs the queue of one repository on this machine.
pub(crate) struct Lander<'a> {
    project: Project,
    op: Op,
    watcher: &'a dyn Watcher,
    /// Asks for the end of everything that runs.
    stop: Stop,
    slots: u32,
    compositions: BTreeMap<Chain, Composition>,
    composed_on: Option<CommitId>,
    /// The base at which it was last seen to have all landings.
    forward_at: Option<CommitId>,
    /// Entries' tasks as they were read, as long as their journals do not move.
    loaded: HashMap<TaskId, Stored>,
    footprints: HashMap<(CommitId, CommitId), BTreeSet<String>>,
    /// The base's history, as far back as entries left it.
    trunk: Option<Trunk>,
    /// The candidates that each task was tested in, as its journal at this commit says.
    tested: HashMap<TaskId, (CommitId, Vec<CommitId>)>,
    /// What candidates hold.
    chains: HashMap<CommitId, Vec<(TaskId, Nonce)>>,
    /// The base's own commits, newest first.
    base_commits: Vec<CommitId>,
    /// The tests that failed in runs with a task in them, as far as nothing else explains them.
    failed_with: BTreeMap<TaskId, BTreeSet<String>>,
    /// The rates that hold at this base, after so many left, and whether a run of what waits has ended.
    belief: Option<((CommitId, usize, bool), Belief)>,
    live: Vec<Live>,
    ended: (Sender<Ended>, Receiver<Ended>),
    rounds: Rounds,
    /// Tasks whose commits are not here, as far as that was said.
    absent: BTreeSet<TaskId>,
    /// Where landings went when it began.
    lands_at: String,
    sharing: Sharing,
    /// Trees whose runs could not be made at all in this process: not tried again and again.
    failed: HashMap<TreeId, String>,
    /// Runs of the base without a result that count no longer: somebody asked for another try.
    forgiven: Option<HashMap<TreeId, u32>>,
}

/// An entry with the task that it is.
struct Queued {
    entry: Entry,
    stored: Stored,
}

/// The nonce of a task's stay in the queue: the same for everybody who reads its journal.
pub(crate) fn entry_nonce(task: &Task, head: &CommitId) -> Nonce {
    Nonce(format!("{}-{}-{}", &head.as_str()[..12], task.try_number, task.since.0))
}

impl<'a> Lander<'a> {
    /// A lander for a project; `slots` test runs at a time.
    pub(crate) fn new(project: &Project, watcher: &'a dyn Watcher, stop: Stop, slots: u32) -> Lander<'a> {
        Lander {
            op: project.op(),
            project: project.clone(),
            watcher,
            stop,
            slots: slots.max(1),
            compositions: BTreeMap::new(),
            composed_on: None,
            forward_at: None,
            loaded: HashMap::new(),
            footprints: HashMap::new(),
            trunk: None,
            tested: HashMap::new(),
            chains: HashMap::new(),
            base_commits: Vec::new(),
            failed_with: BTreeMap::new(),
            belief: None,
            live: Vec::new(),
            ended: channel(),
            rounds: Rounds::default(),
            absent: BTreeSet::new(),
            lands_at: project.lands_at(),
            sharing: Sharing::default(),
            failed: HashMap::new(),
            forgiven: None,
        }
    }

    /// Tests the base again where its tests gave no result before: whoever asks has mended what was missing.
    #[must_use]
    pub(crate) fn asked_again(self) -> Lander<'a> {
        Lander { forgiven: Some(HashMap::new()), ..self }
    }

    /// Works until nothing is left that could be done now, or a bound is reached.
    ///
    /// # Errors
    /// Another process of this machine lands, or git fails.
    pub(crate) fn drain(mut self, bounds: &Bounds) -> Result<Rounds, FlowError> {
        let repo = self.project.repo.clone();
        let slot = match MergeSlot::take(&repo)? {
            Ok(slot) => slot,
            Err(held) => return Err(FlowError::QueueBusy { pid: held.pid, since: held.since }),
        };
        self.project.hear_all_left()?;
        self.begin_anew()?;
        let mut result = self.work(&slot, bounds);
        if result.is_ok() && std::mem::take(&mut self.sharing.due) {
            self.sharing.due = true; // others wait for the last word of this clone
            result = self.exchange();
        }
        for live in &self.live {
            live.stop.request();
        }
        while !self.live.is_empty() {
            match self.ended.1.recv() {
                Ok(ended) => self.live.retain(|live| live.tree != ended.tree),
                Err(_) => break,
            }
        }
        result?;
        Ok(self.rounds)
    }

    fn work(&mut self, slot: &MergeSlot<'_>, bounds: &Bounds) -> Result<(), FlowError> {
        let begun = Instant::now();
        loop {
            if self.stop.is_requested() {
                return Err(FlowError::Interrupted);
            }
            self.project = self.project.reopened()?;
            let lands_at = self.project.lands_at();
            if lands_at != self.lands_at {
                // Somebody's program may have changed the settings: to land elsewhere is a person's decision.
                let text = format!(
                    "landings went to {}, and would now go to {lands_at}: git remote -v",
                    self.lands_at
                );
                self.stand(text);
                return Ok(());
            }
            if let Err(held) = slot.keep(&self.project.repo)? {
                return Err(FlowError::QueueBusy { pid: held.pid, since: held.since });
            }
            self.exchange()?;
            self.op.at = now();
            if let Some(text) = self.rewound()? {
                self.stop_queue(&text)?;
            }
            self.stop_where_apart()?;
            self.forgive_base()?;
            let queued = self.staying()?;
            self.recompose(&queued)?;
            let view = self.view(&queued)?;
            let reached = self.bound_reached(bounds, begun);
            let slots = if reached.is_some() { 0 } else { self.slots };
            let actions = queue::plan(&view, now(), slots);
            let decided =
                self.rounds.landed.len() + self.rounds.sent_back.len() + self.rounds.needs_you.len();
            let progressed = self.carry_out(slot, &view, &queued, actions)?;
            let decides =
                self.rounds.landed.len() + self.rounds.sent_back.len() + self.rounds.needs_you.len();
            self.sharing.due |= decides > decided;
            if bounds.once && decides > decided {
                return Ok(());
            }
            if progressed {
                continue;
            }
            if self.live.is_empty() {
                self.rounds.limit = reached.filter(|_| !queued.is_empty() && self.rounds.stands.is_none());
                self.settle(&view, &queued)?;
                return Ok(());
            }
            self.await_run()?;
        }
    }

    /// The bound that keeps further test runs from starting.
    fn bound_reached(&self, bounds: &Bounds, begun: Instant) -> Option<String> {
        if let Some(runs) = bounds.runs.filter(|runs| self.rounds.runs >= *runs) {
            return Some(format!("{runs} test runs"));
        }
        let time = bounds.time.filter(|time| begun.elapsed() >= *time)?;
        Some(format!("{} seconds", time.as_secs()))
    }

    /// Says at the end why what is left is left.
    fn settle(&mut self, view: &View, queued: &[Queued]) -> Result<(), FlowError> {
        self.rounds.waiting = queued.iter().map(|queued| queued.entry.task.clone()).collect();
        self.rounds.waiting.extend(self.absent.iter().cloned());
        let seen = queued.iter().map(|queued| (queued.entry.task.clone(), queued.stored.tip.to_string()));
        self.rounds.seen = seen.collect();
        if view.paused {
            self.rounds.stands = Some("the queue is paused".to_owned());
        } else if let Some(min) = view.min_priority
            && view.entries.iter().any(|entry| queue::closed_to(view, entry))
        {
            self.rounds.stands = Some(format!("the queue is closed below priority {min}"));
        }
        if queued.is_empty() {
            self.project.store.drop_candidates()?;
        }
        Ok(())
    }

    fn say(&self, step: Step, tasks: &[TaskId], seconds: Option<u64>, text: String) {
        self.watcher.line(&Line { step, tasks: tasks.to_vec(), seconds, text });
    }

    /// Carries out a plan; true if anything changed, so that it pays to plan again at once.
    fn carry_out(
        &mut self,
        slot: &MergeSlot<'_>,
        view: &View,
        queued: &[Queued],
        actions: Vec<Action>,
    ) -> Result<bool, FlowError> {
        let chains: Vec<&Vec<TaskId>> = actions
            .iter()
            .filter_map(|action| if let Action::Compose { members } = action { Some(members) } else { None })
            .collect();
        let mut progressed = self.compose(queued, &chains)?;
        for action in actions {
            progressed |= match action {
                Action::Compose { .. } => false, // all at once, above
                Action::StartRun { members, commit, tree, purpose } => {
                    self.start_run(queued, members, commit, tree, purpose)?
                }
                Action::CancelRun { tree } => self.cancel(&tree),
                Action::Land { members, commit, tree, on } => {
                    self.land(slot, queued, &members, &commit, &tree, &on)?
                }
                Action::Hold { task, hold } => self.hold(queued, &task, &hold)?,
                Action::Release { task } => self.phase(&task, &Event::Waiting)?,
                Action::Eject { task, because } => self.eject(queued, &task, because)?,
                Action::Finish { task, because } => self.finish(view, queued, &task, because)?,
                Action::StopAll { because } => self.stop_all(&because)?,
                Action::Ask { question } => self.ask(&question),
            };
        }
        Ok(progressed)
    }

    fn find<'q>(queued: &'q [Queued], task: &TaskId) -> Option<&'q Queued> {
        queued.iter().find(|queued| queued.entry.task == *task)
    }
}
