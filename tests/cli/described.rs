//! Each request that we send to GitHub is one that GitHub describes: everything that the bot and the import of issues ask
//! is played again to prism, a validating server that knows GitHub's own OpenAPI description (npm: `@octokit/openapi`).

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bot::check_and_publish;
use crate::bot_reviews::reviewing;
use crate::hub::{Hub, Sent};
use crate::tools::tool;

/// Every way in which `src/github/` asks: verb and path.
const CALLS: [&str; 25] = [
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}",
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
    "GET /repos/{owner}/{repo}/issues",
    "GET /repos/{owner}/{repo}/issues/comments",
    "GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    "GET /repos/{owner}/{repo}/issues/{issue_number}",
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "GET /repos/{owner}/{repo}/pulls",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
    "GET /user",
    "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "PATCH /repos/{owner}/{repo}/issues/{issue_number}",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun",
    "POST /repos/{owner}/{repo}/check-runs",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
    "POST /repos/{owner}/{repo}/labels",
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments",
];

/// The path of the description that a request is meant by: as many parts, and each the same or a parameter. Of several the
/// one with the fewest parameters.
fn described(sent: &Sent) -> Option<&'static str> {
    let path = sent.target.split('?').next().unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |call: &&&str| {
        let (verb, wanted) = call.split_once(' ').unwrap();
        let wanted: Vec<&str> = wanted.split('/').collect();
        verb == sent.method
            && wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    };
    CALLS.iter().filter(fits).min_by_key(|call| call.matches('{').count()).copied()
}

/// A server that knows GitHub's description of these paths.
struct Prism {
    child: Child,
    port: u16,
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prism {
    fn start(hub: &Hub) -> Option<Prism> {
        let program = tool("node_modules/@stoplight/prism-cli/dist/index.js")?;
        let description = tool("node_modules/@octokit/openapi/generated/api.github.com.json")?;
        let mut whole: Value = serde_json::from_str(&fs::read_to_string(description).unwrap()).unwrap();
        // The whole description takes it half a minute to read.
        let wanted: BTreeSet<&str> = CALLS.iter().map(|call| call.split_once(' ').unwrap().1).collect();
        let paths = whole["paths"].as_object_mut().unwrap();
        paths.retain(|path, _| wanted.contains(path.as_str()));
        assert_eq!(paths.len(), wanted.len(), "all are described");
        let part = hub.file("description.json", &whole.to_string());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("node")
            .arg(program)
            .args(["mock", "-h", "127.0.0.1", "-p", &port.to_string()])
            .arg(part)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prism = Prism { child, port };
        for _ in 0..3000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(prism);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("prism has not started within five minutes");
    }

    /// What it says of a request: `None` if it is as described.
    fn objection(&self, sent: &Sent) -> Option<String> {
        let request = format!("{} {}", sent.method, sent.target);
        let (status, text) = crate::emulated::ask(self.port, &request, "Bearer x", &sent.body).unwrap();
        (!(200..300).contains(&status)).then(|| format!("{status} {request}\n  {}\n  {text}", sent.body))
    }
}

/// A story in which every call is made.
fn everything_once() -> Hub {
    let hub = reviewing();
    hub.pull(7, "src/b.txt", &"line\n".repeat(201));
    let _ = check_and_publish(&hub, 7);
    let finding = hub.said(7)[0].split("(safety, ").nth(1).unwrap()[..8].to_owned();
    hub.push(7, "src/b.txt", "fine\n");
    hub.checked(7);
    for text in ["/orch review safety", "/orch check", "/orch why", "/orch help", "/orch quue"] {
        hub.say(7, "bob", text);
    }
    hub.say(7, "ana", "/orch queue p1");
    hub.say(7, "bob", &format!("/orch dismiss {finding} it is a test token"));
    hub.queue();
    let _ = check_and_publish(&hub, 7);
    let answer = json!({"verdict": "approve"});
    hub.file("answer.json", &answer.to_string());
    hub.say(7, "bob", "/orch review");
    let _ = check_and_publish(&hub, 7);
    hub.say(7, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7"], "{:?}", hub.said(7));
    // Issues in, and closed when their task has landed.
    let issue = json!({
        "number": 12, "title": "Make it faster", "body": "Do it.", "state": "open", "state_reason": null,
        "labels": [{"name": "orch"}, {"name": "good first issue"}], "user": {"login": "x"},
        "author_association": "MEMBER",
    });
    hub.world.lock().unwrap().issues.insert(12, issue);
    let import = ["import", "github", "--label", "orch", "--label", "good first issue", "--close"];
    let done = |args: &[&str]| {
        let answer = hub.orch(args, &[]);
        assert_eq!(answer.code, 0, "{args:?}: {answer:?}");
        answer.out
    };
    done(&import);
    let worktree = done(&["pick", "gh-12", "--path"]);
    fs::write(format!("{}/src/c.txt", worktree.trim()), "faster\n").unwrap();
    done(&["submit", "gh-12", "-m", "Make it faster"]);
    done(&["approve", "gh-12", "--as", "bob"]);
    done(&["queue", "run"]);
    done(&import);
    hub
}

#[test]
fn each_request_that_we_send_is_one_that_github_describes() {
    if tool("node_modules/@stoplight/prism-cli/dist/index.js").is_none() {
        return;
    }
    let hub = everything_once();
    let _ = [7, 12].map(|number| hub.said(number));
    let sent: BTreeSet<Sent> = hub.world.lock().unwrap().sent.iter().cloned().collect();
    let unknown: Vec<&Sent> = sent.iter().filter(|sent| described(sent).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let made: BTreeSet<&str> = sent.iter().filter_map(described).collect();
    let missing: Vec<&&str> = CALLS.iter().filter(|call| !made.contains(**call)).collect();
    assert!(missing.is_empty(), "the story makes every call: {missing:#?}");
    let Some(prism) = Prism::start(&hub) else { return };
    let objections: Vec<String> = sent.iter().filter_map(|sent| prism.objection(sent)).collect();
    assert!(objections.is_empty(), "{}", objections.join("\n"));
    // It would say so.
    let wrong = [
        ("POST", "/repos/ana/demo/issues/7/comments", json!({"text": "x"})),
        ("POST", "/repos/ana/demo/check-runs", json!({"name": "x", "status": "done"})),
        ("GET", "/repos/ana/demo/pulls?state=ajar", Value::Null),
        ("POST", "/repos/ana/demo/issues/comments/1/reactions", json!({"content": "eye"})),
        ("GET", "/repos/ana/demo/pull/7", Value::Null),
    ];
    for (method, target, body) in wrong {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let sent = Sent { method: method.to_owned(), target: target.to_owned(), body };
        assert!(prism.objection(&sent).is_some(), "{sent:?}");
    }
}
