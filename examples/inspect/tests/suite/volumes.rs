// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data of every volume in the test data: whole, and with members left out.

use crate::bench::{accept, images, inspect_without};
use raid_core::array::{ArrayState, MemberDescriptor, MemberState};
use raid_inspect::{ArrayReader, Inspection, Refusal};
use raid_testdata::{Pattern, Scenario, Volume, scenarios};

/// Reads a volume; the reason if it is refused.
fn read(inspection: &Inspection, volume: &Volume, force: bool) -> Result<Vec<u8>, String> {
    let named = |name: &str| name.trim_end() == volume.name;
    let arrays = inspection.discovery.arrays.iter();
    let mut arrays = arrays.filter(|array| named(&array.descriptor.name.to_string()));
    let array = arrays.next().ok_or("not found")?;
    assert!(arrays.next().is_none(), "{} was found twice", volume.name);
    let mut reader =
        ArrayReader::new(inspection, array, accept(force)).map_err(|why| why.to_string())?;
    let mut bytes = vec![0; reader.size() as usize];
    reader.read_at(0, &mut bytes).map_err(|why| why.to_string())?;
    assert_eq!(reader.complaints, [""; 0]);
    Ok(bytes)
}

/// Whether the members that hold their data suffice when those on the disks in `out` are gone.
fn survives(volume: &Volume, out: &[usize]) -> bool {
    let held = |slot: usize| {
        volume.members.iter().any(|member| member.slot == slot && !out.contains(&member.disk))
    };
    let all = volume.slots * volume.sets;
    let gone = (0..all).filter(|slot| !held(*slot)).count();
    match volume.level {
        "raid1" | "raid10" => (0..volume.sets)
            .all(|set| (0..volume.slots).any(|slot| held(set * volume.slots + slot))),
        "raid1e" => (0..all).all(|slot| held(slot) || held((slot + 1) % all)),
        "raid4" | "raid5" | "raid5ee" => gone <= 1,
        "raid6" => gone <= 2,
        "raid0" | "concat" => gone == 0,
        level => panic!("{level}"),
    }
}

/// Whether a member is gone from a volume whose parity the metadata does not vouch for.
fn needs_force(scenario: &Scenario, volume: &Volume, out: &[usize]) -> bool {
    let open = ["dirty-raid5-live", "resync-raid5-stopped", "initing"];
    open.contains(&scenario.name.as_str())
        && volume.members.iter().any(|member| out.contains(&member.disk))
}

/// Reads every volume of a scenario without some of its disks, and checks every byte; `contents` is
/// what they hold.
fn check_without(scenario: &Scenario, contents: &[Vec<u8>], out: &[usize]) {
    let inspection = inspect_without(&images(scenario), out);
    for (volume, content) in scenario.volumes.iter().zip(contents) {
        let context =
            format!("{}/{} {} without {out:?}", scenario.group, scenario.name, volume.name);
        // All disks of this one carry what says that disk 1 failed, which the stripes need.
        let failed = scenario.name == "failed-raid0" && volume.name == "r0";
        // A disk that was left behind knows nothing better when it is alone.
        if scenario.name == "stale-metadata-raid1" && out.contains(&0) {
            let bytes = read(&inspection, volume, false).expect(&context);
            let seed = u64::from_le_bytes(bytes[..8].try_into().unwrap());
            let old = Pattern::OffsetXor { seed, zeros: Vec::new() };
            assert_ne!(old, volume.pattern, "{context}");
            assert_eq!(old.first_difference(0, &bytes), None, "{context}");
            continue;
        }
        let got = read(&inspection, volume, false);
        if failed || !survives(volume, out) {
            assert!(got.is_err(), "{context}: was read");
        } else if needs_force(scenario, volume, out) {
            let why = got.expect_err(&context);
            assert!(why.contains("--force"), "{context}: {why}");
            let forced = read(&inspection, volume, true).expect(&context);
            // Parity may lag behind where writes were under way.
            if scenario.name != "dirty-raid5-live" {
                assert_eq!(difference(volume, content, &forced), None, "{context}");
            }
        } else {
            let bytes = got.unwrap_or_else(|why| panic!("{context}: {why}"));
            assert_eq!(difference(volume, content, &bytes), None, "{context}");
        }
    }
}

/// Where the bytes read differ first from what the volume holds.
fn difference(volume: &Volume, content: &[u8], bytes: &[u8]) -> Option<u64> {
    assert_eq!(bytes.len(), content.len(), "{}", volume.name);
    if bytes == content { None } else { volume.pattern.first_difference(0, bytes) }
}

