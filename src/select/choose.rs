//! The tests that a whole change needs, and why.

use super::{
    globs::{BadGlob, Globs},
    rule::{self, Rule},
};
use std::{collections::BTreeSet, fmt};

/// What selects tests, as `[tests]` of `orch.toml` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    /// In the order they were written; every one that matches adds its test.
    pub(crate) rules: Vec<Rule>,
    /// Files that are tests: a changed one runs itself.
    pub(crate) files: Globs,
    /// How a changed test is called; of the built-ins of [`rule`].
    pub(crate) file_run: String,
    /// Lock, manifest, build, CI and configuration files: they need the full suite.
    pub(crate) shared: Globs,
    /// Files that need no tests, as documentation.
    pub(crate) ignore: Globs,
}

/// How a changed test is called unless the settings say otherwise.
pub(crate) const FILE_RUN: &str = "{path}";

/// A file of the change; a rename is a deleted file and a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedFile {
    /// From the top of the repository, with `/`.
    pub(crate) path: String,
    /// Whether the file is gone after the change.
    pub(crate) deleted: bool,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a selection says which tests gate the change"]
pub(crate) enum Selection {
    /// The full suite.
    Full { because: Because },
    /// These tests; changed tests come first.
    Some(Vec<Chosen>),
    /// Nothing: no file of the change needs a test.
    None,
}

/// Why the full suite is needed: the first file that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Because {
    /// No rule says what this file needs.
    Unmapped { path: String },
    /// The file is one that everything depends on.
    Shared { path: String, glob: String },
    /// A test is gone, and what it held may be broken.
    DeletedTest { path: String },
}

/// A test to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// As the template of the rule gave it.
    pub(crate) test: String,
    /// Every file that asked for it, at least one.
    pub(crate) because: Vec<Asked>,
}

/// A file that asked for a test, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) by: By,
}

/// How a test was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// A file of the test itself changed.
    Itself,
    /// A rule; `number` counts from 1.
    Rule { number: usize, changed: String },
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            rules: Vec::new(),
            files: Globs::default(),
            file_run: FILE_RUN.to_owned(),
            shared: Globs::default(),
            ignore: Globs::default(),
        }
    }
}

/// Chooses the tests for a change.
pub(crate) fn choose(changed: &[ChangedFile], rules: &Rules) -> Selection {
    let mut own: Vec<Chosen> = Vec::new();
    let mut mapped: Vec<Chosen> = Vec::new();
    for file in changed {
        match needs(file, rules) {
            Needs::Full(because) => return Selection::Full { because },
            Needs::Nothing => {}
            Needs::Tests(tests) => {
                for (test, asked) in tests {
                    let list = if asked.by == By::Itself { &mut own } else { &mut mapped };
                    add(list, test, asked);
                }
            }
        }
    }
    for later in mapped {
        match own.iter_mut().find(|chosen| chosen.test == later.test) {
            Some(chosen) => chosen.because.extend(later.because),
            None => own.push(later),
        }
    }
    if own.is_empty() { Selection::None } else { Selection::Some(own) }
}

/// Replaces chosen tests that are globs by the files of the repository that match; other tests stay as they are.
///
/// A changed file whose every glob matches nothing is as good as unmapped, and needs the full suite.
///
/// # Errors
/// A template that came out as no glob.
pub(crate) fn expand(selection: Selection, files: &[String]) -> Result<Selection, BadGlob> {
    let Selection::Some(chosen) = selection else { return Ok(selection) };
    let asked: Vec<String> =
        chosen.iter().flat_map(|chosen| &chosen.because).map(|asked| asked.path.clone()).collect();
    let mut out: Vec<Chosen> = Vec::new();
    for Chosen { test, because } in chosen {
        let tests = if is_glob(&test) { matching(&test, files)? } else { vec![test] };
        for test in tests {
            because.iter().for_each(|asked| add(&mut out, test.clone(), asked.clone()));
        }
    }
    let covered: BTreeSet<&str> =
        out.iter().flat_map(|chosen| &chosen.because).map(|asked| asked.path.as_str()).collect();
    Ok(match asked.iter().find(|path| !covered.contains(path.as_str())) {
        Some(path) => Selection::Full { because: Because::Unmapped { path: path.clone() } },
        None => Selection::Some(out),
    })
}

