//! Report formats: which there are, and what makes a report evidence.

mod exit;
mod go_json;
mod junit;
mod libtest;
mod tap;

pub(crate) use exit::is_exit;
pub(crate) use tap::is_failed_point;

use super::result::Results;
use std::fmt;

/// How a test command says what its tests answered: `tests.report`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Test Anything Protocol 12 to 14, on standard output.
    Tap,
    /// JUnit XML in a file, with its path from the top of the checkout.
    Junit(String),
    /// The text of `cargo test`, on standard output.
    Libtest,
    /// The events of `go test -json`, on standard output.
    GoJson,
    /// Nothing but the exit code.
    #[default]
    Exit,
}

/// Why a run of tests is no evidence. Never a pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoEvidence {
    #[error("the test command wrote no report{}", at_path(.path))]
    NoReport { path: Option<String> },
    #[error("no test was collected")]
    NoTests,
    #[error("no test ran, {0} were skipped")]
    AllSkipped(usize),
    #[error("the test command failed (exit code {0}) before any test answered")]
    NothingRan(i32),
    #[error("the {format} report cannot be read: {why}")]
    Unreadable { format: &'static str, why: String },
    #[error("the test command failed (exit code {exit}), but its report has no failure in {tests} tests")]
    FailedWithoutFailure { exit: i32, tests: usize },
    #[error("the report has {failed} failed tests, but the test command ended with exit code 0")]
    PassedWithFailure { failed: usize },
}

/// Why a text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFormat {
    #[error("'{0}' is no report format: tap, junit:FILE, libtest, go-json or exit")]
    Unknown(String),
    #[error("junit needs a file: junit:FILE")]
    NoFile,
    #[error("the report '{0}' must be inside the checkout")]
    Outside(String),
}

impl Format {
    /// Reads `tests.report`.
    ///
    /// # Errors
    /// A text that is no format, or a file outside the checkout.
    pub(crate) fn parse(text: &str) -> Result<Format, BadFormat> {
        match text {
            "tap" => Ok(Format::Tap),
            "libtest" => Ok(Format::Libtest),
            "go-json" => Ok(Format::GoJson),
            "exit" => Ok(Format::Exit),
            "junit" | "junit:" => Err(BadFormat::NoFile),
            _ => match text.strip_prefix("junit:") {
                Some(path) if path.starts_with('/') || path.split('/').any(|part| part == "..") => {
                    Err(BadFormat::Outside(path.to_owned()))
                }
                Some(path) => Ok(Format::Junit(path.to_owned())),
                None => Err(BadFormat::Unknown(text.to_owned())),
            },
        }
    }

    /// The file that holds the report; nothing if it is read from standard output.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Format::Junit(path) => Some(path),
            Format::Tap | Format::Libtest | Format::GoJson | Format::Exit => None,
        }
    }

    /// Whether the report is what the command writes to its standard output.
    pub(crate) fn on_output(&self) -> bool {
        matches!(self, Format::Tap | Format::Libtest | Format::GoJson)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Tap => f.write_str("tap"),
            Format::Junit(path) => write!(f, "junit:{path}"),
            Format::Libtest => f.write_str("libtest"),
            Format::GoJson => f.write_str("go-json"),
            Format::Exit => f.write_str("exit"),
        }
    }
}

/// Reads the report of a finished run. `text` is the file or the standard output, nothing if there is none; `exit` is
/// the exit code of the command.
///
/// # Errors
/// Whatever makes the run no evidence: no report, one that is cut off, no tests, or one against the exit code.
pub(crate) fn read(format: &Format, text: Option<&str>, exit: i32) -> Result<Results, NoEvidence> {
    let unreadable = |name: &'static str| move |why: String| NoEvidence::Unreadable { format: name, why };
    let text = match (format, text) {
        // The shell found no such program, or a signal ended it: nothing was tested.
        (Format::Exit, _) if exit >= 126 => return Err(NoEvidence::NothingRan(exit)),
        (Format::Exit, _) => return Ok(exit::read(exit)),
        (_, Some(text)) => text,
        (_, None) => return Err(NoEvidence::NoReport { path: format.file().map(str::to_owned) }),
    };
    let results = match format {
        Format::Tap => tap::read(text).map_err(unreadable("TAP")),
        Format::Junit(_) => junit::read(text).map_err(unreadable("JUnit")),
        Format::Libtest => libtest::read(text).map_err(unreadable("libtest")),
        Format::GoJson => go_json::read(text).map_err(unreadable("go-json")),
        Format::Exit => Ok(exit::read(exit)),
    };
    match results {
        // A build that failed leaves half a report behind; the exit code says more than its parse error.
        Err(_) if exit != 0 && text.trim().is_empty() => Err(NoEvidence::NothingRan(exit)),
        Err(error) => Err(error),
        Ok(results) => checked(results, exit),
    }
}

