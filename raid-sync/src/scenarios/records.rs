// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record stream: one at a time, each newer than all before.

use super::rig::*;
use super::scenarios;
use crate::world::native;
use crate::*;
use raid_core::metadata::{Capabilities, Generation, MemberKey, Operation, Progress, RuntimeState};
use raid_core::units::{Row, Rows, Slot};
use std::collections::VecDeque;
use std::vec::Vec;

scenarios! {
    fn scenario_40_two_cores_share_one_metadata_domain() {
        // Two volumes on the same two disks: their records are written one after the other.
        let mut rigs = [Rig::mirror(2), Rig::mirror(2)];
        let mut queue: VecDeque<(usize, RecordSeq)> = VecDeque::new();
        let mut written: Vec<(usize, RuntimeState)> = Vec::new();
        for round in 0..20u64 {
            for (volume, rig) in rigs.iter_mut().enumerate() {
                rig.hold_records = true;
                let _ = rig.admit(round % ROWS, 1, PLAIN);
                if round == 10 {
                    rig.core.member_failed(Slot(1));
                }
                rig.settle();
                if let Some((seq, ..)) = rig.records.iter().find(|(_, to, _)| !to.is_empty())
                    && !queue.contains(&(volume, *seq))
                {
                    queue.push_back((volume, *seq));
                }
            }
            if let Some((volume, _)) = queue.pop_front() {
                written.push((volume, rigs[volume].last_record().state));
                rigs[volume].record(NONE);
                rigs[volume].settle();
                if let Some((seq, ..)) = rigs[volume].records.iter().find(|(_, to, _)| !to.is_empty()) {
                    queue.push_back((volume, *seq));
                }
            }
        }
        for volume in [0, 1] {
            let mut own = written.iter().filter(|(of, _)| *of == volume).map(|(_, state)| state);
            assert!(own.any(|state| state.failed == slots(&[1])), "none is lost: {written:?}");
            assert!(!rigs[volume].core.status().unrecorded);
        }
    }

    fn scenario_46_a_second_fault_while_the_record_of_the_first_is_in_flight() {
        let mut rig = Rig::mirror(4);
        let (a, b) = (rig.go(0, 1), rig.go(8, 1));
        rig.hold_records = true;
        let Ack::After(first) = rig.done(&a, &[1]) else { panic!() };
        rig.settle();
        let Ack::After(second) = rig.done(&b, &[2]) else { panic!() };
        assert!(second > first);
        rig.settle();
        assert_eq!(rig.last_record().state.failed, slots(&[1]));
        rig.record(slots(&[2]));
        rig.settle();
        let early = |wait: &WaitFor| matches!(wait, WaitFor::Record(seq) if *seq >= second);
        assert!(!rig.woken.iter().any(early), "{:?}", rig.woken);
        let (seq, to, image) = rig.records.last().unwrap();
        assert_eq!((image.state.failed, *to), (slots(&[1, 2]), slots(&[0, 3])));
        assert!(*seq >= second);
        rig.record(NONE);
        rig.settle();
        let woken = rig.woken.iter().any(|wait| matches!(wait, WaitFor::Record(seq) if *seq >= second));
        assert!(woken, "{:?}", rig.woken);
    }

    fn scenario_47_a_record_fails_on_every_member() {
        let mut rig = Rig::mirror(2);
        rig.hold_records = true;
        assert!(matches!(rig.admit(0, 1, PLAIN), Admit::Wait(WaitFor::Record(_))));
        rig.settle();
        rig.record(slots(&[0, 1]));
        rig.settle();
        assert!(rig.told.contains(&Notice::SetFailed));
        // The writer is woken after that, asks again, and is refused.
        assert_eq!(rig.woken, [WaitFor::Record(RecordSeq(1))]);
        assert!(matches!(rig.admit(0, 1, PLAIN), Admit::Refuse(Refusal::NoCopyLeft { .. })));
        assert_eq!(rig.core.complete_flush(NONE), Ack::NoCopyLeft);
        assert_eq!(rig.core.deadline(), None);
    }

    fn scenario_49_generation_and_sequence_at_their_largest() {
        let narrow = Capabilities { generation_bits: 32, ..native::capabilities() };
        for start in [0xffff_fffe, 0xffff_ffff] {
            let mut rig = Rig::mirror(3);
            let mut image = crate::world::native::Image::plain(clean());
            image.generation = Generation(start);
            let seated = [Seated { slot: Slot(0), key: MemberKey::new(1) }, Seated { slot: Slot(1), key: MemberKey::new(2) }, Seated { slot: Slot(2), key: MemberKey::new(3) }];
            rig.core =
                restored(rig.config, &image.found(&seated), narrow, Start::Normal).unwrap();
            rig.capabilities = narrow;
            for disk in &mut rig.disks {
                disk.store(0, &image, None);
            }
            rig.write(0, 16);
            rig.core.quiesce();
            rig.run_until_clean();
            rig.fail(2);
            rig.fail(1);
            let wrapped = rig.core.status().generation;
            assert_eq!(wrapped, Generation((start + 2) & 0xffff_ffff));
            assert_eq!(rig.give_back(2), Ok(Return::Full), "numbers that return tell nothing");
            rig.run();
            rig.assert_equal();
        }
    }

    fn scenario_50_foreign_firmware_rewrote_the_configuration() {
        // It made another disk the target, or finished in its own way; our checkpoint speaks of slot 1.
        let checkpoint = RuntimeState {
            rebuilding: slots(&[1]),
            progress: Some(Progress { operation: Operation::Rebuild { targets: slots(&[1]) }, mark: Row(8) }),
            ..clean()
        };
        let other = RuntimeState { rebuilding: slots(&[2]), ..checkpoint };
        let beyond = checkpoint.at(Row(17));
        let unclean = RuntimeState { clean: false, ..checkpoint };
        for (found, mark) in [(checkpoint, 8), (other, 0), (beyond, 0), (unclean, 0)] {
            let mut core =
                restored(config(3), &Found::plain(found), flag_only(), Start::Normal).unwrap();
            if core.owed() == Some(Operation::Resync) {
                continue;
            }
            let owed = core.owed().unwrap();
            core.start(Time(0), owed, AboveMark::Skip).unwrap();
            assert_eq!(core.marks().unwrap().done, Row(mark), "{found:?}");
        }
    }
}

/// One flag, and no place for what is owed: only "unclean" says it.
#[test]
fn a_clean_record_is_not_issued_that_was_prepared_before_rows_were_owed() {
    let mut rig = Rig::new(config(2), clean(), Capabilities { mark: false, ..flag_only() });
    rig.write(0, 4);
    rig.core.quiesce();
    rig.hold_flushes = true;
    rig.settle();
    assert_eq!(rig.flushes.len(), 1, "for the clean record");
    rig.disks[1].write(2, 60, true);
    rig.core.owe_rows(Rows::new(2, 1)).unwrap();
    rig.hold_records = true;
    rig.flush(NONE);
    rig.settle();
    // Whatever is written first is durable when the power goes.
    if rig.records.last().is_some_and(|(_, to, _)| !to.is_empty()) {
        rig.record(NONE);
    }
    rig.power_cut(&[true, true], &[]);
    rig.run();
    rig.assert_whole();
}
