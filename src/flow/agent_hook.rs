//! What an agent program asks before it uses a tool, and before it stops: paths outside of its worktree are refused, and
//! so is the end of a turn whose work is not handed in.
//!
//! This is for agents that people start themselves; those of `run` are in a sandbox. It judges the paths that tools
//! name: what a shell command writes is held by a sandbox alone, and by the gate afterwards.

/// Which paths a tool's input names.
mod named;

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::guard::paths::{self, Whose};
use crate::select::globs::Globs;
use crate::task::id::{TaskId, shown};
use crate::task::{State, Task};

use self::named::{Named, paths_of};
use super::project::Given;
use super::{FlowError, Project};

/// Tools that only read: a path of theirs is no change.
const READERS: [&str; 9] = [
    "Read",
    "Glob",
    "Grep",
    "LS",
    "LSP",
    "NotebookRead",
    "WebFetch",
    "ReadMcpResourceTool",
    "ExitPlanMode", // shows the plan that was written before
];

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whether a tool may be used.
    BeforeTool,
    /// Whether the turn may end.
    BeforeStop,
}

/// Where the session that asks began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    /// The folder that the agent program calls its project's.
    pub(crate) folder: Option<PathBuf>,
    /// Set by `run` for its agents.
    pub(crate) task: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    hook_event_name: String,
    #[serde(default)]
    cwd: Option<PathBuf>,
    #[serde(default)]
    tool_name: Option<String>,
    #[serde(default)]
    tool_input: Value,
    /// The turn goes on because this hook said so before.
    #[serde(default)]
    stop_hook_active: bool,
}

/// Answers an agent program: `Some` is why not, in words for the model.
///
/// # Errors
/// The question cannot be read, or the repository cannot: whoever calls this must refuse then.
pub(crate) fn answer(
    given: &Given,
    session: &Session,
    asked: Asked,
    text: &str,
) -> Result<Option<String>, FlowError> {
    let unclear =
        |why: String| FlowError::BadValue { what: "the question of the agent's hook".to_owned(), why };
    let payload: Payload = serde_json::from_str(text).map_err(|err| unclear(err.to_string()))?;
    let name = match asked {
        Asked::BeforeTool => "PreToolUse",
        Asked::BeforeStop => "Stop",
    };
    if payload.hook_event_name != name {
        let found = shown(&payload.hook_event_name);
        return Err(unclear(format!("it is about '{found}', this hook answers {name}")));
    }
    match asked {
        // Said once already: a second no would never end.
        Asked::BeforeStop if payload.stop_hook_active => Ok(None),
        // The work of an agent of `run` is handed in by `run`, when the agent ends.
        Asked::BeforeStop if session.task.is_some() => Ok(None),
        Asked::BeforeStop => Sandbox::of(given, session)?.unfinished(),
        Asked::BeforeTool => {
            let tool = payload.tool_name.as_deref().ok_or_else(|| unclear("it names no tool".to_owned()))?;
            if !payload.tool_input.is_object() {
                return Err(unclear("tool_input is no object".to_owned()));
            }
            if READERS.contains(&tool) {
                return Ok(None);
            }
            let named = paths_of(&payload.tool_input);
            if named.is_empty() {
                return Ok(None);
            }
            let sandbox = Sandbox::of(given, session)?;
            let from = payload.cwd.as_deref().unwrap_or(&given.dir);
            for named in named {
                let refused = match named {
                    Named::Path(path) => sandbox.refuses(from, &path)?,
                    Named::Unclear(text) => {
                        Some(format!("{} may lead anywhere: name a plain path", shown(&text)))
                    }
                };
                if refused.is_some() {
                    return Ok(refused);
                }
            }
            Ok(None)
        }
    }
}

/// Where a session may write.
struct Sandbox {
    project: Project,
    /// The session's own task; it may write to no other worktree.
    task: Option<TaskId>,
    /// The top of the worktree in which the session began.
    top: PathBuf,
}

