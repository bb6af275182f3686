//! The environment that an agent, a reviewer or a test run gets: a list of what may pass, not of what may not.

/// Variables that pass, with the reason. A `*` at the end stands for any ending.
const PASS: &[(&str, &str)] = &[
    ("PATH", "finds programs"),
    ("HOME", "settings and credentials of the agent's own program"),
    ("USER", "who"),
    ("LOGNAME", "who"),
    ("SHELL", "agents run commands by it"),
    ("LANG", "language"),
    ("LC_*", "language"),
    ("TZ", "time zone"),
    ("TERM", "some programs refuse to start without"),
    ("TMPDIR", "scratch space"),
    ("CARGO_HOME", "Rust: registry and tools"),
    ("RUSTUP_HOME", "Rust: toolchains"),
    ("RUSTUP_TOOLCHAIN", "Rust: which one"),
    ("XDG_*", "settings and caches"),
    ("SSL_CERT_FILE", "certificates"),
    ("SSL_CERT_DIR", "certificates"),
    ("NIX_*", "Nix: profiles, certificates"),
    ("JAVA_HOME", "Java"),
    ("GOPATH", "Go"),
    ("GOCACHE", "Go: without it every build starts cold"),
    ("GOFLAGS", "Go"),
    ("VIRTUAL_ENV", "Python"),
    ("NODE_PATH", "Node"),
];

/// Builds the complete environment of a child from that of this process.
///
/// What passes: the table above, and the names in `allowed` (policy `agents.env`; a `*` at the end stands for any
/// ending). `extra` is set last and wins. The caller's `GIT_*` never pass, not even when they are named: in a hook they
/// point at another repository than the child's worktree.
pub(crate) fn agent_environment(allowed: &[String], extra: &[(String, String)]) -> Vec<(String, String)> {
    // A variable that is not Unicode cannot be sent on, and none of those above should be.
    let current = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    choose(current, allowed, extra)
}

/// The same for a command that runs what an agent wrote, and whose output is shown to agents: without keys, which are none
/// of its business.
pub(crate) fn keyless_environment(allowed: &[String], extra: &[(String, String)]) -> Vec<(String, String)> {
    let mut env = agent_environment(allowed, extra);
    env.retain(|(name, _)| !is_key(name));
    env
}

/// Whether a variable holds what opens a door, by its name.
pub(super) fn is_key(name: &str) -> bool {
    ["_KEY", "_TOKEN", "_SECRET"].iter().any(|end| name.ends_with(end))
}

/// Whether a variable of this process has a value: what a person chose is left as it is.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn choose(
    current: impl Iterator<Item = (String, String)>,
    allowed: &[String],
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let passes = |name: &str| {
        let listed = PASS.iter().any(|(pattern, _)| matches(pattern, name));
        let named = allowed.iter().any(|pattern| matches(pattern, name));
        (listed || named) && !name.starts_with("GIT_")
    };
    let mut chosen: Vec<(String, String)> = current
        .filter(|(name, _)| passes(name) && !extra.iter().any(|(other, _)| other == name))
        .chain(extra.iter().cloned())
        .collect();
    chosen.sort();
    chosen
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn only_listed_named_and_extra_variables_pass() {
        let current = pairs(&[
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("GIT_DIR", "/other"),
            ("ANTHROPIC_API_KEY", "k"),
            ("HOME", "/old"),
        ]);
        let allowed = ["ANTHROPIC_API_KEY".to_owned(), "GIT_*".to_owned()];
        let extra = pairs(&[("GIT_ORCH_TASK", "a"), ("HOME", "/new")]);
        let chosen = choose(current.into_iter(), &allowed, &extra);
        let wanted = pairs(&[
            ("ANTHROPIC_API_KEY", "k"),
            ("GIT_ORCH_TASK", "a"),
            ("HOME", "/new"),
            ("LC_ALL", "C"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(chosen, wanted);
    }

    #[test]
    fn the_current_environment_is_read() {
        assert!(agent_environment(&[], &[]).iter().any(|(name, _)| name == "PATH"));
    }
}
