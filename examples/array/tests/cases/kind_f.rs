// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts that discovery does not allow, and what is taken on trust.

use crate::harness::{
    ASR, DDF, DDF_MARKS, FORMATS, NATIVE_FORMAT, TOY_FORMAT, UnderTest, geometry, good, options,
    start, stop, work,
};
use raid_array::discover::Discovery;
use raid_array::engine::{OpenError, Options};
use raid_array::trust::{Accept, Risk};
use raid_array::workload::{ArrayEngine, Caches, Kept, Machine};
use raid_core::array::{ArrayState, Level, MemberState};
use raid_core::units::Lba;

/// A mirror of two that was written and stopped cleanly.
fn mirror(kept: Kept) -> Machine {
    let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 0, 5).unwrap();
    run(&mut machine, &[0, 1]);
    machine
}

/// Starts from these disks, writes, and stops cleanly.
fn run(machine: &mut Machine, disks: &[usize]) {
    let mut running = start(machine, 0, disks).unwrap();
    work(&mut running.rig, 150);
    stop(machine, running);
}

fn accepting(accept: Accept) -> Options {
    Options { accept, ..options() }
}

/// Every byte of these disks.
fn bytes(machine: &mut Machine, disks: &[usize]) -> Vec<Vec<u8>> {
    let read = |disk: &usize| {
        let disk = machine.disk(*disk);
        let mut all = vec![0; disk.shape().blocks.0 as usize * 512];
        disk.read(Lba(0), &mut all).unwrap();
        all
    };
    disks.iter().map(read).collect()
}

/// Case E3.
#[test]
fn a_clone_next_to_its_original_is_refused_with_every_risk_accepted_and_nothing_is_written() {
    for kept in [DDF, ASR] {
        let mut machine = mirror(kept);
        let clone = machine.clone_disk(0);
        let disks = [0, 1, clone];
        let before = bytes(&mut machine, &disks);
        for accept in [Accept::NOTHING, Accept::ALL] {
            let started = machine.start::<UnderTest>(0, &disks, accepting(accept));
            let refused = started.map(|_| ()).unwrap_err();
            assert!(
                matches!(refused, OpenError::Contradiction { .. }),
                "{}: {refused:?}",
                kept.name
            );
            let text = refused.to_string();
            assert!(text.contains("disk 2") || text.contains("disk 0"), "{text}");
            assert!(text.contains("leave out the disk"), "{text}");
        }
        assert!(bytes(&mut machine, &disks) == before, "{}: a refused start wrote", kept.name);
        let mut running = start(&mut machine, 0, &[1, clone]).unwrap();
        running.rig.adopt_all();
        good(&running.rig, kept.name);
    }
}

