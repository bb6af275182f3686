//! The gates on one change, with the same verdict on a laptop, in the hook and in the queue.

use crate::git::merge_tree::{Composer, Merged, told};
use crate::git::objects::NewCommit;
use crate::plan::card::Card;
use crate::process::Stop;
use crate::select::choose::{self, Selection};
use crate::suite::result::Results;
use crate::task::evidence::FailedTest;
use crate::task::finding::{Finding, Severity};
use crate::task::id::{CommitId, TaskId, shown};
use crate::task::words::counted;
use crate::task::{State, Task, Trouble};

use super::gate::Measured;
use super::progress::{Line, Step, Watcher};
use super::red_log::RedLog;
use super::select::Which;
use super::verdicts::failed_tests;
use super::{FlowError, Project};

/// A gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gate {
    Size,
    Paths,
    Tests,
    Review,
}

impl Gate {
    pub(crate) const ALL: [Gate; 4] = [Gate::Size, Gate::Paths, Gate::Tests, Gate::Review];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Gate::Size => "size",
            Gate::Paths => "paths",
            Gate::Tests => "tests",
            Gate::Review => "review",
        }
    }
}

/// The base of then.
mod earlier;

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Pass,
    /// Neither for nor against: nothing was asked, or there is nobody to ask.
    Neutral,
    No,
}

/// One gate's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) gate: Gate,
    pub(crate) says: Says,
    pub(crate) text: String,
}

/// The answers on one change.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// As it was named: a task, a branch, a range.
    pub(crate) what: String,
    /// The task that it is the work of.
    pub(crate) task: Option<TaskId>,
    pub(crate) base: CommitId,
    pub(crate) head: CommitId,
    pub(crate) answers: Vec<Answer>,
    pub(crate) findings: Vec<Finding>,
    /// Why each test was chosen, one line each.
    pub(crate) explanation: Vec<String>,
    /// How many tests were selected; `None` for the full suite.
    pub(crate) selected: Option<usize>,
    /// How many tests the full suite has, if it is known.
    pub(crate) total: Option<usize>,
    pub(crate) worse: Vec<FailedTest>,
    /// What the tests wrote in the run that says no, where it is here. It is not part of the verdict, which is the same on
    /// each machine.
    pub(crate) log: Option<RedLog>,
    pub(crate) cost: Option<u64>,
}

impl Checked {
    /// Whether any gate says no.
    pub(crate) fn refused(&self) -> bool {
        self.answers.iter().any(|answer| answer.says == Says::No)
    }
}

fn passing(tests: usize) -> String {
    if tests == 1 { "1 test passes".to_owned() } else { format!("{tests} tests pass") }
}

/// A change that was named on the command line.
struct Subject {
    what: String,
    task: Option<Task>,
    base: CommitId,
    head: CommitId,
}

impl Project {
    /// Asks the gates in `only` about a change: a task, a branch, `A..B`, or where one stands.
    ///
    /// # Errors
    /// No such change, no tests configured where only those were asked for, or git fails.
    pub(crate) fn check(
        &self,
        what: Option<&str>,
        only: &[Gate],
        watcher: &dyn Watcher,
    ) -> Result<Checked, FlowError> {
        let subject = self.subject(what)?;
        let measured = self.measure(subject.task.as_ref(), &subject.base, &subject.head)?;
        let mut checked = Checked {
            what: subject.what.clone(),
            task: subject.task.as_ref().map(|task| task.id.clone()),
            base: subject.base.clone(),
            head: subject.head.clone(),
            answers: Vec::new(),
            findings: Vec::new(),
            explanation: Vec::new(),
            selected: None,
            total: None,
            worse: Vec::new(),
            log: None,
            cost: subject.task.as_ref().and_then(|task| Card::of(task).cost).map(|cost| cost.0),
        };
        for gate in only {
            let answer = match gate {
                Gate::Size => size(&measured),
                Gate::Paths => paths(&measured),
                Gate::Tests => self.tests(&subject, &mut checked, only.len() == 1, watcher)?,
                Gate::Review => review(subject.task.as_ref(), &mut checked),
            };
            checked.answers.push(answer);
        }
        Ok(checked)
    }

    fn subject(&self, what: Option<&str>) -> Result<Subject, FlowError> {
        let Some(what) = what else { return self.here() };
        if let Some((from, to)) = what.split_once("..") {
            let (base, head) = (self.commit_named(from)?, self.commit_named(to.trim_start_matches('.'))?);
            let base = self.repo.merge_base(&base, &head)?.unwrap_or(base);
            return Ok(Subject { what: what.to_owned(), task: None, base, head });
        }
        match self.find(what) {
            Ok(found) => self.of_task(&found.stored().task),
            Err(err) => match self.repo.resolve(what)? {
                Some(head) => {
                    let base = self.merge_base(&head)?;
                    Ok(Subject { what: what.to_owned(), task: None, base, head })
                }
                None => Err(err),
            },
        }
    }

