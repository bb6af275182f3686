//! The only writer of the program. Results go to standard output, everything else to standard error.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, OnceLock};

use anstream::AutoStream;
use serde::Serialize;
use serde_json::{Value, json};

use crate::task::id::shown;

use super::failure::Failure;
use super::flags::{Global, When};

/// Where and how a command answers.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    color: anstream::ColorChoice,
    /// Why a part of the answer did not get out.
    lost: Arc<OnceLock<String>>,
}

impl Output {
    /// The output that the global flags ask for.
    pub(crate) fn new(global: &Global) -> Output {
        let color = match global.color {
            When::Auto => anstream::ColorChoice::Auto,
            When::Always => anstream::ColorChoice::Always,
            When::Never => anstream::ColorChoice::Never,
        };
        Output { json: global.json, quiet: global.quiet, color, lost: Arc::default() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether less is to be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether progress may be drawn: a person looks at standard error.
    pub(crate) fn draws(&self) -> bool {
        !self.json && !self.quiet && std::io::stderr().is_terminal()
    }

    /// Whether progress is wanted at all.
    pub(crate) fn says_progress(&self) -> bool {
        !self.json && !self.quiet
    }

    /// The answer of a command that did what it was asked for. `next` are the commands that may follow.
    pub(crate) fn success(
        &self,
        what: &str,
        data: impl Serialize,
        text: impl FnOnce() -> String,
        next: &[String],
    ) {
        if self.json {
            let data = serde_json::to_value(data).unwrap_or(Value::Null);
            self.stdout(&envelope(what, data, next));
        } else {
            self.stdout(&text());
            for command in next {
                self.hint(command);
            }
        }
    }

    /// The answer of a command that did not.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            self.stdout(&format!("{}\n", safe(failure.json())));
        } else {
            self.stderr(&failure.text());
        }
    }

    /// Text for standard output as it is: a diff, a path. Safe to show by then.
    pub(crate) fn stdout(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut stdout = AutoStream::new(std::io::stdout().lock(), self.color);
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // A reader that went away is no error of ours.
            Err(err) if err.kind() != std::io::ErrorKind::BrokenPipe => {
                let _ = self.lost.set(err.to_string());
            }
            Err(_) | Ok(()) => {}
        }
    }

    /// Why standard output did not take the whole answer: a full disk. `None` where it did, or nobody reads on.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// A line of progress.
    pub(crate) fn progress(&self, text: &str) {
        if self.says_progress() {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// Text beside the result, whatever was asked for: a hook's refusal.
    pub(crate) fn note(&self, text: &str) {
        self.stderr(text);
    }

    /// What the user should know though nothing failed.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("warning: {}\n", shown(text)));
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self, text: &str) {
        if self.says_progress() {
            self.stderr(&format!("hint: {}\n", shown(text)));
        }
    }

    /// A question; only asked where somebody can answer.
    pub(crate) fn question(&self, text: &str) {
        self.stderr(text);
    }

    fn stderr(&self, text: &str) {
        let _ = AutoStream::new(std::io::stderr().lock(), self.color).write_all(text.as_bytes());
    }
}

/// One line of JSON around the data of a success.
pub(crate) fn envelope(what: &str, data: Value, next: &[String]) -> String {
    let mut whole = json!({"schema": format!("git-orch/{what}@1"), "ok": true, "data": data});
    if !next.is_empty() {
        whole["next"] = json!(next);
    }
    format!("{}\n", safe(whole))
}

/// The same value with control and bidirectional characters of its strings escaped.
pub(crate) fn safe(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(safe).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (shown(&name), safe(value))).collect())
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn answers_are_envelopes_with_escaped_text() {
        let data = json!({"title": "a\u{1b}[31m\u{202e}b", "list": ["\u{7f}"], "spec": "two\nlines"});
        assert_snapshot!(envelope("task", data, &["git orch run".to_owned()]), @r#"{"data":{"list":["\\u{7f}"],"spec":"two\nlines","title":"a\\u{1b}[31m\\u{202e}b"},"next":["git orch run"],"ok":true,"schema":"git-orch/task@1"}"#);
    }
}
