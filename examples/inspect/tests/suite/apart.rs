// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind C as the tool sees it: disks that ran apart, on every format that can be written. No format
//! is named.

use crate::bench::{geometry, sources};
use raid_array::discover::Source;
use raid_array::formats::FORMATS;
use raid_array::store::{CommitStep, Store};
use raid_array::trust::Accept;
use raid_core::array::*;
use raid_core::metadata::{
    Admin, ArrayRequest, ChangeError, DiskShape, Format, RuntimeState, Severity, Stamp,
};
use raid_core::units::{Blocks, Slot, SlotSet};
use raid_inspect::{ExitCode, Inspection, Readiness, json_report, text_report};
use raid_testdata::SparseImage;
use serde_json::Value;
use std::sync::Arc;

/// Disks of one configuration.
struct Bed {
    writer: &'static dyn Admin,
    images: Vec<Arc<SparseImage>>,
    time: u64,
}

fn mirror(slots: u16) -> Geometry {
    Geometry {
        strip: Blocks(0),
        member_blocks: Blocks(256),
        ..geometry(Level::Raid1, Placement::Fixed, slots)
    }
}

impl Bed {
    /// Arrays on the disks named, and disks that nobody uses; `None` if the format has no such arrays.
    fn of(
        format: &'static dyn Format,
        arrays: &[(Geometry, &[usize])],
        disks: usize,
    ) -> Option<Self> {
        let writer = format.admin()?;
        let shape = DiskShape { blocks: Blocks(80 << 11), block_size: 512 };
        let blank = Arc::new(SparseImage::zeroed(80 << 20));
        let mut bed = Self { writer, images: vec![blank; disks], time: 1_700_000_000 };
        let mut store = Store::for_new_disks(writer, &vec![shape; disks]);
        let stamp = bed.stamp();
        store.edit(|disks| writer.initialise(disks, stamp)).unwrap();
        for (number, (geometry, disks)) in arrays.iter().enumerate() {
            let name = format!("array{number}");
            let disks: Vec<_> = disks.iter().copied().map(Some).collect();
            let request = ArrayRequest {
                initialisation: Initialisation::Full,
                unverified: true,
                ..ArrayRequest::new(Name::new(name.as_bytes()), *geometry, &disks)
            };
            let stamp = bed.stamp();
            match store.edit(|disks| writer.create_array(disks, &request, stamp)) {
                Ok(_) => {}
                Err(
                    ChangeError::Unsupported(_)
                    | ChangeError::Invalid { .. }
                    | ChangeError::Disk { .. },
                ) => return None,
                Err(why) => panic!("{}: {why}", format.name()),
            }
        }
        let all: Vec<usize> = (0..disks).collect();
        bed.write(&mut store, &all, usize::MAX);
        Some(bed)
    }

