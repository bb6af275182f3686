//! A run: one loop that decides, starts and collects. It owns the tasks as the user sees them; agents and the queue run
//! beside it and report over channels.
//!
//! Every state is in the journals, so a run always resumes what an earlier one left; nothing here has to be saved.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::Scope;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::agent::{self, Agent, AgentError, TurnResult};
use crate::git::lock::FileLock;
use crate::plan::breaker::Went;
use crate::plan::route::Choice;
use crate::plan::turns::{self, Work, Workload};
use crate::process::{Interrupts, Level, Stop, random_letters};
use crate::store::Op;
use crate::task::id::{RunId, Seconds, TaskId};

use super::progress::{Line, Now, Step, Watcher};
use super::project::now;
use super::queue::{Bounds, Lander, Rounds};
use super::report::{Ran, Tally};
use super::roster::Roster;
use super::turn::{Crew, Ready};
use super::{FlowError, Project};

/// How often everything is looked at anew when nothing happens by itself.
const TICK: Duration = Duration::from_millis(500);
/// How long a change waits in the queue for others that are about to follow: they are tested together then.
const GATHER: Duration = Duration::from_secs(3);
/// What a run was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunRequest {
    /// Only these tasks; empty = all.
    pub(crate) only: Vec<TaskId>,
    /// Agents, each for a role or for all.
    pub(crate) agents: Vec<(Option<String>, String)>,
    /// Leave what is ready in the queue.
    pub(crate) no_land: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// Nothing was left that it could do.
    Done,
    /// Stopped by a person.
    Interrupted,
}

/// What a run came to.
pub(crate) struct RunOutcome {
    pub(crate) end: RunEnd,
    pub(crate) report: crate::report::RunReport,
    /// Why it could do nothing at all, if so.
    pub(crate) idle: Option<String>,
    /// What it left because no agent may have a turn any more: how many tasks, and why.
    pub(crate) left: Option<(usize, String)>,
}

/// How far a stop was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stopping {
    No,
    Soft,
    Hard,
}

/// What the loop hears.
enum News {
    Turn(Box<Ready>, Result<TurnResult, AgentError>),
    Queue(Result<Rounds, FlowError>),
    Interrupt(Level),
    Tick,
}

/// Runs agents and the queue until nothing is left to do.
///
/// # Errors
/// Another run of this clone is going on, an agent is unknown, git fails.
pub(crate) fn run(
    project: &Project,
    request: &RunRequest,
    watcher: &dyn Watcher,
) -> Result<RunOutcome, FlowError> {
    let Some(_only_one) = FileLock::try_take(&project.repo, "run.lock")? else {
        return Err(FlowError::RunBusy);
    };
    project.forget_stop()?;
    let op = project.op();
    for line in project.recover()? {
        watcher.line(&Line { step: Step::Resume, tasks: Vec::new(), seconds: None, text: line });
    }
    let project = project.reopened()?;
    for id in project.release_dead(&op)? {
        let text = "its agent died with an earlier run: back to the pool".to_owned();
        watcher.line(&Line { step: Step::Resume, tasks: vec![id], seconds: None, text });
    }
    let crew = project.crew(&request.agents)?;
    if let Some(text) = project.agents_held_by(&crew)? {
        watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| FlowError::File {
        doing: "start",
        path: "the runtime of the run".to_owned(),
        source,
    })?;
    std::thread::scope(|scope| {
        let dispatcher = Dispatcher::new(project, request, crew, watcher, op);
        runtime.block_on(dispatcher.work(scope))
    })
}

struct Dispatcher<'a> {
    project: Project,
    request: &'a RunRequest,
    roster: Roster,
    watcher: &'a dyn Watcher,
    op: Op,
    run: RunId,
    busy: BTreeMap<Work, (String, Instant)>,
    landing: bool,
    stop: Stop,
    stopping: Stopping,
    /// Since when something has waited in the queue while nothing was landing.
    gathering: Option<Instant>,
    /// The queue came to rest at this state of the refs: no use in asking it again before something changes.
    rested: Option<BTreeSet<(TaskId, String)>>,
    tally: Tally,
    sender: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
}

