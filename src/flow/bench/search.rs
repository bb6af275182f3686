//! The search for the change that breaks the suite, by what plain git and git-branchless have for it.

use std::path::Path;

use crate::flow::FlowError;
use crate::process::{Command, which};

use super::ground::git;
use super::rivals::Yard;

/// Who searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Searcher {
    /// `git bisect run` over a chain of merges: one run at a time.
    Bisect,
    /// `git branchless test run --search binary` over a stack of the same commits: as many runs at a time as are allowed.
    Branchless,
}

impl Searcher {
    /// Whether this machine has it.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Searcher::Bisect => true,
            Searcher::Branchless => which("git-branchless").is_some(),
        }
    }
}

/// Tests all branches together, has the culprit of a red searched, and goes on without it until all others have landed.
pub(super) fn play(dir: &Path, who: Searcher, branches: &[String], slots: usize) -> Result<(), FlowError> {
    let yard = Yard::new(dir, 1)?;
    if who == Searcher::Branchless {
        git(dir, &["branchless", "init", "--main-branch", "main"])?;
    }
    let mut rest = branches.to_vec();
    while !rest.is_empty() {
        let commit = match who {
            Searcher::Bisect => yard.merge(0, "main", &rest)?,
            Searcher::Branchless => Some(stack(&yard.slots[0], &rest)?),
        };
        let commit = commit.ok_or_else(|| strange("git merge", "disjoint branches conflict"))?;
        if yard.test(1)?[0] {
            return yard.land(&commit);
        }
        let culprit = match who {
            Searcher::Bisect => bisect(&yard.slots[0], &commit)?,
            Searcher::Branchless => branchless(&yard.slots[0], slots)?,
        };
        let found = rest.iter().position(|branch| culprit.contains(branch.as_str()));
        rest.remove(found.ok_or_else(|| strange("the search", &format!("it names nobody: {culprit}")))?);
    }
    Ok(())
}

/// One commit of each branch, on top of each other.
fn stack(dir: &Path, branches: &[String]) -> Result<String, FlowError> {
    git(dir, &["checkout", "--quiet", "--detach", "main"])?;
    let mut pick = vec!["cherry-pick"];
    pick.extend(branches.iter().map(String::as_str));
    git(dir, &pick)?;
    git(dir, &["rev-parse", "HEAD"])
}

/// The subject of the first bad commit.
fn bisect(dir: &Path, bad: &str) -> Result<String, FlowError> {
    git(dir, &["bisect", "start", "--first-parent", bad, "main"])?;
    git(dir, &["bisect", "run", "sh", "suite.sh"])?;
    let subject = git(dir, &["log", "-1", "--format=%s", "refs/bisect/bad"])?;
    git(dir, &["bisect", "reset", "--quiet"]).or_else(|_| git(dir, &["bisect", "reset"]))?;
    Ok(subject)
}

/// The subject of the first bad commit, as git-branchless names it.
fn branchless(dir: &Path, slots: usize) -> Result<String, FlowError> {
    let args = [
        "branchless",
        "test",
        "run",
        "--exec",
        "sh suite.sh",
        "--strategy",
        "worktree",
        "--search",
        "binary",
    ];
    let command = Command::new("git").args(args).args(["--jobs", &slots.to_string(), "HEAD % main"]).dir(dir);
    let said = command.run()?.stdout_text();
    let line = said.lines().skip_while(|line| !line.to_lowercase().contains("first failing")).nth(1);
    line.map(str::to_owned).ok_or_else(|| strange("git branchless test run", &said))
}

fn strange(what: &str, why: &str) -> FlowError {
    FlowError::BadValue { what: what.to_owned(), why: why.to_owned() }
}
