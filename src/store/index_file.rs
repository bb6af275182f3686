//! The files of the index: a first line that says when it holds, and a line for each task.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::git::mark::{FileMark, mark_of};

use super::index_row::{Line, Row, line_of, mark_text, read_mark};

/// All tasks. The file's name carries its version: another version is just another file.
pub(super) const ALL: &str = "index-3";
/// Rows that changed since: a small file, so that a change does not cost the writing of 10,000 rows.
pub(super) const RECENT: &str = "index-3-recent";
/// A file changed so shortly before the index was written may have been changed again without a trace in its times:
/// the coarsest that file systems in use keep them. In seconds.
const RACY: i64 = 2;

/// The rows of one file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    text: String,
    /// When it was written, by the file system's clock, in seconds.
    written: i64,
}

impl Rows {
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.text.lines().filter_map(Line::cut)
    }

    /// Whether a loose ref's file with this mark is for sure what it was when the rows were written.
    pub(super) fn trusts(&self, mark: FileMark) -> bool {
        let (_, _, changed, ..) = mark;
        changed + RACY < self.written
    }
}

/// The file of all tasks, of which only the first line was read.
#[derive(Debug)]
pub(super) struct Opened {
    /// The file of packed refs when it was written.
    pub(super) packed: Option<FileMark>,
    /// How many of its refs were loose then.
    pub(super) loose: usize,
    /// The file itself: what the recent rows are recent to.
    pub(super) mark: FileMark,
    reader: BufReader<File>,
}

impl Opened {
    /// Opens the index. Any fault means none: it is a cache.
    pub(super) fn open(folder: &Path) -> Option<Opened> {
        let (first, mark, reader) = open(&folder.join(ALL))?;
        let (packed, loose) = first.split_once('\t')?;
        Some(Opened { packed: read_mark(packed)?, loose: loose.parse().ok()?, mark, reader })
    }

    /// Its rows, in the order in which they were written.
    pub(super) fn rows(self) -> Option<Rows> {
        read(self.mark, self.reader)
    }

    /// Its rows one by one: whoever needs only the first need not read 10,000.
    pub(super) fn each(self) -> impl Iterator<Item = Row> {
        self.reader.lines().map_while(Result::ok).filter_map(|line| Line::cut(&line)?.row())
    }

    /// The rows that changed since it was written.
    pub(super) fn recent(&self, folder: &Path) -> Rows {
        let read = || {
            let (of, mark, reader) = open(&folder.join(RECENT))?;
            if of == mark_text(Some(self.mark)) { read(mark, reader) } else { None }
        };
        read().unwrap_or_default()
    }
}

/// Opens a file: its first line, its mark, and the rest to be read.
fn open(path: &Path) -> Option<(String, FileMark, BufReader<File>)> {
    let file = File::open(path).ok()?;
    let mark = mark_of(&file.metadata().ok()?);
    let mut reader = BufReader::new(file);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    first.truncate(first.trim_end().len());
    Some((first, mark, reader))
}

fn read(mark: FileMark, mut reader: BufReader<File>) -> Option<Rows> {
    let (_, size, written, ..) = mark;
    let mut text = String::with_capacity(usize::try_from(size).ok()?);
    reader.read_to_string(&mut text).ok()?;
    Some(Rows { text, written })
}

/// Writes a file whole and renames it, so that a reader never sees half of it. A failure costs only time.
pub(super) fn write<'r>(
    folder: &Path,
    name: &str,
    first: &str,
    rows: impl IntoIterator<Item = (&'r Row, Option<FileMark>)>,
) {
    let mut text = format!("{first}\n");
    for (row, mark) in rows {
        text.extend(line_of(row, mark));
    }
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        let temporary = folder.join(format!("{name}.{}", super::journal::nonce()));
        std::fs::write(&temporary, text)?;
        std::fs::rename(temporary, folder.join(name))
    });
    if let Err(err) = written {
        tracing::debug!(%err, "the index was not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changed_just_before_the_index_was_written_is_not_trusted() {
        let rows = Rows { written: 100, ..Rows::default() };
        assert!(rows.trusts((1, 41, 97, 0, 0)));
        assert!(!rows.trusts((1, 41, 98, 0, 0)));
    }
}
