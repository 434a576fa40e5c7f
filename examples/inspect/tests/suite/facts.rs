// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is found agrees with what the kernel and the records say of every volume.

use crate::bench::{images, inspect_without, places};
use raid_core::array::{ArrayState, Initialisation, MemberState};
use raid_inspect::Inspection;
use raid_testdata::{Scenario, scenarios};

fn found(scenario: &Scenario) -> Inspection {
    inspect_without(&images(scenario), &[])
}

#[test]
fn every_volume_has_the_level_the_sizes_and_the_members_that_its_writer_gave_it() {
    for scenario in scenarios().iter().filter(|scenario| !scenario.volumes.is_empty()) {
        let inspection = found(scenario);
        let arrays = &inspection.discovery.arrays;
        let context = format!("{}/{}", scenario.group, scenario.name);
        assert_eq!(arrays.len(), scenario.volumes.len(), "{context}");
        for volume in &scenario.volumes {
            let context = format!("{context} {}", volume.name);
            let named = |name: String| name.trim_end() == volume.name;
            let array = arrays.iter().find(|a| named(a.descriptor.name.to_string()));
            let array = array.unwrap_or_else(|| panic!("{context}: not found"));
            let descriptor = &array.descriptor;
            let geometry = &descriptor.geometry;
            assert_eq!(geometry.block_size, scenario.block_size, "{context}");
            assert_eq!(geometry.level_name(), volume.level, "{context}");
            assert_eq!(geometry.placement.name(), volume.placement, "{context}");
            assert_eq!(usize::from(geometry.sets), volume.sets, "{context}");
            assert_eq!(usize::from(geometry.slots), volume.slots, "{context}");
            let block = geometry.block_size;
            assert_eq!(descriptor.size.bytes(block), Some(volume.size_bytes), "{context}");
            if volume.chunk_bytes > 0 {
                assert_eq!(geometry.strip.bytes(block), Some(volume.chunk_bytes), "{context}");
            }
            for (slot, place) in places(array).into_iter().enumerate() {
                let known = volume.members.iter().find(|member| member.slot == slot);
                let context = format!("{context} slot {slot}");
                let in_sync = place.state == MemberState::InSync;
                // The kernel had not noticed; the metadata says that the disk failed.
                if scenario.name == "failed-raid0" && volume.name == "r0" && slot == 0 {
                    assert_eq!(place.state, MemberState::Failed, "{context}");
                    continue;
                }
                assert_eq!(in_sync, known.is_some(), "{context}: {place:?}");
                if let Some(known) = known {
                    assert_eq!(place.disk, Some(known.disk), "{context}");
                    let start = place.start.0 * u64::from(block);
                    assert_eq!(start, known.start_bytes, "{context}");
                }
            }
        }
    }
}

#[test]
fn states_are_those_of_the_scenario() {
    use ArrayState::{Degraded, Failed, Optimal};
    for scenario in scenarios().iter().filter(|scenario| !scenario.volumes.is_empty()) {
        let inspection = found(scenario);
        assert!(!inspection.discovery.arrays.is_empty(), "{}/{}", scenario.group, scenario.name);
        for array in &inspection.discovery.arrays {
            let descriptor = &array.descriptor;
            let name = descriptor.name.to_string();
            let state = match (scenario.name.as_str(), name.as_str()) {
                ("failed-raid0", "r0") => Failed,
                ("mdadm44-degraded-raid6", _) => ArrayState::PartiallyOptimal,
                ("degraded", _) | ("rebuild-raid5-live", _) | ("stale-metadata-raid1", _) => {
                    Degraded
                }
                (name, _) if name.starts_with("degraded-") => Degraded,
                _ => Optimal,
            };
            let context = format!("{}/{} {name}", scenario.group, scenario.name);
            assert_eq!(descriptor.state, state, "{context}");
            assert_eq!(descriptor.clean, scenario.name != "dirty-raid5-live", "{context}");
            let running = ["resync-raid5-stopped", "initing"].contains(&scenario.name.as_str());
            let initialisation =
                if running { Initialisation::Running } else { Initialisation::Full };
            assert_eq!(descriptor.initialisation, initialisation, "{context}");
        }
    }
}

#[test]
fn spares_are_recognised_and_are_no_members() {
    for (group, name, spare) in
        [("ddf-mdadm", "spare-unused", 2), ("ddf-graid", "le-raid5-spare", 3)]
    {
        let inspection = found(&raid_testdata::scenario(group, name));
        for (index, disk) in inspection.discovery.disks.iter().enumerate() {
            let descriptor = disk.claims[0].descriptor.unwrap();
            assert_eq!(
                descriptor.role.is_spare(),
                index == spare,
                "{name} d{index}: {}",
                descriptor.role.name()
            );
        }
    }
}

#[test]
fn nothing_in_good_order_is_called_damaged() {
    for scenario in scenarios() {
        if scenario.group == "asr" {
            continue; // The tail of a disk: its extent does not fit.
        }
        let inspection = found(&scenario);
        assert!(inspection.discovery.disks.iter().all(|disk| disk.claims.len() == 1));
        for found in &inspection.discovery.findings {
            let finding = found.finding;
            assert!(
                finding.severity < raid_core::metadata::Severity::Damage,
                "{}/{}: {finding}",
                scenario.group,
                scenario.name
            );
        }
    }
}
