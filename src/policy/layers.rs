//! Layers of settings: where a value may come from, which one is used, and why.

use super::{
    built_in::BUILT_IN,
    key::{self, KEYS, Kind, Shape, Stricter},
    layer::{Layer, Origin},
    value::Value,
};
use std::{collections::BTreeSet, fmt};

/// All layers of one command, the lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    layers: Vec<Layer>,
}

/// What is used for one key, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    /// Nothing where no layer says anything. For an intersection one list for each layer that has one.
    pub(crate) values: Vec<Value>,
    /// Where the value comes from: the deciding layer.
    pub(crate) origin: Origin,
    pub(crate) rows: Vec<Row>,
}

/// What one layer says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) value: String,
    /// The place, as a person finds it: `git config --local orch.cap.diff`.
    pub(crate) origin: String,
    pub(crate) used: bool,
    /// Why it is used or not; empty where that is plain.
    pub(crate) why: &'static str,
    /// Whether a person may wonder why nothing came of it.
    pub(crate) notable: bool,
}

/// The answer to `config explain`: shown as the value with its documentation, and a line for each layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) name: String,
    /// The value that is used; empty for none.
    pub(crate) used: String,
    pub(crate) doc: &'static str,
    /// The highest layer first.
    pub(crate) rows: Vec<Row>,
}

/// A line of `config list --origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) origin: String,
    pub(crate) doc: &'static str,
}

impl Settings {
    /// Takes layers in any order. A worktree's file is left out where the base has one.
    pub(crate) fn new(mut layers: Vec<Layer>) -> Settings {
        let committed = layers.iter().any(|layer| matches!(layer.origin, Origin::Base { .. }));
        layers.retain(|layer| !committed || layer.origin != Origin::Worktree);
        layers.sort_by(|a, b| a.origin.cmp(&b.origin));
        Settings { layers }
    }

    /// The layers that may speak of a name, the lowest first. The list of built-in agents is read only for a name of
    /// theirs: it is long, and most commands, the hook above all, start no agent.
    fn layers_of(&self, name: &str) -> impl Iterator<Item = &Layer> {
        let built_in = name.starts_with("agent.").then(|| &*BUILT_IN);
        built_in.into_iter().chain(&self.layers)
    }

    /// Decides a key by its full name; nothing if there is no such key.
    pub(crate) fn decide(&self, name: &str) -> Option<Decided> {
        let key = key::find(name)?;
        let built_in = key.built_in().map(|value| (&Origin::BuiltIn, value));
        let layers = self.layers_of(name);
        let said = layers.filter_map(|layer| Some((&layer.origin, layer.values.get(name)?.clone())));
        let said: Vec<(&Origin, Value)> = built_in.into_iter().chain(said).collect();
        Some(match key.kind {
            Kind::Preference => highest(name, &said, |_| true, ""),
            Kind::Shared => highest(name, &said, Origin::is_project, ONLY_PROJECT),
            Kind::Limit(Stricter::OnlyBase) => highest(
                name,
                &said,
                |origin| matches!(origin, Origin::BuiltIn | Origin::Base { .. }),
                ONLY_BASE,
            ),
            Kind::Limit(Stricter::Smaller) => strictest(name, &said, is_smaller),
            Kind::Limit(Stricter::Earlier) => strictest(name, &said, |a, b| is_earlier(key.shape, a, b)),
            Kind::Limit(Stricter::Intersection | Stricter::Union) => collected(name, &said),
        })
    }

    /// Explains a key; nothing if there is no such key.
    pub(crate) fn explain(&self, name: &str) -> Option<Explanation> {
        let key = key::find(name)?;
        let decided = self.decide(name)?;
        let used = decided.shown();
        let rows = decided.rows.into_iter().rev().collect();
        Some(Explanation { name: name.to_owned(), used, doc: key.doc, rows })
    }

