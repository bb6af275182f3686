//! `git orch doctor`

use clap::Args;
use serde_json::{Value, json};

use crate::flow::doctor::{self, Diagnosis};
use crate::flow::looked_at::Check;

use super::init;
use crate::cli::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::flags::DryRun;

/// Check the machine and the repository; say how to fix, or fix
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  git orch doctor\n  git orch doctor --fix\n  git orch doctor --ping claude:haiku"
)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended
    #[arg(long)]
    pub(crate) fix: bool,
    /// Try this agent from end to end instead, in a repository of its own: one small turn, that its model charges for
    #[arg(long, value_name = "AGENT", conflicts_with = "fix")]
    pub(crate) ping: Option<String>,
    #[command(flatten)]
    pub(crate) dry: DryRun,
}

pub(crate) fn run(ctx: &Context, args: &DoctorArgs) -> Result<Exit, Failure> {
    if let Some(agent) = args.ping.as_ref().filter(|_| !args.dry.dry_run) {
        let (diagnosis, _) = ctx.project()?.ping(agent)?;
        let next =
            if diagnosis.is_healthy() { vec![format!("git orch run --agent {agent}")] } else { Vec::new() };
        ctx.out.success("doctor", data(&diagnosis), || render(&diagnosis, ctx.out.is_quiet()), &next);
        return Ok(if diagnosis.is_healthy() { Exit::Done } else { Exit::Environment });
    }
    let request = init::request(ctx)?;
    let diagnosis = match args.fix && !args.dry.dry_run {
        // A repository that cannot be opened is a finding, with its own hint.
        true => match doctor::mend(&ctx.given, &request) {
            Ok(diagnosis) => diagnosis,
            Err(err) => {
                let found = doctor::examine(&ctx.given, &request);
                if found.is_healthy() {
                    return Err(err.into());
                }
                found
            }
        },
        false => doctor::examine(&ctx.given, &request),
    };
    let healthy = diagnosis.is_healthy();
    let mends = |check: &Check| check.fix.as_deref() == Some(doctor::FIX);
    let next: Vec<String> = diagnosis
        .checks
        .iter()
        .find(|check| mends(check))
        .map(|_| doctor::FIX.to_owned())
        .into_iter()
        .collect();
    ctx.out.success("doctor", data(&diagnosis), || render(&diagnosis, ctx.out.is_quiet()), &next);
    Ok(if healthy { Exit::Done } else { Exit::Environment })
}

/// The data of `--json`.
pub(crate) fn data(diagnosis: &Diagnosis) -> Value {
    let checks = diagnosis.checks.iter().map(
        |check| json!({ "check": check.check, "ok": check.ok, "message": check.message, "fix": check.fix }),
    );
    Value::Array(checks.collect())
}

/// The text for people; `quiet`: only what is wrong and what was mended.
pub(crate) fn render(diagnosis: &Diagnosis, quiet: bool) -> String {
    let mut text = String::new();
    for line in &diagnosis.mended {
        text.push_str(&format!("mended  {line}\n"));
    }
    for check in diagnosis.checks.iter().filter(|check| !quiet || !check.ok) {
        let mark = if check.ok { "ok   " } else { "WRONG" };
        text.push_str(&format!("{mark}  {:<12} {}\n", check.check, check.message));
        if let Some(fix) = &check.fix {
            text.push_str(&format!("{:21}fix: {fix}\n", ""));
        }
    }
    match diagnosis.checks.iter().filter(|check| !check.ok).count() {
        0 if quiet => {}
        0 => text.push_str("All is well.\n"),
        1 => text.push_str("1 thing is wrong.\n"),
        more => text.push_str(&format!("{more} things are wrong.\n")),
    }
    text
}
