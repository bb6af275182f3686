//! Looks at the settings: whether they hold, and whether what they name is there.

use std::collections::BTreeSet;

use crate::agent::{self, Agent, Kind};
use crate::flow::Project;
use crate::flow::init::AGENTS;
use crate::flow::project::SETTINGS;
use crate::policy::agents::Call;
use crate::process::which;

use super::diagnosis::{Diagnosis, INIT};

impl Project {
    pub(super) fn examine_settings(&self, found: &mut Diagnosis) {
        let there = self.root().join(SETTINGS).exists();
        match (self.settings_landed, there) {
            (true, _) => found.fine("settings", format!("{SETTINGS} is on {}", self.base.branch)),
            (false, true) => found.wrong(
                "settings",
                format!("{SETTINGS} is not committed on {}: built-in limits hold", self.base.branch),
                &format!("git add {SETTINGS} && git commit -m \"Add {SETTINGS}\""),
            ),
            (false, false) => found.wrong("settings", format!("there is no {SETTINGS}"), INIT),
        }
        found.none_of(
            "notices",
            "every setting counts",
            &self.policy.notices,
            "git orch config list --origin",
        );
        match &self.policy.tests.all {
            Some(command) => found.fine("tests", format!("tests run by: {command}")),
            None => found.wrong("tests", "no test command: nothing can land", "git orch show E-NO-TESTS"),
        }
    }

    pub(super) fn examine_agents(&self, found: &mut Diagnosis) {
        let agents = &self.policy.agents;
        let set =
            [&agents.implement, &agents.review, &agents.fix, &agents.test, &agents.clarify, &agents.plan];
        let set = set.into_iter().flatten();
        let known = self.settings.agent_entries().unwrap_or_default();
        let mut missing = Vec::new();
        let mut there = Vec::new();
        for agent in set.map(String::as_str).collect::<BTreeSet<_>>() {
            let ok = match agent::parse(agent, &known) {
                Ok(Agent { kind: Kind::Team { workers, .. }, .. }) => {
                    workers.iter().all(|worker| is_found(&worker.kind))
                }
                Ok(Agent { kind, .. }) => is_found(&kind),
                Err(_) => false,
            };
            if ok {
                there.push(agent.to_owned())
            } else {
                missing.push(format!("{agent} is not found in PATH"))
            }
        }
        let installed: Vec<&str> = AGENTS.iter().copied().filter(|name| which(name).is_some()).collect();
        let fine = match (there.is_empty(), installed.is_empty()) {
            (false, _) => there.join(", "),
            (true, true) => "none is set: people pick tasks, or set orch.agents.implement".to_owned(),
            (true, false) => format!("none is set; installed: {}", installed.join(", ")),
        };
        found.none_of("agents", &fine, &missing, "git orch config explain agents.implement");
    }
}

/// Whether what an agent runs is there.
fn is_found(kind: &Kind) -> bool {
    match kind {
        Kind::Program(entry) => match &entry.call {
            Call::Shell(command) => first_program(command).is_none_or(|program| which(&program).is_some()),
            Call::Argv(argv) => argv.first().is_some_and(|program| which(program).is_some()),
        },
        Kind::Script { folder } => folder.is_dir(),
        Kind::Team { .. } => true,
    }
}

/// The program that a shell command starts with; nothing where it starts with something else than a plain word.
fn first_program(command: &str) -> Option<String> {
    let first = shlex::split(command)?.into_iter().next()?;
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    let builtin = ["cd", "export", "exec", "set", "if", "for", "while", "eval", "command", "test", "true"];
    (plain && !builtin.contains(&first.as_str())).then_some(first)
}
