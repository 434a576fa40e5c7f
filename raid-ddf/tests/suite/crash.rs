// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power cuts at every point of a commit, for every kind of update: what discovery then finds is the
//! old configuration or the new one. How much is looked at, see the explorer.

use crate::explorer;
use crate::explorer::{Exploration, Special, Tally, is_thorough};
use crate::media;
use crate::media::{Rig, SMALL, Stepped, geometry, healthy, raid10};
use raid_core::array::{ArrayId, Initialisation, Level, MemberId, MemberState, Place, Placement};
use raid_core::metadata::{
    Admin, BadBlocks, DiskCondition, DiskView, Operation, Piece, Progress, RunTime, RuntimeState,
    Served, SpareRequest,
};
use raid_core::units::{Extent, Lba, Row, Slot, SlotSet};
use raid_ddf::{Assembly, BadBlockOptions, Ddf, Options, VendorLogOptions};

/// Small tables, so that many cuts can be looked at.
fn options() -> Options {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    (options.max_partitions, options.max_primary_element_entries) = (2, 16);
    options
}

/// The same with every section that a configuration may have besides.
fn with_all_sections() -> Options {
    let mut options = options();
    options.bad_block_log = Some(BadBlockOptions { entries: 30, spare_blocks: 64 });
    options.diagnostic_blocks = 2;
    options.vendor_log = Some(VendorLogOptions { owner: *b"ACME    ", blocks: 2 });
    options
}

fn container(count: usize, options: &Options) -> Rig {
    let mut rig = Rig::blank(&vec![SMALL; count], options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, options)).unwrap();
    written(rig)
}

fn written(mut rig: Rig) -> Rig {
    rig.commit();
    rig.reread();
    rig
}

/// A RAID-5 over disks 0 to 2; disk 3, if any, is not used.
fn raid5(count: usize) -> (Rig, ArrayId) {
    let mut rig = container(count, &options());
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let array = rig.create("five", five, &[0, 1, 2]).unwrap();
    (written(rig), array)
}

/// The same with a spare as asked for on disk 3.
fn with_spare(request: impl FnOnce(ArrayId) -> (Vec<Served>, bool)) -> (Rig, ArrayId) {
    let (mut rig, array) = raid5(4);
    let (serves, revertible) = request(array);
    let stamp = rig.stamp();
    let spare = SpareRequest { revertible, ..SpareRequest::dedicated(3, &serves) };
    rig.edit(|disks| Ddf::new().assign_spare(disks, &spare, stamp)).unwrap();
    (written(rig), array)
}

fn global(revertible: bool) -> (Rig, ArrayId) {
    with_spare(|_| (Vec::new(), revertible))
}

fn state_of(clean: bool, failed: &[u8], rebuilding: &[u8]) -> RuntimeState {
    let set = |slots: &[u8]| -> SlotSet { slots.iter().copied().map(Slot).collect() };
    RuntimeState { clean, failed: set(failed), rebuilding: set(rebuilding), ..healthy() }
}

/// Member 1 of the array has failed, and its disk with it.
fn failed(mut rig: Rig, array: ArrayId) -> Rig {
    rig.live[1] = false;
    rig.set_state(array, 0, &state_of(false, &[1], &[])).unwrap();
    let mut rig = written(rig);
    rig.live[1] = false;
    rig
}

const PLACE: Place = Place { set: 0, slot: Slot(1) };

fn id(rig: &Rig, disk: usize) -> MemberId {
    rig.told().disks.iter().find(|found| found.disk == disk).unwrap().id
}

/// Cuts one update at every point; `changes` makes it.
#[track_caller]
fn explore(what: &str, before: &Rig, change: impl FnOnce(&mut Rig)) -> Rig {
    explore_with(what, before, change, Special::Nothing)
}

/// The same, with what is special about the update.
#[track_caller]
fn explore_with(what: &str, before: &Rig, change: impl FnOnce(&mut Rig), special: Special) -> Rig {
    let mut edited = before.clone();
    change(&mut edited);
    let exploration = Exploration::of_commit(before, &mut edited).with(special);
    let tally = exploration.run(|_| {});
    report(what, tally);
    assert!(tally.old > 10 && tally.new > 50 && tally.from_secondary > 10, "{what}: {tally:?}");
    written(edited)
}

