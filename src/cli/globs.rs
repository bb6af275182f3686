//! The globs of `--paths`.

use crate::select::globs::{looks_like_several, separated};
use crate::task::id::shown;

use super::failure::Failure;

/// What was given, with commas between globs or one by one.
///
/// # Errors
/// One that is rather several with blanks between: it would match nothing.
pub(crate) fn globs(given: &[String]) -> Result<Vec<String>, Failure> {
    let all: Vec<&str> = given.iter().flat_map(|text| separated(text)).collect();
    match all.iter().find(|glob| looks_like_several(glob)) {
        None => Ok(all.into_iter().map(str::to_owned).collect()),
        Some(several) => Err(Failure::bad_value(
            format!("--paths '{}' is one glob with blanks in it", shown(several)),
            "write commas between several, and ? for a blank in a name",
            "git orch add --help",
        )),
    }
}
