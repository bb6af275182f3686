//! What all trackers come down to.

use std::collections::BTreeMap;

use crate::task::id::{TaskId, shown};

/// Longest title, in characters; a longer one is cut here and whole in the text.
const TITLE_MAX: usize = 200;
/// Longest text of one item, in bytes: more is no task that an agent can read.
const TEXT_MAX: usize = 256 << 10;
/// Most items of one source.
const ITEMS_MAX: usize = 50_000;

/// How an item stands where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// To be done, by anybody.
    Open,
    /// Not agreed on yet: nobody may take it before a person says so.
    Draft,
    /// Somebody is at it there, outside of our sight.
    Started,
    Closed,
}

/// A task of another tracker. `None` = the source does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name there.
    pub(crate) key: String,
    /// Its name here, always the same for the same key.
    pub(crate) id: TaskId,
    pub(crate) title: String,
    pub(crate) text: Option<String>,
    /// 0 (first) to 4.
    pub(crate) priority: Option<u8>,
    /// Keys of items that must be done before.
    pub(crate) after: Option<Vec<String>>,
    /// Globs of what it may touch.
    pub(crate) paths: Option<Vec<String>>,
    pub(crate) standing: Standing,
}

/// All items of a source, with what could not be taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) items: Vec<Item>,
    pub(crate) notices: Vec<String>,
}

/// Why a source cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSource {
    #[error("{place} is not {what}: {why}")]
    Broken { place: String, what: &'static str, why: String },
    #[error("{found} items, the limit is {ITEMS_MAX}")]
    TooMany { found: usize },
}

impl Source {
    /// Adds an item; one whose id is taken is left out, with a notice. An item that is named twice in a pipeline of
    /// files counts as where it is furthest.
    pub(crate) fn push(&mut self, mut item: Item) {
        if let Some(text) = &mut item.text
            && text.len() > TEXT_MAX
        {
            let mut end = TEXT_MAX;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            self.notices.push(format!("{}: its text is cut at {} KiB", shown(&item.key), TEXT_MAX >> 10));
        }
        self.items.push(item);
    }

    /// Removes items whose ids clash: the first of each stays.
    ///
    /// # Errors
    /// More items than any import should have.
    pub(crate) fn checked(mut self) -> Result<Source, BadSource> {
        if self.items.len() > ITEMS_MAX {
            return Err(BadSource::TooMany { found: self.items.len() });
        }
        let mut seen: BTreeMap<TaskId, String> = BTreeMap::new();
        let mut kept = Vec::with_capacity(self.items.len());
        for item in self.items {
            match seen.get(&item.id) {
                Some(first) if *first == item.key => {
                    self.notices.push(format!("{} is there twice: the first one counts", shown(&item.key)));
                }
                Some(first) => self.notices.push(format!(
                    "{} is left out: its id here, {}, is that of {}",
                    shown(&item.key),
                    item.id,
                    shown(first)
                )),
                None => {
                    seen.insert(item.id.clone(), item.key.clone());
                    kept.push(item);
                }
            }
        }
        self.items = kept;
        Ok(self)
    }
}

/// The id of an item by its name in the tracker.
pub(crate) fn item_id(key: &str) -> TaskId {
    TaskId::from_branch(key)
}

/// A title that can stand in one line everywhere: blanks for control characters and line ends, cut where it is too long.
pub(crate) fn own_title(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "(without a title)".to_owned();
    }
    if line.chars().count() <= TITLE_MAX {
        return line;
    }
    line.chars().take(TITLE_MAX - 1).collect::<String>() + "…"
}

/// Priority by a word or number that trackers use.
pub(super) fn priority_of(word: &str) -> Option<u8> {
    let word = word.trim().to_ascii_lowercase();
    match word.trim_start_matches('p') {
        "0" => return Some(0),
        "1" => return Some(1),
        "2" => return Some(2),
        "3" => return Some(3),
        "4" => return Some(4),
        _ => {}
    }
    Some(match word.as_str() {
        "critical" | "urgent" | "highest" => 0,
        "high" => 1,
        "medium" | "normal" => 2,
        "low" => 3,
        "lowest" | "someday" => 4,
        _ => return None,
    })
}

/// How something stands, by a word that trackers use.
pub(super) fn standing_of(word: &str) -> Option<Standing> {
    let word: String = word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    Some(match word.as_str() {
        "todo" | "open" | "pending" | "ready" | "backlog" | "next" => Standing::Open,
        "draft" | "deferred" | "blocked" | "icebox" | "later" => Standing::Draft,
        "inprogress" | "doing" | "started" | "wip" | "hooked" | "review" | "inreview" | "underreview"
        | "testing" | "test" | "queue" | "qa" => Standing::Started,
        "done" | "closed" | "completed" | "complete" | "cancelled" | "canceled" | "tombstone" | "wontfix"
        | "archived" | "finished" => Standing::Closed,
        _ => return None,
    })
}

/// Paragraphs with headings, without those that are empty.
pub(super) fn sections(parts: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (heading, body) in parts.iter().filter(|(_, body)| !body.trim().is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        if !heading.is_empty() {
            text.push_str(&format!("## {heading}\n\n"));
        }
        text.push_str(body.trim());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clashing_ids_are_said() {
        let item = |key: &str| Item {
            key: key.to_owned(),
            id: item_id(key),
            title: "x".to_owned(),
            text: None,
            priority: None,
            after: None,
            paths: None,
            standing: Standing::Open,
        };
        let mut source = Source::default();
        for key in ["a.1", "a-1", "b", "b"] {
            source.push(item(key));
        }
        let source = source.checked().unwrap();
        let keys: Vec<&str> = source.items.iter().map(|item| item.key.as_str()).collect();
        assert_eq!(keys, ["a.1", "b"]);
        insta::assert_snapshot!(source.notices.join("\n"), @"
        a-1 is left out: its id here, a-1, is that of a.1
        b is there twice: the first one counts
        ");
    }

    proptest! {
        #[test]
        fn any_text_makes_a_title_and_an_id(text in "\\PC*|[\\x00-\\x7f]*") {
            let title = own_title(&text);
            prop_assert!(!title.is_empty() && title.chars().count() <= TITLE_MAX);
            prop_assert!(!title.chars().any(char::is_control));
            prop_assert_eq!(own_title(&title), title.clone());
            prop_assert!(TaskId::parse(item_id(&text).as_str()).is_ok());
        }
    }
}
