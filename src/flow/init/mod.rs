//! Sets a repository up, and takes that back: decides first what is to be done, then does it. What is there already is
//! kept, so a second time changes nothing.

mod exclude;
mod hook;
mod pages;
mod request;
mod step;

use std::path::Path;

use crate::git::Repo;
use crate::git::exchange::Upstream;
use crate::policy::template::{self, Holds};
use crate::process::which;
use crate::select::preset::Preset;
use crate::store::layout;

use super::project::{Given, SETTINGS};
use super::startable::python_has;
use super::workflows::{HOST_FILES, HOST_MARK, HostFile};
use super::{FlowError, Project};

use exclude::{exclude_step, remove_exclude};
use hook::{hook_step, remove_hook};
use pages::{page_steps, share_folder};
use step::{Action, read, read_any};

pub(crate) use exclude::is_excluded;
pub(crate) use hook::{HookState, hook_state};
pub(crate) use pages::{is_writable, pages_current};
pub(crate) use request::{InitRequest, Page};
pub(crate) use step::{Outcome, Step, apply};

/// Agents that people are likely to have.
pub(crate) const AGENTS: &[&str] = &["claude", "codex", "gemini", "opencode", "aider", "goose", "qwen"];

/// Where landings go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Landing {
    Pushed(Upstream),
    /// The settings say that landings stay local.
    Kept,
    NoUpstream,
}

/// What is to be done, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) base: String,
    pub(crate) landing: Landing,
    pub(crate) preset: Preset,
    /// The test command that the settings have already, on the base or in the worktree.
    pub(crate) tests: Option<String>,
    /// Agents that are installed.
    pub(crate) agents: Vec<String>,
    pub(crate) steps: Vec<Step>,
    pub(crate) warnings: Vec<String>,
    /// Commands that make sense next.
    pub(crate) next: Vec<String>,
}

impl Setup {
    /// What became of files, in words for people: those with this outcome.
    pub(crate) fn with(&self, outcome: Outcome) -> Vec<String> {
        self.steps.iter().filter(|step| step.outcome == outcome).map(|step| step.shown.clone()).collect()
    }
}

/// Decides what `init` does here.
///
/// # Errors
/// No usable repository, a branch named `orch`, settings or files that cannot be read.
pub(crate) fn plan(given: &Given, request: &InitRequest) -> Result<Setup, FlowError> {
    let repo = given.repo()?;
    refuse_branch_in_the_way(&repo)?;
    let (project, base) = match Project::open(given) {
        Ok(project) => {
            let base = project.base.branch.clone();
            (Some(project), base)
        }
        Err(FlowError::NoBase { branch }) => (None, branch),
        Err(err) => return Err(err),
    };
    let mut warnings = Vec::new();
    if project.is_none() {
        warnings.push(format!("{base} has no commit yet: commit something before the first task"));
    }
    if let Some(project) = &project {
        warnings.extend(project.policy.notices.iter().cloned());
    }
    let (preset, landed) = (preset_of(&repo, project.as_ref())?, settings_landed(project.as_ref()));
    let tests = match project.as_ref().and_then(|project| project.policy.tests.all.clone()) {
        Some(command) => Some(command),
        None => tests_in_worktree(&repo)?,
    };
    let mut steps = Vec::new();
    if !request.local && !landed {
        steps.push(settings_step(&repo, preset, request.holds)?);
    }
    if request.github {
        for file in HOST_FILES {
            let (step, warning) = host_step(&repo, file)?;
            steps.push(step);
            warnings.extend(warning);
        }
    }
    let (hook, warning) = hook_step(&repo, request)?;
    steps.extend(hook);
    warnings.extend(warning);
    steps.push(exclude_step(&repo)?);
    let (pages, warning) = page_steps(request)?;
    steps.extend(pages);
    warnings.extend(warning);
    let landing = match &project {
        Some(project) => landing_of(project),
        None => repo.upstream_of(&base).map_or(Landing::NoUpstream, Landing::Pushed),
    };
    let knows_tests = tests.is_some() || preset != Preset::Unknown;
    let mut next = next_commands(landed || request.local, knows_tests, project.as_ref());
    if request.github {
        next.insert(
            0,
            "git add .github && git commit -m \"Let git orch check pull requests\" && git push".to_owned(),
        );
        next.insert(
            0,
            "echo \"REPOSITORY COMMIT\" > .github/actions/git-orch/source    # of git-orch: what runners build".to_owned(),
        );
        warnings.push("GitHub asks for the gate only where it is required: Settings, Rules, status check \"git orch / gate\"".to_owned());
    }
    let agents = AGENTS.iter().filter(|name| which(name).is_some()).map(|&name| name.to_owned()).collect();
    Ok(Setup { base, landing, preset, tests, agents, steps, warnings, next })
}

