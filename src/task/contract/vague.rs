//! What a task must say before anybody can work by it (B4, E2).

use std::fmt;

use super::{Require, Section, Spec, says_something};

/// Why a task is too vague to be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing but words that fit any task.
    NamesNothing,
    /// A section that was begun and says nothing.
    Empty(Section),
    /// A section that this task needs.
    Missing(Section),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::NamesNothing => f.write_str("it names no thing: its words fit any task"),
            Gap::Empty(section) => write!(f, "'{}' says nothing: {}", section.heading(), section.asks()),
            Gap::Missing(section) => write!(f, "'{}' is missing: {}", section.heading(), section.asks()),
        }
    }
}

/// What is missing in a task before anybody could work on it; empty if nothing is.
pub(crate) fn gaps(title: &str, spec: &str, tier: u8, require: Require) -> Vec<Gap> {
    let read = Spec::read(spec);
    let core = |section: &Section| matches!(section, Section::Objective | Section::Acceptance);
    let silent = read.sections.iter().filter(|(_, text)| !says_something(text));
    // A heading of the template that is left as it was asks for nothing; one that says "TBD" does.
    let begun = silent.filter(|(section, text)| core(section) || !text.trim().is_empty());
    let mut gaps: Vec<Gap> = begun.map(|(section, _)| Gap::Empty(*section)).collect();
    let explained = says_something(&read.free) || read.of(Section::Objective).is_some();
    if !explained && is_filler(title) {
        gaps.push(Gap::NamesNothing);
    }
    let needed: &[Section] = match require {
        Require::Full => &Section::ALL,
        Require::Checkable => &[Section::Objective, Section::Acceptance],
        Require::Brief if tier >= 3 || !read.sections.is_empty() => &[Section::Acceptance],
        Require::Brief => &[],
    };
    for section in needed {
        // What stands under no heading tells the objective as well.
        let said =
            read.of(*section).is_some() || (*section == Section::Objective && says_something(&read.free));
        if !said && !gaps.contains(&Gap::Empty(*section)) {
            gaps.push(Gap::Missing(*section));
        }
    }
    gaps
}

/// Words of a wish: something is to be better, and nobody knows what.
const WISHES: &[&str] = &[
    "asap",
    "better",
    "bug",
    "bugs",
    "clean",
    "cleanup",
    "enhance",
    "everything",
    "fix",
    "fixes",
    "fixme",
    "improve",
    "improvement",
    "improvements",
    "issue",
    "issues",
    "misc",
    "nicer",
    "optimise",
    "optimize",
    "problem",
    "problems",
    "refactor",
    "something",
    "stuff",
    "tbd",
    "things",
    "todo",
    "tweak",
    "tweaks",
    "update",
    "various",
    "wip",
];
/// Words that stand beside them in any task.
const FILLER: &[&str] = &[
    "a",
    "all",
    "an",
    "and",
    "any",
    "as",
    "be",
    "change",
    "changes",
    "check",
    "code",
    "do",
    "for",
    "good",
    "handle",
    "implement",
    "in",
    "it",
    "make",
    "more",
    "nice",
    "now",
    "of",
    "please",
    "some",
    "task",
    "that",
    "the",
    "them",
    "thing",
    "this",
    "to",
    "up",
    "work",
];

/// Whether a title is a wish and nothing else. One other word is a name, however short: who reads it may know.
fn is_filler(title: &str) -> bool {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    let is = |list: &[&str], word: &String| list.contains(&word.as_str());
    words.iter().any(|word| is(WISHES, word)) && words.iter().all(|word| is(WISHES, word) || is(FILLER, word))
}
