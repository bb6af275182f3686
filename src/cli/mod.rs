//! The command line.

pub(crate) mod args;
pub(crate) mod commands;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod output;
pub(crate) mod pages;

use crate::flow::project::Given;
use crate::{agent, process};
use clap::{CommandFactory as _, Parser as _};
use exit::Exit;
use output::Output;

/// What every command gets.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) given: Given,
    pub(crate) output: Output,
}

/// Runs the command line.
pub(crate) fn run() -> u8 {
    let mut words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    match words.next().as_deref() {
        Some("__supervise") => return process::supervisor_main(),
        Some("__script") => return agent::script_main(words),
        _ => {}
    }
    clap_complete::CompleteEnv::with_factory(args::Cli::command).complete();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            let _ = err.print();
            return u8::try_from(err.exit_code()).unwrap_or(2);
        }
    };
    let given = Given {
        dir: std::env::current_dir().unwrap_or_default(),
        offline: cli.global.offline,
        environment: std::env::vars().filter(|(name, _)| name.starts_with("GIT_ORCH_")).collect(),
        ..Given::default()
    };
    let ctx = Context { given, output: Output { json: cli.global.json, quiet: cli.global.quiet } };
    let done = match &cli.command {
        args::Command::Init(args) => commands::init::run(&ctx, args),
        args::Command::Doctor(args) => commands::doctor::run(&ctx, args),
        args::Command::Demo(args) => commands::demo::run(&ctx, args),
        args::Command::Hook(args) => commands::hook::run(&ctx, args),
        _ => Ok(Exit::Done),
    };
    match done {
        Ok(exit) => exit.code(),
        Err(failure) => {
            let failure::Failure { exit, code, text, hint } = failure;
            ctx.output.aside(&format!("error: {text}\n  hint: {hint}\n  [{code}, exit {}]\n", exit.code()));
            exit.code()
        }
    }
}
