// SPDX-License-Identifier: MIT OR Apache-2.0
//! The volumes on images of other implementations, against what is known of them.

mod examine;

use crate::support;
use crate::support::{Told, assemble, read_scenario};
use raid_core::array::{ArrayState, Initialisation, MemberState};
use raid_core::layout::Layout;
use raid_core::metadata::{Lookup, Severity};
use raid_testdata::{Scenario, scenarios};

/// What deserves more than a glance in a scenario; all that is not said is optimal, clean, fully
/// initialised, and free of findings.
struct Expected {
    state: ArrayState,
    clean: bool,
    initialisation: Initialisation,
    /// Roles of the disks that are no members.
    roles: &'static [(usize, &'static str)],
    /// States of the places that are not in sync: volume, running number, state.
    places: &'static [(usize, usize, MemberState)],
    /// Numbers of all findings.
    findings: &'static [u16],
}

const FINE: Expected = Expected {
    state: ArrayState::Optimal,
    clean: true,
    initialisation: Initialisation::Full,
    roles: &[],
    places: &[],
    findings: &[],
};
const DEGRADED: Expected = Expected { state: ArrayState::Degraded, ..FINE };

fn expected(scenario: &Scenario) -> Expected {
    use MemberState::{Failed, Missing, Rebuilding, Stale};
    match (scenario.group, scenario.name.as_str()) {
        ("ddf-mdadm", "degraded-raid5-failed") => {
            Expected { roles: &[(1, "failed")], places: &[(0, 0, Failed)], ..DEGRADED }
        }
        ("ddf-mdadm", "degraded-raid5-stale") => {
            Expected { roles: &[(2, "failed")], places: &[(0, 3, Failed)], ..DEGRADED }
        }
        ("ddf-mdadm", "degraded-raid6-two") => Expected {
            roles: &[(0, "failed"), (3, "failed")],
            places: &[(0, 1, Failed), (0, 2, Failed)],
            ..DEGRADED
        },
        ("ddf-mdadm", "dirty-raid5-live") => Expected { clean: false, ..FINE },
        ("ddf-mdadm", "failed-raid0") => Expected {
            state: ArrayState::Failed,
            roles: &[(1, "failed")],
            places: &[(0, 0, Failed)],
            // mdadm left the stored state at optimal.
            findings: &[427],
            ..FINE
        },
        ("ddf-mdadm", "mdadm44-degraded-raid6") => Expected {
            state: ArrayState::PartiallyOptimal,
            roles: &[(1, "failed")],
            places: &[(0, 0, Failed)],
            ..FINE
        },
        ("ddf-mdadm", "multi-deleted-vd" | "spare-unused") => {
            Expected { roles: &[(2, "global spare")], ..FINE }
        }
        ("ddf-mdadm", "raid1e-far-4d-64k") => Expected { findings: &[424], ..FINE },
        ("ddf-mdadm", "rebuild-raid5-live") => {
            Expected { roles: &[(1, "failed")], places: &[(0, 0, Rebuilding)], ..DEGRADED }
        }
        ("ddf-mdadm", "resync-raid5-stopped") | ("ddf-mdadm-4.2", "initing") => {
            Expected { initialisation: Initialisation::Running, ..FINE }
        }
        ("ddf-mdadm", "spare-rebuilt") => Expected { roles: &[(3, "failed")], ..FINE },
        ("ddf-mdadm", "stale-metadata-raid1") => Expected {
            roles: &[(1, "stale")],
            places: &[(0, 0, Missing)],
            findings: &[304],
            ..DEGRADED
        },
        ("ddf-mdadm-4.2", "degraded") => Expected {
            roles: &[(1, "stale")],
            places: &[(0, 0, Stale)],
            findings: &[304],
            ..DEGRADED
        },
        ("ddf-mdadm-4.2", "spare") => Expected { roles: &[(1, "failed")], ..FINE },
        ("ddf-graid", "be-raid5ee") => Expected { findings: &[429], ..FINE },
        ("ddf-graid", "le-raid0") => Expected { findings: &[104], ..FINE },
        ("ddf-graid", "le-raid5-spare") => {
            Expected { roles: &[(3, "global spare")], findings: &[104], ..FINE }
        }
        ("ddf-util-linux", _) => {
            Expected { roles: &[(0, "global spare")], findings: &[120], ..FINE }
        }
        _ => FINE,
    }
}

