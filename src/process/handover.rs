//! How the listening ports of a sandbox's own network come to the relay outside: as open files over a socket.
//!
//! A port belongs to the network in which it was opened, whoever accepts its connections. So nothing has to stay inside
//! that carries bytes, and the socket is of no use to the program: the relay takes from one caller, the first.

use rustix::{
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::TcpListener,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};
use tokio::{io::Interest, net::UnixListener};

/// Programs that the taker starts later must not inherit a port.
#[cfg(target_os = "linux")]
const TAKING: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const TAKING: RecvFlags = RecvFlags::empty();

/// Gives listeners to whoever listens on a socket; one message each, of one byte, since a stream takes none without.
///
/// # Errors
/// Nobody listens there, or the system refuses to send.
pub(super) fn hand_over(socket: &Path, listeners: &[TcpListener]) -> io::Result<()> {
    let stream = UnixStream::connect(socket)?;
    for listener in listeners {
        let files = [listener.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut with = SendAncillaryBuffer::new(&mut space);
        if !with.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        sendmsg(&stream, &[IoSlice::new(b"p")], &mut with, SendFlags::empty())?;
    }
    Ok(())
}

/// Takes the listeners that the first caller of a socket has to give. The socket ends with it.
///
/// # Errors
/// The system refuses to receive.
pub(super) async fn taken(socket: UnixListener) -> io::Result<Vec<TcpListener>> {
    let (stream, _) = socket.accept().await?;
    drop(socket);
    let mut listeners = Vec::new();
    loop {
        let (bytes, files) = stream.async_io(Interest::READABLE, || Ok(receive(&stream)?)).await?;
        listeners.extend(files.into_iter().map(TcpListener::from));
        if bytes == 0 {
            return Ok(listeners);
        }
    }
}

/// The next message: how many bytes, and the files that came with them.
fn receive(stream: &tokio::net::UnixStream) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let (mut byte, mut space) = ([0], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
    let mut with = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut with, TAKING)?;
    let files = with.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    Ok((message.bytes, files.flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn the_first_caller_gives_its_listeners_and_nobody_else_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let opened = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
        let ports = opened.each_ref().map(|listener| listener.local_addr().unwrap().port());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let taken = runtime.block_on(async {
            let socket = UnixListener::bind(&path).unwrap();
            // It ends before anybody takes: what it gave stays open.
            hand_over(&path, &opened).unwrap();
            drop(opened);
            taken(socket).await.unwrap()
        });
        assert_eq!(taken.iter().map(|it| it.local_addr().unwrap().port()).collect::<Vec<_>>(), ports);
        assert!(hand_over(&path, &[]).is_err());
        let mut caller = std::net::TcpStream::connect(("127.0.0.1", ports[1])).unwrap();
        caller.write_all(b"x").unwrap();
        drop(caller);
        let mut heard = String::new();
        taken[1].accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "x");
    }
}
