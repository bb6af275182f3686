//! `git orch bench queue`: the queue's policy under recorded or invented traffic, with a clock of its own.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::bench::beliefs::Beliefs;
use crate::bench::check::{Verdict, check};
use crate::bench::contender::Contender;
use crate::bench::figures::{Figures, figures};
use crate::bench::goals::{Against, Goal, goals};
use crate::bench::play::{Noise, play};
use crate::bench::published::{self, Compared};
use crate::bench::reach::{Reached, culprit_search, reach};
use crate::bench::trace::{Played, Trace};
use crate::bench::wire;
use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::flow::FlowError;
use crate::task::id::shown;

/// The first seed of the traffic that no constant was chosen on.
const HELD_OUT: u64 = 5001;

/// What `bench queue` is asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Plays changes against the queue's own policy; nothing waits, no test is run, no repository is needed.\n\
                        Without TRACE: invented traffic over footprints of real pull requests, beside the goals.\n\n\
                        Examples:\n  \
                        git orch bench queue                              the goals, on 24 seeds\n  \
                        git orch bench queue --policy zuul                the same settings, played by a model of Zuul\n  \
                        git orch bench queue day.trace --out day.result   a trace file, and every run of it\n  \
                        git orch bench queue day.trace --judge other.result\n  \
                        git orch bench queue --eurosys                    ratios that were published of another queue\n  \
                        git orch bench queue --policies                   who can play"
)]
pub(crate) struct QueueBenchArgs {
    /// A trace file (git-orch/queue-trace@1)
    trace: Option<PathBuf>,
    /// Who plays
    #[arg(long, value_name = "NAME", default_value = "rectangle")]
    policy: String,
    /// List who can play
    #[arg(long, conflicts_with = "trace")]
    policies: bool,
    /// Write every run and decision to this file (git-orch/queue-result@1)
    #[arg(long, value_name = "FILE", requires = "trace")]
    out: Option<PathBuf>,
    /// Judge this result file instead of playing
    #[arg(long, value_name = "FILE", requires = "trace", conflicts_with = "out")]
    judge: Option<PathBuf>,
    /// Further reds of one change alone before it is ejected, in a trace
    #[arg(long, value_name = "N", default_value_t = 0, requires = "trace")]
    confirmations: u32,
    /// Seeds of invented traffic
    #[arg(long, value_name = "N", default_value_t = 24, conflicts_with = "trace")]
    seeds: u64,
    /// Use the seeds that no constant was chosen on
    #[arg(long, conflicts_with = "trace")]
    held_out: bool,
    /// Write the traffic of each goal's first seed to this folder, as trace files
    #[arg(long, value_name = "DIR", conflicts_with = "trace")]
    write_traces: Option<PathBuf>,
    /// Play the ratios that were published at EuroSys 2019 instead of the goals
    #[arg(long, conflicts_with_all = ["trace", "only", "write_traces"])]
    eurosys: bool,
    /// Only goals with this id, S1 to S10
    #[arg(long, value_name = "ID", conflicts_with = "trace")]
    only: Option<String>,
}

pub(crate) fn run(ctx: &Context, args: &QueueBenchArgs) -> Result<Exit, Failure> {
    if args.policies {
        return Ok(list(ctx));
    }
    let Some(who) = Contender::ALL.into_iter().find(|who| who.name() == args.policy) else {
        let message = format!("no policy '{}'", shown(&args.policy));
        return Err(Failure::bad_value(message, "list them", "git orch bench queue --policies"));
    };
    match &args.trace {
        Some(path) => one_trace(ctx, args, path, who),
        None => all_goals(ctx, args, who),
    }
}

fn list(ctx: &Context) -> Exit {
    let row =
        |who: &Contender| json!({ "policy": who.name(), "what": who.what(), "strict": who.is_strict() });
    let data: Vec<Value> = Contender::ALL.iter().map(row).collect();
    let line = |who: &Contender| {
        let strict = if who.is_strict() { "strict" } else { "" };
        format!("{:<15} {strict:<6}  {}\n", who.name(), who.what())
    };
    let text = || {
        let lines: String = Contender::ALL.iter().map(line).collect();
        format!("{lines}strict: lands only what was tested as a whole\n")
    };
    ctx.out.success("bench-queue-policies", data, text, &[]);
    Exit::Done
}

