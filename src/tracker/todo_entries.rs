//! Everything in a Markdown document that could be a task: list items, and headings with the text below them. Which of
//! these are tasks is not decided here.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::item::{Standing, priority_of, standing_of};

/// An entry of the document, as it is found.
pub(super) struct Entry {
    /// The first line, as plain text.
    pub(super) line: String,
    pub(super) mark: Option<Mark>,
    pub(super) checked: Option<bool>,
    pub(super) body: Range<usize>,
    /// How what stands under the nearest heading that says so stands.
    pub(super) section: Section,
    pub(super) heading: bool,
}

/// What an entry begins with.
pub(super) enum Mark {
    Code(String),
    Bold(String),
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Section {
    pub(super) standing: Option<Standing>,
    pub(super) priority: Option<u8>,
}

/// Everything in a document that could be a task, in its order.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut finder = Finder { length: text.len(), ..Finder::default() };
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TASKLISTS).into_offset_iter() {
        finder.see(event, range);
    }
    finder.close_heading(text.len());
    finder.found.retain(|entry| !entry.line.trim().is_empty());
    finder.found
}

/// What was seen of a document so far.
#[derive(Default)]
struct Finder {
    found: Vec<Entry>,
    section: Section,
    /// How many lists one is in.
    lists: u32,
    /// Whether the first line of an entry is being read.
    reading: bool,
    /// Whether bold text at the beginning of that line is.
    marking: bool,
    /// The text of the heading that is being read.
    heading: Option<String>,
    /// How deep that heading is, and the one that said how what follows stands; 0 for none.
    level: u8,
    said_at: u8,
    /// Of the document, in bytes.
    length: usize,
}

impl Finder {
    fn see(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            // A heading inside of an entry is a part of its text.
            Event::Start(Tag::Heading { level, .. }) if self.lists == 0 => self.heading_begins(level, range),
            Event::End(TagEnd::Heading(_)) if self.lists == 0 => self.heading_ends(),
            Event::Start(Tag::Heading { .. }) => self.reading = false,
            Event::Start(Tag::List(_)) => {
                self.lists += 1;
                self.reading = false;
            }
            Event::End(TagEnd::List(_)) => self.lists = self.lists.saturating_sub(1),
            Event::Start(Tag::Item) if self.lists == 1 => self.begin(range.end..range.end, false),
            Event::End(TagEnd::Item) if self.lists == 1 => self.item_ends(range.end),
            Event::TaskListMarker(checked) if self.lists == 1 => {
                if let Some(entry) = self.found.last_mut() {
                    entry.checked = Some(checked);
                }
            }
            Event::Start(Tag::Strong) if self.reading => {
                self.marking = self.found.last().is_some_and(|entry| entry.line.trim().is_empty());
            }
            Event::End(TagEnd::Strong) if self.reading => self.strong_ends(),
            Event::Code(code) => self.words(&code, true, range.end),
            Event::Text(words) | Event::InlineHtml(words) => self.words(&words, false, range.end),
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph) => self.reading = false,
            // A block before any text: the entry has no first line of its own.
            Event::Start(Tag::CodeBlock(_) | Tag::BlockQuote(_) | Tag::HtmlBlock | Tag::Table(_)) => {
                self.reading = false;
            }
            _ => {}
        }
    }

    fn begin(&mut self, body: Range<usize>, heading: bool) {
        let (line, section) = (String::new(), self.section);
        self.found.push(Entry { line, mark: None, checked: None, body, section, heading });
        self.reading = true;
    }

    fn heading_begins(&mut self, level: HeadingLevel, range: Range<usize>) {
        self.close_heading(range.start);
        self.heading = Some(String::new());
        self.level = level as u8;
        // The first level is the document's own title.
        if level != HeadingLevel::H1 {
            self.begin(range.end..self.length, true);
        }
    }

    fn heading_ends(&mut self) {
        self.reading = false;
        let heading = self.heading.take().unwrap_or_default();
        let word = heading.trim_end_matches("priority").trim_end_matches("Priority").trim();
        let (standing, priority) = (standing_of(word), priority_of(word));
        if standing.is_none() && priority.is_none() {
            return;
        }
        // A heading of the same depth ends what the one before it said; a deeper one only adds to it.
        let deeper = self.level > self.said_at;
        let above = if deeper { self.section } else { Section::default() };
        self.section = Section {
            standing: standing.or(above.standing),
            priority: if standing.is_some() { None } else { priority },
        };
        if !deeper || standing.is_some() {
            self.said_at = self.level;
        }
        // A heading that says how things stand is no task, and ends none.
        if self.found.last().is_some_and(|entry| entry.heading) {
            self.found.pop();
        }
    }

    fn item_ends(&mut self, at: usize) {
        if let Some(entry) = self.found.last_mut().filter(|entry| !entry.heading) {
            entry.body = entry.body.start.min(at)..at;
        }
        self.reading = false;
    }

    fn strong_ends(&mut self) {
        if let Some(entry) = self.found.last_mut().filter(|_| self.marking) {
            entry.mark = Some(Mark::Bold(entry.line.trim().to_owned()));
        }
        self.marking = false;
    }

    fn words(&mut self, words: &str, code: bool, end: usize) {
        if let Some(text) = &mut self.heading {
            text.push_str(words);
        }
        if let Some(entry) = self.found.last_mut().filter(|_| self.reading) {
            if code && entry.line.trim().is_empty() {
                entry.mark = Some(Mark::Code(words.to_owned()));
            }
            entry.line.push_str(words);
            // The body of a list entry begins where its first line ends.
            if !entry.heading {
                entry.body = end..entry.body.end.max(end);
            }
        }
    }

    /// The text under a heading ends where the next heading is.
    fn close_heading(&mut self, at: usize) {
        if let Some(last) = self.found.iter_mut().rev().find(|entry| entry.heading) {
            last.body = last.body.start.min(at)..last.body.end.min(at);
        }
    }
}
