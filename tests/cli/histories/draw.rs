//! What a history is made of, drawn from a seed: branches, what befalls them, and where the queue is killed.

use fastrand::Rng;

/// Files that all branches may change.
pub(super) const FILES: usize = 4;
/// Lines of each of them.
pub(super) const LINES: usize = 14;
/// Boundaries of one call of the queue among which most kills are drawn: so many it mostly has.
const USUAL: usize = 36;
/// And the rest: where a call has fewer, it ends by itself.
const MOST: usize = 90;

/// One history.
#[derive(Debug)]
pub(super) struct History {
    pub(super) mode: &'static str,
    pub(super) batch: usize,
    pub(super) slots: usize,
    /// Results for each test, or the exit code alone.
    pub(super) per_test: bool,
    pub(super) main: Main,
    pub(super) members: Vec<Member>,
    /// One for each call of the queue that does not end by itself.
    pub(super) kills: Vec<Kill>,
    /// What happens between the calls; the last call is made when nothing more happens.
    pub(super) acts: Vec<Act>,
    /// What happens while tests run.
    pub(super) during: Option<Act>,
}

/// Where the base branch is, and who moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Main {
    /// In no worktree.
    Away,
    CheckedOut,
    /// The upstream in a bare repository, which landings are pushed to.
    Remote,
}

/// A branch.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) commits: Vec<Vec<Edit>>,
    /// The member that it is built on.
    pub(super) below: Option<usize>,
    pub(super) priority: usize,
    /// Comes in a later act, and not at the beginning.
    pub(super) late: bool,
}

/// What a commit changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// A line of a common file becomes a mark.
    Line {
        file: usize,
        line: usize,
    },
    /// A file of its own.
    New,
    Rename {
        file: usize,
    },
    Delete {
        file: usize,
    },
    Executable {
        file: usize,
    },
    /// The tests fail with it.
    Bad,
    /// The tests fail where both sides are.
    Half {
        side: usize,
    },
}

/// Where a call of the queue is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// At this call of git that may change something, counted from 1.
    pub(super) at: usize,
    pub(super) how: How,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The whole process group, before the call.
    Before,
    /// The whole process group, after the call: its answer is lost.
    After,
    /// The queue alone; the call is carried out beside whoever comes next.
    Orphan,
}

/// What people and housekeeping do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Somebody pushes to main: a line of a common file.
    Push {
        file: usize,
        line: usize,
    },
    /// The branch moves on after it was approved.
    Repush {
        member: usize,
    },
    /// Somebody says yes to whatever became of the branch.
    Approve {
        member: usize,
    },
    Drop {
        member: usize,
    },
    Abandon {
        member: usize,
    },
    /// The late ones come.
    Arrive,
    /// One red that nothing is to blame for.
    Flake,
    /// What is local to this machine is deleted.
    Forget,
    PackRefs,
    Collect,
}

impl History {
    pub(super) fn draw(seed: u64) -> History {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(2..=6);
        let per_test = rng.bool();
        let mut members: Vec<Member> = Vec::new();
        for at in 0..count {
            let below = (at > 0 && rng.u8(..6) == 0).then(|| rng.usize(..at));
            let late = at > 1 && below.is_none_or(|below| members[below].late) && rng.u8(..6) == 0;
            let taken = below.map(|below| lines_of(&members, below)).unwrap_or_default();
            members.push(Member {
                name: format!("b{at}"),
                commits: commits(&mut rng, &taken),
                below: below.filter(|&below| members[below].late == late),
                priority: rng.usize(1..=3),
                late,
            });
        }
        if rng.u8(..3) == 0 {
            let at = rng.usize(..count);
            members[at].commits[0].push(Edit::Bad);
        }
        if rng.u8(..4) == 0 {
            for side in 0..2 {
                let at = rng.usize(..count);
                members[at].commits[0].push(Edit::Half { side });
            }
        }
        let kills = (0..rng.usize(1..=4)).map(|_| kill(&mut rng)).collect();
        let mut acts: Vec<Act> = (0..rng.usize(..=2)).map(|_| act(&mut rng, count)).collect();
        if members.iter().any(|member| member.late) {
            acts.insert(rng.usize(..=acts.len()), Act::Arrive);
        }
        let during = (rng.u8(..3) == 0).then(|| act(&mut rng, count));
        History {
            mode: ["merge", "squash", "rebase"][rng.usize(..3)],
            batch: rng.usize(2..=6),
            slots: rng.usize(1..=2),
            per_test,
            main: [Main::Away, Main::CheckedOut, Main::Remote][rng.usize(..3)],
            members,
            kills,
            acts,
            during: during.filter(|act| !matches!(act, Act::Arrive | Act::Forget | Act::Collect)),
        }
    }

