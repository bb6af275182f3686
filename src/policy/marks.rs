//! What stands in braces in an agent's call and is filled in for a turn: what is known, and what is a slip.

/// In a shell command: all else is in variables that a shell reads by itself.
pub(crate) const IN_COMMAND: &[&str] = &["prompt"];
/// In `argv` and the lists of arguments.
pub(crate) const IN_ARGV: &[&str] = &["prompt", "worktree", "temp", "task", "model", "budget"];

/// Something in braces that nothing is filled in for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{{{given}}} stands for nothing{} Known here: {}{}. Braces that are for the program itself take a space: \
     {{ {given} }}",
    meant(.given, .known),
    braced(.known),
    variable(.given)
)]
pub(crate) struct UnknownMark {
    /// Without its braces.
    pub(crate) given: String,
    pub(crate) known: &'static [&'static str],
}

/// Looks for a word in braces that is none of `known`.
///
/// Shells, awk, sed and git have braces of their own: `${HOME}`, `{ print }`, `{p}`, `main^{tree}`, `@{upstream}`,
/// `{{.Name}}`, `{a,b}`. So a mark is two letters or more with nothing else inside, and no such character before it; and in a
/// command, where `awk '{print}'` is right, it is one of `argv`, or nearly.
///
/// # Errors
/// The first one.
pub(crate) fn look(text: &str, known: &'static [&'static str]) -> Result<(), UnknownMark> {
    for (at, _) in text.match_indices('{') {
        let Some((given, _)) = text[at + 1..].split_once('}') else { break };
        let is_word = given.len() > 1 && given.chars().all(|c| c.is_ascii_alphabetic() || "_-".contains(c));
        let meant = known == IN_ARGV || is_nearly_one(given);
        if is_word && meant && !text[..at].ends_with(['$', '^', '@', '{']) && !known.contains(&given) {
            return Err(UnknownMark { given: given.to_owned(), known });
        }
    }
    Ok(())
}

/// Whether it is a mark of `argv`, one with a slip, or one with more behind it: `{promt}`, `{task_id}`.
fn is_nearly_one(given: &str) -> bool {
    IN_ARGV.iter().any(|mark| strsim::osa_distance(given, mark) <= 1 || given.starts_with(mark))
}

fn meant(given: &str, known: &[&str]) -> String {
    let near = super::key::nearest(given, known.iter().copied());
    near.map_or(".".to_owned(), |meant| format!("; did you mean {{{meant}}}?"))
}

fn braced(known: &[&str]) -> String {
    known.iter().map(|mark| format!("{{{mark}}}")).collect::<Vec<_>>().join(", ")
}

/// Where the same is found in a shell command.
fn variable(given: &str) -> String {
    let known = [("task", "GIT_ORCH_TASK"), ("worktree", "GIT_ORCH_WORKTREE"), ("temp", "TMPDIR")];
    let known = known.into_iter().find(|(mark, _)| *mark == given);
    known.map(|(_, variable)| format!("; in a shell this one is ${variable}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn what_is_no_mark_is_named_with_those_that_are() {
        let why = |text: &str, known| look(text, known).unwrap_err().to_string();
        let all = [
            why("aider -f {promt}", IN_COMMAND),
            why("x {task}", IN_COMMAND),
            why("--root={work_tree}", IN_ARGV),
        ];
        assert_snapshot!(all.join("\n"), @"
        {promt} stands for nothing; did you mean {prompt}? Known here: {prompt}. Braces that are for the program itself take a space: { promt }
        {task} stands for nothing. Known here: {prompt}; in a shell this one is $GIT_ORCH_TASK. Braces that are for the program itself take a space: { task }
        {work_tree} stands for nothing; did you mean {worktree}? Known here: {prompt}, {worktree}, {temp}, {task}, {model}, {budget}. Braces that are for the program itself take a space: { work_tree }
        ");
    }

    #[test]
    fn braces_of_others_are_theirs() {
        for text in [
            "cat {prompt}",
            "awk '{print}' f | xargs -I{item} echo {item}",
            "echo ${HOME} ${HOME:-x}",
            "awk '{ print $1 }' | sed -n '/x/{p}'",
            "git rev-parse main^{tree} @{upstream}",
            "docker ps --format '{{.Names}} {{json}}'",
            "cp {a,b} {1..3}; find . -exec rm {} +",
            r#"echo '{"verdict":"approve"}'"#,
            "f() { cat; }; f {",
            "grep -E 'x{2}'",
        ] {
            assert_eq!(look(text, IN_COMMAND), Ok(()), "{text}");
        }
        assert_eq!(look("{worktree}/{temp} {task} {model} {budget}", IN_ARGV), Ok(()));
    }
}
