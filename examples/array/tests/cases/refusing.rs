// SPDX-License-Identifier: MIT OR Apache-2.0
//! A format that refuses changes where a test asks for it, around any other one.

use raid_array::workload::Kept;
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{
    Admin, Capabilities, Change, ChangeError, DiskBuffer, DiskShape, DiskView, Format, Inventory,
    Lookup, RunTime, RuntimeState, SetRecord, Stamp, Step,
};
use raid_core::units::{Blocks, Extent, Lba};

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Records, on one disk, which is named.
    NamesTheDisk,
    /// Records that have to go to one disk, in words that name none.
    NamesNobody,
    /// Every new spare that comes after the creation.
    Spares,
    /// Room for a write journal.
    Journals,
    /// The erasure of a disk.
    Erasure,
}

#[derive(Debug)]
struct Refusing {
    inner: &'static dyn Admin,
    disk: usize,
    refusal: Refusal,
}

/// The format, which refuses from now on.
pub(crate) fn refusing(kept: &Kept, disk: usize, refusal: Refusal) -> Kept {
    let format = Box::leak(Box::new(Refusing { inner: kept.format, disk, refusal }));
    Kept { name: kept.name, format }
}

impl Format for Refusing {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        self.inner.next_read(disk)
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        self.inner.assemble(disks, into);
    }

    fn run_time(&self) -> Option<&dyn RunTime> {
        Some(self)
    }

    fn admin(&self) -> Option<&dyn Admin> {
        Some(self)
    }
}

impl RunTime for Refusing {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn workspace(&self, disk: &DiskView<'_>) -> Option<Extent> {
        self.inner.workspace(disk).filter(|_| self.refusal != Refusal::Journals)
    }

    fn state(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<RuntimeState> {
        self.inner.state(disks, array, set)
    }

    fn recorded(
        &self,
        disks: &[DiskView<'_>],
        array: ArrayId,
        set: u16,
        to: &mut dyn FnMut(&dyn SetRecord),
    ) {
        self.inner.recorded(disks, array, set, to);
    }

    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        set: u16,
        record: &dyn SetRecord,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let disk = self.disk;
        let records = matches!(self.refusal, Refusal::NamesTheDisk | Refusal::NamesNobody);
        if records && disks.get(disk).is_some_and(|disk| disk.live) {
            let what = "a field that this test made up";
            return Err(match self.refusal {
                Refusal::NamesTheDisk => {
                    ChangeError::Damaged { disk, at: Lba(0), what, found: 1, expected: 0 }
                }
                _ => ChangeError::Unsupported(what),
            });
        }
        self.inner.set_state(disks, array, set, record, stamp)
    }

    fn activate(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        place: Place,
        spare: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.inner.activate(disks, array, place, spare, stamp)
    }

    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        self.inner.commit_step(disk, index, block)
    }
}

impl Admin for Refusing {
    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent> {
        self.inner.new_area(shape, index)
    }

    fn usable(&self, shape: DiskShape) -> Blocks {
        self.inner.usable(shape)
    }

    fn apply(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        change: &Change<'_>,
        stamp: Stamp,
    ) -> Result<Option<ArrayId>, ChangeError> {
        match (self.refusal, change) {
            (Refusal::Spares, Change::AssignSpare(_)) => {
                Err(ChangeError::Unsupported("one more spare"))
            }
            _ => self.inner.apply(disks, change, stamp),
        }
    }
    fn erase_step<'a>(
        &self,
        disk: &DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        match self.refusal {
            Refusal::Erasure => None,
            _ => self.inner.erase_step(disk, index, block),
        }
    }
}
