//! The socket by which a program says something to git-orch from within its sandbox.
//!
//! One request at a time: a line of JSON, answered by a process outside that is told for whom it speaks, not by whatever
//! the request says. While it is answered the program stands still, so what is read of its files is one state of them,
//! and no link can be turned under the reader. All that comes in is bounded: its length, its time, its number.

use super::sweep::{freeze_all, let_go};
use crate::process::procfs;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Longest request, in bytes: a message of the largest size takes a quarter of it.
pub(crate) const REQUEST_MAX: u64 = 64 << 10;
/// How long one request may take to arrive, and an answer to be taken.
const TALKING: Duration = Duration::from_secs(5);
/// Bytes of each of the two outputs of an answer that are passed on.
const ANSWER_MAX: u64 = 1 << 20;
/// Requests of one program. Each costs a process outside: more is a flood.
const REQUESTS: u32 = 500;
/// Pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);
/// How long what is being answered may take to its end when the program has ended.
const LAST: Duration = Duration::from_secs(1);

/// Who answers a program, and where it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Control {
    /// Where the socket is made.
    pub(crate) socket: PathBuf,
    /// Answers one request: that is its standard input, its output and exit code are the answer.
    pub(crate) argv: Vec<String>,
    /// Where it runs.
    pub(crate) dir: PathBuf,
    /// How long it may take.
    pub(crate) limit_ms: u64,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) exit: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A control socket that listens.
pub(super) struct Listening {
    task: JoinHandle<()>,
    end: watch::Sender<bool>,
    /// The process that answers now; 0 for none.
    answering: Arc<AtomicU32>,
}

impl Listening {
    /// Starts to listen, in the runtime that calls it.
    pub(super) fn start(control: Control) -> std::io::Result<Listening> {
        let listener = super::relay::bind(&control.socket)?;
        let (end, mut ended) = watch::channel(false);
        let answering = Arc::new(AtomicU32::new(0));
        let desk = Desk { control, answering: Arc::clone(&answering), asked: 0 };
        let task = tokio::spawn(async move {
            let mut desk = desk;
            loop {
                let stream = tokio::select! {
                    biased;
                    _ = ended.wait_for(|&ended| ended) => return,
                    accepted = listener.accept() => accepted,
                };
                match stream {
                    Ok((stream, _)) => desk.serve(stream).await,
                    Err(_) => sleep(PAUSE).await, // of one caller, or of the moment
                }
            }
        });
        Ok(Listening { task, end, answering })
    }

    /// The process that answers now, with which its own children are spared when all others are killed.
    pub(super) fn spared(&self) -> Option<u32> {
        Some(self.answering.load(Ordering::Relaxed)).filter(|&pid| pid > 0)
    }

    /// Takes no more requests, and lets the one that is being answered come to its end, but not for long.
    pub(super) async fn close(mut self) {
        self.end.send_replace(true);
        if timeout(LAST, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

struct Desk {
    control: Control,
    answering: Arc<AtomicU32>,
    asked: u32,
}

impl Desk {
    async fn serve(&mut self, stream: UnixStream) {
        let me = std::process::id();
        // Another agent's program may reach the file of the socket where a sandbox does not hold sockets.
        let ours =
            stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
        if procfs::available() && !ours.is_some_and(|pid| procfs::is_below(pid, me)) {
            return;
        }
        self.asked += 1;
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        let mut reader = BufReader::new(reader.take(REQUEST_MAX + 1));
        let answer = match timeout(TALKING, reader.read_line(&mut line)).await {
            _ if self.asked > REQUESTS => refuse(&format!("no more than {REQUESTS} requests in one turn")),
            Err(_) => refuse("no request came"),
            Ok(Err(error)) => refuse(&format!("the request cannot be read: {error}")),
            Ok(Ok(_)) if line.len() as u64 > REQUEST_MAX => {
                refuse(&format!("a request has at most {REQUEST_MAX} bytes"))
            }
            Ok(Ok(_)) if !line.ends_with('\n') => refuse("the request has no end"),
            Ok(Ok(_)) => self.answer(&line).await,
        };
        let mut text = serde_json::to_vec(&answer).expect("plain texts");
        text.push(b'\n');
        let _ = timeout(TALKING, writer.write_all(&text)).await; // it may hang up at any time
    }

    /// Has a request answered while everything of the program stands still.
    async fn answer(&self, line: &str) -> Answer {
        let frozen = tokio::task::spawn_blocking(freeze_all).await.unwrap_or_default();
        let answer = self.asked_outside(line).await;
        self.answering.store(0, Ordering::Relaxed);
        let_go(&frozen);
        answer.unwrap_or_else(|error| refuse(&format!("nobody answers: {error}")))
    }

    async fn asked_outside(&self, line: &str) -> std::io::Result<Answer> {
        let Some((program, arguments)) = self.control.argv.split_first() else {
            return Err(std::io::Error::other("no program is named"));
        };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).current_dir(&self.control.dir).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        self.answering.store(child.id().unwrap_or_default(), Ordering::Relaxed);
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let work = async {
            if let Some(stdin) = &mut stdin {
                stdin.write_all(line.as_bytes()).await?;
            }
            drop(stdin.take());
            let (out, err) = tokio::join!(some_of(stdout), some_of(stderr));
            let status = child.wait().await?;
            let exit = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            Ok(Answer { exit, out, err })
        };
        let limit = Duration::from_millis(self.control.limit_ms);
        match timeout(limit, work).await {
            Ok(answer) => answer,
            Err(_) => {
                let _ = child.kill().await;
                Ok(refuse(&format!("no answer within {} seconds", limit.as_secs())))
            }
        }
    }
}

/// Reads an output to its end, and keeps its beginning.
async fn some_of(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut kept = Vec::new();
    if (&mut pipe).take(ANSWER_MAX).read_to_end(&mut kept).await.is_ok() {
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await; // else it would wait for a reader
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn refuse(why: &str) -> Answer {
    Answer { exit: 1, out: String::new(), err: format!("error: git-orch does not answer: {why}\n") }
}

/// Asks on a control socket and waits for the answer: the program's side.
///
/// # Errors
/// There is no such socket, nobody listens, or what comes back is no answer.
pub(crate) fn ask(socket: &Path, line: &str) -> std::io::Result<Answer> {
    use std::io::{BufRead as _, Write as _};
    let mut stream = connect(socket)?;
    // Whoever takes no more requests has answered, or hangs up.
    let _ = stream.write_all(line.as_bytes());
    let mut answer = String::new();
    std::io::BufReader::new(stream).read_line(&mut answer)?;
    serde_json::from_str(&answer).map_err(|_| std::io::Error::other("it hung up without an answer"))
}

/// Connects to a socket whose path may be longer than the system takes: through the folder, that is open.
fn connect(socket: &Path) -> std::io::Result<std::os::unix::net::UnixStream> {
    #[cfg(target_os = "linux")]
    if let (Some(folder), Some(name)) = (socket.parent(), socket.file_name())
        && let Ok(folder) = std::fs::File::open(folder)
    {
        use std::os::fd::AsRawFd as _;
        let path = Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        return std::os::unix::net::UnixStream::connect(path);
    }
    std::os::unix::net::UnixStream::connect(socket)
}
