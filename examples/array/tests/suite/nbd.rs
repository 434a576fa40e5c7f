// SPDX-License-Identifier: MIT OR Apache-2.0
//! The NBD server: its bytes, clients that break the protocol, and other people's clients.
//!
//! | file | subject |
//! |---|---|
//! | `client` | a client that sends what it is told to |
//! | `hostile` | what no client should send |
//! | `judges` | `nbdinfo`, `nbdcopy`, `qemu-img`, `qemu-io`, fio; run by `cargo xtask ci nbd` |

mod client;
mod hostile;
mod judges;

use raid_array::nbd::{Address, Allocation, Export, Server, Shape};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, io};

/// Bytes per block of which it is known whether they are there.
const PAGE: u64 = 4096;

/// An export in memory.
struct Memory {
    shape: Shape,
    pages: Mutex<Vec<Option<Box<[u8]>>>>,
    flushes: AtomicU64,
}

impl Memory {
    fn new(size: u64) -> Self {
        let shape = Shape {
            size,
            minimum: 512,
            preferred: 4096,
            readonly: false,
            description: "memory of a test".into(),
        };
        let pages = Mutex::new(vec![None; size.div_ceil(PAGE) as usize]);
        Self { shape, pages, flushes: AtomicU64::new(0) }
    }

    /// The parts of pages that a range of bytes covers.
    fn parts(range: Range<u64>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            let end = range.end.min((at / PAGE + 1) * PAGE);
            let part = (at < end).then(|| {
                let page = at / PAGE * PAGE;
                ((at / PAGE) as usize, (at - page) as usize..(end - page) as usize)
            });
            at = end;
            part
        })
    }
}

impl Export for Memory {
    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn read(&self, offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        let pages = self.pages.lock().unwrap();
        for (page, part) in Self::parts(offset..offset + into.len() as u64) {
            let (own, rest) = into.split_at_mut(part.len());
            match &pages[page] {
                Some(bytes) => own.copy_from_slice(&bytes[part]),
                None => own.fill(0),
            }
            into = rest;
        }
        Ok(())
    }

    fn write(&self, offset: u64, mut data: &[u8], _: bool) -> io::Result<()> {
        let mut pages = self.pages.lock().unwrap();
        for (page, part) in Self::parts(offset..offset + data.len() as u64) {
            let (own, rest) = data.split_at(part.len());
            let bytes = pages[page].get_or_insert_with(|| vec![0; PAGE as usize].into());
            bytes[part].copy_from_slice(own);
            data = rest;
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn can_trim(&self) -> bool {
        true
    }

    fn trim(&self, range: Range<u64>, _: bool) -> io::Result<()> {
        let mut pages = self.pages.lock().unwrap();
        for (page, part) in Self::parts(range) {
            if part.len() as u64 == PAGE {
                pages[page] = None;
            } else if let Some(bytes) = &mut pages[page] {
                bytes[part].fill(0);
            }
        }
        Ok(())
    }

    fn allocation(&self, range: Range<u64>) -> io::Result<(u64, Allocation)> {
        let pages = self.pages.lock().unwrap();
        let mut parts = Self::parts(range);
        let (first, part) = parts.next().expect("not empty");
        let there = |page: usize| pages[page].is_some();
        let alike = parts.take_while(|(page, _)| there(*page) == there(first));
        let run = part.len() + alike.map(|(_, part)| part.len()).sum::<usize>();
        Ok((run as u64, if there(first) { Allocation::Data } else { Allocation::Hole }))
    }
}

/// A socket of its own for a test.
fn socket(test: &str) -> Address {
    let name = format!("raid-nbd-{test}-{}.sock", std::process::id());
    Address::Unix(env::temp_dir().join(name))
}

fn folder(test: &str) -> PathBuf {
    let name = format!("nbd-{test}-{}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Serves the exports while `clients` runs; how connections ended that were broken off.
fn served(
    test: &str,
    exports: &[(&str, &dyn Export)],
    clients: impl FnOnce(&Server),
) -> Vec<String> {
    let server = Server::listen(&socket(test)).unwrap();
    let exports: Vec<_> = exports.iter().map(|(name, own)| ((*name).to_owned(), *own)).collect();
    let ended = Mutex::new(Vec::new());
    let tell = |error: io::Error| ended.lock().unwrap().push(error.to_string());
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| server.serve(&exports, &tell));
        let guard = Stopped(&server);
        clients(&server);
        drop(guard);
        serving.join().unwrap().unwrap();
    });
    ended.into_inner().unwrap()
}

/// Stops the server when a test ends, and when it fails.
struct Stopped<'a>(&'a Server);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[test]
fn a_server_that_is_stopped_ends_though_clients_are_there_and_its_socket_goes() {
    let memory = Memory::new(1 << 20);
    let Address::Unix(path) = socket("stop") else { unreachable!() };
    let mut idle = None;
    served("stop", &[("m", &memory)], |server| {
        idle = Some(client::Client::connect(server));
        assert!(path.exists());
    });
    assert!(!path.exists());
}

#[test]
fn a_socket_left_behind_is_taken_and_one_in_use_or_another_file_is_not() {
    let address = socket("stale");
    let Address::Unix(path) = &address else { unreachable!() };
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    assert!(path.exists());
    let server = Server::listen(&address).unwrap();
    let second = Server::listen(&address).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    drop(server);
    fs::write(path, "a file").unwrap();
    assert_eq!(Server::listen(&address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(fs::read(path).unwrap(), b"a file");
    fs::remove_file(path).unwrap();
}

#[test]
fn what_one_connection_wrote_another_reads_and_a_flush_reaches_the_export() {
    let memory = Memory::new(1 << 20);
    let ended = served("two", &[("m", &memory)], |server| {
        let mut one = client::Client::chosen(server, "m");
        let mut two = client::Client::chosen(server, "m");
        assert_eq!(one.write(4096, &[7; 1024]), 0);
        assert_eq!(one.request(client::FLUSH, 0, 0, 0, &[]).0, 0);
        let (error, data) = two.read(3584, 2048);
        assert_eq!((error, &data[..512]), (0, &[0; 512][..]));
        assert_eq!(&data[512..1536], &[7; 1024]);
        assert_eq!(&data[1536..], &[0; 512]);
    });
    assert_eq!(memory.flushes.load(Ordering::Relaxed), 1);
    assert_eq!(ended, [""; 0]);
}
