//! What `status` shows, gathered: which task stands in which list, and what stands still.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::flow::project::now;
use crate::flow::{FlowError, Project};
use crate::plan::Card;
use crate::plan::card::Need;
use crate::plan::ready::{self, Finished};
use crate::store::run_state::{Rest, RunState};
use crate::task::State;
use crate::task::id::{Seconds, TaskId};
use crate::task::state::Column;

use crate::cli::failure::Failure;
use crate::cli::needs::{Eyes, needs_person};
use crate::cli::text;

/// What the screen shows.
#[derive(Default)]
pub(super) struct Screen {
    pub(super) branch: String,
    pub(super) commit: String,
    pub(super) needs: Vec<Card>,
    /// Of those, where the log of the turn that failed is.
    pub(super) logs: BTreeMap<TaskId, String>,
    pub(super) hand: Vec<Card>,
    pub(super) queue: Vec<Card>,
    pub(super) ready: Vec<Card>,
    /// Ready but for others that must land first.
    pub(super) waiting: Vec<Card>,
    pub(super) drafts: Vec<Card>,
    pub(super) done_today: usize,
    pub(super) finished: Vec<(String, String)>,
    pub(super) broken: Vec<(String, String)>,
    /// Tasks in hand whose worktree somebody removed, with their owners.
    pub(super) bereft: Vec<(TaskId, String)>,
    pub(super) paused: Option<String>,
    pub(super) stopped: Option<String>,
    /// Below which priority nobody lands.
    pub(super) below: Option<u8>,
    /// Why the queue stood still when it last ran here, where it has work.
    pub(super) stood: Option<String>,
    /// The run that has not come to its end.
    pub(super) run: Option<Unended>,
    pub(super) now: i64,
    pub(super) all: bool,
    pub(super) filtered: bool,
    /// Whether an agent is set that mends what was sent back.
    pub(super) mends: bool,
}

/// A run that has not come to its end.
pub(super) struct Unended {
    pub(super) id: String,
    /// Why it waits for a person, if it does.
    pub(super) waits: Option<String>,
    /// Why it rests, where it was not killed.
    pub(super) rests: Option<Rest>,
    /// Whether its process is there.
    pub(super) goes_on: bool,
}

impl Screen {
    /// Everything but what cannot be read, which whoever read the cards knows, and what is finished.
    pub(super) fn of(
        project: &Project,
        cards: &[Card],
        filter: &[String],
        all: bool,
    ) -> Result<Screen, Failure> {
        let mut screen = sorted(project, cards, filter);
        screen.bereft = project.bereft(screen.hand.iter());
        screen.all = all;
        let agents = &project.policy.agents;
        screen.mends = agents.fix.is_some() || agents.implement.is_some();
        let state = project.store.repo_state().map_err(FlowError::from)?;
        (screen.paused, screen.stopped, screen.below) = (state.paused, state.stopped, state.min_priority);
        screen.stood = project.stood_still().filter(|_| !screen.queue.is_empty());
        // In this order: one that ends in between is not taken for one that was cut off.
        let goes_on = project.run_goes_on()?;
        if let Some((run, state)) = project.unfinished_run()? {
            let RunState { waits, rests, .. } = state;
            screen.run = Some(Unended { id: run.to_string(), waits, rests, goes_on });
        }
        let today = screen.now - 86_400;
        screen.done_today = done_since(project, cards, Seconds(today))?;
        Ok(screen)
    }

    /// Whether a run waits for a yes to its budget.
    pub(super) fn waits(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.waits.is_some())
    }

    /// What to type next.
    pub(super) fn next(&self) -> Vec<String> {
        if self.waits() {
            vec!["git orch approve budget".to_owned()]
        } else if let Some(card) = self.needs.first() {
            vec![format!("git orch show {}", card.id)]
        } else if !self.queue.is_empty() {
            vec!["git orch queue run".to_owned()]
        } else if !self.ready.is_empty() || (self.mends && self.hand.iter().any(|card| card.sent_back)) {
            vec!["git orch run".to_owned()]
        } else if self.hand.iter().any(|card| card.sent_back) {
            vec!["git orch run --agent exec:COMMAND".to_owned()]
        } else if let Some(draft) = self.drafts.first() {
            vec![format!("git orch approve {}", draft.id)]
        } else {
            Vec::new()
        }
    }
}

/// Whether a card has all words of a filter somewhere.
pub(super) fn matches(card: &Card, filter: &[String]) -> bool {
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

/// What has landed or was given up, and was not taken back since: the tasks in `open` are at work again.
pub(super) fn finished(
    project: &Project,
    open: &[Card],
    filter: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let open: BTreeSet<&TaskId> = open.iter().map(|card| &card.id).collect();
    let mut rows = Vec::new();
    let archived = project.store.archived_ids().map_err(FlowError::from)?;
    for id in archived.into_iter().filter(|id| !open.contains(id)) {
        if let Some(task) = project.store.archived_task(&id).map_err(FlowError::from)? {
            let card = Card::of(&task);
            if matches(&card, filter) {
                rows.push((card.id.to_string(), format!("{}  {}", task.said(), text::cut(&card.title, 60))));
            }
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
