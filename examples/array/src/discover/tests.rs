// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery with formats made up for the purpose: no other line of it knows of them.

use super::*;
use crate::store::Store;
use raid_core::array::{
    ArrayDescriptor, ArrayId, ArrayState, Geometry, Initialisation, Level, MemberDescriptor,
    MemberId, MemberState, Name, Place, Placement, QNumbering, Secondary,
};
use raid_core::metadata::{Branch, DiskRole, Finding, Inventory, Severity, Subject};
use raid_core::units::Slot;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A mirror: block 0 of a member begins with the signature, then its slot.
#[derive(Debug)]
struct Toy(&'static [u8; 4]);

impl Format for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        match disk.get(Extent::new(0, 1)) {
            None if disk.pieces.is_empty() => Lookup::Read(Extent::new(0, 1)),
            Some(block) if block.starts_with(self.0) => Lookup::Complete,
            _ => Lookup::Absent,
        }
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        let id = ArrayId([7; 24]);
        let geometry = Geometry {
            level: Level::Raid1,
            placement: Placement::Fixed,
            slots: 2,
            strip: Blocks(0),
            member_blocks: Blocks(4),
            secondary: Secondary::None,
            sets: 1,
            q_numbering: QNumbering::BySlot,
            parities: 0,
            rotate_shift: 0,
            block_size: 512,
        };
        into.array(&ArrayDescriptor {
            id,
            name: Name::new(b"toy"),
            geometry,
            size: Blocks(4),
            state: ArrayState::Optimal,
            clean: true,
            initialisation: Initialisation::Full,
        });
        for (disk, view) in disks.iter().enumerate() {
            let Some(slot) = view.get(Extent::new(0, 1)).and_then(|block| block.get(4)) else {
                continue;
            };
            let place = Place { set: 0, slot: Slot(*slot) };
            into.disk(&DiskDescriptor {
                disk,
                configuration: id,
                id: MemberId([*slot; 24]),
                sequence: None,
                role: DiskRole::Member,
                usable: Blocks(4),
            });
            into.raw(Subject::Disk(disk), "slot", u64::from(*slot));
            into.member(&MemberDescriptor {
                array: id,
                place,
                disk: Some(disk),
                id: None,
                start: Lba(1),
                len: Blocks(4),
                state: MemberState::InSync,
            });
            into.raw(Subject::Member(id, place), "start", 1);
        }
        into.raw(Subject::Array(id), "size", 4);
        // A history in two parts, and an older one.
        let failed = [Place { set: 0, slot: Slot(1) }];
        let newer = Branch {
            array: id,
            number: 0,
            disks: &[2],
            sequence: Some(7),
            unix_seconds: None,
            failed: &failed,
        };
        into.branch(&Branch { number: 1, disks: &[0], sequence: Some(5), failed: &[], ..newer });
        into.branch(&newer);
        into.branch(&Branch { disks: &[1], ..newer });
        into.finding(&Finding {
            severity: Severity::Note,
            code: 1,
            disk: None,
            array: Some(id),
            copy: "block 0",
            at: Some(Lba(0)),
            what: "toy",
            found: None,
            expected: None,
        });
    }
}

/// Asks for whatever it is told, for ever.
#[derive(Debug)]
struct Insatiable(Extent, AtomicUsize);

impl Format for Insatiable {
    fn name(&self) -> &'static str {
        "insatiable"
    }

    fn next_read(&self, _: &DiskView<'_>) -> Lookup {
        self.1.fetch_add(1, Ordering::Relaxed);
        Lookup::Read(self.0)
    }

    fn assemble(&self, _: &[DiskView<'_>], _: &mut dyn Inventory) {
        panic!("it recognised no disk");
    }
}

struct Memory(Vec<u8>, Option<u32>);

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn block_size(&self) -> Option<u32> {
        self.1
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.0.get(from..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(bytes.ok_or_else(|| io::Error::other("past the end"))?);
        Ok(())
    }
}

fn disk(name: &str, head: &[u8], block_size: Option<u32>) -> Source {
    let mut bytes = head.to_vec();
    bytes.resize(8192, 0);
    Source { name: name.to_owned(), bytes: Box::new(Memory(bytes, block_size)) }
}

