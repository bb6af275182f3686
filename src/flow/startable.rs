//! Whether a shell command can start at all: the program that it begins with is there, and of `python -m` the module. What
//! cannot be told from the command's text alone counts as there.

use std::time::Duration;

use crate::agent::{Agent, Kind};
use crate::policy::agents::Call;
use crate::process::{Command, which};
use crate::task::id::shown;

use super::{FlowError, Project};

/// Says which command the tests are, and where that is set.
pub(super) const TESTS: &str = "git orch config explain tests.all";
/// Words that a shell knows itself.
const BUILTINS: [&str; 21] = [
    ".", "case", "cd", "command", "echo", "eval", "exec", "export", "for", "if", "printf", "set", "source",
    "test", "time", "true", "false", "ulimit", "umask", "until", "while",
];
/// How long python may take to say whether it has a module.
const PYTHON_LIMIT: Duration = Duration::from_secs(20);
/// Answers 0 where a module can be imported, and imports nothing.
const FIND: &str = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";

/// The program that a shell command starts with; nothing where it starts with something else than a plain word.
pub(super) fn first_program(command: &str) -> Option<String> {
    let first = shlex::split(command)?.into_iter().next()?;
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    (plain && !BUILTINS.contains(&first.as_str())).then_some(first)
}

/// Whether this python can import a module, as far as it is installed. Nothing of the repository is looked at, and nothing run.
pub(super) fn python_has(python: &str, module: &str) -> bool {
    // To find a module within another one would import that.
    let top = module.split('.').next().unwrap_or(module);
    let call = Command { limit: Some(PYTHON_LIMIT), ..Command::new(python) };
    call.args(["-c", FIND, top]).dir("/").run().is_ok_and(|ended| ended.success())
}

impl Project {
    /// Why the command of all tests cannot start, as far as that can be told without running it; `None` where nothing
    /// stands against it.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn why_tests_cannot_start(&self) -> Result<Option<String>, FlowError> {
        let Some(command) = &self.policy.tests.all else { return Ok(None) };
        let Some(program) = first_program(command) else { return Ok(None) };
        if program.contains('/') && !program.starts_with('/') {
            // One of the repository's own: tests run in a checkout of what is committed.
            let path = program.trim_start_matches("./");
            let there = self.repo.read_file(&self.base.tip, path)?.is_some()
                || self.policy.tests.keep.iter().any(|kept| path.starts_with(kept.trim_end_matches('/')));
            let base = &self.base.branch;
            return Ok((!there).then(|| format!("tests.all starts {program}, which is not on {base}")));
        }
        if which(&program).is_none() {
            return Ok(Some(format!("tests.all starts {program}, which is not found in PATH")));
        }
        let words = shlex::split(command).unwrap_or_default();
        let module = match words.as_slice() {
            [python, flag, module, ..] if python.contains("python") && flag == "-m" => module,
            _ => return Ok(None),
        };
        let own = |path: String| self.repo.read_file(&self.base.tip, &path).map(|found| found.is_some());
        let top = module.split('.').next().unwrap_or(module);
        let has = own(format!("{top}.py"))?
            || own(format!("{top}/__init__.py"))?
            || own(format!("{top}/__main__.py"))?
            || python_has(&program, module);
        Ok((!has)
            .then(|| format!("tests.all starts {program} -m {module}, and {program} has no module {module}")))
    }
}

impl Project {
    /// Why an agent's call cannot start, as far as that can be told without running it; of a team, its workers'.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn why_agent_cannot_start(&self, agent: &Agent) -> Result<Option<String>, FlowError> {
        for member in agent.members() {
            let why = match &member.kind {
                Kind::Program(entry) => self.why_call_cannot_start(&entry.call)?,
                Kind::Script { folder } if !folder.is_dir() => {
                    Some(format!("there is no {}", folder.display()))
                }
                Kind::Script { .. } | Kind::Team { .. } => None,
            };
            if let Some(why) = why {
                return Ok(Some(format!("{}: {why}", shown(&member.name))));
            }
        }
        Ok(None)
    }

    fn why_call_cannot_start(&self, call: &Call) -> Result<Option<String>, FlowError> {
        let program = match call {
            Call::Argv(argv) => argv.first().cloned(),
            Call::Shell(command) => first_program(command),
        };
        let Some(program) = program else { return Ok(None) };
        // A shell starts in the task's worktree, where the repository's own programs are as they are committed.
        if matches!(call, Call::Shell(_)) && program.contains('/') && !program.starts_with('/') {
            let there = self.repo.read_file(&self.base.tip, program.trim_start_matches("./"))?.is_some();
            return Ok((!there).then(|| format!("it starts {program}, which is not on {}", self.base.branch)));
        }
        Ok(which(&program).is_none().then(|| format!("it starts {program}, which is not found in PATH")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_starts() {
        for (command, program) in [
            ("cargo test --lib", Some("cargo")),
            ("./check.sh a b", Some("./check.sh")),
            ("\"my-runner\" x", Some("my-runner")),
            ("! grep -q bad f.txt", None),
            ("CI=1 make", None),
            ("cd src && make", None),
            ("(make)", None),
            ("'unclosed", None),
            ("", None),
        ] {
            assert_eq!(first_program(command).as_deref(), program, "{command}");
        }
    }
}
