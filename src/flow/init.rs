//! Sets a repository up, and takes that back: decides first what is to be done, then does it. What is there already is
//! kept, so a second time changes nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::git::Repo;
use crate::git::exchange::Upstream;
use crate::policy::template;
use crate::process::which;
use crate::select::preset::Preset;
use crate::store::layout;

use super::project::{Given, SETTINGS};
use super::tree::FOLDER;
use super::workflows::{HOST_FILES, HOST_MARK, HostFile};
use super::{FlowError, Project};

/// The hook as it is embedded, with a place for the program's path.
const HOOK: &str = include_str!("../../hooks/pre-push");
/// What only our own hook says.
const HOOK_MARK: &str = "# Put here by git orch:";
/// How the hook that was there before is called now.
const BEFORE: &str = "pre-push.before-orch";
/// Agents that people are likely to have.
pub(crate) const AGENTS: &[&str] = &["claude", "codex", "gemini", "opencode", "aider", "goose", "qwen"];

/// A page or a completion file, as `cli` writes it, below the folder `share`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Such as `man/man1/git-orch.1`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What `init` was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct InitRequest {
    /// Write nothing that others would get: no `orch.toml`.
    pub(crate) local: bool,
    /// Put the hook even into a folder that other repositories use too.
    pub(crate) shared_hooks: bool,
    /// Write the workflows by which GitHub runs the bot.
    pub(crate) github: bool,
    /// The program that the hook calls.
    pub(crate) program: PathBuf,
    pub(crate) pages: Vec<Page>,
}

/// What becomes of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Changed,
    Kept,
    Removed,
}

/// One file, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) outcome: Outcome,
    /// As a person sees it: below the repository relative to it.
    pub(crate) shown: String,
    pub(crate) note: String,
    actions: Vec<Action>,
}

/// One change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Write { path: PathBuf, bytes: Vec<u8>, executable: bool },
    Rename { from: PathBuf, to: PathBuf },
    Delete { path: PathBuf },
}

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
    let repo = Repo::discover(&given.dir)?;
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
    let mut steps = Vec::new();
    if !request.local && !landed {
        steps.push(settings_step(&repo, preset)?);
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
    let mut next = next_commands(landed || request.local, project.as_ref());
    if request.github {
        next.insert(
            0,
            "git add .github && git commit -m \"Let git orch check pull requests\" && git push".to_owned(),
        );
        warnings.push("GitHub asks for the gate only where it is required: Settings, Rules, status check \"git orch / gate\"".to_owned());
    }
    let agents = AGENTS.iter().filter(|name| which(name).is_some()).map(|&name| name.to_owned()).collect();
    Ok(Setup { base, landing, preset, agents, steps, warnings, next })
}

/// Decides what `init --remove` does here: only what is our own goes.
///
/// # Errors
/// No usable repository, or files that cannot be read.
pub(crate) fn plan_removal(given: &Given, request: &InitRequest) -> Result<Setup, FlowError> {
    let repo = Repo::discover(&given.dir)?;
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
    Ok(Setup { base, landing, preset: Preset::Unknown, agents: Vec::new(), steps, warnings, next })
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

/// Does what was decided.
///
/// # Errors
/// A file cannot be written; what was done before stays, and a second call goes on.
pub(crate) fn apply(steps: &[Step]) -> Result<(), FlowError> {
    steps.iter().flat_map(|step| &step.actions).try_for_each(act)
}

fn act(action: &Action) -> Result<(), FlowError> {
    match action {
        Action::Write { path, bytes, executable } => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(FlowError::file("make", folder))?;
            }
            let failed = || FlowError::file("write", path);
            // A new file in its place: git or another init never sees half of it.
            let fresh = path.with_extension(format!("{}.tmp", crate::process::random_letters(8)));
            std::fs::write(&fresh, bytes).map_err(failed())?;
            let mode = match std::fs::metadata(path) {
                Ok(old) if !executable => old.permissions().mode(),
                _ => {
                    let made = std::fs::metadata(&fresh).map_err(failed())?.permissions().mode();
                    // Whoever may read it may run it.
                    if *executable { made | ((made & 0o444) >> 2) } else { made }
                }
            };
            std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(mode)).map_err(failed())?;
            std::fs::rename(&fresh, path).map_err(failed())
        }
        Action::Rename { from, to } => std::fs::rename(from, to).map_err(FlowError::file("rename", from)),
        Action::Delete { path } => std::fs::remove_file(path).map_err(FlowError::file("remove", path)),
    }
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

/// The language, by the names at the top of the base, else of the worktree.
fn preset_of(repo: &Repo, project: Option<&Project>) -> Result<Preset, FlowError> {
    if let Some(project) = project {
        let names = repo.list_folder(&project.base.tip, "")?;
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let found = Preset::detect(&names);
        if found != Preset::Unknown {
            return Ok(found);
        }
    }
    let entries = std::fs::read_dir(repo.main_worktree()).into_iter().flatten().flatten();
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    Ok(Preset::detect(&names))
}

