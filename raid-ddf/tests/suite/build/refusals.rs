// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests are checked before a byte is changed: each reason to refuse one, by its words.

use crate::media::{self, Rig, SMALL, geometry, healthy, raid10};
use crate::support;
use raid_core::array::{
    ArrayId, Geometry, Level, MemberId, Name, Place, Placement, QNumbering, Secondary,
};
use raid_core::metadata::{
    Admin, ArrayRequest, BadBlocks, ChangeError, DiskBuffer, DiskCondition, DiskShape, RunTime,
    RuntimeState, Served, SpareRequest, Stamp,
};
use raid_core::units::{Blocks, Extent, Lba, Slot, SlotSet};
use raid_ddf::{BadBlockOptions, ByteOrder, CrcVariant, Ddf, DdfHeader, Options, Record, Revision};

const LARGE: DiskShape = DiskShape { blocks: Blocks(20_000), block_size: 4096 };

/// Calls what is to be refused, for these words; no byte may change.
#[track_caller]
fn refused<R>(
    rig: &mut Rig,
    words: &str,
    call: impl FnOnce(&mut [DiskBuffer<'_, '_>], Stamp) -> Result<R, ChangeError>,
) {
    let (before, stamp) = (rig.bytes(), rig.stamp());
    let Err(error) = rig.edit(|disks| call(disks, stamp)) else { panic!("accepted: {words}") };
    assert_eq!(rig.bytes(), before, "{words}");
    let found = match error {
        ChangeError::Unsupported(what)
        | ChangeError::Invalid { what, .. }
        | ChangeError::Disk { what, .. }
        | ChangeError::Damaged { what, .. } => what,
        ChangeError::NoSuchArray(_) => "no such array",
        ChangeError::NoSuchPlace(_) => "no such place",
        other => panic!("{other:?}"),
    };
    assert!(found.starts_with(words), "{found}, expected {words}");
}

fn small_tables() -> Options {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    (options.max_partitions, options.max_primary_element_entries) = (2, 16);
    options
}

fn container(count: usize, options: &Options) -> Rig {
    let mut rig = Rig::blank(&vec![SMALL; count], options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, options)).unwrap();
    rig
}

/// Adds a blank disk.
fn and_a_blank(mut rig: Rig, shape: DiskShape, options: &Options) -> Rig {
    rig.append(&Rig::blank(&[shape], options));
    rig
}

fn five() -> Geometry {
    geometry(Level::Raid5, Placement::NContinue, 3)
}

fn pair() -> Geometry {
    geometry(Level::Raid1, Placement::Fixed, 2)
}

fn failed(slot: u8) -> RuntimeState {
    RuntimeState { failed: SlotSet::of(Slot(slot)), ..healthy() }
}

#[track_caller]
fn no_array(rig: &mut Rig, words: &str, shape: Geometry, disks: &[usize]) {
    let disks: Vec<_> = disks.iter().copied().map(Some).collect();
    no_array_in(rig, words, shape, &disks);
}

#[track_caller]
fn no_array_in(rig: &mut Rig, words: &str, shape: Geometry, disks: &[Option<usize>]) {
    let request = ArrayRequest::new(Name::new(b"x"), shape, disks);
    refused(rig, words, |buffers, stamp| Ddf::new().create_array(buffers, &request, stamp));
}

#[track_caller]
fn no_container(shapes: &[DiskShape], words: &str, edit: impl Fn(&mut Options)) {
    let mut options = Options::LINUX;
    let mut rig = Rig::blank(shapes, &options);
    edit(&mut options);
    refused(&mut rig, words, |disks, stamp| raid_ddf::initialise(disks, stamp, &options));
}