    /// Every key with what is used, agents of the user's own included.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let own: BTreeSet<&String> = self.layers.iter().flat_map(|layer| layer.values.keys()).collect();
        KEYS.iter()
            .flat_map(|key| match key.name.contains('*') {
                false => vec![key.name.to_owned()],
                true => own.iter().filter(|name| key.matches(name)).map(|name| (*name).clone()).collect(),
            })
            .filter_map(|name| {
                let (key, decided) = (key::find(&name)?, self.decide(&name)?);
                let origin = decided.origin.place(&name);
                Some(Listed { value: decided.shown(), origin, doc: key.doc, name })
            })
            .collect()
    }

    /// The rules that are not the built-in ones, with their values. How single agents are called is left out, as are the
    /// words of a command that does an agent's work: they are no rules and may be secret, and reports go to others.
    pub(crate) fn changed(&self) -> Vec<(String, String)> {
        let listed = self.list().into_iter().filter(|listed| !listed.name.starts_with("agent."));
        let told = |Listed { name, value, .. }: Listed| match value.contains("exec:") {
            true if name.starts_with("agents.") => (name, "exec:...".to_owned()),
            _ => (name, value),
        };
        listed.filter(|listed| self.is_own(&listed.name)).map(told).collect()
    }

    /// What users set of an agent's entry: names and values. Nothing for one that is as it is built in.
    pub(crate) fn set_of_agent(&self, agent: &str) -> Vec<(String, String)> {
        let prefix = format!("agent.{agent}.");
        let listed = self.list().into_iter().filter(|listed| listed.name.starts_with(&prefix));
        let own = listed.filter(|listed| self.is_own(&listed.name));
        own.map(|listed| (listed.name, listed.value)).collect()
    }

    /// Whether somebody set it.
    fn is_own(&self, name: &str) -> bool {
        self.decide(name).is_some_and(|decided| decided.origin != Origin::BuiltIn)
    }

    /// What people should know: values that are not used though somebody set them, names that are no settings.
    pub(crate) fn notices(&self) -> Vec<String> {
        let passed_over = self.layers.iter().flat_map(|layer| layer.notices.clone());
        let names: BTreeSet<&String> = self.layers.iter().flat_map(|layer| layer.values.keys()).collect();
        let ignored = names.into_iter().flat_map(|name| {
            let rows = self.decide(name).map(|decided| decided.rows).unwrap_or_default();
            rows.into_iter()
                .filter(|row| row.notable)
                .map(move |row| format!("{name} = {} of {} is not used: {}", row.value, row.origin, row.why))
        });
        passed_over.chain(ignored).collect()
    }

    /// The highest layer that says something of a key, or of what stands below a section; of an agent's key that it has
    /// from another one, the layer of its section.
    pub(crate) fn said_by(&self, name: &str) -> Option<&Origin> {
        let below = format!("{name}.");
        let says = |layer: &&Layer| layer.values.keys().any(|key| key == name || key.starts_with(&below));
        let found = self.layers.iter().rev().find(says).map(|layer| &layer.origin);
        match name.rsplit_once('.') {
            Some((section, _)) if found.is_none() => self.said_by(section),
            _ => found,
        }
    }

    /// Whether any layer says something about this name.
    pub(super) fn is_said(&self, name: &str) -> bool {
        self.layers_of(name).any(|layer| layer.values.contains_key(name))
    }

    /// The names of all agents: the built-in ones, and those that users gave.
    pub(super) fn agent_names(&self) -> BTreeSet<String> {
        self.own_agents().chain(agents_in(&BUILT_IN)).map(str::to_owned).collect()
    }

    /// Whether users gave agents of their own, or changed a built-in one.
    pub(super) fn has_own_agents(&self) -> bool {
        self.own_agents().next().is_some()
    }

    fn own_agents(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().flat_map(agents_in)
    }
}

/// The agents that a layer speaks of, once for each key.
fn agents_in(layer: &Layer) -> impl Iterator<Item = &str> {
    let names = layer.values.keys().filter_map(|name| name.strip_prefix("agent.")?.split_once('.'));
    names.map(|(agent, _)| agent)
}

const ONLY_PROJECT: &str = "it comes from orch.toml on the base branch only";
const ONLY_BASE: &str = "it counts once it is committed on the base branch";
const LOOSER: &str = "looser; to loosen a limit, commit it on the base branch";