/// Filled as the copy, it would be taken for the spare itself at the next start, which holds nothing. Found by story
/// 9010 of raid-ublk.
#[test]
fn a_copy_of_a_spare_beside_it_is_refused_with_every_risk_accepted() {
    for kept in FORMATS {
        let mut machine = Machine::create(*kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
        run(&mut machine, &[0, 1, 2]);
        let clone = machine.clone_disk(2);
        let disks = [0, 1, 2, clone];
        let before = bytes(&mut machine, &disks);
        for accept in [Accept::NOTHING, Accept::ALL] {
            let started = machine.start::<UnderTest>(0, &disks, accepting(accept));
            let refused = started.map(|_| ()).expect_err(kept.name);
            assert!(matches!(refused, OpenError::Contradiction { .. }), "{refused:?}");
            let text = refused.to_string();
            assert!(text.contains("disk 2 and disk 3 say that they are one disk"), "{text}");
            assert!(text.contains("leave out the disk"), "{text}");
        }
        assert!(bytes(&mut machine, &disks) == before, "{}: a refused start wrote", kept.name);
        // Either of them may serve.
        for spare in [clone, 2] {
            run(&mut machine, &[0, 1, spare]);
        }
    }
}

/// Case E3.
#[test]
fn halves_of_a_mirror_that_were_used_apart_are_refused_with_every_risk_accepted() {
    for kept in [DDF, DDF_MARKS, ASR, NATIVE_FORMAT] {
        let mut machine = mirror(kept);
        let common = machine.oracle(0);
        for half in [0, 1] {
            machine.set_oracle(0, common.clone());
            run(&mut machine, &[half]);
        }
        let before = bytes(&mut machine, &[0, 1]);
        for accept in [Accept::NOTHING, Accept::ALL] {
            let started = machine.start::<UnderTest>(0, &[0, 1], accepting(accept));
            let refused = started.map(|_| ()).unwrap_err();
            assert!(matches!(refused, OpenError::Forked { .. }), "{}: {refused:?}", kept.name);
        }
        assert!(bytes(&mut machine, &[0, 1]) == before, "{}: a refused start wrote", kept.name);
    }
}

/// A discovery that a risk is about, made of one without any.
type Edit = fn(&mut Discovery);

/// Cases E3, F1.
#[test]
fn a_start_takes_on_trust_what_was_accepted_by_name_and_reports_it() {
    let cases: [(Risk, Edit); 4] = [
        (Risk::DeclaredFailed, |found| found.arrays[0].descriptor.state = ArrayState::Failed),
        (Risk::TwoFormats, |found| {
            let claim = found.disks[1].claims[0].clone();
            found.disks[1].claims.push(claim);
        }),
        (Risk::SharedBlocks, |found| {
            let mut other = found.arrays[0].clone();
            other.members.truncate(1);
            other.members[0].descriptor.start.0 += 1;
            other.descriptor.id.0[0] ^= 1;
            found.arrays.push(other);
        }),
        (Risk::SharedBlocks, |found| {
            let mut other = found.arrays[0].clone();
            other.members.truncate(1);
            other.members[0].descriptor.state = MemberState::Rebuilding;
            other.descriptor.id.0[0] ^= 1;
            found.arrays.push(other);
        }),
    ];
    for kept in [DDF, ASR] {
        let mut machine = mirror(kept);
        for (risk, edit) in cases {
            let mut start =
                |accept| machine.start_found::<UnderTest>(0, &[0, 1], accepting(accept), edit);
            let others = Risk::ALL.into_iter().filter(|other| *other != risk).collect();
            for accept in [Accept::NOTHING, others] {
                let refused = start(accept).map(|_| ()).unwrap_err();
                assert!(matches!(&refused, OpenError::Risk(taken) if taken.risk == risk));
                assert!(refused.to_string().contains(risk.name()), "{refused}");
            }
            let running = start(Accept::NOTHING.and(risk)).unwrap();
            let taken: Vec<_> = running.rig.trusted.iter().map(|taken| taken.risk).collect();
            assert_eq!(taken, [risk], "{}", kept.name);
            running.cut(&mut machine, Caches::KeepNothing);
        }
        let running = machine.start::<UnderTest>(0, &[0, 1], accepting(Accept::ALL)).unwrap();
        assert!(running.rig.trusted.is_empty(), "what is not needed is not taken on trust");
    }
}

/// Cases E3, F1.
#[test]
fn an_unclean_degraded_start_is_reported_with_its_set_and_rows() {
    // ASR has no level with parity.
    for kept in [DDF, DDF_MARKS, TOY_FORMAT] {
        let mut machine = Machine::create(kept, geometry(Level::Raid5, 4, 1), 0, 5).unwrap();
        let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
        running.rig.work_until(|rig| {
            let status = rig.engine.status(0);
            !status.clean && !status.unrecorded && status.tickets > 1
        });
        running.cut(&mut machine, Caches::KeepAll);
        let mut start =
            |accept| machine.start::<UnderTest>(0, &[0, 1, 3], accepting(accept)).map(|r| r.rig);
        for accept in [Accept::NOTHING, Accept::NOTHING.and(Risk::NeverInitialised)] {
            let refused = start(accept).map(|_| ()).unwrap_err();
            assert!(matches!(refused, OpenError::Refused { .. }), "{}: {refused}", kept.name);
        }
        let rig = start(Accept::NOTHING.and(Risk::UncleanDegraded)).unwrap();
        let [taken] = rig.trusted.as_slice() else { panic!("{:?}", rig.trusted) };
        assert_eq!((taken.risk, taken.set), (Risk::UncleanDegraded, Some(0)));
        assert!(taken.what.contains("512 of 512 rows"), "{taken}");
    }
}
