//! The command line: the only room that prints and that reads arguments and environment.

mod answer;
mod args;
mod codes;
mod commands;
mod complete;
mod context;
mod dispatch;
mod exit;
mod failure;
mod flags;
mod globs;
mod json;
mod needs;
mod output;
mod pages;
mod terminal;
mod text;
mod trace;
mod verdict;
mod watcher;

use std::ffi::OsString;

use clap::CommandFactory as _;

use crate::{agent, process};

use args::Cli;
use codes::Code;
pub(crate) use context::{Context, stand_in};
use dispatch::{carried_out, context};
use exit::Exit;
use failure::Failure;
use flags::Global;
use output::Output;

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

/// What clap says: help, the version, or wrong usage.
fn refuse(err: &clap::Error, help: &str, json: bool) -> Exit {
    if !err.use_stderr() {
        let _ = err.print(); // a reader that went away is no error of ours
        return Exit::Done;
    }
    let out = Output::new(&Global::unread(json));
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
    Output::new(&Global::unread(json)).failure(&failure);
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
