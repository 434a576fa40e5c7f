// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handshake: which export a client wants, and what both sides can do.
//!
//! ```text
//! greeting ─▶ options … ─▶ GO or EXPORT_NAME ─▶ transmission
//!                  └─▶ ABORT, or the framing is broken ─▶ closed
//! ```

use super::wire::{self, Message, can, info, option, reply};
use super::{Export, Shape};
use std::io::{self, ErrorKind, Read, Write};

/// Exports by name; the only one is also the default, whose name is empty.
pub type Exports<'a> = [(String, &'a dyn Export)];

/// What was agreed on.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) export: &'a dyn Export,
    pub(super) structured: bool,
    /// The client asked for what runs hold.
    pub(super) allocation: bool,
}

/// The options of a client until it has chosen.
struct Options<'s, 'a, S> {
    stream: &'s mut S,
    exports: &'a Exports<'a>,
    no_zeroes: bool,
    structured: bool,
    /// The export for which the client asked what runs hold.
    allocation: Option<String>,
}

/// Speaks with a client until it has chosen an export; `None`: it went without choosing.
pub(super) fn shake<'a>(
    stream: &mut (impl Read + Write),
    exports: &'a Exports<'a>,
) -> io::Result<Option<Session<'a>>> {
    let flags = wire::FIXED_NEWSTYLE | wire::NO_ZEROES;
    let greeting = Message::default().u64(wire::GREETING).u64(wire::OPTION).u16(flags);
    stream.write_all(greeting.as_bytes())?;
    let flags = wire::read_u32(stream)?;
    let known = u32::from(wire::FIXED_NEWSTYLE | wire::NO_ZEROES);
    if flags & u32::from(wire::FIXED_NEWSTYLE) == 0 || flags & !known != 0 {
        return Err(ErrorKind::InvalidData.into());
    }
    let no_zeroes = flags & u32::from(wire::NO_ZEROES) != 0;
    let mut options = Options { stream, exports, no_zeroes, structured: false, allocation: None };
    options.until_chosen()
}

