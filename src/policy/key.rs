//! The one table of settings: name, shape, kind, default, documentation.

use super::agents::Output;
use crate::{
    plan::{budget::Currency, route::Tier},
    select::{
        globs::{BadGlob, Globs},
        rule::{self, Rule},
    },
    suite::format::Format,
    task::record::MicroUsd,
};
use std::{fmt, time::Duration};

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// As in `orch.toml`, with dots; `*` stands for a name that the user chose.
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) kind: Kind,
    /// As text, in the same form as in the environment; empty for none.
    pub(crate) default: &'static str,
    /// One line, without a full stop.
    pub(crate) doc: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    /// A command with `{tests}` in it.
    TestsCommand,
    /// A template that uses nothing but the built-ins of a path.
    FileTemplate,
    /// How tests report.
    Report,
    /// A whole number above 0.
    Count,
    /// A whole number above 0 that need not be set.
    Tokens,
    /// Dollars: `5`, `0.50`.
    Money,
    Switch,
    /// A number with a unit: `15m`.
    Time,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Names or paths.
    Words,
    Globs,
    /// `[[tests.select]]`.
    Rules,
}

/// Which layers may say something, and which of them wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The highest layer wins.
    Preference,
    /// The strictest layer wins; only the base's file may be looser than what is built in.
    Limit(Stricter),
    /// What gates a change: from the base's file only, or the worktree's while the base has none.
    Shared,
}

/// What makes a limit stricter. No limit comes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stricter {
    /// The smaller number or time.
    Smaller,
    /// What every list allows; an empty list allows everything.
    Intersection,
    /// What any list forbids.
    Union,
    /// Nothing: any other value than the base's might be looser.
    OnlyBase,
}

/// A value, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Count(u64),
    /// In millionths of a dollar.
    Money(u64),
    Switch(bool),
    Time(Duration),
    List(Vec<String>),
    Rules(Vec<Rule>),
}

/// Why a value is refused. Every text names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadValue {
    #[error("{key} must be {expected}")]
    Shape { key: String, expected: &'static str },
    #[error("{key} '{given}' needs a unit: {given}m")]
    Unit { key: String, given: String },
    #[error("{key} '{given}' is no time: write 90s, 15m or 1h30m")]
    Time { key: String, given: String },
    #[error("{key} '{given}' must be one of: {choices}")]
    Choice { key: String, given: String, choices: String },
    #[error("{key} must hold {{tests}}, the place of the selected tests")]
    NoTests { key: String },
    #[error("{key} uses {{{name}}}; known are path, dir, file, stem and parent")]
    Template { key: String, name: String },
    #[error("bad glob '{glob}' in {key}: {why}")]
    Glob { key: String, glob: String, why: String },
    #[error("{key}: {why}")]
    Report { key: String, why: String },
    /// A `[[tests.select]]`, with its index in the text.
    #[error("{0}")]
    Rule(String),
}

use Kind::{Limit, Preference, Shared};
use Shape::{
    Choice, Count, FileTemplate, Money, Report, Rules, Switch, TestsCommand, Text, Time, Tokens, Words,
};
use Stricter::{Intersection, OnlyBase, Smaller, Union};

const fn key(name: &'static str, shape: Shape, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, shape, kind, default, doc }
}

