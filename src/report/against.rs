//! Two runs side by side: what each came to, and by which settings they differ. That is what a changed rule is judged by.

use std::collections::{BTreeMap, BTreeSet};

use super::sum::Sum;
use super::words::{dollars, duration, line};

/// What a report says in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) run: String,
    /// By the names of `report.json`; `None` is unknown.
    pub(crate) metrics: BTreeMap<String, Option<u64>>,
    /// The settings that were not the built-in ones; `None` in reports of before they were kept.
    pub(crate) settings: Option<BTreeMap<String, String>>,
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Number,
    /// Millionths of a dollar.
    Money,
    Seconds,
}

/// The figures that are compared, in their order.
const ROWS: [(&str, &str, Unit); 10] = [
    ("tasks_landed", "tasks landed", Unit::Number),
    ("tasks", "of tasks", Unit::Number),
    ("tests_passing_after", "tests passing after", Unit::Number),
    ("iterations", "tries", Unit::Number),
    ("regressions_caught", "regressions caught", Unit::Number),
    ("regressions_landed", "regressions landed", Unit::Number),
    ("cost_usd_micros", "cost", Unit::Money),
    ("tokens", "tokens", Unit::Number),
    ("findings_fixed", "findings fixed", Unit::Number),
    ("wall_seconds", "wall time", Unit::Seconds),
];

/// Settings that differ: the key, and what each run had; `None` is the built-in value.
pub(crate) type Differing<'a> = Vec<(&'a str, Option<&'a str>, Option<&'a str>)>;

/// Which settings differ between two runs; `None` where one of them kept none.
pub(crate) fn differing<'a>(one: &'a Figures, other: &'a Figures) -> Option<Differing<'a>> {
    let (a, b) = (one.settings.as_ref()?, other.settings.as_ref()?);
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let pairs = keys
        .into_iter()
        .map(|key| (key.as_str(), a.get(key).map(String::as_str), b.get(key).map(String::as_str)));
    Some(pairs.filter(|(_, a, b)| a != b).collect())
}

/// The comparison for a terminal: a row for each figure, then the settings that differ. `one` is the newer run, and the
/// last column says how it moved from `other`.
pub(crate) fn against(one: &Figures, other: &Figures) -> String {
    let mut rows = vec![["".to_owned(), line(&other.run), line(&one.run), "change".to_owned()]];
    for (name, label, unit) in ROWS {
        let (before, now) = (figure(other, name), figure(one, name));
        rows.push([label.to_owned(), said(before, unit), said(now, unit), change(before, now, unit)]);
    }
    let mut text = table(&rows);
    match differing(one, other) {
        None => text.push_str("\nOne of them was made before settings were kept in reports.\n"),
        Some(settings) if settings.is_empty() => text.push_str("\nBoth ran by the same settings.\n"),
        Some(settings) => {
            text.push('\n');
            let value = |value: Option<&str>| value.map_or("built-in".to_owned(), line);
            let rows = settings
                .into_iter()
                .map(|(key, one, other)| [line(key), value(other), value(one), String::new()]);
            let header = ["setting".to_owned(), line(&other.run), line(&one.run), String::new()];
            text.push_str(&table(&std::iter::once(header).chain(rows).collect::<Vec<_>>()));
        }
    }
    text
}

fn figure(of: &Figures, name: &str) -> Option<u64> {
    of.metrics.get(name).copied().flatten()
}

fn said(value: Option<u64>, unit: Unit) -> String {
    match (value, unit) {
        (None, _) => "unknown".to_owned(),
        (Some(value), Unit::Number) => value.to_string(),
        (Some(value), Unit::Money) => dollars(Sum::Exactly(value)),
        (Some(value), Unit::Seconds) => duration(value),
    }
}

fn change(before: Option<u64>, now: Option<u64>, unit: Unit) -> String {
    let (Some(before), Some(now)) = (before, now) else { return String::new() };
    let sign = match now.cmp(&before) {
        std::cmp::Ordering::Equal => return String::new(),
        std::cmp::Ordering::Less => "-",
        std::cmp::Ordering::Greater => "+",
    };
    format!("{sign}{}", said(Some(now.abs_diff(before)), unit))
}

/// Columns as wide as their widest cell, the figures to the right.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..4).map(width).collect();
    let written = |row: &[String; 4]| {
        let [name, before, now, change] = row;
        let (a, b, c, d) = (widths[0], widths[1], widths[2], widths[3]);
        format!("{}\n", format!("  {name:<a$}  {before:>b$}  {now:>c$}  {change:>d$}").trim_end())
    };
    rows.iter().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn figures(run: &str, landed: u64, cost: Option<u64>, cap: Option<&str>) -> Figures {
        let metrics = [
            ("tasks_landed", Some(landed)),
            ("tasks", Some(8)),
            ("iterations", Some(12)),
            ("cost_usd_micros", cost),
            ("wall_seconds", Some(95)),
        ];
        let settings = cap.map(|cap| ("cap.diff".to_owned(), cap.to_owned())).into_iter();
        Figures {
            run: run.to_owned(),
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
            settings: Some(settings.chain([("queue.mode".to_owned(), "rebase".to_owned())]).collect()),
        }
    }

    #[test]
    fn what_a_rule_changed_is_seen_at_once() {
        let (old, new) =
            (figures("r-aaaa", 6, Some(1_200_000), None), figures("r-bbbb", 7, Some(800_000), Some("60")));
        assert_snapshot!(against(&new, &old), @"
                                 r-aaaa      r-bbbb  change
        tasks landed                  6           7      +1
        of tasks                      8           8
        tests passing after     unknown     unknown
        tries                        12          12
        regressions caught      unknown     unknown
        regressions landed      unknown     unknown
        cost                      $1.20       $0.80  -$0.40
        tokens                  unknown     unknown
        findings fixed          unknown     unknown
        wall time            1 min 35 s  1 min 35 s

        setting     r-aaaa  r-bbbb
        cap.diff  built-in      60
        ");
    }

    #[test]
    fn what_is_unknown_is_not_compared() {
        let old = Figures { settings: None, ..figures("r-aaaa", 6, None, None) };
        let new = figures("r-\u{1b}[31m", 6, Some(1), None);
        assert_eq!(differing(&new, &old), None);
        let text = against(&new, &old);
        assert!(text.contains("unknown") && text.contains("before settings were kept"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(against(&new, &new).contains("Both ran by the same settings."));
    }
}
