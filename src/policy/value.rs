//! What a setting is set to: read from text, checked against its key, and written.

use super::key::{Key, Shape};
use crate::{
    plan::budget::Currency,
    select::{
        globs::{BadGlob, Globs},
        rule::{self, Rule},
    },
    suite::format::Format,
    task::record::MicroUsd,
};
use std::{fmt, time::Duration};

/// A value, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Count(u64),
    /// In millionths of a dollar.
    Money(u64),
    Switch(bool),
    Time(Duration),
    List(Vec<String>),
    Rules(Vec<Rule>),
}

/// Why a value is refused. Every text names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadValue {
    #[error("{key} must be {expected}")]
    Shape { key: String, expected: &'static str },
    #[error("{key} '{given}' needs a unit: {given}m")]
    Unit { key: String, given: String },
    #[error("{key} '{given}' is no time: write 90s, 15m or 1h30m")]
    Time { key: String, given: String },
    #[error("{key} '{given}' must be one of: {choices}")]
    Choice { key: String, given: String, choices: String },
    #[error("{key} must hold {{tests}}, the place of the selected tests")]
    NoTests { key: String },
    #[error("{key} uses {{{name}}}; known are path, dir, file, stem and parent")]
    Template { key: String, name: String },
    #[error("bad glob '{glob}' in {key}: {why}")]
    Glob { key: String, glob: String, why: String },
    #[error("{key}: {why}")]
    Report { key: String, why: String },
    /// A `[[tests.select]]`, with its index in the text.
    #[error("{0}")]
    Rule(String),
}

impl Value {
    /// Reads a value as git config, the environment and the command line hold it. Lists are separated by commas.
    ///
    /// # Errors
    /// A value that is not of the key's shape. `name` is the full name.
    pub(crate) fn parse(key: &Key, name: &str, text: &str) -> Result<Value, BadValue> {
        match key.shape {
            Shape::Count | Shape::Tokens => match text.trim().replace('_', "").parse() {
                Ok(count) => Value::count(name, count),
                Err(_) => Err(wrong_shape(key, name)),
            },
            Shape::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Switch(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Switch(false)),
                _ => Err(wrong_shape(key, name)),
            },
            Shape::Words | Shape::Globs => Value::list(key, name, split_list(text)),
            Shape::Rules => Err(wrong_shape(key, name)),
            Shape::Text
            | Shape::TestsCommand
            | Shape::FileTemplate
            | Shape::Report
            | Shape::Time
            | Shape::Money
            | Shape::Choice(_) => Value::text(key, name, text),
        }
    }

    /// Reads a value that stands as a string.
    pub(super) fn text(key: &Key, name: &str, text: &str) -> Result<Value, BadValue> {
        let (owned, given) = (|| name.to_owned(), || text.to_owned());
        match key.shape {
            Shape::Time => Ok(Value::Time(time(name, text)?)),
            Shape::Money => match MicroUsd::parse(text) {
                Some(MicroUsd(dollars @ 1..)) => Ok(Value::Money(dollars)),
                Some(MicroUsd(0)) | None => Err(wrong_shape(key, name)),
            },
            Shape::Choice(choices) if !choices.contains(&text) => {
                Err(BadValue::Choice { key: owned(), given: given(), choices: choices.join(", ") })
            }
            Shape::TestsCommand if !text.contains("{tests}") => Err(BadValue::NoTests { key: owned() }),
            Shape::FileTemplate => match rule::check_template(text) {
                Ok(()) => Ok(Value::Text(given())),
                Err(unknown) => Err(BadValue::Template { key: owned(), name: unknown }),
            },
            Shape::Report => match Format::parse(text) {
                Ok(_) => Ok(Value::Text(given())),
                Err(error) => Err(BadValue::Report { key: owned(), why: error.to_string() }),
            },
            Shape::Text | Shape::TestsCommand | Shape::Choice(_) => Ok(Value::Text(given())),
            Shape::Count | Shape::Tokens | Shape::Switch | Shape::Words | Shape::Globs | Shape::Rules => {
                Err(wrong_shape(key, name))
            }
        }
    }

    pub(super) fn count(name: &str, count: u64) -> Result<Value, BadValue> {
        match count {
            0 => Err(BadValue::Shape { key: name.to_owned(), expected: COUNT }),
            count => Ok(Value::Count(count)),
        }
    }

    pub(super) fn list(key: &Key, name: &str, words: Vec<String>) -> Result<Value, BadValue> {
        if key.shape == Shape::Globs {
            Globs::parse(&words).map_err(|BadGlob { glob, why }| BadValue::Glob {
                key: name.to_owned(),
                glob,
                why,
            })?;
        }
        Ok(Value::List(words))
    }

    /// Reads `[[tests.select]]`: pairs of `changed` and `run`.
    pub(super) fn rules(pairs: &[(String, String)]) -> Result<Value, BadValue> {
        let rules = pairs.iter().enumerate().map(|(index, (changed, run))| {
            Rule::parse(changed, run).map_err(|error| BadValue::Rule(error.at(index)))
        });
        Ok(Value::Rules(rules.collect::<Result<_, _>>()?))
    }
}

