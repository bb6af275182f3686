//! What is written to the host. Twice is once: what makes something looks first whether it is there.

use serde_json::{Value, json};

use super::client::{Repeat, Verb, body};
use super::{Comment, Github, GithubError, Run};
use crate::forge::{LABELS, Labels};
use crate::task::id::CommitId;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Success,
    Failure,
    /// A person has to do something.
    ActionRequired,
}

impl Conclusion {
    fn word(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::ActionRequired => "action_required",
        }
    }
}

/// A check of a commit as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckRun {
    pub(crate) name: &'static str,
    pub(crate) head: CommitId,
    pub(crate) conclusion: Conclusion,
    pub(crate) title: String,
    /// Markdown, cut to the host's limit.
    pub(crate) summary: String,
    /// Markdown below it, within the host's limit; empty = none.
    pub(crate) text: String,
}

/// A remark at a line of the change, to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewInline {
    pub(crate) file: String,
    /// In the new version, counted from 1.
    pub(crate) line: u32,
    pub(crate) body: String,
    /// How it is known again; part of `body`.
    pub(crate) marker: String,
}

/// Longest text of a check, in bytes; the host takes 65,535 characters.
const SUMMARY_MAX: usize = 60_000;

impl Github {
    /// The comment of ours that has the marker, made, changed, or left as it is. `None` takes it away.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn keep_comment(
        &self,
        number: u64,
        marker: &str,
        text: Option<&str>,
    ) -> Result<(), GithubError> {
        for round in 1..=self.client.tries() {
            let own: Vec<Comment> = self
                .comments(number)?
                .into_iter()
                .filter(|comment| comment.own && comment.body.starts_with(marker))
                .collect();
            // Two can only be there after a race: the oldest stays.
            for extra in own.iter().skip(usize::from(text.is_some())) {
                self.delete_comment(extra.id)?;
            }
            let Some(text) = text else { return Ok(()) };
            if let Some(first) = own.first() {
                if first.body != text {
                    let route = self.route(&format!("/issues/comments/{}", first.id));
                    match self.client.call(
                        Verb::Patch,
                        &route,
                        Some(&json!({ "body": text })),
                        Repeat::Freely,
                    ) {
                        // Somebody deleted it in this moment.
                        Err(err) if err.is_not_found() => continue,
                        other => other?,
                    };
                }
                return Ok(());
            }
            match self.add_comment(number, text) {
                Err(err) if err.is_unsure() && round < self.client.tries() => self.client.pause(round - 1),
                other => return other,
            }
        }
        Ok(())
    }

    /// A comment that is made once: by its marker, at its beginning.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn say_once(&self, number: u64, marker: &str, text: &str) -> Result<(), GithubError> {
        for round in 1..=self.client.tries() {
            let said =
                self.comments(number)?.iter().any(|comment| comment.own && comment.body.starts_with(marker));
            if said {
                return Ok(());
            }
            match self.add_comment(number, &format!("{marker}\n{text}")) {
                Err(err) if err.is_unsure() && round < self.client.tries() => self.client.pause(round - 1),
                other => return other,
            }
        }
        Ok(())
    }

    fn add_comment(&self, number: u64, text: &str) -> Result<(), GithubError> {
        let route = self.route(&format!("/issues/{number}/comments"));
        self.client
            .call(Verb::Post, &route, Some(&json!({ "body": text })), Repeat::OnlyIfRefused)
            .map(|_| ())
    }

    fn delete_comment(&self, id: u64) -> Result<(), GithubError> {
        let route = self.route(&format!("/issues/comments/{id}"));
        match self.client.call(Verb::Delete, &route, None, Repeat::Freely) {
            Err(err) if err.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Marks a comment as followed or refused. The host keeps one reaction of each kind per person. False if the comment
    /// is gone, or the host has no reactions.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn react(&self, comment: u64, reaction: &'static str) -> Result<bool, GithubError> {
        let route = self.route(&format!("/issues/comments/{comment}/reactions"));
        match self.client.call(Verb::Post, &route, Some(&json!({ "content": reaction })), Repeat::Freely) {
            Err(err) if err.is_not_found() => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// Sets and takes away labels of ours; they are made when first needed.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn change_labels(&self, number: u64, labels: &Labels) -> Result<(), GithubError> {
        for name in &labels.remove {
            let route = self.route(&format!("/issues/{number}/labels/{}", name.replace(':', "%3A")));
            match self.client.call(Verb::Delete, &route, None, Repeat::Freely) {
                Err(err) if err.is_not_found() => {}
                other => drop(other?),
            }
        }
        if labels.add.is_empty() {
            return Ok(());
        }
        for label in LABELS.iter().filter(|label| labels.add.contains(&label.name)) {
            let new = json!({ "name": label.name, "color": label.color, "description": label.description });
            match self.client.call(Verb::Post, &self.route("/labels"), Some(&new), Repeat::Freely) {
                // 422: it is there already.
                Err(GithubError::Answered { status: 422, .. }) => {}
                other => drop(other?),
            }
        }
        let route = self.route(&format!("/issues/{number}/labels"));
        self.client
            .call(Verb::Post, &route, Some(&json!({ "labels": labels.add })), Repeat::Freely)
            .map(|_| ())
    }

    /// Our own check of that name on a commit.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn own_check(&self, name: &str, head: &CommitId) -> Result<Option<Run>, GithubError> {
        let runs = self.check_runs(head)?;
        Ok(runs.into_iter().find(|run| run.name == name && run.external_id == EXTERNAL_ID))
    }

    /// The check of a commit, made or brought up to date.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn keep_check(&self, check: &CheckRun) -> Result<(), GithubError> {
        let mut summary = check.summary.clone();
        if summary.len() > SUMMARY_MAX {
            let end = (0..=SUMMARY_MAX).rev().find(|&at| summary.is_char_boundary(at)).unwrap_or(0);
            summary.truncate(end);
            summary.push_str("\n\n(cut)\n");
        }
        let mut output = json!({ "title": check.title, "summary": summary });
        if !check.text.is_empty() {
            output["text"] = json!(check.text);
        }
        for round in 1..=self.client.tries() {
            let known = self.own_check(check.name, &check.head)?;
            let outcome = match known {
                Some(run) => {
                    let change = json!({
                        "status": "completed", "conclusion": check.conclusion.word(), "output": output,
                    });
                    let route = self.route(&format!("/check-runs/{}", run.id));
                    self.client.call(Verb::Patch, &route, Some(&change), Repeat::Freely)
                }
                None => {
                    let new = json!({
                        "name": check.name, "head_sha": check.head.as_str(), "external_id": EXTERNAL_ID,
                        "status": "completed", "conclusion": check.conclusion.word(), "output": output,
                    });
                    self.client.call(
                        Verb::Post,
                        &self.route("/check-runs"),
                        Some(&new),
                        Repeat::OnlyIfRefused,
                    )
                }
            };
            match outcome {
                Err(err) if err.is_unsure() && round < self.client.tries() => self.client.pause(round - 1),
                other => return other.map(|_| ()),
            }
        }
        Ok(())
    }

    /// Remarks at lines, each once: those whose marker is not there yet.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn say_inline(
        &self,
        number: u64,
        head: &CommitId,
        remarks: &[NewInline],
    ) -> Result<(), GithubError> {
        if remarks.is_empty() {
            return Ok(());
        }
        for round in 1..=self.client.tries() {
            let there = self.inline_comments(number)?;
            let new: Vec<&NewInline> = remarks
                .iter()
                .filter(|new| {
                    !there.iter().any(|comment| comment.own && comment.body.starts_with(&new.marker))
                })
                .collect();
            let mut unsure = None;
            for remark in new {
                let comment = body(json!({
                    "body": remark.body, "commit_id": head.as_str(),
                    "path": remark.file, "line": remark.line, "side": "RIGHT",
                }));
                let route = self.route(&format!("/pulls/{number}/comments"));
                match self.client.call(Verb::Post, &route, Some(&comment), Repeat::OnlyIfRefused) {
                    // The line is no longer part of the change: the summary has it all the same.
                    Err(GithubError::Answered { status: 422, .. }) => {}
                    Err(err) if err.is_unsure() => unsure = Some(err),
                    other => drop(other?),
                }
            }
            match unsure {
                None => return Ok(()),
                Some(err) if round == self.client.tries() => return Err(err),
                Some(_) => self.client.pause(round - 1),
            }
        }
        Ok(())
    }

    /// Starts a workflow again for a commit: its last run of the given check.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn rerun_workflow(&self, workflow_file: &str, head: &CommitId) -> Result<bool, GithubError> {
        let route = self.route(&format!("/actions/workflows/{workflow_file}/runs?head_sha={head}"));
        let list = match self.pages(&route, "workflow_runs") {
            Err(err) if err.is_not_found() => return Ok(false),
            other => other?,
        };
        match list.iter().filter_map(|run| run["id"].as_u64()).max() {
            Some(id) => self.rerun(id),
            None => Ok(false),
        }
    }

    /// Starts a workflow run again. False where it is gone, or runs now.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn rerun(&self, id: u64) -> Result<bool, GithubError> {
        let route = self.route(&format!("/actions/runs/{id}/rerun"));
        match self.client.call(
            Verb::Post,
            &route,
            Some(&Value::Object(serde_json::Map::new())),
            Repeat::Freely,
        ) {
            // 403: it is running now, which is as good.
            Err(GithubError::Answered { status: 403 | 404, .. }) => Ok(false),
            other => other.map(|_| true),
        }
    }
}

/// How our own check is known among others of its name.
const EXTERNAL_ID: &str = "git-orch";
