//! What is installed beside the program: man pages and completions, made from the grammar, so never stale.

use clap::Command;

use super::exit::Exit;
use crate::flow::init::Page;

/// Hands `git orch ...` to the completer inside git-orch. git's own completion loads the file and calls the function.
const BASH: &str = r#"# Completion of git orch for bash. Written by git orch init.
_git_orch() { # called by git's completion for: git orch ...
    local -a w=(git-orch "${words[@]:2}")
    _git_orch_answer $((cword - 1)) "${w[@]}"
}
_git_orch_direct() { # called for: git-orch ...
    _git_orch_answer "$COMP_CWORD" git-orch "${COMP_WORDS[@]:1}"
}
_git_orch_answer() {
    local i=$1
    shift
    mapfile -t COMPREPLY < <(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$i _CLAP_COMPLETE_COMP_TYPE=9 \
        _CLAP_COMPLETE_SPACE=true COMPLETE=bash git-orch -- "$@" 2> /dev/null)
}
complete -o default -F _git_orch_direct git-orch
"#;

const ZSH: &str = r#"#compdef git-orch
# Completion of git orch for zsh. Written by git orch init.
_git-orch() { # zsh's completion for git calls it for: git orch ...
    local -a answers w=(git-orch "${(@)words[2,-1]}")
    answers=("${(@f)$(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((CURRENT - 1)) COMPLETE=zsh git-orch -- "${w[@]}" 2> /dev/null)}")
    [[ -n $answers ]] && _describe 'git orch' answers
}
_git-orch "$@"
"#;

const FISH: &str = r#"# Completion of git orch for fish. Written by git orch init.
function __git_orch_answer
    set -l w (commandline --current-process --tokenize --cut-at-cursor)
    test "$w[1]" = git; and set -e w[1..2]; or set -e w[1]
    COMPLETE=fish git-orch -- git-orch $w (commandline --current-token) 2>/dev/null
end
complete --keep-order --exclusive --command git-orch --arguments '(__git_orch_answer)'
complete --keep-order --exclusive --command git --condition 'contains -- orch (commandline -poc)[2]' --arguments '(__git_orch_answer)'
"#;

/// All pages: `man git-orch` has everything, as `git help orch` finds no other.
pub(crate) fn all(grammar: Command) -> Vec<Page> {
    let mut pages = man_pages(grammar);
    for (path, text) in [
        ("bash-completion/completions/git-orch", BASH),
        ("zsh/site-functions/_git-orch", ZSH),
        ("fish/vendor_completions.d/git-orch.fish", FISH),
    ] {
        pages.push(Page { path: path.to_owned(), text: text.to_owned() });
    }
    pages
}

/// The man pages alone.
pub(crate) fn man_pages(mut root: Command) -> Vec<Page> {
    root.build();
    let mut pages = vec![page("git-orch", whole(&root))];
    for command in visible(&root) {
        let name = format!("git-orch-{}", command.get_name());
        let mut text = rendered(command, &name);
        for below in visible(command) {
            text.push_str(&section(below, &format!("git orch {} {}", command.get_name(), below.get_name())));
        }
        pages.push(page(&name, text));
    }
    pages
}

fn page(name: &str, text: String) -> Page {
    Page { path: format!("man/man1/{name}.1"), text }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

/// The page of the whole program: the overview, then a section for each command.
fn whole(root: &Command) -> String {
    let mut text = rendered(root, "git-orch");
    for command in visible(root) {
        text.push_str(&section(command, &format!("git orch {}", command.get_name())));
        for below in visible(command) {
            text.push_str(&section(below, &format!("git orch {} {}", command.get_name(), below.get_name())));
        }
    }
    text.push_str(".SH \"EXIT STATUS\"\n");
    for exit in Exit::ALL {
        text.push_str(&format!(".TP\n{}\n{}\n", exit.code(), exit.meaning()));
    }
    text.push_str(".SH \"SEE ALSO\"\n");
    let others: Vec<String> =
        visible(root).map(|command| format!(".BR git\\-orch\\-{} (1)", command.get_name())).collect();
    text.push_str(&format!("{}\n", others.join(" ,\n")));
    text
}

fn rendered(command: &Command, name: &str) -> String {
    let man = clap_mangen::Man::new(command.clone()).title(name).manual("git orch");
    written(|bytes| man.render(bytes))
}

/// A command as part of another's page: its own headings become smaller ones.
fn section(command: &Command, words: &str) -> String {
    let man = clap_mangen::Man::new(command.clone());
    let body = written(|bytes| {
        man.render_synopsis_section(bytes)?;
        man.render_description_section(bytes)?;
        man.render_options_section(bytes)
    });
    let body: Vec<&str> =
        body.lines().filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el ")).collect();
    let body = body.join("\n").replace(".SH ", ".SS ");
    // They stand at the top of the page, once.
    let body = body.split(".SS \"GLOBAL OPTIONS\"").next().unwrap_or_default().trim_end();
    format!(".SH \"{}\"\n{body}\n", words.to_uppercase().replace('-', "\\-"))
}

/// What was written to memory; that cannot fail.
fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    match write(&mut bytes) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn one_page_has_every_visible_command() {
        let pages = all(Cli::command());
        let whole = &pages[0];
        assert_eq!(whole.path, "man/man1/git-orch.1");
        for word in
            [".SH \"GIT ORCH INIT\"", ".SH \"GIT ORCH QUEUE\"", "EXIT STATUS", "SEE ALSO", "dry\\-run"]
        {
            assert!(whole.text.contains(word), "{word}");
        }
        assert!(!whole.text.contains("GIT ORCH HOOK"));
        assert_eq!(whole.text.matches("GLOBAL OPTIONS").count(), 1);
        assert!(pages.iter().any(|page| page.path == "man/man1/git-orch-doctor.1"));
        assert!(!pages.iter().any(|page| page.path.contains("git-orch-hook")));
        assert_eq!(pages, all(Cli::command()));
    }

    #[test]
    fn the_completion_scripts_are_shell() {
        let checked = crate::process::Command::new("bash").args(["-n"]).stdin(BASH).run().unwrap();
        assert_eq!(checked.stderr_text(), "");
    }
}
