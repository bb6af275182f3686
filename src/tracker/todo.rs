//! TODO.md and its fellows IN_PROGRESS.md, REVIEW.md, TESTING.md: list items with a box, or list items, or headings with
//! a name such as `T-12`. Where these stand in a document is found by `todo_entries`.

use super::item::{BadSource, Item, Source, Standing, own_title, priority_of, standing_of};
use super::todo_entries::{Entry, Mark, entries};
use super::todo_out::{out_of_brackets, parts_of};
use crate::select::globs::Globs;
use crate::task::id::{TaskId, shown};

/// Reads files, each with its name and text; the name says how what is in it stands. An entry that is in several files
/// counts where it is furthest.
///
/// # Errors
/// Too many items.
pub(crate) fn read(files: &[(String, String)]) -> Result<Source, BadSource> {
    let mut items: Vec<(usize, Item)> = Vec::new();
    let mut notices = Vec::new();
    for (at, (path, text)) in files.iter().enumerate() {
        let name = path.rsplit('/').next().unwrap_or(path);
        let of_file = standing_of(name.split('.').next().unwrap_or_default()).unwrap_or(Standing::Open);
        for entry in chosen(entries(text)) {
            let (item, strange) = item(entry, text, of_file);
            notices.extend(strange);
            let earlier = items.iter_mut().find(|(file, known)| *file < at && known.id == item.id);
            match earlier {
                // Moved on to the next file, and not yet taken out of the last one.
                Some(known) => *known = (at, merged(&known.1, item)),
                None => items.push((at, item)),
            }
        }
    }
    let mut source = Source { notices, ..Source::default() };
    for (_, item) in items {
        source.push(item);
    }
    source.checked()
}

fn merged(before: &Item, later: Item) -> Item {
    Item {
        text: later.text.or_else(|| before.text.clone()),
        priority: later.priority.or(before.priority),
        after: later.after.or_else(|| before.after.clone()),
        paths: later.paths.or_else(|| before.paths.clone()),
        ..later
    }
}

/// What of a document are tasks: entries with a box where there are some, else those of lists, else headings with names.
fn chosen(entries: Vec<Entry>) -> Vec<Entry> {
    if entries.iter().any(|entry| entry.checked.is_some()) {
        return entries.into_iter().filter(|entry| entry.checked.is_some()).collect();
    }
    let named = |entry: &Entry| entry.heading && name_of(entry).is_some();
    if entries.iter().any(named) {
        return entries.into_iter().filter(named).collect();
    }
    entries.into_iter().filter(|entry| !entry.heading).collect()
}

/// An entry as an item, with what its brackets say that is not understood.
fn item(entry: Entry, text: &str, of_file: Standing) -> (Item, Vec<String>) {
    let name = name_of(&entry);
    let mut title = entry.line.trim();
    if let Some((mark, _)) = &name {
        title = title.strip_prefix(mark.as_str()).unwrap_or(title).trim_start();
        if !is_ours(&entry) {
            title = title.trim_start_matches([':', '.', ')', ']', '-', '–', '—', ' ']);
        }
    }
    let (title, details) = details(title);
    let title = own_title(title);
    let (key, id) = match name {
        Some((mark, id)) => (mark.trim_matches(['[', ']']).to_owned(), id),
        None => {
            let id = unnamed(&title);
            (id.to_string(), id)
        }
    };
    let standing = match (entry.checked, entry.section.standing) {
        (Some(true), _) => Standing::Closed,
        (_, Some(standing)) => standing,
        _ => of_file,
    };
    let body = text.get(entry.body).map(dedent).unwrap_or_default();
    let how = "its details are written as (p1, after t-3 t-4, paths src/** docs/*)";
    let strange = details.strange.iter().map(|what| format!("{}: {what}; {how}", shown(&key))).collect();
    let item = Item {
        key,
        id,
        title,
        text: (!body.is_empty()).then_some(body),
        priority: details.priority.or(entry.section.priority),
        after: details.after,
        paths: details.paths,
        standing,
    };
    (item, strange)
}

