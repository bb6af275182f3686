//! What a worker is told: the contract as JSON for programs, the prompt for models.

use serde_json::{Value, json};

use crate::agent::{
    Agent, AttemptVars, CODE, ContractVars, FindingVars, LimitVars, NoteVars, PromptVars, Rendered, TaskVars,
    TestVars, front, render,
};
use crate::plan::route::Tier;
use crate::review::clarify;
use crate::select::choose::Selection;
use crate::task::Task;
use crate::task::contract::{self, Section, Spec};
use crate::task::evidence::{Evidence, Trouble};
use crate::task::id::CommitId;
use crate::task::record::Note;
use crate::task::role::Role;

use super::select::Which;
use super::{FlowError, Project, Vaguely};

/// Where prompts of the repository are, below its top.
pub(super) const PROMPTS: &str = "prompts";
/// The template of a spec; a repository may have its own in the same place.
const SPEC_TEMPLATE: &str = include_str!("../../prompts/spec.md");
/// Bytes of a diff that a reviewer's prompt holds; the rest is in the worktree.
const DIFF_MAX: usize = 400 * 1024;

/// One part of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) section: Section,
    /// What the spec says, or what holds where it says nothing.
    pub(crate) text: String,
    /// Whether the spec says it.
    pub(crate) given: bool,
}

