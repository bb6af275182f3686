//! Hands over to the library.

fn main() -> std::process::ExitCode {
    git_orch::run().into()
}
