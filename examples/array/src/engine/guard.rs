// SPDX-License-Identifier: MIT OR Apache-2.0
//! Before a commit is written: no disk may have been written by another program since it was read.
//!
//! Two programs with one configuration hold two copies of its records. The one that commits second
//! would write its older copy over the other's: a failure that the other recorded, and the writes that it
//! acknowledged since, would be gone without a trace. So the blocks that show another update are read again
//! first. If one shows it, nothing is written any more: every set fails, and the disks keep what the other
//! program wrote.
//!
//! A disk on which an own commit failed, or that came back with other bytes, shows nothing: it is filled anyway.

use super::commit::{GuardedRun, Guards};
use super::group::{Ask, Results};
use super::{Engine, Event, Owner};
use crate::backplane::Transfer;
use raid_core::metadata::{ChangeError, MovedOn};
use raid_core::units::{Extent, Slot};

impl Engine {
    /// Reads what shows whether the disks that are written moved on, one more disk with them.
    pub(super) fn start_guard(&mut self, also: Option<usize>) -> Guards {
        let (mut runs, mut reads) = (Vec::new(), Vec::<(usize, Extent)>::new());
        for disk in 0..self.store.disks.len() {
            let written = self.store.disks[disk].live && !self.is_out(disk);
            if !(written || also == Some(disk)) || self.unlike.contains(&disk) {
                continue;
            }
            let mut extents: Vec<(usize, Extent)> =
                self.store.guard(self.format, disk).into_iter().enumerate().collect();
            extents.sort_by_key(|(_, extent)| extent.start);
            for (index, extent) in extents {
                // What stands close together is read at once.
                match reads.last_mut().filter(|(of, read)| *of == disk && near(*read, extent)) {
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
        if runs.is_empty() {
            return (0, runs);
        }
        let id = self.fresh_id();
        let ios = (0u32..).zip(&reads).map(|(tag, (disk, extent))| {
            let len = extent.len.0 as usize * self.store.disks[*disk].shape.block_size as usize;
            let transfer = Transfer::Read { at: extent.start, len };
            Ask { disk: Some(*disk), sent: None, tag, transfer }
        });
        self.groups.start(Owner::Guard(id), ios.collect());
        (id, runs)
    }

    /// Whether a disk sits where its member has failed: it is not written, and may never answer.
    fn is_out(&self, disk: usize) -> bool {
        self.sets.iter().any(|set| {
            let mut seats = (0u8..).map(Slot).zip(&set.slots);
            seats.any(|(slot, seat)| seat.disk == Some(disk) && !set.live().contains(slot))
        })
    }

    /// The first disk that moved on.
    pub(super) fn moved_on(
        &self,
        runs: &[GuardedRun],
        results: &Results,
    ) -> Option<(usize, MovedOn)> {
        runs.iter().find_map(|run| {
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
