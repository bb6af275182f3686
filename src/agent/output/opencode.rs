//! `opencode run --format json`: JSON lines without a final event, so the steps are summed up.
//!
//! Input excludes what the host had kept. Cost comes from the prices of the user's own settings.

use super::fields::{micros, number, objects, word};
use super::said::{Failure, FailureKind, Said, Tokens};

pub(super) fn read(stdout: &str) -> Said {
    let mut said = Said::default();
    let (mut cost, mut text, mut ended) = (Some(0), None, false);
    for event in objects(stdout) {
        let part = &event["part"];
        match word(&event, "type") {
            "step_start" => ended = false,
            "text" => text = part["text"].as_str().map(str::to_owned),
            "tool_use" if part["state"]["status"] == "error" => said.denied += 1,
            "step_finish" => {
                let tokens = &part["tokens"];
                let kept = number(&tokens["cache"]["read"]);
                said.tokens = Some(said.tokens.unwrap_or_default().plus(Tokens {
                    input: number(&tokens["input"]) + kept + number(&tokens["cache"]["write"]),
                    cached: kept,
                    output: number(&tokens["output"]) + number(&tokens["reasoning"]),
                }));
                let step = part["cost"].as_f64().and_then(micros);
                cost = cost.zip(step).map(|(sum, step): (u64, u64)| sum.saturating_add(step));
                ended = word(part, "reason") != "tool-calls";
            }
            "error" => {
                let data = &event["error"]["data"];
                let why = data["message"].as_str().or_else(|| event["error"]["name"].as_str());
                let why = why.unwrap_or("an error without a message");
                said.failure = Some(match data["statusCode"].as_u64() {
                    Some(status) => Failure::new(FailureKind::of_status(status), &format!("{status} {why}")),
                    None => Failure::of_words(why),
                });
            }
            _ => {}
        }
    }
    said.cost_usd_micros = cost.filter(|_| said.tokens.is_some());
    said.answer = text.filter(|_| ended && said.failure.is_none());
    said
}
