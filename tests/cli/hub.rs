//! A simulated GitHub on 127.0.0.1, over a real bare repository: pull requests, comments, reactions, reviews, labels,
//! checks, workflow runs. It answers as GitHub's description has it for what the bot asks, fails when told to, and
//! remembers every request. A test that ends while something that the bot said was not looked at, or a command was
//! followed by nobody, fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scratch::Answer;

/// What is to go wrong with the next request that fits.
#[derive(Clone)]
pub(crate) struct Fault {
    /// `METHOD /part/of/the/route`.
    pub(crate) on: &'static str,
    pub(crate) how: How,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum How {
    /// Answers so, and does nothing.
    Status(u16),
    /// Rate limit, with `Retry-After: 0`.
    Limited,
    /// Does it, and closes the connection without an answer.
    Lost,
}

/// What GitHub knows.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) pulls: BTreeMap<u64, Value>,
    /// Conversation comments, by id.
    pub(crate) comments: BTreeMap<u64, Value>,
    pub(crate) inline: Vec<Value>,
    /// Reactions by comment: login and content.
    pub(crate) reactions: BTreeMap<u64, BTreeSet<(String, String)>>,
    pub(crate) reviews: BTreeMap<u64, Vec<Value>>,
    /// Issues that are no pull requests.
    pub(crate) issues: BTreeMap<u64, Value>,
    pub(crate) checks: Vec<Value>,
    pub(crate) runs: Vec<Value>,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) permissions: BTreeMap<String, &'static str>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) requests: Vec<String>,
    /// The same with what was sent: method, target and body.
    pub(crate) sent: Vec<Sent>,
    /// What the bot said and no test has looked at yet: the pull request, and the text.
    unread: Vec<(u64, String)>,
    next: u64,
    /// Minutes on GitHub's clock since its start.
    pub(crate) clock: u64,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: String,
}

/// The simulation with its repository, and the bot's clone of it.
pub(crate) struct Hub {
    folder: TempDir,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) port: u16,
}

const BOT: &str = "orch-bot";
/// The secret of the webhooks.
const SECRET: &str = "It's a Secret to Everybody";

/// The bot as a process that hears webhooks.
pub(crate) struct Serving {
    child: std::process::Child,
    address: String,
    /// Kept open: it writes to it.
    _out: BufReader<std::process::ChildStdout>,
}

impl Serving {
    /// Sends a webhook as GitHub does, and gives the answer's status.
    pub(crate) fn deliver(&self, event: &str, payload: &str) -> u16 {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag = ring::hmac::sign(&key, payload.as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.deliver_signed(event, payload, &format!("sha256={hex}"))
    }

    pub(crate) fn deliver_signed(&self, event: &str, payload: &str, signature: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: {event}\r\nX-Hub-Signature-256: {signature}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{payload}",
            payload.len()
        )
        .unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer); // it may close before it has read a refused body
        answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let world = self.world.lock().unwrap();
        assert!(world.unread.is_empty(), "nobody looked at what the bot said: {:#?}", world.unread);
        let left: Vec<&Value> = world.comments.values().filter(|comment| world.is_left(comment)).collect();
        assert!(left.is_empty(), "commands that nobody followed: {left:#?}");
    }
}

impl World {
    /// Whether a comment has a command that was neither marked nor answered.
    fn is_left(&self, comment: &Value) -> bool {
        let id = comment["id"].as_u64().unwrap();
        let answer = format!("<!-- git-orch:reply {id} -->");
        comment["user"]["login"] != BOT
            && comment["body"].as_str().unwrap().lines().any(|line| line.starts_with("/orch"))
            && !self.reactions.get(&id).is_some_and(|marks| marks.iter().any(|(login, _)| login == BOT))
            && !self.comments.values().any(|other| other["body"].as_str().unwrap().starts_with(&answer))
    }

