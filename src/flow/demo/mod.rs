//! The demo: a toy repository with its tasks, and recorded agents that do them. The agents are recordings; everything
//! else happens. `README.md` beside this file tells the story.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::git::Repo;
use crate::git::objects::Person;
use crate::git::setup::NewFile;
use crate::plan::card::Need;
use crate::process::random_letters;
use crate::task::State;
use crate::task::id::TaskId;

use super::init::{self, InitRequest, is_writable};
use super::progress::Watcher;
use super::project::{Given, now};
use super::run::{RunOutcome, RunRequest};
use super::task::AddRequest;
use super::{FlowError, Project};

/// Where the recorded agents are, below the repository.
const AGENTS_FOLDER: &str = "orch/demo-agents";
/// How often a fresh folder name is tried.
const NAMES: u32 = 8;

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!($folder, "/", $path)))),+]
    };
}

/// The repository. A test checks that nothing of the folder is missing.
const REPO: &[(&str, &str)] = files!("repo":
    "CHANGELOG.md",
    "README.md",
    "bin/tally",
    "lib/amount.sh",
    "lib/balance.sh",
    "lib/chart.sh",
    "lib/date.sh",
    "lib/list.sh",
    "lib/store.sh",
    "lib/sum.sh",
    "lib/text.sh",
    "orch.toml",
    "tests/amount.sh",
    "tests/balance.sh",
    "tests/chart.sh",
    "tests/date.sh",
    "tests/list.sh",
    "tests/run",
    "tests/store.sh",
    "tests/sum.sh",
    "tests/text.sh",
);

/// The recorded agents.
const AGENTS: &[(&str, &str)] = files!("agents":
    "_default.toml",
    "daily.toml",
    "html.toml",
    "leap-years.toml",
    "line-breaks.toml",
    "newest-first.toml",
    "small-bars.toml",
    "sums.toml",
    "trim.toml",
);

const TASKS: &str = include_str!("tasks.toml");

/// Programs among the files.
const EXECUTABLE: &[&str] = &["bin/tally", "tests/run"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    task: Vec<DemoTask>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoTask {
    id: String,
    title: String,
    priority: u8,
    paths: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
    spec: String,
}

/// What `demo` was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct DemoRequest {
    /// A folder that is new or empty.
    pub(crate) dir: Option<PathBuf>,
    /// Folders to make one in: the current one, that for temporary files, the home.
    pub(crate) places: Vec<PathBuf>,
    /// The program that the hook calls.
    pub(crate) program: PathBuf,
}

/// What the demo's repository looks like at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) dir: PathBuf,
    /// Id and title of what is on main.
    pub(crate) landed: Vec<(TaskId, String)>,
    /// What waits for a person, with the reason.
    pub(crate) needs_you: Vec<(TaskId, String, String)>,
    /// What is still to be done.
    pub(crate) open: Vec<(TaskId, String)>,
}

/// Makes the repository with its tasks, and nothing runs yet.
///
/// # Errors
/// There is no place for it, or git fails.
pub(crate) fn make(given: &Given, request: &DemoRequest) -> Result<Project, FlowError> {
    let dir = match &request.dir {
        Some(dir) => taken(&given.dir.join(dir))?,
        None => fresh(&request.places)?,
    };
    let dir = dir.canonicalize().map_err(FlowError::file("find", &dir))?;
    let repo = Repo::init(&dir, "main")?;
    let agents = repo.common_dir().join(AGENTS_FOLDER);
    write_agents(&agents)?;
    let agent = format!("script:{}", agents.display());
    let identity = [("user.name", "Demo"), ("user.email", "demo@localhost")];
    let roles = ["implement", "review", "fix"].map(|role| format!("orch.agents.{role}"));
    let settings = identity.into_iter().chain(roles.iter().map(|role| (role.as_str(), agent.as_str())));
    for (key, value) in settings {
        repo.set_config_local(key, value)?;
    }
    let person =
        Person { name: "Demo".to_owned(), email: "demo@localhost".to_owned(), time: now(), offset: 0 };
    let files: Vec<NewFile<'_>> = REPO
        .iter()
        .map(|&(path, text)| NewFile { path, text, executable: EXECUTABLE.contains(&path) })
        .collect();
    repo.commit_first(&files, &person, "Keep track of small expenses\n")?;
    // Settings of whoever tries it out are for their own repositories: here they would change the story.
    let given = Given { dir, login: given.login.clone(), offline: true, ..Given::default() };
    let setup = InitRequest { program: request.program.clone(), ..InitRequest::default() };
    init::apply(&init::plan(&given, &setup)?.steps)?;
    let project = Project::open(&given)?;
    add_tasks(&project)?;
    project.reopened()
}

