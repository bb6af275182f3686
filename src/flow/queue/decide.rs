//! What is written down of a plan that lands nothing: holds, ejections, questions.

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::flow::verdicts::failed_tests;
use crate::queue::{self, Ejection, Hold, Question};
use crate::store::Stored;
use crate::suite::worse::Worse;
use crate::task::id::{TaskId, TreeId};
use crate::task::state::Phase;
use crate::task::{Event, Evidence, State, Trouble};

use super::pair::Blame;
use super::{Lander, Queued};

impl Lander<'_> {
    pub(super) fn phase(&mut self, task: &TaskId, event: &Event) -> Result<bool, FlowError> {
        self.phase_all(std::slice::from_ref(task), event)
    }

    /// Notes what the queue does with some entries now.
    pub(super) fn phase_all(&mut self, tasks: &[TaskId], event: &Event) -> Result<bool, FlowError> {
        self.change_all(tasks, |stored| {
            let same = match (&stored.task.state, event) {
                (State::ReadyForHandoff { phase: Phase::Waiting, .. }, Event::Waiting) => true,
                (
                    State::ReadyForHandoff { phase: Phase::Testing { candidate: old }, .. },
                    Event::Testing { candidate },
                ) => old == candidate,
                (State::ReadyForHandoff { .. }, _) => false,
                // It left the queue in this moment; the next tick sees that.
                _ => true,
            };
            if same { Vec::new() } else { vec![event.clone()] }
        })?;
        Ok(true)
    }

    pub(super) fn hold(&mut self, queued: &[Queued], task: &TaskId, hold: &Hold) -> Result<bool, FlowError> {
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
        self.phase(task, &Event::Held { behind: hold.behind.clone(), files })
    }

    pub(super) fn eject(
        &mut self,
        queued: &[Queued],
        task: &TaskId,
        because: Ejection,
    ) -> Result<bool, FlowError> {
        let mut evidence = self.evidence(queued, task, because.clone())?;
        if let (Ejection::Worse { tree, .. }, Some(member)) = (&because, Self::find(queued, task)) {
            let worse = self.worse_on(tree)?;
            match self.blame(member, &worse)? {
                Blame::Asking => return Ok(false),
                Blame::Pair(other) => {
                    self.remember_pair(&other, member)?;
                    evidence.text.push_str(&format!("; fine without {other}"));
                    evidence.pair = Some(other);
                }
                Blame::Own => {}
            }
        }
        let text = evidence.text.clone();
        let retry = self.project.policy.retry.clone();
        let stored = self.change(task, |stored| match stored.task.state {
            State::ReadyForHandoff { .. } if retry.cuts_short(&stored.task) => {
                let because = evidence.clone();
                vec![Event::Ejected { because: because.clone() }, Event::Escalated { because }]
            }
            State::ReadyForHandoff { .. } => vec![Event::Ejected { because: evidence.clone() }],
            _ => Vec::new(),
        })?;
        let Some(stored) = stored else { return Ok(true) };
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

    pub(super) fn evidence(
        &self,
        queued: &[Queued],
        task: &TaskId,
        because: Ejection,
    ) -> Result<Evidence, FlowError> {
        let base = &self.project.base;
        Ok(match because {
            Ejection::Conflict { files, with } => {
                let behind = Self::find(queued, task)
                    .and_then(|queued| hold_of(&queued.stored))
                    .map(|hold| hold.behind);
                let landed = match Self::find(queued, task) {
                    Some(member) if with.is_none() && behind.is_none() => {
                        self.landed_on(&member.entry.head, &files)?
                    }
                    _ => None,
                };
                let pair = with.or(behind).or(landed);
                let files: Vec<String> = files.into_iter().collect();
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
                let tests = failed_tests(&self.worse_on(&tree)?);
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

    /// What is worse on a tree than on today's base.
    fn worse_on(&self, tree: &TreeId) -> Result<Vec<Worse>, FlowError> {
        let base = self.project.repo.tree_of(&self.project.base.tip)?;
        let baseline = self.project.full_results(&base)?.unwrap_or_default();
        Ok(self.project.judge(tree, &baseline)?.worse)
    }

    pub(super) fn stop_all(&mut self, because: &queue::Stop) -> Result<bool, FlowError> {
        let tests: Vec<&str> = because.tests.iter().take(3).map(String::as_str).collect();
        let text = format!("{} made tests worse: {}", because.culprit, tests.join(", "));
        self.stop_queue(&text)?;
        Ok(true)
    }

    /// Stops the whole queue until a person says `approve queue`.
    pub(super) fn stop_queue(&mut self, text: &str) -> Result<(), FlowError> {
        if self.project.store.repo_state()?.stopped.as_deref() == Some(text) {
            return Ok(());
        }
        self.project.store.change_repo(
            &self.op,
            "git-orch",
            &format!("queue stopped: {text}"),
            |mut state| {
                state.stopped = Some(text.to_owned());
                state
            },
        )?;
        self.say(Step::NeedsYou, &[], None, format!("the queue stops: {text}"));
        self.rounds.stands = Some(format!("stopped: {text}"));
        Ok(())
    }

    pub(super) fn ask(&mut self, question: &Question) -> bool {
        let text = match question {
            Question::NoBaseline { why } => {
                format!(
                    "the tests of {} itself give no result that counts: {why}; to try again: git orch queue run",
                    self.project.base.branch
                )
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

/// The hold that a task's record says.
pub(super) fn hold_of(stored: &Stored) -> Option<Hold> {
    match &stored.task.state {
        State::ReadyForHandoff { phase: Phase::Held { behind, files }, .. } => {
            Some(Hold { behind: behind.clone(), files: files.iter().cloned().collect() })
        }
        _ => None,
    }
}
