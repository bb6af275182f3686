//! Test runs of candidates, each in a thread of its own.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::flow::progress::Step;
use crate::flow::project::now;
use crate::flow::select::Which;
use crate::flow::{FlowError, Project};
use crate::process::Stop;
use crate::queue::Purpose;
use crate::select::choose::Selection;
use crate::store::journal::one_line;
use crate::store::verdicts::Said;
use crate::task::Event;
use crate::task::id::{CommitId, Seconds, TaskId, TreeId};

use super::{Ended, Lander, Live, Queued, Ran, TICK};

impl Lander<'_> {
    pub(super) fn await_run(&mut self) -> Result<(), FlowError> {
        let Ok(ended) = self.ended.1.recv_timeout(TICK) else { return Ok(()) };
        if let Some(place) = self.live.iter().position(|live| live.tree == ended.tree) {
            let live = self.live.remove(place);
            self.sharing.due = true;
            let seconds = live.started.elapsed().as_secs();
            let names: Vec<&str> = live.members.iter().map(TaskId::as_str).collect();
            let of = if names.is_empty() { self.project.base.branch.clone() } else { names.join(" + ") };
            self.rounds.ran.push(Ran {
                what: format!("tests of {of}"),
                started: Seconds(now().0 - i64::try_from(seconds).unwrap_or_default()),
                seconds,
                ended: match &ended.outcome {
                    Ok(None) => "done".to_owned(),
                    Ok(Some(why)) => format!("no result that counts: {why}"),
                    Err(err) => crate::store::chain(err),
                },
            });
            match ended.outcome {
                Ok(None) => {}
                Ok(Some(why)) => {
                    let text = format!("no result of {of} that counts: {why}");
                    self.say(Step::Note, &live.members, Some(seconds), text);
                }
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

    pub(super) fn start_run(
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
        if !members.is_empty() {
            let chain = self.project.repo.first_parent(&commit, Some(&self.project.base.tip), usize::MAX)?;
            self.project.repo.sync_with_next(chain.iter().map(|made| &made.id))?;
            self.project.store.keep_candidate(&tree, &commit)?;
        }
        self.phase_all(&members, &Event::Testing { candidate: commit.clone() })?;
        let first = match purpose {
            Purpose::Baseline | Purpose::Blame => None,
            Purpose::Candidate | Purpose::Confirm => self.targeted(&members, &commit)?,
        };
        let steps: Vec<Which> = first.into_iter().chain([Which::Full]).collect();
        let what = match purpose {
            Purpose::Baseline => format!("{} as it is, to compare with", self.project.base.branch),
            Purpose::Candidate if members.len() > 1 => format!("{} tasks as one batch", members.len()),
            Purpose::Candidate => one_line(
                &Self::find(queued, &members[0])
                    .map_or_else(String::new, |member| member.stored.task.title.clone()),
            ),
            Purpose::Confirm => "once more, to confirm".to_owned(),
            Purpose::Blame => "without what landed before it".to_owned(),
        };
        self.say(Step::Test, &members, None, what);
        self.start(members, commit, tree, purpose, steps);
        Ok(true) // another slot may have something to do beside it
    }

    /// Starts a run in a thread of its own.
    pub(super) fn start(
        &mut self,
        members: Vec<TaskId>,
        commit: CommitId,
        tree: TreeId,
        purpose: Purpose,
        steps: Vec<Which>,
    ) {
        self.rounds.runs += 1;
        let stop = Stop::new();
        let live = Live {
            members,
            commit: commit.clone(),
            tree: tree.clone(),
            purpose,
            stop: stop.clone(),
            started: Instant::now(),
            since: now(),
        };
        self.live.push(live);
        let (project, sender) = (self.project.clone(), self.ended.0.clone());
        std::thread::spawn(move || {
            let outcome = test_candidate(&project, &commit, &tree, &steps, &stop);
            // The receiver is gone only when the lander is: then nobody wants to know.
            let _ = sender.send(Ended { tree, outcome });
        });
    }

    /// The tests of a candidate that are worth a run of their own before the full suite: those that failed with one of
    /// its members before, then the selected ones.
    fn targeted(&self, members: &[TaskId], commit: &CommitId) -> Result<Option<Which>, FlowError> {
        if self.project.policy.tests.some.is_none() {
            return Ok(None);
        }
        let failed = members.iter().filter_map(|task| self.failed_with.get(task)).flatten().cloned();
        let mut tests: Vec<String> = failed.collect();
        if let Selection::Some(chosen) = self.project.selection(&self.project.base.tip, commit)? {
            tests.extend(chosen.into_iter().map(|chosen| chosen.test));
        }
        let mut seen = BTreeSet::new();
        tests.retain(|test| seen.insert(test.clone()));
        let which = Which::Some(tests);
        let any = !seen.is_empty() && self.project.test_command(&which).is_some();
        Ok(any.then_some(which))
    }

    pub(super) fn cancel(&mut self, tree: &TreeId) -> bool {
        for live in self.live.iter().filter(|live| live.tree == *tree) {
            live.stop.request();
        }
        false
    }
}

/// One set of tests after the other, until one says no: targeted tests for a quick no, the full suite for the only yes.
/// Returns why the last of them gave no evidence, where it gave none.
fn test_candidate(
    project: &Project,
    commit: &CommitId,
    tree: &TreeId,
    steps: &[Which],
    stop: &Stop,
) -> Result<Option<String>, FlowError> {
    let mut without = None;
    for (at, which) in steps.iter().enumerate() {
        without = match project.run_tests(commit, which, stop)?.said {
            Said::NoEvidence(why) => Some(why),
            Said::Results(_) => None,
        };
        if at + 1 == steps.len() {
            break;
        }
        let base = project.repo.tree_of(&project.base.tip)?;
        let baseline = project.full_results(&base)?.unwrap_or_default();
        let judged = project.judge(tree, &baseline)?;
        let enough = project.policy.queue.land == crate::policy::Land::Targeted && judged.green > 0;
        if enough || project.refused_by(tree, which, &baseline)? {
            break;
        }
    }
    Ok(without)
}
