//! What the gates say no to: size, paths, conflicts, tests, and who may approve.

use super::Failure;
use crate::cli::codes::Code;
use crate::flow::{FlowError, Gated, Limit};
use crate::task::id::shown;
use crate::task::{Evidence, Trouble};

/// Failed tests that a message names; `show` has all of them.
const TESTS_NAMED: usize = 5;

pub(super) fn gate(of: &Gated, evidence: &Evidence, limit: Option<Limit>) -> Failure {
    let mut failure = Failure::new(code_of(evidence.trouble), format!("{of}: {}", evidence.text));
    for test in evidence.tests.iter().take(TESTS_NAMED) {
        failure = failure.because(format!("{}: {}", test.name, test.line));
    }
    if let Some(limit) = limit {
        return over(failure, of, limit);
    }
    match (evidence.trouble, &evidence.reproduce) {
        (Trouble::ConflictBase | Trouble::ConflictTask, Some(reproduce)) => failure
            .hint("see the conflict", reproduce.clone())
            .hint("after a merge of the base", format!("git orch queue add {of}")),
        (_, Some(reproduce)) => failure.hint("see it again", reproduce.clone()),
        (_, None) => failure.hint("see the rules", "git orch config list --origin"),
    }
}

/// What helps against a limit: less of it, or the place where it is set.
fn over(failure: Failure, of: &Gated, limit: Limit) -> Failure {
    match (limit, of) {
        (Limit::Lines, Gated::Task(id)) => failure
            .hint("split it", format!("git orch add \"second half\" --after {id}"))
            .hint("or see the cap", "git orch config explain cap.diff"),
        (Limit::Lines, Gated::Branch(_)) => {
            failure.hint("split the branch, or see the cap", "git orch config explain cap.diff")
        }
        (Limit::Binary, _) => failure.hint("what the cap is", "git orch config explain cap.binary_mb"),
        (Limit::TaskPaths, Gated::Task(id)) => {
            failure.hint("let it touch more", format!("git orch edit {id} --paths GLOB"))
        }
        (Limit::Allowed | Limit::TaskPaths, _) => {
            failure.hint("what may be touched", "git orch config explain paths.allow")
        }
        (Limit::Denied, _) => failure.hint("what nobody may touch", "git orch config explain paths.deny"),
    }
}

fn code_of(trouble: Trouble) -> Code {
    match trouble {
        Trouble::TooBig => Code::TooBig,
        Trouble::OutsidePaths => Code::Outside,
        Trouble::ConflictBase | Trouble::ConflictTask => Code::Conflict,
        Trouble::Worse => Code::Worse,
        Trouble::NoEvidence => Code::NoEvidence,
        Trouble::NoChange
        | Trouble::TimeLimit
        | Trouble::NotStarted
        | Trouble::AgentFailed
        | Trouble::Findings
        | Trouble::NoVerdict
        | Trouble::HeadMoved
        | Trouble::BranchGone
        | Trouble::Dependency
        | Trouble::Draft
        | Trouble::Rejected
        | Trouble::OverBudget
        | Trouble::Unclear
        | Trouble::Audit
        | Trouble::BadAnswer => Code::Gate,
    }
}

pub(super) fn no_change(branch: &str, base: &str) -> Failure {
    let branch = shown(branch);
    Failure::new(Code::NoChange, format!("branch {branch} has no change over {base}"))
        .hint("see what is there", format!("git log --oneline {base}..{branch}"))
}

pub(super) fn no_evidence(why: &str) -> Failure {
    Failure::new(Code::NoEvidence, "the test command gave no result that counts")
        .because(why)
        .hint("see which command that is", "git orch config explain tests.all")
}

/// `command`: what was tried, behind `git orch`.
pub(super) fn may_not_approve(err: &FlowError, id: &str, approvers: &[String], command: &str) -> Failure {
    let one = approvers.first().map_or("NAME", String::as_str);
    let failure = Failure::new(Code::NotYours, err.to_string())
        .hint("one of them may", format!("git orch {command} --as {one}"));
    if command.starts_with("queue add") {
        return failure.hint("see where the list is", "git orch config explain review.approvers");
    }
    failure.hint("or lets you", format!("git orch edit {id} --delegate NAME --as {one}"))
}
