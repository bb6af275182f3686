//! What a run and a task may spend: reserved before a turn starts, settled when it has ended (A7).
//!
//! A turn starts only while its reservation fits into what is left, so agents that work side by side cannot spend the
//! same money. What a turn costs is known only afterwards: each that is going on when the budget is used up may go over
//! its reservation once, and no other one starts.

use std::collections::BTreeMap;
use std::fmt;

use crate::task::record::{MicroUsd, Task};
use crate::task::words::counted;
use crate::task::{Evidence, Trouble};

/// Money and tokens, for what both are counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Both<T> {
    pub(crate) money: T,
    pub(crate) tokens: T,
}

/// The most that may be spent, in millionths of a dollar and in tokens; `None` is without a limit.
pub(crate) type Caps = Both<Option<u64>>;
/// What an ended turn told; `None` is unknown, which is not nothing.
pub(crate) type Told = Both<Option<u64>>;

/// A turn that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenTurn {
    pub(crate) task: String,
    pub(crate) role: String,
    pub(crate) agent: String,
    /// What is reserved for it; 0 where there is no limit.
    pub(crate) reserved: Both<u64>,
    /// It asks nobody who charges.
    pub(crate) free: bool,
    pub(crate) seen: Seen,
}

/// What a turn that goes on is known by: all there is of it where its end is not seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// The blob id of what was sent.
    pub(crate) prompt: Option<String>,
    /// Folders with its logs, machine-local: one, or each worker's of a team.
    pub(crate) logs: Vec<String>,
}

/// How a turn came to its end, as far as its silence is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// Its program ended well: if it told nothing, it never does.
    Whole,
    /// Its program failed before it could tell.
    Failed,
    /// It was ended: a limit, a stop, a kill.
    Outside,
}

/// What is known of the turns of an agent in a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// The most that one of them told.
    pub(crate) most: Option<u64>,
    /// Whether one came to its end and told nothing.
    pub(crate) silent: bool,
    /// How many failed in a row and told nothing.
    pub(crate) failed: u32,
}

/// So many turns of an agent may fail in a row without a word of what they cost, before any has told: the first crash is
/// no habit, and each of them is of unknown cost.
const FAILED_UNTOLD: u32 = 3;

/// A turn that ended and did not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Untold {
    pub(crate) agent: String,
    pub(crate) role: String,
    pub(crate) reserved: u64,
    /// Its program failed: what other turns of the run told is a measure of it too.
    pub(crate) failed: bool,
}

/// The state of one of the two accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Account {
    /// What ended turns told.
    pub(crate) spent: u64,
    /// Turns that ended and did not tell.
    pub(crate) untold: Vec<Untold>,
    /// By agent and role.
    pub(crate) known: BTreeMap<(String, String), Known>,
}

/// What a run has spent and reserved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ledger {
    pub(crate) caps: Caps,
    /// What a person allowed besides.
    pub(crate) granted: Both<u64>,
    pub(crate) accounts: Both<Account>,
    pub(crate) open: Vec<OpenTurn>,
}

/// Why a turn may not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Turns that are going on may cost less than is reserved for them: ask again when one has ended.
    Wait,
    /// The run's budget is used up, in words.
    Over(String),
}

/// What a turn may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) reserved: Both<u64>,
    /// What it can be told as its own limit, where its program takes one.
    pub(crate) limit: Option<MicroUsd>,
}

/// Which of the two, with its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Currency {
    Money,
    Tokens,
}

impl Currency {
    const ALL: [Currency; 2] = [Currency::Money, Currency::Tokens];

    fn of<T>(self, both: &Both<T>) -> &T {
        match self {
            Currency::Money => &both.money,
            Currency::Tokens => &both.tokens,
        }
    }

    fn of_mut<T>(self, both: &mut Both<T>) -> &mut T {
        match self {
            Currency::Money => &mut both.money,
            Currency::Tokens => &mut both.tokens,
        }
    }

