//! The text of `cargo test`: one section for each test binary, from `running N tests` to `test result:`.

use crate::suite::result::{Answer, Results, TestName};
use std::collections::BTreeMap;

/// Counts of one section, as its summary gives them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    measured: usize,
}

/// What is known of the section that is being read.
#[derive(Default)]
struct Section {
    counts: Counts,
    answers: Vec<(String, Answer)>,
    /// A test whose output stands between its name and its answer.
    pending: Option<String>,
    /// First lines of failures, from the list below the tests.
    messages: BTreeMap<String, String>,
    /// The test whose output is being read in that list; empty before the first.
    listing: Option<String>,
    /// The next line is the message of a panic.
    panicked: bool,
}

/// Reads a report. Names carry their binary where its line is there (cargo writes it to standard error).
///
/// # Errors
/// A section without summary, or with another one than its lines say. A build that failed has no section and no test.
pub(super) fn read(text: &str) -> Result<Results, String> {
    let mut results = Results::default();
    let mut binary = String::new();
    let mut section: Option<Section> = None;
    for line in text.lines() {
        if is_start(line) {
            if section.is_some() {
                return Err("a test binary ended without a summary".to_owned());
            }
            section = Some(Section::default());
        } else if let Some(current) = &mut section {
            match summary(line) {
                None => take_line(current, line),
                Some(counts) if counts == current.counts => {
                    section.take().into_iter().for_each(|done| close(done, &binary, &mut results));
                }
                Some(counts) => {
                    return Err(format!("its summary says {counts:?}, its lines say {:?}", current.counts));
                }
            }
        } else if let Some(name) = binary_name(line) {
            binary = name;
        }
    }
    match section {
        Some(_) => Err("a test binary ended without a summary".to_owned()),
        None => Ok(results),
    }
}

/// `running 3 tests`
fn is_start(line: &str) -> bool {
    let count = line
        .strip_prefix("running ")
        .and_then(|rest| rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test")));
    count.is_some_and(|count| count.parse::<usize>().is_ok())
}

/// `test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn summary(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let (_, parts) = rest.split_once(". ")?;
    let mut counts = Counts::default();
    for part in parts.split(';') {
        let (count, word) = part.trim().split_once(' ')?;
        let Ok(count) = count.parse() else { continue }; // "finished in"
        match word {
            "passed" => counts.passed = count,
            "failed" => counts.failed = count,
            "ignored" => counts.ignored = count,
            "measured" => counts.measured = count,
            _ => {}
        }
    }
    Some(counts)
}

/// The binary of cargo's line: `git_orch src/lib.rs`, `git_orch doc`.
fn binary_name(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} doc"));
    }
    let (source, file) = line.strip_prefix("Running ")?.strip_suffix(')')?.split_once(" (")?;
    let source = source.strip_prefix("unittests ").unwrap_or(source);
    let file = file.rsplit(['/', '\\']).next()?;
    let name = file.strip_suffix(".exe").unwrap_or(file);
    let name = name.rsplit_once('-').map_or(name, |(name, _hash)| name);
    Some(format!("{name} {source}"))
}

fn take_line(section: &mut Section, line: &str) {
    if section.listing.is_some() {
        take_message(section, line);
    } else if line == "failures:" {
        section.listing = Some(String::new());
    } else if let Some((name, rest)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
        match answer(rest) {
            Some((answer, measured)) => add(section, name, answer, measured),
            None => section.pending = Some(name.to_owned()),
        }
    } else if let (Some(name), Some((answer, measured))) = (section.pending.clone(), answer(line)) {
        add(section, &name, answer, measured);
        section.pending = None;
    }
}

/// An answer, and whether it is that of a benchmark.
fn answer(text: &str) -> Option<(Answer, bool)> {
    let word = text.split([' ', ',']).next()?;
    match word {
        "ok" if text == "ok" || text.starts_with("ok <") => Some((Answer::Passed, false)),
        "bench:" => Some((Answer::Passed, true)),
        "FAILED" => Some((Answer::Failed { line: String::new() }, false)),
        "ignored" => Some((Answer::Skipped, false)),
        _ => None,
    }
}

fn add(section: &mut Section, name: &str, answer: Answer, measured: bool) {
    match &answer {
        Answer::Passed if measured => section.counts.measured += 1,
        Answer::Passed => section.counts.passed += 1,
        Answer::Failed { .. } => section.counts.failed += 1,
        Answer::Skipped => section.counts.ignored += 1,
    }
    section.answers.push((name.to_owned(), answer));
}

