//! Settings: `orch.toml`, its layers, which of them wins and why. Pure.
//!
//! The texts come in: files from `git`, variables and flags from `cli`. What the settings mean is each room's own
//! matter; this room fills in their types.

pub(crate) mod agents;
mod built_in;
mod entry;
pub(crate) mod exits;
pub(crate) mod file;
pub(crate) mod key;
pub(crate) mod layer;
pub(crate) mod layers;
pub(crate) mod marks;
pub(crate) mod place;
pub(crate) mod prices;
pub(crate) mod template;
pub(crate) mod value;

use crate::{
    guard::size::{Caps as SizeCaps, MB},
    plan::budget::Caps,
    select::{
        choose::Rules,
        globs::{BadGlob, Globs},
    },
    suite::format::{BadFormat, Format},
    task::{contract::Require, record::MicroUsd},
};
use layers::Settings;
use std::time::Duration;
use value::Value;

/// The settings that hold for one command, resolved once and passed down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The branch that work lands on; without it the caller's choice.
    pub(crate) base: Option<String>,
    pub(crate) cap: Cap,
    pub(crate) paths: Paths,
    /// What each spec must say.
    pub(crate) require: Require,
    pub(crate) tests: Tests,
    /// Commands that look at what agents wrote.
    pub(crate) audit: Vec<String>,
    pub(crate) review: Review,
    pub(crate) agents: Agents,
    /// Agents that work at the same time.
    pub(crate) jobs: u32,
    pub(crate) budget: Budget,
    pub(crate) before: Before,
    pub(crate) limits: Limits,
    pub(crate) retry: Retry,
    pub(crate) queue: QueueRules,
    pub(crate) sandbox: SandboxRules,
    /// Command that prepares a new worktree.
    pub(crate) worktree_setup: Option<String>,
    /// Whether commits get a `Signed-off-by`.
    pub(crate) signoff: bool,
    /// What people should know about their settings.
    pub(crate) notices: Vec<String>,
}

/// `[cap]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cap {
    pub(crate) caps: SizeCaps,
    /// Files that do not count.
    pub(crate) exclude: Globs,
    /// Lines that a tester may change.
    pub(crate) fix: u64,
}

/// `[paths]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paths {
    /// One list for each layer that has one; a path must match each. None allows everything.
    pub(crate) allow: Vec<Globs>,
    pub(crate) deny: Globs,
}

/// `[tests]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tests {
    /// The command for the full suite.
    pub(crate) all: Option<String>,
    /// The command for selected tests, with `{tests}` in it.
    pub(crate) some: Option<String>,
    pub(crate) format: Format,
    pub(crate) timeout: Duration,
    pub(crate) rules: Rules,
    /// Names of tests whose answers do not count: known to be flaky.
    pub(crate) quarantine: Globs,
    /// The shortest believable full run, in per cent of the median.
    pub(crate) min_percent: u32,
    /// A command whose output tells environments apart in which verdicts count.
    pub(crate) environment: Option<String>,
    /// Ignored paths that stay between two runs.
    pub(crate) keep: Vec<String>,
    /// Whether they run in the sandbox of agents.
    pub(crate) sandbox: bool,
}

/// `[review]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) reviewers: Vec<String>,
    /// Who may approve at all; empty for anybody but the owner.
    pub(crate) approvers: Vec<String>,
    /// On pull requests, authors with write access may approve: there is nobody else.
    pub(crate) own: bool,
    pub(crate) rounds: u32,
    /// Whether a HIGH finding that is left after the last round is only noted, and no person is asked.
    pub(crate) notes_high: bool,
}

/// `[agents]`: which agent does what, as its text (`exec:cmd`, the name of an agent).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agents {
    pub(crate) implement: Option<String>,
    pub(crate) review: Option<String>,
    pub(crate) fix: Option<String>,
    pub(crate) test: Option<String>,
    pub(crate) clarify: Option<String>,
    pub(crate) plan: Option<String>,
    /// Bytes of notes in one prompt.
    pub(crate) memory: usize,
    /// Names of variables that are handed on.
    pub(crate) env: Vec<String>,
}

/// `[budget]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) run: Caps,
    pub(crate) task: Caps,
}

/// `[run]`: what must be right before any agent starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    /// Commands that must exit with 0.
    pub(crate) services: Vec<String>,
    pub(crate) disk_bytes: u64,
}

/// `[sandbox]`: what agents may touch besides their worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SandboxRules {
    /// Whether they reach the network themselves.
    pub(crate) network_open: bool,
    pub(crate) readable: Vec<String>,
    pub(crate) writable: Vec<String>,
    pub(crate) hidden: Vec<String>,
    /// Processes of one agent at the same time.
    pub(crate) processes: u32,
    /// Size of its largest file.
    pub(crate) file_bytes: u64,
}

