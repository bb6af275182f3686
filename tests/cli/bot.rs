//! The bot on pull requests, against a simulated GitHub over real git.

use serde_json::json;

use crate::hub::{How, Hub};
use crate::tools::tool;

/// The verdict of `bot check` on a pull request, and then `bot publish` with it.
fn check_and_publish(hub: &Hub, number: u64) -> (i32, String) {
    let (head, base) = {
        let world = hub.world.lock().unwrap();
        let pull = &world.pulls[&number];
        (pull["head"]["sha"].as_str().unwrap().to_owned(), pull["base"]["ref"].clone())
    };
    let payload = json!({"pull_request": {"number": number, "head": {"sha": head}, "base": {"ref": base}}});
    let payload = hub.file("event.json", &payload.to_string());
    let artifact = hub.file("result.json", "");
    let of = |event, payload: &std::path::Path| {
        vec![("GITHUB_EVENT_NAME", event), ("GITHUB_EVENT_PATH", payload.to_str().unwrap().to_owned())]
    };
    let check = of("pull_request".to_owned(), &payload);
    let check: Vec<(&str, &str)> = check.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let checked = hub.orch(&["bot", "check", "--artifact", artifact.to_str().unwrap()], &check);
    let ran =
        json!({"workflow_run": {"id": 1, "name": "orch-check", "event": "pull_request", "head_sha": head}});
    let ran = hub.file("ran.json", &ran.to_string());
    let publish = of("workflow_run".to_owned(), &ran);
    let publish: Vec<(&str, &str)> = publish.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let published = hub.orch(&["bot", "publish", "--artifact", artifact.to_str().unwrap()], &publish);
    assert_eq!(published.code, 0, "{published:?}\n{checked:?}");
    (checked.code, published.out)
}

fn conclusion(hub: &Hub, head: &str) -> Vec<String> {
    let world = hub.world.lock().unwrap();
    let own = world.checks.iter().filter(|run| run["head_sha"] == head && run["name"] == "git orch / gate");
    own.map(|run| run["conclusion"].as_str().unwrap().to_owned()).collect()
}

