// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power cuts at every point of a commit, on every disk at once: of what was in the disks' caches any
//! part has arrived. A disk writes a block whole or not at all.
//!
//! ```text
//!  disk A   ── ▲ cut        every combination of: how far each disk has got, and which of the
//!  disk B   ───── ▲ cut     writes since its last flush have arrived
//!  disk C   ▲ cut
//! ```
//!
//! What discovery then finds is the old configuration or the new one. Where an update takes more than
//! one block and every copy is torn, each member and the whole are each as before or as after, and
//! the array can be used; nothing was promised of such an update.

use crate::generator;
use crate::rig::{Medium, Rig, SMALL, Stepped, geometry, healthy, joined, raid10, slots};
use raid_asr::{Asr, finding};
use raid_core::array::{
    ArrayId, ArrayState, Geometry, Initialisation, Level, MemberState, Place, Secondary,
};
use raid_core::metadata::{
    Admin, Operation, Progress, RunTime, RuntimeState, Served, Severity, SpareRequest,
};
use raid_core::units::{Lba, Row, Slot};
use std::collections::BTreeSet;

/// An optimised build looks at more combinations.
const MOST: usize = if cfg!(debug_assertions) { 1_000 } else { 400_000 };

/// What matters of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Summary {
    arrays: Vec<(ArrayId, ArrayState, bool, Initialisation)>,
    members: Vec<(Option<usize>, MemberState, Lba)>,
    states: Vec<RuntimeState>,
}

fn summary(rig: &Rig) -> Summary {
    let found = rig.found();
    let arrays = found.arrays.iter().map(|a| (a.id, a.state, a.clean, a.initialisation));
    let members = found.members.iter().map(|m| (m.disk, m.state, m.start));
    let sets = found.arrays.iter().flat_map(|a| (0..a.geometry.sets).map(|set| (a.id, set)));
    let states = sets.filter_map(|(array, set)| rig.state(array, set)).collect();
    Summary { arrays: arrays.collect(), members: members.collect(), states }
}

/// Every state that a cut may leave a disk in, each once.
fn cuts(before: &Medium, steps: &[Stepped]) -> Vec<Medium> {
    let mut states: Vec<Medium> = vec![before.clone()];
    let mut stable = before.clone();
    for pending in steps.split(|step| *step == Stepped::Flush) {
        let writes: Vec<(u64, &[u8])> = pending
            .iter()
            .filter_map(|step| match step {
                Stepped::Write(at, bytes) => Some((*at, bytes.as_slice())),
                Stepped::Flush => None,
            })
            .collect();
        assert!(writes.iter().all(|(_, bytes)| bytes.len() == 512));
        // Of a long run of blocks: none, one, all but one, all, and prefixes.
        let count = writes.len();
        let arrived: Vec<u32> = match count {
            0..=4 => (0..1 << count).collect(),
            _ => (0..count)
                .flat_map(|n| [1 << n, (1 << count) - 1 - (1 << n), (1 << n) - 1])
                .chain([(1 << count) - 1])
                .collect(),
        };
        for arrived in arrived {
            let mut state = stable.clone();
            for (index, (at, bytes)) in writes.iter().enumerate() {
                if arrived & 1 << index != 0 {
                    state.write(*at, bytes);
                }
            }
            if !states.contains(&state) {
                states.push(state);
            }
        }
        writes.iter().for_each(|(at, bytes)| stable.write(*at, bytes));
    }
    states
}

/// How a run over all cuts went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    cuts: usize,
    old: usize,
    new: usize,
    /// Every copy torn: part old, part new.
    mixed: usize,
}

