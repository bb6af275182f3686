//! The one comment on a pull request: edited in place, and only there when there is something to say.

use crate::task::Evidence;
use crate::task::finding::Severity;

use super::escape::{code, plain};
use super::report::{Report, Says};
use super::slash::Order;

/// How the comment is found again, beside who wrote it. People cannot write it by accident, as it is not shown.
pub(crate) const MARKER: &str = "<!-- git-orch:gate v1 -->";
/// Tests and findings that the comment names; the rest is in the job's summary.
const NAMED_MAX: usize = 5;
/// Rules that the fold names.
const RULES_MAX: usize = 8;

/// The comment's text; `None` when everything is clean.
pub(crate) fn sticky(report: &Report) -> Option<String> {
    if report.is_clean() {
        return None;
    }
    let mut out = format!("{MARKER}\n### git orch: {}\n\n", report.headline());
    out.push_str(&gate_table(report));
    let named: Vec<_> = report
        .findings
        .iter()
        .filter(|named| named.finding.severity >= Severity::High)
        .take(NAMED_MAX)
        .collect();
    if !named.is_empty() {
        out.push('\n');
    }
    for named in &named {
        let finding = &named.finding;
        out.push_str(&format!("- **{}** ", finding.severity));
        if let Some(file) = &finding.file {
            let place = finding.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
            out.push_str(&format!("{} ", code(&place, 200)));
        }
        out.push_str(&format!(
            "{} ({}, {})\n",
            plain(&finding.title, 200),
            plain(&finding.reviewer, 40),
            named.id
        ));
    }
    if !report.worse.is_empty() {
        out.push('\n');
    }
    for (name, line) in report.worse.iter().take(NAMED_MAX) {
        out.push_str(&format!("- **FAIL** {} {}\n", code(name, 120), plain(line, 160)));
    }
    if report.worse.len() > NAMED_MAX {
        out.push_str(&format!("- and {} more\n", report.worse.len() - NAMED_MAX));
    }
    out.push_str("\n<details><summary>Why these tests, cost, and how to see it yourself</summary>\n\n");
    for rule in report.chosen.iter().take(RULES_MAX) {
        out.push_str(&format!("- {}\n", plain(rule, 200)));
    }
    if report.chosen.len() > RULES_MAX {
        out.push_str(&format!("- and {} more\n", report.chosen.len() - RULES_MAX));
    }
    if let Some(cost) = report.cost {
        out.push_str(&format!("\nCost {}.\n", money(cost)));
    }
    if let Some(number) = report.number {
        let (base, head) = (&report.base, &report.head);
        out.push_str(&format!(
            "\nCommit {head}. The same result locally: {}\n",
            code(&format!("git fetch origin pull/{number}/head && git orch check {base}..{head}"), 200)
        ));
    }
    out.push_str("\n</details>\n\n");
    out.push_str(match named.first() {
        Some(_) => "Reply `/orch dismiss FINDING why` if one is wrong, `/orch check` to run again.\n",
        None => "Reply `/orch check` to run again, `/orch help` for more.\n",
    });
    Some(out)
}

/// The table of gates.
pub(super) fn gate_table(report: &Report) -> String {
    let mut out = String::from("| gate | | result |\n|---|---|---|\n");
    for gate in &report.gates {
        let says = match gate.says {
            Says::Pass => "ok",
            Says::Neutral => "-",
            Says::No => "**no**",
        };
        out.push_str(&format!("| {} | {says} | {} |\n", gate.gate, plain(&gate.text, 300)));
    }
    out
}

/// How the comment about the queue is found again.
pub(crate) const QUEUE_MARKER: &str = "<!-- git-orch:queue v1 -->";

/// The comment on a pull request that left the queue, until it is queued again.
pub(crate) fn stopped(evidence: &Evidence) -> String {
    let mut out =
        format!("{QUEUE_MARKER}\n### git orch: out of the queue\n\n{}\n", plain(&evidence.text, 400));
    for test in evidence.tests.iter().take(NAMED_MAX) {
        out.push_str(&format!("- **FAIL** {} {}\n", code(&test.name, 120), plain(&test.line, 160)));
    }
    for file in evidence.files.iter().take(NAMED_MAX) {
        out.push_str(&format!("- {}\n", code(file, 200)));
    }
    if let Some(reproduce) = &evidence.reproduce {
        out.push_str(&format!("\nSee it yourself: {}\n", code(reproduce, 200)));
    }
    out.push_str("\nMend it and push, then `/orch approve` or `/orch queue` puts it back.\n");
    out
}

/// What `/orch help` is answered.
pub(crate) fn help() -> String {
    let mut out = String::from("| command | |\n|---|---|\n");
    for (command, what) in Order::HELP {
        out.push_str(&format!("| `{command}` | {what} |\n"));
    }
    out.push_str("\nAt the start of a line, outside of quotes and code.\n");
    out
}

/// How a remark at a line is known again.
pub(crate) fn finding_marker(id: &super::finding::FindingId) -> String {
    format!("<!-- git-orch:finding {id} -->")
}

/// The text of one finding at its line.
pub(crate) fn inline_body(named: &super::finding::Named) -> String {
    let finding = &named.finding;
    let title = plain(&finding.title, 200);
    let mut out = format!("{}\n**{}** {title}\n", finding_marker(&named.id), finding.severity);
    if !finding.detail.trim().is_empty() {
        out.push_str(&format!("\n{}\n", plain(&finding.detail, 1500)));
    }
    out.push_str(&format!(
        "\nReviewer {}. Wrong? `/orch dismiss {} why`\n",
        plain(&finding.reviewer, 40),
        named.id
    ));
    out
}

