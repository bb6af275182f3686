//! Recorded output of the seven programs, as they wrote it in front of a scripted model server: the versions stand in
//! `policy/agents.toml`. The server said 1,234 tokens in, 100 of them kept, and 56 out, for each request.

use super::*;
use crate::plan::failure::FailureKind;
use proptest::prelude::*;

/// What a program wrote: standard output and standard error.
fn recorded(name: &str) -> (String, String) {
    let read = |ending: &str| {
        let path = format!("{}/tests/fixtures/agents/{name}.{ending}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let (out, err) = (read("out"), read("err"));
    assert!(!(out.is_empty() && err.is_empty()), "{name} was not recorded");
    (out, err)
}

const ALL: [(&str, Output); 7] = [
    ("claude", Output::Claude),
    ("codex", Output::Codex),
    ("gemini", Output::Gemini),
    ("opencode", Output::Opencode),
    ("qwen", Output::Qwen),
    ("pi", Output::Pi),
    ("aider", Output::Aider),
];

fn of(name: &str) -> Said {
    let (program, _) = name.split_once('-').unwrap();
    let output = ALL.iter().find(|(other, _)| *other == program).unwrap().1;
    let (out, err) = recorded(name);
    read(output, &out, &err)
}

#[test]
fn the_last_answer_of_each_program_is_found() {
    for (program, _) in ALL.iter().filter(|(program, _)| *program != "aider") {
        let said = of(&format!("{program}-done"));
        assert_eq!(
            (said.answer.as_deref(), said.failure, said.denied),
            (Some("Done."), None, 0),
            "{program}"
        );
    }
    assert!(of("aider-done").answer.unwrap().contains("Applied edit to fixed.txt"));
}

#[test]
fn tokens_follow_one_rule_for_all_programs() {
    // Two requests.
    let twice = Tokens { input: 2468, cached: 200, output: 112 };
    for program in ["codex", "opencode", "qwen", "pi"] {
        assert_eq!(of(&format!("{program}-done")).tokens, Some(twice), "{program}");
    }
    // Here the server named what was kept beside the input, not within.
    assert_eq!(of("claude-done").tokens, Some(Tokens { input: 2668, ..twice }));
    assert_eq!(of("gemini-done").tokens, Some(Tokens { input: 1234, cached: 100, output: 56 }));
    assert_eq!(of("aider-done").tokens, Some(Tokens { input: 1200, cached: 0, output: 56 }));
}

#[test]
fn cost_is_what_the_program_reports_or_unknown() {
    let cost = |program: &str| of(&format!("{program}-done")).cost_usd_micros;
    assert_eq!(cost("claude"), Some(15_240));
    assert_eq!((cost("opencode"), cost("pi")), (Some(8_484), Some(8_484)));
    assert_eq!((cost("codex"), cost("gemini"), cost("qwen"), cost("aider")), (None, None, None, None));
}

#[test]
fn a_wrong_key_is_told_by_each_program_whatever_its_exit_code() {
    let told: Vec<String> = ALL
        .iter()
        .map(|(program, _)| {
            let said = of(&format!("{program}-login"));
            assert_eq!(said.answer, None, "{program}");
            let failure = said.failure.unwrap_or_else(|| panic!("{program} tells no failure"));
            assert_eq!(failure.kind, FailureKind::Login, "{program}: {failure}");
            format!("{program}: {}", failure.text)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    claude: Failed to authenticate. API Error: 401 invalid key
    codex: unexpected status 401 Unauthorized: invalid key, url: http://127.0.0.1:8080/v1/responses
    gemini: {"type":"error","error":{"type":"authentication_error","message":"invalid key","code":401}}
    opencode: 401 invalid key
    qwen: [API Error: 401 invalid key]
    pi: 401 invalid key
    aider: litellm.AuthenticationError: AuthenticationError: OpenAIException - invalid key
    "#);
}

#[test]
fn output_that_is_cut_short_has_no_answer() {
    for (program, output) in ALL {
        let (out, _) = recorded(&format!("{program}-done"));
        for part in 1..20 {
            let end = (out.len() * part / 20..).find(|&at| out.is_char_boundary(at)).unwrap();
            let said = read(output, &out[..end], "");
            // aider's answer is text, and the line about usage its end.
            let ended = output == Output::Aider && said.tokens.is_some();
            assert!(said.answer.is_none() || ended, "{program} after {part}/20: {said:?}");
            assert_eq!(said.failure, None, "{program} after {part}/20");
        }
    }
}

#[test]
fn usage_that_is_missing_is_unknown_and_the_answer_stays() {
    for (program, output) in ALL.into_iter().filter(|(program, _)| *program != "aider") {
        let (out, _) = recorded(&format!("{program}-done"));
        let out =
            out.replace("\"usage\"", "\"was\"").replace("\"tokens\"", "\"was\"").replace("modelUsage", "was");
        let said = read(output, &out, "");
        assert_eq!((said.answer.as_deref(), said.tokens), (Some("Done."), None), "{program}");
    }
}

#[test]
fn the_programs_own_limits_are_no_failures_of_the_model() {
    let budget = r#"{"type":"result","subtype":"error_max_budget_usd","is_error":true,"total_cost_usd":0.00762,
        "usage":{"input_tokens":0,"output_tokens":0},"errors":["Reached maximum budget ($0.001)"],
        "modelUsage":{"m":{"inputTokens":1234,"outputTokens":56,"cacheReadInputTokens":100}}}"#;
    let said = read(Output::Claude, &budget.replace('\n', ""), "");
    assert_eq!(said.failure.unwrap().to_string(), "its own limit of money: Reached maximum budget ($0.001)");
    assert_eq!(said.tokens, Some(Tokens { input: 1334, cached: 100, output: 56 }));
    assert_eq!(said.cost_usd_micros, Some(7_620));
    let turns = r#"{"type":"result","subtype":"error_max_turns","is_error":false,"num_turns":2,"total_cost_usd":0.01}"#;
    assert_eq!(read(Output::Claude, turns, "").failure.unwrap().kind, FailureKind::Turns);
}

#[test]
fn an_error_on_the_way_that_was_overcome_is_none() {
    let (out, _) = recorded("codex-done");
    let noise =
        "{\"type\":\"error\",\"message\":\"Reconnecting... 2/5 (500)\"}\n{\"type\":\"new.kind\"}\nnot JSON\n";
    assert_eq!(read(Output::Codex, &format!("{noise}{out}"), "").failure, None);
    assert_eq!(read(Output::Codex, noise, "").failure.unwrap().kind, FailureKind::Host);
}

#[test]
fn words_of_a_failure_tell_what_to_do() {
    for (text, kind) in [
        ("429 Too Many Requests", FailureKind::Limit),
        ("You've hit your usage limit.", FailureKind::Limit),
        ("503 Service Unavailable", FailureKind::Host),
        ("fetch failed: connect ECONNREFUSED 127.0.0.1:8080", FailureKind::Host),
        ("Invalid API key", FailureKind::Login),
        ("403 Forbidden", FailureKind::Login),
        ("context is too long: 401000 tokens", FailureKind::Other),
    ] {
        assert_eq!(FailureKind::of_words(text), kind, "{text}");
    }
}

#[test]
fn a_commands_last_line_may_tell_its_usage() {
    let usage = |line: &str| read(Output::Text, &format!("report\n{line}\n"), "");
    let both = usage(r#"{"git-orch-usage":{"tokens":1200,"cost_usd":0.12}}"#);
    assert_eq!(both.answer.as_deref(), Some("report"));
    assert_eq!((both.tokens.map(Tokens::total), both.cost_usd_micros), (Some(1200), Some(120_000)));
    assert!(both.only_sum);
    let split = usage(r#"{"git-orch-usage":{"input":900,"cached":100,"output":30}}"#);
    assert_eq!((split.tokens, split.only_sum), (Some(Tokens { input: 900, cached: 100, output: 30 }), false));
    assert_eq!(usage(r#"{"git-orch-usage":{"tokens":1}}"#).cost_usd_micros, None);
    assert_eq!(usage(r#"{"git-orch-usage":{"cost_usd":0}}"#).cost_usd_micros, Some(0));
    assert_eq!(usage(r#"{"git-orch-usage":{"cost_usd":-1}}"#).cost_usd_micros, None);
    assert_eq!(usage("no JSON").answer.as_deref(), Some("report\nno JSON\n"));
}

proptest! {
    #[test]
    fn no_output_panics(text in "(\\{|\\}|\\[|\\]|\"|:|,|type|result|usage|turn_end|message|Tokens: |1e9|-|k sent|\\n|é| ){0,40}") {
        for (_, output) in ALL {
            let _ = read(output, &text, &text);
        }
    }
}

/// What a program had told when it was killed is a lower bound, and better than nothing; codex tells only at its end.
#[test]
fn a_killed_program_has_used_what_it_told_by_then() {
    let cut = |text: &'static str| {
        text.lines().filter(|line| !line.contains("\"type\":\"result\"")).collect::<Vec<_>>().join("\n")
    };
    let claude = cut(include_str!("../../../tests/fixtures/agents/claude-done.out"));
    let said = read_unfinished(Output::Claude, &claude, "");
    assert_eq!((said.tokens, said.answer), (Some(Tokens { input: 1334, cached: 100, output: 1 }), None));
    assert_eq!(read(Output::Claude, &claude, "").tokens, None, "an ended one tells by its result alone");
    let codex = include_str!("../../../tests/fixtures/agents/codex-done.out");
    let codex: String = codex.lines().filter(|line| !line.contains("turn.completed")).collect();
    assert_eq!(read_unfinished(Output::Codex, &codex, "").tokens, None);
}
