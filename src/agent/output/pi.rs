//! `pi --mode json`: JSON lines with a usage for each turn. After a call that failed it exits 0; the last turn tells.
//!
//! Input excludes what the host had kept. Cost comes from the prices of the user's own list of models.

use super::fields::{micros, number, objects, word};
use super::said::{Failure, Said, Tokens};
use serde_json::Value;

pub(super) fn read(stdout: &str) -> Said {
    let mut said = Said::default();
    let mut cost = Some(0);
    let (mut last, mut ended) = (Value::Null, false);
    for mut event in objects(stdout) {
        match word(&event, "type") {
            "turn_end" => {
                let message = event["message"].take();
                let usage = &message["usage"];
                if usage.is_object() {
                    let kept = number(&usage["cacheRead"]);
                    let turn = Tokens {
                        input: number(&usage["input"]) + kept + number(&usage["cacheWrite"]),
                        cached: kept,
                        output: number(&usage["output"]),
                    };
                    said.tokens = Some(said.tokens.unwrap_or_default().plus(turn));
                }
                let of_turn = usage["cost"]["total"].as_f64().and_then(micros);
                cost = cost.zip(of_turn).map(|(sum, turn): (u64, u64)| sum.saturating_add(turn));
                last = message;
            }
            "agent_end" => ended = true,
            // It begins anew: after an error that it tries again, for one.
            "agent_start" => ended = false,
            _ => {}
        }
    }
    if last.is_null() {
        return said;
    }
    said.cost_usd_micros = cost;
    said.model = last["model"].as_str().map(str::to_owned);
    match word(&last, "stopReason") {
        "error" | "aborted" => {
            let why = last["errorMessage"].as_str().unwrap_or("an error without a message");
            said.failure = Some(Failure::of_words(why));
        }
        // A turn that ends with a call of a tool has another one after it.
        _ if ended => said.answer = text_of(&last["content"]),
        _ => {}
    }
    said
}

fn text_of(content: &Value) -> Option<String> {
    let parts = content.as_array()?.iter().filter_map(|part| part["text"].as_str());
    Some(parts.collect::<Vec<_>>().join("\n"))
}
