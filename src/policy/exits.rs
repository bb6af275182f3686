//! What an agent's exit codes mean: words for people, and, where they begin with a known phrase, which failure it is.

use super::agents::Exit;
use crate::plan::failure::FailureKind;
use std::collections::BTreeMap;

/// What an entry can say with an exit code. Few and exact: whoever writes one knows what follows from it.
const PHRASES: [(&str, FailureKind); 6] = [
    ("not logged in", FailureKind::Login),
    ("rate limit", FailureKind::Limit),
    ("out of credit", FailureKind::Limit),
    ("overloaded", FailureKind::Host),
    ("turn limit", FailureKind::Turns),
    ("budget limit", FailureKind::Budget),
];

/// From this likeness on, words that are no phrase are taken for a slip: `rate limt` is at 0.98, `not found` beside
/// `not logged in` at 0.82.
const SLIP: f64 = 0.92;

/// Why an exit code means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadExit {
    #[error("'{0}' is no exit code")]
    Code(String),
    #[error(
        "'{code}={given}' is no phrase that is known; did you mean '{code}={meant}'? Known are {}; words of your own \
         may follow one behind a colon",
        known()
    )]
    Slip { code: i32, given: String, meant: &'static str },
    #[error("'0={given}': an agent that ends with 0 ended well")]
    Well { given: String },
}

/// Reads `CODE=PHRASE`, `CODE=PHRASE: WORDS` or `CODE=WORDS`, split at their `=`.
pub(super) fn read(pairs: Vec<(String, String)>) -> Result<BTreeMap<i32, Exit>, BadExit> {
    pairs.into_iter().map(|(code, words)| one(&code, words)).collect()
}

fn one(code: &str, given: String) -> Result<(i32, Exit), BadExit> {
    let number: i32 = code.parse().map_err(|_| BadExit::Code(code.to_owned()))?;
    let (head, rest) = given.split_once(':').unwrap_or((&given, ""));
    let head = head.trim().to_ascii_lowercase().replace(['-', '_'], " ");
    match PHRASES.into_iter().find(|(phrase, _)| *phrase == head) {
        Some(_) if number == 0 => Err(BadExit::Well { given }),
        Some((_, kind)) => Ok((number, Exit { kind: Some(kind), words: rest.trim().to_owned() })),
        None => {
            let likeness = |phrase: &str| strsim::jaro_winkler(&head, phrase);
            match PHRASES.into_iter().find(|(phrase, _)| likeness(phrase) >= SLIP) {
                Some((meant, _)) => Err(BadExit::Slip { code: number, given, meant }),
                None => Ok((number, Exit { kind: None, words: given })),
            }
        }
    }
}

fn known() -> String {
    PHRASES.map(|(phrase, _)| format!("'{phrase}'")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(code: &str, words: &str) -> Result<Exit, String> {
        let read = read(vec![(code.to_owned(), words.to_owned())]).map_err(|bad| bad.to_string())?;
        Ok(read.into_values().next().unwrap())
    }

    #[test]
    fn a_phrase_is_a_failure_and_other_words_are_words() {
        let exit = |kind, words: &str| Ok(Exit { kind, words: words.to_owned() });
        assert_eq!(read_one("75", "rate limit"), exit(Some(FailureKind::Limit), ""));
        assert_eq!(read_one("75", "Rate-limit: try at noon"), exit(Some(FailureKind::Limit), "try at noon"));
        assert_eq!(read_one("77", "not logged in"), exit(Some(FailureKind::Login), ""));
        assert_eq!(read_one("42", "bad input: no file"), exit(None, "bad input: no file"));
        for words in ["not found", "nothing to do", "over the limit of lines", "catalog in use", "credit"] {
            assert_eq!(read_one("3", words), exit(None, words));
        }
    }

    #[test]
    fn a_slip_in_a_phrase_is_refused() {
        for (given, meant) in
            [("rate limt", "rate limit"), ("rate limited", "rate limit"), ("overload", "overloaded")]
        {
            let why = read_one("75", given).unwrap_err();
            assert!(why.contains(&format!("did you mean '75={meant}'?")), "{why}");
        }
        assert_eq!(read_one("x", "overloaded").unwrap_err(), "'x' is no exit code");
        assert_eq!(
            read_one("0", "rate limit").unwrap_err(),
            "'0=rate limit': an agent that ends with 0 ended well"
        );
    }
}