/// Level, placement, sizes and members of every volume, as the kernel or the records' own author
/// said.
fn check_volumes(scenario: &Scenario, told: &Told) {
    let block_size = u64::from(scenario.block_size);
    assert_eq!(told.arrays.len(), scenario.volumes.len(), "{}", scenario.name);
    for known in &scenario.volumes {
        let (array, members) = told.array(&known.name);
        let geometry = array.geometry;
        let name = &scenario.name;
        assert_eq!(geometry.level_name(), known.level, "{name}");
        assert_eq!(geometry.placement.name(), known.placement, "{name}");
        assert_eq!(usize::from(geometry.sets), known.sets, "{name}");
        assert_eq!(usize::from(geometry.slots), known.slots, "{name}");
        assert_eq!(geometry.strip.0 * block_size, known.chunk_bytes, "{name}");
        assert_eq!(array.size.0 * block_size, known.size_bytes, "{name}");
        assert_eq!(geometry.block_size, scenario.block_size, "{name}");
        let layout = Layout::new(&geometry).expect("a geometry with addresses");
        assert!(layout.size() >= array.size, "{name}");
        let in_sync: Vec<_> = members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.state == MemberState::InSync)
            .map(|(slot, member)| (slot, member.disk.unwrap(), member.start.0 * block_size))
            .collect();
        // The kernel keeps a failed disk in a RAID-0; the metadata says that it is failed.
        let kept = known.level == "raid0" && array.state == ArrayState::Failed;
        let failed = |slot: usize| kept && members[slot].state == MemberState::Failed;
        let known = known.members.iter().filter(|member| !failed(member.slot));
        let known: Vec<_> = known.map(|m| (m.slot, m.disk, m.start_bytes)).collect();
        assert_eq!(in_sync, known, "{name}");
    }
}

fn check_states(scenario: &Scenario, told: &Told) {
    let name = &scenario.name;
    let expected = expected(scenario);
    if let Some((first, _)) = told.arrays.first() {
        assert_eq!(first.state, expected.state, "{name}");
        assert_eq!(first.clean, expected.clean, "{name}");
        assert_eq!(first.initialisation, expected.initialisation, "{name}");
    }
    for (later, _) in told.arrays.iter().skip(1) {
        assert_eq!(later.state, ArrayState::Optimal, "{name}");
    }
    for disk in &told.disks {
        let listed = expected.roles.iter().find(|(index, _)| *index == disk.disk);
        let role = listed.map_or("member", |(_, role)| role);
        assert_eq!(disk.role.name(), role, "{name} disk {}", disk.disk);
        assert_eq!(disk.role.is_spare(), role == "global spare");
    }
    let out_of_sync: Vec<_> = told
        .arrays
        .iter()
        .enumerate()
        .flat_map(|(volume, (_, members))| {
            let states = members.iter().enumerate();
            states.map(move |(slot, member)| (volume, slot, member.state))
        })
        .filter(|(_, _, state)| *state != MemberState::InSync)
        .collect();
    assert_eq!(out_of_sync, expected.places, "{name}");
    // mdadm stores every RAID-10 under the code for spanning.
    let spanned = scenario.volumes.iter().any(|v| v.level == "raid10") && !name.starts_with("be-");
    let mut findings = expected.findings.to_vec();
    findings.extend(spanned.then_some(434));
    assert_eq!(told.codes(Severity::Note), findings, "{name}: {:#?}", told.findings);
    for finding in &told.findings {
        assert!(finding.disk.is_some() && finding.at.is_some(), "{name}: {finding:?}");
    }
}

fn check_group(wanted: impl Fn(&Scenario) -> bool) -> usize {
    let mut count = 0;
    for scenario in scenarios().into_iter().filter(wanted) {
        let disks = read_scenario(&scenario);
        assert!(disks.iter().all(|disk| disk.answer == Lookup::Complete), "{}", scenario.name);
        let told = assemble(&disks);
        assert_eq!(told.disks.len(), disks.len(), "{}", scenario.name);
        check_volumes(&scenario, &told);
        check_states(&scenario, &told);
        if let Some(facts) = &scenario.facts {
            assert!(examine::compare(&scenario, facts, &disks) > 20 * disks.len());
        }
        count += 1;
    }
    count
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn volumes_of_mdadm_with_parity_are_found_as_the_kernel_ran_them() {
    let parity = |s: &Scenario| s.name.contains("raid5") || s.name.contains("raid6");
    assert_eq!(check_group(|s| s.group == "ddf-mdadm" && parity(s)), 14);
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn volumes_of_mdadm_without_parity_are_found_as_the_kernel_ran_them() {
    let parity = |s: &Scenario| s.name.contains("raid5") || s.name.contains("raid6");
    assert_eq!(check_group(|s| s.group == "ddf-mdadm" && !parity(s)), 14);
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn volumes_of_graid_and_of_older_mdadm_are_found() {
    let groups = ["ddf-mdadm-4.2", "ddf-graid", "ddf-util-linux"];
    assert_eq!(check_group(|s| groups.contains(&s.group)), 20);
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn a_disk_of_another_format_is_absent() {
    let scenario = raid_testdata::scenario("asr", "asr");
    for disk in read_scenario(&scenario) {
        assert_eq!(disk.answer, Lookup::Absent);
    }
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn a_disk_of_large_blocks_is_not_mistaken_for_one_of_small_blocks() {
    let image = raid_testdata::scenario("ddf-graid", "be-4k-raid1").image(0);
    assert_eq!(support::read_image(&image, 512).answer, Lookup::Absent);
    assert_eq!(support::read_image(&image, 4096).answer, Lookup::Complete);
}
