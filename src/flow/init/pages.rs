//! The man page and the completion, beside the program.

use std::path::{Path, PathBuf};

use super::request::{InitRequest, Page};
use super::step::{Action, Outcome, Step, read};
use crate::flow::FlowError;

/// The folder `share` beside the program's folder, where man looks with no setting at all: only for a program in a
/// folder `bin`.
pub(super) fn share_folder(program: &Path) -> Result<PathBuf, String> {
    let folder = program.parent().filter(|folder| folder.ends_with("bin"));
    let Some(prefix) = folder.and_then(Path::parent) else {
        return Err(format!("no man page and no completion: {} is in no folder bin", program.display()));
    };
    let share = prefix.join("share");
    let nearest = share.ancestors().find(|folder| folder.exists()).unwrap_or(prefix);
    match is_writable(nearest) {
        true => Ok(share),
        false => Err(format!("no man page and no completion: {} cannot be written to", nearest.display())),
    }
}

/// Whether files can be made in a folder.
pub(crate) fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_ok()
}

/// What stands about the man page: `Ok(true)` if all pages are there and current.
///
/// # Errors
/// The reason why there can be none.
pub(crate) fn pages_current(request: &InitRequest) -> Result<bool, String> {
    let share = share_folder(&request.program)?;
    Ok(request
        .pages
        .iter()
        .all(|page| std::fs::read(share.join(&page.path)).is_ok_and(|bytes| bytes == page.text.as_bytes())))
}

pub(super) fn page_steps(request: &InitRequest) -> Result<(Vec<Step>, Option<String>), FlowError> {
    let share = match share_folder(&request.program) {
        Ok(share) => share,
        Err(why) => return Ok((Vec::new(), (!request.pages.is_empty()).then_some(why))),
    };
    // One line for each folder: nobody wants to read 40 names.
    let mut folders: Vec<(PathBuf, Vec<&Page>)> = Vec::new();
    for page in &request.pages {
        let path = share.join(&page.path);
        let folder = path.parent().unwrap_or(&share).to_owned();
        match folders.iter_mut().find(|(found, _)| *found == folder) {
            Some((_, pages)) => pages.push(page),
            None => folders.push((folder, vec![page])),
        }
    }
    let mut steps = Vec::new();
    for (folder, pages) in folders {
        let (mut actions, mut there) = (Vec::new(), false);
        for page in &pages {
            let path = share.join(&page.path);
            let found = read(&path)?;
            there |= found.is_some();
            if found.as_deref() != Some(page.text.as_bytes()) {
                actions.push(Action::Write {
                    path,
                    bytes: page.text.clone().into_bytes(),
                    executable: false,
                });
            }
        }
        let outcome = match (actions.is_empty(), there) {
            (true, _) => Outcome::Kept,
            (false, true) => Outcome::Changed,
            (false, false) => Outcome::Created,
        };
        let first = pages.first().map_or("", |page| page.path.rsplit('/').next().unwrap_or_default());
        let note = match pages.len() {
            1 => "completion".to_owned(),
            more => format!("and {} pages more", more - 1),
        };
        steps.push(Step { outcome, shown: folder.join(first).display().to_string(), note, actions });
    }
    Ok((steps, None))
}
