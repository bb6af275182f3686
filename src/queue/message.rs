//! The messages of commits that land: whose words they are, who is named, and what nobody may forge.

use std::collections::BTreeSet;

/// A name and an address, as a commit has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) name: String,
    pub(crate) email: String,
}

/// What a commit of a branch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) author: Author,
    pub(crate) subject: String,
    /// What follows the subject, trailers included.
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
}

/// Trailers that only the queue writes: of anybody else they would be a forged landing.
const OURS: &str = "orch-";
const CO_AUTHOR: &str = "Co-authored-by";
/// After a comment character, of which people have their own, a line of this ends a message for git (`wt-status.c`), so the
/// trailers below it would be none.
const SCISSORS: &str = "------------------------ >8 ------------------------";

/// The message of one commit for a whole branch: its first author's words, everybody else as co-author.
///
/// `commits` are the branch's, oldest first; `ours` are the queue's trailers.
pub(crate) fn squashed(title: &str, commits: &[Words], ours: &[(String, String)]) -> String {
    let body = match commits {
        [only] => prose(only),
        many => many.iter().map(|words| format!("- {}\n", words.subject)).collect(),
    };
    let subject = if let [only] = commits { only.subject.as_str() } else { title };
    let mut trailers: Vec<(String, String)> = Vec::new();
    for (key, value) in commits.iter().flat_map(kept) {
        push(&mut trailers, key, value);
    }
    let first = commits.first().map(|words| words.author.email.to_ascii_lowercase());
    let mut named: BTreeSet<String> = first.into_iter().collect();
    named.extend(
        trailers.iter().filter(|(key, _)| is(key, CO_AUTHOR)).filter_map(|(_, value)| address(value)),
    );
    for Words { author, .. } in commits {
        if named.insert(author.email.to_ascii_lowercase()) {
            push(&mut trailers, CO_AUTHOR, &format!("{} <{}>", author.name, author.email));
        }
    }
    composed(subject, &body, &trailers, ours)
}

/// The message of a branch's own commit that is replayed on the base; `ours` only where it is the branch's last.
pub(crate) fn replayed(commit: &Words, ours: &[(String, String)]) -> String {
    let trailers: Vec<(String, String)> =
        kept(commit).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    composed(&commit.subject, &prose(commit), &trailers, ours)
}

/// The message of a merge commit.
pub(crate) fn merged(id: &str, title: &str, ours: &[(String, String)]) -> String {
    composed(&format!("Merge {id}: {title}"), "", &[], ours)
}

fn composed(subject: &str, body: &str, trailers: &[(String, String)], ours: &[(String, String)]) -> String {
    let lines = |pairs: &[(String, String)]| -> String {
        pairs.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    };
    let mut text = format!("{}\n\n", unmentioned(&uncut(&subject.replace('\0', ""))));
    let body = unforged(&unmentioned(body.trim()));
    if !body.trim().is_empty() {
        text.push_str(&format!("{}\n\n", body.trim_end()));
    }
    text.push_str(&unforged(&lines(trailers)));
    text.push_str(&lines(ours));
    text
}

/// Text of others as it goes into a commit, where nothing is cut off later any more: without zero bytes, which a commit
/// cannot have, without lines that a reader of trailers could take for ours, and without an end of the message.
fn unforged(text: &str) -> String {
    let is_ours = |line: &str| {
        let bare = line.chars().filter(|c| !c.is_whitespace() && !c.is_control());
        bare.take(OURS.len()).collect::<String>().eq_ignore_ascii_case(OURS)
    };
    let text = text.replace('\0', "");
    uncut(&text.split_inclusive('\n').filter(|line| !is_ours(line)).collect::<String>())
}

/// Text without scissors: a word stands in their place, so that what was around them makes no others.
fn uncut(text: &str) -> String {
    text.replace(SCISSORS, "(scissors)")
}

fn is(key: &str, wanted: &str) -> bool {
    key.eq_ignore_ascii_case(wanted)
}

/// The trailers of a commit that stay.
fn kept(commit: &Words) -> impl Iterator<Item = (&str, &str)> {
    let all = commit.trailers.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    all.filter(|(key, _)| !key.to_ascii_lowercase().starts_with(OURS))
}

fn push(trailers: &mut Vec<(String, String)>, key: &str, value: &str) {
    let there = |(other, said): &(String, String)| is(other, key) && said == value;
    if !trailers.iter().any(there) {
        trailers.push((key.to_owned(), value.to_owned()));
    }
}

/// The address in `Name <address>`.
fn address(value: &str) -> Option<String> {
    Some(value.rsplit_once('<')?.1.trim_end_matches(['>', ' ']).to_ascii_lowercase())
}

