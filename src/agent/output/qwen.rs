//! `qwen --output-format json`: one JSON array, its last element the result.
//!
//! After a failed call it says success, without an error, and the failure is its answer. Input includes what the host
//! had kept.

use super::fields::{number, word};
use super::said::{Failure, Said, Tokens};
use serde_json::Value;

/// How an answer begins that is a failure.
const FAILED: &str = "[API Error:";

pub(super) fn read(stdout: &str) -> Said {
    let start = stdout.find('[').unwrap_or(stdout.len());
    let Ok(Value::Array(events)) = serde_json::from_str::<Value>(stdout[start..].trim()) else {
        return Said::default();
    };
    let Some(result) = events.iter().rfind(|event| event["type"] == "result") else {
        return Said::default();
    };
    let text = word(result, "result");
    let failed = text.starts_with(FAILED) || result["is_error"].as_bool().unwrap_or(false);
    let why = result["error"]["message"].as_str().filter(|_| text.is_empty()).unwrap_or(text);
    let usage = &result["usage"];
    Said {
        failure: failed.then(|| Failure::of_words(why)),
        answer: result["result"].as_str().filter(|_| !failed).map(str::to_owned),
        tokens: usage.is_object().then(|| Tokens {
            input: number(&usage["input_tokens"]),
            cached: number(&usage["cache_read_input_tokens"]),
            output: number(&usage["output_tokens"]),
        }),
        model: result["stats"]["models"].as_object().and_then(|models| models.keys().next().cloned()),
        denied: result["permission_denials"].as_array().map_or(0, Vec::len),
        ..Said::default()
    }
}