impl Key {
    /// The built-in value; nothing where there is none.
    pub(crate) fn built_in(&self) -> Option<Value> {
        match (self.default, self.shape) {
            ("", Shape::Words | Shape::Globs) => Some(Value::List(Vec::new())),
            ("", Shape::Rules) => Some(Value::Rules(Vec::new())),
            ("", _) => None,
            // A test reads every default.
            (text, _) => Value::parse(self, self.name, text).ok(),
        }
    }
}

const COUNT: &str = "a whole number above 0";

/// The error for a value of another shape than the key's.
pub(super) fn wrong_shape(key: &Key, name: &str) -> BadValue {
    let expected = match key.shape {
        Shape::Count | Shape::Tokens => COUNT,
        Shape::Money => "dollars above 0, like 5 or \"0.50\"",
        Shape::Switch => "true or false",
        Shape::Time => "a time in quotes, like \"15m\"",
        Shape::Words | Shape::Globs => "a list of texts, like [\"a\", \"b\"]",
        Shape::Rules => "written as [[tests.select]] in orch.toml",
        Shape::Text | Shape::TestsCommand | Shape::FileTemplate | Shape::Report | Shape::Choice(_) => {
            "a text in quotes"
        }
    };
    BadValue::Shape { key: name.to_owned(), expected }
}

/// Commas separate, except inside braces: `*.{a,b},c` is two globs.
fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Reads a time such as `90s`, `15m` or `1h30m`.
///
/// # Errors
/// Another text; the error names no key.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    match seconds(text.trim()) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("write 90s, 15m or 1h30m".to_owned()),
    }
}

fn time(name: &str, text: &str) -> Result<Duration, BadValue> {
    let (key, given) = (name.to_owned(), text.trim().to_owned());
    if !given.is_empty() && given.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadValue::Unit { key, given });
    }
    match seconds(&given) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(BadValue::Time { key, given }),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[digits..].chars().next()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        let number: u64 = rest[..digits].parse().ok()?;
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[digits + 1..];
    }
    Some(total)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Count(count) => write!(f, "{count}"),
            Value::Money(micros) => write!(f, "{}", Currency::Money.shown(*micros)),
            Value::Switch(on) => write!(f, "{on}"),
            Value::Time(time) => f.write_str(&written(time.as_secs())),
            Value::List(words) => f.write_str(&words.join(", ")),
            Value::Rules(rules) => {
                let rules: Vec<String> =
                    rules.iter().map(|rule| format!("{} -> {}", rule.changed(), rule.run())).collect();
                f.write_str(&rules.join(", "))
            }
        }
    }
}

/// Seconds as a person writes them: `1h30m`.
fn written(seconds: u64) -> String {
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::key::find;
    use proptest::prelude::*;

    #[test]
    fn bad_values_say_what_is_asked_for() {
        for (name, text, expected) in [
            ("cap.diff", "0", "cap.diff must be a whole number above 0"),
            ("cap.diff", "-5", "cap.diff must be a whole number above 0"),
            ("cap.diff", "many", "cap.diff must be a whole number above 0"),
            ("limits.implement", "15", "limits.implement '15' needs a unit: 15m"),
            ("limits.implement", "0m", "limits.implement '0m' is no time: write 90s, 15m or 1h30m"),
            ("limits.implement", "soon", "limits.implement 'soon' is no time: write 90s, 15m or 1h30m"),
            ("queue.push", "maybe", "queue.push must be true or false"),
            ("queue.land", "none", "queue.land 'none' must be one of: full, commute, targeted"),
            ("tests.some", "make test", "tests.some must hold {tests}, the place of the selected tests"),
            (
                "tests.file_run",
                "{name}",
                "tests.file_run uses {name}; known are path, dir, file, stem and parent",
            ),
            (
                "tests.report",
                "xml",
                "tests.report: 'xml' is no report format: tap, junit:FILE, libtest, go-json or exit",
            ),
            ("paths.deny", "a,[", "bad glob '[' in paths.deny: unclosed class"),
            ("tests.select", "x", "tests.select must be written as [[tests.select]] in orch.toml"),
        ] {
            let key = find(name).unwrap();
            assert_eq!(Value::parse(key, name, text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn lists_keep_their_braces() {
        assert_eq!(split_list(" *.{a,b}, c,,"), ["*.{a,b}", "c"]);
    }

    proptest! {
        #[test]
        fn times_read_back(seconds in 1_u64..1_000_000) {
            prop_assert_eq!(time("x", &written(seconds)), Ok(Duration::from_secs(seconds)));
        }
    }
}
