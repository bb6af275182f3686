//! One rule: a glob with captures over a changed path, and what to run for it.

use super::globs;
use regex_automata::{meta::Regex, util::syntax};
use std::collections::BTreeMap;

/// A `[[tests.select]]` of `orch.toml`: `changed = "src/{stem}/**"`, `run = "{stem}::"`.
///
/// In `changed`, `{name}` takes a part of one path segment, `{dir}` any number of segments (or none), and a brace
/// group with a comma is an alternation as in globs. `run` may use what was captured, and of the changed path itself
/// `{path}`, `{dir}`, `{file}`, `{stem}` and `{parent}`; a capture goes before a built-in of that name.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    changed: String,
    run: String,
    regex: Regex,
    captures: Vec<String>,
}

/// Why a rule cannot be read. Shown behind the place where the rule stands: `tests.select[0]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRule {
    #[error("bad glob '{glob}' in {place}.changed: {why}", place = "tests.select[]")]
    Glob { glob: String, why: String },
    #[error("{place}.run uses {{{name}}}, which {place}.changed does not capture", place = "tests.select[]")]
    Uncaptured { name: String },
    #[error("{place}.changed captures {{{name}}} twice", place = "tests.select[]")]
    Twice { name: String },
    #[error("{place}.run is empty", place = "tests.select[]")]
    EmptyRun,
}

/// What `run` may use of any path.
const BUILT_IN: [&str; 5] = ["path", "dir", "file", "stem", "parent"];

/// The first of the private-use characters that hold a capture's place while globset reads the rest.
const PLACE: u32 = 0xE000;

impl BadRule {
    /// The text, with the rule's place in the settings: its index, from 0.
    pub(crate) fn at(&self, index: usize) -> String {
        self.to_string().replace("tests.select[]", &format!("tests.select[{index}]"))
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        (&self.changed, &self.run) == (&other.changed, &other.run)
    }
}

impl Eq for Rule {}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// A glob that cannot be read, or a template that names what is neither captured nor built in.
    pub(crate) fn parse(changed: &str, run: &str) -> Result<Rule, BadRule> {
        if run.trim().is_empty() {
            return Err(BadRule::EmptyRun);
        }
        let bad = |why: String| BadRule::Glob { glob: changed.to_owned(), why };
        let (glob, captures) = take_captures(changed).map_err(|bad_capture| match bad_capture {
            BadCapture::Syntax(why) => bad(why),
            BadCapture::Twice(name) => BadRule::Twice { name },
        })?;
        let mut pattern = globs::build(&glob).map_err(bad)?.regex().to_owned();
        for (at, name) in captures.iter().enumerate() {
            pattern = with_capture(&pattern, &escaped_place(at), name);
        }
        let syntax = syntax::Config::new().utf8(false).dot_matches_new_line(true);
        let regex = Regex::builder()
            .syntax(syntax)
            .configure(Regex::config().utf8_empty(false))
            .build(&pattern)
            .map_err(|error| bad(error.to_string()))?;
        if let Some(name) = names_of(run).find(|&name| !is_known(name, &captures)) {
            return Err(BadRule::Uncaptured { name: name.to_owned() });
        }
        Ok(Rule { changed: changed.to_owned(), run: run.to_owned(), regex, captures })
    }

    /// What to run for a changed path; nothing if the rule is not about it.
    pub(crate) fn apply(&self, path: &str) -> Option<String> {
        let mut found = self.regex.create_captures();
        self.regex.captures(path.as_bytes(), &mut found);
        if !found.is_match() {
            return None;
        }
        let mut values = built_in(path);
        for (at, name) in self.captures.iter().enumerate() {
            let value = match found.get_group(at + 1) {
                Some(span) => path.get(span.range())?,
                None => "",
            };
            values.insert(name, value.to_owned());
        }
        Some(fill(&self.run, &values))
    }

    /// The glob as it was written.
    pub(crate) fn changed(&self) -> &str {
        &self.changed
    }

    /// The template as it was written.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }
}

/// A template that may use nothing but the built-ins: `tests.file_run`.
///
/// # Errors
/// The first name that is not built in.
pub(crate) fn check_template(template: &str) -> Result<(), String> {
    match names_of(template).find(|name| !BUILT_IN.contains(name)) {
        Some(name) => Err(name.to_owned()),
        None => Ok(()),
    }
}