/// `[limits]`: times for one attempt of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) implement: Duration,
    pub(crate) review: Duration,
    pub(crate) fix: Duration,
    pub(crate) test: Duration,
    /// How long it may do nothing.
    pub(crate) idle: Duration,
    /// How long a claim of another clone holds without a word.
    pub(crate) lease: Duration,
    /// Bytes kept of an agent's output.
    pub(crate) log_bytes: u64,
}

/// `[retry]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Attempts at one step, the first included.
    pub(crate) tries: u32,
    /// Times in all that a task is worked on before a person is asked, revisions included (A6).
    pub(crate) iterations: u32,
}

impl Retry {
    /// Whether a task may be worked on once more: its first time, its tries and its revisions count, and what a person
    /// granted on top does not.
    pub(crate) fn remains(&self, task: &crate::task::Task) -> bool {
        let granted = task.tries_max.saturating_sub(self.tries);
        task.try_number + task.rounds < self.iterations.saturating_add(granted)
    }

    /// Whether a task has a try left and still must not be worked on again.
    pub(crate) fn cuts_short(&self, task: &crate::task::Task) -> bool {
        !self.remains(task) && !task.adopted && task.try_number < task.tries_max
    }
}

/// `[queue]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueRules {
    pub(crate) land: Land,
    pub(crate) on_worse: OnWorse,
    pub(crate) mode: Mode,
    /// Whether a green of more lands all although less was red.
    pub(crate) vouch: bool,
    /// Whether what is tested lands although the queue is closed below a priority.
    pub(crate) land_when_closed: bool,
    pub(crate) verdicts: Verdicts,
    /// Whether landings go to the upstream of the base.
    pub(crate) push: bool,
    /// Tasks tested together.
    pub(crate) batch: u32,
    /// Test runs at the same time.
    pub(crate) jobs: u32,
    /// A file whose additions never conflict.
    pub(crate) changelog: Option<String>,
}

/// What a landing rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Land {
    /// All tests, on exactly the tree that lands.
    Full,
    /// All tests; what landed since they began may be missing from their tree, where both touch nothing in common. The
    /// next run on the base says whether that was right.
    Commute,
    /// The selected tests, on exactly the tree that lands.
    Targeted,
}

/// Whose test runs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdicts {
    /// Those that this clone made.
    Own,
    /// Whatever stands in the notes, whoever pushed it there.
    Shared,
}

/// What a task's landing looks like. The tree is the same in all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One merge commit, with the branch as its second parent.
    Merge,
    /// One commit with all of it.
    Squash,
    /// The branch's commits, one by one.
    Rebase,
}

/// What follows when tests got worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnWorse {
    /// Find the task that did it, and go on with the others.
    Culprit,
    /// Stop the queue for a person.
    Stop,
}

