// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members come and go, and so does the power.

use super::*;

impl World<'_> {
    pub(super) fn kill(&mut self, choice: u64) {
        let slot = self.slot(choice);
        let mut left = self.trusted() & self.alive();
        left.remove(slot);
        if left.len() >= self.needed() {
            self.disks[slot.index()].dead = true;
        }
    }

    pub(super) fn replace(&mut self, choice: u64) {
        let slot = self.slot(choice);
        let disk = &self.disks[slot.index()];
        let record = disk.record().map(|(number, image)| (number, image.generation));
        if let (Some((number, seen)), true) = (record, choice >> 16 & 1 == 1) {
            let key = disk.key;
            let returned =
                self.core.member_returned(slot, key, &raid_core::metadata::Seen::plain(slot, seen));
            self.say(|| format!("   {returned:?}"));
            if let Ok(returned) = returned {
                self.seen.partial += u64::from(returned != Return::Full);
                self.disks[slot.index()].dead = false;
                // Else its old record would pass for newer than those that are written to it from now on.
                self.records = self.records.max(number);
            }
        } else if self.core.member_joined(slot).is_ok() {
            self.keys += 1;
            let mut new = Disk::new(self.setup.rows, 0xdead);
            new.key = MemberKey::new(self.keys);
            self.disks[slot.index()] = new;
        }
    }

    pub(super) fn start_owed(&mut self) {
        let above = match self.setup.write_through {
            true => AboveMark::WriteThrough,
            false => AboveMark::Skip,
        };
        if let Some(operation) = self.core.owed() {
            // Refused where another one runs already.
            let _ = self.core.start(Time(self.now), operation, above);
        }
    }

    pub(super) fn crash(&mut self, seed: u64) -> Verdict {
        let mut random = Random::new(seed);
        let trusted = self.trusted();
        for job in std::mem::take(&mut self.jobs) {
            job.legs.into_iter().for_each(|leg| self.tear(leg, &mut random));
        }
        self.disks.iter_mut().for_each(|disk| disk.crash(&mut random));
        self.requests.clear();
        self.acks.clear();
        self.seen.crashes += 1;
        // A dead member may be back, with what it last held; a live one may be lost.
        for disk in &mut self.disks {
            disk.dead &= random.coin();
        }
        if random.below(4) == 0 {
            let lost = self.slot(random.next());
            let mut left = trusted & self.alive();
            left.remove(lost);
            if left.len() >= self.needed() {
                self.disks[lost.index()].dead = true;
            }
        }
        self.restart(trusted)
    }

    /// A leg in flight at the crash has landed, or not, or in part.
    pub(super) fn tear(&mut self, leg: Leg, random: &mut Random) {
        let disk = &mut self.disks[usize::from(leg.slot())];
        if disk.dead || random.coin() {
            return;
        }
        match leg {
            Leg::Data { blocks, .. } => {
                for (row, value) in blocks {
                    if random.coin() {
                        disk.write(row, value, false);
                    }
                }
            }
            Leg::Flush { up_to, .. } => disk.flush(up_to),
            // A torn record is no record: the older one speaks.
            Leg::Record { number, image, .. } => {
                let torn = random.coin().then(|| random.below(300) as usize);
                disk.store(number, &image, torn);
            }
            Leg::Read { .. } => {}
        }
    }

    pub(super) fn restart(&mut self, was_trusted: SlotSet) -> Verdict {
        // A disk without a record is not known as a member.
        let known = |slot: &Slot| self.disks[slot.index()].record().is_some();
        let alive: SlotSet = self.alive().iter().filter(known).collect();
        if (was_trusted & alive).len() < self.needed() {
            // Only members that had been given up are left: nothing on them says so.
            self.over = true;
            return Ok(());
        }
        let disks = (0u8..).map(Slot).zip(&self.disks).filter(|(_, disk)| !disk.dead);
        let records: Vec<_> =
            disks.filter_map(|(slot, disk)| Some((slot, disk.record()?))).collect();
        let seen: Vec<raid_core::metadata::Seen> = (records.iter())
            .map(|(slot, (number, image))| {
                let (absent, filling) = (image.state.failed, image.state.rebuilding);
                let (slot, generation) = (*slot, image.generation);
                let number = *number;
                raid_core::metadata::Seen { slot, generation, number, absent, filling }
            })
            .collect();
        let Ok(freshest) = raid_core::metadata::freshest(&seen, 64) else {
            // Two went on alone: whichever was chosen, the other's promises would be lost.
            self.seen.refused += 1;
            self.over = true;
            return Ok(());
        };
        let (_, (number, found)) = &records[freshest.ok_or("no record")?.newest];
        let (number, found) = (*number, found.clone());
        // No format knows the numbers of a disk that is away.
        self.records = seen.iter().map(|seen| seen.number).max().unwrap_or(0);
        let absent = SlotSet::first(self.setup.members).without(alive);
        self.say(|| format!("   {alive:?} say {found:?}"));
        let config = Self::config(&self.setup, absent);
        let seated: Vec<_> = (0u8..)
            .map(Slot)
            .zip(&self.disks)
            .map(|(slot, disk)| Seated { slot, key: disk.key })
            .collect();
        self.last_seq = RecordSeq(0);
        match (self.build)(config, &found.found(&seated), Self::capabilities(&self.setup)) {
            Ok(core) => self.core = core,
            Err(refusal) if refusal.yields_to_force() && self.setup.parity => {
                self.seen.refused += 1;
                self.over = true;
                return Ok(());
            }
            Err(refusal) => return Err(format!("restart refused: {refusal} with {found:?}")),
        }
        for block in self.blocks.iter_mut().flatten() {
            block.acknowledged = block.promised;
            block.seen = block.promised;
        }
        let known = |(of, what, _): &(u64, Image, _)| *of == number && *what == found;
        let place = self.issued.iter().rposition(known).ok_or("a record that nobody issued")?;
        self.show_start(place, alive)
    }
}
