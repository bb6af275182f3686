//! All attacks of `inside.toml` in one turn of one agent, and the canaries around it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{Attack, quoted, read};
use crate::support::{Held, Sandbox, bubblewrap_or_skip, machine_holds};

pub(super) const ATTACKS: &str = include_str!("inside.toml");

/// Files of the user, each with a secret.
const SECRETS: [&str; 12] = [
    "home/.ssh/id_ed25519",
    "home/.aws/credentials",
    "home/.netrc",
    "home/.config/gh/hosts.yml",
    "home/.git-credentials",
    "home/.claude/.credentials.json",
    "home/.cargo/credentials.toml",
    "home/canary-in-a-name",
    "repo/.env",
    "beside/.env",
    "repo/.worktrees/other/notes.secret",
    "repo/.git/orch/sandbox/another/home/key",
];

/// Programs that the attacks need, for a `PATH` without bubblewrap.
const PROGRAMS: &str = "bash cat chmod chroot cp cut env find git grep head id kill ln ls mkdir mkfifo mount mv nsenter \
                        printf ps python3 readlink rm sed seq setsid sh sleep sort tar timeout touch tr true umount unshare";

/// A repository with something to protect, and somebody who listens.
struct Field {
    sandbox: Sandbox,
    /// The environment of every attack.
    facts: Vec<(String, String)>,
    heard: Arc<Mutex<BTreeSet<String>>>,
    bystander: Child,
    socket: PathBuf,
    /// A file in shared memory.
    shared: PathBuf,
}

/// Somebody with a terminal, whose name it tells, and in which it has typed a word.
const TYPIST: &str = "import os,pty,time; m,s=pty.openpty(); os.write(m,b'canary-typed\\n'); print(os.ttyname(s),flush=True); \
                      time.sleep(600)";

impl Drop for Field {
    fn drop(&mut self) {
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
        let _ = fs::remove_file(&self.shared);
    }
}

impl Field {
    fn new() -> Field {
        let sandbox = Sandbox::new();
        let root = sandbox.path().parent().unwrap().to_owned();
        for name in ["home/bin", "beside", "pwned", "repo/.git/hooks", "repo/.git/info"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        sandbox.write(".gitignore", ".env\n.worktrees/\n");
        for name in ["keep.txt", "remove.txt", "mode.txt"] {
            sandbox.write(name, "kept\n");
        }
        sandbox.git(&["add", "-A"]);
        sandbox.git(&["commit", "-qm", "files"]);
        for branch in ["theirs", "precious", "precious-was"] {
            sandbox.git(&["branch", branch]);
        }
        sandbox.git(&["switch", "-q", "theirs"]);
        sandbox.git(&["commit", "-q", "--allow-empty", "-m", "theirs"]);
        sandbox.git(&["switch", "-q", "main"]);
        sandbox.git(&["init", "-q", "--bare", root.join("beside/remote.git").to_str().unwrap()]);

        let heard = Arc::new(Mutex::new(BTreeSet::new()));
        let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let udp = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let model = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port();
        let (port, udp_port, model_port) =
            (port(tcp.local_addr()), port(udp.local_addr()), port(model.local_addr()));
        let socket = root.join("beside/socket");
        let abstract_name = format!("hostile-{port}-{}", std::process::id());
        let named = UnixListener::bind(&socket).unwrap();
        let unnamed =
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap();
        hear(tcp.incoming_owned(), &heard);
        hear(named.incoming_owned(), &heard);
        hear(unnamed.incoming_owned(), &heard);
        let ears = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buffer = [0; 200];
            while let Ok(count) = udp.recv(&mut buffer) {
                note(&ears, &String::from_utf8_lossy(&buffer[..count]));
            }
        });

