// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between two runs mdadm runs the volume for a while: its metadata as the model of its habits writes it
//! (`habits`, held to images), on a mirror with data. The next start must obey what it finds.
//!
//! Only from a whole set that was stopped clean: then mdadm has nothing to fill and nothing to equalise, and
//! what it does next is in the model.

use super::Life;
use crate::disks::Disk;
use crate::habits::{Blocks, Habit, carry_out, entry_of};
use crate::machine::look;
use crate::oracle::Sight;
use crate::plan::{Off, is_off};
use crate::table::Kind;
use raid_array::member::Member;
use raid_array::workload::ArrayEngine;
use raid_core::array::MemberState;
use raid_core::units::{Extent, Lba};

/// Seconds from 1970 to 1980, where the times of DDF begin.
const EPOCH: u64 = 315_532_800;

impl Blocks for Disk {
    fn count(&self) -> u64 {
        self.blocks()
    }

    fn get(&mut self, at: u64, blocks: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(blocks).expect("a section") * 512];
        self.read(Lba(at), &mut bytes).expect("a disk that works");
        bytes
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        self.write(Lba(at), bytes).expect("a disk that works");
    }
}

/// What comes of the run of mdadm.
#[derive(Clone, Copy, Debug)]
enum Ends {
    Clean,
    /// The power goes while a write has reached one member.
    Dirty,
    /// A member fails, and stays in the container or is removed from it.
    Failed {
        removed: bool,
    },
    /// It was started without a member.
    Without,
}

const ENDS: [Ends; 5] = [
    Ends::Clean,
    Ends::Dirty,
    Ends::Failed { removed: false },
    Ends::Failed { removed: true },
    Ends::Without,
];

/// A member: its disk, and where its data begins.
type Seat = (usize, u64);

impl<E: ArrayEngine> Life<E> {
    /// Runs the volume as mdadm does, if it is one that mdadm would simply run.
    pub(super) fn runs_elsewhere(&mut self, pick: u8) {
        let Some(seats) = self.seats_elsewhere() else { return };
        let ends = ENDS[usize::from(pick) % ENDS.len()];
        let (gone, _) = seats[usize::from(pick / 8) % seats.len()];
        let time = u32::try_from(self.machine.unix.saturating_sub(EPOCH)).unwrap_or(u32::MAX);
        self.machine.unix += 60;
        self.counts.count(Kind::Elsewhere);
        self.story.push(format!("   --- mdadm runs it: {ends:?}, disk {gone}"));
        let mut here: Vec<usize> = (0..self.machine.disks.len()).collect();
        let mut seats = seats;
        let entry = self.entry(gone);
        if matches!(ends, Ends::Without) {
            here.retain(|disk| *disk != gone);
            seats.retain(|(disk, _)| *disk != gone);
        }
        let knew = self.tree().up_to_date(&here);
        self.tree().begin(&here);
        let oracle = &mut self.machine.volumes[0].oracle;
        if matches!(ends, Ends::Without) {
            oracle.trees[0].begun_short(&oracle.map, 0);
            self.habit(&here, Habit::StartWithout(entry), time);
        }
        debug_assert!(!knew.is_empty());
        for (disk, _) in &seats {
            self.tree().knows(*disk);
        }
        self.habit(&here, Habit::Dirty, time + 1);
        self.write_elsewhere(&seats);
        if let Ends::Failed { removed } = ends {
            let oracle = &mut self.machine.volumes[0].oracle;
            oracle.trees[0].left(&oracle.map, 0, &[gone], false);
            self.tree().holds_all(gone, false);
            seats.retain(|(disk, _)| *disk != gone);
            self.habit(&here, Habit::Fail(entry), time + 2);
            if removed {
                here.retain(|disk| *disk != gone);
                self.habit(&here, Habit::Remove(entry), time + 3);
            }
            self.write_elsewhere(&seats);
        }
        let clean = !matches!(ends, Ends::Dirty);
        if clean {
            self.habit(&here, Habit::Clean, time + 4);
        } else {
            // Nobody was told that this one is there.
            self.write_one(&seats[..1]);
        }
        for disk in self.machine.disks.iter_mut().flatten() {
            Member::flush(disk).expect("a disk that works");
        }
        let oracle = &mut self.machine.volumes[0].oracle;
        oracle.trees[0].cut(&oracle.map, 0, false, crate::oracle::Ends { clean, settled: clean });
    }

    fn tree(&mut self) -> &mut crate::oracle::Tree {
        &mut self.machine.volumes[0].oracle.trees[0]
    }

    fn entry(&mut self, number: usize) -> usize {
        entry_of(self.machine.disks[number].as_mut().expect("nothing runs"))
    }

    /// The members of the one volume, if all are there, up to date, and nothing is owed.
    fn seats_elsewhere(&self) -> Option<Vec<Seat>> {
        let machine = &self.machine;
        let [volume] = &machine.volumes[..] else { return None };
        let fits = machine.kept.name.starts_with("ddf") && volume.geometry.sets == 1;
        if is_off(Off::Elsewhere) || self.run.is_some() || !fits || self.copied_back {
            return None;
        }
        let disks: Vec<Disk> = machine.disks.iter().flatten().cloned().collect();
        let works = |disk: &Disk| !disk.is_ill() && !disk.lies && !disk.gone;
        if disks.len() != machine.disks.len() || !disks.iter().all(works) {
            return None;
        }
        let all: Vec<usize> = (0..disks.len()).collect();
        let tree = &volume.oracle.trees[0];
        let (serve, clean) = tree.can_serve(&all);
        let slots = usize::from(volume.geometry.slots);
        if !clean || serve.len() != slots || tree.sight(&all) != Sight::One {
            return None;
        }
        let discovery = look(machine.kept.format, &disks);
        let found = discovery.arrays.iter().find(|found| found.descriptor.id == volume.id)?;
        let seat = |member: &raid_array::discover::FoundMember| {
            let own = &member.descriptor;
            let whole = own.state == MemberState::InSync;
            own.disk.filter(|_| whole).map(|disk| (disk, own.start.0))
        };
        let seats: Vec<Seat> = found.members.iter().filter_map(seat).collect();
        (seats.len() == slots && found.descriptor.clean).then_some(seats)
    }

    /// An update of all these disks.
    fn habit(&mut self, here: &[usize], habit: Habit, time: u32) {
        let mut disks = self.machine.take(here);
        carry_out(&mut disks, 0, habit, time);
        self.machine.give_back(here, disks);
    }

    /// Users write, and are told so.
    fn write_elsewhere(&mut self, seats: &[Seat]) {
        for _ in 0..self.random.u8(1..6) {
            if let Some((at, version)) = self.write_one(seats) {
                self.machine.volumes[0].oracle.acknowledge_write(at, version, true);
            }
        }
    }

    /// A write to these members of a mirror.
    fn write_one(&mut self, seats: &[Seat]) -> Option<(Extent, u32)> {
        let oracle = &mut self.machine.volumes[0].oracle;
        if oracle.map.parity() {
            return None;
        }
        let len = self.random.u64(1..=8);
        let at = Extent::new(self.random.u64(..=oracle.map.sectors() - len), len);
        let (version, bytes) = oracle.submit_write(at);
        for (disk, start) in seats {
            let disk = self.machine.disks[*disk].as_mut().expect("nothing runs");
            disk.put(start + at.start.0, &bytes);
        }
        Some((at, version))
    }
}