/// Why layers make no policy, though each of their values is right by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("agent.{name} has neither command nor argv, and extends no agent")]
    NoCommand { name: String },
    #[error("agent.{name}.extends names '{parent}', which is no agent to start from")]
    Extends { name: String, parent: String },
    #[error("{key}: '{given}' is not of the form NAME=VALUE")]
    Pair { key: String, given: String },
    #[error("agent.{name}.exits: {bad}")]
    Exit { name: String, bad: exits::BadExit },
    #[error("agent.{name}.{key}: {bad}")]
    Mark { name: String, key: &'static str, bad: marks::UnknownMark },
    #[error(
        "agent.{name}.prompt is \"file\", and its call has no {{prompt}}: the agent would get no prompt. Write where the file's path \
         goes, as in {example}; without prompt = \"file\" it comes on standard input"
    )]
    NoPlaceForPrompt { name: String, example: String },
    #[error("bad glob {0}")]
    Glob(#[from] BadGlob),
    #[error("tests.report: {0}")]
    Report(#[from] BadFormat),
}

impl PolicyError {
    /// The key that it is about, or its section; `None` where it does not say.
    pub(crate) fn key(&self) -> Option<String> {
        Some(match self {
            PolicyError::NoCommand { name } => format!("agent.{name}"),
            PolicyError::Extends { name, .. } => format!("agent.{name}.extends"),
            PolicyError::Exit { name, .. } => format!("agent.{name}.exits"),
            PolicyError::Mark { name, key, .. } => format!("agent.{name}.{key}"),
            PolicyError::NoPlaceForPrompt { name, .. } => format!("agent.{name}.prompt"),
            PolicyError::Pair { key, .. } => key.clone(),
            PolicyError::Report(_) => "tests.report".to_owned(),
            PolicyError::Glob(_) => return None,
        })
    }
}

impl Settings {
    /// The policy that holds.
    ///
    /// # Errors
    /// Values that do not fit together.
    pub(crate) fn policy(&self) -> Result<Policy, PolicyError> {
        if self.has_own_agents() {
            self.agent_entries()?;
        }
        Ok(Policy {
            base: self.text("base"),
            cap: Cap {
                caps: SizeCaps {
                    diff: self.count("cap.diff"),
                    binary_bytes: self.megabytes("cap.binary_mb"),
                },
                exclude: self.globs("cap.exclude")?,
                fix: self.count("cap.fix"),
            },
            paths: Paths {
                allow: self
                    .lists("paths.allow")
                    .iter()
                    .map(|list| Globs::parse(list))
                    .collect::<Result<_, _>>()?,
                deny: self.globs("paths.deny")?,
            },
            require: self.text("spec.require").and_then(|word| Require::parse(&word)).unwrap_or_default(),
            tests: self.tests()?,
            audit: self.words("audit.commands"),
            review: Review {
                reviewers: self.words("review.reviewers"),
                approvers: self.words("review.approvers"),
                own: self.switch("review.own"),
                rounds: self.small("review.rounds"),
                notes_high: self.text("review.high").as_deref() == Some("note"),
            },
            agents: self.agents(),
            jobs: self.small("run.jobs"),
            budget: Budget { run: self.caps("budget.run"), task: self.caps("budget.task") },
            before: Before {
                services: self.words("run.services"),
                disk_bytes: self.megabytes("run.disk_mb"),
            },
            limits: Limits {
                implement: self.time("limits.implement"),
                review: self.time("limits.review"),
                fix: self.time("limits.fix"),
                test: self.time("limits.test"),
                idle: self.time("limits.idle"),
                lease: self.time("limits.lease"),
                log_bytes: self.megabytes("limits.log_mb"),
            },
            retry: Retry { tries: self.small("retry.tries"), iterations: self.small("retry.iterations") },
            queue: self.queue(),
            sandbox: SandboxRules {
                network_open: self.text("sandbox.network").as_deref() == Some("open"),
                readable: self.words("sandbox.readable"),
                writable: self.words("sandbox.writable"),
                hidden: self.words("sandbox.hidden"),
                processes: self.small("sandbox.processes"),
                file_bytes: self.megabytes("sandbox.file_mb"),
            },
            worktree_setup: self.text("worktree.setup"),
            signoff: self.switch("commit.signoff"),
            notices: self.notices(),
        })
    }

    /// Limits of money, and of tokens behind `_tokens`.
    fn caps(&self, name: &str) -> Caps {
        let money = match self.value(name) {
            Some(Value::Money(cap)) => Some(MicroUsd(cap)),
            _ => None,
        };
        let tokens = match self.value(&format!("{name}_tokens")) {
            Some(Value::Count(cap)) => Some(cap),
            _ => None,
        };
        Caps::of(money, tokens)
    }

    fn tests(&self) -> Result<Tests, PolicyError> {
        let rules = match self.value("tests.select") {
            Some(Value::Rules(rules)) => rules,
            _ => Vec::new(),
        };
        Ok(Tests {
            all: self.text("tests.all"),
            some: self.text("tests.some"),
            format: Format::parse(&self.text("tests.report").unwrap_or_default())?,
            timeout: self.time("tests.timeout"),
            rules: Rules {
                rules,
                files: self.globs("tests.files")?,
                file_run: self.text("tests.file_run").unwrap_or_default(),
                shared: self.globs("tests.shared")?,
                ignore: self.globs("tests.ignore")?,
            },
            quarantine: self.globs("tests.quarantine")?,
            min_percent: self.small("tests.min_percent"),
            environment: self.text("tests.environment"),
            keep: self.words("tests.keep"),
            sandbox: self.switch("tests.sandbox"),
        })
    }

    fn agents(&self) -> Agents {
        Agents {
            implement: self.text("agents.implement"),
            review: self.text("agents.review"),
            fix: self.text("agents.fix"),
            test: self.text("agents.test"),
            clarify: self.text("agents.clarify"),
            plan: self.text("agents.plan"),
            memory: self.small("agents.memory_kb") as usize * 1024,
            env: self.words("agents.env"),
        }
    }

    fn queue(&self) -> QueueRules {
        let is = |name: &str, word: &str| self.text(name).as_deref() == Some(word);
        QueueRules {
            land: match self.text("queue.land").as_deref() {
                Some("targeted") => Land::Targeted,
                Some("commute") => Land::Commute,
                _ => Land::Full,
            },
            on_worse: if is("queue.on_worse", "stop") { OnWorse::Stop } else { OnWorse::Culprit },
            mode: match self.text("queue.mode").as_deref() {
                Some("squash") => Mode::Squash,
                Some("rebase") => Mode::Rebase,
                _ => Mode::Merge,
            },
            vouch: !is("queue.vouch", "confirm"),
            land_when_closed: !is("queue.closed", "hold"),
            verdicts: if is("queue.verdicts", "shared") { Verdicts::Shared } else { Verdicts::Own },
            push: self.switch("queue.push"),
            batch: self.small("queue.batch"),
            jobs: self.small("queue.jobs"),
            changelog: self.text("queue.changelog"),
        }
    }

    /// The value of a key that has one at most.
    fn value(&self, name: &str) -> Option<Value> {
        self.decide(name)?.values.into_iter().next()
    }

    /// A text; nothing for an empty one.
    fn text(&self, name: &str) -> Option<String> {
        match self.value(name) {
            Some(Value::Text(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// A number. Keys of this shape have a default, so 1 stands only for a key that is missing from the table.
    fn count(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Value::Count(count)) => count,
            _ => 1,
        }
    }

    /// A number of a few; a larger one is cut to what fits.
    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.count(name)).unwrap_or(u32::MAX)
    }

    fn megabytes(&self, name: &str) -> u64 {
        self.count(name).saturating_mul(MB)
    }

    fn switch(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Switch(true))
    }

    fn time(&self, name: &str) -> Duration {
        match self.value(name) {
            Some(Value::Time(time)) => time,
            _ => Duration::ZERO,
        }
    }

    /// The lists of every layer that counts.
    fn lists(&self, name: &str) -> Vec<Vec<String>> {
        let values = self.decide(name).map(|decided| decided.values).unwrap_or_default();
        values
            .into_iter()
            .filter_map(|value| if let Value::List(list) = value { Some(list) } else { None })
            .collect()
    }

    fn words(&self, name: &str) -> Vec<String> {
        self.lists(name).concat()
    }

    fn globs(&self, name: &str) -> Result<Globs, PolicyError> {
        Ok(Globs::parse(&self.words(name))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layer::{Layer, Origin, Scope};

    fn base(text: &str) -> Layer {
        let origin = Origin::Base { branch: "main".to_owned(), commit: "a1b2c3d".to_owned() };
        Layer::of_file(origin, file::read(text).unwrap())
    }

    #[test]
    fn what_is_built_in_is_a_policy() {
        let policy = Settings::new(Vec::new()).policy().unwrap();
        assert_eq!(policy.cap.caps, SizeCaps { diff: 200, binary_bytes: 10 * MB });
        assert_eq!(policy.tests.timeout, Duration::from_secs(15 * 60));
        assert_eq!(policy.tests.format, Format::Exit);
        assert_eq!(policy.tests.rules, Rules::default());
        assert_eq!(policy.review.reviewers, ["safety", "architecture", "quality"]);
        assert_eq!(policy.retry, Retry { tries: 2, iterations: 3 });
        assert_eq!(policy.queue.changelog.as_deref(), Some("CHANGELOG.md"));
        assert!(policy.queue.push && !policy.signoff);
        assert_eq!((policy.queue.batch, policy.queue.jobs, policy.jobs), (24, 1, 6));
        assert_eq!(policy.paths, Paths { allow: Vec::new(), deny: Globs::default() });
    }

    #[test]
    fn every_section_is_filled_in() {
        let settings = Settings::new(vec![
            base(
                "base = 'dev'\n[tests]\nall = 'a'\nsome = 'a {tests}'\nreport = 'junit:r.xml'\n[queue]\nland = \
                 'targeted'\non_worse = 'stop'\nchangelog = ''\n[agent.mine]\ncommand = 'x {prompt}'\nprompt = 'file'\n[paths]\n\
                 allow = ['src']\n[limits]\nlog_mb = 1\n[review]\nreviewers = []",
            ),
            Layer::of_git_config(
                Scope::Global,
                &[
                    ("paths.allow".to_owned(), "src/a".to_owned()),
                    ("agents.implement".to_owned(), "mine".to_owned()),
                ],
            )
            .unwrap(),
        ]);
        let policy = settings.policy().unwrap();
        assert_eq!(policy.base.as_deref(), Some("dev"));
        assert_eq!(policy.tests.format, Format::Junit("r.xml".to_owned()));
        assert_eq!((policy.queue.land, policy.queue.on_worse), (Land::Targeted, OnWorse::Stop));
        assert_eq!(policy.queue.changelog, None);
        assert_eq!(settings.agent_entries().unwrap()["mine"].prompt, agents::PromptBy::File);
        assert_eq!(policy.agents.implement.as_deref(), Some("mine"));
        assert_eq!(policy.paths.allow, [Globs::parse(&["src"]).unwrap(), Globs::parse(&["src/a"]).unwrap()]);
        assert_eq!(policy.limits.log_bytes, MB);
        assert!(policy.review.reviewers.is_empty());
    }

    #[test]
    fn every_time_and_number_has_a_default() {
        for key in key::KEYS {
            if matches!(key.shape, key::Shape::Count | key::Shape::Time | key::Shape::Switch) {
                assert!(key.built_in().is_some(), "{}", key.name);
            }
        }
    }
}
