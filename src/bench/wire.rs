//! The files: a trace and a result, each as JSON lines with a header. Fields that are not known are ignored.

use super::trace::{Change, ChangeId, Decision, Model, Outcome, Played, RunRecord, Signals, Trace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const TRACE: &str = "git-orch/queue-trace@1";
const RESULT: &str = "git-orch/queue-result@1";

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct BadLine {
    pub(crate) line: usize,
    pub(crate) why: String,
}

#[derive(Serialize, Deserialize)]
struct TraceHeader {
    trace: String,
    name: String,
    seed: u64,
    slots: usize,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<f64>,
    changes: usize,
    failure_rate: f64,
    conflict_rate: ConflictRate,
    #[serde(flatten)]
    signals: SignalsLine,
}

#[derive(Serialize, Deserialize)]
struct ConflictRate {
    overlapping: f64,
    disjoint: f64,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct SignalsLine {
    early: bool,
    risk: bool,
    suspects: bool,
}

#[derive(Serialize, Deserialize)]
struct ChangeLine {
    id: ChangeId,
    arrives: f64,
    based_at: f64,
    footprint: Vec<u32>,
    minutes: f64,
    suite_minutes: f64,
    defect: bool,
    conflicts: Vec<ChangeId>,
    #[serde(default)]
    risk: f64,
    #[serde(default = "whole")]
    early: f64,
    #[serde(default)]
    speaks: bool,
}

fn whole() -> f64 {
    1.0
}

#[derive(Serialize, Deserialize)]
struct ResultHeader {
    result: String,
    trace: String,
    policy: String,
    uses: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct RunLine {
    run: u32,
    start: f64,
    end: f64,
    members: Vec<ChangeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subjects: Option<Vec<ChangeId>>,
    outcome: OutcomeWord,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum OutcomeWord {
    Pass,
    Fail,
    Cancelled,
}

#[derive(Serialize, Deserialize)]
struct DecisionLine {
    change: ChangeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    landed_at: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ejected_at: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    runs: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ResultLine {
    Run(RunLine),
    Decision(DecisionLine),
}

fn line<'a, T: Deserialize<'a>>(number: usize, text: &'a str) -> Result<T, BadLine> {
    serde_json::from_str(text).map_err(|err| BadLine { line: number, why: err.to_string() })
}

/// Lines with their numbers, without empty ones.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

/// Reads a trace file.
///
/// # Errors
/// The first line that is no JSON of this format, or that contradicts the others.
pub(crate) fn read_trace(text: &str) -> Result<Trace, BadLine> {
    let mut lines = lines(text);
    let bad = |line: usize, why: &str| Err(BadLine { line, why: why.to_owned() });
    let Some((first, header)) = lines.next() else { return bad(1, "the file is empty") };
    let header: TraceHeader = line(first, header)?;
    if header.trace != TRACE {
        return bad(first, &format!("the header's \"trace\" is {:?}, not {TRACE:?}", header.trace));
    }
    let model = match (header.model.as_str(), header.cap) {
        ("suite", _) => Model::Suite,
        ("longest", _) => Model::Longest,
        ("sum", Some(cap)) => Model::Sum { cap },
        ("sum", None) => return bad(first, "model \"sum\" needs \"cap\""),
        (other, _) => return bad(first, &format!("model {other:?} is not suite, longest or sum")),
    };
    if header.slots == 0 {
        return bad(first, "there must be at least one slot");
    }
    let SignalsLine { early, risk, suspects } = header.signals;
    let mut trace = Trace {
        name: header.name,
        seed: header.seed,
        slots: header.slots,
        model,
        failure_rate: header.failure_rate,
        overlapping: header.conflict_rate.overlapping,
        disjoint: header.conflict_rate.disjoint,
        signals: Signals { early, risk, suspects },
        changes: Vec::new(),
    };
    let mut last = first;
    for (number, text) in lines {
        let next: ChangeLine = line(number, text)?;
        if let Some(why) = contradiction(&trace, &next) {
            return Err(BadLine { line: number, why });
        }
        last = number;
        trace.changes.push(Change {
            arrives: next.arrives,
            based_at: next.based_at,
            footprint: next.footprint,
            minutes: next.minutes,
            suite_minutes: next.suite_minutes,
            defect: next.defect,
            conflicts: next.conflicts,
            risk: next.risk,
            early: next.early,
            speaks: next.speaks,
        });
    }
    if trace.changes.len() != header.changes {
        let (found, said) = (trace.changes.len(), header.changes);
        return bad(last, &format!("the file ends after {found} changes, the header says {said}"));
    }
    Ok(trace)
}

/// What is wrong with the next change of a trace.
fn contradiction(trace: &Trace, next: &ChangeLine) -> Option<String> {
    let id = next.id;
    let expected = trace.changes.len();
    let share = |value: f64| (0.0..=1.0).contains(&value);
    let why = if id as usize != expected {
        format!("change {expected} should stand here")
    } else if trace.changes.last().is_some_and(|before| next.arrives < before.arrives) || next.arrives < 0.0 {
        "changes must be in order of arrival, from minute 0".to_owned()
    } else if next.based_at > next.arrives {
        "\"based_at\" is later than \"arrives\"".to_owned()
    } else if next.footprint.is_empty() || next.footprint.windows(2).any(|two| two[0] >= two[1]) {
        "\"footprint\" must be ascending and not empty".to_owned()
    } else if !(next.minutes > 0.0 && next.suite_minutes > 0.0) {
        "\"minutes\" and \"suite_minutes\" must be above 0".to_owned()
    } else if next.conflicts.iter().any(|&other| other >= id) {
        "\"conflicts\" may only name earlier changes".to_owned()
    } else if !share(next.risk) || !share(next.early) {
        "\"risk\" and \"early\" must be 0 to 1".to_owned()
    } else {
        return None;
    };
    Some(why)
}

/// Writes a trace file.
pub(crate) fn write_trace(trace: &Trace) -> String {
    let (model, cap) = match trace.model {
        Model::Suite => ("suite", None),
        Model::Longest => ("longest", None),
        Model::Sum { cap } => ("sum", Some(cap)),
    };
    let Signals { early, risk, suspects } = trace.signals;
    let header = TraceHeader {
        trace: TRACE.to_owned(),
        name: trace.name.clone(),
        seed: trace.seed,
        slots: trace.slots,
        model: model.to_owned(),
        cap,
        changes: trace.changes.len(),
        failure_rate: trace.failure_rate,
        conflict_rate: ConflictRate { overlapping: trace.overlapping, disjoint: trace.disjoint },
        signals: SignalsLine { early, risk, suspects },
    };
    let changes = trace.ids().map(|id| {
        let change = trace.change(id);
        text_of(&ChangeLine {
            id,
            arrives: change.arrives,
            based_at: change.based_at,
            footprint: change.footprint.clone(),
            minutes: change.minutes,
            suite_minutes: change.suite_minutes,
            defect: change.defect,
            conflicts: change.conflicts.clone(),
            risk: change.risk,
            early: change.early,
            speaks: change.speaks,
        })
    });
    std::iter::once(text_of(&header)).chain(changes).collect()
}

/// Writes a result file.
pub(crate) fn write_result(trace: &Trace, played: &Played) -> String {
    let mut counts: BTreeMap<ChangeId, usize> = BTreeMap::new();
    for id in played.runs.iter().flat_map(|run| &run.members) {
        *counts.entry(*id).or_default() += 1;
    }
    let header = ResultHeader {
        result: RESULT.to_owned(),
        trace: trace.name.clone(),
        policy: played.policy.clone(),
        uses: played.uses.clone(),
    };
    let runs = played.runs.iter().map(|run| {
        text_of(&RunLine {
            run: run.run,
            start: run.start,
            end: run.end,
            members: run.members.clone(),
            subjects: run.subjects.clone(),
            outcome: match run.outcome {
                Outcome::Pass => OutcomeWord::Pass,
                Outcome::Fail => OutcomeWord::Fail,
                Outcome::Cancelled => OutcomeWord::Cancelled,
            },
        })
    });
    let decisions = played.decided.iter().map(|decision| {
        text_of(&DecisionLine {
            change: decision.change,
            landed_at: decision.landed.then_some(decision.at),
            ejected_at: (!decision.landed).then_some(decision.at),
            runs: Some(counts.get(&decision.change).copied().unwrap_or(0)),
        })
    });
    std::iter::once(text_of(&header)).chain(runs).chain(decisions).collect()
}

/// Reads a result file, of whatever queue made it.
///
/// # Errors
/// The first line that is no JSON of this format, or says of a change neither or both that it landed and was ejected.
pub(crate) fn read_result(text: &str) -> Result<Played, BadLine> {
    let mut lines = lines(text);
    let bad = |line: usize, why: &str| Err(BadLine { line, why: why.to_owned() });
    let Some((first, header)) = lines.next() else { return bad(1, "the file is empty") };
    let header: ResultHeader = line(first, header)?;
    if header.result != RESULT {
        return bad(first, &format!("the header's \"result\" is {:?}, not {RESULT:?}", header.result));
    }
    let mut played = Played { policy: header.policy, uses: header.uses, ..Played::default() };
    for (number, text) in lines {
        match line(number, text)? {
            ResultLine::Run(run) => played.runs.push(RunRecord {
                run: run.run,
                start: run.start,
                end: run.end,
                members: run.members,
                subjects: run.subjects,
                outcome: match run.outcome {
                    OutcomeWord::Pass => Outcome::Pass,
                    OutcomeWord::Fail => Outcome::Fail,
                    OutcomeWord::Cancelled => Outcome::Cancelled,
                },
            }),
            ResultLine::Decision(decision) => {
                let (at, landed) = match (decision.landed_at, decision.ejected_at) {
                    (Some(at), None) => (at, true),
                    (None, Some(at)) => (at, false),
                    (None, None) => continue, // undecided at the end
                    (Some(_), Some(_)) => return bad(number, "landed and ejected"),
                };
                played.decided.push(Decision { change: decision.change, at, landed });
            }
        }
    }
    Ok(played)
}

fn text_of<T: Serialize>(line: &T) -> String {
    // Plain structs with string keys and finite numbers always have a JSON form.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
