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
use raid_core::array::{ArrayDescriptor, Geometry, Level, MemberDescriptor, MemberState};
use raid_core::backend::portable;
use raid_core::layout::Layout;
use raid_core::metadata::{
    DiskDescriptor, DiskShape, DiskView, Finding, Format, Inventory, Lookup, Piece, Subject,
};
use raid_core::stripe::{self, Health, ReadStep};
use raid_core::units::{Blocks, Extent, Lba, SlotSet};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Brings blocks of a disk into memory.
pub type Read = fn(disk: usize, at: Extent, into: &mut [u8]) -> bool;

/// Disks that it looks at.
const DISKS: usize = 8;
/// Runs of a disk that discovery asks for.
const RUNS: usize = 6;
/// Bytes of metadata of a disk.
const ROOM: usize = 1 << 17;

/// What a program keeps in static memory.
#[derive(Debug)]
pub struct Memory {
    bytes: [[u8; ROOM]; DISKS],
    slab: [u8; 1 << 15],
}

/// The one array, and where its members are.
struct One {
    geometry: Option<Geometry>,
    members: [Option<(usize, Lba)>; DISKS],
}

impl Inventory for One {
    fn disk(&mut self, _: &DiskDescriptor) {}

    fn array(&mut self, array: &ArrayDescriptor) {
        self.geometry = Some(array.geometry);
    }

    fn member(&mut self, member: &MemberDescriptor) {
        if let (Some(place), Some(disk), MemberState::InSync) =
            (self.members.get_mut(member.place.slot.index()), member.disk, member.state)
        {
            *place = Some((disk, member.start));
        }
    }

    fn raw(&mut self, _: Subject, _: &'static str, _: u64) {}

    fn finding(&mut self, _: &Finding) {}
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
    let mut found = [[Extent::new(0, 0); RUNS]; DISKS];
    let mut counts = [0; DISKS];
    for (disk, shape) in shapes.iter().enumerate() {
        look(
            format,
            disk,
            *shape,
            read,
            memory.bytes.get_mut(disk)?,
            found.get_mut(disk)?,
            counts.get_mut(disk)?,
        )?;
    }
    let none = Piece { at: Lba(0), bytes: &[] };
    let mut pieces = [[none; RUNS]; DISKS];
    for (disk, shape) in shapes.iter().enumerate() {
        place(memory.bytes.get(disk)?, *shape, found.get(disk)?, pieces.get_mut(disk)?)?;
    }
    let mut views = [DiskView { shape: *shapes.first()?, pieces: &[] }; DISKS];
    for (disk, view) in views.iter_mut().enumerate() {
        let count = *counts.get(disk)?;
        *view = DiskView { shape: *shapes.get(disk)?, pieces: pieces.get(disk)?.get(..count)? };
    }
    let mut one = One { geometry: None, members: [None; DISKS] };
    format.assemble(&views, &mut one);
    let geometry = one.geometry.filter(|geometry| geometry.level == level)?;
    read_array(&geometry, &one.members, read, &mut memory.slab, blocks, into)
}

/// Reads what discovery asks for of one disk.
fn look(
    format: &impl Format,
    disk: usize,
    shape: DiskShape,
    read: Read,
    bytes: &mut [u8],
    runs: &mut [Extent; RUNS],
    count: &mut usize,
) -> Option<()> {
    loop {
        let none = Piece { at: Lba(0), bytes: &[] };
        let mut pieces = [none; RUNS];
        place(bytes, shape, runs, &mut pieces)?;
        let Lookup::Read(next) =
            format.next_read(&DiskView { shape, pieces: pieces.get(..*count)? })
        else {
            return Some(());
        };
        let used: u64 = runs.iter().map(|run| run.len.0).sum();
        let (from, len) = (in_bytes(used, shape)?, in_bytes(next.len.0, shape)?);
        if !read(disk, next, bytes.get_mut(from..)?.get_mut(..len)?) {
            return None;
        }
        *runs.get_mut(*count)? = next;
        *count += 1;
    }
}

/// The pieces that stand one behind the other.
fn place<'a>(
    bytes: &'a [u8],
    shape: DiskShape,
    runs: &[Extent; RUNS],
    pieces: &mut [Piece<'a>; RUNS],
) -> Option<()> {
    let mut rest = bytes;
    for (run, piece) in runs.iter().zip(pieces) {
        let (bytes, more) = rest.split_at_checked(in_bytes(run.len.0, shape)?)?;
        *piece = Piece { at: run.start, bytes };
        rest = more;
    }
    Some(())
}

fn in_bytes(blocks: u64, shape: DiskShape) -> Option<usize> {
    usize::try_from(Blocks(blocks).bytes(shape.block_size)?).ok()
}

/// Reads blocks of the array, what a missing member held by the others.
fn read_array(
    geometry: &Geometry,
    members: &[Option<(usize, Lba)>; DISKS],
    read: Read,
    slab: &mut [u8],
    blocks: Extent,
    into: &mut [u8],
) -> Option<()> {
    let layout = Layout::new(geometry).ok()?;
    let mut unavailable = SlotSet::EMPTY;
    for slot in layout.slots().iter() {
        if members.get(slot.index()).is_none_or(Option::is_none) {
            unavailable.insert(slot);
        }
    }
    let health = Health { unavailable, write_only: SlotSet::EMPTY };
    let size = geometry.block_size;
    let fetch = |slot: raid_core::units::Slot, at: Extent, into: &mut [u8]| {
        let (disk, start) = members.get(slot.index()).copied().flatten()?;
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
