//! The one table of settings: name, shape, kind, default, documentation.

use super::agents::{Answer, Output};
use crate::plan::route::Tier;
use crate::task::contract::Require;

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
    /// The word that stands first among the key's choices.
    Earlier,
    /// Nothing: any other value than the base's might be looser.
    OnlyBase,
}

use Kind::{Limit, Preference, Shared};
use Shape::{
    Choice, Count, FileTemplate, Money, Report, Rules, Switch, TestsCommand, Text, Time, Tokens, Words,
};
use Stricter::{Earlier, Intersection, OnlyBase, Smaller, Union};

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
    key("cap.fix", Count, Limit(Smaller), "40", "lines that a tester may change of somebody else's work"),
    key("cap.exclude", Shape::Globs, Limit(OnlyBase), "", "globs of files that do not count as diff"),
    key(
        "paths.allow",
        Shape::Globs,
        Limit(Intersection),
        "",
        "globs of files that tasks may touch; empty for all",
    ),
    key("paths.deny", Shape::Globs, Limit(Union), "", "globs of files that no task may touch"),
    key(
        "spec.require",
        Choice(Require::WORDS),
        Shared,
        "brief",
        "what each spec must say: brief (a thing), checkable (acceptance criteria too), full (all six sections)",
    ),
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
    key(
        "audit.commands",
        Words,
        Shared,
        "",
        "commands that must exit with 0 on what agents wrote before it is handed in: types, tests, audit",
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
    key(
        "review.high",
        Choice(&["ask", "note"]),
        Shared,
        "ask",
        "a HIGH finding after the last round: a person decides, or it is noted and the change goes on",
    ),
    key("agents.implement", Text, Preference, "", "agent that does tasks"),
    key("agents.review", Text, Preference, "", "agent that reviews; without it a person is asked"),
    key(
        "agents.fix",
        Text,
        Preference,
        "",
        "agent that fixes what review or tests found; without it the one that does tasks",
    ),
    key(
        "agents.test",
        Text,
        Preference,
        "",
        "agent that mends tests which fail, where that is small; without it the one that fixes",
    ),
    key(
        "agents.clarify",
        Text,
        Preference,
        "",
        "agent that finds out why an attempt failed, before the next one; without it the evidence alone",
    ),
    key(
        "agents.plan",
        Text,
        Preference,
        "",
        "agent that plans; without it the one that reviews, or does tasks",
    ),
    key("agents.memory_kb", Count, Preference, "8", "size of the notes of earlier work in one prompt, in KB"),
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
    key(
        "agent.*.answer",
        Choice(Answer::WORDS),
        Preference,
        "",
        "edits it changes files itself; files its answer holds them, and it writes nothing; without it edits",
    ),
    key("agent.*.workers", Words, Preference, "", "agents with answers of files that do one task together"),
    key("agent.*.part", Text, Preference, "", "the part of a task that it does among other workers"),
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
    key(
        "agent.*.exits",
        Words,
        Preference,
        "",
        "what its exit codes mean, CODE=WORDS: 77=not logged in, 75=rate limit, 69=overloaded",
    ),
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
    key(
        "run.disk_mb",
        Count,
        Preference,
        "200",
        "free disk space without which no agent starts or goes on, in MB",
    ),
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
        "times in all that a task is worked on before a person is asked, revisions included",
    ),
    key(
        "queue.land",
        Choice(&["full", "commute", "targeted"]),
        Shared,
        "full",
        "what a landing rests on: all tests on exactly what lands; all tests, though not with what landed meanwhile where \
         both touch nothing in common; or the selected tests",
    ),
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
    key(
        "queue.vouch",
        Choice(&["land", "confirm"]),
        Shared,
        "land",
        "green together, though fewer of them were red: land them, or test the fewer once more first",
    ),
    key(
        "queue.verdicts",
        Choice(&["own", "shared"]),
        Limit(Earlier),
        "own",
        "whose test runs count: those of this clone, or whatever stands in notes that others may push",
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
    key(
        "sandbox.file_mb",
        Count,
        Limit(Smaller),
        "4096",
        "size of the largest file that an agent may write, in MB",
    ),
    key("worktree.setup", Text, Shared, "", "command that prepares a new worktree"),
    key("commit.signoff", Switch, Preference, "false", "add Signed-off-by to commits"),
];

/// Looks a setting up by its full name: `cap.diff`, `agent.mine.command`.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    // Only agents have names of the user's own: all others are found without taking their names apart.
    let own = name.starts_with("agent.");
    KEYS.iter().find(|key| key.name == name || (own && key.matches(name)))
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
                Limit(Earlier) => matches!(key.shape, Choice(_)),
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
}
