//! The job's summary: everything that the comment leaves out.

use super::escape::{code, plain};
use super::report::Report;
use super::sticky::{gate_table, money};

/// Findings, tests and rules that are listed; the host cuts a summary at 1 MiB.
const LISTED_MAX: usize = 200;

/// The summary as Markdown.
pub(crate) fn summary(report: &Report) -> String {
    let mut out = format!("## git orch: {}\n\n", report.headline());
    out.push_str(&gate_table(report));
    if !report.worse.is_empty() {
        out.push_str(&format!("\n### Worse than on {}\n\n| test | |\n|---|---|\n", plain(&report.base, 100)));
        for (name, line) in report.worse.iter().take(LISTED_MAX) {
            out.push_str(&format!("| {} | {} |\n", code(name, 200), plain(line, 200)));
        }
    }
    if !report.findings.is_empty() {
        out.push_str("\n### Findings\n\n| | where | what | by | name |\n|---|---|---|---|---|\n");
        for named in report.findings.iter().take(LISTED_MAX) {
            let finding = &named.finding;
            let place = match (&finding.file, finding.line) {
                (Some(file), Some(line)) => code(&format!("{file}:{line}"), 200),
                (Some(file), None) => code(file, 200),
                (None, _) => String::new(),
            };
            out.push_str(&format!(
                "| {} | {place} | {} | {} | {} |\n",
                finding.severity,
                plain(&finding.title, 200),
                plain(&finding.reviewer, 40),
                named.id
            ));
        }
    }
    if !report.chosen.is_empty() {
        out.push_str("\n### Why these tests\n\n");
        for rule in report.chosen.iter().take(LISTED_MAX) {
            out.push_str(&format!("- {}\n", plain(rule, 300)));
        }
    }
    let cost = report.cost.map_or("unknown".to_owned(), money);
    out.push_str(&format!("\nCommit {}. Cost of the reviews: {cost}.\n", report.head));
    if let Some(number) = report.number {
        let command =
            format!("git fetch origin pull/{number}/head && git orch check {}..{}", report.base, report.head);
        out.push_str(&format!("The same locally: {}\n", code(&command, 200)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary() {
        let mut report = super::super::sticky::tests::report();
        report.worse.push(("net::retry::gives_up".to_owned(), "left: 3, right: 4".to_owned()));
        insta::assert_snapshot!(super::super::sticky::tests::visible(&summary(&report)), @r"
        ## git orch: blocked, 1 critical finding

        | gate | | result |
        |---|---|---|
        | size | ok | 142 lines (\+130 \-12) |
        | paths | ok | 3 files, all where they may be |
        | tests | ok | 52 tests pass |
        | review | **no** | 1 CRITICAL |

        ### Worse than on main

        | test | |
        |---|---|
        | `net::retry::gives_up` | left\: 3, right\: 4 |

        ### Findings

        | | where | what | by | name |
        |---|---|---|---|---|
        | CRITICAL | `src/cfg.rs:88` | token written to the log | safety | f-94g8m0 |
        | HIGH | `src/cfg.rs:120` | lock held across await, see \@¦ana \#¦12 | architecture | f-2zehnn |
        | LOW | `src/cfg.rs:3` | name | quality | f-5xg9zk |

        ### Why these tests

        - src/cfg\.rs \-&gt; cfg\:\: (rule 1)

        Commit f00dbad. Cost of the reviews: $0.42.
        The same locally: `git fetch origin pull/318/head && git orch check main..f00dbad`
        ");
    }
}