/// Money for people; a fraction of a cent is a cent.
pub(super) fn money(micros: u64) -> String {
    let cents = micros.div_ceil(10_000);
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::finding::Named;
    use super::super::report::GateLine;
    use super::*;
    use crate::task::finding::Finding;

    /// With a mark for each break that has no width.
    pub(in super::super) fn visible(text: &str) -> String {
        text.replace('\u{200b}', "¦")
    }

    pub(in super::super) fn report() -> Report {
        let finding = |severity, line: u32, title: &str, reviewer: &str| {
            Named::new(Finding {
                severity,
                file: Some("src/cfg.rs".to_owned()),
                line: Some(line),
                title: title.to_owned(),
                detail: "It is read by everybody.".to_owned(),
                reviewer: reviewer.to_owned(),
            })
        };
        let gate = |gate, says, text: &str| GateLine { gate, says, text: text.to_owned() };
        Report {
            number: Some(318),
            head: "f00dbad".to_owned(),
            base: "main".to_owned(),
            gates: vec![
                gate("size", Says::Pass, "142 lines (+130 -12)"),
                gate("paths", Says::Pass, "3 files, all where they may be"),
                gate("tests", Says::Pass, "52 tests pass"),
                gate("review", Says::No, "1 CRITICAL"),
            ],
            findings: vec![
                finding(Severity::Critical, 88, "token written to the log", "safety"),
                finding(Severity::High, 120, "lock held across await, see @ana #12", "architecture"),
                finding(Severity::Low, 3, "name", "quality"),
            ],
            worse: Vec::new(),
            chosen: vec!["src/cfg.rs -> cfg:: (rule 1)".to_owned()],
            cost: Some(420_000),
        }
    }

    #[test]
    fn the_comment() {
        insta::assert_snapshot!(visible(&sticky(&report()).unwrap()), @r"
        <!-- git-orch:gate v1 -->
        ### git orch: blocked, 1 critical finding

        | gate | | result |
        |---|---|---|
        | size | ok | 142 lines (\+130 \-12) |
        | paths | ok | 3 files, all where they may be |
        | tests | ok | 52 tests pass |
        | review | **no** | 1 CRITICAL |

        - **CRITICAL** `src/cfg.rs:88` token written to the log (safety, f-94g8m0)
        - **HIGH** `src/cfg.rs:120` lock held across await, see \@¦ana \#¦12 (architecture, f-2zehnn)

        <details><summary>Why these tests, cost, and how to see it yourself</summary>

        - src/cfg\.rs \-&gt; cfg\:\: (rule 1)

        Cost $0.42.

        Commit f00dbad. The same result locally: `git fetch origin pull/318/head && git orch check main..f00dbad`

        </details>

        Reply `/orch dismiss FINDING why` if one is wrong, `/orch check` to run again.
        ");
    }

    #[test]
    fn a_clean_pull_request_has_none() {
        let clean = Report {
            gates: report().gates.into_iter().filter(|gate| gate.says != Says::No).collect(),
            findings: report()
                .findings
                .into_iter()
                .filter(|named| named.finding.severity == Severity::Low)
                .collect(),
            ..report()
        };
        assert_eq!(sticky(&clean), None);
        assert_eq!(clean.headline(), "may go on");
    }

    #[test]
    fn the_comment_is_short_however_much_there_is_to_say() {
        let many = Report {
            findings: std::iter::repeat_n(report().findings[0].clone(), 300).collect(),
            worse: std::iter::repeat_n(("t".repeat(999), "l".repeat(999)), 300).collect(),
            chosen: std::iter::repeat_n("r".repeat(999), 300).collect(),
            ..report()
        };
        let text = sticky(&many).unwrap();
        assert!(text.lines().count() < 50 && text.len() < 10_000, "{}", text.len());
    }

    #[test]
    fn help_and_replies() {
        insta::assert_snapshot!(help(), @"
        | command | |
        |---|---|
        | `/orch check` | run the gates again |
        | `/orch review [REVIEWER]` | ask the reviewers, or one of them |
        | `/orch approve [COMMIT]` | say yes to this commit, and queue it; not for your own work |
        | `/orch queue [COMMIT] [p0..p4]` | put what somebody else approved into the merge queue |
        | `/orch unqueue` | take it out again |
        | `/orch why` | what it waits for |
        | `/orch dismiss FINDING REASON` | a finding is wrong: it is never said again |
        | `/orch retry` | once more what failed for a reason outside the change |
        | `/orch help` | this list |

        At the start of a line, outside of quotes and code.
        ");
        let mut evidence = Evidence::new(crate::task::Trouble::Worse, "1 test is worse than on main: a::b");
        evidence
            .tests
            .push(crate::task::evidence::FailedTest { name: "a::b".to_owned(), line: "left: 3".to_owned() });
        evidence.reproduce = Some("git orch check pr-7 --only tests".to_owned());
        insta::assert_snapshot!(visible(&stopped(&evidence)), @r"
        <!-- git-orch:queue v1 -->
        ### git orch: out of the queue

        1 test is worse than on main\: a\:\:b
        - **FAIL** `a::b` left\: 3

        See it yourself: `git orch check pr-7 --only tests`

        Mend it and push, then `/orch approve` or `/orch queue` puts it back.
        ");
        insta::assert_snapshot!(visible(&inline_body(&report().findings[1])), @r"
        <!-- git-orch:finding f-2zehnn -->
        **HIGH** lock held across await, see \@¦ana \#¦12

        It is read by everybody\.

        Reviewer architecture. Wrong? `/orch dismiss f-2zehnn why`
        ");
    }
}
