//! A task's text and place: added, edited, what it depends on.

use std::collections::BTreeMap;

use crate::plan::graph;
use crate::process::random_letters;
use crate::store::{Op, StoreError, Stored, layout};
use crate::task::event::{Edit, NewTask};
use crate::task::id::TaskId;
use crate::task::{Event, Evidence, State, Task, Trouble};

use super::{FlowError, Project, Vaguely};

/// What `add` was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddRequest {
    pub(crate) id: Option<String>,
    pub(crate) title: String,
    pub(crate) spec: String,
    pub(crate) priority: Option<u8>,
    pub(crate) paths: Vec<String>,
    pub(crate) after: Vec<String>,
    pub(crate) tier: Option<u8>,
    pub(crate) domain: Option<String>,
    pub(crate) draft: bool,
}

/// The priority of a task that does not say: the middle of 0 to 4.
pub(crate) const PRIORITY: u8 = 2;

impl Project {
    /// The event that `add` would write.
    ///
    /// # Errors
    /// A bad or used id, an unknown dependency, a bad glob, a spec that is too vague and no draft.
    pub(crate) fn plan_add(&self, request: &AddRequest) -> Result<NewTask, FlowError> {
        let id = match &request.id {
            Some(text) => self.free_id(text)?,
            None => self.new_id()?,
        };
        check_globs("--paths", &request.paths)?;
        let after = self.dependencies(id.as_str(), &request.after)?;
        if !request.draft {
            let tier = request.tier.unwrap_or(1);
            self.refuse_vague(Vaguely::Added, &request.title, &request.spec, tier)?;
        }
        Ok(NewTask {
            branch: layout::branch_of(&id),
            id,
            title: request.title.clone(),
            spec: request.spec.clone(),
            priority: request.priority.unwrap_or(PRIORITY),
            paths: request.paths.clone(),
            after,
            tier: request.tier.unwrap_or(1),
            domain: request.domain.clone(),
            adopted: false,
            draft: request.draft,
            tries_max: self.policy.retry.tries,
        })
    }

    /// Adds a task.
    ///
    /// # Errors
    /// Somebody else took the id in this moment, or git fails.
    pub(crate) fn add(&self, op: &Op, new: NewTask) -> Result<Stored, FlowError> {
        let id = new.id.clone();
        match self.store.create(op, &self.person(), &Event::Added(Box::new(new))) {
            Err(StoreError::Exists(_)) => Err(FlowError::Exists { id, stands: "open" }),
            other => Ok(other?),
        }
    }

    fn free_id(&self, text: &str) -> Result<TaskId, FlowError> {
        let id = TaskId::parse(text)?;
        let taken = match self.store.load(&id)? {
            Some(stored) => Some(stored),
            None => self.store.archived(&id)?,
        };
        match taken {
            Some(stored) => Err(FlowError::Exists { id, stands: stored.task.state.said() }),
            None => Ok(id),
        }
    }

    fn new_id(&self) -> Result<TaskId, FlowError> {
        for length in 4_usize.. {
            for _ in 0..8 {
                let id = TaskId::parse(&format!("t-{}", random_letters(length)))?;
                let open = self.repo.tip(&layout::task_ref(&id))?.is_some();
                if !open && self.store.archived(&id)?.is_none() {
                    return Ok(id);
                }
            }
        }
        unreachable!("some length has free ids")
    }

    pub(crate) fn dependencies(&self, of: &str, texts: &[String]) -> Result<Vec<TaskId>, FlowError> {
        let mut after = Vec::new();
        for text in texts {
            let found = self.find(text).map_err(|err| match err {
                FlowError::Unknown { wanted, .. } => {
                    FlowError::UnknownDependency { id: of.to_owned(), missing: wanted }
                }
                other => other,
            })?;
            let id = found.stored().task.id.clone();
            if !after.contains(&id) {
                after.push(id);
            }
        }
        Ok(after)
    }

    /// Turns what `edit` was asked for into an edit, with its dependencies looked up and checked for cycles.
    ///
    /// # Errors
    /// An unknown dependency, a cycle, a bad glob, a spec that is too vague for a task that may be taken.
    pub(crate) fn plan_edit(
        &self,
        task: &Task,
        mut edit: Edit,
        after: Option<&[String]>,
    ) -> Result<Edit, FlowError> {
        if let Some(paths) = &edit.paths {
            check_globs("--paths", paths)?;
        }
        let says = edit.title.is_some() || edit.spec.is_some() || edit.tier.is_some();
        if says && !task.adopted && task.state != State::InPlanning {
            let title = edit.title.as_ref().unwrap_or(&task.title);
            let spec = edit.spec.as_ref().unwrap_or(&task.spec);
            let what = Vaguely::Edited(task.id.clone());
            self.refuse_vague(what, title, spec, edit.tier.unwrap_or(task.tier))?;
        }
        if edit.delegates.is_some() || edit.hotfix == Some(true) {
            self.refuse_stranger("edit", task.id.as_str(), &[])?; // a delegate cannot pass it on
        }
        if let Some(texts) = after {
            let after = self.dependencies(task.id.as_str(), texts)?;
            let known: BTreeMap<TaskId, Vec<TaskId>> =
                self.store.open_tasks()?.rows.into_iter().map(|row| (row.card.id, row.card.after)).collect();
            if let Some(path) = graph::cycle(&task.id, &after, &known) {
                return Err(FlowError::Cycle { path });
            }
            edit.after = Some(after);
        }
        Ok(edit)
    }

    /// Writes an edit.
    ///
    /// # Errors
    /// The task is finished, or git fails.
    pub(crate) fn edit(&self, op: &Op, id: &TaskId, edit: &Edit) -> Result<Stored, FlowError> {
        self.store.change(op, &self.person(), id, |_| Ok(vec![Event::Edited(edit.clone())]))
    }
}

fn check_globs(what: &str, globs: &[String]) -> Result<(), FlowError> {
    crate::select::globs::Globs::parse(globs).map(|_| ()).map_err(|bad| FlowError::BadValue {
        what: format!("bad glob '{}' in {what}", crate::task::id::shown(&bad.glob)),
        why: bad.why,
    })
}

/// Evidence that a conflict with the base gives.
pub(crate) fn conflict_with_base(base: &str, files: Vec<String>) -> Evidence {
    Evidence::new(Trouble::ConflictBase, format!("conflicts with {base} in {}", files.join(", ")))
        .with_files(files)
}
