// SPDX-License-Identifier: MIT OR Apache-2.0
//! Member I/O by io_uring: one thread for all disks, many I/Os of each under way, in no order.
//!
//! ```text
//! engine's thread ── add, submit, kick ──▶ ring's thread ── read, write, fsync ──▶ kernel
//!        ◀──────────── Completion ────────        ◀────────────────────────────
//! ```
//!
//! A flush covers the writes that were answered before it was submitted, as everywhere; the engine sends it then.

use super::file::ALIGNMENT;
use super::registered::{Buffers, Files};
use super::{Member, MemberError, byte_range};
use crate::backplane::{Completion, IoId, MemberIo, Transfer};
use io_uring::{IoUring, Probe, opcode, squeue, types};
use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::io::Errno;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

/// I/Os of one disk that the kernel has at a time; a disk that hangs takes no more from the others.
const DEPTH: usize = 64;
/// Entries that are handed to the kernel at a time.
const ENTRIES: u32 = 256;
/// Buffers that are kept for the next I/O.
const ROOMS: usize = 64;
/// The largest part of a transfer that one entry carries.
const PART: usize = 1 << 30;
/// Names the completion that says that there are orders.
const WAKE: u64 = u64::MAX;

enum Order {
    Add(usize, Box<dyn Member>),
    Carry(MemberIo),
    /// Closes a disk, once it has nothing under way; dropped when it is closed.
    Close(usize, Sender<()>),
}

/// The ring's thread, and the way to it. Dropping it waits for what is under way.
#[derive(Debug)]
pub(crate) struct Ring {
    /// `None` once it ends.
    orders: Option<Sender<Order>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    /// What the kernel keeps for it.
    pub(crate) registered: Registered,
}

/// What is registered with the kernel, so that an I/O need not look it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// The files of the disks.
    pub files: bool,
    /// Buffers for transfers past the page cache.
    pub buffers: bool,
}

impl Ring {
    /// Starts it; `done` takes the results, on the ring's thread.
    ///
    /// # Errors
    /// The kernel has no io_uring, or an old one, or refuses it to this process.
    pub(crate) fn start(done: impl Fn(Completion) + Send + 'static) -> io::Result<Self> {
        let ring = IoUring::new(ENTRIES)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let codes =
            [opcode::Read::CODE, opcode::Write::CODE, opcode::Fsync::CODE, opcode::PollAdd::CODE];
        if !codes.iter().all(|code| probe.is_supported(*code)) {
            return Err(ErrorKind::Unsupported.into());
        }
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (orders, taken) = mpsc::channel();
        let (files, buffers) = (Files::register(&ring), Buffers::register(&ring));
        let registered = Registered { files: files.is_some(), buffers: buffers.is_some() };
        let mut work = Work {
            ring,
            wake: Arc::clone(&wake),
            done: Box::new(done),
            disks: BTreeMap::new(),
            flights: Vec::new(),
            free: Vec::new(),
            unsent: VecDeque::new(),
            rooms: Vec::new(),
            files,
            buffers,
            listens: false,
        };
        let thread = std::thread::Builder::new().name(String::from("member-io"));
        let thread = thread.spawn(move || {
            if let Err(error) = work.run(&taken) {
                work.lose(&error, &taken);
            }
        })?;
        Ok(Self { orders: Some(orders), wake, thread: Some(thread), registered })
    }

    /// Takes a disk whose [`open_file`](Member::open_file) is known.
    pub(crate) fn add(&self, disk: usize, member: Box<dyn Member>) {
        self.order(Order::Add(disk, member));
    }

    /// Takes an I/O, which begins at the next [`kick`](Self::kick).
    pub(crate) fn submit(&self, io: MemberIo) {
        self.order(Order::Carry(io));
    }

    /// Closes a disk that gets nothing any more, at the next [`kick`](Self::kick) and once nothing is under way. The
    /// other end of `closed` hangs up when others may have it.
    pub(crate) fn close(&self, disk: usize, closed: Sender<()>) {
        self.order(Order::Close(disk, closed));
    }

