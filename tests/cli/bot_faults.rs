//! What goes wrong between GitHub and the bot: lost, doubled and late webhooks, outages, rate limits, checks that never
//! end, things that change or vanish in between. In the end nothing of it makes a difference.

use serde_json::json;

use crate::hub::{How, Hub};
use crate::tools::tool;

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
    assert_eq!([7, 8].map(|number| rough.said(number).len()), [0, 2]);
    assert_eq!([7, 8].map(|number| calm.said(number).len()), [0, 2]);
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

/// A check that never ends holds up nobody but itself: what lands is tested by the queue.
#[test]
fn a_check_that_never_finishes_holds_up_nothing() {
    let hub = Hub::new("");
    let head = hub.pull(7, "src/b.txt", "fine\n");
    hub.world.lock().unwrap().runs.iter_mut().for_each(|run| run["status"] = json!("in_progress"));
    let again = hub.say(7, "bob", "/orch check");
    hub.queue();
    assert_eq!(hub.mark(again).as_deref(), Some("-1"));
    let short = &head[..7];
    assert_eq!(
        hub.reply(again).unwrap(),
        format!(
            "{short} has no finished run of `orch-check.yml` that could start again: wait for it, or push"
        )
    );
    hub.say(7, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7"]);
}

/// The queue's own tests of one change never end: it leaves, with the reason, and the others land.
#[test]
fn a_change_whose_tests_never_finish_leaves_the_queue_and_the_rest_lands() {
    let hub = Hub::new("");
    hub.settings_instead(
        "[tests]\nall = \"if [ -e src/hang.txt ]; then sleep 600; fi; ! grep -rq bad src\"\nreport = \"exit\"\ntimeout = \"3s\"\n",
    );
    let head = hub.pull(7, "src/hang.txt", "fine\n");
    hub.pull(8, "src/c.txt", "fine\n");
    // The checking workflow ends at the limit, and what it found blocks.
    let (code, said) = crate::bot::check_and_publish(&hub, 7);
    assert_eq!(crate::bot::conclusion(&hub, &head), ["failure"], "{code} {said}");
    assert!(hub.said(7)[0].contains("| tests | **no** |"), "{:?}", hub.said(7));
    hub.say(7, "bob", "/orch approve");
    hub.say(8, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-8"]);
    let said = hub.said(7).join("\n");
    assert!(said.contains("### git orch: out of the queue") && said.contains("limit of 3 seconds"), "{said}");
}

/// What GitHub says of mergeability is minutes old: git decides.
#[test]
fn a_stale_merge_state_decides_nothing() {
    let hub = Hub::new("");
    hub.pull(7, "src/a.txt", "one\nours\nthree\n");
    hub.pull(8, "src/a.txt", "one\ntheirs\nthree\n");
    hub.set(7, "/mergeable", json!(false));
    hub.set(7, "/mergeable_state", json!("dirty"));
    hub.say(7, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7"], "it said that it conflicts");
    let second = hub.say(8, "bob", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7"], "it said that it is clean");
    let said = hub.said(8).join("\n");
    assert!(said.contains("src/a\\.txt") || said.contains("src/a.txt"), "{:?} {said}", hub.mark(second));
}

#[test]
fn deleted_comments_change_nothing_that_was_followed_and_start_nothing_that_was_not() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    hub.pull(8, "src/c.txt", "fine\n");
    // Gone before anybody looked: never said.
    let gone = hub.say(8, "bob", "/orch approve");
    hub.world.lock().unwrap().comments.remove(&gone);
    // Gone while it is followed: it cannot be marked, so the answer is a comment, once.
    hub.fail("POST /reactions", How::Status(404), 1);
    let said = hub.say(7, "bob", "/orch approve");
    let payload = hub.file("event.json", &json!({"issue": {"number": 7, "pull_request": {}}}).to_string());
    let env = [("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", payload.to_str().unwrap())];
    assert_eq!(hub.orch(&["bot", "command"], &env).code, 0);
    assert_eq!((hub.mark(said), hub.reply(said).as_deref()), (None, Some("Done.")));
    hub.world.lock().unwrap().comments.remove(&said);
    hub.queue();
    hub.queue();
    assert_eq!((hub.landed(), hub.said(7).len()), (vec!["pr-7".to_owned()], 1));
}
