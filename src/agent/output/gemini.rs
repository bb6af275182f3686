//! `gemini --output-format json`: one JSON object on standard output, or one with `error` on standard error.
//!
//! It names no cost. Input includes what the host had kept.

use super::fields::number;
use super::said::{Failure, FailureKind, Said, Tokens};
use serde_json::Value;

pub(super) fn read(stdout: &str, stderr: &str) -> Said {
    let out = object_in(stdout);
    let err = object_in(stderr).filter(|value| value["error"].is_object());
    let error = err.as_ref().or(out.as_ref()).map(|value| &value["error"]).filter(|error| error.is_object());
    let failure = error.map(|error| {
        let why = error["message"].as_str().unwrap_or("an error without a message");
        match error["code"].as_u64().map(FailureKind::of_status) {
            Some(kind) if kind != FailureKind::Other => Failure::new(kind, why),
            _ => Failure::of_words(why),
        }
    });
    let models = out.as_ref().and_then(|value| value["stats"]["models"].as_object());
    let tokens = models.filter(|models| !models.is_empty()).map(|models| {
        models.values().fold(Tokens::default(), |sum, model| {
            let tokens = &model["tokens"];
            sum.plus(Tokens {
                input: number(&tokens["prompt"]),
                cached: number(&tokens["cached"]),
                output: number(&tokens["candidates"]) + number(&tokens["thoughts"]),
            })
        })
    });
    Said {
        answer: out.as_ref().and_then(|value| value["response"].as_str()).map(str::to_owned),
        model: models.and_then(|models| models.keys().next().cloned()),
        failure,
        tokens,
        ..Said::default()
    }
}

/// The JSON object that a text ends with; warnings may stand before it.
fn object_in(text: &str) -> Option<Value> {
    let text = text.trim_end();
    let starts =
        text.match_indices('{').map(|(at, _)| at).filter(|&at| at == 0 || text[..at].ends_with('\n'));
    starts.into_iter().find_map(|at| serde_json::from_str(&text[at..]).ok())
}
