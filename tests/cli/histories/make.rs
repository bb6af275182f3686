//! Makes a history's repository: the beginning, and all branches, in one call of git.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::draw::{Edit, FILES, History, LINES};

/// What a version of a branch brings, line by line.
#[derive(Debug, Clone, Default)]
pub(super) struct Brings {
    /// Lines that nobody else writes.
    pub(super) added: BTreeSet<String>,
    pub(super) removed: BTreeSet<String>,
    pub(super) deleted: BTreeSet<String>,
    pub(super) executable: BTreeSet<String>,
}

/// A file of the model.
#[derive(Debug, Clone)]
struct File {
    lines: Vec<String>,
    mode: &'static str,
}

type Tree = BTreeMap<String, File>;

/// The name of a common file at the beginning.
pub(super) fn name_of(file: usize) -> String {
    format!("f{file}")
}

fn line_of(file: usize, line: usize) -> String {
    format!("f{file} line {line}")
}

/// The stream for `git fast-import`, and what each branch brings.
pub(super) fn stream(history: &History, settings: &str) -> (String, Vec<Brings>) {
    let mut start = Tree::new();
    for file in 0..FILES {
        let lines = (0..LINES).map(|line| line_of(file, line)).collect();
        start.insert(name_of(file), File { lines, mode: "100644" });
    }
    let mut out = String::new();
    begin(&mut out, "main", "Start", None);
    whole(&mut out, &start);
    inline(&mut out, "100644", "orch.toml", settings);
    let mut trees: Vec<Tree> = Vec::new();
    let mut brings = Vec::new();
    for (at, member) in history.members.iter().enumerate() {
        let mut tree = member.below.map_or_else(|| start.clone(), |below| trees[below].clone());
        let mut brought = Brings::default();
        for (number, commit) in member.commits.iter().enumerate() {
            let from = match (number, member.below) {
                (0, None) => Some("refs/heads/main".to_owned()),
                (0, Some(below)) => Some(format!("refs/heads/{}", history.members[below].name)),
                _ => None,
            };
            begin(&mut out, &member.name, &format!("Work {number} of {}", member.name), from.as_deref());
            for (part, edit) in commit.iter().enumerate() {
                change(&mut tree, &mut brought, at, &format!("b{at}.{number}.{part}"), *edit);
            }
            out.push_str("deleteall\n");
            whole(&mut out, &tree);
            inline(&mut out, "100644", "orch.toml", settings);
        }
        trees.push(tree);
        brings.push(brought);
    }
    out.push_str("done\n");
    (out, brings)
}

fn begin(out: &mut String, branch: &str, subject: &str, from: Option<&str>) {
    let who = "Bo <bo@example.org> 1700000000 +0000";
    write!(out, "commit refs/heads/{branch}\nauthor {who}\ncommitter {who}\n").unwrap();
    writeln!(out, "data {}\n{subject}", subject.len()).unwrap();
    if let Some(from) = from {
        writeln!(out, "from {from}").unwrap();
    }
}

fn whole(out: &mut String, tree: &Tree) {
    for (name, file) in tree {
        let text: String = file.lines.iter().map(|line| format!("{line}\n")).collect();
        inline(out, file.mode, name, &text);
    }
}

fn inline(out: &mut String, mode: &str, name: &str, text: &str) {
    writeln!(out, "M {mode} inline {name}\ndata {}\n{text}", text.len()).unwrap();
}

/// Where a common file is now: its own place, or where a commit below moved it.
fn place_of(tree: &Tree, file: usize) -> Option<String> {
    let last = format!("/{}", name_of(file));
    tree.keys().find(|name| **name == name_of(file) || name.ends_with(&last)).cloned()
}

fn change(tree: &mut Tree, brought: &mut Brings, member: usize, mark: &str, edit: Edit) {
    let own = |name: String, tree: &mut Tree, brought: &mut Brings| {
        brought.added.insert(mark.to_owned());
        tree.insert(name, File { lines: vec![mark.to_owned()], mode: "100644" });
    };
    match edit {
        Edit::New => own(format!("new-{mark}"), tree, brought),
        Edit::Bad => own(format!("bad-b{member}"), tree, brought),
        Edit::Half { side } => own(format!("half-{side}"), tree, brought),
        Edit::Line { file, line } => {
            let Some(place) = place_of(tree, file) else { return };
            let lines = &mut tree.get_mut(&place).unwrap().lines;
            let old = std::mem::replace(&mut lines[line], mark.to_owned());
            brought.removed.insert(old);
            brought.added.insert(mark.to_owned());
        }
        Edit::Rename { file } => {
            let Some(place) = place_of(tree, file) else { return };
            let file = tree.remove(&place).unwrap();
            brought.deleted.insert(place.clone());
            let base = place.rsplit('/').next().unwrap();
            tree.insert(format!("by-b{member}/{base}"), file);
        }
        Edit::Delete { file } => {
            let Some(place) = place_of(tree, file) else { return };
            let lines = tree.remove(&place).unwrap().lines;
            brought.removed.extend(lines);
            brought.deleted.insert(place);
        }
        Edit::Executable { file } => {
            let Some(place) = place_of(tree, file) else { return };
            tree.get_mut(&place).unwrap().mode = "100755";
            brought.executable.insert(name_of(file));
        }
    }
}
