//! What a program may touch while it runs: bubblewrap where the system lets us, else Landlock, else nothing holds it.
//!
//! A [`Sandbox`] says *what* is wanted; this room turns it into a command line. The last step before the program is
//! this program again under the hidden word `__inside`: it ties the program's life to its supervisor's, limits its
//! processes, applies Landlock, and opens the relay's ports.

/// The command line of bubblewrap.
mod bubblewrap;
/// The last step before the program itself.
mod inside;
/// Where a program finds what it needs.
mod around;
/// The same in terms of Landlock, which can only allow.
mod landlocked;
/// Paths of a sandbox.
mod paths;
/// What a program may touch.
mod wanted;

use super::{
    Command, Control, Job, ProcessError, Relay,
    env::is_key,
    own_command, random_letters,
    supervise::{PORT_MARK, RECORD, mark},
    which,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::OnceLock,
};

pub(crate) use around::surroundings;
pub(crate) use inside::inside_main;
pub(crate) use paths::SOCKETS;
pub(crate) use wanted::{Answered, Endpoints, Means, Network, Sandbox};

use paths::{replacement, text};

/// Port on which a program in bubblewrap finds the relay, in a network of its own.
const PORT: u16 = 4180;
/// Name of the relay's socket.
const RELAY: &str = "relay";
/// Stands in a job's environment for the relay's address.
pub(crate) const RELAY_MARK: &str = "{git-orch-relay}";
/// Name of the control socket.
const CONTROL: &str = "control";
/// The variable that tells a program where its control socket is.
pub(crate) const CONTROL_VARIABLE: &str = "GIT_ORCH_SOCKET";

/// A command line in its sandbox.
struct Held {
    argv: Vec<String>,
    /// Variables to set.
    env: Vec<(String, String)>,
}

/// The strongest means that this system allows, and why it is not a stronger one. Tried once in a process's life.
pub(crate) fn strongest() -> &'static (Means, String) {
    static FOUND: OnceLock<(Means, String)> = OnceLock::new();
    FOUND.get_or_init(|| {
        let bubblewrap = match bubblewrap_works() {
            Ok(()) => return (Means::Bubblewrap, String::new()),
            Err(why) => why,
        };
        match landlocked::abi() {
            Some(abi) => (Means::Landlock, format!("{bubblewrap}; Landlock ABI {abi}")),
            None => (Means::Nothing, format!("{bubblewrap}; the kernel has no Landlock")),
        }
    })
}

/// Tries it: installed is not enough, as many containers and some distributions forbid user namespaces.
fn bubblewrap_works() -> Result<(), String> {
    if which("bwrap").is_none() {
        return Err("bubblewrap (bwrap) is not installed".to_owned());
    }
    let words =
        ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--", "sh", "-c", ":"];
    let tried = Command::new("bwrap").args(words).run().map_err(|err| err.to_string())?;
    match tried.success() {
        true => Ok(()),
        false => Err(format!("bubblewrap does not work here: {}", tried.stderr_text())),
    }
}

impl Sandbox {
    /// A sandbox that only ties the program to its supervisor's life.
    pub(crate) fn nothing(scratch: PathBuf, processes: u32) -> Sandbox {
        Sandbox {
            means: Means::Nothing,
            writable: Vec::new(),
            fixed: Vec::new(),
            hidden: Vec::new(),
            readable: Vec::new(),
            masked: Vec::new(),
            covered: Vec::new(),
            replaced: Vec::new(),
            scratch,
            home: None,
            network: Network::Host,
            endpoints: Endpoints::default(),
            processes,
            file_bytes: None,
            disk_floor: None,
            answered: None,
            files: Vec::new(),
        }
    }

    /// The folder for temporary files, as the program finds it; `None` where it has none of its own.
    pub(crate) fn temporary(&self) -> Option<PathBuf> {
        match self.means {
            Means::Bubblewrap => Some(PathBuf::from("/tmp")),
            Means::Landlock => Some(self.scratch.join("tmp")),
            Means::Nothing => None,
        }
    }

