//! A run: one loop that decides, starts and collects. It owns the tasks as the user sees them; agents and the queue run
//! beside it and report over channels.
//!
//! The state of each task is in its journal, so a run always resumes what an earlier one left. What belongs to the run
//! itself (budget, turns, log) is in its chain, so that one that was killed or interrupted goes on as the same run.

/// How it ends.
mod end;
/// Its queue.
mod landing;
/// What it is asked for.
mod request;
/// What a killed or interrupted run left.
mod resume;
/// What it may spend.
mod spend;
/// What it came to.
mod outcome;
/// Why it starts no more turns.
mod stopping;
/// Its turns.
mod turns;
/// What it finds to do.
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::thread::Scope;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::agent::{AgentError, TurnResult};
use crate::git::lock::Marked;
use crate::plan::turns::Work;
use crate::process::{Interrupts, Level, Stop};
use crate::store::Op;
use crate::task::id::{CommitId, RunId, Seconds, TaskId};

use super::audit::Audited;
use super::crew::Crew;
use super::guarded::Guarded;
use super::progress::{Line, Now, Recorder, Step, Watcher};
use super::project::now;
use super::queue::Rounds;
use super::report::Tally;
use super::roster::Roster;
use super::turn::Ready;
use super::{FlowError, Project};

pub(crate) use outcome::{Idle, Left, RunEnd, RunOutcome};
pub(crate) use request::RunRequest;
pub(crate) use resume::Which;

use outcome::{Stopping, Why};
use resume::Begun;

/// The lock of the one run of a clone.
pub(super) const LOCK: &str = "run.lock";
/// How often everything is looked at anew when nothing happens by itself.
const TICK: Duration = Duration::from_millis(500);
/// The state of a task that needs a person's decision.
const ESCALATED: &str = "escalated";

/// A turn that came to its end, and what came of looking at its work.
struct TurnEnd {
    ready: Box<Ready>,
    result: Result<TurnResult, AgentError>,
    audited: Result<Audited, FlowError>,
}

/// The turns that go on.
type Turns = tokio::task::JoinSet<TurnEnd>;

/// What the loop hears.
enum News {
    Turn(Box<TurnEnd>),
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
    let Ok(_only_one) = Marked::take(&project.repo, LOCK)? else {
        return Err(FlowError::RunBusy);
    };
    project.forget_stop()?;
    let recorder = Recorder::new(watcher);
    let watcher: &dyn Watcher = &recorder;
    let op = project.op();
    for line in project.recover()? {
        watcher.line(&Line { step: Step::Resume, tasks: Vec::new(), seconds: None, text: line });
    }
    let project = project.reopened()?;
    for id in project.release_dead(&op)? {
        let text = "its agent died with an earlier run: back to the pool".to_owned();
        watcher.line(&Line { step: Step::Resume, tasks: vec![id], seconds: None, text });
    }
    let which = project.which_run(request, op.at)?;
    let crew = project.crew(&request.agents)?;
    if let Some(text) = project.agents_held_by(&crew)? {
        watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
    }
    if let Some(text) = project.crew_not_committed(&crew)? {
        watcher.line(&Line { step: Step::Note, tasks: Vec::new(), seconds: None, text });
    }
    let tried = project.preflight(request, &crew, watcher)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| FlowError::File {
        doing: "start",
        path: "the runtime of the run".to_owned(),
        source,
    })?;
    std::thread::scope(|scope| {
        let begun = project.begin_run(which, request, op.at)?;
        let mut dispatcher = Dispatcher::new(project, request, begun, crew, &recorder, op)?;
        dispatcher.count_trials(&tried);
        // Turns stay on this thread: what they write at their end goes through this project's repository.
        tokio::task::LocalSet::new().block_on(&runtime, dispatcher.work(scope))
    })
}

