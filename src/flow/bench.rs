//! Benchmarks of whole commands against what a user would otherwise use: plain git in the same repository.

mod ground;
pub(crate) mod queue_git;
pub(crate) mod rivals;
pub(crate) mod search;
pub(crate) mod side_by_side;

use std::path::Path;
use std::time::Instant;

use crate::git::Repo;
use crate::process::Command;
use crate::store::layout;
use crate::task::Event;
use crate::task::event::NewTask;
use crate::task::id::TaskId;

use super::project::Given;
use super::{FlowError, Project};

/// One comparison.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) what: String,
    /// Median in milliseconds.
    pub(crate) ours: f64,
    pub(crate) against: String,
    pub(crate) theirs: f64,
    /// The ratio to reach.
    pub(crate) goal: f64,
    /// Largest resident memory, where it was measured.
    pub(crate) peak_mb: Option<f64>,
}

impl Measured {
    pub(crate) fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }
}

/// Who works in the scratch repositories.
const IDENTITY: [(&str, &str); 2] = [("user.name", "Bench"), ("user.email", "bench@localhost")];

/// Makes scratch repositories and measures in them: refs and objects loose as they were made, then packed.
///
/// The packed one is a mirror and not the same one after `git gc`: for minutes after 70,000 files were deleted, ext4
/// takes 1 ms for each new file (it passes over inodes that were freed lately), which would be most of what is measured.
///
/// # Errors
/// A scratch repository cannot be made, or a command fails.
pub(crate) fn measure(
    given: &Given,
    program: &Path,
    tasks: usize,
    rounds: usize,
    say: &dyn Fn(&str),
) -> Result<Vec<Measured>, FlowError> {
    let folder = tempfile::tempdir().map_err(FlowError::file("make", Path::new("a temporary folder")))?;
    let (loose, packed) = (folder.path().join("loose"), folder.path().join("packed"));
    std::fs::create_dir(&loose).map_err(FlowError::file("make", &loose))?;
    scratch(given, &loose, tasks)?;
    say("git clone --mirror");
    mirror(&loose, &packed)?;
    let mut measured = Vec::new();
    for (how, dir) in [("loose", &loose), ("packed", &packed)] {
        let listing = ["for-each-ref", "--format=%(refname) %(contents:subject)", layout::TASKS];
        for (what, args, goal) in [
            ("status", vec!["status"], 1.0),
            ("show", vec!["show", "t-000007"], 0.5),
            ("add", vec!["add", "one more"], 0.5),
            ("pick", vec!["pick", "--as", "bench"], 0.5),
        ] {
            say(&format!("{what}, {how}"));
            let ours = Command::new(program.display().to_string()).args(args).dir(dir);
            let mut found = compare(&ours, &Command::new("git").args(listing).dir(dir), rounds)?;
            found.what = format!("{what}, {tasks} tasks, {how}");
            found.goal = goal;
            if what == "status" {
                found.peak_mb = peak(program, dir);
            }
            measured.push(found);
        }
    }
    let dir = &packed;
    say("hook");
    measured.push(hook(program, dir, rounds)?);
    Ok(measured)
}

/// A copy of a repository whose refs and objects are packed.
fn mirror(from: &Path, to: &Path) -> Result<(), FlowError> {
    std::fs::create_dir(to).map_err(FlowError::file("make", to))?;
    git(to, &["clone", "--quiet", "--mirror", "--no-local", &from.display().to_string(), ".git"])?;
    for (key, value) in IDENTITY.into_iter().chain([("core.bare", "false"), ("gc.auto", "0")]) {
        git(to, &["config", key, value])?;
    }
    git(to, &["remote", "remove", "origin"])?;
    git(to, &["reset", "--quiet", "--hard"])
}