/// Decides what `init --remove` does here: only what is our own goes.
///
/// # Errors
/// No usable repository, or files that cannot be read.
pub(crate) fn plan_removal(given: &Given, request: &InitRequest) -> Result<Setup, FlowError> {
    let repo = given.repo()?;
    let mut steps = Vec::new();
    let mut warnings = Vec::new();
    steps.extend(remove_hook(&repo)?);
    steps.extend(remove_exclude(&repo)?);
    let project = Project::open(given).ok();
    if repo.main_worktree().join(SETTINGS).exists() || settings_landed(project.as_ref()) {
        warnings.push(format!("{SETTINGS} stays: it is for everybody; to remove it: git rm {SETTINGS}"));
    }
    if HOST_FILES.iter().any(|file| repo.main_worktree().join(file.path).exists()) {
        warnings.push(
            "the workflows stay: they are for everybody; to remove them: git rm -r .github/workflows/orch-*.yml \
             .github/actions/git-orch"
                .to_owned(),
        );
    }
    if share_folder(&request.program)
        .is_ok_and(|share| request.pages.first().is_some_and(|page| share.join(&page.path).exists()))
    {
        warnings.push("the man page and the completion stay: they belong to the program".to_owned());
    }
    let tasks = repo.list(layout::ALL)?.refs.len();
    if tasks > 0 {
        warnings.push(format!("{tasks} refs below {} stay: tasks, runs and their history", layout::ALL));
    }
    let base = project.as_ref().map_or_else(|| "main".to_owned(), |project| project.base.branch.clone());
    let landing = project.as_ref().map_or(Landing::NoUpstream, landing_of);
    let next = vec!["git orch init".to_owned()];
    let (preset, tests, agents) = (Preset::Unknown, None, Vec::new());
    Ok(Setup { base, landing, preset, tests, agents, steps, warnings, next })
}

/// Decides which pages are missing or old: what `doctor --fix` writes besides the exclude line.
///
/// # Errors
/// Files that cannot be read.
pub(crate) fn plan_repair(repo: &Repo, request: &InitRequest) -> Result<Vec<Step>, FlowError> {
    let mut steps = vec![exclude_step(repo)?];
    steps.extend(page_steps(request)?.0);
    Ok(steps)
}

/// A branch `orch` makes every `orch/<task>` impossible.
fn refuse_branch_in_the_way(repo: &Repo) -> Result<(), FlowError> {
    match repo.tip(&layout::branch_ref(layout::BRANCH_PREFIX.trim_end_matches('/')))? {
        Some(_) => Err(FlowError::BranchInTheWay),
        None => Ok(()),
    }
}

fn settings_landed(project: Option<&Project>) -> bool {
    project.is_some_and(|project| project.settings_landed)
}

fn landing_of(project: &Project) -> Landing {
    match &project.base.upstream {
        Some(upstream) => Landing::Pushed(upstream.clone()),
        None if !project.policy.queue.push => Landing::Kept,
        None => Landing::NoUpstream,
    }
}

/// The test command of an `orch.toml` that nobody has committed yet. One that cannot be read says none here.
fn tests_in_worktree(repo: &Repo) -> Result<Option<String>, FlowError> {
    let Some(bytes) = read(&repo.main_worktree().join(SETTINGS))? else { return Ok(None) };
    let values = crate::policy::file::read(&String::from_utf8_lossy(&bytes)).unwrap_or_default();
    Ok(values.get("tests.all").map(ToString::to_string))
}

