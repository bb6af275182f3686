//! `git orch status`: what is going on, and what to do next. From cards alone: fast with 10,000 tasks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::flow::project::now;
use crate::flow::{FlowError, Project};
use crate::plan::Card;
use crate::plan::card::Need;
use crate::plan::ready::{self, Finished};
use crate::task::State;
use crate::task::id::{Seconds, TaskId};
use crate::task::state::Column;
use crate::tracker::{Listed, todo_md};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::json::RowJson;
use crate::cli::needs::{Eyes, needs, needs_person};
use crate::cli::{Context, text};

/// Ready tasks that are shown without `-a`.
const READY_MAX: usize = 20;

/// What `status` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch status\n  git orch status login        only tasks with this in id, title, owner or state\n  \
    git orch status --short      for the shell's prompt\n  \
    git orch status --format todo-md > TODO.md"
)]
pub(crate) struct StatusArgs {
    /// Only tasks that have all of these in id, title, owner, branch or state
    pub(crate) filter: Vec<String>,
    /// Everything: long lists whole, finished tasks too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// One line, for the shell's prompt
    #[arg(long)]
    pub(crate) short: bool,
    /// Write a file for other programs and people: todo-md, a TODO.md with the sections of the pipeline
    #[arg(long, value_name = "FORMAT", conflicts_with = "short")]
    pub(crate) format: Option<Format>,
}

/// Forms of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    TodoMd,
}

/// What the screen shows.
#[derive(Default)]
struct Screen {
    branch: String,
    commit: String,
    needs: Vec<Card>,
    /// Of those, where the log of the turn that failed is.
    logs: BTreeMap<TaskId, String>,
    hand: Vec<Card>,
    queue: Vec<Card>,
    ready: Vec<Card>,
    /// Ready but for others that must land first.
    waiting: Vec<Card>,
    drafts: Vec<Card>,
    done_today: usize,
    finished: Vec<(String, String)>,
    broken: Vec<(String, String)>,
    paused: Option<String>,
    stopped: Option<String>,
    /// The run that has not come to its end, and why it waits, if it does.
    run: Option<(String, Option<String>)>,
    now: i64,
    all: bool,
    filtered: bool,
}

pub(crate) fn run(ctx: &Context, args: &StatusArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let open = project.store.open_tasks().map_err(FlowError::from)?;
    let cards: Vec<Card> = open.rows.into_iter().map(|row| row.card).collect();
    if let Some(Format::TodoMd) = args.format {
        let listed = listed(&project, cards, &args.filter)?;
        let done = if args.all { finished_titles(&project, &args.filter)? } else { Vec::new() };
        let file = todo_md(&listed, &done);
        ctx.out.success("status-todo-md", json!({ "text": file }), || file.clone(), &[]);
        return Ok(Exit::Done);
    }
    let mut screen = sorted(&project, &cards, &args.filter);
    screen.broken = open.broken;
    screen.all = args.all;
    let state = project.store.repo_state().map_err(FlowError::from)?;
    (screen.paused, screen.stopped) = (state.paused, state.stopped);
    let run = project.unfinished_run()?;
    screen.run = run.map(|(run, state)| (run.to_string(), state.waits));
    let today = screen.now - 86_400;
    screen.done_today = done_since(&project, &cards, Seconds(today))?;
    if args.short {
        ctx.out.success("status-short", short_json(&screen), || short(&screen), &[]);
        return Ok(Exit::Done);
    }
    if args.all {
        screen.finished = finished(&project, &args.filter)?;
    }
    if ctx.out.is_json() {
        let data = data(&project, &screen, &cards)?;
        ctx.out.success("status", data, String::new, &next(&screen));
    } else {
        ctx.out.success("status", (), || render(&screen), &next(&screen));
    }
    Ok(Exit::Done)
}

/// How many tasks were completed at or after `since`, and are still.
fn done_since(project: &Project, open: &[Card], since: Seconds) -> Result<usize, Failure> {
    let archived = project.store.archived_since(since).map_err(FlowError::from)?;
    let mut ids: BTreeSet<TaskId> = archived.into_iter().map(|(id, _)| id).collect();
    for card in open {
        ids.remove(&card.id); // taken back since
    }
    let mut done = 0;
    for id in ids {
        let task = project.store.archived_task(&id).map_err(FlowError::from)?;
        done += usize::from(task.is_some_and(|task| matches!(task.state, State::Completed { .. })));
    }
    Ok(done)
}

