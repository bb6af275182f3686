//! What the queue would do next, without doing it: for `queue` and `--dry-run`.

use crate::queue::{self, Action, View};
use crate::store::Stored;

use super::Lander;
use crate::flow::FlowError;
use crate::flow::project::now;

/// The plan that a queue would carry out next, without carrying it out: for `queue` and `--dry-run`.
pub(crate) struct Forecast {
    pub(crate) view: View,
    pub(crate) actions: Vec<Action>,
    pub(crate) tasks: Vec<Stored>,
}

impl Lander<'_> {
    /// The queue as it is, with nothing composed: writes nothing.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn look(mut self) -> Result<View, FlowError> {
        let queued = self.queued()?;
        self.view(&queued)
    }

    /// What would happen next. Composes, which writes objects and candidate refs only.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn forecast(mut self) -> Result<Forecast, FlowError> {
        let queued = self.queued()?;
        loop {
            let view = self.view(&queued)?;
            let actions = queue::plan(&view, now(), self.slots);
            let mut composed = false;
            for action in &actions {
                if let Action::Compose { members } = action {
                    composed |= self.compose(&queued, members)?;
                }
            }
            if !composed {
                let tasks = queued.into_iter().map(|queued| queued.stored).collect();
                return Ok(Forecast { view, actions, tasks });
            }
        }
    }
}