/// The name that an entry begins with, as it is written and as an id: `ABC-12`, or a code span or bold text that could be
/// one. Where the line has our form, what stands between backticks is an id even if it is like a word.
fn name_of(entry: &Entry) -> Option<(String, TaskId)> {
    let line = entry.line.trim();
    let (written, surely) = match &entry.mark {
        Some(Mark::Code(code)) => (code.as_str(), is_ours(entry)),
        Some(Mark::Bold(bold)) => (bold.trim_end_matches(':'), false),
        None => {
            let word = line.split([' ', ':', ')']).next()?;
            let (letters, digits) = word.trim_matches(['[', ']']).split_once('-')?;
            let all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(is);
            (all(letters, u8::is_ascii_alphabetic) && all(digits, u8::is_ascii_digit))
                .then_some((word, true))?
        }
    };
    let bare = written.trim_matches(['[', ']']).to_lowercase();
    let id = TaskId::parse(&bare).ok()?;
    let unlike_a_word = bare.contains('-') || bare.bytes().any(|b| b.is_ascii_digit());
    let rest = line.strip_prefix(written)?.trim_matches([':', ' ', '.', ')', ']', '-']);
    ((surely || unlike_a_word) && (is_ours(entry) || !rest.is_empty())).then(|| (written.to_owned(), id))
}

/// Whether a line has the form that we write.
fn is_ours(entry: &Entry) -> bool {
    let code = matches!(entry.mark, Some(Mark::Code(_)));
    code && (entry.checked == Some(true) || details(entry.line.trim()).1.priority.is_some())
}

/// What brackets at the end of a line say of their entry.
#[derive(Debug, Default)]
struct Details {
    priority: Option<u8>,
    after: Option<Vec<String>>,
    paths: Option<Vec<String>>,
    /// What stands in them that nobody understands, in words.
    strange: Vec<String>,
}

impl Details {
    fn says_nothing(&self) -> bool {
        self.priority.is_none() && self.after.is_none() && self.paths.is_none()
    }
}

/// Splits `(p1, after a b, paths src/** docs/*, somebody)` off a title: in any order, each of them if it is there, with
/// blanks or commas between names and globs. Words in brackets may just be words, and then stay in the title.
fn details(title: &str) -> (&str, Details) {
    let Some((front, inner)) = title.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) else {
        return (title, Details::default());
    };
    let parts = parts_of(inner);
    let priority = |part: &str| Some(part).filter(|part| part.starts_with('p')).and_then(priority_of);
    // Who wrote a priority means all of it; without one, each must be like a name or a path.
    let meant = parts.iter().any(|part| priority(part).is_some());
    let names = |text: &str| -> Option<Vec<String>> {
        let like_a_name = |name: &&str| meant || name.contains('-') && TaskId::parse(name).is_ok();
        let names: Vec<&str> = text.split_whitespace().collect();
        names.iter().all(like_a_name).then(|| names.into_iter().map(str::to_owned).collect())
    };
    let globs = |text: &str| -> Option<Vec<String>> {
        let like_a_path = |word: &&str| meant || word.contains(['/', '*', '.']);
        let words: Vec<&str> = text.split_whitespace().collect();
        let globs: Vec<String> = words.iter().map(|word| out_of_brackets(word)).collect();
        (!words.is_empty() && words.iter().all(like_a_path) && Globs::parse(&globs).is_ok()).then_some(globs)
    };
    let mut found = Details::default();
    let mut in_paths = false;
    for (at, part) in parts.iter().enumerate() {
        let known = if let Some(priority) = priority(part) {
            found.priority.get_or_insert(priority);
            in_paths = false;
            true
        } else if let Some(names) = part.strip_prefix("after ").map(names) {
            in_paths = false;
            names.map(|names| found.after.get_or_insert_default().extend(names)).is_some()
        } else if let Some(globs) = part.strip_prefix("paths ").map(globs) {
            in_paths = globs.is_some();
            globs.map(|globs| found.paths.get_or_insert_default().extend(globs)).is_some()
        } else if in_paths && part.contains(['/', '*']) {
            globs(part).map(|globs| found.paths.get_or_insert_default().extend(globs)).is_some()
        } else {
            // We write last who has it in hand, and do not read it.
            at + 1 == parts.len() && meant && !looks_like_details(part) && !part.contains(['/', '*'])
        };
        if !known {
            found.strange.push((*part).to_owned());
        }
    }
    if !found.says_nothing() {
        found.strange = found.strange.iter().map(|part| format!("'{}' is left out", shown(part))).collect();
        return (front.trim_end(), found);
    }
    let looks = found.strange.iter().any(|part| looks_like_details(part));
    let strange = looks.then(|| format!("'({})' stays in the title", shown(inner)));
    (title, Details { strange: strange.into_iter().collect(), ..Details::default() })
}

