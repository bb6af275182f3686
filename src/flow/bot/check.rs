//! The gates on what a workflow run is about: the same `check` as on a laptop.

use crate::flow::check::{Checked, Gate, Says as Answer};
use crate::flow::progress::Watcher;
use crate::flow::project::Given;
use crate::flow::{FlowError, Project};
use crate::forge::{GateLine, Named, Report, Says, Subject};
use crate::task::id::CommitId;

/// Runs the gates on what a workflow run is about. Needs no token: it only reads.
///
/// # Errors
/// The commit is not to be had any more, or a gate cannot be asked.
pub(crate) fn check(
    given: &Given,
    subject: &Subject,
    watcher: &dyn Watcher,
) -> Result<(Checked, Report), FlowError> {
    let here = Project::open(given)?;
    let (base, head, number, from) = match subject {
        Subject::Pull { number, head, base } => (base, head, Some(*number), base.clone()),
        Subject::Group { head, base, base_commit } => (base, head, None, base_commit.to_string()),
    };
    let project = if here.base.branch == *base { here } else { super::on_base(given, &here, base)? };
    if let Some(number) = number
        && !super::bring(&project, number, head)?
    {
        return Err(moved(number, head));
    }
    // A group holds several changes that each were within the cap.
    let gates: &[Gate] = if number.is_some() { &Gate::ALL } else { &[Gate::Tests] };
    let checked = project.check(Some(&format!("{from}..{head}")), gates, watcher)?;
    let report = report_of(&checked, number, &project.base.branch);
    Ok((checked, report))
}

pub(super) fn moved(number: u64, head: &CommitId) -> FlowError {
    FlowError::PullMoved { number, head: head.short().to_owned() }
}

/// What the gates said, for comment and summary.
pub(crate) fn report_of(checked: &Checked, number: Option<u64>, base: &str) -> Report {
    Report {
        number,
        head: checked.head.short().to_owned(),
        base: base.to_owned(),
        gates: checked
            .answers
            .iter()
            .map(|answer| GateLine {
                gate: answer.gate.word(),
                says: match answer.says {
                    Answer::Pass => Says::Pass,
                    Answer::Neutral => Says::Neutral,
                    Answer::No => Says::No,
                },
                text: answer.text.clone(),
            })
            .collect(),
        findings: checked.findings.iter().cloned().map(Named::new).collect(),
        worse: checked.worse.iter().map(|test| (test.name.clone(), test.line.clone())).collect(),
        chosen: checked.explanation.clone(),
        cost: checked.cost,
    }
}
