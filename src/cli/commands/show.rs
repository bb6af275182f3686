//! `git orch show`: everything about one task, run or error code.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::flow::project::now;
use crate::flow::red_log::RedLog;
use crate::flow::sent::Sent;
use crate::flow::{FlowError, Project};
use crate::plan::ready::Waits;
use crate::store::Stored;
use crate::task::id::{RunId, Seconds, shown};
use crate::task::state::Change;
use crate::task::{Evidence, State, Task, Trouble};

use crate::cli::codes::{self, Code};
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::json::TaskJson;
use crate::cli::needs::{Eyes, needs, options};
use crate::cli::{Context, text};

/// Lines of the timeline at most: the screen fits 40 lines.
const TIMELINE: usize = 14;

/// What `show` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch show t-c3v7\n  git orch show -p t-c3v7\n  git orch show --prompt t-c3v7\n  git orch show my-branch\n  git orch show E-CLAIMED"
)]
pub(crate) struct ShowArgs {
    /// A task, its branch, a run or an error code; without it the task of this worktree
    #[arg(add = ArgValueCompleter::new(task_ids))]
    pub(crate) what: Option<String>,
    /// Print the diff of its change
    #[arg(short, long)]
    pub(crate) patch: bool,
    /// Print what was sent to the agent at each turn, word for word
    #[arg(long, conflicts_with = "patch")]
    pub(crate) prompt: bool,
    /// Print its whole spec
    #[arg(long, conflicts_with_all = ["patch", "prompt"])]
    pub(crate) spec: bool,
}

/// What the screen of a task shows besides the task.
struct Screen<'a> {
    task: &'a Task,
    cap: u64,
    eyes: Eyes,
    /// When, column, in words.
    timeline: Vec<(Seconds, String)>,
    now: Seconds,
    /// The log of the turn or of the tests that failed, if it is here.
    log: Option<RedLog>,
    /// What must land before anybody may pick it.
    waits: Option<Waits>,
}

pub(crate) fn run(ctx: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    if let Some((code, name, meaning)) = args.what.as_deref().and_then(codes::explain) {
        let exit = code.exit();
        let data = json!({"code": name, "exit": exit.code(), "meaning": meaning});
        let text = || format!("{name}  (exit {}: {})\n{meaning}\n", exit.code(), exit.meaning());
        ctx.out.success("code", data, text, &[]);
        return Ok(Exit::Done);
    }
    if let Some(what) = args.what.as_deref().filter(|what| what.starts_with("E-")) {
        return Err(Failure::new(Code::Unknown, format!("no such code '{}'", shown(what)))
            .hint("a code stands at the end of an error, as in", "git orch show E-CLAIMED"));
    }
    let project = ctx.project()?;
    let found = match &args.what {
        Some(what) => match report_of_run(ctx, &project, what)? {
            Some(exit) => return Ok(exit),
            None => project.find(what)?,
        },
        None => {
            let id = project.task_here(&ctx.given.dir).ok_or(FlowError::NoTaskHere)?;
            project.find(id.as_str())?
        }
    };
    let stored = found.stored();
    if args.patch {
        let patch = patch(&project, stored)?;
        let data = json!({"id": stored.task.id.as_str(), "patch": patch});
        ctx.out.success("patch", data, || patch.clone(), &[]);
        return Ok(Exit::Done);
    }
    if args.spec {
        let (id, spec) = (stored.task.id.as_str(), stored.task.spec.trim_end());
        ctx.out.success("spec", json!({"id": id, "spec": spec}), || format!("{}\n", shown(spec)), &[]);
        return Ok(Exit::Done);
    }
    if args.prompt {
        let sent = project.sent(stored)?;
        let data: Vec<serde_json::Value> = sent.iter().map(sent_json).collect();
        ctx.out.success("prompts", data, || prompts(&sent), &[]);
        return Ok(Exit::Done);
    }
    let events = project.store.events(&stored.tip, 400).map_err(FlowError::from)?;
    let screen = Screen {
        task: &stored.task,
        cap: project.policy.cap.caps.diff,
        eyes: Eyes::of(&project),
        timeline: events.iter().map(|(_, event)| (event.at, event.event.subject(&event.actor.who))).collect(),
        now: now(),
        waits: project.waits(&stored.task).filter(|_| matches!(stored.task.state, State::Pending)),
        log: trouble_of(&stored.task).and_then(|why| project.log_behind(&stored.task.id, why)),
    };
    ctx.out.success("task", TaskJson::of(&project, &stored.task), || render(&screen), &[]);
    Ok(Exit::Done)
}

fn sent_json(sent: &Sent) -> serde_json::Value {
    let Sent { role, agent, run, ended, blob, text } = sent;
    json!({"role": role, "agent": agent, "run": run, "ended": ended, "blob": blob, "text": text})
}

