// SPDX-License-Identifier: MIT OR Apache-2.0
//! The queue of a device: requests from the kernel to the array, and their results back.
//!
//! ```text
//! kernel ── fetch ends ─▶ descriptor, data by pread ─▶ Target::submit
//!        ◀─ commit, data by pwrite ◀── eventfd ◀── answered, on the engine's thread
//! ```
//!
//! All commands of a queue come from the thread that fetched first; the kernel insists.

use super::Target;
use super::abi::{IoCommand, IoDescriptor, SECTOR, data_of, io as abi, op};
use super::driver::refused;
use io_uring::{IoUring, opcode, types};
use raid_array::engine::Request;
use raid_array::service::ServiceError;
use raid_core::units::Extent;
use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use zerocopy::IntoBytes;

/// What is said of a request to user programs whose array could not do it.
const IO_ERROR: i32 = -5;
/// Names the completion that says that requests were answered; no tag is as large.
const WAKE: u64 = u64::MAX;

/// A request of the kernel that the array has answered.
struct Answered {
    tag: u16,
    /// Its data goes to the kernel.
    reads: bool,
    /// Bytes of data that are to be said done.
    bytes: i32,
    result: Result<Vec<u8>, ServiceError>,
}

/// What a queue is made of that the kernel may refuse.
pub(super) struct Parts {
    ring: IoUring,
    wake: OwnedFd,
}

impl Parts {
    /// For a queue of so many tags.
    pub(super) fn new(depth: u16) -> Result<Self, String> {
        // One entry of each tag, and the one that wakes.
        let ring = IoUring::new(u32::from(depth) + 1).map_err(refused)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wake = eventfd(0, flags).map_err(|error| format!("eventfd: {error}"))?;
        Ok(Self { ring, wake })
    }
}

/// Serves a device's queue until the device goes. `ready` is told when the kernel may send requests.
pub(super) fn serve(
    device: &File,
    depth: u16,
    parts: Parts,
    target: &dyn Target,
    ready: &Sender<Result<(), String>>,
    leaves: &AtomicBool,
) -> io::Result<()> {
    let mut queue = match Queue::new(device, depth, parts, target) {
        Ok(queue) => queue,
        Err(why) => {
            // Whoever waits for it says why.
            let _ = ready.send(Err(why));
            return Ok(());
        }
    };
    // Who lost patience has removed the device: then the queue ends by itself.
    let _ = ready.send(Ok(()));
    queue.run(leaves)
}

struct Queue<'d> {
    device: &'d File,
    target: &'d dyn Target,
    descriptors: Descriptors,
    ring: IoUring,
    wake: Arc<OwnedFd>,
    answers: Sender<Answered>,
    answered: Receiver<Answered>,
    /// Fetches that the kernel has.
    fetching: usize,
    /// Requests that the array has.
    working: usize,
}

impl<'d> Queue<'d> {
    /// With a fetch for each tag under way.
    fn new(
        device: &'d File,
        depth: u16,
        parts: Parts,
        target: &'d dyn Target,
    ) -> Result<Self, String> {
        let descriptors = Descriptors::of(device, depth)
            .map_err(|error| format!("the descriptors of its requests: {error}"))?;
        let Parts { ring, wake } = parts;
        let (answers, answered) = mpsc::channel();
        let wake = Arc::new(wake);
        let mut queue = Self {
            device,
            target,
            descriptors,
            ring,
            wake,
            answers,
            answered,
            fetching: 0,
            working: 0,
        };
        let mut fetch = || {
            queue.listen()?;
            for tag in 0..depth {
                queue.command(abi::FETCH_REQ, tag, 0)?;
            }
            queue.ring.submit()?;
            // Requests come once the device is started; what ends before that was refused.
            match queue.ring.completion().next() {
                Some(refused) => Err(io::Error::from_raw_os_error(-refused.result())),
                None => Ok(()),
            }
        };
        fetch().map_err(|error| format!("the first fetch: {error}"))?;
        Ok(queue)
    }

    /// Serves until the device goes, or until `leaves` says that the next server takes it over and what came is
    /// answered: a fetch that went with an answer then never ends, where the driver had looked before (Linux 7.3).
    fn run(&mut self, leaves: &AtomicBool) -> io::Result<()> {
        let mut ends = false;
        while self.fetching + self.working > 0 {
            if ends && self.working == 0 && leaves.load(Ordering::Acquire) {
                // The last answers. What comes after all is given again, to the next server.
                return self.ring.submit().map(drop);
            }
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let done: Vec<(u64, i32)> =
                self.ring.completion().map(|done| (done.user_data(), done.result())).collect();
            for (name, result) in done {
                match (u16::try_from(name), result) {
                    (Err(_), _) => self.listen_again()?,
                    (Ok(tag), 0) => {
                        self.fetching -= 1;
                        self.working += 1;
                        self.request(tag);
                    }
                    // The device goes: this tag brings nothing any more.
                    (Ok(_), abi::RES_ABORT) => {
                        self.fetching -= 1;
                        ends = true;
                    }
                    (Ok(_), error) => return Err(io::Error::from_raw_os_error(-error)),
                }
            }
            while let Ok(answered) = self.answered.try_recv() {
                self.working -= 1;
                let result = self.result(&answered);
                self.command(abi::COMMIT_AND_FETCH_REQ, answered.tag, result)?;
            }
        }
        Ok(())
    }

