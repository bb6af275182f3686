//! What reviewers answered about a commit, kept in the text of its check: one of them can be asked again without the
//! others, and nobody is paid twice for the same question.
//!
//! The text is our own, but it comes back from the host: an answer is read as strictly as one that a reviewer prints.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::review::{Answer, Opinion, read as read_answer};
use crate::task::role::ReviewerName;

use super::finding::fnv1a;

/// Hidden in Markdown, before the JSON.
const BEGIN: &str = "<!-- git-orch:reviews v1 ";
const END: &str = " -->";
/// Longest text, in bytes; the host takes 65,535 characters. Answers that do not fit are asked for again.
const TEXT_MAX: usize = 50_000;

/// What is kept with the check of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Memory {
    /// The host's workflow run that published, so that it can be started again alone.
    pub(crate) run: Option<u64>,
    pub(crate) kept: Vec<Kept>,
}

/// The answer of one reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) reviewer: String,
    /// Of the whole prompt: another prompt, another answer.
    pub(crate) question: Question,
    /// The newest comment when the reviewer was asked, by its number, which the host counts upwards. 0 = there was none.
    pub(crate) after: u64,
    pub(crate) answer: Answer,
    /// In millionths of a US dollar; `None` if unknown.
    pub(crate) cost: Option<u64>,
}

/// What a reviewer was asked, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question(String);

impl Question {
    /// The short form of a prompt.
    pub(crate) fn of(prompt: &str) -> Question {
        Question(format!("{:016x}-{}", fnv1a(prompt.as_bytes()), prompt.len()))
    }
}

/// Somebody with the right to it wants reviewers asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    /// The comment that says so, by its number.
    pub(crate) comment: u64,
    /// `None` = all of them.
    pub(crate) reviewer: Option<ReviewerName>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    run: Option<u64>,
    reviews: Vec<WireKept>,
}

#[derive(Serialize, Deserialize)]
struct WireKept {
    reviewer: String,
    question: String,
    after: u64,
    answer: Value,
    cost: Option<u64>,
}

impl Memory {
    /// The answer that still holds: to this very question, and nobody asked for another since.
    pub(crate) fn of(&self, reviewer: &str, question: &Question, again: &[Again]) -> Option<&Kept> {
        let kept = self.kept.iter().find(|kept| kept.reviewer == reviewer && kept.question == *question)?;
        let wanted = again.iter().any(|again| {
            again.comment > kept.after
                && again.reviewer.as_ref().is_none_or(|name| name.as_str() == kept.reviewer)
        });
        (!wanted).then_some(kept)
    }

    /// Reads what `text` keeps. What cannot be read is forgotten: then reviewers are asked again.
    pub(crate) fn read(text: &str) -> Memory {
        let json =
            text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map_or("", |(json, _)| json);
        let Ok(wire) = serde_json::from_str::<Wire>(json) else { return Memory::default() };
        let kept = |kept: WireKept| {
            let answer = read_answer(&kept.reviewer, &kept.answer.to_string()).ok()?;
            let question = Question(kept.question);
            Some(Kept { reviewer: kept.reviewer, question, after: kept.after, answer, cost: kept.cost })
        };
        Memory { run: wire.run, kept: wire.reviews.into_iter().filter_map(kept).collect() }
    }

    /// As text of a check, shown to nobody.
    pub(crate) fn text(&self) -> String {
        let mut kept: &[Kept] = &self.kept;
        loop {
            let reviews = kept.iter().map(WireKept::of).collect();
            let wire = Wire { run: self.run, reviews };
            // Nothing in it can end the comment that hides it.
            let json = serde_json::to_string(&wire).unwrap_or_default().replace('>', "\\u003e");
            match kept.split_last() {
                Some((_, fewer)) if json.len() > TEXT_MAX => kept = fewer,
                _ => return format!("{BEGIN}{json}{END}"),
            }
        }
    }
}

impl WireKept {
    /// In the form in which reviewers answer, so that there is one reader for both.
    fn of(kept: &Kept) -> WireKept {
        let findings: Vec<Value> = kept
            .answer
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "severity": finding.severity.to_string(), "file": finding.file, "line": finding.line,
                    "title": finding.title, "detail": finding.detail,
                })
            })
            .collect();
        let verdict = match kept.answer.verdict {
            Opinion::Approve => "approve",
            Opinion::Revise => "revise",
        };
        WireKept {
            reviewer: kept.reviewer.clone(),
            question: kept.question.0.clone(),
            after: kept.after,
            answer: json!({"verdict": verdict, "summary": kept.answer.summary, "findings": findings}),
            cost: kept.cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(reviewer: &str, answer: &str) -> Kept {
        let answer = read_answer(reviewer, answer).unwrap();
        Kept { reviewer: reviewer.to_owned(), question: Question::of("p"), after: 5, answer, cost: Some(7) }
    }

    const FOUND: &str = r#"{"verdict":"revise","summary":"s --> x","findings":[
        {"severity":"CRITICAL","file":"src/a.rs","line":3,"title":"t --> <b>","detail":"d"},
        {"severity":"LOW","title":"u","detail":""}]}"#;

    #[test]
    fn what_is_kept_comes_back_and_is_shown_to_nobody() {
        let memory = Memory {
            run: Some(9),
            kept: vec![kept("safety", FOUND), kept("quality", r#"{"verdict":"approve"}"#)],
        };
        let text = memory.text();
        assert_eq!(Memory::read(&format!("above\n{text}\nbelow")), memory);
        assert_eq!(text.matches("-->").count(), 1, "{text}");
        for other in ["", "<!-- git-orch:reviews v1 {} -->", "<!-- git-orch:reviews v1 [[[ -->", "x"] {
            assert_eq!(Memory::read(other), Memory::default(), "{other}");
        }
    }

    #[test]
    fn an_answer_holds_until_somebody_asks_again_or_the_question_is_another() {
        let memory = Memory { run: None, kept: vec![kept("safety", FOUND), kept("quality", FOUND)] };
        let again = |comment, name: Option<&str>| Again {
            comment,
            reviewer: name.map(|name| ReviewerName::parse(name).unwrap()),
        };
        let holds = |again: &[Again]| {
            ["safety", "quality"].map(|name| memory.of(name, &Question::of("p"), again).is_some())
        };
        assert_eq!(holds(&[]), [true, true]);
        assert_eq!(holds(&[again(6, Some("safety"))]), [false, true]);
        assert_eq!(holds(&[again(6, None)]), [false, false]);
        assert_eq!(holds(&[again(5, None), again(4, Some("safety"))]), [true, true], "asked before");
        assert!(memory.of("safety", &Question::of("other"), &[]).is_none());
        assert!(memory.of("architecture", &Question::of("p"), &[]).is_none());
    }

    #[test]
    fn what_does_not_fit_is_asked_for_again() {
        let long = format!(r#"{{"verdict":"approve","summary":"{}"}}"#, "x".repeat(3900));
        let memory = Memory { run: Some(1), kept: (0..30).map(|n| kept(&format!("r{n}"), &long)).collect() };
        let text = memory.text();
        assert!(text.len() < TEXT_MAX + 100, "{}", text.len());
        let read = Memory::read(&text);
        assert!((5..30).contains(&read.kept.len()) && read.run == Some(1), "{}", read.kept.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_stops_the_reader(text in "(?s).{0,200}") {
            let _ = Memory::read(&format!("{BEGIN}{text}{END}"));
        }
    }
}
