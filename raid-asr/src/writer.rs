// SPDX-License-Identifier: MIT OR Apache-2.0
//! ASR as a format that can be written: the calls of [`FormatWriter`] and who carries them out.
//!
//! | call | module |
//! |---|---|
//! | `new_area`, `usable`, `initialise`, `create_array`, `assign_spare`, `release_spare` | [`build`] |
//! | `state`, `set_state`, `activate`, `delete_array`, `dissolve` | [`update`](crate::update) |
//! | `commit_step`, `erase_step` | [`commit`] |
//! | `guard`, `moved_on` | [`guard`] |

use crate::format::{Asr, AsrOrdered};
use crate::update::{activate, delete, run_time};
use crate::{MemberOrder, build, commit, guard};
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{
    ArrayRequest, Capabilities, ChangeError, DiskBuffer, DiskBytes, DiskShape, DiskView,
    FormatWriter, MovedOn, RuntimeState, SpareRequest, Stamp, Step,
};
use raid_core::units::{Blocks, Extent};

/// Forwards a format's writing half to that of [`AsrOrdered`].
macro_rules! write_as {
    ($format:ty, |$own:ident| $order:expr) => {
        impl FormatWriter for $format {
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

            /// One run: the last 17 blocks.
            fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent> {
                build::area(shape).filter(|_| index == 0)
            }

            fn usable(&self, shape: DiskShape) -> Blocks {
                build::usable(shape)
            }

            /// None: the format has no room for notes.
            fn workspace(&self, _: &DiskView<'_>) -> Option<Extent> {
                None
            }

            /// Every disk gets an identity and an empty table: arrays share nothing but disks.
            fn initialise(
                &self,
                disks: &mut [DiskBuffer<'_>],
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                build::initialise(disks, stamp)
            }

            /// Members are the disks in the order given, from block 0.
            fn create_array(
                &self,
                disks: &mut [DiskBuffer<'_>],
                request: &ArrayRequest<'_>,
                stamp: Stamp,
            ) -> Result<ArrayId, ChangeError> {
                build::array::create(disks, request, stamp)
            }

            fn add_spare(
                &self,
                disks: &mut [DiskBuffer<'_>],
                disk: usize,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                build::spare::assign(disks, &SpareRequest::global(disk), stamp)
            }

            fn state(
                &self,
                disks: &[DiskView<'_>],
                array: ArrayId,
                set: u16,
            ) -> Option<RuntimeState> {
                let $own = self;
                run_time::state(&disks, array, set, $order)
            }

            fn set_state(
                &self,
                disks: &mut [DiskBuffer<'_>],
                array: ArrayId,
                set: u16,
                state: &RuntimeState,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                let $own = self;
                run_time::set_state(disks, array, set, state, $order, stamp)
            }

            fn activate(
                &self,
                disks: &mut [DiskBuffer<'_>],
                array: ArrayId,
                place: Place,
                spare: usize,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                let $own = self;
                activate::activate(disks, array, place, spare, $order, stamp)
            }

            fn commit_step<'a>(
                &self,
                disk: &'a DiskBuffer<'_>,
                index: usize,
                _: &'a mut [u8],
            ) -> Option<Step<'a>> {
                commit::step(disk, index)
            }

            fn guard(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
                guard::guard(DiskBytes::View(*disk), index)
            }

            fn moved_on(&self, disk: &DiskView<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
                guard::moved_on(DiskBytes::View(*disk), index, found)
            }

            fn largest_member(
                &self,
                disks: &[DiskBuffer<'_>],
                request: &ArrayRequest<'_>,
            ) -> Result<Blocks, ChangeError> {
                build::array::largest_member(disks, request)
            }

            fn delete_array(
                &self,
                disks: &mut [DiskBuffer<'_>],
                array: ArrayId,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                delete::array(disks, array, stamp)
            }

            /// A spare of one array, or of all.
            fn assign_spare(
                &self,
                disks: &mut [DiskBuffer<'_>],
                request: &SpareRequest<'_>,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                build::spare::assign(disks, request, stamp)
            }

            fn release_spare(
                &self,
                disks: &mut [DiskBuffer<'_>],
                disk: usize,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                build::spare::release(disks, disk, stamp)
            }

            fn dissolve(
                &self,
                disks: &mut [DiskBuffer<'_>],
                configuration: ArrayId,
                stamp: Stamp,
            ) -> Result<(), ChangeError> {
                delete::configuration(disks, configuration, stamp)
            }

            fn erase_step<'a>(
                &self,
                disk: &DiskBuffer<'_>,
                index: usize,
                block: &'a mut [u8],
            ) -> Option<Step<'a>> {
                commit::erase_step(disk, index, block)
            }
        }
    };
}

write_as!(Asr, |_own| MemberOrder::Undecided);
write_as!(AsrOrdered, |own| own.0);
