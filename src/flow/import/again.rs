//! Tasks whose import was taken back: another import brings them in again, under the ids that they had.

use crate::flow::undo::ADDING_UNDONE;
use crate::flow::{FlowError, Project};
use crate::store::{Op, Stored};
use crate::task::id::TaskId;
use crate::task::{Actor, Event, State};
use crate::tracker::{Item, Standing};

use super::order::Here;

/// An archived task whose adding was undone.
pub(super) struct TakenBack {
    archived: Stored,
    /// The operation that undid it.
    by: String,
    /// As it was before.
    before: Stored,
}

impl Project {
    /// The task of an item, if all that became of it here is that its import was undone.
    pub(super) fn taken_back(&self, here: &Here, item: &Item) -> Result<Option<TakenBack>, FlowError> {
        if item.standing == Standing::Closed || !here.is_archived(&item.id) {
            return Ok(None);
        }
        let undone = |because: &str| because == ADDING_UNDONE;
        match self.store.archived_task(&item.id)?.map(|task| task.state) {
            Some(State::Cancelled { because }) if undone(&because) => {}
            _ => return Ok(None),
        }
        // The journal takes a walk to find: only now.
        let Some(archived) = self.store.archived(&item.id)? else { return Ok(None) };
        let journal = self.store.events(&archived.tip, 2)?;
        let [(before, _), (_, last)] = journal.as_slice() else { return Ok(None) };
        let task = self.store.task_of_commit(before)?;
        let before = Stored { task, tip: before.clone() };
        Ok(Some(TakenBack { by: last.op.clone(), archived, before }))
    }

    /// Makes the task what it was before, and lets it follow what its source says now.
    pub(super) fn bring_back(
        &self,
        op: &Op,
        actor: &Actor,
        taken_back: TakenBack,
        item: &Item,
        after: Option<&Vec<TaskId>>,
        notices: &mut Vec<String>,
    ) -> Result<(), FlowError> {
        let TakenBack { archived, by, before } = taken_back;
        let news = self.following(&before, item, after, notices)?;
        let mut events = vec![Event::Undone { op: by, restored: Box::new(before.task) }];
        events.extend(news);
        self.store.reopen(op, actor, &archived, &events)?;
        Ok(())
    }
}
