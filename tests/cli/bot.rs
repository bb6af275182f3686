//! The bot on pull requests, against a simulated GitHub over real git.

use serde_json::json;

use crate::hub::Hub;

/// The verdict of `bot check` on a pull request, and then `bot publish` with it.
pub(crate) fn check_and_publish(hub: &Hub, number: u64) -> (i32, String) {
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
    let mut publish = of("workflow_run".to_owned(), &ran);
    publish.push(("GITHUB_RUN_ID", "1".to_owned()));
    let publish: Vec<(&str, &str)> = publish.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let published = hub.orch(&["bot", "publish", "--artifact", artifact.to_str().unwrap()], &publish);
    assert_eq!(published.code, 0, "{published:?}\n{checked:?}");
    (checked.code, published.out)
}

pub(crate) fn conclusion(hub: &Hub, head: &str) -> Vec<String> {
    let world = hub.world.lock().unwrap();
    let own = world.checks.iter().filter(|run| run["head_sha"] == head && run["name"] == "git orch / gate");
    own.map(|run| run["conclusion"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn labels(hub: &Hub, number: u64) -> Vec<String> {
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
            let said = hub.said(7).join("");
            assert_eq!(
                (!hub.landed().is_empty(), said.is_empty()),
                (lands, lands),
                "{settings:?} {order} {said}"
            );
        }
    }
    // What the change itself says of it counts for nothing.
    let hub = Hub::new("");
    let own = fs_settings(&hub);
    hub.pull(7, "orch.toml", &format!("{own}[review]\nown = true\n"));
    hub.say(7, "ana", "/orch approve");
    hub.queue();
    assert_eq!(hub.landed(), Vec::<String>::new());
    assert!(hub.said(7)[0].contains("own work"), "{:?}", hub.said(7));
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
    assert!(hub.said(7)[1].contains(&format!("at {short} now, not at 1234567")), "{:?}", hub.said(7));
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
        // Who closes one knows.
        assert_eq!(
            hub.said(7).iter().any(|text| text.contains("out of the queue")),
            why != "closed",
            "{why}"
        );
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
fn scenario_51_only_commands_of_people_are_followed_and_what_is_wrong_is_corrected() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    let several = hub.say(7, "bob", "Nice.\n/orch check\n\n/orch why");
    let quoted = hub.say(7, "bob", "> /orch approve\n\n    /orch queue\n\nas `/orch approve` does");
    let too_early = hub.say(7, "bob", "/orch queue");
    let wrong = ["/orch +r", "/orch frobnicate", "/orch queue p99999999999999999999"];
    let wrong = wrong.map(|said| hub.say(7, "bob", said));
    let own = hub.say(7, "git-orch[bot]", "/orch approve");
    hub.queue();
    let reply = |comment: u64| hub.reply(comment).unwrap_or_default();
    assert_eq!(hub.mark(several).as_deref(), Some("+1"), "both are followed");
    assert!(reply(several).contains("it was not queued"), "{}", reply(several));
    assert_eq!((hub.mark(quoted), reply(quoted).as_str()), (None, ""));
    assert!(reply(too_early).contains("nobody else has approved"), "{}", reply(too_early));
    for (comment, hint) in
        wrong.into_iter().zip(["`/orch approve` (yes", "`/orch help` lists", "`p0` to `p4`"])
    {
        assert_eq!(hub.mark(comment).as_deref(), Some("-1"));
        assert!(reply(comment).contains(hint), "{}", reply(comment));
    }
    assert_eq!(reply(own), "");
    assert_eq!(hub.landed(), Vec::<String>::new());
    // In the right order, by somebody else.
    hub.say(7, "bob", "/orch approve\n/orch queue p0");
    hub.queue();
    assert_eq!(hub.landed(), ["pr-7"]);
}