fn labels(hub: &Hub, number: u64) -> Vec<String> {
    let world = hub.world.lock().unwrap();
    let labels = world.pulls[&number]["labels"].as_array().unwrap();
    labels.iter().map(|label| label["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_clean_pull_request_gets_a_check_and_no_comment() {
    let hub = Hub::new("");
    let head = hub.pull(7, "src/b.txt", "fine\n");
    let (code, said) = check_and_publish(&hub, 7);
    assert_eq!((code, said.as_str()), (0, "pull request 7: may go on\n"));
    assert_eq!(conclusion(&hub, &head), ["success"]);
    assert_eq!(hub.said(7), Vec::<String>::new());
    assert_eq!(labels(&hub, 7), ["orch:ready"]);
    let _ = check_and_publish(&hub, 7); // again: nothing twice
    assert_eq!(conclusion(&hub, &head), ["success"]);
    assert_eq!((hub.requests("POST /check-runs"), hub.requests("POST /issues/7/labels")), (1, 1));
}

#[test]
fn one_comment_is_edited_in_place_and_goes_when_all_is_well() {
    let hub = Hub::new("");
    let head = hub.pull(7, "src/b.txt", &"line\n".repeat(201));
    let (code, said) = check_and_publish(&hub, 7);
    assert_eq!((code, said.starts_with("pull request 7: blocked by size")), (3, true), "{said}");
    assert_eq!(conclusion(&hub, &head), ["failure"]);
    assert_eq!(labels(&hub, 7), ["orch:too-big"]);
    assert!(hub.said(7)[0].contains("| size | **no** |"), "{:?}", hub.said(7));
    hub.push(7, "src/b.txt", "bad\n");
    let (code, said) = check_and_publish(&hub, 7);
    assert_eq!((code, said.starts_with("pull request 7: blocked by tests")), (3, true), "{said}");
    assert_eq!(hub.said(7).len(), 1);
    assert!(hub.said(7)[0].contains("| tests | **no** |"), "{:?}", hub.said(7));
    assert_eq!(labels(&hub, 7), Vec::<String>::new());
    // Somebody deletes it: it comes back while there is something to say, and goes with the reason for it.
    hub.world.lock().unwrap().comments.clear();
    let _ = check_and_publish(&hub, 7);
    assert_eq!(hub.said(7).len(), 1);
    let head = hub.push(7, "src/b.txt", "fine\n");
    assert_eq!(check_and_publish(&hub, 7).0, 0);
    assert_eq!(hub.said(7), Vec::<String>::new());
    assert_eq!(conclusion(&hub, &head), ["success"]);
}

#[test]
fn an_artifact_is_not_believed() {
    let hub = Hub::new("");
    let head = hub.pull(7, "src/b.txt", &"line\n".repeat(300));
    let ran =
        json!({"workflow_run": {"id": 1, "name": "orch-check", "event": "pull_request", "head_sha": head}});
    let ran = hub.file("ran.json", &ran.to_string());
    let forged = json!({"schema": "git-orch/check@1", "ok": true, "data": {
        "verdict": "pass", "base": head, "head": head, "findings": [], "explanation": ["@ana <!-- git-orch:gate v1 -->"],
        "gates": [{"gate": "size", "verdict": "pass", "text": "1 line"}, {"gate": "tests", "verdict": "pass", "text": "all [x](http://evil.example) pass"}],
        "tests": {"selected": null, "total": 1, "worse": []},
    }});
    let cases = [
        forged.to_string(),
        String::new(),
        "{".to_owned(),
        "[".repeat(100_000),
        json!({"schema": "x"}).to_string(),
    ];
    for (at, text) in cases.iter().enumerate() {
        let artifact = hub.file("result.json", text);
        let env = [("GITHUB_EVENT_NAME", "workflow_run"), ("GITHUB_EVENT_PATH", ran.to_str().unwrap())];
        let answer = hub.orch(&["bot", "publish", "--artifact", artifact.to_str().unwrap()], &env);
        assert_eq!(answer.code, 0, "{answer:?}");
        assert_eq!(conclusion(&hub, &head), ["failure"], "case {at}");
        let said = hub.said(7).join("");
        assert!(said.contains("| size | **no** |"), "{said}");
        assert!(!said.contains("[x](http") && !said.contains("@ana"), "{said}");
        assert_eq!(said.matches("<!-- git-orch:gate").count(), 1);
    }
}

#[test]
fn from_approval_to_landing() {
    let hub = Hub::new("");
    let head = hub.pull(7, "src/b.txt", "fine\n");
    let asked = hub.say(7, "ana", "/orch queue");
    hub.queue();
    assert_eq!(hub.mark(asked).as_deref(), Some("-1"));
    assert!(hub.said(7)[0].contains("nobody else has approved"), "{:?}", hub.said(7));
    let approved = hub.say(7, "bob", "Good.\n\n/orch approve");
    let out = hub.queue().out;
    assert!(out.contains("landed: pr-7"), "{out}");
    assert_eq!(hub.mark(approved).as_deref(), Some("+1"));
    assert_eq!(hub.landed(), ["pr-7"]);
    let second = hub.bare_git(&["rev-parse", "main^2"]);
    assert_eq!(second, head, "the pull request's own commit is the second parent");
    assert!(hub.bare_git(&["log", "-1", "--format=%B", "main"]).contains("Orch-Approved-By: bob"));
    let before = (hub.state(), hub.requests("POST"));
    hub.queue();
    assert_eq!((hub.state(), hub.requests("POST")), before, "a round with nothing to do does nothing");
}

#[test]
fn a_maintainer_alone_may_say_yes_only_where_the_base_says_so() {
    for (settings, lands) in [("", false), ("[review]\nown = true\n", true)] {
        for order in ["/orch approve", "/orch queue p1"] {
            let hub = Hub::new(settings);
            hub.pull(7, "src/b.txt", "fine\n");
            hub.say(7, "ana", order);
            hub.queue();
            assert_eq!(!hub.landed().is_empty(), lands, "{settings:?} {order} {:?}", hub.said(7));
        }
    }
    // What the change itself says of it counts for nothing.
    let hub = Hub::new("");
    let own = fs_settings(&hub);
    hub.pull(7, "orch.toml", &format!("{own}[review]\nown = true\n"));
    hub.say(7, "ana", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), Vec::<String>::new());
    // Nobody but those who are named.
    let hub = Hub::new("[review]\napprovers = [\"carol\"]\n");
    hub.pull(7, "src/b.txt", "fine\n");
    hub.say(7, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), Vec::<String>::new());
    assert!(hub.said(7)[0].contains("may not approve here"), "{:?}", hub.said(7));
}

