//! `queue conflicts`: which tasks in the queue touch the same, and which of them do not merge.

use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{Context, text};
use crate::flow::Project;
use crate::flow::progress::Unwatched;
use crate::flow::queue::{Lander, Met};
use crate::process::Stop;

pub(super) fn run(ctx: &Context, project: &Project) -> Result<Exit, Failure> {
    let found = Lander::new(project, &Unwatched, Stop::new(), 1).meetings()?;
    let pairs: Vec<_> = found
        .pairs
        .iter()
        .map(|(one, other, met)| {
            json!({"tasks": [one.as_str(), other.as_str()], "shared": met.shared, "conflict": met.conflict})
        })
        .collect();
    let data = json!({"pairs": pairs, "looked_at": found.looked_at, "entries": found.all});
    ctx.out.success("queue-conflicts", data, || render(&found), &[]);
    Ok(Exit::Done)
}

fn render(found: &Met) -> String {
    let of = if found.looked_at < found.all {
        format!("the first {} of {} tasks", found.looked_at, found.all)
    } else {
        String::new()
    };
    if found.pairs.is_empty() {
        let who = if of.is_empty() { "tasks in the queue".to_owned() } else { format!("of {of}") };
        return format!("no two {who} touch the same\n");
    }
    let rows: Vec<Vec<String>> = found
        .pairs
        .iter()
        .map(|(one, other, met)| {
            let (word, files) = match (met.conflict.as_slice(), met.shared.as_slice()) {
                ([], []) => ("one lands alone", String::new()),
                ([], shared) => ("merge", shared.join(", ")),
                (conflict, _) => ("conflict", conflict.join(", ")),
            };
            vec![one.to_string(), other.to_string(), word.to_owned(), text::line(&files)]
        })
        .collect();
    let table = text::table(&rows, "");
    if of.is_empty() { table } else { format!("{table}{of} in the queue\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::queue::Meeting;
    use crate::task::id::TaskId;
    use insta::assert_snapshot;

    #[test]
    fn pairs_say_what_they_share() {
        let id = |text: &str| TaskId::parse(text).unwrap();
        let met = |shared: &[&str], conflict: &[&str]| {
            let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
            Meeting { pair: (0, 1), shared: words(shared), conflict: words(conflict) }
        };
        let pairs = vec![
            (id("t-1"), id("t-2"), met(&["a.rs"], &[])),
            (id("t-1"), id("t-3"), met(&["a.rs", "b.rs"], &["b.rs"])),
            (id("t-2"), id("t-4"), met(&[], &[])),
        ];
        let mut found = Met { pairs, looked_at: 64, all: 1000 };
        assert_snapshot!(render(&found), @"
        t-1  t-2  merge            a.rs
        t-1  t-3  conflict         b.rs
        t-2  t-4  one lands alone
        the first 64 of 1000 tasks in the queue
        ");
        found.pairs.clear();
        assert_eq!(render(&found), "no two of the first 64 of 1000 tasks touch the same\n");
        found.all = 64;
        assert_eq!(render(&found), "no two tasks in the queue touch the same\n");
    }
}
