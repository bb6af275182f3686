//! What was sent to agents, word for word.

use serde_json::{Value, json};

use crate::cli::text;
use crate::flow::sent::Sent;
use crate::task::id::shown;

pub(super) fn sent_json(sent: &Sent) -> Value {
    let Sent { role, agent, run, ended, blob, text } = sent;
    json!({"role": role, "agent": agent, "run": run, "ended": ended, "blob": blob, "text": text})
}

/// Each prompt below a line that says whose it was; `git show BLOB` prints one byte for byte.
pub(super) fn prompts(sent: &[Sent]) -> String {
    if sent.is_empty() {
        return "nothing was sent to an agent yet\n".to_owned();
    }
    let mut out = String::new();
    for sent in sent {
        let what = format!("{} by {}, {}: {}", sent.role, sent.agent, sent.run, sent.ended);
        out.push_str(&format!("==> {} (git show {})\n", text::line(&what), text::line(&sent.blob)));
        match &sent.text {
            Some(text) => out.push_str(&format!("{}\n", shown(text))),
            None => out.push_str("(it is not here: another clone has it, or the run was removed)\n\n"),
        }
    }
    out
}
