//! Carries out what `queue::plan` decides: composes, tests, lands, holds and ejects.
//!
//! Everything is read from refs at each tick; what is kept between ticks (compositions, footprints) is a memo of pure
//! functions of commits and may be lost at any moment. The only commit point is the compare-and-swap of the base.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::git::merge_tree::{Composer, Merged};
use crate::git::objects::{NewCommit, Person, TreeEdit};
use crate::git::slot::{self, Landing, MergeSlot, Tested};
use crate::process::Stop;
use crate::queue::{
    self, Action, Base, Composition, Ejection, Entry, Finished, Footprint, Hold, Known, LandedOn, OnWorse,
    Purpose, Question, Rules, Running, Verdict, View,
};
use crate::select::choose::Selection;
use crate::store::journal::one_line;
use crate::store::{Op, Stored, layout};
use crate::suite::result::Results;
use crate::task::id::{CommitId, Nonce, Seconds, TaskId, TreeId};
use crate::task::state::Phase;
use crate::task::{Actor, Event, Evidence, State, Task, Trouble};

use super::progress::{Line, Step, Watcher};
use super::project::now;
use super::suite::{Which, failed_tests};
use super::{FlowError, Project};

/// Wait for a running test's end this long before everything is looked at anew: refs may change meanwhile.
const TICK: Duration = Duration::from_secs(2);
/// Clocks of several machines may differ by this much where a history is searched by time.
const SKEW: i64 = 24 * 3600;
/// Files whose change concerns everything, besides `tests.shared`.
const BARRIERS: [&str; 3] = ["orch.toml", "prompts/", ".gitattributes"];

/// How a round of the queue ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rounds {
    pub(crate) landed: Vec<TaskId>,
    /// Went back to their agents or owners.
    pub(crate) sent_back: Vec<TaskId>,
    /// Wait for a person.
    pub(crate) needs_you: Vec<TaskId>,
    /// Test commands that were run.
    pub(crate) runs: u32,
    /// The queue stands still, and why.
    pub(crate) stands: Option<String>,
    /// Left in the queue: blocked, held, or not wanted now.
    pub(crate) waiting: Vec<TaskId>,
}

/// A test run that is going on in a thread of its own.
struct Live {
    members: Vec<TaskId>,
    tree: TreeId,
    purpose: Purpose,
    stop: Stop,
    started: Instant,
}

/// What a test thread says at its end.
struct Ended {
    tree: TreeId,
    outcome: Result<(), FlowError>,
}