fn fs_settings(hub: &Hub) -> String {
    std::fs::read_to_string(hub.dev().join("orch.toml")).unwrap()
}

#[test]
fn what_makes_tests_worse_comes_back_with_a_comment_and_the_rest_lands() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "bad\n");
    hub.pull(8, "src/c.txt", "fine\n");
    hub.say(7, "bob", "/orch approve");
    hub.say(8, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-8"]);
    let said = hub.said(7);
    assert!(said.len() == 1 && said[0].contains("### git orch: out of the queue"), "{said:?}");
    hub.queue();
    assert_eq!(hub.said(7).len(), 1);
    hub.push(7, "src/b.txt", "fine\n");
    hub.checked(7);
    hub.say(7, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7", "pr-8"]);
}

#[test]
fn an_approval_is_for_the_commit_that_was_seen() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    let approved = hub.say(7, "bob", "/orch approve");
    // Pushed after the approval was written, and before anybody looked; its check begins later.
    let new = hub.push(7, "src/b.txt", "evil\n");
    hub.checked(7);
    hub.queue();
    assert_eq!((hub.landed(), hub.mark(approved).as_deref()), (Vec::new(), Some("-1")));
    let short = &new[..7];
    assert!(hub.said(7)[0].contains(&format!("`/orch approve {short}`")), "{:?}", hub.said(7));
    // A commit that is named is clear; another one than the head is refused.
    let other = hub.say(7, "bob", "/orch approve 1234567");
    hub.queue();
    assert_eq!(hub.mark(other).as_deref(), Some("-1"));
    hub.say(7, "bob", &format!("/orch approve {short}"));
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7"]);
}

#[test]
fn a_push_between_approval_and_landing_stops_the_landing() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    hub.say(7, "bob", "/orch approve");
    let payload = hub.file("event.json", &json!({"issue": {"number": 7, "pull_request": {}}}).to_string());
    let env = [("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", payload.to_str().unwrap())];
    let heard = hub.orch(&["bot", "command"], &env);
    assert_eq!((heard.code, heard.out.as_str()), (0, "pull request 7: bob: done\n"), "{heard:?}");
    hub.push(7, "src/b.txt", "evil\n");
    hub.queue();
    assert_eq!(hub.landed(), Vec::<String>::new());
    assert!(hub.said(7)[0].contains("something was pushed after"), "{:?}", hub.said(7));
}

#[test]
fn what_no_longer_fits_leaves_the_queue() {
    for (field, value, why) in [
        ("/draft", json!(true), "draft"),
        ("/base/ref", json!("release"), "release"),
        ("/state", json!("closed"), "closed"),
    ] {
        let hub = Hub::new("");
        hub.pull(7, "src/b.txt", "fine\n");
        hub.say(7, "bob", "/orch approve");
        let payload =
            hub.file("event.json", &json!({"issue": {"number": 7, "pull_request": {}}}).to_string());
        let env = [("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", payload.to_str().unwrap())];
        hub.orch(&["bot", "command"], &env);
        hub.set(7, field, value);
        let out = hub.queue().out;
        assert!(out.contains("pull request 7 left the queue: ") && out.contains(why), "{out}");
        assert_eq!(hub.landed(), Vec::<String>::new(), "{why}");
    }
}

