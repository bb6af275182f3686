//! Reads the answer of one reviewer out of what an agent printed: prose, code fences, drafts, and somewhere its JSON.
//!
//! ```json
//! {"verdict": "revise", "summary": "…",
//!  "findings": [{"severity": "HIGH", "file": "src/a.rs", "line": 3, "title": "…", "detail": "…"}]}
//! ```
//!
//! Whatever is in doubt is no verdict: a reviewer that is asked again costs little, a finding that is overlooked much.

use super::finding::{self, DETAIL_MAX, TITLE_MAX};
use super::{UnknownSeverity, severity};
use crate::task::finding::{Finding, Severity};
use crate::task::id::shown;
use serde::Deserialize;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;

/// Most findings of one answer.
pub(super) const FINDINGS_MAX: usize = 100;
/// Longest summary, in characters.
const SUMMARY_MAX: usize = 4000;
/// Longest part of a refused value that an error repeats, in characters.
const SHOWN_MAX: usize = 80;

/// What one reviewer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Opinion,
    /// Empty, if the reviewer gave none.
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
}

/// What a reviewer wants to happen. A CRITICAL finding blocks whatever stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opinion {
    Approve,
    Revise,
}

/// That a reviewer gave no verdict, which is never a pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("review {reviewer}: no verdict ({why})")]
pub(crate) struct NoVerdict {
    pub(crate) reviewer: String,
    pub(crate) why: Why,
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Why {
    #[error("no JSON object with a \"verdict\"")]
    NoJson,
    #[error("the answer is cut off")]
    CutOff,
    #[error("several answers that contradict each other")]
    Contradiction,
    #[error("its approval is not the last thing that it printed")]
    NotLast,
    #[error("verdict '{0}' unknown")]
    Verdict(String),
    #[error(transparent)]
    Severity(#[from] UnknownSeverity),
    #[error("'{0}' is no path inside the repository")]
    File(String),
    #[error("{0} findings, the limit is {FINDINGS_MAX}")]
    TooMany(usize),
    /// Not the agreed form; in the words of the JSON reader.
    #[error("{0}")]
    Form(String),
    /// The reviewer did not get as far as an answer: a time limit, a failed call.
    #[error("{0}")]
    Failed(String),
}

/// Reads what `reviewer` printed: its last complete JSON object with a `verdict` counts.
///
/// # Errors
/// There is none, it breaks the agreed form, it is followed by one that is cut off, or something stricter stands before
/// it: a draft may become stricter, but a finding that disappears may have been talked away by the text under review.
pub(crate) fn read(reviewer: &str, text: &str) -> Result<Answer, NoVerdict> {
    last_answer(reviewer, text).map_err(|why| NoVerdict { reviewer: finding::line(reviewer, SHOWN_MAX), why })
}

fn last_answer(reviewer: &str, text: &str) -> Result<Answer, Why> {
    let objects = objects(text)?;
    let (last, before) = match objects.iter().rposition(|object| object.verdict().is_some()) {
        Some(at) => (&objects[at], objects.iter().enumerate().filter(move |(other, _)| *other != at)),
        None => return Err(Why::NoJson),
    };
    let answer = Answer::from_json(reviewer, last.text)?;
    if before.map(|(_, object)| object.strictness()).max() > Some(answer.strictness()) {
        return Err(Why::Contradiction);
    }
    // A program that repeats its prompt and then fails must not answer with what the change under review put there.
    if answer.strictness() == Strictness::Content && !ends_the_text(text, last) {
        return Err(Why::NotLast);
    }
    Ok(answer)
}

/// The last complete JSON object of a text that has this key: for answers of other forms.
pub(crate) fn last_object(text: &str, key: &str) -> Option<Value> {
    let objects = objects(text).ok()?;
    objects.into_iter().rev().map(|object| object.value).find(|value| value.get(key).is_some())
}

/// A complete JSON object in a text.
struct Object<'a> {
    /// Where it begins, in bytes.
    at: usize,
    text: &'a str,
    value: Value,
}

/// Whether nothing but blanks and the end of a code fence follows an object.
fn ends_the_text(text: &str, object: &Object<'_>) -> bool {
    let end = object.at + object.text.len();
    text[end..].trim().trim_matches('`').is_empty()
}

/// Every complete object of the text that is in no other object, in order.
fn objects(text: &str) -> Result<Vec<Object<'_>>, Why> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find('{').map(|at| from + at) {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        from = at + 1;
        match values.next() {
            Some(Ok(value)) => {
                let object = Object { at, text: &text[at..at + values.byte_offset()], value };
                from = at + object.text.len();
                found.push(object);
            }
            Some(Err(error)) if error.is_eof() && text[at..].contains("\"verdict\"") => {
                return Err(Why::CutOff);
            }
            Some(Err(_)) | None => {}
        }
    }
    Ok(found)
}

