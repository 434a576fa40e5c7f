// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that do what disks do: they cache, tear, lag, leave and come back, and answer late.
//!
//! ```text
//! write ─▶ pending ─▶ cache: every version since the last flush ─flush─▶ medium
//!            │                       │
//!        pull: perhaps carried     pull, power cut: of each block any one version, or the one on
//!        out, never answered       the medium, survives
//! ```
//!
//! A medium is sparse: a life copies the disks that its array was created on in microseconds.

use fastrand::Rng;
use raid_array::backplane::{Backplane, Completion, IoId, MemberIo, Transfer};
use raid_array::discover::ReadAt;
use raid_array::member::{Member, MemberError};
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Extent, Lba};
use raid_sync::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Block = Arc<[u8; 512]>;

/// What is on a disk; zeros where nothing was written.
pub(crate) type Medium = BTreeMap<u64, Block>;

/// What a disk that leaves, or loses its power, keeps of its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    /// All of it, still volatile: only the link was lost.
    Stays,
    /// The newest version of everything reaches the medium.
    Saved,
    /// Of every block any one version, or none.
    Torn,
    /// Nothing that was not flushed.
    Lost,
}

/// One disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    blocks: u64,
    medium: Medium,
    cache: BTreeMap<u64, Vec<Block>>,
    pub(crate) gone: bool,
    /// Flushes that fail from now on.
    pub(crate) bad_flushes: u32,
    /// A flush is answered and does nothing.
    pub(crate) lies: bool,
    /// Of each block, how many versions that are still in the cache a lie has called durable.
    lied: BTreeMap<u64, usize>,
    /// Where it lies about alone, what is written elsewhere is flushed; none: it lies about everything.
    pub(crate) lies_in: Vec<Extent>,
    /// Blocks that were lost though a flush had called them durable.
    pub(crate) lost_by_lie: BTreeSet<u64>,
    pub(crate) unreadable: BTreeSet<u64>,
    pub(crate) unwritable: BTreeSet<u64>,
}

