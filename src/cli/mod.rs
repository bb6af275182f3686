//! The command line: the only room that prints and that reads arguments and environment.

mod answer;
mod args;
mod codes;
mod commands;
mod complete;
mod exit;
mod failure;
mod json;
mod needs;
mod output;
mod pages;
mod terminal;
mod text;
mod trace;
mod watcher;

use std::ffi::OsString;

use clap::CommandFactory as _;

use crate::flow::project::Given;
use crate::flow::{FlowError, Project};
use crate::{agent, process};

use args::{Cli, Command};
use codes::Code;
use exit::Exit;
use failure::Failure;
use output::Output;

/// What every command starts from.
pub(crate) struct Context {
    pub(crate) given: Given,
    pub(crate) out: Output,
    /// What was typed behind `git orch`, quoted as a shell needs it.
    pub(crate) called: String,
    pub(crate) no_input: bool,
    /// What the environment says of the editor.
    pub(crate) editor: Option<String>,
    /// Variables of the host of pull requests: `GITHUB_*`, `GH_TOKEN`.
    pub(crate) host: Vec<(String, String)>,
}

impl Context {
    /// Opens the repository that one stands in.
    ///
    /// # Errors
    /// There is none that can be used.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        let project = Project::open(&self.given)?;
        for notice in &project.policy.notices {
            self.out.warning(notice);
        }
        Ok(project)
    }
}

/// Leaves the folder where the command was called: it may be a worktree that the command removes.
fn stand_in(project: &Project) {
    // Where even that fails, the command says so at its first step.
    let _ = std::env::set_current_dir(project.root());
}

/// Runs the command line.
pub(crate) fn run() -> u8 {
    let mut words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    match words.next().as_deref() {
        Some("__supervise") => return process::supervisor_main(),
        Some("__inside") => return process::sandbox::inside_main(std::env::args_os().skip(2)),
        Some("__script") => return agent::script_main(words),
        Some("__answer") => return answer::run(std::env::args_os().skip(1)),
        _ => {}
    }
    let here = std::env::current_dir().unwrap_or_default();
    match clap_complete::CompleteEnv::with_factory(Cli::command)
        .try_complete(std::env::args_os(), Some(&here))
    {
        Ok(true) => return Exit::Done.code(),
        Ok(false) => {}
        Err(err) => {
            let _ = err.print();
            return Exit::Usage.code();
        }
    }
    std::panic::set_hook(Box::new(|_| {})); // the report says it
    let code = match std::panic::catch_unwind(|| parse_and_run(std::env::args_os().collect())) {
        Ok(code) => code,
        Err(panic) => bug(panic.as_ref()).code(),
    };
    // An agent program goes on at any other code: errors and bugs must be a no as well.
    let asked = std::env::args_os().skip(1).find(|word| !word.to_string_lossy().starts_with('-'));
    let asked_by_agent = asked.is_some_and(|word| word == commands::agent_hook::NAME);
    if asked_by_agent && code != Exit::Done.code() { commands::agent_hook::BLOCKED } else { code }
}

fn parse_and_run(words: Vec<OsString>) -> u8 {
    let json = words.iter().any(|word| word == "--json");
    let cli = match Cli::read(&words) {
        Ok(cli) => cli,
        Err(err) => return refuse(&err, &help_for(&words), json).code(),
    };
    if let Some(answer) = answer::from_outside(&cli) {
        return answer;
    }
    trace::start(cli.global.verbose);
    let typed: Vec<_> = words.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    let context = context(&cli, typed.iter().map(AsRef::as_ref));
    carried_out(&context, &cli.command)
}

/// Does what a command asks for, and says why where it cannot.
fn carried_out(context: &Context, command: &Command) -> u8 {
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

/// What clap says: help, the version, or wrong usage.
fn refuse(err: &clap::Error, help: &str, json: bool) -> Exit {
    if !err.use_stderr() {
        let _ = err.print(); // a reader that went away is no error of ours
        return Exit::Done;
    }
    let out = Output::new(&args::Global::unread(json));
    if json {
        let text = err.to_string();
        let whole = text.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ");
        out.failure(&Failure::new(Code::Usage, whole).hint("what it takes", help));
    } else if err.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = err.print(); // the whole help: no need to name it
    } else {
        let _ = err.print();
        out.note(&format!("  hint: {help}\n  [{}, exit {}]\n", Code::Usage.name(), Exit::Usage.code()));
    }
    Exit::Usage
}

/// The command that says what these words may be.
fn help_for(words: &[OsString]) -> String {
    let grammar = Cli::command();
    let known = words.iter().skip(1).filter_map(|word| word.to_str());
    match known.filter_map(|word| grammar.find_subcommand(word)).next() {
        Some(command) => format!("git orch {} --help", command.get_name()),
        None => "git orch --help".to_owned(),
    }
}

/// `typed`: the words behind `git orch`.
fn context<'a>(cli: &Cli, typed: impl Iterator<Item = &'a str>) -> Context {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    let variable = |name: &str| {
        let found = variables.iter().find(|(found, value)| found == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let given = Given {
        dir: std::env::current_dir().unwrap_or_default(),
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

/// A panic: a short message, and a file with what is known.
fn bug(panic: &(dyn std::any::Any + Send)) -> Exit {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let words: Vec<String> = std::env::args().collect();
    let report = format!("git-orch {}\n{}\n{text}\n", env!("CARGO_PKG_VERSION"), words.join(" "));
    let path = std::env::temp_dir().join(format!("git-orch-bug-{}.txt", process::random_letters(6)));
    let written = std::fs::write(&path, report).is_ok();
    let place = if written { format!(" (report: {})", path.display()) } else { String::new() };
    let json = words.iter().any(|word| word == "--json");
    let failure = Failure::new(Code::Bug, format!("a bug in git-orch{place}"))
        .because(text)
        .hint("check the state", "git orch doctor");
    Output::new(&args::Global::unread(json)).failure(&failure);
    Exit::Bug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exit_codes_are_what_is_documented() {
        let lines: Vec<String> =
            Exit::ALL.iter().map(|exit| format!("{} {}", exit.code(), exit.meaning())).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        0 done, or nothing to do
        1 failed
        2 wrong usage
        3 the gate says no
        4 waits for a person
        5 limit reached, state saved: run again
        6 lost a race: retry
        7 the environment lacks something: see git orch doctor
        8 nothing ready
        70 a bug in git-orch
        130 interrupted, state saved
        ");
    }
}
