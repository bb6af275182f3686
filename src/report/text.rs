//! A report for a terminal of 80 columns: the verdict, the figures, the tasks worst first.

use super::{RunReport, TaskLine, agents::by_agent, metrics, words};
use crate::task::id::shown;
use crate::task::words::counted;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a line.
const WIDTH: usize = 80;
/// Most columns of a task's id.
const ID_MAX: usize = 20;
/// Most lines of a task's reason.
const WHY_LINES: usize = 3;

/// The report as text. Each line ends with a line feed and has no blanks at its end. What to do next is [`super::next`].
pub(crate) fn text(report: &RunReport) -> String {
    let metrics = metrics(report);
    let mut lines = wrapped(&words::verdict(report, &metrics), "");
    lines.push(String::new());
    for (name, figure) in words::figures(&metrics) {
        lines.push(format!("  {name:<16}  {figure}"));
    }
    if !report.tasks.is_empty() {
        lines.push(String::new());
        let ids =
            report.tasks.iter().map(|task| task.id.as_str().width()).max().unwrap_or(0).clamp(4, ID_MAX);
        lines.push(row(ids, "task", "result", ["tries", "cost", "time"], "title"));
        lines.extend(words::worst_first(report).into_iter().flat_map(|line| task(ids, line)));
    }
    lines.extend(agents(report));
    lines.push(String::new());
    lines.extend(words::notes(report).iter().flat_map(|note| wrapped(&words::line(note), "")));
    lines.push(format!(
        "run {}, {} {} -> {}, {}",
        shown(&report.run.0),
        shown(&report.branch),
        report.base.before.short(),
        report.base.after.short(),
        counted(report.commands.len(), "command")
    ));
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The agents, where there were several or one of them was held back.
fn agents(report: &RunReport) -> Vec<String> {
    let agents = by_agent(report);
    let mut lines = Vec::new();
    if agents.len() > 1 {
        let names = agents.iter().map(|sum| sum.agent.width()).max().unwrap_or(0).clamp(5, ID_MAX);
        let row = |cells: [&str; 6]| {
            let [agent, tier, turns, cost, tokens, time] = cells;
            let agent = fitted(agent, names);
            format!("  {agent:<names$}  {tier:<9}  {turns:>5}  {cost:>9}  {tokens:>11}  {time:>11}")
        };
        lines.extend([String::new(), row(["agent", "tier", "turns", "cost", "tokens", "time"])]);
        for sum in agents {
            let cost = format!("{}{}", if sum.estimated { "~" } else { "" }, words::dollars_short(sum.cost));
            let (turns, tokens) = (sum.turns.to_string(), words::count_short(sum.tokens));
            let time = words::duration(sum.seconds);
            lines.push(row([&words::line(sum.agent), sum.tier, &turns, &cost, &tokens, &time]));
        }
    }
    if !report.breakers.is_empty() {
        lines.push(String::new());
    }
    for (agent, why) in &report.breakers {
        lines.extend(wrapped(&words::line(&format!("{agent}: {why}")), "  "));
    }
    lines
}

/// A task's line, and its reason below it.
fn task(ids: usize, task: &TaskLine) -> Vec<String> {
    let cost = match task.turns {
        0 => "-".to_owned(),
        _ => words::dollars_short(task.cost_usd_micros),
    };
    let tries = task.tries.to_string();
    let figures = [tries.as_str(), &cost, &words::duration(task.seconds)];
    let title = words::line(&task.title);
    let mut lines = vec![row(ids, task.id.as_str(), words::outcome(task.result), figures, &title)];
    let mut why = wrapped(&words::line(&task.why), "      ");
    if why.len() > WHY_LINES {
        why.truncate(WHY_LINES);
        if let Some(last) = why.last_mut() {
            *last = format!("{}…", fitted(last, WIDTH - 1).trim_end_matches('…'));
        }
    }
    lines.extend(why);
    lines.extend(words::before(task).map(|before| format!("      {before}")));
    lines.extend(task.log.as_deref().map(|log| format!("      log: {}", words::line(log))));
    lines
}

fn row(ids: usize, id: &str, result: &str, [tries, cost, time]: [&str; 3], title: &str) -> String {
    let id = fitted(id, ids);
    let start = format!("  {id:<ids$}  {result:<9}  {tries:>5}  {cost:>8}  {time:>11}  ");
    let room = WIDTH.saturating_sub(start.width());
    format!("{start}{}", fitted(title, room))
}

/// The text in at most `columns`, with `…` where something is missing.
fn fitted(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1; // the ellipsis
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    format!("{}…", out.trim_end())
}

/// The text in lines of at most `WIDTH`, each behind `indent`. A word that is longer is cut.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = fitted(word, WIDTH - indent.len());
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= WIDTH => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(_) | None => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn all_landed() {
        insta::assert_snapshot!(text(&samples::all_landed()), @r#"
        All 2 landed.

          tasks landed      2 of 2
          tests passing     410 of 412 before, 415 of 415 after
          tries per task    1.0, at most 1
          regressions       none
          cost              $0.62, 82,000 tokens
          caught in review  no CRITICAL or HIGH finding
          wall time         12 min 34 s

          task    result     tries      cost         time  title
          t-a1b2  landed         1     $0.31    3 min 5 s  Read the limit from the sett…
          t-c3d4  landed         1     $0.31    3 min 5 s  Say which file is too large

        run r-7k3f, main aaaaaaa -> bbbbbbb, 1 command
        "#);
    }

    #[test]
    fn one_needs_a_person() {
        insta::assert_snapshot!(text(&samples::one_needs_a_person()), @r#"
        2 of 3 tasks landed, 1 needs you.

          tasks landed      2 of 3
          tests passing     410 of 412 before, 415 of 415 after
          tries per task    1.6, at most 3
          regressions       0 landed, 2 caught
          cost              $1.64, 123,000 tokens ($2.14 in all)
          caught in review  1 of 2 findings fixed (50 %)
          wall time         1 h 2 min

          task    result     tries      cost         time  title
          t-e5f6  NEEDS YOU      3     $1.24   40 min 0 s  Cache parsed globs
              2 tests worse: select::cache_is_dropped, select::globs_meet
              before this run: 4 turns, $0.50
              log: .git/orch/logs/t-e5f6/fix-3-nzf6/stderr.log
          t-a1b2  landed         1     $0.31    3 min 5 s  Read the limit from the sett…
          t-c3d4  landed         1     $0.09    3 min 5 s  Say which file is too large

        run r-7k3f, main aaaaaaa -> bbbbbbb, 1 command
        "#);
    }

    #[test]
    fn interrupted() {
        insta::assert_snapshot!(text(&samples::interrupted()), @r#"
        None of 2 tasks landed. The run was interrupted.

          tasks landed      0 of 2
          tests passing     410 of 412 before, unknown after
          tries per task    1.0, at most 1
          regressions       none
          cost              $0.31, 41,000 tokens
          caught in review  no CRITICAL or HIGH finding
          wall time         12 min 34 s

          task    result     tries      cost         time  title
          t-a1b2  waiting        1     $0.31    3 min 5 s  Read the limit from the sett…
              its agent was stopped; what it made is kept
          t-c3d4  waiting        0         -          0 s  Say which file is too large
              not started

        run r-7k3f, main aaaaaaa -> aaaaaaa, 1 command
        "#);
    }

    #[test]
    fn unknown_cost() {
        insta::assert_snapshot!(text(&samples::unknown_cost()), @r#"
        All 2 landed.

          tasks landed      2 of 2
          tests passing     410 of 412 before, 415 of 415 after
          tries per task    1.0, at most 1
          regressions       none
          cost              at least $0.31, at least 41,000 tokens
          caught in review  no CRITICAL or HIGH finding
          wall time         12 min 34 s

          task    result     tries      cost         time  title
          t-a1b2  landed         1     $0.31    3 min 5 s  Read the limit from the sett…
          t-c3d4  landed         1   unknown    3 min 5 s  Say which file is too large

        run r-7k3f, main aaaaaaa -> bbbbbbb, 1 command
        "#);
    }

    #[test]
    fn every_line_fits_and_no_text_of_a_task_moves_the_terminal() {
        let mut report = samples::one_needs_a_person();
        for task in &mut report.tasks {
            task.why = format!("{} {}", "\u{1b}[2J wide 漢字 text\r\n".repeat(20), "漢".repeat(90));
            task.title = task.why.clone();
            task.cost_usd_micros = crate::report::Sum::AtLeast(99_999_000_000);
            task.seconds = 9_999_999;
        }
        let text = text(&report);
        assert!(!text.contains('\u{1b}') && !text.contains('\r'));
        // A path is copied: it stands in one piece, however long.
        for line in text.lines().filter(|line| !line.starts_with("      log: ")) {
            assert!(line.width() <= WIDTH, "{line}");
        }
    }
}