fn settings_step(repo: &Repo, preset: Preset) -> Result<Step, FlowError> {
    let path = repo.main_worktree().join(SETTINGS);
    let shown = SETTINGS.to_owned();
    if read(&path)?.is_some() {
        let note = "not committed yet".to_owned();
        return Ok(Step { outcome: Outcome::Kept, shown, note, actions: Vec::new() });
    }
    let bytes = template::write(preset).into_bytes();
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

/// Our hook, for a program at this path.
fn hook_text(program: &Path) -> String {
    let quoted = format!("'{}'", program.to_string_lossy().replace('\'', r"'\''"));
    HOOK.replace("@PROGRAM@", &quoted)
}

fn is_ours(hook: &[u8]) -> bool {
    String::from_utf8_lossy(hook).contains(HOOK_MARK)
}

fn hook_step(repo: &Repo, request: &InitRequest) -> Result<(Option<Step>, Option<String>), FlowError> {
    let folder = repo.hooks_folder();
    let (path, before) = (folder.path.join("pre-push"), folder.path.join(BEFORE));
    let shown = shown_path(repo, &path);
    let bytes = hook_text(&request.program).into_bytes();
    let write = Action::Write { path: path.clone(), bytes: bytes.clone(), executable: true };
    let step = |outcome, note: &str, actions| {
        Some(Step { outcome, shown: shown.clone(), note: note.to_owned(), actions })
    };
    let found = read_any(&path)?;
    if found.as_ref() == Some(&bytes) {
        return Ok((step(Outcome::Kept, "", Vec::new()), None));
    }
    if folder.shared && !request.shared_hooks {
        let warning = format!(
            "no pre-push hook: core.hooksPath is {}, which other repositories use too; \
             to put it there all the same: git orch init --with hooks",
            folder.path.display()
        );
        return Ok((None, Some(warning)));
    }
    match found {
        None => Ok((step(Outcome::Created, "checks the size of what is pushed", vec![write]), None)),
        Some(old) if is_ours(&old) => {
            Ok((step(Outcome::Changed, "calls this program now", vec![write]), None))
        }
        Some(_) if before.symlink_metadata().is_ok() => {
            let warning = format!(
                "no pre-push hook: {shown} is somebody else's, and so is {BEFORE} beside it; merge the two first"
            );
            Ok((step(Outcome::Kept, "not ours", Vec::new()), Some(warning)))
        }
        Some(_) => {
            let actions = vec![Action::Rename { from: path, to: before }, write];
            Ok((step(Outcome::Changed, "kept your old hook, it runs first", actions), None))
        }
    }
}

fn remove_hook(repo: &Repo) -> Result<Option<Step>, FlowError> {
    let folder = repo.hooks_folder().path;
    let (path, before) = (folder.join("pre-push"), folder.join(BEFORE));
    if !read_any(&path)?.is_some_and(|hook| is_ours(&hook)) {
        return Ok(None);
    }
    let shown = shown_path(repo, &path);
    Ok(Some(if before.symlink_metadata().is_ok() {
        let actions = vec![Action::Rename { from: before, to: path }];
        Step { outcome: Outcome::Changed, shown, note: "your old hook is back".to_owned(), actions }
    } else {
        let actions = vec![Action::Delete { path }];
        Step { outcome: Outcome::Removed, shown, note: String::new(), actions }
    }))
}

/// Whether our hook is where git looks for it, and calls a program that exists.
///
/// # Errors
/// The hook cannot be read.
pub(crate) fn hook_state(repo: &Repo) -> Result<HookState, FlowError> {
    let path = repo.hooks_folder().path.join("pre-push");
    let Some(bytes) = read_any(&path)? else { return Ok(HookState::Missing) };
    let runs = std::fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    Ok(match (is_ours(&bytes), runs) {
        (false, _) => HookState::Foreign,
        (true, false) => HookState::NotExecutable,
        (true, true) => HookState::Ours,
    })
}

/// What is at the place of our hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookState {
    Ours,
    NotExecutable,
    Foreign,
    Missing,
}

/// The line that keeps `git add -A` from staging worktrees as repositories.
fn exclude_line() -> String {
    format!("/{FOLDER}/")
}

/// Whether worktrees of tasks are ignored here.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn is_excluded(repo: &Repo) -> Result<bool, FlowError> {
    let text = read(&repo.exclude_file())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().any(|line| line.trim().trim_matches('/') == FOLDER))
}

