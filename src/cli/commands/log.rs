//! `git orch log`: what happened, newest first.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::flow::history::Happened;
use crate::flow::project::now;
use crate::task::State;
use crate::task::id::Seconds;

use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{Context, text};

/// What `log` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch log\n  git orch log t-c3v7 --oneline\n  git orch log --since 2h"
)]
pub(crate) struct LogArgs {
    /// Only of this task
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) what: Option<String>,
    /// At most this many
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 30)]
    pub(crate) number: usize,
    /// Only what is younger: 30m, 2h, 7d, or a day such as 2026-11-21
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// One line each
    #[arg(long)]
    pub(crate) oneline: bool,
}

pub(crate) fn run(ctx: &Context, args: &LogArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let now = now();
    let since = args.since.as_deref().map(|text| moment(text, now)).transpose()?;
    let tips = match &args.what {
        Some(what) => vec![project.find(what)?.stored().tip.clone()],
        None => Vec::new(),
    };
    let events = project.happened(&tips, args.number, since)?;
    let data: Vec<_> = events
        .iter()
        .map(|event| {
            json!({"id": event.commit.as_str(), "time": text::rfc3339(event.at), "who": event.who, "task": event.task,
                   "state": event.state, "op": event.op, "text": event.subject})
        })
        .collect();
    let shown = || match (events.is_empty(), &args.since) {
        _ if args.number == 0 => String::new(),
        (true, Some(since)) => format!("Nothing has happened since {}.\n", text::line(since)),
        (true, None) => "Nothing has happened yet.\n".to_owned(),
        (false, _) => render(&events, now, args.oneline),
    };
    ctx.out.success("log", json!({"events": data}), shown, &[]);
    Ok(Exit::Done)
}

fn render(events: &[Happened], now: Seconds, oneline: bool) -> String {
    let mut out = String::new();
    for event in events {
        let (id, at, subject) =
            (event.commit.short(), text::clock(event.at, now), text::line(&event.subject));
        if oneline {
            out.push_str(&format!("{id}  {at}  {subject}\n"));
        } else {
            let said = |state: &str| State::said_of(state).map(|said| format!("  -> {said}"));
            let state = event.state.as_deref().and_then(said).unwrap_or_default();
            out.push_str(&format!("{at}  {subject}{state}\n        {id}  {}\n", text::owner(&event.who)));
        }
    }
    out
}

/// A moment that a person named: how long ago, or a day.
fn moment(text: &str, now: Seconds) -> Result<Seconds, Failure> {
    let refuse = || {
        Failure::bad_value(
            format!("'{}' is no time", text::line(text)),
            "give how long ago, or a day",
            "git orch log --since 2h",
        )
    };
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let zoned = day.to_zoned(jiff::tz::TimeZone::system()).map_err(|_| refuse())?;
        return Ok(Seconds(zoned.timestamp().as_second()));
    }
    let unit = text.chars().last().ok_or_else(refuse)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| refuse())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(refuse()),
    };
    Ok(Seconds(now.0 - number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spans_or_days() {
        let at = |text: &str| moment(text, Seconds(1_000_000)).map(|at| at.0).map_err(|err| err.exit());
        assert_eq!(at("2h"), Ok(1_000_000 - 7200));
        assert_eq!(at("7d"), Ok(1_000_000 - 604_800));
        for bad in ["", "x", "2", "h", "2é"] {
            assert_eq!(at(bad), Err(Exit::Usage), "{bad}");
        }
    }
}
