//! Fields of what programs write: JSON of which any part may be missing.

use serde_json::Value;

/// The JSON objects among the lines; others are passed over: a last line cut short, a warning in between.
pub(super) fn objects(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok()).filter(Value::is_object)
}

/// A whole number; 0 where there is none, as programs leave out what is 0.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub(super) fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Dollars as millionths; `None` for what is no amount.
pub(super) fn micros(dollars: f64) -> Option<u64> {
    let micros = (dollars * 1e6).round();
    // Above 2^53 a float is no longer exact, and nobody's bill is.
    (0.0..9.0e15).contains(&micros).then_some(micros as u64)
}