/// Below `failures:`: `---- a::b stdout ----`, then what the test wrote. The message of its panic is the best line.
fn take_message(section: &mut Section, line: &str) {
    let header = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
    if let Some(name) = header {
        section.listing = Some(name.to_owned());
        section.panicked = false;
        return;
    }
    let Some(name) = section.listing.clone() else { return };
    if line.starts_with("thread '") && line.contains("panicked at") {
        section.panicked = true;
        section.messages.remove(&name);
    } else if section.panicked {
        section.panicked = false;
        section.messages.insert(name, line.to_owned());
    } else if !line.trim().is_empty() && !line.starts_with("note: ") {
        section.messages.entry(name).or_insert_with(|| line.to_owned());
    }
}

fn close(section: Section, binary: &str, results: &mut Results) {
    for (name, answer) in section.answers {
        let answer = match answer {
            Answer::Failed { .. } => {
                let plain = name.strip_suffix(" - should panic").unwrap_or(&name);
                Answer::Failed { line: section.messages.get(plain).cloned().unwrap_or_default() }
            }
            Answer::Passed | Answer::Skipped => answer,
        };
        let name = stable(&name);
        let full = if binary.is_empty() { name } else { format!("{binary}: {name}") };
        results.add(TestName::new(&full), answer);
    }
}

/// A name without what says how it is tested, and without the line of a documentation test, that moves with every
/// edit above it.
fn stable(name: &str) -> String {
    let tails = [" - should panic", " - compile fail", " - compile"];
    let name = tails.iter().find_map(|tail| name.strip_suffix(tail)).unwrap_or(name);
    match name.rsplit_once(" (line ") {
        Some((head, tail)) if tail.strip_suffix(')').is_some_and(|line| line.parse::<u32>().is_ok()) => {
            head.to_owned()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;
    use insta::assert_snapshot;

    const OUTPUT: &str = "
   Compiling x v0.1.0
     Running unittests src/lib.rs (target/debug/deps/my_crate-c6091fe3fc793f03)

running 4 tests
test a::b ... ok
test a::slow has been running for over 60 seconds
test a::panics - should panic ... ok
test a::c ... FAILED
test a::slow ... ignored, takes long

failures:

---- a::c stdout ----
some noise
test fake ... ok

thread 'a::c' (9469) panicked at src/lib.rs:29:13:
left is not right
note: run with `RUST_BACKTRACE=1`


failures:
    a::c

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.79s

     Running tests/x.rs (target/debug/deps/x-0123)

running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s

   Doc-tests my_crate

running 1 test
test src/lib.rs - a::b (line 12) - compile ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s


running 1 test
test src/lib.rs - c (line 30) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

all doctests ran in 0.50s; merged doctests compilation took 0.30s
";

    #[test]
    fn binaries_failures_and_documentation() {
        assert_snapshot!(lines(read(OUTPUT)), @"
        + my_crate doc: src/lib.rs - a::b
        + my_crate doc: src/lib.rs - c
        + my_crate src/lib.rs: a::b
        + my_crate src/lib.rs: a::panics
        - my_crate src/lib.rs: a::c: left is not right
        ~ my_crate src/lib.rs: a::slow
        ");
    }

    #[test]
    fn without_the_lines_of_cargo_names_stay_bare() {
        let text: String =
            OUTPUT.lines().filter(|line| !line.starts_with("  ")).map(|line| format!("{line}\n")).collect();
        assert_snapshot!(lines(read(&text)), @"
        + a::b
        + a::panics
        + src/lib.rs - a::b
        + src/lib.rs - c
        - a::c: left is not right
        ~ a::slow
        ");
    }

    #[test]
    fn output_may_stand_before_the_answer() {
        let text = "running 2 tests\ntest a ... hello\nworld\nok\ntest b ... ok <0.001s>\n\ntest result: ok. 2 passed; \
                    0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(lines(read(text)), "+ a\n+ b");
    }

    #[test]
    fn what_is_cut_off_or_does_not_add_up_is_an_error() {
        let result = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        for (text, expected) in [
            ("running 1 test\ntest a ... ok\n".to_owned(), "a test binary ended without a summary"),
            (
                format!("running 1 test\ntest a ... ok\nrunning 1 test\ntest b ... ok\n{result}\n"),
                "a test binary ended without a summary",
            ),
            (
                format!("running 1 test\n{result}\n"),
                "its summary says Counts { passed: 1, failed: 0, ignored: 0, measured: 0 }, its lines say Counts { \
                 passed: 0, failed: 0, ignored: 0, measured: 0 }",
            ),
        ] {
            assert_eq!(read(&text).unwrap_err(), expected, "{text}");
        }
    }
}
