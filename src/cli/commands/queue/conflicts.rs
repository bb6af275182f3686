//! `queue conflicts`: which tasks in the queue touch the same, and which of them do not merge.

use serde_json::json;

use crate::flow::Project;
use crate::flow::progress::Unwatched;
use crate::flow::queue::{Lander, Meeting};
use crate::process::Stop;
use crate::task::id::TaskId;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{Context, text};

pub(super) fn run(ctx: &Context, project: &Project) -> Result<Exit, Failure> {
    let found = Lander::new(project, &Unwatched, Stop::new(), 1).meetings()?;
    let pairs: Vec<_> = found
        .iter()
        .map(|(one, other, met)| {
            json!({"tasks": [one.as_str(), other.as_str()], "shared": met.shared, "conflict": met.conflict})
        })
        .collect();
    ctx.out.success("queue-conflicts", json!({"pairs": pairs}), || render(&found), &[]);
    Ok(Exit::Done)
}

fn render(found: &[(TaskId, TaskId, Meeting)]) -> String {
    if found.is_empty() {
        return "no two tasks in the queue touch the same\n".to_owned();
    }
    let rows: Vec<Vec<String>> = found
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
    text::table(&rows, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn pairs_say_what_they_share() {
        let id = |text: &str| TaskId::parse(text).unwrap();
        let met = |shared: &[&str], conflict: &[&str]| {
            let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
            Meeting { pair: (0, 1), shared: words(shared), conflict: words(conflict) }
        };
        let found = [
            (id("t-1"), id("t-2"), met(&["a.rs"], &[])),
            (id("t-1"), id("t-3"), met(&["a.rs", "b.rs"], &["b.rs"])),
            (id("t-2"), id("t-4"), met(&[], &[])),
        ];
        assert_snapshot!(render(&found), @"
        t-1  t-2  merge            a.rs
        t-1  t-3  conflict         b.rs
        t-2  t-4  one lands alone
        ");
        assert_eq!(render(&[]), "no two tasks in the queue touch the same\n");
    }
}