/// Whether `found` is, member by member and field by field, old or new.
fn is_mixed(found: &Summary, old: &Summary, new: &Summary) -> bool {
    let array = |at: usize| {
        let (found, old, new) = (&found.arrays[at], &old.arrays[at], &new.arrays[at]);
        found.0 == old.0
            && [old.2, new.2].contains(&found.2)
            && [old.3, new.3].contains(&found.3)
            && (found.1 != ArrayState::Failed || old.1 == ArrayState::Failed)
    };
    let member = |at: usize| [old.members[at], new.members[at]].contains(&found.members[at]);
    found.arrays.len() == old.arrays.len()
        && found.members.len() == old.members.len()
        && (0..found.arrays.len()).all(array)
        && (0..found.members.len()).all(member)
}

/// Cuts the commit of `edited` at every point of every disk. `before` holds the media from before.
/// What comes out is handed to `then`, a sample of it.
fn explore(before: &Rig, edited: &mut Rig, mut then: impl FnMut(&Rig)) -> Tally {
    let old = summary(before);
    let steps = edited.all_steps();
    let mut finished = before.clone();
    for (medium, steps) in finished.media.iter_mut().zip(&steps) {
        for step in steps {
            if let Stepped::Write(at, bytes) = step {
                medium.write(*at, bytes);
            }
        }
    }
    finished.reread();
    let new = summary(&finished);
    let states: Vec<Vec<Medium>> =
        before.media.iter().zip(&steps).map(|(medium, steps)| cuts(medium, steps)).collect();
    let all: usize = states.iter().map(Vec::len).product();
    // A step that shares no factor with the number of combinations visits different ones.
    let mut stride = (all / MOST).max(1);
    while stride > 1 && gcd(stride, all) != 1 {
        stride += 1;
    }
    let mut tally = Tally::default();
    for combination in (0..all.min(MOST * 2)).map(|n| n * stride % all).collect::<BTreeSet<_>>() {
        let mut rig = before.clone();
        let mut left = combination;
        for (medium, states) in rig.media.iter_mut().zip(&states) {
            *medium = states[left % states.len()].clone();
            left /= states.len();
        }
        rig.reread();
        let found = summary(&rig);
        let told = rig.found();
        let torn = told.findings.iter().any(|f| f.code == finding::CHECKSUM_NOT_MAINTAINED.code);
        let mixed = torn && found != old && found != new && is_mixed(&found, &old, &new);
        assert!(
            found == old || found == new || mixed,
            "combination {combination}:\n{found:#?}\nold {old:#?}\nnew {new:#?}\n{:#?}",
            told.findings
        );
        let was_refused = before.found().findings.iter().any(|f| f.severity == Severity::Refusal);
        let refused = told.findings.iter().find(|f| f.severity == Severity::Refusal);
        assert!(refused.is_none() || was_refused, "{refused:?}");
        tally.cuts += 1;
        tally.old += usize::from(found == old);
        tally.new += usize::from(found == new);
        tally.mixed += usize::from(mixed);
        if tally.cuts % 7 == 1 {
            then(&rig);
        }
    }
    tally
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Takes disks away from the writer, as an engine does with failed ones and those it does not use.
fn without(rig: &mut Rig, disks: &[usize]) {
    disks.iter().for_each(|disk| rig.live[*disk] = false);
}

/// One kind of change.
#[derive(Clone, Copy, Debug)]
enum Change {
    State(u16, RuntimeState),
    Activate(Place, usize),
}

/// Makes the changes one after the other. The commit of each is cut at every point; from what is left
/// the array starts again, and a commit that finishes the update leaves every copy alike.
fn life(shape: Geometry, spares: usize, changes: &[(Change, &[usize])]) -> Tally {
    let members = usize::from(shape.slots * shape.sets);
    let (mut rig, array) = Rig::with_array(shape, members + spares);
    for spare in members..members + spares {
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().add_spare(disks, spare, stamp)).unwrap();
    }
    rig.commit();
    rig.reread();
    let mut total = Tally::default();
    for (change, absent) in changes {
        let mut edited = rig.clone();
        without(&mut edited, absent);
        match *change {
            Change::State(set, state) => edited.set_state(array, set, &state).unwrap(),
            Change::Activate(place, spare) => {
                let stamp = edited.stamp();
                edited
                    .edit(|disks| Asr::new().activate(disks, array, place, spare, stamp))
                    .unwrap();
            }
        }
        let tally = explore(&rig, &mut edited, |left| finish(left, array, shape.sets, absent));
        // A mark counts only where the array is closed: then there is nothing new to tell.
        let told = tally.old + tally.new + tally.mixed == tally.cuts;
        let nothing_new = tally.old == tally.cuts && tally.new == tally.cuts;
        assert!(tally.old > 0 && tally.new > 0 && (told || nothing_new), "{tally:?} of {change:?}");
        total.cuts += tally.cuts;
        total.old += tally.old;
        total.new += tally.new;
        total.mixed += tally.mixed;
        edited.commit();
        rig = edited;
        rig.reread();
    }
    total
}