    /// What was submitted begins.
    pub(crate) fn kick(&self) {
        // Full only after 2^64 kicks that the ring did not see.
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The ring's thread ends after this.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.orders = None;
        self.kick();
        if let Some(thread) = self.thread.take() {
            // It has said what it panicked of.
            let _ = thread.join();
        }
    }
}

struct Disk {
    member: Box<dyn Member>,
    in_flight: usize,
    waiting: VecDeque<MemberIo>,
    /// It goes once nothing is under way; who waits for that.
    closing: Option<Sender<()>>,
    /// The number of its file, if that is registered.
    registered: Option<u32>,
}

impl Disk {
    fn is_over(&self) -> bool {
        self.closing.is_some() && self.in_flight == 0 && self.waiting.is_empty()
    }
}

/// An I/O under way.
struct Flight {
    id: IoId,
    disk: usize,
    kind: Kind,
    /// What the kernel reads or writes: not touched while it has it.
    room: Room,
    len: usize,
    /// Bytes of it that are done.
    done: usize,
    /// Place on the disk.
    offset: u64,
}

/// Where the data of a flight is.
enum Room {
    /// In memory of its own, from this byte on; kept for the next one if it is aligned.
    Own { bytes: Vec<u8>, skip: usize, aligned: bool },
    /// In a registered buffer.
    Registered(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Flush,
}

/// How an entry names its file.
enum Descriptor {
    Plain(types::Fd),
    Registered(types::Fixed),
}

/// An entry of one kind or the other: they are different types.
macro_rules! on {
    ($descriptor:expr, |$fd:ident| $entry:expr) => {
        match $descriptor {
            Descriptor::Plain($fd) => $entry,
            Descriptor::Registered($fd) => $entry,
        }
    };
}

struct Work {
    ring: IoUring,
    wake: Arc<OwnedFd>,
    done: Box<dyn Fn(Completion) + Send>,
    disks: BTreeMap<usize, Disk>,
    /// By the number that the kernel gives back.
    flights: Vec<Option<Flight>>,
    /// Free numbers.
    free: Vec<usize>,
    /// Flights that the kernel does not have yet.
    unsent: VecDeque<usize>,
    rooms: Vec<Vec<u8>>,
    files: Option<Files>,
    buffers: Option<Buffers>,
    /// The ring says when there are orders.
    listens: bool,
}

impl Work {
    /// Works until nobody can order any more and everything is answered.
    fn run(&mut self, orders: &Receiver<Order>) -> io::Result<()> {
        let mut open = true;
        while open || self.free.len() < self.flights.len() {
            self.send();
            match self.ring.submit_and_wait(1) {
                Err(error) if !is_passing(&error) => return Err(error),
                _ => {}
            }
            let completions: Vec<(u64, i32)> =
                self.ring.completion().map(|done| (done.user_data(), done.result())).collect();
            for (name, result) in completions {
                match name {
                    WAKE => {
                        self.listens = false;
                        let mut count = [0; 8];
                        match rustix::io::read(&*self.wake, &mut count) {
                            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                    number => self.completed(number as usize, result)?,
                }
            }
            loop {
                match orders.try_recv() {
                    Ok(Order::Add(disk, member)) => {
                        let waiting = VecDeque::new();
                        let file = member.open_file().map(|open| open.file.as_raw_fd());
                        let registered =
                            file.and_then(|file| self.files.as_mut()?.add(&self.ring, file));
                        let closing = None;
                        let entry = Disk { member, in_flight: 0, waiting, closing, registered };
                        self.disks.insert(disk, entry);
                    }
                    Ok(Order::Carry(io)) => self.take(io),
                    Ok(Order::Close(disk, closed)) => {
                        if let Some(disk) = self.disks.get_mut(&disk) {
                            disk.closing = Some(closed);
                        }
                        self.close_if_over(disk)?;
                    }
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => {
                        open = false;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn close_if_over(&mut self, disk: usize) -> io::Result<()> {
        if !self.disks.get(&disk).is_some_and(Disk::is_over) {
            return Ok(());
        }
        let Some(Disk { member, closing, registered, .. }) = self.disks.remove(&disk) else {
            return Ok(());
        };
        let removed = match (registered, &mut self.files) {
            (Some(number), Some(files)) => files.remove(&self.ring, number),
            _ => Ok(()),
        };
        // The kernel may keep what was registered for a while; nothing goes to it any more.
        let unlocked = member.open_file().map_or(Ok(()), |open| open.file.unlock());
        drop(member);
        drop(closing);
        removed.and(unlocked)
    }

    /// Begins an I/O, or has it wait for those of its disk.
    fn take(&mut self, io: MemberIo) {
        match self.disks.get_mut(&io.disk) {
            Some(disk) if disk.in_flight == DEPTH => disk.waiting.push_back(io),
            Some(_) => self.begin(io),
            None => (self.done)(Completion { id: io.id, result: Err(MemberError::Gone) }),
        }
    }

    fn begin(&mut self, io: MemberIo) {
        let id = io.id;
        match self.prepare(io) {
            Ok(flight) => {
                let number = self.free.pop().unwrap_or_else(|| {
                    self.flights.push(None);
                    self.flights.len() - 1
                });
                if let Some(disk) = self.disks.get_mut(&flight.disk) {
                    disk.in_flight += 1;
                }
                self.flights[number] = Some(flight);
                self.unsent.push_back(number);
            }
            Err(error) => (self.done)(Completion { id, result: Err(error) }),
        }
    }

    fn prepare(&mut self, io: MemberIo) -> Result<Flight, MemberError> {
        let MemberIo { id, disk, transfer } = io;
        let found = self.disks.get(&disk).ok_or(MemberError::Gone)?;
        let (shape, file) = (found.member.shape(), found.member.open_file());
        let aligned = file.ok_or(MemberError::Gone)?.aligned;
        let (kind, at, bytes, len) = match transfer {
            Transfer::Read { at, len } => (Kind::Read, at, Vec::new(), len),
            Transfer::Write { at, bytes } => {
                let len = bytes.len();
                (Kind::Write, at, bytes, len)
            }
            Transfer::Flush => {
                let room = Room::Own { bytes: Vec::new(), skip: 0, aligned: false };
                let kind = Kind::Flush;
                return Ok(Flight { id, disk, kind, room, len: 0, done: 0, offset: 0 });
            }
        };
        let offset = byte_range(shape, at, len)?.start;
        let buffers = self.buffers.as_mut().filter(|_| aligned);
        let taken = buffers.and_then(|buffers| Some((buffers.take(len)?, buffers)));
        let room = match (kind, taken) {
            (_, Some((number, buffers))) => {
                if kind == Kind::Write {
                    buffers.get(number)[..len].copy_from_slice(&bytes);
                }
                Room::Registered(number)
            }
            (Kind::Write, None) if !aligned => Room::Own { bytes, skip: 0, aligned },
            (_, None) if !aligned => Room::Own { bytes: vec![0; len], skip: 0, aligned },
            (_, None) => {
                let mut room = self.rooms.pop().unwrap_or_default();
                room.resize(len + ALIGNMENT, 0);
                let skip = room.as_ptr().align_offset(ALIGNMENT);
                if kind == Kind::Write {
                    room[skip..skip + len].copy_from_slice(&bytes);
                }
                Room::Own { bytes: room, skip, aligned }
            }
        };
        Ok(Flight { id, disk, kind, room, len, done: 0, offset })
    }

    /// Hands the kernel as much as it takes.
    fn send(&mut self) {
        if !self.listens {
            let events = u32::from(PollFlags::IN.bits());
            let entry = opcode::PollAdd::new(types::Fd(self.wake.as_raw_fd()), events).build();
            self.listens = self.push(&entry.user_data(WAKE));
        }
        while let Some(number) = self.unsent.pop_front() {
            let Some(entry) = self.entry(number) else { continue };
            if !self.push(&entry.user_data(number as u64)) {
                // After what is in the ring has been taken.
                return self.unsent.push_front(number);
            }
        }
    }

    /// What is left to do of a flight.
    fn entry(&mut self, number: usize) -> Option<squeue::Entry> {
        let flight = self.flights.get_mut(number)?.as_mut()?;
        let disk = self.disks.get(&flight.disk)?;
        let file = disk.member.open_file()?;
        let (data, buffer) = match &mut flight.room {
            Room::Own { bytes, skip, .. } => (&mut bytes[*skip..], None),
            Room::Registered(number) => (self.buffers.as_mut()?.get(*number), Some(*number)),
        };
        let part = &mut data[flight.done..flight.len.min(flight.done + PART)];
        let (place, len) = (flight.offset + flight.done as u64, part.len() as u32);
        let from = part.as_mut_ptr();
        let entry = |fd: Descriptor| match (flight.kind, buffer) {
            (Kind::Read, None) => {
                on!(fd, |fd| opcode::Read::new(fd, from, len).offset(place).build())
            }
            (Kind::Write, None) => {
                on!(fd, |fd| opcode::Write::new(fd, from, len).offset(place).build())
            }
            (Kind::Read, Some(number)) => {
                on!(fd, |fd| opcode::ReadFixed::new(fd, from, len, number).offset(place).build())
            }
            (Kind::Write, Some(number)) => {
                on!(fd, |fd| opcode::WriteFixed::new(fd, from, len, number).offset(place).build())
            }
            // A medium that need not outlive the machine has nothing to wait for.
            (Kind::Flush, _) if !file.synced => opcode::Nop::new().build(),
            (Kind::Flush, _) => {
                let flags = types::FsyncFlags::DATASYNC;
                on!(fd, |fd| opcode::Fsync::new(fd).flags(flags).build())
            }
        };
        Some(entry(match disk.registered {
            Some(number) => Descriptor::Registered(types::Fixed(number)),
            None => Descriptor::Plain(types::Fd(file.file.as_raw_fd())),
        }))
    }

    /// Whether there was place for it in the ring.
    fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the memory that an entry names is the room of a flight, on the heap, as large as the entry says: its
        // own, or a buffer that no other flight has. `completed` takes the flight out of its place only with the
        // completion of its entry, until then nobody touches the room; `lose` and `drop` leak those that the kernel
        // may still have. Descriptors are of files that the disks own, which are closed when nothing is under way.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    fn completed(&mut self, number: usize, result: i32) -> io::Result<()> {
        let Some(place) = self.flights.get_mut(number) else { return Ok(()) };
        let Some(mut flight) = place.take() else { return Ok(()) };
        let result = match (flight.kind, usize::try_from(result)) {
            (_, Err(_)) => Err(io::Error::from_raw_os_error(-result)),
            (Kind::Flush, Ok(_)) => Ok(()),
            // An empty transfer has nothing to do.
            (_, Ok(0)) if flight.len == 0 => Ok(()),
            (Kind::Read, Ok(0)) => Err(ErrorKind::UnexpectedEof.into()),
            (Kind::Write, Ok(0)) => Err(ErrorKind::WriteZero.into()),
            (_, Ok(bytes)) => {
                flight.done += bytes;
                Ok(())
            }
        };
        let again = match &result {
            Ok(()) => flight.done < flight.len,
            Err(error) => is_passing(error),
        };
        if again {
            *place = Some(flight);
            self.unsent.push_back(number);
            return Ok(());
        }
        self.free.push(number);
        let Flight { id, disk, kind, room, len, .. } = flight;
        let read = match (room, &mut self.buffers) {
            (Room::Own { bytes, aligned: false, .. }, _) => bytes,
            (Room::Own { bytes, skip, .. }, _) => {
                let read =
                    if kind == Kind::Read { bytes[skip..skip + len].to_vec() } else { Vec::new() };
                if self.rooms.len() < ROOMS {
                    self.rooms.push(bytes);
                }
                read
            }
            (Room::Registered(number), Some(buffers)) => {
                let read = if kind == Kind::Read {
                    buffers.get(number)[..len].to_vec()
                } else {
                    Vec::new()
                };
                buffers.give(number);
                read
            }
            (Room::Registered(_), None) => Vec::new(),
        };
        let read = if kind == Kind::Read { read } else { Vec::new() };
        (self.done)(Completion { id, result: result.map(|()| read).map_err(MemberError::Os) });
        if let Some(disk) = self.disks.get_mut(&disk) {
            disk.in_flight -= 1;
        }
        // One that is refused leaves its place to the next.
        while let Some(io) = self.next_of(disk) {
            self.begin(io);
        }
        self.close_if_over(disk)
    }

    /// The next I/O that waits for others of its disk, if it need not any more.
    fn next_of(&mut self, disk: usize) -> Option<MemberIo> {
        let disk = self.disks.get_mut(&disk)?;
        (disk.in_flight < DEPTH).then(|| disk.waiting.pop_front())?
    }

    /// The ring cannot be used any more: all that is asked fails.
    fn lose(&mut self, error: &io::Error, orders: &Receiver<Order>) {
        let failed = |id| {
            let error = io::Error::new(error.kind(), format!("io_uring: {error}"));
            (self.done)(Completion { id, result: Err(MemberError::Os(error)) });
        };
        for flight in self.flights.iter_mut().filter_map(Option::take) {
            keep(flight.room, &mut self.buffers);
            failed(flight.id);
        }
        let disks = self.disks.values_mut();
        disks.flat_map(|disk| disk.waiting.drain(..)).for_each(|io| failed(io.id));
        for order in orders {
            if let Order::Carry(io) = order {
                failed(io.id);
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // There are none, unless this thread panics.
        for flight in self.flights.drain(..).flatten() {
            keep(flight.room, &mut self.buffers);
        }
        // What is registered the kernel lets go some time after the ring is closed: whoever waits for the disks
        // would find them in use. What was not registered cannot be taken out.
        let submitter = self.ring.submitter();
        let _ = submitter.unregister_files();
        if self.buffers.is_some() && submitter.unregister_buffers().is_err() {
            self.buffers.iter_mut().for_each(Buffers::leak);
        }
    }
}

/// Memory that the kernel may have still is never freed.
fn keep(room: Room, buffers: &mut Option<Buffers>) {
    match room {
        Room::Own { bytes, .. } => std::mem::forget(bytes),
        Room::Registered(_) => {
            if let Some(mut buffers) = buffers.take() {
                buffers.leak();
            }
        }
    }
}

/// What is over when it is tried again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::ResourceBusy)
}

#[cfg(test)]
mod tests {
    use super::super::{FileMember, OpenFile};
    use super::*;
    use raid_core::metadata::DiskShape;
    use raid_core::units::Lba;
    use std::path::PathBuf;
    use std::sync::mpsc;

    const BLOCKS: u64 = 4096;

    /// A file of its own, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Self {
            let name = format!("raid-array-ring-{test}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            // What stays lies among the temporary files.
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn ring() -> Option<(Ring, Receiver<Completion>)> {
        let (to, from) = mpsc::channel();
        match Ring::start(move |done| drop(to.send(done))) {
            Ok(ring) => Some((ring, from)),
            Err(error) => {
                println!("SKIPPED: io_uring: {error}");
                None
            }
        }
    }

    fn io(id: u64, transfer: Transfer) -> MemberIo {
        MemberIo { id: IoId(id), disk: 3, transfer }
    }

    /// A file whose transfers are aligned, as those of a device are.
    #[derive(Debug)]
    struct Aligned(FileMember);

    impl Member for Aligned {
        fn shape(&self) -> DiskShape {
            self.0.shape()
        }
        fn open_file(&self) -> Option<OpenFile<'_>> {
            self.0.open_file().map(|open| OpenFile { aligned: true, ..open })
        }
        fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
            self.0.read(at, into)
        }
        fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
            self.0.write(at, bytes)
        }
        fn flush(&mut self) -> Result<(), MemberError> {
            self.0.flush()
        }
    }

    /// More at a time than a disk may have under way and than the ring has entries.
    #[test]
    fn many_writes_at_a_time_each_land_in_their_place() {
        let scratch = Scratch::new("many");
        many(Box::new(FileMember::create(&scratch.0, BLOCKS).unwrap()));
    }

    /// The same in registered buffers, of which there are fewer than I/Os.
    #[test]
    fn many_aligned_writes_at_a_time_each_land_in_their_place() {
        let scratch = Scratch::new("aligned");
        many(Box::new(Aligned(FileMember::create(&scratch.0, BLOCKS).unwrap())));
    }

    /// One that is larger than a registered buffer, beside those that are not.
    #[test]
    fn a_transfer_that_is_larger_than_a_buffer_is_carried_out_as_well() {
        let Some((ring, done)) = ring() else { return };
        let scratch = Scratch::new("large");
        ring.add(3, Box::new(Aligned(FileMember::create(&scratch.0, BLOCKS).unwrap())));
        let bytes: Vec<u8> = (0..BLOCKS * 512).map(|at| (at / 512) as u8 ^ at as u8).collect();
        ring.submit(io(1, Transfer::Write { at: Lba(0), bytes: bytes.clone() }));
        ring.kick();
        assert!(done.recv().unwrap().result.is_ok());
        for (id, blocks) in [(2, BLOCKS as usize), (3, 8)] {
            ring.submit(io(id, Transfer::Read { at: Lba(0), len: blocks * 512 }));
            ring.kick();
            assert!(done.recv().unwrap().result.unwrap() == bytes[..blocks * 512], "{blocks}");
        }
    }

    /// As soon as the ring is gone, whatever the kernel kept for it.
    #[test]
    fn disks_of_a_ring_that_is_gone_are_free() {
        let scratch = Scratch::new("gone");
        drop(FileMember::create(&scratch.0, BLOCKS).unwrap());
        for _ in 0..20 {
            let Some((ring, done)) = ring() else { return };
            ring.add(3, Box::new(FileMember::open(&scratch.0).unwrap()));
            ring.submit(io(1, Transfer::Write { at: Lba(0), bytes: vec![1; 512] }));
            ring.kick();
            assert!(done.recv().unwrap().result.is_ok());
        }
    }

    fn many(member: Box<dyn Member>) {
        let Some((ring, done)) = ring() else { return };
        println!("{:?}", ring.registered);
        ring.add(3, member);
        let content = |block: u64| vec![block as u8 ^ (block >> 8) as u8; 512];
        for block in 0..BLOCKS {
            let transfer = Transfer::Write { at: Lba(block), bytes: content(block) };
            ring.submit(io(block, transfer));
        }
        ring.kick();
        for _ in 0..BLOCKS {
            assert_eq!(done.recv().unwrap().result.unwrap(), Vec::<u8>::new());
        }
        ring.submit(io(BLOCKS, Transfer::Flush));
        ring.kick();
        assert_eq!(done.recv().unwrap().id, IoId(BLOCKS));
        for block in (0..BLOCKS).step_by(8) {
            ring.submit(io(block, Transfer::Read { at: Lba(block), len: 4096 }));
        }
        ring.kick();
        for _ in (0..BLOCKS).step_by(8) {
            let Completion { id, result } = done.recv().unwrap();
            let expected: Vec<u8> = (id.0..id.0 + 8).flat_map(content).collect();
            assert_eq!(result.unwrap(), expected, "{id:?}");
        }
    }

    /// Those that wait for their disk too.
    #[test]
    fn refused_reads_leave_their_place_to_others() {
        let Some((ring, done)) = ring() else { return };
        let scratch = Scratch::new("refused");
        ring.add(3, Box::new(FileMember::create(&scratch.0, BLOCKS).unwrap()));
        let count = 4 * DEPTH as u64;
        for id in 0..count {
            let at = if id < DEPTH as u64 { Lba(id) } else { Lba(BLOCKS) };
            ring.submit(io(id, Transfer::Read { at, len: 512 }));
        }
        ring.kick();
        let read = (0..count).filter(|_| done.recv().unwrap().result.is_ok()).count();
        assert_eq!(read, DEPTH);
    }

    #[test]
    fn what_leaves_the_disk_or_goes_to_none_is_refused_and_what_is_cut_short_fails() {
        let Some((ring, done)) = ring() else { return };
        let scratch = Scratch::new("short");
        ring.add(3, Box::new(FileMember::create(&scratch.0, BLOCKS).unwrap()));
        ring.submit(io(1, Transfer::Read { at: Lba(BLOCKS - 1), len: 1024 }));
        ring.submit(MemberIo { id: IoId(2), disk: 9, transfer: Transfer::Flush });
        ring.kick();
        let mut results: Vec<_> = (0..2).map(|_| done.recv().unwrap()).collect();
        results.sort_by_key(|done| done.id);
        assert!(matches!(results[0].result, Err(MemberError::OutOfRange { .. })));
        assert!(matches!(results[1].result, Err(MemberError::Gone)));
        // Somebody cuts the file.
        std::fs::File::options()
            .write(true)
            .open(&scratch.0)
            .and_then(|file| file.set_len(512))
            .unwrap();
        ring.submit(io(3, Transfer::Read { at: Lba(0), len: 1024 }));
        ring.kick();
        match done.recv().unwrap().result {
            Err(MemberError::Os(error)) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
            other => panic!("{other:?}"),
        }
    }

    /// A disk that hangs is given up in the middle: what it has under way is answered first.
    #[test]
    fn a_disk_that_is_closed_answers_what_it_has_under_way_and_is_free_then() {
        let Some((ring, done)) = ring() else { return };
        let scratch = Scratch::new("closed");
        ring.add(3, Box::new(FileMember::create(&scratch.0, BLOCKS).unwrap()));
        let count = 4 * DEPTH as u64;
        for id in 0..count {
            ring.submit(io(id, Transfer::Read { at: Lba(id), len: 512 }));
        }
        let (closed, hangs_up) = mpsc::channel();
        ring.close(3, closed);
        ring.submit(io(count, Transfer::Flush));
        ring.kick();
        assert!(hangs_up.recv().is_err());
        FileMember::open(&scratch.0).unwrap();
        let answers: Vec<_> = (0..=count).map(|_| done.recv().unwrap()).collect();
        let read = answers.iter().filter(|done| done.id != IoId(count) && done.result.is_ok());
        assert_eq!(read.count() as u64, count);
        // What is asked of it afterwards finds no disk, and whoever wants it may have it.
        ring.submit(io(0, Transfer::Flush));
        ring.kick();
        assert!(matches!(done.recv().unwrap().result, Err(MemberError::Gone)));
        FileMember::open(&scratch.0).unwrap();
    }

    #[test]
    fn a_ring_that_is_dropped_has_done_what_it_was_asked() {
        let Some((ring, done)) = ring() else { return };
        let scratch = Scratch::new("dropped");
        ring.add(3, Box::new(FileMember::create(&scratch.0, BLOCKS).unwrap()));
        for id in 0..200 {
            ring.submit(io(id, Transfer::Write { at: Lba(id), bytes: vec![1; 512] }));
        }
        drop(ring);
        assert_eq!(done.iter().filter(|done| done.result.is_ok()).count(), 200);
        assert_eq!(std::fs::read(&scratch.0).unwrap()[..200 * 512], [1; 200 * 512]);
    }
}
