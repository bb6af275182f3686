//! Why a run starts no more turns: a person, the end of its time, a task that needs somebody, a base branch that was moved
//! back, landings that would go elsewhere.

use crate::flow::FlowError;
use crate::flow::moved::Moved;
use crate::flow::progress::Step;
use crate::process::Level;
use crate::store::index::Row;

use super::outcome::{Stopping, Why};
use super::{Dispatcher, ESCALATED};

impl Dispatcher<'_> {
    /// Says aloud when somebody else moved the base branch: an agent that is held by nothing, a push by force.
    pub(super) fn watch_base(&mut self) -> Result<(), FlowError> {
        let moved = self.project.moved_since(&self.base)?;
        self.base.clone_from(&self.project.base.tip);
        match moved {
            None => {}
            Some(Moved::Forward(text)) => self.say(Step::Note, &[], None, text),
            Some(Moved::Back(text)) => {
                self.rewound = true;
                self.say(Step::NeedsYou, &[], None, text);
            }
        }
        Ok(())
    }

    /// Says aloud when settings or hooks of the repository change where nothing but trust keeps agents from them.
    pub(super) fn watch_settings(&mut self) {
        if let Some(text) = self.guarded.as_mut().and_then(|(guarded, _)| guarded.look(&self.project)) {
            self.say(Step::NeedsYou, &[], None, text);
        }
    }

    /// Lands nothing more where landings would go elsewhere than when it began.
    pub(super) fn watch_destination(&mut self) {
        let now = self.project.lands_at();
        let Some((_, was)) = self.guarded.as_mut().filter(|(_, was)| *was != now) else { return };
        let text =
            format!("landings went to {was}, and would now go to {now}: nothing more is started or landed");
        *was = now;
        self.rewound = true;
        self.say(Step::NeedsYou, &[], None, text);
    }

    /// Looks whether a person, its time or a failure ends it.
    pub(super) fn look_for_reasons_to_stop(&mut self) -> Result<(), FlowError> {
        if self.project.asked_to_stop().is_some() {
            self.stopping = self.stopping.max(Stopping::Soft);
        }
        if self.stopping > Stopping::No {
            return Ok(());
        }
        if self.tally.state.until.is_some_and(|until| until <= self.op.at) {
            (self.stopping, self.why) = (Stopping::Soft, Why::Time);
            self.say(Step::Note, &[], None, "its time is over: no new turns".to_owned());
        } else if self.request.abort_on_failure {
            let rows = self.project.store.open_tasks()?.rows;
            let fresh = |row: &Row| row.card.state == ESCALATED && !self.needed.contains(&row.card.id);
            if let Some(failed) = rows.into_iter().find(fresh) {
                let text = "needs you: no new turns, as asked for".to_owned();
                self.say(Step::Note, std::slice::from_ref(&failed.card.id), None, text);
                (self.stopping, self.why) = (Stopping::Soft, Why::Failure(failed.card.id));
            }
        }
        Ok(())
    }

    /// A person asks for the end: once for no more turns, twice for the end of those that go on.
    pub(super) fn interrupted(&mut self, level: Level) {
        self.why = Why::Person;
        if level == Level::Soft && self.stopping == Stopping::No {
            self.stopping = Stopping::Soft;
            let text = "stopping: no new turns; once more to end the running ones".to_owned();
            self.say(Step::Note, &[], None, text);
        } else {
            self.stopping = Stopping::Hard;
            self.stop.request();
        }
    }
}
