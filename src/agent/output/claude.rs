//! `claude --output-format stream-json`: the last `result` tells everything.
//!
//! Its `subtype` says `success` for a call that never reached the model; `is_error` does not. After a stop by budget its
//! `usage` is all 0, and only `modelUsage` has the tokens. Input excludes what the host had kept.

use super::fields::{micros, number, objects, word};
use super::said::{Failure, FailureKind, Said, Tokens};
use serde_json::Value;

pub(super) fn read(stdout: &str) -> Said {
    let Some(result) = objects(stdout).filter(|event| event["type"] == "result").last() else {
        // Ended before its end: what it was told about the model's host is all there is.
        let retry = objects(stdout).filter(|event| event["subtype"] == "api_retry").last();
        let failure = retry.map(|event| {
            let text = format!("{} {}", number(&event["error_status"]), word(&event, "error"));
            Failure::new(FailureKind::of_status(number(&event["error_status"])), &text)
        });
        return Said { failure, ..Said::default() };
    };
    let is_error = result["is_error"].as_bool().unwrap_or(false);
    let answer = result["result"].as_str().map(str::to_owned);
    Said {
        failure: is_error.then(|| failure(&result)).or_else(|| stopped(&result)),
        answer: if is_error { None } else { answer },
        tokens: tokens(&result),
        cost_usd_micros: result["total_cost_usd"].as_f64().and_then(micros),
        model: result["modelUsage"].as_object().and_then(|models| models.keys().next().cloned()),
        denied: result["permission_denials"].as_array().map_or(0, Vec::len),
        ..Said::default()
    }
}

/// Its own limits, which it calls errors or not.
fn stopped(result: &Value) -> Option<Failure> {
    let text = result["errors"][0].as_str().unwrap_or_else(|| word(result, "subtype"));
    match word(result, "subtype") {
        "error_max_turns" => Some(Failure::new(FailureKind::Turns, text)),
        "error_max_budget_usd" => Some(Failure::new(FailureKind::Budget, text)),
        _ => None,
    }
}

fn failure(result: &Value) -> Failure {
    if let Some(stopped) = stopped(result) {
        return stopped;
    }
    let text = result["result"].as_str().or_else(|| result["errors"][0].as_str());
    let text = text.unwrap_or_else(|| word(result, "subtype"));
    match result["api_error_status"].as_u64() {
        Some(status) => Failure::new(FailureKind::of_status(status), text),
        None => Failure::of_words(text),
    }
}

fn tokens(result: &Value) -> Option<Tokens> {
    let usage = &result["usage"];
    let kept = number(&usage["cache_read_input_tokens"]);
    let of_turn = Tokens {
        input: number(&usage["input_tokens"]) + kept + number(&usage["cache_creation_input_tokens"]),
        cached: kept,
        output: number(&usage["output_tokens"]),
    };
    let of_models = result["modelUsage"].as_object().map(|models| {
        models.values().fold(Tokens::default(), |sum, model| {
            let kept = number(&model["cacheReadInputTokens"]);
            sum.plus(Tokens {
                input: number(&model["inputTokens"]) + kept + number(&model["cacheCreationInputTokens"]),
                cached: kept,
                output: number(&model["outputTokens"]),
            })
        })
    });
    match of_models {
        // Helpers of other models count too.
        Some(models) if models.total() >= of_turn.total() => Some(models),
        _ => usage.is_object().then_some(of_turn),
    }
}

/// What a turn without a result had used, at least: the input of each call that it made, and what output was begun.
pub(super) fn so_far(stdout: &str) -> Option<Tokens> {
    let mut calls: Vec<(String, Tokens)> = Vec::new();
    for event in objects(stdout).filter(|event| event["type"] == "assistant") {
        let message = &event["message"];
        let usage = &message["usage"];
        if !usage.is_object() {
            continue;
        }
        let kept = number(&usage["cache_read_input_tokens"]);
        let call = Tokens {
            input: number(&usage["input_tokens"]) + kept + number(&usage["cache_creation_input_tokens"]),
            cached: kept,
            output: number(&usage["output_tokens"]),
        };
        // One message comes in several events, with the same usage or a later one.
        match calls.iter_mut().find(|(id, _)| *id == word(message, "id")) {
            Some((_, known)) => *known = call,
            None => calls.push((word(message, "id").to_owned(), call)),
        }
    }
    (!calls.is_empty()).then(|| calls.iter().fold(Tokens::default(), |sum, (_, call)| sum.plus(*call)))
}
