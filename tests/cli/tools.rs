//! Programs that are no part of Rust: where a test finds them, and what it says where they are missing.

use std::path::{Path, PathBuf};

/// Where `.ci/run` puts node packages and Python programs; `GIT_ORCH_TEST_TOOLS_DIR` says so.
fn folder() -> Option<PathBuf> {
    std::env::var_os("GIT_ORCH_TEST_TOOLS_DIR").map(PathBuf::from)
}

/// A program or file of the tools' folder; without it the test is skipped, or fails where tools are required.
pub(crate) fn tool(below: &str) -> Option<PathBuf> {
    let found = folder().map(|folder| folder.join(below)).filter(|path| path.exists());
    if found.is_none() {
        skip(&format!("{below} is not installed: .ci/tools DIR, then GIT_ORCH_TEST_TOOLS_DIR=DIR"));
    }
    found
}

fn skip(why: &str) {
    assert!(std::env::var_os("GIT_ORCH_TEST_TOOLS").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// Where this crate's own files are.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
