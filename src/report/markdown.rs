//! A report as Markdown, as it is kept with the run: all that the text says, and every command.

use super::{RunReport, Sum, TurnLine, metrics, words};

/// The report as Markdown. What comes from tasks and commands is escaped: it can neither form tables nor links.
pub(crate) fn markdown(report: &RunReport) -> String {
    let metrics = metrics(report);
    let mut out =
        format!("# Run {}\n\n{}\n\n", plain(&report.run.0), plain(&words::verdict(report, &metrics)));
    out.push_str("| figure | value |\n|---|---|\n");
    for (name, figure) in words::figures(&metrics) {
        out.push_str(&format!("| {name} | {} |\n", plain(&figure)));
    }
    if !report.tasks.is_empty() {
        out.push_str("\n## Tasks\n\n");
        out.push_str("| task | title | result | tries | reviews | cost | time | why |\n");
        out.push_str("|---|---|---|--:|--:|--:|--:|---|\n");
    }
    for task in words::worst_first(report) {
        let log = task.log.as_ref().map(|log| format!(" (log: {log})")).unwrap_or_default();
        let before = words::before(task).map(|before| format!(" ({before})")).unwrap_or_default();
        let why = format!("{}{before}{log}", task.why);
        let cells = [
            plain(task.id.as_str()),
            plain(&task.title),
            words::outcome(task.result).to_owned(),
            task.tries.to_string(),
            task.reviews.to_string(),
            plain(&words::dollars(task.cost_usd_micros)),
            words::duration(task.seconds),
            plain(&why),
        ];
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for note in words::notes(report) {
        out.push_str(&format!("\n{}\n", plain(&note)));
    }
    turns(report, &mut out);
    regressions(report, &mut out);
    commands(report, &mut out);
    let (before, after) = (&report.base.before, &report.base.after);
    out.push_str(&format!("\n`{before}` to `{after}` on {}\n", plain(&report.branch)));
    let next: Vec<String> = words::next(report).iter().map(|command| format!("    {command}\n")).collect();
    if !next.is_empty() {
        out.push_str(&format!("\nNext:\n\n{}", next.concat()));
    }
    out
}

/// Every turn: what it cost, by which agent, and why by that one.
fn turns(report: &RunReport, out: &mut String) {
    if report.turns.is_empty() {
        return;
    }
    out.push_str(
        "\n## Turns\n\n| task | role | agent | model | tier | why | tokens | cost | time | ended |\n",
    );
    out.push_str("|---|---|---|---|---|---|--:|--:|--:|---|\n");
    for TurnLine { task, turn } in &report.turns {
        let optional = |text: &Option<String>| plain(text.as_deref().unwrap_or("-"));
        let cost = words::dollars(Sum::of([turn.cost.map(|cost| cost.0)]));
        let cells = [
            plain(task.as_str()),
            plain(&turn.role),
            plain(&turn.agent),
            optional(&turn.model),
            optional(&turn.tier),
            optional(&turn.chosen),
            words::count_short(Sum::of([turn.tokens])),
            if turn.estimated { format!("{cost} (estimated)") } else { cost },
            words::duration(turn.seconds),
            plain(&turn.ended),
        ];
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for (agent, why) in &report.breakers {
        out.push_str(&format!("\n{}: {}\n", plain(agent), plain(why)));
    }
}

fn regressions(report: &RunReport, out: &mut String) {
    if report.regressions.is_empty() {
        return;
    }
    out.push_str("\n## Regressions\n\n| test | task | |\n|---|---|---|\n");
    for regression in &report.regressions {
        let fate = if regression.caught { "caught" } else { "LANDED" };
        out.push_str(&format!("| {} | {} | {fate} |\n", plain(&regression.test), regression.task));
    }
}

fn commands(report: &RunReport, out: &mut String) {
    if report.commands.is_empty() {
        return;
    }
    // Seconds after the start of the run: a clock time would need a time zone.
    out.push_str("\n## Commands\n\n| at | command | time | ended |\n|--:|---|--:|---|\n");
    for command in &report.commands {
        let at = command.started.0.saturating_sub(report.started.0);
        let (what, ended) = (plain(&command.what), plain(&command.ended));
        out.push_str(&format!("| +{at} s | {what} | {} | {ended} |\n", words::duration(command.seconds)));
    }
}

/// One line of text without a meaning in Markdown or HTML.
fn plain(text: &str) -> String {
    let line = words::line(text);
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"), // a mention would notify people
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn one_needs_a_person() {
        insta::assert_snapshot!(markdown(&samples::one_needs_a_person()), @r#"
        # Run r-7k3f

        2 of 3 tasks landed, 1 needs you.

        | figure | value |
        |---|---|
        | tasks landed | 2 of 3 |
        | tests passing | 410 of 412 before, 415 of 415 after |
        | tries per task | 1.6, at most 3 |
        | regressions | 0 landed, 2 caught |
        | cost | $1.64, 123,000 tokens ($2.14 in all) |
        | caught in review | 1 of 2 findings fixed (50 %) |
        | wall time | 1 h 2 min |

        ## Tasks

        | task | title | result | tries | reviews | cost | time | why |
        |---|---|---|--:|--:|--:|--:|---|
        | t-e5f6 | Cache parsed globs | NEEDS YOU | 3 | 2 | $1.24 | 40 min 0 s | 2 tests worse: select::cache\_is\_dropped, select::globs\_meet (before this run: 4 turns, $0.50) (log: .git/orch/logs/t-e5f6/fix-3-nzf6/stderr.log) |
        | t-a1b2 | Read the limit from the settings | landed | 1 | 1 | $0.31 | 3 min 5 s |  |
        | t-c3d4 | Say which file is too large | landed | 1 | 1 | $0.09 | 3 min 5 s |  |

        ## Regressions

        | test | task | |
        |---|---|---|
        | select::cache\_is\_dropped | t-e5f6 | caught |
        | select::globs\_meet | t-e5f6 | caught |

        ## Commands

        | at | command | time | ended |
        |--:|---|--:|---|
        | +600 s | cargo nextest run --profile ci | 1 min 32 s | exit 0 |

        `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` to `bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb` on main

        Next:

            git orch show t-e5f6
            git log --first-parent aaaaaaa..bbbbbbb
        "#);
    }

    #[test]
    fn texts_of_tasks_have_no_meaning_in_markdown() {
        insta::assert_snapshot!(plain("a | b\n<img> [x](y) @all `c` \u{1b}"), @r#"
        a \| b &lt;img> \[x\](y) &#64;all \`c\` \\u{1b}
        "#);
    }
}
