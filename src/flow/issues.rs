//! Issues of the host as tasks, and back: an issue is closed when its task has landed.

use crate::github::{Github, Issue, Place};
use crate::task::State;
use crate::task::id::TaskId;
use crate::tracker::{Item, Source, Standing, item_id, own_title};

use super::{FlowError, Project};

/// Tasks of issues: `gh-12`.
const PREFIX: &str = "gh-";

/// `OWNER/NAME` of the remote, where its address is one of GitHub.
pub(crate) fn of_remote(project: &Project) -> Option<String> {
    let remote = project.base.upstream.as_ref().map_or("origin", |upstream| upstream.remote.as_str());
    let url = project.repo.config_string(&format!("remote.{remote}.url"))?;
    let (_, path) = url.split_once("github.com")?;
    Some(path.trim_start_matches([':', '/']).trim_end_matches('/').trim_end_matches(".git").to_owned())
}

/// Reads the open issues with all of these labels, and those of tasks that are open here.
///
/// Anybody can write an issue. One of somebody who is no member comes in as a draft, which nobody takes before a person
/// has read it, and what its author changes later does not reach the task on its own.
///
/// # Errors
/// The host fails.
pub(crate) fn read(
    project: &Project,
    place: &Place,
    labels: &[String],
) -> Result<(Source, Github), FlowError> {
    let github = Github::open(place)?;
    let mut issues = github.open_issues(labels)?;
    for row in project.store.open_tasks()?.rows {
        let number = number_of(&row.card.id);
        if let Some(number) = number.filter(|number| !issues.iter().any(|issue| issue.number == *number))
            && is_from(project, &row.card.id, place)?
            && let Some(issue) = github.issue(number)?.filter(|issue| !issue.open)
        {
            issues.push(issue);
        }
    }
    let mut source = Source::default();
    for issue in issues {
        source.push(item(&issue, place));
    }
    Ok((source.checked()?, github))
}

fn item(issue: &Issue, place: &Place) -> Item {
    let key = format!("#{}", issue.number);
    let body = without_comments(&issue.body);
    let body = body.trim();
    let gap = if body.is_empty() { "" } else { "\n\n" };
    Item {
        id: item_id(&format!("{PREFIX}{}", issue.number)),
        title: own_title(&issue.title),
        text: Some(format!("{body}{gap}{}\n", origin(place, issue.number))),
        priority: issue.labels.iter().find_map(|label| match label.to_lowercase().as_str() {
            "p0" | "priority: critical" => Some(0),
            "p1" | "priority: high" => Some(1),
            "p2" | "priority: medium" => Some(2),
            "p3" | "priority: low" => Some(3),
            "p4" => Some(4),
            _ => None,
        }),
        after: None,
        paths: None,
        standing: match (issue.open, issue.member) {
            (false, _) => Standing::Closed,
            (true, true) => Standing::Open,
            (true, false) => Standing::Draft,
        },
        key,
    }
}

/// The last line of the text of an issue's task: by it the two belong together.
fn origin(place: &Place, number: u64) -> String {
    format!("Issue: {}#{number}", place.repository)
}

/// A text without what only its source shows: people would let in what they cannot see.
fn without_comments(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
}

fn number_of(id: &TaskId) -> Option<u64> {
    let digits = id.as_str().strip_prefix(PREFIX)?;
    (!digits.starts_with('0')).then(|| digits.parse().ok()).flatten()
}

/// Whether a task came from this repository's issue, and not by hand under the same name.
fn is_from(project: &Project, id: &TaskId, place: &Place) -> Result<bool, FlowError> {
    let (Some(number), Some(found)) = (number_of(id), project.store.load(id)?) else { return Ok(false) };
    Ok(found.task.spec.trim_end().lines().last() == Some(origin(place, number).as_str()))
}

/// Closes the issues of tasks that have landed, each with one comment that names the commit. Returns their numbers.
///
/// # Errors
/// The host fails; the next call goes on.
pub(crate) fn close_landed(
    project: &Project,
    github: &Github,
    place: &Place,
    dry: bool,
) -> Result<Vec<u64>, FlowError> {
    let mut closed = Vec::new();
    for id in project.store.archived_ids()? {
        let Some(number) = number_of(&id) else { continue };
        let Some(task) = project.store.archived_task(&id)? else { continue };
        let ours = task.spec.trim_end().lines().last() == Some(origin(place, number).as_str());
        let State::Completed { landed, .. } = &task.state else { continue };
        // Where it is reopened after the landing, a person wants it open.
        if ours && github.issue(number)?.is_some_and(|issue| issue.open && !issue.reopened) {
            if !dry {
                github.say_once(
                    number,
                    &format!("<!-- git-orch:landed {landed} -->"),
                    &format!("Landed as {landed}."),
                )?;
                github.close_issue(number)?;
            }
            closed.push(number);
        }
    }
    Ok(closed)
}