fn exclude_step(repo: &Repo) -> Result<Step, FlowError> {
    let path = repo.exclude_file();
    let shown = shown_path(repo, &path);
    let note = exclude_line();
    if is_excluded(repo)? {
        return Ok(Step { outcome: Outcome::Kept, shown, note, actions: Vec::new() });
    }
    let old = read(&path)?;
    let outcome = if old.is_some() { Outcome::Changed } else { Outcome::Created };
    let mut bytes = old.unwrap_or_default();
    // A last line without an end keeps having none, so that a removal restores the very bytes.
    let added =
        if bytes.is_empty() || bytes.ends_with(b"\n") { format!("{note}\n") } else { format!("\n{note}") };
    bytes.extend(added.into_bytes());
    Ok(Step { outcome, shown, note, actions: vec![Action::Write { path, bytes, executable: false }] })
}

fn remove_exclude(repo: &Repo) -> Result<Option<Step>, FlowError> {
    let path = repo.exclude_file();
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let line = exclude_line();
    let kept: Vec<&[u8]> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|part| part.trim_ascii() != line.as_bytes())
        .collect();
    let mut kept = kept.concat();
    if kept == bytes {
        return Ok(None);
    }
    if !bytes.ends_with(b"\n") && kept.ends_with(b"\n") && bytes.ends_with(line.as_bytes()) {
        kept.pop();
    }
    let shown = shown_path(repo, &path);
    let (outcome, action) = if kept.is_empty() {
        (Outcome::Removed, Action::Delete { path })
    } else {
        (Outcome::Changed, Action::Write { path, bytes: kept, executable: false })
    };
    Ok(Some(Step { outcome, shown, note: format!("without {line}"), actions: vec![action] }))
}

/// The folder `share` beside the program's folder, where man looks with no setting at all: only for a program in a
/// folder `bin`.
fn share_folder(program: &Path) -> Result<PathBuf, String> {
    let folder = program.parent().filter(|folder| folder.ends_with("bin"));
    let Some(prefix) = folder.and_then(Path::parent) else {
        return Err(format!("no man page and no completion: {} is in no folder bin", program.display()));
    };
    let share = prefix.join("share");
    let nearest = share.ancestors().find(|folder| folder.exists()).unwrap_or(prefix);
    match is_writable(nearest) {
        true => Ok(share),
        false => Err(format!("no man page and no completion: {} cannot be written to", nearest.display())),
    }
}

/// Whether files can be made in a folder.
pub(crate) fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}

/// What stands about the man page: `Ok(true)` if all pages are there and current.
///
/// # Errors
/// The reason why there can be none.
pub(crate) fn pages_current(request: &InitRequest) -> Result<bool, String> {
    let share = share_folder(&request.program)?;
    Ok(request
        .pages
        .iter()
        .all(|page| std::fs::read(share.join(&page.path)).is_ok_and(|bytes| bytes == page.text.as_bytes())))
}

fn page_steps(request: &InitRequest) -> Result<(Vec<Step>, Option<String>), FlowError> {
    let share = match share_folder(&request.program) {
        Ok(share) => share,
        Err(why) => return Ok((Vec::new(), (!request.pages.is_empty()).then_some(why))),
    };
    // One line for each folder: nobody wants to read 40 names.
    let mut folders: Vec<(PathBuf, Vec<&Page>)> = Vec::new();
    for page in &request.pages {
        let path = share.join(&page.path);
        let folder = path.parent().unwrap_or(&share).to_owned();
        match folders.iter_mut().find(|(found, _)| *found == folder) {
            Some((_, pages)) => pages.push(page),
            None => folders.push((folder, vec![page])),
        }
    }
    let mut steps = Vec::new();
    for (folder, pages) in folders {
        let (mut actions, mut there) = (Vec::new(), false);
        for page in &pages {
            let path = share.join(&page.path);
            let found = read(&path)?;
            there |= found.is_some();
            if found.as_deref() != Some(page.text.as_bytes()) {
                actions.push(Action::Write {
                    path,
                    bytes: page.text.clone().into_bytes(),
                    executable: false,
                });
            }
        }
        let outcome = match (actions.is_empty(), there) {
            (true, _) => Outcome::Kept,
            (false, true) => Outcome::Changed,
            (false, false) => Outcome::Created,
        };
        let first = pages.first().map_or("", |page| page.path.rsplit('/').next().unwrap_or_default());
        let note = match pages.len() {
            1 => "completion".to_owned(),
            more => format!("and {} pages more", more - 1),
        };
        steps.push(Step { outcome, shown: folder.join(first).display().to_string(), note, actions });
    }
    Ok((steps, None))
}

fn next_commands(committed: bool, project: Option<&Project>) -> Vec<String> {
    let mut next = Vec::new();
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

fn shown_path(repo: &Repo, path: &Path) -> String {
    path.strip_prefix(repo.main_worktree()).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FlowError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(FlowError::file("read", path)(err)),
    }
}

/// As [`read`], but a link that leads nowhere is something too.
fn read_any(path: &Path) -> Result<Option<Vec<u8>>, FlowError> {
    let found = read(path)?;
    Ok(found.or_else(|| path.symlink_metadata().is_ok().then(Vec::new)))
}
