//! The whole life of a pull request on a GitHub that somebody else wrote: the stateful emulator of the npm package
//! `emulate`. It knows pull requests, reviews, comments, labels and checks, and computes ids of commits as git does.
//!
//! It has no git over HTTP. So the test is the link between it and a real bare repository: it tells the emulator of each
//! commit, a pull request's head follows its branch, and one whose head is part of its base is closed, as on GitHub.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::hub::Hub;
use crate::scratch::Answer;
use crate::tools::tool;

const REPOSITORY: &str = "/repos/ana/demo";
/// The one pull request.
const NUMBER: u64 = 1;

/// The emulator, and the address at which the bot finds it.
struct Emulated {
    child: Child,
    port: u16,
    /// The link's own port.
    link: u16,
    /// The head of the pull request by git.
    head: Arc<Mutex<String>>,
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One request, with HTTP 1.0, so that the answer is not in chunks: its status and text.
pub(crate) fn ask(
    port: u16,
    request: &str,
    authorization: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "{request} HTTP/1.0\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok((head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0), body.to_owned()))
}

impl Emulated {
    fn start(hub: &Hub) -> Option<Emulated> {
        let program = tool("node_modules/emulate/dist/index.js")?;
        let token = |login: &str| json!({"login": login, "scopes": ["repo", "user"]});
        let seed = json!({
            "tokens": {"dummy": token("orch-bot"), "ana": token("ana"), "bob": token("bob"), "carl": token("carl")},
            "github": {
                "users": [
                    {"login": "ana", "name": "Ana", "email": "ana@localhost"},
                    {"login": "bob"}, {"login": "carl"}, {"login": "orch-bot"}
                ],
                "repos": [{"owner": "ana", "name": "demo", "auto_init": true}],
            },
        });
        let seed = hub.file("seed.json", &seed.to_string());
        let port = free_port();
        let child = Command::new("node")
            .arg(program)
            .args(["start", "--service", "github", "--port", &port.to_string(), "--seed"])
            .arg(seed)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let head = Arc::new(Mutex::new(String::new()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = listener.local_addr().unwrap().port();
        let emulated = Emulated { child, port, link, head: Arc::clone(&head) };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = pass_on(stream, port, &head);
            }
        });
        for login in ["bob", "orch-bot"] {
            emulated.call("ana", &format!("PUT /collaborators/{login}"), json!({"permission": "push"}));
        }
        Some(emulated)
    }

