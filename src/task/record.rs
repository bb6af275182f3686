//! Everything that is known of one task: the fold of its events.

use super::actor::Who;
use super::event::ReviewGiven;
use super::evidence::Evidence;
use super::id::{CommitId, Seconds, TaskId};
use super::state::State;

/// Cost in millionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct MicroUsd(pub(crate) u64);

impl MicroUsd {
    /// Reads dollars as people write them, `2.50`, with at most six digits behind the point.
    pub(crate) fn parse(dollars: &str) -> Option<MicroUsd> {
        let plain = dollars.trim().trim_start_matches('$');
        let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) || part.len() > 6 {
            return None;
        }
        let micros: u64 = format!("{part:0<6}").parse().ok()?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        whole.checked_mul(1_000_000)?.checked_add(micros).map(MicroUsd)
    }
}

/// What a task has used so far. Unknown stays unknown: a sum with an unknown part is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    /// `None` once any turn did not say what it used.
    pub(crate) tokens: Option<u64>,
    pub(crate) cost: Option<MicroUsd>,
    pub(crate) seconds: u64,
    pub(crate) turns: u32,
}

/// One turn of an agent, as it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TurnRecord {
    pub(crate) role: String,
    pub(crate) agent: String,
    pub(crate) run: Option<String>,
    /// In words: `exit 0`, `ended at its time limit` …
    pub(crate) ended: String,
    pub(crate) seconds: u64,
    pub(crate) tokens: Option<u64>,
    pub(crate) cost: Option<MicroUsd>,
    /// Whether `cost` comes from a table of prices and not from the agent itself.
    pub(crate) estimated: bool,
    /// The blob id of the prompt that was sent.
    pub(crate) prompt: Option<String>,
    /// The model that answered, or that was asked for.
    pub(crate) model: Option<String>,
    /// The tier of the agent, and why it was this one.
    pub(crate) tier: Option<String>,
    pub(crate) chosen: Option<String>,
    /// What is worth knowing for whoever works on it, or near it, later.
    pub(crate) note: Option<Note>,
}

impl TurnRecord {
    /// How a turn ended whose run was killed: its end was not seen.
    pub(crate) const KILLED: &str = "killed with its run";
    /// How a turn ended that was stopped with its run.
    pub(crate) const STOPPED: &str = "stopped";

    /// Whether it was ended with its run: it is no try then, and says nothing about its agent.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.ended == TurnRecord::KILLED || self.ended.starts_with(TurnRecord::STOPPED)
    }

    /// Whether an attempt at the task was made in it.
    pub(crate) fn is_try(&self) -> bool {
        ["implement", "fix"].contains(&self.role.as_str()) && !self.is_cut_off()
    }

    /// Whether a reviewer was asked in it, and not stopped.
    pub(crate) fn is_review(&self) -> bool {
        self.role.starts_with("review") && !self.is_cut_off()
    }
}

/// What a turn has found, kept for later turns (E7): its agent's own words, cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) role: String,
    /// Which attempt it was about, from 1.
    pub(crate) try_number: u32,
    /// By what it is found: the domain, and the paths that the task is about.
    pub(crate) tags: Vec<String>,
    pub(crate) text: String,
}

/// A decision about a task: why it is as it is (B1, C12). Kept as a file each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) at: Seconds,
    pub(crate) by: Who,
    /// The event's word.
    pub(crate) what: String,
    pub(crate) text: String,
    pub(crate) evidence: Option<Evidence>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) title: String,
    pub(crate) spec: String,
    pub(crate) priority: u8,
    pub(crate) paths: Vec<String>,
    pub(crate) after: Vec<TaskId>,
    pub(crate) tier: u8,
    pub(crate) domain: Option<String>,
    pub(crate) branch: String,
    pub(crate) adopted: bool,
    pub(crate) created_by: Who,
    pub(crate) created_at: Seconds,
    pub(crate) state: State,
    /// Since when it is in this state.
    pub(crate) since: Seconds,
    /// Which attempt this is, from 1.
    pub(crate) try_number: u32,
    pub(crate) tries_max: u32,
    /// How often reviewers sent it back.
    pub(crate) rounds: u32,
    /// Attempts that are kept under a ref.
    pub(crate) attempts: u32,
    /// What was handed in the last time, until a person's word makes it worth another look as it is.
    pub(crate) handed_in: Option<CommitId>,
    /// The highest epoch that any claim had.
    pub(crate) epoch: u64,
    pub(crate) changelog: Option<String>,
    /// A person allowed it to be over the cap, or with findings; recorded in `decisions`.
    pub(crate) exception: bool,
    /// Goes before everything else in the queue; what runs without it is thrown away for it.
    pub(crate) hotfix: bool,
    /// Who may approve this task, and no other, besides `review.approvers`.
    pub(crate) delegates: Vec<Who>,
    /// Why it was sent back the last time: what the next attempt has to mend.
    pub(crate) evidence: Option<Evidence>,
    pub(crate) reviews: Vec<ReviewGiven>,
    pub(crate) decisions: Vec<Decision>,
    /// What its turns have found, the oldest first. Like `spent`, no undo takes it back.
    pub(crate) notes: Vec<Note>,
    pub(crate) spent: Spent,
}

impl Task {
    /// How it stands, as people say it behind `it is`.
    pub(crate) fn said(&self) -> &'static str {
        match &self.state {
            State::Assigned { .. } if self.evidence.is_some() => "sent back to its worker",
            state => state.said(),
        }
    }

    /// Who holds or handed in the task.
    pub(crate) fn owner(&self) -> Option<&Who> {
        match &self.state {
            State::Completed { owner, .. } => owner.as_ref(),
            state => state.claim().map(|claim| &claim.owner),
        }
    }

    /// The handed-in commit, if there is one.
    pub(crate) fn head(&self) -> Option<&CommitId> {
        self.state.change().map(|change| &change.head)
    }

    /// The verdicts that reviewers gave on the commit that is under review now.
    pub(crate) fn current_reviews(&self) -> impl Iterator<Item = &ReviewGiven> {
        let head = self.head().cloned();
        self.reviews.iter().filter(move |review| Some(&review.head) == head.as_ref())
    }
}
