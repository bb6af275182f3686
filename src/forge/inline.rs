//! Which findings are said at their lines: the host refuses a comment outside the change, and people read five at most.

use std::collections::{BTreeMap, BTreeSet};

use crate::task::finding::Severity;

use super::escape::command_value;
use super::finding::Named;
use super::report::Report;

/// Findings that are said at their lines.
const INLINE_MAX: usize = 5;
/// Annotations of each kind that the host shows for one step.
const ANNOTATIONS_MAX: usize = 10;

/// Lines that a change adds, by file, counted from 1.
pub(crate) type Added = BTreeMap<String, BTreeSet<u32>>;

/// A finding and the line where it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inline<'a> {
    pub(crate) named: &'a Named,
    pub(crate) file: &'a str,
    pub(crate) line: u32,
}

/// The lines that a patch of `git diff` adds. Files whose names git has to quote are left out.
pub(crate) fn added_lines(patch: &str) -> Added {
    let mut added = Added::new();
    let (mut file, mut line, mut left): (Option<String>, u32, u64) = (None, 0, 0);
    for text in patch.lines() {
        if left > 0 {
            match text.as_bytes().first() {
                Some(b'+') => {
                    if let Some(file) = &file {
                        added.entry(file.clone()).or_default().insert(line);
                    }
                    line = line.saturating_add(1);
                    left -= 1;
                }
                Some(b'-' | b'\\') => {}
                _ => {
                    line = line.saturating_add(1);
                    left -= 1;
                }
            }
        } else if let Some(name) = text.strip_prefix("+++ ") {
            file = name.strip_prefix("b/").map(|name| name.trim_end_matches('\t').to_owned());
        } else if let Some((start, count)) = text.strip_prefix("@@ ").and_then(hunk) {
            (line, left) = (start, count);
        }
    }
    added
}

/// `-a,b +c,d @@` as `(c, d)`.
fn hunk(text: &str) -> Option<(u32, u64)> {
    let new = text.split(' ').find_map(|word| word.strip_prefix('+'))?;
    let (start, count) = new.split_once(',').unwrap_or((new, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}

/// The findings to be said at their lines, the worst first.
pub(crate) fn inline<'a>(findings: &'a [Named], added: &Added) -> Vec<Inline<'a>> {
    let mut chosen: Vec<Inline<'a>> = findings
        .iter()
        .filter(|named| named.finding.severity >= Severity::High)
        .filter_map(|named| {
            let (file, line) = (named.finding.file.as_deref()?, named.finding.line?);
            added.get(file)?.contains(&line).then_some(Inline { named, file, line })
        })
        .collect();
    chosen.sort_by_key(|inline| std::cmp::Reverse(inline.named.finding.severity));
    chosen.dedup_by(|one, other| one.named.id == other.named.id);
    chosen.truncate(INLINE_MAX);
    chosen
}

/// Workflow commands that mark files and tests in the host's own view; they need no right to write.
pub(crate) fn annotations(report: &Report) -> Vec<String> {
    let command = |kind: &str, file: Option<(&str, Option<u32>)>, title: &str, message: &str| {
        let mut place = String::new();
        if let Some((file, line)) = file {
            place.push_str(&format!("file={},", command_value(file, true)));
            if let Some(line) = line {
                place.push_str(&format!("line={line},"));
            }
        }
        format!("::{kind} {place}title={}::{}", command_value(title, true), command_value(message, false))
    };
    let mut lines = Vec::new();
    for gate in report.gates.iter().filter(|gate| gate.says == super::Says::No) {
        lines.push(command("error", None, &format!("git orch: {}", gate.gate), &gate.text));
    }
    for (name, line) in report.worse.iter().take(ANNOTATIONS_MAX) {
        lines.push(command("error", None, name, line));
    }
    for named in report.findings.iter().take(ANNOTATIONS_MAX) {
        let finding = &named.finding;
        let kind = if finding.severity == Severity::Critical { "error" } else { "warning" };
        let place = finding.file.as_deref().map(|file| (file, finding.line));
        lines.push(command(kind, place, &format!("{} {}", finding.severity, named.id), &finding.title));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "diff --git a/src/cfg.rs b/src/cfg.rs\n--- a/src/cfg.rs\n+++ b/src/cfg.rs\n@@ -86,3 +86,4 @@ fn x\n a\n-b\n+b2\n+++ c\n d\n\\ No newline at end of file\n@@ -200 +201 @@\n-x\n+y\ndiff --git a/gone b/gone\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";

    #[test]
    fn lines_that_a_patch_adds() {
        let added = added_lines(PATCH);
        assert_eq!(added.keys().collect::<Vec<_>>(), ["src/cfg.rs"]);
        assert_eq!(added["src/cfg.rs"].iter().copied().collect::<Vec<_>>(), [87, 88, 201]);
    }

    #[test]
    fn five_at_most_the_worst_first_and_only_where_the_change_is() {
        let report = super::super::sticky::tests::report();
        let added = added_lines(PATCH);
        let chosen = inline(&report.findings, &added);
        assert_eq!(chosen.len(), 1, "line 120 is not part of the change, and a LOW one is not said there");
        assert_eq!((chosen[0].file, chosen[0].line), ("src/cfg.rs", 88));
        let many: Vec<Named> = (0..9)
            .map(|number| {
                let mut finding = report.findings[usize::from(number != 8)].finding.clone();
                finding.title = format!("title {number}");
                finding.line = Some(87);
                Named::new(finding)
            })
            .collect();
        let chosen = inline(&many, &added);
        assert_eq!(chosen.len(), 5);
        assert_eq!(chosen[0].named.finding.severity, Severity::Critical);
    }

    #[test]
    fn annotations_are_workflow_commands() {
        let mut report = super::super::sticky::tests::report();
        report.worse.push(("a::b".to_owned(), "x\n::set-output name=a::b".to_owned()));
        insta::assert_snapshot!(annotations(&report).join("\n"), @"
        ::error title=git orch%3A review::1 CRITICAL
        ::error title=a%3A%3Ab::x%0A::set-output name=a::b
        ::error file=src/cfg.rs,line=88,title=CRITICAL f-94g8m0::token written to the log
        ::warning file=src/cfg.rs,line=120,title=HIGH f-2zehnn::lock held across await, see @ana #12
        ::warning file=src/cfg.rs,line=3,title=LOW f-5xg9zk::name
        ");
    }
}
