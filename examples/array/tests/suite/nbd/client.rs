// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client that sends what it is told to, right or wrong. It knows the numbers of the protocol by itself.

use raid_array::nbd::{Address, Server};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(crate) const READ: u16 = 0;
pub(crate) const WRITE: u16 = 1;
pub(crate) const FLUSH: u16 = 3;
pub(crate) const BLOCK_STATUS: u16 = 7;
pub(crate) const GO: u32 = 7;

pub(crate) struct Client(pub(crate) UnixStream);

impl Client {
    /// Connected, the greeting read.
    pub(crate) fn connect(server: &Server) -> Self {
        let Address::Unix(path) = server.address() else { unreachable!() };
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut client = Self(stream);
        assert_eq!(client.take(18), *b"NBDMAGICIHAVEOPT\0\x03");
        client
    }

    /// Connected, and both sides at options.
    pub(crate) fn greeted(server: &Server) -> Self {
        let mut client = Self::connect(server);
        client.send(&[0, 0, 0, 3]);
        client
    }

    /// Connected, the export chosen.
    pub(crate) fn chosen(server: &Server, name: &str) -> Self {
        let mut client = Self::greeted(server);
        client.option(GO, &go(name));
        while client.reply().0 != 1 {}
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn number(&mut self, len: usize) -> u64 {
        self.take(len).into_iter().fold(0, |number, byte| number << 8 | u64::from(byte))
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_cut_off(&mut self) -> bool {
        match self.0.read_to_end(&mut Vec::new()) {
            Ok(read) => read == 0,
            // There was more of what it did not want to read.
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    pub(crate) fn option(&mut self, kind: u32, data: &[u8]) {
        self.send(b"IHAVEOPT");
        self.send(&kind.to_be_bytes());
        self.send(&(data.len() as u32).to_be_bytes());
        self.send(data);
    }

    /// Type and data of a reply to an option.
    pub(crate) fn reply(&mut self) -> (u32, Vec<u8>) {
        assert_eq!(self.number(8), 0x0003_E889_0455_65A9);
        self.number(4);
        let (kind, len) = (self.number(4) as u32, self.number(4) as usize);
        (kind, self.take(len))
    }

    /// Sends a request, and takes a simple reply with so many bytes; its error and data.
    pub(crate) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        offset: u64,
        len: u32,
        payload: &[u8],
    ) -> (u32, Vec<u8>) {
        self.ask(kind, flags, offset, len, payload);
        assert_eq!(self.number(4), 0x6744_6698);
        let (error, cookie) = (self.number(4) as u32, self.number(8));
        assert_eq!(cookie, 0x0102_0304_0506_0708);
        let data = if kind == READ && error == 0 { self.take(len as usize) } else { Vec::new() };
        (error, data)
    }

    pub(crate) fn ask(&mut self, kind: u16, flags: u16, offset: u64, len: u32, payload: &[u8]) {
        let mut bytes = 0x2560_9513_u32.to_be_bytes().to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        bytes.extend([1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend(offset.to_be_bytes());
        bytes.extend(len.to_be_bytes());
        bytes.extend(payload);
        self.send(&bytes);
    }

    pub(crate) fn read(&mut self, offset: u64, len: u32) -> (u32, Vec<u8>) {
        self.request(READ, 0, offset, len, &[])
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) -> u32 {
        self.request(WRITE, 0, offset, data.len() as u32, data).0
    }

    /// Type and payload of the only chunk of a structured reply.
    pub(crate) fn chunk(&mut self) -> (u16, Vec<u8>) {
        assert_eq!(self.number(4), 0x668E_33EF);
        assert_eq!(self.number(2), 1);
        let kind = self.number(2) as u16;
        self.number(8);
        let len = self.number(4) as usize;
        (kind, self.take(len))
    }
}

/// Data of the option that chooses an export and asks for nothing.
pub(crate) fn go(name: &str) -> Vec<u8> {
    let mut data = (name.len() as u32).to_be_bytes().to_vec();
    data.extend(name.as_bytes());
    data.extend([0, 0]);
    data
}