/// Every setting, in the order of `config list`.
pub(crate) const KEYS: &[Key] = &[
    key(
        "base",
        Text,
        Preference,
        "",
        "the branch that work lands on; without it the one that is checked out at init",
    ),
    key(
        "cap.diff",
        Count,
        Limit(Smaller),
        "200",
        "lines added + removed in one task, without lock files and generated files",
    ),
    key("cap.binary_mb", Count, Limit(Smaller), "10", "size of one binary that a task may add, in MB"),
    key("cap.exclude", Shape::Globs, Limit(OnlyBase), "", "globs of files that do not count as diff"),
    key(
        "paths.allow",
        Shape::Globs,
        Limit(Intersection),
        "",
        "globs of files that tasks may touch; empty for all",
    ),
    key("paths.deny", Shape::Globs, Limit(Union), "", "globs of files that no task may touch"),
    key("tests.all", Text, Shared, "", "command that runs the full test suite"),
    key("tests.some", TestsCommand, Shared, "", "command that runs the tests in {tests}"),
    key(
        "tests.report",
        Report,
        Shared,
        "exit",
        "how tests report: junit:FILE, tap, libtest, go-json or exit",
    ),
    key("tests.timeout", Time, Limit(Smaller), "15m", "time for one run of the tests"),
    key(
        "tests.shared",
        Shape::Globs,
        Shared,
        "",
        "globs of files that everything depends on: they need the full suite",
    ),
    key("tests.files", Shape::Globs, Shared, "", "globs of tests: a changed one runs itself"),
    key("tests.file_run", FileTemplate, Shared, "{path}", "how a changed test is called"),
    key("tests.ignore", Shape::Globs, Shared, "", "globs of files that need no tests"),
    key("tests.keep", Words, Shared, "", "ignored paths that stay between two runs of the tests"),
    key(
        "tests.environment",
        Text,
        Shared,
        "",
        "command that prints the versions that results depend on: verdicts count where it prints the same",
    ),
    key("tests.select", Rules, Shared, "", "which tests a changed file needs"),
    key("tests.sandbox", Switch, Shared, "false", "run tests in the sandbox of agents"),
    key(
        "tests.quarantine",
        Shape::Globs,
        Shared,
        "",
        "globs of names of tests that are known to be flaky: what they say does not count",
    ),
    key(
        "tests.min_percent",
        Count,
        Shared,
        "10",
        "a green full run that takes less than this share of the median is not believed",
    ),
    key("review.reviewers", Words, Shared, "safety,architecture,quality", "the reviewers that must agree"),
    key("review.approvers", Words, Shared, "", "people who may approve; empty for anybody but the owner"),
    key(
        "review.own",
        Switch,
        Shared,
        "false",
        "whether authors with write access may approve their own pull requests: for one maintainer alone",
    ),
    key("review.rounds", Count, Shared, "1", "times that a change may come back from review to be fixed"),
    key("agents.implement", Text, Preference, "", "agent that does tasks"),
    key("agents.review", Text, Preference, "", "agent that reviews; without it the one that does tasks"),
    key(
        "agents.fix",
        Text,
        Preference,
        "",
        "agent that fixes what review or tests found; without it the one that does tasks",
    ),
    key("agents.test", Text, Preference, "", "agent that hunts for bugs; without it the one that does tasks"),
    key("agents.env", Words, Preference, "", "names of environment variables that agents get"),
    key("agent.*.extends", Text, Preference, "", "the agent that this one starts from, such as claude"),
    key("agent.*.command", Text, Preference, "", "shell command of an agent of your own"),
    key("agent.*.argv", Words, Preference, "", "its program and arguments, without a shell"),
    key(
        "agent.*.prompt",
        Choice(&["stdin", "file", "argument"]),
        Preference,
        "",
        "how that agent gets its prompt; without it stdin, or file where the call has {prompt}",
    ),
    key("agent.*.output", Choice(Output::WORDS), Preference, "", "how its output is read; without it text"),
    key("agent.*.model", Text, Preference, "", "the model that it is asked to use"),
    key("agent.*.model_args", Words, Preference, "", "arguments that name {model}"),
    key("agent.*.edit_args", Words, Preference, "", "arguments that let it change files"),
    key("agent.*.read_args", Words, Preference, "", "arguments that let it only read, for reviews"),
    key(
        "agent.*.sandboxed_args",
        Words,
        Preference,
        "",
        "arguments in place of both in git-orch's sandbox: what switches its own off",
    ),
    key("agent.*.budget_args", Words, Preference, "", "arguments that name a limit of {budget} dollars"),
    key("agent.*.env", Words, Preference, "", "names of environment variables that it gets"),
    key("agent.*.set", Words, Preference, "", "environment variables that are set for it, NAME=VALUE"),
    key(
        "agent.*.endpoints",
        Words,
        Preference,
        "",
        "hosts of its model: all that it reaches from its sandbox",
    ),
    key(
        "agent.*.base_url",
        Words,
        Preference,
        "",
        "variables that lead it to another host than its model's own, NAME or NAME=HOST/PATH with where it goes by itself",
    ),
    key(
        "agent.*.files",
        Words,
        Preference,
        "",
        "files that it finds in the home of its sandbox, ~/PATH=TEXT; {relay} in the text is the way to its endpoints",
    ),
    key("agent.*.exits", Words, Preference, "", "what its exit codes mean, CODE=WORDS"),
    key(
        "agent.*.litter",
        Shape::Globs,
        Preference,
        "",
        "files that it leaves behind and that are not its work",
    ),
    key("agent.*.version", Text, Preference, "", "oldest version that is known to work"),
    key("agent.*.tier", Choice(Tier::WORDS), Preference, "", "what it costs, roughly; without it mid"),
    key("agent.*.domains", Words, Preference, "", "domains whose tasks it is preferred for"),
    key(
        "agent.*.price",
        Words,
        Preference,
        "",
        "dollars for a million tokens, where it does not tell its cost: in=3, cached=0.30, out=15",
    ),
    key(
        "budget.run",
        Money,
        Limit(Smaller),
        "",
        "dollars that the agents of a run may cost; unset: no limit",
    ),
    key("budget.task", Money, Limit(Smaller), "", "dollars that the agents of a task may cost"),
    key("budget.run_tokens", Tokens, Limit(Smaller), "", "tokens that the agents of a run may use"),
    key("budget.task_tokens", Tokens, Limit(Smaller), "", "tokens that the agents of a task may use"),
    key("run.services", Words, Shared, "", "commands that must exit with 0 before any agent starts"),
    key("run.disk_mb", Count, Preference, "200", "free disk space without which no agent starts, in MB"),
    key("run.jobs", Count, Preference, "6", "agents that work at the same time"),
    key("limits.implement", Time, Limit(Smaller), "15m", "time for an agent to do a task"),
    key("limits.review", Time, Limit(Smaller), "10m", "time for an agent to review"),
    key("limits.fix", Time, Limit(Smaller), "15m", "time for an agent to fix"),
    key("limits.test", Time, Limit(Smaller), "15m", "time for an agent to hunt for bugs"),
    key("limits.idle", Time, Limit(Smaller), "10m", "time that an agent may do nothing: no output, no work"),
    key(
        "limits.lease",
        Time,
        Shared,
        "30m",
        "time without a word after which a claim of another clone's agent may be taken over",
    ),
    key("limits.log_mb", Count, Limit(Smaller), "10", "size of what is kept of an agent's output, in MB"),
    key("retry.tries", Count, Limit(Smaller), "2", "attempts at one step, the first included"),
    key(
        "retry.iterations",
        Count,
        Limit(Smaller),
        "3",
        "times that a task may be fixed before a person is asked",
    ),
    key("queue.land", Choice(&["full", "targeted"]), Shared, "full", "tests that gate a landing"),
    key(
        "queue.on_worse",
        Choice(&["culprit", "stop"]),
        Shared,
        "culprit",
        "on worse tests: find the culprit, or stop the queue",
    ),
    key(
        "queue.mode",
        Choice(&["merge", "squash", "rebase"]),
        Shared,
        "merge",
        "how a task lands: a merge commit, one commit, or its commits one by one",
    ),
    key(
        "queue.closed",
        Choice(&["land", "hold"]),
        Shared,
        "land",
        "while the queue is closed below a priority: land what is tested already, or hold it",
    ),
    key("queue.push", Switch, Preference, "true", "push landings to the upstream of the base"),
    // The group that is as likely green as red where 3 of 100 tasks are broken; the policy takes fewer where it learns
    // that more are.
    key("queue.batch", Count, Preference, "24", "most tasks that are tested together"),
    key("queue.jobs", Count, Preference, "1", "test runs at the same time"),
    key(
        "queue.changelog",
        Text,
        Shared,
        "CHANGELOG.md",
        "file whose additions never conflict; empty for none",
    ),
    key(
        "sandbox.network",
        Choice(&["relay", "open"]),
        Preference,
        "relay",
        "what agents reach: their model's endpoints by the relay, or all of the network",
    ),
    key("sandbox.readable", Words, Preference, "", "what agents may read of what is hidden from them"),
    key("sandbox.writable", Words, Preference, "", "what agents may write besides their worktree"),
    key("sandbox.hidden", Words, Limit(Union), "", "what is hidden from agents besides your home and files"),
    key("sandbox.processes", Count, Limit(Smaller), "512", "processes that one agent may have at once"),
    key("worktree.setup", Text, Shared, "", "command that prepares a new worktree"),
    key("commit.signoff", Switch, Preference, "false", "add Signed-off-by to commits"),
];

