//! Names of things: tasks, commits, trees, runs and people. Each is parsed once, at the edge.

use std::fmt;

/// Longest task id, in characters: a ref name and a folder name are made from it.
pub(crate) const ID_MAX: usize = 64;

/// The name of a task: `[a-z0-9][a-z0-9-]{0,63}`, safe as a ref, as a folder and on a command line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(String);

/// Why a text is no task id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadId {
    #[error("task id is empty")]
    Empty,
    #[error("task id may not start with '-'")]
    Dash,
    #[error("task id is {0} characters, the limit is {ID_MAX}")]
    Long(usize),
    #[error("task id '{given}': use lower case: '{lower}'")]
    Upper { given: String, lower: String },
    #[error("task id '{shown}' may only use a-z 0-9 - (found {found})")]
    Char { shown: String, found: String },
}

impl TaskId {
    /// Reads an id as a person typed it.
    ///
    /// # Errors
    /// The first rule that it breaks; the text in the error is already safe to show.
    pub(crate) fn parse(text: &str) -> Result<TaskId, BadId> {
        if text.is_empty() {
            return Err(BadId::Empty);
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let upper_only = text.chars().all(|c| allowed(c) || c.is_ascii_uppercase());
        if upper_only && text.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(BadId::Upper { given: text.to_owned(), lower: text.to_ascii_lowercase() });
        }
        if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
            let found = match bad {
                ' ' => "a blank".to_owned(),
                c if c.is_ascii_graphic() => format!("'{c}'"),
                c if c.is_control() => format!("\\u{{{:x}}}", u32::from(c)),
                c => format!("'{c}' U+{:04X}", u32::from(c)),
            };
            return Err(BadId::Char { shown: shown(text).replace('\n', "\\n"), found });
        }
        if text.starts_with('-') {
            return Err(BadId::Dash);
        }
        let length = text.chars().count();
        if length > ID_MAX {
            return Err(BadId::Long(length));
        }
        Ok(TaskId(text.to_owned()))
    }

    /// Makes an id from a branch name: lower case, everything else than letters and digits becomes one `-`.
    pub(crate) fn from_branch(branch: &str) -> TaskId {
        let mut id = String::new();
        for c in branch.chars() {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                id.push(c);
            } else if !id.is_empty() && !id.ends_with('-') {
                id.push('-');
            }
        }
        id.truncate(ID_MAX);
        let id = id.trim_end_matches('-');
        TaskId(if id.is_empty() { "branch".to_owned() } else { id.to_owned() })
    }

    /// The id with `-<number>` behind it, shortened where it would be too long.
    pub(crate) fn numbered(&self, number: u32) -> TaskId {
        let tail = format!("-{number}");
        let head: String = self.0.chars().take(ID_MAX - tail.len()).collect();
        TaskId(format!("{}{tail}", head.trim_end_matches('-')))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text with control and bidirectional characters written as `\u{…}`, safe for a terminal.
///
/// The one escaping rule of the program: ids, titles, commit subjects and agent output pass here before they are shown.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let line = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        if (c.is_control() && c != '\n' && c != '\t') || bidi || line {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no object id")]
pub(crate) struct BadObjectId(String);

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(String);

        impl $name {
            /// Reads a full object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
            ///
            /// # Errors
            /// Any other text.
            pub(crate) fn parse(text: &str) -> Result<$name, BadObjectId> {
                let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if hex && matches!(text.len(), 40 | 64) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(BadObjectId(shown(text)))
                }
            }

            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }

            /// The first seven digits, as people read them.
            pub(crate) fn short(&self) -> &str {
                &self.0[..7]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.short())
            }
        }
    };
}

object_id! {
    /// The id of a commit.
    CommitId
}
object_id! {
    /// The id of a tree: what verdicts are keyed by.
    TreeId
}

/// A random mark that makes an event or a queue entry the writer's own, even where two writers say the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Nonce(pub(crate) String);

/// The name of a run: `r-` and Crockford letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId(pub(crate) String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A point in time: whole seconds since 1970-01-01 UTC, as git stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seconds(pub(crate) i64);
