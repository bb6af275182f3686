//! What the tests of a repository wrote down about their own runs, held against the verdicts that stood in the notes
//! whenever the program was called: how often a tree was tested is counted from outside.
//!
//! A line of the log is `begin TREE …` or `end TREE COMMIT …`; what follows in an `end` are the tests that failed.

use super::kill_support::Place;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A log of runs, and what was known at each call of the program.
pub(crate) struct TestLog {
    file: PathBuf,
    calls: Vec<Call>,
    /// Trees whose runs nobody had heard of when all was forgotten that a clone keeps for itself.
    forgotten: BTreeSet<String>,
    /// It was forgotten since the last call: a run that goes on may begin its tests only now.
    forgets: bool,
}

struct Call {
    /// Lines of the log when it was made.
    from: usize,
    /// Trees that the notes called green.
    green: BTreeSet<String>,
}

impl TestLog {
    pub(crate) fn new(file: PathBuf) -> TestLog {
        TestLog { file, calls: Vec::new(), forgotten: BTreeSet::new(), forgets: false }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The words of each line so far.
    pub(crate) fn lines(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    /// Notes what is known before a call of the program.
    pub(crate) fn call(&mut self, place: &Place, dir: &Path) {
        if std::mem::take(&mut self.forgets) {
            // One that goes on in a folder that is gone may have read its tree and not said yet that it begins.
            let alive = place.survivors(Duration::from_secs(10));
            assert!(alive.is_empty(), "processes left: {alive:?}");
            self.forget(place, dir);
            self.forgets = false;
        }
        // The notes first: a child of a killed call may still be writing both.
        let green = green_trees(place, dir);
        self.calls.push(Call { from: self.lines().len(), green });
    }

    /// Notes what is lost where somebody now removes what a clone keeps for itself: what a run said, or will say, whose
    /// queue was killed. It stands in the notes only after the next call has heard it.
    pub(crate) fn forget(&mut self, place: &Place, dir: &Path) {
        self.forgets = true;
        let heard = green_trees(place, dir);
        let lines = self.lines();
        let red = |tree: &str| lines.iter().any(|line| line[0] == "end" && line.len() > 3 && line[1] == tree);
        let begun = lines.iter().filter(|line| line[0] == "begin").map(|line| &line[1]);
        self.forgotten.extend(begun.filter(|tree| !heard.contains(*tree) && !red(tree)).cloned());
    }

    /// Fails where a green run was repeated: a tree whose green stood in the notes, or one that was tested to its end when
    /// the queue was killed.
    pub(crate) fn check(&self, what: &str) {
        let lines = self.lines();
        for call in &self.calls {
            for line in lines[call.from..].iter().filter(|line| line[0] == "begin") {
                assert!(!call.green.contains(&line[1]), "{what}: {} was green, and is tested again", line[1]);
            }
        }
        let mut greens = BTreeSet::new();
        for line in lines.iter().filter(|line| line[0] == "end" && line.len() == 3) {
            let first = greens.insert(&line[1]) || self.forgotten.contains(&line[1]);
            assert!(first, "{what}: {} was tested green twice", line[1]);
        }
    }
}

fn green_trees(place: &Place, dir: &Path) -> BTreeSet<String> {
    let list = ["grep", "-l", "-e", "\"verdict\": \"green\"", "refs/notes/orch-tests"];
    let found = place.try_git(dir, &list).unwrap_or_default();
    found.lines().filter_map(|line| line.split_once(':')).map(|(_, path)| path.replace('/', "")).collect()
}
