//! What a run needs to go on after it was killed: `run.json` in its tree.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::budget::{Account, Both, Known, Ledger, OpenTurn, Seen, Untold};
use crate::report::{CommandLine, TurnLine};
use crate::task::id::{CommitId, RunId, Seconds, TaskId};

use super::StoreError;
use super::journal::Store;
use super::record::{RecordError, TurnWire, VERSION, turn_of, turn_wire};

/// What to type to go on with the run that has not ended, whatever its tasks are.
pub(crate) const GO_ON: &str = "git orch run";
/// The file's name.
pub(crate) const FILE: &str = "run.json";

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunState {
    pub(crate) started: Seconds,
    /// Where the base branch stood then.
    pub(crate) base: CommitId,
    /// Only these tasks; empty = all.
    pub(crate) only: BTreeSet<TaskId>,
    /// The tasks that were open then.
    pub(crate) scope: BTreeSet<TaskId>,
    /// When its time is over.
    pub(crate) until: Option<Seconds>,
    /// It waits for a person, with the reason: its budget is used up.
    pub(crate) waits: Option<String>,
    /// Why it goes on only when it is called again, where it was not killed.
    pub(crate) rests: Option<Rest>,
    /// How often it was killed and went on.
    pub(crate) resumed: u32,
    pub(crate) ledger: Ledger,
    pub(crate) turns: Vec<TurnLine>,
    pub(crate) commands: Vec<CommandLine>,
}

/// Why a run that was not killed goes on only when it is called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// A person ended it before everything was done.
    Interrupted,
    /// Its budget was used up, and a person allowed it once more.
    Allowed,
}