    /// Puts a job into this sandbox. Makes the folders of `scratch` that it needs.
    ///
    /// # Errors
    /// A folder cannot be made, a path is not Unicode, or bubblewrap has gone.
    pub(crate) fn hold(&self, job: &mut Job) -> Result<(), ProcessError> {
        let record = self.scratch.join(RECORD);
        let Held { argv, mut env } = self.held(&job.argv)?;
        let mark = mark(&record);
        env.extend(mark.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
        job.argv = argv;
        job.env.retain(|(name, _)| !env.iter().any(|(other, _)| other == name));
        job.env.extend(env);
        if self.relays() {
            self.relayed(job);
        } else if self.means != Means::Nothing && self.network == Network::Nothing {
            // Nobody puts them in outside: without a network the keys are of no use but to be given away.
            let _ = stand_ins(job);
        }
        self.furnish()?;
        if let Some(answered) = &self.answered {
            self.answers(answered, job)?;
        }
        job.terms.record = Some(record);
        job.terms.processes = Some(self.processes);
        job.terms.disk_floor = self.disk_floor;
        Ok(())
    }

    fn held(&self, argv: &[String]) -> Result<Held, ProcessError> {
        let mut words = vec!["--processes".to_owned(), self.processes.to_string()];
        words.extend(self.file_bytes.iter().flat_map(|most| ["--file-bytes".to_owned(), most.to_string()]));
        let mut env = Vec::new();
        let made = |name: &str| -> Result<PathBuf, ProcessError> {
            let folder = self.scratch.join(name);
            std::fs::create_dir_all(&folder)
                .map_err(|source| ProcessError::Folder { path: folder.clone(), source })?;
            Ok(folder)
        };
        match self.means {
            Means::Nothing => {}
            Means::Landlock => {
                words.extend(landlocked::words(self)?);
                env.push(("HOME".to_owned(), text(&made("home")?)?));
                env.push(("TMPDIR".to_owned(), text(&made("tmp")?)?));
            }
            Means::Bubblewrap => {
                made("home")?;
                made("tmp")?;
                made("sockets")?;
                for (number, (_, text)) in self.replaced.iter().enumerate() {
                    let path = self.scratch.join(replacement(number));
                    std::fs::write(&path, text).map_err(|source| ProcessError::Folder { path, source })?;
                }
                if self.relays() {
                    words.extend(["--relay".to_owned(), format!("{SOCKETS}/{RELAY}")]);
                    // A model on this machine is also found where it is outside.
                    let own = self.endpoints.hosts.iter().filter_map(|host| local_port(host));
                    // Each once, and none that only root may open.
                    let open: BTreeSet<u16> = own.filter(|port| *port >= 1024).chain([PORT]).collect();
                    for port in open {
                        words.extend(["--listen".to_owned(), port.to_string()]);
                    }
                }
                env.push(("TMPDIR".to_owned(), "/tmp".to_owned()));
            }
        }
        words.push("--".to_owned());
        words.extend_from_slice(argv);
        let mut held = own_command("__inside", &words)?;
        if self.means == Means::Bubblewrap {
            let program = which("bwrap").ok_or_else(|| ProcessError::NotFound {
                program: "bwrap".to_owned(),
                searched: "PATH".to_owned(),
            })?;
            let own = PathBuf::from(&held[0]);
            held = [vec![text(&program)?], bubblewrap::words(self, &own, &exists)?, held].concat();
        }
        Ok(Held { argv: held, env })
    }

    /// Whether there is a relay: the network is closed, and there is somewhere to go.
    pub(crate) fn relays(&self) -> bool {
        self.means != Means::Nothing && self.network == Network::Nothing && !self.endpoints.hosts.is_empty()
    }

    /// The relay's address, as the program finds it.
    fn relay_address(&self) -> String {
        let port = match self.means {
            Means::Bubblewrap => PORT.to_string(),
            Means::Landlock | Means::Nothing => PORT_MARK.to_owned(),
        };
        format!("http://127.0.0.1:{port}")
    }

    /// Puts files into the program's home, where it has one of its own. A file that leads to the relay is of no use where
    /// there is none, or where its port is known only when the program starts.
    fn furnish(&self) -> Result<(), ProcessError> {
        if self.means == Means::Nothing {
            return Ok(());
        }
        let known = self.relays() && self.means == Means::Bubblewrap;
        for (path, text) in self.files.iter().filter(|(_, text)| known || !text.contains("{relay}")) {
            let path = self.scratch.join("home").join(path);
            let failed = |source| ProcessError::Folder { path: path.clone(), source };
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            std::fs::write(&path, text.replace("{relay}", &self.relay_address())).map_err(failed)?;
        }
        Ok(())
    }

    /// Opens a control socket to a job, and puts this program where it finds it.
    fn answers(&self, answered: &Answered, job: &mut Job) -> Result<(), ProcessError> {
        let sockets = self.scratch.join("sockets");
        let bin = sockets.join("bin");
        let failed = |source| ProcessError::Folder { path: bin.clone(), source };
        std::fs::create_dir_all(&bin).map_err(failed)?;
        let argv = own_command("__answer", &answered.words)?;
        let link = bin.join("git-orch");
        match std::os::unix::fs::symlink(&argv[0], &link) {
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(source)),
            Ok(()) | Err(_) => {}
        }
        let inside = match self.means {
            Means::Bubblewrap => PathBuf::from(SOCKETS),
            Means::Landlock | Means::Nothing => sockets.clone(),
        };
        let path = job.env.iter().position(|(name, _)| name == "PATH").map(|at| job.env.swap_remove(at).1);
        let path = path.map_or_else(String::new, |path| format!(":{path}"));
        job.env.push(("PATH".to_owned(), format!("{}{path}", text(&inside.join("bin"))?)));
        job.env.push((CONTROL_VARIABLE.to_owned(), text(&inside.join(CONTROL))?));
        job.terms.control = Some(Control {
            socket: sockets.join(CONTROL),
            argv,
            dir: answered.dir.clone(),
            limit_ms: u64::try_from(answered.limit.as_millis()).unwrap_or(u64::MAX),
        });
        Ok(())
    }

