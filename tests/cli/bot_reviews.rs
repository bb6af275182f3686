//! Reviewers of pull requests: what they get, what their word does, and how one is asked again.

use serde_json::json;

use crate::bot::{check_and_publish, conclusion, labels};
use crate::hub::Hub;

/// A reviewer that obeys whatever it reads, says what it could see, and finds something.
pub(crate) fn reviewing() -> Hub {
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
    hub.settings(&format!(
        "[review]\nreviewers = [\"safety\"]\n[agents]\nreview = \"exec:sh {}\"\n[sandbox]\nreadable = ['{}']\nwritable = ['{}']\n",
        script.display(),
        answer.display(),
        seen.display()
    ));
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
    let inline = hub.remarks(7);
    assert_eq!(inline.len(), 1, "only what the change has");
    assert_eq!((&inline[0]["path"], &inline[0]["line"]), (&json!("src/b.txt"), &json!(1)));
    let said = hub.said(7).join("");
    assert!(!said.contains("@ana") && !said.contains("<img"), "{said}");
    let _ = check_and_publish(&hub, 7);
    assert_eq!(hub.remarks(7).len(), 1, "once");
    let finding = said.split("(safety, ").nth(1).unwrap()[..8].to_owned();
    let by_author = hub.say(7, "ana", &format!("/orch dismiss {finding} I like it"));
    let by_other = hub.say(7, "bob", &format!("/orch dismiss {finding} it is a test token"));
    hub.queue();
    assert_eq!([by_author, by_other].map(|id| hub.mark(id).unwrap()), ["-1", "+1"]);
    assert_eq!(hub.requests("POST /actions/runs"), 1, "the gates are asked again");
    let (_, said) = check_and_publish(&hub, 7);
    assert_eq!(said, "pull request 7: may go on, with remarks\n");
    assert_eq!(conclusion(&hub, &head), ["success"]);
    let said = hub.said(7).join("");
    assert!(
        said.contains("### git orch: may go on, with remarks") && !said.contains("**CRITICAL**"),
        "{said}"
    );
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
    assert!(hub.said(7)[0].contains("by the label orch\\:ok"), "{:?}", hub.said(7));
    hub.set(7, "/labels", json!([{"name": "orch:ok"}]));
    let _ = check_and_publish(&hub, 7);
    assert!(std::fs::read_to_string(hub.file_named("seen")).unwrap().contains("+fine"));
    assert_eq!(conclusion(&hub, &head), ["failure"]);
    assert_eq!((hub.said(7).len(), hub.remarks(7).len()), (1, 1));
}

