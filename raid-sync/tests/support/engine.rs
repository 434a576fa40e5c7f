// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine that obeys the core: commands out, legs done, reports in.

use super::*;

impl World<'_> {
    pub(super) fn pump(&mut self) -> Verdict {
        for _ in 0..10_000 {
            self.admit_all()?;
            let Some(command) = self.core.poll(Time(self.now)) else { return self.watched() };
            self.say(|| format!("-> {command:?}"));
            self.obey(command)?;
        }
        Err("poll never ends".into())
    }

    fn watched(&self) -> Verdict {
        match self.watch.filter(|_| !self.over && !self.setup.parity) {
            Some(watch) => watch(&self.core, self.scene()),
            None => Ok(()),
        }
    }

    pub(super) fn obey(&mut self, command: Command) -> Verdict {
        let empty = SlotSet::EMPTY;
        match command {
            Command::Copy { window, rows, operation, from, targets, verify } => {
                let (read, mismatched) = (Vec::new(), 0);
                self.read(Copy {
                    window,
                    rows,
                    operation,
                    from,
                    targets,
                    verify,
                    read,
                    mismatched,
                });
            }
            Command::Flush { id, slots } => {
                let legs = self.flush_legs(slots);
                self.jobs.push(Job {
                    legs,
                    failed: empty,
                    missed: Vec::new(),
                    purpose: Purpose::Flush(id),
                });
            }
            Command::Persist { seq, to } => {
                let image = Image::of(&self.core, seq).ok_or("no snapshot of a record")?;
                if self.jobs.iter().any(|job| matches!(job.purpose, Purpose::Persist(_))) {
                    return Err("two records are written at a time".into());
                }
                if seq <= self.last_seq {
                    return Err(format!("{seq:?} is not newer than {:?}", self.last_seq));
                }
                self.last_seq = seq;
                self.say(|| format!("   {image:?}"));
                if to.intersects(image.state.failed) {
                    return Err(format!("a record is written to a failed member: {image:?}"));
                }
                self.records += 1;
                let number = self.records;
                let keys =
                    self.disks.iter().map(|disk| disk.key.map_or(0, MemberKey::get)).collect();
                self.issued.push((number, image.clone(), keys));
                let leg = |slot: Slot| Leg::Record { slot: slot.0, number, image: image.clone() };
                let legs = to.iter().map(leg).collect();
                self.jobs.push(Job {
                    legs,
                    failed: empty,
                    missed: Vec::new(),
                    purpose: Purpose::Persist(seq),
                });
            }
            Command::Wake(wake) => self.wake(wake),
            Command::Notice(notice) => self.note(notice),
        }
        Ok(())
    }

    pub(super) fn wake(&mut self, wake: WaitFor) {
        let hit = |wait: WaitFor| match (wait, wake) {
            (WaitFor::Record(waited), WaitFor::Record(now)) => waited <= now,
            _ => wait == wake,
        };
        for request in &mut self.requests {
            if request.wait.is_some_and(hit) {
                request.wait = None;
            }
        }
        let (due, parked) = std::mem::take(&mut self.acks)
            .into_iter()
            .partition(|(seq, ..)| hit(WaitFor::Record(*seq)));
        self.acks = parked;
        let due: Vec<(RecordSeq, bool, Versions)> = due;
        for (_, promised, versions) in due {
            self.acknowledge(promised, &versions);
        }
    }

    pub(super) fn note(&mut self, notice: Notice) {
        match notice {
            Notice::SetFailed => self.over = true,
            Notice::MarkMoved(_) => self.seen.checkpoints += 1,
            Notice::WriteHole => self.lose_what_disagrees(),
            Notice::Finished { operation, why: Finish::Complete } => match operation {
                Operation::Rebuild { .. } => self.seen.rebuilds += 1,
                Operation::Resync => self.seen.resyncs += 1,
                _ => self.seen.scrubs += 1,
            },
            _ => {}
        }
    }

    /// A member left while parity did not agree: its blocks cannot be told any more.
    pub(super) fn lose_what_disagrees(&mut self) {
        let failed = self.core.status().failed;
        for row in 0..self.setup.rows {
            let sum = self.disks.iter().fold(0, |sum, disk| sum ^ disk.read(row));
            for column in 0..self.blocks[0].len() {
                let lost = failed.contains(Slot(self.member_of(row, column))) && sum != 0;
                let block = &mut self.blocks[row as usize][column];
                block.lost = if lost { Some(block.values.len()) } else { block.lost };
            }
        }
    }

    /// Whether any one source gives what the copy needs; if it fails, the next one is asked.
    fn reads_one(&self, copy: &Copy) -> bool {
        let scrub = matches!(copy.operation, Operation::Check | Operation::Repair);
        !self.setup.parity && !scrub
    }

    fn read(&mut self, copy: Copy) {
        let legs = self.sources(&copy).iter().map(|s| Leg::Read { slot: s.0 }).collect();
        self.jobs.push(Job {
            legs,
            failed: SlotSet::EMPTY,
            missed: Vec::new(),
            purpose: Purpose::Read(copy),
        });
    }

    /// Which members a copy reads.
    pub(super) fn sources(&mut self, copy: &Copy) -> SlotSet {
        if !self.reads_one(copy) {
            return copy.from;
        }
        let one = match copy.operation {
            Operation::Rebuild { .. } => {
                let nth = self.random.below(u64::from(copy.from.len()));
                copy.from.iter().nth(nth as usize)
            }
            _ => copy.from.lowest(),
        };
        one.map_or(SlotSet::EMPTY, SlotSet::of)
    }

    pub(super) fn leg(&mut self, choice: u64) -> Verdict {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let index = (choice % self.jobs.len() as u64) as usize;
        let job = &mut self.jobs[index];
        if job.legs.is_empty() {
            let job = self.jobs.remove(index);
            return self.report(job);
        }
        let leg = job.legs.remove(((choice >> 8) % job.legs.len() as u64) as usize);
        if self.trace {
            std::eprintln!("   {leg:?} of {:?}", job.purpose);
        }
        let disk = &mut self.disks[usize::from(leg.slot())];
        if disk.dead {
            job.failed.insert(Slot(leg.slot()));
            job.missed.push(leg);
            return Ok(());
        }
        match leg {
            Leg::Data { blocks, durable, .. } => {
                blocks.iter().for_each(|(row, value)| disk.write(*row, *value, durable));
            }
            Leg::Flush { up_to, .. } => disk.flush(up_to),
            Leg::Record { number, image, .. } => disk.store(number, &image, None),
            Leg::Read { slot } => match &mut job.purpose {
                Purpose::Read(copy) => {
                    let rows = copy.rows.start.0..copy.rows.end().0;
                    copy.read.push((slot, rows.map(|row| disk.read(row)).collect()));
                }
                Purpose::Reconstruct { row, read, .. } => read.push((slot, disk.read(*row))),
                _ => {}
            },
        }
        Ok(())
    }

    pub(super) fn report(&mut self, job: Job) -> Verdict {
        self.say(|| format!("   done, failed {:?}: {:?}", job.failed, job.purpose));
        let (now, failed) = (Time(self.now), job.failed);
        let wrong = |error: Unexpected| error.to_string();
        match job.purpose {
            Purpose::Write { ticket, durable, versions } => {
                let ack = self.core.complete(now, ticket, failed).map_err(wrong)?;
                if self.core.complete(now, ticket, failed).is_ok() {
                    return Err("a double completion went unnoticed".into());
                }
                self.answer(ack, durable, versions);
            }
            Purpose::UserFlush { versions } => {
                let ack = self.core.complete_flush(failed);
                self.answer(ack, true, versions);
            }
            Purpose::Reconstruct { ticket, row, agreed, read } => {
                let ack = self.core.complete(now, ticket, failed).map_err(wrong)?;
                if ack == Ack::Now && failed.is_empty() && agreed {
                    self.reconstructed(row, &read)?;
                }
            }
            Purpose::Flush(id) => self.core.flushed(now, id, failed).map_err(wrong)?,
            Purpose::Persist(seq) => {
                if let Some((_, image, _)) = self.issued.last()
                    && (image.state.failed | image.state.rebuilding).contains_all(failed)
                {
                    self.confirmed = self.issued.len() - 1;
                }
                self.core.persisted(now, seq, failed).map_err(wrong)?;
            }
            Purpose::Read(copy) if failed.is_empty() => self.compute(copy),
            Purpose::Read(copy) => {
                failed.iter().for_each(|slot| self.core.member_failed(slot));
                let left = copy.from.without(failed);
                if self.reads_one(&copy) && !left.is_empty() {
                    self.read(Copy { from: left, read: Vec::new(), ..copy });
                    return Ok(());
                }
                let result = CopyResult { read_failed: failed, ..CopyResult::default() };
                self.core.copied(now, copy.window, result).map_err(wrong)?;
            }
            Purpose::Copied(copy) => {
                let mut result = CopyResult::good(copy.rows.len);
                result.mismatched = copy.mismatched;
                result.write_failed = failed;
                self.core.copied(now, copy.window, result).map_err(wrong)?;
            }
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, ack: Ack, promised: bool, versions: Versions) {
        match ack {
            Ack::Now => self.acknowledge(promised, &versions),
            Ack::After(seq) => {
                self.seen.held_acks += 1;
                self.acks.push((seq, promised, versions));
            }
            Ack::NoCopyLeft => {}
        }
    }

    /// What a copy writes, from what it has read.
    pub(super) fn compute(&mut self, mut copy: Copy) {
        let mut legs: Vec<Leg> = Vec::new();
        for (index, row) in (copy.rows.start.0..copy.rows.end().0).enumerate() {
            let read: Vec<(u8, u64)> =
                copy.read.iter().map(|(slot, values)| (*slot, values[index])).collect();
            let sum = read.iter().fold(0, |sum, (_, value)| sum ^ value);
            let lowest = read.iter().min().map_or(0, |(_, value)| *value);
            let differ = match self.setup.parity {
                true => sum != 0,
                false => read.iter().any(|(_, value)| *value != lowest),
            };
            let scrub = copy.verify != Verify::Overwrite;
            copy.mismatched += u64::from(scrub && differ);
            if copy.verify == Verify::Compare || (scrub && !differ) {
                continue;
            }
            let targets: Vec<(u8, u64)> = match (self.setup.parity, copy.operation) {
                (true, Operation::Rebuild { .. }) => {
                    copy.targets.iter().map(|slot| (slot.0, sum)).collect()
                }
                (true, _) => {
                    let parity = self.parity_of(row);
                    let old = read.iter().find(|(slot, _)| *slot == parity);
                    vec![(parity, sum ^ old.map_or(0, |(_, value)| *value))]
                }
                (false, _) => {
                    let source = read.iter().min().map(|(slot, _)| Slot(*slot));
                    let targets = copy.targets.iter().filter(|slot| Some(*slot) != source);
                    targets.map(|slot| (slot.0, lowest)).collect()
                }
            };
            for (slot, value) in targets {
                legs.push(Leg::Data { slot, blocks: vec![(row, value)], durable: false });
            }
        }
        self.jobs.push(Job {
            legs,
            failed: SlotSet::EMPTY,
            missed: Vec::new(),
            purpose: Purpose::Copied(copy),
        });
    }
}
