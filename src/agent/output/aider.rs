//! aider: text for people. Two of its lines tell what was used, rounded; a failed call is a line of text, too.

use super::fields::micros;
use super::said::{Failure, Said, Tokens};

/// How a line begins that tells of a failed call; the library that it calls models by names its errors so.
const FAILED: &str = "litellm.";

pub(super) fn read(stdout: &str) -> Said {
    let mut said = Said::default();
    for line in stdout.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Tokens: ") {
            if let Some(tokens) = tokens(rest) {
                said.tokens = Some(said.tokens.unwrap_or_default().plus(tokens));
                said.failure = None;
            }
            // Of the whole session, so the last one counts.
            if let Some((_, cost)) = line.split_once("Cost: ") {
                let session =
                    cost.split(", ").find_map(|part| part.trim_end_matches('.').strip_suffix(" session"));
                said.cost_usd_micros =
                    session.and_then(|text| text.trim_start_matches('$').parse().ok()).and_then(micros);
            }
        } else if line.starts_with(FAILED) && line.contains("Error") {
            said.failure = Some(Failure::of_words(line));
        }
    }
    // It marks no answer; all that it wrote is one when it came to the line about usage.
    said.answer = said.tokens.filter(|_| said.failure.is_none()).map(|_| stdout.to_owned());
    said
}

/// Reads `1.2k sent, 300 cache hit, 56 received.`
fn tokens(text: &str) -> Option<Tokens> {
    let mut tokens = Tokens::default();
    let text = text.split(" Cost: ").next().unwrap_or(text);
    for part in text.split(", ") {
        let (figure, what) = part.trim().split_once(' ')?;
        let count = count(figure)?;
        match what.trim_end_matches('.') {
            "sent" => tokens.input += count,
            "cache hit" => tokens.cached += count,
            "cache write" => tokens.input += count,
            "received" => tokens.output += count,
            _ => {}
        }
    }
    Some(tokens)
}

fn count(figure: &str) -> Option<u64> {
    let (digits, factor) = match figure.as_bytes().last()? {
        b'k' => (&figure[..figure.len() - 1], 1e3),
        b'M' => (&figure[..figure.len() - 1], 1e6),
        _ => (figure, 1.0),
    };
    let count = (digits.replace(',', "").parse::<f64>().ok()? * factor).round();
    (0.0..9.0e15).contains(&count).then_some(count as u64)
}
