//! Runs: one chain of commits each, whose tree holds what was run and, at the end, the report.

use crate::git::objects::TreeEdit;
use crate::git::refs::Expected;
use crate::task::id::{RunId, Seconds};

use crate::report::{Before, Ending, Figures, Outcome, RunReport, Sum, TaskLine, TurnLine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::journal::{Op, Store, one_line, pause, put};
use super::record::{RecordError, VERSION};
use super::{StoreError, layout};

/// How often a run's append is tried; only `sync` ever writes the same chain.
const TRIES: u32 = 16;

/// A run in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunRow {
    pub(crate) run: RunId,
    /// What happened last, in words.
    pub(crate) subject: String,
    pub(crate) at: Seconds,
}

impl Store {
    /// Appends to a run's chain: `subject` says what happened, `files` replace those of the same path.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn append_run(
        &self,
        op: &Op,
        run: &RunId,
        subject: &str,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let name = layout::run_ref(run);
        for round in 0..TRIES {
            let old = self.repo.tip(&name)?.map(|tip| self.repo.read_commit(&tip)).transpose()?;
            let edits: Vec<TreeEdit<'_>> = files.iter().map(|(path, text)| put(path, text.clone())).collect();
            let tree = self.repo.edit_tree(old.as_ref().map(|old| &old.tree), &edits)?;
            let at = old.as_ref().map_or(op.at, |old| old.committer_time.max(op.at));
            let message = format!("{run}: {}\n\nOrch-Run: {run}\nOrch-Op: {}\n", one_line(subject), op.id);
            let parents = old.iter().map(|old| old.id.clone()).collect();
            let new = self.commit(tree, parents, "git-orch", at, message)?;
            let expected = old.as_ref().map_or(Expected::Absent, |old| Expected::At(&old.id));
            if self.swap(&name, expected, &new, "run")?.is_none() {
                return Ok(());
            }
            pause(round);
        }
        Err(StoreError::Contended { name, tries: TRIES })
    }

    /// A file of a run's tree, `None` if the run or the file does not exist.
    pub(crate) fn run_file(&self, run: &RunId, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.repo.tip(&layout::run_ref(run))? {
            Some(tip) => Ok(self.repo.read_file(&tip, path)?),
            None => Ok(None),
        }
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut rows = Vec::new();
        for (name, tip) in self.repo.list(layout::RUNS)?.refs {
            let commit = self.repo.read_commit(&tip)?;
            let run = RunId(name.trim_start_matches(layout::RUNS).to_owned());
            let op = commit.trailers.into_iter().find(|(key, _)| key == "Orch-Op").map(|(_, op)| op);
            rows.push((op, RunRow { run, subject: commit.subject, at: commit.committer_time }));
        }
        // The ids of operations begin with their time, so runs of one second are in order.
        rows.sort_by(|(one, a), (other, b)| (b.at, other, &b.run).cmp(&(a.at, one, &a.run)));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }
}

#[derive(Serialize)]
struct ReportWire<'a> {
    v: u32,
    run: &'a str,
    started: i64,
    ended: i64,
    ending: &'static str,
    branch: &'a str,
    base_before: &'a str,
    base_after: &'a str,
    metrics: MetricsWire,
    tasks: Vec<TaskLineWire<'a>>,
    turns: Vec<TurnLineWire<'a>>,
    breakers: Vec<BreakerWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stands: Option<&'a str>,
    notes: &'a [String],
    commands: Vec<CommandWire<'a>>,
    settings: BTreeMap<&'a str, &'a str>,
}

/// What is read back of a report.
#[derive(Deserialize)]
struct FiguresWire {
    v: u32,
    run: String,
    metrics: BTreeMap<String, Option<u64>>,
    settings: Option<BTreeMap<String, String>>,
}

/// Reads the figures of a `report.json`, or of the output of `git orch report --json`, which holds one.
///
/// # Errors
/// A newer version, or something else.
pub(crate) fn report_figures(text: &[u8]) -> Result<Figures, RecordError> {
    #[derive(Deserialize)]
    struct Envelope {
        data: FiguresWire,
    }
    let whole = serde_json::from_slice(text).map(|Envelope { data }| data);
    let wire = match whole {
        Ok(data) => data,
        Err(_) => serde_json::from_slice::<FiguresWire>(text)
            .map_err(|why| RecordError::Broken { what: "the report", why: why.to_string() })?,
    };
    if wire.v > VERSION {
        return Err(RecordError::Newer { found: wire.v });
    }
    Ok(Figures { run: wire.run, metrics: wire.metrics, settings: wire.settings })
}

#[derive(Serialize)]
struct MetricsWire {
    tasks_landed: u64,
    tasks: u64,
    tests_passing_before: Option<u64>,
    tests_passing_after: Option<u64>,
    iterations: u64,
    regressions_caught: u64,
    regressions_landed: u64,
    cost_usd_micros: Option<u64>,
    tokens: Option<u64>,
    /// With what the same tasks used before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd_micros_in_all: Option<u64>,
    findings_grave: u64,
    findings_fixed: u64,
    wall_seconds: u64,
}

