// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery of any format on disks that are zero but for their last blocks, and what has to hold of
//! all that it reports.

use raid_core::array::{ArrayDescriptor, ArrayState, MemberDescriptor, MemberState};
use raid_core::layout::Layout;
use raid_core::metadata::{
    DiskDescriptor, DiskShape, DiskView, Finding, Format, Inventory, Lookup, Piece, Subject,
};
use raid_core::units::{Blocks, Extent, Lba};
use std::collections::BTreeSet;

/// Reads a format may ask for before it has to come to an end.
const MAX_READS: usize = 16;
/// A longer run than this is taken for unreadable, to keep memory small.
const MAX_RUN: u64 = 256;

/// A disk: so many blocks, zero but for these last ones.
#[derive(Clone, Debug)]
pub struct Disk {
    pub blocks: u64,
    pub tail: Vec<u8>,
}

impl Disk {
    fn read(&self, at: Extent) -> Vec<u8> {
        if at.len.0 > MAX_RUN {
            return Vec::new();
        }
        let tail_at = self.blocks - u64::try_from(self.tail.len() / 512).unwrap();
        let mut out = Vec::new();
        for block in at.start.0..at.start.0 + at.len.0 {
            let index =
                block.checked_sub(tail_at).map(|block| usize::try_from(block).unwrap() * 512);
            match index {
                Some(from) => out.extend_from_slice(&self.tail[from..from + 512]),
                None => out.extend_from_slice(&[0; 512]),
            }
        }
        out
    }
}

/// Checks what is reported as it comes.
struct Checker {
    disks: usize,
    seen: BTreeSet<usize>,
    array: Option<ArrayDescriptor>,
    in_sync: usize,
}

impl Checker {
    /// The members of the array before are complete.
    fn close(&mut self) {
        if let Some(array) = self.array.take()
            && array.state == ArrayState::Optimal
        {
            let places = usize::from(array.geometry.sets) * usize::from(array.geometry.slots);
            assert!(self.in_sync >= places, "optimal with members missing: {array:?}");
        }
        self.in_sync = 0;
    }
}

impl Inventory for Checker {
    fn disk(&mut self, disk: &DiskDescriptor) {
        assert!(disk.disk < self.disks && self.seen.insert(disk.disk), "{disk:?} comes twice");
    }

    fn array(&mut self, array: &ArrayDescriptor) {
        self.close();
        // Most hostile geometries have no layout; none may make the layout panic.
        let _ = Layout::new(&array.geometry).map(|layout| (layout.rows(), layout.locate(0)));
        let _ = (array.name.to_string(), array.geometry.level_name());
        self.array = Some(*array);
    }

    fn member(&mut self, member: &MemberDescriptor) {
        let array = self.array.expect("an array comes before its members");
        assert_eq!(member.array, array.id);
        assert!(member.place.set < array.geometry.sets, "{member:?} of {array:?}");
        assert!(u16::from(member.place.slot.0) < array.geometry.slots, "{member:?} of {array:?}");
        assert!(member.disk.is_none_or(|disk| self.seen.contains(&disk)), "{member:?}");
        if member.state == MemberState::InSync {
            assert!(member.disk.is_some(), "{member:?}");
            self.in_sync += 1;
        }
    }

    fn raw(&mut self, of: Subject, _: &'static str, _: u64) {
        if let Subject::Disk(disk) = of {
            assert!(disk < self.disks);
        }
    }

    fn finding(&mut self, finding: &Finding) {
        assert!(finding.disk.is_none_or(|disk| disk < self.disks), "{finding:?}");
        assert!(!finding.to_string().is_empty());
    }
}

/// Reads what the format asks for and checks what it reports.
pub fn discovery_holds(format: &dyn Format, disks: &[Disk]) {
    let mut read = Vec::new();
    for disk in disks {
        read.push(read_disk(format, disk));
    }
    let borrowed: Vec<Vec<Piece<'_>>> = read.iter().map(|pieces| borrow(pieces)).collect();
    let views: Vec<DiskView<'_>> = disks
        .iter()
        .zip(&borrowed)
        .map(|(disk, pieces)| DiskView { shape: shape(disk), pieces })
        .collect();
    let mut checker =
        Checker { disks: disks.len(), seen: BTreeSet::new(), array: None, in_sync: 0 };
    format.assemble(&views, &mut checker);
    checker.close();
}

fn shape(disk: &Disk) -> DiskShape {
    DiskShape { blocks: Blocks(disk.blocks), block_size: 512 }
}

fn borrow(pieces: &[(Lba, Vec<u8>)]) -> Vec<Piece<'_>> {
    pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect()
}

fn read_disk(format: &dyn Format, disk: &Disk) -> Vec<(Lba, Vec<u8>)> {
    let mut pieces = Vec::new();
    for _ in 0..MAX_READS {
        let view = DiskView { shape: shape(disk), pieces: &borrow(&pieces) };
        match format.next_read(&view) {
            Lookup::Read(extent) => {
                let inside = extent.end().is_some_and(|end| end.0 <= disk.blocks);
                let bytes = if inside { disk.read(extent) } else { Vec::new() };
                pieces.push((extent.start, bytes));
            }
            _ => return pieces,
        }
    }
    panic!("discovery does not end");
}
