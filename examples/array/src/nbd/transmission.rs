// SPDX-License-Identifier: MIT OR Apache-2.0
//! The transmission: requests, several at a time, and their replies in the order in which they end.
//!
//! ```text
//! worker: lock the input, read one request ─▶ unlock, carry it out ─▶ lock the output, reply ─▶ again
//! ```
//!
//! So many requests of one connection are under way as there are workers, without a queue.

use super::Allocation;
use super::handshake::Session;
use super::server::Stream;
use super::wire::{self, Message, chunk, command, with};
use std::io::{self, BufReader, ErrorKind, IoSlice, Read, Write};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests of one connection that are carried out at a time.
const WORKERS: usize = 8;
/// Runs told of in one reply.
const RUNS: usize = 1024;
/// Bytes of an error's words.
const WORDS: usize = 1024;

/// A request, its payload apart.
#[derive(Clone, Copy)]
struct Request {
    flags: u16,
    kind: u16,
    cookie: u64,
    offset: u64,
    len: u32,
}

impl Request {
    fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    fn writes(self) -> bool {
        matches!(self.kind, command::WRITE | command::TRIM | command::WRITE_ZEROES)
    }

    /// The flags that its command knows; `None` if there is no such command.
    fn known(self) -> Option<u16> {
        Some(match self.kind {
            command::READ => with::FUA | with::DONT_FRAGMENT,
            command::WRITE_ZEROES => with::FUA | with::NO_HOLE,
            command::BLOCK_STATUS => with::FUA | with::ONE_RUN,
            command::WRITE | command::FLUSH | command::TRIM | command::CACHE => with::FUA,
            _ => return None,
        })
    }
}

/// What a request that was carried out gives.
enum Answer {
    Done,
    /// The data is in the worker's buffer.
    Data,
    /// All that was asked for is zeros.
    Hole,
    Runs(Message),
}

/// Both directions of a connection.
struct Connection<'a> {
    session: Session<'a>,
    size: u64,
    minimum: u64,
    readonly: bool,
    /// `None` once no more is read.
    input: Mutex<Option<BufReader<Stream>>>,
    output: Mutex<Stream>,
}

/// Serves a client until it says that it goes, goes, or breaks the framing.
pub(super) fn serve(session: Session<'_>, stream: Stream) -> io::Result<()> {
    let shape = session.export.shape();
    let connection = Connection {
        session,
        size: shape.size,
        minimum: u64::from(shape.minimum.max(1)),
        readonly: shape.readonly,
        input: Mutex::new(Some(BufReader::new(stream.try_clone()?))),
        output: Mutex::new(stream),
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| connection.work())).collect();
        let ended: Vec<io::Result<()>> = (workers.into_iter())
            .map(|worker| worker.join().unwrap_or_else(|_| Err(ErrorKind::Other.into())))
            .collect();
        ended.into_iter().collect()
    })
}

