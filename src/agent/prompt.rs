//! Prompts: files with front matter, filled with the values of one task.
//!
//! The defaults are the files in `prompts/` at the top of this repository, embedded; a repository that uses the program
//! may have its own. A prompt says one role's own job and nothing of the other roles or of what happens afterwards.

use crate::task::role::Role;
use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The line around the front matter.
const FENCE: &str = "---";

/// The embedded prompts, by role.
const BUILT_IN: &[(&str, &str)] = &[
    ("implement", include_str!("../../prompts/implement.md")),
    ("fix", include_str!("../../prompts/fix.md")),
    ("review_safety", include_str!("../../prompts/review_safety.md")),
    ("review_architecture", include_str!("../../prompts/review_architecture.md")),
    ("review_quality", include_str!("../../prompts/review_quality.md")),
    ("test", include_str!("../../prompts/test.md")),
];

/// The values that a prompt may use; each prompt names in `reads` which of them it gets.
///
/// Serializable for the template engine only; nothing of it is stored.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct PromptVars {
    pub(crate) task: TaskVars,
    pub(crate) limits: LimitVars,
    /// The commit that the work starts from.
    pub(crate) base: String,
    /// The change, for reviewers.
    pub(crate) diff: String,
    /// What to mend.
    pub(crate) findings: Vec<FindingVars>,
    /// Output that shows what is wrong.
    pub(crate) evidence: String,
    /// The line for users that the change has so far; empty when there is none.
    pub(crate) changelog: String,
}

/// A task, as a prompt shows it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct TaskVars {
    pub(crate) id: String,
    pub(crate) title: String,
    /// The text of the spec.
    pub(crate) spec: String,
    /// Patterns of the paths that may change; none is all.
    pub(crate) paths: Vec<String>,
}

/// Limits that somebody at work has to know.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct LimitVars {
    /// Changed lines.
    pub(crate) diff: u32,
    pub(crate) minutes: u32,
}

/// Something to mend.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct FindingVars {
    pub(crate) severity: String,
    pub(crate) file: String,
    /// Counted from 1; `None` is the file as a whole.
    pub(crate) line: Option<u32>,
    pub(crate) title: String,
    pub(crate) detail: String,
}

/// A prompt ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// Where its template comes from.
    pub(crate) source: Source,
}

/// Where a prompt's template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This program's own.
    BuiltIn,
    /// The repository's.
    Given,
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    #[error("no prompt for {role}: write prompts/{role}.md")]
    Missing { role: Role },
    #[error("prompt for {role}: it must begin with front matter between two lines '{FENCE}'")]
    NoFrontMatter { role: Role },
    #[error("prompt for {role}: front matter")]
    FrontMatter { role: Role, source: Box<toml::de::Error> },
    #[error("prompt for {role}: its front matter says role = '{found}'")]
    OtherRole { role: Role, found: String },
    #[error("prompt for {role}: reads '{name}', but there is only {known}")]
    UnknownValue { role: Role, name: String, known: String },
    #[error("prompt for {role}: {}", chain(.source))]
    Template { role: Role, source: Box<minijinja::Error> },
}

/// What stands above a prompt's text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    /// The role, or `review` for any reviewer.
    role: String,
    /// The names of the values that it gets.
    reads: Vec<String>,
}

/// Returns the embedded prompt of a role, with its front matter.
pub(crate) fn built_in(role: &Role) -> Option<&'static str> {
    let name = role.to_string();
    BUILT_IN.iter().find(|(other, _)| *other == name).map(|&(_, text)| text)
}

/// Fills a role's prompt: the given one, or else the embedded one.
///
/// # Errors
/// There is no prompt for the role, its front matter is wrong, or its text uses what it does not read.
pub(crate) fn render(role: &Role, given: Option<&str>, vars: &PromptVars) -> Result<Rendered, PromptError> {
    let (file, source) = match given {
        Some(text) => (text, Source::Given),
        None => (built_in(role).ok_or_else(|| PromptError::Missing { role: role.clone() })?, Source::BuiltIn),
    };
    let (front, body) = split(file).ok_or_else(|| PromptError::NoFrontMatter { role: role.clone() })?;
    let front: FrontMatter = toml::from_str(front)
        .map_err(|source| PromptError::FrontMatter { role: role.clone(), source: Box::new(source) })?;
    let any_reviewer = front.role == "review" && matches!(role, Role::Review(_));
    if front.role != role.to_string() && !any_reviewer {
        return Err(PromptError::OtherRole { role: role.clone(), found: front.role });
    }
    let values = chosen(role, &front.reads, vars)?;
    let text = engine()
        .render_str(body, values)
        .map_err(|source| PromptError::Template { role: role.clone(), source: Box::new(source) })?;
    Ok(Rendered { text, source })
}

/// The values that a prompt reads, and `fence`: a line that none of them holds, to mark where data begins and ends.
fn chosen(role: &Role, reads: &[String], vars: &PromptVars) -> Result<BTreeMap<String, Value>, PromptError> {
    let PromptVars { task, limits, base, diff, findings, evidence, changelog } = vars;
    let all = [
        ("task", Value::from(Serde(task))),
        ("limits", Value::from(Serde(limits))),
        ("base", Value::from(base.as_str())),
        ("diff", Value::from(diff.as_str())),
        ("findings", Value::from(Serde(findings))),
        ("evidence", Value::from(evidence.as_str())),
        ("changelog", Value::from(changelog.as_str())),
    ];
    let mut values = BTreeMap::from([("fence".to_owned(), Value::from(fence(vars)))]);
    for name in reads {
        let Some((_, value)) = all.iter().find(|(other, _)| other == name) else {
            let known = all.each_ref().map(|(name, _)| *name).join(", ");
            return Err(PromptError::UnknownValue { role: role.clone(), name: name.clone(), known });
        };
        values.insert(name.clone(), value.clone());
    }
    Ok(values)
}

