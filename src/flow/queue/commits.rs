//! The commits that a task lands as: one merge, one commit, or its own commits one by one; the tree is the same.

use crate::flow::FlowError;
use crate::flow::landings::LANDED_HEAD;
use crate::git::merge_tree::{Composer, Merged};
use crate::git::objects::{CommitInfo, NewCommit, Person};
use crate::policy::Mode;
use crate::queue::message::{self, Author, Words};
use crate::store::journal::one_line;
use crate::task::State;
use crate::task::id::{CommitId, Seconds, TreeId};

use super::{Lander, Queued};

impl Lander<'_> {
    /// The commit, or the last of the commits, that brings `tree` onto `onto`. The same facts give the same commits,
    /// so that a crash costs no second test run.
    pub(super) fn landing_commit(
        &self,
        composer: &mut Composer,
        onto: &CommitId,
        member: &Queued,
        fork: Option<&CommitId>,
        tree: &TreeId,
    ) -> Result<CommitId, FlowError> {
        let repo = &self.project.repo;
        let (before, head) = (repo.read_commit(onto)?, repo.read_commit(&member.entry.head)?);
        // Never dated before its parents: git's walks go wrong otherwise.
        let at = before.committer_time.max(head.committer_time).max(member.entry.enqueued_at);
        let person = Person { time: at, ..self.project.committer() };
        let trailers = self.trailers(member, &person);
        let title = one_line(&member.stored.task.title);
        if self.project.policy.queue.mode == Mode::Merge {
            let message = message::merged(member.entry.task.as_str(), &title, &trailers);
            let parents = [onto.clone(), member.entry.head.clone()];
            return Ok(repo.commit_for_now(&NewCommit {
                tree,
                parents: &parents,
                author: &person,
                committer: &person,
                message: &message,
            })?);
        }
        let own = self.own_commits(onto, &member.entry.head, fork)?;
        if self.project.policy.queue.mode == Mode::Rebase
            && let Some(last) = self.replay(composer, onto, &own, tree, &person, (&title, &trailers))?
        {
            return Ok(last);
        }
        let words: Vec<Words> = own.iter().map(|commit| words(commit, &title)).collect();
        let author = own.first().map_or_else(|| person.clone(), |first| dated(first, head.author.time));
        Ok(repo.commit_for_now(&NewCommit {
            tree,
            parents: std::slice::from_ref(onto),
            author: &author,
            committer: &person,
            message: &message::squashed(&title, &words, &trailers),
        })?)
    }

    /// Replays a branch's commits; the last one gets the tree that is to land. `None` where one of them does not apply
    /// by itself, though the whole does: then it lands as one commit.
    fn replay(
        &self,
        composer: &mut Composer,
        onto: &CommitId,
        own: &[CommitInfo],
        tree: &TreeId,
        person: &Person,
        (title, trailers): (&str, &[(String, String)]),
    ) -> Result<Option<CommitId>, FlowError> {
        let repo = &self.project.repo;
        let Some((last, earlier)) = own.split_last() else { return Ok(None) };
        let mut tip = onto.clone();
        for commit in earlier {
            let [parent] = &commit.parents[..] else { return Ok(None) };
            let Merged::Clean(step) = composer.merge_from(Some(parent), &tip, &commit.id)? else {
                return Ok(None);
            };
            if step == repo.tree_of(&tip)? {
                continue; // the base has it already
            }
            tip = repo.commit_for_now(&NewCommit {
                tree: &step,
                parents: std::slice::from_ref(&tip),
                author: &commit.author,
                committer: person,
                message: &message::replayed(&words(commit, title), &[]),
            })?;
        }
        Ok(Some(repo.commit_for_now(&NewCommit {
            tree,
            parents: std::slice::from_ref(&tip),
            author: &last.author,
            committer: person,
            message: &message::replayed(&words(last, title), trailers),
        })?))
    }

    /// A branch's own commits, oldest first, without merges: what `onto` and `fork` do not have.
    fn own_commits(
        &self,
        onto: &CommitId,
        head: &CommitId,
        fork: Option<&CommitId>,
    ) -> Result<Vec<CommitInfo>, FlowError> {
        let mut without = vec![onto];
        without.extend(fork);
        let ids = self.project.repo.commits_without(head, &without)?;
        Ok(ids.iter().map(|id| self.project.repo.read_commit(id)).collect::<Result<_, _>>()?)
    }

    /// The queue's own trailers: which task, which stay in the queue, who said yes.
    fn trailers(&self, member: &Queued, person: &Person) -> Vec<(String, String)> {
        let task = &member.stored.task;
        let mut trailers = vec![
            ("Orch-Task".to_owned(), task.id.to_string()),
            ("Orch-Nonce".to_owned(), member.entry.nonce.0.clone()),
        ];
        if let State::ReadyForHandoff { approval, .. } = &task.state {
            trailers.push(("Orch-Approved-By".to_owned(), one_line(&approval.by.0)));
        }
        if self.project.policy.queue.mode != Mode::Merge {
            trailers.push((LANDED_HEAD.to_owned(), member.entry.head.to_string()));
        }
        if self.project.policy.signoff {
            let signed = format!("{} <{}>", one_line(&person.name), person.email);
            trailers.push(("Signed-off-by".to_owned(), signed));
        }
        trailers
    }

    /// The commit that a change really starts from, where history does not know: the head of the change below it in
    /// its stack, which landed as other commits, or is to land so ahead of it.
    pub(super) fn fork(&self, head: &CommitId, ahead: &[&CommitId]) -> Result<Option<CommitId>, FlowError> {
        if self.project.policy.queue.mode == Mode::Merge {
            return Ok(None);
        }
        let mut nearest = self.project.landed_below(head)?.filter(|below| below != head);
        for below in ahead.iter().copied().filter(|below| *below != head) {
            if self.project.repo.is_ancestor(below, head)?
                && nearest
                    .as_ref()
                    .map_or(Ok(true), |nearest| self.project.repo.is_ancestor(nearest, below))?
            {
                nearest = Some(below.clone());
            }
        }
        Ok(nearest)
    }
}

/// What a commit says; one without a message says the task's title, as trailers alone are no message.
fn words(commit: &CommitInfo, title: &str) -> Words {
    Words {
        author: Author { name: commit.author.name.clone(), email: commit.author.email.clone() },
        subject: if commit.subject.is_empty() { title.to_owned() } else { commit.subject.clone() },
        body: commit.body.clone(),
        trailers: commit.trailers.clone(),
    }
}

/// The author of a commit, at the time when the branch was finished.
fn dated(first: &CommitInfo, time: Seconds) -> Person {
    Person { time, ..first.author.clone() }
}