    fn of_task(&self, task: &Task) -> Result<Subject, FlowError> {
        let tip = match task.head() {
            Some(head) => Some(head.clone()),
            None => self.work_of(task)?,
        };
        let head = tip.ok_or_else(|| FlowError::NoBranch(task.branch.clone()))?;
        let base = self.merge_base(&head)?;
        Ok(Subject { what: task.id.to_string(), task: Some(task.clone()), base, head })
    }

    fn here(&self) -> Result<Subject, FlowError> {
        let here = self.repo.here().unwrap_or(self.root());
        if let Some(id) = self.task_here(here)
            && let Some(stored) = self.store.load(&id)?
        {
            return self.of_task(&stored.task);
        }
        let head = self.repo.worktree_head(here)?;
        let base = self.merge_base(&head)?;
        let branch = self.repo.worktree_branch(here)?;
        let what = branch.map_or_else(
            || head.short().to_owned(),
            |name| name.trim_start_matches("refs/heads/").to_owned(),
        );
        Ok(Subject { what, task: None, base, head })
    }

    fn commit_named(&self, text: &str) -> Result<CommitId, FlowError> {
        self.repo
            .resolve(text)?
            .ok_or_else(|| FlowError::BadValue { what: shown(text), why: "names no commit".to_owned() })
    }

    /// Tests the change on top of today's base: targeted tests first, then the full suite, compared with the base.
    fn tests(
        &self,
        subject: &Subject,
        checked: &mut Checked,
        alone: bool,
        watcher: &dyn Watcher,
    ) -> Result<Answer, FlowError> {
        let answer = |says, text: String| Answer { gate: Gate::Tests, says, text };
        if self.policy.tests.all.is_none() {
            return if alone {
                Err(FlowError::NoTests)
            } else {
                Ok(answer(Says::Neutral, "no tests are configured".to_owned()))
            };
        }
        let candidate = match self.on_base(subject)? {
            Ok(candidate) => candidate,
            Err(files) => {
                let text = format!("conflicts with {} in {}", self.base.branch, files.join(", "));
                let Some(earlier) = self.as_it_was_seen(subject.task.as_ref()) else {
                    return Ok(answer(Says::No, text));
                };
                note(
                    watcher,
                    Step::Note,
                    format!("it {text} by now: tested on {}", earlier.base.tip.short()),
                );
                let then = earlier.tests(subject, checked, alone, watcher)?;
                let text = format!("{text}; on {}, before that: {}", earlier.base.tip.short(), then.text);
                return Ok(answer(Says::No, text));
            }
        };
        let selection = self.selection(&self.base.tip, &candidate)?;
        checked.explanation = choose::explain(&selection);
        let baseline = self.baseline(watcher)?;
        checked.total = Some(baseline.len());
        let stop = Stop::new();
        let tree = self.repo.tree_of(&candidate)?;
        if let Selection::Some(chosen) = &selection {
            checked.selected = Some(chosen.len());
            let which = Which::Some(chosen.iter().map(|chosen| chosen.test.clone()).collect());
            if self.test_command(&which).is_some() {
                note(watcher, Step::Test, counted(chosen.len(), "selected test"));
                self.run_tests(&candidate, &which, &stop)?;
                if self.refused_by(&tree, &which, &baseline)? {
                    return self.worse(checked, &candidate, &baseline);
                }
            }
        }
        if self.judge(&tree, &baseline)?.green == 0 {
            note(watcher, Step::Test, "the full suite".to_owned());
            self.run_tests(&candidate, &Which::Full, &stop)?;
        }
        let judged = self.judge(&tree, &baseline)?;
        if judged.green > 0 {
            let results = self.full_results(&tree)?.unwrap_or_default();
            return Ok(answer(Says::Pass, passing(results.passed.len())));
        }
        if judged.red > 0 {
            return self.worse(checked, &candidate, &baseline);
        }
        Err(FlowError::NoEvidence(self.with_log(judged.why_none, &candidate)))
    }

    /// Why tests gave no result, and where all that they wrote can be read.
    fn with_log(&self, why: String, commit: &CommitId) -> String {
        match self.red_log(commit) {
            Some(log) => format!("{why} (all that they wrote: {})", log.path),
            None => why,
        }
    }

