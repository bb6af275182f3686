//! Finds circles: files of one room that import each other, directly or over others.
//!
//! A file imports another where it names what that one declares, by whatever way the name is handed on. A method is no
//! name of a file, so a type may have its methods in several, and a `mod.rs` that only hands on names imports nothing.

use super::{files_of_room, is_cfg_test, read_paths};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

/// Circles that stay: the files, and why.
const ALLOWED: &[(&[&str], &str)] = &[(
    &["src/task/event.rs", "src/task/record.rs"],
    "what an event carries and what a task keeps of it are one vocabulary: an event holds the record of a turn, and the \
     record of a review is what the event gave",
)];

/// What a file says at its top level.
#[derive(Default)]
struct Module {
    file: String,
    /// Functions, types, constants and modules that it declares.
    items: BTreeSet<String>,
    /// What its `use` lines bind: the name here, and the path behind it.
    bound: BTreeMap<String, String>,
    /// Names that it hands on with `pub use`; handing on a name is not using it.
    handed_on: BTreeSet<String>,
    /// Every path in it, without those that it only hands on.
    paths: Vec<String>,
}

#[test]
fn files_of_a_room_do_not_import_each_other() {
    let mut found = Vec::new();
    for (room, _) in super::ROOMS {
        found.extend(circles(&edges(&modules(files_of_room(room)))));
    }
    let allowed: Vec<BTreeSet<String>> =
        ALLOWED.iter().map(|(files, _)| files.iter().map(|file| (*file).to_owned()).collect()).collect();
    let wrong: Vec<String> = found
        .iter()
        .filter(|(files, _)| !allowed.contains(files))
        .map(|(_, edges)| edges.join("\n"))
        .collect();
    assert!(wrong.is_empty(), "{} circles:\n{}", wrong.len(), wrong.join("\n\n"));
    for files in allowed {
        assert!(found.iter().any(|(circle, _)| *circle == files), "no circle any more: {files:?}");
    }
}

/// A room's files by their path in the crate, without those that hold only tests.
fn modules(files: Vec<(String, TokenStream)>) -> BTreeMap<String, Module> {
    let mut modules = BTreeMap::new();
    let mut only_tests = BTreeSet::new();
    for (file, tokens) in files {
        let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let path = path.replace('/', "::");
        let mut module = Module { file, ..Module::default() };
        for name in read_top_level(tokens, &mut module) {
            only_tests.insert(format!("{path}::{name}"));
        }
        modules.insert(path, module);
    }
    modules.retain(|path, _| {
        !only_tests.iter().any(|test| path == test || path.starts_with(&format!("{test}::")))
    });
    modules
}

/// Fills in `module`, and names the modules below it that hold only tests.
fn read_top_level(tokens: TokenStream, module: &mut Module) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut only_tests = Vec::new();
    let mut rest = Vec::new();
    let (mut at, mut public, mut test) = (0, false, false);
    while at < tokens.len() {
        let word = match &tokens[at] {
            TokenTree::Ident(word) => word.to_string(),
            _ => String::new(),
        };
        let name = match tokens.get(at + 1) {
            Some(TokenTree::Ident(name)) => name.to_string(),
            _ => String::new(),
        };
        match word.as_str() {
            "pub" => public = true,
            "use" => {
                let end = (at..tokens.len()).find(|&end| super::is(&tokens[end], ';')).expect("`use` ends");
                let mut bound = Vec::new();
                read_use(&tokens[at + 1..end], "", &mut bound);
                if !test {
                    if public {
                        module.handed_on.extend(bound.iter().map(|(name, _)| name.clone()));
                    } else {
                        module.paths.extend(bound.iter().map(|(_, path)| path.clone()));
                    }
                    module.bound.extend(bound);
                }
                (at, public, test) = (end, false, false);
            }
            "mod" | "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union"
                if name != "fn" =>
            {
                if test && word == "mod" {
                    only_tests.push(name);
                } else if !test {
                    module.items.insert(name);
                }
                public = false;
            }
            _ if is_cfg_test(tokens.get(at)) => test = true,
            _ => {}
        }
        let end = matches!(&tokens[at], TokenTree::Punct(end) if end.as_char() == ';')
            || matches!(&tokens[at], TokenTree::Group(end) if end.delimiter() == Delimiter::Brace);
        if !test && word != "use" {
            rest.push(tokens[at].clone());
        }
        if end {
            (public, test) = (false, false);
        }
        at += 1;
    }
    read_paths(rest.into_iter().collect(), "", &mut module.paths);
    only_tests
}

/// Writes out a `use` tree: the name that each of its leaves binds, and its path.
fn read_use(tokens: &[TokenTree], prefix: &str, bound: &mut Vec<(String, String)>) {
    let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',');
    for tree in tokens.split(comma) {
        let mut path = prefix.to_owned();
        let mut name = String::new();
        for token in tree {
            match token {
                TokenTree::Ident(word) if word == "as" => name.clear(),
                TokenTree::Ident(word) if name.is_empty() && !path.is_empty() && !path.ends_with("::") => {
                    name = word.to_string();
                }
                TokenTree::Ident(word) if word == "self" && path.len() > 2 => {
                    path.truncate(path.len() - 2);
                    name = path.rsplit("::").next().unwrap_or_default().to_owned();
                }
                TokenTree::Ident(word) => {
                    name = word.to_string();
                    path.push_str(&name);
                }
                TokenTree::Group(group) => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    read_use(&tokens, &path, bound);
                    name.clear();
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' => path.push(':'),
                _ => {}
            }
        }
        if !name.is_empty() {
            bound.push((name, path));
        }
    }
}

