//! `codex exec --json`: JSON lines. Usage grows over the session, so the last one counts; killed, it names none.
//!
//! Neither an event nor an item of type `error` ends a turn: only `turn.failed` does.

use super::fields::{number, objects, word};
use super::said::{Failure, Said, Tokens};

pub(super) fn read(stdout: &str) -> Said {
    let mut said = Said::default();
    let mut completed = false;
    let mut last_error = None;
    for event in objects(stdout) {
        match word(&event, "type") {
            "item.completed" if event["item"]["type"] == "agent_message" => {
                said.answer = event["item"]["text"].as_str().map(str::to_owned);
            }
            "turn.completed" => {
                completed = true;
                let usage = &event["usage"];
                said.tokens = usage.is_object().then(|| Tokens {
                    input: number(&usage["input_tokens"]),
                    cached: number(&usage["cached_input_tokens"]),
                    output: number(&usage["output_tokens"]),
                });
            }
            "turn.failed" => {
                completed = false;
                said.failure = event["error"]["message"].as_str().map(Failure::of_words);
            }
            "turn.started" => said.failure = None,
            "error" => last_error = event["message"].as_str().map(str::to_owned),
            _ => {}
        }
    }
    if !completed {
        // What it said on the way is no final answer.
        said.answer = None;
        said.failure = said.failure.or_else(|| last_error.map(|text| Failure::of_words(&text)));
    }
    said
}