/// The language, by the names at the top of the base, else of the worktree.
fn preset_of(repo: &Repo, project: Option<&Project>) -> Result<Preset, FlowError> {
    let preset = language_of(repo, project)?;
    let pytest = preset != Preset::Pytest || names_pytest(repo.main_worktree()) || has_pytest();
    Ok(if pytest { preset } else { Preset::Unittest })
}

fn language_of(repo: &Repo, project: Option<&Project>) -> Result<Preset, FlowError> {
    if let Some(project) = project {
        let names = repo.list_folder(&project.base.tip, "")?;
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let found = Preset::detect(&names);
        if found != Preset::Unknown {
            return Ok(found);
        }
    }
    Ok(Preset::detect(&names_in(repo.main_worktree())))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Whether a Python project says that its tests are pytest's: then who has none installed will.
fn names_pytest(folder: &Path) -> bool {
    let says = |name: &String| {
        let tells = ["pyproject.toml", "setup.py", "setup.cfg", "tox.ini"].contains(&name.as_str())
            || name.contains("requirements") && name.ends_with(".txt");
        tells && std::fs::read_to_string(folder.join(name)).is_ok_and(|text| text.contains("pytest"))
    };
    names_in(folder).iter().any(|name| matches!(name.as_str(), "pytest.ini" | "conftest.py") || says(name))
}

fn has_pytest() -> bool {
    python().is_some_and(|python| python_has(python, "pytest"))
}

/// The name under which Python is here.
fn python() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|name| which(name).is_some())
}

fn settings_step(repo: &Repo, preset: Preset, holds: Holds) -> Result<Step, FlowError> {
    let path = repo.main_worktree().join(SETTINGS);
    let shown = SETTINGS.to_owned();
    if read(&path)?.is_some() {
        let note = "not committed yet".to_owned();
        return Ok(Step { outcome: Outcome::Kept, shown, note, actions: Vec::new() });
    }
    let mut text = template::write(preset, holds);
    if python() == Some("python") {
        text = text.replace("\"python3 -m", "\"python -m");
    }
    let bytes = text.into_bytes();
    let note = match preset {
        Preset::Unknown => "no test command known: write tests.all into it".to_owned(),
        known => format!("tests by {}", known.name()),
    };
    let actions = vec![Action::Write { path, bytes, executable: false }];
    Ok(Step { outcome: Outcome::Created, shown, note, actions })
}

/// One of the files by which GitHub runs the bot. One that is somebody's own by now stays as it is.
fn host_step(repo: &Repo, file: &HostFile) -> Result<(Step, Option<String>), FlowError> {
    let path = repo.main_worktree().join(file.path);
    let bytes = file.text.as_bytes().to_vec();
    let step = |outcome, note: &str, actions| Step {
        outcome,
        shown: file.path.to_owned(),
        note: note.to_owned(),
        actions,
    };
    let write = vec![Action::Write { path: path.clone(), bytes: bytes.clone(), executable: false }];
    Ok(match read_any(&path)? {
        None => (step(Outcome::Created, "", write), None),
        Some(found) if found == bytes => (step(Outcome::Kept, "", Vec::new()), None),
        Some(found) if String::from_utf8_lossy(&found).starts_with(HOST_MARK) => {
            (step(Outcome::Changed, "brought up to date", write), None)
        }
        Some(_) => {
            let warning = format!("{} is somebody's own: it stays as it is", file.path);
            (step(Outcome::Kept, "not ours", Vec::new()), Some(warning))
        }
    })
}

fn next_commands(committed: bool, knows_tests: bool, project: Option<&Project>) -> Vec<String> {
    let mut next = Vec::new();
    if !committed && !knows_tests {
        next.push(format!("$(git var GIT_EDITOR) {SETTINGS}    # your test command, as tests.all"));
    }
    if !committed {
        next.push(format!("git add {SETTINGS} && git commit -m \"Add {SETTINGS}\""));
    }
    next.push("git orch add \"Fix the flaky login test\"".to_owned());
    if project.is_none_or(|project| project.policy.agents.implement.is_none()) {
        next.push("git config orch.agents.implement 'exec:YOUR-AGENT'".to_owned());
    }
    next.push("git orch run".to_owned());
    next
}
