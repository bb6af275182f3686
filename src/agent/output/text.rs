//! Any command: all of its output is the answer, and the last line may tell what was used.

use super::fields::micros;
use super::said::{Said, Tokens};
use crate::process::last_line;
use serde::Deserialize;

/// What begins a line about usage.
const MARK: &str = "{\"git-orch-usage\"";

/// The line by which a command may tell what it used, the last one of its kind counts: `{"git-orch-usage":{"tokens":N,"cost_usd":0.12}}`, or with
/// `input`, `cached` (a part of it) and `output` in place of `tokens`.
#[derive(Deserialize)]
struct UsageLine {
    #[serde(rename = "git-orch-usage")]
    usage: UsageWire,
}

#[derive(Deserialize)]
struct UsageWire {
    tokens: Option<u64>,
    input: Option<u64>,
    #[serde(default)]
    cached: u64,
    #[serde(default)]
    output: u64,
    cost_usd: Option<f64>,
}

/// Longest last paragraph that is quoted whole: two lines of a terminal.
const PARAGRAPH_MAX: usize = 160;

/// What a command's answer ends with, for people: its last paragraph where that is short, else its last line. Lines for
/// programs (usage, an entry of the changelog, JSON) say nothing of how it went.
pub(in crate::agent) fn last_words(answer: &str) -> Option<String> {
    let for_programs = |line: &str| line.starts_with(MARK) || line.starts_with("Changelog:") || is_json(line);
    let lines: Vec<&str> = answer.lines().map(str::trim).filter(|line| !for_programs(line)).collect();
    let says = |line: &&&str| line.contains(char::is_alphanumeric);
    let end = lines.iter().rposition(|line| says(&line))?;
    let start = lines[..end].iter().rposition(|line| !says(&line)).map_or(0, |at| at + 1);
    let paragraph = lines[start..=end].join(" ");
    if paragraph.chars().count() <= PARAGRAPH_MAX { Some(paragraph) } else { last_line(lines[end]) }
}

fn is_json(line: &str) -> bool {
    line.starts_with('{') && line.ends_with('}')
}

pub(super) fn read(stdout: &str) -> Said {
    let trimmed = stdout.trim_end();
    let (rest, last) = trimmed.rsplit_once('\n').unwrap_or(("", trimmed));
    // One that was ended in the middle told what it had used by then.
    let told = |line: &str| serde_json::from_str(line).ok().filter(|_| line.starts_with(MARK));
    let (answer, usage) = match serde_json::from_str(last) {
        Ok(UsageLine { usage }) => (rest, Some(usage)),
        Err(_) => (stdout, stdout.lines().rev().find_map(told).map(|UsageLine { usage }| usage)),
    };
    let answer = Some(answer.to_owned());
    let Some(usage) = usage else { return Said { answer, ..Said::default() } };
    Said {
        answer,
        tokens: match (usage.input, usage.tokens) {
            (Some(input), _) => Some(Tokens { input, cached: usage.cached, output: usage.output }),
            (None, Some(sum)) => Some(Tokens { input: sum, ..Tokens::default() }),
            (None, None) => None,
        },
        only_sum: usage.input.is_none(),
        cost_usd_micros: usage.cost_usd.and_then(micros),
        ..Said::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_those_for_people() {
        let words = |answer: &str| last_words(answer);
        let usage = "{\"git-orch-usage\":{\"tokens\":3}}";
        let answer = format!(
            "Looked at it.\n\nThere is no such function.\nNothing was changed.\n\nChangelog: x\n{usage}\n"
        );
        assert_eq!(words(&answer).as_deref(), Some("There is no such function. Nothing was changed."));
        assert_eq!(words("step 1\n----\nstep 2\n----\n").as_deref(), Some("step 2"));
        let log = format!("{}the end\n", "a line of a log\n".repeat(50));
        assert_eq!(words(&log).as_deref(), Some("the end"));
        assert_eq!(words(&format!("\n{usage}\n")), None);
    }
}