impl<'a, S: Read + Write> Options<'_, 'a, S> {
    fn until_chosen(&mut self) -> io::Result<Option<Session<'a>>> {
        loop {
            if wire::read_u64(self.stream)? != wire::OPTION {
                return Err(ErrorKind::InvalidData.into());
            }
            let kind = wire::read_u32(self.stream)?;
            let len = wire::read_u32(self.stream)?;
            if len > wire::OPTION_MOST {
                self.skip(len)?;
                self.reply(kind, reply::TOO_BIG, b"more than 64 KiB of data")?;
                continue;
            }
            let mut data = vec![0; len as usize];
            self.stream.read_exact(&mut data)?;
            match kind {
                option::EXPORT_NAME => return self.export_name(&data).map(Some),
                option::ABORT => {
                    self.reply(kind, reply::ACK, b"")?;
                    return Ok(None);
                }
                option::GO => {
                    if let Some(export) = self.describe(kind, &data)? {
                        return Ok(Some(export));
                    }
                }
                option::INFO => drop(self.describe(kind, &data)?),
                option::LIST => self.list(&data)?,
                option::STRUCTURED_REPLY if data.is_empty() => {
                    self.structured = true;
                    self.reply(kind, reply::ACK, b"")?;
                }
                option::STRUCTURED_REPLY => self.reply(kind, reply::INVALID, b"data unexpected")?,
                option::LIST_META_CONTEXT | option::SET_META_CONTEXT => {
                    self.contexts(kind, &data)?;
                }
                _ => self.reply(kind, reply::UNSUPPORTED, b"no such option here")?,
            }
        }
    }

    /// Reads over data that nobody holds, as far as a client may reasonably send it.
    fn skip(&mut self, len: u32) -> io::Result<()> {
        if len > wire::MOST {
            return Err(ErrorKind::InvalidData.into());
        }
        let skipped = io::copy(&mut Read::by_ref(self.stream).take(len.into()), &mut io::sink())?;
        if skipped == u64::from(len) { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    fn reply(&mut self, kind: u32, what: u32, data: &[u8]) -> io::Result<()> {
        let len = u32::try_from(data.len()).map_err(|_| ErrorKind::InvalidData)?;
        let head = Message::default().u64(wire::OPTION_REPLY).u32(kind).u32(what).u32(len);
        self.stream.write_all(head.bytes(data).as_bytes())
    }

    fn named(&self, name: &str) -> Option<&'a dyn Export> {
        match self.exports {
            [(_, only)] if name.is_empty() => Some(*only),
            all => all.iter().find(|(own, _)| own == name).map(|(_, export)| *export),
        }
    }

    /// What a client from before `GO` says; an unknown name cannot be answered but by closing.
    fn export_name(&mut self, name: &[u8]) -> io::Result<Session<'a>> {
        let name = std::str::from_utf8(name).map_err(|_| ErrorKind::InvalidData)?;
        let export = self.named(name).ok_or(ErrorKind::NotFound)?;
        let shape = export.shape();
        let head = Message::default().u64(shape.size).u16(flags(
            &shape,
            export.can_trim(),
            self.structured,
        ));
        let head = if self.no_zeroes { head } else { head.bytes(&[0; 124]) };
        self.stream.write_all(head.as_bytes())?;
        Ok(self.session(name, export))
    }

    fn session(&self, name: &str, export: &'a dyn Export) -> Session<'a> {
        let allocation = self.structured && self.allocation.as_deref() == Some(name);
        Session { export, structured: self.structured, allocation }
    }

    fn list(&mut self, data: &[u8]) -> io::Result<()> {
        if !data.is_empty() {
            return self.reply(option::LIST, reply::INVALID, b"data unexpected");
        }
        for (name, export) in self.exports {
            let len = u32::try_from(name.len()).map_err(|_| ErrorKind::InvalidData)?;
            let told = Message::default().u32(len).bytes(name.as_bytes());
            let told = told.bytes(export.shape().description.as_bytes());
            self.reply(option::LIST, reply::SERVER, told.as_bytes())?;
        }
        self.reply(option::LIST, reply::ACK, b"")
    }

    /// `INFO` and `GO`; the session if the export exists.
    fn describe(&mut self, kind: u32, mut data: &[u8]) -> io::Result<Option<Session<'a>>> {
        let asked = |data: &mut &[u8]| -> io::Result<(String, Vec<u16>)> {
            let name = wire::read_string(data)?;
            let count = wire::read_u16(data)?;
            let asked = (0..count).map(|_| wire::read_u16(data)).collect::<io::Result<_>>()?;
            if data.is_empty() { Ok((name, asked)) } else { Err(ErrorKind::InvalidData.into()) }
        };
        let Ok((name, asked)) = asked(&mut data) else {
            self.reply(kind, reply::INVALID, b"lengths do not add up")?;
            return Ok(None);
        };
        let Some(export) = self.named(&name) else {
            let why = format!("no export {name:?}; `nbdinfo --list` names those there are");
            self.reply(kind, reply::UNKNOWN, why.as_bytes())?;
            return Ok(None);
        };
        let shape = export.shape();
        if asked.contains(&info::NAME) {
            let told = Message::default().u16(info::NAME).bytes(name.as_bytes());
            self.reply(kind, reply::INFO, told.as_bytes())?;
        }
        if asked.contains(&info::DESCRIPTION) && !shape.description.is_empty() {
            let told = Message::default().u16(info::DESCRIPTION);
            let told = told.bytes(shape.description.as_bytes());
            self.reply(kind, reply::INFO, told.as_bytes())?;
        }
        let sizes = Message::default().u16(info::BLOCK_SIZE).u32(shape.minimum);
        let sizes = sizes.u32(shape.preferred.max(shape.minimum)).u32(wire::MOST);
        self.reply(kind, reply::INFO, sizes.as_bytes())?;
        let told = Message::default().u16(info::EXPORT).u64(shape.size);
        let told = told.u16(flags(&shape, export.can_trim(), self.structured));
        self.reply(kind, reply::INFO, told.as_bytes())?;
        self.reply(kind, reply::ACK, b"")?;
        Ok(Some(self.session(&name, export)))
    }

    /// Which metadata on runs there is, or which of it the client wants.
    fn contexts(&mut self, kind: u32, mut data: &[u8]) -> io::Result<()> {
        let set = kind == option::SET_META_CONTEXT;
        if set {
            self.allocation = None;
        }
        let asked = |data: &mut &[u8]| -> io::Result<(String, Vec<String>)> {
            let name = wire::read_string(data)?;
            let count = wire::read_u32(data)?;
            let queries = (0..count).map(|_| wire::read_string(data)).collect::<io::Result<_>>()?;
            if data.is_empty() { Ok((name, queries)) } else { Err(ErrorKind::InvalidData.into()) }
        };
        let (true, Ok((name, queries))) = (self.structured, asked(&mut data)) else {
            return self.reply(kind, reply::INVALID, b"ask for structured replies first");
        };
        if self.named(&name).is_none() {
            return self.reply(kind, reply::UNKNOWN, b"no such export");
        }
        let (context, id) = wire::ALLOCATION;
        let all = !set && (queries.is_empty() || queries.iter().any(|query| query == "base:"));
        if all || queries.iter().any(|query| query == context) {
            let id = if set { id } else { 0 };
            let told = Message::default().u32(id).bytes(context.as_bytes());
            self.reply(kind, reply::META_CONTEXT, told.as_bytes())?;
            if set {
                self.allocation = Some(name);
            }
        }
        self.reply(kind, reply::ACK, b"")
    }
}

/// What an export can do, as its flags.
fn flags(shape: &Shape, trims: bool, structured: bool) -> u16 {
    let always = can::HAS_FLAGS | can::SEND_FLUSH | can::MULTI_CONN | can::SEND_CACHE;
    let writes = match shape.readonly {
        true => can::READ_ONLY,
        false if trims => can::SEND_FUA | can::SEND_TRIM | can::SEND_WRITE_ZEROES,
        false => can::SEND_FUA | can::SEND_WRITE_ZEROES,
    };
    always | writes | if structured { can::SEND_DF } else { 0 }
}
