//! The stored forms of tasks and events, version 1. Domain types are not serializable on purpose: this folder alone
//! decides what is written, and `tests/fixtures/` keeps one example of each version that today's code must read.

mod edit;
mod event;
mod evidence;
mod note;
mod review;
mod state;
mod task;
mod turn;

use serde::{Deserialize, Serialize};

pub(crate) use event::{EventRecord, event_file, read_event};
pub(crate) use task::{read_task, task_files};
pub(super) use turn::{TurnWire, turn_of, turn_wire};

use crate::task::id::{CommitId, TaskId};

/// The version that this program writes.
pub(crate) const VERSION: u32 = 1;

/// Why a stored text cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("written by a newer git orch (record {found}, this one knows {VERSION})")]
    Newer { found: u32 },
    #[error("{what} is not readable: {why}")]
    Broken { what: &'static str, why: String },
}

fn broken(what: &'static str, why: impl ToString) -> RecordError {
    RecordError::Broken { what, why: why.to_string() }
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

fn read<'a, T: Deserialize<'a>>(what: &'static str, text: &'a [u8]) -> Result<T, RecordError> {
    let Versioned { v } = serde_json::from_slice(text).map_err(|why| broken(what, why))?;
    if v > VERSION {
        return Err(RecordError::Newer { found: v });
    }
    serde_json::from_slice(text).map_err(|why| broken(what, why))
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records have string keys and finite numbers");
    text.push(b'\n');
    text
}

fn task_id(text: &str) -> Result<TaskId, RecordError> {
    TaskId::parse(text).map_err(|why| broken("task id", why))
}

fn commit(text: &str) -> Result<CommitId, RecordError> {
    CommitId::parse(text).map_err(|why| broken("commit id", why))
}

fn ids(ids: &[TaskId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn task_ids(texts: &[String]) -> Result<Vec<TaskId>, RecordError> {
    texts.iter().map(|text| task_id(text)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task::actor::{Authority, Who};
    use crate::task::event::{Event, ReviewVerdict};
    use crate::task::evidence::Trouble;
    use crate::task::id::{Nonce, Seconds};
    use crate::task::record::{Decision, Note, Task};
    use crate::task::samples;

    fn read_back(task: &Task) -> Task {
        let files = task_files(task);
        let file =
            |name: &str| files.iter().find(|(path, _)| path == name).map(|(_, text)| text.clone()).unwrap();
        let folder = |name: &str| -> Vec<Vec<u8>> {
            files.iter().filter(|(path, _)| path.starts_with(name)).map(|(_, text)| text.clone()).collect()
        };
        let (reviews, decisions) = (folder("reviews/"), folder("decisions/"));
        read_task(&file("task.json"), &file("spec.md"), &reviews, &decisions, &folder("notes/")).unwrap()
    }

    #[test]
    fn every_state_and_event_reads_back_the_same() {
        for state in samples::states() {
            let task = samples::task(state);
            assert_eq!(read_back(&task), task);
        }
        for event in samples::events() {
            let record = EventRecord {
                event,
                actor: samples::actor(Authority::Orchestrator),
                at: Seconds(5),
                nonce: Nonce("n".to_owned()),
                op: "op-1".to_owned(),
            };
            assert_eq!(read_event(&event_file(&record)).unwrap(), record);
        }
    }

    proptest! {
        #[test]
        fn any_history_reads_back_the_same(picks in prop::collection::vec((0_usize..64, 0_usize..4), 0..40)) {
            for task in crate::task::table::history(&picks) {
                prop_assert_eq!(read_back(&task), task);
            }
        }
    }

    #[test]
    fn a_newer_record_is_refused_and_says_so() {
        let text = br#"{"v": 2, "id": "t-1"}"#;
        let refused = read_task(text, b"", &[], &[], &[]).unwrap_err();
        assert_eq!(refused.to_string(), "written by a newer git orch (record 2, this one knows 1)");
    }

    /// One fixture for each version, for ever: what an old program wrote must stay readable.
    #[test]
    fn version_1_stays_readable() {
        let task = read_task(
            include_bytes!("../../../tests/fixtures/record-1/task.json"),
            include_bytes!("../../../tests/fixtures/record-1/spec.md"),
            &[include_bytes!("../../../tests/fixtures/record-1/review.json").to_vec()],
            &[include_bytes!("../../../tests/fixtures/record-1/decision.json").to_vec()],
            &[include_bytes!("../../../tests/fixtures/record-1/note.json").to_vec()],
        )
        .unwrap();
        assert_eq!((task.id.as_str(), task.state.word()), ("t-1", "escalated"));
        assert_eq!((task.reviews.len(), task.decisions.len()), (1, 1));
        let event = read_event(include_bytes!("../../../tests/fixtures/record-1/event.json")).unwrap();
        assert_eq!(event.event.word(), "ejected");
    }

    #[test]
    fn the_fixture_is_what_this_version_writes() {
        let mut task = samples::task(samples::states()[11].clone());
        task.reviews.push(samples::review(Ok(ReviewVerdict::Revise)));
        let because = samples::evidence(Trouble::Worse);
        task.decisions.push(Decision {
            at: Seconds(1500),
            by: Who("git-orch".to_owned()),
            what: "ejected".to_owned(),
            text: because.text.clone(),
            evidence: Some(because.clone()),
        });
        task.notes.push(Note {
            role: "implement".to_owned(),
            try_number: 1,
            tags: vec!["src/**".to_owned()],
            text: "The test waits for a clock.".to_owned(),
        });
        let record = EventRecord {
            event: Event::Ejected { because },
            actor: samples::actor(Authority::Orchestrator),
            at: Seconds(1500),
            nonce: Nonce("0123456789abcdef".to_owned()),
            op: "op-1".to_owned(),
        };
        let fixture = |name: &str| {
            let path =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/record-1").join(name);
            std::fs::read_to_string(path).unwrap()
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let files = task_files(&task);
        for (name, kept) in [
            ("task.json", "task.json"),
            ("spec.md", "spec.md"),
            ("reviews/001-safety.json", "review.json"),
            ("decisions/001-ejected.json", "decision.json"),
            ("notes/001-implement.json", "note.json"),
        ] {
            let (_, written) = files.iter().find(|(path, _)| path == name).unwrap();
            assert_eq!(text(written), fixture(kept));
        }
        assert_eq!(text(&event_file(&record)), fixture("event.json"));
    }
}
