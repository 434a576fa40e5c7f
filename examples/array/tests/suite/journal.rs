// SPDX-License-Identifier: MIT OR Apache-2.0
//! The write journal across failures, spares and power cuts.

use crate::array::{create, geometry, options, start};
use raid_array::backplane::Backplane;
use raid_array::engine::{Event, Request};
use raid_array::workload::{ArrayEngine, Rig};
use raid_core::array::{Geometry, Level, Place, Placement};
use raid_core::units::{Extent, Slot};
use raid_sync::Time;

fn rotated(level: Level, slots: u16) -> Geometry {
    geometry(level, Placement::NContinue, slots, 1)
}

fn place(slot: u8) -> Place {
    Place { set: 0, slot: Slot(slot) }
}

/// Carries one request to its end.
fn drive(rig: &mut Rig, request: Request) -> Result<Vec<u8>, String> {
    let id = rig.engine.submit(rig.backplane.now(), request);
    for _ in 0..1_000_000 {
        while let Some(event) = rig.engine.next_event() {
            if let Event::Finished { request, result, .. } = event
                && request == id
            {
                return result.map_err(|e| e.to_string());
            }
        }
        while let Some(io) = rig.engine.next_io() {
            rig.backplane.submit(io);
        }
        if let Some(done) = rig.backplane.next() {
            let now = rig.backplane.now();
            rig.engine.complete_io(now, done);
        } else if let Some(d) = rig.engine.deadline() {
            rig.backplane.idle(d);
            let now = rig.backplane.now();
            rig.engine.run(now);
        } else {
            return Err("nothing moves".into());
        }
    }
    Err("too long".into())
}

#[test]
fn what_the_journal_held_for_a_failed_member_is_not_replayed_onto_the_spare() {
    let (array, media) = create(rotated(Level::Raid6, 6), 1);
    let mut rig = start(array, media, Time(0), 1, None, options(false)).unwrap();
    let write = |fill: u8| Request::Write { at: 0, bytes: vec![fill; 64 * 512 * 6], durable: true };
    drive(&mut rig, write(1)).unwrap();
    rig.backplane.faults(1).pull();
    rig.engine.fail_member(rig.now(), place(1)).unwrap();
    drive(&mut rig, write(2)).unwrap();
    rig.backplane.faults(2).pull();
    rig.engine.fail_member(rig.now(), place(2)).unwrap();
    drive(&mut rig, write(3)).unwrap();
    rig.engine.take_spare(rig.now(), place(2), 6).unwrap();
    let mut steps = 0;
    while !rig.engine.status(0).failed.len().eq(&1) || !rig.engine.status(0).rebuilding.is_empty() {
        assert!(rig.step());
        steps += 1;
        assert!(steps < 100000);
    }
    // one more acknowledged write, and a clean read
    drive(&mut rig, Request::Write { at: 4096, bytes: vec![9; 512], durable: true }).unwrap();
    let got = drive(&mut rig, Request::Read(Extent::new(0, 64 * 6))).unwrap();
    assert!(got.iter().all(|b| *b == 3), "before the cut");
    let now = rig.now();
    let (backplane, oracle, _, _) = rig.cut_power();
    let mut media = backplane.cut_power().unwrap();
    drop(media.remove(2));
    drop(media.remove(1));
    let mut rig = start(array, media, now, 2, Some(oracle), options(false)).unwrap();
    let got = drive(&mut rig, Request::Read(Extent::new(0, 64 * 6))).unwrap();
    let bad: Vec<usize> = got
        .chunks(512)
        .enumerate()
        .filter(|(_, s)| s.iter().any(|b| *b != 3))
        .map(|(i, _)| i)
        .collect();
    assert!(
        bad.is_empty(),
        "{} sectors wrong, first {:?} holds {}",
        bad.len(),
        bad.first(),
        got[bad[0] * 512]
    );
}

#[test]
fn rows_that_wait_for_the_journal_of_a_set_that_fails_are_answered() {
    let mut hung = Vec::new();
    for steps in 0..80u64 {
        let (array, media) = create(rotated(Level::Raid5, 4), 0);
        let mut rig = start(array, media, Time(0), steps, None, options(false)).unwrap();
        rig.work(20);
        let mut n = 0;
        rig.work_until(|_| {
            n += 1;
            n > steps
        });
        rig.backplane.faults(0).pull();
        rig.backplane.faults(1).pull();
        let mut k = 0;
        let idle = rig.wait_until(|rig| {
            k += 1;
            rig.engine.is_idle() || k > 20000
        }) && rig.engine.is_idle();
        if !idle {
            hung.push(steps);
        }
    }
    assert!(hung.is_empty(), "{} of 80 hang: {hung:?}", hung.len());
}
