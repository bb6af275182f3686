//! The `orch.toml` that `init` writes: few settings, each with a reason; the rest is in `config list`.

use crate::select::preset::Preset;

const HEAD: &str = r#"# Settings of git orch for everybody. They count once they are committed on the base branch.
# All settings: git orch config list. One of them: git orch config explain cap.diff

[cap]
diff = 200            # lines that one task may change, without lock files and generated files

"#;

const TAIL: &str = r#"
[review]
reviewers = ["safety", "architecture", "quality"]    # [] leaves the review to a person

[queue]
land     = "full"     # tests that gate a landing; "targeted" runs the full suite right after it
on_worse = "culprit"  # or "stop": then a person looks first

[agents]
# implement = "claude"  # the agent that does tasks; each person may choose with git config orch.agents.implement
"#;

/// The text for a repository of this kind.
pub(crate) fn write(preset: Preset) -> String {
    format!("{HEAD}{}{TAIL}", preset.section())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        file,
        layers::{Layer, Origin, Settings},
    };
    use crate::select::choose::{ChangedFile, Selection, choose, explain};

    const PRESETS: [Preset; 7] = [
        Preset::Cargo,
        Preset::Go,
        Preset::Pytest,
        Preset::Npm,
        Preset::Maven,
        Preset::Make,
        Preset::Unknown,
    ];

    fn layer(preset: Preset) -> Layer {
        let origin = Origin::Base { branch: "main".to_owned(), commit: "a1b2c3d".to_owned() };
        Layer::of_file(origin, file::read(&write(preset)).unwrap())
    }

    #[test]
    fn every_template_parses_and_is_short() {
        for preset in PRESETS {
            let text = write(preset);
            let values = file::read(&text).unwrap();
            assert!(values.len() <= 12, "{}: {} settings", preset.name(), values.len());
            let policy = Settings::new(vec![layer(preset)]).policy().unwrap();
            assert_eq!(policy.tests.all.is_some(), preset != Preset::Unknown);
            assert_eq!(policy.notices, Vec::<String>::new());
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