impl Connection<'_> {
    fn work(&self) -> io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(request) = self.next(&mut buffer)? {
            let sent = match self.carry_out(request, &mut buffer) {
                Ok(answer) => self.answer(request, &answer, &buffer),
                Err(error) => self.refuse(request, &error),
            };
            if let Err(error) = sent {
                // A reply that cannot be sent ends the connection for all workers.
                drop(lock(&self.input).take());
                return Err(error);
            }
        }
        Ok(())
    }

    /// The next request, its payload in `buffer`; `None` once there will be no more.
    fn next(&self, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
        let mut input = lock(&self.input);
        let Some(stream) = input.as_mut() else { return Ok(None) };
        match read_request(stream, buffer) {
            Ok(Some(request)) if request.kind != command::DISCONNECT => Ok(Some(request)),
            ended => {
                *input = None;
                ended.map(|_| None)
            }
        }
    }

    fn carry_out(&self, request: Request, buffer: &mut Vec<u8>) -> io::Result<Answer> {
        let range = self.range(request)?;
        let export = self.session.export;
        let durable = request.has(with::FUA);
        match request.kind {
            command::READ => return self.read(range, buffer),
            command::BLOCK_STATUS => return self.runs(range, request.has(with::ONE_RUN)),
            command::WRITE => export.write(range.start, buffer, durable)?,
            command::FLUSH => export.flush()?,
            command::TRIM => export.trim(range, durable)?,
            command::WRITE_ZEROES => {
                export.write_zeroes(range, request.has(with::NO_HOLE), durable)?;
            }
            // To read ahead is a hint, which nobody needs to take.
            _ => {}
        }
        Ok(Answer::Done)
    }

    /// The bytes of a request, if it may be made.
    fn range(&self, request: Request) -> io::Result<Range<u64>> {
        let invalid = |why: String| Err(io::Error::new(ErrorKind::InvalidInput, why));
        let Request { kind, flags, offset, len, .. } = request;
        match request.known() {
            None => return invalid(format!("there is no command {kind}")),
            Some(known) if flags & !known != 0 => {
                return invalid(format!("command {kind} has no flags {:#x}", flags & !known));
            }
            Some(_) if kind == command::TRIM && !self.session.export.can_trim() => {
                return invalid("trim was not offered".into());
            }
            Some(_) if kind == command::FLUSH && (offset, len) == (0, 0) => return Ok(0..0),
            Some(_) if kind == command::FLUSH => return invalid("a flush has no range".into()),
            Some(_) => {}
        }
        if self.readonly && request.writes() {
            let why = "the export is read only";
            return Err(io::Error::new(ErrorKind::ReadOnlyFilesystem, why));
        }
        let end = offset.checked_add(len.into()).filter(|end| *end <= self.size);
        let Some(end) = end else {
            let why = format!("{len} bytes from byte {offset} on, and there are {}", self.size);
            // The protocol has an error of its own for a write past the end.
            return match request.writes() {
                true => Err(io::Error::new(ErrorKind::StorageFull, why)),
                false => invalid(why),
            };
        };
        if len == 0 || !(offset | u64::from(len)).is_multiple_of(self.minimum) {
            let unit = self.minimum;
            return invalid(format!(
                "{len} bytes from byte {offset} on: expected blocks of {unit}"
            ));
        }
        if kind == command::READ && len > wire::MOST {
            return invalid(format!("{len} bytes at once, and {} are the most", wire::MOST));
        }
        Ok(offset..end)
    }

    fn read(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> io::Result<Answer> {
        let len = range.end - range.start;
        let (run, holds) = self.session.export.allocation(range.clone())?;
        if self.session.structured && run >= len && holds != Allocation::Data {
            return Ok(Answer::Hole);
        }
        // At most `MOST`, by `range`.
        buffer.resize(len as usize, 0);
        self.session.export.read(range.start, buffer)?;
        Ok(Answer::Data)
    }

    fn runs(&self, range: Range<u64>, only_one: bool) -> io::Result<Answer> {
        if !self.session.allocation {
            let why = format!("{} was not asked for before", wire::ALLOCATION.0);
            return Err(io::Error::new(ErrorKind::InvalidInput, why));
        }
        let mut told = Message::default().u32(wire::ALLOCATION.1);
        let mut at = range.start;
        for _ in 0..if only_one { 1 } else { RUNS } {
            if at >= range.end {
                break;
            }
            let (run, holds) = self.session.export.allocation(at..range.end)?;
            let run = run.clamp(1, range.end - at);
            let bits = match holds {
                Allocation::Data => 0,
                Allocation::Zero => 2,
                Allocation::Hole => 3,
            };
            // A request has at most 2^32 - 1 bytes.
            told = told.u32(run as u32).u32(bits);
            at += run;
        }
        Ok(Answer::Runs(told))
    }

    fn answer(&self, request: Request, answer: &Answer, data: &[u8]) -> io::Result<()> {
        match answer {
            Answer::Data if self.session.structured => {
                self.chunk(request, chunk::DATA, &Message::default().u64(request.offset), data)
            }
            Answer::Data => self.simple(request, 0, data),
            Answer::Hole => {
                let hole = Message::default().u64(request.offset).u32(request.len);
                self.chunk(request, chunk::HOLE, &hole, &[])
            }
            Answer::Runs(told) => self.chunk(request, chunk::BLOCK_STATUS, told, &[]),
            Answer::Done if self.session.structured => {
                self.chunk(request, chunk::NONE, &Message::default(), &[])
            }
            Answer::Done => self.simple(request, 0, &[]),
        }
    }

    fn refuse(&self, request: Request, error: &io::Error) -> io::Result<()> {
        let number = wire::error_number(error);
        if !self.session.structured {
            return self.simple(request, number, &[]);
        }
        let mut words = error.to_string();
        while words.len() > WORDS {
            words.pop();
        }
        let told = Message::default().u32(number).u16(words.len() as u16).bytes(words.as_bytes());
        self.chunk(request, chunk::ERROR, &told, &[])
    }

    fn simple(&self, request: Request, error: u32, data: &[u8]) -> io::Result<()> {
        let head = Message::default().u32(wire::SIMPLE_REPLY).u32(error).u64(request.cookie);
        send(&mut lock(&self.output), head.as_bytes(), data)
    }

    /// The only chunk of a reply.
    fn chunk(&self, request: Request, kind: u16, first: &Message, data: &[u8]) -> io::Result<()> {
        let first = first.as_bytes();
        // At most `MOST` and a few fields.
        let len = (first.len() + data.len()) as u32;
        let head = Message::default().u32(wire::STRUCTURED_REPLY).u16(chunk::DONE).u16(kind);
        let head = head.u64(request.cookie).u32(len).bytes(first);
        send(&mut lock(&self.output), head.as_bytes(), data)
    }
}

/// A panic of another worker leaves nothing half done that a lock would guard.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Head and data of a reply, as a rule in one call.
fn send(stream: &mut Stream, head: &[u8], data: &[u8]) -> io::Result<()> {
    let sent = stream.write_vectored(&[IoSlice::new(head), IoSlice::new(data)])?;
    if let Some(rest) = head.get(sent..) {
        stream.write_all(rest)?;
    }
    stream.write_all(data.get(sent.saturating_sub(head.len())..).unwrap_or_default())
}

/// One request; `None` where the client has gone. Only framing that is broken is an error.
fn read_request(stream: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut magic = [0; 4];
    match stream.read(&mut magic)? {
        0 => return Ok(None),
        read => stream.read_exact(magic.get_mut(read..).unwrap_or_default())?,
    }
    if u32::from_be_bytes(magic) != wire::REQUEST {
        return Err(ErrorKind::InvalidData.into());
    }
    let flags = wire::read_u16(stream)?;
    let kind = wire::read_u16(stream)?;
    let cookie = wire::read_u64(stream)?;
    let offset = wire::read_u64(stream)?;
    let len = wire::read_u32(stream)?;
    payload.clear();
    if kind == command::WRITE {
        if len > wire::MOST {
            return Err(ErrorKind::InvalidData.into());
        }
        payload.resize(len as usize, 0);
        stream.read_exact(payload)?;
    }
    Ok(Some(Request { flags, kind, cookie, offset, len }))
}
