//! Drives the built program, as a person or a script does.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]
#![expect(clippy::disallowed_methods, reason = "the rooms' rules are for the program itself")]
#![expect(clippy::print_stderr, reason = "the racing tests say what they measured")]

mod agent_hook;
mod agents;
mod bench;
mod bad_input;
mod budget;
mod bot;
mod bot_faults;
mod bot_reviews;
mod bot_rights;
mod checkout;
mod demo;
mod described;
mod emulated;
mod hammer;
mod fork;
mod held;
mod histories;
mod hook;
mod hostile;
mod http_remote;
mod hub;
mod import;
mod init;
mod kill_support;
mod kills;
mod leases;
mod managers;
mod mended;
mod mixed;
mod model_server;
mod night;
mod orphans;
mod programs;
mod queue;
mod queue_stands;
mod readme;
mod real_agents;
mod real_history;
mod sandbox;
mod scenarios;
mod scratch;
mod spoken;
mod supervise;
mod support;
mod tasks;
mod test_log;
mod tools;
mod undo;
mod verdicts;
mod words;
mod worker_loop;
mod workflows;
