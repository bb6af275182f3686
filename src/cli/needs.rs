//! What a task needs of a person, and the commands that answer it. Pure: screens and `--json` say the same.

use crate::flow::Project;
use crate::plan::Card;
use crate::plan::card::Need;
use crate::task::{Evidence, State, Task, Trouble};

use super::json::{NeedsJson, TestJson};

/// Who looks at what is handed in.
#[derive(Debug, Clone)]
pub(crate) struct Eyes {
    /// The person who asks: nobody approves their own work.
    pub(crate) who: String,
    /// Whether agents review first.
    pub(crate) agents: bool,
}

impl Eyes {
    pub(crate) fn of(project: &Project) -> Eyes {
        Eyes { who: project.who.clone(), agents: project.agents_review() }
    }
}

/// Whether a person has to do something about a task. Where agents review, a task under review is theirs first.
pub(crate) fn needs_person(card: &Card, eyes: &Eyes) -> bool {
    match &card.need {
        None => false,
        Some(Need::Approval) => !eyes.agents || card.state == "domain-review",
        Some(Need::Decision { .. } | Need::Held { .. }) => true,
    }
}

/// Why a task needs somebody, and what would answer it.
pub(crate) fn needs(task: &Task, eyes: &Eyes) -> Option<NeedsJson> {
    let plain = |kind: &str, why: String, options: Vec<String>| NeedsJson {
        kind: kind.to_owned(),
        why,
        files: Vec::new(),
        pair: None,
        tests: Vec::new(),
        reproduce: None,
        confirmed: false,
        log: None,
        options,
    };
    let options = || options(task, &eyes.who, true).into_iter().map(|(command, _)| command).collect();
    match &task.state {
        State::UnderReview { .. } if eyes.agents => None,
        State::UnderReview { .. } | State::DomainReview { .. } => {
            let why = match owns(task, &eyes.who) {
                true => "was handed in and waits for a review: somebody else must approve",
                false => "was handed in and waits for a review",
            };
            Some(plain("approval", why.to_owned(), options()))
        }
        State::Blocked { because, .. } => Some(plain("held", because.clone(), options())),
        State::Escalated { because, .. } => Some(of_evidence(because, options())),
        State::Pending
        | State::InPlanning
        | State::Assigned { .. }
        | State::InProgress { .. }
        | State::ReadyForHandoff { .. }
        | State::Completed { .. }
        | State::Cancelled { .. } => None,
    }
}

/// Evidence as JSON.
pub(crate) fn of_evidence(evidence: &Evidence, options: Vec<String>) -> NeedsJson {
    NeedsJson {
        kind: evidence.trouble.word().to_owned(),
        why: evidence.text.clone(),
        files: evidence.files.clone(),
        pair: evidence.pair.as_ref().map(ToString::to_string),
        tests: evidence
            .tests
            .iter()
            .map(|test| TestJson { name: test.name.clone(), line: test.line.clone() })
            .collect(),
        reproduce: evidence.reproduce.clone(),
        confirmed: evidence.confirmed,
        log: None,
        options,
    }
}

/// Whether somebody wrote the change of a task: then another has to approve it.
fn owns(task: &Task, who: &str) -> bool {
    !task.adopted && task.state.change().is_some_and(|change| change.claim.owner.0 == who)
}

/// What `who` can do with a task now: commands, each with what it does. `ready`: nothing must land before it.
pub(crate) fn options(task: &Task, who: &str, ready: bool) -> Vec<(String, &'static str)> {
    let id = &task.id;
    let approve = format!("git orch approve {id}");
    let looked_at = if owns(task, who) { format!("{approve} --as NAME") } else { approve.clone() };
    let reject = (format!("git orch reject {id} -m \"...\""), "send it back with a reason");
    let see = (format!("git orch show -p {id}"), "see the change");
    let give_up = (format!("git orch stop {id} --abandon"), "give it up; its work is kept");
    match &task.state {
        State::InPlanning => vec![(approve, "let it be worked on"), give_up],
        State::Pending => {
            let first = match ready {
                true => (format!("git orch pick {id}"), "work on it yourself"),
                false => (format!("git orch edit {id} --after \"\""), "let it wait for nothing"),
            };
            let edit = (format!("git orch edit {id} -p 4"), "change it, here to the least urgent");
            vec![first, edit, give_up]
        }
        State::Assigned { .. } | State::InProgress { .. } => vec![
            (format!("git orch submit {id}"), "hand it in"),
            (format!("git orch pick {id} --release"), "give it back to everybody"),
            (format!("git orch stop {id}"), "hold it"),
        ],
        State::UnderReview { .. } | State::DomainReview { .. } => {
            let what = match owns(task, who) {
                true => "somebody else puts it into the queue",
                false => "put it into the queue",
            };
            vec![(looked_at, what), reject, see]
        }
        State::ReadyForHandoff { .. } => vec![
            (format!("git orch queue why {id}"), "what it waits for"),
            ("git orch queue run".to_owned(), "land what can land"),
            (format!("git orch queue drop {id}"), "take it out of the queue"),
        ],
        State::Blocked { .. } => vec![(approve, "go on with it"), give_up],
        State::Escalated { because, was } => {
            let anyway = match (was.change().is_some(), because.trouble) {
                (true, Trouble::Worse) => "land it anyway (recorded with your name)",
                (true, Trouble::TooBig) => "grant the exception (recorded with your name)",
                (true, trouble) if trouble.may_be_accepted() => "put it into the queue all the same",
                (true, _) if task.adopted => "put it into the queue once more",
                (_, _) => "give it one more try",
            };
            if task.adopted {
                // Nobody works on it here: its author mends the branch and queues it anew.
                let again = format!("git orch queue add {}", task.branch);
                if because.trouble == Trouble::HeadMoved {
                    // What was added is not what is there: only the new tip can be.
                    return vec![(again, "queue it as it is now"), see, give_up];
                }
                let again = (again, "once the branch is mended");
                return vec![(approve, anyway), again, see, give_up];
            }
            if because.trouble == Trouble::Unclear {
                let say =
                    (format!("git orch edit {id} -m \"...\""), "say what is missing: it goes back to work");
                return vec![say, (approve, anyway), give_up];
            }
            let again = was.change().is_none() || !because.trouble.may_be_accepted();
            vec![(if again { approve } else { looked_at }, anyway), reject, see, give_up]
        }
        State::Completed { .. } | State::Cancelled { .. } => vec![see],
    }
}
