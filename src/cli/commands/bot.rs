//! `git orch bot`: called by the workflows that `git orch init --with github` installs.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::flow::bot::{self, Bot, Ear, Heard, Left, Published, Tick};
use crate::flow::{FlowError, interrupt};
use crate::forge::{self, ARTIFACT_MAX, Says, annotations, summary};
use crate::github::{Patience, Place, RepoName};
use crate::process::{Stop, random_letters};

use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::envelope;
use crate::cli::watcher::watcher;
use crate::cli::{Context, text};

use crate::cli::verdict;

/// Largest payload that is read, in bytes: the host's limit is 25 MB.
const PAYLOAD_MAX: u64 = 32 << 20;

/// What the bot is asked for
#[derive(Debug, Args)]
#[command(
    after_help = "What happened is read from GITHUB_EVENT_NAME and GITHUB_EVENT_PATH, the token from GITHUB_TOKEN.\n\n\
                  Examples:\n  git orch bot check --artifact result.json      in a workflow without rights\n  \
                  git orch bot publish --artifact result.json    after it, from the base branch\n  \
                  git orch bot queue                             one round of the merge queue"
)]
pub(crate) struct BotArgs {
    #[command(subcommand)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

/// Where the host is.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The repository on GitHub; without it GITHUB_REPOSITORY
    #[arg(long, global = true, value_name = "OWNER/NAME")]
    pub(crate) repository: Option<String>,
    /// The event's name; without it GITHUB_EVENT_NAME
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// The event's payload; without it GITHUB_EVENT_PATH
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) payload: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Run the gates on what the workflow is about; needs no token
    Check {
        /// Leave the verdict here, for `bot publish`
        #[arg(long, value_name = "FILE")]
        artifact: Option<PathBuf>,
    },
    /// Say on the pull request what holds: comment, remarks at lines, labels, the check "git orch / gate"
    Publish {
        /// What `bot check` left; nothing that it says is trusted but the tests' answer
        #[arg(long, value_name = "FILE")]
        artifact: PathBuf,
    },
    /// Follow the slash commands on the pull request of the event
    Command,
    /// One round of the merge queue: follow commands, test, land
    Queue {
        /// Test runs at the same time
        #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        jobs: Option<u32>,
    },
    /// Hear webhooks, and look after the queue whenever something happened; the secret is GITHUB_WEBHOOK_SECRET
    Serve {
        /// Where to listen; a proxy in front of it speaks TLS
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
}

pub(crate) fn run(ctx: &Context, args: &BotArgs) -> Result<Exit, Failure> {
    match &args.what {
        What::Check { artifact } => run_check(ctx, &args.host, artifact.as_deref()),
        What::Publish { artifact } => publish(ctx, &args.host, artifact),
        What::Command => command(ctx, &args.host),
        What::Queue { jobs } => queue(ctx, &args.host, *jobs),
        What::Serve { listen } => serve(ctx, &args.host, *listen),
    }
}

// --- what the host says ------------------------------------------------------------------------------------------------

pub(super) fn variable<'c>(ctx: &'c Context, name: &str) -> Option<&'c str> {
    ctx.host.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The event's name and payload.
fn event(ctx: &Context, args: &HostArgs) -> Result<(String, Value), Failure> {
    let lacks = |what: &str, flag: &str| {
        Failure::new(Code::Payload, format!("{what} is not set: no workflow of GitHub calls this"))
            .hint("say what happened", format!("git orch bot {flag}"))
    };
    let name = args.event.clone().or_else(|| variable(ctx, "GITHUB_EVENT_NAME").map(str::to_owned));
    let name = name.ok_or_else(|| lacks("GITHUB_EVENT_NAME", "check --event pull_request --payload FILE"))?;
    let path = args.payload.clone().or_else(|| variable(ctx, "GITHUB_EVENT_PATH").map(PathBuf::from));
    let path = path.ok_or_else(|| lacks("GITHUB_EVENT_PATH", "check --event pull_request --payload FILE"))?;
    let bytes = read_capped(&path, PAYLOAD_MAX)?;
    let payload = serde_json::from_slice(&bytes).map_err(|err| {
        Failure::new(Code::Payload, format!("{} is no JSON", path.display()))
            .because(err.to_string())
            .hint("what the bot's commands read", "git orch bot --help")
    })?;
    Ok((name, payload))
}

fn read_capped(path: &Path, max: u64) -> Result<Vec<u8>, FlowError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(max + 1).read_to_end(&mut bytes))
        .map_err(FlowError::file("read", path))?;
    Ok(bytes)
}

/// Where the host is, and our way in.
fn place(ctx: &Context, args: &HostArgs) -> Result<Place, Failure> {
    place_of(ctx, args.repository.as_deref().or_else(|| variable(ctx, "GITHUB_REPOSITORY")))
}

