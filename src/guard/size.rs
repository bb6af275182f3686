//! How large a change is: its lines against the cap, and its binaries.

use crate::select::globs::Globs;
use std::{collections::BTreeSet, fmt};

/// One file of a change, with renames already found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) path: String,
    /// Where the file was before, if it was renamed.
    pub(crate) old_path: Option<String>,
    /// Lines added; nothing for a binary.
    pub(crate) added: Option<u64>,
    /// Lines removed; nothing for a binary.
    pub(crate) removed: Option<u64>,
    /// Size of the new content in bytes; 0 for a deleted file.
    pub(crate) bytes_added: u64,
}

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caps {
    /// Lines added and removed.
    pub(crate) diff: u64,
    /// Bytes of one binary.
    pub(crate) binary_bytes: u64,
}

/// What does not count, besides lock files and snapshots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclusions {
    /// `cap.exclude`.
    pub(crate) globs: Globs,
    /// Paths that `.gitattributes` of the base marks as generated.
    pub(crate) generated: BTreeSet<String>,
    /// Paths of files that are, byte for byte, what this program itself puts there.
    pub(crate) own: BTreeSet<String>,
}

/// Why a file does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Excluded {
    LockFile,
    Snapshot,
    Generated,
    Own,
    Glob(String),
}

/// The size of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a size may be over the cap"]
pub(crate) struct Size {
    /// Lines that count: added and removed.
    pub(crate) counted: u64,
    pub(crate) added: u64,
    pub(crate) removed: u64,
    /// Files that count, the largest first.
    pub(crate) files: Vec<FileChange>,
    /// Files that do not, the largest first.
    pub(crate) excluded: Vec<(FileChange, Excluded)>,
    /// What is over the limits; nothing if the change may pass.
    pub(crate) breaches: Vec<Breach>,
}

/// A limit that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breach {
    /// With the largest files and their lines.
    TooBig { lines: u64, cap: u64, largest: Vec<(String, u64)> },
    /// A binary over the limit; excluded ones too.
    Binary { path: String, bytes: u64, cap: u64 },
}

/// Files that programs write to pin what they use.
const LOCK_FILES: &[&str] = &[
    "Cargo.lock",
    "Gemfile.lock",
    "Package.resolved",
    "Pipfile.lock",
    "Podfile.lock",
    "bun.lock",
    "bun.lockb",
    "composer.lock",
    "deno.lock",
    "flake.lock",
    "go.sum",
    "gradle.lockfile",
    "mix.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "pdm.lock",
    "pixi.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pubspec.lock",
    "uv.lock",
    "yarn.lock",
];

/// Number of files that a refusal names.
const LARGEST: usize = 3;

/// Bytes of what settings and messages call a MB.
pub(crate) const MB: u64 = 1 << 20;

impl FileChange {
    /// Lines added and removed; 0 for a binary.
    pub(crate) fn lines(&self) -> u64 {
        self.added.unwrap_or(0).saturating_add(self.removed.unwrap_or(0))
    }

    /// Whether git sees no lines in it.
    pub(crate) fn is_binary(&self) -> bool {
        self.added.is_none()
    }
}

/// Measures a change.
pub(crate) fn measure(changes: &[FileChange], exclusions: &Exclusions, caps: Caps) -> Size {
    let mut files: Vec<FileChange> = Vec::new();
    let mut excluded: Vec<(FileChange, Excluded)> = Vec::new();
    for change in changes {
        match exclusion(change, exclusions) {
            Some(reason) => excluded.push((change.clone(), reason)),
            None => files.push(change.clone()),
        }
    }
    files.sort_by(|a, b| b.lines().cmp(&a.lines()).then_with(|| a.path.cmp(&b.path)));
    excluded.sort_by(|(a, _), (b, _)| b.lines().cmp(&a.lines()).then_with(|| a.path.cmp(&b.path)));
    let sum = |of: fn(&FileChange) -> Option<u64>| files.iter().filter_map(of).fold(0, u64::saturating_add);
    let (added, removed) = (sum(|file| file.added), sum(|file| file.removed));
    let counted = added.saturating_add(removed);
    let breaches = breaches(&files, changes, counted, caps);
    Size { counted, added, removed, files, excluded, breaches }
}