#[test]
fn containers() {
    let one = &[SMALL][..];
    no_container(&[], "live disks", |_| ());
    no_container(&[SMALL; 16], "disks of a configuration", |o| o.max_pd_entries = 15);
    no_container(&[SMALL, LARGE], "another block size than the first disk", |_| ());
    no_container(&[LARGE], "blocks larger than 512 bytes before DDF 2.0", |options| {
        options.revision = Some(Revision::V1_2);
    });
    no_container(one, "entries of the physical disk records", |o| o.max_pd_entries = 16);
    no_container(one, "entries of the virtual disk records", |o| o.max_vd_entries = 7);
    no_container(one, "elements of a configuration record", |options| {
        options.max_primary_element_entries = 17;
    });
    no_container(one, "arrays on a disk", |options| options.max_partitions = 0);
    no_container(one, "a revision other than", |options| {
        options.revision = Some(Revision(*b"01.01.00"));
    });
    let tiny = DiskShape { blocks: Blocks(65_536), block_size: 512 };
    no_container(&[tiny], "too small for the reserve", |_| ());
    let odd = DiskShape { blocks: Blocks(1 << 20), block_size: 1024 };
    no_container(&[odd], "too small for the reserve", |_| ());
    // The buffers were made for smaller tables.
    no_container(one, "buffer lacks a range", |options| options.max_vd_entries = 255);
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn codes() {
    use Placement::{Far, Fixed, NContinue, Offset, ZeroContinue};
    let mut rig = container(6, &Options::LINUX);
    let refused = &mut |words, shape: Geometry| {
        let disks: Vec<usize> = (0..usize::from(shape.slots * shape.sets)).collect();
        no_array(&mut rig, words, shape, &disks);
    };
    refused(
        "several sets without a secondary level",
        Geometry { secondary: Secondary::None, ..raid10(2) },
    );
    refused("a placement that only other formats have", geometry(Level::Raid5, Far, 3));
    refused("a level that DDF has no code for", geometry(Level::Raid10, Fixed, 4));
    refused("RAID-4 with rotating parity", geometry(Level::Raid4, NContinue, 3));
    refused("copies far apart", geometry(Level::Raid1E, Far, 3));
    refused(
        "Q numbered by data strips",
        Geometry { q_numbering: QNumbering::ByData, ..geometry(Level::Raid6, NContinue, 4) },
    );
    refused("a level of DDF 2.0", geometry(Level::Raid5R, NContinue, 3));
    refused("codes whose mapping no reference", geometry(Level::Raid5E, NContinue, 4));
    refused("codes whose mapping one implementation", geometry(Level::Raid5, ZeroContinue, 3));
    let disks = support::read_scenario(&raid_testdata::scenario("ddf-mdadm-4.2", "r1e-adj3"));
    let mut theirs = Rig::of(disks);
    let shape = geometry(Level::Raid1E, Offset, 3);
    no_array(&mut theirs, "shifted copies in a configuration of mdadm's", shape, &[0, 1, 2]);
}

#[test]
fn arrays() {
    let mut options = small_tables();
    options.max_partitions = 15;
    let mut rig = container(6, &options);
    let array = rig.create("five", five(), &[0, 1, 2]).unwrap();
    rig.set_state(array, 0, &failed(2)).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 5, stamp)).unwrap();
    no_array(&mut rig, "number of disks", pair(), &[0]);
    no_array(&mut rig, "named twice", pair(), &[0, 0]);
    no_array(&mut rig, "not a live disk of this format", pair(), &[9, 0]);
    no_array(&mut rig, "not a live disk of the configuration", pair(), &[0, 9]);
    no_array(&mut rig, "failed, missing or being filled", pair(), &[0, 2]);
    no_array(&mut rig, "a spare", pair(), &[0, 5]);
    no_array(&mut rig, "bytes of a block", Geometry { block_size: 4096, ..pair() }, &[0, 1]);
    let striped = geometry(Level::Raid0, Placement::Fixed, 2);
    let with_strip = |strip| Geometry { strip: Blocks(strip), ..striped };
    no_array(&mut rig, "blocks of a strip: a power of two", with_strip(3), &[0, 1]);
    no_array(&mut rig, "blocks of a strip", with_strip(0), &[0, 1]);
    no_array(&mut rig, "members of a mirror", Geometry { slots: 1, ..pair() }, &[0]);
    let small = Geometry { member_blocks: Blocks(1), ..striped };
    no_array(&mut rig, "blocks of each member", small, &[0, 1]);
    let six = geometry(Level::Raid6, Placement::NContinue, 2);
    no_array(&mut rig, "members of a set", six, &[0, 1]);
    no_array(&mut rig, "members of a set", Geometry { slots: 17, ..five() }, &[0; 17]);
    no_array_in(&mut rig, "disks, too few for the level", five(), &[Some(0), None, None]);
    no_array_in(&mut rig, "no such place", raid10(2), &[Some(0), Some(1), None, None]);
    let large = Geometry { member_blocks: Blocks(65_536), ..pair() };
    no_array(&mut rig, "no room for another extent of this size", large, &[0, 1]);
    let long = ArrayRequest::new(Name::new(b"seventeen letters"), pair(), &[Some(0), Some(1)]);
    refused(&mut rig, "bytes of the name", |d, stamp| Ddf::new().create_array(d, &long, stamp));
    for (words, starts) in [
        ("number of start blocks", &[Lba(0)][..]),
        ("no room for an extent of this size at this block", &[Lba(0), Lba(0)]),
    ] {
        let request = ArrayRequest {
            starts,
            ..ArrayRequest::new(Name::new(b"x"), pair(), &[Some(0), Some(1)])
        };
        refused(&mut rig, words, |d, stamp| Ddf::new().create_array(d, &request, stamp));
    }
    // Entries of the shared table, then slots on a disk.
    for number in 1..15 {
        let shape = Geometry { member_blocks: Blocks(128), ..pair() };
        rig.create(&format!("pair {number}"), shape, &[3, 4]).unwrap();
    }
    no_array(&mut rig, "virtual disk records, all used", pair(), &[0, 1]);
    let mut rig = container(2, &small_tables());
    for number in 0..2 {
        rig.create(&format!("pair {number}"), pair(), &[0, 1]).unwrap();
    }
    no_array(&mut rig, "no room for another configuration record", pair(), &[0, 1]);
}

