//! `FILE: path` with a code block below it, `DELETE: path`: read from an answer that may say anything around them.

use crate::guard::paths::{UnsafePath, safe_path};
use crate::task::id::shown;

/// Files in one answer at most: more is no answer to a task with a cap of a few hundred lines.
const FILES_MAX: usize = 200;

/// Longest path and longest part of one, in bytes: what Linux takes, with room for the worktree's own path.
const PATH_MAX: usize = 1024;
const PART_MAX: usize = 255;

/// One file of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Below the top of the worktree; safe on every system as a name.
    pub(crate) path: String,
    pub(crate) content: Content,
}

/// What a file is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Gone,
}

/// Why an answer cannot be used. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadBlock {
    #[error("line {line}: FILE: {path} has no code block below it")]
    NoContent { line: usize, path: String },
    #[error("line {line}: the code block of {path} does not end")]
    Open { line: usize, path: String },
    #[error("line {line}: {path} is there twice")]
    Twice { line: usize, path: String },
    #[error("line {line}: {path} is the same file as {other} where case does not count")]
    Case { line: usize, path: String, other: String },
    #[error("line {line}: {path} would be a file and a folder")]
    Folder { line: usize, path: String },
    #[error("line {line}: the path '{path}' cannot be written safely: {why}")]
    Path { line: usize, path: String, why: UnsafePath },
    #[error("line {line}: a path of {bytes} bytes, and {PATH_MAX} are the limit, {PART_MAX} for each part")]
    Long { line: usize, bytes: usize },
    #[error("it holds more than {FILES_MAX} files")]
    Many,
}

/// Reads the blocks of an answer, in their order; none is no error.
///
/// # Errors
/// A block that is not whole, a path that is not safe, or two blocks for one file.
pub(crate) fn parse(answer: &str) -> Result<Vec<Block>, BadBlock> {
    let lines: Vec<&str> = answer.lines().collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let number = at + 1;
        if let Some(path) = named(lines[at], "DELETE:") {
            push(&mut blocks, Block { path: path.to_owned(), content: Content::Gone }, number)?;
            at += 1;
        } else if let Some(path) = named(lines[at], "FILE:") {
            let (text, after) = content(&lines, at, path)?;
            push(&mut blocks, Block { path: path.to_owned(), content: Content::Text(text) }, number)?;
            at = after;
        } else if let Some(fence) = opening(lines[at]) {
            // A code block that is no file's: what is in it is no block of ours.
            at = end_of(&lines, at + 1, &fence).map_or(lines.len(), |end| end + 1);
        } else {
            at += 1;
        }
    }
    Ok(blocks)
}

/// The path of a line that names a file: at its start, perhaps as a heading or in emphasis, as models like to write.
fn named<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let plain = line.trim_start_matches(['#', ' ', '*']);
    let path = plain.strip_prefix(word)?.trim().trim_end_matches('*').trim();
    let path = path.strip_prefix('`').and_then(|path| path.strip_suffix('`')).unwrap_or(path);
    Some(path)
}

/// The text of the code block below line `at`, and the line after it.
fn content(lines: &[&str], at: usize, path: &str) -> Result<(String, usize), BadBlock> {
    let none = || BadBlock::NoContent { line: at + 1, path: shown(path) };
    let begin = (at + 1..lines.len()).find(|&line| !lines[line].trim().is_empty()).ok_or_else(none)?;
    let fence = opening(lines[begin]).ok_or_else(none)?;
    let end = end_of(lines, begin + 1, &fence)
        .ok_or_else(|| BadBlock::Open { line: begin + 1, path: shown(path) })?;
    let mut text = lines[begin + 1..end].join("\n");
    if end > begin + 1 {
        text.push('\n');
    }
    Ok((text, end + 1))
}

/// The fence that a line opens: at least three back quotes or tildes, then perhaps the name of a language.
fn opening(line: &str) -> Option<String> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|&c| c == '`' || c == '~')?;
    let length = line.chars().take_while(|&c| c == mark).count();
    let info = &line[length..];
    (length >= 3 && !(mark == '`' && info.contains('`'))).then(|| mark.to_string().repeat(length))
}

/// The line that closes a fence: the same mark, at least as often, and nothing else.
fn end_of(lines: &[&str], from: usize, fence: &str) -> Option<usize> {
    let mark = fence.chars().next()?;
    (from..lines.len()).find(|&line| {
        let text = lines[line].trim();
        text.len() >= fence.len() && text.chars().all(|c| c == mark)
    })
}

