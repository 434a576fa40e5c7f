// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the engine's member I/O is carried out.
//!
//! The engine hands out [`MemberIo`]s and takes [`Completion`]s; what lies between decides about
//! order and time. [`Serial`] does one after the other on real disks. [`Simulated`] keeps many in
//! flight on a clock of its own, in an order that a seed decides, and can lose power.

use crate::member::{FaultMember, Faults, Member, MemberError};
use raid_core::metadata::DiskShape;
use raid_core::units::Lba;
use raid_sync::Time;
use std::collections::BTreeMap;
use std::time::Instant;

/// Names one member I/O in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IoId(pub u64);

/// What to do with a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Read this many bytes.
    Read {
        /// First block.
        at: Lba,
        /// Bytes, whole blocks.
        len: usize,
    },
    /// Write these bytes.
    Write {
        /// First block.
        at: Lba,
        /// Whole blocks.
        bytes: Vec<u8>,
    },
    /// Put everything written so far on stable storage.
    Flush,
}

/// One I/O to one disk.
#[derive(Clone, Debug)]
pub struct MemberIo {
    /// Its name, given back with the result.
    pub id: IoId,
    /// Index of the disk.
    pub disk: usize,
    /// What to do.
    pub transfer: Transfer,
}

/// The result of one I/O: the bytes, where it was a read.
#[derive(Debug)]
pub struct Completion {
    /// Which.
    pub id: IoId,
    /// The bytes read, else empty.
    pub result: Result<Vec<u8>, MemberError>,
}

/// Carries out member I/O.
pub trait Backplane {
    /// Takes an I/O.
    fn submit(&mut self, io: MemberIo);
    /// The next result; `None` when nothing is in flight.
    fn next(&mut self) -> Option<Completion>;
    /// The time now, from any fixed point.
    fn now(&self) -> Time;
    /// Lets time pass until `until` when nothing is in flight.
    fn idle(&mut self, until: Time);
    /// Size of a disk.
    fn shape(&self, disk: usize) -> DiskShape;
}

pub(crate) fn carry_out(
    member: &mut dyn Member,
    transfer: Transfer,
) -> Result<Vec<u8>, MemberError> {
    match transfer {
        Transfer::Read { at, len } => {
            let mut bytes = vec![0; len];
            member.read(at, &mut bytes).map(|()| bytes)
        }
        Transfer::Write { at, bytes } => member.write(at, &bytes).map(|()| Vec::new()),
        Transfer::Flush => member.flush().map(|()| Vec::new()),
    }
}

/// One I/O after the other, on the caller's thread and the real clock.
#[derive(Debug)]
pub struct Serial {
    members: Vec<Box<dyn Member>>,
    queue: std::collections::VecDeque<MemberIo>,
    start: Instant,
}

impl Serial {
    /// Over these disks.
    #[must_use]
    pub fn new(members: Vec<Box<dyn Member>>) -> Self {
        Self { members, queue: std::collections::VecDeque::new(), start: Instant::now() }
    }

    /// The disks, and when the clock began.
    pub(crate) fn into_members(self) -> (Vec<Box<dyn Member>>, Instant) {
        (self.members, self.start)
    }
}

impl Backplane for Serial {
    fn submit(&mut self, io: MemberIo) {
        self.queue.push_back(io);
    }

    fn next(&mut self) -> Option<Completion> {
        let io = self.queue.pop_front()?;
        let result = carry_out(&mut *self.members[io.disk], io.transfer);
        Some(Completion { id: io.id, result })
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn idle(&mut self, until: Time) {
        let wait = until.0.saturating_sub(self.now().0);
        std::thread::sleep(std::time::Duration::from_nanos(wait));
    }

    fn shape(&self, disk: usize) -> DiskShape {
        self.members[disk].shape()
    }
}

/// Simulated disks: every I/O takes a modelled time, results come in the order of that clock, and
/// the same seed gives the same run. The time is the model's, not the machine's.
#[derive(Debug)]
pub struct Simulated {
    members: Vec<FaultMember>,
    faults: Vec<Faults>,
    random: fastrand::Rng,
    now: u64,
    /// In flight, by the time they finish.
    pending: BTreeMap<(u64, IoId), MemberIo>,
    /// By disk: whether it holds back what it is asked, and what it holds back.
    holding: Vec<bool>,
    held: Vec<Vec<MemberIo>>,
    /// By disk: ns that each of its I/Os takes longer.
    delays: Vec<u64>,
    /// How far the clock that users see is ahead of the disks' own time, in ns.
    skew: i64,
}

impl Simulated {
    /// Over these media, each behind a volatile cache.
    #[must_use]
    pub fn new(media: Vec<Box<dyn Member>>, seed: u64, start: Time) -> Self {
        let faults: Vec<Faults> = media.iter().map(|_| Faults::default()).collect();
        let members = media
            .into_iter()
            .zip(&faults)
            .map(|(medium, faults)| FaultMember::new(medium, faults.clone()))
            .collect();
        let random = fastrand::Rng::with_seed(seed);
        let (holding, held) = (vec![false; faults.len()], vec![Vec::new(); faults.len()]);
        let delays = vec![0; faults.len()];
        let (now, pending) = (start.0, BTreeMap::new());
        Self { members, faults, random, now, pending, holding, held, delays, skew: 0 }
    }

