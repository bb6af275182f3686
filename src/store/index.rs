//! A cache of the open tasks' cards: lists of 10,000 tasks without reading 10,000 objects, and the next task to take
//! without reading the list.
//!
//! Machine-local, under `.git/orch/`; it may be deleted at any time. A row is used only while its ref is as it was when
//! the row was made, so it can be late but never wrong: a packed ref while the file of packed refs is the same, a loose
//! ref while its file is, by inode and times, as git itself judges files by its index.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::git::refs::{FileMark, file_mark};
use crate::plan::{Card, ready};
use crate::task::id::CommitId;

use super::index_row::{Line, line_of, mark_text, read_mark};
use super::journal::Store;
use super::{StoreError, layout};

/// The file's name carries its version: another version is just another file.
const FILE: &str = "index-3";
/// Rows that changed since: a small file, so that a change does not cost the writing of 10,000 rows.
const RECENT: &str = "index-3-recent";
/// Fewer tasks than these are read faster than an index of them is kept.
const FEW: usize = 64;
/// Write the whole index anew when so many rows changed since.
const MANY: usize = 512;
/// A file changed so shortly before the index was written may have been changed again without a trace in its times:
/// the coarsest that file systems in use keep them. In seconds.
const RACY: i64 = 2;
/// Said of a ref whose file git passes over.
const NO_REF: &str = "its file is empty or no ref";

/// An open task in the list.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) card: Card,
    pub(crate) tip: CommitId,
}

/// All open tasks, and the refs that could not be read.
#[derive(Debug, Default)]
pub(crate) struct OpenTasks {
    pub(crate) rows: Vec<Row>,
    /// Refs whose file or commit is broken, each with the reason.
    pub(crate) broken: Vec<(String, String)>,
}

impl OpenTasks {
    /// The cards alone.
    pub(crate) fn cards(&self) -> Vec<Card> {
        self.rows.iter().map(|row| row.card.clone()).collect()
    }
}

/// The index as it was read.
#[derive(Debug, Default)]
struct Index {
    /// All tasks, in the order of [`ready::rank`].
    all: Rows,
    /// What changed since.
    recent: Rows,
    /// The file of packed refs when it was written.
    packed: Option<FileMark>,
    /// The file of all rows: what the recent ones are recent to.
    file: Option<FileMark>,
}

/// The rows of one file.
#[derive(Debug, Default)]
struct Rows {
    text: String,
    /// When it was written, by the file system's clock, in seconds.
    written: i64,
}

impl Rows {
    /// The rows below the first line, and that line.
    fn read(path: &Path) -> Option<(String, Rows, FileMark)> {
        let mark = file_mark(path)?;
        let (_, _, written, ..) = mark;
        let mut text = std::fs::read_to_string(path).ok()?;
        let first = text.find('\n')?;
        let rest = text.split_off(first + 1);
        text.truncate(first);
        Some((text, Rows { text: rest, written }, mark))
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.text.lines().filter_map(Line::cut)
    }

    /// Whether a loose ref's file with this mark is for sure what it was when the rows were written.
    fn trusts(&self, mark: FileMark) -> bool {
        let (_, _, changed, ..) = mark;
        changed + RACY < self.written
    }
}

impl Index {
    /// Any fault means an empty index: it is a cache.
    fn read(folder: &Path) -> Index {
        let read = || {
            let (packed, all, mark) = Rows::read(&folder.join(FILE))?;
            let recent = Rows::read(&folder.join(RECENT)).filter(|(of, ..)| *of == mark_text(Some(mark)));
            let recent = recent.map(|(_, rows, _)| rows).unwrap_or_default();
            Some(Index { all, recent, packed: read_mark(&packed)?, file: Some(mark) })
        };
        read().unwrap_or_default()
    }
}

/// The refs as they are now beside the index.
struct Reading<'a> {
    /// The lines that hold, in the index's order.
    current: Vec<Line<'a>>,
    /// The rows that are not among them.
    recent: OpenTasks,
    /// How many refs' files had to be opened.
    opened: usize,
    loose: HashMap<String, FileMark>,
}

impl Reading<'_> {
    /// Whether so much changed that the whole index should be written anew.
    fn is_far_from(&self, index: &Index) -> bool {
        self.recent.rows.len() > if index.file.is_some() { MANY } else { FEW }
    }
}

