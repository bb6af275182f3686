//! Our tasks as a Markdown file, in the sections of the pipeline of files; `todo` reads it back.

use std::fmt::Write as _;

use crate::plan::Card;
use crate::task::id::{TaskId, shown};
use crate::task::state::Column;

/// Writes open tasks, and the finished ones below them. Titles are only text in it: no link, no mark-up, no second item.
pub(crate) fn render(open: &[Card], finished: &[(TaskId, String)]) -> String {
    let sections: [(&str, &[Column]); 4] = [
        ("TODO", &[Column::Ready]),
        ("In progress", &[Column::Working]),
        ("Review", &[Column::Review]),
        ("Testing", &[Column::Testing, Column::Queue]),
    ];
    let mut out = String::new();
    for (heading, columns) in sections {
        let mut cards: Vec<&Card> = open.iter().filter(|card| columns.contains(&card.column)).collect();
        cards.sort_by_key(|card| (card.priority, card.created_at, card.id.clone()));
        let _ = write!(out, "## {heading}\n\n");
        for card in &cards {
            let _ = writeln!(out, "- [ ] `{}` {} ({})", card.id, plain(&card.title), details(card));
        }
        if !cards.is_empty() {
            out.push('\n');
        }
    }
    if !finished.is_empty() {
        out.push_str("## Done\n\n");
        for (id, title) in finished {
            let _ = writeln!(out, "- [x] `{id}` {}", plain(title));
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn details(card: &Card) -> String {
    let mut parts = vec![format!("p{}", card.priority)];
    if !card.after.is_empty() {
        let names: Vec<&str> = card.after.iter().map(TaskId::as_str).collect();
        parts.push(format!("after {}", names.join(" ")));
    }
    if let Some(owner) = &card.owner {
        parts.push(plain(owner).replace(['(', ')'], ""));
    }
    parts.join(", ")
}

/// The text as itself in Markdown.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in shown(text).replace(['\n', '\t'], " ").chars() {
        if c.is_ascii_punctuation()
            && !matches!(c, '.' | ',' | '\'' | '"' | '/' | '?' | '-' | '(' | ')' | ';' | '%')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
