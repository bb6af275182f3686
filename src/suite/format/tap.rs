//! Test Anything Protocol, versions 12 to 14: plans, directives, subtests, YAML blocks, "Bail out!".

use crate::suite::result::{Answer, Results, TestName};

/// What stands between the name of a test and the name of its subtest.
const BELOW: &str = " > ";

/// The test points of one level of indentation, until the point of the level above closes it.
#[derive(Default)]
struct Level {
    /// Number of tests the plan speaks of.
    plan: Option<usize>,
    /// Points of this very level.
    points: usize,
    /// Names and answers of this level and of those below.
    answers: Vec<(String, Answer)>,
    /// A point whose subtests follow in braces.
    open: Option<(String, Answer)>,
}

/// Reads a report.
///
/// # Errors
/// No plan, a plan against the number of tests, "Bail out!", a subtest that does not end.
pub(super) fn read(text: &str) -> Result<Results, String> {
    let mut levels: Vec<Level> = vec![Level::default()];
    // The indentation of an open YAML block, in blanks.
    let mut yaml: Option<usize> = None;
    let mut after_point = false;
    for line in text.lines() {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(block) = yaml {
            match content {
                "..." if indent == block => yaml = None,
                _ => take_message(&mut levels, content),
            }
            continue;
        }
        let below_point = std::mem::replace(&mut after_point, false);
        if content == "---" && indent % 4 == 2 {
            yaml = Some(indent);
        } else if let Some(reason) = content.strip_prefix("Bail out!") {
            return Err(format!("Bail out!{reason}"));
        } else if below_point && content.starts_with('#') {
            take_comment(&mut levels, content);
        } else if indent % 4 == 0 {
            take_line(&mut levels, indent / 4, content)?;
            after_point = is_failed_point(content);
        }
    }
    if yaml.is_some() || levels.len() > 1 || levels[0].open.is_some() {
        return Err("it ends inside a test".to_owned());
    }
    let top = levels.remove(0);
    if top.plan.is_none() {
        return Err("it has no plan".to_owned());
    }
    let mut results = Results::default();
    for (name, answer) in closed(top)? {
        results.add(TestName::new(&name), answer);
    }
    Ok(results)
}

fn take_line(levels: &mut Vec<Level>, depth: usize, content: &str) -> Result<(), String> {
    // In version 14 as node-tap writes it, a brace at the end says that the subtests follow.
    let (content, braces) = match content.strip_suffix(" {") {
        Some(content) => (content, true),
        None => (content, false),
    };
    if let Some((name, answer)) = point(content) {
        while levels.len() <= depth {
            levels.push(Level::default());
        }
        let level = &mut levels[depth];
        level.points += 1;
        let number = level.points;
        let name = if name.is_empty() { number.to_string() } else { name };
        if braces {
            level.open = Some((name, answer));
        } else {
            close_below(levels, depth, name, answer)?;
        }
    } else if let Some(count) = plan(content) {
        while levels.len() <= depth {
            levels.push(Level::default());
        }
        if levels[depth].plan.replace(count).is_some() {
            return Err("it has two plans".to_owned());
        }
    } else if content == "}"
        && let Some((name, answer)) = levels.get_mut(depth).and_then(|level| level.open.take())
    {
        close_below(levels, depth, name, answer)?;
    }
    Ok(())
}

/// Adds a point, and the levels below it as its subtests.
fn close_below(levels: &mut Vec<Level>, depth: usize, name: String, answer: Answer) -> Result<(), String> {
    let mut below = Vec::new();
    for level in levels.split_off(depth + 1) {
        below.extend(closed(level)?);
    }
    let answers = &mut levels[depth].answers;
    answers.extend(below.into_iter().map(|(inner, answer)| (format!("{name}{BELOW}{inner}"), answer)));
    answers.push((name, answer));
    Ok(())
}

/// The answers of a level, if its plan holds.
fn closed(level: Level) -> Result<Vec<(String, Answer)>, String> {
    match level.plan {
        Some(plan) if plan != level.points => {
            Err(format!("its plan is {plan} tests, and {} answered", level.points))
        }
        Some(_) | None if level.open.is_some() => Err("it ends inside a test".to_owned()),
        Some(_) | None => Ok(level.answers),
    }
}

/// `1..N`, with or without a reason behind it.
fn plan(content: &str) -> Option<usize> {
    let count = content.strip_prefix("1..")?;
    count.split(' ').next()?.parse().ok()
}

