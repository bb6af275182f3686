//! Where a verdict counts: the system, the architecture, and what `tests.environment` says of the tools.

use std::time::Duration;

use crate::process::{Ended, Job, Terms, agent_environment, random_letters, supervised_blocking};
use crate::suite::set::digest;

use super::{FlowError, Project};

/// How long the command may take: it only asks tools for their versions.
const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of its output that are read.
const MOST: u64 = 1 << 20;

impl Project {
    /// Where verdicts of this machine count. A verdict from elsewhere is another one.
    ///
    /// # Errors
    /// The command of `tests.environment` fails: then nobody knows which verdicts count.
    pub(crate) fn environment(&self) -> Result<String, FlowError> {
        let machine = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        let Some(command) = &self.policy.tests.environment else { return Ok(machine) };
        let mut known = self.tools.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, digest)) = known.as_ref().filter(|(asked, _)| asked == command) {
            return Ok(format!("{machine}-{digest}"));
        }
        let digest = digest(&self.ask_tools(command)?);
        *known = Some((command.clone(), digest.clone()));
        Ok(format!("{machine}-{digest}"))
    }

    /// The output of the command.
    fn ask_tools(&self, command: &str) -> Result<String, FlowError> {
        let logs = self.local().join("logs");
        std::fs::create_dir_all(&logs).map_err(FlowError::file("make", &logs))?;
        let log = logs.join(format!("environment-{}.log", random_letters(6)));
        let errors = log.with_extension("err.log");
        let outcome = supervised_blocking(Job {
            argv: ["sh", "-c", command].map(str::to_owned).to_vec(),
            dir: self.root().to_owned(),
            env: agent_environment(&self.policy.agents.env, &[("CI".to_owned(), "true".to_owned())]),
            stdin: Vec::new(),
            stdout: log.clone(),
            stderr: errors.clone(),
            limit: LIMIT,
            grace: Duration::from_secs(2),
            log_cap: MOST,
            terms: Terms::default(),
        });
        let (said, complaint) = (std::fs::read(&log), std::fs::read_to_string(&errors));
        for file in [&log, &errors] {
            let _ = std::fs::remove_file(file); // only of use here
        }
        match outcome?.ended {
            Ended::Exited(0) => {
                Ok(String::from_utf8_lossy(&said.map_err(FlowError::file("read", &log))?).into_owned())
            }
            ended => Err(FlowError::BadValue {
                what: format!("tests.environment = '{}'", crate::task::id::shown(command)),
                why: format!("{ended:?}: {}", crate::task::id::shown(complaint.unwrap_or_default().trim())),
            }),
        }
    }
}
