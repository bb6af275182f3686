//! What stands against a task can be seen again, though the base went on and they conflict now: on the base of then.

use crate::flow::Project;
use crate::task::{State, Task, Trouble};

impl Project {
    /// The same project with the base on which a task's tests were last found wanting; `None` where that is today's, or
    /// where nothing was found.
    pub(super) fn as_it_was_seen(&self, task: Option<&Task>) -> Option<Project> {
        let task = task?;
        let evidence = match &task.state {
            State::Escalated { because, .. } => Some(because),
            _ => task.evidence.as_ref(),
        };
        let of_tests =
            evidence.filter(|found| matches!(found.trouble, Trouble::Worse | Trouble::NoEvidence))?;
        let mut earlier = self.clone();
        earlier.base.tip = of_tests.base.clone().filter(|base| *base != self.base.tip)?;
        Some(earlier)
    }
}