#[test]
fn disks_that_join() {
    let options = small_tables();
    let join = |mut rig: Rig, words: &str, disk: usize| {
        refused(&mut rig, words, |d, stamp| Ddf::new().add_spare(d, disk, stamp));
    };
    let mut dead = and_a_blank(container(2, &options), SMALL, &options);
    dead.live[2] = false;
    join(dead, "not a live disk", 2);
    let large = and_a_blank(container(2, &options), LARGE, &options);
    join(large, "another block size than the configuration", 2);
    join(and_a_blank(container(15, &options), SMALL, &options), "physical disk records, all", 15);
    let mut two = container(2, &options);
    two.append(&media::other_configuration(&options));
    join(and_a_blank(two, SMALL, &options), "a blank disk and several configurations", 3);
    join(Rig::blank(&[SMALL], &options), "live disks of a configuration", 0);
    // A container whose records are longer than its element slots need.
    let mut longer = options;
    longer.max_primary_element_entries = 64;
    let mut rig = container(2, &longer);
    each_header(&mut rig, |header| {
        header.max_primary_element_entries.set(ByteOrder::Big, 16);
    });
    join(and_a_blank(rig, SMALL, &longer), "the configuration has tables of other sizes", 2);
}

/// Edits every header in memory.
fn each_header(rig: &mut Rig, edit: impl Fn(&mut DdfHeader)) {
    for disk in &mut rig.disks {
        for (_, bytes) in &mut disk.pieces {
            if DdfHeader::byte_order(bytes).is_some() {
                edit(DdfHeader::view_mut(&mut bytes[..512]).unwrap());
                raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut bytes[..512]);
            }
        }
    }
}