#[test]
fn a_format_that_nothing_else_knows_is_discovered() {
    let disks = [disk("b", b"TOY!\x01", None), disk("x", b"", None), disk("a", b"TOY!\0", None)];
    let found = discover(&disks, &[&Toy(b"NOT!"), &Toy(b"TOY!")]);
    assert_eq!(found.arrays.len(), 1);
    let array = &found.arrays[0];
    assert_eq!((array.format, array.descriptor.name.as_bytes()), (1, &b"toy"[..]));
    let members: Vec<_> = array.members.iter().map(|m| m.descriptor.disk.unwrap()).collect();
    assert_eq!(members, [2, 0], "ordered by place, not by disk");
    assert_eq!(array.members[0].raw, [RawField { field: "start", value: 1 }]);
    assert_eq!(array.raw, [RawField { field: "size", value: 4 }]);
    assert_eq!(found.disks[0].claims[0].raw, [RawField { field: "slot", value: 1 }]);
    assert_eq!(found.disks[0].claims[0].descriptor.unwrap().role, DiskRole::Member);
    assert_eq!(found.disks[0].claims[0].pieces[0].bytes.len(), 512);
    assert!(found.disks[1].claims.is_empty());
    assert_eq!((found.findings.len(), found.conflicts().count()), (1, 0));
}

#[test]
fn the_parts_of_a_history_are_joined_and_the_newest_comes_first() {
    let found = discover(&[disk("a", b"TOY!\0", None)], &[&Toy(b"TOY!")]);
    let newer = FoundBranch {
        number: 0,
        disks: vec![1, 2],
        sequence: Some(7),
        unix_seconds: None,
        failed: vec![Place { set: 0, slot: Slot(1) }],
        written: None,
    };
    let older = FoundBranch {
        number: 1,
        disks: vec![0],
        sequence: Some(5),
        failed: vec![],
        ..newer.clone()
    };
    assert_eq!(found.arrays[0].branches, [newer, older]);
}

#[test]
fn a_disk_that_two_formats_recognise_is_a_conflict() {
    let disks = [disk("a", b"TOY!\0", None), disk("b", b"", None)];
    let found = discover(&disks, &[&Toy(b"TOY!"), &Toy(b"TOY!")]);
    assert_eq!(found.conflicts().collect::<Vec<_>>(), [0]);
    assert_eq!(found.arrays.len(), 2);
}

#[test]
fn block_sizes_are_tried_in_the_order_that_the_medium_suggests() {
    let size = |source: Source| discover(&[source], &[&Toy(b"TOY!")]).disks[0].shape;
    let shape = |blocks, block_size| DiskShape { blocks: Blocks(blocks), block_size };
    assert_eq!(size(disk("file", b"TOY!\0", None)), shape(16, 512));
    assert_eq!(size(disk("device", b"TOY!\0", Some(4096))), shape(2, 4096));
    assert_eq!(size(disk("nothing", b"", Some(4096))), shape(2, 4096));
    assert_eq!(size(disk("nothing", b"", None)), shape(16, 512));
}

#[test]
fn reads_without_end_or_outside_the_disk_are_bounded_and_reported() {
    for extent in [
        Extent::new(0, 1),
        Extent::new(16, 1),
        Extent::new(0, u64::MAX),
        Extent::new(u64::MAX, u64::MAX),
        Extent::new(u64::MAX / 512, 1),
    ] {
        let format = Insatiable(extent, AtomicUsize::new(0));
        let found = discover(&[disk("a", b"", None)], &[&format]);
        assert!(found.disks[0].claims.is_empty());
        assert!(!found.disks[0].unreadable.is_empty());
        assert!(found.disks[0].unreadable.iter().all(|run| run.cause == Cause::NothingThere));
        assert_eq!(format.1.load(Ordering::Relaxed), 2 * MAX_RUNS, "both block sizes");
    }
}