    /// An amount in words.
    pub(crate) fn shown(self, amount: u64) -> Shown {
        Shown(self, amount)
    }
}

/// An amount for people.
pub(crate) struct Shown(Currency, u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Currency::Tokens, tokens) => write!(f, "{tokens} tokens"),
            // Less than a cent is not nothing.
            (Currency::Money, micros @ 1..10_000) => write!(f, "${}.{micros:06}", 0),
            (Currency::Money, micros) => write!(f, "${}.{:02}", micros / 1_000_000, micros / 10_000 % 100),
        }
    }
}

impl Account {
    /// The most that turns of an agent told, in whatever role.
    fn most_of(&self, agent: &str) -> Option<u64> {
        let of = self.known.iter().filter(|((name, _), _)| name == agent);
        of.filter_map(|(_, known)| known.most).max()
    }

    /// What stays reserved for a turn that did not tell: what was, or the most that its like told since. The next of kin
    /// counts: this role of its agent, then any role of it; for a turn that failed, then any turn of the run.
    fn held_for(&self, turn: &Untold) -> u64 {
        let own = self.known.get(&(turn.agent.clone(), turn.role.clone())).and_then(|known| known.most);
        let any = || self.known.values().filter_map(|known| known.most).max();
        let most = own.or_else(|| self.most_of(&turn.agent)).or_else(|| any().filter(|_| turn.failed));
        most.map_or(turn.reserved, |most| most.min(turn.reserved))
    }
}

impl Ledger {
    /// The cap with what a person added.
    fn cap(&self, of: Currency) -> Option<u64> {
        (*of.of(&self.caps)).map(|cap| cap.saturating_add(*of.of(&self.granted)))
    }

    /// A person allows the whole amount once more.
    pub(crate) fn grant(&mut self) {
        for of in Currency::ALL {
            let more = of.of(&self.caps).unwrap_or_default();
            let granted = of.of_mut(&mut self.granted);
            *granted = granted.saturating_add(more);
        }
    }

    /// Whether less is left of a limit than a turn has cost so far: then the run would pause at once.
    pub(crate) fn is_too_small(&self) -> bool {
        Currency::ALL.into_iter().any(|of| {
            let most = of.of(&self.accounts).known.values().filter_map(|known| known.most).max();
            self.left(of).is_some_and(|left| left == 0 || most.is_some_and(|most| left < most))
        })
    }

    /// Takes over limits; where none is given, the old one stays.
    pub(crate) fn limit(&mut self, caps: Caps) {
        self.caps = Both { money: caps.money.or(self.caps.money), tokens: caps.tokens.or(self.caps.tokens) };
    }

    /// A turn did not start after all.
    pub(crate) fn forget(&mut self, task: &str, role: &str) {
        self.open.retain(|turn| turn.task != task || turn.role != role);
    }

    /// What is neither spent nor reserved; `None` without a limit.
    pub(crate) fn left(&self, of: Currency) -> Option<u64> {
        let account = of.of(&self.accounts);
        let open: u64 = self.open.iter().map(|turn| *of.of(&turn.reserved)).sum();
        let gone = account.spent.saturating_add(self.held(of)).saturating_add(open);
        self.cap(of).map(|cap| cap.saturating_sub(gone))
    }

    /// Turns that did not tell, and that nothing else holds to a limit.
    fn untold(&self, of: Currency) -> impl Iterator<Item = &Untold> {
        of.of(&self.accounts).untold.iter().filter(move |turn| !self.counted_in_tokens(of, &turn.agent))
    }

    /// What stays reserved for turns that did not tell.
    fn held(&self, of: Currency) -> u64 {
        let held = self.untold(of).map(|turn| of.of(&self.accounts).held_for(turn));
        held.fold(0, u64::saturating_add)
    }

