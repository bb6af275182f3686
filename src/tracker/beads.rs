//! beads: `.beads/issues.jsonl`, one JSON object per line.

use serde::Deserialize;

use super::item::{BadSource, Item, Source, Standing, item_id, own_title, sections, standing_of};

#[derive(Deserialize)]
struct Issue {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    design: Option<String>,
    #[serde(default)]
    acceptance_criteria: Option<String>,
    #[serde(default)]
    notes: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    priority: Option<u8>,
    #[serde(default)]
    dependencies: Option<Vec<Dependency>>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(default)]
    issue_id: Option<String>,
    depends_on_id: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Reads the lines. Only `blocks` is an order; parents, relations and discoveries are none.
///
/// # Errors
/// A line that is no issue, by its number: half a tracker is not taken over.
pub(crate) fn read(place: &str, text: &str) -> Result<Source, BadSource> {
    let mut source = Source::default();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let issue: Issue = serde_json::from_str(line).map_err(|why| BadSource::Broken {
            place: format!("{place}:{}", at + 1),
            what: "a line of beads",
            why: why.to_string(),
        })?;
        let after = issue
            .dependencies
            .into_iter()
            .flatten()
            .filter(|on| on.kind.as_deref().is_none_or(|kind| kind == "blocks"))
            .filter(|on| on.issue_id.as_deref().is_none_or(|id| id == issue.id))
            .map(|on| on.depends_on_id)
            .collect();
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let text = sections(&[
            ("", &part(&issue.description)),
            ("Design", &part(&issue.design)),
            ("Acceptance criteria", &part(&issue.acceptance_criteria)),
            ("Notes", &part(&issue.notes)),
        ]);
        source.push(Item {
            id: item_id(&issue.id),
            title: own_title(&issue.title),
            text: Some(text),
            priority: issue.priority.map(|priority| priority.min(4)),
            after: Some(after),
            paths: None,
            standing: issue.status.as_deref().and_then(standing_of).unwrap_or(Standing::Open),
            key: issue.id,
        });
    }
    source.checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_an_item() {
        let text = r#"{"id":"bd-a1b2","title":"Add retry","description":"Why","acceptance_criteria":"- it retries","status":"open","priority":1,"issue_type":"task","labels":["net"],"dependencies":[{"issue_id":"bd-a1b2","depends_on_id":"bd-c3","type":"blocks"},{"issue_id":"bd-a1b2","depends_on_id":"bd-p","type":"parent-child"}],"created_at":"2026-01-01T00:00:00Z"}

{"id":"bd-a1b2.1","title":"Sub","status":"in_progress"}
{"id":"bd-c3","title":"Old","status":"closed","priority":0}"#;
        let source = read("x", text).unwrap();
        assert_eq!(source.notices, Vec::<String>::new());
        insta::assert_debug_snapshot!(source.items[0], @r#"
        Item {
            key: "bd-a1b2",
            id: bd-a1b2,
            title: "Add retry",
            text: Some(
                "Why\n\n## Acceptance criteria\n\n- it retries\n",
            ),
            priority: Some(
                1,
            ),
            after: Some(
                [
                    "bd-c3",
                ],
            ),
            paths: None,
            standing: Open,
        }
        "#);
        let rest: Vec<_> = source.items[1..].iter().map(|i| (i.id.as_str(), i.standing)).collect();
        assert_eq!(rest, [("bd-a1b2-1", Standing::Started), ("bd-c3", Standing::Closed)]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let err = read(".beads/issues.jsonl", "{\"id\":\"a\"}\nno\n").unwrap_err();
        let text = err.to_string();
        assert!(text.starts_with(".beads/issues.jsonl:2 is not a line of beads: "), "{text}");
    }
}