/// Each prompt below a line that says whose it was; `git show BLOB` prints one byte for byte.
fn prompts(sent: &[Sent]) -> String {
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

/// Prints the report of a run, if `what` is one.
fn report_of_run(ctx: &Context, project: &Project, what: &str) -> Result<Option<Exit>, Failure> {
    if !what.starts_with("r-") {
        return Ok(None);
    }
    let run = RunId(what.to_owned());
    let file = |name: &str| project.store.run_file(&run, name).map_err(FlowError::from);
    let Ok(Some(markdown)) = file("report.md") else {
        // A task may be called so, too.
        return match project.find(what) {
            Ok(_) => Ok(None),
            Err(_) => Err(FlowError::NoRun(shown(what)).into()),
        };
    };
    let report: serde_json::Value =
        file("report.json")?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    ctx.out.success("run", report, || shown(&String::from_utf8_lossy(&markdown)), &[]);
    Ok(Some(Exit::Done))
}

/// The diff of a task's change: what was handed in, what landed, or what its branch has.
pub(super) fn patch(project: &Project, stored: &Stored) -> Result<String, Failure> {
    let (repo, task) = (&project.repo, &stored.task);
    let (base, head) = match (&task.state, task.state.change()) {
        (State::Completed { landed, .. }, _) => {
            let commit = repo.read_commit(landed).map_err(FlowError::from)?;
            let own =
                commit.trailers.iter().any(|(key, value)| key == "Orch-Task" && value == task.id.as_str());
            // The base had all of it already: what it was stands in its journal.
            if let (false, Some(change)) = (own, last_change(project, stored)?) {
                return Ok(shown(&repo.patch(&change.base, &change.head).map_err(FlowError::from)?));
            }
            let before = commit.parents.first().cloned().unwrap_or_else(|| landed.clone());
            (before, landed.clone())
        }
        (State::Escalated { because, .. }, Some(change)) if because.trouble == Trouble::HeadMoved => {
            // What may be queued is what the branch is now, not what it was.
            match repo.tip(&crate::store::layout::branch_ref(&task.branch)).map_err(FlowError::from)? {
                Some(head) => (project.merge_base(&head)?, head),
                None => (change.base.clone(), change.head.clone()),
            }
        }
        (_, Some(change)) => (change.base.clone(), change.head.clone()),
        (_, None) => {
            let branch = crate::store::layout::branch_ref(&task.branch);
            match repo.tip(&branch).map_err(FlowError::from)? {
                Some(head) => (project.merge_base(&head)?, head),
                None => return Ok(String::new()),
            }
        }
    };
    Ok(shown(&repo.patch(&base, &head).map_err(FlowError::from)?))
}

/// The change that a finished task had before its last event.
fn last_change(project: &Project, stored: &Stored) -> Result<Option<Change>, Failure> {
    let tip = project.repo.read_commit(&stored.tip).map_err(FlowError::from)?;
    let Some(before) = tip.parents.first() else { return Ok(None) };
    let task = project.store.task_of_commit(before).map_err(FlowError::from)?;
    Ok(task.state.change().cloned())
}

fn render(screen: &Screen<'_>) -> String {
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
    let mut facts = vec![match task.state.change() {
        Some(change) => format!(
            "branch {} ({}, {} of {} lines: +{} -{})",
            text::line(&task.branch),
            change.head.short(),
            change.added + change.removed,
            screen.cap,
            change.added,
            change.removed
        ),
        None => format!("branch {}", text::line(&task.branch)),
    }];
    facts.extend(task.owner().map(|who| format!("owner {}", text::owner(&who.0))));
    facts.push(format!("priority {}", task.priority));
    facts.push(format!("try {} of {}", task.try_number, task.tries_max));
    out.push_str(&format!("{}\n", facts.join("   ")));
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
    if !more.is_empty() {
        out.push_str(&format!("{}\n", more.join("   ")));
    }
    out
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
fn trouble_of(task: &Task) -> Option<&Evidence> {
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
            out.push_str(&format!("\n{title}   {}\n", text::line(&evidence.text)));
            for test in evidence.tests.iter().take(5) {
                out.push_str(&format!("  FAIL {}  {}\n", text::line(&test.name), text::cut(&test.line, 80)));
            }
            if evidence.tests.len() > 5 {
                out.push_str(&format!("  and {} more\n", evidence.tests.len() - 5));
            }
            if let Some(command) = &evidence.reproduce {
                out.push_str(&format!("  reproduce: {}\n", text::line(command)));
            }
            if let Some(log) = &screen.log {
                out.push_str(&text::log(&log.path, &log.lines));
            }
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
    use crate::task::{Actor, Event, Who};
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
