//! Where the host is, and who we are there.

use std::fmt;

use serde_json::Value;

use super::GithubError;
use super::client::{Client, Patience, Repeat, Verb};
use crate::task::id::CommitId;

/// Items per page, the host's limit.
const PAGE: usize = 100;
/// Pages that are read; more is no repository that one job can look after.
const PAGES: usize = 50;
/// The app under which the host's own workflows act.
const ACTIONS_APP: u64 = 15_368;

/// `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoName(String);

impl RepoName {
    /// Reads `owner/name`.
    pub(crate) fn parse(text: &str) -> Option<RepoName> {
        let allowed = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.len() <= 100
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let (owner, name) = text.split_once('/')?;
        (allowed(owner) && allowed(name)).then(|| RepoName(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the host is and how we get in.
#[derive(Clone)]
pub(crate) struct Place {
    /// Such as `https://api.github.com`.
    pub(crate) api: String,
    pub(crate) repository: RepoName,
    pub(crate) token: String,
    /// Whether we act as a workflow of the host, by its own app.
    pub(crate) actions: bool,
    pub(crate) patience: Patience,
}

/// Who we are there: how our own comments are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Own {
    App(u64),
    User(String),
}

/// A comment, or a review comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) login: String,
    /// An app, or an account that the host calls a bot.
    pub(crate) bot: bool,
    /// Written by us.
    pub(crate) own: bool,
    pub(crate) body: String,
    /// When it was written, as the host's clock has it (RFC 3339, UTC): such texts sort by time.
    pub(crate) at: String,
    /// How many reactions it has, if the host says so.
    pub(crate) reactions: Option<u64>,
}

/// A check of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// When it began, as the host's clock has it.
    pub(crate) started_at: String,
    pub(crate) external_id: String,
    /// What stands below its summary.
    pub(crate) text: String,
}

/// The host, for one repository.
pub(crate) struct Github {
    pub(super) client: Client,
    pub(super) repository: RepoName,
    pub(super) own: Own,
}

impl Github {
    /// Opens the way to the host, and finds out who we are there.
    ///
    /// # Errors
    /// The address is none, or the token is not taken.
    pub(crate) fn open(place: &Place) -> Result<Github, GithubError> {
        let client = Client::new(&place.api, &place.token, place.patience)?;
        let own = if place.actions {
            Own::App(ACTIONS_APP)
        } else {
            let user = client.call(Verb::Get, "/user", None, Repeat::Freely)?;
            let login = user["login"].as_str();
            Own::User(
                login.ok_or(GithubError::Answer { call: "GET /user".to_owned(), field: "login" })?.to_owned(),
            )
        };
        Ok(Github { client, repository: place.repository.clone(), own })
    }

    /// A route below the repository.
    pub(super) fn route(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.repository)
    }

    pub(super) fn get(&self, route: &str) -> Result<Value, GithubError> {
        self.client.call(Verb::Get, route, None, Repeat::Freely)
    }

    /// All pages of a list; `key` is where the list is in the answer, empty for the answer itself.
    pub(super) fn pages(&self, route: &str, key: &str) -> Result<Vec<Value>, GithubError> {
        let mut all = Vec::new();
        let joint = if route.contains('?') { '&' } else { '?' };
        for page in 1..=PAGES {
            let answer = self.get(&format!("{route}{joint}per_page={PAGE}&page={page}"))?;
            let list = if key.is_empty() { &answer } else { &answer[key] };
            let list = list
                .as_array()
                .ok_or(GithubError::Answer { call: format!("GET {route}"), field: "a list" })?;
            let last = list.len() < PAGE;
            all.extend(list.iter().cloned());
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Whether something was written by us: by the app that we act as, or by our account.
    pub(super) fn is_own(&self, value: &Value) -> bool {
        match &self.own {
            Own::App(id) => {
                value["performed_via_github_app"]["id"].as_u64() == Some(*id)
                    || (*id == ACTIONS_APP
                        && value["user"]["login"] == "github-actions[bot]"
                        && value["user"]["type"] == "Bot")
            }
            Own::User(login) => value["user"]["login"].as_str() == Some(login),
        }
    }

    pub(super) fn comment_of(&self, value: &Value) -> Option<Comment> {
        let login = value["user"]["login"].as_str().unwrap_or_default().to_owned();
        Some(Comment {
            id: value["id"].as_u64()?,
            bot: value["user"]["type"] == "Bot"
                || login.ends_with("[bot]")
                || !value["performed_via_github_app"].is_null(),
            login,
            own: self.is_own(value),
            body: value["body"].as_str().unwrap_or_default().to_owned(),
            at: value["created_at"].as_str().unwrap_or_default().to_owned(),
            reactions: value["reactions"]["total_count"].as_u64(),
        })
    }
}

/// A commit id of an answer.
pub(super) fn commit(value: &Value) -> Option<CommitId> {
    CommitId::parse(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_names_are_put_into_routes() {
        assert!(RepoName::parse("ana/my-repo.rs").is_some());
        for bad in ["", "ana", "ana/", "/x", "ana/x/y", "ana/..", "ana/x?y", "ana/x#", "../x", "ana/x y"] {
            assert_eq!(RepoName::parse(bad), None, "{bad}");
        }
    }
}