/// `ok 1 - name # SKIP reason`, as name and answer.
fn point(content: &str) -> Option<(String, Answer)> {
    let (failed, rest) = match content.strip_prefix("not ok") {
        Some(rest) => (true, rest),
        None => (false, content.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let (name, directive) = without_directive(rest.trim_start());
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let name = name.strip_prefix('-').unwrap_or(name).trim().replace("\\#", "#");
    let answer = match (directive, failed) {
        (Directive::NotCounted, _) => Answer::Skipped,
        (Directive::None, true) => Answer::Failed { line: String::new() },
        (Directive::None, false) => Answer::Passed,
    };
    Some((name, answer))
}

enum Directive {
    /// `# SKIP` or `# TODO`.
    NotCounted,
    None,
}

/// Cuts off a directive, or the time that some producers write in its place.
fn without_directive(text: &str) -> (&str, Directive) {
    let Some(at) = text.rfind('#').filter(|&at| at == 0 || text[..at].ends_with(' ')) else {
        return (text, Directive::None);
    };
    let word = text[at + 1..].trim_start().to_ascii_lowercase();
    if word.starts_with("skip") || word.starts_with("todo") {
        (&text[..at], Directive::NotCounted)
    } else if word.starts_with("time=") {
        (&text[..at], Directive::None)
    } else {
        (text, Directive::None)
    }
}

/// Whether a line says that a test failed, and counts.
pub(crate) fn is_failed_point(line: &str) -> bool {
    matches!(point(line.trim()), Some((_, Answer::Failed { .. })))
}

/// A comment right below a test that failed says why, where nothing else does: bats and small scripts write so. The name
/// of the next subtest is none of it.
fn take_comment(levels: &mut [Level], content: &str) {
    let comment = content
        .strip_prefix('#')
        .map(str::trim)
        .filter(|text| !text.is_empty() && !text.starts_with("Subtest"));
    let last = levels.last_mut().and_then(|level| level.answers.last_mut());
    if let (Some(comment), Some((_, Answer::Failed { line }))) = (comment, last)
        && line.is_empty()
    {
        *line = comment.to_owned();
    }
}

/// A YAML line `message: …` or `error: …` names the failure of the last point.
fn take_message(levels: &mut [Level], content: &str) {
    let message = content.strip_prefix("message:").or_else(|| content.strip_prefix("error:"));
    let last = levels.last_mut().and_then(|level| level.answers.last_mut());
    if let (Some(message), Some((_, Answer::Failed { line }))) = (message, last) {
        let message = message.trim().trim_matches(['\'', '"', '|', '-', '>']);
        if line.is_empty() {
            *line = message.to_owned();
        }
    } else if let Some((_, Answer::Failed { line })) = levels.last_mut().and_then(|l| l.answers.last_mut()) {
        // `error: |-` has its text on the next line.
        if line.is_empty() && !content.contains(':') {
            *line = content.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn points_directives_and_numbers() {
        let text = "TAP version 13\n1..7\nok 1 - a\nnot ok 2 b\nok 3 - c # SKIP not here\nnot ok 4 - d # TODO later\n\
                    ok\nok 6 - see #12\nok 7 - slow # time=12.3ms\n# a comment\nnoise\n";
        assert_snapshot!(lines(read(text)), @"
        + 5
        + a
        + see #12
        + slow
        - b: 
        ~ c
        ~ d
        ");
    }

    #[test]
    fn subtests_are_tests_of_their_own() {
        let text = "TAP version 14\n# Subtest: outer\n    # Subtest: inner\n    not ok 1 - inner\n      ---\n      \
                    duration_ms: 1\n      error: 'boom: 1'\n      ...\n    ok 2 - other\n    1..2\nnot ok 1 - outer\n  \
                    ---\n  error: |-\n    1 subtest failed\n  ...\n1..1\n";
        assert_snapshot!(lines(read(text)), @"
        + outer > other
        - outer: 1 subtest failed
        - outer > inner: boom: 1
        ");
    }

    #[test]
    fn a_comment_below_a_failed_test_says_why() {
        let text = "1..4\nok 1 - a\n# not of a\nnot ok 2 - b\n# (in test file x.bats, line 3)\n#   `[ 1 = 2 ]' failed\n\
                    not ok 3 - c\n# Subtest: d\nnot ok 4 - d\n# tests 4\n";
        assert_snapshot!(lines(read(text)), @"
        + a
        - b: (in test file x.bats, line 3)
        - c: 
        - d: tests 4
        ");
    }

    #[test]
    fn subtests_in_braces() {
        let text =
            "ok 1 - a # time=1ms {\n    ok 1 - x\n    1..1\n}\nok 2 - b {\n    ok 1 - x\n    1..1\n}\n1..2\n";
        assert_snapshot!(lines(read(text)), @"
        + a
        + a > x
        + b
        + b > x
        ");
    }

    #[test]
    fn what_is_cut_off_or_wrong_is_an_error() {
        for (text, expected) in [
            ("ok 1 - a\n", "it has no plan"),
            ("1..3\nok 1\nok 2\n", "its plan is 3 tests, and 2 answered"),
            ("1..1\nok 1\nok 2\n", "its plan is 1 tests, and 2 answered"),
            ("1..1\n    1..2\n    ok 1\nok 1 - a\n", "its plan is 2 tests, and 1 answered"),
            ("1..1\nok 1\n    ok 1 - lost\n", "it ends inside a test"),
            ("1..1\nok 1\n1..1\n", "it has two plans"),
            ("1..2\nok 1\nBail out! no database\n", "Bail out! no database"),
            ("1..1\nnot ok 1\n  ---\n  message: x\n", "it ends inside a test"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
        assert_eq!(read("1..0 # SKIP nothing here\n").unwrap(), Results::default());
    }
}
