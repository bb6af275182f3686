//! CHANGELOG entries are data of a task, written into the file by the queue, so that parallel entries never collide.

/// The heading below which entries are collected.
const HEADING: &str = "## Unreleased";

/// The changelog with one more entry: the last of the list below `## Unreleased`, which is made where it is missing.
///
/// An entry that stands there already is not written twice. All other bytes stay as they are, in whatever encoding.
pub(crate) fn with_entry(text: &[u8], entry: &str) -> Vec<u8> {
    let end = if text.windows(2).any(|pair| pair == b"\r\n") { "\r\n" } else { "\n" };
    let made = |line: &str| format!("{line}{end}").into_bytes();
    let line = format!("- {entry}");
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if let Some(last) = lines.last_mut().filter(|last| !last.ends_with(b"\n")) {
        last.extend(end.bytes());
    }
    let words: Vec<String> =
        lines.iter().map(|line| String::from_utf8_lossy(line).trim_end().to_owned()).collect();
    let Some(heading) = words.iter().position(|found| is_unreleased(found)) else {
        let title = words.iter().position(|found| found.starts_with("# ")).map_or(0, |at| at + 1);
        let new = ["", HEADING, "", line.as_str()];
        let start = if title == 0 { 1 } else { 0 };
        lines.splice(title..title, new[start..].iter().map(|line| made(line)));
        return lines.concat();
    };
    let below = words[heading + 1..].iter().position(|found| found.starts_with('#'));
    let section = heading + 1..below.map_or(words.len(), |at| heading + 1 + at);
    if words[section.clone()].contains(&line) {
        return lines.concat();
    }
    match words[section.clone()].iter().rposition(|found| !found.is_empty()) {
        Some(last) => lines.insert(heading + last + 2, made(&line)),
        None => {
            let is_last = section.end == lines.len();
            let new = ["", line.as_str(), ""];
            let count = if is_last { 2 } else { 3 };
            lines.splice(section, new[..count].iter().map(|line| made(line)));
        }
    }
    lines.concat()
}

fn is_unreleased(line: &str) -> bool {
    let text = line.trim_start_matches('#').trim().trim_matches(['[', ']']);
    line.starts_with("##") && text.eq_ignore_ascii_case("unreleased")
}

#[cfg(test)]
mod tests {

    fn with_entry(text: &str, entry: &str) -> String {
        String::from_utf8(super::with_entry(text.as_bytes(), entry)).unwrap()
    }

    #[test]
    fn what_else_stands_there_stays_byte_for_byte() {
        let old = b"# Changes\r\n\r\n## Unreleased\r\n\r\n- Gr\xfc\xdfe\r\n\r\n## 1.0\r\n- x";
        let new = super::with_entry(old, "New.");
        let expected =
            b"# Changes\r\n\r\n## Unreleased\r\n\r\n- Gr\xfc\xdfe\r\n- New.\r\n\r\n## 1.0\r\n- x\r\n";
        assert_eq!(new, expected);
        assert_eq!(super::with_entry(&new, "New."), new);
    }

    #[test]
    fn entries_go_to_the_end_of_the_unreleased_list() {
        let text = "# Changelog\n\n## Unreleased\n\n- One.\n\n## 1.0\n\n- Old.\n";
        let text = with_entry(&with_entry(text, "Two."), "Three.");
        assert_eq!(text, "# Changelog\n\n## Unreleased\n\n- One.\n- Two.\n- Three.\n\n## 1.0\n\n- Old.\n");
        assert_eq!(with_entry(&text, "Two."), text);
    }

    #[test]
    fn a_missing_heading_or_file_is_made() {
        assert_eq!(with_entry("", "One."), "## Unreleased\n\n- One.\n");
        assert_eq!(
            with_entry("# Changes\n\n## 1.0\n", "One."),
            "# Changes\n\n## Unreleased\n\n- One.\n\n## 1.0\n"
        );
        let empty = "# Changelog\n\n## Unreleased\n\n## 1.0\n";
        assert_eq!(with_entry(empty, "One."), "# Changelog\n\n## Unreleased\n\n- One.\n\n## 1.0\n");
    }
}
