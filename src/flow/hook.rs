//! The pre-push hook: size and paths of what is pushed, by the same rules as everywhere. It has to be fast: it recovers
//! nothing, lists nothing, and starts git once for each branch.

use crate::git::objects::CommitInfo;
use crate::guard::paths;
use crate::store::layout;
use crate::task::Task;
use crate::task::id::{CommitId, TaskId, shown};

use super::check::{Checked, Gate};
use super::gate::{MARKERS, Measured};
use super::progress::Watcher;
use super::project::Given;
use super::{FlowError, Project};

/// The trailer by which a landing of the queue is known.
const LANDING: &str = "Orch-Task";
/// A landing is looked for among this many commits; more are no push of a day.
const LANDINGS: usize = 10_000;

/// One line of what git tells the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// What it is called here; `(delete)` where it is a deletion.
    pub(crate) local_ref: String,
    /// `None` = the remote's ref is deleted.
    pub(crate) local: Option<CommitId>,
    pub(crate) remote_ref: String,
    /// `None` = the remote has no such ref.
    pub(crate) remote: Option<CommitId>,
}

/// A branch that must not be pushed.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The task's id, or the branch's short name.
    pub(crate) what: String,
    pub(crate) task: Option<TaskId>,
    pub(crate) base: String,
    pub(crate) cap: u64,
    pub(crate) measured: Measured,
}

impl Refusal {
    /// Whether it is the base branch that was pushed.
    pub(crate) fn is_base(&self) -> bool {
        self.task.is_none() && self.what == self.base
    }
}