#[test]
fn an_unreadable_run_is_an_empty_piece_and_is_reported() {
    struct Broken;
    impl ReadAt for Broken {
        fn len(&self) -> u64 {
            8192
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
            Err(io::Error::other("medium error"))
        }
    }
    let source = Source { name: "broken".to_owned(), bytes: Box::new(Broken) };
    let found = discover(&[source], &[&Toy(b"TOY!")]);
    let unreadable = &found.disks[0].unreadable[0];
    assert_eq!((unreadable.extent, unreadable.cause), (Extent::new(0, 1), Cause::Medium));
    assert_eq!(unreadable.why, "medium error");
}

#[test]
fn a_run_that_would_take_too_much_memory_is_not_read() {
    struct Huge;
    impl ReadAt for Huge {
        fn len(&self) -> u64 {
            1 << 50
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
            panic!("read")
        }
    }
    let source = Source { name: "huge".to_owned(), bytes: Box::new(Huge) };
    let bound = MetadataBound::default();
    let wanted = Extent::new(0, (bound.own + bound.shared) / 512 + 1);
    let format = Insatiable(wanted, AtomicUsize::new(0));
    let found = discover(&[source], &[&format]);
    let unreadable = &found.disks[0].unreadable;
    assert!(unreadable.iter().any(|run| run.cause == Cause::OverBound));
    assert!(unreadable.iter().all(|run| {
        let more = run.why.contains("more than 4096 reads wanted");
        run.cause == Cause::OverBound || (run.cause == Cause::NothingThere && more)
    }));
}

/// Wants so many runs of so many blocks of each disk, as far as it goes, and then uses it.
#[derive(Debug)]
struct Greedy {
    runs: u64,
    blocks: u64,
}

impl Format for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        let there = disk.shape.blocks.0 / self.blocks;
        match disk.pieces.len() as u64 {
            runs if runs == self.runs.min(there) => Lookup::Complete,
            run => Lookup::Read(Extent::new(run * self.blocks, self.blocks)),
        }
    }

    fn assemble(&self, disks: &[DiskView<'_>], into: &mut dyn Inventory) {
        for disk in 0..disks.len() {
            into.disk(&DiskDescriptor {
                disk,
                configuration: ArrayId([7; 24]),
                id: MemberId([0; 24]),
                sequence: None,
                role: DiskRole::Member,
                usable: Blocks(4),
            });
        }
    }
}

/// Zeros, and how many of them were read.
struct Zeros(Arc<AtomicUsize>);

impl ReadAt for Zeros {
    fn len(&self) -> u64 {
        1 << 30
    }

    fn read_at(&self, _: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.fetch_add(into.len(), Ordering::Relaxed);
        into.fill(0);
        Ok(())
    }
}

fn zeros(name: &str, read: &Arc<AtomicUsize>) -> Source {
    Source { name: name.to_owned(), bytes: Box::new(Zeros(Arc::clone(read))) }
}

fn held(disk: &FoundDisk) -> u64 {
    let pieces = disk.claims.iter().flat_map(|claim| &claim.pieces);
    pieces.map(|piece| piece.bytes.len() as u64).sum()
}

/// Case I2.
#[test]
fn what_a_disk_makes_a_format_read_is_bounded_and_read_once() {
    let read = Arc::new(AtomicUsize::new(0));
    let format = Greedy { runs: 16, blocks: 2 << 11 };
    let found = discover(&[zeros("zeros", &read)], &[&format]);
    let (disk, bound) = (&found.disks[0], MetadataBound::default());
    assert_eq!(held(disk), bound.own + bound.shared);
    assert_eq!(read.load(Ordering::Relaxed) as u64, held(disk), "each byte once");
    assert_eq!(disk.unreadable.len(), 12, "what was left out is told");
    assert!(disk.unreadable.iter().all(|run| run.cause == Cause::OverBound));
    assert_eq!(
        disk.unreadable[0].why,
        "greedy metadata not read: 2048 KiB asked for (4096 blocks from block 16384), 0 KiB left of the \
         2048 KiB for each disk and 6144 KiB for all together; give fewer disks at a time, or allow more"
    );
}

