//! What the checking workflow left for the publishing one. A pull request's own code ran beside its writer, so it may say
//! anything: only what tests said is taken from it, and that is cut and cleaned.

use serde::Deserialize;

use crate::task::id::{CommitId, shown};

/// Largest artifact that is read, in bytes.
pub(crate) const ARTIFACT_MAX: usize = 1 << 20;
/// Lines kept of a list.
const LINES_MAX: usize = 50;
/// Characters kept of a line.
const LINE_MAX: usize = 300;
/// What `git orch check --json` calls itself.
const SCHEMA: &str = "git-orch/check@1";

/// What an artifact says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) base: CommitId,
    pub(crate) head: CommitId,
    pub(crate) tests: TestsSaid,
}

/// What it says of the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestsSaid {
    pub(crate) passed: bool,
    /// Whether any test was asked at all.
    pub(crate) asked: bool,
    pub(crate) text: String,
    pub(crate) selected: Option<u64>,
    pub(crate) total: Option<u64>,
    /// Tests that are worse, with a line each.
    pub(crate) worse: Vec<(String, String)>,
    /// Why each test was chosen.
    pub(crate) explanation: Vec<String>,
}

/// Why an artifact cannot be used: then nothing has passed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadArtifact {
    #[error("no file of it is there")]
    Missing,
    #[error("it has {0} bytes, the limit is {ARTIFACT_MAX}")]
    Long(usize),
    #[error("it is no JSON of the expected form")]
    Form(#[source] serde_json::Error),
    #[error("its schema is '{0}', not '{SCHEMA}'")]
    Schema(String),
    #[error("{0} is no commit id")]
    Commit(&'static str),
    #[error("it says nothing of the tests")]
    NoTests,
    #[error("it is about {found}, not about {wanted}")]
    OtherCommit { found: String, wanted: String },
}

#[derive(Deserialize)]
struct Envelope {
    schema: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    base: String,
    head: String,
    gates: Vec<Gate>,
    tests: Tests,
    #[serde(default)]
    explanation: Vec<String>,
}

#[derive(Deserialize)]
struct Gate {
    gate: String,
    verdict: String,
    text: String,
}

#[derive(Deserialize)]
struct Tests {
    selected: Option<u64>,
    total: Option<u64>,
    worse: Vec<Worse>,
}

#[derive(Deserialize)]
struct Worse {
    name: String,
    line: String,
}

impl Artifact {
    /// Reads an artifact about the commit `head`.
    ///
    /// # Errors
    /// It is too large, of another form, or about another commit.
    pub(crate) fn read(bytes: &[u8], head: &CommitId) -> Result<Artifact, BadArtifact> {
        if bytes.len() > ARTIFACT_MAX {
            return Err(BadArtifact::Long(bytes.len()));
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(BadArtifact::Form)?;
        if envelope.schema != SCHEMA {
            return Err(BadArtifact::Schema(line(&envelope.schema)));
        }
        let data = envelope.data.ok_or(BadArtifact::NoTests)?;
        let commit = |text: &str, what| CommitId::parse(text).map_err(|_| BadArtifact::Commit(what));
        let (base, found) = (commit(&data.base, "base")?, commit(&data.head, "head")?);
        if found != *head {
            return Err(BadArtifact::OtherCommit {
                found: found.short().to_owned(),
                wanted: head.short().to_owned(),
            });
        }
        let gate = data.gates.iter().find(|gate| gate.gate == "tests").ok_or(BadArtifact::NoTests)?;
        let worse: Vec<(String, String)> = data
            .tests
            .worse
            .iter()
            .take(LINES_MAX)
            .map(|worse| (line(&worse.name), line(&worse.line)))
            .collect();
        Ok(Artifact {
            base,
            head: found,
            tests: TestsSaid {
                // A pass beside tests that are worse is none.
                passed: matches!(gate.verdict.as_str(), "pass" | "neutral") && worse.is_empty(),
                asked: gate.verdict != "neutral",
                text: line(&gate.text),
                selected: data.tests.selected,
                total: data.tests.total,
                worse,
                explanation: data.explanation.iter().take(LINES_MAX).map(|text| line(text)).collect(),
            },
        })
    }
}

fn line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shown(&flat.chars().take(LINE_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn head() -> CommitId {
        CommitId::parse(&"a".repeat(40)).unwrap()
    }

    fn artifact(verdict: &str, worse: Value) -> Value {
        json!({
            "schema": "git-orch/check@1", "ok": true,
            "data": {
                "verdict": "pass", "base": "b".repeat(40), "head": "a".repeat(40),
                "gates": [
                    {"gate": "size", "verdict": "pass", "text": "1 line"},
                    {"gate": "tests", "verdict": verdict, "text": "3 tests pass"},
                ],
                "findings": [{"severity": "LOW", "title": "made up"}],
                "tests": {"selected": 3, "total": 9, "worse": worse},
                "explanation": ["a.rs -> a::"],
            }
        })
    }

    fn read(value: &Value) -> Result<Artifact, BadArtifact> {
        Artifact::read(value.to_string().as_bytes(), &head())
    }

    #[test]
    fn only_tests_are_taken_from_it() {
        let found = read(&artifact("pass", json!([]))).unwrap();
        assert!(found.tests.passed && found.tests.asked);
        assert_eq!((found.tests.selected, found.tests.total), (Some(3), Some(9)));
        assert!(!read(&artifact("fail", json!([]))).unwrap().tests.passed);
        assert!(!read(&artifact("PASS", json!([]))).unwrap().tests.passed, "what is unknown has not passed");
        let lied = read(&artifact("pass", json!([{"name": "a\u{1b}", "line": "b\n\nc"}]))).unwrap();
        assert!(!lied.tests.passed);
        assert_eq!(lied.tests.worse, [("a\\u{1b}".to_owned(), "b c".to_owned())]);
        assert!(!read(&artifact("neutral", json!([]))).unwrap().tests.asked);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |value: &Value| read(value).unwrap_err().to_string();
        let mut other = artifact("pass", json!([]));
        other["data"]["head"] = json!("c".repeat(40));
        assert_eq!(error(&other), "it is about ccccccc, not about aaaaaaa");
        other["data"]["head"] = json!("../../x");
        assert_eq!(error(&other), "head is no commit id");
        other["schema"] = json!("git-orch/check@2");
        assert_eq!(error(&other), "its schema is 'git-orch/check@2', not 'git-orch/check@1'");
        let mut none = artifact("pass", json!([]));
        none["data"]["gates"] = json!([]);
        assert_eq!(error(&none), "it says nothing of the tests");
        let long = Artifact::read(&vec![b' '; ARTIFACT_MAX + 1], &head()).unwrap_err();
        assert!(matches!(long, BadArtifact::Long(_)));
        assert!(Artifact::read(&b"[".repeat(100_000), &head()).is_err(), "nesting is limited");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..400) {
            prop_assert!(Artifact::read(&bytes, &head()).is_err());
            let mut text = artifact("pass", json!([])).to_string().into_bytes();
            text.splice(at.min(text.len()).., bytes);
            let _ = Artifact::read(&text, &head());
        }
    }
}
