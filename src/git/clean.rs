//! The repository's own settings without what opens a door: passwords in addresses, headers, helpers.

use super::command::fields;
use super::{GitError, Repo};
use crate::git::command::Git;
use std::path::PathBuf;

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

impl Repo {
    /// The file of settings, and what a stranger may read of it; `None` where that is all of it.
    ///
    /// # Errors
    /// Git cannot read the file.
    pub(crate) fn clean_settings(&self) -> Result<Option<(PathBuf, String)>, GitError> {
        let file = self.common_dir().join("config");
        if !file.is_file() {
            return Ok(None);
        }
        let git = Git::on(self).args(["config", "--no-includes", "--null", "--list", "--file"]).arg(&file);
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
        Ok((!same).then_some((file, text)))
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
        assert_eq!(sandbox.repo.clean_settings().unwrap(), None);
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
        let (file, text) = sandbox.repo.clean_settings().unwrap().unwrap();
        assert_eq!(file, sandbox.path().join(".git/config"));
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
}