fn report(what: &str, tally: Tally) {
    let Tally { cuts, old, new, from_secondary, exhaustive, sampled } = tally;
    println!(
        "{what}: {cuts} cuts, {old} old, {new} new, {from_secondary} from a secondary copy; \
         {exhaustive} phases with every subset, {sampled} with a sample"
    );
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn states_of_an_array() {
    let (rig, array) = raid5(4);
    let dirty = explore("dirty", &rig, |rig| {
        rig.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    });
    let initialising =
        RuntimeState { initialisation: Initialisation::Running, ..state_of(false, &[], &[]) };
    explore("initialisation begun", &dirty, |rig| {
        rig.set_state(array, 0, &initialising).unwrap();
    });
    explore("member failed, its disk not written", &dirty, |rig| {
        rig.live[1] = false;
        rig.set_state(array, 0, &state_of(false, &[1], &[])).unwrap();
    });
    let failed = explore("member failed", &dirty, |rig| {
        rig.set_state(array, 0, &state_of(false, &[1], &[])).unwrap();
    });
    let rebuilding = explore("member rebuilding", &failed, |rig| {
        rig.set_state(array, 0, &state_of(false, &[], &[1])).unwrap();
    });
    let filled = explore("member online", &rebuilding, |rig| {
        rig.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    });
    let clean = explore("clean", &filled, |rig| rig.set_state(array, 0, &healthy()).unwrap());
    assert_eq!(clean.state(array, 0), Some(healthy()));
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn conditions_of_a_disk() {
    let (rig, _) = raid5(4);
    for (what, disk, condition) in [
        ("failure predicted", 1, DiskCondition { failure_predicted: true, ..Default::default() }),
        ("read errors", 3, DiskCondition { read_errors: true, ..Default::default() }),
        ("missing", 1, DiskCondition { missing: true, ..Default::default() }),
    ] {
        let member = id(&rig, disk);
        explore(what, &rig, |rig| {
            rig.live[disk] &= !condition.missing;
            let stamp = rig.stamp();
            rig.edit(|disks| Ddf::new().set_disk_condition(disks, member, condition, stamp))
                .unwrap();
        });
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_spare_comes_is_used_and_goes() {
    let activate = |rig: &mut Rig, array, spare| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().activate(disks, array, PLACE, spare, stamp)).unwrap();
    };
    let (rig, array) = raid5(4);
    let dedicated = explore("dedicated spare", &rig, |rig| {
        let stamp = rig.stamp();
        let serves = [Served::all(array)];
        let spare = SpareRequest::dedicated(3, &serves);
        rig.edit(|disks| Ddf::new().assign_spare(disks, &spare, stamp)).unwrap();
    });
    explore("spare released", &dedicated, |rig| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().release_spare(disks, 3, stamp)).unwrap();
    });
    explore("dedicated spare activated", &failed(dedicated, array), |rig| {
        rig.live[1] = false;
        activate(rig, array, 3);
    });
    let (rig, array) = global(false);
    let used = explore("spare activated", &failed(rig, array), |rig| activate(rig, array, 3));
    assert_eq!(used.members("five")[1], (Some(3), MemberState::Rebuilding));
    let (rig, array) = global(true);
    let mut used = explore("revertible spare activated", &failed(rig, array), |rig| {
        rig.live[1] = false;
        activate(rig, array, 3);
    });
    used.live[1] = false;
    used.set_state(array, 0, &healthy()).unwrap();
    // A new disk in the place of the one that failed.
    let blank = Rig::blank(&[SMALL], &options());
    used.media[1] = blank.media[0].clone();
    used.disks[1] = blank.disks[0].clone();
    used.live[1] = true;
    let join = |rig: &mut Rig| {
        rig.disks[1] = blank.disks[0].clone();
        rig.live[1] = true;
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 1, stamp)).unwrap();
    };
    let before = written_but(used.clone(), 1);
    let joined = explore_with("blank disk joins", &before, join, Special::WholeDisk);
    let mut back = explore("revertible spare returns", &joined, |rig| activate(rig, array, 1));
    assert_eq!(records_on(&back, 3), 1, "the spare names its successor until all disks do");
    back.set_state(array, 0, &state_of(true, &[], &[1])).unwrap();
    assert_eq!(records_on(&back, 3), 0);
    assert_eq!(back.members("five")[1], (Some(1), MemberState::Rebuilding));
    assert!(back.told().disks.iter().any(|disk| disk.disk == 3 && disk.role.is_spare()));
}

/// Configuration records on a disk.
fn records_on(rig: &Rig, disk: usize) -> usize {
    let pieces = rig.disks[disk].pieces.iter();
    let pieces: Vec<_> = pieces.map(|(at, bytes)| Piece { at: *at, bytes }).collect();
    let views = [DiskView { shape: rig.disks[disk].shape, pieces: &pieces }];
    let views = views.as_slice();
    let mut scratch = [0; 16];
    let assembly = Assembly::new(&views, &mut scratch, &mut |_| {});
    assembly.disk(0).unwrap().volumes().count()
}

