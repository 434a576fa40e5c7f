// SPDX-License-Identifier: MIT OR Apache-2.0
//! An NBD server, and a client: an array as a block device for whoever speaks the protocol, at the speed of a socket and
//! with no driver of ours (`nbd-client`, `nbdcopy`, qemu, fio).
//!
//! ```text
//! listener ─ server ─▶ connection ─ handshake ─▶ transmission ─ eight at a time ─▶ Export
//! ```
//!
//! | spoken | not spoken |
//! |---|---|
//! | fixed newstyle; `EXPORT_NAME`, `LIST`, `INFO`, `GO` | oldstyle |
//! | structured replies, `base:allocation` | extended headers |
//! | read, write, flush, FUA, trim, write zeroes, cache | resize, fast zero |
//! | several connections to one export | TLS: a Unix socket or the loopback is for that |
//!
//! The text of the protocol is `doc/proto.md` of the NBD project. What a client sends is hostile: every
//! length is bounded before it is believed, and a client that breaks the framing is cut off.

mod client;
mod handshake;
mod server;
mod socket;
mod transmission;
mod wire;

pub use client::Client;
pub use handshake::Exports;
pub use server::{Address, Server};
pub use socket::{Socket, listener_of};

use std::io;
use std::ops::Range;

/// What an export is to its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes.
    pub size: u64,
    /// Bytes that a request's offset and length must be a multiple of; a power of two up to 65536.
    pub minimum: u32,
    /// Bytes that a request is best a multiple of; a power of two.
    pub preferred: u32,
    /// Nothing may be written.
    pub readonly: bool,
    /// For people; may be empty.
    pub description: String,
}

/// What a run of an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Data, as far as is known.
    Data,
    /// Zeros, in place.
    Zero,
    /// Zeros, and no place is taken.
    Hole,
}

/// Something that can be served. Several requests are made at a time; none overlaps the end. The message
/// of an error is shown to the client's user.
pub trait Export: Sync {
    /// What it is. The same each time.
    fn shape(&self) -> Shape;

    /// Fills `into` from byte `offset` on.
    ///
    /// # Errors
    /// The client is told of any.
    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes `data` to byte `offset` on; `durable`: it is on stable media when this returns.
    ///
    /// # Errors
    /// The client is told of any.
    fn write(&self, offset: u64, data: &[u8], durable: bool) -> io::Result<()> {
        let _ = (offset, data, durable);
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    /// Everything that was answered before, on any connection, is on stable media when this returns.
    ///
    /// # Errors
    /// The client is told of any.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Zeros in `range`; `keep`: their place must stay taken.
    ///
    /// # Errors
    /// The client is told of any.
    fn write_zeroes(&self, range: Range<u64>, keep: bool, durable: bool) -> io::Result<()> {
        let _ = keep;
        let zeros = vec![0; 1 << 20];
        let mut at = range.start;
        while at < range.end {
            let len = (range.end - at).min(zeros.len() as u64);
            self.write(at, zeros.get(..len as usize).unwrap_or_default(), durable)?;
            at += len;
        }
        Ok(())
    }

    /// Whether something is done with what is not needed any more. Where nothing is, [`trim`](Self::trim) is neither
    /// offered to clients nor called.
    fn can_trim(&self) -> bool {
        false
    }

    /// What `range` holds is not needed any more.
    ///
    /// # Errors
    /// The client is told of any.
    fn trim(&self, range: Range<u64>, durable: bool) -> io::Result<()> {
        let _ = (range, durable);
        Ok(())
    }

    /// How many bytes from the beginning of `range` on hold the same kind of thing; at least one, at most
    /// all.
    ///
    /// # Errors
    /// The client is told of any.
    fn allocation(&self, range: Range<u64>) -> io::Result<(u64, Allocation)> {
        Ok((range.end - range.start, Allocation::Data))
    }
}
