//! What a manager's answer says: a plan of tasks (A2, E1), held to its form before anybody looks at it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::answer::last_object;
use crate::task::id::{TaskId, shown};

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposed {
    pub(crate) id: TaskId,
    pub(crate) title: String,
    /// As Markdown with the headings of a contract.
    pub(crate) spec: String,
    pub(crate) paths: Vec<String>,
    /// Ids of this plan.
    pub(crate) after: Vec<TaskId>,
    pub(crate) tier: u8,
    pub(crate) domain: Option<String>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) summary: String,
    pub(crate) risks: Vec<String>,
    /// Each after all that it comes after.
    pub(crate) tasks: Vec<Proposed>,
}

/// Why an answer is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlan {
    #[error("no JSON object with \"tasks\"")]
    NoJson,
    #[error("{0}")]
    Form(String),
    #[error("it has no tasks")]
    Empty,
    #[error("it has {found} tasks, the limit is {most}")]
    TooMany { found: usize, most: u32 },
    #[error("{0}")]
    Id(#[from] crate::task::id::BadId),
    #[error("{0} is there twice")]
    Twice(TaskId),
    #[error("{id} comes after '{missing}', which is not in the plan")]
    Unknown { id: TaskId, missing: String },
    #[error("some of its tasks wait for each other: {}", .0.iter().map(TaskId::as_str).collect::<Vec<_>>().join(", "))]
    Cycle(Vec<TaskId>),
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    risks: Vec<String>,
    tasks: Vec<TaskWire>,
}

#[derive(Deserialize)]
struct TaskWire {
    id: String,
    title: String,
    objective: String,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    boundaries: String,
    done_when: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
    tier: Option<u8>,
    domain: Option<String>,
}

/// Reads a plan of at most `most` tasks; its last JSON object with `tasks` counts.
///
/// # Errors
/// It breaks the agreed form, or its tasks do not go together.
pub(crate) fn read(answer: &str, most: u32) -> Result<Proposal, NoPlan> {
    let found = last_object(answer, "tasks").ok_or(NoPlan::NoJson)?;
    let wire: Wire = serde_json::from_value(found).map_err(|why| NoPlan::Form(why.to_string()))?;
    let found = wire.tasks.len();
    if found == 0 {
        return Err(NoPlan::Empty);
    }
    if found > most as usize {
        return Err(NoPlan::TooMany { found, most });
    }
    let mut ids = BTreeSet::new();
    for task in &wire.tasks {
        let id = TaskId::parse(task.id.trim())?;
        if !ids.insert(id.clone()) {
            return Err(NoPlan::Twice(id));
        }
    }
    let mut tasks = Vec::new();
    for task in wire.tasks {
        tasks.push(proposed(task, &ids)?);
    }
    Ok(Proposal { summary: wire.summary, risks: wire.risks, tasks: in_order(tasks)? })
}

fn proposed(task: TaskWire, ids: &BTreeSet<TaskId>) -> Result<Proposed, NoPlan> {
    let id = TaskId::parse(task.id.trim())?;
    let mut after = Vec::new();
    for text in &task.after {
        match ids.iter().find(|other| other.as_str() == text.trim()) {
            Some(other) => after.push(other.clone()),
            None => return Err(NoPlan::Unknown { id, missing: shown(text) }),
        }
    }
    let list = |lines: &[String]| lines.iter().map(|line| format!("- {}\n", line.trim())).collect::<String>();
    let mut spec = format!("## Objective\n\n{}\n", task.objective.trim());
    if !task.sources.is_empty() {
        spec.push_str(&format!("\n## Sources\n\n{}", list(&task.sources)));
    }
    if !task.boundaries.trim().is_empty() {
        spec.push_str(&format!("\n## Boundaries\n\n{}\n", task.boundaries.trim()));
    }
    spec.push_str(&format!("\n## Acceptance criteria\n\n{}", list(&task.done_when)));
    Ok(Proposed {
        id,
        title: task.title.split_whitespace().collect::<Vec<_>>().join(" "),
        spec,
        paths: task.paths,
        after,
        tier: task.tier.unwrap_or(1).clamp(1, 4),
        domain: task.domain.filter(|domain| !domain.trim().is_empty()),
    })
}

/// Each task behind those that it comes after, else as they came.
fn in_order(mut tasks: Vec<Proposed>) -> Result<Vec<Proposed>, NoPlan> {
    let mut done: Vec<Proposed> = Vec::new();
    while !tasks.is_empty() {
        let known = |id: &TaskId| done.iter().any(|task| task.id == *id);
        match tasks.iter().position(|task| task.after.iter().all(known)) {
            Some(at) => done.push(tasks.remove(at)),
            None => return Err(NoPlan::Cycle(tasks.into_iter().map(|task| task.id).collect())),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(tasks: &str) -> Result<Proposal, NoPlan> {
        read(&format!("I looked.\n{{\"summary\":\"s\",\"risks\":[\"r\"],\"tasks\":[{tasks}]}}"), 3)
    }

    fn task(id: &str, after: &str) -> String {
        format!(
            r#"{{"id":"{id}","title":"Do  {id}","objective":"It works.","done_when":["x passes"],"after":[{after}]}}"#
        )
    }

    #[test]
    fn a_plan_is_put_in_order_and_its_specs_are_contracts() {
        let plan = plan(&format!("{},{}", task("b", "\"a\""), task("a", ""))).unwrap();
        let ids: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!((ids, plan.tasks[0].title.as_str(), plan.tasks[0].tier), (vec!["a", "b"], "Do a", 1));
        assert_eq!(plan.tasks[0].spec, "## Objective\n\nIt works.\n\n## Acceptance criteria\n\n- x passes\n");
        let gaps = crate::task::contract::gaps(
            "x",
            &plan.tasks[0].spec,
            4,
            crate::task::contract::Require::Checkable,
        );
        assert_eq!(gaps, []);
    }

    #[test]
    fn what_is_no_plan_says_why() {
        let why = |tasks: &str| plan(tasks).unwrap_err().to_string();
        assert_eq!(read("no", 3).unwrap_err(), NoPlan::NoJson);
        assert_eq!(why(""), "it has no tasks");
        assert_eq!(
            why(&["a", "b", "c", "d"].map(|id| task(id, "")).join(",")),
            "it has 4 tasks, the limit is 3"
        );
        assert_eq!(why(&format!("{},{}", task("a", ""), task("a", ""))), "a is there twice");
        assert_eq!(why(&task("a", "\"z\"")), "a comes after 'z', which is not in the plan");
        assert_eq!(why(&task("../x", "")), "task id '../x' may only use a-z 0-9 - (found '.')");
        assert_eq!(
            why(&format!("{},{}", task("a", "\"b\""), task("b", "\"a\""))),
            "some of its tasks wait for each other: a, b"
        );
        assert_eq!(why(r#"{"id":"a","title":"t","objective":"o"}"#), "missing field `done_when`");
    }
}
