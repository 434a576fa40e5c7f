// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client: one connection to one export, one request at a time.

use super::server::{Address, Stream};
use super::wire::{self, Message, command, info, option, reply, with};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// An export of a server.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    size: u64,
    minimum: u32,
    flags: u16,
    cookie: u64,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the server breaks the protocol: {what}"))
}

impl Client {
    /// Connects, and chooses an export by its name.
    ///
    /// # Errors
    /// What the operating system says; the server has no such export, or breaks the protocol.
    pub fn connect(address: &Address, export: &str) -> io::Result<Self> {
        let mut stream = match address {
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        let greeting = (wire::read_u64(&mut stream)?, wire::read_u64(&mut stream)?);
        let flags = wire::read_u16(&mut stream)?;
        if greeting != (wire::GREETING, wire::OPTION) || flags & wire::FIXED_NEWSTYLE == 0 {
            return Err(broken("no greeting of a newstyle server"));
        }
        let name = u32::try_from(export.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let hello =
            Message::default().u32(u32::from(flags & wire::NO_ZEROES | wire::FIXED_NEWSTYLE));
        // The name with its length, and one kind of information that is wanted.
        let len = name.checked_add(8).ok_or(ErrorKind::InvalidInput)?;
        let go = hello.u64(wire::OPTION).u32(option::GO).u32(len).u32(name);
        let go = go.bytes(export.as_bytes()).u16(1).u16(info::BLOCK_SIZE);
        stream.write_all(go.as_bytes())?;
        let mut client = Self { stream, size: 0, minimum: 1, flags: 0, cookie: 0 };
        let mut told = false;
        loop {
            if wire::read_u64(&mut client.stream)? != wire::OPTION_REPLY {
                return Err(broken("no reply to an option"));
            }
            let (_, kind) =
                (wire::read_u32(&mut client.stream)?, wire::read_u32(&mut client.stream)?);
            let len = wire::read_u32(&mut client.stream)?;
            if len > wire::OPTION_MOST {
                return Err(broken("a reply of more than 64 KiB"));
            }
            let mut data = vec![0; len as usize];
            client.stream.read_exact(&mut data)?;
            let mut data = data.as_slice();
            match kind {
                reply::ACK if told => return Ok(client),
                reply::INFO => match wire::read_u16(&mut data)? {
                    info::EXPORT => {
                        client.size = wire::read_u64(&mut data)?;
                        client.flags = wire::read_u16(&mut data)?;
                        told = true;
                    }
                    info::BLOCK_SIZE => client.minimum = wire::read_u32(&mut data)?,
                    _ => {}
                },
                reply::ACK => return Err(broken("nothing was told of the export")),
                _ => {
                    let why = String::from_utf8_lossy(data);
                    let text = format!("export {export:?} is refused: {why}");
                    return Err(io::Error::new(ErrorKind::NotFound, text));
                }
            }
        }
    }

    /// Bytes of the export.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that offsets and lengths are multiples of.
    #[must_use]
    pub const fn minimum(&self) -> u32 {
        self.minimum
    }

    /// Whether nothing may be written.
    #[must_use]
    pub const fn is_readonly(&self) -> bool {
        self.flags & wire::can::READ_ONLY != 0
    }

    /// Whether the server does something with what is not needed any more.
    #[must_use]
    pub const fn can_trim(&self) -> bool {
        self.flags & wire::can::SEND_TRIM != 0
    }

    /// Fills `into` from byte `offset` on.
    ///
    /// # Errors
    /// What the server says; the connection fails.
    pub fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let most = wire::MOST as usize;
        for (index, part) in into.chunks_mut(most).enumerate() {
            let at = offset + (index * most) as u64;
            self.ask(command::READ, 0, at, part.len(), &[])?;
            self.stream.read_exact(part)?;
        }
        Ok(())
    }

    /// Writes `data` to byte `offset` on; `durable`: it is on stable media when this returns.
    ///
    /// # Errors
    /// What the server says; the connection fails.
    pub fn write_at(&mut self, offset: u64, data: &[u8], durable: bool) -> io::Result<()> {
        let most = wire::MOST as usize;
        let flags = if durable { with::FUA } else { 0 };
        for (index, part) in data.chunks(most).enumerate() {
            let at = offset + (index * most) as u64;
            self.ask(command::WRITE, flags, at, part.len(), part)?;
        }
        Ok(())
    }

    /// Puts everything that was written on stable media.
    ///
    /// # Errors
    /// What the server says; the connection fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.ask(command::FLUSH, 0, 0, 0, &[])
    }

    /// Sends a request and takes the head of its reply.
    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        offset: u64,
        len: usize,
        payload: &[u8],
    ) -> io::Result<()> {
        self.cookie += 1;
        let len = u32::try_from(len).map_err(|_| ErrorKind::InvalidInput)?;
        let head = Message::default().u32(wire::REQUEST).u16(flags).u16(kind);
        let head = head.u64(self.cookie).u64(offset).u32(len);
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(payload)?;
        if wire::read_u32(&mut self.stream)? != wire::SIMPLE_REPLY {
            return Err(broken("no reply to a request"));
        }
        let error = wire::read_u32(&mut self.stream)?;
        if wire::read_u64(&mut self.stream)? != self.cookie {
            return Err(broken("a reply to another request"));
        }
        match error {
            0 => Ok(()),
            number => Err(io::Error::from_raw_os_error(number as i32)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let head = Message::default().u32(wire::REQUEST).u16(0).u16(command::DISCONNECT);
        // A server that has gone needs no farewell.
        let _ = self.stream.write_all(head.u64(0).u64(0).u32(0).as_bytes());
    }
}