/// Whether a card has all words of a filter somewhere.
fn matches(card: &Card, filter: &[String]) -> bool {
    filter.iter().all(|word| {
        let word = word.to_lowercase();
        let fields = [card.id.as_str(), &card.title, &card.branch, &card.state, card.column.word()];
        let owner = card.owner.as_deref().unwrap_or_default();
        fields.iter().chain([&owner]).any(|field| field.to_lowercase().contains(&word))
    })
}

fn sorted(project: &Project, cards: &[Card], filter: &[String]) -> Screen {
    let eyes = Eyes::of(project);
    let open: BTreeMap<&TaskId, &Card> = cards.iter().map(|card| (&card.id, card)).collect();
    // Many tasks wait for the same ones.
    let known: RefCell<HashMap<TaskId, Option<Finished>>> = RefCell::default();
    let finished = |id: &TaskId| {
        if let Some(known) = known.borrow().get(id) {
            return *known;
        }
        let found = project.finished(id);
        known.borrow_mut().insert(id.clone(), found);
        found
    };
    let mut screen = Screen {
        branch: project.base.branch.clone(),
        commit: project.base.tip.short().to_owned(),
        now: now().0,
        filtered: !filter.is_empty(),
        ..Screen::default()
    };
    for card in cards.iter().filter(|card| matches(card, filter)) {
        if needs_person(card, &eyes) {
            screen.needs.push(card.clone());
        } else if card.state == "ready-for-handoff" && card.column == Column::Queue {
            screen.queue.push(card.clone());
        } else if card.state == "in-planning" {
            screen.drafts.push(card.clone());
        } else if card.state == "pending" {
            let waits = ready::waits(card, &|id| open.contains_key(id), &finished).is_some();
            if waits { screen.waiting.push(card.clone()) } else { screen.ready.push(card.clone()) }
        } else if card.column != Column::Done {
            screen.hand.push(card.clone());
        }
    }
    screen.needs.sort_by_key(|card| (card.since, card.id.clone()));
    screen.logs =
        screen.needs.iter().filter_map(|card| Some((card.id.clone(), log(project, card)?))).collect();
    screen.hand.sort_by_key(|card| (ready::nearness(card.column), card.since, card.id.clone()));
    screen.queue.sort_by_key(|card| (card.priority, card.since, card.id.clone()));
    screen.ready.sort_by_key(|card| (card.priority, card.created_at, card.id.clone()));
    screen
}

fn finished(project: &Project, filter: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut rows = Vec::new();
    for id in project.store.archived_ids().map_err(FlowError::from)? {
        if let Some(task) = project.store.archived_task(&id).map_err(FlowError::from)? {
            let card = Card::of(&task);
            if matches(&card, filter) {
                rows.push((card.id.to_string(), format!("{}  {}", task.said(), text::cut(&card.title, 60))));
            }
        }
    }
    Ok(rows)
}

/// Finished tasks with their titles, those that have landed.
fn finished_titles(project: &Project, filter: &[String]) -> Result<Vec<(TaskId, String)>, Failure> {
    let mut rows = Vec::new();
    for id in project.store.archived_ids().map_err(FlowError::from)? {
        if let Some(task) = project.store.archived_task(&id).map_err(FlowError::from)?
            && matches!(task.state, State::Completed { .. })
            && matches(&Card::of(&task), filter)
        {
            rows.push((id, task.title));
        }
    }
    Ok(rows)
}

/// The log of the turn that a card's need is about.
fn log(project: &Project, card: &Card) -> Option<String> {
    match &card.need {
        Some(Need::Decision { trouble, .. }) => project.telling_log(&card.id, *trouble),
        Some(Need::Held { .. } | Need::Approval) | None => None,
    }
}

/// Open tasks with their specs: for a file that holds all of them.
fn listed(project: &Project, cards: Vec<Card>, filter: &[String]) -> Result<Vec<Listed>, Failure> {
    let mut listed = Vec::new();
    for card in cards.into_iter().filter(|card| matches(card, filter)) {
        let stored = project.store.load(&card.id).map_err(FlowError::from)?;
        let (spec, paths) = stored.map(|stored| (stored.task.spec, stored.task.paths)).unwrap_or_default();
        listed.push(Listed { card, spec, paths });
    }
    Ok(listed)
}

fn need_words(card: &Card) -> String {
    match &card.need {
        Some(Need::Decision { text, .. }) => text.clone(),
        Some(Need::Held { text }) => format!("held: {text}"),
        Some(Need::Approval) => format!("waits for a review (+{} -{})", card.added, card.removed),
        None => String::new(),
    }
}

