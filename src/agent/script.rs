//! The agent that replays recorded changes, for the demo and for tests.
//!
//! It runs as a process of its own, this program under the hidden word `__script`, so that everything around an agent
//! is the same as for a real one. Its first matching turn is played: wait, remove, write, replace, speak, exit.

use super::{AgentError, turn::Turn};
use crate::{
    process::own_command,
    task::{id::shown, role::Role},
};
use serde::Deserialize;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
    time::Duration,
};

/// Exit code when a turn cannot be played.
const CANNOT: u8 = 3;
/// Longest wait of a turn, in seconds: a day.
const SECONDS_MAX: f64 = 86_400.0;

/// A file of recorded turns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    turn: Vec<Recorded>,
}

/// One recorded turn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// A role, or `review` for any reviewer.
    role: String,
    /// Which try; without it, any.
    #[serde(rename = "try")]
    try_number: Option<u32>,
    /// How long it takes.
    #[serde(default)]
    seconds: f64,
    /// Text on standard output.
    #[serde(default)]
    say: String,
    #[serde(default)]
    exit: u8,
    #[serde(default)]
    remove: Vec<Remove>,
    #[serde(default)]
    write: Vec<Write>,
    #[serde(default)]
    replace: Vec<Replace>,
}

/// A file to take away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    path: String,
}

/// A file to write, with its folders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    path: String,
    text: String,
    /// Permissions in octal digits.
    mode: Option<String>,
}

/// A text to replace where it occurs first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    path: String,
    old: String,
    new: String,
}

/// Makes the argument list that plays a turn's script.
///
/// # Errors
/// There is no script for the task.
pub(super) fn call(folder: &Path, turn: &Turn) -> Result<Vec<String>, AgentError> {
    // Absolute, because it will be read in the worktree.
    let folder =
        std::path::absolute(folder).map_err(|source| AgentError::File { path: folder.to_owned(), source })?;
    let own = folder.join(format!("{}.toml", turn.task));
    let mut arguments = Vec::new();
    for file in [own, folder.join("_default.toml")].into_iter().filter(|file| file.is_file()) {
        arguments.push(file.to_str().map(str::to_owned).ok_or(AgentError::Path(file))?);
    }
    if arguments.is_empty() {
        return Err(AgentError::NoScript { task: turn.task.clone(), folder });
    }
    arguments.extend([turn.role.to_string(), turn.try_number.to_string()]);
    Ok(own_command("__script", &arguments)?)
}

/// Plays a turn in the current folder: `FILE.. ROLE TRY`. Returns the exit code, 3 when it cannot be played.
pub(crate) fn script_main(arguments: impl IntoIterator<Item = String>) -> u8 {
    let arguments: Vec<String> = arguments.into_iter().collect();
    match play(&arguments, Path::new(".")) {
        Ok(code) => code,
        Err(why) => {
            // Without a reader nobody misses it.
            let _ = writeln!(std::io::stderr(), "script: {}", shown(&why));
            CANNOT
        }
    }
}

fn play(arguments: &[String], root: &Path) -> Result<u8, String> {
    let [files @ .., role, number] = arguments else {
        return Err("wants files, a role and a number".to_owned());
    };
    let role = Role::parse(role).map_err(|error| error.to_string())?;
    let number: u32 = number.parse().map_err(|_| format!("'{number}' is no number"))?;
    let mut turn = None;
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        turn = choose(&text, &role, number).map_err(|why| format!("{file}: {why}"))?;
        if turn.is_some() {
            break;
        }
    }
    let turn = turn.ok_or_else(|| format!("{}: no turn for {role}, try {number}", files.join(", ")))?;
    wait(turn.seconds)?;
    change(&turn, root)?;
    if !turn.say.is_empty() {
        let line = format!("{}\n", turn.say.trim_end_matches('\n'));
        std::io::stdout().write_all(line.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(turn.exit)
}

/// Reads a script and takes its first turn for this role and try, if it has one.
fn choose(text: &str, role: &Role, number: u32) -> Result<Option<Recorded>, String> {
    let script: Script = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut chosen = None;
    for turn in script.turn {
        // Every turn is checked, so that a mistake shows before its turn comes.
        let fits = match turn.role.as_str() {
            "review" => matches!(role, Role::Review(_)),
            other => Role::parse(other).map_err(|error| error.to_string())? == *role,
        };
        if !(0.0..=SECONDS_MAX).contains(&turn.seconds) {
            return Err(format!("seconds = {} is not between 0 and {SECONDS_MAX}", turn.seconds));
        }
        if fits && turn.try_number.is_none_or(|wanted| wanted == number) && chosen.is_none() {
            chosen = Some(turn);
        }
    }
    Ok(chosen)
}

fn wait(seconds: f64) -> Result<(), String> {
    if seconds == 0.0 {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs_f64(seconds)).await });
    Ok(())
}

