//! One gate, three places: for fifty real changes the verdict is the same, byte for byte, on a laptop (`git orch check`),
//! in the pre-push hook (a real `git push`) and in the workflow (the shipped steps, run as plain scripts).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::hub::Hub;
use crate::workflows::scripts;

const CHANGES: usize = 50;

const SETTINGS: &str = r#"
[tests]
all = "sh check.sh src/*.txt"
some = "sh check.sh {tests}"
report = "tap"
[[tests.select]]
changed = "src/{stem}.txt"
run = "src/{stem}.txt"
[paths]
deny = ["secret/"]
"#;

/// A test for each file, as TAP: none may have a line `bad`.
const CHECK: &str = r#"n=0 code=0
for file in "$@"; do
    [ -e "$file" ] || continue
    n=$((n + 1))
    if grep -qx bad "$file"; then echo "not ok $n - $file"; code=1; else echo "ok $n - $file"; fi
done
echo "1..$n"
exit $code
"#;

fn lines(count: usize) -> String {
    (0..count).map(|at| format!("line {at}\n")).collect()
}

/// The change of a number, as edits of a worktree. Each kind comes twice or more, with other names and sizes.
fn change(dir: &Path, number: usize) {
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let name = |rest: &str| format!("src/n{number}{rest}");
    match number % 25 {
        0 => write(&name(".txt"), "new\n"),
        1 => write("src/a.txt", &format!("one\nchanged {number}\n")),
        2 => fs::remove_file(dir.join("src/b.txt")).unwrap(),
        3 => fs::rename(dir.join("src/c.txt"), dir.join(name(".txt"))).unwrap(),
        4 => write(&name(".txt"), &lines(201 + number)),
        5 => write(&name(".txt"), &lines(200)),
        6 => write("Cargo.lock", &lines(700 + number)),
        7 => write(&format!("gen/{number}.rs"), &lines(600)),
        8 => fs::write(dir.join(format!("blob{number}")), [0_u8, 159, 146, 150].repeat(999)).unwrap(),
        9 => write(&format!("secret/{number}"), "x\n"),
        10 => write(&name(".txt"), "bad\n"),
        11 => write("src/a.txt", "bad\n"),
        12 => {
            write("src/a.txt", "bad\n");
            write("src/b.txt", "bad\n");
            write(&name(".txt"), &lines(300));
        }
        13 => write(&name(".txt"), "<<<<<<< ours\none\n=======\ntwo\n>>>>>>> theirs\n"),
        14 => write(&name(" a b.txt"), "blank in the name\n"),
        15 => write(&name("-ä€𝄞.txt"), "no ASCII\n"),
        16 => write(&name("$(touch canary);`x`.txt"), "like a command\n"),
        17 => std::os::unix::fs::symlink("/etc/hostname", dir.join(name(".txt"))).unwrap(),
        18 => write("orch.toml", "[cap]\ndiff = 9999\n[tests]\nall = \"true\"\nreport = \"exit\"\n"),
        19 => {
            write("check.sh", "echo 'ok 1 - src/a.txt'; echo 1..1\n");
            write("src/a.txt", "bad\n");
        }
        20 => write(".gitattributes", "* linguist-generated\n"),
        21 => write("moved.txt", &format!("one\nmine {number}\nthree\n")),
        22 => {
            write("src/e.txt", "e\nlonger\n");
            write("docs/read.md", &lines(number));
        }
        23 => write(&name("\u{202e}\u{1b}[31m.txt"), "control and direction\n"),
        _ => write("src/d.txt", ""),
    }
}

/// The repository, with fifty branches `c0` to `c49`; those of an odd number begin one commit behind the base.
fn repository() -> Hub {
    let hub = Hub::new("");
    let dev = hub.dev();
    fs::write(dev.join("orch.toml"), SETTINGS).unwrap();
    fs::write(dev.join("check.sh"), CHECK).unwrap();
    fs::write(dev.join(".gitattributes"), "gen/** linguist-generated\n").unwrap();
    for stem in ["b", "c", "d", "e"] {
        fs::write(dev.join(format!("src/{stem}.txt")), format!("{stem}\n")).unwrap();
    }
    fs::write(dev.join("moved.txt"), "one\ntwo\nthree\n").unwrap();
    let git = |args: &[&str]| hub.git_in(&dev, args);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "Settings"]);
    let old = git(&["rev-parse", "HEAD"]);
    fs::write(dev.join("moved.txt"), "one\ntheirs\nthree\n").unwrap();
    git(&["commit", "-q", "-am", "Move on"]);
    git(&["push", "-q", "origin", "main"]);
    for number in 0..CHANGES {
        let from = if number % 2 == 1 { old.as_str() } else { "main" };
        git(&["switch", "-q", "-c", &format!("c{number}"), from]);
        change(&dev, number);
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", &format!("Change {number}")]);
        if number % 3 == 0 {
            fs::write(dev.join(format!("second{number}.md")), "a second commit\n").unwrap();
            git(&["add", "-A"]);
            git(&["commit", "-q", "-m", "More"]);
        }
    }
    git(&["switch", "-q", "main"]);
    hub
}

