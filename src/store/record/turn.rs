//! How a turn of an agent is stored, in journals and in the ledger of a run.

use serde::{Deserialize, Serialize};

use super::note::{NoteWire, note_of, note_wire};
use crate::task::record::{MicroUsd, TurnRecord};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct TurnWire {
    role: String,
    agent: String,
    run: Option<String>,
    ended: String,
    seconds: u64,
    tokens: Option<u64>,
    cost_usd_micros: Option<u64>,
    #[serde(default)]
    estimated: bool,
    prompt: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    chosen: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<NoteWire>,
}

pub(in crate::store) fn turn_wire(turn: &TurnRecord) -> TurnWire {
    let TurnRecord {
        role,
        agent,
        run,
        ended,
        seconds,
        tokens,
        cost,
        estimated,
        prompt,
        model,
        tier,
        chosen,
        note,
    } = turn.clone();
    let cost_usd_micros = cost.map(|cost| cost.0);
    TurnWire {
        role,
        agent,
        run,
        ended,
        seconds,
        tokens,
        cost_usd_micros,
        estimated,
        prompt,
        model,
        tier,
        chosen,
        note: note.as_ref().map(note_wire),
    }
}

pub(in crate::store) fn turn_of(wire: TurnWire) -> TurnRecord {
    TurnRecord {
        role: wire.role,
        agent: wire.agent,
        run: wire.run,
        ended: wire.ended,
        seconds: wire.seconds,
        tokens: wire.tokens,
        cost: wire.cost_usd_micros.map(MicroUsd),
        estimated: wire.estimated,
        prompt: wire.prompt,
        model: wire.model,
        tier: wire.tier,
        chosen: wire.chosen,
        note: wire.note.map(note_of),
    }
}