fn read(path: &Path) -> Result<String, FlowError> {
    std::fs::read_to_string(path).map_err(FlowError::file("read", path))
}

fn bad_file(path: &Path, err: &wire::BadLine) -> Failure {
    let message = format!("cannot use {}: {err}", path.display());
    Failure::bad_value(message, "see what such a file is", "git orch bench queue --help")
}

fn one_trace(ctx: &Context, args: &QueueBenchArgs, path: &Path, who: Contender) -> Result<Exit, Failure> {
    let trace = wire::read_trace(&read(path)?).map_err(|err| bad_file(path, &err))?;
    let played = match &args.judge {
        Some(result) => wire::read_result(&read(result)?).map_err(|err| bad_file(result, &err))?,
        None => {
            let beliefs = Beliefs { confirmations: args.confirmations, ..Beliefs::default() };
            let mut policy = who.on(&trace, beliefs);
            play(&trace, Noise::NONE, &mut *policy)
                .map_err(|why| FlowError::BadValue { what: format!("policy {}", who.name()), why })?
        }
    };
    if let Some(out) = &args.out {
        std::fs::write(out, wire::write_result(&trace, &played)).map_err(FlowError::file("write", out))?;
    }
    let (found, verdict) = (figures(&trace, &played), check(&trace, &played, false));
    let text = || trace_text(&trace, &played, &found, &verdict);
    ctx.out.success("bench-queue-trace", trace_json(&trace, &played, &found, &verdict), text, &[]);
    Ok(if verdict.faults.is_empty() { Exit::Done } else { Exit::Failed })
}

fn trace_json(trace: &Trace, played: &Played, found: &Figures, verdict: &Verdict) -> Value {
    json!({
        "trace": trace.name, "policy": played.policy, "changes": trace.changes.len(), "runs": played.runs.len(),
        "p50": found.p50, "p95": found.p95, "p99": found.p99, "mean": found.mean,
        "runs_per_change": found.runs_per_change, "minutes_per_landed": found.minutes_per_landed,
        "landed": found.landed_share, "undecided": verdict.undecided,
        "red": verdict.red, "wrongly_ejected": verdict.wrongly_ejected, "untested": verdict.untested,
        "faults": verdict.faults,
    })
}

fn trace_text(trace: &Trace, played: &Played, found: &Figures, verdict: &Verdict) -> String {
    let landed = played.decided.iter().filter(|decision| decision.landed).count();
    let mut out = format!(
        "{} played by {}: {} changes, {} slot{}\n",
        shown(&trace.name),
        shown(&played.policy),
        trace.changes.len(),
        trace.slots,
        if trace.slots == 1 { "" } else { "s" }
    );
    let mut line = |name: &str, value: String| out.push_str(&format!("  {name:<28} {value}\n"));
    line("minutes to land, P50/P95/P99", format!("{:.1} / {:.1} / {:.1}", found.p50, found.p95, found.p99));
    line("runs per change", format!("{:.2}", found.runs_per_change));
    line("test minutes per landing", format!("{:.2}", found.minutes_per_landed));
    line("landed", format!("{landed}, undecided {}", verdict.undecided));
    line("landed red", verdict.red.len().to_string());
    line("landed on untested trees", verdict.untested.len().to_string());
    line("wrongly ejected", verdict.wrongly_ejected.len().to_string());
    for fault in verdict.faults.iter().take(10) {
        line("against the rules", fault.clone());
    }
    if verdict.faults.len() > 10 {
        line("", format!("and {} more", verdict.faults.len() - 10));
    }
    out
}

