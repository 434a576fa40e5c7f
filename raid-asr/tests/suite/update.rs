// SPDX-License-Identifier: MIT OR Apache-2.0
//! Run-time changes: what they record, what they keep, and what they refuse.

use crate::generator::{
    self, Disk, Image, REAL_TAIL, global_spare, magic, members, one_level, two_levels,
};
use crate::rig::{self, MEMBER, Rig, SMALL, geometry, healthy, joined, raid10, slots};
use proptest::prelude::*;
use raid_asr::{Asr, MemberOrder, RaidTable, Record, finding};
use raid_core::array::{ArrayId, ArrayState, Initialisation, Level, MemberState, Place, Secondary};
use raid_core::metadata::{
    Admin, ChangeError, Format, Operation, Progress, RunTime, RuntimeState, Served, SpareRequest,
};
use raid_core::units::{Row, Slot, SlotSet};

use MemberState::{Failed, InSync, Missing, Rebuilding, Stale};

const TABLE: u64 = SMALL.blocks.0 - 17;

fn place(set: u16, slot: u8) -> Place {
    Place { set, slot: Slot(slot) }
}

fn id(raidmagic: u32) -> ArrayId {
    let mut id = [0; 24];
    id[..4].copy_from_slice(&raidmagic.to_be_bytes());
    ArrayId(id)
}

fn states(rig: &Rig) -> Vec<MemberState> {
    rig.members().into_iter().map(|member| member.1).collect()
}

fn failed(slots: &[u8]) -> RuntimeState {
    RuntimeState { clean: false, failed: rig::slots(slots), ..healthy() }
}

/// Writes the change, and reads the disks again.
fn written(rig: &mut Rig, change: impl FnOnce(&mut Rig) -> Result<(), ChangeError>) {
    change(rig).unwrap();
    rig.commit();
    rig.reread();
}

fn any_state(slots: u16) -> impl Strategy<Value = RuntimeState> {
    let bits = 0u8..1 << slots;
    let of = |bits: u8| -> SlotSet { (0..8).filter(|n| bits >> n & 1 == 1).map(Slot).collect() };
    (any::<bool>(), bits.clone(), bits.clone(), bits, 0u8..3, 0u8..6, 0..=MEMBER).prop_map(
        move |(clean, failed, rebuilding, targets, initialisation, operation, mark)| {
            let rebuilding = of(rebuilding & !failed);
            let targets = of(targets) & rebuilding;
            RuntimeState {
                clean,
                failed: of(failed),
                rebuilding,
                initialisation: match initialisation {
                    0 => Initialisation::None,
                    1 => Initialisation::Running,
                    _ => Initialisation::Full,
                },
                progress: match operation {
                    0 if !targets.is_empty() => Some(Operation::Rebuild { targets }),
                    1 => Some(Operation::Resync),
                    2 => Some(Operation::Initialise),
                    3 => Some(Operation::Check),
                    4 => Some(Operation::Repair),
                    _ => None,
                }
                .map(|operation| Progress { operation, mark: Row(mark) }),
            }
        },
    )
}

