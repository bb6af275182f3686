//! `git orch queue`: shows, fills, holds and runs the merge queue.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::flow::progress::Unwatched;
use crate::flow::project::now;
use crate::flow::queue::{Lander, Rounds};
use crate::flow::{FlowError, Project, interrupt};
use crate::plan::Card;
use crate::process::Stop;
use crate::store::{Op, layout};
use crate::task::id::{Seconds, TaskId};
use crate::task::state::Phase;
use crate::task::{State, Task};

use crate::cli::args::DryRun;
use crate::cli::codes::Code;
use crate::cli::complete::task_ids;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::json::{Eyes, TaskJson, needs};
use crate::cli::watcher::watcher;
use crate::cli::{Context, text};

/// What `queue` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch queue\n  git orch queue add my-branch && git orch queue run\n  git orch queue why t-c3v7"
)]
pub(crate) struct QueueArgs {
    #[command(subcommand)]
    pub(crate) what: Option<What>,
    /// Act under this name
    #[arg(long = "as", value_name = "WHO", global = true)]
    pub(crate) acts_as: Option<String>,
}

impl QueueArgs {
    /// Whether it does more than show.
    pub(crate) fn changes(&self) -> bool {
        !matches!(self.what, None | Some(What::Why { .. }))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Put branches into the queue; adding one by hand is its approval
    Add {
        /// Branches, or tasks
        #[arg(required = true, value_name = "TASK-OR-BRANCH")]
        what: Vec<String>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Take a task out of the queue, back to review
    Drop {
        #[arg(add = ArgValueCompleter::new(task_ids))]
        task: String,
        /// Why
        #[arg(short, long, value_name = "WHY")]
        message: Option<String>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Land nothing until resumed
    Pause {
        /// Why
        #[arg(short, long, value_name = "WHY")]
        message: Option<String>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// Go on after a pause
    Resume {
        #[command(flatten)]
        dry: DryRun,
    },
    /// Test and land until nothing is left to do
    Run {
        /// Only until one task has landed or left the queue
        #[arg(long)]
        once: bool,
        /// Test runs at the same time
        #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        jobs: Option<u32>,
        #[command(flatten)]
        dry: DryRun,
    },
    /// What a task waits for
    Why {
        #[arg(add = ArgValueCompleter::new(task_ids))]
        task: String,
    },
}

pub(crate) fn run(ctx: &Context, args: &QueueArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    match &args.what {
        None => list(ctx, &project),
        Some(What::Add { what, dry }) => add(ctx, &project, what, dry.dry_run),
        Some(What::Drop { task, message, dry }) => {
            drop_task(ctx, &project, task, message.as_deref(), dry.dry_run)
        }
        Some(What::Pause { message, dry }) => {
            let why = message.clone().unwrap_or_else(|| format!("by {}", project.who));
            pause(ctx, &project, Some(why), dry.dry_run)
        }
        Some(What::Resume { dry }) => pause(ctx, &project, None, dry.dry_run),
        Some(What::Run { once, jobs, dry }) => drain(ctx, &project, *once, *jobs, dry.dry_run),
        Some(What::Why { task }) => why(ctx, &project, task),
    }
}

// --- the list ---------------------------------------------------------------------------------------------------------

/// What the screen of the queue shows.
struct Screen {
    branch: String,
    commit: String,
    paused: Option<String>,
    stopped: Option<String>,
    entries: Vec<Entry>,
    /// Tasks that left the queue and wait for a person.
    left: Vec<(TaskId, String)>,
    now: Seconds,
}

struct Entry {
    id: TaskId,
    title: String,
    phase: &'static str,
    batch: Option<String>,
    behind: Option<String>,
    files: Vec<String>,
    since: Seconds,
}

fn list(ctx: &Context, project: &Project) -> Result<Exit, Failure> {
    let cards = project.store.open_tasks().map_err(FlowError::from)?.cards();
    let state = project.store.repo_state().map_err(FlowError::from)?;
    let mut entries = Vec::new();
    for card in in_order(&cards) {
        if let Some(stored) = project.store.load(&card.id).map_err(FlowError::from)? {
            entries.extend(entry(&stored.task));
        }
    }
    let left = cards.iter().filter(|card| card.state == "escalated" && card.head.is_some());
    let left = left.map(|card| (card.id.clone(), need_text(card))).collect();
    let screen = Screen {
        branch: project.base.branch.clone(),
        commit: project.base.tip.short().to_owned(),
        paused: state.paused,
        stopped: state.stopped,
        entries,
        left,
        now: now(),
    };
    let data = json!({
        "base": {"branch": screen.branch, "commit": project.base.tip.as_str()},
        "paused": screen.paused,
        "entries": screen.entries.iter().map(entry_json).collect::<Vec<_>>(),
        "stopped": stopped_json(&screen),
    });
    let next = if screen.entries.is_empty() { Vec::new() } else { vec!["git orch queue run".to_owned()] };
    ctx.out.success("queue", data, || render(&screen), &next);
    Ok(Exit::Done)
}

/// The tasks in the queue, in the order in which they came, by priority.
pub(super) fn in_order(cards: &[Card]) -> Vec<&Card> {
    let mut queued: Vec<&Card> = cards.iter().filter(|card| card.state == "ready-for-handoff").collect();
    queued.sort_by_key(|card| (card.priority, card.since, card.id.clone()));
    queued
}

fn need_text(card: &Card) -> String {
    use crate::plan::card::Need;
    match &card.need {
        Some(Need::Decision { text, .. } | Need::Held { text }) => text.clone(),
        Some(Need::Approval) | None => String::new(),
    }
}

fn entry(task: &Task) -> Option<Entry> {
    let State::ReadyForHandoff { phase, .. } = &task.state else { return None };
    let (word, batch, behind, files) = match phase {
        Phase::Waiting => ("waiting", None, None, Vec::new()),
        Phase::Testing { candidate } => ("testing", Some(candidate.short().to_owned()), None, Vec::new()),
        Phase::Held { behind, files } => ("held", None, Some(behind.to_string()), files.clone()),
    };
    Some(Entry {
        id: task.id.clone(),
        title: task.title.clone(),
        phase: word,
        batch,
        behind,
        files,
        since: task.since,
    })
}

fn entry_json(entry: &Entry) -> Value {
    json!({"id": entry.id.as_str(), "title": entry.title, "phase": entry.phase, "batch": entry.batch,
           "behind": entry.behind, "eta": null, "since": text::rfc3339(entry.since)})
}

fn stopped_json(screen: &Screen) -> Vec<Value> {
    let queue = screen.stopped.iter().map(|why| json!({"id": null, "why": why}));
    queue.chain(screen.left.iter().map(|(id, why)| json!({"id": id.as_str(), "why": why}))).collect()
}

fn render(screen: &Screen) -> String {
    let paused = screen.paused.as_deref().map_or("no".to_owned(), |why| format!("yes ({})", text::line(why)));
    let mut out = format!("{} {}   paused: {paused}\n", text::line(&screen.branch), screen.commit);
    if screen.entries.is_empty() {
        out.push_str("The queue is empty. git orch queue add BRANCH\n");
    }
    let rows: Vec<Vec<String>> = screen
        .entries
        .iter()
        .enumerate()
        .map(|(at, entry)| {
            let detail = match (&entry.behind, &entry.batch) {
                (Some(behind), _) => {
                    format!("behind {behind}: conflict in {}", text::line(&entry.files.join(", ")))
                }
                (None, Some(batch)) => format!("in candidate {batch}"),
                (None, None) => format!("since {}", text::span(screen.now.0 - entry.since.0)),
            };
            let title = text::cut(&entry.title, 40);
            vec![format!("{:>2}", at + 1), entry.id.to_string(), title, entry.phase.to_owned(), detail]
        })
        .collect();
    out.push_str(&text::table(&rows, ""));
    if let Some(why) = &screen.stopped {
        let line = format!("stopped  {}     git orch approve queue", text::line(why));
        out.push_str(&format!("{}\n", text::attention(&line)));
    }
    for (id, why) in &screen.left {
        let line = format!("stopped  {id}  {}     git orch show {id}", text::cut(why, 60));
        out.push_str(&format!("{}\n", text::attention(&line)));
    }
    out
}

// --- filling and holding ------------------------------------------------------------------------------------------------

/// What a word of `queue add` means.
enum Added {
    Branch(String),
    /// A task that is in the queue already.
    There(Box<Task>),
}

fn add(ctx: &Context, project: &Project, words: &[String], dry: bool) -> Result<Exit, Failure> {
    let mut meant = Vec::new();
    for word in words {
        let added = classify(project, word)?;
        if let Added::Branch(branch) = &added {
            let _ = project.check_branch(branch)?; // all of them, before anything is written
        }
        meant.push(added);
    }
    let op = project.op();
    let (mut lines, mut tasks) = (String::new(), Vec::new());
    let mut later = i64::try_from(meant.len()).unwrap_or(i64::MAX);
    for added in meant {
        later -= 1;
        match added {
            Added::There(task) => {
                lines.push_str(&format!("{} is in the queue already\n", task.id));
                tasks.push(TaskJson::of(project, &task));
            }
            Added::Branch(branch) if dry => {
                lines.push_str(&format!("would queue {}\n", text::line(&branch)));
            }
            Added::Branch(branch) => {
                // Whoever stands first goes first: times are whole seconds, so each gets its own.
                let at = Seconds(op.at.0 - later);
                let task = project.adopt(&Op { at, ..op.clone() }, &branch)?.task;
                let lines_of = task.state.change().map_or((0, 0), |change| (change.added, change.removed));
                lines.push_str(&format!(
                    "queued {}  {}  (+{} -{})\n",
                    task.id,
                    text::line(&task.title),
                    lines_of.0,
                    lines_of.1
                ));
                tasks.push(TaskJson::of(project, &task));
            }
        }
    }
    let next = if dry { Vec::new() } else { vec!["git orch queue run".to_owned()] };
    ctx.out.success("queue-add", json!({"tasks": tasks}), || lines, &next);
    Ok(Exit::Done)
}

/// A branch of somebody's own, or a task. An exact name counts before a prefix.
fn classify(project: &Project, word: &str) -> Result<Added, Failure> {
    let word = word.strip_prefix("refs/heads/").unwrap_or(word);
    let exact = match TaskId::parse(word) {
        Ok(id) => project.store.load(&id).map_err(FlowError::from)?,
        Err(_) => None,
    };
    if let Some(stored) = exact.filter(|stored| !stored.task.adopted) {
        return of_task(stored.task);
    }
    let own = word.starts_with(layout::BRANCH_PREFIX);
    let branch =
        if word.starts_with('-') { None } else { project.repo.tip(&layout::branch_ref(word)).ok().flatten() };
    if branch.is_some() && !own {
        return Ok(Added::Branch(word.to_owned()));
    }
    match project.find_open(word) {
        Ok(stored) => of_task(stored.task),
        // What is no task was most likely meant as a branch.
        Err(FlowError::Unknown { near: None, .. } | FlowError::BadId(_)) if branch.is_none() => {
            Err(FlowError::NoBranch(crate::task::id::shown(word)).into())
        }
        Err(FlowError::Unknown { .. } | FlowError::BadId(_)) => Ok(Added::Branch(word.to_owned())),
        Err(err) => Err(err.into()),
    }
}

fn of_task(task: Task) -> Result<Added, Failure> {
    let id = task.id.clone();
    let refuse = |message: String, why: &str, command: String| {
        Err(Failure::new(Exit::Gate, Code::UnderReview, message).hint(why, command))
    };
    match &task.state {
        State::ReadyForHandoff { .. } => Ok(Added::There(Box::new(task))),
        _ if task.adopted => Ok(Added::Branch(task.branch)),
        State::UnderReview { .. } | State::DomainReview { .. } => refuse(
            format!("{id} is under review; it lands after approval and tests"),
            "somebody else says yes",
            format!("git orch approve {id}"),
        ),
        State::Blocked { .. } | State::Escalated { .. } => refuse(
            format!("{id} is {}; it waits for a person", task.state.word()),
            "go on with it",
            format!("git orch approve {id}"),
        ),
        state => refuse(
            format!("{id} is {}; it lands after it is handed in, approved and tested", state.word()),
            "see what it waits for",
            format!("git orch show {id}"),
        ),
    }
}

fn drop_task(
    ctx: &Context,
    project: &Project,
    task: &str,
    message: Option<&str>,
    dry: bool,
) -> Result<Exit, Failure> {
    let stored = project.find_open(task)?;
    let id = stored.task.id.clone();
    let why = message.map_or_else(|| format!("taken out of the queue by {}", project.who), str::to_owned);
    let task = if dry { stored.task } else { project.drop_from_queue(&project.op(), &id, &why)?.task };
    let would = if dry { "would take" } else { "took" };
    let data = TaskJson::of(project, &task);
    ctx.out.success(
        "task",
        data,
        || format!("{would} {id} out of the queue\n"),
        &[format!("git orch approve {id}")],
    );
    Ok(Exit::Done)
}

fn pause(ctx: &Context, project: &Project, why: Option<String>, dry: bool) -> Result<Exit, Failure> {
    let line = match &why {
        Some(why) => format!("the queue is paused: {}\n", text::line(why)),
        None => "the queue goes on\n".to_owned(),
    };
    if !dry {
        let subject = line.trim_end();
        project
            .store
            .change_repo(&project.op(), &project.who, subject, |mut state| {
                state.paused.clone_from(&why);
                state
            })
            .map_err(FlowError::from)?;
    }
    let next = if why.is_some() { "git orch queue resume" } else { "git orch queue run" };
    ctx.out.success("queue-state", json!({"paused": why}), || line, &[next.to_owned()]);
    Ok(Exit::Done)
}

fn why(ctx: &Context, project: &Project, task: &str) -> Result<Exit, Failure> {
    let found = project.find(task)?.stored().task.clone();
    let id = found.id.clone();
    let stopped = project.store.repo_state().map_err(FlowError::from)?.stopped;
    let view = Lander::new(project, &Unwatched, Stop::new(), 1).look()?;
    let queued = view.entries.iter().any(|entry| entry.task == id);
    let why = match stopped {
        Some(why) if queued => format!("the queue is stopped: {why}"),
        _ if queued => crate::queue::why(&view, &id),
        _ => not_queued(project, &found),
    };
    let line = format!("{id}: {}\n", text::line(&why));
    let next = match needs(&found, &Eyes::of(project)) {
        _ if queued => Vec::new(),
        Some(needs) => needs.options,
        None => vec![format!("git orch show {id}")],
    };
    ctx.out.success("queue-why", json!({"id": id.as_str(), "why": why}), || line, &next);
    Ok(Exit::Done)
}

/// Why a task does not wait in the queue.
fn not_queued(project: &Project, task: &Task) -> String {
    let eyes = Eyes::of(project);
    match (&task.state, needs(task, &eyes)) {
        (State::Completed { landed, .. }, _) => format!("landed as {}", landed.short()),
        (State::Cancelled { .. }, _) => "not in the queue: it was given up".to_owned(),
        (_, Some(needs)) => format!("not in the queue: it waits for a person: {}", needs.why),
        (state, None) => format!("not in the queue: it is {}", state.word()),
    }
}

// --- running ------------------------------------------------------------------------------------------------------------

fn drain(
    ctx: &Context,
    project: &Project,
    once: bool,
    jobs: Option<u32>,
    dry: bool,
) -> Result<Exit, Failure> {
    if dry {
        let cards = project.store.open_tasks().map_err(FlowError::from)?.cards();
        let ids: Vec<String> = in_order(&cards).iter().map(|card| card.id.to_string()).collect();
        let line = match ids.as_slice() {
            [] => "nothing is in the queue\n".to_owned(),
            ids => format!("would test and land {}\n", ids.join(", ")),
        };
        ctx.out.success("queue-run", json!({"would": ids}), || line, &[]);
        return Ok(Exit::Done);
    }
    for line in project.recover()? {
        ctx.out.progress(&text::line(&line));
    }
    let project = project.reopened()?;
    let stop = Stop::new();
    interrupt::interrupts_request(&stop)?;
    let watcher = watcher(&ctx.out);
    let slots = jobs.unwrap_or(project.policy.queue.jobs);
    crate::cli::stand_in(&project);
    let mut rounds = Lander::new(&project, &*watcher, stop, slots).drain(once)?;
    drop(watcher);
    if rounds.stands.is_none() && !rounds.waiting.is_empty() {
        let stopped = project.store.repo_state().map_err(FlowError::from)?.stopped;
        rounds.stands = stopped.map(|why| format!("stopped: {why}"));
    }
    let ids = |ids: &[TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let data = json!({
        "landed": ids(&rounds.landed),
        "sent_back": ids(&rounds.sent_back),
        "needs_you": ids(&rounds.needs_you),
        "waiting": ids(&rounds.waiting),
        "runs": rounds.runs,
        "stands": rounds.stands,
    });
    let next: Vec<String> = rounds.needs_you.iter().map(|id| format!("git orch show {id}")).collect();
    ctx.out.success("queue-run", data, || summary(&rounds), &next);
    Ok(exit_of(&rounds))
}

/// 0 where everything landed or nothing was to do, 4 where something is left for a person.
fn exit_of(rounds: &Rounds) -> Exit {
    let stands = rounds.stands.is_some() && !rounds.waiting.is_empty();
    if stands || !rounds.needs_you.is_empty() || !rounds.sent_back.is_empty() {
        Exit::Person
    } else {
        Exit::Done
    }
}

pub(super) fn summary(rounds: &Rounds) -> String {
    let mut out = String::new();
    let mut part = |what: &str, ids: &[TaskId]| {
        if !ids.is_empty() {
            let names: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
            out.push_str(&format!("{what}: {}\n", names.join(", ")));
        }
    };
    part("landed", &rounds.landed);
    part("sent back", &rounds.sent_back);
    part("needs you", &rounds.needs_you);
    part("still waiting", &rounds.waiting);
    if let Some(why) = &rounds.stands {
        out.push_str(&format!("the queue stands: {}\n", text::line(why)));
    }
    if out.is_empty() { "nothing to do\n".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn id(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    #[test]
    fn the_screen_of_the_queue() {
        let entry = |name: &str, phase, behind: Option<&str>| Entry {
            id: id(name),
            title: format!("Title of {name}"),
            phase,
            batch: (phase == "testing").then(|| "a1b2c3d".to_owned()),
            behind: behind.map(str::to_owned),
            files: vec!["src/cfg.rs".to_owned()],
            since: Seconds(0),
        };
        let mut screen = Screen {
            branch: "main".to_owned(),
            commit: "a1b2c3d".to_owned(),
            paused: None,
            stopped: None,
            entries: vec![
                entry("t-1", "testing", None),
                entry("t-2", "waiting", None),
                entry("t-3", "held", Some("t-2")),
            ],
            left: vec![(id("t-4"), "1 test is worse than on main: x".to_owned())],
            now: Seconds(240),
        };
        assert_snapshot!(anstream::adapter::strip_str(&render(&screen)), @"
        main a1b2c3d   paused: no
         1  t-1  Title of t-1  testing  in candidate a1b2c3d
         2  t-2  Title of t-2  waiting  since 4m
         3  t-3  Title of t-3  held     behind t-2: conflict in src/cfg.rs
        stopped  t-4  1 test is worse than on main: x     git orch show t-4
        ");
        screen.entries.clear();
        screen.left.clear();
        screen.paused = Some("release day".to_owned());
        assert_snapshot!(render(&screen), @"
        main a1b2c3d   paused: yes (release day)
        The queue is empty. git orch queue add BRANCH
        ");
    }

    #[test]
    fn the_exit_says_whether_somebody_is_needed() {
        let landed = Rounds { landed: vec![id("t-1")], runs: 2, ..Rounds::default() };
        assert_eq!((exit_of(&landed), summary(&landed).as_str()), (Exit::Done, "landed: t-1\n"));
        assert_eq!(
            (exit_of(&Rounds::default()), summary(&Rounds::default()).as_str()),
            (Exit::Done, "nothing to do\n")
        );
        let left = Rounds { needs_you: vec![id("t-2")], ..landed };
        assert_eq!(
            (exit_of(&left), summary(&left).as_str()),
            (Exit::Person, "landed: t-1\nneeds you: t-2\n")
        );
        let stands = Rounds { stands: Some("the queue is paused".to_owned()), ..Rounds::default() };
        assert_eq!(exit_of(&stands), Exit::Done, "nothing waits");
        assert_eq!(exit_of(&Rounds { waiting: vec![id("t-3")], ..stands }), Exit::Person);
    }
}