/// Fills a template with the built-ins of `path`.
pub(crate) fn fill_for(template: &str, path: &str) -> String {
    fill(template, &built_in(path))
}

enum BadCapture {
    Syntax(String),
    Twice(String),
}

/// Takes the captures out of a glob: the glob with placeholders, and the names in their order.
fn take_captures(changed: &str) -> Result<(String, Vec<String>), BadCapture> {
    let mut glob = String::new();
    let mut names: Vec<String> = Vec::new();
    let mut rest = changed;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            '[' => class_length(rest),
            '{' => match capture_name(rest)? {
                Some(name) => {
                    if names.iter().any(|known| known == name) {
                        return Err(BadCapture::Twice(name.to_owned()));
                    }
                    glob.extend(char::from_u32(PLACE + names.len() as u32));
                    names.push(name.to_owned());
                    rest = &rest[name.len() + 2..];
                    continue;
                }
                None => 1,
            },
            c => c.len_utf8(),
        };
        glob.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Ok((glob, names))
}

/// The length of the class at the start of `text`, with its brackets; 1 if it is not closed.
fn class_length(text: &str) -> usize {
    let inner = text[1..].trim_start_matches(['!', '^']);
    let skipped = text.len() - inner.len();
    // A bracket that comes first stands for itself.
    let from = usize::from(inner.starts_with(']'));
    inner[from..].find(']').map_or(1, |at| skipped + from + at + 1)
}

