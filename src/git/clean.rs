//! The repository's own settings without what opens a door: passwords in addresses, headers, helpers.

use super::command::fields;
use super::{GitError, Repo};
use crate::git::command::Git;
use std::path::{Path, PathBuf};

/// Sections that a program working in a checkout may need. Others (`http`, `credential`, `url`, `include`, `sendemail`)
/// hold tokens, or lead to files that do.
const SECTIONS: [&str; 16] = [
    "author",
    "branch",
    "color",
    "column",
    "commit",
    "committer",
    "core",
    "diff",
    "extensions",
    "feature",
    "index",
    "init",
    "merge",
    "pull",
    "remote",
    "user",
];
/// Sections with addresses, of which all but these keys stay out.
const OF_REMOTE: [&str; 4] = ["url", "pushurl", "fetch", "push"];

/// How deep repositories inside of `modules` are looked for: the name of a submodule may have slashes.
const DEEPEST: usize = 8;

impl Repo {
    /// Files of settings below `.git`, each with what a stranger may read of it, where that is not all of it: the
    /// repository's own, those of single worktrees, those of submodules.
    ///
    /// # Errors
    /// Git cannot read a file.
    pub(crate) fn clean_settings(&self) -> Result<Vec<(PathBuf, String)>, GitError> {
        let common = self.common_dir();
        let mut files = vec![common.join("config"), common.join("config.worktree")];
        let admins = std::fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
        files.extend(admins.map(|admin| admin.path().join("config.worktree")));
        of_modules(&common.join("modules"), DEEPEST, &mut files);
        files.retain(|file| file.is_file());
        files.sort();
        let cleaned = files.into_iter().map(|file| self.cleaned(&file).map(|text| Some((file, text?))));
        cleaned.filter_map(Result::transpose).collect()
    }

    /// Where pushes to a remote go, as it may be shown.
    pub(crate) fn address_of(&self, remote: &str) -> Option<String> {
        let url = |key: &str| self.config_string(&format!("remote.{remote}.{key}"));
        url("pushurl").or_else(|| url("url")).map(|url| without_password(&url))
    }

    /// What may be read of a file of settings; `None` where that is all of it.
    fn cleaned(&self, file: &Path) -> Result<Option<String>, GitError> {
        let git = Git::on(self).args(["config", "--no-includes", "--null", "--list", "--file"]).arg(file);
        let listed = git.output()?;
        let mut text = String::new();
        let mut same = true;
        for entry in fields(&listed) {
            // A key without a value is one that is true.
            let (key, value) = entry.split_once('\n').unwrap_or((&entry, "true"));
            match clean(key, value) {
                Some(cleaned) => {
                    same &= cleaned == value;
                    text.push_str(&line(key, &cleaned));
                }
                None => same = false,
            }
        }
        Ok((!same).then_some(text))
    }
}

/// Settings of repositories below a folder, and of those inside of these.
fn of_modules(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if depth == 0 || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if path.join("HEAD").is_file() {
            files.extend(["config", "config.worktree"].map(|name| path.join(name)));
            of_modules(&path.join("modules"), depth - 1, files);
        } else {
            of_modules(&path, depth - 1, files);
        }
    }
}

/// A value that may be seen; `None` where nothing of it may.
fn clean(key: &str, value: &str) -> Option<String> {
    let (section, name) = (key.split('.').next()?, key.rsplit('.').next()?);
    let allowed = SECTIONS.contains(&section) && (section != "remote" || OF_REMOTE.contains(&name));
    allowed.then(|| without_password(value))
}

/// An address without who may enter. What has no scheme (`git@host:path`) holds no password.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if scheme != "ssh" || rest[..at].contains(':') => format!("{scheme}://{}", &rest[at + 1..]),
        _ => value.to_owned(),
    }
}

/// One setting in a section of its own.
fn line(key: &str, value: &str) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let (section, rest) = key.split_once('.').unwrap_or((key, ""));
    let header = match rest.rsplit_once('.') {
        Some((sub, _)) => format!("[{section} \"{}\"]", sub.replace('\\', "\\\\").replace('"', "\\\"")),
        None => format!("[{section}]"),
    };
    let name = rest.rsplit('.').next().unwrap_or(rest);
    format!("{header}\n\t{name} = \"{}\"\n", quoted(value))
}

#[cfg(test)]
mod tests {
    use crate::git::testing::Sandbox;

    #[test]
    fn only_what_opens_no_door_is_left() {
        let sandbox = Sandbox::new();
        assert_eq!(sandbox.repo.clean_settings().unwrap(), []);
        let settings = [
            ("remote.a.url", "https://me:secret@example.com/a@b.git"),
            ("remote.b.url", "git@example.com:a.git"),
            ("remote.c.url", "ssh://git@example.com/a.git"),
            ("remote.a.proxy", "http://me:secret@proxy"),
            ("http.https://example.com/.extraheader", "AUTHORIZATION: basic secret"),
            ("url.https://secret@example.com/.insteadof", "https://example.com/"),
            ("credential.helper", "!echo secret"),
            ("include.path", "/secret"),
            ("user.name", "A \"B\" \\ C # D"),
            ("branch.x.y.description", "two\nlines"),
        ];
        for (key, value) in settings {
            sandbox.git(&["config", key, value]);
        }
        let [(file, text)] = &sandbox.repo.clean_settings().unwrap()[..] else { panic!("one file") };
        assert_eq!(*file, sandbox.path().join(".git/config"));
        assert!(!text.contains("secret"), "{text}");
        let clean = sandbox.beside("clean");
        std::fs::write(&clean, text).unwrap();
        let read = |key: &str| {
            sandbox.git(&["config", "--file", clean.to_str().unwrap(), key]).trim_end().to_owned()
        };
        assert_eq!(read("remote.a.url"), "https://example.com/a@b.git");
        assert_eq!(
            (read("remote.b.url"), read("remote.c.url")),
            (settings[1].1.into(), settings[2].1.into())
        );
        assert_eq!(
            (read("user.name"), read("branch.x.y.description")),
            (settings[8].1.into(), settings[9].1.into())
        );
        assert_eq!(read("core.bare"), "false");
    }
    #[test]
    fn settings_of_worktrees_and_submodules_are_looked_at_too() {
        let sandbox = Sandbox::new();
        sandbox.repo.add_worktree(&sandbox.beside("wt"), "x", &sandbox.main()).unwrap();
        let git = sandbox.path().join(".git");
        let secret = "[http]\n\textraheader = secret\n";
        let module = git.join("modules/deep/er");
        std::fs::create_dir_all(&module).unwrap();
        std::fs::write(module.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let files = ["config.worktree", "modules/deep/er/config", "worktrees/wt/config.worktree"];
        for file in files {
            std::fs::write(git.join(file), secret).unwrap();
        }
        let found = sandbox.repo.clean_settings().unwrap();
        assert_eq!(found, files.map(|file| (git.join(file), String::new())));
    }
}
