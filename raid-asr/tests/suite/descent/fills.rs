// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks through starts in which disks are filled as well: spares take places, members come back; each record reaches
//! some disks and not others.
//!
//! Data is a number a disk: bit *n* is the *n*-th acknowledged write. A disk that is being filled holds nothing, and
//! knows what those hold who fill it, as of the last record that reached it. Whatever disks a start finds, it reads
//! every write that one of them holds or knows of, or it refuses the array.

use super::{Bed, bed};
use raid_asr::Asr;
use raid_core::array::{ArrayState, MemberState, Place};
use raid_core::metadata::{Admin, Operation, Progress, RunTime, RuntimeState};
use raid_core::units::{Row, Slot, SlotSet};

/// A disk, as far as it cannot be seen.
#[derive(Clone, Copy, Debug, Default)]
struct Data {
    held: u64,
    knows: u64,
}

#[derive(Clone)]
struct World {
    bed: Bed,
    data: Vec<Data>,
    writes: u32,
    story: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    starts: usize,
    read: usize,
    forked: usize,
    /// Though one of the disks that count themselves in holds everything.
    needless: usize,
    filled: usize,
    wrong: usize,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn often(&mut self) -> bool {
        self.below(8) != 0
    }

    fn half(&mut self) -> bool {
        self.below(2) == 0
    }
}

fn place(slot: usize) -> Slot {
    Slot(u8::try_from(slot).unwrap())
}

/// A run: its disks, and who is in which place.
struct Run<'w> {
    world: &'w mut World,
    disks: Vec<usize>,
    bed: Bed,
    /// Of each place the index of its disk.
    seats: Vec<Option<usize>>,
    state: RuntimeState,
    /// Who is filled and has the last record.
    informed: Vec<usize>,
}

impl Run<'_> {
    fn of(&self, slots: impl Fn(usize) -> bool) -> Vec<usize> {
        let all = self.seats.iter().enumerate().filter(|(slot, _)| slots(*slot));
        all.filter_map(|(_, seat)| *seat).collect()
    }

    fn trusted(&self) -> Vec<usize> {
        let out = self.state.failed | self.state.rebuilding;
        self.of(|slot| !out.contains(place(slot)))
    }

    fn filled(&self) -> Vec<usize> {
        self.of(|slot| self.state.rebuilding.contains(place(slot)))
    }

    fn holds(&self) -> u64 {
        self.trusted().first().map_or(0, |at| self.world.data[self.disks[*at]].held)
    }

    /// Records the state; whether it is on all whom it trusts.
    fn record(&mut self, random: &mut Random) -> bool {
        let (trusted, filled) = (self.trusted(), self.filled());
        let on: Vec<usize> = trusted.iter().chain(&filled).copied().collect();
        let all = random.often();
        let reach: Vec<usize> = (0..self.disks.len())
            .map(|_| if all || random.half() { Bed::WHOLE } else { 0 })
            .collect();
        self.bed.record(&on, &self.state, &reach);
        self.reached(&on, &reach, &trusted, &filled)
    }

    fn reached(
        &mut self,
        on: &[usize],
        reach: &[usize],
        trusted: &[usize],
        filled: &[usize],
    ) -> bool {
        let holds = self.holds();
        self.informed = filled.iter().copied().filter(|at| reach[*at] == Bed::WHOLE).collect();
        for at in &self.informed {
            self.world.data[self.disks[*at]] = Data { held: 0, knows: holds };
        }
        let to: Vec<usize> =
            on.iter().filter(|at| reach[**at] == Bed::WHOLE).map(|at| self.disks[*at]).collect();
        self.world.story.push(format!(
            "    failed {:?} rebuilding {:?} reaches {to:?}",
            self.state.failed, self.state.rebuilding
        ));
        // The next record needs all live disks; those it trusts decide over a promise.
        trusted.iter().all(|at| reach[*at] == Bed::WHOLE)
    }

    /// A write, acknowledged. Who is filled knows of those who fill it, unless its record is of before.
    fn write(&mut self) {
        let bit = 1 << self.world.writes;
        self.world.writes += 1;
        for at in self.trusted() {
            let data = &mut self.world.data[self.disks[at]];
            data.held |= bit;
            data.knows |= bit;
        }
        for at in &self.informed {
            self.world.data[self.disks[*at]].knows |= bit;
        }
        self.world.story.push(format!("    write {}", self.world.writes - 1));
    }
}