#[derive(Serialize, Deserialize)]
struct StateWire {
    v: u32,
    started: i64,
    base: String,
    only: Vec<String>,
    scope: Vec<String>,
    until: Option<i64>,
    waits: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rests: Option<RestWire>,
    /// How often it was killed and went on.
    #[serde(default)]
    resumed: u32,
    money_micros: AccountWire,
    tokens: AccountWire,
    open: Vec<OpenWire>,
    turns: Vec<TurnOfWire>,
    commands: Vec<CommandWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RestWire {
    Interrupted,
    Allowed,
}

#[derive(Serialize, Deserialize)]
struct AccountWire {
    cap: Option<u64>,
    granted: u64,
    spent: u64,
    untold: Vec<UntoldWire>,
    known: Vec<KnownWire>,
}

#[derive(Serialize, Deserialize)]
struct UntoldWire {
    agent: String,
    role: String,
    reserved: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
}

#[derive(Serialize, Deserialize)]
struct KnownWire {
    agent: String,
    role: String,
    most: Option<u64>,
    silent: bool,
    /// How many failed in a row and told nothing.
    #[serde(default)]
    failed: u32,
}

#[derive(Serialize, Deserialize)]
struct OpenWire {
    task: String,
    role: String,
    agent: String,
    money_micros: u64,
    tokens: u64,
    free: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logs: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct TurnOfWire {
    task: String,
    turn: TurnWire,
}

#[derive(Serialize, Deserialize)]
struct CommandWire {
    what: String,
    started: i64,
    seconds: u64,
    ended: String,
}

/// The content of `run.json`.
pub(crate) fn state_json(state: &RunState) -> Vec<u8> {
    let ids = |ids: &BTreeSet<TaskId>| ids.iter().map(ToString::to_string).collect();
    let wire = StateWire {
        v: VERSION,
        started: state.started.0,
        base: state.base.to_string(),
        only: ids(&state.only),
        scope: ids(&state.scope),
        until: state.until.map(|at| at.0),
        waits: state.waits.clone(),
        rests: state.rests.map(|rest| match rest {
            Rest::Interrupted => RestWire::Interrupted,
            Rest::Allowed => RestWire::Allowed,
        }),
        resumed: state.resumed,
        money_micros: account_wire(
            &state.ledger.accounts.money,
            state.ledger.caps.money,
            state.ledger.granted.money,
        ),
        tokens: account_wire(
            &state.ledger.accounts.tokens,
            state.ledger.caps.tokens,
            state.ledger.granted.tokens,
        ),
        open: state.ledger.open.iter().map(open_wire).collect(),
        turns: state
            .turns
            .iter()
            .map(|line| TurnOfWire { task: line.task.to_string(), turn: turn_wire(&line.turn) })
            .collect(),
        commands: state
            .commands
            .iter()
            .map(|command| CommandWire {
                what: command.what.clone(),
                started: command.started.0,
                seconds: command.seconds,
                ended: command.ended.clone(),
            })
            .collect(),
    };
    let mut text = serde_json::to_vec_pretty(&wire).expect("plain strings and numbers");
    text.push(b'\n');
    text
}

fn account_wire(account: &Account, cap: Option<u64>, granted: u64) -> AccountWire {
    let known = account.known.iter().map(|((agent, role), known)| KnownWire {
        agent: agent.clone(),
        role: role.clone(),
        most: known.most,
        silent: known.silent,
        failed: known.failed,
    });
    let untold = account.untold.iter().cloned().map(|turn| {
        let Untold { agent, role, reserved, failed } = turn;
        UntoldWire { agent, role, reserved, failed }
    });
    AccountWire { cap, granted, spent: account.spent, untold: untold.collect(), known: known.collect() }
}

fn open_wire(turn: &OpenTurn) -> OpenWire {
    let OpenTurn { task, role, agent, reserved, free, seen: Seen { prompt, logs } } = turn.clone();
    let Both { money: money_micros, tokens } = reserved;
    OpenWire { task, role, agent, money_micros, tokens, free, prompt, logs }
}

/// Reads `run.json`.
///
/// # Errors
/// It is no such record, or one of a newer version.
pub(crate) fn state_of(text: &[u8]) -> Result<RunState, RecordError> {
    let broken = |why: String| RecordError::Broken { what: FILE, why };
    let wire: StateWire = serde_json::from_slice(text).map_err(|why| broken(why.to_string()))?;
    if wire.v > VERSION {
        return Err(RecordError::Newer { found: wire.v });
    }
    let id = |text: &String| TaskId::parse(text).map_err(|why| broken(why.to_string()));
    let ids = |texts: &[String]| texts.iter().map(id).collect::<Result<BTreeSet<_>, _>>();
    let turns = wire
        .turns
        .into_iter()
        .map(|line| Ok(TurnLine { task: id(&line.task)?, turn: turn_of(line.turn) }))
        .collect::<Result<_, RecordError>>()?;
    Ok(RunState {
        started: Seconds(wire.started),
        base: CommitId::parse(&wire.base).map_err(|why| broken(why.to_string()))?,
        only: ids(&wire.only)?,
        scope: ids(&wire.scope)?,
        until: wire.until.map(Seconds),
        waits: wire.waits,
        rests: wire.rests.map(|rest| match rest {
            RestWire::Interrupted => Rest::Interrupted,
            RestWire::Allowed => Rest::Allowed,
        }),
        resumed: wire.resumed,
        ledger: Ledger {
            caps: Both { money: wire.money_micros.cap, tokens: wire.tokens.cap },
            granted: Both { money: wire.money_micros.granted, tokens: wire.tokens.granted },
            accounts: Both { money: account_of(wire.money_micros), tokens: account_of(wire.tokens) },
            open: wire.open.into_iter().map(open_of).collect(),
        },
        turns,
        commands: wire
            .commands
            .into_iter()
            .map(|command| CommandLine {
                what: command.what,
                started: Seconds(command.started),
                seconds: command.seconds,
                ended: command.ended,
            })
            .collect(),
    })
}

fn account_of(wire: AccountWire) -> Account {
    let known: BTreeMap<_, _> = wire
        .known
        .into_iter()
        .map(|KnownWire { agent, role, most, silent, failed }| {
            ((agent, role), Known { most, silent, failed })
        })
        .collect();
    let untold = wire.untold.into_iter().map(|turn| {
        let UntoldWire { agent, role, reserved, failed } = turn;
        Untold { agent, role, reserved, failed }
    });
    Account { spent: wire.spent, untold: untold.collect(), known }
}

fn open_of(wire: OpenWire) -> OpenTurn {
    let reserved = Both { money: wire.money_micros, tokens: wire.tokens };
    let seen = Seen { prompt: wire.prompt, logs: wire.logs };
    OpenTurn { task: wire.task, role: wire.role, agent: wire.agent, reserved, free: wire.free, seen }
}

impl Store {
    /// Where a run stands; `None` if it or its record does not exist.
    ///
    /// # Errors
    /// Git fails, or the record cannot be read.
    pub(crate) fn run_state(&self, run: &RunId) -> Result<Option<RunState>, StoreError> {
        let Some(text) = self.run_file(run, FILE)? else { return Ok(None) };
        let name = super::layout::run_ref(run);
        let commit = self.repo.tip(&name)?;
        match (state_of(&text), commit) {
            (Ok(state), _) => Ok(Some(state)),
            (Err(source), Some(commit)) => Err(StoreError::Record { name, commit, source }),
            (Err(_), None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::budget::{Close, Told};
    use crate::task::samples;

    #[test]
    fn a_state_reads_back() {
        let mut ledger = Ledger { caps: Both { money: Some(100), tokens: None }, ..Ledger::default() };
        ledger.grant();
        let open = |task: &str| OpenTurn {
            task: task.to_owned(),
            role: "fix".to_owned(),
            agent: "a".to_owned(),
            reserved: Both { money: 7, tokens: 8 },
            free: false,
            seen: Seen { prompt: Some("1".repeat(40)), logs: vec!["logs/x".to_owned()] },
        };
        ledger.reserve(open("t-1"), 2).unwrap();
        ledger.reserve(open("t-2"), 1).unwrap();
        ledger.settle("t-1", "fix", "a", Told { money: Some(5), tokens: None }, Close::Failed);
        let ids = |text: &str| BTreeSet::from([TaskId::parse(text).unwrap()]);
        let turn = samples::events().into_iter().find_map(|event| match event {
            crate::task::Event::TurnEnded(turn) => Some(turn),
            _ => None,
        });
        let state = RunState {
            started: Seconds(100),
            base: samples::commit('a'),
            only: ids("t-1"),
            scope: ids("t-2"),
            until: Some(Seconds(200)),
            waits: Some("its budget is used up".to_owned()),
            rests: Some(Rest::Allowed),
            resumed: 2,
            ledger,
            turns: vec![TurnLine { task: TaskId::parse("t-1").unwrap(), turn: turn.unwrap() }],
            commands: vec![CommandLine {
                what: "a fix t-1".to_owned(),
                started: Seconds(100),
                seconds: 3,
                ended: "exit 0".to_owned(),
            }],
        };
        assert_eq!(state_of(&state_json(&state)).unwrap(), state);
        let newer = String::from_utf8(state_json(&state)).unwrap().replace("\"v\": 1", "\"v\": 9");
        assert!(matches!(state_of(newer.as_bytes()), Err(RecordError::Newer { found: 9 })));
        assert!(matches!(state_of(b"{}"), Err(RecordError::Broken { .. })));
        // As it was written before failed turns were told apart.
        let mut older: serde_json::Value = serde_json::from_slice(&state_json(&state)).unwrap();
        for (account, list) in [("money_micros", "known"), ("tokens", "known"), ("tokens", "untold")] {
            for one in older[account][list].as_array_mut().unwrap() {
                one.as_object_mut().unwrap().remove("failed");
            }
        }
        let read = state_of(older.to_string().as_bytes()).unwrap();
        assert!(!read.ledger.accounts.tokens.untold[0].failed);
        assert_eq!(read.turns, state.turns);
    }
}