    /// Leads a job to its endpoints through a relay, with stand-ins for its keys.
    fn relayed(&self, job: &mut Job) {
        let secrets = stand_ins(job);
        let inside = self.relay_address();
        for (_, value) in job.env.iter_mut().filter(|(_, value)| value.contains(RELAY_MARK)) {
            *value = value.replace(RELAY_MARK, &inside);
        }
        let mut hosts = self.endpoints.hosts.clone();
        for entry in &self.endpoints.base_url {
            let (name, own) = entry.split_once('=').unwrap_or((entry, ""));
            // Where the user's own setting leads elsewhere, there is the endpoint.
            let set = job.env.iter().position(|(found, _)| found == name).map(|at| job.env.swap_remove(at).1);
            let set = set.filter(|url| !url.is_empty());
            let (host, path) = split_url(set.as_deref().unwrap_or(own));
            let named = host.rsplit('/').next().unwrap_or_default();
            if set.is_some() {
                hosts.insert(0, host.to_owned());
            }
            // By its name: of several endpoints, the first alone is found without.
            let is_named = |known: &String| split_url(known).0.rsplit('/').next() == Some(named);
            let way = match hosts.iter().any(is_named) && !named.contains('@') {
                true => format!("/@{named}{path}"),
                false if set.is_some() => path.to_owned(),
                false => String::new(),
            };
            job.env.push((name.to_owned(), format!("{inside}{way}")));
        }
        for name in ["HTTPS_PROXY", "https_proxy"] {
            job.env.push((name.to_owned(), inside.clone()));
        }
        for name in ["NO_PROXY", "no_proxy"] {
            job.env.push((name.to_owned(), "127.0.0.1,localhost".to_owned()));
        }
        let socket = (self.means == Means::Bubblewrap).then(|| self.scratch.join("sockets").join(RELAY));
        let known_as = socket.is_some().then_some(PORT);
        job.terms.relay = Some(Relay { socket, known_as, endpoints: hosts, secrets });
    }
}

/// Puts a stand-in into each variable that holds a key; answers with the pairs of both.
fn stand_ins(job: &mut Job) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    for (name, value) in &mut job.env {
        if is_key(name) && !value.is_empty() {
            let stand_in = format!("git-orch-{}", random_letters(24));
            secrets.push((stand_in.clone(), std::mem::replace(value, stand_in)));
        }
    }
    secrets
}

/// An address as its scheme and host, and its path without a `/` at the end.
fn split_url(url: &str) -> (&str, &str) {
    let after = url.find("://").map_or(0, |at| at + 3);
    let slash = url[after..].find('/').map_or(url.len(), |at| after + at);
    (&url[..slash], url[slash..].trim_end_matches('/'))
}