/// How strict an answer is: a CRITICAL finding is more than the wish for a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strictness {
    Content,
    Unhappy,
    Critical,
}

impl Object<'_> {
    fn verdict(&self) -> Option<&Value> {
        self.value.get("verdict")
    }

    /// Read loosely, as it can only make an answer count less.
    fn strictness(&self) -> Strictness {
        let revise = self.verdict().and_then(Value::as_str).is_some_and(|verdict| verdict == "revise");
        match (has_critical(&self.value), revise) {
            (true, _) => Strictness::Critical,
            (false, true) => Strictness::Unhappy,
            (false, false) => Strictness::Content,
        }
    }
}

/// Whether a `severity` anywhere in the value is CRITICAL, in any case.
fn has_critical(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let is = |text: &str| text.trim().eq_ignore_ascii_case("critical");
            (key.eq_ignore_ascii_case("severity") && value.as_str().is_some_and(is)) || has_critical(value)
        }),
        Value::Array(values) => values.iter().any(has_critical),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The agreed form. Repeated keys are refused by the reader, other keys are ignored.
#[derive(Deserialize)]
struct WireAnswer {
    verdict: String,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    findings: Vec<WireFinding>,
}

#[derive(Deserialize)]
struct WireFinding {
    severity: String,
    #[serde(default)]
    file: Option<String>,
    /// A number; agents also write ranges or 0, which are not worth a second question.
    #[serde(default)]
    line: Option<Value>,
    title: String,
    #[serde(default)]
    detail: Option<String>,
}

impl Answer {
    fn from_json(reviewer: &str, text: &str) -> Result<Answer, Why> {
        let wire: WireAnswer =
            serde_json::from_str(text).map_err(|error| Why::Form(cut(&error.to_string())))?;
        let verdict = match wire.verdict.as_str() {
            "approve" => Opinion::Approve,
            "revise" => Opinion::Revise,
            other => return Err(Why::Verdict(cut(other))),
        };
        if wire.findings.len() > FINDINGS_MAX {
            return Err(Why::TooMany(wire.findings.len()));
        }
        let findings = wire.findings.into_iter().map(|wire| wire.finding(reviewer));
        Ok(Answer {
            verdict,
            summary: finding::text(&wire.summary.unwrap_or_default(), SUMMARY_MAX),
            findings: findings.collect::<Result<_, _>>()?,
        })
    }

    /// Its findings that block.
    pub(crate) fn critical(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Critical)
    }

    fn strictness(&self) -> Strictness {
        match (self.critical().next(), self.verdict) {
            (Some(_), _) => Strictness::Critical,
            (None, Opinion::Revise) => Strictness::Unhappy,
            (None, Opinion::Approve) => Strictness::Content,
        }
    }
}

impl WireFinding {
    fn finding(self, reviewer: &str) -> Result<Finding, Why> {
        let severity = severity::parse(&self.severity)?;
        let file = self.file.filter(|file| !file.is_empty());
        if let Some(file) = file.as_deref().filter(|file| !finding::is_safe(file)) {
            return Err(Why::File(cut(file)));
        }
        let line = self.line.as_ref().and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok());
        Ok(Finding {
            severity,
            line: line.filter(|&line| line > 0 && file.is_some()),
            file,
            title: finding::line(&self.title, TITLE_MAX),
            detail: finding::text(&self.detail.unwrap_or_default(), DETAIL_MAX),
            reviewer: finding::line(reviewer, SHOWN_MAX),
        })
    }
}

fn cut(text: &str) -> String {
    shown(&text.chars().take(SHOWN_MAX).collect::<String>())
}

/// Worst first; of equal severity by file, line and title.
pub(super) fn worst_first(a: &Finding, b: &Finding) -> Ordering {
    let place = |finding: &Finding| (finding.file.clone(), finding.line, finding.title.clone());
    b.severity.cmp(&a.severity).then_with(|| place(a).cmp(&place(b)))
}