/// What of a state the format keeps, told independently of how it does.
fn kept(state: &RuntimeState, slots: u16) -> RuntimeState {
    let mut kept = *state;
    let in_sync = SlotSet::first(slots).without(state.failed | state.rebuilding).len();
    let rebuild = match state.operation() {
        Some(Operation::Rebuild { .. }) => state.operation(),
        _ => None,
    };
    // One copy is its own redundancy, and agrees with itself.
    if in_sync < 2 {
        kept.initialisation = Initialisation::Full;
    }
    let operation = match (kept.initialisation, state.operation()) {
        _ if in_sync == 0 => rebuild,
        (Initialisation::None, _) => rebuild,
        (Initialisation::Running, _) => Some(Operation::Initialise),
        // Initialising what is initialised is to make copies agree.
        (Initialisation::Full, Some(Operation::Initialise)) => Some(Operation::Resync),
        (Initialisation::Full, operation) => operation,
    };
    // Array lines have no room for another operation's mark, nor for one beside a first build.
    let own = match (operation, state.operation()) {
        (Some(Operation::Initialise), Some(Operation::Initialise | Operation::Resync)) => true,
        (Some(Operation::Initialise), _) | (None, _) => false,
        _ => in_sync > 0 && kept.initialisation == Initialisation::Full,
    };
    let mark = if own && kept.clean { state.mark().0 / 128 * 128 } else { 0 };
    kept.progress = operation.map(|operation| Progress { operation, mark: Row(mark) });
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    #[cfg_attr(miri, ignore = "hundreds of states")]
    fn a_state_is_read_as_it_was_recorded(
        states in proptest::collection::vec((0u16..2, any_state(3)), 1..8),
        wide in any::<bool>(),
    ) {
        let sets = if wide { 2 } else { 1 };
        let shape = raid_core::array::Geometry { slots: 3, ..raid10(sets) };
        let (mut rig, array) = Rig::with_array(shape, usize::from(3 * sets));
        let mut last = vec![healthy(); usize::from(sets)];
        for (set, state) in states {
            let set = set % sets;
            let (old, known) = (rig.media.clone(), last[0].failed | last[0].rebuilding);
            rig.set_state(array, set, &state).unwrap();
            rig.commit();
            rig.reread();
            last[usize::from(set)] = kept(&state, 3);
            for set in 0..sets {
                let found = rig.state(array, set).unwrap();
                prop_assert_eq!(&found, &last[usize::from(set)], "set {} after {:?}", set, state);
            }
            let clean = last.iter().all(|state| state.clean);
            prop_assert_eq!(rig.found().arrays[0].clean, clean);
            // What was read is recorded once more, to finish an update that was cut short: a new
            // generation would leave the copies that it has not reached two behind.
            let named = last[0].failed | last[0].rebuilding;
            if !named.contains(Slot(1)) && named.len() < 2 && named.contains_all(known) {
                let mut cut = rig.clone();
                cut.media[1] = old[1].clone();
                cut.reread();
                let found = cut.state(array, set).unwrap();
                prop_assert_eq!(&found, &last[usize::from(set)]);
                cut.set_state(array, set, &found).unwrap();
                prop_assert!(cut.buffers == rig.buffers, "after {:?}", state);
            }
        }
    }
}

#[test]
fn the_real_table_is_written_as_it_was_read() {
    let image = Image { blocks: 17_942_584, tail: REAL_TAIL.to_vec() };
    let mut rig = Rig::of_images(std::slice::from_ref(&image));
    let found = rig.found().arrays[0];
    rig.align(found.id, 1);
    rig.reread();
    let read = rig.media[0].read(17_942_584 - 17, 17);
    // But for the generation, the time, and the checksum.
    let lines = (0..3).map(|line| 64 + line * 64 + 2..64 + line * 64 + 4);
    let allowed: Vec<usize> = [0x0E..0x10, 0x1C..0x20].into_iter().chain(lines).flatten().collect();
    let changed = changed(REAL_TAIL, &read);
    assert!(changed.iter().all(|at| allowed.contains(at)), "{changed:x?}");
}

/// Which bytes of two images differ.
fn changed(before: &[u8], after: &[u8]) -> Vec<usize> {
    (0..before.len()).filter(|at| before[*at] != after[*at]).collect()
}

