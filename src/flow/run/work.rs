//! What a run finds to do: everything is read anew each time, as others may have done some of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::FlowError;
use crate::plan::Card;
use crate::plan::retry;
use crate::plan::turns::{Work, Workload, wanted};
use crate::task::id::TaskId;

use super::{Dispatcher, Stopping};

impl Dispatcher<'_> {
    /// Whether there are turns that an agent may take after its pause.
    pub(super) fn waits_for_agent(&self) -> Result<bool, FlowError> {
        if self.stopping > Stopping::No || self.rewound || self.roster.wakes_at(self.op.at).is_none() {
            return Ok(false);
        }
        let wanted = wanted(&self.workload()?, &|id| self.project.finished(id));
        Ok(wanted.iter().any(|work| !self.roster.may(work, self.op.at)))
    }

    pub(super) fn wanted_task(&self, id: &TaskId) -> bool {
        self.tally.state.only.is_empty() || self.tally.state.only.contains(id)
    }

    /// Decides each review whose reviewers have all answered.
    pub(super) fn decide_reviews(&mut self) -> Result<(), FlowError> {
        for row in self.project.store.open_tasks()?.rows {
            // Reviewers are still at it, or whoever handed it in by itself still is.
            let asked = self.busy.keys().any(|work| *work.task() == row.card.id);
            if row.card.state != "under-review" || asked || !self.wanted_task(&row.card.id) {
                continue;
            }
            if !self.roster.roles(self.op.at).review {
                continue;
            }
            let Some(stored) = self.project.store.load(&row.card.id)? else { continue };
            if let Some((step, text)) = self.project.decide_review(&self.op, &stored)? {
                self.say(step, std::slice::from_ref(&row.card.id), None, text);
            }
        }
        Ok(())
    }

    /// The open tasks, and what is known about who may do what with them.
    pub(super) fn workload(&self) -> Result<Workload, FlowError> {
        let open = self.project.store.open_tasks()?;
        let lapsed = self.project.lapsed(&open.rows, self.op.at)?;
        let cards = open.cards();
        let mut reviews = BTreeMap::new();
        let at_work = |id: &TaskId| {
            self.busy.keys().any(|work| work.task() == id && !matches!(work, Work::Review { .. }))
        };
        let reviews_wanted = self.roster.roles(self.op.at).review;
        for card in cards.iter().filter(|card| card.state == "under-review" && reviews_wanted) {
            if at_work(&card.id) {
                continue; // handed in, and not yet at its end
            }
            if let Some(stored) = self.project.store.load(&card.id)? {
                reviews.insert(card.id.clone(), self.project.reviewers_to_ask(&stored.task));
            }
        }
        let (mut to_test, mut to_clarify) = (BTreeSet::new(), BTreeSet::new());
        let roles = self.roster.roles(self.op.at);
        let tried = |card: &&Card| card.sent_back || (card.state == "pending" && card.try_number > 1);
        for card in cards.iter().filter(tried).filter(|_| roles.test || roles.clarify) {
            let Some(stored) = self.project.store.load(&card.id)? else { continue };
            if retry::to_test(&stored.task) {
                to_test.insert(card.id.clone());
            }
            if retry::to_clarify(&stored.task) {
                to_clarify.insert(card.id.clone());
            }
        }
        Ok(Workload {
            cards,
            reviews,
            to_test,
            to_clarify,
            busy: self.busy.keys().cloned().collect(),
            roles: self.roster.roles(self.op.at),
            only: self.tally.state.only.clone(),
            ours: format!("@{}", self.project.clone_id()?),
            lapsed,
        })
    }
}
