//! What an agent in its sandbox reaches, and what not (A10).

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{Held, Sandbox, bubblewrap_or_skip, machine_holds};

/// A model on this machine that answers every request, and tells what it was asked.
pub(crate) fn model() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let request = answer(stream);
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (port, asked)
}

fn answer(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    String::from_utf8_lossy(&request).into_owned()
}

/// A repository with one task, and an agent `mine` whose model is at `port`. Its script is bash.
fn with_model(port: u16, script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let command = format!("bash -c {}", shlex::try_quote(script).unwrap());
    let settings = format!(
        "[tests]\nall = \"true\"\n[agents]\nenv = [\"MODEL_API_KEY\", \"MODEL_URL\"]\n[agent.mine]\ncommand = {}\n\
         endpoints = [\"http://127.0.0.1:{port}\"]\nbase_url = [\"MODEL_URL\"]\n",
        toml_text(&command)
    );
    sandbox.write("orch.toml", &settings);
    sandbox.git(&["commit", "-qam", "An agent of our own"]);
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    sandbox
}

fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What the agent wrote into a file of its worktree.
fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path().join(".worktrees/one").join(name)).unwrap_or_default()
}

const ASK: &str = r#"
base=${MODEL_URL#http://}; host=${base%%/*}
exec 3<>/dev/tcp/${host%:*}/${host#*:} || exit 1
printf 'POST %s/v1/messages HTTP/1.1\r\nHost: model\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "/${base#*/}" "$MODEL_API_KEY" >&3
cat <&3 > answer; env > environment
"#;

#[test]
fn the_model_is_reached_and_the_key_stays_outside() {
    if machine_holds() == Held::Not {
        eprintln!("skipped: the_model_is_reached_and_the_key_stays_outside needs a sandbox");
        return;
    }
    let (port, asked) = model();
    let sandbox = with_model(port, ASK);
    let url = format!("http://127.0.0.1:{port}/gate");
    let mut run = sandbox.orch(&["run", "--no-land", "--agent", "mine"]);
    run.env("MODEL_API_KEY", "sk-real-7391").env("MODEL_URL", &url);
    let output = run.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let request = asked.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(request.starts_with("POST /gate/v1/messages HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("authorization: bearer sk-real-7391\r\n"), "{request}");
    assert!(read(&sandbox, "answer").ends_with("hello"), "{}", read(&sandbox, "answer"));
    let environment = read(&sandbox, "environment");
    assert!(
        environment.contains("MODEL_API_KEY=git-orch-") && !environment.contains("7391"),
        "{environment}"
    );
}

#[test]
fn nothing_else_is_reached_and_the_refusal_is_clear() {
    if !bubblewrap_or_skip("nothing_else_is_reached_and_the_refusal_is_clear") {
        return;
    }
    let (port, _asked) = model();
    let (other, visited) = model();
    let script = format!(
        r#"ask() {{ exec 3<>/dev/tcp/127.0.0.1/4180; printf "$1" >&3; head -c 200 <&3 >> answers; exec 3>&-; }}
        ask 'CONNECT 127.0.0.1:{other} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        ask 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        ask 'GET http://127.0.0.2:{other}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        (echo x > /dev/tcp/127.0.0.1/{other}) 2>> answers"#
    );
    let sandbox = with_model(port, &script);
    sandbox.run(&["run", "--no-land", "--timeout", "10s", "--agent", "mine"]).exits(4);
    assert!(visited.recv_timeout(Duration::from_millis(300)).is_err(), "somebody else was reached");
    let answers = read(&sandbox, "answers");
    assert_eq!(answers.matches("403 Forbidden").count(), 3, "{answers}");
    assert!(answers.contains("git-orch: not an endpoint of this agent"), "{answers}");
    assert!(answers.contains("Connection refused"), "{answers}");
}

#[test]
fn the_report_and_the_doctor_say_what_held_the_agent() {
    if !bubblewrap_or_skip("the_report_and_the_doctor_say_what_held_the_agent") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "One", "--id", "one"]).exits(0);
    sandbox.run(&["run", "--no-land", "--agent", "implement=exec:echo 1 > new"]).exits(4);
    let report = sandbox.git(&["for-each-ref", "--format=%(refname)", "refs/orch/runs"]);
    let text = sandbox.git(&["show", &format!("{}:report.md", report.lines().next().unwrap())]);
    assert!(text.contains("exec implement one (bubblewrap)"), "{text}");
    assert!(sandbox.run(&["doctor"]).stdout.contains("bubblewrap holds agents"));

    sandbox.run(&["add", "Two", "--id", "two"]).exits(0);
    let ran =
        sandbox.run(&["run", "--no-land", "--no-sandbox", "--agent", "implement=exec:echo 2 > two"]).exits(4);
    assert!(ran.stderr.contains("agents run without a sandbox"), "{}", ran.stderr);
}

/// Tests that look for what they must not find: a secret beside the checkout, somebody who listens, a place to write.
const CURIOUS: &str = "(cat ../../.env; echo > /dev/tcp/127.0.0.1/PORT && echo open; touch ../../touched && echo wrote) \
                       > found 2>/dev/null; cat found; ! test -s found";

#[test]
fn tests_run_in_the_sandbox_where_that_is_set() {
    if !bubblewrap_or_skip("tests_run_in_the_sandbox_where_that_is_set") {
        return;
    }
    let (port, visited) = model();
    let command =
        format!("bash -c {}", shlex::try_quote(&CURIOUS.replace("PORT", &port.to_string())).unwrap());
    for held in [true, false] {
        let sandbox = Sandbox::new();
        sandbox.write(".gitignore", ".env\nfound\ntouched\n");
        let settings = format!("[tests]\nall = {}\nsandbox = {held}\n", toml_text(&command));
        sandbox.write("orch.toml", &settings);
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-qm", "Curious tests"]);
        sandbox.write(".env", "secret\n");
        sandbox.branch("topic", "new.txt", "new\n");
        // The base's own tests fail as well, and nothing is worse than that: what they reached is what counts.
        sandbox.run(&["check", "topic", "--only", "tests"]).exits(0);
        let logs = sandbox.path().join(".git/orch/logs/tests/slot-1.log");
        let found = std::fs::read_to_string(logs).unwrap();
        assert_eq!(found, if held { "" } else { "secret\nopen\nwrote\n" });
        assert_eq!(sandbox.path().join("touched").exists(), !held);
        assert_eq!(visited.recv_timeout(Duration::from_millis(200)).is_ok(), !held);
    }
}

/// A program that asks its proxy for every address, the relay's own included, gets through all the same; a tunnel in a tunnel
/// does not.
#[test]
fn the_relay_is_found_through_itself() {
    if !bubblewrap_or_skip("the_relay_is_found_through_itself") {
        return;
    }
    let (port, asked) = model();
    let tunnel = r"printf 'CONNECT 127.0.0.1:4180 HTTP/1.1\r\nHost: x\r\n\r\n' >&3; read -r -u 3 line; while read -r -u 3 rest && [ ${#rest} -gt 1 ]; do :; done";
    let script = format!(
        r#"exec 3<>/dev/tcp/127.0.0.1/4180; {tunnel}; echo "$line" > first
        {tunnel}; echo "$line" > second; exec 3<>/dev/tcp/127.0.0.1/4180; {tunnel}
        printf "GET /@127.0.0.1:{port}/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $MODEL_API_KEY\r\nConnection: close\r\n\r\n" >&3
        cat <&3 > answer"#
    );
    let sandbox = with_model(port, &script);
    sandbox.run_with(("MODEL_API_KEY", "sk-real"), &["run", "--no-land", "--agent", "mine"]).exits(4);
    assert!(read(&sandbox, "first").contains(" 200 "), "{}", read(&sandbox, "first"));
    assert!(read(&sandbox, "second").contains(" 403 "), "{}", read(&sandbox, "second"));
    assert!(read(&sandbox, "answer").ends_with("hello"), "{}", read(&sandbox, "answer"));
    let request = asked.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(request.starts_with("GET /x ") && request.contains("Bearer sk-real"), "{request}");
}

/// However it is held, no file of an agent grows beyond the limit, holes included.
#[test]
fn no_file_of_an_agent_is_larger_than_it_may_be() {
    for options in [&["--no-sandbox"][..], &[]] {
        if options.is_empty() && machine_holds() == Held::Not {
            continue;
        }
        let sandbox = Sandbox::new();
        let script = "head -c 3000000 /dev/zero > big; truncate -s 9G hole; echo $? > code; rm hole";
        let settings = format!(
            "[tests]\nall = \"true\"\n[sandbox]\nfile_mb = 1\n[agent.big]\ncommand = {}\n",
            toml_text(script)
        );
        sandbox.write("orch.toml", &settings);
        sandbox.git(&["commit", "-qam", "settings"]);
        sandbox.run(&["add", "Say hello", "--id", "one"]).exits(0);
        sandbox.run(&[&["run", "--no-land", "--agent", "big"], options].concat()).exits(4);
        let left = sandbox.path().join(".worktrees/one");
        assert_eq!(std::fs::metadata(left.join("big")).unwrap().len(), 1 << 20, "{options:?}");
        assert_ne!(std::fs::read_to_string(left.join("code")).unwrap(), "0\n", "{options:?}");
    }
}
