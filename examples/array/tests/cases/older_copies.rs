// SPDX-License-Identifier: MIT OR Apache-2.0
//! An older copy of a disk takes the place of the disk: it holds nothing of what was written since.

use crate::harness::{ASR, DDF, DDF_MARKS, UnderTest, geometry, good, start, work};
use raid_array::workload::{ArrayEngine, Caches, Call, Machine, Running};
use raid_core::array::{Level, MemberState};
use raid_core::units::Extent;

/// Starts the volume of these disks, and waits until nothing is left to do.
fn started(machine: &mut Machine, disks: &[usize]) -> Running<UnderTest> {
    let mut running = start(machine, 0, disks).unwrap();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
    running
}

/// Case C8. A start finds an update that a power cut interrupted, and completes it. The first record of the
/// run says what was found. An older copy of a disk, from before that run, is then not one update behind,
/// as a disk is that an interrupted update did not reach.
#[test]
fn an_older_copy_from_before_a_start_that_completed_an_update_is_not_in_sync() {
    for kept in [DDF, DDF_MARKS, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 0, 5).unwrap();
        let mut running = started(&mut machine, &[0, 1]);
        running.rig.write_durably(Extent::new(8, 8));
        running.cut(&mut machine, Caches::KeepAll);
        // A start that writes its first update and nothing else: it did not reach disk 1.
        let behind = machine.clone_disk(1);
        started(&mut machine, &[0, 1]).cut(&mut machine, Caches::KeepAll);
        let updates = |machine: &mut Machine| {
            let found = machine.discover(&[0, behind]);
            [0, 1].map(|disk| found.disks[disk].claims[0].descriptor.unwrap().sequence.unwrap())
        };
        let [newer, older] = updates(&mut machine);
        assert_eq!(newer, older + 1, "{}", kept.name);
        let older = machine.clone_disk(0);
        let mut running = start(&mut machine, 0, &[0, behind]).unwrap();
        running.rig.write_durably(Extent::new(8, 8));
        running.rig.flush();
        good(&running.rig, kept.name);
        running.cut(&mut machine, Caches::KeepAll);
        let found = machine.discover(&[older, behind]);
        let state = found.arrays[0].members[0].descriptor.state;
        assert_eq!(state, MemberState::Stale, "{}", kept.name);
        let mut running = started(&mut machine, &[older, behind]);
        running.rig.verify_all();
        good(&running.rig, kept.name);
    }
}

/// Cases C8, C9. An older copy of a member comes back while the disk that knows the newest history cannot be found.
/// Whatever such a start makes of it, a clean stop keeps.
#[test]
fn a_clean_stop_keeps_the_state_of_a_start_from_an_older_copy_without_the_newest_disk() {
    let volumes = [
        (geometry(Level::Raid5, 4, 1), &[0, 1, 2, 3][..]),
        (geometry(Level::Raid1, 2, 1), &[0, 1][..]),
    ];
    let all = [0, 1, 2, 3, 4];
    let without = |out: &[usize]| -> Vec<usize> {
        all.iter().copied().filter(|disk| !out.contains(disk)).collect()
    };
    let mut started = 0;
    for (volume, copied, hidden) in
        (0..2).flat_map(|volume| (0..12).map(move |pair| (volume, pair / 3, pair % 3)))
    {
        let hidden = if hidden >= copied { hidden + 1 } else { hidden };
        // The run that the copy does not know was of all disks, of all but that one, or of the other volume.
        for between in 0..3 {
            let name = format!("volume {volume}, {copied} copied, {hidden} hidden, {between}");
            let mut machine = Machine::create_volumes(DDF, &volumes, 5, 1, 3).unwrap();
            let run = |machine: &mut Machine, volume: usize, disks: &[usize]| {
                let Ok(mut running) = start(machine, volume, disks) else { return None };
                work(&mut running.rig, 40);
                running.rig.wait_until(|rig| rig.engine.is_idle());
                let status = running.rig.engine.status(0);
                running.rig.flush();
                running.call(Call::Stop).unwrap();
                running.rig.wait_until(|rig| rig.engine.is_idle());
                running.cut(machine, Caches::KeepNothing);
                Some(status.failed | status.rebuilding)
            };
            assert!(run(&mut machine, volume, &all).is_some(), "{name}");
            let older = machine.clone_disk(copied);
            match between {
                0 => run(&mut machine, volume, &all),
                1 => run(&mut machine, volume, &without(&[copied])),
                _ => run(&mut machine, 1 - volume, &without(&[copied])),
            };
            let mut there = without(&[copied, hidden]);
            there.push(older);
            let Some(before) = run(&mut machine, volume, &there) else { continue };
            let after = run(&mut machine, volume, &there);
            assert_eq!(after, Some(before), "{name}");
            started += 1;
        }
    }
    assert!(started > 10, "{started} were started");
}