    fn worse(
        &self,
        checked: &mut Checked,
        candidate: &CommitId,
        baseline: &Results,
    ) -> Result<Answer, FlowError> {
        checked.worse = failed_tests(&self.judge(&self.repo.tree_of(candidate)?, baseline)?.worse);
        checked.log = self.red_log(candidate);
        let names: Vec<&str> = checked.worse.iter().take(3).map(|test| test.name.as_str()).collect();
        let text =
            format!("{} worse than on {}: {}", checked.worse.len(), self.base.branch, names.join(", "));
        Ok(Answer { gate: Gate::Tests, says: Says::No, text })
    }

    /// What the base's own tests say; run if nobody did yet.
    pub(super) fn baseline(&self, watcher: &dyn Watcher) -> Result<Results, FlowError> {
        let tree = self.repo.tree_of(&self.base.tip)?;
        if let Some(results) = self.full_results(&tree)? {
            return Ok(results);
        }
        note(watcher, Step::Test, format!("{} as it is, to compare with", self.base.branch));
        self.run_tests(&self.base.tip, &Which::Full, &Stop::new())?;
        if let Some(results) = self.full_results(&tree)? {
            return Ok(results);
        }
        let why = self.with_log(self.judge(&tree, &Results::default())?.why_none, &self.base.tip);
        let base = &self.base.branch;
        Err(FlowError::NoEvidence(format!("the tests of {base} itself give no result that counts: {why}")))
    }

    /// The change merged with today's base, or the files in conflict.
    fn on_base(&self, subject: &Subject) -> Result<Result<CommitId, Vec<String>>, FlowError> {
        if subject.base == self.base.tip {
            return Ok(Ok(subject.head.clone()));
        }
        match Composer::open(&self.repo)?.merge(&self.base.tip, &subject.head)? {
            Merged::Clean(tree) => {
                let person = self.committer();
                let commit = self.repo.commit(&NewCommit {
                    tree: &tree,
                    parents: &[self.base.tip.clone(), subject.head.clone()],
                    author: &person,
                    committer: &person,
                    message: &format!("check {}\n", subject.what),
                })?;
                self.store.keep_candidate(&tree, &commit)?;
                Ok(Ok(commit))
            }
            Merged::Conflict { files, .. } => Ok(Err(told(&files))),
            Merged::Unrelated => Ok(Err(vec!["(no common history)".to_owned()])),
        }
    }
}

fn note(watcher: &dyn Watcher, step: Step, text: String) {
    watcher.line(&Line { step, tasks: Vec::new(), seconds: None, text });
}

fn size(measured: &Measured) -> Answer {
    let refusal = measured.refusal().filter(|evidence| evidence.trouble == Trouble::TooBig);
    let (says, text) = match refusal {
        Some(evidence) => (Says::No, evidence.text),
        None => {
            let size = &measured.size;
            let lines = if size.counted == 1 { "line" } else { "lines" };
            let mut text = format!("{} {lines} (+{} -{})", size.counted, size.added, size.removed);
            if let Some(not_counted) = size.not_counted() {
                text.push_str(&format!("; {not_counted}"));
            }
            (Says::Pass, text)
        }
    };
    Answer { gate: Gate::Size, says, text }
}

fn paths(measured: &Measured) -> Answer {
    let refusal = measured.refusal().filter(|evidence| evidence.trouble != Trouble::TooBig);
    let (says, text) = match refusal {
        Some(evidence) => (Says::No, evidence.text),
        None => (Says::Pass, format!("{}, all where they may be", counted(measured.files.len(), "file"))),
    };
    Answer { gate: Gate::Paths, says, text }
}

/// What reviewers said of the change under review; without any it is neutral.
fn review(task: Option<&Task>, checked: &mut Checked) -> Answer {
    let answer = |says, text: String| Answer { gate: Gate::Review, says, text };
    let Some(task) = task else { return answer(Says::Neutral, "a branch has no reviews".to_owned()) };
    let reviews: Vec<_> = task.current_reviews().collect();
    checked.findings = reviews.iter().flat_map(|review| review.findings.clone()).collect();
    if matches!(task.state, State::ReadyForHandoff { .. } | State::Completed { .. }) {
        return answer(Says::Pass, "approved".to_owned());
    }
    let critical = checked.findings.iter().filter(|finding| finding.severity == Severity::Critical).count();
    let none: Vec<&str> = reviews
        .iter()
        .filter(|review| review.verdict.is_err())
        .map(|review| review.reviewer.as_str())
        .collect();
    if critical > 0 {
        answer(Says::No, format!("{critical} CRITICAL"))
    } else if !none.is_empty() {
        answer(Says::No, format!("no verdict of {}", none.join(", ")))
    } else if reviews.is_empty() {
        answer(Says::Neutral, "nobody has reviewed it yet".to_owned())
    } else {
        let findings = counted(checked.findings.len(), "finding");
        answer(Says::Pass, format!("{}, {findings}", counted(reviews.len(), "reviewer")))
    }
}
