//! The program itself: its process, and as a command: it runs again under its hidden words `__supervise` and `__script`.

use super::ProcessError;
use std::path::PathBuf;

/// Returns the argument list that runs this very program with a hidden word.
///
/// # Errors
/// The system does not say where the program is, or its path is not Unicode.
pub(crate) fn own_command(word: &str, arguments: &[String]) -> Result<Vec<String>, ProcessError> {
    let program = own_program()?;
    let program = program.to_str().map(str::to_owned).ok_or(ProcessError::NotText(program))?;
    let mut argv = vec![program];
    #[cfg(test)]
    argv.extend(tests::stand_in_arguments());
    argv.push(word.to_owned());
    argv.extend_from_slice(arguments);
    Ok(argv)
}

/// The path of the running program, even where an update replaced its file.
///
/// # Errors
/// The system does not say.
pub(crate) fn own_program() -> Result<PathBuf, ProcessError> {
    let path = std::env::current_exe()
        .map_err(|source| ProcessError::System { what: "find the path of git-orch itself", source })?;
    let link = PathBuf::from("/proc/self/exe");
    Ok(if !path.exists() && link.exists() { link } else { path })
}

/// The id of this process.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

#[cfg(test)]
mod tests {
    //! In unit tests the running program is the test binary, so one of its tests stands in for the hidden words.
    //!
    //! What it writes begins after the test harness's own first lines.
    use std::io::Write as _;

    pub(super) fn stand_in_arguments() -> [String; 4] {
        ["--exact", "--ignored", "--nocapture", "process::own::tests::stand_in"].map(str::to_owned)
    }

    #[test]
    #[ignore = "no test: runs as a child of the others"]
    #[expect(clippy::exit, reason = "the exit code is what the caller looks at")]
    fn stand_in() {
        let mut words = std::env::args().skip_while(|word| !word.starts_with("__"));
        let Some(word) = words.next() else { return };
        std::io::stdout().write_all(b"\n").unwrap();
        let code = match word.as_str() {
            "__supervise" => crate::process::supervisor_main(),
            "__script" => crate::agent::script_main(words),
            other => panic!("unknown word {other}"),
        };
        std::process::exit(i32::from(code));
    }
}