/// Looks a setting up by its full name: `cap.diff`, `agent.mine.command`.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.matches(name))
}

/// Looks a setting up by the name of a git variable below `orch`, where case, `-` and `_` do not matter: git allows
/// no `_` there.
pub(crate) fn find_in_git(name: &str) -> Option<String> {
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    if let Some((agent, last)) = name.strip_prefix("agent.").and_then(|rest| rest.rsplit_once('.')) {
        let full = format!("agent.{agent}.{}", last.to_ascii_lowercase());
        return find(&full).map(|_| full);
    }
    KEYS.iter().find(|key| plain(key.name) == plain(name)).map(|key| key.name.to_owned())
}

/// The known full name that is most like a wrong one, if any is like it.
pub(crate) fn similar(name: &str) -> Option<&'static str> {
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let same_last = KEYS.iter().find(|key| last(key.name) == last(name));
    let closest = nearest(name, KEYS.iter().map(|key| key.name));
    same_last.map(|key| key.name).or(closest)
}

/// The nearest of some words, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

impl Key {
    /// Whether a full name is this setting.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.name.split_once('*') {
            None => self.name == name,
            Some((head, tail)) => name
                .strip_prefix(head)
                .and_then(|rest| rest.strip_suffix(tail))
                .is_some_and(|chosen| !chosen.is_empty() && !chosen.contains('.')),
        }
    }

    /// The environment variable: `GIT_ORCH_CAP_DIFF`.
    pub(crate) fn variable(&self) -> String {
        format!("GIT_ORCH_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// The built-in value; nothing where there is none.
    pub(crate) fn built_in(&self) -> Option<Value> {
        match (self.default, self.shape) {
            ("", Shape::Words | Shape::Globs) => Some(Value::List(Vec::new())),
            ("", Shape::Rules) => Some(Value::Rules(Vec::new())),
            ("", _) => None,
            // A test reads every default.
            (text, _) => Value::parse(self, self.name, text).ok(),
        }
    }
}

impl Value {
    /// Reads a value as git config, the environment and the command line hold it. Lists are separated by commas.
    ///
    /// # Errors
    /// A value that is not of the key's shape. `name` is the full name.
    pub(crate) fn parse(key: &Key, name: &str, text: &str) -> Result<Value, BadValue> {
        match key.shape {
            Shape::Count | Shape::Tokens => match text.trim().replace('_', "").parse() {
                Ok(count) => Value::count(name, count),
                Err(_) => Err(wrong_shape(key, name)),
            },
            Shape::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Switch(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Switch(false)),
                _ => Err(wrong_shape(key, name)),
            },
            Shape::Words | Shape::Globs => Value::list(key, name, split_list(text)),
            Shape::Rules => Err(wrong_shape(key, name)),
            Shape::Text
            | Shape::TestsCommand
            | Shape::FileTemplate
            | Shape::Report
            | Shape::Time
            | Shape::Money
            | Shape::Choice(_) => Value::text(key, name, text),
        }
    }

    /// Reads a value that stands as a string.
    pub(super) fn text(key: &Key, name: &str, text: &str) -> Result<Value, BadValue> {
        let (owned, given) = (|| name.to_owned(), || text.to_owned());
        match key.shape {
            Shape::Time => Ok(Value::Time(time(name, text)?)),
            Shape::Money => match MicroUsd::parse(text) {
                Some(MicroUsd(dollars @ 1..)) => Ok(Value::Money(dollars)),
                Some(MicroUsd(0)) | None => Err(wrong_shape(key, name)),
            },
            Shape::Choice(choices) if !choices.contains(&text) => {
                Err(BadValue::Choice { key: owned(), given: given(), choices: choices.join(", ") })
            }
            Shape::TestsCommand if !text.contains("{tests}") => Err(BadValue::NoTests { key: owned() }),
            Shape::FileTemplate => match rule::check_template(text) {
                Ok(()) => Ok(Value::Text(given())),
                Err(unknown) => Err(BadValue::Template { key: owned(), name: unknown }),
            },
            Shape::Report => match Format::parse(text) {
                Ok(_) => Ok(Value::Text(given())),
                Err(error) => Err(BadValue::Report { key: owned(), why: error.to_string() }),
            },
            Shape::Text | Shape::TestsCommand | Shape::Choice(_) => Ok(Value::Text(given())),
            Shape::Count | Shape::Tokens | Shape::Switch | Shape::Words | Shape::Globs | Shape::Rules => {
                Err(wrong_shape(key, name))
            }
        }
    }

    pub(super) fn count(name: &str, count: u64) -> Result<Value, BadValue> {
        match count {
            0 => Err(BadValue::Shape { key: name.to_owned(), expected: COUNT }),
            count => Ok(Value::Count(count)),
        }
    }

    pub(super) fn list(key: &Key, name: &str, words: Vec<String>) -> Result<Value, BadValue> {
        if key.shape == Shape::Globs {
            Globs::parse(&words).map_err(|BadGlob { glob, why }| BadValue::Glob {
                key: name.to_owned(),
                glob,
                why,
            })?;
        }
        Ok(Value::List(words))
    }

    /// Reads `[[tests.select]]`: pairs of `changed` and `run`.
    pub(super) fn rules(pairs: &[(String, String)]) -> Result<Value, BadValue> {
        let rules = pairs.iter().enumerate().map(|(index, (changed, run))| {
            Rule::parse(changed, run).map_err(|error| BadValue::Rule(error.at(index)))
        });
        Ok(Value::Rules(rules.collect::<Result<_, _>>()?))
    }
}