fn check_all(wanted: impl Fn(&Scenario) -> bool) {
    let mut volumes = 0;
    for scenario in scenarios().iter().filter(|scenario| wanted(scenario)) {
        let content = |volume: &Volume| volume.pattern.bytes(0, volume.size_bytes as usize);
        let contents: Vec<_> = scenario.volumes.iter().map(content).collect();
        check_without(scenario, &contents, &[]);
        (0..scenario.disks.len()).for_each(|disk| check_without(scenario, &contents, &[disk]));
        if scenario.volumes.iter().any(|volume| volume.level == "raid6") {
            let disks = scenario.disks.len();
            let pairs = (0..disks).flat_map(|a| (a + 1..disks).map(move |b| [a, b]));
            pairs.for_each(|pair| check_without(scenario, &contents, &pair));
        }
        volumes += scenario.volumes.len();
    }
    assert!(volumes > 0);
}

#[test]
fn volumes_of_linux_parity_levels_are_read_whole_and_degraded() {
    check_all(|s| s.group == "ddf-mdadm" && s.name.starts_with("raid") && parity(s));
}

#[test]
fn volumes_of_linux_mirrors_and_stripes_are_read_whole_and_degraded() {
    check_all(|s| s.group == "ddf-mdadm" && s.name.starts_with("raid") && !parity(s));
}

#[test]
fn volumes_in_every_odd_state_are_read_or_refused() {
    check_all(|s| s.group == "ddf-mdadm" && !s.name.starts_with("raid"));
}

#[test]
fn volumes_of_the_older_linux_are_read_whole_and_degraded() {
    check_all(|s| s.group == "ddf-mdadm-4.2");
}

#[test]
fn volumes_of_freebsd_are_read_whole_and_degraded() {
    check_all(|s| s.group == "ddf-graid");
}

fn parity(scenario: &Scenario) -> bool {
    scenario.volumes[0].level > "raid3"
}

#[test]
fn a_failed_member_at_hand_is_read_with_force_only() {
    let scenario = raid_testdata::scenario("ddf-mdadm", "failed-raid0");
    let inspection = inspect_without(&images(&scenario), &[]);
    let volume = &scenario.volumes[0];
    let refused = read(&inspection, volume, false).unwrap_err();
    assert!(refused.contains("failed, d1"), "{refused}");
    let bytes = read(&inspection, volume, true).unwrap();
    assert_eq!(volume.pattern.first_difference(0, &bytes), None);
}

#[test]
fn neither_a_rebuilding_nor_a_failed_member_is_read() {
    for (name, disk, state) in [
        ("rebuild-raid5-live", 2, MemberState::Rebuilding),
        ("degraded-raid5-stale", 2, MemberState::Failed),
    ] {
        let scenario = raid_testdata::scenario("ddf-mdadm", name);
        let inspection = inspect_without(&images(&scenario), &[]);
        let array = &inspection.discovery.arrays[0];
        let members = array.members.iter().map(|member| member.descriptor);
        let on_disk = members.clone().find(|member| member.disk == Some(disk));
        assert_eq!(on_disk.map(|member| member.state), Some(state), "{name}");
        assert_eq!(array.descriptor.state, ArrayState::Degraded, "{name}");
        // Without another member nothing but that one is left.
        let other = members.clone().find(|m| m.state == MemberState::InSync).unwrap();
        let less = inspect_without(&images(&scenario), &[other.disk.unwrap()]);
        let refusal = ArrayReader::new(&less, &less.discovery.arrays[0], accept(false)).err();
        assert!(matches!(refusal, Some(Refusal::RedundancyGone(_))), "{name}: {refusal:?}");
    }
}

#[test]
fn a_disk_that_was_left_behind_is_stale_and_in_no_slot() {
    for (group, name, disk) in
        [("ddf-mdadm", "stale-metadata-raid1", 1), ("ddf-mdadm-4.2", "degraded", 1)]
    {
        let inspection = inspect_without(&images(&raid_testdata::scenario(group, name)), &[]);
        let role = inspection.discovery.disks[disk].claims[0].descriptor.unwrap().role.name();
        let members = inspection.discovery.arrays.iter().flat_map(|array| &array.members);
        let mut members = members.map(|member| member.descriptor);
        let in_sync = |m: &MemberDescriptor| m.state == MemberState::InSync;
        assert!(!members.any(|m| m.disk == Some(disk) && in_sync(&m)), "{name}");
        assert!(["stale", "failed"].contains(&role), "{name}: {role}");
    }
}