fn render(screen: &Screen) -> String {
    let mut out = format!("On {} ({})\n", text::line(&screen.branch), screen.commit);
    let empty = [&screen.needs, &screen.hand, &screen.queue, &screen.ready, &screen.waiting]
        .iter()
        .all(|cards| cards.is_empty());
    if empty && screen.drafts.is_empty() && screen.broken.is_empty() && screen.finished.is_empty() {
        out = match (screen.filtered, screen.done_today) {
            (true, _) => "No task has that. git orch status -a\n".to_owned(),
            (false, 0) => "No tasks yet. git orch add \"what you want done\"\n".to_owned(),
            (false, done) => format!("{out}No open tasks.  Done today: {done}\n"),
        };
        return out + &standing(screen);
    }
    out.push_str(&standing(screen));
    if !screen.needs.is_empty() {
        let title = text::attention(&format!("Needs you ({})", screen.needs.len()));
        let _ = write!(out, "\n{title}   git orch show TASK\n");
        let rows: Vec<Vec<String>> = screen
            .needs
            .iter()
            .map(|card| {
                vec![format!("! {}", card.id), text::cut(&card.title, 32), text::cut(&need_words(card), 72)]
            })
            .collect();
        for (line, card) in text::table(&rows, "  ").lines().zip(&screen.needs) {
            let _ = writeln!(out, "{line}");
            if let Some(log) = screen.logs.get(&card.id) {
                let _ = writeln!(out, "      log: {}", text::line(log));
            }
        }
    }
    if !screen.hand.is_empty() {
        let _ = write!(out, "\nIn hand ({})\n", screen.hand.len());
        out.push_str(&hand(screen));
    }
    out.push('\n');
    if !screen.queue.is_empty() {
        let names: Vec<String> = screen.queue.iter().map(queue_words).collect();
        let _ = writeln!(out, "Queue ({})   {}", screen.queue.len(), listed_names(&names, screen.all));
    }
    if !screen.ready.is_empty() {
        let count = text::thousands(screen.ready.len());
        let names: Vec<String> =
            screen.ready.iter().map(|card| format!("{} p{}", card.id, card.priority)).collect();
        let _ = writeln!(out, "Ready ({count})   {}", listed_names(&names, screen.all));
    }
    if !screen.waiting.is_empty() {
        let names: Vec<String> = screen.waiting.iter().map(waiting_words).collect();
        let _ = writeln!(
            out,
            "Waiting ({})   {}",
            text::thousands(names.len()),
            listed_names(&names, screen.all)
        );
    }
    if !screen.drafts.is_empty() {
        let names: Vec<String> = screen.drafts.iter().map(|card| card.id.to_string()).collect();
        let _ =
            writeln!(out, "Drafts ({})   {}", text::thousands(names.len()), listed_names(&names, screen.all));
    }
    if screen.done_today > 0 {
        let _ = writeln!(out, "Done today: {}", screen.done_today);
    }
    if !screen.finished.is_empty() {
        let _ = write!(out, "\nFinished ({})\n", screen.finished.len());
        let rows: Vec<Vec<String>> =
            screen.finished.iter().map(|(id, what)| vec![id.clone(), what.clone()]).collect();
        out.push_str(&text::table(&rows, "  "));
    }
    out
}

/// What stands still, and what cannot be read.
fn standing(screen: &Screen) -> String {
    let mut out = String::new();
    if let Some((run, Some(why))) = &screen.run {
        let line = format!("Run {run} waits for you: {}   git orch approve budget", text::line(why));
        let _ = writeln!(out, "{}", text::attention(&line));
    }
    if let Some(why) = &screen.paused {
        let _ = writeln!(out, "The queue is paused: {}   git orch queue resume", text::line(why));
    }
    if let Some(why) = &screen.stopped {
        let line = format!("The queue is stopped: {}   git orch approve queue", text::line(why));
        let _ = writeln!(out, "{}", text::attention(&line));
    }
    for (name, why) in &screen.broken {
        let line =
            format!("{} cannot be read: {}   git orch doctor --fix", text::line(name), text::line(why));
        let _ = writeln!(out, "{}", text::attention(&line));
    }
    out
}

