//! CHANGELOG entries are data of a task, written into the file by the queue, so that parallel entries never collide.

/// The heading below which entries are collected.
const HEADING: &str = "## Unreleased";

/// The changelog with one more entry: the last of the list below `## Unreleased`, which is made where it is missing.
///
/// An entry that stands there already is not written twice.
pub(crate) fn with_entry(text: &str, entry: &str) -> String {
    let line = format!("- {entry}");
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(heading) = lines.iter().position(|found| is_unreleased(found)) else {
        let title = lines.iter().position(|found| found.starts_with("# ")).map_or(0, |at| at + 1);
        let made = ["", HEADING, "", line.as_str()];
        let start = if title == 0 { &made[1..] } else { &made[..] };
        lines.splice(title..title, start.iter().copied());
        return joined(&lines);
    };
    let end = lines[heading + 1..]
        .iter()
        .position(|found| found.starts_with('#'))
        .map_or(lines.len(), |at| heading + 1 + at);
    let section = heading + 1..end;
    if lines[section.clone()].contains(&line.as_str()) {
        return joined(&lines);
    }
    let last = lines[section].iter().rposition(|found| !found.trim().is_empty()).map(|at| heading + 1 + at);
    match last {
        Some(last) => lines.insert(last + 1, &line),
        None => {
            lines.splice(heading + 1..end, ["", line.as_str()]);
            if heading + 3 < lines.len() {
                lines.insert(heading + 3, "");
            }
        }
    }
    joined(&lines)
}

fn is_unreleased(line: &str) -> bool {
    let text = line.trim_start_matches('#').trim().trim_matches(['[', ']']);
    line.starts_with("##") && text.eq_ignore_ascii_case("unreleased")
}

fn joined(lines: &[&str]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