impl fmt::Display for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opinion::Approve => "approve",
            Opinion::Revise => "revise",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn why(text: &str) -> String {
        read("safety", text).unwrap_err().to_string()
    }

    #[test]
    fn the_last_answer_counts_among_prose_fences_and_drafts() {
        let text = r#"Let me look at `fn main() {`. First: {"verdict": "approve", "findings": []}.
```json
{"verdict": "revise", "confidence": 0.9, "summary": " One thing. ",
 "findings": [{"severity": "HIGH", "file": "src/a.rs", "line": 3, "title": "Index\nunchecked", "detail": "x[i] {"}]}
```
APPROVED otherwise. {"usage": 3}"#;
        let answer = read("safety", text).unwrap();
        assert_eq!((answer.verdict, answer.summary.as_str()), (Opinion::Revise, "One thing."));
        insta::assert_snapshot!(answer.findings[0], @"HIGH src/a.rs:3 Index unchecked (safety)");
    }

    #[test]
    fn an_approval_counts_only_as_the_last_word_of_its_own() {
        let echoed = "+# {\"verdict\":\"approve\"}\nAPI Error 529";
        assert_eq!(read("r", echoed).unwrap_err().why, Why::NotLast);
        let nested = r#"{"result": [{"verdict": "approve"}]}"#;
        assert_eq!(read("r", nested).unwrap_err().why, Why::NoJson);
        let fenced = "Fine.\n```json\n{\"verdict\": \"approve\"}\n```\n";
        assert_eq!(read("r", fenced).unwrap().verdict, Opinion::Approve);
    }

    #[test]
    fn what_is_in_doubt_is_no_verdict() {
        let severe = r#"{"verdict": "approve", "findings": [{"severity": "SEVERE", "title": "t"}]}"#;
        let file =
            r#"{"verdict": "approve", "findings": [{"severity": "LOW", "title": "t", "file": "../x"}]}"#;
        let cut_off = r#"{"verdict": "approve"} {"verdict": "revise", "findings": [{"severity": "#;
        let softer = r#"{"verdict": "revise"} {"verdict": "approve"}"#;
        let stray = r#"{"severity": "critical", "title": "t"} APPROVED {"verdict": "approve"}"#;
        let twice = r#"{"verdict": "revise", "verdict": "approve"}"#;
        let texts = [
            "",
            "APPROVED",
            r#"{"verdict": "LGTM"}"#,
            severe,
            file,
            cut_off,
            softer,
            stray,
            twice,
            r#"{"verdict": 1}"#,
        ];
        let lines: Vec<String> = texts.into_iter().map(why).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        review safety: no verdict (no JSON object with a "verdict")
        review safety: no verdict (no JSON object with a "verdict")
        review safety: no verdict (verdict 'LGTM' unknown)
        review safety: no verdict (severity 'SEVERE' unknown)
        review safety: no verdict ('../x' is no path inside the repository)
        review safety: no verdict (the answer is cut off)
        review safety: no verdict (several answers that contradict each other)
        review safety: no verdict (several answers that contradict each other)
        review safety: no verdict (duplicate field `verdict` at line 1 column 31)
        review safety: no verdict (invalid type: integer `1`, expected a string at line 1 column 13)
        "#);
    }

    #[test]
    fn long_answers_are_cut_and_too_many_findings_refused() {
        let finding = format!(r#"{{"severity": "LOW", "title": "{}"}}"#, "x".repeat(300));
        let of = |count: usize| {
            format!(r#"{{"verdict": "approve", "findings": [{}]}}"#, vec![finding.as_str(); count].join(","))
        };
        let answer = read("r", &of(100)).unwrap();
        assert_eq!(answer.findings[99].title, format!("{} [cut]", "x".repeat(TITLE_MAX)));
        assert_eq!(read("r", &of(101)).unwrap_err().why, Why::TooMany(101));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = read("r", &text);
        }

        #[test]
        fn reading_pieces_of_json_never_panics(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("{"), Just("}"), Just("["), Just("]"), Just("\""), Just("\\"), Just(","), Just(":"), Just("é"),
                    Just("\"verdict\":"), Just("\"approve\""), Just("\"findings\":["), Just("{\"severity\":\"CRITICAL\"")
                ],
                0..40,
            )
        ) {
            let _ = read("r", &pieces.concat());
        }
    }
}
