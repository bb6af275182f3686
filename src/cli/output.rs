//! A stand-in for the one place that prints.

use std::io::Write as _;

use serde_json::Value;

/// Where answers go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

impl Output {
    /// Prints a result: text for people, or data in an envelope.
    pub(crate) fn answer(&self, what: &str, ok: bool, data: &Value, text: &str) {
        let line = match self.json {
            true => {
                let schema = format!("git-orch/{what}@1");
                format!("{}\n", serde_json::json!({ "schema": schema, "ok": ok, "data": data }))
            }
            false => text.to_owned(),
        };
        // Without a reader nobody misses it.
        let _ = std::io::stdout().write_all(line.as_bytes());
    }

    /// Prints something beside the result.
    pub(crate) fn aside(&self, text: &str) {
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