/// Which file names something of which other, and by which path.
fn edges(modules: &BTreeMap<String, Module>) -> BTreeMap<&str, BTreeMap<&str, &str>> {
    let mut edges: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (path, module) in modules {
        for named in &module.paths {
            let handed_on = module.handed_on.contains(named.split("::").next().unwrap_or_default());
            if !named.contains("::") && !handed_on {
                continue; // a word, or a name whose `use` line was read
            }
            if let Some(file) = resolve(modules, path, named, 0)
                && file != module.file
            {
                edges.entry(&module.file).or_default().insert(file, named);
            }
        }
    }
    edges
}

/// The file that declares what `path` means in the module `from`, if it is one of the room's.
fn resolve<'m>(
    modules: &'m BTreeMap<String, Module>,
    from: &str,
    path: &str,
    depth: usize,
) -> Option<&'m str> {
    let mut at = from.to_owned();
    let mut first = true;
    for word in path.split("::") {
        match word {
            "self" if first => {}
            "super" => at.truncate(at.rfind("::").unwrap_or(0)),
            "crate" => at.clear(),
            _ => {
                let below = if at.is_empty() { word.to_owned() } else { format!("{at}::{word}") };
                let module = modules.get(&at);
                if modules.contains_key(&below) {
                    at = below;
                } else if let Some(bound) = module.and_then(|module| module.bound.get(word)) {
                    let rest = path.split_once(word).map_or("", |(_, rest)| rest);
                    let whole = format!("{bound}{rest}");
                    return (depth < 8).then(|| resolve(modules, &at, &whole, depth + 1)).flatten();
                } else {
                    // A path that starts with a word that nobody declares here is another crate's.
                    let module = module?;
                    return (!first || module.items.contains(word)).then_some(&module.file);
                }
            }
        }
        first = false;
    }
    None // a module itself; what is taken from it is named elsewhere
}

/// Groups of files that reach each other, each with the imports between them.
fn circles(edges: &BTreeMap<&str, BTreeMap<&str, &str>>) -> Vec<(BTreeSet<String>, Vec<String>)> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|&file| (file, reach(edges, file))).collect();
    let mut circles: Vec<(BTreeSet<String>, Vec<String>)> = Vec::new();
    for (&file, others) in &reached {
        let circle: BTreeSet<&str> = others
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(file)))
            .collect();
        if circle.first() == Some(&file) {
            let between =
                circle.iter().flat_map(|from| edges[from].iter().map(move |(to, path)| (from, to, path)));
            let lines = between
                .filter(|(_, to, _)| circle.contains(*to))
                .map(|(from, to, path)| format!("{from} -> {to} (`{path}`)"));
            circles.push((circle.iter().map(|file| (*file).to_owned()).collect(), lines.collect()));
        }
    }
    circles
}

/// The files that `file` comes to by its imports; itself too where it comes back.
fn reach<'m>(edges: &BTreeMap<&'m str, BTreeMap<&'m str, &str>>, file: &str) -> BTreeSet<&'m str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for &next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

/// Every import between files of a circle, one a line, of a room with these files.
fn found_in(files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(file, text)| (format!("src/{file}"), text.parse().expect("tokens")));
    let found = circles(&edges(&modules(files.collect())));
    found.into_iter().flat_map(|(_, edges)| edges).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_circle_is_found_over_names_that_are_handed_on() {
    let hub =
        ("room/mod.rs", "mod a; mod b; mod c; pub(crate) use a::{One as First, make}; pub use self::c::C;");
    let a = ("room/a.rs", "use super::b::Two; pub struct One(Two); pub fn make() {}");
    let over_the_hub = ("room/b.rs", "pub struct Two; fn f() { crate::room::make() }");
    let renamed = ("room/b.rs", "use crate::room::{First, C}; pub struct Two;");
    let over_another = ("room/b.rs", "use super::*; use super::c; pub struct Two(c::C);");
    let c = ("room/c.rs", "pub struct C; impl C { fn f() { super::a::make() } }");
    assert_eq!(
        found_in(&[hub, a, over_the_hub]),
        "src/room/a.rs -> src/room/b.rs (`super::b::Two`)\nsrc/room/b.rs -> src/room/a.rs (`crate::room::make`)"
    );
    assert_eq!(
        found_in(&[hub, a, renamed]),
        "src/room/a.rs -> src/room/b.rs (`super::b::Two`)\nsrc/room/b.rs -> src/room/a.rs (`crate::room::First`)"
    );
    assert_eq!(
        found_in(&[hub, a, over_another, c]),
        "src/room/a.rs -> src/room/b.rs (`super::b::Two`)\nsrc/room/b.rs -> src/room/c.rs (`c::C`)\n\
         src/room/c.rs -> src/room/a.rs (`super::a::make`)"
    );
}

#[test]
fn what_only_hands_on_or_tests_imports_nothing() {
    let hub = ("room/mod.rs", "mod a; mod b; #[cfg(test)] mod tests; pub use a::One; pub fn own() {}");
    let a = ("room/a.rs", "pub struct One; #[cfg(test)] mod tests { use super::super::b::Two; }");
    let b = ("room/b.rs", "use super::{One, own}; pub struct Two(One); fn f(x: Two) { x.own() }");
    let tests = ("room/tests.rs", "use super::own; pub fn b() {}");
    assert_eq!(found_in(&[hub, a, b, tests]), "");
    let uses = ("room/mod.rs", "mod a; mod b; pub use b::Two; pub fn own() -> Two {}");
    assert_eq!(
        found_in(&[uses, a, ("room/b.rs", "use super::own; pub struct Two;")]),
        "src/room/b.rs -> src/room/mod.rs (`super::own`)\nsrc/room/mod.rs -> src/room/b.rs (`Two`)"
    );
}