struct Dispatcher<'a> {
    project: Project,
    request: &'a RunRequest,
    roster: Roster,
    watcher: &'a Recorder<'a>,
    op: Op,
    run: RunId,
    busy: BTreeMap<Work, (String, Instant)>,
    /// When the claims of what is worked on were last renewed.
    renewed: Instant,
    landing: bool,
    /// When another process was last found to land on this machine, while something waits to.
    elsewhere: Option<Instant>,
    /// Where the base branch was when it was last looked at.
    base: CommitId,
    /// Somebody took commits away from it: what is in it is no longer known to be good.
    rewound: bool,
    /// Looked after where no sandbox does, with where landings went when it began.
    guarded: Option<(Guarded, String)>,
    /// What is said before anything else.
    first: Option<(Step, String)>,
    stop: Stop,
    stopping: Stopping,
    why: Why,
    /// Why the budget lets no turn start that is wanted.
    over: Option<String>,
    /// Tasks that needed a person before it began.
    needed: BTreeSet<TaskId>,
    /// Since when something has waited in the queue while nothing was landing.
    gathering: Option<Instant>,
    /// The queue came to rest at this state of the refs: no use in asking it again before something changes.
    rested: Option<BTreeSet<(TaskId, String)>>,
    tally: Tally,
    /// How many commands it had run when it was called.
    before: usize,
    /// Whether the run has a chain: it gets one with the first thing that it does.
    kept: bool,
    sender: UnboundedSender<News>,
    news: UnboundedReceiver<News>,
}