/// Runs the agents until nothing is left that they can do: the same as `git orch run -j 6`.
///
/// # Errors
/// As the run.
pub(crate) fn start_run(project: &Project, watcher: &dyn Watcher) -> Result<RunOutcome, FlowError> {
    super::run::run(project, &RunRequest::default(), watcher)
}

/// What came of it.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn summary(project: &Project) -> Result<Summary, FlowError> {
    let (mut needs_you, mut open) = (Vec::new(), Vec::new());
    for card in project.store.open_tasks()?.cards() {
        match &card.need {
            Some(need) => needs_you.push((card.id.clone(), card.title.clone(), why(need))),
            None => open.push((card.id.clone(), card.title.clone())),
        }
    }
    let mut landed = Vec::new();
    for id in project.store.archived_ids()? {
        let finished = project.store.archived(&id)?.map(|stored| stored.task);
        let landed_task = finished.filter(|task| matches!(task.state, State::Completed { .. }));
        landed.extend(landed_task.map(|task| (id, task.title)));
    }
    Ok(Summary { dir: project.root().to_owned(), landed, needs_you, open })
}

/// Asks a user's folder for nothing: it must be new or empty.
fn taken(dir: &Path) -> Result<PathBuf, FlowError> {
    std::fs::create_dir_all(dir).map_err(FlowError::file("make", dir))?;
    let mut entries = std::fs::read_dir(dir).map_err(FlowError::file("read", dir))?;
    match entries.next() {
        None => Ok(dir.to_owned()),
        Some(_) => Err(FlowError::BadValue {
            what: dir.display().to_string(),
            why: "is not empty: name a new folder, or none".to_owned(),
        }),
    }
}

/// A new folder in the first place that is writable and in nobody's repository; else in the first that is writable.
fn fresh(places: &[PathBuf]) -> Result<PathBuf, FlowError> {
    let writable: Vec<&PathBuf> = places.iter().filter(|place| is_writable(place)).collect();
    let free = writable.iter().find(|place| !is_in_repository(place));
    let Some(place) = free.or(writable.first()) else {
        return Err(FlowError::BadValue {
            what: "demo".to_owned(),
            why: "neither this folder nor TMPDIR nor HOME can be written to: git orch demo DIR".to_owned(),
        });
    };
    for _ in 0..NAMES {
        let dir = place.join(format!("git-orch-demo-{}", random_letters(4)));
        match std::fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(err) => return Err(FlowError::file("make", &dir)(err)),
        }
    }
    Err(FlowError::BadValue {
        what: place.display().to_string(),
        why: "is full of demos: remove some, they are named git-orch-demo-*".to_owned(),
    })
}

/// Whether a folder is in a repository of any kind: one that cannot be used is one too.
fn is_in_repository(dir: &Path) -> bool {
    !matches!(Repo::discover(dir), Err(crate::git::repo::OpenError::NotARepository { .. }))
}

fn write_agents(folder: &Path) -> Result<(), FlowError> {
    std::fs::create_dir_all(folder).map_err(FlowError::file("make", folder))?;
    for (name, text) in AGENTS {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(FlowError::file("write", &path))?;
    }
    Ok(())
}

