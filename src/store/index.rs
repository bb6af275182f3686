//! A cache of the open tasks' cards, keyed by the journals' tips: lists of 10,000 tasks without reading 10,000 objects.
//!
//! Machine-local, under `.git/orch/`; it may be deleted at any time. A row is used only while its journal is at the very
//! tip that it was made from, so it can be late but never wrong.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::plan::Card;
use crate::plan::card::Need;
use crate::task::Trouble;
use crate::task::id::{CommitId, Seconds, TaskId};
use crate::task::record::MicroUsd;
use crate::task::state::Column;

use super::journal::Store;
use super::{StoreError, layout};

/// The file's name carries its version: another version is just another file.
const FILE: &str = "index-1.json";
/// Write the file anew when this many rows were missing from it.
const STALE_ROWS: usize = 64;

/// An open task in the list.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) card: Card,
    pub(crate) tip: CommitId,
}

/// All open tasks, and the refs that could not be read.
#[derive(Debug, Default)]
pub(crate) struct OpenTasks {
    pub(crate) rows: Vec<Row>,
    /// Refs whose file or commit is broken, each with the reason.
    pub(crate) broken: Vec<(String, String)>,
}

impl OpenTasks {
    /// The cards alone.
    pub(crate) fn cards(&self) -> Vec<Card> {
        self.rows.iter().map(|row| row.card.clone()).collect()
    }
}

/// One row as it is written: an array, because 10,000 of them are read by every `status`.
#[derive(Serialize, Deserialize)]
struct RowWire(
    String,                   // tip
    String,                   // id
    String,                   // title
    String,                   // state
    u8,                       // column
    Option<String>,           // owner
    u8,                       // priority
    Vec<String>,              // after
    i64,                      // since
    i64,                      // created at
    (u32, u32),               // try, tries
    Option<u64>,              // cost
    (u64, u64),               // added, removed
    String,                   // branch
    Option<String>,           // head
    (bool, bool),             // adopted, sent back
    Option<String>,           // held behind
    Option<(String, String)>, // need
);

const COLUMNS: [Column; 6] =
    [Column::Ready, Column::Working, Column::Review, Column::Testing, Column::Queue, Column::Done];

impl Store {
    /// Lists all open tasks, by id.
    ///
    /// # Errors
    /// The refs cannot be listed; single broken journals are in the result instead.
    pub(crate) fn open_tasks(&self) -> Result<OpenTasks, StoreError> {
        let listing = self.repo.list(layout::TASKS)?;
        let mut known = self.read_index();
        let before = known.len();
        let mut tasks = OpenTasks::default();
        let mut missing = 0;
        for name in listing.broken {
            tasks.broken.push((name, "its file is empty or no ref".to_owned()));
        }
        for (name, tip) in listing.refs {
            let Some(id) = layout::task_of_ref(&name) else { continue };
            match known.remove(tip.as_str()) {
                Some(card) if card.id == id => tasks.rows.push(Row { card, tip }),
                _ => match self.task_at(&tip, "", &name) {
                    Ok(task) => {
                        missing += 1;
                        tasks.rows.push(Row { card: Card::of(&task), tip });
                    }
                    Err(err) => tasks.broken.push((name, super::failure::chain(&err))),
                },
            }
        }
        if missing > STALE_ROWS || before > 2 * tasks.rows.len() + STALE_ROWS {
            self.write_index(&tasks.rows);
        }
        Ok(tasks)
    }

    fn index_path(&self) -> PathBuf {
        self.repo.common_dir().join("orch").join(FILE)
    }

    /// Any fault means an empty index: it is a cache.
    fn read_index(&self) -> HashMap<String, Card> {
        let text = std::fs::read(self.index_path()).unwrap_or_default();
        let rows: Vec<RowWire> = serde_json::from_slice(&text).unwrap_or_default();
        rows.into_iter().filter_map(card_of).collect()
    }

    /// Written whole and renamed, so that a reader never sees half of it. A failure costs only time.
    fn write_index(&self, rows: &[Row]) {
        let wire: Vec<RowWire> = rows.iter().map(row_wire).collect();
        let Ok(text) = serde_json::to_vec(&wire) else { return };
        let path = self.index_path();
        let Some(folder) = path.parent() else { return };
        let written = std::fs::create_dir_all(folder).and_then(|()| {
            let temporary = folder.join(format!("{FILE}.{}", super::journal::nonce()));
            std::fs::write(&temporary, text)?;
            std::fs::rename(temporary, &path)
        });
        if let Err(err) = written {
            tracing::debug!(%err, "the index was not written");
        }
    }
}

fn row_wire(row: &Row) -> RowWire {
    let card = &row.card;
    let column = COLUMNS.iter().position(|column| *column == card.column).unwrap_or_default();
    RowWire(
        row.tip.to_string(),
        card.id.to_string(),
        card.title.clone(),
        card.state.clone(),
        u8::try_from(column).unwrap_or_default(),
        card.owner.clone(),
        card.priority,
        card.after.iter().map(ToString::to_string).collect(),
        card.since.0,
        card.created_at.0,
        (card.try_number, card.tries_max),
        card.cost.map(|cost| cost.0),
        (card.added, card.removed),
        card.branch.clone(),
        card.head.as_ref().map(ToString::to_string),
        (card.adopted, card.sent_back),
        card.held_behind.as_ref().map(ToString::to_string),
        card.need.as_ref().map(|need| match need {
            Need::Approval => ("approval".to_owned(), String::new()),
            Need::Held { text } => ("held".to_owned(), text.clone()),
            Need::Decision { trouble, text } => (trouble.word().to_owned(), text.clone()),
        }),
    )
}

fn card_of(wire: RowWire) -> Option<(String, Card)> {
    let RowWire(
        tip,
        id,
        title,
        state,
        column,
        owner,
        priority,
        after,
        since,
        created_at,
        (try_number, tries_max),
        cost,
        (added, removed),
        branch,
        head,
        (adopted, sent_back),
        held_behind,
        need,
    ) = wire;
    let need = match need {
        None => None,
        Some((kind, text)) => Some(match kind.as_str() {
            "approval" => Need::Approval,
            "held" => Need::Held { text },
            word => Need::Decision { trouble: Trouble::parse(word)?, text },
        }),
    };
    let card = Card {
        id: TaskId::parse(&id).ok()?,
        title,
        state,
        column: *COLUMNS.get(usize::from(column))?,
        owner,
        priority,
        after: after.iter().map(|id| TaskId::parse(id)).collect::<Result<_, _>>().ok()?,
        since: Seconds(since),
        created_at: Seconds(created_at),
        try_number,
        tries_max,
        cost: cost.map(MicroUsd),
        added,
        removed,
        branch,
        head: head.map(|head| CommitId::parse(&head)).transpose().ok()?,
        adopted,
        sent_back,
        held_behind: held_behind.map(|id| TaskId::parse(&id)).transpose().ok()?,
        need,
    };
    Some((tip, card))
}
