//! task-master: `.taskmaster/tasks/tasks.json`, with a list for each tag, or with one list as before it had tags.

use serde::Deserialize;
use serde_json::Value;

use super::item::{
    BadSource, Item, Source, Standing, item_id, own_title, priority_of, sections, standing_of,
};

#[derive(Deserialize)]
struct Entry {
    id: Value,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default, rename = "testStrategy")]
    test_strategy: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    priority: Option<String>,
    #[serde(default)]
    dependencies: Vec<Value>,
    #[serde(default)]
    subtasks: Vec<Entry>,
}

/// The tag whose tasks have no tag in their names.
const MAIN_TAG: &str = "master";

/// Reads the file. A task with subtasks comes after all of them: what is left of it is to bring them together.
///
/// # Errors
/// It is no such file.
pub(crate) fn read(place: &str, text: &str) -> Result<Source, BadSource> {
    let broken =
        |why: String| BadSource::Broken { place: place.to_owned(), what: "a file of task-master", why };
    let whole: Value = serde_json::from_str(text).map_err(|why| broken(why.to_string()))?;
    let fields = whole.as_object().ok_or_else(|| broken("it is no object".to_owned()))?;
    let mut source = Source::default();
    let mut found = false;
    for (tag, value) in fields {
        let list = if tag == "tasks" { value } else { &value["tasks"] };
        if !list.is_array() {
            continue;
        }
        found = true;
        let entries: Vec<Entry> =
            serde_json::from_value(list.clone()).map_err(|why| broken(format!("{tag}: {why}")))?;
        let prefix = if tag == "tasks" || tag == MAIN_TAG { "tm".to_owned() } else { format!("tm-{tag}") };
        for entry in entries {
            add(&mut source, &prefix, entry, &broken)?;
        }
    }
    if found { source.checked() } else { Err(broken("it has no list of tasks".to_owned())) }
}

fn add(
    source: &mut Source,
    prefix: &str,
    entry: Entry,
    broken: &impl Fn(String) -> BadSource,
) -> Result<(), BadSource> {
    let number = number_of(&entry.id).ok_or_else(|| broken(format!("a task's id is {}", entry.id)))?;
    let key = format!("{prefix}-{number}");
    // Within a task a bare number is its sibling; elsewhere `2` is a task and `2.1` a subtask.
    let named = |id: &Value, siblings: &str| -> Option<String> {
        let text = number_of(id)?;
        match id {
            Value::Number(_) => Some(format!("{siblings}-{text}")),
            _ if text.contains('.') || siblings == prefix => {
                Some(format!("{prefix}-{}", text.replace('.', "-")))
            }
            _ => Some(format!("{siblings}-{text}")),
        }
    };
    let mut after: Vec<String> = entry.dependencies.iter().filter_map(|id| named(id, prefix)).collect();
    let standing = standing(&entry);
    for sub in entry.subtasks {
        let number =
            number_of(&sub.id).ok_or_else(|| broken(format!("a subtask of {key} has id {}", sub.id)))?;
        let sub_key = format!("{key}-{number}");
        let before = sub.dependencies.iter().filter_map(|id| named(id, &key));
        // What the whole task waits for, its parts wait for too.
        let all = before.chain(entry.dependencies.iter().filter_map(|id| named(id, prefix))).collect();
        let sub_standing = if standing == Standing::Closed { Standing::Closed } else { self::standing(&sub) };
        let about = format!("A part of {key}: {}", own_title(&entry.title));
        source.push(item(&sub, sub_key.clone(), all, sub_standing, entry.priority.as_deref(), &about));
        after.push(sub_key);
    }
    let whole = Entry { subtasks: Vec::new(), ..entry };
    source.push(item(&whole, key, after, standing, None, ""));
    Ok(())
}

fn item(
    entry: &Entry,
    key: String,
    after: Vec<String>,
    standing: Standing,
    priority: Option<&str>,
    about: &str,
) -> Item {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    Item {
        id: item_id(&key),
        title: own_title(&entry.title),
        text: Some(sections(&[
            ("", &part(&entry.description)),
            ("Details", &part(&entry.details)),
            ("Tests", &part(&entry.test_strategy)),
            ("Context", about),
        ])),
        priority: entry.priority.as_deref().or(priority).and_then(priority_of),
        after: Some(after),
        paths: None,
        standing,
        key,
    }
}

fn standing(entry: &Entry) -> Standing {
    entry.status.as_deref().and_then(standing_of).unwrap_or(Standing::Open)
}

fn number_of(id: &Value) -> Option<String> {
    match id {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &Source) -> String {
        let line = |item: &Item| {
            let after = item.after.clone().unwrap_or_default().join(" ");
            format!("{} {:?} p{:?} after [{after}] {}", item.id, item.standing, item.priority, item.title)
        };
        source.items.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn tags_subtasks_and_dependencies() {
        let text = r#"{"master": {"tasks": [
            {"id": 1, "title": "Set up", "status": "done", "dependencies": [], "priority": "high", "subtasks": []},
            {"id": 2, "title": "Login", "description": "d", "details": "x", "testStrategy": "t", "status": "pending",
             "dependencies": [1], "priority": "medium", "subtasks": [
                {"id": 1, "title": "Form", "description": "f", "dependencies": [], "status": "in-progress"},
                {"id": 2, "title": "Session", "dependencies": [1, "1.1"], "status": "pending"}]}],
            "metadata": {"version": "1"}},
            "next": {"tasks": [{"id": "7", "title": "Later", "status": "deferred", "dependencies": ["1"]}]}}"#;
        insta::assert_snapshot!(lines(&read("x", text).unwrap()), @"
        tm-1 Closed pSome(1) after [] Set up
        tm-2-1 Started pSome(2) after [tm-1] Form
        tm-2-2 Open pSome(2) after [tm-2-1 tm-1-1 tm-1] Session
        tm-2 Open pSome(2) after [tm-1 tm-2-1 tm-2-2] Login
        tm-next-7 Draft pNone after [tm-next-1] Later
        ");
    }

    #[test]
    fn the_form_without_tags_and_what_is_none() {
        let text = r#"{"tasks": [{"id": 1, "title": "One"}], "meta": {}}"#;
        insta::assert_snapshot!(lines(&read("x", text).unwrap()), @"tm-1 Open pNone after [] One");
        for bad in ["[]", "{}", "{\"master\": {}}", "{\"tasks\": [{\"id\": []}]}", "{\"tasks\": [1]}", "no"] {
            assert!(read("x", bad).is_err(), "{bad}");
        }
    }
}