    /// The pull request that a comment stands on.
    fn pull_of(comment: &Value) -> u64 {
        comment["issue_url"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap()
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next + 1000
    }

    fn now(&self) -> String {
        format!("2026-11-21T{:02}:{:02}:00Z", 8 + self.clock / 60, self.clock % 60)
    }
}

impl Hub {
    /// A repository whose tests pass while no file of `src/` has a line `bad`, and one clone for the bot.
    pub(crate) fn new(settings: &str) -> Hub {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(Mutex::new(World::default()));
        world.lock().unwrap().permissions =
            [("ana", "write"), ("bob", "write"), ("carl", "read"), (BOT, "write")]
                .map(|(name, may)| (name.to_owned(), may))
                .into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hub = Hub { folder, world: Arc::clone(&world), port };
        let bare = hub.bare();
        hub.git_in(hub.folder.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        hub.git_in(hub.folder.path(), &["clone", "-q", "remote.git", "dev"]);
        hub.git_in(&hub.dev(), &["switch", "-q", "-c", "main"]);
        fs::create_dir_all(hub.dev().join("src")).unwrap();
        fs::write(hub.dev().join("src/a.txt"), "one\ntwo\nthree\n").unwrap();
        let tests = "[tests]\nall = \"! grep -rq bad src\"\nreport = \"exit\"\n";
        fs::write(hub.dev().join("orch.toml"), format!("{tests}{settings}")).unwrap();
        hub.git_in(&hub.dev(), &["add", "-A"]);
        hub.git_in(&hub.dev(), &["commit", "-q", "-m", "Start"]);
        hub.git_in(&hub.dev(), &["push", "-q", "-u", "origin", "main"]);
        hub.git_in(hub.folder.path(), &["clone", "-q", "remote.git", "bot"]);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(&world, &bare, stream);
            }
        });
        hub
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("remote.git")
    }

    pub(crate) fn dev(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("dev")
    }

    pub(crate) fn bot_clone(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("bot")
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().canonicalize().unwrap().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// More settings on the base branch.
    pub(crate) fn settings(&self, more: &str) {
        self.settings_instead(&format!("[tests]\nall = \"! grep -rq bad src\"\nreport = \"exit\"\n{more}"));
    }

    /// All settings on the base branch.
    pub(crate) fn settings_instead(&self, all: &str) {
        fs::write(self.dev().join("orch.toml"), all).unwrap();
        self.git_in(&self.dev(), &["commit", "-q", "-am", "Settings"]);
        self.git_in(&self.dev(), &["push", "-q", "origin", "main"]);
        self.git_in(&self.bot_clone(), &["pull", "-q"]);
    }

    pub(crate) fn file_named(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn command(&self, program: &str, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Dev").env(format!("GIT_{who}_EMAIL"), "dev@localhost");
        }
        command
    }

    fn run(command: &mut Command) -> Answer {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let answer = Hub::run(self.command("git", dir).args(args));
        assert_eq!(answer.code, 0, "git {args:?}: {}", answer.err);
        answer.out.trim().to_owned()
    }

    pub(crate) fn bare_git(&self, args: &[&str]) -> String {
        self.git_in(&self.bare(), args)
    }

    /// Runs this program in the bot's clone, as a workflow would.
    pub(crate) fn orch(&self, args: &[&str], extra: &[(&str, &str)]) -> Answer {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-orch"), &self.bot_clone());
        command.env("GITHUB_API_URL", format!("http://127.0.0.1:{}", self.port));
        command.env("GITHUB_TOKEN", "dummy").env("GITHUB_REPOSITORY", "ana/demo");
        command.envs(extra.iter().copied());
        Hub::run(command.args(args))
    }

    /// Runs this program in another clone, as a person would.
    pub(crate) fn orch_in(&self, dir: &Path, args: &[&str]) -> Answer {
        Hub::run(self.command(env!("CARGO_BIN_EXE_git-orch"), dir).args(args))
    }

    /// Starts the bot as a process that hears webhooks.
    pub(crate) fn serve(&self) -> Serving {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-orch"), &self.bot_clone());
        command.env("GITHUB_API_URL", format!("http://127.0.0.1:{}", self.port));
        command.env("GITHUB_TOKEN", "dummy").env("GITHUB_REPOSITORY", "ana/demo");
        command.env("GITHUB_WEBHOOK_SECRET", SECRET);
        command.args(["bot", "serve", "--listen", "127.0.0.1:0"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Serving { child, address, _out: out }
    }

    /// Waits until something is so; the bot goes its own way.
    pub(crate) fn until(&self, what: &str, so: impl Fn() -> bool) {
        for _ in 0..600 {
            if so() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("not within a minute: {what}");
    }

    /// Runs a script of a workflow in the bot's clone.
    pub(crate) fn script(&self, script: &str, env: &[(&str, String)]) -> Answer {
        let mut command = self.command("bash", &self.bot_clone());
        command.envs(env.iter().map(|(name, value)| (*name, value.as_str())));
        Hub::run(command.args(["-c", script]))
    }

    #[track_caller]
    pub(crate) fn queue(&self) -> Answer {
        let answer = self.orch(&["bot", "queue"], &[]);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer
    }

    /// Opens a pull request of `ana` with one commit that writes `file`.
    pub(crate) fn pull(&self, number: u64, file: &str, text: &str) -> String {
        let branch = format!("topic-{number}");
        self.git_in(&self.dev(), &["fetch", "-q", "origin"]);
        self.git_in(&self.dev(), &["switch", "-q", "-c", &branch, "origin/main"]);
        let head = self.push(number, file, text);
        let pull = json!({
            "number": number, "title": format!("Change {number}"), "state": "open", "draft": false, "merged": false,
            "user": {"login": "ana", "type": "User"}, "labels": [],
            "mergeable": true, "mergeable_state": "clean",
            "head": {"ref": branch, "sha": head, "repo": {"full_name": "ana/demo"}},
            "base": {"ref": "main", "repo": {"full_name": "ana/demo"}},
        });
        self.world.lock().unwrap().pulls.insert(number, pull);
        self.checked(number);
        head
    }

    /// One more commit on a pull request; GitHub sees it at once.
    pub(crate) fn push(&self, number: u64, file: &str, text: &str) -> String {
        self.push_all(number, &[(file, text)])
    }

    /// The same with several files.
    pub(crate) fn push_all(&self, number: u64, files: &[(&str, &str)]) -> String {
        let dev = self.dev();
        self.git_in(&dev, &["switch", "-q", &format!("topic-{number}")]);
        for (file, text) in files {
            fs::create_dir_all(dev.join(file).parent().unwrap()).unwrap();
            fs::write(dev.join(file), text).unwrap();
        }
        self.git_in(&dev, &["add", "-A"]);
        self.git_in(&dev, &["commit", "-q", "-m", &format!("Write {}", files[0].0)]);
        self.git_in(
            &dev,
            &["push", "-q", "--force", "origin", "HEAD", &format!("HEAD:refs/pull/{number}/head")],
        );
        let head = self.git_in(&dev, &["rev-parse", "HEAD"]);
        self.git_in(&dev, &["switch", "-q", "main"]);
        if let Some(pull) = self.world.lock().unwrap().pulls.get_mut(&number) {
            pull["head"]["sha"] = json!(head);
        }
        head
    }

    /// The checking workflow began on the head of a pull request, and a minute went by.
    pub(crate) fn checked(&self, number: u64) {
        let mut world = self.world.lock().unwrap();
        world.clock += 1;
        let (id, run, at) = (world.id(), world.id(), world.now());
        let head = world.pulls[&number]["head"]["sha"].clone();
        world.checks.push(
            json!({"id": id, "name": "orch-check", "head_sha": head, "started_at": at, "external_id": ""}),
        );
        world.runs.push(json!({"id": run, "head_sha": head}));
        world.clock += 1;
    }

    pub(crate) fn say(&self, number: u64, login: &str, body: &str) -> u64 {
        let mut world = self.world.lock().unwrap();
        world.clock += 1;
        let id = world.id();
        let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
        let comment = json!({
            "id": id, "body": body, "created_at": world.now(), "user": {"login": login, "type": kind},
            "performed_via_github_app": null, "issue_url": format!("http://x/repos/ana/demo/issues/{number}"),
        });
        world.comments.insert(id, comment);
        id
    }

    pub(crate) fn set(&self, number: u64, field: &str, value: Value) {
        let mut world = self.world.lock().unwrap();
        let pull = world.pulls.get_mut(&number).unwrap();
        *pull.pointer_mut(field).unwrap() = value;
    }

    pub(crate) fn fail(&self, on: &'static str, how: How, times: usize) {
        self.world.lock().unwrap().faults.extend(std::iter::repeat_n(Fault { on, how }, times));
    }

    /// What the bot said on a pull request.
    pub(crate) fn said(&self, number: u64) -> Vec<String> {
        let mut world = self.world.lock().unwrap();
        world.unread.retain(|(pull, _)| *pull != number);
        let end = format!("/issues/{number}");
        let own = world.comments.values().filter(|comment| {
            comment["user"]["login"] == BOT && comment["issue_url"].as_str().unwrap().ends_with(&end)
        });
        own.map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }

    /// What the bot answered to a comment.
    pub(crate) fn reply(&self, comment: u64) -> Option<String> {
        let mut world = self.world.lock().unwrap();
        let begin = format!("<!-- git-orch:reply {comment} -->\n");
        world.unread.retain(|(_, text)| !text.contains(&begin.replace('\n', "")));
        let text = |comment: &Value| comment["body"].as_str()?.strip_prefix(&begin).map(str::to_owned);
        world.comments.values().find_map(text)
    }

    /// What the bot remarked at lines of a pull request.
    pub(crate) fn remarks(&self, number: u64) -> Vec<Value> {
        let mut world = self.world.lock().unwrap();
        world.unread.retain(|(pull, _)| *pull != number);
        world.inline.iter().filter(|remark| remark["pull"] == number).cloned().collect()
    }

    /// The bot's mark on a comment.
    pub(crate) fn mark(&self, comment: u64) -> Option<String> {
        let world = self.world.lock().unwrap();
        let marks = world.reactions.get(&comment)?;
        marks.iter().find(|(login, _)| login == BOT).map(|(_, content)| content.clone())
    }

    pub(crate) fn requests(&self, fits: &str) -> usize {
        self.world.lock().unwrap().requests.iter().filter(|request| request.starts_with(fits)).count()
    }

    /// Everything that should not depend on the order in which the bot heard of it.
    pub(crate) fn state(&self) -> String {
        let world = self.world.lock().unwrap();
        let marks: Vec<String> =
            world.reactions.iter().map(|(id, marks)| format!("{id}: {marks:?}")).collect();
        let comments: Vec<String> =
            world.comments.values().map(|comment| comment["body"].to_string()).collect();
        let tasks = self.bare_git(&[
            "for-each-ref",
            "--format=%(refname) %(contents:trailers:key=Orch-State,valueonly,separator=%x2C)",
            "refs/orch/tasks",
        ]);
        let landed = self.bare_git(&[
            "log",
            "--first-parent",
            "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)",
            "main",
        ]);
        format!("{}\n{}\n{tasks}\n{landed}", marks.join("\n"), comments.join("\n"))
    }

    pub(crate) fn landed(&self) -> Vec<String> {
        let trailer = "--format=%(trailers:key=Orch-Task,valueonly,separator=%x2C)";
        let log = self.bare_git(&["log", "--first-parent", trailer, "main"]);
        log.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

/// One request and its answer.
fn answer(world: &Mutex<World>, bare: &Path, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut line) = (0_usize, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let route = target.strip_prefix("/repos/ana/demo").unwrap_or(target);
    let request = format!("{method} {route}");
    let mut world = world.lock().unwrap();
    world.requests.push(request.clone());
    let sent = String::from_utf8_lossy(&body).into_owned();
    world.sent.push(Sent { method: method.to_owned(), target: target.to_owned(), body: sent });
    let fault = world.faults.iter().position(|fault| {
        let (on, part) = fault.on.split_once(' ').unwrap();
        on == method && route.contains(part)
    });
    let fault = fault.map(|at| world.faults.remove(at).how);
    let (status, value) = match fault {
        Some(How::Status(status)) => (status, json!({"message": "simulated"})),
        Some(How::Limited) => (403, json!({"message": "You have exceeded a secondary rate limit"})),
        Some(How::Lost) | None => {
            route_of(&mut world, bare, method, route, &serde_json::from_slice(&body).unwrap_or(Value::Null))
        }
    };
    drop(world);
    if fault == Some(How::Lost) {
        return Ok(());
    }
    let text = if status == 204 { String::new() } else { value.to_string() };
    let retry = if fault == Some(How::Limited) { "Retry-After: 0\r\n" } else { "" };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{retry}Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

fn route_of(world: &mut World, bare: &Path, method: &str, route: &str, body: &Value) -> (u16, Value) {
    let (path, query) = route.split_once('?').unwrap_or((route, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    let missing = (404, json!({"message": "Not Found"}));
    let me = json!({"login": BOT, "type": "User"});
    // Pages after the first are empty: no test has more than a hundred of anything.
    let later = query.split('&').any(|pair| pair.starts_with("page=") && pair != "page=1");
    let page = |list: Vec<Value>| (200, Value::Array(if later { Vec::new() } else { list }));
    match (method, parts.as_slice()) {
        ("GET", ["user"]) => (200, me),
        ("GET", ["pulls"]) => {
            let pulls: Vec<Value> = world
                .pulls
                .keys()
                .copied()
                .collect::<Vec<_>>()
                .into_iter()
                .map(|n| seen(world, bare, n))
                .collect();
            page(pulls.into_iter().filter(|pull| pull["state"] == "open").collect())
        }
        ("GET", ["pulls", n]) if world.pulls.contains_key(&number(n)) => (200, seen(world, bare, number(n))),
        ("GET", ["pulls", n, "comments"]) => {
            page(world.inline.iter().filter(|c| c["pull"] == number(n)).cloned().collect())
        }
        ("POST", ["pulls", n, "comments"]) => {
            let id = world.id();
            world.unread.push((number(n), body["body"].to_string()));
            world.inline.push(json!({"id": id, "pull": number(n), "body": body["body"], "path": body["path"], "line": body["line"], "user": me, "commit_id": body["commit_id"]}));
            (201, json!({"id": id}))
        }
        ("GET", ["pulls", n, "reviews"]) => page(world.reviews.get(&number(n)).cloned().unwrap_or_default()),
        ("GET", ["issues"]) => {
            let wanted = query.split('&').find_map(|pair| pair.strip_prefix("labels=")).unwrap_or_default();
            let has = |issue: &&Value, name: &str| {
                issue["labels"].as_array().unwrap().iter().any(|label| label["name"] == name)
            };
            let all = |issue: &&Value| {
                wanted
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .all(|name| has(issue, &name.replace("%20", " ")))
            };
            // As the real one, it lists pull requests as issues too.
            let pull = json!({"number": 9000, "title": "A pull request", "state": "open", "labels": [], "pull_request": {}});
            let open = world.issues.values().filter(|issue| issue["state"] == "open").filter(all).cloned();
            page(open.chain(wanted.is_empty().then_some(pull)).collect())
        }
        ("GET", ["issues", n]) if *n != "comments" => {
            world.issues.get(&number(n)).map_or(missing, |issue| (200, issue.clone()))
        }
        ("PATCH", ["issues", n]) => match world.issues.get_mut(&number(n)) {
            Some(issue) => {
                for (field, value) in body.as_object().unwrap() {
                    issue[field] = value.clone();
                }
                (200, issue.clone())
            }
            None => missing,
        },
        ("GET", ["issues", "comments"]) => page(world.comments.values().map(|c| counted(world, c)).collect()),
        ("GET", ["issues", n, "comments"]) => {
            let end = format!("/issues/{}", number(n));
            page(
                world
                    .comments
                    .values()
                    .filter(|c| c["issue_url"].as_str().unwrap().ends_with(&end))
                    .map(|c| counted(world, c))
                    .collect(),
            )
        }
        ("POST", ["issues", n, "comments"]) => {
            let id = world.id();
            let comment = json!({"id": id, "body": body["body"], "created_at": world.now(), "user": me, "performed_via_github_app": null, "issue_url": format!("http://x/repos/ana/demo/issues/{n}")});
            world.comments.insert(id, comment.clone());
            world.unread.push((number(n), body["body"].to_string()));
            (201, comment)
        }
        ("PATCH", ["issues", "comments", id]) => match world.comments.get_mut(&number(id)) {
            Some(comment) => {
                comment["body"] = body["body"].clone();
                let comment = comment.clone();
                world.unread.push((World::pull_of(&comment), body["body"].to_string()));
                (200, comment)
            }
            None => missing,
        },
        ("DELETE", ["issues", "comments", id]) => match world.comments.remove(&number(id)) {
            Some(_) => (204, Value::Null),
            None => missing,
        },
        ("GET", ["issues", "comments", id, "reactions"]) => {
            let marks = world.reactions.get(&number(id)).cloned().unwrap_or_default();
            page(
                marks
                    .into_iter()
                    .map(|(login, content)| json!({"user": {"login": login}, "content": content}))
                    .collect(),
            )
        }
        ("POST", ["issues", "comments", id, "reactions"]) if world.comments.contains_key(&number(id)) => {
            let content = body["content"].as_str().unwrap().to_owned();
            world.reactions.entry(number(id)).or_default().insert((BOT.to_owned(), content));
            (201, json!({"id": 1}))
        }
        ("POST", ["labels"]) => match world.labels.insert(body["name"].as_str().unwrap().to_owned()) {
            true => (201, json!({})),
            false => (422, json!({"message": "already_exists"})),
        },
        ("POST", ["issues", n, "labels"]) => {
            let pull = world.pulls.get_mut(&number(n)).unwrap();
            for name in body["labels"].as_array().unwrap() {
                pull["labels"].as_array_mut().unwrap().push(json!({"name": name}));
            }
            (200, json!([]))
        }
        ("DELETE", ["issues", n, "labels", name]) => {
            let pull = world.pulls.get_mut(&number(n)).unwrap();
            pull["labels"].as_array_mut().unwrap().retain(|label| label["name"] != name.replace("%3A", ":"));
            (200, json!([]))
        }
        ("GET", ["collaborators", login, "permission"]) => {
            let may = world.permissions.get(*login).copied().unwrap_or("none");
            (200, json!({"permission": may, "role_name": may}))
        }
        ("GET", ["commits", sha, "check-runs"]) => {
            let runs: Vec<Value> =
                world.checks.iter().filter(|run| run["head_sha"] == *sha && !later).cloned().collect();
            (200, json!({"total_count": runs.len(), "check_runs": runs}))
        }
        ("POST", ["check-runs"]) => {
            let (id, mut run) = (world.id(), body.clone());
            run["id"] = json!(id);
            run["started_at"] = json!(world.now());
            world.checks.push(run.clone());
            (201, run)
        }
        ("PATCH", ["check-runs", id]) => {
            let run = world.checks.iter_mut().find(|run| run["id"] == number(id)).unwrap();
            run["conclusion"] = body["conclusion"].clone();
            run["output"] = body["output"].clone();
            (200, run.clone())
        }
        ("GET", ["actions", "workflows", "orch-check.yml", "runs"]) => {
            let wanted = query.split('&').find_map(|pair| pair.strip_prefix("head_sha=")).unwrap();
            let runs: Vec<Value> =
                world.runs.iter().filter(|run| run["head_sha"] == wanted && !later).cloned().collect();
            (200, json!({"workflow_runs": runs}))
        }
        ("POST", ["actions", "runs", id, "rerun"])
            if world.runs.iter().any(|run| run["id"] == number(id) && run["status"] == "in_progress") =>
        {
            (403, json!({"message": "This workflow is already running"}))
        }
        ("POST", ["actions", "runs", _, "rerun"]) => (201, json!({})),
        _ => missing,
    }
}

/// A pull request as it is now: merged once its head is part of its base.
fn seen(world: &mut World, bare: &Path, number: u64) -> Value {
    let pull = world.pulls.get_mut(&number).unwrap();
    let (head, base) = (pull["head"]["sha"].as_str().unwrap(), pull["base"]["ref"].as_str().unwrap());
    let merged = Command::new("git")
        .arg("-C")
        .arg(bare)
        .args(["merge-base", "--is-ancestor", head, &format!("refs/heads/{base}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if merged {
        pull["state"] = json!("closed");
        pull["merged"] = json!(true);
    }
    pull.clone()
}

fn counted(world: &World, comment: &Value) -> Value {
    let mut comment = comment.clone();
    let count = world.reactions.get(&comment["id"].as_u64().unwrap()).map_or(0, BTreeSet::len);
    comment["reactions"] = json!({"total_count": count});
    comment
}
