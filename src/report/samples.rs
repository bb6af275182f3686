//! Runs for the tests of this room.

use super::*;
use crate::task::finding::Severity;
use crate::task::id::{CommitId, RunId, Seconds, TaskId};

fn commit(digit: char) -> CommitId {
    CommitId::parse(&digit.to_string().repeat(40)).unwrap()
}

fn id(text: &str) -> TaskId {
    TaskId::parse(text).unwrap()
}

fn task(name: &str, title: &str, result: Outcome) -> TaskLine {
    TaskLine {
        id: id(name),
        title: title.to_owned(),
        result,
        turns: 2,
        tries: 1,
        reviews: 1,
        cost_usd_micros: Sum::Exactly(310_000),
        tokens: Sum::Exactly(41_000),
        seconds: 185,
        before: None,
        why: String::new(),
        awaits: Awaits::Other,
        log: None,
    }
}

pub(super) fn all_landed() -> RunReport {
    RunReport {
        run: RunId("r-7k3f".to_owned()),
        started: Seconds(1_800_000_000),
        ended: Seconds(1_800_000_754),
        ending: Ending::Done,
        branch: "main".to_owned(),
        base: Change { before: commit('a'), after: commit('b') },
        command: "git orch run".to_owned(),
        tasks: vec![
            task("t-a1b2", "Read the limit from the settings", Outcome::Landed),
            task("t-c3d4", "Say which file is too large", Outcome::Landed),
        ],
        tests: Change {
            before: Some(Counts { passed: 410, failed: 2 }),
            after: Some(Counts { passed: 415, failed: 0 }),
        },
        regressions: Vec::new(),
        findings: Vec::new(),
        turns: Vec::new(),
        breakers: Vec::new(),
        stands: None,
        notes: Vec::new(),
        commands: vec![CommandLine {
            what: "cargo nextest run --profile ci".to_owned(),
            started: Seconds(1_800_000_600),
            seconds: 92,
            ended: "exit 0".to_owned(),
        }],
        settings: vec![("cap.diff".to_owned(), "60".to_owned())],
    }
}

pub(super) fn one_needs_a_person() -> RunReport {
    let mut report = all_landed();
    report.ended = Seconds(1_800_003_725);
    let mut stuck = task("t-e5f6", "Cache parsed globs", Outcome::NeedsPerson);
    stuck.tries = 3;
    stuck.reviews = 2;
    stuck.cost_usd_micros = Sum::Exactly(1_240_000);
    stuck.before = Some(Before { turns: 4, cost_usd_micros: Some(500_000) });
    stuck.seconds = 2_400;
    stuck.log = Some(".git/orch/logs/t-e5f6/fix-3-nzf6/stderr.log".to_owned());
    stuck.why = "2 tests worse: select::cache_is_dropped, select::globs_meet".to_owned();
    report.tasks.push(stuck);
    report.tasks[1].cost_usd_micros = Sum::Exactly(90_500);
    let broken = |test: &str| RegressionLine { test: test.to_owned(), task: id("t-e5f6"), caught: true };
    report.regressions = vec![broken("select::cache_is_dropped"), broken("select::globs_meet")];
    let finding =
        |severity, fixed| FindingLine { reviewer: "safety".to_owned(), task: id("t-a1b2"), severity, fixed };
    report.findings =
        vec![finding(Severity::Critical, true), finding(Severity::High, false), finding(Severity::Low, true)];
    report
}

pub(super) fn interrupted() -> RunReport {
    let mut report = all_landed();
    report.ending = Ending::Interrupted;
    report.base.after = report.base.before.clone();
    report.tests.after = None;
    report.tasks[0].result = Outcome::Waiting;
    report.tasks[0].why = "its agent was stopped; what it made is kept".to_owned();
    report.tasks[1] = TaskLine {
        turns: 0,
        tries: 0,
        reviews: 0,
        cost_usd_micros: Sum::Exactly(0),
        tokens: Sum::Exactly(0),
        seconds: 0,
        why: "not started".to_owned(),
        ..task("t-c3d4", "Say which file is too large", Outcome::Waiting)
    };
    report
}

pub(super) fn unknown_cost() -> RunReport {
    let mut report = all_landed();
    report.tasks[1].cost_usd_micros = Sum::Unknown;
    report.tasks[1].tokens = Sum::Unknown;
    report
}
