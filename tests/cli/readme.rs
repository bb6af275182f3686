//! The README's sessions, run as they stand there; and its tables, compared with the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Held, Sandbox, machine_holds};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The commands of the `console` blocks, a block each.
fn sessions() -> Vec<Vec<String>> {
    let blocks = readme();
    let blocks = blocks.split("```console\n").skip(1);
    let lines = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    lines
        .map(|block| block.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect())
        .collect()
}

#[test]
fn the_sessions_of_the_readme_work_as_they_stand() {
    let sandbox = Sandbox::new();
    sandbox.write("greet.sh", "echo hello\n");
    sandbox.git(&["rm", "-q", "orch.toml"]);
    sandbox.git(&["add", "greet.sh"]);
    sandbox.git(&["commit", "-q", "-m", "Say hello"]);
    sandbox.branch("topic-a", "a.txt", "a\n");
    sandbox.branch("topic-b", "b.txt", "b\n");
    // As init would write it where it knows the test command; the session commits it.
    sandbox.write(
        "orch.toml",
        "[tests]\nall = \"for f in greet*.sh; do sh -n $f || exit 1; done\"\nreport = \"exit\"\n",
    );
    let sessions = sessions();
    assert_eq!(sessions.len(), 3, "first use, by hand, with branches");
    for session in &sessions {
        let script = session.iter().map(|line| format!("{line} || exit $?\n")).collect::<String>();
        // A run that leaves something for a person says so with exit code 4.
        let script = script.replace("greet-fr.sh\" || exit $?", "greet-fr.sh\" || test $? = 4 || exit 1");
        run(&sandbox, &script);
    }
    let landed =
        sandbox.git(&["log", "--first-parent", "--format=%(trailers:key=Orch-Task,valueonly)", "main"]);
    let mut landed: Vec<&str> = landed.lines().filter(|line| !line.is_empty()).collect();
    landed.sort_unstable();
    assert_eq!(landed, ["bonjour", "topic-a", "topic-b"]);
    assert_eq!(sandbox.run(&["show", "hola", "--json"]).exits(0).json()["data"]["state"], "under-review");
}

fn run(sandbox: &Sandbox, script: &str) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_git-orch"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(sandbox.path())
        .env("PATH", path)
        .env("HOME", sandbox.path().parent().unwrap().join("home"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ORCH_NO_SANDBOX", if machine_holds() == Held::Not { "1" } else { "" })
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{text}");
}

#[test]
fn the_first_commands_are_the_ones_that_are_promised() {
    let text = readme();
    let demo = text.find("cargo run --release -- demo").unwrap();
    let test = text.find("    cargo test\n").unwrap();
    assert!(demo < test && test < text.find("## First use").unwrap());
    let ci = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    assert!(ci.contains("cargo test 2>&1"), "CI runs the README's test command");
}

#[test]
fn the_table_of_exit_codes_is_the_programs() {
    let help = Sandbox::empty().run(&["-h"]).exits(0).stdout;
    for line in readme().lines().filter(|line| line.starts_with("| ") && !line.starts_with("| code")) {
        let code = line.trim_start_matches("| ").split(' ').next().unwrap();
        assert!(help.contains(&format!("{code} ")), "{code} is not in the help");
    }
}
