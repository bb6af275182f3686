//! What `tests.environment` said of the tools, once for a process.

use std::sync::{Arc, Mutex};

/// What the command said in this process, so that it is asked once: the command, and the digest of its output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tools(pub(super) Arc<Mutex<Option<(String, String)>>>);
