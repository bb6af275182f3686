//! What `text` and `markdown` say alike: the verdict, the figures, amounts in words.

use super::metrics::Iterations;
use super::{Awaits, Before, Change, Counts, Ending, Metrics, Outcome, RunReport, Share, Sum, TaskLine};
use crate::task::id::shown;
use crate::task::words::counted;

/// Tasks that one command names.
const NAMED: usize = 10;

/// The verdict on the run in one sentence, for whoever reads no further.
pub(super) fn verdict(report: &RunReport, metrics: &Metrics) -> String {
    let Share { part, of } = metrics.completed;
    let persons = report.tasks.iter().filter(|task| task.result == Outcome::NeedsPerson).count();
    let landed = match (part, of) {
        (_, 0) => "There was no task to do".to_owned(),
        (part, of) if part == of => format!("All {of} landed").replace("All 1 landed", "The one task landed"),
        (0, of) => format!("None of {} landed", counted(of, "task")),
        (part, of) => format!("{part} of {} landed", counted(of, "task")),
    };
    let needs = match persons {
        0 => String::new(),
        1 => ", 1 needs you".to_owned(),
        persons => format!(", {persons} need you"),
    };
    let ending = match &report.ending {
        Ending::Done => String::new(),
        Ending::Interrupted => " The run was interrupted.".to_owned(),
        Ending::StoppedAsWorse { culprit } => format!(" The run stopped: {culprit} makes tests worse."),
        Ending::Limit { why } => format!(" The run paused: {why}."),
        Ending::Aborted { why } => format!(" The run was to end with the first failure: {why}."),
    };
    format!("{landed}{needs}.{ending}")
}

/// The seven figures, each with its name.
pub(super) fn figures(metrics: &Metrics) -> [(&'static str, String); 7] {
    [
        ("tasks landed", share(metrics.completed)),
        ("tests passing", tests(metrics.tests)),
        ("tries per task", iterations(metrics.iterations)),
        ("regressions", regressions(metrics.regressions)),
        ("cost", cost(metrics)),
        ("caught in review", caught(metrics.caught_by_review)),
        ("wall time", duration(metrics.wall_seconds)),
    ]
}

/// The tasks, worst first; of equal ones the more expensive in time first.
pub(super) fn worst_first(report: &RunReport) -> Vec<&TaskLine> {
    let mut tasks: Vec<&TaskLine> = report.tasks.iter().collect();
    tasks.sort_by_key(|task| (task.result, std::cmp::Reverse(task.seconds), &task.id));
    tasks
}

/// What there is to know besides, a line each.
pub(super) fn notes(report: &RunReport) -> Vec<String> {
    let stands = report.stands.as_ref().map(|why| format!("The queue stands still: {why}."));
    stands.into_iter().chain(report.notes.iter().cloned()).collect()
}

/// The commands that go on from here, the most pressing first.
pub(crate) fn next(report: &RunReport) -> Vec<String> {
    let tasks = worst_first(report);
    let of = |result| tasks.iter().filter(move |task| task.result == result);
    let mut commands: Vec<String> =
        of(Outcome::NeedsPerson).take(3).map(|task| format!("git orch show {}", task.id)).collect();
    let awaiting = |awaits| tasks.iter().filter(move |task| task.awaits == awaits);
    let approvals: Vec<&str> = awaiting(Awaits::Approval).take(NAMED).map(|task| task.id.as_str()).collect();
    if !approvals.is_empty() {
        commands.push(format!("git orch approve {}", approvals.join(" ")));
    }
    if report.ending != Ending::Done {
        commands.push(report.command.clone());
    } else if awaiting(Awaits::Queue).next().is_some() {
        commands
            .push(if report.stands.is_some() { "git orch queue" } else { "git orch queue run" }.to_owned());
    }
    let Change { before, after } = &report.base;
    if of(Outcome::Landed).next().is_some() && before != after {
        commands.push(format!("git log --first-parent {}..{}", before.short(), after.short()));
    }
    commands
}

/// What the run cost, and what its tasks cost together with earlier runs.
fn cost(metrics: &Metrics) -> String {
    let in_all = match metrics.cost_in_all {
        None | Some(Sum::Unknown) => String::new(),
        Some(sum) => format!(" ({} in all)", dollars_short(sum)),
    };
    format!("{}, {}{in_all}", dollars(metrics.cost_usd_micros), tokens(metrics.tokens))
}

/// What a task had used when the run began.
pub(super) fn before(task: &TaskLine) -> Option<String> {
    let Before { turns, cost_usd_micros } = task.before?;
    let turns = counted(usize::try_from(turns).unwrap_or(usize::MAX), "turn");
    let cost = match cost_usd_micros {
        None => "at an unknown cost".to_owned(),
        known => dollars(Sum::of([known])),
    };
    Some(format!("before this run: {turns}, {cost}"))
}

pub(super) fn outcome(result: Outcome) -> &'static str {
    match result {
        Outcome::NeedsPerson => "NEEDS YOU",
        Outcome::Waiting => "waiting",
        Outcome::Cancelled => "cancelled",
        Outcome::Landed => "landed",
    }
}