/// Where the host is, for the repository of that name.
pub(super) fn place_of(ctx: &Context, name: Option<&str>) -> Result<Place, Failure> {
    let usage = |message: &str, why: &str, command: &str| {
        Failure::new(Code::Usage, message.to_owned()).hint(why, command)
    };
    let name = name.ok_or_else(|| {
        usage(
            "GITHUB_REPOSITORY is not set",
            "say which repository",
            "git orch bot queue --repository OWNER/NAME",
        )
    })?;
    let repository = RepoName::parse(name).ok_or_else(|| {
        let message = format!("'{}' is no OWNER/NAME", text::line(name));
        usage(&message, "as in the repository's address", "git orch bot queue --repository OWNER/NAME")
    })?;
    let token = variable(ctx, "GITHUB_TOKEN").or_else(|| variable(ctx, "GH_TOKEN"));
    let token = token.ok_or_else(|| {
        usage("GITHUB_TOKEN is not set", "with gh's own", "GITHUB_TOKEN=$(gh auth token) git orch bot queue")
    })?;
    Ok(Place {
        api: variable(ctx, "GITHUB_API_URL").unwrap_or("https://api.github.com").to_owned(),
        repository,
        token: token.to_owned(),
        actions: variable(ctx, "GITHUB_ACTIONS") == Some("true"),
        patience: Patience::default(),
    })
}

/// Adds to a file that the host reads when the step ends; without a host there is none.
fn tell_host(ctx: &Context, name: &str, text: &str) -> Result<(), FlowError> {
    let Some(path) = variable(ctx, name).map(PathBuf::from) else { return Ok(()) };
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(FlowError::file("write", &path))
}

// --- the commands ------------------------------------------------------------------------------------------------------

fn run_check(ctx: &Context, args: &HostArgs, artifact: Option<&Path>) -> Result<Exit, Failure> {
    let (name, payload) = event(ctx, args)?;
    let subject = forge::subject(&name, &payload).map_err(FlowError::from)?;
    let watcher = watcher(&ctx.out);
    let (checked, report) = bot::check(&ctx.given, &subject, watcher.as_ref())?;
    drop(watcher);
    let next = verdict::next(&checked);
    if let Some(path) = artifact {
        let text = envelope("check", verdict::data(&checked), &next);
        std::fs::write(path, text).map_err(FlowError::file("write", path))?;
    }
    let verdict = if checked.refused() { "block" } else { "pass" };
    tell_host(ctx, "GITHUB_STEP_SUMMARY", &summary(&report))?;
    tell_host(ctx, "GITHUB_OUTPUT", &format!("verdict={verdict}\n"))?;
    let on_host = variable(ctx, "GITHUB_ACTIONS") == Some("true");
    ctx.out.success(
        "check",
        verdict::data(&checked),
        || for_host(&checked, &annotations(&report), on_host),
        &next,
    );
    Ok(if checked.refused() { Exit::Gate } else { Exit::Done })
}

/// The text, and the host's marks beside it. Names of tests are a stranger's: what they say must not be a command.
fn for_host(checked: &crate::flow::check::Checked, marks: &[String], on_host: bool) -> String {
    let text = verdict::shown(checked, true);
    if !on_host {
        return text;
    }
    let word = random_letters(20);
    let mut out: String = marks.iter().map(|mark| format!("{mark}\n")).collect();
    out.push_str(&format!("::stop-commands::{word}\n{text}::{word}::\n"));
    out
}

fn publish(ctx: &Context, args: &HostArgs, artifact: &Path) -> Result<Exit, Failure> {
    let (name, payload) = event(ctx, args)?;
    let ran = forge::ran(&name, &payload).map_err(FlowError::from)?;
    // A checking run that failed leaves nothing; a link or a pipe that a change left in its place is nothing either. That
    // is said as well.
    let plain = std::fs::symlink_metadata(artifact).is_ok_and(|found| found.is_file());
    let bytes = if plain { Some(read_capped(artifact, ARTIFACT_MAX as u64)?) } else { None };
    let run = variable(ctx, "GITHUB_RUN_ID").and_then(|id| id.parse().ok());
    let left = Left { artifact: bytes.as_deref(), run };
    let published = Bot::open(&ctx.given, &place(ctx, args)?)?.publish(&ran, &left)?;
    for one in &published {
        tell_host(ctx, "GITHUB_STEP_SUMMARY", &one.summary)?;
    }
    let data = json!({ "head": ran.head.as_str(), "published": published.iter().map(published_json).collect::<Vec<_>>() });
    let lines = || match published.as_slice() {
        [] => format!("no open pull request is at {}\n", ran.head.short()),
        all => all.iter().map(published_line).collect(),
    };
    ctx.out.success("bot-publish", data, lines, &[]);
    Ok(Exit::Done)
}

fn published_json(published: &Published) -> Value {
    let report = &published.report;
    json!({
        "pull": published.number,
        "verdict": if report.blocked() { "fail" } else { "pass" },
        "findings": report.findings.iter().map(|named| named.id.as_str()).collect::<Vec<_>>(),
    })
}

