//! Questions and editors: only where a person sits at a terminal and did not say `--no-input`.

use std::io::{BufRead as _, IsTerminal as _};

use crate::flow::{FlowError, Project};
use crate::process::Command;
use crate::store::chain;

use super::Context;
use super::codes::Code;
use super::failure::Failure;

impl Context {
    /// Whether somebody is there to answer.
    pub(crate) fn may_ask(&self) -> bool {
        !self.no_input
            && !self.out.is_json()
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }

    /// Asks for one line; `None` at the end of the input.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        self.out.question(question);
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
        (read > 0).then(|| answer.trim().to_owned())
    }

    /// Lets the user edit a text; lines that begin with `#!` are explanations and go.
    ///
    /// # Errors
    /// There is no editor, or it failed.
    pub(crate) fn edit_text(&self, project: &Project, text: &str) -> Result<String, Failure> {
        let file = tempfile::Builder::new().prefix("git-orch-").suffix(".md").tempfile();
        let file = file.map_err(FlowError::file("make", &std::env::temp_dir()))?;
        std::fs::write(file.path(), text).map_err(FlowError::file("write", file.path()))?;
        let editor = project.repo.editor(self.editor.as_deref()).map_err(FlowError::from)?;
        let command = Command::new("sh")
            .args(["-c", &format!("{editor} \"$@\""), "editor"])
            .arg(file.path().as_os_str());
        let status = command.on_terminal().map_err(FlowError::from)?;
        if status != 0 {
            return Err(Failure::new(Code::Editor, format!("the editor '{editor}' failed"))
                .because(format!("it ended with status {status}"))
                .hint("choose another", "git config --global core.editor EDITOR"));
        }
        let edited = std::fs::read_to_string(file.path()).map_err(FlowError::file("read", file.path()))?;
        let kept: Vec<&str> = edited.lines().filter(|line| !line.starts_with("#!")).collect();
        Ok(kept.join("\n").trim().to_owned())
    }

    /// Reads a file that an option names, `-` being standard input.
    ///
    /// # Errors
    /// It cannot be read or is no text.
    pub(crate) fn read_input(&self, file: &str) -> Result<String, Failure> {
        let read = if file == "-" {
            std::io::read_to_string(std::io::stdin().lock())
        } else {
            std::fs::read_to_string(self.given.dir.join(file))
        };
        read.map_err(|err| {
            Failure::new(Code::BadValue, format!("cannot read '{}'", super::text::line(file)))
                .because(chain(&err))
                .hint(
                    "give a file of text, or - for standard input; to begin with",
                    "git orch add --template > task.md",
                )
        })
    }
}