/// Whether it begins as something that brackets can say.
fn looks_like_details(part: &str) -> bool {
    let first = part.split([' ', ':', '=']).next().unwrap_or_default();
    let numbered = first.strip_prefix(['p', 'P']).is_some_and(|rest| rest.parse::<u32>().is_ok());
    numbered || ["after", "path", "paths", "prio", "priority"].contains(&first.to_lowercase().as_str())
}

/// The id of an entry without a name: the same for the same title, in any case and spacing.
fn unnamed(title: &str) -> TaskId {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    // FNV-1a, 64 bits.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in title.to_lowercase().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let letter = |at: u32| char::from(LETTERS[usize::try_from((hash >> (at * 5)) & 31).unwrap_or(0)]);
    let letters: String = (0..10).map(letter).collect();
    super::item::item_id(&format!("todo-{letters}"))
}

/// The lines without the depth of their list, and without blanks around.
fn dedent(text: &str) -> String {
    // What closes emphasis around the first line is no body.
    let text = text.trim_start_matches(['*', '_', '`', ' ']);
    let lines: Vec<&str> = text.lines().collect();
    let depth = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let least = lines.iter().skip(1).filter(|line| !line.trim().is_empty()).map(depth).min().unwrap_or(0);
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        out.push_str(if at == 0 { line.trim() } else { line.get(least..).unwrap_or_default() });
        out.push('\n');
    }
    let body = out.trim();
    if body.is_empty() { String::new() } else { format!("{body}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Card;
    use crate::task::id::Seconds;
    use crate::task::state::Column;
    use crate::tracker::{Listed, todo_md};
    use proptest::prelude::*;

    fn lines(files: &[(&str, &str)]) -> String {
        let files: Vec<(String, String)> =
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let source = read(&files).unwrap();
        let line = |item: &Item| {
            format!(
                "{} | {} | {:?} | {:?} | {:?} | {:?}",
                item.id, item.title, item.standing, item.priority, item.after, item.text
            )
        };
        source.items.iter().map(line).chain(source.notices.clone()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn boxes() {
        let text = "# TODO\n\nSome words.\n\n- no task\n\n## High priority\n\n- [ ] **T-12**: Fix the *flaky* login\n  \
            because `it` fails.\n\n  More:\n  - one\n    - two\n- [x] `t-7k3f` Done already\n\n## Low\n\n\
            - [ ] Add retry (p1, after t-12 t-7k3f, ana)\n- [ ] **Important** thing (again)\n- [ ] ABC-3 by name\n\
            - [ ] [link](http://x) & <b>html</b>\n\n## In progress\n\n- [ ] Being done\n";
        insta::assert_snapshot!(lines(&[("TODO.md", text)]), @r#"
        t-12 | Fix the flaky login | Open | Some(1) | None | Some("because `it` fails.\n\nMore:\n- one\n  - two\n")
        t-7k3f | Done already | Closed | Some(1) | None | None
        todo-66ne5be81p | Add retry | Open | Some(1) | Some(["t-12", "t-7k3f"]) | None
        todo-tpdvs0m9rc | Important thing (again) | Open | Some(3) | None | None
        abc-3 | by name | Open | Some(3) | None | None
        todo-v04btdsbf4 | link & <b>html</b> | Open | Some(3) | None | None
        todo-8vgdwv9nwg | Being done | Started | None | None | None
        "#);
    }

    #[test]
    fn a_heading_ends_what_the_one_before_it_said() {
        let text = "## Done\n- [x] t-1: one\n\n## P1\n- [ ] t-2: two (after t-1)\n\n### In progress\n- [ ] t-3: three (after \
                    lunch)\n\n### P3\n- [ ] t-4: four\n\n## Low\n- [ ] t-5: five\n";
        insta::assert_snapshot!(lines(&[("TODO.md", text)]), @r#"
        t-1 | one | Closed | None | None | None
        t-2 | two | Open | Some(1) | Some(["t-1"]) | None
        t-3 | three (after lunch) | Started | None | None | None
        t-4 | four | Open | Some(3) | None | None
        t-5 | five | Open | Some(3) | None | None
        t-3: '(after lunch)' stays in the title; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        "#);
    }

    #[test]
    fn details_stand_in_any_order_and_what_is_not_understood_is_said() {
        let of = |brackets: &str| {
            let text = format!("- [ ] t-1 Do it ({brackets})\n");
            let source = read(&[("TODO.md".to_owned(), text)]).unwrap();
            let item = &source.items[0];
            let (priority, after, paths) = (item.priority, &item.after, &item.paths);
            let line = format!("{} | {priority:?} | {after:?} | {paths:?}", item.title);
            [vec![line], source.notices.clone()].concat().join("\n  ")
        };
        let all = [
            "after n-10, paths lib/**",
            "paths lib/**",
            "paths lib/**, p1",
            "p2, paths lib/**, docs/*",
            "paths lib/** docs/*, after n-1 n-2,p0",
            "p2, paths lib/**, j.doe",
            "paths lib/**, ana",
            "paths are long",
            "path lib/**",
            "p9, after n-1",
            "p1, after n-1, docs/*",
            "paths lib/{a, p1",
            "again, and again",
        ];
        insta::assert_snapshot!(all.map(of).join("\n"), @r#"
        Do it | None | Some(["n-10"]) | Some(["lib/**"])
        Do it | None | None | Some(["lib/**"])
        Do it | Some(1) | None | Some(["lib/**"])
        Do it | Some(2) | None | Some(["lib/**", "docs/*"])
        Do it | Some(0) | Some(["n-1", "n-2"]) | Some(["lib/**", "docs/*"])
        Do it | Some(2) | None | Some(["lib/**"])
        Do it | None | None | Some(["lib/**"])
          t-1: 'ana' is left out; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        Do it (paths are long) | None | None | None
          t-1: '(paths are long)' stays in the title; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        Do it (path lib/**) | None | None | None
          t-1: '(path lib/**)' stays in the title; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        Do it | None | Some(["n-1"]) | None
          t-1: 'p9' is left out; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        Do it | Some(1) | Some(["n-1"]) | None
          t-1: 'docs/*' is left out; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        Do it | Some(1) | None | None
          t-1: 'paths lib/{a' is left out; its details are written as (p1, after t-3 t-4, paths src/** docs/*)
        Do it (again, and again) | None | None | None
        "#);
    }

    #[test]
    fn bullets_and_headings() {
        let bullets = "Things:\n\n* first thing\n* second thing\n  with more\n";
        insta::assert_snapshot!(lines(&[("docs/TODO.md", bullets)]), @r#"
        todo-1bthmxmqec | first thing | Open | None | None | None
        todo-5ymtprk8cs | second thing | Open | None | None | Some("with more\n")
        "#);
        let headings =
            "# Tasks\n\n## T-1: Make it\n\nWith care.\n\n- a point\n\n## T-2 Break it\n\n## Notes\n\nNone.\n";
        insta::assert_snapshot!(lines(&[("TODO.md", headings)]), @r#"
        t-1 | Make it | Open | None | None | Some("With care.\n\n- a point\n")
        t-2 | Break it | Open | None | None | None
        "#);
    }

    #[test]
    fn an_entry_counts_where_it_is_furthest() {
        let files = [
            ("TODO.md", "- [ ] T-1 one\n  text\n- [ ] T-2 two\n"),
            ("IN_PROGRESS.md", "- [ ] T-1 one\n"),
            ("REVIEW.md", ""),
            ("TESTING.md", "- T-3 three\n"),
        ];
        insta::assert_snapshot!(lines(&files), @r#"
        t-1 | one | Started | None | None | Some("text\n")
        t-2 | two | Open | None | None | None
        t-3 | three | Started | None | None | None
        "#);
    }

    fn listed(id: &str, title: &str, column: Column) -> Listed {
        let card = Card {
            id: TaskId::parse(id).unwrap(),
            title: title.to_owned(),
            column,
            ..Card::of(&crate::task::samples::task(crate::task::State::Pending))
        };
        Listed { card, spec: String::new(), paths: Vec::new() }
    }

    #[test]
    fn the_file_of_our_tasks() {
        let mut one = listed("t-1", "Fix `it` [x](y) <b> *now*", Column::Ready);
        one.card.after = vec![TaskId::parse("t-2").unwrap()];
        one.card.created_at = Seconds(1);
        one.spec = "## Objective\nIt works.\n\n- [ ] a point\n\n    code\n".to_owned();
        one.paths = vec!["src/**".to_owned(), "a (b)/*.md".to_owned()];
        let mut two = listed("t-2", "- [x] `t-9` forged\n- [ ] two", Column::Working);
        two.card.owner = Some("ana (x)".to_owned());
        let mut draft = listed("t-3", "Perhaps", Column::Ready);
        draft.card.state = "in-planning".to_owned();
        let done = vec![(TaskId::parse("t-0").unwrap(), "Old".to_owned())];
        insta::assert_snapshot!(todo_md(&[one, two, draft], &done), @r#"
        ## TODO

        - [ ] `t-1` Fix \`it\` \[x\](y) \<b\> \*now\* (p2, after t-2, paths src/\*\* a%20%28b%29/\*.md)

          ## Objective
          It works.

          - [ ] a point

              code

        ## Draft

        - [ ] `t-3` Perhaps (p2, after t-0)

        ## In progress

        - [ ] `t-2` - \[x\] \`t-9\` forged - \[ \] two (p2, after t-0, ana x)

        ## Review

        ## Testing

        ## Done

        - [x] `t-0` Old
        "#);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(
            title in "[ -~äß…]{1,60}",
            spec in "([#>*`0-9a-z .()\\[\\]~|-]{0,20}\n){0,8}",
            paths in prop::collection::vec("[a-z*() %,{}/.]{1,9}", 0..3),
            priority in 0_u8..5,
            at in 0_usize..5,
        ) {
            let column = [Column::Ready, Column::Working, Column::Review, Column::Queue, Column::Ready][at];
            let title = own_title(&title);
            let mut one = listed("t-7k3f", &title, column);
            one.card.priority = priority;
            one.card.after = vec![TaskId::parse("login").unwrap()];
            if at == 4 {
                one.card.state = "in-planning".to_owned();
            }
            // As it is stored: the blank lines around it are nobody's, and the first line is not indented.
            one.spec = spec.trim().to_owned();
            if Globs::parse(&paths).is_ok() {
                one.paths = paths;
            }
            let spec: Vec<String> = one.spec.lines().map(|line| line.trim_end().to_owned()).collect();
            let paths = one.paths.clone();
            let text = todo_md(&[one, listed("login", "x", Column::Ready)], &[]);
            let source = read(&[("TODO.md".to_owned(), text.clone())]).unwrap();
            prop_assert_eq!(source.items.len(), 2, "{}", text);
            let item = source.items.iter().find(|item| item.id.as_str() == "t-7k3f").unwrap();
            prop_assert_eq!(&item.title, &title, "{}", text);
            prop_assert_eq!(item.priority, Some(priority));
            prop_assert_eq!(item.after.as_deref(), Some(&["login".to_owned()][..]));
            prop_assert_eq!(item.paths.clone().unwrap_or_default(), paths, "{}", text);
            let read: Vec<String> = item.text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
            prop_assert_eq!(read, spec, "{}", text);
            let standing = [Standing::Open, Standing::Started, Standing::Started, Standing::Started, Standing::Draft];
            prop_assert_eq!(item.standing, standing[at]);
        }

        #[test]
        fn no_text_breaks_it(text in "([-*#`\\[\\]x (),:0-9a-zT>|\\n]|\\PC){0,200}") {
            let _ = read(&[("TODO.md".to_owned(), text)]);
        }
    }
}
