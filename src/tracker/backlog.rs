//! Backlog.md: `backlog/tasks/task-1 - Title.md`, front matter and Markdown.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

use super::item::{BadSource, Item, Source, Standing, item_id, own_title, priority_of, standing_of};

/// Largest front matter, in bytes.
const FRONT_MAX: usize = 64 << 10;

/// Reads the files, each with its path. One that is no task is left out, with a notice.
///
/// # Errors
/// Too many items.
pub(crate) fn read(files: &[(String, String)]) -> Result<Source, BadSource> {
    let mut source = Source::default();
    for (path, text) in files {
        match one(path, text) {
            Ok(item) => source.push(item),
            Err(why) => source.notices.push(format!("{path} is left out: {why}")),
        }
    }
    source.checked()
}

fn one(path: &str, text: &str) -> Result<Item, String> {
    let text = text.replace("\r\n", "\n");
    let rest = text.strip_prefix("---\n").ok_or("it has no front matter")?;
    let (front, body) = rest.split_once("\n---").ok_or("its front matter has no end")?;
    let body = body.split_once('\n').map_or("", |(_, body)| body);
    let fields = front_matter(front)?;
    let first = |name: &str| fields.get(name).and_then(|values| values.first()).map(String::as_str);
    let key = first("id").filter(|id| !id.is_empty()).ok_or("it has no id")?;
    let done = path.contains("/completed/") || path.contains("/archive/");
    let draft = path.contains("/drafts/");
    let stands = first("status").and_then(standing_of).unwrap_or(Standing::Open);
    Ok(Item {
        key: key.to_lowercase(),
        id: item_id(key),
        title: own_title(first("title").unwrap_or_default()),
        text: Some(without_markers(body)),
        priority: first("priority").and_then(priority_of),
        after: Some(fields.get("dependencies").into_iter().flatten().map(|id| id.to_lowercase()).collect()),
        paths: None,
        standing: match stands {
            _ if done => Standing::Closed,
            _ if draft => Standing::Draft,
            stands => stands,
        },
    })
}

/// The fields of the first level: texts, and lists of texts. Deeper ones are passed over; anchors and aliases, by which a
/// few lines can stand for gigabytes, are refused.
fn front_matter(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    if text.len() > FRONT_MAX {
        return Err(format!("its front matter is longer than {} KiB", FRONT_MAX >> 10));
    }
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut depth, mut key): (u32, Option<String>) = (0, None);
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|err| format!("its front matter is no YAML: {err}"))?;
        match event {
            Event::Alias(_) => return Err("its front matter has aliases".to_owned()),
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if depth == 1 && key.is_none() {
                    return Err("a field's name is no text".to_owned());
                }
                depth += 1;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    key = None;
                }
            }
            Event::Scalar(value, ..) => match (depth, key.take()) {
                (1, None) => key = Some(value.into_owned()),
                (1, Some(name)) => fields.entry(name).or_default().push(value.into_owned()),
                (2, Some(name)) => {
                    fields.entry(name.clone()).or_default().push(value.into_owned());
                    key = Some(name);
                }
                (_, other) => key = other,
            },
            _ => {}
        }
    }
    Ok(fields)
}

/// The text without the comments by which Backlog.md finds its sections.
fn without_markers(body: &str) -> String {
    let is_marker = |line: &str| {
        let line = line.trim();
        line.starts_with("<!--")
            && line.ends_with("-->")
            && (line.contains(":BEGIN") || line.contains(":END"))
    };
    let lines: Vec<&str> = body.lines().filter(|line| !is_marker(line)).collect();
    let text = lines.join("\n");
    if text.trim().is_empty() { String::new() } else { format!("{}\n", text.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "---\nid: TASK-7\ntitle: 'Fix: the \"login\"'\nstatus: In Progress\nassignee:\n  - '@ana'\n\
        labels: [a, b]\ndependencies:\n  - task-1\n  - TASK-2\npriority: high\nnested:\n  deep: {x: [1]}\nordinal: 1000\n---\n\
        \n## Description\n\n<!-- SECTION:DESCRIPTION:BEGIN -->\nDo it.\n<!-- SECTION:DESCRIPTION:END -->\n\
        \n## Acceptance Criteria\n<!-- AC:BEGIN -->\n- [ ] #1 it works\n<!-- AC:END -->\n";

    #[test]
    fn a_file_becomes_an_item() {
        let source = read(&[("backlog/tasks/task-7 - Fix.md".to_owned(), TASK.to_owned())]).unwrap();
        assert_eq!(source.notices, Vec::<String>::new());
        insta::assert_debug_snapshot!(source.items[0], @r###"
        Item {
            key: "task-7",
            id: task-7,
            title: "Fix: the \"login\"",
            text: Some(
                "## Description\n\nDo it.\n\n## Acceptance Criteria\n- [ ] #1 it works\n",
            ),
            priority: Some(
                1,
            ),
            after: Some(
                [
                    "task-1",
                    "task-2",
                ],
            ),
            paths: None,
            standing: Started,
        }
        "###);
    }

    #[test]
    fn what_is_no_task_is_left_out_with_its_reason() {
        let bomb = "---\nid: task-1\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n";
        let deep = format!("---\nid: task-1\nx: {}\n---\n", "[".repeat(10_000));
        let cases = [
            ("a", "no front matter"),
            ("b", "---\nid: x\n"),
            ("c", "---\ntitle: x\n---\n"),
            ("d", "---\n{: [\n---\n"),
            ("e", bomb),
            ("f", &deep),
            ("g", "---\n? [a]\n: b\n---\n"),
        ];
        for (path, text) in cases {
            let source = read(&[(path.to_owned(), text.to_owned())]).unwrap();
            assert!(source.items.is_empty() && source.notices.len() == 1, "{path}: {source:?}");
        }
    }
}
