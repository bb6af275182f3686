//! What a pull request is, and whether it may stand in the queue.

use crate::task::id::CommitId;

/// A pull request as the host has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) title: String,
    /// Login of whoever opened it; empty where the account is gone.
    pub(crate) author: String,
    pub(crate) head: CommitId,
    /// Short name of its branch, in whichever repository that is.
    pub(crate) head_branch: String,
    /// Whether the branch is in another repository, or that one is gone.
    pub(crate) fork: bool,
    /// Short name of the branch that it is for.
    pub(crate) base_branch: String,
    pub(crate) draft: bool,
    pub(crate) open: bool,
    pub(crate) labels: Vec<String>,
}

/// Why a pull request may not stand in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    Closed,
    Draft,
    /// For the branch of another open pull request.
    Stacked {
        on: u64,
    },
    /// For another branch than the one that is landed on.
    OtherBase {
        branch: String,
    },
    /// Something was pushed after it was approved.
    HeadMoved {
        approved: CommitId,
    },
}

impl Unfit {
    /// Why, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Unfit::Closed => "the pull request is closed".to_owned(),
            Unfit::Draft => "the pull request is a draft".to_owned(),
            Unfit::Stacked { on } => format!("it is stacked on pull request {on}; it lands after that one"),
            Unfit::OtherBase { branch } => {
                format!("it is for {}, which this queue does not land on", crate::task::id::shown(branch))
            }
            Unfit::HeadMoved { approved } => {
                format!("something was pushed after {} was approved", approved.short())
            }
        }
    }
}

/// Why a pull request may not be in the queue of `base` now. `approved` is the commit that was queued; `others` are the
/// open pull requests.
pub(crate) fn unfit(pull: &Pull, base: &str, approved: Option<&CommitId>, others: &[Pull]) -> Option<Unfit> {
    if !pull.open {
        return Some(Unfit::Closed);
    }
    if let Some(approved) = approved.filter(|approved| **approved != pull.head) {
        return Some(Unfit::HeadMoved { approved: approved.clone() });
    }
    if pull.draft {
        return Some(Unfit::Draft);
    }
    if pull.base_branch == base {
        return None;
    }
    let below = others.iter().find(|other| {
        other.open && !other.fork && other.number != pull.number && other.head_branch == pull.base_branch
    });
    Some(match below {
        Some(below) => Unfit::Stacked { on: below.number },
        None => Unfit::OtherBase { branch: pull.base_branch.clone() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> CommitId {
        CommitId::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn pull(number: u64) -> Pull {
        Pull {
            number,
            title: "Add retry".to_owned(),
            author: "ana".to_owned(),
            head: id('a'),
            head_branch: format!("topic-{number}"),
            fork: false,
            base_branch: "main".to_owned(),
            draft: false,
            open: true,
            labels: Vec::new(),
        }
    }

    #[test]
    fn only_an_open_pull_request_for_the_base_at_its_approved_commit_is_fit() {
        let fit = pull(1);
        assert_eq!(unfit(&fit, "main", Some(&id('a')), &[]), None);
        assert_eq!(unfit(&fit, "main", None, &[]), None);
        let moved = unfit(&fit, "main", Some(&id('b')), &[]);
        assert_eq!(moved, Some(Unfit::HeadMoved { approved: id('b') }));
        assert_eq!(unfit(&Pull { draft: true, ..pull(1) }, "main", None, &[]), Some(Unfit::Draft));
        let closed = Pull { open: false, draft: true, base_branch: "x".to_owned(), ..pull(1) };
        assert_eq!(unfit(&closed, "main", Some(&id('b')), &[]), Some(Unfit::Closed));
    }

    #[test]
    fn a_stacked_one_names_the_one_below_but_never_a_fork_of_that_name() {
        let stacked = Pull { base_branch: "topic-1".to_owned(), ..pull(2) };
        assert_eq!(
            unfit(&stacked, "main", None, &[pull(1), stacked.clone()]),
            Some(Unfit::Stacked { on: 1 })
        );
        let fork = Pull { fork: true, ..pull(1) };
        let other = Unfit::OtherBase { branch: "topic-1".to_owned() };
        assert_eq!(unfit(&stacked, "main", None, &[fork]), Some(other));
    }
}