/// Every byte that has no part in a change is on the disk as before: fields without a known use,
/// unused lines, other arrays' lines, the reserved block with its scratch buffer.
#[test]
fn a_change_touches_its_own_fields_and_nothing_else() {
    let mut lines = one_level(1, 2);
    lines.extend(
        one_level(0, 2)
            .into_iter()
            .map(|line| generator::Line { magic: line.magic ^ 0x40, ..line }),
    );
    let mut images: Vec<Image> = members(&lines)[..2].iter().map(Disk::image).collect();
    for image in &mut images {
        for line in 0..127 {
            let at = 64 + line * 64;
            let own = line < lines.len();
            let unknown = [0x0C..0x0D, 0x1E..0x28, 0x2C..0x30, 0x0F..0x10];
            for range in unknown.into_iter().chain((!own).then_some(0..64)) {
                image.tail[at + range.start..at + range.end].fill(0xA5);
            }
        }
        for range in [0x10..0x21, 0x22..0x24, 0x2C..0x40] {
            image.tail[range].fill(0x5A);
        }
        for range in [4..0x3F, 0x44..0x100, 0x108..0x200] {
            image.tail[8192 + range.start..8192 + range.end].fill(0xC3);
        }
        RaidTable::view_mut(&mut image.tail).unwrap().seal();
    }
    let mut rig = Rig::of_images(&images);
    let operation = Operation::Rebuild { targets: slots(&[1]) };
    let progress = Some(Progress { operation, mark: Row(640) });
    let state = RuntimeState { rebuilding: slots(&[1]), progress, ..healthy() };
    written(&mut rig, |rig| rig.set_state(id(0x1234_5678), 0, &state));
    let allowed: Vec<usize> = [0x0E..0x10, 0x1C..0x20]
        .into_iter()
        .chain((0..3).map(|line| 64 + line * 64 + 2..64 + line * 64 + 4))
        .chain([64 + 0x0A..64 + 0x0C, 64 + 0x28..64 + 0x2C, 192 + 0x0A..192 + 0x0B])
        .flatten()
        .collect();
    for (image, medium) in images.iter().zip(&rig.media) {
        let after = medium.read(image.blocks - 17, 17);
        let changed = changed(&image.tail, &after);
        assert!(changed.iter().all(|at| allowed.contains(at)), "{changed:x?}");
        assert_eq!(after[64 + 0x0A], 0x02);
        assert_eq!(after[192 + 0x0A], 0x24);
        assert_eq!(after[64 + 0x28..64 + 0x2C], 640u32.to_be_bytes());
    }
    assert_eq!(rig.state(id(0x1234_5678), 0), Some(state));
}

#[test]
fn a_table_is_written_where_the_reserved_block_points() {
    let lines = one_level(1, 2);
    let mut disk = Disk::new(magic(0), &lines);
    disk.pointer = Some(60_000);
    let mut rig = Rig::of_images(&[disk.image(), Disk::new(magic(1), &lines).image()]);
    rig.media[0].write(60_000, &disk.table());
    rig.media[0].write(65_536 - 17, &[0; 8192]);
    // The rig reads the tail only: give it the moved table by hand.
    let moved = (raid_core::units::Lba(60_000), disk.table());
    rig.buffers[0].pieces = vec![(raid_core::units::Lba(65_535), disk.reserved_block()), moved];
    rig.live[0] = true;
    rig.set_state(id(0x1234_5678), 0, &failed(&[])).unwrap();
    rig.commit();
    assert_eq!(rig.media[0].read(60_000, 1)[0x21], 3);
    assert_eq!(rig.media[1].read(65_536 - 17, 1)[0x21], 3);
    assert!(rig.media[0].read(65_536 - 17, 16).iter().all(|byte| *byte == 0));
}

#[test]
fn a_disk_that_an_update_did_not_reach_is_told_from_one_that_was_not_there() {
    let (before, array) = Rig::with_array(geometry(Level::Raid1, 3), 3);
    // Disk 2 takes part, and the power goes before it is written.
    let mut cut = before.clone();
    cut.set_state(array, 0, &failed(&[])).unwrap();
    cut.commit();
    cut.media[2] = before.media[2].clone();
    cut.reread();
    assert_eq!(states(&cut), [InSync; 3]);
    assert!(cut.found().has(finding::TORN_UPDATE));
    // Disk 2 is not there.
    let mut absent = before.clone();
    absent.live[2] = false;
    absent.set_state(array, 0, &failed(&[])).unwrap();
    absent.commit();
    absent.reread();
    assert_eq!(states(&absent), [InSync, InSync, Stale]);
    // Two updates behind.
    let mut behind = before.clone();
    for clean in [false, true] {
        behind.set_state(array, 0, &RuntimeState { clean, ..healthy() }).unwrap();
    }
    behind.commit();
    behind.media[2] = before.media[2].clone();
    behind.reread();
    assert_eq!(states(&behind), [InSync, InSync, Stale]);
    // A writer that keeps no timestamp, which nobody knows more of.
    let mut new = one_level(1, 2);
    new.iter_mut().for_each(|line| line.sequence = 2);
    let disks = [Disk::new(magic(0), &new), Disk::new(magic(1), &one_level(1, 2))];
    assert_eq!(generator::assemble(&disks).members[1].state, Stale);
}