/// The command of `tests.some` with the tests in the place of `{tests}`: quoted for a shell, joined by blanks.
///
/// Nothing if a test holds a NUL byte, that no command line can hold, or starts with a dash: a changed file could
/// smuggle an option in. The full suite is the way then.
pub(crate) fn command(some: &str, tests: &[&str]) -> Option<String> {
    if tests.iter().any(|test| test.starts_with('-')) {
        return None;
    }
    let joined = shlex::try_join(tests.iter().copied()).ok()?;
    Some(some.replace("{tests}", &joined))
}

/// Why each test was chosen, one line each.
pub(crate) fn explain(selection: &Selection) -> Vec<String> {
    match selection {
        Selection::Full { because } => vec![format!("full suite: {because}")],
        Selection::None => vec!["no tests: every changed file is ignored (tests.ignore)".to_owned()],
        Selection::Some(chosen) => chosen
            .iter()
            .flat_map(|chosen| chosen.because.iter().map(move |asked| (asked, &chosen.test)))
            .map(|(asked, test)| format!("{} -> {test}   ({})", asked.path, asked.by))
            .collect(),
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::Unmapped { path } => write!(f, "no rule maps {path}"),
            Because::Shared { path, glob } => write!(f, "{path} is shared (tests.shared: {glob})"),
            Because::DeletedTest { path } => write!(f, "the test {path} is deleted"),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Itself => f.write_str("changed test"),
            By::Rule { number, changed } => write!(f, "rule {number}: {changed}"),
        }
    }
}

/// What one file needs.
enum Needs {
    Full(Because),
    Tests(Vec<(String, Asked)>),
    Nothing,
}

fn needs(file: &ChangedFile, rules: &Rules) -> Needs {
    let path = &file.path;
    if let Some(glob) = rules.shared.first_match(path) {
        return Needs::Full(Because::Shared { path: path.clone(), glob: glob.to_owned() });
    }
    if rules.ignore.matches(path) {
        return Needs::Nothing;
    }
    let is_test = rules.files.matches(path);
    if is_test && file.deleted {
        return Needs::Full(Because::DeletedTest { path: path.clone() });
    }
    let itself = is_test.then(|| (rule::fill_for(&rules.file_run, path), By::Itself));
    let by_rule = rules.rules.iter().enumerate().filter_map(|(at, rule)| {
        Some((rule.apply(path)?, By::Rule { number: at + 1, changed: rule.changed().to_owned() }))
    });
    let tests: Vec<(String, Asked)> = itself
        .into_iter()
        .chain(by_rule)
        .map(|(test, by)| (test, Asked { path: path.clone(), by }))
        .collect();
    if tests.is_empty() { Needs::Full(Because::Unmapped { path: path.clone() }) } else { Needs::Tests(tests) }
}

fn add(list: &mut Vec<Chosen>, test: String, asked: Asked) {
    match list.iter_mut().find(|chosen| chosen.test == test) {
        Some(chosen) if chosen.because.contains(&asked) => {}
        Some(chosen) => chosen.because.push(asked),
        None => list.push(Chosen { test, because: vec![asked] }),
    }
}

/// Brackets are no sign of a glob: test names have them (`test_a.py::test_b[1]`).
fn is_glob(test: &str) -> bool {
    test.contains('*')
}

