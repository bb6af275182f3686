//! What comes before the next attempt at a task: a look at why the last one failed (E5), or a small fix by a tester (D8).

use crate::task::{Task, Trouble};

/// Whether somebody should find out why the last attempt failed: once for each task, and only where the evidence alone
/// may not say enough.
pub(crate) fn to_clarify(task: &Task) -> bool {
    let Some(evidence) = &task.evidence else { return false };
    let unclear = match evidence.trouble {
        Trouble::NoChange
        | Trouble::TimeLimit
        | Trouble::AgentFailed
        | Trouble::TooBig
        | Trouble::OutsidePaths
        | Trouble::Audit
        | Trouble::BadAnswer => true,
        Trouble::NotStarted
        | Trouble::Findings
        | Trouble::NoVerdict
        | Trouble::ConflictBase
        | Trouble::ConflictTask
        | Trouble::Worse
        | Trouble::NoEvidence
        | Trouble::HeadMoved
        | Trouble::BranchGone
        | Trouble::Dependency
        | Trouble::Draft
        | Trouble::Rejected
        | Trouble::OverBudget
        | Trouble::Unclear => false,
    };
    unclear && !task.notes.iter().any(|note| note.role == "clarify")
}

/// Whether a tester may mend what the task came back with: tests that fail, and no tester tried it at this attempt yet.
pub(crate) fn to_test(task: &Task) -> bool {
    let failing = task.evidence.as_ref().is_some_and(|evidence| evidence.trouble == Trouble::Worse);
    let tried = |number| task.notes.iter().any(|note| note.role == "test" && note.try_number == number);
    failing && !task.adopted && !tried(task.try_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::record::Note;
    use crate::task::{State, samples};

    fn task(trouble: Trouble, notes: &[(&str, u32)]) -> Task {
        let note = |(role, try_number): &(&str, u32)| Note {
            role: (*role).to_owned(),
            try_number: *try_number,
            tags: Vec::new(),
            text: "x".to_owned(),
        };
        let evidence = Some(samples::evidence(trouble));
        Task {
            evidence,
            try_number: 2,
            notes: notes.iter().map(note).collect(),
            ..samples::task(State::Pending)
        }
    }

    #[test]
    fn a_failed_attempt_is_looked_at_once() {
        assert!(to_clarify(&task(Trouble::NoChange, &[("implement", 1)])));
        assert!(!to_clarify(&task(Trouble::NoChange, &[("implement", 1), ("clarify", 1)])));
        assert!(!to_clarify(&task(Trouble::Findings, &[])), "findings say what to do");
        assert!(!to_clarify(&Task { evidence: None, ..task(Trouble::NoChange, &[]) }));
    }

    #[test]
    fn a_tester_tries_once_for_each_attempt() {
        assert!(to_test(&task(Trouble::Worse, &[("test", 1)])));
        assert!(!to_test(&task(Trouble::Worse, &[("test", 2)])));
        assert!(!to_test(&task(Trouble::ConflictBase, &[])));
        assert!(!to_test(&Task { adopted: true, ..task(Trouble::Worse, &[]) }));
    }
}