impl Project {
    /// The template of a spec: the repository's own, as committed on the base, or ours.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn spec_template(&self) -> Result<String, FlowError> {
        let own = self.repo.read_file(&self.base.tip, &format!("{PROMPTS}/spec.md"))?;
        Ok(own.map_or_else(|| SPEC_TEMPLATE.to_owned(), |own| String::from_utf8_lossy(&own).into_owned()))
    }

    /// Refuses a spec that nobody could work by (B4, E2).
    ///
    /// # Errors
    /// It is too vague for a task of this tier, or for `spec.require`.
    pub(crate) fn refuse_vague(
        &self,
        what: Vaguely,
        title: &str,
        spec: &str,
        tier: u8,
    ) -> Result<(), FlowError> {
        let gaps = contract::gaps(title, spec, tier, self.policy.require);
        if gaps.is_empty() {
            return Ok(());
        }
        Err(FlowError::Vague { what, title: title.to_owned(), gaps })
    }

    /// The six parts of a task's contract (E2): what its spec says, and what holds where it says nothing.
    pub(crate) fn contract_parts(&self, task: &Task) -> Vec<Part> {
        let spec = Spec::read(&task.spec);
        let parts = Section::ALL.into_iter().map(|section| match spec.of(section) {
            Some(text) => Part { section, text: text.to_owned(), given: true },
            None => Part { section, text: self.without_words(section, task), given: false },
        });
        parts.collect()
    }

    /// What a contract says where its spec says nothing.
    fn without_words(&self, section: Section, task: &Task) -> String {
        match section {
            Section::Objective => task.title.clone(),
            Section::Output => format!(
                "Changed files of the repository, tests included, in at most {} changed lines.",
                self.policy.cap.caps.diff
            ),
            Section::Tools => match &self.policy.tests.some {
                Some(some) => format!(
                    "What the repository has; no new dependency. Tests of single parts are run by: {}",
                    some.replace("{tests}", "TESTS")
                ),
                None => "What the repository has; no new dependency.".to_owned(),
            },
            Section::Sources if task.paths.is_empty() => {
                "The repository at the commit that you start from, its README first.".to_owned()
            }
            Section::Sources => format!("First what is there in: {}", task.paths.join(", ")),
            Section::Boundaries if task.paths.is_empty() => {
                "What the objective does not need stays as it is.".to_owned()
            }
            Section::Boundaries => {
                format!(
                    "Only files in: {}. What the objective does not need stays as it is.",
                    task.paths.join(", ")
                )
            }
            Section::Acceptance => {
                "A test shows the objective, and each test that passed before passes still.".to_owned()
            }
        }
    }

    /// The contract of a task (E2): what is to be reached, where, within which limits.
    pub(crate) fn contract(&self, task: &Task) -> Value {
        let minutes = self.policy.limits.implement.as_secs() / 60;
        let parts = self.contract_parts(task).into_iter();
        let parts: serde_json::Map<String, Value> = parts
            .map(|part| (part.section.word().to_owned(), json!({ "text": part.text, "given": part.given })))
            .collect();
        json!({
            "task": task.id.as_str(),
            "parts": parts,
            "objective": { "title": task.title, "spec": task.spec },
            "output": "commits on the task's branch, or uncommitted changes in its worktree",
            "paths": task.paths,
            "limits": { "diff_lines": self.policy.cap.caps.diff, "minutes": minutes },
            "base": { "branch": self.base.branch, "commit": self.base.tip.as_str() },
            "branch": task.branch,
            "boundaries": [
                "do not merge or push",
                "do not change files outside of paths",
                "a line `Changelog: ...` in the commit message or answer is what users will read",
            ],
            "try": task.try_number,
            "tries_max": task.tries_max,
            "evidence": task.evidence.as_ref().map(evidence_text),
        })
    }

    /// The repository's own prompt of this name, as committed on the base: the one for this agent alone, `NAME.AGENT`, or
    /// the one for all (E8). No text where the built-in one holds.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn own_prompt(&self, name: &str, agent: Option<&str>) -> Result<OwnPrompt, FlowError> {
        for name in agent.map(|agent| format!("{name}.{agent}")).into_iter().chain([name.to_owned()]) {
            if let Some(bytes) = self.repo.read_file(&self.base.tip, &format!("{PROMPTS}/{name}.md"))? {
                return Ok(OwnPrompt { name, text: Some(String::from_utf8_lossy(&bytes).into_owned()) });
            }
        }
        Ok(OwnPrompt { name: name.to_owned(), text: None })
    }

    /// The prompt of a role for a task, for the agent that gets it: the repository's own, as committed on the base, or the built-in one.
    ///
    /// # Errors
    /// No such prompt, or one that uses what it does not have.
    pub(crate) fn prompt(&self, role: &Role, task: &Task, brief: &Brief) -> Result<Rendered, FlowError> {
        let name = if brief.files { CODE.to_owned() } else { role.to_string() };
        let own = self.own_prompt(&name, brief.agent.as_deref())?;
        Ok(render(&own.name, own.text.as_deref(), &self.prompt_vars(role, task, brief)?)?)
    }

    /// The lowest tier of model that a role's prompt asks for.
    ///
    /// # Errors
    /// No such prompt, or one that cannot be read.
    pub(crate) fn prompt_tier(&self, name: &str) -> Result<Option<Tier>, FlowError> {
        Ok(front(name, self.own_prompt(name, None)?.text.as_deref())?.tier)
    }

    fn prompt_vars(&self, role: &Role, task: &Task, brief: &Brief) -> Result<PromptVars, FlowError> {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let diff = match role {
            Role::Test => self.policy.cap.fix,
            Role::Implement | Role::Fix | Role::Review(_) | Role::Clarify | Role::Manager => {
                self.policy.cap.caps.diff
            }
        };
        let files = match &brief.head {
            Some(head) if brief.files => self.files_for(task, head)?,
            _ => Vec::new(),
        };
        let (said, left) = match role {
            Role::Clarify => (last_words(task), self.diff_to(brief.head.as_ref())?),
            _ => (String::new(), String::new()),
        };
        Ok(PromptVars {
            task: TaskVars {
                id: task.id.to_string(),
                title: task.title.clone(),
                spec: if task.spec.trim().is_empty() { task.title.clone() } else { task.spec.clone() },
                paths: task.paths.clone(),
            },
            contract: self
                .contract_parts(task)
                .into_iter()
                .filter(|part| !part.given && part.section != Section::Objective)
                .map(|part| ContractVars { heading: part.section.heading().to_owned(), text: part.text })
                .collect(),
            limits: LimitVars { diff: small(diff), minutes: small(self.turn_limit(role).as_secs() / 60) },
            base: task
                .state
                .change()
                .map_or_else(|| self.base.tip.to_string(), |change| change.base.to_string()),
            diff: self.diff_for(role, task, brief)?,
            findings: findings_to_mend(task),
            evidence: task
                .evidence
                .as_ref()
                .map(|evidence| self.evidence_to_mend(evidence))
                .unwrap_or_default(),
            changelog: task.changelog.clone().unwrap_or_default(),
            notes: brief.notes.clone(),
            clarification: clarification(task),
            files,
            part: brief.part.clone(),
            tests: match (role, &brief.head) {
                (Role::Test, Some(head)) => self.tests_for(head)?,
                _ => TestVars::default(),
            },
            attempt: AttemptVars { said, diff: left },
            most: 0,
        })
    }

    /// Evidence for whoever is to mend what it shows: with what the tests wrote, where this machine ran them, and with a
    /// command that works where there is no git-orch.
    fn evidence_to_mend(&self, evidence: &Evidence) -> String {
        let tests =
            evidence.reproduce.as_deref().is_some_and(|command| command.starts_with("git orch check "));
        let again = if tests { self.test_command(&Which::Full) } else { evidence.reproduce.clone() };
        let mut text = evidence_text(&Evidence { reproduce: again, ..evidence.clone() });
        let tested = matches!(evidence.trouble, Trouble::Worse | Trouble::NoEvidence);
        let log =
            evidence.candidate.as_ref().filter(|_| tested).and_then(|commit| self.red_log_to_mend(commit));
        if let Some(log) = log {
            text.push_str(&format!("the tests wrote:\n{}\n", log.lines.join("\n")));
        }
        text
    }

    /// The tests that a change needs, and how they are run.
    fn tests_for(&self, head: &CommitId) -> Result<TestVars, FlowError> {
        let which = match self.selection(&self.merge_base(head)?, head)? {
            Selection::Some(chosen) if !chosen.is_empty() => {
                Which::Some(chosen.iter().map(|chosen| chosen.test.clone()).collect())
            }
            _ => Which::Full,
        };
        let command = self.test_command(&which);
        let names = match which {
            Which::Some(names) if command.is_some() => names,
            Which::Some(_) | Which::Full => Vec::new(),
        };
        let command = command.or_else(|| self.test_command(&Which::Full)).unwrap_or_default();
        Ok(TestVars { command, names })
    }

    fn diff_for(&self, role: &Role, task: &Task, brief: &Brief) -> Result<String, FlowError> {
        match (role, task.state.change()) {
            (Role::Review(_), Some(change)) => Ok(cut_diff(self.repo.patch(&change.base, &change.head)?)),
            (Role::Test, _) => self.diff_to(brief.head.as_ref()),
            _ => Ok(String::new()),
        }
    }

    /// What a commit changes over the base.
    fn diff_to(&self, head: Option<&CommitId>) -> Result<String, FlowError> {
        let Some(head) = head else { return Ok(String::new()) };
        Ok(cut_diff(self.repo.patch(&self.merge_base(head)?, head)?))
    }

    /// The changelog line of a change: the last `Changelog:` trailer of its commits.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn changelog_of(&self, base: &CommitId, head: &CommitId) -> Result<Option<String>, FlowError> {
        let mut found = None;
        for commit in self.repo.first_parent(head, Some(base), 1000)?.iter().rev() {
            for (key, value) in &commit.trailers {
                if key.eq_ignore_ascii_case("changelog") && !value.trim().is_empty() {
                    found = Some(value.trim().to_owned());
                }
            }
        }
        Ok(found)
    }
}