/// `raidseq` goes round after 65536 changes; a disk that was away for longer is not taken for newer.
#[test]
#[cfg_attr(miri, ignore = "100 000 changes")]
fn a_member_that_was_away_for_a_round_of_the_generation_is_stale() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 2);
    let old = rig.media[1].clone();
    rig.live[1] = false;
    rig.set_state(array, 0, &failed(&[1])).unwrap();
    for round in 0..100_000u32 {
        let state = RuntimeState { clean: round % 2 == 0, ..failed(&[1]) };
        rig.set_state(array, 0, &state).unwrap();
        if round % 9_973 == 0 || [0x7FFE, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF].contains(&round) {
            rig.commit();
            let mut back = rig.clone();
            back.media[1] = old.clone();
            back.reread();
            assert_eq!(states(&back), [InSync, Failed], "after {round}");
        }
    }
}

#[test]
fn sets_of_an_array_become_clean_one_by_one() {
    let (mut rig, array) = Rig::with_array(raid10(3), 6);
    let open = RuntimeState { clean: false, ..healthy() };
    for set in 0..3 {
        written(&mut rig, |rig| rig.set_state(array, set, &open));
    }
    let clean = |rig: &Rig| [0, 1, 2].map(|set| rig.state(array, set).unwrap().clean);
    assert_eq!(clean(&rig), [false; 3]);
    written(&mut rig, |rig| rig.set_state(array, 1, &healthy()));
    assert_eq!(clean(&rig), [false, true, false]);
    assert!(!rig.found().arrays[0].clean);
    for set in [0, 2] {
        written(&mut rig, |rig| rig.set_state(array, set, &healthy()));
    }
    assert_eq!((clean(&rig), rig.found().arrays[0].clean), ([true; 3], true));
    // Who does not know the flags says open of the whole, and then it is.
    let mut lines = two_levels(0, 1, 2);
    lines[1].flags = 0;
    let mut disks = members(&lines);
    disks.iter_mut().for_each(|disk| disk.dirty = 3);
    let foreign = Rig::of_images(&disks.iter().map(Disk::image).collect::<Vec<_>>());
    assert!((0..2).all(|set| !foreign.state(id(0x2222_0000), set).unwrap().clean));
}

#[test]
fn a_mark_counts_only_where_the_array_was_closed() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 2);
    let targets = slots(&[1]);
    let state = |clean| RuntimeState {
        clean,
        rebuilding: targets,
        progress: Some(Progress { operation: Operation::Rebuild { targets }, mark: Row(1000) }),
        ..healthy()
    };
    written(&mut rig, |rig| rig.set_state(array, 0, &state(false)));
    assert_eq!(rig.media[0].read(TABLE, 1)[64 + 0x28..64 + 0x2C], [0; 4]);
    assert_eq!(rig.state(array, 0).unwrap().mark(), Row(0));
    written(&mut rig, |rig| rig.set_state(array, 0, &state(true)));
    assert_eq!(rig.media[0].read(TABLE, 1)[64 + 0x28..64 + 0x2C], 896u32.to_be_bytes());
    assert_eq!(rig.state(array, 0).unwrap().mark(), Row(896));
}

