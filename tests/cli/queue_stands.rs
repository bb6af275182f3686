//! What makes the queue stand, and what lets it go on.

use super::kill_support::Place;

#[test]
fn nothing_lands_offline_where_a_landing_is_a_push() {
    let place = Place::new();
    let dir = place.repository("one", "[tests]\nall = \"true\"\nreport = \"exit\"\n");
    place.git(&dir, &["init", "-q", "--bare", "../remote.git"]);
    place.git(&dir, &["remote", "add", "origin", "../remote.git"]);
    place.git(&dir, &["push", "-qu", "origin", "main"]);
    place.queued(&dir, "topic");
    let before = place.git(&dir, &["rev-parse", "main"]);
    let refused = place.orch(&dir, &["--offline", "queue", "run"]);
    assert_eq!(refused.code, Some(4), "{}{}", refused.out, refused.err);
    assert!(refused.out.contains("--offline forbids it"), "{}{}", refused.out, refused.err);
    assert_eq!(place.git(&dir, &["rev-parse", "main"]), before);
    place.data(&dir, &["queue", "run", "--json"]);
    assert_eq!(place.git(&dir, &["rev-parse", "main"]), place.git(&dir, &["rev-parse", "origin/main"]));
    assert_ne!(place.git(&dir, &["rev-parse", "main"]), before);
}

#[test]
fn a_base_without_a_result_is_tested_again_when_somebody_asks() {
    let place = Place::new();
    let tool = place.path("tool");
    let settings = format!(
        "[tests]\nall = \"test -e '{}' && echo '1..1' && echo 'ok 1 - a'\"\nreport = \"tap\"\n",
        tool.display()
    );
    let dir = place.repository("one", &settings);
    place.queued(&dir, "topic");
    let stands = place.orch(&dir, &["queue", "run"]);
    assert_eq!(stands.code, Some(4), "{}{}", stands.out, stands.err);
    assert!(stands.out.contains("to try again: git orch queue run"), "{}{}", stands.out, stands.err);
    // Whoever comes later sees it as well.
    let why = "give no result that counts";
    for args in [&["status"][..], &["queue"], &["queue", "why", "topic"]] {
        let shown = place.orch(&dir, args);
        assert!(shown.out.contains(why), "{args:?}: {}{}", shown.out, shown.err);
    }
    for args in [&["status", "--json"], &["queue", "--json"]] {
        assert!(place.data(&dir, args)["stands"].as_str().unwrap().contains(why));
    }
    std::fs::write(&tool, "").unwrap();
    place.data(&dir, &["queue", "run", "--json"]);
    assert!(place.data(&dir, &["status", "--json"])["stands"].is_null());
    assert_eq!(place.data(&dir, &["show", "topic", "--json"])["state"], "completed");
}

/// A suite that copies its report, and runs what a branch brings.
const SUITE: &str = "[tests]\nall = \"sh suite.sh\"\nreport = \"junit:out/report.xml\"\ntimeout = \"20s\"\n";
const SCRIPT: &str =
    "test -e skip || { mkdir -p out; cp ok.xml out/report.xml; }\nif test -e a.run; then sh a.run; fi\n";
const REPORT: &str = "<testsuite tests='1'><testcase classname='a' name='b'/></testsuite>\n";

#[test]
fn a_report_that_is_a_pipe_or_behind_a_link_is_no_report() {
    let place = Place::new();
    let dir = place.repository("one", SUITE);
    std::fs::write(dir.join("suite.sh"), SCRIPT).unwrap();
    std::fs::write(dir.join("ok.xml"), REPORT).unwrap();
    place.shell(&dir, "git add -A && git commit -qm suite");
    let precious = place.path("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("report.xml"), "KEEP").unwrap();
    place.shell(
        &dir,
        "git switch -qc pipe && echo 'rm out/report.xml; mkfifo out/report.xml' > a.run && git add -A",
    );
    place.shell(&dir, "git commit -qm pipe && git switch -qc link main");
    place.shell(
        &dir,
        &format!("touch skip && ln -s '{}' out && git add -A && git commit -qm link", precious.display()),
    );
    place.shell(&dir, "git switch -q main");
    place.queued(&dir, "good");
    place.data(&dir, &["queue", "run", "--json"]);
    // One after the other: together the pipe would be made behind the link.
    for branch in ["pipe", "link"] {
        place.data(&dir, &["queue", "add", branch, "--json"]);
        let ran = place.orch(&dir, &["queue", "run", "--json"]);
        assert_eq!(ran.code, Some(4), "{branch}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("\"landed\":[]"), "{branch}: {}", ran.out);
    }
    assert_eq!(std::fs::read_to_string(precious.join("report.xml")).unwrap(), "KEEP");
}