impl Disk {
    pub(crate) fn new(blocks: u64, medium: Medium) -> Self {
        Self { blocks, medium, ..Self::default() }
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Copied to a disk of another size; what does not fit is cut off.
    pub(crate) fn resize(&mut self, blocks: u64) {
        self.blocks = blocks;
        self.medium.split_off(&blocks);
    }

    /// All its faults end.
    pub(crate) fn heal(&mut self) {
        self.unreadable.clear();
        self.unwritable.clear();
        (self.bad_flushes, self.lies, self.gone) = (0, false, false);
        self.lies_in.clear();
    }

    /// Whether something that it is asked will fail.
    pub(crate) fn is_ill(&self) -> bool {
        !self.unreadable.is_empty() || !self.unwritable.is_empty() || self.bad_flushes > 0
    }

    fn shape(&self) -> DiskShape {
        DiskShape { blocks: Blocks(self.blocks), block_size: 512 }
    }

    /// What the disk holds now, cache included.
    fn copy_out(&self, at: u64, into: &mut [u8]) {
        into.fill(0);
        let end = at + (into.len() / 512) as u64;
        let mut put = |block: u64, bytes: &Block| {
            let offset = (block - at) as usize * 512;
            into[offset..offset + 512].copy_from_slice(&bytes[..]);
        };
        self.medium.range(at..end).for_each(|(block, bytes)| put(*block, bytes));
        for (block, versions) in self.cache.range(at..end) {
            if let Some(newest) = versions.last() {
                put(*block, newest);
            }
        }
    }

    fn inside(&self, at: Lba, len: usize) -> Result<std::ops::Range<u64>, MemberError> {
        let end = at.0.checked_add((len / 512) as u64).filter(|end| *end <= self.blocks);
        match end {
            Some(end) if len.is_multiple_of(512) => Ok(at.0..end),
            _ => Err(MemberError::OutOfRange { at, blocks: self.blocks }),
        }
    }

    fn store(&mut self, at: u64, bytes: &[u8]) {
        for (block, version) in (at..).zip(bytes.chunks_exact(512)) {
            let version: [u8; 512] = version.try_into().expect("a block");
            self.cache.entry(block).or_default().push(Arc::new(version));
            self.unreadable.remove(&block);
        }
    }

    fn read_now(&self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        let blocks = self.inside(at, into.len())?;
        if self.gone {
            return Err(MemberError::Gone);
        }
        if let Some(bad) = self.unreadable.range(blocks).next() {
            return Err(MemberError::Unreadable(Lba(*bad)));
        }
        self.copy_out(at.0, into);
        Ok(())
    }

    fn carry_out(&mut self, transfer: &Transfer) -> Result<Vec<u8>, MemberError> {
        if self.gone {
            return Err(MemberError::Gone);
        }
        match transfer {
            Transfer::Read { at, len } => {
                let mut bytes = vec![0; *len];
                self.read_now(*at, &mut bytes).map(|()| bytes)
            }
            Transfer::Write { at, bytes } => {
                let blocks = self.inside(*at, bytes.len())?;
                if self.unwritable.range(blocks).next().is_some() {
                    return Err(std::io::Error::other("the medium cannot be written there").into());
                }
                self.store(at.0, bytes);
                Ok(Vec::new())
            }
            Transfer::Flush if self.bad_flushes > 0 => {
                self.bad_flushes -= 1;
                Err(std::io::Error::other("the flush failed").into())
            }
            Transfer::Flush if self.lies => {
                self.flush_elsewhere();
                let versions = self.cache.iter();
                self.lied = versions.map(|(block, versions)| (*block, versions.len())).collect();
                Ok(Vec::new())
            }
            Transfer::Flush => {
                self.empty_cache(|versions| versions.checked_sub(1));
                Ok(Vec::new())
            }
        }
    }

    /// Flushes what it does not lie about.
    fn flush_elsewhere(&mut self) {
        let Self { cache, medium, lies_in, .. } = self;
        let inside = |block: u64, at: &Extent| (at.start.0..at.start.0 + at.len.0).contains(&block);
        cache.retain(|block, versions| {
            let lies = lies_in.is_empty() || lies_in.iter().any(|at| inside(*block, at));
            if !lies && let Some(newest) = versions.pop() {
                medium.insert(*block, newest);
            }
            lies
        });
    }

    fn empty_cache(&mut self, mut keep: impl FnMut(usize) -> Option<usize>) {
        let lied = std::mem::take(&mut self.lied);
        for (block, mut versions) in std::mem::take(&mut self.cache) {
            let which = keep(versions.len());
            let kept = which.map_or(0, |which| which + 1);
            if lied.get(&block).is_some_and(|lied| kept < *lied) {
                self.lost_by_lie.insert(block);
            }
            if let Some(which) = which {
                self.medium.insert(block, versions.swap_remove(which));
            }
        }
    }

    /// The cache loses its power.
    pub(crate) fn power_lost(&mut self, cache: Cache, random: &mut Rng) {
        match cache {
            Cache::Stays => {}
            Cache::Saved => self.empty_cache(|versions| versions.checked_sub(1)),
            Cache::Lost => self.empty_cache(|_| None),
            Cache::Torn => {
                self.empty_cache(|versions| random.bool().then(|| random.usize(..versions)));
            }
        }
    }
}

impl ReadAt for Disk {
    fn len(&self) -> u64 {
        self.blocks * 512
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.read_now(Lba(offset / 512), into).map_err(std::io::Error::other)
    }
}

/// A disk for code that wants a [`Member`]: the creation of arrays.
impl Member for Disk {
    fn shape(&self) -> DiskShape {
        self.shape()
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        self.read_now(at, into)
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        self.carry_out(&Transfer::Write { at, bytes: bytes.to_vec() }).map(drop)
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        self.carry_out(&Transfer::Flush).map(drop)
    }
}

/// An I/O on its way.
#[derive(Debug)]
struct Pending {
    io: MemberIo,
    /// The disk left while it was on its way: it fails.
    doomed: bool,
}

/// The disks of one start, each with a clock of its own.
#[derive(Debug)]
pub(crate) struct Plugged {
    pub(crate) disks: Vec<Disk>,
    pub(crate) random: Rng,
    now: u64,
    pending: BTreeMap<(u64, IoId), Pending>,
    holding: Vec<bool>,
    held: Vec<Vec<MemberIo>>,
    /// By disk: ns that each of its I/Os takes longer.
    pub(crate) delays: Vec<u64>,
    order: u64,
    /// Where the last I/O that was answered went; `None` for a flush.
    pub(crate) last: Option<(usize, u64)>,
}

impl Plugged {
    pub(crate) fn new(disks: Vec<Disk>, seed: u64, now: Time) -> Self {
        Self {
            random: Rng::with_seed(seed),
            now: now.0,
            pending: BTreeMap::new(),
            holding: vec![false; disks.len()],
            held: disks.iter().map(|_| Vec::new()).collect(),
            delays: vec![0; disks.len()],
            disks,
            order: 0,
            last: None,
        }
    }