/// Written, all but one disk.
fn written_but(mut rig: Rig, disk: usize) -> Rig {
    rig.live[disk] = false;
    written(rig)
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn arrays_come_and_go() {
    let rig = container(4, &options());
    // Until a disk of every set is written the array is not there.
    let create = |what, rig: &Rig, change: &dyn Fn(&mut Rig)| {
        explore_with(what, rig, change, Special::Creation)
    };
    let one = create("array created", &rig, &|rig| {
        let five = geometry(Level::Raid5, Placement::NContinue, 3);
        rig.create("five", five, &[2, 0, 1]).unwrap();
    });
    let two = create("array of two sets created", &one, &|rig| {
        rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
    });
    let array = two.told().array("five").0.id;
    explore("array deleted", &two, |rig| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().delete_array(disks, array, stamp)).unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn what_a_disk_says_of_itself() {
    let options = with_all_sections();
    let mut rig = container(3, &options);
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let array = rig.create("pair", pair, &[0, 1]).unwrap();
    let rig = written(rig);
    let moved_to = Some(Lba(SMALL.blocks.0 - 32_768 - 64));
    explore("bad range", &rig, |rig| {
        let (stamp, bad) = (rig.stamp(), Extent::new(1000, 3));
        let range = BadBlocks { bad, moved_to };
        rig.edit(|disks| Ddf::new().add_bad_blocks(disks, 1, range, stamp)).unwrap();
    });
    let set = |what, rig: &Rig, data: &[u8]| {
        explore(what, rig, |rig| {
            let stamp = rig.stamp();
            rig.edit(|disks| raid_ddf::set_vendor_record(disks, 1, array, data, stamp)).unwrap();
        })
    };
    let with_record = set("vendor's record", &rig, b"known to its vendor alone");
    set("vendor's record replaced", &with_record, &[0x5A; 600]);
    set("vendor's record taken away", &with_record, b"");
    explore("array with a vendor's record deleted", &with_record, |rig| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().delete_array(disks, array, stamp)).unwrap();
    });
    let mut joining = with_record;
    joining.append(&Rig::blank(&[SMALL], &options));
    explore_with(
        "blank disk joins with every section",
        &joining.clone(),
        |rig| {
            let stamp = rig.stamp();
            rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
        },
        Special::WholeDisk,
    );
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_checkpoint() {
    let (rig, array) = global(false);
    let mut rig = failed(rig, array);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().activate(disks, array, PLACE, 3, stamp)).unwrap();
    let rig = written_but(rig, 1);
    let at = |mark| RuntimeState {
        progress: Some(Progress {
            operation: Operation::Rebuild { targets: SlotSet::of(Slot(1)) },
            mark: Row(mark),
        }),
        ..state_of(true, &[], &[1])
    };
    let record = |rig: &mut Rig, mark| {
        rig.live[1] = false;
        let stamp = rig.stamp();
        let format = Ddf::new().with_checkpoints();
        rig.edit(|disks| format.set_state(disks, array, 0, &at(mark), stamp)).unwrap();
    };
    let first = explore("checkpoint", &rig, |rig| record(rig, 1024));
    assert_eq!(first.state(array, 0), Some(at(1024)));
    let second = explore("checkpoint moved on", &first, |rig| record(rig, 2048));
    assert_eq!(second.state(array, 0), Some(at(2048)));
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_foreign_configuration_is_imported() {
    let (mut rig, array) = raid5(3);
    media::make_foreign(&mut rig);
    let other = media::other_configuration(&options());
    rig.append(&other);
    rig.reread();
    let configuration = rig.told().disks[0].configuration;
    assert_eq!(rig.told().raw_of(array, "VD_Number"), Some(0));
    let imported = explore("import", &rig, |rig| {
        // The other configuration is looked at, not written.
        rig.live[3] = false;
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().import(disks, configuration, stamp)).unwrap();
    });
    assert_eq!(imported.told().raw_of(array, "VD_Number"), Some(1));
}

#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn disks_and_the_whole_configuration_go() {
    let (rig, _) = global(false);
    let member = id(&rig, 3);
    explore("disk removed", &rig, |rig| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().remove_disk(disks, member, stamp)).unwrap();
    });
    let configuration = rig.told().disks[0].configuration;
    let mut empty = explore("configuration dissolved", &rig, |rig| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().dissolve(disks, configuration, stamp)).unwrap();
    });
    assert!(
        empty.told().arrays.is_empty()
            && empty.told().disks.iter().all(|disk| !disk.role.is_spare())
    );
    let steps: Vec<_> = (0..4).map(|disk| empty.erase_steps(disk)).collect();
    let mut gone = 0;
    let erasure = Exploration::of(&empty, steps).with(Special::WholeDisk);
    let tally = erasure.run(|rig| gone += usize::from(rig.told().disks.is_empty()));
    report("disks erased", tally);
    assert!(gone > 10 && tally.cuts > 50, "{tally:?}");
}

