//! What an agent says over its control socket, at both ends: inside, where the whole command is sent out, and outside,
//! behind `git-orch __answer`, where it is carried out for the task and the role that the agent was started for.
//!
//! Nothing that comes in is believed: the words are parsed like a person's, and all but a few commands are refused.

use std::ffi::OsString;
use std::io::Read as _;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use serde::{Deserialize, Serialize};

use crate::flow::seat::Seat;
use crate::flow::{FlowError, Project};
use crate::process::sandbox::CONTROL_VARIABLE;
use crate::process::{self, REQUEST_MAX};
use crate::task::id::{TaskId, shown};
use crate::task::role::Role;

use super::args::{Cli, Command};
use super::codes::{self, Code};
use super::dispatch::{carried_out, context};
use super::exit::Exit;
use super::failure::Failure;
use super::flags::{Global, When};
use super::output::Output;

/// What is sent: a command as it was typed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    v: u32,
    words: Vec<String>,
}

/// The version of requests that is understood. Both ends are the same program, unless it was replaced meanwhile.
const VERSION: u32 = 1;

/// For whom the agent speaks, as its supervisor says.
#[derive(Debug, Parser)]
struct Told {
    #[arg(long)]
    task: String,
    #[arg(long)]
    role: String,
    #[arg(long)]
    who: String,
    #[arg(long)]
    epoch: Option<u64>,
    #[arg(long)]
    offline: bool,
    #[arg(long)]
    no_sandbox: bool,
}

/// Sends the command out, where an agent calls it that has a control socket; returns its exit code.
///
/// What agent programs ask before they use a tool is answered inside: it reads only what is there.
#[expect(clippy::disallowed_methods, reason = "cli reads the environment")]
pub(super) fn from_outside(cli: &Cli) -> Option<u8> {
    let socket = std::env::var_os(CONTROL_VARIABLE).filter(|path| !path.is_empty())?;
    if matches!(cli.command, Command::AgentHook(_) | Command::Hook(_) | Command::Man { .. }) {
        return None;
    }
    let out = Output::new(&cli.global);
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let line = serde_json::to_string(&Request { v: VERSION, words }).unwrap_or_default() + "\n";
    let failed = |failure: Failure| {
        out.failure(&failure);
        Some(failure.exit().code())
    };
    if line.len() as u64 > REQUEST_MAX {
        return failed(Failure::bad_value(
            format!("the command has {} bytes, an agent's has at most {REQUEST_MAX}", line.len()),
            "say it in fewer words",
            "git orch msg -m \"...\"",
        ));
    }
    match process::ask(socket.as_ref(), &line) {
        Ok(answer) => {
            out.stdout(&answer.out);
            out.note(&answer.err);
            Some(answer.exit)
        }
        Err(err) => failed(
            Failure::new(Code::Program, "git-orch cannot be asked from inside this sandbox")
                .because(err.to_string())
                .hint("your work is handed in when you end; until then look with", "git diff"),
        ),
    }
}

/// Carries out one request, that stands on standard input; returns the exit code.
pub(super) fn run(words: impl Iterator<Item = OsString>) -> u8 {
    let told = match Told::try_parse_from(words) {
        Ok(told) => told,
        Err(err) => return unclear(&err.to_string()),
    };
    let (Ok(task), Ok(role)) = (TaskId::parse(&told.task), Role::parse(&told.role)) else {
        return unclear("the supervisor names no task and role");
    };
    let seat = Seat { task, role, who: told.who, epoch: told.epoch };
    let mut text = String::new();
    if let Err(err) = std::io::stdin().take(REQUEST_MAX).read_to_string(&mut text) {
        return unclear(&err.to_string());
    }
    let request: Request = match serde_json::from_str(&text) {
        Ok(request) => request,
        Err(err) => return unclear(&format!("the request cannot be read: {err}")),
    };
    if request.v != VERSION {
        return unclear(&format!("the request has version {}, this is {VERSION}", request.v));
    }
    let words = std::iter::once("git-orch".to_owned()).chain(request.words.iter().cloned());
    let parsed = Cli::command().try_get_matches_from(words).and_then(|found| Cli::from_arg_matches(&found));
    let mut cli = match parsed {
        Ok(cli) => cli,
        Err(err) => {
            let _ = err.print();
            return u8::try_from(err.exit_code()).unwrap_or(Exit::Usage.code());
        }
    };
    cli.global.color = When::Never;
    cli.global.no_input = true;
    cli.global.verbose = 0;
    cli.global.offline = told.offline;
    let mut context = context(&cli, request.words.iter().map(String::as_str));
    context.given.acts_as = Some(seat.who.clone());
    context.given.flags = Vec::new();
    context.given.no_sandbox = told.no_sandbox;
    context.given.seat = Some(seat.clone());
    match Project::open(&context.given).and_then(|project| allowed(cli.command, &seat, &project)) {
        Ok(command) => carried_out(&context, &command),
        Err(err) => {
            let failure = Failure::from(err);
            context.out.failure(&failure);
            failure.exit().code()
        }
    }
}

/// The command as it may be carried out: about the agent's own task, and without what would run its files outside.
fn allowed(command: Command, seat: &Seat, project: &Project) -> Result<Command, FlowError> {
    let task = &seat.task;
    let refuse = |what: String| Err(FlowError::NotForAgents(what));
    let mut command = command;
    let named = match &mut command {
        Command::Submit(_) if !seat.works() => {
            return refuse(format!("a reviewer cannot submit: its answer is its verdict on {task}"));
        }
        // A tester's fix has a bound of its own, and what the project checks comes before a hand-in.
        Command::Submit(_) if seat.role == Role::Test || !project.policy.audit.is_empty() => {
            return refuse("just end: your work is looked at and handed in when you end".to_owned());
        }
        Command::Submit(args) if args.acts_as.is_none() => &mut args.task,
        Command::Msg(args) if args.acts_as.is_none() => &mut args.task,
        Command::Submit(_) | Command::Msg(_) => {
            return refuse("an agent acts under its own name: leave --as out".to_owned());
        }
        Command::Check(args) => &mut args.change,
        Command::Show(args) if args.what.as_deref().and_then(codes::explain).is_some() => return Ok(command),
        Command::Show(args) => &mut args.what,
        _ => {
            let may = if seat.works() { "submit, check, show and msg" } else { "check, show and msg" };
            return refuse(format!(
                "from inside its sandbox an agent may only {may} for its own task {task}"
            ));
        }
    };
    if let Some(other) = named.as_deref().filter(|named| *named != task.as_str()) {
        return refuse(format!("this agent speaks for {task} alone, not for '{}'", shown(other)));
    }
    *named = Some(task.to_string());
    match command {
        Command::Check(args) if !project.policy.tests.sandbox => Ok(Command::Check(args.without_tests()?)),
        command => Ok(command),
    }
}

/// What cannot even be read.
fn unclear(why: &str) -> u8 {
    let global =
        Global { json: false, quiet: false, verbose: 0, color: When::Never, no_input: true, offline: true };
    let failure = Failure::new(Code::Usage, "this is no request that git-orch understands")
        .because(why)
        .hint("what an agent may ask", "git orch show E-INSIDE-AGENT");
    Output::new(&global).failure(&failure);
    failure.exit().code()
}
