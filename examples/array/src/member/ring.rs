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
    /// Closes a disk, once it has nothing under way.
    Close(usize),
}

/// The ring's thread, and the way to it. Dropping it waits for what is under way.
#[derive(Debug)]
pub(crate) struct Ring {
    /// `None` once it ends.
    orders: Option<Sender<Order>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
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
        let mut work = Work {
            ring,
            wake: Arc::clone(&wake),
            done: Box::new(done),
            disks: BTreeMap::new(),
            flights: Vec::new(),
            free: Vec::new(),
            unsent: VecDeque::new(),
            rooms: Vec::new(),
            listens: false,
        };
        let thread = std::thread::Builder::new().name(String::from("member-io"));
        let thread = thread.spawn(move || {
            if let Err(error) = work.run(&taken) {
                work.lose(&error, &taken);
            }
        })?;
        Ok(Self { orders: Some(orders), wake, thread: Some(thread) })
    }

    /// Takes a disk whose [`open_file`](Member::open_file) is known.
    pub(crate) fn add(&self, disk: usize, member: Box<dyn Member>) {
        self.order(Order::Add(disk, member));
    }

    /// Takes an I/O, which begins at the next [`kick`](Self::kick).
    pub(crate) fn submit(&self, io: MemberIo) {
        self.order(Order::Carry(io));
    }

    /// Closes a disk that gets nothing any more, at the next [`kick`](Self::kick) and once nothing is under way.
    pub(crate) fn close(&self, disk: usize) {
        self.order(Order::Close(disk));
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
    /// It goes once nothing is under way.
    closing: bool,
}

impl Disk {
    fn is_over(&self) -> bool {
        self.closing && self.in_flight == 0 && self.waiting.is_empty()
    }
}

/// An I/O under way.
struct Flight {
    id: IoId,
    disk: usize,
    kind: Kind,
    /// What the kernel reads or writes: not touched while it has it.
    room: Vec<u8>,
    /// Where in it the data begins.
    skip: usize,
    len: usize,
    /// Bytes of it that are done.
    done: usize,
    /// Place on the disk.
    offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Flush,
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
                    number => self.completed(number as usize, result),
                }
            }
            loop {
                match orders.try_recv() {
                    Ok(Order::Add(disk, member)) => {
                        let waiting = VecDeque::new();
                        let entry = Disk { member, in_flight: 0, waiting, closing: false };
                        self.disks.insert(disk, entry);
                    }
                    Ok(Order::Carry(io)) => self.take(io),
                    Ok(Order::Close(disk)) => {
                        if let Some(disk) = self.disks.get_mut(&disk) {
                            disk.closing = true;
                        }
                        self.close_if_over(disk);
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

    fn close_if_over(&mut self, disk: usize) {
        if self.disks.get(&disk).is_some_and(Disk::is_over) {
            self.disks.remove(&disk);
        }
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
                let (room, kind) = (Vec::new(), Kind::Flush);
                return Ok(Flight { id, disk, kind, room, skip: 0, len: 0, done: 0, offset: 0 });
            }
        };
        let offset = byte_range(shape, at, len)?.start;
        let (room, skip) = match (kind, aligned) {
            (Kind::Write, false) => (bytes, 0),
            (_, false) => (vec![0; len], 0),
            (_, true) => {
                let mut room = self.rooms.pop().unwrap_or_default();
                room.resize(len + ALIGNMENT, 0);
                let skip = room.as_ptr().align_offset(ALIGNMENT);
                if kind == Kind::Write {
                    room[skip..skip + len].copy_from_slice(&bytes);
                }
                (room, skip)
            }
        };
        Ok(Flight { id, disk, kind, room, skip, len, done: 0, offset })
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
        let file = self.disks.get(&flight.disk)?.member.open_file()?;
        let fd = types::Fd(file.file.as_raw_fd());
        let (from, to) = (flight.skip + flight.done, flight.skip + flight.len);
        let part = &mut flight.room[from..to.min(from + PART)];
        let (place, len) = (flight.offset + flight.done as u64, part.len() as u32);
        Some(match flight.kind {
            Kind::Read => opcode::Read::new(fd, part.as_mut_ptr(), len).offset(place).build(),
            Kind::Write => opcode::Write::new(fd, part.as_ptr(), len).offset(place).build(),
            // A medium that need not outlive the machine has nothing to wait for.
            Kind::Flush if !file.synced => opcode::Nop::new().build(),
            Kind::Flush => opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build(),
        })
    }

    /// Whether there was place for it in the ring.
    fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the memory that an entry names is the room of a flight, on the heap, as large as the entry says.
        // `completed` takes the flight out of its place only with the completion of its entry, until then nobody
        // touches the room; `lose` and `drop` leak those that the kernel may still have. Descriptors are of files
        // that the disks own, which live as long as the ring.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    fn completed(&mut self, number: usize, result: i32) {
        let Some(place) = self.flights.get_mut(number) else { return };
        let Some(mut flight) = place.take() else { return };
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
            return self.unsent.push_back(number);
        }
        self.free.push(number);
        let Flight { id, disk, kind, mut room, skip, len, .. } = flight;
        let is_aligned = room.len() > len;
        let read = match (kind, is_aligned) {
            (Kind::Read, true) => room[skip..skip + len].to_vec(),
            (Kind::Read, false) => std::mem::take(&mut room),
            _ => Vec::new(),
        };
        if is_aligned && self.rooms.len() < ROOMS {
            self.rooms.push(room);
        }
        (self.done)(Completion { id, result: result.map(|()| read).map_err(MemberError::Os) });
        if let Some(disk) = self.disks.get_mut(&disk) {
            disk.in_flight -= 1;
        }
        // One that is refused leaves its place to the next.
        while let Some(io) = self.next_of(disk) {
            self.begin(io);
        }
        self.close_if_over(disk);
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
            // The kernel may have it.
            std::mem::forget(flight.room);
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
        self.flights.drain(..).flatten().for_each(|flight| std::mem::forget(flight.room));
    }
}

/// What is over when it is tried again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::ResourceBusy)
}

#[cfg(test)]
mod tests {
    use super::super::FileMember;
    use super::*;
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

    /// More at a time than a disk may have under way and than the ring has entries.
    #[test]
    fn many_writes_at_a_time_each_land_in_their_place() {
        let Some((ring, done)) = ring() else { return };
        let scratch = Scratch::new("many");
        ring.add(3, Box::new(FileMember::create(&scratch.0, BLOCKS).unwrap()));
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
        ring.close(3);
        ring.submit(io(count, Transfer::Flush));
        ring.kick();
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
