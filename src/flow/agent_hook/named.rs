//! Which paths the input of a tool names. Each agent program and each server of tools has names of its own for that, so
//! they are known by what they end with, and what is below one of them is all of it taken for paths.

use std::borrow::Cow;
use std::path::PathBuf;

use serde_json::Value;

/// How a field's name ends, in small letters and without `_` and `-`, where it holds paths.
const ENDS: [&str; 12] = [
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "filenames",
    "uri",
    "uris",
    "dir",
    "directory",
    "directories",
    "folder",
];
/// Whole names of such fields.
const NAMES: [&str; 8] = ["source", "sources", "src", "destination", "destinations", "dest", "dst", "target"];
/// Fields beside a path that hold the text of a file, or say something of it: `files: [{path, content}]`.
const TEXTS: [&str; 12] = [
    "content",
    "contents",
    "text",
    "filetext",
    "oldtext",
    "newtext",
    "oldstring",
    "newstring",
    "oldstr",
    "newstr",
    "encoding",
    "description",
];

/// A path that a tool names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Path(PathBuf),
    /// Where it leads depends on who reads it.
    Unclear(String),
}

/// All paths that an input names, at any depth.
pub(super) fn paths_of(input: &Value) -> Vec<Named> {
    let mut found = Vec::new();
    look(input, false, &mut found);
    found
}

/// `inside` is below a name of a path.
fn look(value: &Value, inside: bool, found: &mut Vec<Named>) {
    match value {
        Value::String(text) if inside => found.push(read(text)),
        Value::Array(all) => all.iter().for_each(|value| look(value, inside, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let bare: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect();
                let bare = bare.to_ascii_lowercase();
                let names = NAMES.contains(&bare.as_str()) || ENDS.iter().any(|end| bare.ends_with(end));
                // A list of files by their names, `files: {"a/b": "text"}`.
                let is_path = inside && name.contains(['/', '.', '~']);
                if is_path {
                    found.push(read(name));
                }
                let is_text = inside && TEXTS.contains(&bare.as_str());
                look(value, (inside || names) && !is_path && !is_text, found);
            }
        }
        _ => {}
    }
}

/// A text as the path that a tool would make of it.
fn read(text: &str) -> Named {
    if text.starts_with('~') {
        return Named::Unclear(text.to_owned());
    }
    let address = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:"));
    let Some(rest) = text.get(5..).filter(|_| address) else { return Named::Path(PathBuf::from(text)) };
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            rest.find('/').map(|at| rest.split_at(at)).filter(|(host, _)| matches!(*host, "" | "localhost"))
        }
        None => Some(("", rest)),
    };
    let decoded = path.and_then(|(_, path)| decoded(path));
    match decoded {
        Some(path) => Named::Path(PathBuf::from(path.into_owned())),
        None => Named::Unclear(text.to_owned()),
    }
}

/// The path of an address without its percent signs; `None` where there is none, or more than a path.
fn decoded(path: &str) -> Option<Cow<'_, str>> {
    if path.is_empty() || path.contains(['?', '#']) {
        return None;
    }
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) =
                    (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(input: &Value) -> Vec<String> {
        let word = |named| match named {
            Named::Path(path) => path.display().to_string(),
            Named::Unclear(text) => format!("? {text}"),
        };
        paths_of(input).into_iter().map(word).collect()
    }

    #[test]
    fn paths_are_found_whatever_they_are_called_and_wherever_they_stand() {
        for (input, expected) in [
            (json!({"file_path": "a", "content": "/x"}), &["a"][..]),
            (json!({"filePath": "a", "old_string": "/x", "new_string": "/y"}), &["a"]),
            (json!({"destination": "a", "source": "b"}), &["a", "b"]),
            (json!({"paths": ["a", ["b"], {"x": "c"}]}), &["a", "b", "c"]),
            (json!({"edits": [{"textDocument": {"uri": "file:///a%2Fb"}, "newText": "/x"}]}), &["/a/b"]),
            (json!({"files": [{"path": "a", "content": "/x"}, {"name": "b"}]}), &["a", "b"]),
            (json!({"files": {"a/b": "text /x", "c": "text"}}), &["a/b", "text"]),
            (
                json!({"files": {"/a/path": "text", "b.c": {"content": "x", "link_path": "d"}}}),
                &["/a/path", "b.c", "d"],
            ),
            (json!({"files": [{"content": {"path": "a"}}]}), &["a"]),
            (json!({"destination": {"at": {"deep": "a"}, "folder": "b"}}), &["a", "b"]),
            (json!({"uri": "FILE://localhost/a"}), &["/a"]),
            (json!({"uri": "file:/a"}), &["/a"]),
            (json!({"uri": "file://host/a"}), &["? file://host/a"]),
            (json!({"uri": "file:///a%zz"}), &["? file:///a%zz"]),
            (json!({"uri": "file://"}), &["? file://"]),
            (json!({"path": "https://../../etc"}), &["https://../../etc"]),
            (json!({"path": "~/a"}), &["? ~/a"]),
            (json!({"path": "~root/a"}), &["? ~root/a"]),
            (json!({"path": "é"}), &["é"]),
            (json!({"command": "cat /etc/passwd", "description": "/x", "profile": 3}), &[]),
        ] {
            assert_eq!(told(&input), expected, "{input}");
        }
    }
}