/// A text of a task as one line that is safe to show.
pub(super) fn line(text: &str) -> String {
    shown(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn share(share: Share) -> String {
    format!("{} of {}", share.part, share.of)
}

fn tests(tests: Change<Option<Counts>>) -> String {
    let side = |counts: Option<Counts>| match counts {
        None => "unknown".to_owned(),
        Some(Counts { passed, failed: 0 }) => format!("{passed} of {passed}"),
        Some(Counts { passed, failed }) => format!("{passed} of {}", passed.saturating_add(failed)),
    };
    format!("{} before, {} after", side(tests.before), side(tests.after))
}

fn iterations(Iterations { total, tasks, most }: Iterations) -> String {
    let Some(tenths) = total.saturating_mul(10).checked_div(tasks) else {
        return "none was started".to_owned();
    };
    format!("{}.{}, at most {most}", tenths / 10, tenths % 10)
}

fn regressions(Share { part, of }: Share) -> String {
    match of - part {
        _ if of == 0 => "none".to_owned(),
        0 => format!("0 landed, {part} caught"),
        landed => format!("{landed} LANDED, {part} caught"),
    }
}

fn caught(share: Share) -> String {
    match share.percent() {
        None => "no CRITICAL or HIGH finding".to_owned(),
        Some(percent) => {
            let noun = if share.of == 1 { "finding" } else { "findings" };
            format!("{} of {} {noun} fixed ({percent} %)", share.part, share.of)
        }
    }
}

/// Dollars with two digits, more where it would be 0.00.
pub(super) fn dollars(sum: Sum) -> String {
    let amount = |micros: u64| match micros {
        1..5_000 => format!("${}.{:06}", micros / 1_000_000, micros % 1_000_000),
        _ => {
            let cents = micros.saturating_add(5_000) / 10_000;
            format!("${}.{:02}", cents / 100, cents % 100)
        }
    };
    match sum {
        Sum::Exactly(micros) => amount(micros),
        Sum::AtLeast(micros) => format!("at least {}", amount(micros)),
        Sum::Unknown => "unknown".to_owned(),
    }
}

/// As [`dollars`], for a column: `>` stands for `at least`.
pub(super) fn dollars_short(sum: Sum) -> String {
    dollars(sum).replace("at least ", ">")
}

/// A count for a column: `>` stands for `at least`.
pub(super) fn count_short(sum: Sum) -> String {
    match sum {
        Sum::Exactly(count) => thousands(count),
        Sum::AtLeast(count) => format!(">{}", thousands(count)),
        Sum::Unknown => "unknown".to_owned(),
    }
}

fn tokens(sum: Sum) -> String {
    match sum {
        Sum::Exactly(tokens) => format!("{} tokens", thousands(tokens)),
        Sum::AtLeast(tokens) => format!("at least {} tokens", thousands(tokens)),
        Sum::Unknown => "tokens unknown".to_owned(),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds as people say them: `42 s`, `7 min 5 s`, `1 h 2 min`.
pub(super) fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_comes_next() {
        let mut waits = samples::one_needs_a_person();
        waits.tasks[0].result = Outcome::NeedsPerson;
        waits.tasks[0].awaits = Awaits::Approval;
        let next = |report: &RunReport| next(report).join("\n");
        insta::assert_snapshot!(next(&samples::all_landed()), @"git log --first-parent aaaaaaa..bbbbbbb");
        insta::assert_snapshot!(next(&waits), @r"
        git orch show t-e5f6
        git orch show t-a1b2
        git orch approve t-a1b2
        git log --first-parent aaaaaaa..bbbbbbb
        ");
        insta::assert_snapshot!(next(&samples::interrupted()), @"git orch run");
        let mut queued = samples::all_landed();
        (queued.tasks[0].result, queued.tasks[0].awaits) = (Outcome::Waiting, Awaits::Queue);
        queued.tasks.truncate(1);
        insta::assert_snapshot!(next(&queued), @"git orch queue run");
        queued.stands = Some("the queue is paused".to_owned());
        insta::assert_snapshot!(next(&queued), @"git orch queue");
        insta::assert_snapshot!(notes(&queued).join("\n"), @"The queue stands still: the queue is paused.");
    }
}