/// Reads what git tells the hook on standard input.
///
/// # Errors
/// A line that is not `REF OID REF OID`.
pub(crate) fn parse(text: &str) -> Result<Vec<Pushed>, FlowError> {
    text.lines().filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

fn parse_line(line: &str) -> Result<Pushed, FlowError> {
    let unclear = || FlowError::BadValue {
        what: format!("'{}'", shown(line)),
        why: "not what git tells a pre-push hook: LOCAL-REF OID REMOTE-REF OID".to_owned(),
    };
    let id = |text: &str| match text.bytes().all(|byte| byte == b'0') {
        true => Ok(None),
        false => CommitId::parse(text).map(Some).map_err(|_| unclear()),
    };
    // From the right: `HEAD~1 ^0` and such are no refs, but git writes what was typed.
    let mut words = line.trim_end().rsplitn(4, ' ');
    let (Some(remote), Some(remote_ref), Some(local), Some(local_ref)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(unclear());
    };
    Ok(Pushed {
        local_ref: local_ref.to_owned(),
        local: id(local)?,
        remote_ref: remote_ref.to_owned(),
        remote: id(remote)?,
    })
}

/// Judges a push to the remote of that name or address. Deletions, tags, notes and our own refs always pass.
///
/// # Errors
/// What is to be judged cannot be: the settings cannot be read, or history is missing. Then nothing may pass.
pub(crate) fn pre_push(given: &Given, remote: &str, pushed: &[Pushed]) -> Result<Vec<Refusal>, FlowError> {
    let branches: Vec<(&Pushed, &CommitId)> = pushed
        .iter()
        .filter(|line| line.remote_ref.starts_with("refs/heads/"))
        .filter_map(|line| Some((line, line.local.as_ref()?)))
        .collect();
    if branches.is_empty() {
        return Ok(Vec::new());
    }
    let project = match Project::open(given) {
        Ok(project) => project,
        // The very first push: there is nothing to measure from.
        Err(FlowError::NoBase { .. }) => return Ok(Vec::new()),
        Err(err) => return Err(err),
    };
    let mut refusals = Vec::new();
    for (line, head) in branches {
        refusals.extend(project.judge_push(remote, line, head)?);
    }
    Ok(refusals)
}

/// Asks gates about each branch that is pushed, as `git orch check` does: for hooks of one's own that want more than size
/// and paths, or the verdict as JSON. The base branch is measured from what the remote has.
///
/// # Errors
/// As [`Project::check`].
pub(crate) fn verdicts(
    given: &Given,
    pushed: &[Pushed],
    gates: &[Gate],
    watcher: &dyn Watcher,
) -> Result<Vec<Checked>, FlowError> {
    let project = match Project::open(given) {
        Err(FlowError::NoBase { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let mut verdicts = Vec::new();
    for line in pushed.iter().filter(|line| line.remote_ref.starts_with("refs/heads/")) {
        let Some(head) = &line.local else { continue };
        let known = line.remote.as_ref().filter(|id| project.repo.tree_of(id).is_ok());
        let change = match (project.task_of_push(line), known) {
            (Some(task), _) => task.id.to_string(),
            (None, Some(old)) if line.remote_ref == project.base.full() => format!("{old}..{head}"),
            (None, _) => format!("{}..{head}", project.base.branch),
        };
        verdicts.push(project.check(Some(&change), gates, watcher)?);
    }
    Ok(verdicts)
}

impl Project {
    fn judge_push(&self, remote: &str, line: &Pushed, head: &CommitId) -> Result<Option<Refusal>, FlowError> {
        let (base_there, tracked) = self.base_on(remote)?;
        let task = self.task_of_push(line);
        let judged = if line.remote_ref == base_there {
            let known = line.remote.as_ref().filter(|id| self.repo.tree_of(id).is_ok());
            match known.or(tracked.as_ref()) {
                Some(old) => self.judge_base(old, head)?,
                // The remote gets its base branch only now.
                None => None,
            }
        } else {
            self.judge_branch(task.as_ref(), tracked.as_ref(), head)?
        };
        Ok(judged.map(|measured| {
            let branch = line.remote_ref.trim_start_matches("refs/heads/");
            let task = task.map(|task| task.id);
            Refusal {
                what: task.as_ref().map_or_else(|| shown(branch), ToString::to_string),
                task,
                base: self.base.branch.clone(),
                cap: self.policy.cap.caps.diff,
                measured,
            }
        }))
    }

    /// What the base is called on a remote, and where it was there when somebody looked.
    fn base_on(&self, remote: &str) -> Result<(String, Option<CommitId>), FlowError> {
        let upstream = self.repo.upstream_of(&self.base.branch);
        let there = match &upstream {
            Some(upstream) if upstream.remote == remote => upstream.branch.clone(),
            _ => self.base.full(),
        };
        let tracking = |remote: &str, branch: &str| {
            let short = branch.trim_start_matches("refs/heads/");
            // What is pushed to may be an address instead of a name.
            self.repo.tip(&format!("refs/remotes/{remote}/{short}")).unwrap_or(None)
        };
        let own = tracking(remote, &there);
        let tracked =
            own.or_else(|| upstream.as_ref().and_then(|other| tracking(&other.remote, &other.branch)));
        Ok((there, tracked))
    }

    /// The open task whose branch is pushed: it may have paths and an exception of its own.
    fn task_of_push(&self, line: &Pushed) -> Option<Task> {
        let own = |name: &str| {
            let short = name.strip_prefix("refs/heads/")?.strip_prefix(layout::BRANCH_PREFIX)?;
            TaskId::parse(short).ok()
        };
        let id = own(&line.local_ref).or_else(|| own(&line.remote_ref))?;
        // A journal that cannot be read gives no exception.
        self.store.load(&id).ok().flatten().map(|stored| stored.task)
    }

    fn judge_branch(
        &self,
        task: Option<&Task>,
        tracked: Option<&CommitId>,
        head: &CommitId,
    ) -> Result<Option<Measured>, FlowError> {
        let from_remote = match tracked {
            Some(tracked) => self.repo.merge_base(tracked, head)?,
            None => None,
        };
        let from = match from_remote {
            Some(from) => from,
            None => self.merge_base(head)?,
        };
        let refused = self.judged(task, &from, head)?;
        if refused.is_none() {
            return Ok(None);
        }
        // Landings that the remote does not have yet are not this branch's work.
        let local = self.merge_base(head)?;
        let landed = local != from
            && self.repo.is_ancestor(&from, &local)?
            && self.new_commits(&from, &local)?.iter().all(is_landing);
        if landed { self.judged(task, &local, head) } else { Ok(refused) }
    }

    /// The base is measured from what the remote has; landings of the queue were judged before.
    fn judge_base(&self, old: &CommitId, head: &CommitId) -> Result<Option<Measured>, FlowError> {
        if old == head || self.repo.is_ancestor(head, old)? {
            return Ok(None);
        }
        if !self.repo.is_ancestor(old, head)? {
            // Rewritten: what is new since the two parted.
            let from = self.repo.merge_base(old, head)?.unwrap_or_else(|| old.clone());
            return self.judged(None, &from, head);
        }
        let commits = self.new_commits(old, head)?;
        if !commits.iter().any(is_landing) {
            return self.judged(None, old, head);
        }
        // Landings and work by hand in turns: each piece by hand is judged by itself, and all of them together.
        let mut by_hand: Option<Measured> = None;
        let mut newest_first = commits.as_slice();
        while let Some(at) = newest_first.iter().position(|commit| !is_landing(commit)) {
            let piece = &newest_first[at..];
            let length = piece.iter().position(is_landing).unwrap_or(piece.len());
            let from = piece.get(length).map_or(old, |landing| &landing.id);
            let measured = self.measure(None, from, &piece[0].id)?;
            if measured.refusal().is_some() {
                return Ok(Some(measured));
            }
            match &mut by_hand {
                Some(sum) => add_up(sum, measured, self.policy.cap.caps.diff),
                None => by_hand = Some(measured),
            }
            newest_first = &piece[length..];
        }
        Ok(by_hand.filter(|sum| sum.refusal().is_some()))
    }

    /// First parents after `old`, newest first.
    fn new_commits(&self, old: &CommitId, head: &CommitId) -> Result<Vec<CommitInfo>, FlowError> {
        let mut commits = self.repo.first_parent(head, Some(old), LANDINGS)?;
        // The remote's tip may have come in by a merge: then the walk passes it by, and ends where it is contained.
        if commits.last().is_some_and(|last| last.parents.first() != Some(old)) {
            let mut own = Vec::new();
            for commit in commits {
                if self.repo.is_ancestor(&commit.id, old)? {
                    break;
                }
                own.push(commit);
            }
            commits = own;
        }
        Ok(commits)
    }

    fn judged(
        &self,
        task: Option<&Task>,
        from: &CommitId,
        head: &CommitId,
    ) -> Result<Option<Measured>, FlowError> {
        if from == head || self.certainly_fits(task, from, head)? {
            return Ok(None);
        }
        let measured = self.measure(task, from, head)?;
        Ok(measured.refusal().is_some().then_some(measured))
    }
}

impl Project {
    /// Whether the gate passes a change for sure: then git need not be started to measure it.
    fn certainly_fits(
        &self,
        task: Option<&Task>,
        from: &CommitId,
        head: &CommitId,
    ) -> Result<bool, FlowError> {
        if task.is_some_and(|task| !task.paths.is_empty()) {
            return Ok(false);
        }
        let Some(touched) = self.repo.touched_within(from, head, self.policy.cap.caps.diff)? else {
            return Ok(false);
        };
        let names: Vec<&str> = touched.iter().map(|file| file.path.as_str()).collect();
        let marked = |text: &[u8]| {
            let starts = |line: &[u8]| MARKERS.iter().any(|mark| line.starts_with(mark.as_bytes()));
            text.split(|&byte| byte == b'\n').any(starts)
        };
        Ok(paths::check(&names, &self.allowed_paths(), &self.policy.paths.deny).is_ok()
            && !touched.iter().any(|file| marked(&file.text)))
    }
}

fn is_landing(commit: &CommitInfo) -> bool {
    commit
        .trailers
        .iter()
        .any(|(key, value)| key.eq_ignore_ascii_case(LANDING) && TaskId::parse(value).is_ok())
}

/// Adds the lines of one piece to those of another.
fn add_up(sum: &mut Measured, piece: Measured, cap: u64) {
    use crate::guard::size::Breach;
    let size = &mut sum.size;
    size.counted = size.counted.saturating_add(piece.size.counted);
    size.added = size.added.saturating_add(piece.size.added);
    size.removed = size.removed.saturating_add(piece.size.removed);
    size.files.extend(piece.size.files);
    size.files.sort_by_key(|file| std::cmp::Reverse(file.lines()));
    size.excluded.extend(piece.size.excluded);
    sum.files.extend(piece.files);
    if size.counted > cap {
        let largest = size.files.iter().take(3).map(|file| (file.path.clone(), file.lines())).collect();
        size.breaches = vec![Breach::TooBig { lines: size.counted, cap, largest }];
    }
}
