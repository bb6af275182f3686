//! Several clones work on one queue: what they tell each other through the remote, and what they do without it.
//!
//! Who lands is decided by the push of the base alone. What is shared here, journals and verdicts, only saves work that
//! another clone has done, so nothing of it may keep a landing from going on.

use std::time::{Duration, Instant};

use crate::flow::FlowError;
use crate::flow::progress::Step;
use crate::git::exchange::Upstream;
use crate::store::{StoreError, Stored};
use crate::task::id::TaskId;
use crate::task::{Actor, Event};

use super::Lander;

/// Tell and ask again after this long, where nothing happened here.
const EVERY: Duration = Duration::from_secs(5);

impl Lander<'_> {
    /// Exchanges journals and verdicts with the remote, and takes over what others landed. Only where this clone shares
    /// journals at all, and no more often than it pays.
    pub(super) fn exchange(&mut self) -> Result<(), FlowError> {
        let waited = self.sharing.at.is_none_or(|at| at.elapsed() >= EVERY);
        if !waited && !self.sharing.due {
            return Ok(());
        }
        let Some(remote) = self.project.shares()? else { return Ok(()) };
        (self.sharing.at, self.sharing.due) = (Some(Instant::now()), false);
        match self.project.sync(&remote, true, true) {
            Ok(synced) => {
                self.sharing.cut_off = false;
                for (name, why) in synced.unreadable {
                    if !self.sharing.unreadable.insert((name.clone(), why.clone())) {
                        continue;
                    }
                    let text = format!("{name} of {remote} cannot be read and was not taken over: {why}");
                    self.say(Step::Note, &[], None, text);
                }
                for (name, kept) in synced.conflicts {
                    self.say(
                        Step::Note,
                        &[],
                        None,
                        format!("{name}: another clone's word counts; ours is {kept}"),
                    );
                }
            }
            Err(err @ (FlowError::Exchange(_) | FlowError::Rewound { .. })) => {
                self.goes_on_without(&err);
                return Ok(());
            }
            Err(err) => return Err(err),
        }
        if let Some(upstream) = self.project.base.upstream.clone() {
            match self.follow(&upstream) {
                Ok(_) => {}
                Err(err @ FlowError::Exchange(_)) => self.goes_on_without(&err),
                Err(err) => return Err(err),
            }
        }
        self.project = self.project.reopened()?;
        Ok(())
    }

    fn goes_on_without(&mut self, err: &FlowError) {
        if !self.sharing.cut_off {
            self.sharing.cut_off = true;
            let text = format!("goes on without what others do: {}", crate::store::chain(err));
            self.say(Step::Note, &[], None, text);
        }
    }

    /// Takes over what others landed; why not, where somebody's changes in the checkout are in the way.
    pub(super) fn follow(&self, upstream: &Upstream) -> Result<Option<String>, FlowError> {
        match self.project.follow_upstream(upstream) {
            Ok(()) => Ok(None),
            Err(FlowError::CheckoutInWay { worktree, files }) => Ok(Some(self.in_the_way(&worktree, &files))),
            Err(busy @ FlowError::CheckoutBusy { .. }) => Ok(Some(busy.to_string())),
            Err(err) => Err(err),
        }
    }

    /// Changes an entry's task; `None` where another clone finished it, and its journal is in the archive by now.
    pub(super) fn change(
        &self,
        task: &TaskId,
        decide: impl Fn(&Stored) -> Vec<Event>,
    ) -> Result<Option<Stored>, FlowError> {
        Ok(self.change_all(std::slice::from_ref(task), decide)?.pop().flatten())
    }

    /// Changes the tasks of several entries; an answer for each, as of [`Lander::change`].
    pub(super) fn change_all(
        &self,
        tasks: &[TaskId],
        decide: impl Fn(&Stored) -> Vec<Event>,
    ) -> Result<Vec<Option<Stored>>, FlowError> {
        let store = &self.project.store;
        let changed = store
            .change_all::<FlowError>(&self.op, &Actor::orchestrator(), tasks, |stored| Ok(decide(stored)));
        let answer = |(task, changed): (&TaskId, Result<Stored, FlowError>)| match changed {
            Ok(stored) => Ok(Some(stored)),
            Err(FlowError::Store(StoreError::NoTask(_))) if store.archived(task)?.is_some() => Ok(None),
            Err(err) => Err(err),
        };
        tasks.iter().zip(changed).map(answer).collect()
    }
}
