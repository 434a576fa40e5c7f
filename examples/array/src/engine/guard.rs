// SPDX-License-Identifier: MIT OR Apache-2.0
//! Before a commit is written: no disk may have been written by another program since it was read.
//!
//! Two programs with one configuration hold two copies of its records. The one that commits second
//! would write its older copy over the other's: a failure that the other recorded, and the writes that it
//! acknowledged since, would be gone without a trace. So the blocks that show another update are read again
//! first. If one shows it, nothing is written any more: every set fails, and the disks keep what the other
//! program wrote.
//!
//! A disk on which an own commit broke off, or that came back with other bytes, shows nothing: it is filled anyway. But
//! of two copies the one that is whole must stay until the other one is, so all that stands there is read, and
//! the disk is [made whole](crate::store::Store::settling_steps) first.

use super::group::{Ask, Results};
use super::returning::fingerprint;
use super::{Engine, Event, Owner};
use crate::backplane::Transfer;
use raid_core::metadata::{ChangeError, MovedOn};
use raid_core::units::{Extent, Slot};
use std::ops::Range;

/// What is read before a commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Guards {
    /// By which the results are known.
    pub(super) id: u64,
    runs: Vec<GuardedRun>,
    /// Disks on which a commit broke off, and the reads of all that stands there.
    broken: Vec<(usize, Range<usize>)>,
}

impl Guards {
    /// Whether nothing has to be read.
    pub(super) const fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.broken.is_empty()
    }
}

/// A run of blocks that is read before a commit.
#[derive(Clone, Copy, Debug)]
struct GuardedRun {
    disk: usize,
    /// Its number among the runs of the disk.
    index: usize,
    /// Number of the read that it is a part of, its first block there, and its blocks.
    read: usize,
    from: usize,
    blocks: usize,
}

impl Engine {
    /// Reads what shows whether the disks that are written moved on, one more disk with them.
    pub(super) fn start_guard(&mut self, also: Option<usize>) -> Guards {
        let (mut runs, mut reads) = (Vec::new(), Vec::<(usize, Extent)>::new());
        let mut broken = Vec::new();
        for disk in 0..self.store.disks.len() {
            let known = &self.store.disks[disk];
            let written = known.live && !self.is_out(disk);
            if !(written || also == Some(disk)) {
                continue;
            }
            if self.unlike.contains(&disk) {
                let blocks = |bytes: &[u8]| bytes.len() as u64 / u64::from(known.shape.block_size);
                let all = known.pieces.iter();
                let all = all.map(|(at, bytes)| (disk, Extent::new(at.0, blocks(bytes))));
                let first = reads.len();
                reads.extend(all);
                broken.push((disk, first..reads.len()));
                continue;
            }
            let first = reads.len();
            let mut extents: Vec<(usize, Extent)> =
                self.store.guard(self.format, disk).into_iter().enumerate().collect();
            extents.sort_by_key(|(_, extent)| extent.start);
            for (index, extent) in extents {
                // What stands close together is read at once.
                let own = reads[first..].last_mut();
                match own.filter(|(_, read)| near(*read, extent)) {
                    Some((_, read)) => {
                        let end = extent.end().map_or(0, |end| end.0 - read.start.0);
                        read.len.0 = read.len.0.max(end);
                    }
                    None => reads.push((disk, extent)),
                }
                let read = reads.len() - 1;
                let from = (extent.start.0 - reads[read].1.start.0) as usize;
                runs.push(GuardedRun { disk, index, read, from, blocks: extent.len.0 as usize });
            }
        }
        if reads.is_empty() {
            return Guards::default();
        }
        let id = self.fresh_id();
        let ios = (0u32..).zip(&reads).map(|(tag, (disk, extent))| {
            let len = extent.len.0 as usize * self.store.disks[*disk].shape.block_size as usize;
            let transfer = Transfer::Read { at: extent.start, len };
            Ask { disk: Some(*disk), sent: None, tag, transfer }
        });
        self.groups.start(Owner::Guard(id), ios.collect());
        Guards { id, runs, broken }
    }

    /// What stands on the disks on which a commit broke off is known.
    pub(super) fn settle_broken(&mut self, guards: &Guards, results: &Results) {
        for (disk, reads) in &guards.broken {
            let read = |tag| results.iter().find(|(own, _)| *own as usize == tag);
            let bytes = |tag| read(tag).and_then(|(_, result)| result.as_deref().ok());
            let found: Vec<&[u8]> =
                reads.clone().map(|tag| bytes(tag).unwrap_or_default()).collect();
            if self.committed.get(disk) == Some(&fingerprint(found.iter().copied())) {
                continue;
            }
            let steps = self.store.settling_steps(self.format, *disk, &found);
            self.settling.insert(*disk, steps);
        }
    }

    /// Whether a disk sits where its member has failed: it is not written, and may never answer.
    fn is_out(&self, disk: usize) -> bool {
        self.sets.iter().any(|set| {
            let mut seats = (0u8..).map(Slot).zip(&set.slots);
            seats.any(|(slot, seat)| seat.disk == Some(disk) && !set.live().contains(slot))
        })
    }

    /// The first disk that moved on.
    pub(super) fn moved_on(&self, guards: &Guards, results: &Results) -> Option<(usize, MovedOn)> {
        guards.runs.iter().find_map(|run| {
            let read = results.iter().find(|(tag, _)| *tag as usize == run.read);
            let bytes = read.and_then(|(_, result)| result.as_deref().ok()).unwrap_or_default();
            let block = self.store.disks[run.disk].shape.block_size as usize;
            let found =
                bytes.get(run.from * block..).and_then(|rest| rest.get(..run.blocks * block));
            // What cannot be read shows nothing; the write will fail where the disk has.
            let found = found.unwrap_or_default();
            let moved = self.store.moved_on(self.format, run.disk, run.index, found)?;
            Some((run.disk, moved))
        })
    }

    /// Another program writes this configuration: nothing is written any more.
    pub(super) fn give_way(&mut self, disk: usize, moved: MovedOn) {
        self.events.push_back(Event::Refused(ChangeError::MovedOn { disk, moved }));
        for set in 0..self.sets.len() {
            let all = self.sets[set].all();
            all.iter().for_each(|slot| self.member_failed(set, slot));
        }
    }
}

/// Whether a run begins close behind the end of another.
fn near(read: Extent, next: Extent) -> bool {
    const GAP: u64 = 64;
    read.end().is_some_and(|end| next.start.0 <= end.0.saturating_add(GAP))
}
