//! Several workers' answers to one task made one. Where two wrote the same file, the rule decides, and it is said aloud:
//! the same text is one text; what merges line by line is merged; else whoever is named first in the settings wins.

use std::collections::BTreeMap;

use super::parse::{Block, Content};

/// A file that several workers wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) path: String,
    /// In the order of the settings.
    pub(crate) workers: Vec<String>,
    pub(crate) settled: Settled,
}

/// How it came to one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// All wrote the same.
    Same,
    /// Their changes go together.
    Merged,
    /// They do not: the first of them has it.
    First,
}

/// One answer of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Joined {
    pub(crate) blocks: Vec<Block>,
    pub(crate) overlaps: Vec<Overlap>,
}

impl Overlap {
    /// In words: `src/a.rs by api over ui`.
    pub(crate) fn text(&self) -> String {
        let all = self.workers.join(", ");
        match (&self.settled, self.workers.split_first()) {
            (Settled::Same, _) => format!("{} is the same by {all}", self.path),
            (Settled::Merged, _) => format!("{} merged of {all}", self.path),
            (Settled::First, Some((first, others))) => {
                format!("{} by {first} over {}", self.path, others.join(", "))
            }
            (Settled::First, None) => self.path.clone(),
        }
    }
}

/// Makes one answer of those of several workers, who come in the order of the settings. `before` is a file as it was;
/// `merge` merges two changes of a text (before, ours, theirs), and has no answer where they do not go together.
pub(crate) fn join(
    answers: &[(String, Vec<Block>)],
    before: &impl Fn(&str) -> Option<String>,
    merge: &impl Fn(&str, &str, &str) -> Option<String>,
) -> Joined {
    let mut by_path: BTreeMap<&str, Vec<(&str, &Content)>> = BTreeMap::new();
    for (worker, blocks) in answers {
        for block in blocks {
            by_path.entry(&block.path).or_default().push((worker, &block.content));
        }
    }
    let mut joined = Joined::default();
    for (path, versions) in by_path {
        let Some(((_, first), others)) = versions.split_first() else { continue };
        let mut content = (*first).clone();
        let mut settled = Settled::Same;
        for (_, other) in others.iter().filter(|(_, other)| *other != *first) {
            let merged = match (&content, other) {
                (Content::Text(ours), Content::Text(theirs)) => {
                    merge(&before(path).unwrap_or_default(), ours, theirs).map(Content::Text)
                }
                _ => None,
            };
            match merged {
                Some(text) if settled != Settled::First => (content, settled) = (text, Settled::Merged),
                // One that does not go together takes all of the file to the first: half a merge is nobody's work.
                _ => (content, settled) = ((*first).clone(), Settled::First),
            }
        }
        if !others.is_empty() {
            let workers = versions.iter().map(|(worker, _)| (*worker).to_owned()).collect();
            joined.overlaps.push(Overlap { path: path.to_owned(), workers, settled });
        }
        joined.blocks.push(Block { path: path.to_owned(), content });
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(worker: &str, files: &[(&str, &str)]) -> (String, Vec<Block>) {
        let block = |(path, text): &(&str, &str)| Block {
            path: (*path).to_owned(),
            content: if *text == "-" { Content::Gone } else { Content::Text((*text).to_owned()) },
        };
        (worker.to_owned(), files.iter().map(block).collect())
    }

    #[test]
    fn overlaps_are_settled_by_the_rule_and_said() {
        let answers = [
            answer(
                "api",
                &[("same", "x"), ("merges", "A b"), ("fights", "1"), ("kept", "new"), ("own", "a")],
            ),
            answer("ui", &[("same", "x"), ("merges", "a B"), ("fights", "2"), ("kept", "-")]),
            answer("docs", &[("merges", "a b"), ("fights", "3")]),
        ];
        let before = |path: &str| (path == "merges").then(|| "a b".to_owned());
        // Goes together where one of them has the other's word as it was.
        let merge = |before: &str, ours: &str, theirs: &str| {
            let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
            let (before, ours, theirs) = (words(before), words(ours), words(theirs));
            (before.len() == ours.len() && ours.len() == theirs.len() && before.len() > 1).then(|| {
                let pick = |at: usize| if ours[at] == before[at] { &theirs[at] } else { &ours[at] };
                (0..before.len()).map(|at| pick(at).clone()).collect::<Vec<_>>().join(" ")
            })
        };
        let joined = join(&answers, &before, &merge);
        let lines: Vec<String> = joined.overlaps.iter().map(Overlap::text).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        fights by api over ui, docs
        kept by api over ui
        merges merged of api, ui, docs
        same is the same by api, ui
        ");
        let text =
            |path: &str| joined.blocks.iter().find(|block| block.path == path).unwrap().content.clone();
        assert_eq!(text("merges"), Content::Text("A B".to_owned()));
        assert_eq!(text("fights"), Content::Text("1".to_owned()));
        assert_eq!(text("kept"), Content::Text("new".to_owned()));
        assert_eq!(joined.blocks.len(), 5);
    }
}
