// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF as a format that can be written: the calls of [`FormatWriter`] and who carries them out.
//!
//! | call | module |
//! |---|---|
//! | `new_area`, `usable`, `workspace`, `initialise`, `create_array`, `add_spare` | [`build`] |
//! | `state`, `set_state`, `activate` | [`update`](crate::update) |
//! | `commit_step` | [`commit`] |

use crate::build::{self, Options};
use crate::commit;
use crate::disk_bytes::DiskBytes;
use crate::format::Ddf;
use crate::update::{activate, run_time};
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{
    ArrayRequest, Capabilities, ChangeError, DiskBuffer, DiskShape, DiskView, FormatWriter,
    RuntimeState, Stamp, Step,
};
use raid_core::units::{Blocks, Extent};

impl FormatWriter for Ddf {
    /// Who failed, who is being filled and whether copies agree; no marks and no bad ranges.
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mark: false,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 32,
        }
    }

    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent> {
        build::new_area(shape, index, &Options::LINUX)
    }

    fn usable(&self, shape: DiskShape) -> Blocks {
        build::usable(shape)
    }

    fn workspace(&self, disk: &DiskView<'_>) -> Option<Extent> {
        build::workspace(DiskBytes::View(*disk))
    }

    /// As [`initialise`](crate::initialise) with [`Options::LINUX`].
    fn initialise(&self, disks: &mut [DiskBuffer<'_>], stamp: Stamp) -> Result<(), ChangeError> {
        build::initialise(disks, stamp, &Options::LINUX)
    }

    /// Each member's extent is the first run of its disk that is free.
    fn create_array(
        &self,
        disks: &mut [DiskBuffer<'_>],
        request: &ArrayRequest<'_>,
        stamp: Stamp,
    ) -> Result<ArrayId, ChangeError> {
        build::array::create(disks, request, stamp)
    }

    /// The disk may be one of a configuration that nothing uses, or a blank one with the buffers of
    /// `new_area`: it joins the configuration that the other live disks form.
    fn add_spare(
        &self,
        disks: &mut [DiskBuffer<'_>],
        disk: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        build::spare::add(disks, disk, stamp)
    }

    fn state(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<RuntimeState> {
        run_time::state(disks, array, set)
    }

    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_>],
        array: ArrayId,
        set: u16,
        state: &RuntimeState,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        run_time::set_state(disks, array, set, state, stamp)
    }

    fn activate(
        &self,
        disks: &mut [DiskBuffer<'_>],
        array: ArrayId,
        place: Place,
        spare: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        activate::activate(disks, array, place, spare, stamp)
    }

    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        commit::step(disk, index, block)
    }
}