#[test]
fn a_spare_takes_the_place_and_the_address_of_the_failed_member() {
    for dedicated in [false, true] {
        let (mut rig, array) = Rig::with_array(raid10(2), 5);
        let serves = [Served::all(array)];
        let request = match dedicated {
            true => SpareRequest::dedicated(4, &serves),
            false => SpareRequest::global(4),
        };
        let stamp = rig.stamp();
        written(&mut rig, |rig| rig.edit(|disks| Asr::new().assign_spare(disks, &request, stamp)));
        let refused = |rig: &mut Rig, place, spare| {
            let before = rig.buffers.clone();
            let stamp = rig.stamp();
            let result = rig.edit(|disks| Asr::new().activate(disks, array, place, spare, stamp));
            assert_eq!(rig.buffers, before, "a refused change changed something");
            result.unwrap_err()
        };
        let error = refused(&mut rig, place(0, 0), 4);
        assert!(matches!(error, ChangeError::Invalid { .. }), "{error}");
        rig.live[0] = false;
        written(&mut rig, |rig| rig.set_state(array, 0, &failed(&[0])));
        rig.live[0] = false;
        for (place, spare) in [(place(0, 2), 4), (place(2, 0), 4)] {
            assert_eq!(refused(&mut rig, place, spare), ChangeError::NoSuchPlace(place));
        }
        for spare in [0, 1, 9] {
            let error = refused(&mut rig, place(0, 0), spare);
            assert!(matches!(error, ChangeError::Disk { .. }), "{error}");
        }
        let before = rig.media[1].read(TABLE, 1);
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().activate(disks, array, place(0, 0), 4, stamp)).unwrap();
        rig.commit();
        rig.reread();
        let found = rig.found();
        assert_eq!(found.arrays[0].state, ArrayState::Degraded, "{found:#?}");
        assert_eq!(found.members[0].disk, Some(4));
        assert_eq!(states(&rig), [Rebuilding, InSync, InSync, InSync]);
        let state = rig.state(array, 0).unwrap();
        assert_eq!(state.operation(), Some(Operation::Rebuild { targets: slots(&[0]) }));
        // Another address would put the first set last, for readers that sort by it.
        let after = rig.media[4].read(TABLE, 1);
        assert_eq!(after[192 + 0x0D..192 + 0x14], before[192 + 0x0D..192 + 0x14]);
        assert_eq!(after[0x24..0x2C], [0; 8], "the spare is none any more");
        // The disk that failed is in no place when it comes back, whatever it says.
        assert!(found.has(finding::NOT_IN_NEWEST));
        written(&mut rig, |rig| rig.set_state(array, 0, &healthy()));
        assert_eq!(states(&rig), [InSync; 4]);
    }
}

#[test]
fn a_spare_that_does_not_fit_is_refused() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 4);
    let small = raid_core::metadata::DiskShape { blocks: raid_core::units::Blocks(8192), ..SMALL };
    let small = rig.insert(small);
    let other = rig.create("other", geometry(Level::Single, 1), &[3]).unwrap();
    let serves = [Served::all(other)];
    let stamp = rig.stamp();
    rig.edit(|disks| Asr::new().add_spare(disks, small, stamp)).unwrap();
    rig.edit(|disks| Asr::new().assign_spare(disks, &SpareRequest::dedicated(2, &serves), stamp))
        .unwrap();
    rig.live[0] = false;
    rig.set_state(array, 0, &failed(&[0])).unwrap();
    for (spare, what) in [(small, "smaller"), (2, "another array"), (3, "not a spare")] {
        let before = rig.buffers.clone();
        let result = rig.edit(|disks| Asr::new().activate(disks, array, place(0, 0), spare, stamp));
        assert!(result.unwrap_err().to_string().contains(what));
        assert_eq!(rig.buffers, before);
    }
    // A spare that its own table calls failed.
    let mut bad = global_spare(magic(9));
    bad.lines[1].state = 0x03;
    let mut lines = one_level(1, 2);
    lines[2].state = 0x03;
    let images = [Disk::new(magic(0), &lines).image(), bad.image()];
    let mut rig = Rig::of_images(&images);
    let result =
        rig.edit(|disks| Asr::new().activate(disks, id(0x1234_5678), place(0, 1), 1, stamp));
    assert!(result.unwrap_err().to_string().contains("not usable"));
}

#[test]
fn changes_of_what_is_not_there_are_refused() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 3);
    let before = rig.buffers.clone();
    let stamp = rig.stamp();
    for unknown in [id(0x0BAD_CAFE), ArrayId([7; 24]), ArrayId::ANY] {
        let none = ChangeError::NoSuchArray(unknown);
        assert_eq!(rig.set_state(unknown, 0, &healthy()), Err(none));
        assert_eq!(rig.edit(|disks| Asr::new().delete_array(disks, unknown, stamp)), Err(none));
        assert_eq!(rig.edit(|disks| Asr::new().dissolve(disks, unknown, stamp)), Err(none));
        assert_eq!(rig.state(unknown, 0), None);
    }
    assert_eq!(rig.set_state(array, 1, &healthy()), Err(ChangeError::NoSuchPlace(place(1, 0))));
    let beyond = ChangeError::NoSuchPlace(place(0, 2));
    assert_eq!(rig.set_state(array, 0, &failed(&[2])), Err(beyond));
    let copy = rig.insert(SMALL);
    rig.buffers[copy] = rig.buffers[1].clone();
    let twice = rig.set_state(array, 0, &failed(&[]));
    assert_eq!(rig.buffers[..3], before);
    assert!(matches!(twice, Err(ChangeError::Disk { disk: 3, .. })), "{twice:?}");
}

