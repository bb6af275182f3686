//! Swaps the base, the one commit point: by a push to its upstream where it has one, else here.

use std::time::Duration;

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::git::exchange::{ExchangeError, Upstream};
use crate::git::slot::{self, Landing, MergeSlot, Tested};
use crate::task::id::CommitId;

use super::Lander;

/// How often a landing is pushed where the remote refuses without a known reason, or cannot be reached.
const PUSHES: u32 = 5;
/// The pause after the first refusal; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// Words of a remote that mean no, today and in a minute.
const FORBIDDEN: [&str; 8] = [
    "protected branch",
    "not allowed",
    "permission",
    "denied",
    "forbidden",
    "read-only",
    "required status check",
    "repository rule violations",
];

/// What became of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moved {
    Here,
    /// Somebody else moved it first.
    BySomebody,
    /// The remote does not take it, and why.
    Refused(String),
}

impl Lander<'_> {
    /// Swaps the base: by a push to its upstream where it has one, else here.
    pub(super) fn move_base(
        &mut self,
        slot: &MergeSlot<'_>,
        old: &CommitId,
        tested: &Tested,
    ) -> Result<Moved, FlowError> {
        let project = &self.project;
        if let Some(upstream) = &project.base.upstream {
            if project.offline {
                return Ok(Moved::Refused(offline_landing(&project.base.branch, upstream)));
            }
            project.repo.sync_reachable(tested.commit(), old)?;
            match self.push(upstream, tested)? {
                Moved::Here => {}
                Moved::BySomebody => {
                    return Ok(match self.follow(upstream)? {
                        None => Moved::BySomebody,
                        Some(in_the_way) => Moved::Refused(in_the_way),
                    });
                }
                refused @ Moved::Refused(_) => return Ok(refused),
            }
        }
        for _ in 0..200 {
            match slot::land(slot, &project.repo, &project.base.full(), old, tested)? {
                Landing::Landed => return Ok(Moved::Here),
                Landing::Lost { .. } => return Ok(Moved::BySomebody),
                Landing::Locked => {
                    std::thread::sleep(Duration::from_millis(50));
                    project.store.sweep_locks()?;
                }
            }
        }
        Err(project.store.locked(&project.base.full()).into())
    }

    /// Pushes a landing, again after a while where the remote only has a bad moment.
    fn push(&self, upstream: &Upstream, tested: &Tested) -> Result<Moved, FlowError> {
        let mut pause = FIRST_PAUSE;
        for round in 1.. {
            let (why, stderr) = match self.project.push_base(upstream, tested.commit()) {
                Ok(true) => return Ok(Moved::Here),
                Ok(false) => return Ok(Moved::BySomebody),
                Err(FlowError::Exchange(
                    err @ (ExchangeError::Refused { .. } | ExchangeError::Unreachable { .. }),
                )) => match &err {
                    ExchangeError::Refused { stderr, .. } => (
                        format!("{} refused the landing: {stderr}", upstream.remote),
                        stderr.to_ascii_lowercase(),
                    ),
                    _ => (err.to_string(), String::new()),
                },
                Err(err) => return Err(err),
            };
            let final_word = FORBIDDEN.iter().any(|word| stderr.contains(word));
            if final_word || round == PUSHES || self.stop.is_requested() {
                return Ok(Moved::Refused(why));
            }
            self.say(Step::Retry, &[], None, format!("push to {}: {why}", upstream.remote));
            std::thread::sleep(pause);
            pause *= 2;
        }
        unreachable!("it ends with the last round")
    }
}

/// Why nothing lands without the remote: others would land on a base that lacks it, and the two would part.
fn offline_landing(branch: &str, upstream: &Upstream) -> String {
    format!(
        "a landing on {branch} is a push to {}, and --offline forbids it; to keep landings here: git config \
         orch.queue.push false",
        upstream.remote
    )
}