    /// What is on its way, to which disk.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = &MemberIo> {
        let held = self.held.iter().flatten();
        self.pending.values().map(|pending| &pending.io).chain(held)
    }

    /// When the next answer comes.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.pending.first_key_value().map(|((finish, _), _)| Time((*finish).max(self.now)))
    }

    /// From now on what `disk` is asked is neither done nor answered, until it is released.
    pub(crate) fn hold(&mut self, disk: usize) {
        self.holding[disk] = true;
    }

    /// What a disk held back is done and answered from now on.
    pub(crate) fn release(&mut self, disk: usize) {
        self.holding[disk] = false;
        for io in std::mem::take(&mut self.held[disk]) {
            self.submit(io);
        }
    }

    /// The disk leaves. What is on its way to it was carried out or was not; its answer is an error, or,
    /// where it is `late`, comes in spite of all when the disk is back.
    pub(crate) fn pull(&mut self, disk: usize, cache: Cache, late: bool) {
        let mut late_ones = Vec::new();
        let of_disk = self.pending.iter_mut().filter(|(_, pending)| pending.io.disk == disk);
        for (key, pending) in of_disk {
            if late {
                late_ones.push(*key);
                continue;
            }
            if let Transfer::Write { .. } = &pending.io.transfer
                && self.random.bool()
            {
                // Carried out; its answer is lost.
                let _ = self.disks[disk].carry_out(&pending.io.transfer);
            }
            pending.doomed = true;
        }
        for key in late_ones {
            let pending = self.pending.remove(&key);
            self.held[disk].extend(pending.map(|pending| pending.io));
        }
        self.disks[disk].power_lost(cache, &mut self.random);
        self.disks[disk].gone = true;
    }

    /// The disk is back; what it owes answers to comes within `soon`.
    pub(crate) fn plug(&mut self, disk: usize) {
        self.disks[disk].gone = false;
        if !self.holding[disk] {
            self.release(disk);
        }
    }

    /// The power goes. What was on its way was carried out or was not.
    pub(crate) fn cut(mut self, cache: Cache) -> Vec<Disk> {
        let held = std::mem::take(&mut self.held).into_iter().flatten();
        let on_the_way = std::mem::take(&mut self.pending).into_values();
        for io in on_the_way.filter(|pending| !pending.doomed).map(|own| own.io).chain(held) {
            if let Transfer::Write { .. } = &io.transfer {
                // A disk that has gone refuses, and keeps what it had.
                let _ = self.disks[io.disk].carry_out(&io.transfer);
            }
        }
        for disk in &mut self.disks {
            // Without power nothing stays in a cache.
            let cache = if cache == Cache::Stays { Cache::Saved } else { cache };
            disk.power_lost(cache, &mut self.random);
            disk.gone = false;
            disk.bad_flushes = 0;
        }
        self.disks
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

impl Backplane for Plugged {
    fn submit(&mut self, io: MemberIo) {
        if self.holding[io.disk] {
            return self.held[io.disk].push(io);
        }
        let finish = self.now + self.service_time(&io.transfer) + self.delays[io.disk];
        // Names of I/O at a start are all alike.
        self.order += 1;
        // What is sent to a disk that is away fails, also if it is back before the answer.
        let doomed = self.disks[io.disk].gone;
        self.pending.insert((finish, IoId(self.order)), Pending { io, doomed });
    }

    fn next(&mut self) -> Option<Completion> {
        let ((finish, _), pending) = self.pending.pop_first()?;
        self.now = self.now.max(finish);
        let Pending { io, doomed } = pending;
        self.last = match &io.transfer {
            Transfer::Read { at, .. } | Transfer::Write { at, .. } => Some((io.disk, at.0)),
            Transfer::Flush => None,
        };
        let result = match doomed {
            true => Err(MemberError::Gone),
            false => self.disks[io.disk].carry_out(&io.transfer),
        };
        Some(Completion { id: io.id, result })
    }

    fn now(&self) -> Time {
        Time(self.now)
    }

    fn idle(&mut self, until: Time) {
        self.now = self.now.max(until.0);
    }

    fn shape(&self, disk: usize) -> DiskShape {
        self.disks[disk].shape()
    }
}