/// A repository with a base, a branch of 200 lines, and many open tasks.
fn scratch(given: &Given, dir: &Path, tasks: usize) -> Result<(), FlowError> {
    git(dir, &["init", "--quiet", "--initial-branch=main"])?;
    for (key, value) in IDENTITY.into_iter().chain([("gc.auto", "0")]) {
        git(dir, &["config", key, value])?;
    }
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(FlowError::file("write", &path))
    };
    write("a.txt", "one\n")?;
    git(dir, &["add", "."])?;
    git(dir, &["commit", "--quiet", "-m", "first"])?;
    git(dir, &["checkout", "--quiet", "-b", "big"])?;
    write("b.txt", &"line\n".repeat(200))?;
    git(dir, &["add", "."])?;
    git(dir, &["commit", "--quiet", "-m", "200 lines"])?;
    git(dir, &["checkout", "--quiet", "main"])?;
    let project = Project::open(&Given { dir: dir.to_owned(), ..given.clone() })?;
    let mut updates = String::new();
    for number in 0..tasks {
        let id = TaskId::parse(&format!("t-{number:06}"))?;
        let new = NewTask {
            branch: layout::branch_of(&id),
            title: format!("Task number {number} of the benchmark"),
            spec: "Do what the title says.\n".to_owned(),
            priority: u8::try_from(number % 5).unwrap_or_default(),
            paths: Vec::new(),
            after: Vec::new(),
            tier: 1,
            domain: None,
            adopted: false,
            draft: false,
            tries_max: 2,
            id: id.clone(),
        };
        let tip =
            project.store.first_commit(&project.op(), &project.person(), &Event::Added(Box::new(new)))?;
        updates.push_str(&format!("create {} {tip}\n", layout::task_ref(&id)));
    }
    let repo: &Repo = &project.repo;
    repo.create_refs(updates)?;
    Ok(())
}

pub(super) fn git(dir: &Path, args: &[&str]) -> Result<(), FlowError> {
    let finished = Command::new("git").args(args.iter().copied()).dir(dir).run()?;
    if finished.success() {
        return Ok(());
    }
    Err(FlowError::BadValue { what: format!("git {}", args.join(" ")), why: finished.stderr_text() })
}

/// Runs both in turn, so that a slow moment of the machine meets both.
fn compare(ours: &Command, theirs: &Command, rounds: usize) -> Result<Measured, FlowError> {
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for round in 0..=rounds.max(1) {
        let pair = (time(ours)?, time(theirs)?);
        if round > 0 {
            our.push(pair.0);
            their.push(pair.1);
        }
    }
    Ok(Measured {
        what: String::new(),
        ours: median(our),
        against: "git".to_owned(),
        theirs: median(their),
        goal: 1.0,
        peak_mb: None,
    })
}

fn time(command: &Command) -> Result<f64, FlowError> {
    let start = Instant::now();
    let finished = command.run()?;
    let millis = start.elapsed().as_secs_f64() * 1000.0;
    if finished.success() {
        return Ok(millis);
    }
    Err(FlowError::BadValue { what: "a measured command".to_owned(), why: finished.stderr_text() })
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Peak memory of `status` in MB, as GNU time reports it; `None` where that program is missing.
fn peak(program: &Path, dir: &Path) -> Option<f64> {
    let command = Command::new("/usr/bin/time").args(["-f", "%M", &program.display().to_string(), "status"]);
    let finished = command.dir(dir).run().ok()?;
    let kilobytes: f64 = finished.stderr_text().lines().last()?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

fn hook(program: &Path, dir: &Path, rounds: usize) -> Result<Measured, FlowError> {
    let oid = |name: &str| -> Result<String, FlowError> {
        let finished = Command::new("git").args(["rev-parse", name]).dir(dir).run()?;
        Ok(finished.stdout_text().trim().to_owned())
    };
    let line = format!("refs/heads/big {} refs/heads/big {}\n", oid("big")?, "0".repeat(40));
    let ours = Command::new(program.display().to_string())
        .args(["hook", "pre-push", "origin", "url"])
        .stdin(line.into_bytes())
        .dir(dir);
    let theirs = Command::new("git").args(["diff", "--numstat", "main...big"]).dir(dir);
    let mut found = compare(&ours, &theirs, rounds * 3)?;
    found.what = "pre-push hook, 200 lines".to_owned();
    found.goal = 2.0;
    Ok(found)
}
