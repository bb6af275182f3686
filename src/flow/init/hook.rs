//! The pre-push hook: put beside what is there, and taken away again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::request::InitRequest;
use super::step::{Action, Outcome, Step, read_any, shown_path};
use crate::flow::FlowError;
use crate::git::Repo;

/// The hook as it is embedded, with a place for the program's path.
const HOOK: &str = include_str!("../../../hooks/pre-push");

/// What only our own hook says.
const HOOK_MARK: &str = "# Put here by git orch:";

/// How the hook that was there before is called now.
const BEFORE: &str = "pre-push.before-orch";

/// Our hook, for a program at this path.
fn hook_text(program: &Path) -> String {
    let quoted = format!("'{}'", program.to_string_lossy().replace('\'', r"'\''"));
    HOOK.replace("@PROGRAM@", &quoted)
}

fn is_ours(hook: &[u8]) -> bool {
    String::from_utf8_lossy(hook).contains(HOOK_MARK)
}

pub(super) fn hook_step(
    repo: &Repo,
    request: &InitRequest,
) -> Result<(Option<Step>, Option<String>), FlowError> {
    let folder = repo.hooks_folder();
    let (path, before) = (folder.path.join("pre-push"), folder.path.join(BEFORE));
    let shown = shown_path(repo, &path);
    let bytes = hook_text(&request.program).into_bytes();
    let write = Action::Write { path: path.clone(), bytes: bytes.clone(), executable: true };
    let step = |outcome, note: &str, actions| {
        Some(Step { outcome, shown: shown.clone(), note: note.to_owned(), actions })
    };
    let found = read_any(&path)?;
    if found.as_ref() == Some(&bytes) {
        return Ok((step(Outcome::Kept, "", Vec::new()), None));
    }
    if folder.shared && !request.shared_hooks {
        let warning = format!(
            "no pre-push hook: core.hooksPath is {}, which other repositories use too; \
             to put it there all the same: git orch init --with hooks",
            folder.path.display()
        );
        return Ok((None, Some(warning)));
    }
    match found {
        None => Ok((step(Outcome::Created, "checks the size of what is pushed", vec![write]), None)),
        Some(old) if is_ours(&old) => {
            Ok((step(Outcome::Changed, "calls this program now", vec![write]), None))
        }
        Some(_) if before.symlink_metadata().is_ok() => {
            let warning = format!(
                "no pre-push hook: {shown} is somebody else's, and so is {BEFORE} beside it; merge the two first"
            );
            Ok((step(Outcome::Kept, "not ours", Vec::new()), Some(warning)))
        }
        Some(_) => {
            let actions = vec![Action::Rename { from: path, to: before }, write];
            Ok((step(Outcome::Changed, "kept your old hook, it runs first", actions), None))
        }
    }
}

pub(super) fn remove_hook(repo: &Repo) -> Result<Option<Step>, FlowError> {
    let folder = repo.hooks_folder().path;
    let (path, before) = (folder.join("pre-push"), folder.join(BEFORE));
    if !read_any(&path)?.is_some_and(|hook| is_ours(&hook)) {
        return Ok(None);
    }
    let shown = shown_path(repo, &path);
    Ok(Some(if before.symlink_metadata().is_ok() {
        let actions = vec![Action::Rename { from: before, to: path }];
        Step { outcome: Outcome::Changed, shown, note: "your old hook is back".to_owned(), actions }
    } else {
        let actions = vec![Action::Delete { path }];
        Step { outcome: Outcome::Removed, shown, note: String::new(), actions }
    }))
}

/// Whether our hook is where git looks for it, and calls a program that exists.
///
/// # Errors
/// The hook cannot be read.
pub(crate) fn hook_state(repo: &Repo) -> Result<HookState, FlowError> {
    let path = repo.hooks_folder().path.join("pre-push");
    let Some(bytes) = read_any(&path)? else { return Ok(HookState::Missing) };
    let runs = std::fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    Ok(match (is_ours(&bytes), runs) {
        (false, _) => HookState::Foreign,
        (true, false) => HookState::NotExecutable,
        (true, true) => HookState::Ours,
    })
}

/// What is at the place of our hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookState {
    Ours,
    NotExecutable,
    Foreign,
    Missing,
}
