//! Issues: read, and closed.

use serde_json::{Value, json};

use super::client::{Repeat, Verb};
use super::{Github, GithubError};

/// An issue as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
    pub(crate) open: bool,
    /// It was closed before, and somebody opened it again.
    pub(crate) reopened: bool,
    /// Whether its author belongs to the repository or its owner.
    pub(crate) member: bool,
}

impl Github {
    /// All open issues with all of these labels, the oldest first. Pull requests, which the host lists too, are left out.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn open_issues(&self, labels: &[String]) -> Result<Vec<Issue>, GithubError> {
        let labels: Vec<String> = labels.iter().map(|label| percent(label)).collect();
        let filter = if labels.is_empty() { String::new() } else { format!("&labels={}", labels.join(",")) };
        let list =
            self.pages(&self.route(&format!("/issues?state=open&sort=created&direction=asc{filter}")), "")?;
        Ok(list.iter().filter_map(issue_of).collect())
    }

    /// One issue; `None` where there is none by that number, or a pull request.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn issue(&self, number: u64) -> Result<Option<Issue>, GithubError> {
        match self.get(&self.route(&format!("/issues/{number}"))) {
            Ok(value) => Ok(issue_of(&value)),
            // 410: deleted.
            Err(GithubError::Answered { status: 404 | 410, .. }) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Closes an issue as done.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn close_issue(&self, number: u64) -> Result<(), GithubError> {
        let change = json!({ "state": "closed", "state_reason": "completed" });
        let route = self.route(&format!("/issues/{number}"));
        self.client.call(Verb::Patch, &route, Some(&change), Repeat::Freely).map(|_| ())
    }
}

fn issue_of(value: &Value) -> Option<Issue> {
    if value.get("pull_request").is_some_and(|pull| !pull.is_null()) {
        return None;
    }
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    Some(Issue {
        number: value["number"].as_u64()?,
        title: text("title"),
        body: text("body"),
        labels: value["labels"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|label| label["name"].as_str().or(label.as_str()).map(str::to_owned))
            .collect(),
        open: value["state"] == "open",
        reopened: value["state_reason"] == "reopened",
        member: matches!(value["author_association"].as_str(), Some("OWNER" | "MEMBER" | "COLLABORATOR")),
    })
}

/// A text as part of a query.
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