const COUNT: &str = "a whole number above 0";

/// The error for a value of another shape than the key's.
pub(super) fn wrong_shape(key: &Key, name: &str) -> BadValue {
    let expected = match key.shape {
        Shape::Count | Shape::Tokens => COUNT,
        Shape::Money => "dollars above 0, like 5 or \"0.50\"",
        Shape::Switch => "true or false",
        Shape::Time => "a time in quotes, like \"15m\"",
        Shape::Words | Shape::Globs => "a list of texts, like [\"a\", \"b\"]",
        Shape::Rules => "written as [[tests.select]] in orch.toml",
        Shape::Text | Shape::TestsCommand | Shape::FileTemplate | Shape::Report | Shape::Choice(_) => {
            "a text in quotes"
        }
    };
    BadValue::Shape { key: name.to_owned(), expected }
}

/// Commas separate, except inside braces: `*.{a,b},c` is two globs.
fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Reads a time such as `90s`, `15m` or `1h30m`.
///
/// # Errors
/// Another text; the error names no key.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    match seconds(text.trim()) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("write 90s, 15m or 1h30m".to_owned()),
    }
}

fn time(name: &str, text: &str) -> Result<Duration, BadValue> {
    let (key, given) = (name.to_owned(), text.trim().to_owned());
    if !given.is_empty() && given.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadValue::Unit { key, given });
    }
    match seconds(&given) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(BadValue::Time { key, given }),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[digits..].chars().next()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        let number: u64 = rest[..digits].parse().ok()?;
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[digits + 1..];
    }
    Some(total)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Count(count) => write!(f, "{count}"),
            Value::Money(micros) => write!(f, "{}", Currency::Money.shown(*micros)),
            Value::Switch(on) => write!(f, "{on}"),
            Value::Time(time) => f.write_str(&written(time.as_secs())),
            Value::List(words) => f.write_str(&words.join(", ")),
            Value::Rules(rules) => {
                let rules: Vec<String> =
                    rules.iter().map(|rule| format!("{} -> {}", rule.changed(), rule.run())).collect();
                f.write_str(&rules.join(", "))
            }
        }
    }
}