    /// Whether an agent tells its tokens and never what they cost, while both are limited: the tokens hold it then.
    fn counted_in_tokens(&self, of: Currency, agent: &str) -> bool {
        of == Currency::Money
            && self.cap(Currency::Tokens).is_some()
            && self.accounts.money.most_of(agent).is_none()
            && self.accounts.tokens.most_of(agent).is_some()
    }

    /// Reserves for a turn of this agent in this role, and notes it as going on. `free_slots` are the turns that could
    /// start now, this one included: as long as nobody knows what a turn of it costs, half an equal share is reserved, so
    /// that something is left to go on with where all of them are killed and never tell.
    ///
    /// # Errors
    /// It does not fit into what is left.
    pub(crate) fn reserve(&mut self, turn: OpenTurn, free_slots: usize) -> Result<Allowance, Refusal> {
        let mut allowance = Allowance { reserved: Both::default(), limit: None };
        if turn.free {
            self.open.push(turn);
            return Ok(allowance);
        }
        for of in Currency::ALL {
            if self.counted_in_tokens(of, &turn.agent) {
                continue;
            }
            let Some(left) = self.left(of) else { continue };
            let share = (left / u64::try_from(free_slots.max(1)).unwrap_or(u64::MAX)).max(1);
            let key = (turn.agent.clone(), turn.role.clone());
            let known = of.of(&self.accounts).known.get(&key).and_then(|known| known.most);
            let needed = known.unwrap_or(share / 2).max(1);
            if needed > left {
                return Err(self.refusal(of, left, known));
            }
            *of.of_mut(&mut allowance.reserved) = needed;
            if of == Currency::Money {
                allowance.limit = Some(MicroUsd(needed.max(share)));
            }
        }
        self.open.push(OpenTurn { reserved: allowance.reserved, ..turn });
        Ok(allowance)
    }

    fn refusal(&self, of: Currency, left: u64, known: Option<u64>) -> Refusal {
        if self.open.iter().any(|turn| *of.of(&turn.reserved) > 0) {
            return Refusal::Wait;
        }
        let mut words = self.used(of);
        if let (1.., Some(most)) = (left, known) {
            words.push_str(&format!(
                "; the next turn may cost {}, and {} is left",
                of.shown(most),
                of.shown(left)
            ));
        }
        Refusal::Over(words)
    }

    /// What was used of a limit, in words.
    fn used(&self, of: Currency) -> String {
        let account = of.of(&self.accounts);
        let mut words = format!(
            "{} of the run's {} are spent",
            of.shown(account.spent),
            of.shown(self.cap(of).unwrap_or_default())
        );
        let untold = self.untold(of).count();
        if untold > 0 {
            let held = of.shown(self.held(of));
            words.push_str(&format!(
                ", and {held} stay reserved for {} that did not tell",
                counted(untold, "turn")
            ));
        }
        let in_tokens = account.untold.len() - untold;
        if in_tokens > 0 {
            words.push_str(&format!(
                ", besides what {} cost that told only tokens",
                counted(in_tokens, "turn")
            ));
        }
        words
    }

