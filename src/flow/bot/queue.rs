//! One round of the queue on the host: hears commands, drops what no longer fits, tests and lands, says how it went.

use std::collections::BTreeSet;

use crate::flow::FlowError;
use crate::flow::progress::{Line, Step, Watcher};
use crate::flow::queue::{Bounds, Lander, Rounds};
use crate::forge::{QUEUE_MARKER, read_orders, stopped};
use crate::process::Stop;
use crate::task::State;
use crate::task::id::Seconds;

use super::Bot;
use super::command::Heard;

/// Comments older than this are not looked through for commands that were missed.
const LOOK_BACK: i64 = 7 * 24 * 3600;

/// What one round came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tick {
    pub(crate) heard: Vec<Heard>,
    /// Pull requests that left the queue because they no longer fit, and why.
    pub(crate) left: Vec<(u64, String)>,
    pub(crate) rounds: Rounds,
}

impl Tick {
    /// Whether anything was done.
    pub(crate) fn is_busy(&self) -> bool {
        !self.heard.is_empty()
            || !self.left.is_empty()
            || !self.rounds.landed.is_empty()
            || !self.rounds.sent_back.is_empty()
            || !self.rounds.needs_you.is_empty()
    }
}

impl Bot {
    /// One round: the state of everything is read anew from the host and from refs.
    ///
    /// # Errors
    /// The host or git fails; the next round goes on from what is there.
    pub(crate) fn tick(&mut self, watcher: &dyn Watcher, stop: &Stop, slots: u32) -> Result<Tick, FlowError> {
        self.refresh()?;
        let pulls = self.github.open_pulls()?;
        let mut tick = Tick::default();
        let since = Seconds(crate::flow::project::now().0 - LOOK_BACK);
        let since = jiff::Timestamp::from_second(since.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string();
        let spoken: BTreeSet<u64> = self
            .github
            .comments_since(&since)?
            .into_iter()
            .filter(|(_, comment)| !comment.own && !read_orders(&comment.body).is_empty())
            .map(|(number, _)| number)
            .collect();
        for number in spoken.iter().filter(|number| pulls.iter().any(|pull| pull.number == **number)) {
            // One pull request that cannot be read must not stop the others.
            match self.listen(*number) {
                Ok(heard) => tick.heard.extend(heard),
                Err(err) => say(watcher, format!("pull request {number}: {}", crate::store::chain(&err))),
            }
        }
        tick.left = self.reconcile(&pulls)?;
        let mut missing = Vec::new();
        for (number, card) in self.entries()? {
            if let Some(pull) = pulls.iter().find(|pull| pull.number == number)
                && card.state == "ready-for-handoff"
                && !self.bring(pull)?
            {
                missing.push(number);
            }
        }
        if missing.is_empty() {
            tick.rounds =
                Lander::new(&self.project, watcher, stop.clone(), slots).drain(&Bounds::default())?;
        } else {
            say(watcher, format!("pull requests {missing:?} moved in this moment: the next round goes on"));
        }
        self.exchanged(|_| Ok(()))?;
        self.project = self.project.reopened()?;
        self.say_stopped()?;
        Ok(tick)
    }

    /// Reads the remote: its base branch, and journals.
    pub(crate) fn refresh(&mut self) -> Result<(), FlowError> {
        if let Some(upstream) = self.project.base.upstream.clone() {
            self.project.follow_upstream(&upstream)?;
        }
        let remote = self.remote();
        self.project.pull_from(&remote)?;
        let _ = self.project.recover()?;
        self.project = self.project.reopened()?;
        Ok(())
    }

    /// One comment on each pull request that left the queue, until it is queued again.
    fn say_stopped(&self) -> Result<(), FlowError> {
        for (number, card) in self.entries()? {
            let Some(stored) = self.project.store.load(&card.id)? else { continue };
            let text = match &stored.task.state {
                State::Escalated { because, .. } => Some(stopped(because)),
                _ => None,
            };
            self.github.keep_comment(number, QUEUE_MARKER, text.as_deref())?;
        }
        Ok(())
    }
}

fn say(watcher: &dyn Watcher, text: String) {
    watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
}