        let settings = format!(
            "[tests]\nall = 'true'\n[retry]\ntries = 1\n[agents]\nenv = ['MODEL_API_KEY']\n[agent.hostile]\ncommand = {}\n\
             endpoints = ['http://127.0.0.1:{model_port}']\n",
            serde_json::Value::from(format!("bash {}", quoted(root.join("attacks.sh").to_str().unwrap())))
        );
        sandbox.write("orch.toml", &settings);
        sandbox.git(&["commit", "-qam", "settings"]);
        for task in ["one", "other"] {
            sandbox.run(&["add", "Do it", "--id", task]).exits(0);
        }
        for (number, name) in SECRETS.iter().enumerate() {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("canary-file-{number}\n")).unwrap();
        }
        sandbox.git(&["remote", "add", "elsewhere", "https://me:canary-config-url@example.invalid/x.git"]);
        let header = "AUTHORIZATION: basic canary-config-header";
        sandbox.git(&["config", "http.https://example.invalid/.extraheader", header]);

        let mut bystander =
            Command::new("python3").args(["-c", TYPIST]).stdout(Stdio::piped()).spawn().unwrap();
        let mut terminal = String::new();
        BufReader::new(bystander.stdout.take().unwrap()).read_line(&mut terminal).unwrap();
        let shared = PathBuf::from(format!("/dev/shm/{abstract_name}"));
        fs::write(&shared, "canary-shared\n").unwrap();
        let text = |name: &str| root.join(name).to_str().unwrap().to_owned();
        let facts = [
            ("OUT_HOME", text("home")),
            ("REPO", text("repo")),
            ("BESIDE", text("beside")),
            ("PWNED", text("pwned")),
            ("PORT", port.to_string()),
            ("UDP", udp_port.to_string()),
            ("ABSTRACT", abstract_name),
            ("ORCH", env!("CARGO_BIN_EXE_git-orch").to_owned()),
            ("PPID_OUTSIDE", bystander.id().to_string()),
            ("MARK", format!("{port}")),
            ("TERMINAL", terminal.trim().to_owned()),
            ("SHARED", shared.to_str().unwrap().to_owned()),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Field { sandbox, facts, heard, bystander, socket, shared }
    }

    fn root(&self) -> PathBuf {
        self.sandbox.path().parent().unwrap().to_owned()
    }

    /// Writes the program that tries them all, one after the other, in the folder where it is started.
    fn arm(&self, attacks: &[Attack]) {
        let mut script = String::from("mkdir -p out; top=$PWD\n");
        for (name, value) in &self.facts {
            script.push_str(&format!("export {name}={}\n", quoted(value)));
        }
        script.push_str(
            "attack() { export NAME=$1; (cd \"$top\"; timeout -s KILL 5 bash -c \"$2\") > \"$top/out/$1\" 2>&1 < /dev/null; }\n",
        );
        for attack in attacks {
            script.push_str(&format!("attack {} {}\n", attack.name, quoted(&attack.run)));
        }
        script.push_str("echo done > out/the-end\n");
        fs::write(self.root().join("attacks.sh"), script).unwrap();
    }

    /// Names of the attacks that reached what they wanted, having been tried in `dir`.
    fn succeeded(&self, attacks: &[Attack], dir: &std::path::Path) -> BTreeSet<String> {
        assert!(dir.join("out/the-end").exists(), "the attacks did not come to their end");
        let heard = self.heard.lock().unwrap().clone();
        let reached = |attack: &&Attack| {
            let said = fs::read(dir.join("out").join(&attack.name)).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let after = || {
                let Some(after) = &attack.after else { return false };
                let mut shell = self.sandbox.command("bash", &self.sandbox.path());
                let shell = shell.args(["-c", after]).envs(self.facts.iter().cloned());
                shell.output().unwrap().status.success()
            };
            said.contains("canary-")
                || said.contains("broke-out")
                || self.root().join("pwned").join(&attack.name).exists()
                || heard.contains(&attack.name)
                || after()
        };
        attacks.iter().filter(reached).map(|attack| attack.name.clone()).collect()
    }

    /// Lets an agent try everything, and goes on with its work as ever.
    fn attacked(&self, path: Option<&str>) -> BTreeSet<String> {
        let attacks = read(ATTACKS);
        self.arm(&attacks);
        let mut run = self.sandbox.orch(&["run", "one", "--no-land", "--agent", "implement=hostile"]);
        run.env("MODEL_API_KEY", "canary-model-key").env("AWS_SECRET_ACCESS_KEY", "canary-cloud-key");
        if let Some(path) = path {
            run.env("PATH", path);
        }
        let ran = run.output().unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(4), "{stderr}");
        // All that git-orch does with such a worktree afterwards.
        for after in
            [&["status"][..], &["show", "one"], &["doctor", "--fix"], &["submit", "one"], &["queue", "run"]]
        {
            let _ = self.sandbox.run(after);
        }
        let found = self.succeeded(&attacks, &self.sandbox.path().join(".worktrees/one"));
        if !found.is_empty() {
            eprintln!("{stderr}");
        }
        found
    }

    /// A folder with all programs that are needed, and no bubblewrap.
    fn without_bubblewrap(&self) -> String {
        let folder = self.root().join("programs");
        fs::create_dir_all(&folder).unwrap();
        for name in PROGRAMS.split_whitespace() {
            let path = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&path)
                .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")])
                .map(|folder| folder.join(name))
                .filter(|path| path.starts_with("/usr") || path.starts_with("/bin"))
                .find(|path| path.exists());
            if let Some(found) = found {
                std::os::unix::fs::symlink(found, folder.join(name)).unwrap();
            }
        }
        folder.to_str().unwrap().to_owned()
    }
}

