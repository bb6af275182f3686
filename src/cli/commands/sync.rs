//! `git orch sync`: exchange with a remote.

use clap::Args;
use serde_json::json;

use crate::flow::sync::Synced;

use crate::cli::codes::Code;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{Context, text};

/// What `sync` is asked for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  git orch sync\n  git orch sync origin --fetch-only")]
pub(crate) struct SyncArgs {
    /// The remote; without it the one of the base branch, or origin
    pub(crate) remote: Option<String>,
    /// Only take over what the remote has
    #[arg(long, conflicts_with = "push_only")]
    pub(crate) fetch_only: bool,
    /// Only send what the remote lacks
    #[arg(long)]
    pub(crate) push_only: bool,
}

pub(crate) fn run(ctx: &Context, args: &SyncArgs) -> Result<Exit, Failure> {
    let project = ctx.project()?;
    let upstream = project.base.upstream.as_ref().map(|upstream| upstream.remote.clone());
    let remote = args.remote.clone().or(upstream).unwrap_or_else(|| "origin".to_owned());
    if project.offline {
        return Err(Failure::new(Code::Usage, "--offline and sync do not go together")
            .hint("without it", format!("git orch sync {}", text::line(&remote))));
    }
    let synced = project.sync(&remote, !args.push_only, !args.fetch_only)?;
    // From now on counts how long others say nothing about what they hold.
    project.look_at_claims()?;
    let pairs = |pairs: &[(String, String)], second: &str| -> Vec<serde_json::Value> {
        pairs.iter().map(|(name, other)| json!({"ref": name, second: other})).collect()
    };
    let data = json!({
        "remote": remote,
        "fetched": synced.fetched,
        "pushed": synced.pushed,
        "conflicts": pairs(&synced.conflicts, "kept"),
        "refused": pairs(&synced.refused, "why"),
    });
    let next = if synced.refused.is_empty() { Vec::new() } else { vec!["git orch doctor".to_owned()] };
    ctx.out.success("sync", data, || summary(&remote, &synced), &next);
    Ok(if synced.refused.is_empty() { Exit::Done } else { Exit::Environment })
}

fn summary(remote: &str, synced: &Synced) -> String {
    let mut out = format!(
        "{}: {} fetched, {} pushed\n",
        text::line(remote),
        text::count(synced.fetched.len(), "ref"),
        text::count(synced.pushed.len(), "ref")
    );
    for (name, kept) in &synced.conflicts {
        out.push_str(&format!(
            "  {} had new events on both sides: theirs counts, ours is kept as {kept}\n",
            text::line(name)
        ));
    }
    for (name, why) in &synced.refused {
        out.push_str(&format!("  {} was refused: {}\n", text::line(name), text::line(why)));
    }
    out
}
