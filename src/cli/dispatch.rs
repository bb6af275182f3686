//! From a command line that was read to the command that it asks for.

use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::flow::FlowError;
use crate::flow::project::Given;

use super::args::{Cli, Command};
use super::codes::Code;
use super::commands;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::Output;

/// Does what a command asks for, and says why where it cannot.
pub(super) fn carried_out(context: &Context, command: &Command) -> u8 {
    let exit = dispatch(context, command).unwrap_or_else(|failure| {
        // Without its remote there is nothing that sync could do: it is not offered again.
        let again = !matches!(command, Command::Sync(_));
        let failure = if again { failure.of_command(&context.called) } else { failure };
        context.out.failure(&failure);
        failure.exit()
    });
    match context.out.lost() {
        // What a script would take for the whole answer is none.
        Some(why) if exit == Exit::Done => {
            let text = format!("the answer could not be written to standard output: {why}");
            let failure = Failure::new(Code::File, text).hint("look where there is room", "df -h");
            context.out.note(&failure.text());
            failure.exit().code()
        }
        _ => exit.code(),
    }
}

/// The folder that a shell stands in, where nothing is there any more.
fn gone(stands_in: Option<String>) -> Option<PathBuf> {
    stands_in.map(PathBuf::from).filter(|folder| !folder.exists())
}

/// `typed`: the words behind `git orch`.
pub(super) fn context<'a>(cli: &Cli, typed: impl Iterator<Item = &'a str>) -> Context {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    let variable = |name: &str| {
        let found = variables.iter().find(|(found, value)| found == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let given = Given {
        // Of a folder that is gone the shell alone knows the name.
        dir: std::env::current_dir().or_else(|err| gone(variable("PWD")).ok_or(err)).unwrap_or_default(),
        acts_as: cli.command.acts_as().or_else(|| variable("GIT_ORCH_AS")),
        login: variable("USER").or_else(|| variable("LOGNAME")),
        environment: variables.iter().filter(|(name, _)| name.starts_with("GIT_ORCH_")).cloned().collect(),
        flags: cli.command.flags(),
        offline: cli.global.offline,
        no_sandbox: matches!(&cli.command, Command::Run(args) if args.no_sandbox)
            || variable("GIT_ORCH_NO_SANDBOX").is_some_and(|value| !matches!(&*value, "0" | "false" | "no")),
        seat: None,
    };
    Context {
        given,
        out: Output::new(&cli.global),
        // No command line holds the zero byte, which alone cannot be quoted.
        called: shlex::try_join(typed).unwrap_or_default(),
        no_input: cli.global.no_input,
        grammar: Cli::command,
        editor: variable("GIT_EDITOR"),
        host: variables
            .iter()
            .filter(|(name, value)| (name.starts_with("GITHUB_") || name == "GH_TOKEN") && !value.is_empty())
            .cloned()
            .collect(),
    }
}

impl Command {
    /// Whoever `--as` names.
    fn acts_as(&self) -> Option<String> {
        match self {
            Command::Pick(args) => args.acts_as.clone(),
            Command::Approve(args) => args.acts_as.clone(),
            Command::Reject(args) => args.acts_as.clone(),
            Command::Add(args) => args.acts_as.clone(),
            Command::Plan(args) => args.acts_as.clone(),
            Command::Import(args) => args.acts_as.clone(),
            Command::Stop(args) => args.acts_as.clone(),
            Command::Queue(args) => args.acts_as.clone(),
            Command::Submit(args) => args.acts_as.clone(),
            Command::Msg(args) => args.acts_as.clone(),
            Command::Edit(args) => args.acts_as.clone(),
            Command::Undo(args) => args.acts_as.clone(),
            _ => None,
        }
    }

    /// Settings that options of this command give: flag, key, text.
    fn flags(&self) -> Vec<(String, String, String)> {
        let Command::Run(args) = self else { return Vec::new() };
        let of = |flag: &str, key: &str, text: String| (flag.to_owned(), key.to_owned(), text);
        let mut flags: Vec<_> =
            args.jobs.map(|jobs| of("--jobs", "run.jobs", jobs.to_string())).into_iter().collect();
        flags.extend(args.budget.clone().map(|dollars| of("--budget", "budget.run", dollars)));
        for key in ["limits.implement", "limits.fix"] {
            flags.extend(args.timeout.clone().map(|time| of("--timeout", key, time)));
        }
        flags
    }
}

/// What an agent must not do in a person's name, even if it tries: it has the person's identity and files.
fn refuse_agents(ctx: &Context, command: &Command) -> Result<(), Failure> {
    let inside =
        ctx.given.environment.iter().any(|(name, value)| name == "GIT_ORCH_TASK" && !value.is_empty());
    let persons = match command {
        Command::Approve(_) | Command::Reject(_) | Command::Stop(_) | Command::Undo(_) | Command::Run(_) => {
            true
        }
        Command::Bot(_) | Command::Plan(_) => true,
        Command::Queue(args) => args.changes(),
        _ => false,
    };
    if inside && persons { Err(FlowError::InsideAgent.into()) } else { Ok(()) }
}

fn dispatch(ctx: &Context, command: &Command) -> Result<Exit, Failure> {
    refuse_agents(ctx, command)?;
    match command {
        Command::Init(args) => commands::init::run(ctx, args),
        Command::Doctor(args) => commands::doctor::run(ctx, args),
        Command::Demo(args) => commands::demo::run(ctx, args),
        Command::Add(args) => commands::add::run(ctx, args),
        Command::Plan(args) => commands::plan::run(ctx, args),
        Command::Edit(args) => commands::edit::run(ctx, args),
        Command::Import(args) => commands::import::run(ctx, args),
        Command::Run(args) => commands::run::run(ctx, args),
        Command::Pick(args) => commands::pick::run(ctx, args),
        Command::Submit(args) => commands::submit::run(ctx, args),
        Command::Stop(args) => commands::stop::run(ctx, args),
        Command::Approve(args) => commands::approve::run(ctx, args),
        Command::Reject(args) => commands::approve::reject(ctx, args),
        Command::Check(args) => commands::check::run(ctx, args),
        Command::Queue(args) => commands::queue::run(ctx, args),
        Command::Status(args) => commands::status::run(ctx, args),
        Command::Show(args) => commands::show::run(ctx, args),
        Command::Log(args) => commands::log::run(ctx, args),
        Command::Report(args) => commands::report::run(ctx, args),
        Command::Sync(args) => commands::sync::run(ctx, args),
        Command::Msg(args) => commands::msg::run(ctx, args),
        Command::Config(args) => commands::config::run(ctx, args),
        Command::Undo(args) => commands::undo::run(ctx, args),
        Command::Hook(args) => commands::hook::run(ctx, args),
        Command::AgentHook(args) => commands::agent_hook::run(ctx, args),
        Command::Bot(args) => commands::bot::run(ctx, args),
        Command::Man { dir } => commands::man::run(ctx, dir),
        Command::Bench(args) => commands::bench::run(ctx, args),
    }
}
