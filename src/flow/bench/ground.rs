//! Scratch repositories for benchmarks, each made by one `git fast-import`: many files, a base with a history, branches.

use std::path::Path;

use crate::bench::footprints;
use crate::flow::FlowError;
use crate::process::Command;

/// Lines of each file. A branch changes one of them in each of its files, so two that share a file conflict in about a
/// quarter of cases, where 19 % are measured in the repository that the footprints are of.
const LINES: usize = 12;
/// Most files of one branch: two lines each stay within the cap of a change.
const MOST: usize = 40;
/// Seconds between commits.
const MINUTE: usize = 60;
/// When the base begins, in seconds since 1970: long ago, as nothing may lie in the future.
const BEGIN: usize = 1_700_000_000;
/// Commits of the base, at most, that have come since a branch left it.
const STALE: usize = 200;

/// How large a scratch repository is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) files: usize,
    /// Commits of the base; they change files that no branch changes.
    pub(super) commits: usize,
    pub(super) branches: usize,
}

/// The name of a branch, in the order in which they come.
pub(super) fn branch(number: usize) -> String {
    format!("b{number:04}")
}

/// Makes the repository and checks out its base. The branches touch what consecutive pull requests of a real project
/// touched (`bench::footprints`), in the same order.
pub(super) fn make(dir: &Path, size: Size, settings: &str, say: &dyn Fn(&str)) -> Result<(), FlowError> {
    let mut import = Import::default();
    import.commit("refs/heads/main", "start", None);
    import.file("orch.toml", settings.as_bytes());
    for number in 0..size.files {
        import.file(&path(number), &content(number, None));
    }
    let first = import.mark;
    for number in 0..size.commits {
        import.commit("refs/heads/main", &format!("base {number}"), Some(import.mark));
        let file = size.files - 1 - number % (size.files / 4).max(1);
        import.file(&path(file), &content(file, Some(number)));
    }
    let tip = import.mark;
    let real = footprints::cargo();
    for number in 0..size.branches {
        let stale = (number * 37) % STALE.min(tip - first + 1);
        import.commit(
            &format!("refs/heads/{}", branch(number)),
            &format!("Work of {}", branch(number)),
            Some(tip - stale),
        );
        for file in files(&real[number % real.len()], size.files, number) {
            import.file(&path(file), &content(file, Some(number)));
        }
    }
    init(dir)?;
    say("its commits");
    import.into(dir)?;
    say("its checkout");
    git(dir, &["reset", "--quiet", "--hard"]).map(|_| ())
}

/// An empty repository on `main`, that nothing tidies up meanwhile.
pub(super) fn init(dir: &Path) -> Result<(), FlowError> {
    git(dir, &["init", "--quiet", "--initial-branch=main"])?;
    for (key, value) in [("user.name", "Bench"), ("user.email", "bench@localhost"), ("gc.auto", "0")] {
        git(dir, &["config", key, value])?;
    }
    Ok(())
}

/// The files of one branch, in the first half of all: what the footprints leave out as its own comes last there.
fn files(footprint: &[u32], all: usize, number: usize) -> Vec<usize> {
    let shared = all / 2;
    let mut files: Vec<usize> = footprint
        .iter()
        .take(MOST)
        .map(|&file| match file {
            1_000_000.. => shared.saturating_sub(1 + number),
            file => file as usize % shared.max(1),
        })
        .collect();
    files.sort_unstable();
    files.dedup();
    files
}

fn path(number: usize) -> String {
    format!("d{:02}/e{:02}/f{number:06}.txt", number % 37, number / 37 % 41)
}

/// What a file says, with one line changed by whoever changed it.
fn content(number: usize, by: Option<usize>) -> Vec<u8> {
    let changed = by.map(|by| (by * 7 + number * 3) % LINES);
    let mut text = String::new();
    for line in 0..LINES {
        match by {
            Some(by) if changed == Some(line) => text.push_str(&format!("line {line} of {number} by {by}\n")),
            Some(_) | None => text.push_str(&format!("line {line} of {number}\n")),
        }
    }
    text.into_bytes()
}

/// A stream for `git fast-import`.
#[derive(Default)]
pub(super) struct Import {
    stream: Vec<u8>,
    mark: usize,
}

impl Import {
    /// Begins a commit on a ref, on top of an earlier one where that is given; returns its mark.
    pub(super) fn commit(&mut self, name: &str, message: &str, from: Option<usize>) -> usize {
        self.mark += 1;
        let time = BEGIN + self.mark * MINUTE;
        let head =
            format!("commit {name}\nmark :{}\ncommitter Bench <bench@localhost> {time} +0000\n", self.mark);
        self.stream.extend_from_slice(head.as_bytes());
        self.data(message.as_bytes());
        if let Some(from) = from {
            self.stream.extend_from_slice(format!("from :{from}\n").as_bytes());
        }
        self.mark
    }

    /// Puts a file into the commit that was begun last.
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) {
        self.stream.extend_from_slice(format!("M 644 inline {path}\n").as_bytes());
        self.data(bytes);
    }

    fn data(&mut self, bytes: &[u8]) {
        self.stream.extend_from_slice(format!("data {}\n", bytes.len()).as_bytes());
        self.stream.extend_from_slice(bytes);
        self.stream.push(b'\n');
    }

    /// Writes everything into a repository.
    pub(super) fn into(mut self, dir: &Path) -> Result<(), FlowError> {
        self.stream.extend_from_slice(b"done\n");
        let import = Command::new("git").args(["fast-import", "--quiet", "--done"]).dir(dir);
        finished(&import.stdin(self.stream), "git fast-import").map(|_| ())
    }
}

/// Runs git in a folder; what it says.
pub(super) fn git(dir: &Path, args: &[&str]) -> Result<String, FlowError> {
    let command = Command::new("git").args(args.iter().copied()).dir(dir);
    finished(&command, &format!("git {}", args.join(" ")))
}

/// Runs a program that must end well; what it says.
pub(super) fn finished(command: &Command, what: &str) -> Result<String, FlowError> {
    let finished = command.run()?;
    if finished.success() {
        return Ok(finished.stdout_text().trim().to_owned());
    }
    Err(FlowError::BadValue { what: what.to_owned(), why: finished.stderr_text() })
}
