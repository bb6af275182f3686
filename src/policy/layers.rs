//! Layers of settings: where a value may come from, which one is used, and why.

use super::{
    agents::BUILT_IN,
    file::Values,
    key::{self, KEYS, Key, Kind, Shape, Stricter},
    value::{BadValue, Value},
};
use std::{collections::BTreeSet, fmt};

/// Values that come from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) origin: Origin,
    /// By full names of keys.
    pub(crate) values: Values,
    /// What was passed over while the layer was read.
    pub(crate) notices: Vec<String>,
}

/// Where a value comes from; the later ones are the higher layers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    BuiltIn,
    /// `orch.toml` as committed on the base branch.
    Base {
        branch: String,
        commit: String,
    },
    /// `orch.toml` in the main worktree; counts only while the base has none.
    Worktree,
    GitConfig(Scope),
    Environment,
    /// An option of the command line, with its dashes.
    Flag(String),
}

/// A file of git's settings; the later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    System,
    Global,
    Local,
    Worktree,
    /// `git -c` and `GIT_CONFIG_*`.
    Command,
}

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

/// Why a layer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {error}")]
pub(crate) struct BadLayer {
    /// As a person finds it: `GIT_ORCH_CAP_DIFF`.
    pub(crate) place: String,
    pub(crate) error: BadValue,
}

impl Layer {
    /// The layer of a file that was read.
    pub(crate) fn of_file(origin: Origin, values: Values) -> Layer {
        Layer { origin, values, notices: Vec::new() }
    }

    /// Reads the `orch.*` of one of git's files: names without `orch.`, with their values; of two the later holds.
    ///
    /// A name that is no setting is passed over with a notice: other programs may keep theirs there.
    ///
    /// # Errors
    /// The first value that cannot be read.
    pub(crate) fn of_git_config(scope: Scope, entries: &[(String, String)]) -> Result<Layer, BadLayer> {
        let mut layer = Layer::of_file(Origin::GitConfig(scope), Values::new());
        for (name, text) in entries {
            match key::find_in_git(name) {
                Some(full) => layer.set(&full, text)?,
                None => {
                    let meant = key::similar(name).map(|meant| format!("; did you mean orch.{meant}?"));
                    let place = layer.origin.place(name);
                    layer.notices.push(format!("{place}: no such setting{}", meant.unwrap_or_default()));
                }
            }
        }
        Ok(layer)
    }

    /// Reads the variables of the environment that are settings; others are passed over, empty ones too.
    ///
    /// # Errors
    /// The first value that cannot be read.
    pub(crate) fn of_environment(variables: &[(String, String)]) -> Result<Layer, BadLayer> {
        let mut layer = Layer::of_file(Origin::Environment, Values::new());
        for (variable, text) in variables.iter().filter(|(_, text)| !text.is_empty()) {
            let plain_keys = KEYS.iter().filter(|key| !key.name.contains('*'));
            if let Some(key) = plain_keys.into_iter().find(|key| key.variable() == *variable) {
                layer.set(key.name, text)?;
            }
        }
        Ok(layer)
    }

    /// The layer of one option of the command line: `--jobs 3` is `run.jobs`.
    ///
    /// # Errors
    /// A value that cannot be read.
    pub(crate) fn of_flag(flag: &str, name: &str, text: &str) -> Result<Layer, BadLayer> {
        let mut layer = Layer::of_file(Origin::Flag(flag.to_owned()), Values::new());
        layer.set(name, text)?;
        Ok(layer)
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), BadLayer> {
        let Some(key) = key::find(name) else { return Ok(()) };
        let value = Value::parse(key, name, text)
            .map_err(|error| BadLayer { place: self.origin.place(name), error })?;
        self.values.insert(name.to_owned(), value);
        Ok(())
    }
}

