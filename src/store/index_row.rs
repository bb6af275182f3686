//! One line of the index: what tells whether it still holds, and the card.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::git::mark::FileMark;
use crate::plan::Card;
use crate::plan::card::Need;
use crate::task::Trouble;
use crate::task::id::{CommitId, Seconds, TaskId};
use crate::task::record::MicroUsd;
use crate::task::state::Column;

/// An open task in the list.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) card: Card,
    pub(crate) tip: CommitId,
}

/// A line that was cut into its fields; the card is still text, because most commands need only a few of 10,000.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) id: &'a str,
    pub(super) tip: &'a str,
    /// The loose ref's file; `None` where the ref was packed.
    pub(super) mark: Option<FileMark>,
    card: &'a str,
}

impl<'a> Line<'a> {
    /// Cuts a line; `None` where it is none of ours.
    pub(super) fn cut(text: &'a str) -> Option<Line<'a>> {
        let mut fields = text.splitn(4, '\t');
        Some(Line {
            id: fields.next()?,
            tip: fields.next()?,
            mark: read_mark(fields.next()?)?,
            card: fields.next()?,
        })
    }

    /// The row that the line holds.
    pub(super) fn row(&self) -> Option<Row> {
        let wire: Wire<'_> = serde_json::from_str(self.card).ok()?;
        Some(Row { card: card_of(TaskId::parse(self.id).ok()?, wire)?, tip: CommitId::parse(self.tip).ok()? })
    }
}

/// A row as a line, with the mark of its loose ref's file.
pub(super) fn line_of(row: &Row, mark: Option<FileMark>) -> Option<String> {
    let card = serde_json::to_string(&wire_of(&row.card)).ok()?;
    Some(format!("{}\t{}\t{}\t{card}\n", row.card.id, row.tip, mark_text(mark)))
}

/// A file's mark as one field.
pub(super) fn mark_text(mark: Option<FileMark>) -> String {
    match mark {
        Some((inode, size, seconds, nanos, changed)) => format!("{inode}:{size}:{seconds}:{nanos}:{changed}"),
        None => "-".to_owned(),
    }
}

/// A field as a file's mark; the outer `None` where it is neither that nor `-`.
pub(super) fn read_mark(text: &str) -> Option<Option<FileMark>> {
    if text == "-" {
        return Some(None);
    }
    let mut parts = text.split(':');
    let mut next = || parts.next();
    let mark = (
        next()?.parse().ok()?,
        next()?.parse().ok()?,
        next()?.parse().ok()?,
        next()?.parse().ok()?,
        next()?.parse().ok()?,
    );
    Some(Some(mark))
}

/// A card as it is written: an array, and the texts borrowed from the line, because `status` reads 10,000 of them.
#[derive(Serialize, Deserialize)]
struct Wire<'a>(
    #[serde(borrow)] Cow<'a, str>,         // title
    #[serde(borrow)] Cow<'a, str>,         // state
    u8,                                    // column
    #[serde(borrow)] Option<Cow<'a, str>>, // owner
    u8,                                    // priority
    Vec<String>,                           // after
    i64,                                   // since
    i64,                                   // created at
    (u32, u32),                            // try, tries
    Option<u64>,                           // cost
    (u64, u64),                            // added, removed
    #[serde(borrow)] Cow<'a, str>,         // branch
    Option<String>,                        // head
    (bool, bool),                          // adopted, sent back
    Option<String>,                        // held behind
    Option<(String, String)>,              // need
);

const COLUMNS: [Column; 6] =
    [Column::Ready, Column::Working, Column::Review, Column::Testing, Column::Queue, Column::Done];

fn wire_of(card: &Card) -> Wire<'_> {
    let column = COLUMNS.iter().position(|column| *column == card.column).unwrap_or_default();
    Wire(
        Cow::Borrowed(&card.title),
        Cow::Borrowed(&card.state),
        u8::try_from(column).unwrap_or_default(),
        card.owner.as_deref().map(Cow::Borrowed),
        card.priority,
        card.after.iter().map(ToString::to_string).collect(),
        card.since.0,
        card.created_at.0,
        (card.try_number, card.tries_max),
        card.cost.map(|cost| cost.0),
        (card.added, card.removed),
        Cow::Borrowed(&card.branch),
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

fn card_of(id: TaskId, wire: Wire<'_>) -> Option<Card> {
    let Wire(
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
    Some(Card {
        id,
        title: title.into_owned(),
        state: state.into_owned(),
        column: *COLUMNS.get(usize::from(column))?,
        owner: owner.map(Cow::into_owned),
        priority,
        after: after.iter().map(|id| TaskId::parse(id)).collect::<Result<_, _>>().ok()?,
        since: Seconds(since),
        created_at: Seconds(created_at),
        try_number,
        tries_max,
        cost: cost.map(MicroUsd),
        added,
        removed,
        branch: branch.into_owned(),
        head: head.map(|head| CommitId::parse(&head)).transpose().ok()?,
        adopted,
        sent_back,
        held_behind: held_behind.map(|id| TaskId::parse(&id)).transpose().ok()?,
        need,
    })
}
