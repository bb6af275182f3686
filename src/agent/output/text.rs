//! Any command: all of its output is the answer, and the last line may tell what was used.

use super::fields::micros;
use super::said::{Said, Tokens};
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
