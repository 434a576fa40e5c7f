// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole life of an array on every format that can be written, the toy included. No line here names
//! another one: what a format can hold it says itself.

use crate::array::{create_on, geometry, good, look_for, options, start_on};
use crate::format::{NATIVE, TOY};
use raid_array::backplane::{Backplane, IoId, MemberIo, Simulated, Transfer};
use raid_array::engine::{OpenError, Options};
use raid_array::formats::FORMATS;
use raid_array::member::Member;
use raid_array::store::Store;
use raid_array::workload::{ArrayEngine, Rig, write_all as write};
use raid_core::array::{ArrayId, Geometry, Level, MemberState, Place, Placement};
use raid_core::metadata::{
    Admin, ChangeError, Operation, RegionRecord, RunTime, RuntimeState, SetRecord, Stamp, Step,
};
use raid_core::units::{Blocks, Lba, Slot, SlotSet};
use raid_sync::{Limits, Time};

/// Every format with a writing half.
fn writers() -> impl Iterator<Item = &'static dyn Admin> {
    let toy: &'static dyn Admin = &TOY;
    FORMATS.iter().filter_map(|format| format.admin()).chain([toy])
}

fn mirror(slots: u16, sets: u16) -> Geometry {
    let strip = Blocks(if sets > 1 { 16 } else { 0 });
    Geometry { strip, ..geometry(Level::Raid1, Placement::Fixed, slots, sets) }
}

/// A rebuild that can be watched, with a checkpoint every few windows.
fn slowly() -> Options {
    let limits = Limits {
        rows_per_window: 64,
        windows: 2,
        min_rate: 20_000,
        max_rate: 20_000,
        checkpoint_rows: 256,
        ..Limits::default()
    };
    Options { limits, ..options(false) }
}

/// An array and its disks, over all its power cycles.
struct Life {
    format: &'static dyn Admin,
    array: ArrayId,
    place: Place,
    /// Disks that were pulled, to be taken out at the next start.
    pulled: Vec<usize>,
    seed: u64,
}

impl Life {
    /// Cuts the power and starts again from the media alone.
    fn power_cut(&mut self, rig: Rig, options: Options) -> Rig {
        let now = rig.now();
        let (backplane, oracle, tally, version) = rig.cut_power();
        let mut media = backplane.cut_power().unwrap();
        self.pulled.sort_unstable();
        for disk in self.pulled.drain(..).rev() {
            drop(media.remove(disk));
        }
        self.seed += 1;
        let at = (now, self.seed);
        let rig = start_on(self.format, self.array, media, at, Some(oracle), options);
        let mut rig = rig.unwrap_or_else(|error| panic!("{}: {error}", self.format.name()));
        rig.carry_over(tally, version);
        rig
    }

    /// A member is pulled under load and a spare takes its place.
    fn fail_and_replace(&mut self, rig: &mut Rig, spare: usize) {
        let disk = rig.engine.disk_at(self.place).unwrap();
        rig.backplane.faults(disk).pull();
        self.pulled.push(disk);
        rig.work(60);
        good(rig, "degraded");
        assert!(rig.engine.status(self.place.set).failed.contains(self.place.slot));
        rig.engine.set_limits(slowly().limits);
        rig.engine.take_spare(rig.now(), self.place, spare).unwrap();
        rig.work_until(|rig| !rig.seated.is_empty());
        good(rig, "spare seated");
    }

    fn done(&self, rig: &Rig) -> u64 {
        rig.engine.status(self.place.set).marks.map_or(0, |marks| marks.done.0)
    }

    /// The array is closed while the rebuild goes on, and stopped: the next start goes on at the
    /// mark, if the format holds one.
    fn stop_in_mid_rebuild(&mut self, mut rig: Rig) -> Rig {
        rig.settle();
        rig.verify_all();
        rig.engine.quiesce(rig.now());
        let set = self.place.set;
        let far = |rig: &Rig| {
            let status = rig.engine.status(set);
            status.clean && status.marks.is_some_and(|marks| marks.done.0 > 1024)
        };
        assert!(rig.wait_until(far), "{}: {:?}", self.format.name(), rig.engine.status(set));
        let rig = self.power_cut(rig, slowly());
        let status = rig.engine.status(set);
        assert_eq!(status.rebuilding, SlotSet::of(self.place.slot), "{}", self.format.name());
        let (done, keeps) = (self.done(&rig), self.format.capabilities().mark);
        assert_eq!(done >= 256, keeps, "{}: starts at {done}", self.format.name());
        rig
    }

    fn rebuilt(&self, rig: &mut Rig) {
        rig.engine.set_limits(options(false).limits);
        let set = self.place.set;
        rig.work_until(|rig| rig.engine.status(set).rebuilding.is_empty());
        rig.settle();
        rig.verify_all();
        good(rig, "rebuilt");
        assert!(rig.wait_until(|rig| rig.engine.is_idle()));
    }

