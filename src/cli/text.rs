//! Small parts of text for people: times, sums, columns. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr as _;

use crate::task::id::{Seconds, shown};

/// The one color: what needs a person.
pub(crate) const ATTENTION: anstyle::Style =
    anstyle::Style::new().bold().fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Yellow)));

/// Marks what needs a person.
pub(crate) fn attention(text: &str) -> String {
    format!("{ATTENTION}{text}{ATTENTION:#}")
}

/// A text of a user or an agent as one harmless line.
pub(crate) fn line(text: &str) -> String {
    shown(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A line of at most `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let text = line(text);
    if text.width() <= width {
        return text;
    }
    let mut kept = String::new();
    for c in text.chars() {
        if kept.width() + c.to_string().width() + 3 > width {
            break;
        }
        kept.push(c);
    }
    kept + "..."
}

/// Whoever holds a task: of an agent `exec@k3f9` the part before its clone.
pub(crate) fn owner(name: &str) -> String {
    line(name.split('@').next().unwrap_or(name))
}

/// How long something takes or has taken: `12s`, `4m`, `3h`, `2d`.
pub(crate) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// A time of day in the user's zone, with the day where it is not today's.
pub(crate) fn clock(at: Seconds, now: Seconds) -> String {
    clock_in(at, now, &TimeZone::system())
}

fn clock_in(at: Seconds, now: Seconds, zone: &TimeZone) -> String {
    let in_zone =
        |at: Seconds| Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone());
    let (at, now) = (in_zone(at), in_zone(now));
    let same_day = at.date() == now.date();
    at.strftime(if same_day { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
}

/// A time as JSON has it.
pub(crate) fn rfc3339(at: Seconds) -> String {
    Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Money, or that nobody knows.
pub(crate) fn money(micro: Option<u64>) -> String {
    match micro {
        Some(micro) => {
            let cents = micro.div_ceil(10_000);
            format!("${}.{:02}", cents / 100, cents % 100)
        }
        None => "cost unknown".to_owned(),
    }
}

/// A count with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", thousands(number)) }
}

/// `9980` as `9,980`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Columns of a line of a log: what is longer is read in the log.
const LOG_LINE: usize = 120;

/// A log's last lines, and where all of it is.
pub(crate) fn log(path: &str, lines: &[String]) -> String {
    let mut out = String::new();
    for said in lines {
        let plain = anstream::adapter::strip_str(said).to_string();
        let _ = writeln!(out, "  | {}", cut(&plain, LOG_LINE));
    }
    let _ = writeln!(out, "  log: {}", line(path));
    out
}

/// Rows as aligned columns, two blanks apart, each line indented. The last column is not padded.
pub(crate) fn table(rows: &[Vec<String>], indent: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut out = indent.to_owned();
        for (column, cell) in row.iter().enumerate() {
            let pad = widths[column].saturating_sub(cell.width());
            let _ = write!(out, "{cell}{:pad$}  ", "");
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_text() {
        assert_eq!([0, 59, 60, 3599, 3600, 90_000].map(span), ["0s", "59s", "1m", "59m", "1h", "1d"]);
        assert_eq!(money(Some(1_400_000)), "$1.40");
        assert_eq!(money(Some(1)), "$0.01");
        assert_eq!([1, 999, 1000, 1_234_567].map(thousands), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!(owner("exec@k3f9"), "exec");
        assert_eq!(line("a\n\u{1b}b"), "a \\u{1b}b");
        assert_eq!(cut("abcdefghij", 8), "abcde...");
        let at = Seconds(1_795_269_660);
        assert_eq!(clock_in(at, Seconds(at.0 + 60), &TimeZone::UTC), "14:01");
        assert_eq!(clock_in(at, Seconds(at.0 + 86_400), &TimeZone::UTC), "2026-11-21 14:01");
        assert_eq!(rfc3339(at), "2026-11-21T14:01:00Z");
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&rows, "  "), "  a    bb\n  ccc  d\n");
    }
}
