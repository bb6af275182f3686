//! Lists of globs over paths of a repository, as settings hold them.

use globset::{ErrorKind, Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Globs in the order they were written; a path matches the list if it matches one of them.
///
/// They read like lines of `.gitignore` without `!`: a glob without a slash holds at any depth, one with a slash
/// from the top, and what it names holds for everything below it too.
#[derive(Debug, Clone)]
pub(crate) struct Globs {
    texts: Vec<String>,
    set: GlobSet,
}

/// A glob that cannot be read. Shown as `'[': unclosed class`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{glob}': {why}")]
pub(crate) struct BadGlob {
    /// The glob as written.
    pub(crate) glob: String,
    /// A lower-case fragment.
    pub(crate) why: String,
}

impl Default for Globs {
    fn default() -> Globs {
        Globs { texts: Vec::new(), set: GlobSet::empty() }
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Globs) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Globs {}

/// The globs of a text with commas between them; in `{a,b}` a comma ends none.
pub(crate) fn separated(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut globs) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                globs.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    globs.push(&text[start..]);
    globs.into_iter().map(str::trim).filter(|glob| !glob.is_empty()).collect()
}

/// Whether a glob is rather several with blanks between: each word is like a path.
pub(crate) fn looks_like_several(glob: &str) -> bool {
    let words: Vec<&str> = glob.split_whitespace().collect();
    words.len() > 1 && words.iter().all(|word| word.contains(['/', '*', '?']))
}

impl Globs {
    /// Reads a list of globs.
    ///
    /// # Errors
    /// The first glob that cannot be read.
    pub(crate) fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Globs, BadGlob> {
        let mut builder = GlobSetBuilder::new();
        for text in texts {
            for glob in both_forms(text.as_ref())? {
                builder.add(glob);
            }
        }
        let texts: Vec<String> = texts.iter().map(|text| text.as_ref().to_owned()).collect();
        let set =
            builder.build().map_err(|error| BadGlob { glob: texts.join(", "), why: reason(error.kind()) })?;
        Ok(Globs { texts, set })
    }

    /// The first glob that matches `path` (from the top of the repository, with `/`), as it was written.
    pub(crate) fn first_match(&self, path: &str) -> Option<&str> {
        let at = self.set.matches(path).into_iter().min()? / 2; // two compiled forms for each text
        Some(&self.texts[at])
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The globs as they were written.
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }
}

/// The glob for the path itself, and the one for everything below it.
fn both_forms(text: &str) -> Result<[Glob; 2], BadGlob> {
    let bad = |why: String| BadGlob { glob: text.to_owned(), why };
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    let rooted = match trimmed.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if trimmed.contains('/') => trimmed.to_owned(),
        None => format!("**/{trimmed}"),
    };
    if trimmed.is_empty() {
        return Err(bad("an empty glob".to_owned()));
    }
    let below = format!("{rooted}/**");
    let itself = if text.ends_with('/') { &below } else { &rooted };
    let read = |glob: &str| build(glob).map_err(&bad);
    Ok([read(itself)?, read(&below)?])
}

/// Compiles one glob, in which `*` and `?` stop at a slash on every system.
///
/// # Errors
/// A lower-case fragment that says what is wrong.
pub(crate) fn build(glob: &str) -> Result<Glob, String> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .empty_alternates(true)
        .build()
        .map_err(|error| reason(error.kind()))
}

/// globset's reasons, without its advice on syntax.
fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnclosedClass => "unclosed class".to_owned(),
        ErrorKind::UnclosedAlternates => "unclosed {".to_owned(),
        ErrorKind::UnopenedAlternates => "} without {".to_owned(),
        ErrorKind::DanglingEscape => "nothing after \\".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_read_like_gitignore() {
        for (glob, path, expected) in [
            ("Cargo.lock", "Cargo.lock", true),
            ("Cargo.lock", "a/b/Cargo.lock", true),
            ("/Cargo.lock", "a/Cargo.lock", false),
            ("/Cargo.lock", "Cargo.lock", true),
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/a/b.rs", false),
            ("src/**", "src/a/b.rs", true),
            ("src/**", "srcs/a", false),
            ("docs", "docs/a/b.md", true),
            ("docs/", "docs/a/b.md", true),
            ("docs/", "docs", false),
            ("a/b", "a/b/c", true),
            ("a/b", "x/a/b", false),
            ("*.{md,txt}", "a/b.txt", true),
            ("a?c", "a/c", false),
            ("**", "x/y", true),
            ("*", ".github/x", true),
        ] {
            let globs = Globs::parse(&[glob]).unwrap();
            assert_eq!(globs.matches(path), expected, "{glob} {path}");
            assert_eq!(globs.first_match(path), expected.then_some(glob));
        }
    }

    #[test]
    fn the_first_match_is_the_first_written() {
        let globs = Globs::parse(&["*.toml", "a/**", "a/b.toml"]).unwrap();
        assert_eq!(globs.first_match("a/b.toml"), Some("*.toml"));
        assert_eq!(globs.first_match("a/c"), Some("a/**"));
    }

    #[test]
    fn bad_globs_say_why() {
        for (glob, text) in [
            ("[", "'[': unclosed class"),
            ("{a", "'{a': unclosed {"),
            ("a}", "'a}': } without {"),
            ("", "'': an empty glob"),
            ("/", "'/': an empty glob"),
        ] {
            assert_eq!(Globs::parse(&[glob]).unwrap_err().to_string(), text);
        }
    }
}
