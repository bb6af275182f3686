//! Our tasks as a Markdown file, in the sections of the pipeline of files; `todo` reads it back.

use std::fmt::Write as _;

use crate::plan::Card;
use crate::task::id::{TaskId, shown};
use crate::task::state::Column;

/// An open task, with what its card does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) card: Card,
    pub(crate) spec: String,
    pub(crate) paths: Vec<String>,
}

/// Writes open tasks, and the finished ones below them. Titles are only text in it: no link, no mark-up, no second item.
/// A spec stands below its title, as deep as Markdown needs it to belong to it.
pub(crate) fn render(open: &[Listed], finished: &[(TaskId, String)]) -> String {
    let mut out = String::new();
    for heading in ["TODO", DRAFTS, "In progress", "Review", "Testing"] {
        let mut tasks: Vec<&Listed> = open.iter().filter(|task| section(&task.card) == heading).collect();
        if tasks.is_empty() && heading == DRAFTS {
            continue;
        }
        tasks.sort_by_key(|task| (task.card.priority, task.card.created_at, task.card.id.clone()));
        let _ = write!(out, "## {heading}\n\n");
        for task in &tasks {
            let Listed { card, spec, .. } = task;
            let _ = writeln!(out, "- [ ] `{}` {} ({})", card.id, plain(&card.title), details(task));
            body(&mut out, spec);
        }
        if !tasks.is_empty() {
            out.truncate(out.trim_end().len());
            out.push_str("\n\n");
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

/// The section of what nobody takes before a person says so.
const DRAFTS: &str = "Draft";

fn section(card: &Card) -> &'static str {
    match card.column {
        Column::Ready | Column::Done if card.state == "in-planning" => DRAFTS,
        Column::Ready | Column::Done => "TODO",
        Column::Working => "In progress",
        Column::Review => "Review",
        Column::Testing | Column::Queue => "Testing",
    }
}

/// A spec below its entry: between empty lines, and no deeper than it was.
fn body(out: &mut String, spec: &str) {
    let spec = spec.trim_end();
    if spec.is_empty() {
        return;
    }
    out.push('\n');
    for line in spec.lines().map(|line| shown(line.trim_end())) {
        let _ = writeln!(out, "{}{line}", if line.is_empty() { "" } else { "  " });
    }
    out.push('\n');
}

fn details(Listed { card, paths, .. }: &Listed) -> String {
    let mut parts = vec![format!("p{}", card.priority)];
    if !card.after.is_empty() {
        let names: Vec<&str> = card.after.iter().map(TaskId::as_str).collect();
        parts.push(format!("after {}", names.join(" ")));
    }
    if !paths.is_empty() {
        let globs: Vec<String> = paths.iter().map(|glob| plain(&in_brackets(glob))).collect();
        parts.push(format!("paths {}", globs.join(" ")));
    }
    if let Some(owner) = &card.owner {
        parts.push(plain(owner).replace(['(', ')'], ""));
    }
    parts.join(", ")
}

/// What would end a glob in the brackets behind a title, and how it is written there, as in addresses.
const CODES: [(char, &str); 5] = [('(', "%28"), (')', "%29"), (' ', "%20"), (',', "%2C"), ('%', "%25")];

fn in_brackets(glob: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut rest) = (0_usize, glob.chars().peekable());
    while let Some(c) = rest.next() {
        depth = depth_after(depth, c);
        // In `{a,b}` a comma ends nothing.
        let harmless = c == ',' && depth > 0 && rest.peek().is_some();
        match CODES.iter().find(|(own, _)| *own == c && !harmless) {
            Some((_, code)) => out.push_str(code),
            None => out.push(c),
        }
    }
    out
}

/// How deep in braces a text of globs is after this character. No glob has a blank in it as it is written.
fn depth_after(depth: usize, c: char) -> usize {
    match c {
        '{' => depth + 1,
        '}' => depth.saturating_sub(1),
        ' ' => 0,
        _ => depth,
    }
}

/// The parts between commas of what stands in brackets; in `{a,b}` a comma ends none.
pub(super) fn parts_of(inner: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        depth = depth_after(depth, c);
        if c == ',' && (depth == 0 || inner[at + 1..].starts_with(' ')) {
            parts.push(inner[start..at].trim());
            start = at + 1;
            depth = 0;
        }
    }
    parts.push(inner[start..].trim());
    parts
}

/// The glob that [`in_brackets`] wrote.
pub(super) fn out_of_brackets(word: &str) -> String {
    // The sign of all others comes last: what it stands before is then no code any more.
    CODES.iter().fold(word.to_owned(), |word, (c, code)| word.replace(code, &c.to_string()))
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