    /// Plugs in another disk; its index.
    pub fn insert(&mut self, medium: Box<dyn Member>) -> usize {
        let faults = Faults::default();
        self.members.push(FaultMember::new(medium, faults.clone()));
        self.faults.push(faults);
        self.holding.push(false);
        self.held.push(Vec::new());
        self.delays.push(0);
        self.members.len() - 1
    }

    /// The faults of a disk, to inject some.
    #[must_use]
    pub fn faults(&self, disk: usize) -> &Faults {
        &self.faults[disk]
    }

    /// The disk itself, for silent corruption.
    pub fn member(&mut self, disk: usize) -> &mut FaultMember {
        &mut self.members[disk]
    }

    /// Cuts the power: what was in flight is torn, caches lose any part of what they hold. Returns
    /// the media for the next start.
    ///
    /// # Errors
    /// What a medium says.
    pub fn cut_power(self) -> Result<Vec<Box<dyn Member>>, MemberError> {
        let mut random = self.random.clone();
        self.cut_power_keeping(|versions| random.bool().then(|| random.usize(..versions)))
    }

    /// As [`cut_power`](Self::cut_power); `keep(n)` says which of the `n` versions of a block in a cache
    /// survives, if any.
    ///
    /// # Errors
    /// What a medium says.
    pub fn cut_power_keeping(
        mut self,
        mut keep: impl FnMut(usize) -> Option<usize>,
    ) -> Result<Vec<Box<dyn Member>>, MemberError> {
        for io in
            std::mem::take(&mut self.pending).into_values().chain(self.held.into_iter().flatten())
        {
            if let Transfer::Write { at, bytes } = io.transfer {
                // A disk that was pulled refuses, and keeps what it had.
                let _ = self.members[io.disk].write(at, &bytes);
            }
        }
        self.members.into_iter().map(|member| member.cut_power(&mut keep)).collect()
    }

    /// From now on what `disk` is asked is neither done nor answered, until it is released.
    pub fn hold(&mut self, disk: usize) {
        self.holding[disk] = true;
    }

    /// What a disk held back is done and answered from now on.
    pub fn release(&mut self, disk: usize) {
        self.holding[disk] = false;
        for io in std::mem::take(&mut self.held[disk]) {
            self.submit(io);
        }
    }

    /// Member I/O that a disk holds back.
    #[must_use]
    pub fn held(&self, disk: usize) -> &[MemberIo] {
        &self.held[disk]
    }

    /// Member I/O in flight, what disks hold back included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pending.len() + self.held.iter().map(Vec::len).sum::<usize>()
    }

    /// The clock that users see jumps, ahead or back, by this many ns. The disks do not notice.
    pub fn jump(&mut self, by: i64) {
        self.skew = self.skew.saturating_add(by);
    }

    /// Every I/O of this disk takes so many ns longer.
    pub fn delay(&mut self, disk: usize, longer: u64) {
        self.delays[disk] = longer;
    }

    /// A disk of today: some 60 to 160 µs to reach a block, 1 GB/s from there, a flush in 300 µs.
    fn service_time(&mut self, transfer: &Transfer) -> u64 {
        let access = self.random.u64(60_000..160_000);
        match transfer {
            Transfer::Read { len, .. } => access + *len as u64,
            Transfer::Write { bytes, .. } => access / 2 + bytes.len() as u64,
            Transfer::Flush => access + 200_000,
        }
    }
}

impl Backplane for Simulated {
    fn submit(&mut self, io: MemberIo) {
        if self.holding[io.disk] {
            return self.held[io.disk].push(io);
        }
        let finish = self.now + self.service_time(&io.transfer) + self.delays[io.disk];
        self.pending.insert((finish, io.id), io);
    }

    fn next(&mut self) -> Option<Completion> {
        let ((finish, id), io) = self.pending.pop_first()?;
        self.now = self.now.max(finish);
        Some(Completion { id, result: carry_out(&mut self.members[io.disk], io.transfer) })
    }

    fn now(&self) -> Time {
        Time(self.now.saturating_add_signed(self.skew))
    }

    fn idle(&mut self, until: Time) {
        self.now += until.0.saturating_sub(self.now().0);
    }

    fn shape(&self, disk: usize) -> DiskShape {
        self.members[disk].shape()
    }
}