/// The name in a brace group at the start of `text`; nothing if the group is an alternation.
fn capture_name(text: &str) -> Result<Option<&str>, BadCapture> {
    let inner = &text[1..];
    let end = inner.find(['}', '{', ',']);
    match end.map(|at| (at, inner.as_bytes()[at])) {
        None => Err(BadCapture::Syntax("unclosed {".to_owned())),
        Some((at, b'}')) if is_name(&inner[..at]) => Ok(Some(&inner[..at])),
        Some((at, b'}')) => {
            Err(BadCapture::Syntax(format!("{{{}}} is no name of letters, digits and _", &inner[..at])))
        }
        Some(_) => Ok(None),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_known(name: &str, captures: &[String]) -> bool {
    BUILT_IN.contains(&name) || captures.iter().any(|known| known == name)
}

/// A placeholder as globset writes it into a regex: byte by byte.
fn escaped_place(at: usize) -> String {
    let place = char::from_u32(PLACE + at as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut bytes = [0; 4];
    place.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// Puts the group in the placeholder's place. `{dir}` takes the slash behind it along, so that it may be empty.
fn with_capture(pattern: &str, place: &str, name: &str) -> String {
    if name != "dir" {
        return pattern.replace(place, &format!("(?P<{name}>[^/]+)"));
    }
    let with_slash = format!("{place}/");
    if pattern.contains(&with_slash) {
        pattern.replace(&with_slash, "(?:(?P<dir>.+)/)?")
    } else {
        pattern.replace(place, "(?P<dir>.*)")
    }
}

/// The names that a template uses.
fn names_of(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
        .filter(|name| is_name(name))
}

/// Fills in the names that are known; other braces stay.
fn fill(template: &str, values: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..].split_once('}').map(|(name, _)| name);
        match name.and_then(|name| Some((name, values.get(name)?))) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// `{path}`, `{dir}`, `{file}`, `{stem}` and `{parent}` of a path.
fn built_in(path: &str) -> BTreeMap<&'static str, String> {
    let (dir, file) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = dir.rsplit('/').next().unwrap_or("");
    let [path, dir, file, stem, parent] = [path, dir, file, stem(file), parent].map(str::to_owned);
    BTreeMap::from([("path", path), ("dir", dir), ("file", file), ("stem", stem), ("parent", parent)])
}

/// A file's name without its last extension and without what marks it as a test.
fn stem(file: &str) -> &str {
    let base = match file.rsplit_once('.') {
        Some((base, _)) if !base.is_empty() => base,
        _ => file,
    };
    let bare = base.strip_prefix("test_").unwrap_or(base);
    let bare = ["_test", ".test", ".spec"].iter().find_map(|tail| bare.strip_suffix(tail)).unwrap_or(bare);
    if bare.is_empty() { base } else { bare }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rules_map_paths() {
        for (changed, run, path, expected) in [
            ("src/{stem}/**", "{stem}::", "src/a/b.rs", Some("a::")),
            ("src/{stem}/**", "{stem}::", "src/a/b/c.rs", Some("a::")),
            ("src/{stem}/**", "{stem}::", "src/a.rs", None),
            ("src/*.rs", "{stem}::", "src/a.rs", Some("a::")),
            (
                "src/{dir}/{stem}.py",
                "tests/{dir}/test_{stem}.py",
                "src/x/y/z.py",
                Some("tests/x/y/test_z.py"),
            ),
            ("src/{dir}/{stem}.py", "tests/{dir}/test_{stem}.py", "src/z.py", Some("tests//test_z.py")),
            ("{dir}/{file}.go", "./{dir}", "a/b/c.go", Some("./a/b")),
            ("{dir}/{file}.go", "./{dir}", "c.go", Some("./")),
            ("**/*.go", "./{dir}", "a/b/c.go", Some("./a/b")),
            ("**/*.{js,ts}", "{dir}/{stem}.test.js", "a/b.ts", Some("a/b.test.js")),
            ("**/*.{js,ts}", "{stem}", "a/b.rs", None),
            ("src/{a}.{b}.rs", "{b} {a} {parent}", "src/x.y.z.rs", Some("z x.y src")),
            ("a/?[!x]/{n}", "{n}", "a/qy/z", Some("z")),
            ("a/[{}]/{n}", "{n}", "a/{/z", Some("z")),
            ("a/[]x]/{n}", "{n}", "a/]/z", Some("z")),
            ("lib/{n}", "{path} {file} {n}", "lib/größe.c", Some("lib/größe.c größe.c größe.c")),
            ("**", "all {unclosed", "x", Some("all {unclosed")),
        ] {
            let rule = Rule::parse(changed, run).unwrap();
            assert_eq!(rule.apply(path).as_deref(), expected, "{changed} on {path}");
        }
    }

    #[test]
    fn bad_rules_say_why() {
        for (changed, run, text) in [
            ("[", "x", "bad glob '[' in tests.select[0].changed: unclosed class"),
            ("a/{b", "x", "bad glob 'a/{b' in tests.select[0].changed: unclosed {"),
            (
                "a/{b c}",
                "x",
                "bad glob 'a/{b c}' in tests.select[0].changed: {b c} is no name of letters, digits and _",
            ),
            (
                "src/*",
                "{name}",
                "tests.select[0].run uses {name}, which tests.select[0].changed does not capture",
            ),
            ("{a}/{a}", "x", "tests.select[0].changed captures {a} twice"),
            ("**", " ", "tests.select[0].run is empty"),
        ] {
            assert_eq!(Rule::parse(changed, run).unwrap_err().at(0), text);
        }
    }

    #[test]
    fn stems_lose_what_marks_a_test() {
        for (file, expected) in [
            ("a.rs", "a"),
            ("test_a.py", "a"),
            ("a_test.go", "a"),
            ("a.test.ts", "a"),
            ("a.spec.js", "a"),
            ("a.tar.gz", "a.tar"),
            (".bashrc", ".bashrc"),
            ("Makefile", "Makefile"),
            ("test_.py", "test_"),
        ] {
            assert_eq!(stem(file), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_rule_or_an_error(changed in "[a{}\\[\\]*?,!/\\\\é]{0,12}", path in "[a{}/é]{0,8}") {
            if let Ok(rule) = Rule::parse(&changed, "{path}")
                && let Some(run) = rule.apply(&path) {
                    prop_assert_eq!(run, path);
                }
        }

        #[test]
        fn a_rule_without_captures_matches_as_globset(changed in "[ab*?/.]{1,8}", path in "[ab/.]{1,8}") {
            let rule = Rule::parse(&changed, "x").unwrap();
            let glob = globs::build(&changed).unwrap().compile_matcher();
            prop_assert_eq!(rule.apply(&path).is_some(), glob.is_match(&path));
        }
    }
}