    /// What was used of each limit, for the report; empty without one.
    pub(crate) fn summary(&self) -> Option<String> {
        let parts: Vec<String> =
            Currency::ALL.into_iter().filter(|of| self.cap(*of).is_some()).map(|of| self.used(of)).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Settles a turn that ended. One that failed without a word says little about its agent: only so many in a row, and
    /// none at all where the agent has told before.
    ///
    /// Answers in which currency this agent cannot be held to its limit, as it does not tell what it uses.
    pub(crate) fn settle(
        &mut self,
        task: &str,
        role: &str,
        agent: &str,
        told: Told,
        close: Close,
    ) -> Option<Currency> {
        let is_it = |turn: &OpenTurn| turn.task == task && turn.role == role && turn.agent == agent;
        let at = self.open.iter().position(is_it)?;
        let turn = self.open.remove(at);
        if turn.free {
            return None;
        }
        let mut untold = Vec::new();
        for of in Currency::ALL {
            let account = of.of_mut(&mut self.accounts);
            let known = account.known.entry((agent.to_owned(), role.to_owned())).or_default();
            if let Some(amount) = *of.of(&told) {
                account.spent = account.spent.saturating_add(amount);
                // A call that failed at once costs nothing, and is no measure of what follows.
                known.most = known.most.max((amount > 0).then_some(amount));
                known.failed = 0;
                continue;
            }
            known.silent |= close == Close::Whole;
            known.failed += u32::from(close == Close::Failed);
            if known.silent || known.failed >= FAILED_UNTOLD {
                untold.push(of);
            }
            account.untold.push(Untold {
                agent: agent.to_owned(),
                role: role.to_owned(),
                reserved: *of.of(&turn.reserved),
                failed: close == Close::Failed,
            });
        }
        untold.into_iter().find(|of| {
            let told_before = of.of(&self.accounts).most_of(agent).is_some();
            self.cap(*of).is_some() && !told_before && !self.counted_in_tokens(*of, agent)
        })
    }

    /// A trial of an agent before the start. Nothing was reserved for it, so one that does not tell holds nothing.
    pub(crate) fn tried(&mut self, agent: &str, told: Told) {
        for of in Currency::ALL {
            let account = of.of_mut(&mut self.accounts);
            match *of.of(&told) {
                Some(amount) => account.spent = account.spent.saturating_add(amount),
                None => account.untold.push(Untold {
                    agent: agent.to_owned(),
                    role: "trial".to_owned(),
                    reserved: 0,
                    failed: false,
                }),
            }
        }
    }

    /// A turn of a run that was killed. What its logs told is spent; it may have used more than that, so what was reserved
    /// beyond it stays reserved.
    pub(crate) fn bury(&mut self, turn: &OpenTurn, told: Told) {
        self.open.retain(|open| open != turn);
        if turn.free {
            return;
        }
        for of in Currency::ALL {
            let told = of.of(&told).unwrap_or_default();
            let account = of.of_mut(&mut self.accounts);
            account.spent = account.spent.saturating_add(told);
            let rest = of.of(&turn.reserved).saturating_sub(told);
            if rest > 0 || told == 0 {
                let (agent, role) = (turn.agent.clone(), turn.role.clone());
                account.untold.push(Untold { agent, role, reserved: rest, failed: false });
            }
        }
    }
}

/// Whether a task may have another turn under its own budget; why not.
///
/// A person's `approve` allows the whole amount once more. Where a turn did not tell what it used, nobody knows what is
/// left: then too a person is asked, once.
pub(crate) fn task_over(task: &Task, caps: Caps) -> Option<Evidence> {
    let grants = grants(task);
    let spent = Both { money: task.spent.cost.map(|cost| cost.0), tokens: task.spent.tokens };
    for of in Currency::ALL {
        let Some(cap) = *of.of(&caps) else { continue };
        let cap = cap.saturating_mul(grants + 1);
        let words = match *of.of(&spent) {
            Some(spent) if spent >= cap => {
                format!("{} of the task's {} are spent", of.shown(spent), of.shown(cap))
            }
            None if grants == 0 => {
                format!("a turn did not tell what it used, and the task has {}", of.shown(cap))
            }
            Some(_) | None => continue,
        };
        return Some(Evidence::new(Trouble::OverBudget, words));
    }
    None
}

/// How often a person said yes to a task that had used up its budget.
fn grants(task: &Task) -> u64 {
    let mut asked = false;
    let mut grants = 0;
    for decision in &task.decisions {
        if let Some(evidence) = &decision.evidence {
            asked = evidence.trouble == Trouble::OverBudget;
        } else if decision.what == "approved" && asked {
            grants += 1;
            asked = false;
        }
    }
    grants
}

impl Caps {
    /// Both limits with the smaller of each.
    pub(crate) fn of(money: Option<MicroUsd>, tokens: Option<u64>) -> Caps {
        Both { money: money.map(|cap| cap.0), tokens }
    }
}

#[cfg(test)]
mod tests;
