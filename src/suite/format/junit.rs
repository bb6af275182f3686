//! JUnit XML, as its many producers write it.
//!
//! Test cases are read at any depth and totals never: node writes cases directly below `<testsuites>` and suites
//! inside suites, pytest writes no totals at the top.

use crate::suite::result::{Answer, Results, TestName};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// A test case that is being read.
struct Case {
    name: String,
    answer: Answer,
    /// Where text belongs to: inside `<failure>` or `<error>`.
    in_failure: bool,
}

/// Reads a report.
///
/// # Errors
/// XML that is broken or cut off, or whose root is something else.
pub(super) fn read(text: &str) -> Result<Results, String> {
    let mut reader = Reader::from_str(text);
    let mut results = Results::default();
    // Names of the open elements; for suites with their `name`.
    let mut open: Vec<(Vec<u8>, Option<String>)> = Vec::new();
    let mut case: Option<Case> = None;
    let mut seen_root = false;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(element) => {
                check_root(&element, &open, &mut seen_root)?;
                start(&element, &open, &mut case)?;
                let suite = (element.local_name().as_ref() == b"testsuite")
                    .then(|| attribute(&element, "name"))
                    .transpose()?;
                open.push((element.local_name().as_ref().to_vec(), suite.flatten()));
            }
            Event::Empty(element) => {
                check_root(&element, &open, &mut seen_root)?;
                start(&element, &open, &mut case)?;
                end(element.local_name().as_ref(), &mut case, &mut results);
            }
            Event::End(element) => {
                open.pop();
                end(element.local_name().as_ref(), &mut case, &mut results);
            }
            Event::Text(content) => take_text(&mut case, &String::from_utf8_lossy(&content)),
            Event::CData(content) => take_text(&mut case, &String::from_utf8_lossy(&content)),
            Event::Eof if !open.is_empty() => return Err("it is cut off".to_owned()),
            Event::Eof if !seen_root => return Err("it is empty".to_owned()),
            Event::Eof => return Ok(results),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::GeneralRef(_) => {}
        }
    }
}

fn check_root(
    element: &BytesStart<'_>,
    open: &[(Vec<u8>, Option<String>)],
    seen: &mut bool,
) -> Result<(), String> {
    let name = element.local_name();
    if open.is_empty() && !matches!(name.as_ref(), b"testsuites" | b"testsuite") {
        return Err(format!("its root is <{}>", String::from_utf8_lossy(name.as_ref())));
    }
    *seen = true;
    Ok(())
}

fn start(
    element: &BytesStart<'_>,
    open: &[(Vec<u8>, Option<String>)],
    case: &mut Option<Case>,
) -> Result<(), String> {
    match (element.local_name().as_ref(), case) {
        (b"testcase", case) => {
            *case = Some(Case { name: name(element, open)?, answer: Answer::Passed, in_failure: false });
        }
        (b"failure" | b"error", Some(case)) => {
            let message = attribute(element, "message")?.unwrap_or_default();
            if !matches!(case.answer, Answer::Failed { .. }) {
                case.answer = Answer::Failed { line: message };
            }
            case.in_failure = true;
        }
        (b"skipped", Some(case)) if case.answer == Answer::Passed => case.answer = Answer::Skipped,
        _ => {}
    }
    Ok(())
}

fn end(element: &[u8], case: &mut Option<Case>, results: &mut Results) {
    match element {
        b"testcase" => {
            if let Some(case) = case.take() {
                results.add(TestName::new(&case.name), case.answer);
            }
        }
        b"failure" | b"error" => {
            if let Some(case) = case {
                case.in_failure = false;
            }
        }
        _ => {}
    }
}

/// The text of a failure stands in for a message that is not there.
fn take_text(case: &mut Option<Case>, text: &str) {
    if let Some(Case { answer: Answer::Failed { line }, in_failure: true, .. }) = case
        && line.trim().is_empty()
    {
        *line = text.to_owned();
    }
}

/// `classname::name`. Where the class says nothing (node writes "test" everywhere), the suites stand in for it.
fn name(element: &BytesStart<'_>, open: &[(Vec<u8>, Option<String>)]) -> Result<String, String> {
    let class = attribute(element, "classname")?.filter(|class| !class.is_empty() && class != "test");
    let name = attribute(element, "name")?.ok_or("a test case has no name")?;
    let suites = || open.iter().filter_map(|(_, suite)| suite.clone()).filter(|suite| !suite.is_empty());
    let mut parts: Vec<String> = match class {
        Some(class) => vec![class],
        None => suites().collect(),
    };
    parts.push(name);
    Ok(parts.join("::"))
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let attribute = element.try_get_attribute(name).map_err(|error| error.to_string())?;
    let Some(attribute) = attribute else { return Ok(None) };
    let value = attribute.unescape_value().map_err(|error| error.to_string())?;
    Ok(Some(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn pytest_writes_errors_beside_failures() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest"
            errors="1" failures="1" skipped="1" tests="4" hostname="h">
            <testcase classname="tests.test_a" name="test_x[1 &amp; 2]" time="0.1" />
            <testcase classname="tests.test_a" name="test_y"><failure message="assert 1 == 2&#10; + where">def</failure></testcase>
            <testcase classname="tests.test_a" name="test_z"><skipped type="pytest.skip" message="no"/></testcase>
            <testcase classname="tests.test_a" name="test_e"/>
            <testcase classname="tests.test_a" name="test_e"><error message="failed on teardown"/></testcase>
            </testsuite></testsuites>"#;
        assert_snapshot!(lines(read(text)), @"
        + tests.test_a::test_x[1 & 2]
        - tests.test_a::test_e: failed on teardown
        - tests.test_a::test_y: assert 1 == 2
        ~ tests.test_a::test_z
        ");
    }

    #[test]
    fn node_writes_cases_at_any_depth() {
        let text = r#"<testsuites><testcase name="flat" classname="test"/>
            <testsuite name="outer" tests="1"><testsuite name="inner" tests="2">
            <testcase name="x" classname="test"><failure type="testCodeFailure" message=""><![CDATA[
            Error: boom]]></failure></testcase><testcase name="y" classname="test"/></testsuite></testsuite></testsuites>"#;
        assert_snapshot!(lines(read(text)), @"
        + flat
        + outer::inner::y
        - outer::inner::x: Error: boom
        ");
    }

    #[test]
    fn reruns_that_passed_in_the_end_are_passes() {
        let text = r#"<testsuite><testcase name="a" classname="c"><flakyFailure message="once"/><system-out>failure
            </system-out></testcase></testsuite>"#;
        assert_snapshot!(lines(read(text)), @"+ c::a");
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_an_error() {
        for (text, expected) in [
            ("", "it is empty"),
            ("<testsuites><testcase name='a'/>", "it is cut off"),
            ("<html></html>", "its root is <html>"),
            ("<testsuites><testcase/></testsuites>", "a test case has no name"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
        for text in
            ["<testsuites><testcase name='a", "<testsuites></testsuite>", "<testsuite name='&nope;'/>x<"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
