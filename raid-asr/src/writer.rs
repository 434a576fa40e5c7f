// SPDX-License-Identifier: MIT OR Apache-2.0
//! ASR as a format that can be written: the calls of [`RunTime`] and [`Admin`], and who carries them out.
//!
//! | call | module |
//! |---|---|
//! | `new_area`, `usable`; `Initialise`, `CreateArray`, `AssignSpare`, `ReleaseSpare` | [`build`] |
//! | `state`, `set_state`, `activate`; `DeleteArray`, `Dissolve` | [`update`](crate::update) |
//! | `commit_step`, `erase_step` | [`commit`] |
//! | `guard`, `moved_on` | [`guard`] |

use crate::assemble::newest::Newest;
use crate::format::Asr;
use crate::locate::{Located, locate};
use crate::update::survey::{raidmagic_of, unused_at};
use crate::update::{activate, delete, run_time};
use crate::{RaidTable, Record, TableHeader, build, commit, guard};
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{
    Admin, ArrayRequest, Capabilities, Change, ChangeError, DiskBuffer, DiskBytes, DiskShape,
    DiskView, Disks, LiveDisks, MovedOn, RunTime, RuntimeState, SetRecord, Stamp, Step,
};
use raid_core::units::{Blocks, Extent};

/// The version of the table of disk `index`, if that is one that is not known here.
fn unknown_version(disks: &dyn Disks, index: usize) -> Option<u32> {
    let disk = disks.disk(index)?;
    let Located::Found(found) = locate(disk) else { return None };
    let at = match found.table {
        Ok(copy) => copy.at,
        Err(_) => unused_at(&found)?,
    };
    let table = RaidTable::view(disk.get(build::table_extent(at))?)?;
    Some(table.header.rversion.get()).filter(|version| *version != TableHeader::VERSION_2)
}

fn unknown(version: u32) -> ChangeError {
    ChangeError::UnknownVersion {
        what: "rversion of an ASR table; Asr::with_unknown_versions confirms that it is written",
        found: version.into(),
    }
}

/// Refuses to change an array whose newest copy is of a version that is not known here. No checksum
/// covers the version: of copies that are equal otherwise one of a known version counts.
fn permit(disks: &dyn Disks, array: ArrayId) -> Result<(), ChangeError> {
    let newest = raidmagic_of(array).and_then(|magic| Newest::choose(disks, magic));
    let version = newest.and_then(|newest| unknown_version(disks, newest.member.disk));
    version.map_or(Ok(()), |version| Err(unknown(version)))
}

/// Refuses to change one of these disks if its table is of a version that is not known here.
fn permit_disks<'w>(
    disks: &[DiskBuffer<'_, '_>],
    wanted: impl IntoIterator<Item = &'w usize>,
) -> Result<(), ChangeError> {
    let live = LiveDisks(disks);
    let version = wanted.into_iter().find_map(|index| unknown_version(&live, *index));
    version.map_or(Ok(()), |version| Err(unknown(version)))
}

impl RunTime for Asr {
    /// Who failed, who is being filled and how far, whether copies agree. A mark is whole
    /// stripes and counts only if the array was closed; no bad ranges.
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mark: true,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 16,
        }
    }

    /// None: the format has no room for notes.
    fn workspace(&self, _: &DiskView<'_>) -> Option<Extent> {
        None
    }

    fn state(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<RuntimeState> {
        run_time::state(&disks, array, set, self.order)
    }

    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        set: u16,
        record: &dyn SetRecord,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        if !self.unknown_versions {
            permit(&LiveDisks(disks), array)?;
        }
        run_time::set_state(disks, array, set, &record.state(), self.order, stamp)
    }

    fn activate(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        place: Place,
        spare: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        if !self.unknown_versions {
            permit(&LiveDisks(disks), array)?;
        }
        activate::activate(disks, array, place, spare, self.order, stamp)
    }

    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_, '_>,
        index: usize,
        _: &'a mut [u8],
    ) -> Option<Step<'a>> {
        commit::step(disk, index)
    }

    fn read_only(&self, disks: &[DiskView<'_>], array: ArrayId) -> Option<ChangeError> {
        if self.unknown_versions { None } else { permit(&disks, array).err() }
    }

    fn guard(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        guard::guard(DiskBytes::View(*disk), index)
    }

    fn moved_on(&self, disk: &DiskView<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
        guard::moved_on(DiskBytes::View(*disk), index, found)
    }
}

impl Admin for Asr {
    /// One run: the last 17 blocks.
    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent> {
        build::area(shape).filter(|_| index == 0)
    }

    fn usable(&self, shape: DiskShape) -> Blocks {
        build::usable(shape)
    }

    fn largest_member(
        &self,
        disks: &[DiskBuffer<'_, '_>],
        request: &ArrayRequest<'_>,
    ) -> Result<Blocks, ChangeError> {
        build::array::largest_member(disks, request)
    }

    /// Makes one change, unless what it is about is of a version that is not known here.
    fn apply(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        change: &Change<'_>,
        stamp: Stamp,
    ) -> Result<Option<ArrayId>, ChangeError> {
        if !self.unknown_versions {
            match change {
                Change::CreateArray(request) => {
                    permit_disks(disks, request.disks.iter().flatten())?;
                }
                Change::AssignSpare(request) => permit_disks(disks, &[request.disk])?,
                Change::ReleaseSpare(disk) => permit_disks(disks, &[*disk])?,
                Change::DeleteArray(array) | Change::Dissolve(array) => {
                    permit(&LiveDisks(disks), *array)?;
                }
                _ => {}
            }
        }
        let made = match change {
            // Every disk gets an identity and an empty table: arrays share nothing but disks.
            Change::Initialise => build::initialise(disks, stamp),
            // Members are the disks in the order given, from block 0.
            Change::CreateArray(request) => {
                return build::array::create(disks, request, stamp).map(Some);
            }
            // A spare of one array, or of all.
            Change::AssignSpare(request) => build::spare::assign(disks, request, stamp),
            Change::ReleaseSpare(disk) => build::spare::release(disks, *disk, stamp),
            Change::DeleteArray(array) => delete::array(disks, *array, stamp),
            Change::Dissolve(configuration) => delete::configuration(disks, *configuration, stamp),
            _ => Err(change.unsupported()),
        };
        made.map(|()| None)
    }

    fn erase_step<'a>(
        &self,
        disk: &DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        commit::erase_step(disk, index, block)
    }
}