fn add_tasks(project: &Project) -> Result<(), FlowError> {
    let tasks: TaskFile = toml::from_str(TASKS).map_err(|err| FlowError::BadValue {
        what: "the demo's tasks.toml".to_owned(),
        why: err.to_string(),
    })?;
    let op = project.op();
    for DemoTask { id, title, priority, paths, after, spec } in tasks.task {
        let request = AddRequest {
            id: Some(id),
            title,
            spec,
            priority: Some(priority),
            paths,
            after,
            ..AddRequest::default()
        };
        project.add(&op, project.plan_add(&request)?)?;
    }
    Ok(())
}

fn why(need: &Need) -> String {
    match need {
        Need::Approval => "was handed in and waits for a review".to_owned(),
        Need::Decision { text, .. } | Need::Held { text } => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Command;

    fn request(place: &Path) -> DemoRequest {
        DemoRequest {
            dir: None,
            places: vec![PathBuf::from("/proc"), place.to_owned()],
            program: PathBuf::from("/opt/git-orch"),
        }
    }

    fn listed(folder: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/flow/demo").join(folder);
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(path.strip_prefix(&root).unwrap().display().to_string()),
                }
            }
        }
        files.sort();
        files
    }

    #[test]
    fn no_file_is_forgotten() {
        for (folder, table) in [("repo", REPO), ("agents", AGENTS)] {
            let named: Vec<String> = table.iter().map(|(path, _)| (*path).to_owned()).collect();
            assert_eq!(listed(folder), named, "{folder}");
        }
        for path in EXECUTABLE {
            assert!(REPO.iter().any(|(named, text)| named == path && text.starts_with("#!")), "{path}");
        }
    }

    #[test]
    fn the_repository_has_its_tasks_agents_and_green_tests() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().canonicalize().unwrap();
        let project = make(&Given::default(), &request(&place)).unwrap();
        assert_eq!(project.root().parent(), Some(place.as_path()));
        assert_eq!((project.who.as_str(), project.base.branch.as_str()), ("Demo", "main"));
        assert!(project.settings_landed && project.policy.notices.is_empty());
        assert_eq!(project.policy.review.reviewers, ["safety", "architecture", "quality"]);
        let agent = project.policy.agents.implement.clone().unwrap();
        let agents = agent.strip_prefix("script:").unwrap();
        assert!(Path::new(agents).is_absolute() && Path::new(agents).join("_default.toml").is_file());
        assert!(project.repo.is_clean(project.root()).unwrap());
        let tests = Command::new("sh").args(["tests/run"]).dir(project.root()).run().unwrap();
        assert!(tests.success() && tests.stdout_text().ends_with("1..19"), "{}", tests.stdout_text());

        let summary = summary(&project).unwrap();
        let ids: Vec<&str> = summary.open.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            ids,
            ["daily", "html", "leap-years", "line-breaks", "newest-first", "small-bars", "sums", "trim"]
        );
        assert_eq!((summary.landed.len(), summary.needs_you.len()), (0, 0));
    }

    #[test]
    fn a_place_inside_a_repository_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
        std::fs::create_dir_all(inside.join("deep")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        Repo::init(&inside, "main").unwrap();
        let dir = fresh(&[inside.join("deep"), outside.clone()]).unwrap();
        assert_eq!(dir.parent(), Some(outside.as_path()));
        assert!(dir.file_name().unwrap().to_str().unwrap().starts_with("git-orch-demo-"));
        assert_eq!(fresh(&[inside.join("deep")]).unwrap().parent(), Some(inside.join("deep").as_path()));
        assert!(fresh(&[PathBuf::from("/proc")]).is_err());
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "").unwrap();
        let request = DemoRequest { dir: Some(folder.path().to_owned()), ..request(folder.path()) };
        let err = make(&Given::default(), &request).err().unwrap().to_string();
        assert!(err.ends_with("is not empty: name a new folder, or none"), "{err}");
    }
}