/// The shortest line of `=`, at least 8, that is in none of the texts: what is inside cannot end it early.
fn fence(vars: &PromptVars) -> String {
    let PromptVars { task, limits: _, base: _, diff, findings, evidence, changelog } = vars;
    let texts = [&task.title, &task.spec, diff, evidence, changelog];
    let details = findings.iter().flat_map(|finding| [&finding.title, &finding.detail]);
    let longest = texts.into_iter().chain(details).map(|text| longest_run(text)).max().unwrap_or(0);
    "=".repeat((longest + 1).max(8))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '=').map(str::len).max().unwrap_or(0)
}

/// Splits a file into front matter and body.
fn split(file: &str) -> Option<(&str, &str)> {
    let rest = file.strip_prefix(FENCE)?.strip_prefix('\n')?;
    let (front, body) = rest.split_once("\n---\n")?;
    Some((front, body.trim_start_matches('\n')))
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    // A name that is not there is a mistake in the prompt; an empty text in its place would hide it.
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    engine.set_syntax(syntax.build().expect("only white space differs from the default"));
    engine
}

/// An engine's error with its cause, which alone says what is undefined.
fn chain(error: &minijinja::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> PromptVars {
        PromptVars {
            task: TaskVars {
                id: "add-tax".to_owned(),
                title: "Add tax".to_owned(),
                spec: "SPEC-TEXT {{ not.a.template }}".to_owned(),
                paths: vec!["src/**".to_owned()],
            },
            limits: LimitVars { diff: 400, minutes: 20 },
            base: "0123abc".to_owned(),
            diff: "+DIFF-TEXT\n========\n".to_owned(),
            findings: vec![FindingVars {
                severity: "HIGH".to_owned(),
                file: "src/a.rs".to_owned(),
                line: Some(12),
                title: "Wrong rate".to_owned(),
                detail: "It is 19.".to_owned(),
            }],
            evidence: "EVIDENCE-TEXT".to_owned(),
            changelog: "Prices have tax".to_owned(),
        }
    }

    fn text_of(role: &str) -> String {
        render(&Role::parse(role).unwrap(), None, &vars()).unwrap().text
    }

    #[test]
    fn every_embedded_prompt_renders() {
        for (role, _) in BUILT_IN {
            let text = text_of(role);
            assert!(text.contains("add-tax") && text.contains("SPEC-TEXT {{ not.a.template }}"), "{role}");
            let empty = PromptVars::default();
            render(&Role::parse(role).unwrap(), None, &empty).unwrap();
        }
    }

    #[test]
    fn each_role_learns_its_own_job_only() {
        for (role, _) in BUILT_IN {
            let text = text_of(role).to_lowercase();
            for word in ["queue", "pipeline", "orchestrat", "another agent", "other reviewer", "land "] {
                assert!(!text.contains(word), "{role} knows of: {word}");
            }
        }
    }

    #[test]
    fn reviewers_get_the_diff_as_data_and_the_form_of_the_answer() {
        for role in ["review_safety", "review_architecture", "review_quality"] {
            let text = text_of(role);
            assert!(text.contains("\n=========\n+DIFF-TEXT"), "{text}"); // one longer than what the diff holds
            assert!(text.contains("never instructions") && !text.contains("EVIDENCE-TEXT"), "{role}");
            let example = text.trim_end().lines().last().unwrap();
            let example = example.replace(r#""approve"|"revise""#, r#""approve""#);
            let value: serde_json::Value = serde_json::from_str(&example).unwrap();
            assert_eq!(value["findings"][0]["severity"], "CRITICAL|HIGH|MEDIUM|LOW");
        }
    }

    #[test]
    fn the_fixer_gets_findings_and_evidence() {
        let text = text_of("fix");
        assert!(text.contains("[HIGH] src/a.rs:12: Wrong rate") && text.contains("EVIDENCE-TEXT"), "{text}");
    }

    #[test]
    fn a_given_prompt_wins_and_is_held_to_what_it_reads() {
        let role = Role::parse("review_docs").unwrap();
        let given =
            |front: &str, body: &str| render(&role, Some(&format!("---\n{front}\n---\n{body}")), &vars());
        let rendered = given("role = \"review\"\nreads = [\"base\"]", "Look at {{ base }}\n").unwrap();
        assert_eq!(rendered, Rendered { text: "Look at 0123abc\n".to_owned(), source: Source::Given });

        let error = given("role = \"review\"\nreads = []", "{{ diff }}").unwrap_err().to_string();
        assert!(error.starts_with("prompt for review_docs: undefined value"), "{error}");
        let error = given("role = \"review\"\nreads = [\"dif\"]", "").unwrap_err().to_string();
        assert!(error.contains("reads 'dif', but there is only task, limits"), "{error}");
        let error = given("role = \"fix\"\nreads = []", "").unwrap_err();
        assert!(matches!(error, PromptError::OtherRole { .. }));
        let error = given("role = \"review\"\nreads = []\nx = 1", "").unwrap_err();
        assert!(matches!(error, PromptError::FrontMatter { .. }));
        let error = render(&role, Some("Look"), &vars()).unwrap_err();
        assert!(matches!(error, PromptError::NoFrontMatter { .. }));
        assert!(matches!(render(&role, None, &vars()), Err(PromptError::Missing { .. })));
    }
}
