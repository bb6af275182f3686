//! The queue as it is, for whoever only looks.

use crate::flow::FlowError;
use crate::queue::View;

use super::Lander;

impl Lander<'_> {
    /// The queue as it is, with nothing composed: writes nothing.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn look(mut self) -> Result<View, FlowError> {
        let queued = self.queued()?;
        self.view(&queued)
    }
}