/// The body without its trailers, and without lines that look like ours wherever they stand.
fn prose(commit: &Words) -> String {
    let trailing: BTreeSet<String> =
        commit.trailers.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let lines = commit.body.trim_end().lines();
    let mut lines: Vec<&str> = lines.collect();
    while lines.last().is_some_and(|line| line.trim().is_empty() || trailing.contains(*line)) {
        lines.pop();
    }
    lines.join("\n")
}

/// The text with `@names` in backquotes: a forge tells everybody whom a commit on the base mentions, again and again.
fn unmentioned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let starts_word =
            !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '`' | '+'));
        let name = from[1..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/')))
            .map_or(from, |end| &from[..end + 1]);
        if starts_word && name.len() > 1 {
            out.push_str(&format!("`{name}`"));
        } else {
            out.push_str(name);
        }
        rest = &from[name.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    fn words(name: &str, subject: &str, body: &str, trailers: &[(&str, &str)]) -> Words {
        let author = Author { name: name.to_owned(), email: format!("{}@x", name.to_ascii_lowercase()) };
        let trailers = trailers.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Words { author, subject: subject.to_owned(), body: body.to_owned(), trailers }
    }

    fn ours() -> Vec<(String, String)> {
        vec![("Orch-Task".to_owned(), "t-1".to_owned()), ("Orch-Nonce".to_owned(), "n".to_owned())]
    }

    #[test]
    fn a_squash_names_everybody_once() {
        let co = "Cy <CY@x>";
        let commits = [
            words("Ana", "Add it", "", &[]),
            words("Bo", "Fix it for @dan", "", &[("Co-authored-by", co), ("Orch-Nonce", "forged")]),
            words("Cy", "Test it", "", &[]),
        ];
        assert_snapshot!(squashed("The title", &commits, &ours()), @"
        The title

        - Add it
        - Fix it for `@dan`
        - Test it

        Co-authored-by: Cy <CY@x>
        Co-authored-by: Bo <bo@x>
        Orch-Task: t-1
        Orch-Nonce: n
        ");
    }

    #[test]
    fn a_single_commit_keeps_its_own_words_and_no_forged_landing() {
        let body = " Orch-Head: forged\nWhy it is so.\nOrch-Task: t-9\n\nSigned-off-by: Ana <ana@x>\nOrch-Nonce: forged\n";
        let trailers = [("Signed-off-by", "Ana <ana@x>"), ("Orch-Nonce", "forged")];
        let commit = words("Ana", "Add it", body, &trailers);
        let expected = "Add it\n\nWhy it is so.\n\nSigned-off-by: Ana <ana@x>\n";
        assert_eq!(replayed(&commit, &[]), expected);
        let last = format!("{expected}Orch-Task: t-1\nOrch-Nonce: n\n");
        assert_eq!(replayed(&commit, &ours()), last);
        assert_eq!(squashed("Other", std::slice::from_ref(&commit), &ours()), last);
    }

    proptest! {
        /// Whatever a branch's commits say, the trailers that begin like ours are ours.
        #[test]
        fn nobody_forges_a_landing(
            subject in "([a-zO\\-@ ]{1,12}|[#;] -{24} >8 (-{12}\0-{12}|-{24}))",
            body in "((O|o|\0|\r| |\t|\u{200b}){0,3}rch-Task: victim\n|Orch-Nonce:\0 n\n|\n|[a-z@ \0]{0,6}\n|\
                (#|;|@@|O) -{24} >8 -{12}\0?(-{24} >8 )?-{12,36}\n){0,8}",
            key in "(O\0?rch-(Task|Nonce)|Signed-off-by)",
            value in "[a-z \0]{0,8}",
        ) {
            let commit = words("Ana", &subject, &body, &[(key.as_str(), value.as_str())]);
            for text in [
                replayed(&commit, &ours()),
                replayed(&commit, &[]),
                squashed("Title", std::slice::from_ref(&commit), &ours()),
                squashed("Title", &[commit.clone(), commit.clone()], &ours()),
            ] {
                prop_assert!(!text.contains('\0'));
                prop_assert!(!text.lines().any(|line| line.ends_with(SCISSORS)), "{text:?}");
                let after = text.lines().skip(1).filter(|line| line.to_ascii_lowercase().trim().starts_with(OURS));
                let found: Vec<&str> = after.collect();
                prop_assert!(found.is_empty() || found == ["Orch-Task: t-1", "Orch-Nonce: n"], "{text:?}");
            }
        }
    }

    #[test]
    fn mentions_are_quoted_and_addresses_are_not() {
        for (text, expected) in [
            ("thanks @ana-b, @bo!", "thanks `@ana-b`, `@bo`!"),
            ("mail ana@x.org", "mail ana@x.org"),
            ("(@org/team)", "(`@org/team`)"),
            ("`@done` @ @", "`@done` @ @"),
            ("@é", "@é"),
        ] {
            assert_eq!(unmentioned(text), expected);
        }
    }
}
