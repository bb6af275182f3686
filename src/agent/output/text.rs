//! Any command: all of its output is the answer, and the last line may tell what was used.

use super::{Said, Tokens, micros};
use serde::Deserialize;

/// The last line by which a command may tell what it used: `{"git-orch-usage":{"tokens":N,"cost_usd":0.12}}`.
#[derive(Deserialize)]
struct UsageLine {
    #[serde(rename = "git-orch-usage")]
    usage: UsageWire,
}

#[derive(Deserialize)]
struct UsageWire {
    tokens: Option<u64>,
    cost_usd: Option<f64>,
}

pub(super) fn read(stdout: &str) -> Said {
    let trimmed = stdout.trim_end();
    let (rest, last) = trimmed.rsplit_once('\n').unwrap_or(("", trimmed));
    let Ok(UsageLine { usage: UsageWire { tokens, cost_usd } }) = serde_json::from_str(last) else {
        return Said { answer: Some(stdout.to_owned()), ..Said::default() };
    };
    Said {
        answer: Some(rest.to_owned()),
        tokens: tokens.map(|tokens| Tokens { input: tokens, ..Tokens::default() }),
        cost_usd_micros: cost_usd.and_then(micros),
        ..Said::default()
    }
}