fn matching(glob: &str, files: &[String]) -> Result<Vec<String>, BadGlob> {
    // A leading slash: the template says where it starts, even where it holds no slash.
    let globs = Globs::parse(&[format!("/{}", glob.trim_start_matches('/'))])?;
    Ok(files.iter().filter(|file| globs.matches(file)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    fn globs(texts: &[&str]) -> Globs {
        Globs::parse(texts).unwrap()
    }

    fn rules() -> Rules {
        Rules {
            rules: vec![
                Rule::parse("src/{stem}/**", "{stem}::").unwrap(),
                Rule::parse("src/*.rs", "{stem}::").unwrap(),
                Rule::parse("py/{stem}.py", "tests/**/test_{stem}*.py").unwrap(),
            ],
            files: globs(&["tests/**"]),
            shared: globs(&["Cargo.lock", ".github/"]),
            ignore: globs(&["*.md"]),
            ..Rules::default()
        }
    }

    fn changed(paths: &[&str]) -> Vec<ChangedFile> {
        paths
            .iter()
            .map(|path| ChangedFile {
                path: path.trim_start_matches('-').to_owned(),
                deleted: path.starts_with('-'),
            })
            .collect()
    }

    fn explained(paths: &[&str]) -> String {
        explain(&choose(&changed(paths), &rules())).join("\n")
    }

    #[test]
    fn each_test_names_the_rule_that_chose_it() {
        assert_snapshot!(explained(&["src/a/b.rs", "src/a/c.rs", "src/a.rs", "README.md", "tests/x.rs"]), @"
        tests/x.rs -> tests/x.rs   (changed test)
        src/a/b.rs -> a::   (rule 1: src/{stem}/**)
        src/a/c.rs -> a::   (rule 1: src/{stem}/**)
        src/a.rs -> a::   (rule 2: src/*.rs)
        ");
    }

    #[test]
    fn what_is_not_known_needs_everything() {
        for (paths, text) in [
            (&["src/a/b.rs", "x.py"][..], "full suite: no rule maps x.py"),
            (&["src/a/b.rs", "Cargo.lock"], "full suite: Cargo.lock is shared (tests.shared: Cargo.lock)"),
            (
                &[".github/workflows/ci.yml"],
                "full suite: .github/workflows/ci.yml is shared (tests.shared: .github/)",
            ),
            (&["-tests/x.rs"], "full suite: the test tests/x.rs is deleted"),
            (&["-src/a/b.rs"], "src/a/b.rs -> a::   (rule 1: src/{stem}/**)"),
            (&["README.md", "-docs/a.md"], "no tests: every changed file is ignored (tests.ignore)"),
        ] {
            assert_eq!(explained(paths), text);
        }
        assert_eq!(choose(&[], &rules()), Selection::None);
        assert!(matches!(choose(&changed(&["a"]), &Rules::default()), Selection::Full { .. }));
    }

    #[test]
    fn globs_become_files_of_the_repository() {
        let files = ["tests/a/test_x.py", "tests/test_x_more.py", "tests/test_y.py"].map(str::to_owned);
        let expanded =
            |paths: &[&str]| explain(&expand(choose(&changed(paths), &rules()), &files).unwrap()).join("\n");
        assert_snapshot!(expanded(&["py/x.py", "tests/test_x_more.py"]), @"
        tests/test_x_more.py -> tests/test_x_more.py   (changed test)
        py/x.py -> tests/test_x_more.py   (rule 3: py/{stem}.py)
        py/x.py -> tests/a/test_x.py   (rule 3: py/{stem}.py)
        ");
        assert_snapshot!(expanded(&["py/z.py"]), @"full suite: no rule maps py/z.py");
    }

    #[test]
    fn tests_are_quoted_for_the_shell() {
        let line = command("run {tests}", &["a::", "t.py::x[1]", "$(rm -rf /)", "it's"]).unwrap();
        assert_eq!(line, r#"run a:: 't.py::x[1]' '$(rm -rf /)' "it's""#);
        assert_eq!(command("run {tests}", &["\0"]), None);
        assert_eq!(command("run {tests}", &["a", "--ignore=b"]), None);
    }

    proptest! {
        #[test]
        fn the_order_of_files_changes_no_set(
            paths in proptest::collection::vec("(src/[ab]/[xy].rs|src/[ab].rs|tests/[ab].rs|[ab].md|[cd].x)", 0..6),
        ) {
            let names = |selection: Selection| match selection {
                Selection::Full { .. } => None,
                Selection::None => Some(BTreeSet::new()),
                Selection::Some(chosen) => {
                    let set: BTreeSet<String> = chosen.iter().map(|chosen| chosen.test.clone()).collect();
                    assert_eq!(set.len(), chosen.len(), "no test twice");
                    Some(set)
                }
            };
            let files = changed(&paths.iter().map(String::as_str).collect::<Vec<_>>());
            let mut reversed = files.clone();
            reversed.reverse();
            prop_assert_eq!(names(choose(&files, &rules())), names(choose(&reversed, &rules())));
        }
    }
}