fn published_line(published: &Published) -> String {
    let what = published.number.map_or("merge group".to_owned(), |number| format!("pull request {number}"));
    let no: Vec<String> = published
        .report
        .gates
        .iter()
        .filter(|gate| gate.says == Says::No)
        .map(|gate| format!("{}: {}", gate.gate, text::line(&gate.text)))
        .collect();
    let why = if no.is_empty() { String::new() } else { format!(" ({})", no.join("; ")) };
    let failed: String = published.failed.iter().map(|why| format!("  {}\n", text::line(why))).collect();
    format!("{what}: {}{why}\n{failed}", published.report.headline())
}

fn command(ctx: &Context, args: &HostArgs) -> Result<Exit, Failure> {
    let (name, payload) = event(ctx, args)?;
    let Some(wake) = forge::wake(&name, &payload) else {
        ctx.out.success(
            "bot-command",
            json!({ "heard": [] }),
            || format!("nothing to do for '{}'\n", text::line(&name)),
            &[],
        );
        return Ok(Exit::Done);
    };
    let mut bot = Bot::open(&ctx.given, &place(ctx, args)?)?;
    bot.refresh()?;
    let mut heard = Vec::new();
    for number in wake.pulls {
        heard.extend(bot.listen(number)?);
    }
    ctx.out.success(
        "bot-command",
        json!({ "heard": heard.iter().map(heard_json).collect::<Vec<_>>() }),
        || heard_lines(&heard),
        &[],
    );
    Ok(Exit::Done)
}

fn heard_json(heard: &Heard) -> Value {
    json!({ "pull": heard.number, "login": heard.login, "said": heard.said })
}

fn heard_lines(heard: &[Heard]) -> String {
    if heard.is_empty() {
        return "no new command\n".to_owned();
    }
    let line = |heard: &Heard| {
        let said = if heard.said.is_empty() { "done".to_owned() } else { text::line(&heard.said.join("; ")) };
        format!("pull request {}: {}: {said}\n", heard.number, text::line(&heard.login))
    };
    heard.iter().map(line).collect()
}

fn queue(ctx: &Context, args: &HostArgs, jobs: Option<u32>) -> Result<Exit, Failure> {
    let mut bot = Bot::open(&ctx.given, &place(ctx, args)?)?;
    let stop = Stop::new();
    interrupt::interrupts_request(&stop)?;
    let watcher = watcher(&ctx.out);
    let slots = jobs.unwrap_or_else(|| bot.slots());
    let tick = bot.tick(watcher.as_ref(), &stop, slots)?;
    drop(watcher);
    ctx.out.success("bot-queue", tick_json(&tick), || tick_lines(&tick), &[]);
    Ok(Exit::Done)
}

fn serve(ctx: &Context, args: &HostArgs, listen: SocketAddr) -> Result<Exit, Failure> {
    let secret = variable(ctx, "GITHUB_WEBHOOK_SECRET").ok_or_else(|| {
        Failure::new(Code::Usage, "GITHUB_WEBHOOK_SECRET is not set: anybody could send webhooks")
            .hint("the one that GitHub was told", "GITHUB_WEBHOOK_SECRET=... git orch bot serve")
    })?;
    let place = place(ctx, args)?;
    let stop = Stop::new();
    interrupt::interrupts_request(&stop)?;
    let watcher = watcher(&ctx.out);
    let out = ctx.out.clone();
    let ready = move |address: SocketAddr| {
        let data = json!({ "listening": address.to_string() });
        out.success("bot-serve", data, || format!("listening on {address}\n"), &[]);
    };
    let done = |tick: &Tick| {
        if tick.is_busy() {
            ctx.out.success("bot-queue", tick_json(tick), || tick_lines(tick), &[]);
        }
    };
    let ear = Ear { address: listen, secret };
    bot::serve(&ctx.given, &place, ear, watcher.as_ref(), &stop, ready, done)?;
    Ok(Exit::Interrupted)
}

fn tick_json(tick: &Tick) -> Value {
    let ids = |ids: &[crate::task::id::TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "heard": tick.heard.iter().map(heard_json).collect::<Vec<_>>(),
        "left": tick.left.iter().map(|(number, why)| json!({"pull": number, "why": why})).collect::<Vec<_>>(),
        "landed": ids(&tick.rounds.landed),
        "needs_you": ids(&tick.rounds.needs_you),
        "waiting": ids(&tick.rounds.waiting),
        "runs": tick.rounds.runs,
        "stands": tick.rounds.stands,
    })
}

fn tick_lines(tick: &Tick) -> String {
    let mut out = if tick.heard.is_empty() { String::new() } else { heard_lines(&tick.heard) };
    for (number, why) in &tick.left {
        out.push_str(&format!("pull request {number} left the queue: {}\n", text::line(why)));
    }
    out.push_str(&super::queue::run::summary(&tick.rounds));
    out
}
