//! What the last words of a command say of its model, where the command failed: the usual words of hosts, and of the
//! libraries that call them.
//!
//! An agent writes about anything, and a task may be about rate limits. So nobody asks this of a program that ended with 0
//! or was ended, only its last lines are looked at, its own words have to begin as an error does, and whoever gets the answer
//! believes it only where nothing came of the turn. What is missed here costs one try. What is taken for a limit and is none
//! lets a task wait that fails by itself: so no words count that a compiler, a failing test, git or a download would use. An
//! agent that knows better says so by its exit code.

use super::said::{Failure, FailureKind};

/// Lines of standard error that are looked at, the frames of a stack left out: libraries explain themselves.
const ERROR_LINES: usize = 8;
/// Lines of standard output: prose may stand right above.
const OUTPUT_LINES: usize = 3;

/// Phrases, with `-` and `_` as spaces.
const PHRASES: [(&str, FailureKind); 29] = [
    ("not logged in", FailureKind::Login),
    ("please log in", FailureKind::Login),
    ("please login", FailureKind::Login),
    ("please run /login", FailureKind::Login),
    ("login required", FailureKind::Login),
    ("invalid api key", FailureKind::Login),
    ("invalid x api key", FailureKind::Login),
    ("incorrect api key", FailureKind::Login),
    ("api key not valid", FailureKind::Login),
    ("no api key", FailureKind::Login),
    ("missing api key", FailureKind::Login),
    ("authenticationerror", FailureKind::Login),
    ("authentication error", FailureKind::Login),
    ("rate limit", FailureKind::Limit),
    ("ratelimit", FailureKind::Limit),
    ("too many requests", FailureKind::Limit),
    ("quota exceeded", FailureKind::Limit),
    ("exceeded your current quota", FailureKind::Limit),
    ("insufficient quota", FailureKind::Limit),
    ("resource exhausted", FailureKind::Limit),
    ("usage limit", FailureKind::Limit),
    ("credit balance is too low", FailureKind::Limit),
    ("out of credit", FailureKind::Limit),
    ("insufficient credit", FailureKind::Limit),
    ("overloaded error", FailureKind::Host),
    ("is overloaded", FailureKind::Host),
    ("currently overloaded", FailureKind::Host),
    ("error: overloaded", FailureKind::Host),
    // The relay's own words.
    ("git orch: cannot reach the endpoint", FailureKind::Host),
];

/// What hosts say behind a status, in lower case. Not of 500: tests of servers say that of theirs.
const REASONS: [(&str, &str); 7] = [
    ("401", "unauthorized"),
    ("402", "payment required"),
    ("403", "forbidden"),
    ("429", "too many requests"),
    ("502", "bad gateway"),
    ("503", "service unavailable"),
    ("529", "overloaded"),
];

/// Statuses that say something of a model. Not all of 5xx: most of those numbers are none.
const STATUSES: [&str; 9] = ["401", "402", "403", "429", "500", "502", "503", "504", "529"];

/// Words of other tools, or of the way there: what they were refused is not the model.
const OF_OTHERS: [&str; 6] =
    ["tunnel", "proxy", "requested url", "unable to access", "failed to fetch", "not an endpoint"];
/// How lines of other tools begin.
const OTHERS: [&str; 6] = ["curl:", "wget:", "fatal:", "remote:", "npm ", "ssh:"];

/// Why the model could not be asked, by the last words of a command that failed.
pub(in crate::agent) fn suspected(stdout: &str, stderr: &str) -> Option<Failure> {
    let of_errors = last_lines(stderr, ERROR_LINES).find_map(|line| read(line, true));
    of_errors.or_else(|| last_lines(stdout, OUTPUT_LINES).find_map(|line| read(line, begins_as_error(line))))
}

/// The last lines that say something, the last one first.
fn last_lines(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let says = |line: &&str| line.contains(char::is_alphanumeric) && !line.starts_with("at ");
    text.lines().rev().map(str::trim).filter(says).take(most)
}

/// `Error: ...`, `my-agent: error: ...`, `litellm.RateLimitError: ...`, `[API Error: ...`.
fn begins_as_error(line: &str) -> bool {
    let head = line.split_inclusive(':').take(2).collect::<String>().to_ascii_lowercase();
    let mut words = head.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(4);
    head.contains(':') && words.any(|word| word.ends_with("error") || word == "fatal")
}

fn read(line: &str, is_error: bool) -> Option<Failure> {
    let lower = line.to_ascii_lowercase().replace("http/1.1", "http").replace("http/2", "http");
    let of_others = OF_OTHERS.iter().any(|word| lower.contains(word))
        || OTHERS.iter().any(|head| lower.starts_with(head));
    if !is_error || of_others {
        return None;
    }
    let spaced = lower.replace(['-', '_'], " ");
    let phrase = || PHRASES.iter().find(|(phrase, _)| spaced.contains(phrase)).map(|(_, kind)| *kind);
    let kind = status_in(&lower).map(FailureKind::of_status).or_else(phrase)?;
    Some(Failure::new(kind, line))
}

