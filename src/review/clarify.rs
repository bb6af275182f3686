//! Why an attempt failed, and what the next one should know (E5): by the evidence alone, or by somebody who looked.

use serde_json::Value;

use super::answer::last_object;
use crate::task::{Evidence, Trouble};

/// Longest advice, in characters.
const ADVICE_MAX: usize = 2000;
/// How a worker says that the task itself cannot be done as it is written.
const UNCLEAR: &str = "Unclear:";

/// What was found out about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clarified {
    /// The task can be done as it is written; what the next attempt should know.
    Attempt { advice: String },
    /// The text of the task is at fault; what it lacks.
    Spec { missing: String },
}

/// Reads the answer of whoever looked at an attempt; nothing where it has no usable form.
pub(crate) fn read(answer: &str) -> Option<Clarified> {
    let found = last_object(answer, "fault")?;
    let advice = found["advice"].as_str().unwrap_or_default().trim();
    let missing: Vec<&str> = found["missing"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    let cut = |text: &str| text.chars().take(ADVICE_MAX).collect::<String>();
    match found["fault"].as_str()? {
        // Without what is missing nobody could mend it: then it is no more than advice.
        "spec" if !missing.is_empty() => Some(Clarified::Spec { missing: cut(&missing.join("; ")) }),
        "attempt" | "spec" if !advice.is_empty() => Some(Clarified::Attempt { advice: cut(advice) }),
        _ => None,
    }
}

/// What a worker says is missing in the text of the task: the last line that begins with `Unclear:`.
pub(crate) fn unclear(answer: &str) -> Option<String> {
    let last = answer.lines().rev().find(|line| !line.trim().is_empty())?;
    let why = last.trim().trim_start_matches(['*', '`']).strip_prefix(UNCLEAR)?.trim_matches(['*', '`', ' ']);
    // The words of the prompt itself, repeated, say nothing.
    let says = !why.is_empty() && !why.starts_with("with what is missing") && !why.starts_with('<');
    says.then(|| why.chars().take(300).collect())
}

/// What the evidence alone tells the next attempt.
pub(crate) fn advice(evidence: &Evidence) -> &'static str {
    match evidence.trouble {
        Trouble::NoChange => {
            "No file was changed. Make the change in the files themselves; a description of it is none. If nothing has to \
             change, say why in the report."
        }
        Trouble::TimeLimit => {
            "Time was over before the end. Do the part that matters first, run only the tests that it needs, and leave out \
             what can come later."
        }
        Trouble::TooBig => {
            "The change was too large. Do the smallest part that stands on its own, and say what is left."
        }
        Trouble::OutsidePaths => "Files were changed that are not this task's. Leave them as they were.",
        Trouble::Audit => "A check of the project refuses the change. Run the same command before you end.",
        Trouble::BadAnswer => "The answer could not be read. Keep exactly to its form.",
        Trouble::Worse => {
            "Tests fail with the change that pass without it. See them fail first, then mend the cause."
        }
        Trouble::ConflictBase | Trouble::ConflictTask => {
            "The change does not go together with what is there by now. Keep what both want."
        }
        Trouble::NotStarted
        | Trouble::AgentFailed
        | Trouble::Findings
        | Trouble::NoVerdict
        | Trouble::NoEvidence
        | Trouble::HeadMoved
        | Trouble::BranchGone
        | Trouble::Dependency
        | Trouble::Draft
        | Trouble::Rejected
        | Trouble::OverBudget
        | Trouble::Unclear => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is_is_read_strictly() {
        let spec = |missing: &str| Some(Clarified::Spec { missing: missing.to_owned() });
        let attempt = |advice: &str| Some(Clarified::Attempt { advice: advice.to_owned() });
        assert_eq!(
            read(r#"So: {"fault":"spec","advice":"","missing":["which date"," "]}"#),
            spec("which date")
        );
        assert_eq!(
            read(r#"{"fault":"attempt","advice":"start with a.rs","missing":["x"]}"#),
            attempt("start with a.rs")
        );
        assert_eq!(read(r#"{"fault":"spec","advice":"ask","missing":[]}"#), attempt("ask"));
        for none in
            ["", "{}", r#"{"fault":"spec"}"#, r#"{"fault":"me","advice":"x"}"#, r#"{"fault":"attempt"}"#]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn unclear_is_the_last_line_and_says_what() {
        assert_eq!(
            unclear("I looked.\nUnclear: two formats are named\n\n").as_deref(),
            Some("two formats are named")
        );
        assert_eq!(unclear("**Unclear: which one**").as_deref(), Some("which one"));
        for none in
            ["Unclear: x\nbut I did it", "Unclear:", "`Unclear: ` with what is missing, in one sentence.", ""]
        {
            assert_eq!(unclear(none), None, "{none}");
        }
    }
}