    /// A call of somebody, below the repository.
    #[track_caller]
    fn call(&self, who: &str, call: &str, body: Value) -> Value {
        let (verb, route) = call.split_once(' ').unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!("{verb} {REPOSITORY}{route}");
        let (status, text) = ask(self.port, &request, &format!("Bearer {who}"), &body).unwrap();
        assert!((200..300).contains(&status), "{who}: {call}: {status}\n{text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    fn get(&self, route: &str) -> Value {
        self.call("ana", &format!("GET {route}"), Value::Null)
    }

    /// Tells of a commit and all that it has; its id there is its id in git.
    fn know(&self, hub: &Hub, commit: &str) {
        let git = |args: &[&str]| hub.bare_git(args);
        let mut entries = Vec::new();
        for line in git(&["ls-tree", "-r", commit]).lines() {
            let (kind, path) = line.split_once('\t').unwrap();
            let (mode, id) = (kind.split(' ').next().unwrap(), kind.rsplit(' ').next().unwrap());
            let text = Command::new("git").arg("-C").arg(hub.bare()).args(["cat-file", "blob", id]).output();
            let text = String::from_utf8(text.unwrap().stdout).unwrap();
            self.call("ana", "POST /git/blobs", json!({"content": text, "encoding": "utf-8"}));
            entries.push(json!({"path": path, "mode": mode, "type": "blob", "sha": id}));
        }
        let tree = self.call("ana", "POST /git/trees", json!({"tree": entries}));
        let show = |format: &str| git(&["show", "-s", &format!("--format={format}"), commit]);
        let parents = show("%P");
        let person = |who: char| json!({"name": show(&format!("%{who}n")), "email": show(&format!("%{who}e")), "date": show(&format!("%{who}I"))});
        let new = json!({
            "message": show("%B"), "tree": tree["sha"], "parents": parents.split_whitespace().collect::<Vec<_>>(),
            "author": person('a'), "committer": person('c'),
        });
        assert_eq!(self.call("ana", "POST /git/commits", new)["sha"], commit);
    }

    /// A push of the author, and the checking workflow that begins on it.
    fn pushed(&self, hub: &Hub, file: &str, text: &str) -> String {
        let head = hub.push(NUMBER, file, text);
        self.know(hub, &head);
        let update = json!({"sha": head, "force": true});
        self.call("ana", &format!("PATCH /git/refs/heads/topic-{NUMBER}"), update);
        self.head.lock().unwrap().clone_from(&head);
        self.checking(&head);
        head
    }

    fn checking(&self, head: &str) {
        let now = jiff::Timestamp::now().to_string();
        let run = json!({"name": "orch-check", "head_sha": head, "status": "in_progress", "started_at": now});
        self.call("ana", "POST /check-runs", run);
        // Its clock has milliseconds; a comment in the same one would not be later.
        std::thread::sleep(Duration::from_millis(20));
    }

    fn orch(&self, hub: &Hub, args: &[&str], extra: &[(&str, &str)]) -> Answer {
        let api = format!("http://127.0.0.1:{}", self.link);
        let mut env = vec![("GITHUB_API_URL", api.as_str())];
        env.extend(extra);
        hub.orch(args, &env)
    }

    /// The two workflows on the head.
    fn check_and_publish(&self, hub: &Hub, head: &str) -> String {
        let pull =
            json!({"pull_request": {"number": NUMBER, "head": {"sha": head}, "base": {"ref": "main"}}});
        let pull = hub.file("event.json", &pull.to_string());
        let artifact = hub.file("result.json", "");
        let artifact = artifact.to_str().unwrap();
        let env = [("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", pull.to_str().unwrap())];
        let checked = self.orch(hub, &["bot", "check", "--artifact", artifact], &env);
        let ran = json!({"workflow_run": {"id": 1, "name": "orch-check", "event": "pull_request", "head_sha": head}});
        let ran = hub.file("ran.json", &ran.to_string());
        let env = [("GITHUB_EVENT_NAME", "workflow_run"), ("GITHUB_EVENT_PATH", ran.to_str().unwrap())];
        let published = self.orch(hub, &["bot", "publish", "--artifact", artifact], &env);
        assert_eq!(published.code, 0, "{checked:?}\n{published:?}");
        published.out
    }

    /// Somebody writes a comment, and `orch-command` runs.
    fn says(&self, hub: &Hub, who: &str, text: &str) -> String {
        self.call(who, &format!("POST /issues/{NUMBER}/comments"), json!({"body": text}));
        let event = json!({"issue": {"number": NUMBER, "pull_request": {}}});
        let event = hub.file("event.json", &event.to_string());
        let env = [("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", event.to_str().unwrap())];
        let heard = self.orch(hub, &["bot", "command"], &env);
        assert_eq!(heard.code, 0, "{heard:?}");
        heard.out
    }

    fn comments(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = self.get(&format!("/issues/{NUMBER}/comments"));
        let own = |comment: &Value| (text(&comment["user"]["login"]), text(&comment["body"]));
        list.as_array().unwrap().iter().map(own).collect()
    }

    /// What the bot said of the gates: at most one comment.
    fn gate_comments(&self) -> Vec<(u64, String)> {
        let list = self.get(&format!("/issues/{NUMBER}/comments"));
        let list = list.as_array().unwrap().clone();
        let gate = list.into_iter().filter(|comment| {
            comment["user"]["login"] == "orch-bot"
                && comment["body"].as_str().unwrap().contains("<!-- git-orch:gate v1 -->")
        });
        gate.map(|comment| (comment["id"].as_u64().unwrap(), comment["body"].as_str().unwrap().to_owned()))
            .collect()
    }

    fn labels(&self) -> Vec<String> {
        let labels = self.get(&format!("/issues/{NUMBER}/labels"));
        labels.as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap().to_owned()).collect()
    }

    fn gate(&self, head: &str) -> Vec<String> {
        let runs = self.get(&format!("/commits/{head}/check-runs"));
        let own =
            runs["check_runs"].as_array().unwrap().iter().filter(|run| run["name"] == "git orch / gate");
        own.map(|run| run["conclusion"].as_str().unwrap().to_owned()).collect()
    }
}

/// Hands a request of the bot on. Two things are mended on the way: a pull request's head is that of its branch, and the
/// comments of all conversations, which the emulator's own routes hide, are those of the one pull request.
fn pass_on(stream: TcpStream, port: u16, head: &Mutex<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut authorization, mut length) = (String::new(), String::new(), 0_usize);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.trim().clone_into(&mut authorization);
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = first.rsplit_once(' ').map_or("", |(request, _)| request);
    let request = request.replace("/issues/comments?", &format!("/issues/{NUMBER}/comments?"));
    let (status, answer) = ask(port, &request, &authorization, &String::from_utf8_lossy(&body))?;
    let mut value: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
    if request.starts_with(&format!("GET {REPOSITORY}/pulls")) {
        let now = head.lock().unwrap().clone();
        let pulls = match &mut value {
            Value::Array(list) => list.iter_mut().collect(),
            one => vec![one],
        };
        for pull in pulls.into_iter().filter(|pull| pull["head"]["sha"].is_string()) {
            pull["head"]["sha"] = json!(now);
        }
    }
    let text = if value.is_null() { String::new() } else { value.to_string() };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