#[test]
fn a_member_without_a_table_gets_one_again() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid0, 2), 2);
    rig.media[1].write(TABLE, &[0; 8192]);
    rig.reread();
    assert!(rig.found().has(finding::NO_OWN_COPY));
    rig.live[1] = true;
    rig.align(array, 1);
    assert_eq!(rig.found().findings, []);
}

#[test]
fn a_deleted_array_is_gone_and_its_disks_serve_again() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 5);
    let other = rig.create("other", geometry(Level::Raid1, 2), &[2, 3]).unwrap();
    let serves = [Served::all(array)];
    let stamp = rig.stamp();
    rig.edit(|disks| Asr::new().assign_spare(disks, &SpareRequest::dedicated(4, &serves), stamp))
        .unwrap();
    rig.commit();
    rig.reread();
    // Disk 1 is not there while the array is deleted.
    let mut short = rig.clone();
    short.live[1] = false;
    let stamp = short.stamp();
    written(&mut short, |rig| rig.edit(|disks| Asr::new().delete_array(disks, array, stamp)));
    let found = short.found();
    assert_eq!(found.arrays.iter().map(|a| a.id).collect::<Vec<_>>(), [other]);
    assert!(found.has(finding::DELETED));
    assert_eq!(found.disks[4].role.name(), "dedicated spare");
    // The rest of it.
    let stamp = short.stamp();
    written(&mut short, |rig| rig.edit(|disks| Asr::new().dissolve(disks, array, stamp)));
    let roles: Vec<&str> = short.found().disks.iter().map(|disk| disk.role.name()).collect();
    assert_eq!(roles, ["unused", "unused", "member", "member", "unused"]);
    assert_eq!(short.found().findings, []);
    short.create("array", geometry(Level::Raid1, 3), &[0, 1, 4]).unwrap();
    short.commit();
    short.reread();
    assert_eq!(short.found().findings, []);
    assert_eq!(short.found().arrays.len(), 2);
    for disk in 0..5 {
        short.erase(disk);
    }
    short.reread();
    assert_eq!(short.found(), generator::Found::default());
}

/// Table order and address order differ: the caller says which, and places are counted in that one.
#[test]
fn the_caller_decides_between_table_order_and_address_order() {
    let mut lines = one_level(0, 3);
    lines[1].id = 7;
    let images: Vec<Image> = members(&lines).iter().map(Disk::image).collect();
    let mut rig = Rig::of_images(&images);
    assert_eq!(rig.found().arrays[0].state, ArrayState::Failed);
    for (order, disks) in [(MemberOrder::Table, [0, 1, 2]), (MemberOrder::Address, [1, 2, 0])] {
        let format = Asr::new().with_order(order);
        let found = rig.found_by(&format);
        assert_eq!(found.arrays[0].state, ArrayState::Optimal, "{order:?}");
        assert!(found.has(finding::ORDER_DECIDED) && !found.has(finding::ORDER));
        let at: Vec<usize> = found.members.iter().map(|member| member.disk.unwrap()).collect();
        assert_eq!(at, disks);
        assert_eq!(format.name(), Asr::new().name());
    }
    // Slot 0 by address is the second line.
    let by_address = Asr::new().with_order(MemberOrder::Address);
    let stamp = rig.stamp();
    let array = id(0x1234_5678);
    rig.edit(|disks| by_address.set_state(disks, array, 0, &failed(&[0]), stamp)).unwrap();
    assert_eq!(rig.view(|disks| by_address.state(disks, array, 0)).unwrap().failed, slots(&[0]));
    assert_eq!(rig.state(array, 0).unwrap().failed, slots(&[1]));
    // Striped mirrors: the order of the sets counts.
    let mut lines = two_levels(0, 1, 2);
    (lines[2].id, lines[3].id) = (8, 9);
    let rig = Rig::of_images(&members(&lines).iter().map(Disk::image).collect::<Vec<_>>());
    let found = rig.found_by(&by_address);
    let at: Vec<usize> = found.members.iter().map(|member| member.disk.unwrap()).collect();
    assert_eq!((at, found.arrays[0].state), (vec![2, 3, 0, 1], ArrayState::Optimal));
}