/// Holds the report against the exit code.
fn checked(results: Results, exit: i32) -> Result<Results, NoEvidence> {
    let (ran, failed) = (results.passed.len() + results.failed.len(), results.failed.len());
    match (ran, failed, exit) {
        (0, _, 0) if results.skipped.is_empty() => Err(NoEvidence::NoTests),
        (0, _, 0) => Err(NoEvidence::AllSkipped(results.skipped.len())),
        (0, _, exit) => Err(NoEvidence::NothingRan(exit)),
        (_, 1.., 0) => Err(NoEvidence::PassedWithFailure { failed }),
        (_, 0, exit) if exit != 0 => Err(NoEvidence::FailedWithoutFailure { exit, tests: results.len() }),
        _ => Ok(results),
    }
}

fn at_path(path: &Option<String>) -> String {
    path.as_ref().map(|path| format!(" at {path}")).unwrap_or_default()
}

/// Results as text, for tests: one line each, `+` passed, `-` failed, `~` skipped.
#[cfg(test)]
fn lines(results: Result<Results, String>) -> String {
    match results {
        Err(error) => format!("error: {error}"),
        Ok(results) => {
            let passed = results.passed.iter().map(|test| format!("+ {test}"));
            let failed = results.failed.iter().map(|(test, line)| format!("- {test}: {line}"));
            let skipped = results.skipped.iter().map(|test| format!("~ {test}"));
            passed.chain(failed).chain(skipped).collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formats_are_read_and_written() {
        for text in ["tap", "junit:a/b.xml", "libtest", "go-json", "exit"] {
            assert_eq!(Format::parse(text).unwrap().to_string(), text);
        }
        for (text, error) in [
            ("xunit", "'xunit' is no report format: tap, junit:FILE, libtest, go-json or exit"),
            ("junit", "junit needs a file: junit:FILE"),
            ("junit:/tmp/x", "the report '/tmp/x' must be inside the checkout"),
            ("junit:a/../../x", "the report 'a/../../x' must be inside the checkout"),
        ] {
            assert_eq!(Format::parse(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn what_is_no_evidence_says_so() {
        for (text, exit, expected) in [
            (
                Some("1..1\nok 1 - a"),
                1,
                "the test command failed (exit code 1), but its report has no failure in 1 tests",
            ),
            (
                Some("1..1\nnot ok 1 - a"),
                0,
                "the report has 1 failed tests, but the test command ended with exit code 0",
            ),
            (Some("1..0"), 0, "no test was collected"),
            (Some("1..1\nok 1 - a # SKIP"), 0, "no test ran, 1 were skipped"),
            (Some("1..0"), 2, "the test command failed (exit code 2) before any test answered"),
            (Some(""), 2, "the test command failed (exit code 2) before any test answered"),
            (Some(""), 0, "the TAP report cannot be read: it has no plan"),
            (None, 0, "the test command wrote no report"),
        ] {
            assert_eq!(read(&Format::Tap, text, exit).unwrap_err().to_string(), expected, "{text:?} {exit}");
        }
        // What the compiler says to a broken build.
        let error = read(&Format::Libtest, Some("error[E0425]: cannot find value"), 101).unwrap_err();
        assert_eq!(error, NoEvidence::NothingRan(101));
        let error = read(&Format::Junit("r.xml".to_owned()), None, 0).unwrap_err();
        assert_eq!(error.to_string(), "the test command wrote no report at r.xml");
        assert!(read(&Format::Exit, None, 0).unwrap().failed.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics_or_passes_without_a_test(
            text in "([ ]{0,4}(ok|not ok|1\\.\\.|test |<testcase|<|>|\"|\\{|\\}| \\.\\.\\. |[0-9a#é:/-])|\n){0,12}",
        ) {
            for format in [Format::Tap, Format::Junit("x".to_owned()), Format::Libtest, Format::GoJson] {
                if let Ok(results) = read(&format, Some(&text), 0) {
                    prop_assert!(!results.passed.is_empty());
                }
            }
        }
    }
}