/// Seconds as a person writes them: `1h30m`.
fn written(seconds: u64) -> String {
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_default_can_be_read_and_written() {
        for key in KEYS {
            if !key.default.is_empty() {
                let value = key.built_in().unwrap_or_else(|| panic!("{}", key.name));
                assert_eq!(value.to_string().replace(", ", ","), key.default);
            }
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn names_are_unique_in_every_spelling() {
        let mut variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), KEYS.len());
    }

    #[test]
    fn limits_have_an_order_that_fits_their_shape() {
        for key in KEYS {
            let fits = match key.kind {
                Limit(Smaller) => matches!(key.shape, Count | Time | Money | Tokens),
                Limit(Intersection) => key.shape == Shape::Globs,
                Limit(Union) => matches!(key.shape, Shape::Globs | Words),
                Limit(OnlyBase) | Preference | Shared => true,
            };
            assert!(fits, "{}", key.name);
        }
    }

    #[test]
    fn names_are_found() {
        for (git, name) in [
            ("cap.diff", Some("cap.diff")),
            ("cap.binarymb", Some("cap.binary_mb")),
            ("queue.on-worse", Some("queue.on_worse")),
            ("agent.My.command", Some("agent.My.command")),
            ("agent.x.nope", None),
            ("cap.dif", None),
        ] {
            assert_eq!(find_in_git(git).as_deref(), name, "{git}");
        }
        assert!(find("agent..command").is_none() && find("agent.a.b.command").is_none());
        assert_eq!(similar("cap.dif"), Some("cap.diff"));
        assert_eq!(similar("diff"), Some("cap.diff"));
        assert_eq!(similar("zzz"), None);
    }

    #[test]
    fn bad_values_say_what_is_asked_for() {
        for (name, text, expected) in [
            ("cap.diff", "0", "cap.diff must be a whole number above 0"),
            ("cap.diff", "-5", "cap.diff must be a whole number above 0"),
            ("cap.diff", "many", "cap.diff must be a whole number above 0"),
            ("limits.implement", "15", "limits.implement '15' needs a unit: 15m"),
            ("limits.implement", "0m", "limits.implement '0m' is no time: write 90s, 15m or 1h30m"),
            ("limits.implement", "soon", "limits.implement 'soon' is no time: write 90s, 15m or 1h30m"),
            ("queue.push", "maybe", "queue.push must be true or false"),
            ("queue.land", "none", "queue.land 'none' must be one of: full, targeted"),
            ("tests.some", "make test", "tests.some must hold {tests}, the place of the selected tests"),
            (
                "tests.file_run",
                "{name}",
                "tests.file_run uses {name}; known are path, dir, file, stem and parent",
            ),
            (
                "tests.report",
                "xml",
                "tests.report: 'xml' is no report format: tap, junit:FILE, libtest, go-json or exit",
            ),
            ("paths.deny", "a,[", "bad glob '[' in paths.deny: unclosed class"),
            ("tests.select", "x", "tests.select must be written as [[tests.select]] in orch.toml"),
        ] {
            let key = find(name).unwrap();
            assert_eq!(Value::parse(key, name, text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn lists_keep_their_braces() {
        assert_eq!(split_list(" *.{a,b}, c,,"), ["*.{a,b}", "c"]);
    }

    proptest! {
        #[test]
        fn times_read_back(seconds in 1_u64..1_000_000) {
            prop_assert_eq!(time("x", &written(seconds)), Ok(Duration::from_secs(seconds)));
        }
    }
}
