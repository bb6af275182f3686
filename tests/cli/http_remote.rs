//! A real remote over HTTP, lighttpd with `git http-backend` and a hook: claims, sync and landings of many at once, a
//! connection that is cut, and a server that forbids our refs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::scratch::Answer;

/// Pushers at the same time.
const RACERS: usize = 16;
/// Tasks that they race for.
const TASKS: usize = 8;

/// The server, with one repository.
struct Server {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lighttpd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("lighttpd")).find(|program| program.exists());
    if found.is_none() {
        let why = "lighttpd is not installed: .ci/tools DIR";
        assert!(std::env::var_os("GIT_ORCH_TEST_TOOLS").is_none(), "{why}");
        eprintln!("skipped: {why}");
    }
    found
}

impl Server {
    fn start() -> Option<Server> {
        let program = lighttpd()?;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let exec = Command::new("git").arg("--exec-path").output().unwrap();
        let exec = String::from_utf8(exec.stdout).unwrap();
        let config = format!(
            r#"server.modules = ( "mod_alias", "mod_setenv", "mod_cgi" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.errorlog = "{root}/lighttpd.log"
alias.url = ( "/git/" => "{exec}/git-http-backend/" )
$HTTP["url"] =~ "^/git/" {{
  cgi.assign = ( "" => "" )
  setenv.set-environment = ( "GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1",
    "REMOTE_USER" => "bot", "HOME" => "{root}", "PATH" => "{path}" )
}}
"#,
            root = root.display(),
            exec = exec.trim(),
            path = std::env::var("PATH").unwrap(),
        );
        fs::write(root.join("lighttpd.conf"), config).unwrap();
        let child = Command::new(program)
            .args(["-D", "-f"])
            .arg(root.join("lighttpd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { folder, child, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let bare = server.bare();
        server.git(&server.root(), &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
        server.git(&bare, &["config", "http.receivepack", "true"]);
        // Each branch and tag passes; what the file names does not.
        let hook = "#!/bin/sh\n[ -e forbid ] || exit 0\nwhile read -r old new ref; do\n  case $ref in \
            refs/orch/*) echo \"policy: $ref is forbidden here\" >&2; exit 1 ;;\n  esac\ndone\n";
        fs::write(bare.join("hooks/pre-receive"), hook).unwrap();
        fs::set_permissions(bare.join("hooks/pre-receive"), fs::Permissions::from_mode(0o755)).unwrap();
        let first = server.clone_as("first");
        server.git(&first, &["switch", "-q", "-c", "main"]);
        fs::write(first.join("orch.toml"), "[tests]\nall = \"true\"\nreport = \"exit\"\n").unwrap();
        server.git(&first, &["add", "."]);
        server.git(&first, &["commit", "-q", "-m", "Start"]);
        server.git(&first, &["push", "-q", "-u", "origin", "main"]);
        Some(server)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn bare(&self) -> PathBuf {
        self.root().join("r.git")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/git/r.git", self.port)
    }

    fn clone_as(&self, name: &str) -> PathBuf {
        let place = self.root().join(name);
        self.git(&self.root(), &["clone", "-q", &self.url(), place.to_str().unwrap()]);
        self.git(&place, &["config", "user.name", name]);
        self.git(&place, &["config", "user.email", "x@localhost"]);
        place
    }

    fn call(&self, program: &str, dir: &Path, args: &[&str]) -> Answer {
        let output = Command::new(program)
            .args(args)
            .current_dir(dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    fn git(&self, dir: &Path, args: &[&str]) -> String {
        let answer = self.call("git", dir, args);
        assert_eq!(answer.code, 0, "git {args:?}: {}", answer.err);
        answer.out.trim().to_owned()
    }

    fn orch(&self, dir: &Path, args: &[&str]) -> Answer {
        self.call(env!("CARGO_BIN_EXE_git-orch"), dir, args)
    }

    #[track_caller]
    fn orch_done(&self, dir: &Path, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let answer = self.orch(dir, &all);
        assert_eq!(answer.code, 0, "{args:?}: {}{}", answer.out, answer.err);
        serde_json::from_str::<Value>(&answer.out).unwrap()["data"].clone()
    }

    /// The same, as often as it says that a race was lost.
    fn orch_in_the_end(&self, dir: &Path, args: &[&str]) -> Answer {
        for _ in 0..50 {
            let answer = self.orch(dir, args);
            if answer.code != 6 {
                return answer;
            }
        }
        panic!("{args:?} lost 50 races in a row");
    }
}

#[test]
fn sixteen_clones_claim_hand_in_exchange_and_land() {
    let Some(server) = Server::start() else { return };
    let first = server.root().join("first");
    for at in 0..TASKS {
        let (title, id) = (format!("Task {at}"), format!("t-{at}"));
        server.orch_done(&first, &["add", &title, "--id", &id]);
    }
    server.orch_done(&first, &["sync"]);
    let clones: Vec<PathBuf> = (0..RACERS).map(|at| server.clone_as(&format!("w{at}"))).collect();
    // Each claims what it can get.
    let mut claimed: Vec<(String, PathBuf)> = scope(|threads| {
        let racers: Vec<_> = clones
            .iter()
            .map(|clone| {
                let server = &server;
                threads.spawn(move || {
                    let answer = server.orch_in_the_end(clone, &["pick", "--json"]);
                    match answer.code {
                        0 => {
                            let data = serde_json::from_str::<Value>(&answer.out).unwrap()["data"].clone();
                            let task = data["task"]["id"].as_str().unwrap().to_owned();
                            Some((task, PathBuf::from(data["worktree"].as_str().unwrap())))
                        }
                        8 => None,
                        code => panic!("pick ended with {code}: {}{}", answer.out, answer.err),
                    }
                })
            })
            .collect();
        racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
    });
    claimed.sort();
    let tasks: Vec<&str> = claimed.iter().map(|(task, _)| task.as_str()).collect();
    let all: Vec<String> = (0..TASKS).map(|at| format!("t-{at}")).collect();
    assert_eq!(tasks, all, "each task once, none left");
    // Each hands in, and everybody exchanges at once.
    scope(|threads| {
        for (task, worktree) in &claimed {
            let server = &server;
            threads.spawn(move || {
                fs::write(worktree.join(format!("of-{task}")), "done\n").unwrap();
                server.orch_done(worktree, &["submit"]);
            });
        }
    });
    scope(|threads| {
        for clone in &clones {
            let server = &server;
            threads.spawn(move || {
                let answer = server.orch_in_the_end(clone, &["sync"]);
                assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
            });
        }
    });
    let reader = server.clone_as("reader");
    server.orch_done(&reader, &["sync"]);
    let status = server.orch_done(&reader, &["status"]);
    let states: Vec<&str> =
        status["tasks"].as_array().unwrap().iter().map(|t| t["state"].as_str().unwrap()).collect();
    assert_eq!(states, vec!["under-review"; TASKS], "{status}");
    // Four approve two each and land at the same time: by the push of what was tested, or not at all.
    scope(|threads| {
        for at in 0..4 {
            let (server, claimed) = (&server, &claimed);
            threads.spawn(move || {
                for (task, worktree) in &claimed[at * 2..at * 2 + 2] {
                    let clone = worktree.parent().unwrap().parent().unwrap();
                    server.orch_done(clone, &["approve", task, "--as", "lead"]);
                    for _ in 0..20 {
                        let answer = server.orch(clone, &["queue", "run"]);
                        if answer.code == 0 && landed(server).contains(task) {
                            break;
                        }
                    }
                }
            });
        }
    });
    let mut there = landed(&server);
    there.sort();
    assert_eq!(there, all, "each landed once");
    let files = server.git(&server.bare(), &["ls-tree", "--name-only", "main"]);
    assert_eq!(files.lines().filter(|name| name.starts_with("of-")).count(), TASKS, "{files}");
    assert_eq!(
        server.git(&server.bare(), &["fsck", "--no-progress", "--connectivity-only", "--no-dangling"]),
        ""
    );
}

fn landed(server: &Server) -> Vec<String> {
    let trailer = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
    let log = server.git(&server.bare(), &["log", "--first-parent", trailer, "main"]);
    log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_server_that_forbids_our_refs_is_named_and_nothing_is_claimed() {
    let Some(server) = Server::start() else { return };
    let first = server.root().join("first");
    server.orch_done(&first, &["add", "One", "--id", "one"]);
    fs::write(server.bare().join("forbid"), "").unwrap();
    for args in [&["pick", "one"][..], &["sync"]] {
        let answer = server.orch(&first, args);
        assert_ne!(answer.code, 0, "{args:?} {}{}", answer.out, answer.err);
        let said = format!("{}{}", answer.out, answer.err);
        assert!(said.contains("forbid") || said.contains("pre-receive hook declined"), "{args:?}: {said}");
        assert!(answer.err.contains("hint: "), "{args:?}: {}", answer.err);
    }
    assert_eq!(server.orch_done(&first, &["show", "one"])["state"], "pending");
    assert_eq!(server.git(&server.bare(), &["for-each-ref", "refs/orch"]), "");
    // Said aloud, one can go on alone; and all is there once it is allowed.
    server.orch_done(&first, &["pick", "one", "--offline"]);
    fs::remove_file(server.bare().join("forbid")).unwrap();
    server.orch_done(&first, &["sync"]);
    assert!(server.git(&server.bare(), &["for-each-ref", "refs/orch"]).contains("refs/orch/tasks/one"));
}

/// Where each connection is cut, in bytes; `usize::MAX` = nowhere.
struct Cut {
    /// Of what the client sends.
    sent: AtomicUsize,
    /// Of what the server answers.
    answered: AtomicUsize,
}

impl Cut {
    fn set(&self, sent: usize, answered: usize) {
        self.sent.store(sent, Ordering::SeqCst);
        self.answered.store(answered, Ordering::SeqCst);
    }
}

/// A proxy that cuts every connection after so many bytes.
fn cutting_proxy(port: u16, cut: Arc<Cut>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let (sent, answered) = (cut.sent.load(Ordering::SeqCst), cut.answered.load(Ordering::SeqCst));
            let pipes = [(&client, &server, sent), (&server, &client, answered)];
            for (from, to, mut left) in pipes {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || {
                    let mut buffer = [0_u8; 512];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        let count = count.min(left);
                        left -= count;
                        if to.write_all(&buffer[..count]).is_err() || left == 0 {
                            break;
                        }
                    }
                    let _ = from.shutdown(Shutdown::Both);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    own
}

#[test]
fn a_connection_that_is_cut_anywhere_loses_nothing_and_claims_nothing_twice() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.clone_as("one"), server.clone_as("two"));
    const WHOLE: usize = usize::MAX;
    let cut = Arc::new(Cut { sent: AtomicUsize::new(WHOLE), answered: AtomicUsize::new(WHOLE) });
    let proxy = cutting_proxy(server.port, Arc::clone(&cut));
    server.git(&one, &["remote", "set-url", "origin", &format!("http://127.0.0.1:{proxy}/git/r.git")]);
    // A claim sends about 1,200 bytes on its longest connection, and is answered by as many.
    let sent = (1..1300).step_by(130).map(|bytes| (bytes, WHOLE));
    let answered = (1..1300).step_by(217).map(|bytes| (WHOLE, bytes));
    let mut cuts_met = 0;
    for (at, bytes) in sent.chain(answered).enumerate() {
        let id = format!("t-{at}");
        cut.set(WHOLE, WHOLE);
        server.orch_done(&one, &["add", "Task", "--id", &id]);
        server.orch_done(&one, &["sync"]);
        server.orch_done(&two, &["sync"]);
        cut.set(bytes.0, bytes.1);
        let picked = server.orch(&one, &["pick", &id]);
        cut.set(WHOLE, WHOLE);
        cuts_met += usize::from(picked.code != 0);
        // The other one tries the same: exactly one of them has it, and says so.
        let other = server.orch(&two, &["pick", &id]);
        assert!(matches!(other.code, 0 | 6), "{bytes:?}: {}{}", other.out, other.err);
        server.orch_done(&one, &["sync"]);
        server.orch_done(&two, &["sync"]);
        let owners = [&one, &two].map(|dir| server.orch_done(dir, &["show", &id])["owner"].clone());
        assert_eq!(owners[0], owners[1], "{bytes:?}");
        let winner = if other.code == 0 { "two" } else { "one" };
        assert_eq!(owners[0], winner, "{bytes:?}: {} {}", picked.code, picked.err);
        assert!(picked.code != 0 || winner == "one", "{bytes:?}: two were told that they have it");
    }
    assert!(cuts_met >= 10, "hardly any connection was cut: {cuts_met}");
}
