//! What a worker is told: the contract as JSON for programs, the prompt for models.

use serde_json::{Value, json};

use crate::agent::{FindingVars, LimitVars, PromptVars, Rendered, TaskVars, render};
use crate::task::Task;
use crate::task::evidence::Evidence;
use crate::task::id::CommitId;
use crate::task::role::Role;

use super::{FlowError, Project};

/// Where prompts of the repository are, below its top.
const PROMPTS: &str = "prompts";
/// Bytes of a diff that a reviewer's prompt holds; the rest is in the worktree.
const DIFF_MAX: usize = 400 * 1024;

impl Project {
    /// The contract of a task (E2): what is to be reached, where, within which limits.
    pub(crate) fn contract(&self, task: &Task) -> Value {
        let minutes = self.policy.limits.implement.as_secs() / 60;
        json!({
            "task": task.id.as_str(),
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

    /// The prompt of a role for a task: the repository's own, as committed on the base, or the built-in one.
    ///
    /// # Errors
    /// No such prompt, or one that uses what it does not have.
    pub(crate) fn prompt(&self, role: &Role, task: &Task) -> Result<Rendered, FlowError> {
        let path = format!("{PROMPTS}/{role}.md");
        let own = self.repo.read_file(&self.base.tip, &path)?;
        let own = own.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(render(role, own.as_deref(), &self.prompt_vars(role, task)?)?)
    }

    fn prompt_vars(&self, role: &Role, task: &Task) -> Result<PromptVars, FlowError> {
        let limit = match role {
            Role::Implement => self.policy.limits.implement,
            Role::Fix => self.policy.limits.fix,
            Role::Test => self.policy.limits.test,
            Role::Review(_) => self.policy.limits.review,
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(PromptVars {
            task: TaskVars {
                id: task.id.to_string(),
                title: task.title.clone(),
                spec: if task.spec.trim().is_empty() { task.title.clone() } else { task.spec.clone() },
                paths: task.paths.clone(),
            },
            limits: LimitVars {
                diff: small(self.policy.cap.caps.diff),
                minutes: small(limit.as_secs() / 60),
            },
            base: task
                .state
                .change()
                .map_or_else(|| self.base.tip.to_string(), |change| change.base.to_string()),
            diff: self.diff_for(role, task)?,
            findings: findings_to_mend(task),
            evidence: task.evidence.as_ref().map(evidence_text).unwrap_or_default(),
            changelog: task.changelog.clone().unwrap_or_default(),
        })
    }

    fn diff_for(&self, role: &Role, task: &Task) -> Result<String, FlowError> {
        let (Role::Review(_), Some(change)) = (role, task.state.change()) else { return Ok(String::new()) };
        let mut diff = self.repo.patch(&change.base, &change.head)?;
        if diff.len() > DIFF_MAX {
            let mut end = DIFF_MAX;
            while !diff.is_char_boundary(end) {
                end -= 1;
            }
            diff.truncate(end);
            diff.push_str("\n[the diff is longer: read the rest in the worktree]\n");
        }
        Ok(diff)
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