fn push(blocks: &mut Vec<Block>, block: Block, line: usize) -> Result<(), BadBlock> {
    let path = || shown(&block.path);
    safe_path(&block.path).map_err(|why| BadBlock::Path { line, path: path(), why })?;
    // A trailing dot or blank is dropped by some systems: two names would be one.
    let odd = |part: &str| {
        part.ends_with(['.', ' ']) || part.starts_with(' ') || part.chars().any(char::is_control)
    };
    if block.path.split('/').any(odd) {
        return Err(BadBlock::Path { line, path: path(), why: UnsafePath::Parts });
    }
    if block.path.len() > PATH_MAX || block.path.split('/').any(|part| part.len() > PART_MAX) {
        return Err(BadBlock::Long { line, bytes: block.path.len() });
    }
    if blocks.len() == FILES_MAX {
        return Err(BadBlock::Many);
    }
    let folded = block.path.to_lowercase();
    for other in blocks.iter() {
        if other.path == block.path {
            return Err(BadBlock::Twice { line, path: path() });
        }
        let other_folded = other.path.to_lowercase();
        if other_folded == folded {
            return Err(BadBlock::Case { line, path: path(), other: shown(&other.path) });
        }
        let below = |one: &str, two: &str| one.strip_prefix(two).is_some_and(|rest| rest.starts_with('/'));
        let both = block.content != Content::Gone && other.content != Content::Gone;
        if both && (below(&folded, &other_folded) || below(&other_folded, &folded)) {
            return Err(BadBlock::Folder { line, path: path() });
        }
    }
    blocks.push(block);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(answer: &str) -> String {
        match parse(answer) {
            Ok(blocks) => blocks
                .iter()
                .map(|block| match &block.content {
                    Content::Text(text) => format!("{}={text:?}", block.path),
                    Content::Gone => format!("{} gone", block.path),
                })
                .collect::<Vec<_>>()
                .join("; "),
            Err(why) => format!("error: {why}"),
        }
    }

    #[test]
    fn blocks_are_read_however_they_are_dressed() {
        assert_eq!(
            read(
                "I did it.\n\nFILE: src/a.sh\n```sh\necho a\n```\n\n**FILE: `b.md`**\n\n~~~~\n```\nx\n```\n~~~~\nDELETE: c\n"
            ),
            "src/a.sh=\"echo a\\n\"; b.md=\"```\\nx\\n```\\n\"; c gone"
        );
        assert_eq!(read("FILE: empty\n```\n```"), "empty=\"\"");
        assert_eq!(read("```\nFILE: a\n```\nno block of ours"), "");
        assert_eq!(read("nothing"), "");
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        insta::assert_snapshot!([
            "FILE: a\nno code",
            "FILE: a",
            "FILE: a\n```\nx",
            "FILE: a\n```\n```\nFILE: a\n```\n```",
            "FILE: a\n```\n```\nFILE: A\n```\n```",
            "FILE: a\n```\n```\nFILE: a/b\n```\n```",
        ].map(read).join("\n"), @r"
        error: line 1: FILE: a has no code block below it
        error: line 1: FILE: a has no code block below it
        error: line 2: the code block of a does not end
        error: line 4: a is there twice
        error: line 4: A is the same file as a where case does not count
        error: line 4: a/b would be a file and a folder
        ");
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in [
            "/etc/passwd",
            "../x",
            "a/../../x",
            "./a",
            "a//b",
            "",
            ".git/config",
            "a/.GIT/hooks/x",
            "git~1/x",
            "C:/x",
            "a\\b",
            ".git./x",
            "a\u{200d}/.g\u{200c}it/x",
            "a/b.",
            "a /b",
            " ",
        ] {
            let answer = format!("FILE: {path}\n```\nx\n```\n");
            assert!(matches!(parse(&answer), Err(BadBlock::Path { .. })), "{path}: {:?}", parse(&answer));
            assert!(parse(&format!("DELETE: {path}\n")).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_leads_out(answer in "((FILE:|DELETE:|```|~~~)?[ a./\\\\A-C:-]{0,8}\n){0,20}") {
            for block in parse(&answer).unwrap_or_default() {
                prop_assert!(safe_path(&block.path).is_ok());
            }
        }
    }
}
