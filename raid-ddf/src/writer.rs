// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF as a format that can be written: the calls of [`RunTime`] and [`Admin`], and who carries them out.
//!
//! | call | module |
//! |---|---|
//! | `new_area`, `usable`, `workspace`, `largest_member`; `Initialise`, `CreateArray`, `…Spare` | [`build`] |
//! | `DeleteArray`, `RemoveDisk`, `Dissolve` | [`delete`] |
//! | `state`, `set_state`, `activate`, `disk_condition`, `bad_blocks`; `SetDiskCondition`, `AddBadBlocks`, `Import` | [`update`](crate::update) |
//! | `commit_step` | [`commit`] |
//! | `guard`, `moved_on` | [`guard`] |
//! | `erase_step` | [`erase`] |

use crate::build::{self, delete, request, spare};
use crate::commit;
use crate::disk_bytes::{DiskBytes, Disks};
use crate::erase;
use crate::format::Ddf;
use crate::guard;
use crate::update::copies::Copies;
use crate::update::survey::Live;
use crate::update::survey::Survey;
use crate::update::{activate, bad_blocks, condition, import, run_time};
use raid_core::array::{ArrayId, MemberId, Place};
use raid_core::metadata::{
    Admin, ArrayRequest, BadBlocks, Capabilities, Change, ChangeError, DiskBuffer, DiskCondition,
    DiskShape, DiskView, MovedOn, RunTime, RuntimeState, SetRecord, Stamp, Step,
};
use raid_core::units::{Blocks, Extent};

impl Ddf {
    /// Refuses to change disks of a revision that is not known here, unless that was confirmed.
    fn permit(&self, disks: &dyn Disks) -> Result<(), ChangeError> {
        let unknown = |disk| {
            let disk = disks.disk(disk)?;
            let copies = Copies::recall(disk, commit::source(disk)?, false)?;
            Some(copies.header.revision()).filter(|revision| !revision.is_known())
        };
        match (0..disks.count()).find_map(unknown) {
            Some(revision) if !self.unknown_revisions => Err(ChangeError::UnknownVersion {
                what: "DDF revision; Ddf::with_unknown_revisions confirms that it is written",
                found: u64::from_be_bytes(revision.0),
            }),
            _ => Ok(()),
        }
    }
}

impl RunTime for Ddf {
    /// Who failed, who is being filled and whether copies agree; marks only with checkpoints. A bad
    /// block log holds ranges that were moved, which is not what a bad range of a member is.
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mark: self.checkpoints,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 32,
        }
    }

    fn workspace(&self, disk: &DiskView<'_>) -> Option<Extent> {
        build::workspace(DiskBytes::View(*disk))
    }

    fn state(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<RuntimeState> {
        run_time::state(&disks, array, set)
    }

    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        set: u16,
        record: &dyn SetRecord,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.permit(&Live(disks))?;
        run_time::set_state(disks, (array, set), &record.state(), self.checkpoints, stamp)
    }

    fn activate(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        place: Place,
        spare: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.permit(&Live(disks))?;
        activate::activate(disks, array, place, spare, stamp)
    }

    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        commit::step(disk, index, block)
    }

    /// The array does not matter: a revision is that of the whole configuration.
    fn read_only(&self, disks: &[DiskView<'_>], array: ArrayId) -> Option<ChangeError> {
        let obstacle = || Survey::obstacle(&disks, array.into());
        self.permit(&disks).err().or_else(obstacle)
    }

    fn guard(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        guard::guard(DiskBytes::View(*disk), index)
    }

    fn moved_on(&self, disk: &DiskView<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
        guard::moved_on(DiskBytes::View(*disk), index, found)
    }
}

impl Admin for Ddf {
    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent> {
        build::new_area(shape, index, &self.options)
    }

    fn usable(&self, shape: DiskShape) -> Blocks {
        build::usable(shape, &self.options)
    }

    fn largest_member(
        &self,
        disks: &[DiskBuffer<'_, '_>],
        request: &ArrayRequest<'_>,
    ) -> Result<Blocks, ChangeError> {
        request::largest_member(disks, request)
    }

    /// Makes one change, unless the disks are of a revision that is not known here.
    fn apply(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        change: &Change<'_>,
        stamp: Stamp,
    ) -> Result<Option<ArrayId>, ChangeError> {
        if let Change::Initialise = change {
            return build::initialise(disks, stamp, &self.options).map(|()| None);
        }
        self.permit(&Live(disks))?;
        let made = match change {
            // Where the request leaves it open, a member's extent is the first run of its disk that is free.
            Change::CreateArray(request) => {
                return build::array::create(disks, request, stamp).map(Some);
            }
            Change::DeleteArray(array) => delete::array(disks, *array, stamp),
            // The disk may be one of a configuration that nothing uses, or a blank one with the buffers of
            // `new_area`: it joins the configuration that the other live disks form.
            Change::AssignSpare(request) => spare::assign_spare_as(disks, request, None, stamp),
            Change::ReleaseSpare(disk) => spare::release(disks, *disk, stamp),
            Change::RemoveDisk(disk) => delete::disk(disks, *disk, stamp),
            Change::SetDiskCondition { disk, condition } => {
                condition::set_condition(disks, *disk, *condition, stamp)
            }
            // Only blocks that were moved, in a log that `Options::bad_block_log` made.
            Change::AddBadBlocks { disk, blocks } => bad_blocks::add(disks, *disk, *blocks, stamp),
            Change::Import(configuration) => import::import(disks, *configuration, stamp),
            Change::Dissolve(configuration) => delete::configuration(disks, *configuration, stamp),
            _ => Err(change.unsupported()),
        };
        made.map(|()| None)
    }

    fn disk_condition(&self, disks: &[DiskView<'_>], disk: MemberId) -> Option<DiskCondition> {
        condition::condition(disks, disk)
    }

    fn bad_blocks(&self, disk: &DiskView<'_>, index: usize) -> Option<BadBlocks> {
        bad_blocks::bad_blocks(DiskBytes::View(*disk), index)
    }

    fn erase_step<'a>(
        &self,
        disk: &DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        erase::step(disk, index, block)
    }
}