/// Finishes an update that was cut short, as whoever starts the array does.
fn finish(left: &Rig, array: ArrayId, sets: u16, absent: &[usize]) {
    let before = summary(left);
    let mut healed = left.clone();
    without(&mut healed, absent);
    let used: BTreeSet<usize> = before.members.iter().filter_map(|member| member.0).collect();
    (0..healed.live.len()).filter(|disk| !used.contains(disk)).for_each(|d| healed.live[d] = false);
    healed.align(array, sets);
    healed.reread();
    let after = summary(&healed);
    assert_eq!(after.members.len(), before.members.len());
    for (after, before) in after.members.iter().zip(&before.members) {
        // Who was not there for an update is not in sync after it.
        let absent = after.0.is_some_and(|disk| absent.contains(&disk));
        let missed = absent && before.1 == MemberState::InSync && after.1 == MemberState::Stale;
        assert!(after == before || missed, "{after:?}, before {before:?}");
    }
    let worse = |f: &raid_core::metadata::Finding| {
        [finding::STALE.code, finding::COPIES_DIFFER.code, finding::TORN_UPDATE.code]
            .contains(&f.code)
            && f.disk.is_none_or(|disk| !absent.contains(&disk) && used.contains(&disk))
    };
    let told = healed.found();
    assert!(!told.findings.iter().any(worse), "{:#?}", told.findings);
}

fn state(clean: bool, failed: &[u8], rebuilding: &[u8]) -> RuntimeState {
    RuntimeState { clean, failed: slots(failed), rebuilding: slots(rebuilding), ..healthy() }
}

fn rebuild(clean: bool, failed: &[u8], targets: &[u8], mark: u64) -> RuntimeState {
    let operation = Operation::Rebuild { targets: slots(targets) };
    let progress = Some(Progress { operation, mark: Row(mark) });
    RuntimeState { progress, ..state(clean, failed, targets) }
}

