//! What is read from the host.

use serde_json::Value;

use super::calls::commit;
use super::{Comment, Github, GithubError, Run};
use crate::forge::{Permission, Pull};
use crate::task::id::CommitId;

impl Github {
    /// A pull request as it is now.
    ///
    /// # Errors
    /// There is none, or the host fails.
    pub(crate) fn pull(&self, number: u64) -> Result<Pull, GithubError> {
        let route = self.route(&format!("/pulls/{number}"));
        let value = self.get(&route)?;
        pull_of(&value).ok_or(GithubError::Answer { call: format!("GET {route}"), field: "head.sha" })
    }

    /// All open pull requests.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn open_pulls(&self) -> Result<Vec<Pull>, GithubError> {
        let list = self.pages(&self.route("/pulls?state=open&sort=created&direction=asc"), "")?;
        Ok(list.iter().filter_map(pull_of).collect())
    }

    /// The comments of a pull request's conversation, in the order in which they were written.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn comments(&self, number: u64) -> Result<Vec<Comment>, GithubError> {
        let list = self.pages(&self.route(&format!("/issues/{number}/comments")), "")?;
        let mut comments: Vec<Comment> = list.iter().filter_map(|value| self.comment_of(value)).collect();
        comments.sort_by_key(|comment| comment.id);
        Ok(comments)
    }

    /// Comments of all conversations since a time (RFC 3339), each with its number.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn comments_since(&self, since: &str) -> Result<Vec<(u64, Comment)>, GithubError> {
        let since = since.replace(':', "%3A");
        let route = self.route(&format!("/issues/comments?sort=created&direction=asc&since={since}"));
        let list = self.pages(&route, "")?;
        let number = |value: &Value| value["issue_url"].as_str()?.rsplit('/').next()?.parse().ok();
        Ok(list.iter().filter_map(|value| Some((number(value)?, self.comment_of(value)?))).collect())
    }

    /// Whether we put a reaction on a comment.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn has_reacted(&self, comment: u64) -> Result<bool, GithubError> {
        match self.pages(&self.route(&format!("/issues/comments/{comment}/reactions")), "") {
            Ok(list) => Ok(list.iter().any(|reaction| self.is_own(reaction))),
            Err(err) if err.is_not_found() => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// The comments at lines of a pull request.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn inline_comments(&self, number: u64) -> Result<Vec<Comment>, GithubError> {
        let list = self.pages(&self.route(&format!("/pulls/{number}/comments")), "")?;
        Ok(list.iter().filter_map(|value| self.comment_of(value)).collect())
    }

    /// What the host lets somebody do now.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn permission(&self, login: &str) -> Result<Permission, GithubError> {
        // Names of apps have brackets; they are denied before anybody asks.
        let plain = login.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain || login.is_empty() {
            return Ok(Permission::None);
        }
        match self.get(&self.route(&format!("/collaborators/{login}/permission"))) {
            Ok(value) => {
                let word = value["role_name"].as_str().or(value["permission"].as_str()).unwrap_or_default();
                let role = Permission::of_word(word);
                // A custom role's name says nothing: then the coarse word counts.
                let coarse = Permission::of_word(value["permission"].as_str().unwrap_or_default());
                Ok(if role == Permission::None { coarse } else { role })
            }
            Err(err) if err.is_not_found() => Ok(Permission::None),
            Err(err) => Err(err),
        }
    }

    /// Logins of those who approved exactly this commit in the host's own reviews, by their last word.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn approved_by(&self, number: u64, head: &CommitId) -> Result<Vec<String>, GithubError> {
        let list = self.pages(&self.route(&format!("/pulls/{number}/reviews")), "")?;
        let mut last: Vec<(String, bool)> = Vec::new();
        for review in &list {
            let Some(login) = review["user"]["login"].as_str() else { continue };
            let yes = match review["state"].as_str() {
                Some("APPROVED") => commit(&review["commit_id"]).as_ref() == Some(head),
                Some("CHANGES_REQUESTED" | "DISMISSED") => false,
                _ => continue, // a remark changes no verdict
            };
            last.retain(|(known, _)| known != login);
            last.push((login.to_owned(), yes));
        }
        Ok(last.into_iter().filter(|(_, yes)| *yes).map(|(login, _)| login).collect())
    }

    /// The checks of a commit.
    ///
    /// # Errors
    /// The host fails.
    pub(crate) fn check_runs(&self, head: &CommitId) -> Result<Vec<Run>, GithubError> {
        let list = self.pages(&self.route(&format!("/commits/{head}/check-runs")), "check_runs")?;
        Ok(list.iter().filter_map(run_of).collect())
    }
}

fn run_of(value: &Value) -> Option<Run> {
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    Some(Run {
        id: value["id"].as_u64()?,
        name: text("name"),
        started_at: text("started_at"),
        external_id: text("external_id"),
        text: value["output"]["text"].as_str().unwrap_or_default().to_owned(),
    })
}

fn pull_of(value: &Value) -> Option<Pull> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (head, base) = (&value["head"], &value["base"]);
    Some(Pull {
        number: value["number"].as_u64()?,
        title: text(&value["title"]),
        author: text(&value["user"]["login"]),
        head: commit(&head["sha"])?,
        head_branch: text(&head["ref"]),
        fork: head["repo"]["full_name"].is_null() || head["repo"]["full_name"] != base["repo"]["full_name"],
        base_branch: text(&base["ref"]),
        draft: value["draft"].as_bool().unwrap_or(false),
        open: value["state"] == "open",
        labels: value["labels"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|label| label["name"].as_str().map(str::to_owned))
            .collect(),
    })
}
