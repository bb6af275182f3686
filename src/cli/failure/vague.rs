//! A spec that nobody could work by: each gap with a question, and an example for the first.

use super::Failure;
use crate::cli::codes::Code;
use crate::flow::Vaguely;
use crate::task::contract::{Gap, Section};
use crate::task::id::shown;

pub(super) fn vague(what: &Vaguely, title: &str, gaps: &[Gap]) -> Failure {
    let title = shown(title);
    let mut failure = Failure::new(Code::Vague, format!("'{title}' is too vague to hand out"));
    for gap in gaps {
        failure = failure.because(gap.to_string());
    }
    let example = match gaps.first() {
        Some(Gap::Empty(section) | Gap::Missing(section)) => {
            format!("{}: {}", section.heading(), section.example())
        }
        Some(Gap::NamesNothing) | None => Section::Objective.example().to_owned(),
    };
    // It stands between single quotes.
    let example = example.replace('\'', "");
    match what {
        Vaguely::Added => failure
            .hint("say it, for example", format!("git orch add \"{title}\" -m '{example}'"))
            .hint("or fill in the template", "git orch add --template > task.md")
            .hint("or keep it as a draft", format!("git orch add \"{title}\" --draft")),
        Vaguely::Planned => failure
            .hint("say it, for example", format!("git orch plan \"{title}\" -m '{example}'"))
            .hint("or fill in the template", "git orch add --template > goal.md"),
        Vaguely::Edited(id) => {
            failure.hint("say it, for example", format!("git orch edit {id} -m '{example}'"))
        }
        Vaguely::Approved(id) => failure
            .hint("say it, for example", format!("git orch edit {id} -m '{example}'"))
            .hint("then", format!("git orch approve {id}")),
    }
}
