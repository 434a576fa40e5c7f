// SPDX-License-Identifier: MIT OR Apache-2.0
//! Users: writes, flushes, and reads of lost blocks.

use super::*;

impl World<'_> {
    pub(super) fn submit(&mut self, row: u64, len: u64, column: u64, durable: bool) {
        let row = row % self.setup.rows;
        let len = len.min(self.setup.rows - row);
        if self.requests.len() < 6 {
            let rows = Rows::new(row, len);
            self.requests.push(Request { rows, column, durable, wait: None });
        }
    }

    pub(super) fn admit_all(&mut self) -> Verdict {
        let mut index = 0;
        while index < self.requests.len() {
            let request = self.requests[index];
            if request.wait.is_some() {
                index += 1;
                continue;
            }
            let access = Access::Write { durable: request.durable };
            match self.core.admit(Time(self.now), request.rows, access) {
                Admit::Go(grant) => {
                    self.send(request, grant)?;
                    let sent = grant.rows.len;
                    let left = Rows::new(request.rows.start.0 + sent, request.rows.len - sent);
                    if left.len == 0 {
                        self.requests.remove(index);
                    } else {
                        self.requests[index].rows = left;
                    }
                }
                Admit::Wait(wait) => {
                    self.requests[index].wait = Some(wait);
                    index += 1;
                }
                Admit::Refuse(refusal) => {
                    if !self.core.status().set_failed {
                        return Err(format!("write refused: {refusal}"));
                    }
                    self.requests.remove(index);
                }
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, request: Request, grant: Grant) -> Verdict {
        if grant.rows.len == 0 || grant.rows.start != request.rows.start {
            return Err(format!("{grant:?} is no prefix of {request:?}"));
        }
        let (first, last) = (request.rows.start.0, request.rows.end().0 - 1);
        let strip = self.setup.parity && first / self.setup.align == last / self.setup.align;
        if strip && grant.rows != request.rows && self.core.status().bad_ranges == 0 {
            return Err(format!("{grant:?} cuts {request:?} inside a strip"));
        }
        let to = grant.must | grant.may;
        let mut legs: Vec<(u8, Vec<(u64, u64)>)> = to.iter().map(|s| (s.0, vec![])).collect();
        let mut versions = Versions::new();
        for row in grant.rows.start.0..grant.rows.end().0 {
            self.value += 1;
            let column = (request.column % self.blocks[0].len() as u64) as usize;
            let value = if self.setup.parity { spread(self.value) } else { self.value };
            let writes = match self.setup.parity {
                true => self.parity_write(row, column, value, &grant)?,
                false => to.iter().map(|slot| (slot.0, value)).collect(),
            };
            for (slot, value) in writes {
                if let Some((_, blocks)) = legs.iter_mut().find(|(leg, _)| *leg == slot) {
                    blocks.push((row, value));
                }
            }
            let block = &mut self.blocks[row as usize][column];
            block.values.push(value);
            versions.push((row, column, block.values.len() - 1));
        }
        let durable = request.durable;
        let leg = |(slot, blocks): (u8, Vec<_>)| Leg::Data { slot, blocks, durable };
        let legs = legs.into_iter().filter(|(_, blocks)| !blocks.is_empty()).map(leg).collect();
        let purpose = Purpose::Write { ticket: grant.ticket, durable, versions };
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, missed: Vec::new(), purpose });
        Ok(())
    }

    /// The member that holds a data column of a row; the parity turns.
    pub(super) fn member_of(&self, row: u64, column: usize) -> u8 {
        let parity = self.parity_of(row);
        (0..self.setup.members as u8).filter(|slot| *slot != parity).nth(column).unwrap()
    }

    pub(super) fn parity_of(&self, row: u64) -> u8 {
        ((row / self.setup.align) % u64::from(self.setup.members)) as u8
    }

    /// The data of a row as the members of `read` give it.
    pub(super) fn data(&self, row: u64, read: SlotSet) -> Option<Vec<u64>> {
        let get = |slot: u8| self.disks[usize::from(slot)].read(row);
        let all = SlotSet::first(self.setup.members);
        let missing: Vec<u8> = all.without(read).iter().map(|slot| slot.0).collect();
        if missing.len() > 1 {
            return None;
        }
        let others = read.iter().fold(0, |sum, slot| sum ^ get(slot.0));
        let columns = 0..self.blocks[0].len();
        let value = |column| {
            let slot = self.member_of(row, column);
            if missing.contains(&slot) { others } else { get(slot) }
        };
        Some(columns.map(value).collect())
    }

    pub(super) fn parity_write(
        &mut self,
        row: u64,
        column: usize,
        value: u64,
        grant: &Grant,
    ) -> Result<Vec<(u8, u64)>, String> {
        // A member that died a moment ago cannot be read; a real engine would see the error and come
        // back. Here the disk still shows its content, which is what the engine would compute.
        let mut data = self.data(row, grant.read).ok_or("too few members to read from")?;
        data[column] = value;
        let parity = data.iter().fold(0, |sum, value| sum ^ value);
        Ok(vec![(self.member_of(row, column), value), (self.parity_of(row), parity)])
    }

    pub(super) fn user_flush(&mut self) {
        let mut versions = Versions::new();
        for (row, columns) in (0u64..).zip(&self.blocks) {
            for (column, block) in columns.iter().enumerate() {
                versions.push((row, column, block.acknowledged));
            }
        }
        let legs = self.flush_legs(self.core.live());
        let purpose = Purpose::UserFlush { versions };
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, missed: Vec::new(), purpose });
    }

    pub(super) fn reconstruct(&mut self, row: u64) {
        let rows = Rows::new(row, 1);
        let Admit::Go(grant) = self.core.admit(Time(self.now), rows, Access::Reconstruct) else {
            return;
        };
        let Grant { ticket, agreed, read, .. } = grant;
        let legs = read.iter().map(|slot| Leg::Read { slot: slot.0 }).collect();
        let purpose = Purpose::Reconstruct { ticket, row, agreed, read: Vec::new() };
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, missed: Vec::new(), purpose });
    }

    /// Whether the members of a row, each read at its own moment, fit together: no write and no copy
    /// came between.
    pub(super) fn reconstructed(&self, row: u64, read: &[(u8, u64)]) -> Verdict {
        let now = |slot: u8| self.disks[usize::from(slot)].read(row);
        match read.iter().find(|(slot, value)| now(*slot) != *value) {
            Some((slot, _)) => Err(format!("row {row} of member {slot} changed under a reader")),
            None => Ok(()),
        }
    }

    pub(super) fn flush_legs(&self, slots: SlotSet) -> Vec<Leg> {
        let leg =
            |slot: Slot| Leg::Flush { slot: slot.0, up_to: self.disks[slot.index()].written() };
        slots.iter().map(leg).collect()
    }

    pub(super) fn acknowledge(&mut self, promised: bool, versions: &Versions) {
        for (row, column, version) in versions {
            let block = &mut self.blocks[*row as usize][*column];
            block.acknowledged = block.acknowledged.max(*version);
            if promised {
                block.promised = block.promised.max(*version);
                block.lost = block.lost.filter(|versions| *version < *versions);
            }
        }
    }
}