/// A status in a line: named as one (`HTTP 429`, `status code: 401`, `Error code: 503`), right behind `error` and not
/// followed by a word (`Error: 500 lines`), or followed by its own reason (`403 Forbidden`).
fn status_in(lower: &str) -> Option<u64> {
    let words = words(lower);
    let before = |at: usize, back: usize| at.checked_sub(back).map_or("", |at| words[at].0);
    let found = words.iter().enumerate().find(|(at, (word, rest))| {
        let (one, two) = (before(*at, 1), before(*at, 2));
        let named = ["http", "status", "statuscode"].contains(&one)
            || one == "code" && ["http", "status", "error", "response"].contains(&two);
        let behind_error = one.ends_with("error") && !rest.trim_start().starts_with(char::is_alphanumeric);
        let reason = REASONS.iter().any(|(status, reason)| {
            status == word && rest.trim_start_matches([':', '-', ',', '(', ' ']).starts_with(reason)
        });
        STATUSES.contains(word) && (named || behind_error || reason)
    });
    found.and_then(|(_, (word, _))| word.parse().ok())
}

/// The words of a line, each with what follows it.
fn words(line: &str) -> Vec<(&str, &str)> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let tail = &rest[start..];
        let end = tail.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len());
        words.push(tail.split_at(end));
        rest = &tail[end..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::{Host, Limit, Login};
    use proptest::prelude::*;

    fn kind(stdout: &str, stderr: &str) -> Option<FailureKind> {
        suspected(stdout, stderr).map(|failure| failure.kind)
    }

    /// As programs and libraries write them: SDKs of Python, Node and Go, litellm, the AI SDK, claude, curl with `-f`.
    #[test]
    fn the_usual_words_of_hosts_are_known() {
        for (line, expected) in [
            ("Error: 429 Too Many Requests", Limit),
            ("Error: 429 {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}", Limit),
            ("openai.RateLimitError: Error code: 429 - {'error': {'message': 'You exceeded'}}", Limit),
            ("anthropic.AuthenticationError: Error code: 401 - {'type': 'error'}", Login),
            ("AuthenticationError: 401 Incorrect API key provided: sk-1234.", Login),
            ("error, status code: 503, status: 503 Service Unavailable, message: x", Host),
            ("litellm.RateLimitError: RateLimitError: OpenAIException", Limit),
            ("AI_APICallError: Overloaded", Host),
            ("API Error: 529 {\"type\":\"overloaded_error\"}", Host),
            ("Error: 402 Payment Required", Limit),
            ("Error: HTTP 403: this key may not use this model", Login),
            ("Error: HTTP/1.1 502 Bad Gateway", Host),
            ("Error: Not logged in. Please run /login", Login),
            ("google.genai.errors.ClientError: 429 RESOURCE_EXHAUSTED. {'error': {}}", Limit),
            ("Error: your credit balance is too low to access the API", Limit),
            ("my-agent: error: rate-limit reached, resets at noon", Limit),
            ("error: git-orch: cannot reach the endpoint: connection refused", Host),
        ] {
            assert_eq!(kind(line, ""), Some(expected), "as output: {line}");
            assert_eq!(kind("", line), Some(expected), "as an error: {line}");
        }
        assert_eq!(
            kind("", "not logged in: run my-agent login"),
            Some(Login),
            "standard error is for errors"
        );
        let node =
            "Error: 429 Too many requests\n    at a (b.js:1:2)\n    at c (d.js:401:5)\n\nNode.js v22.1.0\n";
        assert_eq!(kind("", node), Some(Limit));
    }

    #[test]
    fn words_about_a_task_or_of_other_tools_are_no_failure_of_the_model() {
        for line in [
            "I could not add the rate limit: there is no server",
            "Added a test for the status: too many requests are refused",
            "Unclear: which quota is meant?",
            "The login page answers 401 now",
        ] {
            assert_eq!(kind(line, ""), None, "{line}");
        }
        for line in [
            "error: src/server.rs:401:5: no such field",
            "error: 500 lines are over the cap",
            "Error: 403 tests failed",
            "error: call of overloaded 'f(int)' is ambiguous",
            "assertion failed: expected 200 OK, got 500 Internal Server Error",
            "curl: (22) The requested URL returned error: 403",
            "curl: (56) CONNECT tunnel failed, response 403",
            "fatal: Authentication failed for 'https://example.com/r.git/'",
            "fatal: unable to access 'https://example.com/r.git/': The requested URL returned error: 429",
            "ERROR: ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))",
            "npm ERR! 403 Forbidden - GET https://registry.example.com/x",
            "git-orch: not an endpoint of this agent (403 Forbidden)",
            "make: *** [Makefile:429: all] Error 2",
            "connection refused",
        ] {
            assert_eq!(kind("", line), None, "{line}");
            assert_eq!(kind(line, ""), None, "{line}");
        }
        let above = format!("Error: 429 Too Many Requests\n{}", "one more line\n".repeat(ERROR_LINES));
        assert_eq!(kind("", &above), None, "it went on after that");
    }

    proptest! {
        #[test]
        fn any_words_are_read(out in "\\PC{0,80}", err in "(error|http|status|code|[:. /-]|4[0-9]{2}|é){0,12}") {
            let _ = suspected(&out, &err);
        }
    }
}
