//! The `orch.toml` that `init` writes: few settings, each with a reason; the rest is in `config list`.

use crate::select::preset::Preset;

/// What a repository holds, besides the language of its tests: what is asked of tasks and who reviews them (B11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Holds {
    #[default]
    Code,
    /// Texts: documentation, a site, a book.
    Content,
    /// Data, and the code that makes it.
    Data,
}

const HEAD: &str = r#"# Settings of git orch for everybody. They count once they are committed on the base branch.
# All settings: git orch config list. One of them: git orch config explain cap.diff

"#;

const CODE: [&str; 2] = [
    r#"[cap]
diff = 200            # lines that one task may change, without lock files and generated files

"#,
    r#"
[review]
reviewers = ["safety", "architecture", "quality"]    # what agents.review is asked; [] leaves the review to a person
"#,
];

const CONTENT: [&str; 2] = [
    r#"[cap]
diff = 400            # lines that one task may change; a page that is written anew is many

[spec]
require = "checkable" # a text is done when somebody can say by what: Acceptance criteria

"#,
    r#"
[review]
reviewers = ["facts", "language"]    # is it true, is it understood; [] leaves the review to a person
"#,
];

const DATA: [&str; 2] = [
    r#"[cap]
diff      = 300       # lines that one task may change, without lock files and generated files
binary_mb = 50        # size of one file of data that a task may add

[spec]
require = "checkable" # rows, ranges and totals by which one sees that it is done

"#,
    r#"
[review]
reviewers = ["data", "quality", "safety"]    # can it be made again, is it right; [] leaves the review to a person
"#,
];

const TAIL: &str = r#"
[queue]
land     = "full"     # tests that gate a landing; "targeted" runs the full suite right after it
on_worse = "culprit"  # or "stop": then a person looks first

[agents]
# implement = "claude"  # who does tasks: a known agent, or "exec:COMMAND"; for you alone: git config orch.agents.implement
# review    = "claude"  # who reviews; without it a person does
"#;

/// The text for a repository with these tests that holds this.
pub(crate) fn write(preset: Preset, holds: Holds) -> String {
    let [before, after] = match holds {
        Holds::Code => CODE,
        Holds::Content => CONTENT,
        Holds::Data => DATA,
    };
    format!("{HEAD}{before}{}{after}{TAIL}", preset.section())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        file,
        layer::{Layer, Origin},
        layers::Settings,
    };
    use crate::select::choose::{ChangedFile, Selection, choose, explain};

    const PRESETS: [Preset; 8] = [
        Preset::Cargo,
        Preset::Go,
        Preset::Pytest,
        Preset::Unittest,
        Preset::Npm,
        Preset::Maven,
        Preset::Make,
        Preset::Unknown,
    ];

    fn layer(preset: Preset) -> Layer {
        layer_of(preset, Holds::Code)
    }

    fn layer_of(preset: Preset, holds: Holds) -> Layer {
        let origin = Origin::Base { branch: "main".to_owned(), commit: "a1b2c3d".to_owned() };
        Layer::of_file(origin, file::read(&write(preset, holds)).unwrap())
    }

    #[test]
    fn every_template_parses_and_is_short() {
        for preset in PRESETS {
            let text = write(preset, Holds::Code);
            let values = file::read(&text).unwrap();
            assert!(values.len() <= 12, "{}: {} settings", preset.name(), values.len());
            let policy = Settings::new(vec![layer(preset)]).policy().unwrap();
            assert_eq!(policy.tests.all.is_some(), preset != Preset::Unknown);
            assert_eq!(policy.notices, Vec::<String>::new());
        }
    }

    #[test]
    fn what_a_repository_holds_changes_reviewers_and_what_specs_must_say() {
        for (holds, reviewers, diff) in [
            (Holds::Content, vec!["facts", "language"], 400),
            (Holds::Data, vec!["data", "quality", "safety"], 300),
        ] {
            let policy = Settings::new(vec![layer_of(Preset::Pytest, holds)]).policy().unwrap();
            assert_eq!(
                (policy.review.reviewers, policy.cap.caps.diff),
                (reviewers.iter().map(|r| (*r).to_owned()).collect(), diff)
            );
            assert_eq!(policy.require, crate::task::contract::Require::Checkable);
            assert!(policy.tests.all.is_some() && policy.notices.is_empty());
        }
    }

    #[test]
    fn what_the_template_says_is_what_is_built_in() {
        let settings = Settings::new(vec![layer(Preset::Unknown)]);
        let plain = Settings::new(Vec::new());
        for listed in settings.list() {
            let built_in = plain.explain(&listed.name).unwrap().used;
            assert_eq!(listed.value, built_in, "{}", listed.name);
        }
    }

    #[test]
    fn presets_map_the_files_of_their_language() {
        for (preset, path, expected) in [
            (Preset::Cargo, "src/a/b.rs", "src/a/b.rs -> a::   (rule 1: src/{stem}/**)"),
            (Preset::Cargo, "src/a.rs", "src/a.rs -> a::   (rule 2: src/{stem}.rs)"),
            (Preset::Cargo, "src/lib.rs", "full suite: src/lib.rs is shared (tests.shared: lib.rs)"),
            (Preset::Cargo, "tests/x.rs", "full suite: tests/x.rs is shared (tests.shared: tests/)"),
            (Preset::Go, "a/b/c_test.go", "a/b/c_test.go -> ./a/b   (rule 1: **/*.go)"),
            (Preset::Pytest, "x/y.py", "x/y.py -> **/test_y.py   (rule 1: **/*.py)"),
            (Preset::Pytest, "conftest.py", "full suite: conftest.py is shared (tests.shared: conftest.py)"),
            (Preset::Npm, "a.js", "full suite: no rule maps a.js"),
            (Preset::Make, "docs/a.md", "no tests: every changed file is ignored (tests.ignore)"),
        ] {
            let rules = Settings::new(vec![layer(preset)]).policy().unwrap().tests.rules;
            let selection: Selection =
                choose(&[ChangedFile { path: path.to_owned(), deleted: false }], &rules);
            assert_eq!(explain(&selection), [expected]);
        }
    }
}
