// SPDX-License-Identifier: MIT OR Apache-2.0
//! Firmware in miniature: what a program on a Cortex-M pays for what it uses of the four crates, and for nothing else.
//!
//! ```text
//! parity        P and Q of a row, one call each
//! reader_ddf    finds one array of one level among the disks, and reads it short of a member
//! reader_asr    the same of the other format
//! everything    both formats, read and written, all levels, the sync engine
//! ```
//!
//! Nothing is known here of where bytes come from, so nothing is optimised away.
#![no_std]

use core::panic::PanicInfo;
use raid_core::array::{Geometry, Level, MemberState, Place};
use raid_core::backend::portable;
use raid_core::layout::Layout;
use raid_core::metadata::{DiskRead, DiskShape, Format, OneArray, Probe};
use raid_core::stripe::{self, Health, ReadStep};
use raid_core::units::{Blocks, Extent, Slot, SlotSet};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Brings blocks of a disk into memory.
pub type Read = fn(disk: usize, at: Extent, into: &mut [u8]) -> bool;

/// Disks that it looks at.
const DISKS: usize = 8;
/// Bytes of metadata of all disks.
const ROOM: usize = DISKS << 17;

/// What a program keeps in static memory.
#[derive(Debug)]
pub struct Memory {
    metadata: [u8; ROOM],
    slab: [u8; 1 << 15],
}

/// Looks for one array of this level, and reads `blocks` of it.
pub fn read(
    format: &impl Format,
    level: Level,
    shapes: &[DiskShape; DISKS],
    read: Read,
    memory: &mut Memory,
    blocks: Extent,
    into: &mut [u8],
) -> Option<()> {
    let Memory { metadata, slab } = memory;
    let mut left = &mut metadata[..];
    let mut disks = shapes.map(DiskRead::nothing);
    for (disk, found) in disks.iter_mut().enumerate() {
        let mut probe = Probe::new(*shapes.get(disk)?, left);
        while let Some(wanted) = probe.next(format).ok()? {
            let was_read = read(disk, wanted.at, wanted.into);
            probe.add(was_read);
        }
        (*found, left) = probe.finish();
    }
    let mut members = [None; DISKS];
    let mut one = OneArray::first(&mut members);
    format.assemble(&disks.each_ref().map(DiskRead::view), &mut one);
    let geometry = one.found()?.geometry;
    if geometry.level != level || one.is_crowded() {
        return None;
    }
    read_array(&geometry, &one, read, slab, blocks, into)
}

/// Reads blocks of the array, what a missing member held by the others.
fn read_array(
    geometry: &Geometry,
    members: &OneArray<'_>,
    read: Read,
    slab: &mut [u8],
    blocks: Extent,
    into: &mut [u8],
) -> Option<()> {
    let layout = Layout::new(geometry).ok()?;
    let whereabouts = |slot| {
        let member = members.at(Place { set: 0, slot })?;
        Some((member.disk?, member.start)).filter(|_| member.state == MemberState::InSync)
    };
    let mut unavailable = SlotSet::EMPTY;
    for slot in layout.slots().iter() {
        if whereabouts(slot).is_none() {
            unavailable.insert(slot);
        }
    }
    let health = Health { unavailable, write_only: SlotSet::EMPTY };
    let size = geometry.block_size;
    let fetch = |slot: Slot, at: Extent, into: &mut [u8]| {
        let (disk, start) = whereabouts(slot)?;
        let start = start.checked_add(Blocks(at.start.0))?;
        read(disk, Extent { start, len: at.len }, into).then_some(())
    };
    for step in stripe::read(&layout, health, blocks, None) {
        match step.ok()? {
            ReadStep::Direct(io) => fetch(io.slot, io.at, io.bytes(size, into)?)?,
            ReadStep::Reconstruct(plan) => {
                for io in plan.reads() {
                    fetch(io.slot, io.at, io.bytes(size, slab)?)?;
                }
                plan.compute(raid_core::backend::Backend::portable(), slab, &[]).ok()?;
                plan.extract(slab, into).ok()?;
            }
        }
    }
    Some(())
}

/// P and Q of a row, and whether P holds.
pub fn parity(data: &[Option<&[u8]>], p: &mut [u8], q: &mut [u8]) -> bool {
    portable::pq_generate(p, q, data).is_ok() && portable::p_check(p, data) == Ok(None)
}
