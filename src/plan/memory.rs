//! What earlier turns have found, for later ones (E7): what is kept of an answer, and which notes a turn gets.

use crate::task::record::Note;

/// Longest text of a note, in characters.
const TEXT_MAX: usize = 1500;

/// A note with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The id of the task, as text.
    pub(crate) task: String,
    pub(crate) note: Note,
    pub(crate) near: Nearness,
}

/// How near a note is to a turn, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nearness {
    /// About the very task.
    Own,
    /// About a task that it was to come after.
    Before,
    /// About another one of the run, with a tag in common.
    Run,
}

/// What is kept of an agent's answer: its words without code, without lines that are for programs, and of a long one the
/// end, where reports stand. Nothing where nothing is left.
pub(crate) fn summary(answer: &str) -> Option<String> {
    let mut fence: Option<String> = None;
    let mut kept: Vec<&str> = Vec::new();
    for line in answer.lines() {
        let trimmed = line.trim();
        let mark: String = trimmed.chars().take_while(|&c| c == '`' || c == '~').collect();
        match &fence {
            Some(open) if trimmed.starts_with(open.as_str()) && trimmed.len() == mark.len() => fence = None,
            Some(_) => {}
            None if mark.len() >= 3 => fence = Some(mark),
            None if trimmed.starts_with('{') && trimmed.ends_with('}') => {}
            None => kept.push(line.trim_end()),
        }
    }
    let text = kept.join("\n");
    let text = text.trim();
    let length = text.chars().count();
    if length <= TEXT_MAX {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let from = text.char_indices().nth(length - TEXT_MAX).map_or(0, |(at, _)| at);
    // From the start of a line, where one is near.
    let end = &text[from..];
    let end = end.split_once('\n').filter(|(cut, _)| cut.len() < 200).map_or(end, |(_, rest)| rest);
    Some(format!("[...]\n{}", end.trim()))
}

/// The notes that a turn gets: the nearest first, the newest of them first, each task's newest of a role only, and all of
/// them together within `budget` bytes. They come back in the order in which they should be read: the oldest first.
pub(crate) fn offered(all: &[About], budget: usize) -> Vec<About> {
    let mut order: Vec<(usize, &About)> = all.iter().enumerate().collect();
    order.sort_by_key(|(at, about)| (about.near, usize::MAX - at));
    let mut taken: Vec<(usize, &About)> = Vec::new();
    let mut left = budget;
    for (at, about) in order {
        let newer = |(_, other): &(usize, &About)| {
            other.task == about.task && other.note.role == about.note.role && about.near != Nearness::Own
        };
        let size = about.note.text.len() + about.task.len();
        if size > left || taken.iter().any(newer) {
            continue;
        }
        left -= size;
        taken.push((at, about));
    }
    taken.sort_by_key(|(at, _)| *at);
    taken.into_iter().map(|(_, about)| about.clone()).collect()
}

/// Whether two tasks are about the same: a domain, or paths that overlap as far as their fixed beginnings tell.
pub(crate) fn related(one: &[String], other: &[String]) -> bool {
    let fixed = |tag: &str| tag.split(['*', '?', '[', '{']).next().unwrap_or_default().to_owned();
    one.iter().any(|a| {
        other.iter().any(|b| {
            let (fa, fb) = (fixed(a), fixed(b));
            a == b || (a.contains('/') && b.contains('/') && (fa.starts_with(&fb) || fb.starts_with(&fa)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn about(task: &str, role: &str, near: Nearness, text: &str) -> About {
        let note = Note { role: role.to_owned(), try_number: 1, tags: Vec::new(), text: text.to_owned() };
        About { task: task.to_owned(), note, near }
    }

    #[test]
    fn a_summary_is_words() {
        let answer = "Found it.\n\n```rust\nfn a() {}\n```\nFixed a.rs.\n{\"verdict\":\"approve\"}\n";
        assert_eq!(summary(answer).unwrap(), "Found it.\n\nFixed a.rs.");
        assert_eq!(summary("```\nx\n"), None);
        let long = format!("{}\nthe end", "a line of words\n".repeat(500));
        let short = summary(&long).unwrap();
        assert!(short.starts_with("[...]\na line") && short.ends_with("the end"), "{short}");
        assert!(short.chars().count() <= TEXT_MAX + 6);
    }

    #[test]
    fn the_nearest_and_newest_come_first_into_the_budget() {
        use Nearness::{Before, Own, Run};
        let all = [
            about("a", "implement", Run, "far and old"),
            about("t", "implement", Own, "my first try"),
            about("b", "implement", Before, "old"),
            about("b", "fix", Before, "other role"),
            about("b", "implement", Before, "new"),
            about("t", "fix", Own, "my second try"),
        ];
        let texts =
            |budget| offered(&all, budget).into_iter().map(|about| about.note.text).collect::<Vec<_>>();
        assert_eq!(texts(1000), ["far and old", "my first try", "other role", "new", "my second try"]);
        assert_eq!(texts(40), ["my first try", "new", "my second try"]);
        assert!(texts(3).is_empty());
    }

    #[test]
    fn related_is_a_domain_or_paths_that_overlap() {
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        assert!(related(&tags(&["backend"]), &tags(&["backend", "x"])));
        assert!(related(&tags(&["src/net/**"]), &tags(&["src/net/http.rs"])));
        assert!(!related(&tags(&["src/net/**"]), &tags(&["src/ui/**"])));
        assert!(!related(&tags(&["*.md"]), &tags(&["src/**"])) && !related(&[], &[]));
    }

    proptest! {
        #[test]
        fn notes_never_exceed_their_budget(sizes in prop::collection::vec(0_usize..400, 0..20), budget in 0_usize..2000) {
            let all: Vec<About> = sizes.iter().map(|&size| about("t", "fix", Nearness::Own, &"x".repeat(size))).collect();
            let sum: usize = offered(&all, budget).iter().map(|about| about.note.text.len()).sum();
            prop_assert!(sum <= budget);
        }
    }
}
