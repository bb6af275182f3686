//! `status` for people: one screen, or one line.

use std::fmt::Write as _;

use crate::flow::doctor;
use crate::plan::Card;
use crate::plan::card::Need;
use crate::store::run_state::{GO_ON, Rest};
use crate::task::id::TaskId;

use crate::cli::text;

use super::screen::{Screen, Unended};

/// Ready tasks that are shown without `-a`.
const READY_MAX: usize = 20;

pub(super) fn render(screen: &Screen) -> String {
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
    if let Some(Unended { id, waits, rests, goes_on }) = &screen.run {
        let line = match waits {
            Some(why) => text::attention(&format!(
                "Run {id} waits for you: {}   git orch approve budget",
                text::line(why)
            )),
            None if *goes_on => format!("Run {id} goes on"),
            None => {
                let how = match rests {
                    None => "was cut off",
                    Some(Rest::Interrupted) => "was interrupted",
                    Some(Rest::Allowed) => "may go on within its budget",
                };
                text::attention(&format!("Run {id} {how}   {GO_ON}"))
            }
        };
        let _ = writeln!(out, "{line}");
    }
    if let Some(why) = &screen.paused {
        let _ = writeln!(out, "The queue is paused: {}   git orch queue resume", text::line(why));
    }
    if let Some(why) = &screen.stopped {
        let line = format!("The queue is stopped: {}   git orch approve queue", text::line(why));
        let _ = writeln!(out, "{}", text::attention(&line));
    }
    if let Some(below) = screen.below {
        let _ = writeln!(out, "The queue is closed below priority {below}   git orch queue resume");
    }
    if let Some(why) = &screen.stood {
        let line = format!("The queue stands still: {}   git orch queue run", text::line(why));
        let _ = writeln!(out, "{}", text::attention(&line));
    }
    for (id, owner) in &screen.bereft {
        let line = format!("Somebody removed the worktree of {id}, which {} has in hand", text::owner(owner));
        let _ = writeln!(out, "{}   {}", text::attention(&line), doctor::worktree_again(id, owner));
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

pub(super) fn short(screen: &Screen) -> String {
    let mut out = format!("orch {}>", screen.hand.len());
    if !screen.queue.is_empty() {
        let _ = write!(out, " {}q", screen.queue.len());
    }
    let needs = screen.needs.len() + usize::from(screen.waits());
    if needs > 0 {
        let _ = write!(out, " {needs}!");
    }
    out + "\n"
}

fn need_words(card: &Card) -> String {
    match &card.need {
        Some(Need::Decision { text, .. }) => text.clone(),
        Some(Need::Held { text }) => format!("held: {text}"),
        Some(Need::Approval) => format!("waits for a review (+{} -{})", card.added, card.removed),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Trouble;
    use crate::task::id::Seconds;
    use crate::task::record::MicroUsd;
    use crate::task::state::Column;
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
            bereft: vec![(TaskId::parse("t-p5r1").unwrap(), "claude@k3f9".to_owned())],
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
        Somebody removed the worktree of t-p5r1, which claude has in hand   git orch run

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
    fn a_run_that_has_not_ended_says_how_it_stands() {
        let run = |waits: Option<&str>, rests, goes_on| {
            let run = Unended { id: "r-1".to_owned(), waits: waits.map(str::to_owned), rests, goes_on };
            standing(&Screen { run: Some(run), ..screen() })
        };
        let all = [
            run(None, None, true),
            run(None, None, false),
            run(None, Some(Rest::Interrupted), false),
            run(None, Some(Rest::Allowed), false),
            run(Some("$5.00 of $5.00"), None, false),
        ]
        .concat();
        assert_snapshot!(anstream::adapter::strip_str(&all), @"
        Run r-1 goes on
        Run r-1 was cut off   git orch run
        Run r-1 was interrupted   git orch run
        Run r-1 may go on within its budget   git orch run
        Run r-1 waits for you: $5.00 of $5.00   git orch approve budget
        ");
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
