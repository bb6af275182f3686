//! A cache of the open tasks' cards: lists of 10,000 tasks without reading 10,000 objects, and the next task to take
//! without reading the list.
//!
//! Machine-local, under `.git/orch/`; it may be deleted at any time. A row is used only while its ref is as it was when
//! the row was made, so it can be late but never wrong: a packed ref while the file of packed refs is the same, a loose
//! ref while its file is, by inode and times, as git itself judges files by its index.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::git::mark::FileMark;
use crate::plan::{Card, ready};
use crate::task::id::CommitId;

use super::index_file::{self, ALL, Opened, RECENT, Rows};
use super::index_row::{Line, mark_text};
use super::journal::Store;
use super::{StoreError, layout};

pub(crate) use super::index_row::Row;

/// Fewer tasks than these are read faster than an index of them is kept.
const FEW: usize = 64;
/// Write the whole index anew when so many rows changed since.
const MANY: usize = 512;
/// Said of a ref whose file git passes over.
const NO_REF: &str = "its file is empty or no ref";

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

/// What was found about refs that are not as the index has them.
#[derive(Debug, Default)]
struct Recent {
    tasks: OpenTasks,
    /// How many refs' files had to be opened.
    opened: usize,
}

/// The loose refs' files, by the tasks' ids.
type Loose = HashMap<String, FileMark>;

impl Store {
    /// Lists all open tasks, by id.
    ///
    /// # Errors
    /// The refs cannot be listed; single broken journals are in the result instead.
    pub(crate) fn open_tasks(&self) -> Result<OpenTasks, StoreError> {
        match Opened::open(&self.index_folder()) {
            Some(index) => self.list_by_index(index),
            None => self.list_anew(&[]),
        }
    }