    /// Damage is planted; a scrub finds it, and the next one nothing.
    fn scrub(&self, rig: &mut Rig) {
        let set = self.place.set;
        let disk = rig.engine.disk_at(Place { set, slot: Slot(1) }).unwrap();
        let start = rig.engine.start_of(Place { set, slot: Slot(1) }).unwrap();
        rig.backplane.member(disk).corrupt(Lba(start.0 + 700), &[0xEE; 1024]).unwrap();
        for found in [1, 0] {
            rig.mismatches.clear();
            rig.engine.scrub(rig.now(), set, true).unwrap();
            let over =
                |rig: &Rig| !matches!(rig.engine.status(set).operation, Some(Operation::Repair));
            assert!(rig.wait_until(over));
            assert_eq!(rig.mismatches.len(), found, "{:?}", rig.mismatches);
        }
        rig.verify_all();
        good(rig, "scrubbed");
    }

    /// A clean stop; every member in sync on the disks. Gives the media.
    fn stop(&self, mut rig: Rig) -> Vec<Box<dyn Member>> {
        rig.flush();
        rig.engine.quiesce(rig.now());
        let clean = |rig: &Rig| {
            let mut sets = 0..rig.engine.set_count();
            rig.engine.is_idle() && sets.all(|set| rig.engine.status(set).clean)
        };
        assert!(rig.wait_until(clean), "{:?}", rig.engine.status(0));
        let (backplane, ..) = rig.cut_power();
        let (discovery, media) = look_for(self.format, backplane.cut_power().unwrap());
        let found = discovery.arrays.iter().find(|found| found.descriptor.id == self.array);
        let found = found.expect("the array");
        assert!(found.descriptor.clean);
        let states = found.members.iter().map(|member| member.descriptor.state);
        assert!(states.eq(found.members.iter().map(|_| MemberState::InSync)));
        media
    }

    /// The array is deleted, then its disks are erased.
    fn delete(&self, media: Vec<Box<dyn Member>>, now: Time) {
        let (discovery, media) = look_for(self.format, media);
        let found = discovery.arrays.iter().find(|found| found.descriptor.id == self.array);
        let mut store = Store::from_discovery(&discovery, found.expect("the array"));
        let stamp = Stamp { unix_seconds: 9, random: 99 };
        match store.edit(|disks| self.format.delete_array(disks, self.array, stamp)) {
            Err(ChangeError::Unsupported(_)) => return,
            other => other.unwrap(),
        }
        let mut backplane = Simulated::new(media, self.seed, now);
        write(self.format, &mut store, &mut backplane);
        let (discovery, media) = look_for(self.format, backplane.cut_power().unwrap());
        assert!(discovery.arrays.is_empty(), "{}", self.format.name());
        let mut backplane = Simulated::new(media, self.seed, now);
        for disk in 0..store.disks.len() {
            for transfer in erasure(self.format, &mut store, disk) {
                backplane.submit(MemberIo { id: IoId(0), disk, transfer });
                backplane.next().unwrap().result.unwrap();
            }
        }
        let (discovery, _) = look_for(self.format, backplane.cut_power().unwrap());
        // A disk that was not the array's is not in the store, and keeps what it has.
        for (found, erased) in discovery.disks.iter().zip(&store.disks) {
            assert!(found.claims.is_empty() || erased.pieces.is_empty(), "{}", self.format.name());
        }
    }
}

/// What erases a disk.
fn erasure(format: &dyn Admin, store: &mut Store, disk: usize) -> Vec<Transfer> {
    store.edit(|disks| {
        let mut block = vec![0xEE; disks[disk].shape.block_size as usize];
        let mut steps = Vec::new();
        while let Some(step) = format.erase_step(&disks[disk], steps.len(), &mut block) {
            steps.push(match step {
                Step::Write { at, bytes } => Transfer::Write { at, bytes: bytes.to_vec() },
                Step::Flush => Transfer::Flush,
            });
        }
        steps
    })
}

fn live(format: &'static dyn Admin, geometry: Geometry, place: Place, seed: u64) {
    let Some((array, media)) = create_on(format, geometry, 1) else { return };
    let mut life = Life { format, array, place, pulled: Vec::new(), seed };
    let mut rig = start_on(format, array, media, (Time(0), seed), None, options(false)).unwrap();
    rig.work(60);
    good(&rig, "healthy");
    life.fail_and_replace(&mut rig, usize::from(geometry.slots * geometry.sets));
    let mut rig = life.stop_in_mid_rebuild(rig);
    rig.work_until(|rig| life.done(rig) > 1200);
    // In the middle of writes: no mark counts after that.
    let mut rig = life.power_cut(rig, options(false));
    assert_eq!(life.done(&rig), 0, "{}", format.name());
    rig.adopt_all();
    good(&rig, "after the power cut");
    life.rebuilt(&mut rig);
    life.scrub(&mut rig);
    let now = rig.now();
    let media = life.stop(rig);
    life.delete(media, now);
}