impl World {
    fn new(members: usize, spares: usize) -> Self {
        let mut bed = bed(members);
        for spare in members..members + spares {
            let shape = bed.rig.buffers[0].shape;
            let index = bed.rig.insert(shape);
            assert_eq!(index, spare);
        }
        let stamp = bed.rig.stamp();
        for live in &mut bed.rig.live[..members] {
            *live = false;
        }
        bed.rig.edit(|disks| Asr::new().initialise(disks, stamp)).unwrap();
        bed.rig.commit();
        bed.rig.reread();
        for spare in members..members + spares {
            let stamp = bed.rig.stamp();
            bed.rig.edit(|disks| Asr::new().add_spare(disks, spare, stamp)).unwrap();
        }
        bed.rig.commit();
        bed.rig.reread();
        let data = vec![Data::default(); members + spares];
        Self { bed, data, writes: 0, story: Vec::new() }
    }

    fn check(&self, tally: &mut Tally) -> Result<(), String> {
        for mask in 1..1usize << self.data.len() {
            let disks: Vec<usize> = (0..self.data.len()).filter(|at| mask >> at & 1 == 1).collect();
            let only = self.bed.only(&disks);
            if only.rig.found().arrays.is_empty() {
                continue;
            }
            let (state, members) = only.found();
            tally.starts += 1;
            let known =
                disks.iter().fold(0, |all, at| all | self.data[*at].held | self.data[*at].knows);
            if state == ArrayState::Forked {
                tally.forked += 1;
                tally.needless += usize::from(disks.iter().any(|at| self.data[*at].held == known));
            }
            if matches!(state, ArrayState::Failed | ArrayState::Forked) {
                continue;
            }
            tally.read += 1;
            for (index, worth) in members {
                let Some(disk) = index.map(|index| disks[index]) else { continue };
                if worth == MemberState::InSync && self.data[disk].held & known != known {
                    return Err(format!(
                        "a start of {disks:?} reads disk {disk}, {:?}\n{}",
                        self.data,
                        self.story.join("\n")
                    ));
                }
            }
        }
        Ok(())
    }

    /// One start from some disks, and what happens until the cut.
    fn live(&mut self, random: &mut Random, tally: &mut Tally) {
        let disks: Vec<usize> = (0..self.data.len()).filter(|_| random.below(3) != 0).collect();
        let mut bed = self.bed.only(&disks);
        bed.set_clock(u64::try_from(random.below(5)).unwrap() * 1_000);
        if bed.rig.found().arrays.is_empty() {
            return;
        }
        let (found, members) = bed.found();
        if matches!(found, ArrayState::Failed | ArrayState::Forked) {
            return;
        }
        self.story.push(format!("  start {disks:?}: {members:?}"));
        let mut state = bed.state();
        state.failed = SlotSet::EMPTY;
        state.rebuilding = SlotSet::EMPTY;
        for (slot, (disk, worth)) in members.iter().enumerate() {
            match (disk, worth) {
                (Some(_), MemberState::InSync) => {}
                (Some(_), MemberState::Rebuilding) => state.rebuilding.insert(place(slot)),
                _ => state.failed.insert(place(slot)),
            }
        }
        state.progress = None;
        state.clean = false;
        let seats = members.iter().map(|(disk, _)| *disk).collect();
        let mut run =
            Run { world: self, disks: disks.clone(), bed, seats, state, informed: Vec::new() };
        run.run(random, tally);
        let bed = run.bed;
        self.bed.take_back(&disks, bed);
    }
}

