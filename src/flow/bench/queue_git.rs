//! The queue's work with git, measured on a large scratch repository: what one tick costs, and what its merges cost
//! beside the same merges by plain git.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::flow::progress::{Line, Now, Step, Unwatched, Watcher};
use crate::flow::project::Given;
use crate::flow::queue::{Bounds, Composed, Lander, meetings};
use crate::flow::{FlowError, Project};
use crate::git::trunk::Trunk;
use crate::process::{Command, Stop};
use crate::queue::Footprint;
use crate::task::id::CommitId;

use super::ground::{self, Size, branch, finished, git};

/// Tests that outlast the tick that starts them, in seconds.
const SETTINGS: &str = "[tests]\nall = \"sleep 60\"\nreport = \"exit\"\n";
/// Branches whose conflicts are looked for pair by pair, at most.
const MATRIX: usize = 64;
/// Merges by plain git after which a line says how far they are.
const MERGES_SAID: usize = 400;
/// Disjoint branches that are composed into one commit.
const CHAIN: usize = 16;
/// What a tick may take, in milliseconds.
const TICK_MS: f64 = 1000.0;
/// How much faster the conflict matrix must be than one process for each pair.
const MATRIX_TIMES: f64 = 20.0;
/// How much faster composing must be than merging in a worktree.
const CHAIN_TIMES: f64 = 5.0;

/// How large the scratch repository is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) files: usize,
    pub(crate) entries: usize,
}

/// What a figure must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Goal {
    None,
    /// Milliseconds.
    Under(f64),
    /// As many times faster as something else that took so many milliseconds.
    Faster {
        than: String,
        theirs: f64,
        times: f64,
    },
}

/// One thing that was measured, in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) ours: f64,
    pub(crate) goal: Goal,
}

impl Figure {
    /// Whether the goal was reached; true where there is none.
    pub(crate) fn reached(&self) -> bool {
        match &self.goal {
            Goal::None => true,
            Goal::Under(most) => self.ours < *most,
            Goal::Faster { theirs, times, .. } => theirs / self.ours >= *times,
        }
    }
}

/// Makes the scratch repository and measures in it.
///
/// # Errors
/// The repository cannot be made, a command fails, or ours and git's own merges differ.
pub(crate) fn measure(
    given: &Given,
    program: &Path,
    scale: Scale,
    say: &dyn Fn(&str),
) -> Result<Vec<Figure>, FlowError> {
    let folder = tempfile::tempdir().map_err(FlowError::file("make", Path::new("a temporary folder")))?;
    let dir = folder.path().join("ground");
    std::fs::create_dir(&dir).map_err(FlowError::file("make", &dir))?;
    say(&format!("a repository with {} files and {} branches", scale.files, scale.entries));
    let size = Size { files: scale.files, commits: 500, branches: scale.entries };
    ground::make(&dir, size, SETTINGS, say)?;
    let given = Given { dir: dir.clone(), ..given.clone() };

    let mut found = Vec::new();
    say("conflicts of all pairs");
    found.push(matrix(&given, scale.entries.min(MATRIX), say)?);

    let own = |args: &[String]| Command::new(program.display().to_string()).args(args).dir(&dir);
    let words = |args: &[&str]| args.iter().map(|&arg| arg.to_owned()).collect::<Vec<String>>();
    let mut add = words(&["queue", "add"]);
    add.extend((0..scale.entries).map(branch));
    say(&format!("queue add, {} branches", scale.entries));
    found.push(process(&own(&add), format!("queue add, {} branches", scale.entries))?);
    for command in ["queue", "queue why", "queue conflicts"] {
        say(command);
        let mut args: Vec<String> = command.split(' ').map(str::to_owned).collect();
        if command == "queue why" {
            args.push(branch(scale.entries / 2));
        }
        found.push(process(&own(&args), format!("{command}, {} entries", scale.entries))?);
    }

    say("one tick");
    found.push(Figure { goal: Goal::Under(TICK_MS), ..tick(&given, scale)? });

    say("one chain of disjoint branches");
    found.push(chain(&given, folder.path(), say)?);
    Ok(found)
}

fn process(command: &Command, what: String) -> Result<Figure, FlowError> {
    let (took, _) = timed(|| finished(command, &what))?;
    Ok(Figure { what, ours: took, goal: Goal::None })
}

/// How long something took, in milliseconds.
fn timed<T>(work: impl FnOnce() -> Result<T, FlowError>) -> Result<(f64, T), FlowError> {
    let begun = Instant::now();
    let made = work()?;
    Ok((begun.elapsed().as_secs_f64() * 1000.0, made))
}

/// Stops the queue with the first test run that it starts, and knows when that was.
struct UntilTest {
    stop: Stop,
    begun: Instant,
    millis: Mutex<OnceCell<f64>>,
}

impl Watcher for UntilTest {
    fn line(&self, line: &Line) {
        if line.step == Step::Test {
            let took = self.begun.elapsed().as_secs_f64() * 1000.0;
            let _ = self.millis.lock().unwrap_or_else(PoisonError::into_inner).set(took);
            self.stop.request();
        }
    }