fn all_goals(ctx: &Context, args: &QueueBenchArgs, who: Contender) -> Result<Exit, Failure> {
    let first = if args.held_out { HELD_OUT } else { 1 };
    let seeds: Vec<u64> = (first..first + args.seeds.max(1)).collect();
    let broken = |why: String| FlowError::BadValue { what: "the simulator".to_owned(), why };
    let wanted: Vec<Goal> = goals()
        .into_iter()
        .filter(|goal| args.only.as_ref().is_none_or(|id| id.eq_ignore_ascii_case(goal.id)))
        .collect();
    if wanted.is_empty() {
        return Err(Failure::bad_value("no goal has that id", "see all of them", "git orch bench queue"));
    }
    if args.eurosys {
        return compared(ctx, &published::compare(&seeds).map_err(broken)?);
    }
    if let Some(folder) = &args.write_traces {
        return write_traces(ctx, folder, &wanted, first);
    }
    let mut reached = Vec::new();
    for goal in &wanted {
        ctx.out.progress(&format!("{} {}, {} slots", goal.id, goal.what, goal.setting.slots));
        reached.push(reach(goal, who, &seeds).map_err(broken)?);
    }
    let search = if args.only.is_none() && !who.is_oracle() {
        culprit_search(who, &seeds).map_err(broken)?
    } else {
        Vec::new()
    };
    let data = json!({
        "policy": who.name(), "seeds": seeds.len(), "held_out": args.held_out,
        "goals": reached.iter().map(goal_json).collect::<Vec<_>>(),
        "one_culprit_of_eight": search.iter().map(|(how, runs, suites)| {
            json!({ "how": how, "runs": runs, "suites": suites })
        }).collect::<Vec<_>>(),
    });
    ctx.out.success("bench-queue", data, || goals_text(who, &seeds, &reached, &search), &[]);
    Ok(Exit::Done)
}

fn compared(ctx: &Context, rows: &[Compared]) -> Result<Exit, Failure> {
    let row = |one: &Compared| {
        json!({
            "world": one.world.what, "changes": one.world.setting.changes, "defects": one.world.setting.defects,
            "model": one.published.who.name(), "published_as": one.published.what, "published": one.published.ratios,
            "found": one.found, "within_quarter": one.within(), "runs_per_change": one.runs_per_change,
        })
    };
    let data: Vec<Value> = rows.iter().map(row).collect();
    ctx.out.success("bench-queue-published", data, || compared_text(rows), &[]);
    Ok(Exit::Done)
}

fn compared_text(rows: &[Compared]) -> String {
    let mut out = String::from(
        "EuroSys 2019: 500 changes an hour, 500 slots; P50/P95/P99 of the wait as ratios to one-build\n",
    );
    let mut world = None;
    for one in rows {
        if world.replace(&one.world) != Some(&one.world) {
            let setting = &one.world.setting;
            let (what, changes, percent) = (one.world.what, setting.changes, setting.defects * 100.0);
            out.push_str(&format!("\n{what}; {changes} changes, {percent:.0} % broken\n"));
        }
        let published: Vec<String> = one.published.ratios.iter().map(ratio).collect();
        let found: Vec<String> = one.found.iter().map(|found| format!("{found:.1}")).collect();
        let within: Vec<&str> = one.within().into_iter().map(verdict).collect();
        out.push_str(&format!(
            "  {:<13} model {:<12} published {:<22} found {:<20} within 25 %: {}\n",
            one.published.what,
            one.published.who.name(),
            published.join(" / "),
            found.join(" / "),
            within.join(" / ")
        ));
    }
    out
}

fn ratio(ratio: &Option<(f64, f64)>) -> String {
    match ratio {
        Some((least, most)) if least == most => format!("{least}"),
        Some((least, most)) => format!("{least}-{most}"),
        None => "-".to_owned(),
    }
}

