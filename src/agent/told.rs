//! What a turn's logs tell: the answer, why there is none, and what was used.

use super::{
    AgentError,
    output::{self, Failure, Said, Tokens},
    price,
    turn::{Cost, Turn, TurnResult, Usage},
};
use crate::{
    policy::agents::{AgentEntry, Output},
    process::{Ended, Outcome, last_line},
    task::record::MicroUsd,
};
use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Bytes of an answer that are looked at.
const ANSWER_MAX: u64 = 1 << 20;
/// More than a line that stands for what was left out of a log.
const MARKER: u64 = 256;
/// Bytes of standard error that are looked at.
const ERROR_MAX: u64 = 1 << 16;

/// The logs of a turn.
pub(super) struct Logs {
    pub(super) out: PathBuf,
    pub(super) err: PathBuf,
}

/// What came of a turn that ended.
///
/// # Errors
/// A log cannot be read.
pub(super) fn result(
    entry: Option<&AgentEntry>,
    turn: &Turn,
    outcome: Outcome,
    logs: Logs,
) -> Result<TurnResult, AgentError> {
    let form = entry.map_or(Output::Text, |entry| entry.output);
    // Events may be far longer than the answer in them, and what was used may stand anywhere.
    let (stdout, log_cut) = read_end(&logs.out, turn.log_cap, turn.log_cap + MARKER)
        .map_err(|source| AgentError::file(&logs.out, source))?;
    let (stderr, _) =
        read_end(&logs.err, turn.log_cap, ERROR_MAX).map_err(|source| AgentError::file(&logs.err, source))?;
    let mut said = output::read(form, &stdout, &stderr);
    if outcome.dropped > 0 && form.sums_up() {
        // A sum without what was left out would be too low.
        (said.tokens, said.cost_usd_micros) = (None, None);
    }
    let cost = cost(entry, &said, turn.model.as_deref());
    let last_words = last_words(entry, &outcome, &said, &stderr);
    let suspected = match outcome.ended {
        Ended::Exited(code) if code != 0 && form == Output::Text && entry.is_some() => {
            output::suspected(&stdout, &stderr)
        }
        _ => None,
    };
    let Said { answer, failure, tokens, model, denied, .. } = said;
    let (answer, too_long) = match answer {
        Some(answer) if form == Output::Text => {
            let (end, cut) = end_of(answer);
            (Some(end), cut)
        }
        answer => (answer, false),
    };
    let exit = match outcome.ended {
        Ended::Exited(code) => entry.and_then(|entry| entry.exits.get(&code)),
        Ended::Signaled(_)
        | Ended::TimedOut
        | Ended::Idle
        | Ended::Crowded
        | Ended::Full
        | Ended::Stopped => None,
    };
    // What a program tells in a form of its own says more than its exit code.
    let failure = failure.or_else(|| {
        let exit = exit?;
        Some(Failure::of_exit(exit.kind?, &exit.words, last_words.as_deref()))
    });
    Ok(TurnResult {
        complete: answer.is_some() || failure.is_some(),
        answer: answer.unwrap_or_default(),
        usage: Usage { tokens, cost },
        outcome,
        answer_cut: log_cut || too_long,
        suspected: suspected.filter(|_| failure.is_none()),
        failure,
        denied,
        exit_means: exit.map(|exit| exit.words.clone()),
        model: model_of(entry, model, turn.model.as_deref()),
        log: logs.out,
        error_log: logs.err,
        parts: Vec::new(),
        last_words,
    })
}

/// What a program said last, for people. Where its output has a form of its own, it is standard error, and nothing of a
/// program that ended well: there that is mostly a count of tokens.
fn last_words(entry: Option<&AgentEntry>, outcome: &Outcome, said: &Said, stderr: &str) -> Option<String> {
    let ended_badly = outcome.ended != Ended::Exited(0);
    let of_errors = last_line(stderr).filter(|_| ended_badly);
    of_errors.or_else(|| {
        let form = entry.map_or(Output::Text, |entry| entry.output);
        // What replays recorded changes says what it was told to say.
        let speaks = form == Output::Text && (ended_badly || entry.is_some());
        output::last_words(said.answer.as_deref().filter(|_| speaks)?)
    })
}

/// The model that answered, or that was asked for.
fn model_of(entry: Option<&AgentEntry>, said: Option<String>, asked: Option<&str>) -> Option<String> {
    said.or_else(|| asked.map(str::to_owned)).or_else(|| entry.and_then(|entry| entry.model.clone()))
}

/// What was used in money: by the program's own account, else by a table of prices.
fn cost(entry: Option<&AgentEntry>, said: &Said, asked: Option<&str>) -> Option<Cost> {
    if let Some(micros) = said.cost_usd_micros {
        return Some(Cost::Reported(MicroUsd(micros)));
    }
    let model = model_of(entry, said.model.clone(), asked);
    price::estimate(entry, model.as_deref(), said.tokens.filter(|_| !said.only_sum)).map(Cost::Estimated)
}

/// What the logs of a turn tell, whose end nobody saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) tokens: Option<u64>,
    pub(crate) cost: Option<Cost>,
    pub(crate) model: Option<String>,
}

/// Reads what a turn used from the logs in its folder, as far as they go: the orchestrator was killed, and its agent with
/// it. What a program tells only at its end stays unknown.
pub(crate) fn told_by_logs(entry: Option<&AgentEntry>, folder: &Path, log_cap: u64) -> Told {
    let form = entry.map_or(Output::Text, |entry| entry.output);
    let text =
        |name: &str| read_end(&folder.join(name), log_cap, log_cap).map(|(text, _)| text).unwrap_or_default();
    let (stdout, stderr) = (text("stdout.log"), text("stderr.log"));
    if stdout.trim().is_empty() {
        return Told::default();
    }
    let said = output::read_unfinished(form, &stdout, &stderr);
    let cost = cost(entry, &said, None);
    Told { tokens: said.tokens.map(Tokens::total), cost, model: model_of(entry, said.model, None) }
}

/// Reads the end of a log, where the answer is; tells whether there was more.
fn read_end(log: &Path, cap: u64, most: u64) -> std::io::Result<(String, bool)> {
    let mut file = fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    // Longer than the cap is a log only by the line that stands for what was left out.
    Ok((String::from_utf8_lossy(&bytes).into_owned(), length > most || length > cap))
}

/// The end of a text, as much of it as is looked at; tells whether there was more.
fn end_of(text: String) -> (String, bool) {
    let most = usize::try_from(ANSWER_MAX).unwrap_or(usize::MAX);
    if text.len() <= most {
        return (text, false);
    }
    let mut at = text.len() - most;
    while !text.is_char_boundary(at) {
        at += 1;
    }
    (text[at..].to_owned(), true)
}
