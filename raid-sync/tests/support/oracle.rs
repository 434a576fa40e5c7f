// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold after every step, and at rest.

use super::*;

impl World<'_> {
    pub(crate) fn drain(&mut self) -> Verdict {
        self.core.set_limits(Self::config(&self.setup, SlotSet::EMPTY).limits);
        for step in 0..20_000 {
            self.pump()?;
            if self.over {
                return Ok(());
            }
            if self.jobs.is_empty() {
                // Refused where nothing is paused.
                let _ = self.core.resume(Time(self.now));
                self.start_owed();
                self.pump()?;
            }
            if !self.jobs.is_empty() {
                let choice = self.random.next();
                self.leg(choice)?;
                self.pump()?;
                if step % 8 == 0 {
                    self.judge()?;
                }
            } else if let Some(at) = self.core.deadline() {
                self.now = self.now.max(at.0);
            } else {
                break;
            }
        }
        if self.over {
            return Ok(());
        }
        self.judge()?;
        self.at_rest()
    }

    pub(super) fn at_rest(&self) -> Verdict {
        let status = self.core.status();
        if !self.requests.is_empty() || !self.acks.is_empty() {
            return Err(format!("left waiting: {:?} {:?} {status:?}", self.requests, self.acks));
        }
        if !self.jobs.is_empty() || status.operation.is_some() || self.core.owed().is_some() {
            return Err(format!("never ends: {:?} {status:?}", self.jobs));
        }
        // A parity set that lost a member before its parity agreed stays unclean, and says so (I9).
        let clean = status.clean || (self.setup.parity && !status.failed.is_empty());
        if !clean || status.unrecorded || status.windows > 0 || status.tickets > 0 {
            return Err(format!("not at rest: {status:?}"));
        }
        Ok(())
    }

    pub(super) fn judge(&mut self) -> Verdict {
        self.cursors()?;
        let status = self.core.status();
        if self.failed != status.failed {
            self.failed = status.failed;
            self.settling = true;
        }
        if self.settling {
            // Copies that differ since a crash had one speaker; now another one speaks, and copies
            // from the old one may be under way. What was never promised may read differently.
            self.blocks.iter_mut().flatten().for_each(|block| block.seen = block.acknowledged);
            self.settling = status.windows > 0;
        }
        self.seen.window_waits = self.seen.window_waits.max(status.window_waits);
        if status.mismatches > 0 && !self.blocks.iter().flatten().any(|block| block.lost.is_some())
        {
            return Err(format!("a scrub found {} differences", status.mismatches));
        }
        for row in 0..self.setup.rows {
            let busy = self.jobs.iter().any(|job| match &job.purpose {
                Purpose::Write { versions, .. } => versions.iter().any(|(at, ..)| *at == row),
                _ => false,
            });
            if !busy && !self.over {
                self.judge_row(row)?;
            }
        }
        Ok(())
    }

    pub(super) fn cursors(&self) -> Verdict {
        let Some(m) = self.core.marks() else { return Ok(()) };
        let ordered = m.durable <= m.flushed
            && m.flushed <= m.done
            && m.done <= m.issued
            && m.issued <= m.limit;
        if ordered { Ok(()) } else { Err(format!("cursors out of order: {m:?}")) }
    }

    pub(super) fn judge_row(&mut self, row: u64) -> Verdict {
        let plan = self.core.plan_read(Rows::new(row, 1), SlotSet::EMPTY);
        let plan = plan.map_err(|refusal| format!("row {row} cannot be read: {refusal}"))?;
        let from = plan.from & self.alive();
        if !self.setup.parity {
            let values: Vec<u64> =
                from.iter().map(|slot| self.disks[slot.index()].read(row)).collect();
            if values.windows(2).any(|pair| pair[0] != pair[1]) {
                return Err(format!("row {row}: copies {from:?} read as {values:?}"));
            }
            for (slot, value) in from.iter().zip(values) {
                self.judge_block(row, 0, value, slot)?;
            }
            return Ok(());
        }
        // What is lost is computed from the others, if their parity is said to agree.
        let rows = Rows::new(row, 1);
        let grant = match self.core.clone().admit(Time(self.now), rows, Access::Reconstruct) {
            Admit::Go(grant) => grant,
            _ => return Ok(()),
        };
        for column in 0..self.blocks[0].len() {
            let slot = Slot(self.member_of(row, column));
            let readable = from.contains(slot);
            let computable = grant.agreed && self.alive().contains_all(grant.read);
            if readable || (computable && !grant.read.contains(slot)) {
                let read = if readable { from } else { grant.read };
                let value = match readable {
                    true => self.disks[slot.index()].read(row),
                    false => self.data(row, read).ok_or("not computable")?[column],
                };
                self.judge_block(row, column, value, slot)?;
            }
        }
        Ok(())
    }

    pub(super) fn judge_block(
        &mut self,
        row: u64,
        column: usize,
        value: u64,
        slot: Slot,
    ) -> Verdict {
        let status = self.core.status();
        let block = &mut self.blocks[row as usize][column];
        if block.lost.is_some() {
            return Ok(());
        }
        let version = block.values.iter().rposition(|known| *known == value);
        let floor = block.acknowledged.max(block.seen);
        match version {
            Some(version) if version >= floor => {
                block.seen = version;
                Ok(())
            }
            _ => Err(format!(
                "row {row} column {column}: slot {slot} gives {value:#x}, version {version:?}, \
                 but {floor} of {:?} was given before; {status:?}",
                block.values
            )),
        }
    }
}