fn verdict(within: Option<bool>) -> &'static str {
    match within {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn write_traces(ctx: &Context, folder: &Path, wanted: &[Goal], seed: u64) -> Result<Exit, Failure> {
    std::fs::create_dir_all(folder).map_err(FlowError::file("make", folder))?;
    let mut written = Vec::new();
    for (number, goal) in (1..).zip(wanted) {
        let percent = (goal.setting.defects * 100.0).round();
        let name = format!("{number:02}-{}-{}-slots-{percent}-percent.trace", goal.id, goal.setting.slots);
        let path = folder.join(name);
        std::fs::write(&path, wire::write_trace(&goal.setting.trace(seed)))
            .map_err(FlowError::file("write", &path))?;
        written.push(path.display().to_string());
    }
    let text = || written.iter().map(|path| format!("{path}\n")).collect();
    ctx.out.success("bench-queue-traces", &written, text, &[]);
    Ok(Exit::Done)
}

fn goal_json(reached: &Reached) -> Value {
    let (goal, measured) = (&reached.goal, &reached.measured);
    json!({
        "id": goal.id, "what": goal.what, "slots": goal.setting.slots, "defects": goal.setting.defects,
        "against": match goal.against { Against::Minutes => "minutes", Against::Ratio(other) => other.name() },
        "waits": reached.waits, "waits_goal": goal.waits,
        "minutes": [measured.figures.p50, measured.figures.p95, measured.figures.p99],
        "runs_per_change": measured.figures.runs_per_change, "runs_goal": goal.runs,
        "runs_over_entropy": reached.entropy, "entropy_goal": goal.entropy,
        "red_per_1000": measured.red, "untested_per_1000": measured.untested,
        "false_ejections_per_1000": measured.falsely_ejected, "false_ejections_goal": goal.false_ejections,
        "longest": measured.figures.longest, "longest_goal": goal.longest, "met": reached.met(),
    })
}

fn goals_text(who: Contender, seeds: &[u64], reached: &[Reached], search: &[(String, f64, f64)]) -> String {
    let mut out = format!(
        "{}, seeds {} to {}; waits are P50/P95/P99 in minutes, or as ratios to a reference\n\n\
         {:<4} {:<26} {:>5} {:>4}  {:<30} {:<24} {:<14} {}\n",
        who.name(),
        seeds.first().copied().unwrap_or(0),
        seeds.last().copied().unwrap_or(0),
        "goal",
        "setting",
        "slots",
        "p",
        "wait",
        "at most",
        "runs (most)",
        "else"
    );
    for one in reached {
        out.push_str(&goal_line(one));
    }
    for (how, runs, suites) in search {
        out.push_str(&format!(
            "     one culprit of 8, {how}: {runs:.2} runs, {suites:.2} suites' worth of time\n"
        ));
    }
    out
}

fn goal_line(one: &Reached) -> String {
    let (goal, measured) = (&one.goal, &one.measured);
    let wait: Vec<String> = one.waits.iter().map(|wait| format!("{wait:.2}")).collect();
    let of = match goal.against {
        Against::Minutes => "min".to_owned(),
        Against::Ratio(other) => format!("x {}", other.name()),
    };
    let asked = goal.waits.iter().flatten().next().is_some();
    let most: Vec<String> =
        goal.waits.iter().map(|most| most.map_or_else(|| "-".to_owned(), |most| format!("{most}"))).collect();
    let mut runs = format!("{:.2}", measured.figures.runs_per_change);
    if let Some(most) = goal.runs {
        runs.push_str(&format!(" ({most})"));
    }
    let mut rest = vec![if one.met() { "met".to_owned() } else { "NOT MET".to_owned() }];
    if let Some(most) = goal.entropy {
        rest.push(format!("{:.3} x entropy ({most})", one.entropy));
    }
    if let Some(most) = goal.false_ejections {
        rest.push(format!("{:.2} false ejections per 1000 ({most})", measured.falsely_ejected));
    }
    if let Some(most) = goal.longest {
        rest.push(format!("longest {:.0} min ({most})", measured.figures.longest));
    }
    if measured.red > 0.0 {
        rest.push(format!("{:.1} RED per 1000", measured.red));
    }
    format!(
        "{:<4} {:<26} {:>5} {:>3}%  {:<30} {:<24} {:<14} {}\n",
        goal.id,
        goal.what,
        goal.setting.slots,
        (goal.setting.defects * 100.0).round(),
        format!("{} {of}", wait.join(" / ")),
        if asked { most.join(" / ") } else { String::new() },
        runs,
        rest.join("; ")
    )
}