#[test]
fn spares() {
    let mut rig = container(6, &small_tables());
    let array = rig.create("five", five(), &[0, 1, 2]).unwrap();
    let assign = |rig: &mut Rig, words: &str, disk: usize, serves: &[Served]| {
        let request = SpareRequest::dedicated(disk, serves);
        refused(rig, words, |d, stamp| Ddf::new().assign_spare(d, &request, stamp));
    };
    assign(&mut rig, "a member of an array", 0, &[]);
    assign(&mut rig, "no such array", 3, &[Served::all(ArrayId([7; 24]))]);
    assign(&mut rig, "no such place", 3, &[Served::set(array, 1)]);
    // A record of 1024 bytes has 31 entries.
    assign(&mut rig, "sets that a spare serves", 3, &[Served::all(array); 32]);
    let member = rig.told().disks[4].id;
    let missing = DiskCondition { missing: true, ..DiskCondition::default() };
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().set_disk_condition(disks, member, missing, stamp)).unwrap();
    assign(&mut rig, "failed, missing or being filled", 4, &[]);
    let (stamp, revertible) =
        (rig.stamp(), SpareRequest { revertible: true, ..SpareRequest::global(3) });
    rig.edit(|disks| Ddf::new().assign_spare(disks, &revertible, stamp)).unwrap();
    assign(&mut rig, "a spare already", 3, &[]);
    // Slots of an unused disk full of vendor's records.
    let arrays = [
        array,
        rig.create("two", pair(), &[0, 1]).unwrap(),
        rig.create("three", pair(), &[2, 5]).unwrap(),
    ];
    let release = |rig: &mut Rig, words: &str, disk: usize| {
        refused(rig, words, |d, stamp| Ddf::new().release_spare(d, disk, stamp));
    };
    release(&mut rig, "not a spare", 0);
    release(&mut rig, "not a live disk of this format", 9);
    rig.set_state(array, 0, &failed(0)).unwrap();
    let activate = |rig: &mut Rig, words: &str, slot: u8, spare: usize| {
        let place = Place { set: 0, slot: Slot(slot) };
        refused(rig, words, |d, stamp| Ddf::new().activate(d, array, place, spare, stamp));
    };
    activate(&mut rig, "no such place", 3, 3);
    activate(&mut rig, "slot whose member has not failed", 1, 3);
    activate(&mut rig, "not a live disk of the array's configuration", 0, 9);
    activate(&mut rig, "failed, missing or being filled", 0, 4);
    activate(&mut rig, "a member of the set already", 0, 1);
    activate(&mut rig, "not a spare", 0, 5);
    let (stamp, place) = (rig.stamp(), Place { set: 0, slot: Slot(0) });
    rig.edit(|disks| Ddf::new().activate(disks, array, place, 3, stamp)).unwrap();
    release(&mut rig, "a member of an array", 3);
    let mut rig = container(5, &small_tables());
    let shapes = [(five(), vec![0, 1, 2]), (pair(), vec![0, 1]), (pair(), vec![2, 3])];
    let arrays_here: Vec<_> = (shapes.iter().enumerate())
        .map(|(number, (shape, disks))| rig.create(&number.to_string(), *shape, disks).unwrap())
        .collect();
    assert_eq!(arrays_here.len(), arrays.len());
    for array in arrays_here {
        let stamp = rig.stamp();
        rig.edit(|d| raid_ddf::set_vendor_record(d, 4, array, b"x", stamp)).unwrap();
    }
    assign(&mut rig, "no room for a spare assignment record", 4, &[]);
}

