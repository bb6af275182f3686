//! The queue of a run, in a thread of its own.

use std::collections::BTreeSet;
use std::thread::Scope;
use std::time::{Duration, Instant};

use crate::flow::FlowError;
use crate::flow::queue::{Bounds, Lander};
use crate::task::id::TaskId;

use super::{Dispatcher, News, Stopping};

/// How long a change waits in the queue for others that are about to follow: they are tested together then.
const GATHER: Duration = Duration::from_secs(3);

/// How long to leave the queue to another process of this machine before it is tried again.
const ELSEWHERE: Duration = Duration::from_secs(1);

impl<'a> Dispatcher<'a> {
    /// What waits in the queue, with its phase: if this has not changed since it came to rest, asking again is no use.
    pub(super) fn in_queue(&self) -> Result<BTreeSet<(TaskId, String)>, FlowError> {
        let rows = self.project.store.open_tasks()?.rows;
        let queued = rows.into_iter().filter(|row| row.card.state == "ready-for-handoff");
        Ok(queued.map(|row| (row.card.id, row.tip.to_string())).collect())
    }

    /// Starts the queue in a thread of its own, a little after the first change came: others may be about to follow.
    pub(super) fn start_landing<'scope, 'env>(
        &mut self,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<(), FlowError>
    where
        'a: 'scope,
    {
        if self.landing || self.request.no_land || self.rewound || self.stopping == Stopping::Hard {
            self.gathering = None;
            return Ok(());
        }
        let waiting = self.in_queue()?;
        let nothing = waiting.is_empty() && !self.project.is_untested_joint()?;
        if nothing || self.rested.as_ref() == Some(&waiting) {
            (self.gathering, self.elsewhere) = (None, None);
            return Ok(());
        }
        // Whoever is asked to stop leaves the rest to the other.
        let left = |at: Instant| at.elapsed() < ELSEWHERE || self.stopping > Stopping::No;
        if self.elsewhere.is_some_and(left) {
            self.gathering = None;
            return Ok(());
        }
        self.elsewhere = None;
        let since = *self.gathering.get_or_insert_with(Instant::now);
        let others = !self.busy.is_empty();
        if others && since.elapsed() < GATHER {
            return Ok(());
        }
        self.gathering = None;
        if !self.kept {
            self.save("started")?;
        }
        self.landing = true;
        let (project, watcher, stop, sender) =
            (self.project.clone(), self.watcher, self.stop.clone(), self.sender.clone());
        let slots = self.project.policy.queue.jobs;
        scope.spawn(move || {
            let result = Lander::new(&project, watcher, stop, slots).drain(&Bounds::default());
            // The loop is gone only after a failure: nobody asks any more.
            let _ = sender.send(News::Queue(result));
        });
        Ok(())
    }
}