#[test]
fn a_mirror_lives_its_whole_life_on_every_format() {
    for format in writers() {
        live(format, mirror(3, 1), Place { set: 0, slot: Slot(1) }, 1);
    }
}

#[test]
fn striped_mirrors_live_their_whole_life_on_every_format() {
    for format in writers() {
        live(format, mirror(2, 3), Place { set: 1, slot: Slot(0) }, 51);
    }
}

/// Case C5. On every format, before an update the guard is silent, and after one that another engine
/// made with the same buffers it is not.
#[test]
fn an_update_by_another_engine_is_seen_before_a_commit() {
    for format in writers() {
        let (array, media) = create_on(format, mirror(2, 1), 0).unwrap();
        let (discovery, media) = look_for(format, media);
        let found = discovery.arrays.iter().find(|found| found.descriptor.id == array).unwrap();
        let ours = Store::from_discovery(&discovery, found);
        let moved = |store: &Store, media: &mut [Box<dyn Member>]| {
            store.view(|disks| {
                let of = |(disk, medium): (_, &mut Box<dyn Member>)| {
                    let runs = (0..).map_while(|index| format.guard(disk, index)).enumerate();
                    let mut runs = runs.filter(|(index, run)| {
                        let mut bytes = vec![0; run.len.0 as usize * 512];
                        medium.read(run.start, &mut bytes).unwrap();
                        format.moved_on(disk, *index, &bytes).is_some()
                    });
                    runs.next().is_some()
                };
                disks.iter().zip(media).map(of).collect::<Vec<bool>>()
            })
        };
        let mut media = media;
        assert_eq!(moved(&ours, &mut media), [false; 2], "{}", format.name());
        let mut theirs = ours.clone();
        let mut state = theirs.view(|disks| format.state(disks, array, 0)).unwrap();
        state.clean = !state.clean;
        let stamp = Stamp { unix_seconds: 1_709_294_400, random: 1 };
        theirs.edit(|disks| format.set_state(disks, array, 0, &state, stamp)).unwrap();
        let mut backplane = Simulated::new(media, 0, Time(0));
        write(format, &mut theirs, &mut backplane);
        let mut media = backplane.cut_power().unwrap();
        assert_eq!(moved(&theirs, &mut media), [false; 2], "{}", format.name());
        assert_eq!(moved(&ours, &mut media), [true; 2], "{}", format.name());
    }
}

/// Case E7. Metadata of a version that nobody confirmed is not opened for writing, and nothing of it is
/// written.
/// A record that holds the run-time state alone says nothing of regions: they are not taken for clean.
#[test]
fn a_state_that_is_recorded_alone_leaves_the_regions_as_they_are() {
    let (array, media) = create_on(&NATIVE, mirror(2, 1), 0).unwrap();
    let (discovery, _) = look_for(&NATIVE, media);
    let found = discovery.arrays.iter().find(|found| found.descriptor.id == array).unwrap();
    let mut store = Store::from_discovery(&discovery, found);
    let regions = |store: &Store| {
        let mut regions = Vec::new();
        store.view(|disks| {
            NATIVE.recorded(disks, array, 0, &mut |record| {
                record.regions(&mut |of| regions.push(of));
            });
        });
        regions
    };
    let stamp = Stamp { unix_seconds: 0, random: 9 };
    let state = store.view(|disks| NATIVE.state(disks, array, 0)).unwrap();
    store.edit(|disks| NATIVE.set_state(disks, array, 0, &Dirty(state), stamp)).unwrap();
    assert_eq!(regions(&store), [RegionRecord::new(true, false, 0)]);
    let unclean = RuntimeState { clean: false, ..state };
    store.edit(|disks| NATIVE.set_state(disks, array, 0, &unclean, stamp)).unwrap();
    assert_eq!(store.view(|disks| NATIVE.state(disks, array, 0)), Some(unclean));
    assert_eq!(regions(&store), [RegionRecord::new(true, false, 0)]);
}

/// A record of one region, in which a write is under way.
struct Dirty(RuntimeState);

impl SetRecord for Dirty {
    fn state(&self) -> RuntimeState {
        self.0
    }

    fn regions(&self, to: &mut dyn FnMut(RegionRecord)) {
        to(RegionRecord::new(true, false, 0));
    }
}

#[test]
fn an_array_of_an_unknown_version_is_not_started() {
    let format = writers().find(|format| format.name() == "asr").unwrap();
    let (array, mut media) = create_on(format, mirror(2, 1), 0).unwrap();
    for medium in &mut media {
        let table = Lba(medium.shape().blocks.0 - 17);
        let mut block = [0; 512];
        medium.read(table, &mut block).unwrap();
        block[4..8].copy_from_slice(&[0, 0, 0, 7]);
        medium.write(table, &block).unwrap();
    }
    let refused = start_on(format, array, media, (Time(0), 1), None, options(false)).unwrap_err();
    assert!(
        matches!(refused, OpenError::ReadOnly(ChangeError::UnknownVersion { .. })),
        "{refused}"
    );
}
