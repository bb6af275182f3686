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
    std::fs::write(&tool, "").unwrap();
    place.data(&dir, &["queue", "run", "--json"]);
    assert_eq!(place.data(&dir, &["show", "topic", "--json"])["state"], "completed");
}