/// A listener that a thread can have.
trait IncomingOwned {
    fn incoming_owned(self) -> Box<dyn Iterator<Item = Box<dyn Read + Send>> + Send>;
}

impl IncomingOwned for TcpListener {
    fn incoming_owned(self) -> Box<dyn Iterator<Item = Box<dyn Read + Send>> + Send> {
        Box::new(std::iter::from_fn(move || Some(Box::new(self.accept().ok()?.0) as Box<dyn Read + Send>)))
    }
}

impl IncomingOwned for UnixListener {
    fn incoming_owned(self) -> Box<dyn Iterator<Item = Box<dyn Read + Send>> + Send> {
        Box::new(std::iter::from_fn(move || Some(Box::new(self.accept().ok()?.0) as Box<dyn Read + Send>)))
    }
}

fn hear(
    incoming: Box<dyn Iterator<Item = Box<dyn Read + Send>> + Send>,
    heard: &Arc<Mutex<BTreeSet<String>>>,
) {
    let heard = Arc::clone(heard);
    std::thread::spawn(move || {
        for stream in incoming {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    note(&heard, &line);
                }
            });
        }
    });
}

/// Whoever is heard, says its name.
fn note(heard: &Mutex<BTreeSet<String>>, line: &str) {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    heard.lock().unwrap().extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
}

#[test]
fn no_attack_gets_out_of_bubblewrap() {
    if !bubblewrap_or_skip("no_attack_gets_out_of_bubblewrap") {
        return;
    }
    let field = Field::new();
    assert_eq!(field.attacked(None), BTreeSet::new());
    assert!(field.socket.exists());
}

#[test]
fn no_attack_gets_out_of_landlock_but_what_is_said() {
    if machine_holds() == Held::Not {
        eprintln!("skipped: no_attack_gets_out_of_landlock_but_what_is_said needs a sandbox");
        return;
    }
    let field = Field::new();
    let path = field.without_bubblewrap();
    let mut doctor = field.sandbox.orch(&["doctor"]);
    let said = doctor.env("PATH", &path).output().unwrap().stdout;
    if !String::from_utf8_lossy(&said).contains("Landlock") {
        eprintln!("skipped: no_attack_gets_out_of_landlock_but_what_is_said needs Landlock");
        return;
    }
    let open: BTreeSet<String> = read(ATTACKS)
        .into_iter()
        .filter(|attack| attack.open == "Landlock")
        .map(|attack| attack.name)
        .collect();
    let found = field.attacked(Some(&path));
    assert!(found.is_subset(&open), "{found:?}");
}

#[test]
fn without_a_sandbox_the_attacks_succeed() {
    let mut attacks = read(ATTACKS);
    // Those that nothing but a sandbox keeps from this machine are left out.
    attacks.retain(|attack| attack.bare);
    let field = Field::new();
    let admin = field.root().join("repo/.worktrees/one");
    field.sandbox.git(&["worktree", "add", "-q", "--detach", admin.to_str().unwrap()]);
    field.arm(&attacks);
    let mut bare = field.sandbox.command("bash", &admin);
    bare.arg(field.root().join("attacks.sh")).env("MODEL_API_KEY", "canary-model-key");
    assert!(bare.output().unwrap().status.success());
    let found = field.succeeded(&attacks, &admin);
    let missed: Vec<&str> =
        attacks.iter().map(|attack| attack.name.as_str()).filter(|name| !found.contains(*name)).collect();
    assert!(missed.is_empty(), "no attacks at all: {missed:?}");
}
