//! What `init` proposes for the language of a repository: the text of the `[tests]` section.

/// A way to run tests that `init` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Cargo,
    Go,
    Pytest,
    Unittest,
    Npm,
    Maven,
    Make,
    /// Nothing known was found: the section is there, commented out.
    Unknown,
}

/// Presets with the files at the top that show them; the first that is found wins, `Makefile` last: it often only
/// calls the others.
const SIGNS: &[(&str, Preset)] = &[
    ("Cargo.toml", Preset::Cargo),
    ("go.mod", Preset::Go),
    ("pytest.ini", Preset::Pytest),
    ("pyproject.toml", Preset::Pytest),
    ("setup.py", Preset::Pytest),
    ("setup.cfg", Preset::Pytest),
    ("tox.ini", Preset::Pytest),
    ("package.json", Preset::Npm),
    ("pom.xml", Preset::Maven),
    ("Makefile", Preset::Make),
    ("makefile", Preset::Make),
    ("GNUmakefile", Preset::Make),
];

impl Preset {
    /// Recognizes a preset by the names at the top of the repository.
    pub(crate) fn detect<S: AsRef<str>>(top_level: &[S]) -> Preset {
        let has = |sign: &str| top_level.iter().any(|name| name.as_ref() == sign);
        SIGNS.iter().find(|(sign, _)| has(sign)).map_or(Preset::Unknown, |&(_, preset)| preset)
    }

    /// The word for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Preset::Cargo => "cargo",
            Preset::Go => "go",
            Preset::Pytest => "pytest",
            Preset::Unittest => "unittest",
            Preset::Npm => "npm",
            Preset::Maven => "maven",
            Preset::Make => "make",
            Preset::Unknown => "none",
        }
    }

    /// The `[tests]` section of `orch.toml`, ending in a line feed.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Preset::Cargo => CARGO,
            Preset::Go => GO,
            Preset::Pytest => PYTEST,
            Preset::Unittest => UNITTEST,
            Preset::Npm => NPM,
            Preset::Maven => MAVEN,
            Preset::Make => MAKE,
            Preset::Unknown => UNKNOWN,
        }
    }
}

/// Filters stand behind `--`, where there may be many. Files in `tests/` are shared: no filter names one of them.
const CARGO: &str = r#"[tests]
all    = "cargo test --no-fail-fast"                 # the full suite
some   = "cargo test --no-fail-fast -- {tests}"      # the selected ones
report = "libtest"                                   # or junit:FILE, tap, go-json, exit
shared = ["Cargo.toml", "Cargo.lock", "build.rs", "rust-toolchain*", ".cargo/", ".github/", "tests/", "lib.rs", "main.rs"]
ignore = ["*.md"]
keep   = ["target"]                                  # stays between two test runs

[[tests.select]]
changed = "src/{stem}/**"
run     = "{stem}::"
[[tests.select]]
changed = "src/{stem}.rs"
run     = "{stem}::"
"#;

const GO: &str = r#"[tests]
all    = "go test -json ./..."                       # the full suite
some   = "go test -json {tests}"                     # the selected packages
report = "go-json"                                   # or junit:FILE, tap, libtest, exit
shared = ["go.mod", "go.sum", "Makefile", ".github/"]
ignore = ["*.md"]

[[tests.select]]
changed = "**/*.go"
run     = "./{dir}"
"#;

const PYTEST: &str = r#"[tests]
all    = "python3 -m pytest -q --junitxml=.orch-report.xml"            # the full suite
some   = "python3 -m pytest -q --junitxml=.orch-report.xml {tests}"    # the selected files
report = "junit:.orch-report.xml"                                      # or tap, libtest, go-json, exit
files  = ["test_*.py", "*_test.py"]                                    # a changed test runs itself
shared = ["conftest.py", "pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", "*requirements*.txt", "*.lock", ".github/"]
ignore = ["*.md", "*.rst"]

[[tests.select]]
changed = "**/*.py"
run     = "**/test_{stem}.py"
"#;

const UNITTEST: &str = r#"[tests]
all    = "python3 -m unittest"                       # the full suite
report = "exit"                                      # or junit:FILE, tap: then results are compared per test
ignore = ["*.md", "*.rst"]
"#;

const NPM: &str = r#"[tests]
all    = "npm test"                                  # the full suite
report = "exit"                                      # or junit:FILE, tap: then results are compared per test
ignore = ["*.md"]
keep   = ["node_modules"]                            # stays between two test runs
"#;

const MAVEN: &str = r#"[tests]
all    = "mvn -q -B test"                            # the full suite
report = "exit"                                      # or junit:FILE, tap: then results are compared per test
ignore = ["*.md"]
keep   = ["target"]                                  # stays between two test runs
"#;

const MAKE: &str = r#"[tests]
all    = "make test"                                 # the full suite
report = "exit"                                      # or junit:FILE, tap: then results are compared per test
ignore = ["*.md"]
"#;

const UNKNOWN: &str = r#"[tests]
# all  = "make test"                                 # your full suite: without it nothing lands
report = "exit"                                      # or junit:FILE, tap, libtest, go-json
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_their_files() {
        for (files, expected) in [
            (&["Cargo.toml", "Makefile", "package.json"][..], Preset::Cargo),
            (&["package.json", "Makefile"], Preset::Npm),
            (&["pyproject.toml"], Preset::Pytest),
            (&["go.mod", "package.json"], Preset::Go),
            (&["pom.xml"], Preset::Maven),
            (&["Makefile", "README.md"], Preset::Make),
            (&["README.md"], Preset::Unknown),
            (&[], Preset::Unknown),
        ] {
            assert_eq!(Preset::detect(files), expected, "{files:?}");
        }
    }
}