#[test]
fn a_stacked_pull_request_waits_for_the_one_below() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    hub.pull(8, "src/c.txt", "fine\n");
    hub.set(8, "/base/ref", json!("topic-7"));
    let asked = hub.say(8, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.mark(asked).as_deref(), Some("-1"));
    assert!(hub.said(8)[0].contains("stacked on pull request 7"), "{:?}", hub.said(8));
}

#[test]
fn only_those_who_may_are_followed_and_bots_never() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    let by_reader = hub.say(7, "carl", "/orch approve");
    let by_author = hub.say(7, "ana", "/orch approve");
    let by_bot = hub.say(7, "helper[bot]", "/orch approve");
    let quoted = hub.say(7, "bob", "> /orch approve\n\nwhat does this do?");
    let typo = hub.say(7, "bob", "/orch quue");
    hub.queue();
    let marks = [by_reader, by_author, by_bot, quoted, typo].map(|id| hub.mark(id));
    let no = Some("-1".to_owned());
    assert_eq!(marks, [no.clone(), no.clone(), no.clone(), None, no]);
    let said = hub.said(7);
    assert_eq!(said.len(), 3, "one polite answer each, none to a bot: {said:?}");
    assert!(
        said[0].contains("needs write access")
            && said[1].contains("own work")
            && said[2].contains("did you mean")
    );
    hub.queue();
    assert_eq!((hub.said(7).len(), hub.landed().len()), (3, 0), "once");
}