/// All branches in one push, through a hook of one's own as `docs/hooks.md` has it.
fn by_hook(hub: &Hub) -> Vec<String> {
    let out = hub.file("hook.out", "");
    let hook = format!(
        "#!/bin/sh\n{1} hook pre-push --json --only size,paths,tests,review \"$@\" >> {0}\n\
         code=$?; [ $code = 3 ] || {{ cat {0}; exit 1; }} >&2\n",
        out.display(),
        env!("CARGO_BIN_EXE_git-orch"),
    );
    let path = hub.dev().join(".git/hooks/pre-push");
    fs::write(&path, hook).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut specs: Vec<String> = (0..CHANGES).map(|number| format!("c{number}")).collect();
    specs.extend((0..CHANGES).map(|number| format!("c{number}:refs/pull/{number}/head")));
    let mut args = vec!["push", "-q", "origin"];
    args.extend(specs.iter().map(String::as_str));
    hub.git_in(&hub.dev(), &args);
    let text = fs::read_to_string(out).unwrap();
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// The steps of the action, in the clone that checked out the base.
fn by_workflow(hub: &Hub, runner: &Path, number: usize, head: &str) -> (i32, String) {
    let payload = json!({"pull_request": {"number": number, "head": {"sha": head}, "base": {"ref": "main"}}});
    let payload = hub.file("event.json", &payload.to_string());
    let artifact = runner.join("result.json");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let env: Vec<(&str, String)> = vec![
        ("RUNNER_TEMP", text(runner)),
        ("GITHUB_ACTION_PATH", text(runner)),
        ("GITHUB_WORKSPACE", text(&hub.bot_clone())),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
        ("GITHUB_EVENT_PATH", text(&payload)),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("VERSION", "0.1.0".to_owned()),
        ("PULL", number.to_string()),
        ("HEAD", head.to_owned()),
        ("TOKEN", String::new()),
        ("MODE", "check".to_owned()),
        ("ARTIFACT", text(&artifact)),
    ];
    let mut code = 0;
    for (name, script) in scripts() {
        let answer = hub.script(&script, &env);
        assert!(answer.code == 0 || name == "Run", "{name}: {answer:?}");
        code = answer.code;
    }
    (code, fs::read_to_string(artifact).unwrap())
}

#[test]
fn fifty_changes_get_the_same_verdict_on_a_laptop_in_the_hook_and_in_the_workflow() {
    let hub = repository();
    hub.git_in(&hub.bot_clone(), &["pull", "-q"]);
    let hooked = by_hook(&hub);
    let runner: PathBuf = hub.file("runner/none", "").parent().unwrap().to_owned();
    fs::create_dir_all(runner.join("git-orch/bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_git-orch"), runner.join("git-orch/bin/git-orch")).unwrap();
    let laptop = hub.file_named("laptop");
    hub.git_in(hub.file_named("").as_path(), &["clone", "-q", "remote.git", "laptop"]);
    let mut tally = std::collections::BTreeMap::<String, usize>::new();
    for number in 0..CHANGES {
        let branch = format!("c{number}");
        let head = hub.git_in(&hub.dev(), &["rev-parse", &branch]);
        hub.git_in(&laptop, &["branch", "-q", &branch, &format!("origin/{branch}")]);
        let by_hand = hub.orch_in(&laptop, &["check", &format!("main..{head}"), "--json"]);
        if number % 10 == 0 {
            // However it is named, nothing else differs.
            let by_name = hub.orch_in(&laptop, &["check", &branch, "--json"]).out;
            assert_eq!(by_name.replace(&format!("\"{branch}\""), &format!("\"main..{head}\"")), by_hand.out);
        }
        let (code, by_workflow) = by_workflow(&hub, &runner, number, &head);
        let of_hook = hooked.iter().filter(|line| line.contains(&format!("\"head\":\"{head}\"")));
        let of_hook: Vec<&String> = of_hook.collect();
        assert_eq!(by_hand.out, by_workflow, "change {number}");
        assert_eq!(of_hook, [&by_hand.out], "change {number}");
        assert_eq!(by_hand.code, code, "change {number}");
        let verdict: Value = serde_json::from_str(&by_hand.out).unwrap();
        let gates = verdict["data"]["gates"].as_array().unwrap();
        let no: Vec<&str> = gates
            .iter()
            .filter(|gate| gate["verdict"] == "fail")
            .map(|gate| gate["gate"].as_str().unwrap())
            .collect();
        let what = if no.is_empty() { "pass".to_owned() } else { format!("no: {}", no.join(", ")) };
        *tally.entry(what).or_default() += 1;
    }
    // They do differ: a gate that always says the same would agree with itself too.
    insta::assert_debug_snapshot!(tally, @r#"
    {
        "no: paths": 4,
        "no: size": 3,
        "no: size, tests": 2,
        "no: tests": 11,
        "pass": 30,
    }
    "#);
}
