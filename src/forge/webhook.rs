//! Reads what the host says happened. It only says where to look: what holds is asked for again.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::task::id::{CommitId, shown};

/// What a webhook makes it worth looking at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wake {
    /// `owner/name`; webhooks of others are dropped.
    pub(crate) repository: Option<String>,
    /// Pull requests that something happened to.
    pub(crate) pulls: BTreeSet<u64>,
    /// Something that concerns all of them: the base moved, a check ended.
    pub(crate) all: bool,
}

impl Wake {
    /// Whether there is nothing to look at.
    pub(crate) fn is_idle(&self) -> bool {
        self.pulls.is_empty() && !self.all
    }
}

/// What the gates of a workflow run are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A pull request at a commit, for a branch.
    Pull { number: u64, head: CommitId, base: String },
    /// A group of the host's own merge queue.
    Group { head: CommitId, base: String, base_commit: CommitId },
}

/// A workflow run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) id: u64,
    /// Name of the workflow.
    pub(crate) workflow: String,
    /// The event that started it.
    pub(crate) event: String,
    pub(crate) head: CommitId,
}

/// Why a payload cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPayload {
    #[error("the payload of '{event}' lacks {field}")]
    Lacks { event: String, field: &'static str },
    #[error("'{0}' is no event that starts this")]
    Event(String),
}

/// Where a webhook says to look; `None` for events that are nothing to us.
pub(crate) fn wake(event: &str, payload: &Value) -> Option<Wake> {
    let number = |value: &Value| value["number"].as_u64();
    let mut wake = Wake { repository: text(&payload["repository"]["full_name"]), ..Wake::default() };
    match event {
        "pull_request"
        | "pull_request_review"
        | "pull_request_review_comment"
        | "pull_request_review_thread" => {
            wake.pulls.extend(number(&payload["pull_request"]));
        }
        // A comment on an issue is none on a pull request.
        "issue_comment" if payload["issue"]["pull_request"].is_object() => {
            wake.pulls.extend(number(&payload["issue"]));
        }
        "check_run" | "check_suite" | "workflow_run" => {
            let named = payload[event]["pull_requests"].as_array().into_iter().flatten();
            wake.pulls.extend(named.filter_map(number));
            // For a fork the list is empty: all of them, then.
            wake.all = wake.pulls.is_empty();
        }
        "push" | "status" | "merge_group" => wake.all = true,
        _ => return None,
    }
    (!wake.is_idle()).then_some(wake)
}

/// What a workflow run is to check.
///
/// # Errors
/// Another event, or a payload without what it needs.
pub(crate) fn subject(event: &str, payload: &Value) -> Result<Subject, BadPayload> {
    let lacks = |field| BadPayload::Lacks { event: shown(event), field };
    match event {
        "pull_request" | "pull_request_target" => {
            let pull = &payload["pull_request"];
            Ok(Subject::Pull {
                number: pull["number"].as_u64().ok_or(lacks("pull_request.number"))?,
                head: commit(&pull["head"]["sha"]).ok_or(lacks("pull_request.head.sha"))?,
                base: text(&pull["base"]["ref"]).ok_or(lacks("pull_request.base.ref"))?,
            })
        }
        "merge_group" => {
            let group = &payload["merge_group"];
            let base = text(&group["base_ref"]).ok_or(lacks("merge_group.base_ref"))?;
            Ok(Subject::Group {
                head: commit(&group["head_sha"]).ok_or(lacks("merge_group.head_sha"))?,
                base_commit: commit(&group["base_sha"]).ok_or(lacks("merge_group.base_sha"))?,
                base: base.trim_start_matches("refs/heads/").to_owned(),
            })
        }
        other => Err(BadPayload::Event(shown(other))),
    }
}

/// The workflow run of a `workflow_run` event.
///
/// # Errors
/// Another event, or a payload without what it needs.
pub(crate) fn ran(event: &str, payload: &Value) -> Result<Ran, BadPayload> {
    let lacks = |field| BadPayload::Lacks { event: shown(event), field };
    if event != "workflow_run" {
        return Err(BadPayload::Event(shown(event)));
    }
    let run = &payload["workflow_run"];
    Ok(Ran {
        id: run["id"].as_u64().ok_or(lacks("workflow_run.id"))?,
        workflow: text(&run["name"]).unwrap_or_default(),
        event: text(&run["event"]).ok_or(lacks("workflow_run.event"))?,
        head: commit(&run["head_sha"]).ok_or(lacks("workflow_run.head_sha"))?,
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn commit(value: &Value) -> Option<CommitId> {
    CommitId::parse(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn webhooks_say_where_to_look() {
        let pulls = |event: &str, payload: Value| {
            wake(event, &payload).map(|wake| (wake.pulls.into_iter().collect::<Vec<_>>(), wake.all))
        };
        assert_eq!(pulls("pull_request", json!({"pull_request": {"number": 7}})), Some((vec![7], false)));
        let comment = json!({"issue": {"number": 7, "pull_request": {}}});
        assert_eq!(pulls("issue_comment", comment), Some((vec![7], false)));
        assert_eq!(pulls("issue_comment", json!({"issue": {"number": 7}})), None);
        assert_eq!(
            pulls("check_run", json!({"check_run": {"pull_requests": [{"number": 3}]}})),
            Some((vec![3], false))
        );
        assert_eq!(
            pulls("workflow_run", json!({"workflow_run": {"pull_requests": []}})),
            Some((vec![], true))
        );
        assert_eq!(pulls("push", json!({})), Some((vec![], true)));
        assert_eq!(pulls("star", json!({"pull_request": {"number": 7}})), None);
        assert_eq!(pulls("pull_request", json!([])), None);
    }

    #[test]
    fn a_subject_needs_real_commits() {
        let sha = "a".repeat(40);
        let payload = json!({"pull_request": {"number": 7, "head": {"sha": sha}, "base": {"ref": "main"}}});
        assert!(matches!(subject("pull_request", &payload), Ok(Subject::Pull { number: 7, .. })));
        let hostile = json!({"pull_request": {"number": 7, "head": {"sha": "--upload-pack=x"}, "base": {"ref": "main"}}});
        let error = subject("pull_request", &hostile).unwrap_err().to_string();
        assert_eq!(error, "the payload of 'pull_request' lacks pull_request.head.sha");
        assert_eq!(subject("star", &payload).unwrap_err().to_string(), "'star' is no event that starts this");
        let group = json!({"merge_group": {"head_sha": sha, "base_sha": sha, "base_ref": "refs/heads/main"}});
        assert!(matches!(subject("merge_group", &group), Ok(Subject::Group { base, .. }) if base == "main"));
        assert!(ran("workflow_run", &json!({})).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let key = prop_oneof![
                Just("pull_request"),
                Just("number"),
                Just("head"),
                Just("issue"),
                Just("check_run"),
                Just("pull_requests"),
                Just("workflow_run"),
                Just("merge_group")
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_payload_stops_the_reader(payload in any_json()) {
            for event in ["pull_request", "issue_comment", "check_run", "workflow_run", "merge_group", "push", "x"] {
                let _ = wake(event, &payload);
                let _ = subject(event, &payload);
                let _ = ran(event, &payload);
            }
        }
    }
}
