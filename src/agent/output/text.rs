//! Any command: all of its output is the answer, and the last line may tell what was used.

use super::{Said, Tokens, micros};
use serde::Deserialize;

/// The last line by which a command may tell what it used: `{"git-orch-usage":{"tokens":N,"cost_usd":0.12}}`, or with
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
    let Ok(UsageLine { usage }) = serde_json::from_str(last) else {
        return Said { answer: Some(stdout.to_owned()), ..Said::default() };
    };
    Said {
        answer: Some(rest.to_owned()),
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