    /// Shows the open tasks to `visit` in the order of [`ready::rank`], until it breaks off.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub(crate) fn visit_in_turn(
        &self,
        visit: &mut dyn FnMut(&Card) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if self.visit_by_index(visit)? {
            return Ok(());
        }
        let mut cards = self.open_tasks()?.cards();
        cards.sort_by(|a, b| ready::rank(a).cmp(&ready::rank(b)));
        let _ = cards.iter().try_for_each(visit);
        Ok(())
    }

    /// As [`Store::visit_in_turn`], reading no more of the index than is shown. False where that cannot be: refs that were
    /// loose when the index was written would have to be compared one by one.
    fn visit_by_index(&self, visit: &mut dyn FnMut(&Card) -> ControlFlow<()>) -> Result<bool, StoreError> {
        let Some(index) = Opened::open(&self.index_folder()).filter(|index| index.loose == 0) else {
            return Ok(false);
        };
        if self.repo.packed_mark() != index.packed {
            return Ok(false);
        }
        let loose = self.repo.loose_marks(layout::TASKS)?;
        if loose.len() > MANY {
            return Ok(false);
        }
        let mut recent = Recent::default();
        for id in self.take_recent(&index.recent(&self.index_folder()), &loose, &mut recent) {
            self.take_ref(id, None, &mut recent);
        }
        // A ref that was packed meanwhile would be in neither place.
        if self.repo.packed_mark() != index.packed {
            return Ok(false);
        }
        self.write_recent(&index.mark, &recent, &loose);
        let mut recent: Vec<Card> = recent.tasks.rows.into_iter().map(|row| row.card).collect();
        recent.sort_by(|a, b| ready::rank(b).cmp(&ready::rank(a))); // the next one is the last
        for Row { card, .. } in index.each().filter(|row| !loose.contains_key(row.card.id.as_str())) {
            while let Some(earlier) = recent.pop_if(|recent| ready::rank(recent) < ready::rank(&card)) {
                if visit(&earlier).is_break() {
                    return Ok(true);
                }
            }
            if visit(&card).is_break() {
                return Ok(true);
            }
        }
        let _ = recent.iter().rev().try_for_each(visit);
        Ok(true)
    }

    /// Looks at each ref's file, and reads those that are not as the index has them.
    fn list_by_index(&self, index: Opened) -> Result<OpenTasks, StoreError> {
        let (packed, mark) = (index.packed, index.mark);
        let changed = index.recent(&self.index_folder());
        let Some(all) = index.rows() else { return self.list_anew(&[]) };
        if self.repo.packed_mark() != packed {
            return self.list_anew(&[&all, &changed]);
        }
        let loose = self.repo.loose_marks(layout::TASKS)?;
        let mut recent = Recent::default();
        let mut new = self.take_recent(&changed, &loose, &mut recent);
        let mut rows = Vec::new();
        for line in all.lines() {
            let holds = match loose.get(line.id) {
                None if line.mark.is_none() => true,
                None => continue,                            // it was loose, and is gone
                Some(_) if !new.remove(line.id) => continue, // it is among the recent ones
                Some(mark) => line.mark == Some(*mark) && all.trusts(*mark),
            };
            match line.row() {
                Some(row) if holds => rows.push(row),
                None if holds => return self.list_anew(&[]), // garbage
                _ => self.take_ref(line.id, Some(line), &mut recent),
            }
        }
        for id in new {
            self.take_ref(id, None, &mut recent);
        }
        if self.repo.packed_mark() != packed {
            return self.list_anew(&[&all, &changed]);
        }
        let far = recent.tasks.rows.len() > MANY;
        if !far {
            self.write_recent(&mark, &recent, &loose);
        }
        rows.extend(recent.tasks.rows);
        rows.sort_unstable_by(|a, b| a.card.id.cmp(&b.card.id));
        if far {
            self.write_index(&rows, &loose, packed);
        }
        Ok(OpenTasks { rows, broken: recent.tasks.broken })
    }

    /// Takes the rows that changed since the index was written; returns the loose refs that are not among them.
    fn take_recent<'l>(&self, rows: &Rows, loose: &'l Loose, recent: &mut Recent) -> HashSet<&'l str> {
        let mut new: HashSet<&str> = loose.keys().map(String::as_str).collect();
        for line in rows.lines() {
            let Some(mark) = loose.get(line.id).filter(|_| new.remove(line.id)) else { continue };
            match line.row().filter(|_| line.mark == Some(*mark) && rows.trusts(*mark)) {
                Some(row) => recent.tasks.rows.push(row),
                None => self.take_ref(line.id, Some(line), recent),
            }
        }
        new
    }

    /// Takes one ref: the line's row if the ref is where it was, else the task as its journal has it.
    fn take_ref(&self, id: &str, line: Option<Line<'_>>, recent: &mut Recent) {
        let name = format!("{}{id}", layout::TASKS);
        if layout::task_of_ref(&name).is_none() {
            return;
        }
        recent.opened += 1;
        match (self.repo.tip(&name), line.and_then(|line| line.row())) {
            (Ok(None), _) => {}
            (Ok(Some(tip)), Some(row)) if row.tip == tip => recent.tasks.rows.push(row),
            (Ok(Some(tip)), _) => self.take_task(&name, tip, &mut recent.tasks),
            (Err(_), _) => recent.tasks.broken.push((name, NO_REF.to_owned())),
        }
    }

    fn take_task(&self, name: &str, tip: CommitId, tasks: &mut OpenTasks) {
        match self.task_at(&tip, "", name) {
            Ok(task) => tasks.rows.push(Row { card: Card::of(&task), tip }),
            Err(err) => tasks.broken.push((name.to_owned(), super::failure::chain(&err))),
        }
    }

    /// Lists all refs, takes from the old index what is at the same tip, and writes the index anew.
    fn list_anew(&self, old: &[&Rows]) -> Result<OpenTasks, StoreError> {
        // Looked at before the refs are listed: what changes in between is then read again the next time.
        let (packed, loose) = (self.repo.packed_mark(), self.repo.loose_marks(layout::TASKS)?);
        let listing = self.repo.list(layout::TASKS)?;
        let lines = old.iter().flat_map(|rows| rows.lines());
        let known: HashMap<&str, Line<'_>> = lines.map(|line| (line.id, line)).collect();
        let mut tasks = OpenTasks::default();
        tasks.broken.extend(listing.broken.into_iter().map(|name| (name, NO_REF.to_owned())));
        for (name, tip) in listing.refs {
            let Some(id) = layout::task_of_ref(&name) else { continue };
            let line = known.get(id.as_str()).filter(|line| line.tip == tip.as_str());
            match line.and_then(Line::row) {
                Some(row) => tasks.rows.push(row),
                None => self.take_task(&name, tip, &mut tasks),
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

    /// Writes the index of all tasks, in the order in which they are taken.
    fn write_index(&self, rows: &[Row], loose: &Loose, packed: Option<FileMark>) {
        let mut rows: Vec<&Row> = rows.iter().collect();
        rows.sort_by(|a, b| ready::rank(&a.card).cmp(&ready::rank(&b.card)));
        let rows: Vec<_> =
            rows.into_iter().map(|row| (row, loose.get(row.card.id.as_str()).copied())).collect();
        let count = rows.iter().filter(|(_, mark)| mark.is_some()).count();
        index_file::write(&self.index_folder(), ALL, &format!("{}\t{count}", mark_text(packed)), rows);
    }

    /// Writes the rows that changed since `index` was written, if one did since they were written last.
    fn write_recent(&self, index: &FileMark, recent: &Recent, loose: &Loose) {
        if recent.opened > 0 {
            let rows = recent.tasks.rows.iter().map(|row| (row, loose.get(row.card.id.as_str()).copied()));
            index_file::write(&self.index_folder(), RECENT, &mark_text(Some(*index)), rows);
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
                look_old(store, ALL);
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
                let read = store.list_anew(&[]).unwrap();
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
    fn an_index_that_is_garbage_costs_only_time() {
        let sandbox = Sandbox::new();
        let store = Store::new(sandbox.repo.clone());
        carry_out(&sandbox, &store, &Step::Add(1));
        carry_out(&sandbox, &store, &Step::Index);
        for garbage in ["", "\n\n", "-\nt-1\t0000\t-\t[]\n", "x\ty\n\0"] {
            std::fs::write(store.index_folder().join(ALL), garbage).unwrap();
            assert_eq!(store.open_tasks().unwrap().cards()[0].id, id(1));
        }
    }
}
