//! How turns and programs ended, in words for people and records.

use std::time::Duration;

use crate::agent::TurnResult;
use crate::process::Ended;
use crate::task::record::TurnRecord;

/// How a turn ended, with all that its program says about it.
pub(super) fn how_it_ended(result: &TurnResult, limit: Duration) -> String {
    let mut parts = vec![ended_in_words(result.outcome.ended, limit)];
    match result.failure.as_ref().or(result.suspected.as_ref()) {
        Some(failure) => parts.push(failure.to_string()),
        None => parts.extend(result.exit_means.clone()),
    }
    if !result.complete {
        parts.push("its output ends without an answer".to_owned());
    }
    match result.denied {
        0 => {}
        1 => parts.push("1 call of a tool was refused".to_owned()),
        many => parts.push(format!("{many} calls of tools were refused")),
    }
    parts.join(", ")
}

/// Why an attempt failed, with the last line of what its program wrote: mostly that is the reason. Where the program told
/// its failure in a form of its own, that stands there already.
pub(super) fn in_its_words(text: String, result: &TurnResult) -> String {
    let told = result.failure.is_some() || result.suspected.is_some();
    match result.last_words.as_deref().filter(|_| !told) {
        Some(words) => format!("{text}: {words}"),
        None => text,
    }
}

/// How a program ended, for people and records.
pub(crate) fn ended_in_words(ended: Ended, limit: Duration) -> String {
    match ended {
        Ended::Exited(code) => format!("exit {code}"),
        Ended::Signaled(signal) => format!("killed by signal {signal}"),
        Ended::TimedOut => format!("ended at its limit of {} s", limit.as_secs()),
        Ended::Idle => "it did nothing for too long (limits.idle)".to_owned(),
        Ended::Crowded => "it had too many processes (sandbox.processes)".to_owned(),
        Ended::Full => "the disk was nearly full (run.disk_mb)".to_owned(),
        Ended::Stopped => TurnRecord::STOPPED.to_owned(),
    }
}
