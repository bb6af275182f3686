//! Text of others as Markdown that says nothing but that text: no link, no mention, no reference, no HTML, no marker.

use crate::task::id::shown;

/// Breaks what a host would turn into a mention, a reference or a link; has no width.
const BREAK: char = '\u{200b}';

/// A text as one line of plain Markdown.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let line = one_line(text, max);
    let mut out = String::with_capacity(line.len() + 16);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            ',' | ';' | '(' | ')' | '\'' | '"' | '?' | '%' | '/' => out.push(c),
            c if c.is_ascii_punctuation() => {
                let link = match c {
                    '@' | '#' => true,
                    ':' => rest.peek() == Some(&'/'),
                    // `GH-1` is a reference, and `www.` begins an address.
                    '-' | '.' => out.ends_with(['h', 'H', 'w', 'W']),
                    _ => false,
                };
                out.push('\\');
                out.push(c);
                if link {
                    out.push(BREAK);
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// A text as a code span, safe in a table too.
pub(crate) fn code(text: &str, max: usize) -> String {
    let line = one_line(text, max).replace('|', "\u{ff5c}");
    if line.is_empty() {
        return String::new();
    }
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// A value of a workflow command (`::error file=…::message`).
pub(crate) fn command_value(text: &str, property: bool) -> String {
    let text = shown(text);
    let mut out = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if property {
        out = out.replace(':', "%3A").replace(',', "%2C");
    }
    out
}

fn one_line(text: &str, max: usize) -> String {
    let line = shown(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if line.chars().count() <= max {
        return line;
    }
    line.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    /// What Markdown makes of a text, and whether anything but text and paragraphs is in it.
    fn rendered(markdown: &str) -> (String, bool) {
        let (mut text, mut only_text) = (String::new(), true);
        for event in Parser::new_ext(markdown, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                _ => only_text = false,
            }
        }
        (text, only_text)
    }

    #[test]
    fn hostile_texts_stay_text() {
        for text in [
            "@ana please look, fixes #12 and GH-7",
            "<img src=x onerror=alert(1)><!-- git-orch:gate -->",
            "![x](https://evil.example/?q=1) [a](javascript:x)",
            "| a | b |",
            "# title",
            "- item",
            "1. item",
            "``` /orch queue",
            "https://evil.example www.evil.example a@b.example",
            "**bold** _it_ ~~x~~ `code`",
            "$x^2$ :smile: [^1]",
        ] {
            let (shown, only_text) = rendered(&plain(text, 500));
            assert!(only_text, "{text}");
            assert_eq!(shown.replace(BREAK, ""), text);
            assert!(!shown.contains("@a") && !shown.contains("#12") && !shown.contains("://"), "{shown}");
        }
        assert_eq!(code("a`b", 9), "``a`b``");
        assert_eq!(code("`a` | b\n\u{1b}", 30), "`` `a` ｜ b \\u{1b} ``");
        assert_eq!(command_value("50%: a,b\nc\u{1b}", true), "50%25%3A a%2Cb%0Ac\\u{1b}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_only_text(text in "(?s).{0,120}") {
            let markdown = format!("x{}x", plain(&text, 500));
            let (_, only_text) = rendered(&markdown);
            prop_assert!(only_text, "{markdown:?}");
            prop_assert!(!markdown.contains('\n'));
        }

        #[test]
        fn any_code_is_one_span(text in "(?s)[^\\s].{0,60}") {
            let span = code(&text, 200);
            let events: Vec<Event<'_>> = Parser::new(&span).collect();
            prop_assert!(matches!(&events[..], [Event::Start(_), Event::Code(_), Event::End(_)]), "{span:?} {events:?}");
        }

        #[test]
        fn a_workflow_command_is_one_line(text in "(?s).{0,60}") {
            let value = command_value(&text, true);
            prop_assert!(!value.contains(['\n', '\r', ':', ',']), "{}", value);
        }
    }
}