/// The highest layer that may say something. `why` is for those that may not.
fn highest(
    name: &str,
    said: &[(&Origin, Value)],
    may: impl Fn(&Origin) -> bool,
    why: &'static str,
) -> Decided {
    let winner = said.iter().rposition(|(origin, _)| may(origin));
    let rows = said.iter().enumerate().map(|(at, (origin, value))| {
        let ignored = !may(origin);
        Row {
            value: value.to_string(),
            origin: origin.place(name),
            used: Some(at) == winner,
            why: if ignored { why } else { "" },
            notable: ignored,
        }
    });
    Decided {
        values: winner.map(|at| said[at].1.clone()).into_iter().collect(),
        origin: winner.map_or(Origin::BuiltIn, |at| said[at].0.clone()),
        rows: rows.collect(),
    }
}

/// Where a limit starts: what the base says, or else what is built in. From there on it only gets stricter.
fn anchor(said: &[(&Origin, Value)]) -> usize {
    said.iter().position(|(origin, _)| matches!(origin, Origin::Base { .. })).unwrap_or(0)
}

/// The strictest value from the anchor on; of equal ones the lowest layer.
fn strictest(name: &str, said: &[(&Origin, Value)], is_stricter: impl Fn(&Value, &Value) -> bool) -> Decided {
    let start = anchor(said);
    let mut winner = start;
    for at in start + 1..said.len() {
        if is_stricter(&said[at].1, &said[winner].1) {
            winner = at;
        }
    }
    let rows = said.iter().enumerate().map(|(at, (origin, value))| {
        let looser = at > start && said.get(start).is_some_and(|(_, limit)| is_stricter(limit, value));
        let why = match (at == winner, looser) {
            (true, _) if at > start => "stricter",
            (false, true) => LOOSER,
            _ => "",
        };
        Row { value: value.to_string(), origin: origin.place(name), used: at == winner, why, notable: looser }
    });
    Decided {
        values: said.get(winner).map(|(_, value)| value.clone()).into_iter().collect(),
        origin: said.get(winner).map_or(Origin::BuiltIn, |(origin, _)| (*origin).clone()),
        rows: rows.collect(),
    }
}

fn is_smaller(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Count(a), Value::Count(b)) | (Value::Money(a), Value::Money(b)) => a < b,
        (Value::Time(a), Value::Time(b)) => a < b,
        _ => false, // a test holds that no other shape is compared so
    }
}

/// Whether a word stands before another among the choices.
fn is_earlier(shape: Shape, a: &Value, b: &Value) -> bool {
    let Shape::Choice(words) = shape else { return false }; // a test holds that no other shape is compared so
    let place =
        |value: &Value| words.iter().position(|word| matches!(value, Value::Text(text) if text == word));
    place(a).zip(place(b)).is_some_and(|(a, b)| a < b)
}

/// Every list that is not empty from the anchor on: all of them hold.
fn collected(name: &str, said: &[(&Origin, Value)]) -> Decided {
    let start = anchor(said);
    let counts = |at: usize| at >= start && !matches!(&said[at].1, Value::List(words) if words.is_empty());
    let winners: Vec<usize> = (0..said.len()).filter(|&at| counts(at)).collect();
    let rows = said.iter().enumerate().map(|(at, (origin, value))| Row {
        value: value.to_string(),
        origin: origin.place(name),
        used: counts(at),
        why: if counts(at) && winners.len() > 1 { "all of these hold" } else { "" },
        notable: false,
    });
    Decided {
        values: winners.iter().map(|&at| said[at].1.clone()).collect(),
        origin: winners
            .last()
            .or(Some(&start))
            .and_then(|&at| said.get(at))
            .map_or(Origin::BuiltIn, |(origin, _)| (*origin).clone()),
        rows: rows.collect(),
    }
}

impl Decided {
    /// The value as text; empty for none.
    fn shown(&self) -> String {
        self.values.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |value: &str| if value.is_empty() { "none".to_owned() } else { value.to_owned() };
        write!(f, "{} = {}   {}", self.name, plain(&self.used), self.doc)?;
        let values = self.rows.iter().map(|row| plain(&row.value).chars().count()).max().unwrap_or(0);
        let origins = self.rows.iter().map(|row| row.origin.chars().count()).max().unwrap_or(0);
        for row in &self.rows {
            let mark = match (row.used, row.why) {
                (true, "") => "<- used".to_owned(),
                (true, why) => format!("<- used ({why})"),
                (false, "") => String::new(),
                (false, why) => format!("not used: {why}"),
            };
            let line = format!("  {:<values$}   {:<origins$}   {mark}", plain(&row.value), row.origin);
            write!(f, "\n{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
