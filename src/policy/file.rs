//! `orch.toml`: its text as values by key. Which of them count is decided in `layers`.

use super::key::{self, KEYS, Key, Shape};
use super::value::{self, BadValue, Value};
use std::collections::BTreeMap;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

/// Its name.
pub(crate) const NAME: &str = "orch.toml";

/// The values of a file, by the full names of their keys.
pub(crate) type Values = BTreeMap<String, Value>;

/// Why a file cannot be used, with the place. Shown as `orch.toml:12:7: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("orch.toml:{line}:{column}: {why}")]
pub(crate) struct FileError {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) why: Wrong,
}

/// What is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("{message}\n  {source_line}")]
    Syntax { message: String, source_line: String },
    #[error("unknown key '{name}'{}{}", inside(.section), suggested(.meant))]
    UnknownKey { name: String, section: String, meant: Option<String> },
    #[error("unknown section [{name}]{}", suggested(.meant))]
    UnknownSection { name: String, meant: Option<String> },
    #[error("'{name}' is a section: write [{name}]")]
    Section { name: String },
    #[error("tests.select[{index}] needs {key}")]
    IncompleteRule { index: usize, key: &'static str },
    #[error("{0}")]
    Value(#[from] BadValue),
}

/// Reads the text of an `orch.toml`.
///
/// # Errors
/// The first thing that is wrong. An unknown key is: a typo in a limit would lift it.
pub(crate) fn read(text: &str) -> Result<Values, FileError> {
    let reader = Reader { text };
    let table = DeTable::parse(text).map_err(|error| reader.syntax(&error))?;
    let mut values = Values::new();
    reader.table(table.get_ref(), "", &mut values)?;
    Ok(values)
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn table(&self, table: &DeTable<'_>, section: &str, values: &mut Values) -> Result<(), FileError> {
        // In the order of the text, so that the first error is the topmost one.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let full = match section {
                "" => name.get_ref().to_string(),
                section => format!("{section}.{}", name.get_ref()),
            };
            if let Some(key) = key::find(&full) {
                let read = self.value(key, &full, value)?;
                values.insert(full, read);
            } else if !is_section(&full) {
                let is_table = value.get_ref().is_table();
                return Err(self.at(name.span().start, unknown(name.get_ref(), section, is_table)));
            } else if let Some(inner) = value.get_ref().as_table() {
                self.table(inner, &full, values)?;
            } else {
                return Err(self.at(name.span().start, Wrong::Section { name: full }));
            }
        }
        Ok(())
    }

    fn value(&self, key: &Key, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Value, FileError> {
        let wrong = || value::wrong_shape(key, name);
        let read = match (key.shape, value.get_ref()) {
            (Shape::Count | Shape::Tokens, DeValue::Integer(number)) => {
                let digits = number.as_str().replace('_', "");
                let count = u64::from_str_radix(digits.trim_start_matches('+'), number.radix());
                count.map_err(|_| wrong()).and_then(|count| Value::count(name, count))
            }
            (Shape::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            // `timeout = 15` is a forgotten unit rather than a wrong type.
            (Shape::Time | Shape::Money, DeValue::Integer(number)) => Value::text(key, name, number.as_str()),
            (Shape::Money, DeValue::Float(number)) => Value::text(key, name, number.as_str()),
            (Shape::Words | Shape::Globs, DeValue::Array(array)) => {
                texts(array).ok_or_else(wrong).and_then(|words| Value::list(key, name, words))
            }
            (Shape::Rules, DeValue::Array(array)) => return self.rules(key, array),
            (_, DeValue::String(text)) => Value::text(key, name, text),
            _ => Err(wrong()),
        };
        read.map_err(|error| self.at(value.span().start, error.into()))
    }

    fn rules(&self, key: &Key, array: &DeArray<'_>) -> Result<Value, FileError> {
        let mut pairs = Vec::new();
        for (index, rule) in array.iter().enumerate() {
            let Some(table) = rule.get_ref().as_table() else {
                return Err(self.at(rule.span().start, value::wrong_shape(key, key.name).into()));
            };
            let known = |name: &str| matches!(name, "changed" | "run");
            if let Some((name, _)) = table.iter().find(|(name, _)| !known(name.get_ref())) {
                let meant = key::nearest(name.get_ref(), ["changed", "run"].into_iter()).map(str::to_owned);
                let (name_text, section) = (name.get_ref().to_string(), key.name.to_owned());
                let why = Wrong::UnknownKey { name: name_text, section, meant };
                return Err(self.at(name.span().start, why));
            }
            let field = |name: &'static str| {
                let text = table.get(name).and_then(|value| value.get_ref().as_str()).map(str::to_owned);
                text.ok_or_else(|| self.at(rule.span().start, Wrong::IncompleteRule { index, key: name }))
            };
            pairs.push((field("changed")?, field("run")?));
            // Read at once, for the place of the error.
            Value::rules(&pairs).map_err(|error| self.at(rule.span().start, error.into()))?;
        }
        Value::rules(&pairs).map_err(|error| self.at(0, error.into()))
    }

    fn syntax(&self, error: &toml::de::Error) -> FileError {
        let start = error.span().map_or(0, |span| span.start);
        let place = self.at(start, Wrong::Section { name: String::new() });
        let source_line = self.text.lines().nth(place.line - 1).unwrap_or_default().trim_end().to_owned();
        // toml's message is several lines where it lists what it expected.
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        FileError { why: Wrong::Syntax { message, source_line }, ..place }
    }

    /// An error at a byte of the text.
    fn at(&self, start: usize, why: Wrong) -> FileError {
        let before = self.text.get(..start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        FileError { line, column, why }
    }
}

fn texts(array: &DeArray<'_>) -> Option<Vec<String>> {
    array.iter().map(|value| value.get_ref().as_str().map(str::to_owned)).collect()
}

/// Whether keys stand below this name; `agent.NAME` is a section for every name.
fn is_section(name: &str) -> bool {
    let own_agent = name.strip_prefix("agent.").is_some_and(|chosen| !chosen.contains('.'));
    own_agent || sections().any(|section| section == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.name.split_once('.').map(|(section, _)| section))
}

fn unknown(name: &str, section: &str, is_table: bool) -> Wrong {
    if is_table && section.is_empty() {
        let meant = key::nearest(name, sections()).map(|meant| format!("[{meant}]"));
        return Wrong::UnknownSection { name: name.to_owned(), meant };
    }
    let keys_here = KEYS.iter().filter_map(|key| match key.name.rsplit_once('.') {
        Some((head, last)) => {
            (head == section || (head == "agent.*" && section.starts_with("agent."))).then_some(last)
        }
        None => section.is_empty().then_some(key.name),
    });
    let here = key::nearest(name, keys_here).map(|meant| format!("'{meant}'"));
    let elsewhere = || {
        let known = KEYS.iter().find(|key| key.name.rsplit_once('.').is_some_and(|(_, last)| last == name));
        known.map(|key| format!("'{}'", key.name))
    };
    let meant = here.or_else(elsewhere);
    Wrong::UnknownKey { name: name.to_owned(), section: section.to_owned(), meant }
}

fn inside(section: &str) -> String {
    if section.is_empty() { String::new() } else { format!(" in [{section}]") }
}

fn suggested(meant: &Option<String>) -> String {
    match meant {
        // The suggestions that come from a table are quoted already.
        Some(meant) if meant.starts_with(['\'', '[']) => format!("; did you mean {meant}?"),
        Some(meant) => format!("; did you mean '{meant}'?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text = r#"
base = "main"
[cap]
diff = 1_50
exclude = ["*.{a,b}"]
[tests]
all = "make"
timeout = "90s"
[[tests.select]]
changed = "src/{stem}/**"
run = "{stem}::"
[queue]
push = false
[agent.mine]
command = "my agent"
prompt = "file"
"#;
        let lines: Vec<String> =
            read(text).unwrap().iter().map(|(name, value)| format!("{name} = {value}")).collect();
        assert_snapshot!(lines.join("\n"), @"
        agent.mine.command = my agent
        agent.mine.prompt = file
        base = main
        cap.diff = 150
        cap.exclude = *.{a,b}
        queue.push = false
        tests.all = make
        tests.select = src/{stem}/** -> {stem}::
        tests.timeout = 1m30s
        ");
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn errors_name_their_place() {
        for (text, expected) in [
            (
                "[cap]\n\n  diff_capp = 3",
                "orch.toml:3:3: unknown key 'diff_capp' in [cap]; did you mean 'diff'?",
            ),
            ("bse = 'x'", "orch.toml:1:1: unknown key 'bse'; did you mean 'base'?"),
            ("diff = 3", "orch.toml:1:1: unknown key 'diff'; did you mean 'cap.diff'?"),
            ("zzz = 3", "orch.toml:1:1: unknown key 'zzz'"),
            ("[test]\nall = 'x'", "orch.toml:1:2: unknown section [test]; did you mean [tests]?"),
            ("cap = 3", "orch.toml:1:1: 'cap' is a section: write [cap]"),
            (
                "[agent.x]\ncomand = ''",
                "orch.toml:2:1: unknown key 'comand' in [agent.x]; did you mean 'command'?",
            ),
            ("[cap]\ndiff = 0", "orch.toml:2:8: cap.diff must be a whole number above 0"),
            ("[cap]\ndiff = -1", "orch.toml:2:8: cap.diff must be a whole number above 0"),
            ("[cap]\ndiff = '200'", "orch.toml:2:8: cap.diff must be a whole number above 0"),
            ("[limits]\nimplement = 15", "orch.toml:2:13: limits.implement '15' needs a unit: 15m"),
            ("[limits]\nimplement = '15'", "orch.toml:2:13: limits.implement '15' needs a unit: 15m"),
            ("[tests]\nall = 3", "orch.toml:2:7: tests.all must be a text in quotes"),
            ("[queue]\npush = 'yes'", "orch.toml:2:8: queue.push must be true or false"),
            ("[paths]\ndeny = 'x'", "orch.toml:2:8: paths.deny must be a list of texts, like [\"a\", \"b\"]"),
            ("[paths]\ndeny = ['[']", "orch.toml:2:8: bad glob '[' in paths.deny: unclosed class"),
            (
                "[[tests.select]]\nchanged = '['\nrun = 'x'",
                "orch.toml:1:1: bad glob '[' in tests.select[0].changed: unclosed class",
            ),
            ("[[tests.select]]\nchanged = 'x'", "orch.toml:1:1: tests.select[0] needs run"),
            (
                "[[tests.select]]\nchange = 'x'",
                "orch.toml:2:1: unknown key 'change' in [tests.select]; did you mean 'changed'?",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn syntax_errors_show_their_line() {
        let error = |text| read(text).unwrap_err().to_string();
        assert_snapshot!(error("[cap]\ndiff = "), @"
        orch.toml:2:8: string values must be quoted, expected literal string
          diff =
        ");
        assert_snapshot!(error("[cap]\ndiff = 1\ndiff = 2"), @"
        orch.toml:3:1: duplicate key
          diff = 2
        ");
        assert_snapshot!(error("[cap\n"), @"
        orch.toml:1:5: unclosed table, expected `]`
          [cap
        ");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z]{1,3}|cap|diff|tests|select|[\\[\\]={}'\".\n é0-9]){0,14}") {
            let _ = read(&text).map_err(|error| error.to_string());
        }
    }
}