impl Run<'_> {
    fn operate(&mut self) {
        let targets = self.state.rebuilding;
        let operation = Operation::Rebuild { targets };
        let filling = Progress { operation, mark: Row(0) };
        self.state.progress = (!targets.is_empty()).then_some(filling);
    }

    fn run(&mut self, random: &mut Random, tally: &mut Tally) {
        self.operate();
        // A start completes the update that a cut interrupted and records what it found, and promises nothing before
        // the next record.
        if (0..3).any(|_| !self.record(random)) {
            return;
        }
        for _ in 0..random.below(7) {
            let slots = self.seats.len();
            match random.below(9) {
                0 => self.write(),
                // A member fails.
                1 => {
                    let slot = place(random.below(slots));
                    if self.trusted().len() < 2 || self.state.failed.contains(slot) {
                        continue;
                    }
                    self.state.failed.insert(slot);
                    self.state.rebuilding.remove(slot);
                    self.operate();
                    if self.trusted().is_empty() || !self.record(random) {
                        return;
                    }
                }
                // A spare takes a place.
                2..4 => {
                    let slot = random.below(slots);
                    let spare = random.below(self.disks.len());
                    if !self.state.failed.contains(place(slot)) || self.seats.contains(&Some(spare))
                    {
                        continue;
                    }
                    let own = Place { set: 0, slot: place(slot) };
                    let array = self.bed.array;
                    self.live();
                    self.bed.rig.live[spare] = true;
                    let stamp = self.bed.rig.stamp();
                    let seated =
                        self.bed.rig.edit(|all| Asr::new().activate(all, array, own, spare, stamp));
                    if seated.is_err() {
                        continue;
                    }
                    self.seats[slot] = Some(spare);
                    self.state.failed.remove(place(slot));
                    self.state.rebuilding.insert(place(slot));
                    self.operate();
                    self.world.story.push(format!("    seat disk {} in {slot}", self.disks[spare]));
                    if !self.commit(random) || !self.record(random) {
                        return;
                    }
                }
                // A member that was given up comes back.
                4..6 => {
                    let slot = random.below(slots);
                    if !self.state.failed.contains(place(slot)) || self.seats[slot].is_none() {
                        continue;
                    }
                    self.world.story.push(format!("    return {slot}"));
                    self.state.failed.remove(place(slot));
                    self.state.rebuilding.insert(place(slot));
                    self.operate();
                    if !self.record(random) {
                        return;
                    }
                }
                // What is filled holds everything, and is recorded so, if its own record says that it is filled.
                _ => {
                    let holds = self.holds();
                    let filled = self.filled();
                    if filled.is_empty() || filled != self.informed {
                        continue;
                    }
                    for at in filled {
                        self.world.data[self.disks[at]] = Data { held: holds, knows: holds };
                    }
                    tally.filled += 1;
                    self.world.story.push("    filled".into());
                    self.state.rebuilding = SlotSet::EMPTY;
                    self.operate();
                    if !self.record(random) {
                        return;
                    }
                }
            }
        }
        if random.half() {
            self.state.clean = true;
            self.record(random);
        }
    }

    /// Who is written from now on.
    fn live(&mut self) {
        let on: Vec<usize> = self.trusted().into_iter().chain(self.filled()).collect();
        for (at, live) in self.bed.rig.live.iter_mut().enumerate() {
            *live = on.contains(&at);
        }
    }

    /// Writes what was changed to some disks.
    fn commit(&mut self, random: &mut Random) -> bool {
        let (trusted, filled) = (self.trusted(), self.filled());
        let on: Vec<usize> = trusted.iter().chain(&filled).copied().collect();
        let all = random.often();
        let reach: Vec<usize> = (0..self.disks.len())
            .map(|_| if all || random.half() { Bed::WHOLE } else { 0 })
            .collect();
        for disk in on.iter().copied().filter(|disk| reach[*disk] == Bed::WHOLE) {
            self.bed.write(disk);
        }
        self.reached(&on, &reach, &trusted, &filled)
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of discoveries")]
fn a_start_reads_what_its_disks_hold_or_know_of_or_refuses() {
    let walks: u64 =
        std::env::var("RAID_WALKS").map_or(150, |walks| walks.parse().expect("a number"));
    let mut tally = Tally::default();
    let mut first: Option<String> = None;
    for (members, spares) in [(2, 1), (2, 2), (3, 1)] {
        for seed in 0..walks {
            let mut random = Random(seed * 977 + 5);
            let mut world = World::new(members, spares);
            for _ in 0..8 {
                world.live(&mut random, &mut tally);
                if let Err(wrong) = world.check(&mut tally) {
                    tally.wrong += 1;
                    let told = format!("{members}+{spares} seed {seed}: {wrong}");
                    // The shortest story.
                    if first.as_ref().is_none_or(|first| first.len() > told.len()) {
                        first = Some(told);
                    }
                    break;
                }
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.read > 10_000 && tally.forked > 1_000 && tally.filled > 100, "{tally:?}");
    assert!(first.is_none(), "{tally:?} {}", first.unwrap());
}
