//! What of this user's surroundings a program needs, and what of it is nobody's business.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Files with credentials in folders that programs need.
const SECRETS: [&str; 2] = ["credentials.toml", "credentials"];

/// Folders and files of this user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The home folder; none where it is the whole disk.
    pub(crate) home: Option<PathBuf>,
    /// Where programs and toolchains are.
    pub(crate) tools: Vec<PathBuf>,
    /// Files among them that hold credentials.
    pub(crate) secrets: Vec<PathBuf>,
}

/// Reads them from this process's environment.
pub(crate) fn surroundings() -> Surroundings {
    of(&|name| std::env::var_os(name))
}

fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Surroundings {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Without links: what is mounted there must be found by the name that the system gives it.
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let home = folder("HOME").map(real).filter(|home| home.as_path() != Path::new("/"));
    let default = |name: &str| home.as_ref().map(|home| home.join(name));
    let cargo = folder("CARGO_HOME").or_else(|| default(".cargo"));
    let rustup = folder("RUSTUP_HOME").or_else(|| default(".rustup"));
    let path = variable("PATH").unwrap_or_default();
    let programs = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let secrets = cargo.iter().flat_map(|cargo| SECRETS.map(|name| cargo.join(name))).collect();
    let mut tools: Vec<PathBuf> = cargo.into_iter().chain(rustup).chain(programs).collect();
    // A folder of programs that is the home itself would show all of it.
    tools.retain(|tool| !home.as_ref().is_some_and(|home| home.starts_with(tool)));
    tools.sort();
    tools.dedup();
    Surroundings { home, tools, secrets }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_and_the_home_is_none_of_them() {
        let around = of(&|name| match name {
            "HOME" => Some("/no/home".into()),
            "PATH" => Some("/no/home/bin:/no/home:/usr/bin:relative:/no/home/bin".into()),
            _ => None,
        });
        assert_eq!(around.home, Some("/no/home".into()));
        let tools = ["/no/home/.cargo", "/no/home/.rustup", "/no/home/bin", "/usr/bin"].map(PathBuf::from);
        assert_eq!(around.tools, tools);
        assert_eq!(around.secrets[0], Path::new("/no/home/.cargo/credentials.toml"));
        assert_eq!(of(&|_| Some("/".into())).home, None);
    }
}
