//! Which paths a change may touch.

use crate::select::globs::Globs;
use std::fmt;

/// A path that the change may not touch, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutsidePath {
    pub(crate) path: String,
    pub(crate) because: Outside,
}

/// Why a path is outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outside {
    /// No glob of this list matches.
    NotAllowed { whose: Whose, allowed: Vec<String> },
    /// A glob forbids it.
    Denied { glob: String },
    /// No checkout may hold it.
    Unsafe(UnsafePath),
}

/// Whose list of allowed paths it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Settings,
    Task,
}

/// Why a path is not safe to write below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnsafePath {
    #[error("it is empty")]
    Empty,
    #[error("it is absolute")]
    Absolute,
    #[error("it leaves its folder or holds an empty part")]
    Parts,
    #[error("it holds a NUL byte")]
    Nul,
    #[error("it holds a backslash")]
    Backslash,
    #[error("it is inside a .git folder, or is read so on some systems")]
    GitFolder,
}

/// Holds changed paths (old and new ones of a rename) against the limits.
///
/// `allowed` holds one list for each layer of settings that has one, and the task's own: a path must match each of them;
/// an empty list allows everything. What is denied is denied even where it is allowed. `.git` is always denied.
///
/// # Errors
/// Every path outside, in the order given.
pub(crate) fn check<S: AsRef<str>>(
    changed: &[S],
    allowed: &[(Whose, Globs)],
    denied: &Globs,
) -> Result<(), Vec<OutsidePath>> {
    let outside: Vec<OutsidePath> = changed
        .iter()
        .map(AsRef::as_ref)
        .filter_map(|path| {
            outside(path, allowed, denied).map(|because| OutsidePath { path: path.to_owned(), because })
        })
        .collect();
    if outside.is_empty() { Ok(()) } else { Err(outside) }
}

fn outside(path: &str, allowed: &[(Whose, Globs)], denied: &Globs) -> Option<Outside> {
    if let Err(reason) = safe_path(path) {
        return Some(Outside::Unsafe(reason));
    }
    if let Some(glob) = denied.first_match(path) {
        return Some(Outside::Denied { glob: glob.to_owned() });
    }
    allowed
        .iter()
        .find(|(_, globs)| !globs.is_empty() && !globs.matches(path))
        .map(|(whose, globs)| Outside::NotAllowed { whose: *whose, allowed: globs.texts().to_vec() })
}

/// Whether a path of a tree is safe to write below a folder, on every system.
///
/// # Errors
/// The first rule that it breaks.
pub(crate) fn safe_path(path: &str) -> Result<(), UnsafePath> {
    if path.is_empty() {
        return Err(UnsafePath::Empty);
    }
    if path.contains('\0') {
        return Err(UnsafePath::Nul);
    }
    if path.contains('\\') {
        return Err(UnsafePath::Backslash);
    }
    let drive = path.as_bytes()[0].is_ascii_alphabetic() && path[1..].starts_with(':');
    if path.starts_with('/') || drive {
        return Err(UnsafePath::Absolute);
    }
    for part in path.split('/') {
        if matches!(part, "" | "." | "..") {
            return Err(UnsafePath::Parts);
        }
        if is_git_folder(part) {
            return Err(UnsafePath::GitFolder);
        }
    }
    Ok(())
}

/// Whether a file system reads this name as `.git`: in any case, with the blanks, dots and streams that NTFS drops,
/// by its short name there, or with the characters that HFS+ ignores (see git's `is_ntfs_dotgit`, `is_hfs_dotgit`).
fn is_git_folder(part: &str) -> bool {
    let seen: String = part.chars().filter(|&c| !hfs_ignores(c)).collect::<String>().to_lowercase();
    let before_stream = seen.split(':').next().unwrap_or_default();
    matches!(before_stream.trim_end_matches([' ', '.']), ".git" | "git~1")
}

fn hfs_ignores(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for OutsidePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.because {
            Outside::NotAllowed { whose, allowed } => {
                let list = match whose {
                    Whose::Settings => "paths.allow",
                    Whose::Task => "the task's paths",
                };
                write!(f, "{path} is outside of {list} ({})", allowed.join(", "))
            }
            Outside::Denied { glob } => write!(f, "{path} is in paths.deny ({glob})"),
            Outside::Unsafe(reason) => write!(f, "{path} cannot be written safely: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    fn globs(texts: &[&str]) -> Globs {
        Globs::parse(texts).unwrap()
    }

    #[test]
    fn every_path_outside_is_named() {
        let changed = ["src/a.rs", "docs/x.md", "src/secret/key", ".git/hooks/x", "tests/b.rs"];
        let settings = |texts: &[&str]| (Whose::Settings, globs(texts));
        let of_task = (Whose::Task, globs(&["src", "docs"]));
        let allowed = [settings(&["src/**", "tests/**"]), settings(&[]), of_task];
        let outside = check(&changed, &allowed, &globs(&["secret/"])).unwrap_err();
        let lines: Vec<String> = outside.iter().map(ToString::to_string).collect();
        assert_snapshot!(lines.join("\n"), @"
        docs/x.md is outside of paths.allow (src/**, tests/**)
        src/secret/key is in paths.deny (secret/)
        .git/hooks/x cannot be written safely: it is inside a .git folder, or is read so on some systems
        tests/b.rs is outside of the task's paths (src, docs)
        ");
        assert_eq!(check(&["a", "b/c"], &[], &Globs::default()), Ok(()));
    }

    #[test]
    fn unsafe_paths_are_known() {
        use UnsafePath::*;
        for (path, expected) in [
            ("a/b", Ok(())),
            (".gitignore", Ok(())),
            ("a/.github/x", Ok(())),
            ("git~2", Ok(())),
            ("a..b", Ok(())),
            ("ä:b", Ok(())),
            ("", Err(Empty)),
            ("/etc/passwd", Err(Absolute)),
            ("C:/x", Err(Absolute)),
            ("a/../b", Err(Parts)),
            ("./a", Err(Parts)),
            ("a//b", Err(Parts)),
            ("a/", Err(Parts)),
            ("a\0", Err(Nul)),
            ("a\\b", Err(Backslash)),
            (".git", Err(GitFolder)),
            ("x/.GIT/config", Err(GitFolder)),
            (".git /x", Err(GitFolder)),
            (".git. .", Err(GitFolder)),
            ("GIT~1/x", Err(GitFolder)),
            (".git::$INDEX_ALLOCATION/x", Err(GitFolder)),
            (".g\u{200c}it/x", Err(GitFolder)),
        ] {
            assert_eq!(safe_path(path), expected, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn another_list_never_allows_more(path in "[ab]/[ab]", first in "[ab]/[*ab]", second in "[ab]/[*ab]") {
            let list = |text: &str| (Whose::Settings, globs(&[text]));
            let one = [list(&first)];
            let both = [list(&first), list(&second)];
            let none = Globs::default();
            if check(&[&path], &both, &none).is_ok() {
                prop_assert!(check(&[&path], &one, &none).is_ok());
            }
        }
    }
}