/// Case I2.
#[test]
fn all_disks_and_formats_of_a_discovery_share_one_bound_and_each_disk_keeps_its_own() {
    let read = Arc::new(AtomicUsize::new(0));
    let disks: Vec<Source> = (0..9).map(|_| zeros("zeros", &read)).collect();
    let bound = MetadataBound { own: 1 << 20, shared: 3 << 20 };
    let formats = [Greedy { runs: 40, blocks: 512 }, Greedy { runs: 40, blocks: 512 }];
    let found = discover_within(&disks, &[&formats[0], &formats[1]], bound);
    let held: Vec<u64> = found.disks.iter().map(held).collect();
    assert_eq!(held[0], 4 << 20, "the first takes all that is shared");
    assert_eq!(held[1..], [1 << 20; 8], "and nothing of the others");
    // Two that want no more than their own, and one that takes what it can, in any order.
    for greedy in 0..3 {
        let modest = || Box::new(Memory(vec![0; 1 << 20], None));
        let sources = (0..3).map(|index| match index == greedy {
            true => zeros("greedy", &read),
            false => Source { name: "modest".to_owned(), bytes: modest() },
        });
        let sources: Vec<Source> = sources.collect();
        let found = discover_within(&sources, &[&formats[0]], bound);
        for (index, disk) in found.disks.iter().enumerate() {
            assert_eq!(disk.unreadable.is_empty(), index != greedy, "{:?}", disk.unreadable);
        }
    }
}

/// Searches the last eight runs of 1 MiB for a block that begins with 1.
#[derive(Debug)]
struct Searching;

impl Format for Searching {
    fn name(&self) -> &'static str {
        "searching"
    }

    fn next_read(&self, disk: &DiskView<'_>) -> Lookup {
        if disk.pieces.is_empty() { Lookup::Absent } else { Lookup::Complete }
    }

    fn search_run(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        let end = disk.shape.blocks.0.checked_sub(index as u64 * 2048)?;
        let start = end.checked_sub(2048).filter(|_| index < 8 && disk.pieces.is_empty())?;
        Some(Extent::new(start, 2048))
    }

    fn found_in(&self, _: &DiskView<'_>, run: &Piece<'_>) -> Option<Lba> {
        let block = run.bytes.chunks_exact(512).position(|block| block[0] == 1)?;
        Some(Lba(run.at.0 + block as u64))
    }

    fn assemble(&self, _: &[DiskView<'_>], _: &mut dyn Inventory) {}
}

#[test]
fn a_search_holds_of_what_it_looks_through_the_block_that_it_finds() {
    let mut bytes = vec![0; 16 << 20];
    bytes[(13 << 20) + 5 * 512] = 1;
    let bound = MetadataBound { own: 1 << 20, shared: 0 };
    let of_512 = |bytes| Source { name: "a".to_owned(), bytes: Box::new(Memory(bytes, Some(512))) };
    let found = discover_within(&[of_512(bytes)], &[&Searching], bound);
    let disk = &found.disks[0];
    assert!(disk.unreadable.is_empty(), "{:?}", disk.unreadable);
    let pieces: Vec<(u64, usize)> =
        disk.claims[0].pieces.iter().map(|piece| (piece.at.0, piece.bytes.len())).collect();
    assert_eq!(pieces, [((13 << 11) + 5, 512)]);
    let found = discover_within(&[of_512(vec![0; 16 << 20])], &[&Searching], bound);
    assert!(found.disks[0].claims.is_empty() && found.disks[0].unreadable.is_empty());
}

/// Case I2.
#[test]
fn a_store_holds_the_bytes_that_discovery_read_and_no_copy_until_an_edit() {
    let disks = [disk("a", b"TOY!\0", None), disk("b", b"TOY!\x01", None)];
    let found = discover(&disks, &[&Toy(b"TOY!")]);
    let mut store = Store::from_discovery(&found, &found.arrays[0]);
    let read = |disk: usize| &found.disks[disk].claims[0].pieces[0].bytes;
    for (index, disk) in store.disks.iter().enumerate() {
        assert!(Arc::ptr_eq(read(index), &disk.pieces[0].1));
    }
    store.edit(|disks| disks[0].pieces[0].bytes.fill(1));
    assert_eq!((read(0)[0], store.disks[0].pieces[0].1[0]), (b'T', 1));
}
