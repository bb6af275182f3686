//! Our queue beside the policies of others and beside tools that search culprits: the same branches, the same suite, really
//! run, in repositories of their own.

use std::path::Path;
use std::time::Instant;

use crate::flow::FlowError;
use crate::process::Command;

use super::ground::{self, Import, branch, git};
use super::rivals::{self, Rival};
use super::search::{self, Searcher};

/// What is played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    pub(crate) branches: usize,
    /// How many of them break the suite.
    pub(crate) bad: usize,
    /// Length of the suite, in seconds.
    pub(crate) suite: f64,
    /// Runs at the same time.
    pub(crate) slots: usize,
    /// Times that everybody plays, each with the bad ones at other places.
    pub(crate) rounds: usize,
}

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Player {
    Ours,
    Rival(Rival),
    Searcher(Searcher),
}

impl Player {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Player::Ours => "git orch queue run",
            Player::Rival(Rival::Serial) => "serial",
            Player::Rival(Rival::Bors) => "bors (halves, one batch at a time)",
            Player::Rival(Rival::Zuul) => "zuul (speculates, one change each)",
            Player::Searcher(Searcher::Bisect) => "git bisect run",
            Player::Searcher(Searcher::Branchless) => "git branchless test run",
        }
    }
}

/// What one player came to, in the mean of the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    pub(crate) player: Player,
    pub(crate) slots: usize,
    /// Seconds until everything was decided.
    pub(crate) seconds: f64,
    /// Runs of the suite.
    pub(crate) runs: f64,
}

/// The queue beside other policies.
///
/// # Errors
/// A repository cannot be made, a command fails, or somebody landed something else than the good branches.
pub(crate) fn policies(program: &Path, match_: Match, say: &dyn Fn(&str)) -> Result<Vec<Score>, FlowError> {
    let mut players = vec![(Player::Ours, match_.slots)];
    if match_.slots > 1 {
        players.push((Player::Ours, 1)); // as many as those have that test one batch at a time
    }
    let rivals = [Rival::Serial, Rival::Bors, Rival::Zuul];
    players.extend(rivals.map(|rival| (Player::Rival(rival), match_.slots)));
    players.into_iter().map(|(player, slots)| score(program, player, match_, slots, say)).collect()
}

/// The search for culprits, beside tools for it: until the culprits are known and all others have landed.
///
/// # Errors
/// As [`policies`].
pub(crate) fn searches(program: &Path, match_: Match, say: &dyn Fn(&str)) -> Result<Vec<Score>, FlowError> {
    let mut players = vec![(Player::Ours, 1), (Player::Searcher(Searcher::Bisect), 1)];
    if match_.slots > 1 {
        players.push((Player::Ours, match_.slots));
    }
    if Searcher::Branchless.is_there() {
        players.push((Player::Searcher(Searcher::Branchless), match_.slots));
    }
    players.into_iter().map(|(player, slots)| score(program, player, match_, slots, say)).collect()
}

fn score(
    program: &Path,
    player: Player,
    match_: Match,
    slots: usize,
    say: &dyn Fn(&str),
) -> Result<Score, FlowError> {
    let (mut seconds, mut runs) = (0.0, 0.0);
    for round in 0..match_.rounds.max(1) {
        let who = format!("{}, {slots} at a time, round {}", player.name(), round + 1);
        say(&who);
        let folder = tempfile::tempdir().map_err(FlowError::file("make", Path::new("a temporary folder")))?;
        let (took, counted) = play(program, player, match_, slots, round, folder.path())?;
        say(&format!("{who}: {counted:.0} runs, {took:.1} s"));
        seconds += took;
        runs += counted;
    }
    #[expect(clippy::cast_precision_loss, reason = "rounds are few")]
    let rounds = match_.rounds.max(1) as f64;
    Ok(Score { player, slots, seconds: seconds / rounds, runs: runs / rounds })
}

