// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers of many disks: nothing is copied, nothing is allocated, and the scratch that makes it
//! fast can be computed before.

use crate::large;
use crate::large::{Large, MDADM, Tables, Volume};
use raid_core::array::{ArrayDescriptor, ArrayState, MemberDescriptor, MemberState};
use raid_core::metadata::{
    DiskBytes, DiskDescriptor, DiskView, Disks, Finding, Format, Inventory, Lookup, Piece,
};
use raid_ddf::{Assembly, Ddf, Section};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it is; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above, and `at` came from it.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Counts what is reported, and keeps nothing.
#[derive(Debug, Default, PartialEq)]
struct Count {
    disks: usize,
    optimal: usize,
    in_sync: usize,
    findings: usize,
}

impl Inventory for Count {
    fn disk(&mut self, _: &DiskDescriptor) {
        self.disks += 1;
    }
    fn array(&mut self, array: &ArrayDescriptor) {
        self.optimal += usize::from(array.state == ArrayState::Optimal);
    }
    fn member(&mut self, member: &MemberDescriptor) {
        self.in_sync += usize::from(member.state == MemberState::InSync);
    }
    fn finding(&mut self, _: &Finding) {
        self.findings += 1;
    }
}

fn allocations(of: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    of();
    ALLOCATIONS.with(Cell::get) - before
}

/// Few volumes, so that a thousand disks fit into memory; records with room for 256 elements.
const SMALL: Tables = Tables { volumes: 15, partitions: 3, ..MDADM };

/// Four RAID-6 sets of 255 disks each as one volume; the last three disks are in no volume.
fn thousand() -> Large {
    let sets = (0..4).map(|set| (set * 255..(set + 1) * 255).collect()).collect();
    let volume = Volume { level: (0x06, 0x03, 0x00), sets, start: 0, blocks: 1 << 16 };
    Large::new(1023, SMALL, &[volume])
}

fn views<'a>(made: &Large, pieces: &'a [[Piece<'a>; 3]]) -> Vec<DiskView<'a>> {
    pieces.iter().map(|pieces| DiskView { shape: made.shape(), pieces }).collect()
}

#[test]
#[cfg_attr(miri, ignore = "a hundred megabytes")]
fn a_container_of_1023_disks_is_assembled_without_a_copy_or_an_allocation() {
    let made = thousand();
    let pieces = made.pieces();
    let views = &views(&made, &pieces)[..];
    let mut count = Count::default();
    let words = Ddf::new().scratch_words(views);
    assert_eq!(words, 1023 * 3 + 1020 * 3);
    let mut scratch = vec![0; words];
    let allocated = allocations(|| {
        assert!(views.iter().all(|view| Ddf::new().next_read(view) == Lookup::Complete));
        assert_eq!(Ddf::new().scratch_words(views), words);
        Ddf::new().assemble_with(views, &mut scratch, &mut count);
    });
    assert_eq!(allocated, 0);
    // Striping over RAID-6 is not confirmed by anyone: one finding.
    assert_eq!(count, Count { disks: 1023, optimal: 1, in_sync: 1020, findings: 1 });
}

#[test]
fn what_an_assembly_gives_is_the_callers_own_bytes() {
    let volume = Volume { level: (5, 3, 0xFF), sets: vec![vec![0, 1, 2]], start: 0, blocks: 4096 };
    let made = Large::new(3, SMALL, &[volume]);
    let pieces = made.pieces();
    let views = &views(&made, &pieces)[..];
    let mut scratch = vec![0; Assembly::scratch_words(&views)];
    let assembly = Assembly::new(&views, &mut scratch, &mut |finding| panic!("{finding}"));
    for disk in assembly.disks() {
        let mine = &pieces[disk.index()];
        let lent = |bytes: &[u8]| {
            let range = bytes.as_ptr_range();
            mine.iter().any(|piece| {
                let whole = piece.bytes.as_ptr_range();
                whole.start <= range.start && range.end <= whole.end
            })
        };
        let parts = Section::REQUIRED.map(|section| disk.section(section).unwrap());
        assert!(parts.into_iter().all(lent));
        let entries = zerocopy::IntoBytes::as_bytes(&disk.physical_disks().unwrap().entries);
        assert!(lent(entries));
        let records: Vec<_> = disk.volumes().collect();
        assert_eq!(records.len(), 1);
        assert!(records.iter().all(|record| lent(&record.lists)));
    }
}

#[test]
fn twenty_four_disks_in_the_geometry_of_mdadm_are_assembled_with_the_stack_alone() {
    let made = Large::new(24, MDADM, &large::three_volumes());
    let pieces = made.pieces();
    let views = &views(&made, &pieces)[..];
    let mut count = Count::default();
    assert_eq!(allocations(|| Ddf::new().assemble(views, &mut count)), 0);
    // mdadm's code for RAID-10 is told.
    assert_eq!(count, Count { disks: 24, optimal: 3, in_sync: 48, findings: 1 });
}

/// Disks that count how often one of them is looked at.
#[derive(Debug)]
struct Looked<'a>(&'a [DiskView<'a>], Cell<usize>);

impl Disks for Looked<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.1.set(self.1.get() + 1);
        Disks::disk(&self.0, index)
    }
}

/// How often a disk was looked at, and how much was reported, of `sets` sets of 255 elements, all of
/// which name one of two disks.
fn work(sets: usize) -> (usize, Count) {
    let tables = Tables { partitions: 255, ..SMALL };
    let elements: Vec<usize> = (0..255).map(|element| element % 2).collect();
    let sets = vec![elements; sets];
    let volume = Volume { level: (0x01, 0x00, 0x03), sets, start: 0, blocks: 1 << 10 };
    let made = Large::new(2, tables, &[volume]);
    let pieces = made.pieces();
    let views = &views(&made, &pieces)[..];
    let disks = Looked(views, Cell::new(0));
    let mut scratch = vec![0; Assembly::scratch_words(&views)];
    let mut count = Count::default();
    let mut findings = 0;
    let assembly = Assembly::new(&disks, &mut scratch, &mut |_| findings += 1);
    assembly.report(&mut count);
    assert_eq!(findings, 0);
    (disks.1.get(), count)
}

/// Case I1.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of elements")]
fn a_volume_of_very_many_elements_takes_work_in_step_with_what_is_read() {
    let (half_looks, half) = work(127);
    let (looks, all) = work(254);
    assert_eq!(all.in_sync, 2 * half.in_sync);
    // Each record of each disk claims the same blocks, and is told of once.
    assert!(all.findings <= 2 * 254 + 2, "{all:?}");
    assert!(all.findings <= 2 * half.findings, "{half:?} {all:?}");
    assert!(looks <= 2 * half_looks, "{half_looks} looks at half, {looks} at all");
}
