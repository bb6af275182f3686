//! Holds the order of the rooms of `src/`, keeps the pure ones pure, and their files free of circles.

#[path = "architecture/circles.rs"]
mod circles;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::{
    fs,
    path::{Path, PathBuf},
};

enum Kind {
    /// Decides: no files, programs, network, clock or environment.
    Pure,
    /// Does one kind of thing, with the help of these other effect rooms.
    Effect(&'static [&'static str]),
}
use Kind::{Effect, Pure};

/// Rooms from the ground up, as `src/lib.rs` lists them. A room may use pure rooms above it in this list.
const ROOMS: &[(&str, Kind)] = &[
    ("task", Pure),
    ("plan", Pure),
    ("review", Pure),
    ("select", Pure),
    ("suite", Pure),
    ("guard", Pure),
    ("synthesis", Pure),
    ("queue", Pure),
    ("bench", Pure),
    ("policy", Pure),
    ("report", Pure),
    ("forge", Pure),
    ("tracker", Pure),
    ("process", Effect(&[])),
    ("git", Effect(&["process"])),
    ("store", Effect(&["git"])),
    ("agent", Effect(&["process"])),
    ("github", Effect(&["process"])),
    ("flow", Effect(&["process", "git", "store", "agent", "github"])),
    ("cli", Effect(&["process", "git", "store", "agent", "github", "flow"])),
];

/// What only one room may name; a room that is not listed may not name it at all.
const OWNED: &[(&str, &[&str])] = &[
    ("gix", &["git"]),
    ("clap", &["cli"]),
    ("duct", &["process"]),
    ("octocrab", &["github"]),
    ("hyper", &["github", "process"]),
    ("ring", &["github"]),
    ("rustix", &["process", "git"]),
    ("std::process", &["process", "cli"]),
    ("std::env", &["cli", "process"]),
    ("std::fs", &["process", "git", "store", "agent", "flow", "cli"]),
    ("std::net", &["process", "github", "flow", "cli"]),
    ("std::thread", &["process", "store", "flow"]),
    ("tokio", &["process", "agent", "github", "flow", "cli"]),
    ("SystemTime::now", &["store", "flow", "cli"]),
    ("Instant::now", &["process", "store", "flow", "cli"]),
    ("Timestamp::now", &["flow", "cli"]),
    ("Zoned::now", &["flow", "cli"]),
    ("refs/orch", &["store"]), // a string that starts so
];

#[test]
fn lib_rs_lists_the_rooms_in_their_order() {
    let text = fs::read_to_string("src/lib.rs").unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.rsplit_once("mod ")?.1.strip_suffix(';')).collect();
    let ordered: Vec<&str> = ROOMS.iter().map(|&(room, _)| room).collect();
    assert_eq!(listed, ordered);
}

#[test]
fn rooms_use_only_what_they_may() {
    let mut wrong = Vec::new();
    for (rank, (room, kind)) in ROOMS.iter().enumerate() {
        for (file, mut path) in paths_of_room(room) {
            if path.starts_with("super::super::") {
                wrong.push(format!("{file}: write `crate::` for `{path}`"));
            }
            if file.ends_with(&format!("{room}.rs")) || file.ends_with(&format!("{room}/mod.rs")) {
                path = path.replacen("super::", "crate::", 1);
            }
            if let Some(used) = path.strip_prefix("crate::").map(|rest| rest.split("::").next().unwrap()) {
                let allowed = match ROOMS.iter().position(|(name, _)| *name == used) {
                    None => true,
                    Some(other) if other == rank => true,
                    Some(other) => match (&ROOMS[other].1, kind) {
                        (Pure, _) => other < rank,
                        (Effect(_), Effect(others)) => others.contains(&used),
                        (Effect(_), Pure) => false,
                    },
                };
                if !allowed {
                    wrong.push(format!("{file}: `{room}` uses `{used}`"));
                }
            }
            for (name, owners) in OWNED {
                let named = path == *name
                    || path.starts_with(&format!("{name}::"))
                    || path.ends_with(&format!("::{name}"));
                // What the program was built for is no environment.
                let built_for = path.starts_with("std::env::consts::");
                if named && !built_for && !owners.contains(room) {
                    wrong.push(format!("{file}: `{room}` names `{path}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every `a::b::c` in a room, with `use` groups written out, without comments, strings and test code.
fn paths_of_room(room: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, tokens) in files_of_room(room) {
        let mut paths = Vec::new();
        read_paths(tokens, "", &mut paths);
        found.extend(paths.into_iter().map(|path| (file.clone(), path)));
    }
    found
}

/// The files of a room, each with its tokens.
fn files_of_room(room: &str) -> Vec<(String, TokenStream)> {
    let mut files = vec![Path::new("src").join(format!("{room}.rs"))];
    let mut folders = vec![Path::new("src").join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("readable folders").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let files = files.iter().filter(|file| file.exists() && file.extension().is_some_and(|x| x == "rs"));
    let read = |file: &PathBuf| fs::read_to_string(file).expect("readable files");
    files
        .map(|file| (file.display().to_string(), read(file).parse().expect("the compiler read it too")))
        .collect()
}

fn read_paths(tokens: TokenStream, prefix: &str, paths: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let colon = |at: usize| tokens.get(at).is_some_and(|token| is(token, ':'));
    let colons = |at: usize| colon(at) && colon(at + 1);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(hash) if hash.as_char() == '#' && is_cfg_test(tokens.get(at + 1)) => {
                at += 2; // skip the item below the attribute: up to its braces or its semicolon
                while at < tokens.len() && !ends_item(&tokens[at]) {
                    at += 1;
                }
                at += 1;
            }
            TokenTree::Ident(first) => {
                let mut path = format!("{prefix}{first}");
                at += 1;
                while colons(at) {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Ident(next)) => path = format!("{path}::{next}"),
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                            read_paths(group.stream(), &format!("{path}::"), paths);
                            path.clear();
                        }
                        _ => {} // `::<T>` or `::*`
                    }
                    at += 3;
                }
                if !path.is_empty() {
                    paths.push(path);
                }
            }
            // A field or a method is no path; what follows `..` may begin one.
            TokenTree::Punct(dot) if dot.as_char() == '.' && !(at > 0 && is(&tokens[at - 1], '.')) => {
                at += if matches!(tokens.get(at + 1), Some(TokenTree::Ident(_))) { 2 } else { 1 };
            }
            TokenTree::Literal(text) if text.to_string().starts_with("\"refs/orch") => {
                paths.push("refs/orch".to_owned());
                at += 1;
            }
            TokenTree::Group(group) => {
                read_paths(group.stream(), "", paths);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

fn is(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn is_cfg_test(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.stream().to_string().replace(' ', "").starts_with("cfg(test"))
}

fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    }
}