/// Seconds and runs of one round.
fn play(
    program: &Path,
    player: Player,
    match_: Match,
    slots: usize,
    round: usize,
    folder: &Path,
) -> Result<(f64, f64), FlowError> {
    let (dir, log) = (folder.join("yard"), folder.join("runs"));
    std::fs::create_dir(&dir).map_err(FlowError::file("make", &dir))?;
    let bad = bad_ones(match_, round);
    yard(&dir, &log, match_, &bad)?;
    let branches: Vec<String> = (0..match_.branches).map(branch).collect();
    let begun = Instant::now();
    match player {
        Player::Ours => ours(program, &dir, &branches, slots)?,
        Player::Rival(rival) => rivals::play(&dir, rival, &branches, slots)?,
        Player::Searcher(searcher) => search::play(&dir, searcher, &branches, slots)?,
    }
    let took = begun.elapsed().as_secs_f64();
    let files = git(&dir, &["ls-tree", "--name-only", "main:src"])?;
    let landed: Vec<&str> = files.lines().filter(|file| *file != "start").collect();
    let good: Vec<&String> =
        branches.iter().enumerate().filter(|(at, _)| !bad.contains(at)).map(|(_, branch)| branch).collect();
    if landed != good {
        return Err(FlowError::BadValue {
            what: player.name().to_owned(),
            why: format!("it landed {}", landed.join(" ")),
        });
    }
    let runs = std::fs::read_to_string(&log).map_err(FlowError::file("read", &log))?.lines().count();
    #[expect(clippy::cast_precision_loss, reason = "runs are few")]
    let runs = runs as f64;
    Ok((took, runs))
}

/// Places of the bad branches: spread, and others in each round.
fn bad_ones(match_: Match, round: usize) -> Vec<usize> {
    let mut bad: Vec<usize> = Vec::new();
    for number in 0..match_.bad.min(match_.branches) {
        let mut at = (number * match_.branches / match_.bad.max(1) + 3 + round * 5) % match_.branches;
        while bad.contains(&at) {
            at = (at + 1) % match_.branches;
        }
        bad.push(at);
    }
    bad
}

/// A repository with a suite that counts its runs, and branches that each write a file of their own.
fn yard(dir: &Path, log: &Path, match_: Match, bad: &[usize]) -> Result<(), FlowError> {
    let suite = format!(
        "echo run >> '{}'\nsleep {}\nif grep -rq BROKEN src; then exit 1; fi\n",
        log.display(),
        match_.suite
    );
    let mut import = Import::default();
    let start = import.commit("refs/heads/main", "start", None);
    import.file("suite.sh", suite.as_bytes());
    import.file("orch.toml", b"[tests]\nall = \"sh suite.sh\"\nreport = \"exit\"\n");
    import.file("src/start", b"start\n");
    for number in 0..match_.branches {
        let name = branch(number);
        import.commit(&format!("refs/heads/{name}"), &format!("Work of {name}"), Some(start));
        let word = if bad.contains(&number) { "BROKEN" } else { "fine" };
        import.file(&format!("src/{name}"), format!("{word}\n").as_bytes());
    }
    ground::init(dir)?;
    import.into(dir)?;
    // The base is checked out nowhere: what lands is what is measured, not who updates whose checkout.
    git(dir, &["checkout", "--quiet", "--detach", "main"]).map(|_| ())
}

fn ours(program: &Path, dir: &Path, branches: &[String], slots: usize) -> Result<(), FlowError> {
    let own = |args: Vec<String>| Command::new(program.display().to_string()).args(args).dir(dir).run();
    let mut add = vec!["queue".to_owned(), "add".to_owned()];
    add.extend(branches.iter().cloned());
    let added = own(add)?;
    let jobs = slots.to_string();
    let ran = own(["queue", "run", "-j", &jobs].map(str::to_owned).to_vec())?;
    // 4: somebody is needed for the bad ones.
    if added.success() && matches!(ran.status, 0 | 4) {
        return Ok(());
    }
    let said = if added.success() { ran.stderr_text() } else { added.stderr_text() };
    Err(FlowError::BadValue { what: "git orch queue".to_owned(), why: said })
}
