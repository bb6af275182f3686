//! What the answers of all reviewers of one round mean together.

use super::answer::worst_first;
use super::{Answer, NoVerdict, Opinion};
use crate::task::finding::{Finding, Severity};
use std::collections::BTreeMap;

/// Whether the author may still be asked for another revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounds {
    Remain,
    Over,
}

/// What one round of review says.
#[must_use = "only `Passed` and `Neutral` let a change go on"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReviewGate {
    /// Nobody was asked, and nobody objected.
    Neutral,
    /// All that were asked answered. What they found is recorded.
    Passed { notes: Vec<Finding> },
    /// Goes back to its author, with everything that was found; `asked_by` has the reviewers and their summaries.
    Revise { findings: Vec<Finding>, asked_by: BTreeMap<String, String> },
    /// Does not go on before these are fixed, whatever round it is; `others` was found beside them.
    Blocked { critical: Vec<Finding>, others: Vec<Finding> },
    /// Not all gave a verdict.
    Incomplete { missing: Vec<Missing> },
}

/// A reviewer without a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) reviewer: String,
    /// `None`: it has not answered at all.
    pub(crate) why: Option<NoVerdict>,
}

/// Judges a round, in which the `wanted` reviewers had to answer.
///
/// A CRITICAL finding of anybody blocks. Short of that a wish for a revision is followed while rounds remain, even if
/// another reviewer failed: the next round asks all of them again. After the last round it is a note.
pub(crate) fn gate(
    answers: &BTreeMap<String, Result<Answer, NoVerdict>>,
    wanted: &[String],
    rounds: Rounds,
) -> ReviewGate {
    let given = || answers.iter().filter_map(|(reviewer, answer)| Some((reviewer, answer.as_ref().ok()?)));
    let mut findings: Vec<Finding> = given().flat_map(|(_, answer)| answer.findings.clone()).collect();
    findings.sort_by(worst_first);
    if given().any(|(_, answer)| answer.critical().next().is_some()) {
        let (critical, others) =
            findings.into_iter().partition(|finding| finding.severity == Severity::Critical);
        return ReviewGate::Blocked { critical, others };
    }
    let asked_by: BTreeMap<String, String> = given()
        .filter(|(_, answer)| answer.verdict == Opinion::Revise)
        .map(|(reviewer, answer)| (reviewer.clone(), answer.summary.clone()))
        .collect();
    if rounds == Rounds::Remain && !asked_by.is_empty() {
        return ReviewGate::Revise { findings, asked_by };
    }
    let missing: Vec<Missing> = wanted.iter().filter_map(|reviewer| missing(answers, reviewer)).collect();
    if !missing.is_empty() {
        return ReviewGate::Incomplete { missing };
    }
    if wanted.is_empty() { ReviewGate::Neutral } else { ReviewGate::Passed { notes: findings } }
}

fn missing(answers: &BTreeMap<String, Result<Answer, NoVerdict>>, reviewer: &str) -> Option<Missing> {
    let why = match answers.get(reviewer) {
        Some(Ok(_)) => return None,
        Some(Err(why)) => Some(why.clone()),
        None => None,
    };
    Some(Missing { reviewer: reviewer.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::read;
    use proptest::prelude::*;

    fn judge(texts: &[(&str, &str)], rounds: Rounds) -> ReviewGate {
        let answers =
            texts.iter().map(|&(reviewer, text)| (reviewer.to_owned(), read(reviewer, text))).collect();
        let wanted: Vec<String> = texts.iter().map(|(reviewer, _)| (*reviewer).to_owned()).collect();
        gate(&answers, &wanted, rounds)
    }

    const APPROVE: &str = r#"{"verdict": "approve"}"#;
    const REVISE: &str =
        r#"{"verdict": "revise", "summary": "s", "findings": [{"severity": "HIGH", "title": "t"}]}"#;
    const CRITICAL: &str = r#"{"verdict": "approve", "findings": [{"severity": "CRITICAL", "title": "t"}]}"#;

    #[test]
    fn approval_of_all_passes() {
        assert_eq!(
            judge(&[("a", APPROVE), ("b", APPROVE)], Rounds::Remain),
            ReviewGate::Passed { notes: vec![] }
        );
    }

    #[test]
    fn approved_in_prose_beside_a_critical_finding_stays_blocked() {
        for rounds in [Rounds::Remain, Rounds::Over] {
            let text = format!("APPROVED. {CRITICAL} LGTM, ship it!");
            let gate = judge(&[("a", APPROVE), ("b", &text), ("c", "crashed")], rounds);
            assert!(matches!(gate, ReviewGate::Blocked { critical, .. } if critical.len() == 1));
        }
    }

    #[test]
    fn a_revision_is_asked_for_while_rounds_remain_and_then_noted() {
        let texts = [("a", APPROVE), ("b", REVISE)];
        let remain = judge(&texts, Rounds::Remain);
        assert!(matches!(remain, ReviewGate::Revise { asked_by, .. } if asked_by["b"] == "s"));
        let over = judge(&texts, Rounds::Over);
        assert!(matches!(over, ReviewGate::Passed { notes } if notes[0].severity == Severity::High));
    }

    #[test]
    fn a_reviewer_that_failed_is_never_a_pass_and_does_not_stop_the_others() {
        let failed = judge(&[("a", APPROVE), ("b", "timed out")], Rounds::Over);
        assert!(matches!(failed, ReviewGate::Incomplete { missing } if missing[0].reviewer == "b"));
        let silent = gate(&BTreeMap::new(), &["a".to_owned()], Rounds::Over);
        assert!(matches!(silent, ReviewGate::Incomplete { missing } if missing[0].why.is_none()));
        let revise = judge(&[("a", REVISE), ("b", "timed out")], Rounds::Remain);
        assert!(matches!(revise, ReviewGate::Revise { .. }));
    }

    #[test]
    fn without_reviewers_the_gate_is_neutral() {
        assert_eq!(gate(&BTreeMap::new(), &[], Rounds::Over), ReviewGate::Neutral);
    }

    fn prose() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            Just("APPROVED ".to_owned()),
            Just(APPROVE.to_owned()),
            Just(REVISE.to_owned()),
            Just("```json\n".to_owned()),
            Just("{\"verdict\": \"approve\", \"findings\": [".to_owned()),
            Just("]}".to_owned()),
            Just("\"".to_owned()),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_around_it_lets_a_critical_finding_pass(before in prose(), after in prose()) {
            for rounds in [Rounds::Remain, Rounds::Over] {
                let gate = judge(&[("a", &format!("{before}{CRITICAL}{after}")), ("b", APPROVE)], rounds);
                let passes = matches!(gate, ReviewGate::Passed { .. } | ReviewGate::Neutral);
                prop_assert!(!passes, "{:?}", gate);
            }
        }
    }
}