fn breaches(files: &[FileChange], all: &[FileChange], counted: u64, caps: Caps) -> Vec<Breach> {
    let too_big = (counted > caps.diff).then(|| Breach::TooBig {
        lines: counted,
        cap: caps.diff,
        largest: files.iter().take(LARGEST).map(|file| (file.path.clone(), file.lines())).collect(),
    });
    let binaries = all
        .iter()
        .filter(|change| change.is_binary() && change.bytes_added > caps.binary_bytes)
        .map(|change| Breach::Binary {
            path: change.path.clone(),
            bytes: change.bytes_added,
            cap: caps.binary_bytes,
        });
    too_big.into_iter().chain(binaries).collect()
}

/// Why a file does not count. A renamed file is judged by both names: moving code to a lock file's name hides nothing.
fn exclusion(change: &FileChange, exclusions: &Exclusions) -> Option<Excluded> {
    let reason = excluded_path(&change.path, exclusions)?;
    match &change.old_path {
        Some(old) if excluded_path(old, exclusions).is_none() => None,
        _ => Some(reason),
    }
}

fn excluded_path(path: &str, exclusions: &Exclusions) -> Option<Excluded> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if LOCK_FILES.contains(&name) {
        return Some(Excluded::LockFile);
    }
    if name.ends_with(".snap") || folders.split('/').any(|folder| folder == "__snapshots__") {
        return Some(Excluded::Snapshot);
    }
    if exclusions.generated.contains(path) {
        return Some(Excluded::Generated);
    }
    if exclusions.own.contains(path) {
        return Some(Excluded::Own);
    }
    exclusions.globs.first_match(path).map(|glob| Excluded::Glob(glob.to_owned()))
}

impl Size {
    /// The line about files that do not count; nothing if all do. Shown as
    /// `not counted: Cargo.lock 90 (lock file), a.snap 2 (snapshot)`.
    pub(crate) fn not_counted(&self) -> Option<String> {
        let mut parts: Vec<String> = self
            .excluded
            .iter()
            .take(LARGEST)
            .map(|(file, reason)| format!("{} {} ({reason})", file.path, file.lines()))
            .collect();
        if self.excluded.len() > LARGEST {
            parts.push(format!("{} more", self.excluded.len() - LARGEST));
        }
        (!parts.is_empty()).then(|| format!("not counted: {}", parts.join(", ")))
    }
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Excluded::LockFile => f.write_str("lock file"),
            Excluded::Snapshot => f.write_str("snapshot"),
            Excluded::Generated => f.write_str("linguist-generated"),
            Excluded::Own => f.write_str("put there by git orch init"),
            Excluded::Glob(glob) => write!(f, "cap.exclude: {glob}"),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breach::TooBig { lines, cap, largest } => {
                let files: Vec<String> =
                    largest.iter().map(|(path, lines)| format!("{path} {lines}")).collect();
                write!(f, "diff is {lines} lines, the cap is {cap} (largest: {})", files.join(", "))
            }
            Breach::Binary { path, bytes, cap } => {
                write!(f, "adds a binary of {}: {path} (the cap is {})", mb(*bytes), mb(*cap))
            }
        }
    }
}