#[test]
fn a_dead_stripe_under_a_mirror_leaves_the_other_one() {
    let (mut rig, array) = Rig::with_array(joined(Level::Raid0, Secondary::Mirrored, 2), 4);
    written(&mut rig, |rig| {
        rig.live[1] = false;
        rig.set_state(array, 0, &failed(&[1]))
    });
    let found = rig.found();
    assert_eq!(found.arrays[0].state, ArrayState::Degraded, "{:#?}", found.findings);
    assert_eq!(states(&rig), [InSync, Failed, InSync, InSync]);
    written(&mut rig, |rig| rig.set_state(array, 1, &failed(&[0])));
    assert_eq!(rig.found().arrays[0].state, ArrayState::Failed);
}

#[test]
fn a_claimed_spare_is_a_member_before_its_own_table_says_so() {
    let mut lines = one_level(1, 2);
    lines[0].state = 0x02;
    lines[2].state = 0x24;
    lines[2].magic = magic(9);
    let found = generator::assemble(&[Disk::new(magic(0), &lines), global_spare(magic(9))]);
    assert_eq!((found.disks[1].role.name(), found.disks[1].role.is_spare()), ("member", false));
    assert_eq!(found.disks[1].configuration, found.disks[0].configuration);
    let free =
        generator::assemble(&[Disk::new(magic(0), &one_level(1, 2)), global_spare(magic(9))]);
    assert_eq!(free.disks[1].configuration, ArrayId::ANY);
    assert_eq!(free.members[1].state, Missing);
}

/// The generation decides, however far apart timestamps are that another writer set in units of its
/// own.
#[test]
fn the_generation_goes_before_the_timestamp_of_a_member_that_took_part() {
    let mut new = one_level(1, 2);
    new.iter_mut().for_each(|line| line.sequence = 5);
    let old = Disk { timestamp: 0x4000_0000, ..Disk::new(magic(0), &one_level(1, 2)) };
    let disks = [old, Disk { timestamp: 7, ..Disk::new(magic(1), &new) }];
    let found = generator::assemble(&disks);
    assert_eq!(found.members.iter().map(|m| m.state).collect::<Vec<_>>(), [Stale, InSync]);
}

/// What the old array says of a disk that serves another one is not the disk's business any more.
#[test]
fn a_disk_that_moved_to_another_array_is_not_written_by_the_old_one() {
    let mut new = one_level(1, 2);
    new[0].magic = 0x7777_0000;
    new[1].magic = magic(1);
    new[2].magic = magic(5);
    let disks = [
        Disk::new(magic(0), &one_level(1, 2)),
        Disk::new(magic(1), &new),
        Disk::new(magic(5), &new),
    ];
    let mut rig = Rig::of_images(&disks.iter().map(Disk::image).collect::<Vec<_>>());
    let before = rig.buffers.clone();
    rig.set_state(id(0x1234_5678), 0, &failed(&[1])).unwrap();
    assert_eq!(rig.buffers[1..], before[1..]);
    assert_ne!(rig.buffers[0], before[0]);
}

/// A copy of the newest generation that says open counts, whichever disk it is on: the mark is covered
/// by no checksum and no generation.
#[test]
fn an_array_is_open_if_any_current_copy_says_so() {
    for disk in 0..2 {
        let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 2);
        assert!(rig.state(array, 0).unwrap().clean);
        let mut block = rig.media[disk].read(TABLE, 1);
        block[0x21] = 3;
        rig.media[disk].write(TABLE, &block);
        rig.reread();
        assert!(!rig.state(array, 0).unwrap().clean, "disk {disk}");
        // A copy of an earlier generation is not asked.
        rig.live[disk] = false;
        written(&mut rig, |rig| rig.set_state(array, 0, &healthy()));
        written(&mut rig, |rig| rig.set_state(array, 0, &failed(&[disk as u8])));
        written(&mut rig, |rig| {
            rig.live[disk] = false;
            rig.set_state(array, 0, &RuntimeState { clean: true, ..failed(&[disk as u8]) })
        });
        assert!(rig.state(array, 0).unwrap().clean, "disk {disk}");
    }
}