#[test]
fn the_whole_life_of_a_pull_request_on_somebody_elses_github() {
    let hub = Hub::new("");
    let Some(github) = Emulated::start(&hub) else { return };
    let start = hub.bare_git(&["rev-parse", "main"]);
    github.know(&hub, &start);
    github.call("ana", "PATCH /git/refs/heads/main", json!({"sha": start, "force": true}));
    // Opened.
    let head = hub.pull(NUMBER, "src/b.txt", &"line\n".repeat(201));
    github.know(&hub, &head);
    github.call("ana", "POST /git/refs", json!({"ref": format!("refs/heads/topic-{NUMBER}"), "sha": head}));
    let open = json!({"title": "A change", "head": format!("topic-{NUMBER}"), "base": "main"});
    let pull = github.call("ana", "POST /pulls", open);
    assert_eq!((&pull["number"], &pull["head"]["sha"]), (&json!(NUMBER), &json!(head)));
    github.head.lock().unwrap().clone_from(&head);
    github.checking(&head);
    // Checked: too big; one comment, however often it is said.
    for _ in 0..2 {
        let said = github.check_and_publish(&hub, &head);
        assert!(said.starts_with("pull request 1: blocked by size"), "{said}");
    }
    assert_eq!(
        (github.gate(&head), github.labels()),
        (vec!["failure".to_owned()], vec!["orch:too-big".to_owned()])
    );
    let first = github.gate_comments();
    assert!(first.len() == 1 && first[0].1.contains("| size | **no** |"), "{first:?}");
    // Pushed again: the same comment, with what holds now.
    let head = github.pushed(&hub, "src/b.txt", "bad\n");
    let said = github.check_and_publish(&hub, &head);
    assert!(said.starts_with("pull request 1: blocked by tests"), "{said}");
    let second = github.gate_comments();
    assert_eq!((second.len(), second[0].0), (1, first[0].0), "edited in place");
    assert!(second[0].1.contains("| tests | **no** |"), "{second:?}");
    assert_eq!((github.gate(&head), github.labels()), (vec!["failure".to_owned()], Vec::new()));
    // And again: nothing is left to say.
    let head = github.pushed(&hub, "src/b.txt", "fine\n");
    assert_eq!(github.check_and_publish(&hub, &head), "pull request 1: may go on\n");
    assert_eq!(
        (github.gate(&head), github.labels()),
        (vec!["success".to_owned()], vec!["orch:ready".to_owned()])
    );
    assert_eq!(github.gate_comments(), []);
    // Nobody lands it alone, and a reader cannot.
    assert!(github.says(&hub, "ana", "/orch queue").contains("nobody else has approved"));
    // Reviewed by a person, queued by its author; out again; approved by command.
    let review = json!({"event": "APPROVE", "body": "Good."});
    github.call("bob", &format!("POST /pulls/{NUMBER}/reviews"), review);
    // The emulator binds a review to the head that it knows: the first one. That is no yes to this commit.
    assert!(github.says(&hub, "ana", "/orch queue").contains("nobody else has approved"));
    let review = json!({"event": "APPROVE", "body": "Still good.", "commit_id": head});
    github.call("bob", &format!("POST /pulls/{NUMBER}/reviews"), review);
    assert_eq!(github.says(&hub, "ana", "/orch queue p1"), "pull request 1: ana: done\n");
    assert_eq!(github.says(&hub, "ana", "/orch unqueue"), "pull request 1: ana: done\n");
    assert_eq!(github.says(&hub, "bob", "/orch approve"), "pull request 1: bob: done\n");
    assert!(github.says(&hub, "bob", "/orch why").contains("bob: "), "{:?}", github.comments());
    // Landed.
    let round = github.orch(&hub, &["bot", "queue"], &[]);
    assert!(round.code == 0 && round.out.contains("landed: pr-1"), "{round:?}");
    assert_eq!(hub.bare_git(&["rev-parse", "main^2"]), head, "the commit that was approved");
    assert!(hub.bare_git(&["log", "-1", "--format=%B", "main"]).contains("Orch-Approved-By: bob"));
    // Closed, as GitHub does with one whose head is part of its base.
    hub.bare_git(&["merge-base", "--is-ancestor", &head, "main"]);
    github.call("ana", &format!("PATCH /pulls/{NUMBER}"), json!({"state": "closed"}));
    let before = github.comments();
    let round = github.orch(&hub, &["bot", "queue"], &[]);
    assert_eq!((round.code, github.comments()), (0, before), "{round:?}");
    assert_eq!(github.get(&format!("/pulls/{NUMBER}"))["state"], "closed");
    assert_eq!(github.labels(), ["orch:ready"]);
    let ours = github.comments().into_iter().filter(|(login, _)| login == "orch-bot");
    let kinds: Vec<String> =
        ours.map(|(_, text)| text.lines().nth(1).unwrap_or_default().to_owned()).collect();
    insta::assert_snapshot!(kinds.join("\n").replace(&head[..7], "HEAD"), @"
    nobody else has approved HEAD yet: somebody with write access approves it in a review, or says `/orch approve`
    nobody else has approved HEAD yet: somebody with write access approves it in a review, or says `/orch approve`
    Done.
    Done.
    Done.
    next to be composed
    ");
}
