//! What the gates said, as text and as JSON: the same wherever they are asked.

use serde_json::{Value, json};

use crate::flow::check::{Checked, Says};

use super::context::Context;
use super::text;

/// The verdict, as text or as JSON.
pub(crate) fn say(ctx: &Context, checked: &Checked, explain: bool) {
    ctx.out.success("check", data(checked), || shown(checked, explain), &next(checked));
}

/// What to do where a gate says no. The change is named by its commits, as each machine knows it.
pub(crate) fn next(checked: &Checked) -> Vec<String> {
    let what = match &checked.task {
        Some(id) => id.to_string(),
        None => format!("{}..{}", checked.base.short(), checked.head.short()),
    };
    if checked.refused() { vec![format!("git orch check {what} --explain")] } else { Vec::new() }
}

/// The text for people.
pub(crate) fn shown(checked: &Checked, explain: bool) -> String {
    let mut out = String::new();
    for answer in &checked.answers {
        let word = match answer.says {
            Says::Pass => "ok".to_owned(),
            Says::Neutral => "-".to_owned(),
            Says::No => text::attention("NO"),
        };
        out.push_str(&format!("{:<6}  {word}  {}\n", answer.gate.word(), text::line(&answer.text)));
    }
    for test in &checked.worse {
        out.push_str(&format!("  FAIL {}  {}\n", text::line(&test.name), text::line(&test.line)));
    }
    if let Some(log) = &checked.log {
        out.push_str(&text::log(&log.path, &log.lines));
    }
    for finding in &checked.findings {
        out.push_str(&format!("  {}\n", text::line(&finding.to_string())));
    }
    if explain {
        for line in &checked.explanation {
            out.push_str(&format!("  {}\n", text::line(line)));
        }
    }
    let verdict = if checked.refused() { text::attention("blocked") } else { "may go on".to_owned() };
    out.push_str(&format!("{}: {verdict}\n", text::line(&checked.what)));
    out
}

/// The data of `--json`: the same wherever the gates are asked.
pub(crate) fn data(checked: &Checked) -> Value {
    let worse: Vec<Value> =
        checked.worse.iter().map(|test| json!({ "name": test.name, "line": test.line })).collect();
    let findings: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.as_str(), "file": finding.file, "line": finding.line,
                "title": finding.title, "detail": finding.detail, "reviewer": finding.reviewer,
            })
        })
        .collect();
    let gates: Vec<Value> = checked
        .answers
        .iter()
        .map(
            |answer| json!({ "gate": answer.gate.word(), "verdict": says(answer.says), "text": answer.text }),
        )
        .collect();
    json!({
        "verdict": if checked.refused() { "fail" } else { "pass" },
        "change": checked.what,
        "base": checked.base.as_str(),
        "head": checked.head.as_str(),
        "gates": gates,
        "findings": findings,
        "tests": { "selected": checked.selected, "total": checked.total, "worse": worse },
        "explanation": checked.explanation,
        "cost_usd": checked.cost.map(dollars),
    })
}

fn says(says: Says) -> &'static str {
    match says {
        Says::Pass => "pass",
        Says::Neutral => "neutral",
        Says::No => "fail",
    }
}

fn dollars(micros: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sums of money, far below 2^52 millionths")]
    let value = micros as f64;
    value / 1e6
}
