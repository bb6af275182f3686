//! What a program said last: of one that failed, mostly the reason.

/// Characters of a line that are kept: two lines of a terminal.
const LINE_MAX: usize = 160;

/// The last line of a log that says something, and no more of it than fits into a message. Not escaped.
pub(crate) fn last_line(log: &str) -> Option<String> {
    let lines = || log.lines().map(str::trim);
    // A rule of dashes below it says nothing.
    let line = lines().rfind(|line| line.contains(char::is_alphanumeric));
    let line = line.or_else(|| lines().rfind(|line| !line.is_empty()))?;
    let cut = line.char_indices().nth(LINE_MAX).map(|(at, _)| format!("{}...", &line[..at]));
    Some(cut.unwrap_or_else(|| line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something() {
        assert_eq!(last_line("first\nboom: no key \n\n  \n").as_deref(), Some("boom: no key"));
        assert_eq!(last_line("boom\n-----\n").as_deref(), Some("boom"));
        assert_eq!(last_line("-----\n").as_deref(), Some("-----"));
        assert_eq!(last_line(" \n"), None);
        let long = last_line(&"ä".repeat(LINE_MAX + 1)).unwrap();
        assert_eq!(long, format!("{}...", "ä".repeat(LINE_MAX)));
    }
}
