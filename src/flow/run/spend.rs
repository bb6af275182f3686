//! What a run may spend, at work: reserved before a turn starts, settled when it has ended. The rules are `plan::budget`.

use crate::agent::{Agent, Tokens, TurnResult};
use crate::flow::FlowError;
use crate::flow::preflight::Tried;
use crate::flow::progress::Step;
use crate::plan::breaker::Went;
use crate::plan::budget::{self, Allowance, Both, Close, Currency, OpenTurn, Refusal, Seen, Told};
use crate::plan::turns::Work;
use crate::policy::agents::Output;
use crate::process::Ended;
use crate::task::record::TurnRecord;
use crate::task::{Actor, Event, Task};

use super::Dispatcher;

impl Dispatcher<'_> {
    /// Whether the task's own budget allows another turn. If not, and nobody is at it, a person is asked.
    pub(super) fn task_may_spend(&self, task: &Task) -> Result<bool, FlowError> {
        let Some(because) = budget::task_over(task, self.project.policy.budget.task) else { return Ok(true) };
        if self.busy.keys().any(|work| *work.task() == task.id) {
            return Ok(false);
        }
        self.say(Step::NeedsYou, std::slice::from_ref(&task.id), None, because.text.clone());
        let event = Event::Escalated { because };
        let actor = Actor::orchestrator();
        self.project.store.change::<FlowError>(&self.op, &actor, &task.id, |_| Ok(vec![event.clone()]))?;
        Ok(false)
    }

    /// Reserves for a turn; nothing where it has to wait. `slots` are the turns that could start now.
    pub(super) fn reserve(&mut self, work: &Work, agent: &Agent, slots: usize) -> Option<Allowance> {
        let turn = OpenTurn {
            task: work.task().to_string(),
            role: work.role(),
            agent: agent.name.clone(),
            reserved: Both::default(),
            free: agent.is_free(),
            seen: Seen::default(),
        };
        match self.tally.state.ledger.reserve(turn, slots) {
            Ok(allowance) => Some(allowance),
            Err(Refusal::Wait) => None,
            Err(Refusal::Over(why)) => {
                self.over = Some(why);
                None
            }
        }
    }

    /// Counts what the trials before the start used: they are part of what the run may spend.
    pub(in crate::flow) fn count_trials(&mut self, tried: &[Tried]) {
        for Tried { agent, used } in tried {
            let told =
                Told { money: used.cost.map(|cost| cost.amount().0), tokens: used.tokens.map(Tokens::total) };
            self.tally.state.ledger.tried(agent, told);
        }
    }

    /// Notes what a turn that starts is known by, should nobody see its end.
    pub(super) fn note_open(&mut self, work: &Work, seen: Seen) {
        let (task, role) = (work.task().as_str(), work.role());
        let mut open = self.tally.state.ledger.open.iter_mut();
        if let Some(turn) = open.find(|turn| turn.task == task && turn.role == role) {
            turn.seen = seen;
        }
    }

    /// A turn for which something was reserved did not start.
    pub(super) fn give_back(&mut self, work: &Work) {
        self.tally.state.ledger.forget(work.task().as_str(), &work.role());
    }

    /// Settles a turn that ended. An agent that never tells what it uses has no further turn under a budget.
    pub(super) fn settle(&mut self, work: &Work, agent: &Agent, record: &TurnRecord, result: &TurnResult) {
        let told = Told { money: record.cost.map(|cost| cost.0), tokens: record.tokens };
        let close = match result.outcome.ended {
            Ended::Exited(0) => Close::Whole,
            Ended::Exited(_) => Close::Failed,
            _ => Close::Outside,
        };
        let (task, role) = (work.task().as_str(), work.role());
        let silent = self.tally.state.ledger.settle(task, &role, &record.agent, told, close);
        if let Some(of) = silent {
            let (why, command) = silent_words(of, agent, told.tokens.is_some());
            self.tell_breaker(&record.agent, Went::Never, &why);
            self.roster.mended_by(&record.agent, command);
        }
    }
}

/// Why an agent has no further turn under a budget, with what helps; and the command that does, where it is one.
fn silent_words(of: Currency, agent: &Agent, tells_tokens: bool) -> (String, Option<&'static str>) {
    let form = |agent: &Agent| agent.entry().map(|entry| entry.output);
    let first = agent.members().next().unwrap_or(agent);
    let prints = |what: &str| format!("let its last line be {{\"git-orch-usage\":{{{what}}}}}");
    let remedy = match (of, form(first)) {
        (Currency::Tokens, Some(Output::Text)) => prints("\"tokens\":1200"),
        (Currency::Money, Some(Output::Text)) => prints("\"cost_usd\":0.12"),
        (Currency::Money, _) if tells_tokens => {
            format!("set agent.{}.price", first.name.split(':').next().unwrap_or(&first.name))
        }
        (Currency::Money | Currency::Tokens, _) => "run it without that budget".to_owned(),
    };
    match of {
        Currency::Money if tells_tokens => (
            format!(
                "it does not tell what it costs, and the run has a budget: {remedy}, or set budget.run_tokens"
            ),
            Some("git config orch.budget.run-tokens 2000000"),
        ),
        Currency::Money => {
            (format!("it does not tell what it costs, and the run has a budget: {remedy}"), None)
        }
        Currency::Tokens => {
            (format!("it does not tell what it uses, and the run has a budget of tokens: {remedy}"), None)
        }
    }
}
