//! The screen of one task: what it is, why it waits, what happened, what one can do.

use crate::flow::red_log::RedLog;
use crate::plan::ready::Waits;
use crate::task::finding::Severity;
use crate::task::id::{Seconds, shown};
use crate::task::{Evidence, State, Task};

use crate::cli::needs::{Eyes, needs, options};
use crate::cli::text;

/// Lines of the timeline at most: the screen fits 40 lines.
const TIMELINE: usize = 14;

/// Lines of what a reviewer says of a grave finding; all of it is in `--json`.
const DETAIL: usize = 3;

/// What the screen of a task shows besides the task.
pub(super) struct Screen<'a> {
    pub(super) task: &'a Task,
    pub(super) cap: u64,
    pub(super) eyes: Eyes,
    /// When, column, in words.
    pub(super) timeline: Vec<(Seconds, String)>,
    pub(super) now: Seconds,
    /// The log of the turn or of the tests that failed, if it is here.
    pub(super) log: Option<RedLog>,
    /// What must land before anybody may pick it.
    pub(super) waits: Option<Waits>,
}

pub(super) fn render(screen: &Screen<'_>) -> String {
    let task = screen.task;
    let mut out = head(screen);
    if !task.spec.trim().is_empty() {
        let lines: Vec<&str> = task.spec.trim().lines().collect();
        out.push('\n');
        for line in lines.iter().take(6) {
            out.push_str(&format!("  {}\n", shown(line)));
        }
        if lines.len() > 6 {
            let more = text::count(lines.len() - 6, "more line");
            out.push_str(&format!("  ... {more}: git orch show --spec {}\n", task.id));
        }
    }
    out.push_str(&why(screen));
    let skipped = screen.timeline.len().saturating_sub(TIMELINE);
    out.push_str("\ntimeline\n");
    if skipped > 0 {
        out.push_str(&format!("  ... {} before: git orch log {}\n", text::count(skipped, "event"), task.id));
    }
    for (at, subject) in screen.timeline.iter().skip(skipped) {
        out.push_str(&format!("  {}  {}\n", text::clock(*at, screen.now), text::cut(subject, 100)));
    }
    out.push_str("\nwhat you can do\n");
    let rows: Vec<Vec<String>> = options(task, &screen.eyes.who, screen.waits.is_none())
        .into_iter()
        .map(|(command, what)| vec![command, what.to_owned()])
        .collect();
    out + &text::table(&rows, "  ")
}

fn head(screen: &Screen<'_>) -> String {
    let task = screen.task;
    let since = format!(
        "since {} ({})",
        text::clock(task.since, screen.now),
        text::span(screen.now.0 - task.since.0)
    );
    let place = match needs(task, &screen.eyes) {
        Some(_) => text::attention("NEEDS YOU"),
        None if screen.waits.is_some() => "WAITING".to_owned(),
        None => state_words(task).to_owned(),
    };
    let mut out = format!("{}  {}   {place} {since}\n", task.id, text::line(&task.title));
    out.push_str(&format!("{}\n", work(task, screen.cap).join("   ")));
    let more = terms(task);
    if !more.is_empty() {
        out.push_str(&format!("{}\n", more.join("   ")));
    }
    out
}

/// What is done on it, by whom, for which time.
fn work(task: &Task, cap: u64) -> Vec<String> {
    let mut facts = vec![match task.state.change() {
        Some(change) => format!(
            "branch {} ({}, {} of {} lines: +{} -{})",
            text::line(&task.branch),
            change.head.short(),
            change.added + change.removed,
            cap,
            change.added,
            change.removed
        ),
        None => format!("branch {}", text::line(&task.branch)),
    }];
    facts.extend(task.owner().map(|who| format!("owner {}", text::owner(&who.0))));
    facts.push(format!("priority {}", task.priority));
    facts.push(format!("try {} of {}", task.try_number, task.tries_max));
    facts
}