impl Store {
    /// Lists all open tasks, by id.
    ///
    /// # Errors
    /// The refs cannot be listed; single broken journals are in the result instead.
    pub(crate) fn open_tasks(&self) -> Result<OpenTasks, StoreError> {
        let index = Index::read(&self.index_folder());
        let Some(reading) = self.reconcile(&index)? else { return self.list_anew(&index) };
        let parsed: Option<Vec<Row>> = reading.current.iter().map(Line::row).collect();
        let Some(mut rows) = parsed else { return self.list_anew(&Index::default()) };
        rows.extend(reading.recent.rows.iter().cloned());
        rows.sort_unstable_by(|a, b| a.card.id.cmp(&b.card.id));
        if reading.is_far_from(&index) {
            self.write_index(&rows, &reading.loose, index.packed);
        } else {
            self.write_recent(&index, &reading);
        }
        Ok(OpenTasks { rows, broken: reading.recent.broken })
    }

    /// Shows the open tasks to `visit` in the order of [`ready::rank`], until it breaks off. Only what is shown is read.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub(crate) fn visit_in_turn(
        &self,
        visit: &mut dyn FnMut(&Card) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let index = Index::read(&self.index_folder());
        let (lines, recent) = match self.reconcile(&index)?.filter(|reading| !reading.is_far_from(&index)) {
            Some(reading) => {
                self.write_recent(&index, &reading);
                (reading.current, reading.recent.rows)
            }
            None => (Vec::new(), self.open_tasks()?.rows),
        };
        let mut recent: Vec<Card> = recent.into_iter().map(|row| row.card).collect();
        recent.sort_by(|a, b| ready::rank(b).cmp(&ready::rank(a))); // the next one is the last
        for line in lines {
            // A line that cannot be read is a task whose turn cannot be told: `status` mends the index.
            let Some(row) = line.row() else { continue };
            while let Some(card) = recent.pop_if(|card| ready::rank(card) < ready::rank(&row.card)) {
                if visit(&card).is_break() {
                    return Ok(());
                }
            }
            if visit(&row.card).is_break() {
                return Ok(());
            }
        }
        while let Some(card) = recent.pop() {
            if visit(&card).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Looks at each ref's file, and reads those that are not as the index has them. `None` where the packed refs changed:
    /// then the index tells nothing of them.
    fn reconcile<'a>(&self, index: &'a Index) -> Result<Option<Reading<'a>>, StoreError> {
        if self.repo.packed_mark() != index.packed {
            return Ok(None);
        }
        let loose = self.repo.loose_marks(layout::TASKS)?;
        let mut new: HashSet<&str> = loose.keys().map(String::as_str).collect();
        let mut reading =
            Reading { current: Vec::new(), recent: OpenTasks::default(), opened: 0, loose: HashMap::new() };
        for line in index.recent.lines() {
            let Some(mark) = loose.get(line.id) else { continue };
            new.remove(line.id);
            let holds = line.mark == Some(*mark) && index.recent.trusts(*mark);
            self.take_recent(line.id, Some(line), holds, &mut reading);
        }
        for line in index.all.lines() {
            match loose.get(line.id) {
                None if line.mark.is_none() => reading.current.push(line),
                None => {}                            // it was loose, and is gone
                Some(_) if !new.remove(line.id) => {} // it is among the recent ones
                Some(mark) if line.mark == Some(*mark) && index.all.trusts(*mark) => {
                    reading.current.push(line)
                }
                Some(_) => self.take_recent(line.id, Some(line), false, &mut reading),
            }
        }
        for id in new {
            self.take_recent(id, None, false, &mut reading);
        }
        // A ref that was packed meanwhile would be in neither place.
        if self.repo.packed_mark() != index.packed {
            return Ok(None);
        }
        reading.loose = loose;
        Ok(Some(reading))
    }

    /// Adds a row to the recent ones: the line's own if it `holds` or its ref is where it was, else one read afresh.
    fn take_recent(&self, id: &str, line: Option<Line<'_>>, holds: bool, reading: &mut Reading<'_>) {
        let name = format!("{}{id}", layout::TASKS);
        if layout::task_of_ref(&name).is_none() {
            return;
        }
        let row = match line.and_then(|line| line.row()) {
            Some(row) if holds => return reading.recent.rows.push(row),
            row => row,
        };
        reading.opened += 1;
        match (self.repo.tip(&name), row) {
            (Ok(None), _) => {}
            (Ok(Some(tip)), Some(row)) if row.tip == tip => reading.recent.rows.push(row),
            (Ok(Some(tip)), _) => self.read_task(&name, tip, &mut reading.recent),
            (Err(_), _) => reading.recent.broken.push((name, NO_REF.to_owned())),
        }
    }

    fn read_task(&self, name: &str, tip: CommitId, tasks: &mut OpenTasks) {
        match self.task_at(&tip, "", name) {
            Ok(task) => tasks.rows.push(Row { card: Card::of(&task), tip }),
            Err(err) => tasks.broken.push((name.to_owned(), super::failure::chain(&err))),
        }
    }

    /// Lists all refs, takes from the index what is at the same tip, and writes the index anew.
    fn list_anew(&self, index: &Index) -> Result<OpenTasks, StoreError> {
        // Looked at before the refs are listed: what changes in between is then read again the next time.
        let (packed, loose) = (self.repo.packed_mark(), self.repo.loose_marks(layout::TASKS)?);
        let listing = self.repo.list(layout::TASKS)?;
        let lines = index.all.lines().chain(index.recent.lines());
        let known: HashMap<&str, Line<'_>> = lines.map(|line| (line.id, line)).collect();
        let mut tasks = OpenTasks::default();
        tasks.broken.extend(listing.broken.into_iter().map(|name| (name, NO_REF.to_owned())));
        for (name, tip) in listing.refs {
            let Some(id) = layout::task_of_ref(&name) else { continue };
            let line = known.get(id.as_str()).filter(|line| line.tip == tip.as_str());
            match line.and_then(Line::row) {
                Some(row) => tasks.rows.push(row),
                None => self.read_task(&name, tip, &mut tasks),
            }
        }
        if tasks.rows.len() > FEW {
            self.write_index(&tasks.rows, &loose, packed);
        }
        Ok(tasks)
    }

    fn index_folder(&self) -> PathBuf {
        self.repo.common_dir().join("orch")
    }

    /// Writes the index of all tasks.
    fn write_index(&self, rows: &[Row], loose: &HashMap<String, FileMark>, packed: Option<FileMark>) {
        let mut rows: Vec<&Row> = rows.iter().collect();
        rows.sort_by(|a, b| ready::rank(&a.card).cmp(&ready::rank(&b.card)));
        self.write_rows(FILE, packed, rows, loose);
    }

    /// Writes the rows that changed since, if any did since they were written last.
    fn write_recent(&self, index: &Index, reading: &Reading<'_>) {
        if index.file.is_some() && reading.opened > 0 {
            self.write_rows(RECENT, index.file, reading.recent.rows.iter(), &reading.loose);
        }
    }

    /// Written whole and renamed, so that a reader never sees half of it. A failure costs only time.
    fn write_rows<'r>(
        &self,
        file: &str,
        first: Option<FileMark>,
        rows: impl IntoIterator<Item = &'r Row>,
        loose: &HashMap<String, FileMark>,
    ) {
        let mut text = mark_text(first) + "\n";
        for row in rows {
            text.extend(line_of(row, loose.get(row.card.id.as_str()).copied()));
        }
        let folder = self.index_folder();
        let written = std::fs::create_dir_all(&folder).and_then(|()| {
            let temporary = folder.join(format!("{file}.{}", super::journal::nonce()));
            std::fs::write(&temporary, text)?;
            std::fs::rename(temporary, folder.join(file))
        });
        if let Err(err) = written {
            tracing::debug!(%err, "the index was not written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::Sandbox;
    use crate::store::Op;
    use crate::task::event::{Edit, NewTask};
    use crate::task::id::{Seconds, TaskId};
    use crate::task::{Actor, Event};
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    /// What happens to refs between two looks at them.
    #[derive(Debug, Clone)]
    enum Step {
        Add(u8),
        Prioritize(u8, u8),
        Delete(u8),
        Pack,
        Index,
        Wait,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0u8..6).prop_map(Step::Add),
            4 => (0u8..6, 0u8..5).prop_map(|(task, priority)| Step::Prioritize(task, priority)),
            1 => (0u8..6).prop_map(Step::Delete),
            1 => Just(Step::Pack),
            2 => Just(Step::Index),
            2 => Just(Step::Wait),
        ]
    }

    fn id(number: u8) -> TaskId {
        TaskId::parse(&format!("t-{number}")).unwrap()
    }

    fn new_task(number: u8) -> Event {
        Event::Added(Box::new(NewTask {
            id: id(number),
            branch: layout::branch_of(&id(number)),
            title: "A \"title\"\twith what JSON escapes".to_owned(),
            spec: String::new(),
            priority: 2,
            paths: Vec::new(),
            after: Vec::new(),
            tier: 1,
            domain: None,
            adopted: false,
            draft: false,
            tries_max: 2,
        }))
    }

    fn carry_out(sandbox: &Sandbox, store: &Store, step: &Step) {
        let op = Op { id: "op".to_owned(), at: Seconds(1) };
        let actor = Actor::person("Ann");
        match step {
            // The errors are those of tasks that are there already, or not.
            Step::Add(number) => drop(store.create(&op, &actor, &new_task(*number))),
            Step::Prioritize(number, priority) => {
                let edit = Edit { priority: Some(*priority), ..Edit::default() };
                let events = |_: &_| Ok::<_, StoreError>(vec![Event::Edited(edit.clone())]);
                drop(store.change(&op, &actor, &id(*number), events));
            }
            Step::Delete(number) => {
                if let Some(stored) = store.load(&id(*number)).unwrap() {
                    assert_eq!(store.delete(&layout::task_ref(&id(*number)), &stored.tip).unwrap(), None);
                }
            }
            Step::Pack => drop(sandbox.git(&["pack-refs", "--all"])),
            Step::Index => {
                let (packed, loose) =
                    (store.repo.packed_mark(), store.repo.loose_marks(layout::TASKS).unwrap());
                store.write_index(&store.open_tasks().unwrap().rows, &loose, packed);
                look_old(store, FILE);
            }
            Step::Wait => look_old(store, RECENT),
        }
    }

    /// As if the index was written some seconds after the refs, so that the marks of files are trusted.
    fn look_old(store: &Store, name: &str) {
        if let Ok(file) = std::fs::File::options().append(true).open(store.index_folder().join(name)) {
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_never_tells_anything_else_than_the_journals(steps in prop::collection::vec(step(), 1..20)) {
            let sandbox = Sandbox::new();
            let store = Store::new(sandbox.repo.clone());
            for step in &steps {
                carry_out(&sandbox, &store, step);
                let listed = store.open_tasks().unwrap();
                let read = store.list_anew(&Index::default()).unwrap();
                prop_assert_eq!(&listed.cards(), &read.cards());
                let tips = |tasks: &OpenTasks| tasks.rows.iter().map(|row| row.tip.clone()).collect::<Vec<_>>();
                prop_assert_eq!(tips(&listed), tips(&read));
                let mut in_turn = Vec::new();
                store.visit_in_turn(&mut |card| { in_turn.push(card.clone()); ControlFlow::Continue(()) }).unwrap();
                let mut ranked = read.cards();
                ranked.sort_by(|a, b| ready::rank(a).cmp(&ready::rank(b)));
                prop_assert_eq!(in_turn, ranked);
            }
        }
    }

    #[test]
    fn a_file_changed_just_before_the_index_was_written_is_not_trusted() {
        let index = Rows { written: 100, ..Rows::default() };
        assert!(index.trusts((1, 41, 97, 0, 0)));
        assert!(!index.trusts((1, 41, 98, 0, 0)));
    }

    #[test]
    fn an_index_that_is_garbage_costs_only_time() {
        let sandbox = Sandbox::new();
        let store = Store::new(sandbox.repo.clone());
        carry_out(&sandbox, &store, &Step::Add(1));
        carry_out(&sandbox, &store, &Step::Index);
        for garbage in ["", "\n\n", "-\nt-1\t0000\t-\t[]\n", "x\ty\n\0"] {
            std::fs::write(store.index_folder().join(FILE), garbage).unwrap();
            assert_eq!(store.open_tasks().unwrap().cards()[0].id, id(1));
        }
    }
}