/// A second cut, in the update that follows the first one, loses neither what the first left.
#[test]
#[cfg_attr(miri, ignore = "thousands of power cuts")]
fn a_second_cut_leaves_what_the_first_left_or_the_new_state() {
    let (rig, array) = raid5(3);
    let mut edited = rig.clone();
    edited.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    let mut survivors: Vec<Rig> = Vec::new();
    Exploration::of_commit(&rig, &mut edited).run(|left| survivors.push(left.clone()));
    let (mut olds, mut news) = (0, 0);
    // A sample, with a step that shares no factor with the number of combinations.
    for left in survivors.iter().step_by(if is_thorough() { 151 } else { 13 }) {
        // As whoever starts the array does: first what the update left undone.
        let mut healed = left.clone();
        let found = healed.state(array, 0).unwrap();
        healed.set_state(array, 0, &found).unwrap();
        let first = Exploration::of_commit(left, &mut healed).run(|_| {});
        assert_eq!((first.old, first.new), (first.cuts, first.cuts));
        let healed = written(healed);
        let mut again = healed.clone();
        again.live[0] = false;
        // With a dirty mark of its own the update would be neither: parity that lacks a member is
        // clean as long as the record that allows writes is not on all.
        again.set_state(array, 0, &state_of(found.clean, &[0], &[])).unwrap();
        let second = Exploration::of_commit(&healed, &mut again).run(|_| {});
        olds += second.old;
        news += second.new;
    }
    println!("{} first cuts, then {olds} old and {news} new", survivors.len());
    assert!(olds > 100 && news > 100, "{olds} {news}");
}

/// A new disk is no DDF disk until its anchor is written; what stood in its place before does not
/// become half of the new configuration.
#[test]
#[cfg_attr(miri, ignore = "hundreds of power cuts")]
fn a_cut_during_initialisation_leaves_the_old_configuration_nothing_or_the_new() {
    let (old, _) = raid5(3);
    let blank = Rig::blank(&[SMALL; 3], &options());
    for (before, options) in [
        (old.clone(), options()),
        (old, with_all_sections()),
        (blank.clone(), options()),
        (blank, with_all_sections()),
    ] {
        let mut new = Rig::blank(&[SMALL; 3], &options);
        let stamp = media::later(&mut new);
        new.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
        let wanted = new.told().disks[0].configuration;
        let had = before.told().disks.first().map(|disk| disk.configuration);
        let steps = new.steps(0);
        let mut seen = [0; 3];
        for state in explorer::cuts_of(&before.media[0], &steps) {
            let mut rig = before.clone();
            rig.media[0] = state;
            rig.reread();
            let told = rig.told();
            let found = told.disks.iter().find(|disk| disk.disk == 0).map(|d| d.configuration);
            let kind = match found {
                None => 0,
                Some(found) if Some(found) == had => 1,
                Some(found) => {
                    assert_eq!(found, wanted);
                    2
                }
            };
            seen[kind] += 1;
        }
        println!("nothing, old, new: {seen:?}");
        assert!(seen[0] > 10 && seen[2] > 0, "{seen:?}");
        assert_eq!(seen[1] > 0, had.is_some());
    }
}

/// A commit broke off, and all that is known of the disk is what stands on it: written once more from that, it stays at
/// the update that it is at, whichever copy had been reached.
#[test]
fn a_disk_that_is_written_again_from_what_stands_on_it_is_readable_at_every_step() {
    let (before, array) = raid5(3);
    let mut edited = before.clone();
    edited.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    let apply = |medium: &mut media::Medium, step: &Stepped| match step {
        Stepped::Write(at, bytes) => medium.write(*at, bytes),
        Stepped::Flush => {}
    };
    let steps = edited.steps(0);
    let mut broken = before.only(&[0]);
    for done in 0..=steps.len() {
        broken.reread();
        let at = |rig: &Rig| rig.told().disks.first().and_then(|disk| disk.sequence);
        let update = at(&broken);
        assert!(update.is_some(), "after {done} steps of the commit");
        let mut again = broken.clone();
        for (number, step) in broken.steps(0).iter().enumerate() {
            apply(&mut again.media[0], step);
            again.reread();
            assert_eq!(at(&again), update, "broken after {done} steps, step {number}");
        }
        if let Some(step) = steps.get(done) {
            apply(&mut broken.media[0], step);
        }
    }
}
