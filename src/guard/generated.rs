//! Which files `.gitattributes` marks as `linguist-generated`.

use globset::{GlobBuilder, GlobMatcher};
use std::collections::BTreeSet;

/// The lines of a `.gitattributes` at the top that speak of generated files, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    pattern: GlobMatcher,
    /// Whether the pattern is held against the file name only: it has no slash.
    name_only: bool,
    generated: bool,
}

/// The attribute that GitHub reads too.
const ATTRIBUTE: &str = "linguist-generated";

impl Attributes {
    /// Reads the text of a `.gitattributes`. A pattern that cannot be read matches nothing, as in git.
    pub(crate) fn parse(text: &str) -> Attributes {
        Attributes { lines: text.lines().filter_map(read_line).collect() }
    }

    /// Whether a path, from the top of the repository, is generated. The last line that matches decides.
    pub(crate) fn is_generated(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.lines
            .iter()
            .rev()
            .find(|line| line.pattern.is_match(if line.name_only { name } else { path }))
            .is_some_and(|line| line.generated)
    }

    /// The generated ones of these paths.
    pub(crate) fn generated<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        paths.into_iter().filter(|path| self.is_generated(path)).map(str::to_owned).collect()
    }
}

fn read_line(line: &str) -> Option<Line> {
    let line = line.trim_start();
    let (pattern, attributes) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(pattern, rest)| (pattern.to_owned(), rest))?,
        None => line.split_once([' ', '\t']).map(|(pattern, rest)| (pattern.to_owned(), rest))?,
    };
    // Comments, macros, and patterns that git forbids (`!`) or that never match a file (a slash at the end).
    if pattern.starts_with(['#', '!']) || pattern.starts_with("[attr]") || pattern.ends_with('/') {
        return None;
    }
    let generated = attributes.split_whitespace().filter_map(value).next_back()?;
    let name_only = !pattern.contains('/');
    // Braces are plain characters in git's patterns.
    let glob = pattern.trim_start_matches('/').replace('{', "[{]").replace('}', "[}]");
    let pattern = GlobBuilder::new(&glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .ok()?
        .compile_matcher();
    Some(Line { pattern, name_only, generated })
}

/// What one attribute of a line says; nothing if it is another attribute.
fn value(attribute: &str) -> Option<bool> {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, "true"));
    match name.strip_prefix(['-', '!']) {
        Some(ATTRIBUTE) => Some(false),
        _ => (name == ATTRIBUTE).then_some(value != "false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_matches_decides() {
        let attributes = Attributes::parse(
            "# linguist-generated\n*.pb.go linguist-generated\nkeep.pb.go -linguist-generated\n/dist/** text \
             linguist-generated=true\ndist/hand.js linguist-generated=false\n\"with blank/*\" linguist-generated\n\
             src/*.c diff=c\n[attr]gen linguist-generated\nfolder/ linguist-generated\na{b} linguist-generated\n\
             [bad linguist-generated\n*.x linguist-generated\n*.x !linguist-generated\n",
        );
        for (path, expected) in [
            ("a.pb.go", true),
            ("x/y/a.pb.go", true),
            ("x/keep.pb.go", false),
            ("dist/a/b.js", true),
            ("x/dist/b.js", false),
            ("dist/hand.js", false),
            ("with blank/f", true),
            ("src/a.c", false),
            ("folder/f", false),
            ("a{b}", true),
            ("[bad", false),
            ("a.x", false),
        ] {
            assert_eq!(attributes.is_generated(path), expected, "{path}");
        }
        assert_eq!(attributes.generated(["a.pb.go", "b.rs"]), BTreeSet::from(["a.pb.go".to_owned()]));
    }
}
