// SPDX-License-Identifier: MIT OR Apache-2.0
//! Chains of starts on the bytes of the format: a record reaches some disks and not others, or ends
//! inside its commit; the power is cut; some of the disks are started, and a write is acknowledged; cut.
//!
//! Data is a number a disk: bit *n* is the *n*-th acknowledged write. Whatever disks a start finds, it
//! reads every write that one of them holds, or it refuses the array. Disks that lag matter: with disks
//! that are equally fast hardly any of these chains goes wrong.

use super::{Bed, bed};
use raid_core::array::{ArrayState, MemberState};
use raid_core::metadata::RuntimeState;
use raid_core::units::{Slot, SlotSet};

/// The disks, and the writes that each holds.
#[derive(Clone)]
struct World {
    bed: Bed,
    held: Vec<u64>,
    writes: u32,
    history: String,
}

/// What became of all starts.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    starts: usize,
    read: usize,
    refused: usize,
    forked: usize,
}

/// One event: which disks are plugged in, how far the record of the start gets on each, whether a
/// write follows, and how far the record of the clean stop gets.
#[derive(Clone, Debug)]
struct Event {
    disks: Vec<usize>,
    opened: Vec<usize>,
    stopped: Option<Vec<usize>>,
}

fn subsets(count: usize) -> Vec<Vec<usize>> {
    let of = |mask: usize| (0..count).filter(|disk| mask & 1 << disk != 0).collect();
    (1..1 << count).map(of).collect()
}

/// Every combination of how far a record gets on so many disks.
fn reaches(disks: usize) -> Vec<Vec<usize>> {
    let all = Bed::REACHES.pow(u32::try_from(disks).unwrap());
    let digit =
        |n: usize, at: usize| n / Bed::REACHES.pow(u32::try_from(at).unwrap()) % Bed::REACHES;
    (0..all).map(|n| (0..disks).map(|at| digit(n, at)).collect()).collect()
}

fn events(count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for disks in subsets(count) {
        let whole = vec![Bed::WHOLE; disks.len()];
        for reach in reaches(disks.len()) {
            let (disks, stopped) = (disks.clone(), None);
            events.push(Event { disks, opened: reach.clone(), stopped });
            let disks = events.last().unwrap().disks.clone();
            events.push(Event { disks, opened: whole.clone(), stopped: Some(reach) });
        }
    }
    events
}

impl World {
    fn new(members: usize) -> Self {
        Self { bed: bed(members), held: vec![0; members], writes: 0, history: String::new() }
    }

    /// Starts every selection of the disks, for reading.
    fn check(&self, tally: &mut Tally) {
        for disks in subsets(self.held.len()) {
            let (state, members) = self.bed.only(&disks).found();
            tally.starts += 1;
            if matches!(state, ArrayState::Failed | ArrayState::Forked) {
                tally.refused += 1;
                tally.forked += usize::from(state == ArrayState::Forked);
                continue;
            }
            tally.read += 1;
            let known = disks.iter().fold(0, |known, disk| known | self.held[*disk]);
            for (index, worth) in members {
                let Some(disk) = index.map(|index| disks[index]) else { continue };
                assert!(
                    worth != MemberState::InSync || self.held[disk] == known,
                    "a start of {disks:?} reads disk {disk}, which holds {:b} of {:?}:{}",
                    self.held[disk],
                    self.held,
                    self.history
                );
            }
        }
    }

    /// What `event` makes of it; `None` if the start is refused.
    fn after(&self, event: &Event, clock: u64) -> Option<Self> {
        let mut next = self.clone();
        let mut bed = self.bed.only(&event.disks);
        bed.set_clock(clock);
        let (state, members) = bed.found();
        if matches!(state, ArrayState::Failed | ArrayState::Forked) {
            return None;
        }
        let in_sync: Vec<usize> = (members.iter())
            .filter(|(_, worth)| *worth == MemberState::InSync)
            .filter_map(|(index, _)| *index)
            .collect();
        let readable = |at: &usize| members[*at].1 == MemberState::InSync;
        let lost = (0..members.len()).filter(|at| !readable(at));
        let failed: SlotSet = lost.map(|at| Slot(u8::try_from(at).unwrap())).collect();
        let record = |bed: &mut Bed, clean, reach: &[usize]| {
            let found = bed.state();
            bed.record(&in_sync, &RuntimeState { clean, failed, ..found }, reach);
        };
        record(&mut bed, false, &event.opened);
        let written = in_sync.iter().all(|at| event.opened[*at] == Bed::WHOLE);
        if written {
            for at in &in_sync {
                next.held[event.disks[*at]] |= 1 << next.writes;
            }
            next.writes += 1;
            if let Some(stopped) = &event.stopped {
                record(&mut bed, true, stopped);
            }
        }
        next.bed.take_back(&event.disks, bed);
        next.history += &format!(" {event:?}");
        Some(next)
    }
}

fn explore(world: &World, depth: usize, clocks: &[u64], tally: &mut Tally) {
    let Some((clock, clocks)) = clocks.split_first().filter(|_| depth > 0) else { return };
    for event in events(world.held.len()) {
        if let Some(next) = world.after(&event, *clock) {
            next.check(tally);
            explore(&next, depth - 1, clocks, tally);
        }
    }
}

/// Chains of four, some of them.
fn walk(members: usize, walks: u64, tally: &mut Tally) {
    let all = events(members);
    let mut seed = 1u64;
    let mut below = |limit: usize| {
        seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(seed >> 33).unwrap() % limit
    };
    for _ in 0..walks {
        let mut world = World::new(members);
        for _ in 0..4 {
            let clock = u64::try_from(below(5)).unwrap() * 1_000;
            if let Some(next) = world.after(&all[below(all.len())], clock) {
                world = next;
                world.check(tally);
            }
        }
    }
}

/// Deeper runs: `RAID_CHAINS=2` and more.
fn deeper() -> u64 {
    std::env::var("RAID_CHAINS").map_or(0, |deeper| deeper.parse().expect("a number"))
}

/// Case C8.
#[test]
#[cfg_attr(miri, ignore = "thousands of discoveries")]
fn a_start_reads_every_acknowledged_write_that_its_disks_hold_or_refuses() {
    let mut tally = Tally::default();
    let depth = Bed::DEPTH + usize::try_from(deeper().min(2)).unwrap();
    // A clock that goes on, and one that goes back.
    for clocks in [[0, 1_000, 2_000, 3_000], [5_000, 4_000, 3_000, 2_000]] {
        explore(&World::new(2), depth, &clocks, &mut tally);
    }
    println!("two disks: {tally:?}");
    let walks = Bed::WALKS * (1 + 20 * deeper());
    walk(2, walks, &mut tally);
    walk(3, walks, &mut tally);
    println!("with chains of four: {tally:?}");
    assert!(tally.read > 100 && tally.forked > 10, "{tally:?}");
}
