//! What tests answered: report formats, results as sets, what counts as worse. Pure.
//!
//! Which tests are run is decided in `select`; the text of the report and the exit code come in as values.

pub(crate) mod format;
pub(crate) mod result;
pub(crate) mod set;
pub(crate) mod worse;