impl Origin {
    /// Where a person finds the value of a key.
    pub(crate) fn place(&self, name: &str) -> String {
        match self {
            Origin::BuiltIn => "built-in".to_owned(),
            Origin::Base { branch, commit } => format!("orch.toml on {branch} ({commit})"),
            Origin::Worktree => "orch.toml in the worktree (not committed)".to_owned(),
            Origin::GitConfig(scope) => format!("git config --{scope} orch.{}", git_name(name)),
            Origin::Environment => key::find(name).map_or_else(|| name.to_owned(), Key::variable),
            Origin::Flag(flag) => flag.clone(),
        }
    }

    /// Whether the file of the project says it, not a person for himself.
    fn is_project(&self) -> bool {
        matches!(self, Origin::BuiltIn | Origin::Base { .. } | Origin::Worktree)
    }
}

/// A key as git allows it: no `_` in the last part.
fn git_name(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((section, last)) => format!("{section}.{}", last.replace('_', "-")),
        None => name.replace('_', "-"),
    }
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

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::System => "system",
            Scope::Global => "global",
            Scope::Local => "local",
            Scope::Worktree => "worktree",
            Scope::Command => "command",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::file;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    fn base(text: &str) -> Layer {
        let origin = Origin::Base { branch: "main".to_owned(), commit: "a1b2c3d".to_owned() };
        Layer::of_file(origin, file::read(text).unwrap())
    }

    fn worktree(text: &str) -> Layer {
        Layer::of_file(Origin::Worktree, file::read(text).unwrap())
    }

    fn local(entries: &[(&str, &str)]) -> Layer {
        Layer::of_git_config(Scope::Local, &owned(entries)).unwrap()
    }

    fn environment(entries: &[(&str, &str)]) -> Layer {
        Layer::of_environment(&owned(entries)).unwrap()
    }

    fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn explained(layers: &[&Layer], name: &str) -> String {
        Settings::new(layers.iter().map(|layer| (*layer).clone()).collect())
            .explain(name)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_stricter_limit_wins_and_a_looser_one_does_not() {
        let base = base("[cap]\ndiff = 200");
        assert_snapshot!(explained(&[&local(&[("cap.diff", "150")]), &base], "cap.diff"), @"
        cap.diff = 150   lines added + removed in one task, without lock files and generated files
          150   git config --local orch.cap.diff   <- used (stricter)
          200   orch.toml on main (a1b2c3d)
          200   built-in
        ");
        assert_snapshot!(explained(&[&base, &environment(&[("GIT_ORCH_CAP_DIFF", "900")])], "cap.diff"), @"
        cap.diff = 200   lines added + removed in one task, without lock files and generated files
          900   GIT_ORCH_CAP_DIFF             not used: looser; to loosen a limit, commit it on the base branch
          200   orch.toml on main (a1b2c3d)   <- used
          200   built-in
        ");
    }

    #[test]
    fn only_the_base_loosens_what_is_built_in() {
        assert_snapshot!(explained(&[&base("[cap]\ndiff = 400")], "cap.diff"), @"
        cap.diff = 400   lines added + removed in one task, without lock files and generated files
          400   orch.toml on main (a1b2c3d)   <- used
          200   built-in
        ");
        assert_snapshot!(explained(&[&worktree("[cap]\ndiff = 400")], "cap.diff"), @"
        cap.diff = 200   lines added + removed in one task, without lock files and generated files
          400   orch.toml in the worktree (not committed)   not used: looser; to loosen a limit, commit it on the base branch
          200   built-in                                    <- used
        ");
        assert_snapshot!(explained(&[&worktree("[cap]\nexclude = ['*']")], "cap.exclude"), @"
        cap.exclude = none   globs of files that do not count as diff
          *      orch.toml in the worktree (not committed)   not used: it counts once it is committed on the base branch
          none   built-in                                    <- used
        ");
    }

    #[test]
    fn whose_verdicts_count_is_loosened_by_the_base_alone() {
        let (shared, own) = ([("queue.verdicts", "shared")], [("queue.verdicts", "own")]);
        let layers = [&worktree("[queue]\nverdicts = 'shared'"), &local(&shared)];
        assert_snapshot!(explained(&layers, "queue.verdicts"), @"
        queue.verdicts = own   whose test runs count: those of this clone, or whatever stands in notes that others may push
          shared   git config --local orch.queue.verdicts      not used: looser; to loosen a limit, commit it on the base branch
          shared   orch.toml in the worktree (not committed)   not used: looser; to loosen a limit, commit it on the base branch
          own      built-in                                    <- used
        ");
        let layers = [&base("[queue]\nverdicts = 'shared'"), &local(&own)];
        assert_snapshot!(explained(&layers, "queue.verdicts"), @"
        queue.verdicts = own   whose test runs count: those of this clone, or whatever stands in notes that others may push
          own      git config --local orch.queue.verdicts   <- used (stricter)
          shared   orch.toml on main (a1b2c3d)
          own      built-in
        ");
    }

    #[test]
    fn preferences_go_to_the_highest_layer() {
        let layers = [
            &environment(&[("GIT_ORCH_RUN_JOBS", "2")]),
            &base("[run]\njobs = 3"),
            &Layer::of_flag("--jobs", "run.jobs", "4").unwrap(),
            &local(&[("run.jobs", "5")]),
        ];
        assert_snapshot!(explained(&layers, "run.jobs"), @"
        run.jobs = 4   agents that work at the same time
          4   --jobs                             <- used
          2   GIT_ORCH_RUN_JOBS
          5   git config --local orch.run.jobs
          3   orch.toml on main (a1b2c3d)
          6   built-in
        ");
    }

    #[test]
    fn test_commands_come_from_the_project() {
        let mine = local(&[("tests.all", "true"), ("tests.file-run", "x")]);
        assert_snapshot!(explained(&[&base("[tests]\nall = 'make test'"), &mine], "tests.all"), @"
        tests.all = make test   command that runs the full test suite
          true        git config --local orch.tests.all   not used: it comes from orch.toml on the base branch only
          make test   orch.toml on main (a1b2c3d)         <- used
        ");
        // A worktree's file is not seen where the base has one, and is enough where it has none.
        assert_snapshot!(explained(&[&base(""), &worktree("[tests]\nall = 'true'"), &mine], "tests.all"), @"
        tests.all = none   command that runs the full test suite
          true   git config --local orch.tests.all   not used: it comes from orch.toml on the base branch only
        ");
        assert_snapshot!(explained(&[&worktree("[tests]\nall = 'make'")], "tests.all"), @"
        tests.all = make   command that runs the full test suite
          make   orch.toml in the worktree (not committed)   <- used
        ");
    }

    #[test]
    fn lists_of_paths_add_up() {
        let layers =
            [&base("[paths]\nallow = ['src']\ndeny = ['a']"), &local(&[("paths.allow", "src/x,docs")])];
        assert_snapshot!(explained(&layers, "paths.allow"), @"
        paths.allow = src; src/x, docs   globs of files that tasks may touch; empty for all
          src/x, docs   git config --local orch.paths.allow   <- used (all of these hold)
          src           orch.toml on main (a1b2c3d)           <- used (all of these hold)
          none          built-in
        ");
        assert_snapshot!(explained(&layers, "paths.deny"), @"
        paths.deny = a   globs of files that no task may touch
          a      orch.toml on main (a1b2c3d)   <- used
          none   built-in
        ");
        assert_snapshot!(explained(&[], "paths.deny"), @"
        paths.deny = none   globs of files that no task may touch
          none   built-in
        ");
    }

    #[test]
    fn what_is_not_used_is_said_once() {
        let mine = local(&[("tests.all", "true"), ("cap.diff", "900"), ("cap.dif", "1"), ("run.jobs", "9")]);
        let settings = Settings::new(vec![base(""), mine]);
        assert_snapshot!(settings.notices().join("\n"), @"
        git config --local orch.cap.dif: no such setting; did you mean orch.cap.diff?
        cap.diff = 900 of git config --local orch.cap.diff is not used: looser; to loosen a limit, commit it on the base branch
        tests.all = true of git config --local orch.tests.all is not used: it comes from orch.toml on the base branch only
        ");
    }

    #[test]
    fn the_narrower_file_of_git_wins() {
        let of = |scope| Layer::of_git_config(scope, &owned(&[("commit.signoff", "true")])).unwrap();
        let layers = [&of(Scope::Worktree), &of(Scope::System), &of(Scope::Local), &of(Scope::Global)];
        assert_snapshot!(explained(&layers, "commit.signoff"), @"
        commit.signoff = true   add Signed-off-by to commits
          true    git config --worktree orch.commit.signoff   <- used
          true    git config --local orch.commit.signoff
          true    git config --global orch.commit.signoff
          true    git config --system orch.commit.signoff
          false   built-in
        ");
    }

    #[test]
    fn a_bad_value_names_its_place() {
        let error = Layer::of_environment(&owned(&[("GIT_ORCH_CAP_DIFF", "x")])).unwrap_err();
        assert_snapshot!(error, @"GIT_ORCH_CAP_DIFF: cap.diff must be a whole number above 0");
        let error = Layer::of_git_config(Scope::Global, &owned(&[("cap.binary-mb", "x")])).unwrap_err();
        assert_snapshot!(error, @"git config --global orch.cap.binary-mb: cap.binary_mb must be a whole number above 0");
    }

    #[test]
    fn the_list_holds_every_key_and_own_agents() {
        let settings = Settings::new(vec![base("[agent.mine]\ncommand = 'x'"), local(&[("run.jobs", "2")])]);
        let listed = settings.list();
        let plain = KEYS.iter().filter(|key| !key.name.contains('*')).count();
        assert_eq!(listed.len(), plain + 1);
        let line = |name: &str| {
            let found = listed.iter().find(|listed| listed.name == name).unwrap();
            format!("{} = {} ({})", found.name, found.value, found.origin)
        };
        assert_snapshot!(line("agent.mine.command"), @"agent.mine.command = x (orch.toml on main (a1b2c3d))");
        assert_snapshot!(line("run.jobs"), @"run.jobs = 2 (git config --local orch.run.jobs)");
        assert_snapshot!(line("limits.review"), @"limits.review = 10m (built-in)");
    }

    proptest! {
        #[test]
        fn personal_layers_never_loosen_a_number(committed in 1_u64..500, mine in proptest::collection::vec(1_u64..500, 0..3)) {
            let mut layers = vec![base(&format!("[cap]\ndiff = {committed}"))];
            for (scope, value) in [Scope::Global, Scope::Local, Scope::Worktree].into_iter().zip(&mine) {
                let entry = [("cap.diff".to_owned(), value.to_string())];
                layers.push(Layer::of_git_config(scope, &entry).unwrap());
            }
            let expected = mine.iter().copied().chain([committed]).min().unwrap();
            let decided = Settings::new(layers).decide("cap.diff").unwrap();
            prop_assert_eq!(decided.values, vec![Value::Count(expected)]);
            prop_assert_eq!(decided.rows.iter().filter(|row| row.used).count(), 1);
        }

        #[test]
        fn the_order_in_which_layers_come_is_nothing(swap in proptest::bool::ANY, name in 0..KEYS.len()) {
            let mut layers = vec![
                base("[run]\njobs = 3\n[cap]\ndiff = 100\n[tests]\nall = 'x'\n[paths]\ndeny = ['a']"),
                local(&[("run.jobs", "2"), ("cap.diff", "50"), ("tests.all", "y"), ("paths.deny", "b")]),
            ];
            let straight = Settings::new(layers.clone());
            if swap {
                layers.reverse();
            }
            prop_assert_eq!(straight.decide(KEYS[name].name), Settings::new(layers).decide(KEYS[name].name));
        }
    }
}