impl<'a> Dispatcher<'a> {
    fn new(
        project: Project,
        request: &'a RunRequest,
        begun: Begun,
        crew: Crew,
        watcher: &'a Recorder<'a>,
        op: Op,
    ) -> Result<Dispatcher<'a>, FlowError> {
        let (sender, news) = unbounded_channel();
        let Begun { run, mut tally, first, again } = begun;
        // What must be known again after a kill is written down at once.
        let kept = again || request.unattended.is_some();
        tally.state.ledger.limit(project.policy.budget.run);
        let until = request
            .unattended
            .map(|time| Seconds(op.at.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))));
        tally.state.until = tally.state.until.or(until);
        let rows = project.store.open_tasks()?.rows;
        let needed = rows.into_iter().filter(|row| row.card.state == ESCALATED).map(|row| row.card.id);
        Ok(Dispatcher {
            base: project.base.tip.clone(),
            rewound: false,
            guarded: project.unheld().then(|| (Guarded::begin(&project), project.lands_at())),
            needed: needed.collect(),
            project,
            request,
            roster: Roster::new(crew, tally.state.until.is_some()),
            watcher,
            op,
            run,
            busy: BTreeMap::new(),
            renewed: Instant::now(),
            landing: false,
            first,
            elsewhere: None,
            stop: Stop::new(),
            stopping: Stopping::No,
            why: Why::Person,
            over: None,
            gathering: None,
            rested: None,
            before: tally.state.commands.len(),
            tally,
            kept,
            sender,
            news,
        })
    }

    async fn work<'scope, 'env>(mut self, scope: &'scope Scope<'scope, 'env>) -> Result<RunOutcome, FlowError>
    where
        'a: 'scope,
    {
        let mut interrupts = Interrupts::listen()?;
        let mut turns = tokio::task::JoinSet::new();
        self.project.note_run(&self.run)?;
        if let Some((step, text)) = self.first.take() {
            self.say(step, &[], None, text);
        }
        self.project.bury_turns(&self.op, &self.run, &mut self.tally)?;
        if self.kept {
            self.save("started")?;
        }
        let result = loop {
            match self.step(scope, &mut turns) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(err) => break Err(err),
            }
            let news = tokio::select! {
                Some(news) = self.news.recv() => news,
                level = interrupts.next() => News::Interrupt(level),
                Some(Ok(ended)) = turns.join_next(), if !turns.is_empty() => News::Turn(Box::new(ended)),
                () = tokio::time::sleep(TICK) => News::Tick,
            };
            if let Err(err) = self.hear(news) {
                break Err(err);
            }
        };
        self.stop.request();
        while let Some(Ok(ended)) = turns.join_next().await {
            let _ = self.turn_ended(ended);
        }
        result?;
        self.finish()
    }

    /// Decides and starts; false when nothing is left to do.
    fn step<'scope, 'env>(
        &mut self,
        scope: &'scope Scope<'scope, 'env>,
        turns: &mut Turns,
    ) -> Result<bool, FlowError>
    where
        'a: 'scope,
    {
        self.watch_settings();
        self.project = self.project.reopened()?;
        self.watch_destination();
        self.op = Op { at: now(), ..self.op.clone() };
        self.watch_base()?;
        self.renew_claims()?;
        self.look_for_reasons_to_stop()?;
        self.decide_reviews()?;
        if self.stopping == Stopping::No && !self.rewound {
            self.start_turns(turns)?;
        }
        self.start_landing(scope)?;
        self.show()?;
        let elsewhere = self.elsewhere.is_some() && self.stopping == Stopping::No;
        Ok(self.landing
            || elsewhere
            || !self.busy.is_empty()
            || self.gathering.is_some()
            || self.waits_for_agent()?)
    }

    /// Tells other clones that the agents are still at work.
    fn renew_claims(&mut self) -> Result<(), FlowError> {
        if self.renewed.elapsed() < self.project.renewal() {
            return Ok(());
        }
        self.renewed = Instant::now();
        let at_work = self.busy.keys().filter(|work| !matches!(work, Work::Review { .. }));
        let at_work: Vec<TaskId> = at_work.map(|work| work.task().clone()).collect();
        if at_work.is_empty() { Ok(()) } else { self.project.renew_claims(&self.op, &at_work) }
    }

    /// Keeps the log so far, and where the run stands.
    fn save(&mut self, subject: &str) -> Result<(), FlowError> {
        for (at, line) in self.watcher.take() {
            self.tally.note(at, &line);
        }
        self.kept = true;
        self.tally.save(&self.project, &self.op, &self.run, subject)
    }

    /// Keeps what is sent to an agent with where the run stands: what one was told can be read as long as the run is
    /// there.
    fn save_sent(&mut self, work: &Work, sent: String) -> Result<(), FlowError> {
        let number = self.tally.state.turns.len() + self.busy.len() + 1;
        let path = format!("prompts/{}/{number:03}-{}.md", work.task(), work.role());
        for (at, line) in self.watcher.take() {
            self.tally.note(at, &line);
        }
        self.kept = true;
        let subject = format!("{} {}", work.role(), work.task());
        self.tally.save_with(&self.project, &self.op, &self.run, &subject, vec![(path, sent.into_bytes())])
    }

    fn hear(&mut self, news: News) -> Result<(), FlowError> {
        match news {
            News::Tick => Ok(()),
            News::Turn(ended) => self.turn_ended(*ended),
            News::Queue(result) => {
                self.landing = false;
                match result {
                    Ok(rounds) => {
                        // Not what is there now: some of it may have come while the queue ended.
                        self.rested = Some(rounds.seen.clone());
                        self.tally.add_rounds(&rounds);
                        Ok(())
                    }
                    Err(FlowError::Interrupted) => Ok(()),
                    // Somebody else lands on this machine: that is as good.
                    Err(FlowError::QueueBusy { .. } | FlowError::LandingUnderWay) => {
                        self.elsewhere = Some(Instant::now());
                        Ok(())
                    }
                    Err(err) => Err(err),
                }
            }
            News::Interrupt(level) => {
                self.interrupted(level);
                Ok(())
            }
        }
    }

    fn say(&self, step: Step, tasks: &[TaskId], seconds: Option<u64>, text: String) {
        self.watcher.line(&Line { step, tasks: tasks.to_vec(), seconds, text });
    }

    fn show(&self) -> Result<(), FlowError> {
        let busy = self.busy.iter().map(|(work, (agent, since))| {
            let role = work.role().replacen('_', " ", 1);
            (work.task().clone(), role, agent.clone(), since.elapsed().as_secs())
        });
        let rows = self.project.store.open_tasks()?.rows;
        let landed = self.tally.landed();
        self.watcher.now(&Now {
            busy: busy.collect(),
            landed,
            needs_you: rows.iter().filter(|row| row.card.need.is_some()).count(),
            total: landed + rows.len(),
            cost: self.tally.cost(),
            stopping: self.stopping > Stopping::No,
        });
        Ok(())
    }
}