#[test]
fn faults_of_the_host_change_nothing_in_the_end() {
    let calm = Hub::new("");
    let rough = Hub::new("");
    for hub in [&calm, &rough] {
        hub.pull(7, "src/b.txt", "fine\n");
        hub.pull(8, "src/c.txt", "bad\n");
        hub.say(7, "bob", "/orch approve");
        hub.say(8, "bob", "/orch approve");
        hub.say(8, "carl", "/orch quue");
    }
    rough.fail("GET /pulls", How::Status(502), 2);
    rough.fail("GET /issues/comments", How::Limited, 2);
    rough.fail("GET /permission", How::Lost, 1);
    rough.fail("POST /issues/8/comments", How::Lost, 2);
    rough.fail("POST /reactions", How::Status(503), 1);
    rough.fail("POST /reactions", How::Lost, 1);
    for hub in [&calm, &rough] {
        hub.queue();
        hub.queue();
    }
    assert!(rough.world.lock().unwrap().faults.is_empty(), "every fault was met");
    let strip = |hub: &Hub| {
        let state = hub.state();
        // Ids of comments differ by what was lost; commits by the second in which they were made.
        state
            .lines()
            .map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned())
            .collect::<Vec<_>>()
    };
    let shorten = |lines: Vec<String>| {
        lines
            .into_iter()
            .map(|line| line.split("git orch check").next().unwrap().replace(char::is_numeric, ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(shorten(strip(&rough)), shorten(strip(&calm)));
    assert_eq!(rough.landed(), ["pr-7"]);
}

#[test]
fn an_outage_is_an_error_that_says_what_was_asked() {
    let hub = Hub::new("");
    hub.fail("GET /user", How::Status(401), 1);
    let answer = hub.orch(&["bot", "queue"], &[]);
    assert_eq!(answer.code, 7);
    insta::assert_snapshot!(answer.err, @"
    error: GitHub answered 401 to GET /user: simulated
      hint: which rights each command needs: git orch show E-GITHUB
      [E-GITHUB, exit 7]
    ");
}

fn webhook(number: u64) -> String {
    json!({"repository": {"full_name": "ana/demo"}, "issue": {"number": number, "pull_request": {}}})
        .to_string()
}

#[test]
fn webhooks_wake_it_and_only_those_who_know_the_secret() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    let serving = hub.serve();
    hub.until("the first round", || hub.requests("GET /pulls?") > 0);
    hub.say(7, "bob", "/orch approve");
    let body = webhook(7);
    assert_eq!(serving.deliver_signed("issue_comment", &body, "sha256=00"), 401);
    assert_eq!(serving.deliver_signed("issue_comment", &body, ""), 401);
    assert_eq!(serving.deliver("issue_comment", "{"), 400);
    assert_eq!(hub.landed(), Vec::<String>::new());
    assert_eq!(serving.deliver("issue_comment", &body), 202);
    hub.until("the landing", || hub.landed() == ["pr-7"]);
}

/// The same story told by webhooks in order, twice each, in the wrong order, and not at all but for one at the end.
#[test]
fn doubled_late_and_lost_webhooks_end_the_same() {
    let mut ends = Vec::new();
    for way in ["in order", "twice", "backwards", "lost"] {
        let hub = Hub::new("");
        for (number, text) in [(7, "fine\n"), (8, "bad\n"), (9, "fine\n")] {
            hub.pull(number, &format!("src/{number}.txt"), text);
        }
        let serving = hub.serve();
        hub.until("the first round", || hub.requests("GET /issues/comments") > 0);
        let said = [
            hub.say(7, "bob", "/orch approve"),
            hub.say(8, "bob", "/orch approve"),
            hub.say(9, "carl", "/orch approve"),
        ];
        let mut story = vec![webhook(7), webhook(8), webhook(9)];
        match way {
            "twice" => story = story.iter().flat_map(|one| [one.clone(), one.clone()]).collect(),
            "backwards" => story.reverse(),
            "lost" => story.truncate(1),
            _ => {}
        }
        for body in &story {
            assert_eq!(serving.deliver("issue_comment", body), 202);
        }
        hub.until(way, || {
            said.iter().all(|id| hub.mark(*id).is_some())
                && hub.landed() == ["pr-7"]
                && hub.said(8).len() == 1
        });
        for body in &story {
            serving.deliver("issue_comment", body); // replayed when all is over
        }
        hub.until("a round after the replay", || {
            let before = hub.requests("GET /pulls?");
            std::thread::sleep(std::time::Duration::from_millis(1500));
            hub.requests("GET /pulls?") == before
        });
        let marks = said.map(|id| hub.mark(id));
        let strip = |text: &String| text.split("git orch check").next().unwrap().to_owned();
        let words = [7, 8, 9].map(|number| hub.said(number).iter().map(strip).collect::<Vec<_>>());
        let marker = |texts: Vec<String>| {
            texts.into_iter().map(|text| text.replace(char::is_numeric, "")).collect::<Vec<_>>()
        };
        ends.push((marks, words.map(marker), hub.landed()));
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
}

/// All 329 payloads that GitHub publishes as examples: none stops the bot.
#[test]
fn every_kind_of_webhook_is_heard() {
    let Some(path) = tool("node_modules/@octokit/webhooks-examples/api.github.com/index.json") else {
        return;
    };
    let events: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let hub = Hub::new("");
    let mut serving = hub.serve();
    let mut count = 0;
    for event in &events {
        for payload in event["examples"].as_array().unwrap() {
            assert_eq!(
                serving.deliver(event["name"].as_str().unwrap(), &payload.to_string()),
                202,
                "{event}"
            );
            count += 1;
        }
    }
    assert_eq!((count, events.len()), (329, 58));
    assert!(serving.is_alive());
}

/// A reviewer that obeys whatever it reads, says what it could see, and finds something.
fn reviewing() -> Hub {
    let hub = Hub::new("");
    let answer = json!({"verdict": "revise", "summary": "s", "findings": [
        {"severity": "CRITICAL", "file": "src/b.txt", "line": 1, "title": "token in the log @ana <img src=x>", "detail": "d"},
        {"severity": "HIGH", "file": "src/a.txt", "line": 1, "title": "not part of the change", "detail": "d"},
    ]});
    let (answer, seen) = (hub.file("answer.json", &answer.to_string()), hub.file("seen", ""));
    let script = format!(
        "#!/bin/sh\n{{ pwd; ls -A | wc -l; env; cat; }} > {}\ncat {}\n",
        seen.display(),
        answer.display()
    );
    let script = hub.file("reviewer.sh", &script);
    let settings = format!(
        "[tests]\nall = \"! grep -rq bad src\"\nreport = \"exit\"\n[review]\nreviewers = [\"safety\"]\n\
         [agents]\nreview = \"exec:sh {}\"\n[sandbox]\nreadable = ['{}']\nwritable = ['{}']\n",
        script.display(),
        answer.display(),
        seen.display()
    );
    std::fs::write(hub.dev().join("orch.toml"), settings).unwrap();
    hub.git_in(&hub.dev(), &["commit", "-q", "-am", "Review"]);
    hub.git_in(&hub.dev(), &["push", "-q", "origin", "main"]);
    hub.git_in(&hub.bot_clone(), &["pull", "-q"]);
    hub
}

#[test]
fn reviewers_get_text_alone_and_what_is_critical_blocks_until_it_is_dismissed() {
    let hub = reviewing();
    let head = hub.pull(7, "src/b.txt", "fine\n");
    let (_, said) = check_and_publish(&hub, 7);
    assert_eq!(said, "pull request 7: blocked, 1 critical finding (review: 1 CRITICAL)\n");
    assert_eq!(conclusion(&hub, &head), ["failure"]);
    let seen = std::fs::read_to_string(hub.file_named("seen")).unwrap();
    assert!(seen.contains("\n0\n") && seen.contains("+fine"), "an empty folder, and the diff: {seen}");
    assert!(!seen.contains("dummy") && !seen.contains("GITHUB_"), "{seen}");
    let inline = hub.world.lock().unwrap().inline.clone();
    assert_eq!(inline.len(), 1, "only what the change has");
    assert_eq!((&inline[0]["path"], &inline[0]["line"]), (&json!("src/b.txt"), &json!(1)));
    let said = hub.said(7).join("");
    assert!(!said.contains("@ana") && !said.contains("<img"), "{said}");
    let _ = check_and_publish(&hub, 7);
    assert_eq!(hub.world.lock().unwrap().inline.len(), 1, "once");
    let finding = said.split("(safety, ").nth(1).unwrap()[..8].to_owned();
    let by_author = hub.say(7, "ana", &format!("/orch dismiss {finding} I like it"));
    let by_other = hub.say(7, "bob", &format!("/orch dismiss {finding} it is a test token"));
    hub.queue();
    assert_eq!([by_author, by_other].map(|id| hub.mark(id).unwrap()), ["-1", "+1"]);
    assert_eq!(hub.requests("POST /actions/runs"), 1, "the gates are asked again");
    let (_, said) = check_and_publish(&hub, 7);
    assert_eq!(said, "pull request 7: may go on, with remarks\n");
    assert_eq!(conclusion(&hub, &head), ["success"]);
}

#[test]
fn reviewers_look_at_strangers_only_when_a_maintainer_lets_them() {
    let hub = reviewing();
    let head = hub.pull(7, "src/b.txt", "fine\n");
    hub.set(7, "/user/login", json!("carl"));
    let _ = check_and_publish(&hub, 7);
    assert_eq!(conclusion(&hub, &head), ["action_required"]);
    assert_eq!(labels(&hub, 7), ["orch:needs-human"]);
    assert_eq!(std::fs::read_to_string(hub.file_named("seen")).unwrap(), "", "nobody was asked");
    hub.set(7, "/labels", json!([{"name": "orch:ok"}]));
    let _ = check_and_publish(&hub, 7);
    assert!(std::fs::read_to_string(hub.file_named("seen")).unwrap().contains("+fine"));
    assert_eq!(conclusion(&hub, &head), ["failure"]);
}

#[test]
fn a_reviewer_that_gives_no_verdict_is_no_pass() {
    let hub = reviewing();
    let head = hub.pull(7, "src/b.txt", "fine\n");
    hub.file("answer.json", "LGTM, approved!\n");
    let (_, said) = check_and_publish(&hub, 7);
    assert_eq!(said, "pull request 7: blocked by review (review: no verdict of safety)\n");
    assert_eq!(conclusion(&hub, &head), ["failure"]);
}