impl<'a> Dispatcher<'a> {
    fn new(
        project: Project,
        request: &'a RunRequest,
        crew: Crew,
        watcher: &'a dyn Watcher,
        op: Op,
    ) -> Dispatcher<'a> {
        let (sender, news) = unbounded_channel();
        let run = RunId(format!("r-{}", random_letters(4)));
        let tally = Tally::begin(&project, &request.only, op.at);
        Dispatcher {
            project,
            request,
            roster: Roster::new(crew, false),
            watcher,
            op,
            run,
            busy: BTreeMap::new(),
            landing: false,
            stop: Stop::new(),
            stopping: Stopping::No,
            gathering: None,
            rested: None,
            tally,
            sender,
            news,
        }
    }

    async fn work<'scope, 'env>(mut self, scope: &'scope Scope<'scope, 'env>) -> Result<RunOutcome, FlowError>
    where
        'a: 'scope,
    {
        let mut interrupts = Interrupts::listen()?;
        let mut turns = tokio::task::JoinSet::new();
        self.tally.begin_log(&self.project, &self.op, &self.run)?;
        let result = loop {
            match self.step(scope, &mut turns) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(err) => break Err(err),
            }
            let news = tokio::select! {
                Some(news) = self.news.recv() => news,
                level = interrupts.next() => News::Interrupt(level),
                Some(Ok((ready, result))) = turns.join_next(), if !turns.is_empty() => News::Turn(ready, result),
                () = tokio::time::sleep(TICK) => News::Tick,
            };
            if let Err(err) = self.hear(news) {
                break Err(err);
            }
        };
        self.stop.request();
        while let Some(Ok((ready, result))) = turns.join_next().await {
            let _ = self.turn_ended(&ready, result);
        }
        result?;
        self.finish()
    }

    /// Decides and starts; false when nothing is left to do.
    fn step<'scope, 'env>(
        &mut self,
        scope: &'scope Scope<'scope, 'env>,
        turns: &mut tokio::task::JoinSet<(Box<Ready>, Result<TurnResult, AgentError>)>,
    ) -> Result<bool, FlowError>
    where
        'a: 'scope,
    {
        self.project = self.project.reopened()?;
        self.op = Op { at: now(), ..self.op.clone() };
        if self.project.asked_to_stop().is_some() {
            self.stopping = self.stopping.max(Stopping::Soft);
        }
        self.decide_reviews()?;
        if self.stopping == Stopping::No {
            self.start_turns(turns)?;
        }
        self.start_landing(scope)?;
        self.show()?;
        Ok(self.landing || !self.busy.is_empty() || self.gathering.is_some() || self.waits_for_agent()?)
    }

    /// Whether there are turns that an agent may take after its pause.
    fn waits_for_agent(&self) -> Result<bool, FlowError> {
        if self.stopping > Stopping::No || self.roster.wakes_at(self.op.at).is_none() {
            return Ok(false);
        }
        let wanted = turns::wanted(&self.workload()?, &|id| self.project.finished(id));
        Ok(wanted.iter().any(|work| !self.roster.may(work, self.op.at)))
    }

    fn hear(&mut self, news: News) -> Result<(), FlowError> {
        match news {
            News::Tick => Ok(()),
            News::Turn(ready, result) => self.turn_ended(&ready, result),
            News::Queue(result) => {
                self.landing = false;
                match result {
                    Ok(rounds) => {
                        self.rested = Some(self.in_queue()?);
                        self.tally.add_rounds(&rounds);
                        Ok(())
                    }
                    Err(FlowError::Interrupted) => Ok(()),
                    // Somebody else lands on this machine: that is as good.
                    Err(FlowError::QueueBusy { .. }) => Ok(()),
                    Err(err) => Err(err),
                }
            }
            News::Interrupt(Level::Soft) if self.stopping == Stopping::No => {
                self.stopping = Stopping::Soft;
                self.say(
                    Step::Note,
                    &[],
                    None,
                    "stopping: no new turns; once more to end the running ones".to_owned(),
                );
                Ok(())
            }
            News::Interrupt(_) => {
                self.stopping = Stopping::Hard;
                self.stop.request();
                Ok(())
            }
        }
    }

    fn say(&self, step: Step, tasks: &[TaskId], seconds: Option<u64>, text: String) {
        self.watcher.line(&Line { step, tasks: tasks.to_vec(), seconds, text });
    }

    fn wanted_task(&self, id: &TaskId) -> bool {
        self.request.only.is_empty() || self.request.only.contains(id)
    }

    fn decide_reviews(&mut self) -> Result<(), FlowError> {
        for row in self.project.store.open_tasks()?.rows {
            let asked = self
                .busy
                .keys()
                .any(|work| matches!(work, Work::Review { task, .. } if *task == row.card.id));
            if row.card.state != "under-review" || asked || !self.wanted_task(&row.card.id) {
                continue;
            }
            if !self.roster.roles().review {
                continue;
            }
            let Some(stored) = self.project.store.load(&row.card.id)? else { continue };
            if let Some((step, text)) = self.project.decide_review(&self.op, &stored)? {
                self.say(step, std::slice::from_ref(&row.card.id), None, text);
            }
        }
        Ok(())
    }

    fn workload(&self) -> Result<Workload, FlowError> {
        let cards = self.project.store.open_tasks()?.cards();
        let mut reviews = BTreeMap::new();
        for card in cards.iter().filter(|card| card.state == "under-review" && self.roster.roles().review) {
            if let Some(stored) = self.project.store.load(&card.id)? {
                reviews.insert(card.id.clone(), self.project.reviewers_to_ask(&stored.task));
            }
        }
        Ok(Workload {
            cards,
            reviews,
            busy: self.busy.keys().cloned().collect(),
            roles: self.roster.roles(),
            only: self.request.only.iter().cloned().collect(),
            ours: format!("@{}", self.project.clone_id()?),
        })
    }

    fn start_turns(
        &mut self,
        turns: &mut tokio::task::JoinSet<(Box<Ready>, Result<TurnResult, AgentError>)>,
    ) -> Result<(), FlowError> {
        let capacity = self.project.policy.jobs as usize;
        if self.busy.len() >= capacity {
            return Ok(());
        }
        let load = self.workload()?;
        let wanted = turns::wanted(&load, &|id| self.project.finished(id));
        for work in wanted {
            if self.busy.len() >= capacity {
                break;
            }
            let Some((agent, choice)) = self.agent_for(&work)? else { continue };
            let prepared = self.project.prepare_turn(&self.op, &self.run, &agent, choice, &work)?;
            let Some(ready) = prepared else { continue };
            self.roster.started(&ready.agent.name);
            self.say_start(&ready)?;
            self.busy.insert(work, (ready.agent.name.clone(), Instant::now()));
            let stop = self.stop.clone();
            turns.spawn(async move {
                let result = agent::take(&ready.agent, &ready.turn, stop).await;
                (Box::new(ready), result)
            });
        }
        Ok(())
    }

    /// The agent that takes a turn now; `None` where nobody may.
    fn agent_for(&self, work: &Work) -> Result<Option<(Agent, Choice)>, FlowError> {
        if !self.roster.may(work, self.op.at) {
            return Ok(None);
        }
        let Some(stored) = self.project.store.load(work.task())? else { return Ok(None) };
        let busy = |agent: &str| self.busy.values().filter(|(name, _)| name == agent).count();
        Ok(self.roster.choose(work, &stored.task, self.op.at, busy).ok())
    }

    fn say_start(&self, ready: &Ready) -> Result<(), FlowError> {
        if matches!(ready.work, Work::Review { .. }) {
            return Ok(());
        }
        let title =
            self.project.store.load(ready.work.task())?.map(|stored| stored.task.title).unwrap_or_default();
        let again = if matches!(ready.work, Work::Fix { .. }) { " again" } else { "" };
        let text = format!("{}{again}  {title}", ready.agent.name);
        self.say(Step::Start, std::slice::from_ref(ready.work.task()), None, text);
        Ok(())
    }

    fn turn_ended(&mut self, ready: &Ready, result: Result<TurnResult, AgentError>) -> Result<(), FlowError> {
        self.busy.remove(&ready.work);
        self.op.at = now();
        let task = ready.work.task().clone();
        let result = match result {
            Ok(result) => result,
            Err(err) => {
                let text = crate::store::chain(&err);
                if matches!(err, AgentError::NotInstalled { .. }) {
                    self.project.turn_not_possible(&self.op, ready, &text)?;
                    self.tell_breaker(&ready.agent.name, Went::Never, &text);
                    return Ok(());
                }
                self.project.turn_not_started(&self.op, ready, &text)?;
                self.say(Step::Note, &[task], None, format!("{}: {text}", ready.turn.role));
                self.tell_breaker(&ready.agent.name, Went::Badly, &text);
                return Ok(());
            }
        };
        let judged = self.project.judge_turn(&self.op, ready, &result)?;
        let seconds = judged.record.seconds;
        self.say(judged.step, std::slice::from_ref(&task), Some(seconds), judged.text.clone());
        if let Some(went) = judged.went {
            let why = match went {
                // What the program said is about itself; what was judged is about the task.
                Went::Never | Went::Later => &judged.record.ended,
                Went::Well | Went::Badly => &judged.text,
            };
            self.tell_breaker(&ready.agent.name, went, why);
        }
        self.tally.add(Ran {
            what: format!("{} {} {task}{}", ready.agent.name, ready.turn.role, ready.held_by()),
            started: Seconds(self.op.at.0 - i64::try_from(seconds).unwrap_or_default()),
            seconds,
            ended: judged.record.ended.clone(),
        });
        let line = format!("{} {task}: {}", ready.turn.role, judged.text);
        self.tally.add_turn(&task, judged.record);
        self.tally.log(&self.project, &self.op, &self.run, &line)
    }

    fn tell_breaker(&mut self, agent: &str, went: Went, why: &str) {
        if let Some(opened) = self.roster.ended(agent, went, why, self.op.at) {
            self.say(Step::Note, &[], None, format!("{agent}: {opened}"));
        }
    }

    /// What waits in the queue, with its phase: if this has not changed since it came to rest, asking again is no use.
    fn in_queue(&self) -> Result<BTreeSet<(TaskId, String)>, FlowError> {
        let rows = self.project.store.open_tasks()?.rows;
        let queued = rows.into_iter().filter(|row| row.card.state == "ready-for-handoff");
        Ok(queued.map(|row| (row.card.id, row.tip.to_string())).collect())
    }

    /// Starts the queue in a thread of its own, a little after the first change came: others may be about to follow.
    fn start_landing<'scope, 'env>(&mut self, scope: &'scope Scope<'scope, 'env>) -> Result<(), FlowError>
    where
        'a: 'scope,
    {
        if self.landing || self.request.no_land || self.stopping == Stopping::Hard {
            self.gathering = None;
            return Ok(());
        }
        let waiting = self.in_queue()?;
        if waiting.is_empty() || self.rested.as_ref() == Some(&waiting) {
            self.gathering = None;
            return Ok(());
        }
        let since = *self.gathering.get_or_insert_with(Instant::now);
        let others = !self.busy.is_empty();
        if others && since.elapsed() < GATHER {
            return Ok(());
        }
        self.gathering = None;
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

    fn show(&self) -> Result<(), FlowError> {
        let busy = self.busy.iter().map(|(work, (agent, since))| {
            let role = match work {
                Work::Review { reviewer, .. } => format!("review {reviewer}"),
                Work::Fix { .. } => "fix".to_owned(),
                Work::Implement { .. } => "implement".to_owned(),
            };
            (work.task().clone(), role, agent.clone(), since.elapsed().as_secs())
        });
        let rows = self.project.store.open_tasks()?.rows;
        let landed = self.tally.landed();
        self.watcher.now(&Now {
            busy: busy.collect(),
            landed,
            needs_you: rows.iter().filter(|row| row.card.need.is_some()).count(),
            total: landed + rows.len(),
            cost: self.tally.cost(&rows),
            stopping: self.stopping > Stopping::No,
        });
        Ok(())
    }

    fn finish(mut self) -> Result<RunOutcome, FlowError> {
        let end = if self.stopping == Stopping::No { RunEnd::Done } else { RunEnd::Interrupted };
        self.project.forget_stop()?;
        self.project = self.project.reopened()?;
        self.op.at = now();
        let mut report = self.tally.report(&self.project, &self.run, self.op.at, end)?;
        report.breakers.clone_from(&self.roster.opened);
        self.project.keep_report(&self.op, &self.run, &report)?;
        let idle = if self.tally.did_nothing() { self.idle()? } else { None };
        let left = self.left()?;
        Ok(RunOutcome { end, report, idle, left })
    }

    /// Turns that are wanted, and that no agent may take.
    fn left(&self) -> Result<Option<(usize, String)>, FlowError> {
        let wanted = turns::wanted(&self.workload()?, &|id| self.project.finished(id));
        let shut = wanted.iter().filter_map(|work| Some((work.task(), self.roster.shut(work, self.op.at)?)));
        let shut: BTreeMap<&TaskId, String> = shut.collect();
        Ok(shut.values().next().map(|why| (shut.len(), why.clone())))
    }

    /// Why a run left open tasks alone that it could have done.
    fn idle(&self) -> Result<Option<String>, FlowError> {
        let rows = self.project.store.open_tasks()?.rows;
        let fresh = rows.iter().filter(|row| row.card.state == "pending" && !row.card.adopted).count();
        let review = rows.iter().filter(|row| row.card.state == "under-review").count();
        Ok(if fresh > 0 && !self.roster.roles().implement {
            Some(format!("{fresh} tasks wait for an agent, and none is set"))
        } else if review > 0 && !self.roster.roles().review {
            Some(format!("{review} tasks wait for a review, and no agent is set for it"))
        } else {
            None
        })
    }
}
