//! How that is stored what a person gives: a new task, and changes to one.

use serde::{Deserialize, Serialize};

use super::{RecordError, ids, task_id, task_ids};
use crate::task::actor::Who;
use crate::task::event::{Edit, NewTask};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NewTaskWire {
    id: String,
    title: String,
    spec: String,
    priority: u8,
    paths: Vec<String>,
    after: Vec<String>,
    tier: u8,
    domain: Option<String>,
    branch: String,
    adopted: bool,
    draft: bool,
    tries_max: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EditWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hotfix: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegates: Option<Vec<String>>,
}

pub(super) fn new_task_wire(new: &NewTask) -> NewTaskWire {
    let NewTask { id, title, spec, priority, paths, after, tier, domain, branch, adopted, draft, tries_max } =
        new.clone();
    NewTaskWire {
        id: id.to_string(),
        title,
        spec,
        priority,
        paths,
        after: ids(&after),
        tier,
        domain,
        branch,
        adopted,
        draft,
        tries_max,
    }
}

pub(super) fn new_task_of(wire: NewTaskWire) -> Result<NewTask, RecordError> {
    Ok(NewTask {
        id: task_id(&wire.id)?,
        title: wire.title,
        spec: wire.spec,
        priority: wire.priority,
        paths: wire.paths,
        after: task_ids(&wire.after)?,
        tier: wire.tier,
        domain: wire.domain,
        branch: wire.branch,
        adopted: wire.adopted,
        draft: wire.draft,
        tries_max: wire.tries_max,
    })
}

pub(super) fn edit_wire(edit: &Edit) -> EditWire {
    let Edit { title, spec, priority, paths, after, tier, domain, hotfix, delegates } = edit.clone();
    let delegates = delegates.map(|all| all.into_iter().map(|who| who.0).collect());
    EditWire {
        title,
        spec,
        priority,
        paths,
        after: after.as_deref().map(ids),
        tier,
        domain,
        hotfix,
        delegates,
    }
}

pub(super) fn edit_of(wire: EditWire) -> Result<Edit, RecordError> {
    Ok(Edit {
        title: wire.title,
        spec: wire.spec,
        priority: wire.priority,
        paths: wire.paths,
        after: wire.after.as_deref().map(task_ids).transpose()?,
        tier: wire.tier,
        domain: wire.domain,
        hotfix: wire.hotfix,
        delegates: wire.delegates.map(|all| all.into_iter().map(Who).collect()),
    })
}
