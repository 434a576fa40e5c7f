// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listens, and gives each client a thread of its own until it goes or the server is stopped.

use super::handshake::{Exports, shake};
use super::socket::{self, Socket};
use super::transmission;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Clients at a time; one more is turned away.
const CLIENTS: usize = 64;
/// How long a client may take to choose.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A port. The protocol has no secrets: outside of the loopback everybody may read and write.
    Tcp(SocketAddr),
}

impl Address {
    /// A socket, else a port of the loopback, which no other machine reaches; any that is free if none is
    /// given.
    #[must_use]
    pub fn of_this_machine(socket: Option<&Path>, port: Option<u16>) -> Self {
        match socket {
            Some(path) => Self::Unix(path.to_owned()),
            None => Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or_default()))),
        }
    }

    /// Where a client finds an export, in the NBD project's notation (`doc/uri.md`).
    #[must_use]
    pub fn uri(&self, export: &str) -> String {
        let export = escaped(export.as_bytes());
        match self {
            Self::Unix(path) => {
                let socket = escaped(path.as_os_str().as_bytes());
                format!("nbd+unix:///{export}?socket={socket}")
            }
            Self::Tcp(address) => format!("nbd://{address}/{export}"),
        }
    }
}

/// With a percent sign and two digits for each byte that means something in a URI, or is no letter.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'/' | b'.' | b'-' | b'_' => text.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            byte => text += &format!("%{byte:02X}"),
        }
    }
    text
}

/// A connection, of either kind.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
        })
    }

    fn set_patience(&self, most: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(most),
            Self::Tcp(stream) => stream.set_read_timeout(most),
        }
    }

    fn shut(&self) {
        // A client that is gone already is what is wanted.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(into),
            Self::Tcp(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write_vectored(bytes),
            Self::Tcp(stream) => stream.write_vectored(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Listener {
    Unix(Socket),
    Tcp(TcpListener),
}

/// A server that listens. Dropping it removes its socket from the file system.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    address: Address,
    stopped: AtomicBool,
    clients: Mutex<BTreeMap<u64, Stream>>,
}

impl Server {
    /// Listens. A socket that nobody listens on any more is taken away first; nothing else is.
    ///
    /// # Errors
    /// What the operating system says: the address is in use, or not to be had.
    pub fn listen(address: &Address) -> io::Result<Self> {
        let (listener, address) = match address {
            Address::Unix(path) => (Listener::Unix(Socket::listen(path)?), address.clone()),
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address);
                let listener = listener.map_err(|error| socket::of_port(*address, error))?;
                let own = listener.local_addr()?;
                (Listener::Tcp(listener), Address::Tcp(own))
            }
        };
        let (stopped, clients) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { listener, address, stopped, clients })
    }

    /// Where it listens; the port is the one that was given where any was asked for.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Serves the exports, each under its name, until [`stop`](Self::stop) is called. An only export has the
    /// empty name as well. `tell` is given how a client's connection ended where that was not its own
    /// wish.
    ///
    /// # Errors
    /// No more clients can be taken.
    pub fn serve(
        &self,
        exports: &Exports<'_>,
        tell: &(dyn Fn(io::Error) + Sync),
    ) -> io::Result<()> {
        std::thread::scope(|scope| {
            for number in 0.. {
                let accepted = self.accept();
                if self.stopped.load(Ordering::Acquire) {
                    break;
                }
                let stream = match accepted {
                    Ok(stream) => stream,
                    // The client went before it was taken.
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                    Err(error) => {
                        self.stop();
                        return Err(error);
                    }
                };
                let known = match stream.try_clone() {
                    Ok(known) if self.clients().len() < CLIENTS => known,
                    _ => {
                        stream.shut();
                        continue;
                    }
                };
                self.clients().insert(number, known);
                // Who stopped the server before this one was known has not shut it.
                if self.stopped.load(Ordering::Acquire) {
                    stream.shut();
                }
                scope.spawn(move || {
                    if let Err(error) = converse(stream, exports)
                        && !self.stopped.load(Ordering::Acquire)
                    {
                        tell(error);
                    }
                    // With the last handle of it the connection ends.
                    self.clients().remove(&number);
                });
            }
            Ok(())
        })
    }

    /// Ends [`serve`](Self::serve): no more clients, and those there are are cut off. What they asked for is
    /// carried out, but not answered.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        for stream in self.clients().values() {
            stream.shut();
        }
        match &self.listener {
            Listener::Unix(socket) => socket.close(),
            Listener::Tcp(listener) => socket::close(listener),
        }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, Stream>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self) -> io::Result<Stream> {
        match &self.listener {
            Listener::Unix(socket) => {
                socket.listener().accept().map(|(stream, _)| Stream::Unix(stream))
            }
            Listener::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }),
        }
    }
}

fn converse(mut stream: Stream, exports: &Exports<'_>) -> io::Result<()> {
    stream.set_patience(Some(PATIENCE))?;
    let session = match shake(&mut stream, exports) {
        // Who only looked whether somebody is there.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
        session => session?,
    };
    stream.set_patience(None)?;
    match session {
        Some(session) => transmission::serve(session, stream),
        None => Ok(()),
    }
}
