//! Looks at the settings: whether they hold, and whether what they name is there.

use std::collections::BTreeSet;

use crate::flow::Project;
use crate::flow::crew::named_in;
use crate::flow::init::AGENTS;
use crate::flow::project::SETTINGS;
use crate::flow::startable::TESTS;
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
            Some(command) => match self.why_tests_cannot_start() {
                Ok(None) => found.fine("tests", format!("tests run by: {command}")),
                Ok(Some(why)) => found.wrong("tests", format!("{why}: nothing can land"), TESTS),
                Err(err) => found.failed("tests", &err),
            },
            None => found.wrong("tests", "no test command: nothing can land", "git orch show E-NO-TESTS"),
        }
    }

    pub(super) fn examine_agents(&self, found: &mut Diagnosis) {
        let agents = &self.policy.agents;
        let set =
            [&agents.implement, &agents.review, &agents.fix, &agents.test, &agents.clarify, &agents.plan];
        let set = set.into_iter().flatten();
        let mut missing = Vec::new();
        let mut there = Vec::new();
        for agent in set.flat_map(|text| named_in(text)).collect::<BTreeSet<_>>() {
            let why_not = self.agent(agent).and_then(|parsed| self.why_agent_cannot_start(&parsed));
            match why_not {
                Ok(None) => there.push(agent.to_owned()),
                Ok(Some(why)) => missing.push(why),
                Err(err) => missing.push(err.to_string()),
            }
        }
        let installed: Vec<&str> = AGENTS.iter().copied().filter(|name| which(name).is_some()).collect();
        let fine = match (there.is_empty(), installed.is_empty()) {
            (false, _) => there.join(", "),
            (true, true) => "none is set: people pick tasks, or set orch.agents.implement".to_owned(),
            (true, false) => format!("none is set; installed: {}", installed.join(", ")),
        };
        found.none_of("agents", &fine, &missing, "git orch config explain agents.implement");
        // With agents that cannot be read there is no crew, and that was said.
        if let Ok(crew) = self.crew(&[]) {
            let mut prompts = Diagnosis::default();
            match self.prompts_are_whole(&crew, &mut prompts) {
                Ok(()) => found.checks.extend(prompts.checks.into_iter().filter(|check| !check.ok)),
                Err(err) => found.failed("prompt", &err),
            }
        }
    }
}