/// Runs the queue of one repository on this machine.
pub(crate) struct Lander<'a> {
    project: Project,
    op: Op,
    watcher: &'a dyn Watcher,
    /// Asks for the end of everything that runs.
    stop: Stop,
    slots: u32,
    compositions: BTreeMap<Vec<(TaskId, CommitId)>, Composition>,
    composed_on: Option<CommitId>,
    footprints: HashMap<(CommitId, CommitId), BTreeSet<String>>,
    live: Vec<Live>,
    ended: (Sender<Ended>, Receiver<Ended>),
    rounds: Rounds,
    /// Trees whose runs could not be made at all in this process: not tried again and again.
    failed: HashMap<TreeId, String>,
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
            footprints: HashMap::new(),
            live: Vec::new(),
            ended: channel(),
            rounds: Rounds::default(),
            failed: HashMap::new(),
        }
    }

    /// Works until nothing is left that could be done now, or for one landing or ejection (`once`).
    ///
    /// # Errors
    /// Another process of this machine lands, or git fails.
    pub(crate) fn drain(mut self, once: bool) -> Result<Rounds, FlowError> {
        let repo = self.project.repo.clone();
        let slot = match MergeSlot::take(&repo)? {
            Ok(slot) => slot,
            Err(held) => return Err(FlowError::QueueBusy { pid: held.pid, since: held.since }),
        };
        let result = self.work(&slot, once);
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

    fn work(&mut self, slot: &MergeSlot<'_>, once: bool) -> Result<(), FlowError> {
        loop {
            if self.stop.is_requested() {
                return Err(FlowError::Interrupted);
            }
            self.project = self.project.reopened()?;
            self.op.at = now();
            let queued = self.queued()?;
            let view = self.view(&queued)?;
            let actions = queue::plan(&view, now(), self.slots);
            let decided =
                self.rounds.landed.len() + self.rounds.sent_back.len() + self.rounds.needs_you.len();
            let progressed = self.carry_out(slot, &view, &queued, actions)?;
            let decides =
                self.rounds.landed.len() + self.rounds.sent_back.len() + self.rounds.needs_you.len();
            if once && decides > decided {
                return Ok(());
            }
            if progressed {
                continue;
            }
            if self.live.is_empty() {
                self.settle(&view, &queued)?;
                return Ok(());
            }
            self.await_run()?;
        }
    }

    /// Says at the end why what is left is left.
    fn settle(&mut self, view: &View, queued: &[Queued]) -> Result<(), FlowError> {
        self.rounds.waiting = queued.iter().map(|queued| queued.entry.task.clone()).collect();
        if view.paused {
            self.rounds.stands = Some("the queue is paused".to_owned());
        }
        if queued.is_empty() {
            self.project.store.drop_candidates()?;
        }
        Ok(())
    }

    fn await_run(&mut self) -> Result<(), FlowError> {
        let Ok(ended) = self.ended.1.recv_timeout(TICK) else { return Ok(()) };
        if let Some(place) = self.live.iter().position(|live| live.tree == ended.tree) {
            let live = self.live.remove(place);
            let seconds = live.started.elapsed().as_secs();
            match ended.outcome {
                Ok(()) => {}
                Err(FlowError::Interrupted) => return Ok(()),
                Err(err) => {
                    let text = crate::store::chain(&err);
                    self.say(Step::Note, &live.members, Some(seconds), format!("test run failed: {text}"));
                    self.failed.insert(live.tree, text);
                }
            }
        }
        Ok(())
    }

    fn say(&self, step: Step, tasks: &[TaskId], seconds: Option<u64>, text: String) {
        self.watcher.line(&Line { step, tasks: tasks.to_vec(), seconds, text });
    }

    // --- the view -------------------------------------------------------------------------------------------------

    /// What waits in the queue now.
    fn queued(&mut self) -> Result<Vec<Queued>, FlowError> {
        let rows = self.project.store.open_tasks()?.rows;
        let in_queue: BTreeSet<TaskId> = rows
            .iter()
            .filter(|row| row.card.state == "ready-for-handoff")
            .map(|row| row.card.id.clone())
            .collect();
        let open: BTreeSet<TaskId> = rows.iter().map(|row| row.card.id.clone()).collect();
        let mut queued = Vec::new();
        for id in &in_queue {
            let Some(stored) = self.project.store.load(id)? else { continue };
            if let Some(entry) = self.entry(&stored, &in_queue, &open)? {
                queued.push(Queued { entry, stored });
            }
        }
        Ok(queued)
    }

    fn entry(
        &mut self,
        stored: &Stored,
        in_queue: &BTreeSet<TaskId>,
        open: &BTreeSet<TaskId>,
    ) -> Result<Option<Entry>, FlowError> {
        let task = &stored.task;
        let State::ReadyForHandoff { change, approval, .. } = &task.state else { return Ok(None) };
        let mut after = Vec::new();
        let mut blocked = false;
        for id in &task.after {
            if in_queue.contains(id) {
                after.push(id.clone());
            } else if open.contains(id)
                || self.project.finished(id) != Some(crate::plan::ready::Finished::Landed)
            {
                blocked = true;
            }
        }
        let paths = self.paths(&change.base, &change.head)?;
        let shared = &self.project.policy.tests.rules.shared;
        let barrier = paths
            .iter()
            .any(|path| shared.matches(path) || BARRIERS.iter().any(|barrier| path.starts_with(barrier)));
        let footprint = Footprint::new(paths.clone(), &task.paths, barrier)
            .or_else(|_| Footprint::new(paths, &[], true))
            .map_err(|bad| FlowError::BadValue { what: bad.glob.clone(), why: bad.why })?;
        Ok(Some(Entry {
            task: task.id.clone(),
            nonce: entry_nonce(task, &change.head),
            head: change.head.clone(),
            priority: task.priority,
            enqueued_at: task.since,
            after,
            blocked,
            footprint,
            accept_worse: approval.accept_worse,
        }))
    }

    fn paths(&mut self, base: &CommitId, head: &CommitId) -> Result<BTreeSet<String>, FlowError> {
        let key = (base.clone(), head.clone());
        if let Some(paths) = self.footprints.get(&key) {
            return Ok(paths.clone());
        }
        let paths: BTreeSet<String> = self.project.repo.paths(base, head)?.into_iter().collect();
        self.footprints.insert(key, paths.clone());
        Ok(paths)
    }

    fn view(&mut self, queued: &[Queued]) -> Result<View, FlowError> {
        let tip = self.project.base.tip.clone();
        if self.composed_on.as_ref() != Some(&tip) {
            self.compositions.clear();
            self.composed_on = Some(tip.clone());
        }
        let heads: BTreeMap<&TaskId, &CommitId> =
            queued.iter().map(|queued| (&queued.entry.task, &queued.entry.head)).collect();
        self.compositions.retain(|chain, _| chain.iter().all(|(task, head)| heads.get(task) == Some(&head)));
        let tree = self.project.repo.tree_of(&tip)?;
        let baseline = self.project.full_results(&tree)?;
        let state = self.project.store.repo_state()?;
        let held =
            queued.iter().filter_map(|queued| Some((queued.entry.task.clone(), hold_of(&queued.stored)?)));
        let mut view = View {
            base: Base { commit: tip.clone(), tree: tree.clone(), landed: self.landed_since(&tip, queued)? },
            entries: queued.iter().map(|queued| queued.entry.clone()).collect(),
            compositions: self
                .compositions
                .iter()
                .map(|(chain, composition)| {
                    (chain.iter().map(|(task, _)| task.clone()).collect(), composition.clone())
                })
                .collect(),
            verdicts: BTreeMap::new(),
            running: self
                .live
                .iter()
                .map(|live| Running {
                    members: live.members.clone(),
                    tree: live.tree.clone(),
                    purpose: live.purpose,
                })
                .collect(),
            held: held.collect(),
            rules: Rules {
                batch_max: self.project.policy.queue.batch as usize,
                on_worse: match self.project.policy.queue.on_worse {
                    crate::policy::OnWorse::Culprit => OnWorse::Culprit,
                    crate::policy::OnWorse::Stop => OnWorse::Stop,
                },
                confirmations: 1,
                needs_baseline: true,
            },
            paused: state.paused.is_some(),
            stopped: state.stopped.map(|because| queue::Stop {
                culprit: TaskId::from_branch(&because),
                tests: BTreeSet::new(),
            }),
            min_priority: None,
        };
        self.add_verdicts(&mut view, &tree, baseline.as_ref())?;
        Ok(view)
    }

    /// What is known of the base's tree and of each composed tree.
    fn add_verdicts(
        &self,
        view: &mut View,
        base: &TreeId,
        baseline: Option<&Results>,
    ) -> Result<(), FlowError> {
        let per_test = self.project.policy.tests.format != crate::suite::format::Format::Exit;
        let empty = Results::default();
        let mut red = false;
        let trees: BTreeSet<TreeId> = view
            .compositions
            .values()
            .filter_map(|composition| match composition {
                Composition::Clean { tree, .. } => Some(tree.clone()),
                Composition::ConflictWithBase { .. }
                | Composition::ConflictWith { .. }
                | Composition::Empty => None,
            })
            .collect();
        for tree in trees {
            if tree == *base {
                continue;
            }
            let judged = self.project.judge(&tree, baseline.unwrap_or(&empty))?;
            red |= judged.red > 0;
            let verdict = match self.failed.get(&tree) {
                Some(why) => Some(Verdict::NoEvidence { why: why.clone(), times: u32::MAX }),
                None if judged.green > 0 => Some(Verdict::Green),
                None if judged.red > 0 => Some(Verdict::Worse {
                    tests: judged.worse.iter().map(|worse| worse.test.as_str().to_owned()).collect(),
                    times: judged.red,
                    unanswered: judged.no_evidence,
                }),
                None if judged.no_evidence > 0 => {
                    Some(Verdict::NoEvidence { why: judged.why_none, times: judged.no_evidence })
                }
                None => None,
            };
            if let Some(verdict) = verdict {
                view.verdicts.insert(tree, Known { verdict, flake: judged.green > 0 && judged.red > 0 });
            }
        }
        // With nothing but an exit code no test can be "gone": a green needs no baseline, a red does.
        view.rules.needs_baseline = per_test || red;
        let known = match (baseline, self.failed.get(base)) {
            (Some(results), _) => Some(Verdict::Baseline {
                failing: results.failed.keys().map(|test| test.as_str().to_owned()).collect(),
            }),
            (None, Some(why)) => Some(Verdict::NoEvidence { why: why.clone(), times: u32::MAX }),
            (None, None) => {
                let judged = self.project.judge(base, &empty)?;
                (judged.no_evidence > 0)
                    .then(|| Verdict::NoEvidence { why: judged.why_none, times: judged.no_evidence })
            }
        };
        if let Some(verdict) = known {
            view.verdicts.insert(base.clone(), Known { verdict, flake: false });
        }
        Ok(())
    }

    /// What the base's first-parent history says has landed since the oldest entry came.
    fn landed_since(
        &self,
        tip: &CommitId,
        queued: &[Queued],
    ) -> Result<BTreeSet<(TaskId, Nonce)>, FlowError> {
        let mut landed = BTreeSet::new();
        let Some(oldest) = queued.iter().map(|queued| queued.entry.enqueued_at.0).min() else {
            return Ok(landed);
        };
        let mut next = Some(tip.clone());
        while let Some(commit) = next {
            let commit = self.project.repo.read_commit(&commit)?;
            if commit.committer_time.0 < oldest - SKEW {
                break;
            }
            let trailer = |key: &str| {
                commit.trailers.iter().find(|(found, _)| found == key).map(|(_, value)| value.clone())
            };
            if let (Some(task), Some(nonce)) = (trailer("Orch-Task"), trailer("Orch-Nonce")) {
                if let Ok(task) = TaskId::parse(&task) {
                    landed.insert((task, Nonce(nonce)));
                }
            }
            next = commit.parents.first().cloned();
        }
        Ok(landed)
    }

    // --- the actions ----------------------------------------------------------------------------------------------

    /// Carries out a plan; true if anything changed, so that it pays to plan again at once.
    fn carry_out(
        &mut self,
        slot: &MergeSlot<'_>,
        view: &View,
        queued: &[Queued],
        actions: Vec<Action>,
    ) -> Result<bool, FlowError> {
        let mut progressed = false;
        for action in actions {
            progressed |= match action {
                Action::Compose { members } => self.compose(queued, &members)?,
                Action::StartRun { members, commit, tree, purpose } => {
                    self.start_run(queued, members, commit, tree, purpose)?
                }
                Action::CancelRun { tree } => self.cancel(&tree),
                Action::Land { members, commit, tree, on } => {
                    self.land(slot, queued, &members, &commit, &tree, &on)?
                }
                Action::Hold { task, hold } => self.hold(queued, &task, &hold)?,
                Action::Release { task } => self.phase(&task, Event::Waiting)?,
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

    /// Composes every prefix of a chain that is not known, up to the first that is not clean.
    fn compose(&mut self, queued: &[Queued], members: &[TaskId]) -> Result<bool, FlowError> {
        let mut composer = Composer::open(&self.project.repo)?;
        let mut tip = self.project.base.tip.clone();
        let mut chain: Vec<(TaskId, CommitId)> = Vec::new();
        let mut progressed = false;
        for task in members {
            let Some(member) = Self::find(queued, task) else { return Ok(progressed) };
            chain.push((task.clone(), member.entry.head.clone()));
            let known = self.compositions.get(&chain).cloned();
            let composition = match known {
                Some(known) => known,
                None => {
                    progressed = true;
                    let made = self.compose_one(&mut composer, &tip, member, queued, &chain)?;
                    self.compositions.insert(chain.clone(), made.clone());
                    made
                }
            };
            match composition {
                Composition::Clean { commit, .. } => tip = commit,
                Composition::Empty
                | Composition::ConflictWith { .. }
                | Composition::ConflictWithBase { .. } => break,
            }
        }
        Ok(progressed)
    }

    fn compose_one(
        &self,
        composer: &mut Composer,
        onto: &CommitId,
        member: &Queued,
        queued: &[Queued],
        chain: &[(TaskId, CommitId)],
    ) -> Result<Composition, FlowError> {
        let base = &self.project.base.tip;
        let head = &member.entry.head;
        match composer.merge(onto, head)? {
            Merged::Clean(tree) => {
                let tree = self.with_changelog(&tree, &member.stored.task)?;
                if self.project.repo.is_ancestor(head, onto)? || tree == self.project.repo.tree_of(onto)? {
                    return Ok(Composition::Empty);
                }
                let commit = self.merge_commit(onto, member, &tree)?;
                self.project.store.keep_candidate(&tree, &commit)?;
                Ok(Composition::Clean { commit, tree })
            }
            Merged::Conflict { files, .. } => {
                let files: BTreeSet<String> = files.into_iter().collect();
                if onto == base || !matches!(composer.merge(base, head)?, Merged::Clean(_)) {
                    return Ok(Composition::ConflictWithBase { files });
                }
                // The one ahead that it shares a conflicting file with; the last one before it where none does.
                let ahead = chain.iter().rev().skip(1).map(|(task, _)| task).find(|task| {
                    Self::find(queued, task)
                        .is_some_and(|other| !other.entry.footprint.paths.is_disjoint(&files))
                });
                let before = chain.iter().rev().nth(1).map(|(task, _)| task);
                match ahead.or(before) {
                    Some(ahead) => Ok(Composition::ConflictWith { ahead: ahead.clone(), files }),
                    None => Ok(Composition::ConflictWithBase { files }),
                }
            }
            Merged::Unrelated => Ok(Composition::ConflictWithBase {
                files: BTreeSet::from(["(no common history)".to_owned()]),
            }),
        }
    }

    /// The merge commit of a member. The same facts give the same commit, so that a crash costs no second test run.
    fn merge_commit(&self, onto: &CommitId, member: &Queued, tree: &TreeId) -> Result<CommitId, FlowError> {
        let repo = &self.project.repo;
        let task = &member.stored.task;
        let (before, head) = (repo.read_commit(onto)?, repo.read_commit(&member.entry.head)?);
        // Never dated before its parents: git's walks go wrong otherwise.
        let at = before.committer_time.max(head.committer_time).max(member.entry.enqueued_at);
        let person = Person { time: at, ..self.project.committer() };
        let mut message = format!("Merge {}: {}\n\n", task.id, one_line(&task.title));
        message.push_str(&format!("Orch-Task: {}\nOrch-Nonce: {}\n", task.id, member.entry.nonce.0));
        if let State::ReadyForHandoff { approval, .. } = &task.state {
            message.push_str(&format!("Orch-Approved-By: {}\n", one_line(&approval.by.0)));
        }
        if self.project.policy.signoff {
            message.push_str(&format!("Signed-off-by: {} <{}>\n", person.name, person.email));
        }
        Ok(repo.commit(&NewCommit {
            tree,
            parents: &[onto.clone(), member.entry.head.clone()],
            author: &person,
            committer: &person,
            message: &message,
        })?)
    }

    /// Writes a task's CHANGELOG entry into the composed tree: entries of parallel tasks never conflict (D12).
    fn with_changelog(&self, tree: &TreeId, task: &Task) -> Result<TreeId, FlowError> {
        let (Some(path), Some(entry)) = (&self.project.policy.queue.changelog, &task.changelog) else {
            return Ok(tree.clone());
        };
        let old = self.project.repo.read_tree_file(tree, path)?.unwrap_or_default();
        let text = queue::changelog::with_entry(&String::from_utf8_lossy(&old), &one_line(entry));
        let put = TreeEdit::Put { path: path.clone(), bytes: text.into_bytes(), executable: false };
        Ok(self.project.repo.edit_tree(Some(tree), &[put])?)
    }

    fn start_run(
        &mut self,
        queued: &[Queued],
        members: Vec<TaskId>,
        commit: CommitId,
        tree: TreeId,
        purpose: Purpose,
    ) -> Result<bool, FlowError> {
        if self.project.test_command(&Which::Full).is_none() {
            return Err(FlowError::NoTests);
        }
        for task in &members {
            self.phase(task, Event::Testing { candidate: commit.clone() })?;
        }
        let targeted = match purpose {
            Purpose::Baseline => None,
            Purpose::Candidate | Purpose::Confirm => self.targeted(&commit)?,
        };
        let what = match purpose {
            Purpose::Baseline => format!("{} as it is, to compare with", self.project.base.branch),
            Purpose::Candidate if members.len() > 1 => format!("{} tasks as one batch", members.len()),
            Purpose::Candidate => one_line(
                &Self::find(queued, &members[0])
                    .map_or_else(String::new, |member| member.stored.task.title.clone()),
            ),
            Purpose::Confirm => "once more, to confirm".to_owned(),
        };
        self.say(Step::Test, &members, None, what);
        self.rounds.runs += 1;
        let stop = Stop::new();
        let live = Live { members, tree: tree.clone(), purpose, stop: stop.clone(), started: Instant::now() };
        self.live.push(live);
        let (project, sender) = (self.project.clone(), self.ended.0.clone());
        std::thread::spawn(move || {
            let outcome = test_candidate(&project, &commit, &tree, targeted, &stop);
            // The receiver is gone only when the lander is: then nobody wants to know.
            let _ = sender.send(Ended { tree, outcome });
        });
        Ok(false)
    }

    /// The selected tests of a candidate, where they are worth a run of their own before the full suite.
    fn targeted(&self, commit: &CommitId) -> Result<Option<Which>, FlowError> {
        if self.project.policy.tests.some.is_none() {
            return Ok(None);
        }
        Ok(match self.project.selection(&self.project.base.tip, commit)? {
            Selection::Some(chosen) => {
                let which = Which::Some(chosen.into_iter().map(|chosen| chosen.test).collect());
                self.project.test_command(&which).is_some().then_some(which)
            }
            Selection::Full { .. } | Selection::None => None,
        })
    }

    fn cancel(&mut self, tree: &TreeId) -> bool {
        for live in self.live.iter().filter(|live| live.tree == *tree) {
            live.stop.request();
        }
        false
    }

    fn phase(&mut self, task: &TaskId, event: Event) -> Result<bool, FlowError> {
        let changed =
            self.project.store.change::<FlowError>(&self.op, &Actor::orchestrator(), task, |stored| {
                let same = match (&stored.task.state, &event) {
                    (State::ReadyForHandoff { phase: Phase::Waiting, .. }, Event::Waiting) => true,
                    (
                        State::ReadyForHandoff { phase: Phase::Testing { candidate: old }, .. },
                        Event::Testing { candidate },
                    ) => old == candidate,
                    (State::ReadyForHandoff { .. }, _) => false,
                    // It left the queue in this moment; the next tick sees that.
                    _ => true,
                };
                Ok(if same { Vec::new() } else { vec![event.clone()] })
            });
        changed.map(|_| true)
    }

    fn hold(&mut self, queued: &[Queued], task: &TaskId, hold: &Hold) -> Result<bool, FlowError> {
        let files: Vec<String> = hold.files.iter().cloned().collect();
        let known = Self::find(queued, task).and_then(|queued| hold_of(&queued.stored));
        if known.as_ref() == Some(hold) {
            return Ok(false);
        }
        self.say(
            Step::Hold,
            std::slice::from_ref(task),
            None,
            format!("behind {}: conflict in {}", hold.behind, files.join(", ")),
        );
        self.phase(task, Event::Held { behind: hold.behind.clone(), files })
    }

    fn land(
        &mut self,
        slot: &MergeSlot<'_>,
        queued: &[Queued],
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
        on: &LandedOn,
    ) -> Result<bool, FlowError> {
        if let Some(gone) = self.first_moved(queued, members)? {
            return self.left_the_queue(&gone);
        }
        let old = self.project.base.tip.clone();
        self.check_composition(queued, members, commit, tree)?;
        let tested = Tested::new(commit, tree, &self.project.repo)?;
        let intent = self.project.intend_checkout(&old, commit)?;
        if !self.move_base(slot, &old, &tested)? {
            self.project.forget_checkout(intent.as_ref())?;
            return Ok(true);
        }
        self.project.follow_checkout(intent)?;
        let text = match on {
            LandedOn::Green => format!("{} {}..{}", self.project.base.branch, old.short(), commit.short()),
            LandedOn::Flaky => {
                format!("{} {}..{} (a test was flaky)", self.project.base.branch, old.short(), commit.short())
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

    /// Swaps the base: by a push to its upstream where it has one, else here. False if somebody else moved it.
    fn move_base(
        &mut self,
        slot: &MergeSlot<'_>,
        old: &CommitId,
        tested: &Tested,
    ) -> Result<bool, FlowError> {
        let project = &self.project;
        if let (Some(upstream), false) = (&project.base.upstream, project.offline) {
            project.repo.sync_reachable(tested.commit(), old)?;
            if !project.push_base(upstream, tested.commit())? {
                project.follow_upstream(upstream)?;
                return Ok(false);
            }
        }
        for _ in 0..200 {
            match slot::land(slot, &project.repo, &project.base.full(), old, tested)? {
                Landing::Landed => return Ok(true),
                Landing::Lost { .. } => return Ok(false),
                Landing::Locked => {
                    std::thread::sleep(Duration::from_millis(50));
                    project.store.sweep_locks()?;
                }
            }
        }
        Err(crate::store::StoreError::Locked { name: project.base.full() }.into())
    }

    /// What lands equals an independent recomposition (I2): a second process, from the base, member by member.
    fn check_composition(
        &self,
        queued: &[Queued],
        members: &[TaskId],
        commit: &CommitId,
        tree: &TreeId,
    ) -> Result<(), FlowError> {
        let mut composer = Composer::open(&self.project.repo)?;
        let mut tip = self.project.base.tip.clone();
        let mut last = self.project.repo.tree_of(&tip)?;
        for task in members {
            let Some(member) = Self::find(queued, task) else { continue };
            let Merged::Clean(merged) = composer.merge(&tip, &member.entry.head)? else {
                return Err(crate::git::GitError::OtherTree { commit: commit.clone() }.into());
            };
            last = self.with_changelog(&merged, &member.stored.task)?;
            tip = self.merge_commit(&tip, member, &last)?;
        }
        if last != *tree {
            return Err(crate::git::GitError::OtherTree { commit: commit.clone() }.into());
        }
        Ok(())
    }

    /// The first member whose approval no longer fits: its branch moved, or its record changed in this moment.
    fn first_moved(
        &self,
        queued: &[Queued],
        members: &[TaskId],
    ) -> Result<Option<(TaskId, Evidence)>, FlowError> {
        for task in members {
            let Some(member) = Self::find(queued, task) else { continue };
            let tip = self.project.repo.tip(&layout::branch_ref(&member.stored.task.branch))?;
            let head = &member.entry.head;
            let evidence = match tip {
                Some(tip) if tip == *head => continue,
                Some(tip) => Evidence::new(
                    Trouble::HeadMoved,
                    format!("branch moved {}..{} after it was approved", head.short(), tip.short()),
                ),
                // Deleted by its owner after it was queued: the approved commit is all that counts, and it is there.
                None => continue,
            };
            return Ok(Some((task.clone(), evidence)));
        }
        Ok(None)
    }

    fn left_the_queue(&mut self, gone: &(TaskId, Evidence)) -> Result<bool, FlowError> {
        let (task, evidence) = gone;
        self.say(Step::Eject, std::slice::from_ref(task), None, evidence.text.clone());
        self.project.store.change::<FlowError>(&self.op, &Actor::orchestrator(), task, |_| {
            Ok(vec![Event::Escalated { because: evidence.clone() }])
        })?;
        self.rounds.needs_you.push(task.clone());
        Ok(true)
    }

    /// Writes down what the base branch already says: each member landed.
    fn record_landing(
        &mut self,
        queued: &[Queued],
        members: &[TaskId],
        old: &CommitId,
        tip: &CommitId,
    ) -> Result<(), FlowError> {
        let landings = self.project.repo.first_parent(tip, Some(old), members.len() + 1)?;
        self.project = self.project.reopened()?;
        for task in members {
            let commit = landings
                .iter()
                .find(|commit| {
                    commit.trailers.iter().any(|(key, value)| key == "Orch-Task" && value == task.as_str())
                })
                .map_or_else(|| tip.clone(), |commit| commit.id.clone());
            self.complete(queued, task, &commit)?;
        }
        Ok(())
    }

    fn complete(&mut self, queued: &[Queued], task: &TaskId, commit: &CommitId) -> Result<(), FlowError> {
        let stored =
            self.project.store.change::<FlowError>(&self.op, &Actor::orchestrator(), task, |stored| {
                Ok(if stored.task.state.is_finished() {
                    Vec::new()
                } else {
                    vec![Event::Landed { commit: commit.clone() }]
                })
            })?;
        let before = Self::find(queued, task).map_or(&stored.task, |queued| &queued.stored.task);
        if !self.project.clean_up(before)? {
            self.say(
                Step::Note,
                std::slice::from_ref(task),
                None,
                "its worktree has uncommitted files and stays".to_owned(),
            );
        }
        self.project.store.archive(&self.op, std::slice::from_ref(&stored))?;
        self.rounds.landed.push(task.clone());
        Ok(())
    }

    fn finish(
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
        self.complete(queued, task, &commit)?;
        Ok(true)
    }

    fn landing_of(&self, tip: &CommitId, queued: &[Queued], task: &TaskId) -> Result<CommitId, FlowError> {
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

    fn eject(&mut self, queued: &[Queued], task: &TaskId, because: Ejection) -> Result<bool, FlowError> {
        let evidence = self.evidence(queued, task, because)?;
        let text = evidence.text.clone();
        let stored =
            self.project.store.change::<FlowError>(&self.op, &Actor::orchestrator(), task, |stored| {
                Ok(match stored.task.state {
                    State::ReadyForHandoff { .. } => vec![Event::Ejected { because: evidence.clone() }],
                    _ => Vec::new(),
                })
            })?;
        let step = match stored.task.state {
            State::Escalated { .. } => {
                self.rounds.needs_you.push(task.clone());
                Step::NeedsYou
            }
            _ => {
                self.rounds.sent_back.push(task.clone());
                Step::Eject
            }
        };
        self.say(step, std::slice::from_ref(task), None, text);
        Ok(true)
    }

    fn evidence(&self, queued: &[Queued], task: &TaskId, because: Ejection) -> Result<Evidence, FlowError> {
        let base = &self.project.base;
        Ok(match because {
            Ejection::Conflict { files, with } => {
                let files: Vec<String> = files.into_iter().collect();
                let behind = Self::find(queued, task)
                    .and_then(|queued| hold_of(&queued.stored))
                    .map(|hold| hold.behind);
                let pair = with.or(behind);
                let (trouble, what) = match &pair {
                    Some(pair) => (Trouble::ConflictTask, pair.to_string()),
                    None => (Trouble::ConflictBase, base.branch.clone()),
                };
                let text = format!("conflicts with {what} in {}", files.join(", "));
                let branch = Self::find(queued, task)
                    .map(|queued| queued.stored.task.branch.clone())
                    .unwrap_or_default();
                let reproduce = format!("git merge-tree --write-tree --name-only {} {branch}", base.branch);
                Evidence {
                    pair,
                    base: Some(base.tip.clone()),
                    reproduce: Some(reproduce),
                    confirmed: true,
                    ..Evidence::new(trouble, text).with_files(files)
                }
            }
            Ejection::Worse { commit, tree, runs, files, .. } => {
                let baseline =
                    self.project.full_results(&self.project.repo.tree_of(&base.tip)?)?.unwrap_or_default();
                let tests = failed_tests(&self.project.judge(&tree, &baseline)?.worse);
                let names: Vec<&str> = tests.iter().take(3).map(|test| test.name.as_str()).collect();
                let more =
                    if tests.len() > 3 { format!(" and {} more", tests.len() - 3) } else { String::new() };
                let plural = if tests.len() == 1 { "test is" } else { "tests are" };
                let text = format!(
                    "{} {plural} worse than on {}: {}{more}",
                    tests.len(),
                    base.branch,
                    names.join(", ")
                );
                Evidence {
                    tests,
                    base: Some(base.tip.clone()),
                    candidate: Some(commit),
                    reproduce: Some(format!("git orch check {task} --only tests")),
                    confirmed: runs > 1,
                    ..Evidence::new(Trouble::Worse, text).with_files(files.into_iter().collect())
                }
            }
            Ejection::NoEvidence { why, commit, .. } => Evidence {
                base: Some(base.tip.clone()),
                candidate: Some(commit),
                reproduce: Some(format!("git orch check {task} --only tests")),
                ..Evidence::new(Trouble::NoEvidence, format!("its tests gave no result that counts: {why}"))
            },
        })
    }

    fn stop_all(&mut self, because: &queue::Stop) -> Result<bool, FlowError> {
        let tests: Vec<&str> = because.tests.iter().take(3).map(String::as_str).collect();
        let text = format!("{} made tests worse: {}", because.culprit, tests.join(", "));
        self.project.store.change_repo(
            &self.op,
            "git-orch",
            &format!("queue stopped: {text}"),
            |mut state| {
                state.stopped = Some(text.clone());
                state
            },
        )?;
        self.say(
            Step::NeedsYou,
            std::slice::from_ref(&because.culprit),
            None,
            format!("the queue stops: {text}"),
        );
        self.rounds.stands = Some(format!("stopped: {text}"));
        Ok(true)
    }

    fn ask(&mut self, question: &Question) -> bool {
        let text = match question {
            Question::NoBaseline { why } => {
                format!("the tests of {} itself give no result that counts: {why}", self.project.base.branch)
            }
            Question::Cycle { members } => {
                let members: Vec<&str> = members.iter().map(TaskId::as_str).collect();
                format!("these wait for each other: {}", members.join(", "))
            }
        };
        if self.rounds.stands.as_ref() != Some(&text) {
            self.say(Step::NeedsYou, &[], None, text.clone());
            self.rounds.stands = Some(text);
        }
        false
    }
}

/// Targeted tests first, for a quick no; then the full suite, for the only yes.
fn test_candidate(
    project: &Project,
    commit: &CommitId,
    tree: &TreeId,
    targeted: Option<Which>,
    stop: &Stop,
) -> Result<(), FlowError> {
    if let Some(which) = targeted {
        project.run_tests(commit, &which, stop)?;
        let base = project.repo.tree_of(&project.base.tip)?;
        let baseline = project.full_results(&base)?.unwrap_or_default();
        let judged = project.judge(tree, &baseline)?;
        let enough = project.policy.queue.land == crate::policy::Land::Targeted && judged.green > 0;
        let refused = project.refused_by(tree, &which, &baseline)?;
        if refused || enough {
            return Ok(());
        }
    }
    project.run_tests(commit, &Which::Full, stop).map(|_| ())
}

fn hold_of(stored: &Stored) -> Option<Hold> {
    match &stored.task.state {
        State::ReadyForHandoff { phase: Phase::Held { behind, files }, .. } => {
            Some(Hold { behind: behind.clone(), files: files.iter().cloned().collect() })
        }
        _ => None,
    }
}

/// The plan that a queue would carry out next, without carrying it out: for `queue` and `--dry-run`.
pub(crate) struct Forecast {
    pub(crate) view: View,
    pub(crate) actions: Vec<Action>,
    pub(crate) tasks: Vec<Stored>,
    pub(crate) at: Seconds,
}

impl Lander<'_> {
    /// The queue as it is, with nothing composed: writes nothing.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn look(mut self) -> Result<View, FlowError> {
        let queued = self.queued()?;
        self.view(&queued)
    }

    /// What would happen next. Composes, which writes objects and candidate refs only.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn forecast(mut self) -> Result<Forecast, FlowError> {
        let queued = self.queued()?;
        loop {
            let view = self.view(&queued)?;
            let actions = queue::plan(&view, now(), self.slots);
            let mut composed = false;
            for action in &actions {
                if let Action::Compose { members } = action {
                    composed |= self.compose(&queued, members)?;
                }
            }
            if !composed {
                let tasks = queued.into_iter().map(|queued| queued.stored).collect();
                return Ok(Forecast { view, actions, tasks, at: now() });
            }
        }
    }
}