/// The port of an endpoint on this machine.
fn local_port(endpoint: &str) -> Option<u16> {
    let endpoint = endpoint.strip_prefix("http://").unwrap_or(endpoint);
    let rest = endpoint.strip_prefix("127.0.0.1:").or(endpoint.strip_prefix("localhost:"))?;
    rest.split('/').next()?.parse().ok()
}

fn exists(path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Terms;
    use std::time::Duration;

    fn job(env: &[(&str, &str)]) -> Job {
        Job {
            argv: vec!["agent".to_owned()],
            dir: PathBuf::from("/"),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            stdin: Vec::new(),
            stdout: PathBuf::from("/log"),
            stderr: PathBuf::from("/log"),
            limit: Duration::from_secs(1),
            grace: Duration::ZERO,
            log_cap: 1,
            terms: Terms::default(),
        }
    }

    #[test]
    fn keys_stay_outside_and_addresses_lead_to_the_relay() {
        let mut job =
            job(&[("X_API_KEY", "real"), ("PATH", "/bin"), ("X_BASE_URL", "https://gate.example/v9/")]);
        let endpoints =
            Endpoints { hosts: vec!["api.example".to_owned()], base_url: vec!["X_BASE_URL".to_owned()] };
        let sandbox = Sandbox {
            means: Means::Bubblewrap,
            network: Network::Nothing,
            endpoints,
            ..Sandbox::nothing("/s".into(), 1)
        };
        sandbox.relayed(&mut job);
        let value = |name: &str| job.env.iter().find(|(found, _)| found == name).unwrap().1.clone();
        let relay = job.terms.relay.clone().unwrap();
        assert_eq!(relay.endpoints, ["https://gate.example", "api.example"]);
        assert_eq!(relay.secrets, [(value("X_API_KEY"), "real".to_owned())]);
        assert!(job.env.iter().all(|(_, value)| value != "real"));
        assert_eq!(value("X_BASE_URL"), "http://127.0.0.1:4180/@gate.example/v9");
        assert_eq!(value("HTTPS_PROXY"), "http://127.0.0.1:4180");
    }

    #[test]
    fn each_address_leads_to_its_own_endpoint() {
        let mut job = job(&[("SETTINGS", "{\"url\":\"{git-orch-relay}/@b.example/v1\"}"), ("EMPTY_URL", "")]);
        let base_url = [
            "A_URL=a.example",
            "B_URL=b.example/v1",
            "OTHER_URL=c.example/v1",
            "EMPTY_URL",
            "LOCAL_URL=127.0.0.1:9/v1",
        ];
        let endpoints = Endpoints {
            hosts: ["a.example", "b.example", "http://127.0.0.1:9"].map(str::to_owned).to_vec(),
            base_url: base_url.map(str::to_owned).to_vec(),
        };
        let sandbox = Sandbox {
            means: Means::Bubblewrap,
            network: Network::Nothing,
            endpoints,
            ..Sandbox::nothing("/s".into(), 1)
        };
        sandbox.relayed(&mut job);
        let value = |name: &str| job.env.iter().find(|(found, _)| found == name).unwrap().1.clone();
        assert_eq!(value("A_URL"), "http://127.0.0.1:4180/@a.example");
        assert_eq!(value("B_URL"), "http://127.0.0.1:4180/@b.example/v1");
        assert_eq!(value("LOCAL_URL"), "http://127.0.0.1:4180/@127.0.0.1:9/v1");
        // Not among the endpoints: to the first one, as without a name.
        assert_eq!(value("OTHER_URL"), "http://127.0.0.1:4180");
        assert_eq!(value("EMPTY_URL"), "http://127.0.0.1:4180");
        assert_eq!(value("SETTINGS"), "{\"url\":\"http://127.0.0.1:4180/@b.example/v1\"}");
    }

    #[test]
    fn addresses_are_split() {
        assert_eq!(split_url("https://a.b:1/c/d/"), ("https://a.b:1", "/c/d"));
        assert_eq!(split_url("a.b"), ("a.b", ""));
        assert_eq!(local_port("http://localhost:8080/v1"), Some(8080));
        assert_eq!(local_port("127.0.0.1:8080"), Some(8080));
        assert_eq!(local_port("https://127.0.0.1:8080"), None);
        assert_eq!(local_port("http://127.0.0.1.evil.com:80"), None);
        assert_eq!(local_port("https://api.example"), None);
    }
}