fn place(set: u16, slot: u8) -> Place {
    Place { set, slot: Slot(slot) }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_in_any_update_of_a_mirror_leaves_the_old_state_or_the_new() {
    use Change::{Activate, State};
    let check = Some(Progress { operation: Operation::Check, mark: Row(1024) });
    let tally = life(
        geometry(Level::Raid1, 3),
        1,
        &[
            (State(0, state(false, &[], &[])), &[]),
            (State(0, state(true, &[], &[])), &[]),
            (State(0, RuntimeState { progress: check, ..healthy() }), &[]),
            (State(0, state(false, &[1], &[])), &[1]),
            (Activate(place(0, 1), 3), &[1]),
            (State(0, rebuild(false, &[], &[1], 2048)), &[1]),
            (State(0, rebuild(true, &[], &[1], 4096)), &[1]),
            (State(0, rebuild(false, &[0], &[1], 4096)), &[0, 1]),
            (State(0, state(false, &[0], &[])), &[0, 1]),
            (State(0, state(true, &[0], &[])), &[0, 1]),
        ],
    );
    println!("{tally:?}");
    assert!(tally.mixed == 0 && tally.old >= 9 && tally.new > 30, "{tally:?}");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_in_an_update_of_several_blocks_leaves_each_member_as_before_or_as_after() {
    use Change::{Activate, State};
    let changes: [(Change, &[usize]); 8] = [
        (State(0, state(false, &[], &[])), &[]),
        (State(2, state(false, &[], &[])), &[]),
        (State(2, state(false, &[1], &[])), &[5]),
        (Activate(place(2, 1), 6), &[5]),
        (State(2, rebuild(false, &[], &[1], 1024)), &[5]),
        (State(0, state(true, &[], &[])), &[5]),
        (State(2, state(false, &[], &[])), &[5]),
        (State(2, state(true, &[], &[])), &[5]),
    ];
    let tally = life(raid10(3), 1, &changes);
    println!("{tally:?}");
    assert!(tally.mixed > 0 && tally.old > 8 && tally.new > 100, "{tally:?}");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_in_an_update_of_a_stripe_leaves_the_old_state_or_the_new() {
    use Change::State;
    let check = |mark| {
        let progress = Some(Progress { operation: Operation::Check, mark });
        RuntimeState { progress, ..healthy() }
    };
    for shape in [geometry(Level::Raid0, 3), geometry(Level::Raid0, 8), geometry(Level::Single, 1)]
    {
        let tally = life(
            shape,
            0,
            &[
                (State(0, state(false, &[], &[])), &[]),
                (State(0, state(true, &[], &[])), &[]),
                (State(0, check(Row(1024))), &[]),
                (State(0, healthy()), &[]),
            ],
        );
        println!("{tally:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_in_an_update_of_mirrored_stripes_leaves_the_old_state_or_the_new() {
    use Change::State;
    let tally = life(
        joined(Level::Raid0, Secondary::Mirrored, 2),
        0,
        &[
            (State(0, state(false, &[], &[])), &[]),
            (State(1, state(false, &[1], &[])), &[3]),
            (State(0, state(true, &[], &[])), &[3]),
        ],
    );
    println!("{tally:?}");
}

/// An array that is being made is there as soon as one disk knows of it, or not at all.
#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_during_creation_leaves_no_half_array() {
    for shape in [geometry(Level::Raid1, 3), geometry(Level::Raid0, 3), raid10(2), raid10(3)] {
        let count = usize::from(shape.slots * shape.sets);
        let rig = Rig::unused(count);
        let mut edited = rig.clone();
        let disks: Vec<usize> = (0..count).collect();
        let array = edited.create("new", shape, &disks).unwrap();
        let tally = explore(&rig, &mut edited, |left| {
            if !summary(left).arrays.is_empty() {
                finish(left, array, shape.sets, &[]);
            }
        });
        println!("{tally:?}");
        assert!(tally.old > 0 && tally.new > tally.old && tally.mixed == 0, "{tally:?}");
    }
}

/// An array that is being deleted is gone as soon as one disk knows.
#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_cut_during_deletion_leaves_the_array_or_nothing() {
    for shape in [geometry(Level::Raid1, 3), geometry(Level::Raid0, 2)] {
        let count = usize::from(shape.slots);
        let (mut rig, array) = Rig::with_array(shape, count);
        rig.set_state(array, 0, &state(false, &[], &[])).unwrap();
        rig.commit();
        let mut edited = rig.clone();
        let stamp = edited.stamp();
        edited.edit(|disks| Asr::new().delete_array(disks, array, stamp)).unwrap();
        let tally = explore(&rig, &mut edited, |left| {
            let mut again = left.clone();
            let stamp = again.stamp();
            match again.edit(|disks| Asr::new().delete_array(disks, array, stamp)) {
                Ok(()) => {
                    again.commit();
                    again.reread();
                }
                Err(_) => assert!(summary(&again).arrays.is_empty()),
            }
            assert!(again.found().disks.iter().all(|disk| disk.role.name() == "unused"));
            assert_eq!(again.found().findings, []);
        });
        println!("{tally:?}");
        assert!(tally.old > 0 && tally.new > tally.old && tally.mixed == 0, "{tally:?}");
    }
}

/// A disk that is being made a spare, or ceases to be one, is one or the other.
#[test]
#[cfg_attr(miri, ignore = "hundreds of power cuts")]
fn a_cut_beside_a_spare_does_not_touch_the_array() {
    let (rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 3);
    let mut edited = rig.clone();
    let stamp = edited.stamp();
    let serves = [Served::all(array)];
    let request = SpareRequest::dedicated(2, &serves);
    edited.edit(|disks| Asr::new().assign_spare(disks, &request, stamp)).unwrap();
    let roles = |rig: &Rig| rig.found().disks[2].role.name();
    let mut seen = BTreeSet::new();
    explore(&rig, &mut edited, |left| {
        seen.insert(roles(left));
    });
    edited.commit();
    edited.reread();
    let mut released = edited.clone();
    released.edit(|disks| Asr::new().release_spare(disks, 2, stamp)).unwrap();
    explore(&edited, &mut released, |left| {
        seen.insert(roles(left));
    });
    assert!(seen.iter().all(|role| ["unused", "dedicated spare"].contains(role)), "{seen:?}");
}

/// A new disk carries the format once its reserved block is written. What stood in its place before
/// does not become part of the new.
#[test]
#[cfg_attr(miri, ignore = "hundreds of power cuts")]
fn a_cut_while_disks_are_made_or_erased_leaves_no_array_of_the_old_table() {
    let (old, _) = Rig::with_array(geometry(Level::Single, 1), 1);
    let identity = old.found().disks[0].id;
    let mut new = Rig::blank(&[SMALL]);
    let stamp = raid_core::metadata::Stamp { unix_seconds: 2_000_000_000, random: 77 };
    new.edit(|disks| Asr::new().initialise(disks, stamp)).unwrap();
    let made = new.steps(0, false);
    let erased = old.clone().steps(0, true);
    let mut seen = BTreeSet::new();
    for steps in [made, erased] {
        for medium in cuts(&old.media[0], &steps) {
            let mut rig = old.clone();
            rig.media[0] = medium;
            rig.reread();
            let found = rig.found();
            let role = found.disks.first().map_or("nothing", |disk| disk.role.name());
            if role == "member" {
                assert_eq!((found.disks[0].id, found.arrays.len()), (identity, 1));
            } else {
                assert_eq!(found.arrays, []);
            }
            seen.insert(role);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["member", "nothing", "unused"]);
    let mut gone = old.clone();
    gone.erase(0);
    assert!(gone.media[0].read(SMALL.blocks.0 - 17, 17).iter().all(|byte| *byte == 0));
}

/// A table may stand elsewhere than every known writer puts it, and be one that cannot be used.
#[test]
fn a_table_is_erased_where_the_disk_points_to_block_by_block_and_a_flush_ends_it() {
    let mut disk = generator::Disk::new(generator::magic(0), &generator::one_level(1, 2));
    disk.pointer = Some(100);
    let mut table = disk.table();
    table[0x0D] = 32; // The size of a line.
    let mut rig = Rig::of_images(&[disk.image()]);
    rig.buffers[0].pieces.retain(|(at, _)| *at != Lba(100));
    rig.buffers[0].pieces.push((Lba(100), table));
    let at = |step: &Stepped| match step {
        Stepped::Write(at, bytes) => {
            assert_eq!(*bytes, [0; 512]);
            Some(*at)
        }
        Stepped::Flush => None,
    };
    let written: Vec<Option<u64>> = rig.steps(0, true).iter().map(at).collect();
    let mut expected = vec![Some(disk.blocks - 1), None];
    expected.extend((100..116).map(Some));
    expected.push(None);
    assert_eq!(written, expected);
}

/// A second cut, in the update that follows the first one, loses neither what the first left.
#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_second_cut_leaves_what_the_first_left_or_the_new_state() {
    for shape in [geometry(Level::Raid1, 3), raid10(3)] {
        let (rig, array) = Rig::with_array(shape, usize::from(shape.slots * shape.sets));
        let mut edited = rig.clone();
        edited.set_state(array, 0, &state(false, &[], &[])).unwrap();
        let mut left: Vec<Rig> = Vec::new();
        explore(&rig, &mut edited, |rig| left.push(rig.clone()));
        let mut tally = Tally::default();
        for rig in left.iter().step_by((left.len() / 5).max(1)) {
            let mut healed = rig.clone();
            healed.align(array, shape.sets);
            healed.reread();
            let mut again = healed.clone();
            without(&mut again, &[0]);
            again.set_state(array, 0, &state(false, &[0], &[])).unwrap();
            let second = explore(&healed, &mut again, |_| {});
            tally.cuts += second.cuts;
            tally.old += second.old;
            tally.new += second.new;
        }
        println!("{} first cuts, then {tally:?}", left.len());
        assert!(tally.old > 1 && tally.new > 1, "{tally:?}");
    }
}

/// Where a cut left disks behind, the same word again is the same update: the disks that it did not reach
/// get it. Where none is behind it is the next one: else an older copy of a disk, from before a run whose
/// records say nothing new, would pass for a disk that was not reached.
#[test]
fn the_same_word_again_finishes_what_a_cut_left_undone_and_else_is_a_new_generation() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 2);
    let generation = |rig: &Rig, disk: usize| rig.found().disks[disk].sequence;
    rig.set_state(array, 0, &state(false, &[], &[])).unwrap();
    for step in rig.steps(0, false) {
        if let Stepped::Write(at, bytes) = step {
            rig.media[0].write(at, &bytes);
        }
    }
    rig.reread();
    assert_eq!([0, 1].map(|disk| generation(&rig, disk)), [Some(2), Some(1)]);
    rig.set_state(array, 0, &state(false, &[], &[])).unwrap();
    assert_eq!([0, 1].map(|disk| generation(&rig, disk)), [Some(2), Some(2)]);
    rig.set_state(array, 0, &state(false, &[], &[])).unwrap();
    assert_eq!([0, 1].map(|disk| generation(&rig, disk)), [Some(3), Some(3)]);
}

/// An update that says how far a resync is reaches one disk only; the next start, which finishes it, one
/// more. No disk is two generations behind then, which would be a stale member.
#[test]
fn two_cuts_in_a_row_beside_a_checkpoint_leave_no_member_behind() {
    let (mut rig, array) = Rig::with_array(raid10(2), 4);
    let progress = Some(Progress { operation: Operation::Resync, mark: Row(128) });
    let open = RuntimeState { progress, ..state(false, &[], &[]) };
    for set in 0..2 {
        rig.set_state(array, set, &open.at(Row(0))).unwrap();
    }
    rig.commit();
    rig.reread();
    let write_one = |rig: &mut Rig, disk: usize| {
        for step in rig.steps(disk, false) {
            if let Stepped::Write(at, bytes) = step {
                rig.media[disk].write(at, &bytes);
            }
        }
        rig.reread();
    };
    let whole: Vec<_> = (0..4).map(|disk| (Some(disk), MemberState::InSync)).collect();
    // A mark alone is no change while the set is open; that a first build runs is one.
    rig.set_state(array, 0, &RuntimeState { initialisation: Initialisation::Running, ..open })
        .unwrap();
    write_one(&mut rig, 0);
    assert_eq!(rig.members(), whole);
    let found = rig.state(array, 0).unwrap();
    rig.set_state(array, 0, &found).unwrap();
    write_one(&mut rig, 1);
    assert_eq!(rig.members(), whole);
}