fn hand(screen: &Screen) -> String {
    let header = ["TASK", "STATE", "WHO", "TIME", "TRY", "COST", "DIFF", "TITLE"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let most = if screen.all { usize::MAX } else { READY_MAX };
    for card in screen.hand.iter().take(most) {
        let state = if card.sent_back { "SENT BACK" } else { card.column.word() };
        rows.push(vec![
            card.id.to_string(),
            state.to_owned(),
            card.owner.as_deref().map(text::owner).unwrap_or_default(),
            text::span(screen.now - card.since.0),
            format!("{}/{}", card.try_number, card.tries_max),
            card.cost.map_or("?".to_owned(), |cost| text::money(Some(cost.0))),
            format!("+{} -{}", card.added, card.removed),
            text::cut(&card.title, 40),
        ]);
    }
    let mut out = text::table(&rows, "  ");
    if screen.hand.len() > most {
        let _ = writeln!(out, "  and {} more: git orch status -a", text::thousands(screen.hand.len() - most));
    }
    out
}

fn queue_words(card: &Card) -> String {
    match &card.held_behind {
        Some(behind) => format!("{} held behind {behind}", card.id),
        None => card.id.to_string(),
    }
}

fn waiting_words(card: &Card) -> String {
    let names: Vec<&str> = card.after.iter().map(TaskId::as_str).collect();
    format!("{} after {}", card.id, names.join("+"))
}

fn listed_names(names: &[String], all: bool) -> String {
    if all || names.len() <= READY_MAX {
        return names.join(", ");
    }
    let more = text::thousands(names.len() - READY_MAX);
    format!("{}, and {more} more: git orch status -a", names[..READY_MAX].join(", "))
}

/// Whether a run waits for a yes to its budget.
fn waits(screen: &Screen) -> bool {
    matches!(&screen.run, Some((_, Some(_))))
}

fn short(screen: &Screen) -> String {
    let mut out = format!("orch {}>", screen.hand.len());
    if !screen.queue.is_empty() {
        let _ = write!(out, " {}q", screen.queue.len());
    }
    let needs = screen.needs.len() + usize::from(waits(screen));
    if needs > 0 {
        let _ = write!(out, " {needs}!");
    }
    out + "\n"
}

fn short_json(screen: &Screen) -> serde_json::Value {
    json!({"in_hand": screen.hand.len(), "queue": screen.queue.len(), "needs_you": screen.needs.len() + usize::from(waits(screen))})
}

fn next(screen: &Screen) -> Vec<String> {
    if let Some((_, Some(_))) = &screen.run {
        vec!["git orch approve budget".to_owned()]
    } else if let Some(card) = screen.needs.first() {
        vec![format!("git orch show {}", card.id)]
    } else if !screen.queue.is_empty() {
        vec!["git orch queue run".to_owned()]
    } else if !screen.ready.is_empty() || screen.hand.iter().any(|card| card.sent_back) {
        vec!["git orch run".to_owned()]
    } else if let Some(draft) = screen.drafts.first() {
        vec![format!("git orch approve {}", draft.id)]
    } else {
        Vec::new()
    }
}

fn data(project: &Project, screen: &Screen, cards: &[Card]) -> Result<serde_json::Value, Failure> {
    let cap = project.policy.cap.caps.diff;
    let eyes = Eyes::of(project);
    let mut needs_you = Vec::new();
    for card in &screen.needs {
        if let Some(stored) = project.store.load(&card.id).map_err(FlowError::from)? {
            let mut needs = needs(&stored.task, &eyes);
            if let Some(needs) = &mut needs {
                needs.log = screen.logs.get(&card.id).cloned();
            }
            needs_you.push(RowJson::of(card, cap, needs));
        }
    }
    let shown = [&screen.needs, &screen.hand, &screen.queue, &screen.ready, &screen.waiting, &screen.drafts];
    let mut tasks: Vec<RowJson> = Vec::new();
    for card in shown.into_iter().flatten() {
        let needs = needs_you.iter().find(|row| row.id == card.id.as_str()).and_then(|row| row.needs.clone());
        tasks.push(RowJson::of(card, cap, needs));
    }
    let busy = cards.iter().filter(|card| card.state == "in-progress").count();
    let broken: Vec<_> = screen.broken.iter().map(|(name, why)| json!({"ref": name, "why": why})).collect();
    Ok(json!({
        "main": {"branch": screen.branch, "commit": project.base.tip.as_str()},
        "run": screen.run.as_ref().map(|(run, waits)| json!({"id": run, "waits": waits})),
        "needs_you": needs_you,
        "tasks": tasks,
        "queue": screen.queue.iter().map(|card| card.id.as_str()).collect::<Vec<_>>(),
        "capacity": {"jobs": project.policy.jobs, "busy": busy},
        "ready": screen.ready.len(),
        "done_today": screen.done_today,
        "paused": screen.paused,
        "stopped": screen.stopped,
        "broken": broken,
        "finished": screen.finished.iter().map(|(id, _)| id).collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Trouble;
    use crate::task::record::MicroUsd;
    use insta::assert_snapshot;

    fn card(name: &str, state: &str, column: Column) -> Card {
        Card {
            id: TaskId::parse(name).unwrap(),
            title: format!("Title of {name}"),
            state: state.to_owned(),
            column,
            owner: None,
            priority: 2,
            after: Vec::new(),
            since: Seconds(0),
            created_at: Seconds(0),
            try_number: 1,
            tries_max: 2,
            cost: Some(MicroUsd(310_000)),
            added: 84,
            removed: 12,
            branch: format!("orch/{name}"),
            head: None,
            adopted: false,
            sent_back: false,
            held_behind: None,
            need: None,
        }
    }

    fn screen() -> Screen {
        Screen { branch: "main".to_owned(), commit: "a1b2c3d".to_owned(), now: 360, ..Screen::default() }
    }

    fn shown(screen: &Screen) -> String {
        anstream::adapter::strip_str(&render(screen)).to_string()
    }

    #[test]
    fn an_empty_project_says_how_to_begin() {
        assert_snapshot!(shown(&screen()), @r#"No tasks yet. git orch add "what you want done""#);
        assert_snapshot!(shown(&Screen { done_today: 2, ..screen() }), @"
        On main (a1b2c3d)
        No open tasks.  Done today: 2
        ");
    }

    #[test]
    fn a_busy_project_on_one_screen() {
        let text = "1 test is worse than on main: net::gives_up".to_owned();
        let need = Some(Need::Decision { trouble: Trouble::Worse, text });
        let working =
            Card { owner: Some("claude@k3f9".to_owned()), ..card("t-p5r1", "in-progress", Column::Working) };
        let unknown = Card { cost: None, ..card("t-xy62", "under-review", Column::Review) };
        let held = Card {
            held_behind: Some(TaskId::parse("t-aa10").unwrap()),
            ..card("t-5gqr", "ready-for-handoff", Column::Queue)
        };
        let after = Card {
            after: vec![TaskId::parse("t-w8zd").unwrap()],
            ..card("t-b0ce", "pending", Column::Ready)
        };
        let screen = Screen {
            needs: vec![Card { need, ..card("t-c3v7", "escalated", Column::Queue) }],
            hand: vec![working, unknown],
            queue: vec![card("t-aa10", "ready-for-handoff", Column::Queue), held],
            ready: vec![card("t-w8zd", "pending", Column::Ready)],
            waiting: vec![after],
            drafts: vec![card("t-d4ft", "in-planning", Column::Ready)],
            logs: [(
                TaskId::parse("t-c3v7").unwrap(),
                ".git/orch/logs/t-c3v7/fix-2-nzf6/stderr.log".to_owned(),
            )]
            .into(),
            done_today: 9,
            ..screen()
        };
        assert_snapshot!(shown(&screen), @"
        On main (a1b2c3d)

        Needs you (1)   git orch show TASK
          ! t-c3v7  Title of t-c3v7  1 test is worse than on main: net::gives_up
              log: .git/orch/logs/t-c3v7/fix-2-nzf6/stderr.log

        In hand (2)
          TASK    STATE    WHO     TIME  TRY  COST   DIFF     TITLE
          t-p5r1  WORKING  claude  6m    1/2  $0.31  +84 -12  Title of t-p5r1
          t-xy62  REVIEW           6m    1/2  ?      +84 -12  Title of t-xy62

        Queue (2)   t-aa10, t-5gqr held behind t-aa10
        Ready (1)   t-w8zd p2
        Waiting (1)   t-b0ce after t-w8zd
        Drafts (1)   t-d4ft
        Done today: 9
        ");
        assert_snapshot!(short(&screen), @"orch 2> 2q 1!");
    }

    #[test]
    fn long_lists_are_cut() {
        let ready =
            (0..10_000).map(|number| card(&format!("t-{number}"), "pending", Column::Ready)).collect();
        let text = shown(&Screen { ready, ..screen() });
        assert!(
            text.contains("Ready (10,000)   t-0 p2, ")
                && text.contains(", and 9,980 more: git orch status -a\n"),
            "{text}"
        );
    }
}
