//! What a prompt may say: the values of one task.

use minijinja::{Value, value::Serde};
use serde::Serialize;
use std::collections::BTreeMap;

/// The values that a prompt may use; each prompt names in `reads` which of them it gets.
///
/// Serializable for the template engine only; nothing of it is stored.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct PromptVars {
    pub(crate) task: TaskVars,
    /// The parts of the contract that the spec leaves open, with what holds for them.
    pub(crate) contract: Vec<ContractVars>,
    pub(crate) limits: LimitVars,
    /// The commit that the work starts from.
    pub(crate) base: String,
    /// The change, for reviewers.
    pub(crate) diff: String,
    /// What to mend.
    pub(crate) findings: Vec<FindingVars>,
    /// Output that shows what is wrong.
    pub(crate) evidence: String,
    /// The line for users that the change has so far; empty when there is none.
    pub(crate) changelog: String,
    /// What is known from work that was done before: on this task, on those before it, in this run.
    pub(crate) notes: Vec<NoteVars>,
    /// What was found out about why the last attempt failed; empty when nobody looked.
    pub(crate) clarification: String,
    /// Files of the repository, for those who cannot read them.
    pub(crate) files: Vec<FileVars>,
    /// The part of the task that is asked for, where several work on it; empty for all of it.
    pub(crate) part: String,
    /// The tests that were selected for the change, for whoever runs them.
    pub(crate) tests: TestVars,
    /// The attempt that failed, for whoever looks at it.
    pub(crate) attempt: AttemptVars,
    /// Tasks at most, for whoever plans.
    pub(crate) most: u32,
}

/// A task, as a prompt shows it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct TaskVars {
    pub(crate) id: String,
    pub(crate) title: String,
    /// The text of the spec.
    pub(crate) spec: String,
    /// Patterns of the paths that may change; none is all.
    pub(crate) paths: Vec<String>,
}

/// A part of the contract that the spec leaves open.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ContractVars {
    pub(crate) heading: String,
    pub(crate) text: String,
}

/// Limits that somebody at work has to know.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct LimitVars {
    /// Changed lines.
    pub(crate) diff: u32,
    pub(crate) minutes: u32,
}

/// Something to mend.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct FindingVars {
    pub(crate) severity: String,
    pub(crate) file: String,
    /// Counted from 1; `None` is the file as a whole.
    pub(crate) line: Option<u32>,
    pub(crate) title: String,
    pub(crate) detail: String,
}

/// What work that was done before has found.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct NoteVars {
    /// Such as `t-7k3f implement`.
    pub(crate) about: String,
    pub(crate) text: String,
}

/// A file of the repository.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct FileVars {
    pub(crate) path: String,
    /// Empty where it did not fit, or is no text.
    pub(crate) text: String,
    pub(crate) left_out: bool,
}

/// Selected tests.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct TestVars {
    /// The command that runs them; empty where none is set.
    pub(crate) command: String,
    pub(crate) names: Vec<String>,
}

/// An attempt that failed.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct AttemptVars {
    /// The end of what its agent said.
    pub(crate) said: String,
    /// What it changed.
    pub(crate) diff: String,
}

impl PromptVars {
    /// The values of these names, and `fence`: a line that none of the texts holds, to mark where data begins and ends.
    ///
    /// # Errors
    /// A name of nothing, in words.
    pub(super) fn chosen(&self, reads: &[String]) -> Result<BTreeMap<String, Value>, String> {
        let PromptVars {
            task,
            contract,
            limits,
            base,
            diff,
            findings,
            evidence,
            changelog,
            notes,
            clarification,
            files,
            part,
            tests,
            attempt,
            most,
        } = self;
        let all = [
            ("task", Value::from(Serde(task))),
            ("contract", Value::from(Serde(contract))),
            ("limits", Value::from(Serde(limits))),
            ("base", Value::from(base.as_str())),
            ("diff", Value::from(diff.as_str())),
            ("findings", Value::from(Serde(findings))),
            ("evidence", Value::from(evidence.as_str())),
            ("changelog", Value::from(changelog.as_str())),
            ("notes", Value::from(Serde(notes))),
            ("clarification", Value::from(clarification.as_str())),
            ("files", Value::from(Serde(files))),
            ("part", Value::from(part.as_str())),
            ("tests", Value::from(Serde(tests))),
            ("attempt", Value::from(Serde(attempt))),
            ("most", Value::from(*most)),
        ];
        let mut values = BTreeMap::from([("fence".to_owned(), Value::from(self.fence()))]);
        for name in reads {
            let Some((_, value)) = all.iter().find(|(other, _)| other == name) else {
                let known = all.each_ref().map(|(name, _)| *name).join(", ");
                return Err(format!("reads '{}', but there is only {known}", crate::task::id::shown(name)));
            };
            values.insert(name.clone(), value.clone());
        }
        Ok(values)
    }

    /// The shortest line of `=`, at least 8, that is in none of the texts: what is inside cannot end it early.
    fn fence(&self) -> String {
        let texts = [
            &self.task.title,
            &self.task.spec,
            &self.diff,
            &self.evidence,
            &self.changelog,
            &self.clarification,
            &self.attempt.said,
            &self.attempt.diff,
        ];
        let findings = self.findings.iter().flat_map(|finding| [&finding.title, &finding.detail]);
        let notes = self.notes.iter().map(|note| &note.text);
        let files = self.files.iter().map(|file| &file.text);
        let texts = texts.into_iter().chain(findings).chain(notes).chain(files);
        let longest = texts.map(|text| longest_run(text)).max().unwrap_or(0);
        "=".repeat((longest + 1).max(8))
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '=').map(str::len).max().unwrap_or(0)
}
