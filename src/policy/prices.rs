//! List prices of models, with the date on which they were read: `prices.toml` beside this file.

use super::agents::Price;
use super::entry::price;
use std::{collections::BTreeMap, sync::LazyLock};

struct List {
    as_of: String,
    models: BTreeMap<String, Price>,
}

/// `prices.toml`: models by vendor, each with its prices as in an agent's section.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ListWire {
    as_of: String,
    models: BTreeMap<String, BTreeMap<String, String>>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let wire: ListWire = toml::from_str(include_str!("prices.toml")).expect("a test reads it");
    let models = wire.models.into_values().flatten().map(|(model, text)| {
        let pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
        let pairs: Vec<(String, String)> =
            pairs.map(|(what, dollars)| (what.to_owned(), dollars.to_owned())).collect();
        (model, price(&pairs).ok().flatten().expect("a test reads it"))
    });
    List { as_of: wire.as_of, models: models.collect() }
});

/// The date on which the list was read.
pub(crate) fn as_of() -> &'static str {
    &LIST.as_of
}

/// The list price of a model, under the name that a program or its host uses for it: behind a vendor and before a date,
/// `openai/gpt-5-2025-08-07`. Nothing for one that is not listed.
pub(crate) fn list_price(model: &str) -> Option<Price> {
    let name = model.trim().rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let undated = || {
        let end = name.find("-20").filter(|at| {
            let date = &name[at + 1..];
            date.len() >= 8 && date.chars().all(|c| c.is_ascii_digit() || c == '-')
        })?;
        LIST.models.get(&name[..end])
    };
    LIST.models.get(&name).or_else(undated).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_read() {
        let lines = include_str!("prices.toml").lines().filter(|line| line.starts_with('"')).count();
        assert!(lines > 50 && LIST.models.len() == lines, "{} of {lines}", LIST.models.len());
        assert_eq!(as_of().len(), "2026-11-21".len());
        for (model, price) in &LIST.models {
            assert!(price.input > 0 && price.output >= price.input && price.cached <= price.input, "{model}");
        }
    }

    #[test]
    fn models_are_found_by_any_of_their_names_and_never_by_a_likeness() {
        let mini = list_price("gpt-5-mini").unwrap();
        assert_eq!((mini.input, mini.cached, mini.output), (250_000, 25_000, 2_000_000));
        assert_eq!(list_price("openai/gpt-5-mini-2025-08-07"), Some(mini));
        assert!(list_price("claude-haiku-4-5-20251001").is_some());
        for unknown in ["gpt-5-mini-turbo", "gpt", "", "mock", "gpt-5-mini-20", "my/own-model"] {
            assert_eq!(list_price(unknown), None, "{unknown}");
        }
    }
}