    fn stamp(&mut self) -> Stamp {
        self.time += 60;
        Stamp { unix_seconds: self.time, random: self.time.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// Writes the first steps of a commit of each disk; `disks` says which disk of the bed each one of the
    /// store is.
    fn write(&mut self, store: &mut Store, disks: &[usize], most: usize) {
        for (index, disk) in disks.iter().enumerate() {
            if !store.disks[index].live {
                continue;
            }
            for step in store.commit_steps(self.writer, index).into_iter().take(most) {
                if let CommitStep::Write(at, bytes) = step {
                    Arc::make_mut(&mut self.images[*disk]).write_at(at.0 * 512, &bytes);
                }
            }
        }
    }

    fn inspect(&self, disks: &[usize]) -> Inspection {
        let named = sources(&self.images).into_iter().enumerate();
        let some = named.filter(|(disk, _)| disks.contains(disk)).map(|(_, source)| source);
        Inspection::of(some.collect::<Vec<Source>>())
    }

    /// Records a set of array `number` on these disks alone: without those that are absent.
    fn record(&mut self, number: usize, disks: &[usize], clean: bool, most: usize) {
        let found = self.inspect(disks).discovery;
        let name = format!("array{number}");
        let mut arrays = found.arrays.iter();
        let array = arrays.find(|array| array.descriptor.name.to_string().trim() == name).unwrap();
        let mut store = Store::from_discovery(&found, array);
        let (writer, stamp, id) = (self.writer, self.stamp(), array.descriptor.id);
        for set in 0..array.descriptor.geometry.sets {
            let out = array.members.iter().map(|member| &member.descriptor);
            let out = out.filter(|m| m.place.set == set && m.state != MemberState::InSync);
            let failed: SlotSet = out.map(|member| member.place.slot).collect();
            let state = store.view(|disks| writer.state(disks, id, set)).unwrap();
            let state = RuntimeState { clean, failed, ..state };
            store.edit(|disks| writer.set_state(disks, id, set, &state, stamp)).unwrap();
        }
        self.write(&mut store, disks, most);
    }

    /// The array runs on these disks, and stops.
    fn run(&mut self, number: usize, disks: &[usize]) {
        for clean in [false, true] {
            self.record(number, disks, clean, usize::MAX);
        }
    }
}

fn report(inspection: &Inspection) -> (String, Value) {
    let [mut text, mut json] = [Vec::new(), Vec::new()];
    text_report(inspection, &mut text).unwrap();
    json_report(inspection, &mut json).unwrap();
    (String::from_utf8(text).unwrap(), serde_json::from_slice(&json).unwrap())
}

fn code(inspection: &Inspection) -> u64 {
    report(inspection).1["exit_code"].as_u64().unwrap()
}

fn no_damage(inspection: &Inspection) {
    let worst = inspection.discovery.findings.iter().map(|found| found.finding.severity).max();
    assert!(worst < Some(Severity::Damage), "{}", report(inspection).0);
}

/// Each format on which such a bed can be made; how many they are is asserted.
fn beds(arrays: &[(Geometry, &[usize])], disks: usize, count: usize) -> Vec<Bed> {
    let beds: Vec<Bed> =
        FORMATS.iter().filter_map(|format| Bed::of(*format, arrays, disks)).collect();
    assert_eq!(beds.len(), count, "formats that can hold this");
    beds
}

/// Cases C1, C11.
#[test]
fn a_fork_is_reported_with_the_commands_that_settle_it_and_what_is_lost() {
    for mut bed in beds(&[(mirror(2), &[0, 1])], 2, 2) {
        let format = bed.writer.name();
        bed.run(0, &[0]);
        (0..2).for_each(|_| bed.run(0, &[1]));
        let inspection = bed.inspect(&[0, 1]);
        let (text, json) = report(&inspection);
        assert_eq!(code(&inspection), u64::from(ExitCode::NotReadable as u8), "{text}");
        for part in [
            "its disks ran apart",
            "run on these:         raid-inspect cat --array array0 --without d0 PATH…",
            "run on these:         raid-inspect cat --array array0 --without d1 PATH…",
            "give the others back: wipefs --all d0",
            "give the others back: wipefs --all d1",
            "lost then:            what history 1 wrote since the histories parted",
            "of 2023-11-14 22:",
            &format!("{format} does not record which rows"),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let branches = json["arrays"][0]["branches"].as_array().unwrap();
        for branch in branches {
            let own = branch["disks"][0].as_u64().unwrap();
            assert_eq!(branch["give_back_disks"], serde_json::json!([1 - own]));
            assert_eq!(branch["give_back"], format!("wipefs --all d{}", 1 - own));
            assert!(branch["run"].as_str().unwrap().contains(&format!("--without d{}", 1 - own)));
            assert!(branch["lost"].as_str().unwrap().contains("does not record which rows"));
        }
        assert_eq!(branches.len(), 2);
        let forced = Readiness::of(&inspection, &inspection.discovery.arrays[0], Accept::ALL);
        assert!(forced.unwrap_err().to_string().contains("ran apart"), "nobody forces a fork");
        for own in [0, 1] {
            let inspection = bed.inspect(&[own]);
            Readiness::of(&inspection, &inspection.discovery.arrays[0], Accept::NOTHING).unwrap();
        }
    }
}

/// Case C1.
#[test]
fn a_command_that_gives_a_disk_back_names_the_other_arrays_on_it() {
    for mut bed in beds(&[(mirror(2), &[0, 1]), (mirror(2), &[1, 2])], 3, 1) {
        bed.run(0, &[0]);
        bed.run(0, &[1]);
        let text = report(&bed.inspect(&[0, 1, 2])).0;
        let part = "wipefs --all d1, which takes them from array array1 as well";
        assert!(text.contains(part), "{text}");
    }
}

/// Cases C2, C3.
#[test]
fn arrays_that_did_not_run_are_read_though_another_one_ran_without_their_disks() {
    let stripes = Geometry {
        strip: Blocks(16),
        member_blocks: Blocks(256),
        ..geometry(Level::Raid0, Placement::Fixed, 2)
    };
    let arrays = [(mirror(5), &[0, 1, 2, 3, 4][..]), (mirror(2), &[1, 3]), (stripes, &[0, 1])];
    for mut bed in beds(&arrays, 5, 1) {
        (0..2).for_each(|_| bed.run(0, &[0, 2, 4]));
        let inspection = bed.inspect(&[0, 1, 2, 3, 4]);
        for array in &inspection.discovery.arrays {
            let ready = Readiness::of(&inspection, array, Accept::NOTHING).unwrap();
            let gone: Vec<Slot> = ready.gaps.iter().map(|gap| gap.member.place.slot).collect();
            match array.members.len() {
                5 => assert_eq!(gone, [Slot(1), Slot(3)]),
                _ => assert!(gone.is_empty(), "{}: {gone:?}", array.descriptor.name),
            }
        }
        assert_eq!(code(&inspection), u64::from(ExitCode::Degraded as u8));
    }
}

/// Case C6.
#[test]
fn an_unused_disk_that_missed_updates_leaves_the_verdict_consistent() {
    for mut bed in beds(&[(mirror(2), &[0, 1])], 3, 2) {
        (0..3).for_each(|_| bed.run(0, &[0, 1]));
        let inspection = bed.inspect(&[0, 1, 2]);
        no_damage(&inspection);
        assert_eq!(code(&inspection), u64::from(ExitCode::Consistent as u8));
    }
}

/// Case C7.
#[test]
fn a_commit_that_was_cut_anywhere_is_no_damage() {
    for most in 0..40 {
        for mut bed in beds(&[(mirror(2), &[0, 1])], 2, 2) {
            bed.record(0, &[0, 1], false, most);
            let inspection = bed.inspect(&[0, 1]);
            no_damage(&inspection);
            assert_eq!(code(&inspection), u64::from(ExitCode::Consistent as u8), "{most}");
        }
    }
}

/// Case C12.
#[test]
fn parity_is_trusted_where_a_dirty_record_did_not_reach_every_disk() {
    let raid5 = Geometry {
        strip: Blocks(16),
        member_blocks: Blocks(256),
        ..geometry(Level::Raid5, Placement::NContinue, 3)
    };
    for bed in beds(&[(raid5, &[0, 1, 2])], 3, 1) {
        for reached in 0..3 {
            let mut cut = Bed { writer: bed.writer, images: bed.images.clone(), time: bed.time };
            let before = cut.images.clone();
            cut.record(0, &[0, 1, 2], false, usize::MAX);
            for (disk, image) in before.into_iter().enumerate() {
                if disk != reached {
                    cut.images[disk] = image;
                }
            }
            let inspection = cut.inspect(&[reached, (reached + 1) % 3]);
            let array = &inspection.discovery.arrays[0];
            let ready = Readiness::of(&inspection, array, Accept::NOTHING).unwrap();
            assert!(ready.trusted.is_empty() && ready.gaps.len() == 1);
        }
    }
}