    /// In a line: what a failure is looked at with.
    pub(super) fn shown(&self) -> String {
        format!("{self:?}")
    }
}

fn kill(rng: &mut Rng) -> Kill {
    let most = if rng.u8(..4) == 0 { MOST } else { USUAL };
    let at = rng.usize(1..=most);
    Kill { at, how: [How::Before, How::After, How::Orphan][rng.usize(..3)] }
}

fn act(rng: &mut Rng, count: usize) -> Act {
    let member = rng.usize(..count);
    match rng.u8(..12) {
        0..=2 => Act::Push { file: rng.usize(..FILES), line: rng.usize(..LINES) },
        3 | 4 => Act::Repush { member },
        5 => Act::Drop { member },
        6 => Act::Abandon { member },
        7 | 8 => Act::Approve { member },
        9 => Act::Flake,
        10 => Act::Forget,
        _ => [Act::PackRefs, Act::Collect][rng.usize(..2)],
    }
}

fn commits(rng: &mut Rng, taken: &[(usize, usize)]) -> Vec<Vec<Edit>> {
    let mut taken = taken.to_vec();
    let mut shaped = Vec::new();
    (0..rng.usize(1..=2))
        .map(|_| {
            let mut edits = Vec::new();
            for _ in 0..rng.usize(1..=2) {
                let (file, line) = (rng.usize(..FILES), rng.usize(..LINES));
                let free = !taken.contains(&(file, line)) && !shaped.contains(&file);
                let edit = match rng.u8(..14) {
                    0..=6 if free => Edit::Line { file, line },
                    7 if untouched(&taken, &shaped, file) => Edit::Rename { file },
                    8 if untouched(&taken, &shaped, file) => Edit::Delete { file },
                    9 if !shaped.contains(&file) => Edit::Executable { file },
                    _ => Edit::New,
                };
                match edit {
                    Edit::Line { file, line } => taken.push((file, line)),
                    Edit::Rename { file } | Edit::Delete { file } => shaped.push(file),
                    Edit::New | Edit::Executable { .. } | Edit::Bad | Edit::Half { .. } => {}
                }
                edits.push(edit);
            }
            edits
        })
        .collect()
}

fn untouched(taken: &[(usize, usize)], shaped: &[usize], file: usize) -> bool {
    !shaped.contains(&file) && taken.iter().all(|(other, _)| *other != file)
}

/// Every line that a member and those below it change; all lines of a file that they move or take away.
fn lines_of(members: &[Member], at: usize) -> Vec<(usize, usize)> {
    let member = &members[at];
    let mut lines = member.below.map(|below| lines_of(members, below)).unwrap_or_default();
    for edit in member.commits.iter().flatten() {
        match *edit {
            Edit::Line { file, line } => lines.push((file, line)),
            Edit::Rename { file } | Edit::Delete { file } | Edit::Executable { file } => {
                lines.extend((0..LINES).map(|line| (file, line)));
            }
            Edit::New | Edit::Bad | Edit::Half { .. } => {}
        }
    }
    lines
}