#[test]
fn spares_that_do_not_fit() {
    let mut rig = container(6, &small_tables());
    let array = rig.create("five", five(), &[0, 1, 2]).unwrap();
    let other = rig.create("pair", pair(), &[0, 1]).unwrap();
    let large = Geometry { member_blocks: Blocks(62_000), ..pair() };
    rig.create("large", large, &[3, 4]).unwrap();
    rig.set_state(array, 0, &failed(2)).unwrap();
    // A global spare as mdadm has it: no assignment, and a member of something else.
    let stamp = rig.stamp();
    let serves = [Served::all(other)];
    let dedicated = SpareRequest::dedicated(5, &serves);
    rig.edit(|disks| Ddf::new().assign_spare(disks, &dedicated, stamp)).unwrap();
    let place = Place { set: 0, slot: Slot(2) };
    let activate = |rig: &mut Rig, words: &str, spare: usize| {
        refused(rig, words, |d, stamp| Ddf::new().activate(d, array, place, spare, stamp));
    };
    activate(&mut rig, "a spare of other arrays", 5);
    // As firmware does that makes a spare of a disk with an array on it.
    let mut rig = container(3, &small_tables());
    let array = rig.create("pair", pair(), &[0, 1]).unwrap();
    rig.set_state(array, 0, &failed(1)).unwrap();
    let (stamp, revertible) =
        (rig.stamp(), SpareRequest { revertible: true, ..SpareRequest::global(2) });
    rig.edit(|disks| Ddf::new().assign_spare(disks, &revertible, stamp)).unwrap();
    // Its two other slots are the vendor's.
    for number in 0..2u8 {
        let id = if number == 0 {
            array
        } else {
            rig.create("single", geometry(Level::Single, Placement::Fixed, 1), &[0]).unwrap()
        };
        let stamp = rig.stamp();
        rig.edit(|d| raid_ddf::set_vendor_record(d, 2, id, b"x", stamp)).unwrap();
    }
    let place = Place { set: 0, slot: Slot(1) };
    refused(&mut rig, "no room for another configuration record", |d, stamp| {
        Ddf::new().activate(d, array, place, 2, stamp)
    });
    // A smaller disk.
    let half = DiskShape { blocks: Blocks(65_536 + 1024), block_size: 512 };
    let mut rig = Rig::blank(&[SMALL, SMALL, half], &small_tables());
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &small_tables())).unwrap();
    let array = rig.create("pair", pair(), &[0, 1]).unwrap();
    rig.set_state(array, 0, &failed(1)).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
    refused(&mut rig, "no room for another extent of this size", |d, stamp| {
        Ddf::new().activate(d, array, place, 2, stamp)
    });
}

#[test]
fn disks_that_leave_and_conditions() {
    let mut rig = container(2, &small_tables());
    let array = rig.create("single", geometry(Level::Single, Placement::Fixed, 1), &[0]).unwrap();
    let ids: Vec<MemberId> = rig.told().disks.iter().map(|disk| disk.id).collect();
    let remove = |rig: &mut Rig, words: &str, id: MemberId| {
        refused(rig, words, |d, stamp| Ddf::new().remove_disk(d, id, stamp));
    };
    remove(&mut rig, "listed by no configuration", MemberId([7; 24]));
    remove(&mut rig, "a member of an array", ids[0]);
    let gone = DiskCondition { failed: true, ..DiskCondition::default() };
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().set_disk_condition(disks, ids[0], gone, stamp)).unwrap();
    refused(&mut rig, "a member that was given up", |d, stamp| {
        Ddf::new().set_disk_condition(d, ids[0], DiskCondition::default(), stamp)
    });
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().delete_array(disks, array, stamp)).unwrap();
    refused(&mut rig, "no such array", |d, stamp| Ddf::new().delete_array(d, array, stamp));
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().remove_disk(disks, ids[0], stamp)).unwrap();
    rig.live[0] = false;
    remove(&mut rig, "the last disk of its configuration", ids[1]);
    let nobody = ArrayId([7; 24]);
    refused(&mut rig, "no such array", |d, stamp| Ddf::new().import(d, nobody, stamp));
    refused(&mut rig, "no such array", |d, stamp| Ddf::new().dissolve(d, nobody, stamp));
}