    /// Gives the array the request that has come under this tag.
    fn request(&self, tag: u16) {
        let descriptor = self.descriptors.of_tag(tag).unwrap_or_default();
        let bytes = u64::from(descriptor.sectors) * u64::from(SECTOR);
        let block = u64::from(self.target.block_size());
        // The kernel sends whole blocks.
        let at = descriptor.start * u64::from(SECTOR) / block;
        let request = match descriptor.flags & op::MASK {
            op::READ => Ok(Request::Read(Extent::new(at, bytes / block))),
            op::WRITE => {
                let mut data = vec![0; bytes as usize];
                let durable = descriptor.flags & op::FUA != 0;
                self.device.read_exact_at(&mut data, data_of(tag)).map(|()| Request::Write {
                    at,
                    bytes: data,
                    durable,
                })
            }
            op::FLUSH => Ok(Request::Flush),
            _ => Err(ErrorKind::Unsupported.into()),
        };
        let (answers, wake) = (self.answers.clone(), Arc::clone(&self.wake));
        let bytes = if matches!(request, Ok(Request::Flush)) { 0 } else { bytes as i32 };
        let reads = matches!(request, Ok(Request::Read(_)));
        let done = move |result| {
            // Where nobody listens any more the device has gone.
            let _ = answers.send(Answered { tag, reads, bytes, result });
            // Full only after 2^64 answers that nobody took.
            let _ = rustix::io::write(&*wake, &1u64.to_ne_bytes());
        };
        match request {
            Ok(request) => self.target.submit(request, Box::new(done)),
            Err(error) => {
                eprintln!("raid-ublk: request {descriptor:?}: {error}");
                done(Err(ServiceError::Stopped));
            }
        }
    }

    /// What the kernel is told of it; data that was read goes there before.
    fn result(&self, answered: &Answered) -> i32 {
        match &answered.result {
            Ok(_) if !answered.reads => answered.bytes,
            Ok(data) => match self.device.write_all_at(data, data_of(answered.tag)) {
                Ok(()) => answered.bytes,
                Err(error) => {
                    eprintln!("raid-ublk: data of a request: {error}");
                    IO_ERROR
                }
            },
            Err(_) => IO_ERROR,
        }
    }

    fn command(&mut self, operation: u32, tag: u16, result: i32) -> io::Result<()> {
        let command = IoCommand { queue: 0, tag, result, address: 0 };
        let mut bytes = [0; 16];
        bytes.copy_from_slice(command.as_bytes());
        let fd = types::Fd(self.device.as_raw_fd());
        let entry = opcode::UringCmd16::new(fd, operation).cmd(bytes).build();
        self.push(&entry.user_data(tag.into()))?;
        self.fetching += 1;
        Ok(())
    }

    /// Has the ring say when something was answered.
    fn listen(&mut self) -> io::Result<()> {
        let events = u32::from(PollFlags::IN.bits());
        let entry = opcode::PollAdd::new(types::Fd(self.wake.as_raw_fd()), events).build();
        self.push(&entry.user_data(WAKE))
    }

    fn listen_again(&mut self) -> io::Result<()> {
        let mut count = [0; 8];
        match rustix::io::read(&*self.wake, &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => self.listen(),
            Err(error) => Err(error.into()),
        }
    }

    fn push(&mut self, entry: &io_uring::squeue::Entry) -> io::Result<()> {
        // SAFETY: no entry of this queue names memory of this process: commands of a queue carry their data in
        // themselves, with user copy their address is not used, and a poll has none. Their descriptors are of
        // `device` and `wake`, which outlive the ring.
        let pushed = unsafe { self.ring.submission().push(entry) };
        // There is an entry for each tag, and none has two under way.
        pushed.map_err(|_| io::Error::other("the submission queue is full"))
    }
}

/// Where the kernel describes the request of each tag.
struct Descriptors {
    start: NonNull<c_void>,
    depth: u16,
}

impl Descriptors {
    fn of(device: &File, depth: u16) -> io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses; nothing of this process is replaced.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                Self::len(depth),
                ProtFlags::READ,
                MapFlags::SHARED | MapFlags::POPULATE,
                device,
                0,
            )?
        };
        let start = NonNull::new(start).ok_or(ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, depth })
    }

    /// Bytes, rounded up to pages by `mmap` as by the driver.
    const fn len(depth: u16) -> usize {
        depth as usize * size_of::<IoDescriptor>()
    }

    /// `None` past the last tag.
    fn of_tag(&self, tag: u16) -> Option<IoDescriptor> {
        if tag >= self.depth {
            return None;
        }
        let first = self.start.cast::<IoDescriptor>();
        // SAFETY: the mapping holds `depth` descriptors, and `tag` is below that.
        let of_tag = unsafe { first.add(tag.into()) };
        // SAFETY: mapped, aligned (the mapping to pages, descriptors to 8), and any bytes are a descriptor. The
        // kernel wrote it before the fetch of this tag ended, and writes it again only once the tag is
        // committed; volatile, as that is no knowledge of the compiler's.
        Some(unsafe { of_tag.read_volatile() })
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        // SAFETY: this mapping, which nobody else knows; what was read from it are copies.
        let unmapped = unsafe { munmap(self.start.as_ptr(), Self::len(self.depth)) };
        // What stays mapped takes room, no more.
        let _ = unmapped;
    }
}