/// Carries out a turn's changes beneath `root`.
fn change(turn: &Recorded, root: &Path) -> Result<(), String> {
    for Remove { path } in &turn.remove {
        let file = beneath(root, path)?;
        fs::remove_file(file).map_err(|error| format!("remove {path}: {error}"))?;
    }
    for Write { path, text, mode } in &turn.write {
        let failed = |error: std::io::Error| format!("write {path}: {error}");
        let file = beneath(root, path)?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(&file, text).map_err(failed)?;
        if let Some(mode) = mode {
            let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| *bits <= 0o777);
            let bits = bits.ok_or_else(|| format!("write {path}: '{mode}' is no mode like 755"))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(bits)).map_err(failed)?;
        }
    }
    for Replace { path, old, new } in &turn.replace {
        let failed = |error: std::io::Error| format!("replace in {path}: {error}");
        let file = beneath(root, path)?;
        let text = fs::read_to_string(&file).map_err(failed)?;
        if old.is_empty() || !text.contains(old.as_str()) {
            return Err(format!("replace in {path}: the old text is not there: {old}"));
        }
        fs::write(&file, text.replacen(old.as_str(), new, 1)).map_err(failed)?;
    }
    Ok(())
}

/// Resolves a path that must stay beneath `root`: no absolute path, no `..`, nothing in `.git`, no link on the way.
fn beneath(root: &Path, path: &str) -> Result<PathBuf, String> {
    let mut full = root.to_owned();
    let mut parts = 0;
    for part in Path::new(path).components() {
        let Component::Normal(name) = part else {
            return Err(format!("path '{path}' leaves the worktree"));
        };
        if name.eq_ignore_ascii_case(".git") {
            return Err(format!("path '{path}' is git's own"));
        }
        full.push(name);
        parts += 1;
        if fs::symlink_metadata(&full).is_ok_and(|meta| meta.is_symlink()) {
            return Err(format!("path '{path}' goes through a link"));
        }
    }
    if parts == 0 { Err("a path is empty".to_owned()) } else { Ok(full) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play_text(text: &str, role: &str, number: u32, root: &Path) -> Result<u8, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let file = file.path().to_str().unwrap().to_owned();
        play(&[file, role.to_owned(), number.to_string()], root)
    }

    #[test]
    fn the_first_turn_that_fits_is_played() {
        let text = "[[turn]]\nrole = 'implement'\ntry = 2\nexit = 12\n[[turn]]\nrole = 'implement'\nexit = 10\n\
                    [[turn]]\nrole = 'review_a'\nexit = 20\n[[turn]]\nrole = 'review'\nexit = 21\n";
        let root = Path::new("/nowhere");
        let codes = [("implement", 1), ("implement", 2), ("review_a", 1), ("review_b", 7)]
            .map(|(role, number)| play_text(text, role, number, root).unwrap());
        assert_eq!(codes, [10, 12, 20, 21]);
        assert!(play_text(text, "fix", 1, root).unwrap_err().ends_with("no turn for fix, try 1"));
    }

    #[test]
    fn a_turn_that_the_own_script_leaves_out_is_the_default_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).to_str().unwrap().to_owned()
        };
        let own = write("own.toml", "[[turn]]\nrole = 'implement'\nexit = 10\n");
        let default =
            write("_default.toml", "[[turn]]\nrole = 'review'\nexit = 20\n[[turn]]\nrole = 'implement'\n");
        let play = |role: &str| {
            play(&[own.clone(), default.clone(), role.to_owned(), "1".to_owned()], folder.path())
        };
        assert_eq!((play("implement"), play("review_quality")), (Ok(10), Ok(20)));
        assert!(play("fix").unwrap_err().ends_with("_default.toml: no turn for fix, try 1"));
    }

    #[test]
    fn the_example_of_the_page_can_be_played() {
        let page = include_str!("../../docs/agents.md");
        let (_, section) = page.split_once("## Recorded changes").unwrap();
        let (_, block) = section.split_once("```toml\n").unwrap();
        let (text, _) = block.split_once("```").unwrap();
        let root = tempfile::tempdir().unwrap();
        for (name, old) in [("README.md", "It does nothing.\n"), ("TODO", "Greet.\n")] {
            fs::write(root.path().join(name), old).unwrap();
        }
        assert_eq!(play_text(text, "implement", 1, root.path()), Ok(0));
        assert_eq!(fs::read_to_string(root.path().join("bin/greet")).unwrap(), "echo hello\n");
        assert_eq!(fs::read_to_string(root.path().join("README.md")).unwrap(), "It does a greeting.\n");
        assert!(!root.path().join("TODO").exists());
        assert_eq!(play_text(text, "review_safety", 1, root.path()), Ok(0));
    }

    #[test]
    fn files_are_removed_written_and_replaced() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("old"), "").unwrap();
        fs::write(root.path().join("text"), "a b a").unwrap();
        let text = "[[turn]]\nrole = 'fix'\n[[turn.remove]]\npath = 'old'\n\
                    [[turn.write]]\npath = 'src/deep/run.sh'\ntext = 'x'\nmode = '755'\n\
                    [[turn.replace]]\npath = 'text'\nold = 'a'\nnew = 'c'\n";
        assert_eq!(play_text(text, "fix", 1, root.path()), Ok(0));
        assert!(!root.path().join("old").exists());
        let script = fs::metadata(root.path().join("src/deep/run.sh")).unwrap();
        assert_eq!(script.permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_to_string(root.path().join("text")).unwrap(), "c b a");
        let again = text.replace("'a'", "'gone'").replace("'old'", "'text2'");
        fs::write(root.path().join("text2"), "").unwrap();
        let error = play_text(&again, "fix", 1, root.path()).unwrap_err();
        assert_eq!(error, "replace in text: the old text is not there: gone");
    }

    #[test]
    fn paths_stay_beneath_the_worktree() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        for path in ["/etc/x", "../x", "a/../../x", "link/x", "link", ".git", ".GIT/config", "", "."] {
            assert!(beneath(root.path(), path).is_err(), "{path}");
        }
        assert_eq!(beneath(root.path(), "a/b").unwrap(), root.path().join("a/b"));
    }

    #[test]
    fn mistakes_in_a_script_are_told() {
        let role = Role::Implement;
        let why = |text: &str| choose(text, &role, 1).unwrap_err();
        assert!(why("[[turn]]\nrole = 'implement'\nsays = 'x'\n").contains("unknown field `says`"));
        assert!(
            why("[[turn]]\nrole = 'implement'\n[[turn]]\nrole = 'boss'\n").contains("unknown role 'boss'")
        );
        assert!(why("[[turn]]\nrole = 'implement'\nseconds = -1.0\n").contains("is not between"));
        assert!(choose("", &role, 1).unwrap().is_none());
    }

    #[test]
    fn a_turn_takes_its_time() {
        let begun = std::time::Instant::now();
        let text = "[[turn]]\nrole = 'test'\nseconds = 0.2\n";
        assert_eq!(play_text(text, "test", 1, Path::new(".")), Ok(0));
        assert!(begun.elapsed() >= Duration::from_millis(200));
    }
}