#[test]
fn a_reviewer_that_gives_no_verdict_is_no_pass() {
    let hub = reviewing();
    let head = hub.pull(7, "src/b.txt", "fine\n");
    hub.file("answer.json", "LGTM, approved!\n");
    let (_, said) = check_and_publish(&hub, 7);
    insta::assert_snapshot!(said, @r#"
    pull request 7: blocked by review (review: no verdict of safety: the log of orch-publish says why)
      review safety: no verdict (no JSON object with a "verdict")
    "#);
    assert_eq!(conclusion(&hub, &head), ["failure"]);
    assert!(hub.said(7)[0].contains("no verdict of safety"), "{:?}", hub.said(7));
}

/// How often each reviewer was asked.
fn asked(hub: &Hub) -> [usize; 2] {
    let log = std::fs::read_to_string(hub.file_named("talk/asked")).unwrap();
    ["review_safety", "review_quality"].map(|name| log.lines().filter(|line| *line == name).count())
}

/// Two reviewers that write down when they were asked, and answer what the file of their name says.
fn two_reviewers() -> Hub {
    let hub = Hub::new("");
    let asked = hub.file("talk/asked", "");
    for name in ["review_safety", "review_quality"] {
        hub.file(&format!("talk/{name}"), r#"{"verdict":"approve"}"#);
    }
    let folder = asked.parent().unwrap();
    let script = format!(
        "cd {}; cat > /dev/null; echo $GIT_ORCH_ROLE >> asked; cat $GIT_ORCH_ROLE\n",
        folder.display()
    );
    let script = hub.file("reviewer.sh", &script);
    hub.settings(&format!(
        "[review]\nreviewers = [\"safety\", \"quality\"]\n[agents]\nreview = \"exec:sh {}\"\n\
         [sandbox]\nreadable = ['{}']\nwritable = ['{}']\n",
        script.display(),
        script.display(),
        folder.display()
    ));
    hub
}

#[test]
fn one_reviewer_is_asked_again_without_the_others() {
    let hub = two_reviewers();
    let found = json!({"verdict": "revise", "findings": [
        {"severity": "CRITICAL", "file": "src/b.txt", "line": 1, "title": "loses --> data", "detail": ""}]});
    hub.file("talk/review_safety", &found.to_string());
    let head = hub.pull(7, "src/b.txt", "fine\n");
    let _ = check_and_publish(&hub, 7);
    assert_eq!((asked(&hub), conclusion(&hub, &head)), ([1, 1], vec!["failure".to_owned()]));
    assert!(hub.said(7)[0].contains("loses"), "{:?}", hub.said(7));
    // The tests again: reviewers keep their word about the same change, and what they found still blocks.
    let _ = check_and_publish(&hub, 7);
    assert_eq!((asked(&hub), conclusion(&hub, &head)), ([1, 1], vec!["failure".to_owned()]));
    // One of them again: the run that published is started anew, no test runs, and the other is not asked.
    hub.file("talk/review_safety", r#"{"verdict":"approve"}"#);
    let order = hub.say(7, "bob", "/orch review safety");
    hub.queue();
    assert_eq!((hub.mark(order).as_deref(), hub.requests("POST /actions/runs/1/rerun")), (Some("+1"), 1));
    let _ = check_and_publish(&hub, 7);
    assert_eq!((asked(&hub), conclusion(&hub, &head)), ([2, 1], vec!["success".to_owned()]));
    let _ = check_and_publish(&hub, 7);
    assert_eq!(asked(&hub), [2, 1], "one command asks once");
    // All of them; and somebody who may not asks nobody.
    hub.say(7, "bob", "/orch review");
    let denied = hub.say(7, "carl", "/orch review quality");
    let unknown = hub.say(7, "bob", "/orch review saftey");
    hub.queue();
    let _ = check_and_publish(&hub, 7);
    assert_eq!(asked(&hub), [3, 2]);
    assert_eq!([denied, unknown].map(|id| hub.mark(id).unwrap()), ["-1", "-1"]);
    let said = hub.said(7);
    assert!(said[0].contains("needs write access"), "{said:?}");
    assert!(
        said[1]
            .contains("no such reviewer: `review.reviewers` in orch.toml on `main` are `safety`, `quality`"),
        "{said:?}"
    );
    // Another commit is another question.
    hub.push(7, "src/b.txt", "finer\n");
    let _ = check_and_publish(&hub, 7);
    assert_eq!(asked(&hub), [4, 3]);
}

#[test]
fn a_reviewer_that_failed_is_asked_again_by_itself() {
    let hub = two_reviewers();
    hub.file("talk/review_quality", "I could not reach my model.\n");
    let head = hub.pull(7, "src/b.txt", "fine\n");
    let _ = check_and_publish(&hub, 7);
    assert_eq!(conclusion(&hub, &head), ["failure"]);
    assert!(hub.said(7)[0].contains("no verdict of quality"), "{:?}", hub.said(7));
    hub.file("talk/review_quality", r#"{"verdict":"approve"}"#);
    let _ = check_and_publish(&hub, 7);
    assert_eq!((asked(&hub), conclusion(&hub, &head)), ([1, 2], vec!["success".to_owned()]));
}

#[test]
fn where_nobody_reviews_it_is_said() {
    let hub = Hub::new("");
    hub.pull(7, "src/b.txt", "fine\n");
    let order = hub.say(7, "bob", "/orch review");
    hub.queue();
    let said = hub.reply(order).unwrap();
    assert_eq!(said, "nobody reviews here: `agents.review` in orch.toml on `main` names no agent");
}