#[test]
fn bad_ranges() {
    let mut options = small_tables();
    options.revision = Some(Revision::V2_0);
    options.bad_block_log = Some(BadBlockOptions { entries: 1, spare_blocks: 64 });
    let mut rig = container(1, &options);
    let spares = SMALL.blocks.0 - 32_768 - 64;
    let add = |rig: &mut Rig, words: &str, start: u64, len: u64, to: Option<u64>| {
        let range = BadBlocks { bad: Extent::new(start, len), moved_to: to.map(Lba) };
        refused(rig, words, |d, stamp| Ddf::new().add_bad_blocks(d, 0, range, stamp));
    };
    add(&mut rig, "marks of blocks that are not moved", 0, 1, None);
    add(&mut rig, "blocks of a bad range", 0, 0, Some(spares));
    add(&mut rig, "blocks of a bad range", 0, 65_536, Some(spares));
    add(&mut rig, "end of a bad range", 65_535, 2, Some(spares));
    add(&mut rig, "spare block", 0, 2, Some(spares + 63));
    let range = BadBlocks { bad: Extent::new(10, 4), moved_to: Some(Lba(spares)) };
    let mut full = rig.clone();
    let stamp = full.stamp();
    full.edit(|disks| Ddf::new().add_bad_blocks(disks, 0, range, stamp)).unwrap();
    add(&mut full, "entries of the bad block log", 20, 1, Some(spares + 8));
    options.bad_block_log = Some(BadBlockOptions { entries: 2, spare_blocks: 64 });
    let mut rig = container(1, &options);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_bad_blocks(disks, 0, range, stamp)).unwrap();
    add(&mut rig, "bad block that was moved before", 13, 1, Some(spares + 8));
    add(&mut rig, "spare block that is taken", 20, 1, Some(spares + 3));
    add(&mut container(1, &small_tables()), "without a bad block log", 0, 1, Some(spares));
    each_header(&mut rig, |header| header.ddf_header_guid.0[0] = b'X');
    add(&mut rig, "bad blocks in a log of another vendor's", 20, 1, Some(spares + 8));
}

/// Disks that cannot be written as one configuration, and copies that cannot be trusted.
#[test]
fn configurations_that_do_not_fit_together() {
    let options = small_tables();
    let made = || {
        let mut rig = container(2, &options);
        let array = rig.create("pair", pair(), &[0, 1]).unwrap();
        (rig, array)
    };
    let update = |rig: &mut Rig, words: &str, array: ArrayId| {
        refused(rig, words, |d, stamp| Ddf::new().set_state(d, array, 0, &failed(0), stamp));
    };
    let only = |disk: usize, edit: &dyn Fn(&mut DdfHeader)| {
        let (mut rig, array) = made();
        let mut other = rig.clone();
        each_header(&mut other, edit);
        rig.disks[disk] = other.disks[disk].clone();
        (rig, array)
    };
    let (mut rig, array) = only(1, &|header| {
        header.max_primary_element_entries.set(ByteOrder::Big, 8);
    });
    update(&mut rig, "other tables than the rest of the configuration", array);
    let (mut rig, array) = only(1, &|header| header.primary_header_lba.set(ByteOrder::Big, 5));
    // One copy is left, and the other one is where volumes keep data.
    update(&mut rig, "damaged copy in the part that volumes use", array);
    let (mut rig, array) = only(1, &|header| {
        header.primary_header_lba.set(ByteOrder::Big, 5);
        header.secondary_header_lba.set(ByteOrder::Big, 5);
    });
    update(&mut rig, "neither copy of the structure can be used", array);
    let (mut rig, array) = only(1, &|header| {
        header.sections[6].offset.set(ByteOrder::Big, 0);
        header.sections[6].length.set(ByteOrder::Big, 4);
    });
    update(&mut rig, "two parts of the metadata overlap", array);
    let (mut rig, array) = only(1, &|header| {
        header.sections[6].offset.set(ByteOrder::Big, 1 << 30);
        header.sections[6].length.set(ByteOrder::Big, 4);
    });
    update(&mut rig, "a part of the metadata lies outside the disk", array);
    // A disk that was removed while it was away comes back.
    let mut rig = container(3, &options);
    let array = rig.create("pair", pair(), &[0, 1]).unwrap();
    let third = rig.told().disks[2].id;
    rig.live[2] = false;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().remove_disk(disks, third, stamp)).unwrap();
    rig.live[2] = true;
    update(&mut rig, "not listed by the newest physical disk records", array);
}