impl Sandbox {
    fn of(given: &Given, session: &Session) -> Result<Sandbox, FlowError> {
        let dir = session.folder.clone().unwrap_or_else(|| given.dir.clone());
        let project = Project::open(&Given { dir: dir.clone(), ..given.clone() })?;
        let task = match &session.task {
            Some(text) => Some(TaskId::parse(text)?),
            None => project.task_here(&dir),
        };
        let top = match &task {
            Some(id) => project.worktree_of(id),
            None => project.repo.here().unwrap_or(project.root()).to_owned(),
        };
        let top = top.canonicalize().map_err(FlowError::file("find", &top))?;
        Ok(Sandbox { project, task, top })
    }

    /// Why a tool must not write to `path`.
    fn refuses(&self, from: &Path, path: &Path) -> Result<Option<String>, FlowError> {
        let Some(real) = real_place(&from.join(path)) else {
            let shown = shown(&path.to_string_lossy());
            return Ok(Some(format!(
                "{shown} leads through a link or '..' to nowhere known: name a plain path"
            )));
        };
        let Ok(below) = real.strip_prefix(&self.top) else {
            return Ok(Some(format!(
                "{} is outside of {}: change files only there",
                shown(&real.to_string_lossy()),
                self.top.display()
            )));
        };
        // Somebody who works from the main worktree may write to the worktrees of tasks, by the rules of each.
        let other = if self.task.is_none() { self.project.task_here_or_below(&real) } else { None };
        let (task, below) = match &other {
            Some(id) => (Some(id), real.strip_prefix(self.project.worktree_of(id)).unwrap_or(below)),
            None => (self.task.as_ref(), below),
        };
        let Some(name) = below.to_str() else {
            return Ok(Some("a path must be UTF-8".to_owned()));
        };
        let mut allowed = self.project.allowed_paths();
        if let Some(task) = self.open_task(task)?.filter(|task| !task.paths.is_empty()) {
            let globs = Globs::parse(&task.paths).map_err(|bad| FlowError::BadValue {
                what: format!("bad glob '{}' in the paths of {}", shown(&bad.glob), task.id),
                why: bad.why,
            })?;
            allowed.push((Whose::Task, globs));
        }
        let outside = paths::check(&[name], &allowed, &self.project.policy.paths.deny).err();
        Ok(outside.and_then(|all| all.first().map(ToString::to_string)))
    }

    fn open_task(&self, id: Option<&TaskId>) -> Result<Option<Task>, FlowError> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.project.store.load(id)?.map(|stored| stored.task))
    }

    /// Why the turn must not end yet.
    fn unfinished(&self) -> Result<Option<String>, FlowError> {
        let Some(task) = self.open_task(self.task.as_ref())? else { return Ok(None) };
        if !matches!(task.state, State::Assigned { .. } | State::InProgress { .. }) {
            return Ok(None);
        }
        let id = &task.id;
        Ok(Some(format!(
            "{id} is not handed in. Hand it in: git orch submit {id} -m \"what you did\"\nIf it cannot be done, give it \
             back and say why: git orch pick {id} --release"
        )))
    }
}

impl Project {
    /// The task below whose worktree's place a file is or would be.
    fn task_here_or_below(&self, file: &Path) -> Option<TaskId> {
        file.ancestors().skip(1).find(|folder| folder.is_dir()).and_then(|folder| self.task_here(folder))
    }
}

/// Where a file is or would be, with all links followed; `None` where that cannot be said for sure.
fn real_place(path: &Path) -> Option<PathBuf> {
    let mut rest = Vec::new();
    let mut at = path;
    loop {
        if at.symlink_metadata().is_ok() {
            // A link that leads nowhere has no place: whoever makes its target decides.
            let mut real = at.canonicalize().ok()?;
            real.extend(rest.iter().rev());
            return Some(real);
        }
        match at.components().next_back()? {
            Component::Normal(name) => rest.push(name.to_owned()),
            _ => return None,
        }
        at = at.parent()?;
    }
}
