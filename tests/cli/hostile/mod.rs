//! Attacks, as data: what an agent tries from within its sandbox, what its change tries, what its reviewer is made to
//! say. Everything that must stay whole carries a canary, and no attack may reach one (A10, A11).

/// What a program tries from within its sandbox.
mod inside;
/// What gets onto main.
mod landing;

use std::collections::BTreeMap;

use serde::Deserialize;

/// One line of the corpus.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    name: String,
    /// A line of bash.
    #[serde(default)]
    run: String,
    /// What a reviewer answers.
    #[serde(default)]
    say: String,
    /// More text of the task.
    #[serde(default)]
    spec: String,
    /// Run outside when all is over; success is the attack's.
    #[serde(default)]
    after: Option<String>,
    /// Whether it succeeds where nothing holds it, which shows that it is one.
    #[serde(default = "yes")]
    bare: bool,
    /// The sandbox that does not hold it.
    #[serde(default)]
    open: String,
    /// Why it may land.
    #[serde(default)]
    lands: String,
}

fn yes() -> bool {
    true
}

fn read(text: &str) -> Vec<Attack> {
    let mut file: BTreeMap<String, Vec<Attack>> = toml::from_str(text).unwrap();
    let attacks = file.remove("attack").unwrap();
    assert!(!attacks.is_empty() && file.is_empty());
    attacks
}

/// A text for a shell.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).unwrap().into_owned()
}

#[test]
fn the_corpus_has_more_than_a_hundred_attacks() {
    let count: usize =
        [inside::ATTACKS, landing::CHANGES, landing::REVIEWS].iter().map(|text| read(text).len()).sum();
    assert!(count >= 100, "{count}");
}