/// Bytes as MB: whole from 10 on, else with one digit, rounded up so that no figure over a cap reads like the cap.
fn mb(bytes: u64) -> String {
    if bytes.is_multiple_of(MB) {
        return format!("{} MB", bytes / MB);
    }
    let tenths = bytes.saturating_mul(10).div_ceil(MB);
    if bytes < 100 * MB {
        format!("{}.{} MB", tenths / 10, tenths % 10)
    } else {
        format!("{} MB", bytes.div_ceil(MB))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    const CAPS: Caps = Caps { diff: 200, binary_bytes: 10 * MB };

    fn file(path: &str, added: u64, removed: u64) -> FileChange {
        FileChange {
            path: path.to_owned(),
            old_path: None,
            added: Some(added),
            removed: Some(removed),
            bytes_added: added * 30,
        }
    }

    fn binary(path: &str, bytes_added: u64) -> FileChange {
        FileChange { added: None, removed: None, bytes_added, ..file(path, 0, 0) }
    }

    fn shown(changes: &[FileChange]) -> String {
        let exclusions = Exclusions {
            globs: Globs::parse(&["vendor/"]).unwrap(),
            generated: BTreeSet::from(["api.pb.go".to_owned()]),
            own: BTreeSet::from(["own.yml".to_owned()]),
        };
        let size = measure(changes, &exclusions, CAPS);
        let mut lines = vec![format!("{} = +{} -{}", size.counted, size.added, size.removed)];
        lines.extend(size.breaches.iter().map(ToString::to_string));
        lines.extend(size.not_counted());
        lines.join("\n")
    }

    #[test]
    fn the_cap_is_inclusive() {
        assert_snapshot!(shown(&[file("f.rs", 100, 20), file("g.rs", 80, 0)]), @"200 = +180 -20");
        assert_snapshot!(shown(&[file("g.rs", 80, 1), file("f.rs", 100, 20)]), @"
        201 = +180 -21
        diff is 201 lines, the cap is 200 (largest: f.rs 120, g.rs 81)
        ");
    }

    #[test]
    fn lock_files_snapshots_and_generated_files_do_not_count() {
        let changes = [
            file("a/Cargo.lock", 900, 3),
            file("x/__snapshots__/y.js", 50, 0),
            file("t.snap", 40, 0),
            file("api.pb.go", 30, 0),
            file("vendor/z/z.c", 20, 0),
            file("src/lib.rs", 1, 1),
        ];
        assert_snapshot!(shown(&changes), @"
        2 = +1 -1
        not counted: a/Cargo.lock 903 (lock file), x/__snapshots__/y.js 50 (snapshot), t.snap 40 (snapshot), 2 more
        ");
    }

    #[test]
    fn a_rename_to_a_lock_files_name_counts() {
        let renamed = |old: &str| FileChange { old_path: Some(old.to_owned()), ..file("yarn.lock", 5, 0) };
        assert_snapshot!(shown(&[renamed("src/a.rs")]), @"5 = +5 -0");
        assert_snapshot!(shown(&[renamed("old/yarn.lock")]), @"
        0 = +0 -0
        not counted: yarn.lock 5 (lock file)
        ");
    }

    #[test]
    fn large_binaries_are_refused_wherever_they_are() {
        let changes =
            [binary("assets/x.bin", 50 * MB), binary("ok.png", 10 * MB), binary("vendor/y", 10 * MB + 1)];
        assert_snapshot!(shown(&changes), @"
        0 = +0 -0
        adds a binary of 50 MB: assets/x.bin (the cap is 10 MB)
        adds a binary of 10.1 MB: vendor/y (the cap is 10 MB)
        not counted: vendor/y 0 (cap.exclude: vendor/)
        ");
    }

    proptest! {
        #[test]
        fn every_file_counts_or_is_named(
            files in proptest::collection::vec(("(a|vendor/a|Cargo.lock|b)", 0..300u64, 0..300u64), 0..6),
        ) {
            let changes: Vec<FileChange> =
                files.iter().map(|(path, added, removed)| file(path, *added, *removed)).collect();
            let size = measure(&changes, &Exclusions::default(), CAPS);
            prop_assert_eq!(size.files.len() + size.excluded.len(), changes.len());
            prop_assert_eq!(size.counted, size.files.iter().map(FileChange::lines).sum::<u64>());
            prop_assert_eq!(size.breaches.is_empty(), size.counted <= 200);
            prop_assert!(size.files.is_sorted_by(|a, b| a.lines() >= b.lines()));
        }
    }
}
