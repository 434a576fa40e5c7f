// SPDX-License-Identifier: MIT OR Apache-2.0
//! A listening socket in the file system, and who listens where an address is in use.
//!
//! | at the path | what is done |
//! |---|---|
//! | nothing | a socket is made there |
//! | a socket that nobody listens on: its server was killed | it is taken away first |
//! | a socket that somebody listens on, or anything else | refused, and who or what it is |

use crate::member::Holder;
use rustix::fd::AsFd;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket that is listened on, and that is taken away when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// What was made: another one of that name is left alone.
    own: Option<(u64, u64)>,
}

impl Socket {
    /// Listens at a path.
    ///
    /// # Errors
    /// Somebody listens there, which the message says, or something else is there, which is left as it is; or what the
    /// operating system says.
    pub fn listen(path: &Path) -> io::Result<Self> {
        // Of two that begin at a time neither takes away what the other has just made. Where the directory cannot be
        // locked it goes without.
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = File::open(directory);
        if let Ok(directory) = &directory {
            // A signal is no answer.
            while flock(directory, FlockOperation::LockExclusive) == Err(Errno::INTR) {}
        }
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let own = identity(path);
        Ok(Self { listener, path: path.to_owned(), own })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What clients come from.
    #[must_use]
    pub const fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Takes no more clients: a thread that waits for one is woken, with an error. The path plays no part: it may be
    /// gone, or lead to another server.
    pub fn close(&self) {
        close(&self.listener);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.own.is_some() && identity(&self.path) == self.own {
            // It may have been taken away by others.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Ends the accepts of a listening socket, those to come and the one that waits.
pub(super) fn close(listener: impl AsFd) {
    // Refused only where it was closed before, which is what is wanted.
    let _ = shutdown(listener, Shutdown::Both);
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Removes a socket that a server left behind that was killed.
fn remove_stale(path: &Path) -> io::Result<()> {
    let in_use = |why: String| Err(io::Error::new(ErrorKind::AddrInUse, why));
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match UnixStream::connect(path) {
            Ok(stream) => in_use(format!(
                "{} listens there, and a socket that nobody listens on is taken away by itself; stop \
                 that one, or give another path",
                listener_of(&stream)
            )),
            Err(_) => fs::remove_file(path),
        },
        Ok(_) => in_use(String::from("something else than a socket is there; give another path")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The process that listens at the other end, in words.
#[must_use]
pub fn listener_of(stream: &UnixStream) -> String {
    match rustix::net::sockopt::socket_peercred(stream) {
        Ok(peer) => Holder::process(peer.pid.as_raw_nonzero().get().unsigned_abs()).to_string(),
        Err(_) => String::from("a process that cannot be named"),
    }
}

/// Why a port cannot be had: who listens there, as far as it can be known.
pub(super) fn of_port(address: SocketAddr, error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::AddrInUse {
        return error;
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).ok());
    let socket = tables.iter().flatten().find_map(|table| socket_at(table, address.port()));
    let by = match socket.and_then(process_with) {
        Some(process) => Holder::process(process).to_string(),
        None => String::from("a process that cannot be named"),
    };
    let why =
        format!("{by} listens there; stop that one, or give another port, 0 for any that is free");
    io::Error::new(ErrorKind::AddrInUse, why)
}

/// The inode of the socket that listens on a port, from a table such as `/proc/net/tcp`.
fn socket_at(table: &str, port: u16) -> Option<u64> {
    const LISTENS: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let own = words.next()?.rsplit_once(':')?.1;
        let state = words.nth(1)?;
        let inode = words.nth(5)?;
        let found = u16::from_str_radix(own, 16).ok()? == port && state == LISTENS;
        found.then(|| inode.parse().ok())?
    })
}

/// A process that has this socket open.
fn process_with(socket: u64) -> Option<u32> {
    let link = format!("socket:[{socket}]");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.find(|process: &u32| {
        let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|to| to.as_os_str() == link.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn whoever_listens_is_named() {
        let own = Holder::process(std::process::id()).to_string();
        let name = format!("raid-array-listens-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = Socket::listen(&path).unwrap();
        let refused = Socket::listen(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
        assert!(refused.to_string().starts_with(&format!("{own} listens there")), "{refused}");
        drop(socket);
        assert!(!path.exists());
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = tcp.local_addr().unwrap();
        let refused = of_port(address, TcpListener::bind(address).unwrap_err());
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
        assert!(refused.to_string().starts_with(&format!("{own} listens there")), "{refused}");
    }

    /// A cleaner of old files has taken the path away.
    #[test]
    fn a_socket_without_its_path_is_closed() {
        let name = format!("raid-array-cleaned-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = Socket::listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| socket.listener().accept().map(drop));
            socket.close();
            assert!(waits.join().unwrap().is_err());
        });
    }

    /// Whoever was taken for dead may have been replaced by now.
    #[test]
    fn a_socket_that_another_server_made_since_is_left_alone() {
        let name = format!("raid-array-replaced-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let first = Socket::listen(&path).unwrap();
        // The number of the first inode must not be given again.
        fs::rename(&path, path.with_extension("old")).unwrap();
        let second = Socket::listen(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
        fs::remove_file(path.with_extension("old")).unwrap();
    }
}