/// A prompt of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnPrompt {
    /// As its file is called, without the ending.
    pub(crate) name: String,
    /// `None` where the repository has none.
    pub(crate) text: Option<String>,
}

/// What a turn gets besides its task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brief {
    /// The name in the settings of whom it is for.
    pub(crate) agent: Option<String>,
    /// Its answer is to hold the files.
    pub(crate) files: bool,
    /// Its part of the task, where several work on it.
    pub(crate) part: String,
    pub(crate) notes: Vec<NoteVars>,
    /// The commit that it works on or looks at.
    pub(crate) head: Option<CommitId>,
}

impl Brief {
    /// What an agent gets besides a task, with nothing in it yet.
    pub(crate) fn of(agent: &Agent) -> Brief {
        Brief { agent: agent.entry().map(|entry| entry.name.clone()), ..Brief::default() }
    }
}

/// A diff that fits into a prompt.
fn cut_diff(mut diff: String) -> String {
    if diff.len() > DIFF_MAX {
        let mut end = DIFF_MAX;
        while !diff.is_char_boundary(end) {
            end -= 1;
        }
        diff.truncate(end);
        diff.push_str("\n[the diff is longer: read the rest in the worktree]\n");
    }
    diff
}

/// What the last attempt said at its end.
fn last_words(task: &Task) -> String {
    let of_worker = |note: &&Note| matches!(note.role.as_str(), "implement" | "fix" | "test");
    task.notes.iter().rev().find(of_worker).map(|note| note.text.clone()).unwrap_or_default()
}

/// What the next attempt should know of the last one: what the evidence means, and what somebody found out.
fn clarification(task: &Task) -> String {
    let Some(evidence) = &task.evidence else { return String::new() };
    let found = task.notes.iter().rev().find(|note| note.role == "clarify");
    let parts = [clarify::advice(evidence), found.map_or("", |note| &note.text)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Findings of the last round, for whoever mends them.
fn findings_to_mend(task: &Task) -> Vec<FindingVars> {
    let Some(last) = task.reviews.last() else { return Vec::new() };
    task.reviews
        .iter()
        .filter(|review| review.head == last.head)
        .flat_map(|review| &review.findings)
        .map(|finding| FindingVars {
            severity: finding.severity.as_str().to_owned(),
            file: finding.file.clone().unwrap_or_default(),
            line: finding.line,
            title: finding.title.clone(),
            detail: finding.detail.clone(),
        })
        .collect()
}

/// Evidence as a text that an agent can act on.
pub(crate) fn evidence_text(evidence: &Evidence) -> String {
    let mut text = format!("{}: {}\n", evidence.trouble.word(), evidence.text);
    if let Some(pair) = &evidence.pair {
        text.push_str(&format!("other task: {pair}\n"));
    }
    for file in &evidence.files {
        text.push_str(&format!("file: {file}\n"));
    }
    for test in &evidence.tests {
        text.push_str(&format!("test: {}: {}\n", test.name, test.line));
    }
    if let Some(reproduce) = &evidence.reproduce {
        text.push_str(&format!("reproduce: {reproduce}\n"));
    }
    text
}

/// The `Changelog:` line of an agent's answer.
pub(crate) fn changelog_in(answer: &str) -> Option<String> {
    let line = answer.lines().rev().find_map(|line| line.trim().strip_prefix("Changelog:"))?;
    let line = line.trim();
    (!line.is_empty() && !line.eq_ignore_ascii_case("none")).then(|| line.to_owned())
}