#[derive(Serialize)]
struct TaskLineWire<'a> {
    id: &'a str,
    title: &'a str,
    result: &'static str,
    turns: u32,
    tries: u32,
    reviews: u32,
    cost_usd_micros: Option<u64>,
    tokens: Option<u64>,
    seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<BeforeWire>,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
}

#[derive(Serialize)]
struct BeforeWire {
    turns: u32,
    cost_usd_micros: Option<u64>,
}

#[derive(Serialize)]
struct TurnLineWire<'a> {
    task: &'a str,
    role: &'a str,
    agent: &'a str,
    model: Option<&'a str>,
    tier: Option<&'a str>,
    why: Option<&'a str>,
    tokens: Option<u64>,
    cost_usd_micros: Option<u64>,
    estimated: bool,
    seconds: u64,
    ended: &'a str,
    /// The blob of the prompt that was sent.
    prompt: Option<&'a str>,
}

#[derive(Serialize)]
struct BreakerWire<'a> {
    agent: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct CommandWire<'a> {
    what: &'a str,
    started: i64,
    seconds: u64,
    ended: &'a str,
}

/// The content of `report.json`, version 1.
pub(crate) fn report_json(report: &RunReport) -> Vec<u8> {
    let wire = ReportWire {
        v: VERSION,
        run: &report.run.0,
        started: report.started.0,
        ended: report.ended.0,
        ending: match report.ending {
            Ending::Done => "done",
            Ending::Interrupted => "interrupted",
            Ending::StoppedAsWorse { .. } => "stopped-as-worse",
            Ending::Limit { .. } => "limit",
            Ending::Aborted { .. } => "aborted",
        },
        branch: &report.branch,
        base_before: report.base.before.as_str(),
        base_after: report.base.after.as_str(),
        metrics: metrics_wire(report),
        tasks: report.tasks.iter().map(task_line_wire).collect(),
        turns: report.turns.iter().map(turn_line_wire).collect(),
        breakers: report.breakers.iter().map(|(agent, why)| BreakerWire { agent, why }).collect(),
        stands: report.stands.as_deref(),
        notes: &report.notes,
        commands: report
            .commands
            .iter()
            .map(|command| CommandWire {
                what: &command.what,
                started: command.started.0,
                seconds: command.seconds,
                ended: &command.ended,
            })
            .collect(),
        settings: report.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
    };
    let mut text = serde_json::to_vec_pretty(&wire).expect("plain strings and numbers");
    text.push(b'\n');
    text
}

/// The seven metrics of A5.
fn metrics_wire(report: &RunReport) -> MetricsWire {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let metrics = crate::report::metrics(report);
    MetricsWire {
        tasks_landed: count(report.tasks.iter().filter(|task| task.result == Outcome::Landed).count()),
        tasks: count(report.tasks.len()),
        tests_passing_before: report.tests.before.map(|counts| counts.passed),
        tests_passing_after: report.tests.after.map(|counts| counts.passed),
        iterations: report.tasks.iter().map(|task| u64::from(task.tries)).sum(),
        regressions_caught: count(report.regressions.iter().filter(|line| line.caught).count()),
        regressions_landed: count(report.regressions.iter().filter(|line| !line.caught).count()),
        cost_usd_micros: metrics.cost_usd_micros.exactly(),
        tokens: metrics.tokens.exactly(),
        cost_usd_micros_in_all: metrics.cost_in_all.and_then(Sum::exactly),
        findings_grave: count(report.findings.len()),
        findings_fixed: count(report.findings.iter().filter(|finding| finding.fixed).count()),
        wall_seconds: u64::try_from(report.ended.0 - report.started.0).unwrap_or_default(),
    }
}

fn turn_line_wire(TurnLine { task, turn }: &TurnLine) -> TurnLineWire<'_> {
    TurnLineWire {
        task: task.as_str(),
        role: &turn.role,
        agent: &turn.agent,
        model: turn.model.as_deref(),
        tier: turn.tier.as_deref(),
        why: turn.chosen.as_deref(),
        tokens: turn.tokens,
        cost_usd_micros: turn.cost.map(|cost| cost.0),
        estimated: turn.estimated,
        seconds: turn.seconds,
        ended: &turn.ended,
        prompt: turn.prompt.as_deref(),
    }
}

fn task_line_wire(task: &TaskLine) -> TaskLineWire<'_> {
    TaskLineWire {
        id: task.id.as_str(),
        title: &task.title,
        result: match task.result {
            Outcome::NeedsPerson => "needs-person",
            Outcome::Waiting => "waiting",
            Outcome::Cancelled => "cancelled",
            Outcome::Landed => "landed",
        },
        turns: task.turns,
        tries: task.tries,
        reviews: task.reviews,
        cost_usd_micros: task.cost_usd_micros.exactly(),
        tokens: task.tokens.exactly(),
        seconds: task.seconds,
        before: task.before.map(|Before { turns, cost_usd_micros }| BeforeWire { turns, cost_usd_micros }),
        why: &task.why,
        log: task.log.as_deref(),
    }
}