    fn now(&self, _now: &Now) {}
}

/// From nothing known to the first test run: opens the repository, reads all entries, decides, composes.
fn tick(given: &Given, scale: Scale) -> Result<Figure, FlowError> {
    let stop = Stop::new();
    let watcher = UntilTest { stop: stop.clone(), begun: Instant::now(), millis: Mutex::default() };
    let project = Project::open(given)?;
    match Lander::new(&project, &watcher, stop, 2).drain(&Bounds::default()) {
        Ok(_) | Err(FlowError::Interrupted) => {}
        Err(err) => return Err(err),
    }
    let millis = watcher.millis.lock().unwrap_or_else(PoisonError::into_inner).get().copied();
    let ours = millis.ok_or_else(|| differs("the tick", "it started no test run"))?;
    Ok(Figure {
        what: format!("one tick, {} entries, until its first test run", scale.entries),
        ours,
        goal: Goal::None,
    })
}

fn differs(what: &str, why: &str) -> FlowError {
    FlowError::BadValue { what: what.to_owned(), why: why.to_owned() }
}

/// Which of the pairs of some branches do not merge: ours by footprints and one process, beside one process for each.
fn matrix(given: &Given, branches: usize, say: &dyn Fn(&str)) -> Result<Figure, FlowError> {
    let project = Project::open(given)?;
    let pairs = branches * branches.saturating_sub(1) / 2;
    let (ours, (heads, found)) = timed(|| {
        let mut changes = Vec::new();
        let mut trunk = Trunk::of(&project.repo, &project.base.tip)?;
        for number in 0..branches {
            let head = project.repo.tip(&crate::store::layout::branch_ref(&branch(number)))?;
            let head = head.ok_or_else(|| differs("a branch of the benchmark", "it is gone"))?;
            let fork = trunk.fork(&project.repo, &head)?;
            let fork = fork.ok_or_else(|| differs("a branch of the benchmark", "it left no base"))?;
            let paths = project.repo.paths(&fork, &head)?.into_iter().collect();
            let footprint = Footprint::new(paths, &[], false).map_err(|bad| differs(&bad.glob, &bad.why))?;
            changes.push((head, footprint));
        }
        let pairs: Vec<_> = changes.iter().map(|(head, footprint)| (head, footprint)).collect();
        let found = meetings(&project.repo, &pairs)?;
        Ok((changes.into_iter().map(|(head, _)| head).collect::<Vec<CommitId>>(), found))
    })?;
    let (theirs, conflicts) = timed(|| {
        let (mut conflicts, mut done) = (Vec::new(), 0);
        for (other, theirs) in heads.iter().enumerate() {
            for (one, ours) in heads[..other].iter().enumerate() {
                let merge = ["merge-tree", "--write-tree", "--name-only", ours.as_str(), theirs.as_str()];
                let ran = Command::new("git").args(merge).dir(&given.dir).run()?;
                if !ran.success() {
                    conflicts.push((one, other));
                }
                done += 1;
                if done % MERGES_SAID == 0 {
                    say(&format!("git merge-tree, {done} of {pairs}"));
                }
            }
        }
        Ok(conflicts)
    })?;
    let own: Vec<(usize, usize)> =
        found.iter().filter(|met| !met.conflict.is_empty()).map(|met| met.pair).collect();
    if own != conflicts {
        return Err(differs("the conflict matrix", "it is not what git says pair by pair"));
    }
    Ok(Figure {
        what: format!(
            "conflict matrix, {branches} branches, {} overlaps, {} conflicts",
            found.len(),
            own.len()
        ),
        ours,
        goal: Goal::Faster { than: format!("git merge-tree x {pairs}"), theirs, times: MATRIX_TIMES },
    })
}

/// Composes the first branches that are disjoint, beside merging them one by one in a worktree.
fn chain(given: &Given, folder: &Path, say: &dyn Fn(&str)) -> Result<Figure, FlowError> {
    let project = Project::open(given)?;
    let lander = Lander::new(&project, &Unwatched, Stop::new(), 1);
    let Composed { heads: members, tree, took } = lander.compose_disjoint(CHAIN)?;
    say("the same chain by git merge, in a worktree");
    let worktree = folder.join("merges");
    git(&given.dir, &["worktree", "add", "--quiet", "--detach", &worktree.display().to_string(), "main"])?;
    let (theirs, ()) = timed(|| {
        for (number, head) in (1..).zip(&members) {
            say(&format!("git merge, {number} of {}", members.len()));
            git(&worktree, &["merge", "--quiet", "--no-ff", "-m", "merge", head.as_str()])?;
        }
        Ok(())
    })?;
    if git(&worktree, &["rev-parse", "HEAD^{tree}"])? != tree.as_str() {
        return Err(differs("the composed tree", "it is not what git merge makes"));
    }
    Ok(Figure {
        what: format!("composing {} disjoint branches, same tree", members.len()),
        ours: took.as_secs_f64() * 1000.0,
        goal: Goal::Faster { than: format!("git merge x {}", members.len()), theirs, times: CHAIN_TIMES },
    })
}