/// What holds for it, and what it has used.
fn terms(task: &Task) -> Vec<String> {
    let mut more = Vec::new();
    if !task.after.is_empty() {
        more.push(format!(
            "after {}",
            task.after.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    if !task.paths.is_empty() {
        more.push(format!("paths {}", text::line(&task.paths.join(" "))));
    }
    if task.spent.turns > 0 {
        let tokens = task.spent.tokens.map_or("tokens unknown".to_owned(), |tokens| {
            format!("{} tokens", text::thousands(usize::try_from(tokens).unwrap_or(usize::MAX)))
        });
        let time = text::span(i64::try_from(task.spent.seconds).unwrap_or(i64::MAX));
        more.push(format!("{}, {tokens}, {time}", text::money(task.spent.cost.map(|cost| cost.0))));
    }
    if let State::Completed { landed, .. } = &task.state {
        more.push(format!("landed as {}", landed.short()));
    }
    more
}

fn state_words(task: &Task) -> &'static str {
    match (&task.state, task.state.column()) {
        (State::Cancelled { .. }, _) => "CANCELLED",
        (State::Assigned { .. }, _) if task.evidence.is_some() => "SENT BACK",
        (State::InPlanning, _) => "DRAFT",
        (State::Assigned { .. }, _) => "CLAIMED",
        (_, column) => column.word(),
    }
}

/// What stands against a task, or what it was sent back with.
pub(super) fn trouble_of(task: &Task) -> Option<&Evidence> {
    match &task.state {
        State::Escalated { because, .. } => Some(because),
        State::Assigned { .. } | State::InProgress { .. } => task.evidence.as_ref(),
        _ => None,
    }
}

fn why(screen: &Screen<'_>) -> String {
    let task = screen.task;
    let evidence = trouble_of(task);
    let mut out = String::new();
    match (evidence, needs(task, &screen.eyes)) {
        (Some(evidence), needs) => {
            let title = if needs.is_some() { "why it waits" } else { "why it was sent back" };
            out.push_str(&against(title, evidence, screen.log.as_ref()));
        }
        (None, Some(needs)) => out.push_str(&format!("\nwhy it waits   {}\n", text::line(&needs.why))),
        (None, None) => {}
    }
    if let Some(waits) = &screen.waits {
        out.push_str(&format!("\n{waits}\n"));
    }
    let reviews = task.current_reviews().flat_map(|review| &review.findings);
    for finding in reviews.take(5) {
        let place = finding.file.as_deref().map(text::line).unwrap_or_default();
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        out.push_str(&format!("  {} {place}{line} {}\n", finding.severity, text::cut(&finding.title, 80)));
        let detail = finding.detail.lines().filter(|line| !line.trim().is_empty());
        for line in detail.take(if finding.severity >= Severity::High { DETAIL } else { 0 }) {
            out.push_str(&format!("    | {}\n", text::cut(line.trim_end(), 110)));
        }
    }
    out
}

/// What stands against it, with the command that shows it.
fn against(title: &str, evidence: &Evidence, log: Option<&RedLog>) -> String {
    let mut out = format!("\n{title}   {}\n", text::line(&evidence.text));
    for test in evidence.tests.iter().take(5) {
        out.push_str(&format!("  FAIL {}  {}\n", text::line(&test.name), text::cut(&test.line, 80)));
    }
    if evidence.tests.len() > 5 {
        out.push_str(&format!("  and {} more\n", evidence.tests.len() - 5));
    }
    if let Some(command) = &evidence.reproduce {
        out.push_str(&format!("  reproduce: {}\n", text::line(command)));
    }
    if let Some(log) = log {
        out.push_str(&text::log(&log.path, &log.lines));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::event::NewTask;
    use crate::task::evidence::FailedTest;
    use crate::task::id::{CommitId, TaskId};
    use crate::task::state::{Change, Claim};
    use crate::task::{Actor, Event, Trouble, Who};
    use insta::assert_snapshot;

    fn task() -> Task {
        let id = TaskId::parse("t-c3v7").unwrap();
        let new = NewTask {
            branch: "orch/t-c3v7".to_owned(),
            id,
            title: "Add retry to net\u{1b}".to_owned(),
            spec: String::new(),
            priority: 1,
            paths: vec!["src/net/**".to_owned()],
            after: vec![TaskId::parse("t-k0de").unwrap()],
            tier: 1,
            domain: None,
            adopted: false,
            draft: false,
            tries_max: 2,
        };
        Task::begin(&Event::Added(Box::new(new)), &Actor::person("ana"), Seconds(0)).unwrap()
    }

    #[test]
    fn a_task_that_waits_says_why_and_what_you_can_do() {
        let commit = |digit: &str| CommitId::parse(&digit.repeat(40)).unwrap();
        let claim = Claim { owner: Who("claude@k3f9".to_owned()), epoch: 1 };
        let change = Change { claim, head: commit("f"), base: commit("a"), added: 190, removed: 8 };
        let mut because = Evidence::new(Trouble::Worse, "1 test is worse than on main: net::gives_up");
        because.tests =
            vec![FailedTest { name: "net::gives_up".to_owned(), line: "left: 3, right: 4".to_owned() }];
        because.reproduce = Some("git orch check t-c3v7 --only tests".to_owned());
        let state = State::Escalated { because, was: Box::new(State::UnderReview { change }) };
        let task = Task { state, ..task() };
        let screen = Screen {
            task: &task,
            cap: 200,
            eyes: Eyes { who: "ana".to_owned(), agents: false },
            timeline: vec![(Seconds(0), "added by ana: Add retry to net".to_owned()); 16],
            now: Seconds(180),
            log: Some(RedLog {
                path: ".git/orch/logs/tests/red/1f.k2.log".to_owned(),
                lines: vec!["assertion failed\u{1b}[0m".to_owned(), "x".repeat(200)],
            }),
            waits: None,
        };
        let shown = anstream::adapter::strip_str(&render(&screen)).to_string();
        assert!(shown.lines().count() <= 40, "{shown}");
        assert_snapshot!(shown.replace("  00:00  added by ana: Add retry to net\n", ""), @r#"
        t-c3v7  Add retry to net\u{1b}   NEEDS YOU since 00:00 (3m)
        branch orch/t-c3v7 (fffffff, 198 of 200 lines: +190 -8)   owner claude   priority 1   try 1 of 2
        after t-k0de   paths src/net/**

        why it waits   1 test is worse than on main: net::gives_up
          FAIL net::gives_up  left: 3, right: 4
          reproduce: git orch check t-c3v7 --only tests
          | assertion failed
          | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
          log: .git/orch/logs/tests/red/1f.k2.log

        timeline
          ... 2 events before: git orch log t-c3v7

        what you can do
          git orch approve t-c3v7          land it anyway (recorded with your name)
          git orch reject t-c3v7 -m "..."  send it back with a reason
          git orch show -p t-c3v7          see the change
          git orch stop t-c3v7 --abandon   give it up; its work is kept
        "#);
    }
}
